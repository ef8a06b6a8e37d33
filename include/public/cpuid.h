/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's own CPUID leaves, from 0x40000000. A guest looks for the signature in leaf 0 (EBX, ECX, EDX; EAX is
 * the highest leaf), if need be at further bases in steps of 0x100. What the others hold:
 *
 *	leaf 1	EAX: version, major << 16 | minor
 *	leaf 2	EAX: number of hypercall pages, EBX: MSR that installs one, ECX: XEN_CPUID_FEAT1_*, EDX: 0
 *	leaf 3	time, by sub-leaf 0: EAX flags, EBX tsc_mode, ECX guest TSC kHz, EDX incarnation
 *	leaf 4	EAX: XEN_HVM_CPUID_*; 0 for a PV guest
 *	leaf 5	sub-leaf 0, EBX[7:0]: width of machine addresses in bits
 */
#ifndef XEN_PUBLIC_CPUID_H
#define XEN_PUBLIC_CPUID_H

#define XEN_CPUID_FIRST_LEAF		0x40000000
#define XEN_CPUID_LEAF(i)		(XEN_CPUID_FIRST_LEAF + (i))
#define XEN_CPUID_MAX_NUM_LEAVES	5

/* "XenVMMXenVMM" */
#define XEN_CPUID_SIGNATURE_EBX		0x566e6558
#define XEN_CPUID_SIGNATURE_ECX		0x65584d4d
#define XEN_CPUID_SIGNATURE_EDX		0x4d4d566e

/* Leaf 2, ECX: MMU_PT_UPDATE_PRESERVE_AD is there. */
#define _XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD	0
#define XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD	(1U << 0)

/* Leaf 4, EAX. Not for PV. */
#define XEN_HVM_CPUID_APIC_ACCESS_VIRT	(1U << 0)
#define XEN_HVM_CPUID_X2APIC_VIRT	(1U << 1)
#define XEN_HVM_CPUID_IOMMU_MAPPINGS	(1U << 2)
#define XEN_HVM_CPUID_VCPU_ID_PRESENT	(1U << 3)
#define XEN_HVM_CPUID_DOMID_PRESENT	(1U << 4)
#define XEN_HVM_CPUID_EXT_DEST_ID	(1U << 5)
#define XEN_HVM_CPUID_UPCALL_VECTOR	(1U << 6)

/* Leaf 5, EBX. */
#define XEN_CPUID_MACHINE_ADDRESS_WIDTH_MASK	(0xffU << 0)

#endif /* XEN_PUBLIC_CPUID_H */
