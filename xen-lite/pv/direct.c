/* SPDX-License-Identifier: MIT */
/*
 * Direct entry (VMASST_TYPE_lite_direct_entry): a guest goes from user to kernel mode and back without us.
 *
 * Where it is, a byte in the vCPU's struct vcpu_info says. On every entry into the hypervisor it is looked at, once,
 * and what was entered directly is turned into what an ordinary entry would have left: kernel_mode, the GS bases, and
 * no byte. So nothing else in the hypervisor knows of it, and a byte or a base that lies harms that guest alone.
 *
 * The guest needs FSGSBASE for it. CR4 has the bit only while a vCPU of such a domain is current or was so last: other
 * guests do not know of these instructions, and could not keep what their programs would do with them.
 */
#include <xl/entry.h>
#include <xl/pt.h>
#include <xl/asm.h>
#include <xl/platform.h>

static bool enters_directly(const struct domain *d)
{
	return d->vm_assist >> VMASST_TYPE_lite_direct_entry & 1;
}

bool direct_offered(void)
{
	return cpu_features.fsgsbase;
}

void direct_notice(struct vcpu *v)
{
	u64 user;

	if (!enters_directly(v->domain))
		return;
	ACCESS_ONCE(((u8 *)v->info)[LITE_INFO_in_kernel]) = 0;
	pv_enter_kernel(v);
	/* Equal: the guest has written its kernel's base already. */
	if (rdmsr(MSR_GS_BASE) == rdmsr(MSR_KERNEL_GS_BASE)) {
		user = ACCESS_ONCE(v->info->arch.pad);
		wrmsr(MSR_KERNEL_GS_BASE, is_canonical(user) ? user : 0);
	}
}

void direct_load(const struct vcpu *v)
{
	unsigned long was = read_cr4(), cr4 = was & ~(unsigned long)X86_CR4_FSGSBASE;

	if (enters_directly(v->domain))
		cr4 |= X86_CR4_FSGSBASE;
	if (cr4 != was)
		write_cr4(cr4);
}

static void load_current(void *unused)
{
	(void)unused;
	if (!is_idle_vcpu(current))
		direct_load(current);
}

void direct_changed(const struct domain *d)
{
	DECLARE_BITMAP(cpus, NR_CPUS);

	smp_mb();		/* as in cpu_l4_unload() */
	cpu_l4_cpus_of(d, cpus);
	smp_call(cpus, load_current, NULL);
}
