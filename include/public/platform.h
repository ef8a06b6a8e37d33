/* SPDX-License-Identifier: MIT */
/*
 * platform_op(op): what only dom0's kernel knows or needs of the machine: the wall clock, firmware data, sleep states,
 * physical CPUs. A wrong interface_version is -EACCES, an unknown command -ENOSYS, any domain but dom0 gets -EPERM.
 *
 * All command numbers are here. Arguments for EFI run-time calls, memory types, quirks and processor power tables are
 * left out: no 64-bit PV dom0 needs them on the machines that are supported. Fields marked IN are written by dom0, OUT
 * by the hypervisor.
 */
#ifndef XEN_PUBLIC_PLATFORM_H
#define XEN_PUBLIC_PLATFORM_H

#include "xen.h"

#define XENPF_INTERFACE_VERSION		0x03000001

/* Commands. */
#define XENPF_settime32			17
#define XENPF_add_memtype		31
#define XENPF_del_memtype		32
#define XENPF_read_memtype		33
#define XENPF_microcode_update		35
#define XENPF_platform_quirk		39
#define XENPF_get_cpu_version		48
#define XENPF_efi_runtime_call		49
#define XENPF_firmware_info		50
#define XENPF_enter_acpi_sleep		51
#define XENPF_change_freq		52
#define XENPF_getidletime		53
#define XENPF_set_processor_pminfo	54
#define XENPF_get_cpuinfo		55
#define XENPF_cpu_online		56
#define XENPF_cpu_offline		57
#define XENPF_cpu_hotadd		58
#define XENPF_mem_hotadd		59
#define XENPF_core_parking		60
#define XENPF_resource_op		61
#define XENPF_settime64			62
#define XENPF_get_symbol		63

#define XENPF_settime			XENPF_settime64
#define xenpf_settime			xenpf_settime64

/* xenpf_firmware_info.type, and .index of XEN_FW_EFI_INFO */
#define XEN_FW_DISK_INFO		1	/* index: BIOS disk; -ESRCH after the last */
#define XEN_FW_DISK_MBR_SIGNATURE	2
#define XEN_FW_VBEDDC_INFO		3
#define XEN_FW_EFI_INFO			4
#define XEN_FW_KBD_SHIFT_FLAGS		5
#define XEN_FW_EFI_VERSION		0
#define XEN_FW_EFI_CONFIG_TABLE		1
#define XEN_FW_EFI_VENDOR		2
#define XEN_FW_EFI_MEM_INFO		3
#define XEN_FW_EFI_RT_VERSION		4
#define XEN_FW_EFI_PCI_ROM		5
#define XEN_FW_EFI_APPLE_PROPERTIES	6

/* xenpf_enter_acpi_sleep.flags: hardware-reduced form */
#define XENPF_ACPI_SLEEP_EXTENDED	0x00000001

/* xenpf_set_processor_pminfo: types and flags */
#define XEN_PROCESSOR_PM_CX		1
#define XEN_PROCESSOR_PM_PX		2
#define XEN_PROCESSOR_PM_TX		4
#define XEN_PM_CX			0
#define XEN_PM_PX			1
#define XEN_PM_TX			2
#define XEN_PM_PDC			3

/* xenpf_pcpuinfo.flags */
#define XEN_PCPU_FLAGS_ONLINE		1
#define XEN_PCPU_FLAGS_INVALID		2	/* no such CPU */

/* xenpf_core_parking.type */
#define XEN_CORE_PARKING_SET		1
#define XEN_CORE_PARKING_GET		2

/* xenpf_resource_entry.u.cmd */
#define XEN_RESOURCE_OP_MSR_READ	0
#define XEN_RESOURCE_OP_MSR_WRITE	1

#ifndef __ASSEMBLY__

/* The wall clock was secs, nsecs (since 1970) when the system clock stood at system_time (ns since boot). */
struct xenpf_settime32 {
	uint32_t secs;			/* IN */
	uint32_t nsecs;			/* IN */
	uint64_t system_time;		/* IN */
};
typedef struct xenpf_settime32 xenpf_settime32_t;

struct xenpf_settime64 {
	uint64_t secs;			/* IN */
	uint32_t nsecs;			/* IN */
	uint32_t mbz;			/* IN: 0 */
	uint64_t system_time;		/* IN */
};
typedef struct xenpf_settime64 xenpf_settime64_t;
typedef struct xenpf_settime xenpf_settime_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_settime_t);

struct xenpf_microcode_update {
	XEN_GUEST_HANDLE(const_void) data;	/* IN */
	uint32_t length;			/* IN: bytes */
};
typedef struct xenpf_microcode_update xenpf_microcode_update_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_microcode_update_t);

/* -EOPNOTSUPP or -EINVAL if the firmware had nothing of that kind. */
struct xenpf_firmware_info {
	uint32_t type;			/* IN: XEN_FW_* */
	uint32_t index;			/* IN */
	union {
		struct {
			uint8_t device;
			uint8_t version;
			uint16_t interface_support;
			uint16_t legacy_max_cylinder;
			uint8_t legacy_max_head;
			uint8_t legacy_sectors_per_track;
			XEN_GUEST_HANDLE(void) edd_params;	/* its first 2 bytes IN: room */
		} disk_info;
		struct {
			uint8_t device;
			uint32_t mbr_signature;
		} disk_mbr_signature;
		struct {
			uint8_t capabilities;
			uint8_t edid_transfer_time;
			XEN_GUEST_HANDLE(uint8) edid;		/* 128 bytes */
		} vbeddc_info;
		union xenpf_efi_info {
			uint32_t version;
			struct {
				uint64_t addr;
				uint32_t nent;
			} cfg;
			struct {
				uint32_t revision;
				uint32_t bufsz;			/* IN: bytes */
				XEN_GUEST_HANDLE(void) name;
			} vendor;
			struct {
				uint64_t addr;
				uint64_t size;
				uint64_t attr;
				uint32_t type;
			} mem;
			struct {
				uint16_t segment;
				uint8_t bus;
				uint8_t devfn;
				uint16_t vendor;
				uint16_t devid;
				uint64_t address;
				xen_ulong_t size;
			} pci_rom;
			struct {
				uint64_t address;
				xen_ulong_t size;
			} apple_properties;
		} efi_info;
		uint8_t kbd_shift_flags;
	} u;				/* OUT */
};
typedef struct xenpf_firmware_info xenpf_firmware_info_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_firmware_info_t);

/* The last step into a sleep state: what to write to the PM1 control registers. */
struct xenpf_enter_acpi_sleep {
	uint16_t val_a;			/* IN: PM1a */
	uint16_t val_b;			/* IN: PM1b */
	uint32_t sleep_state;		/* IN: 1..5 */
	uint32_t flags;			/* IN: XENPF_ACPI_SLEEP_EXTENDED */
};
typedef struct xenpf_enter_acpi_sleep xenpf_enter_acpi_sleep_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_enter_acpi_sleep_t);

struct xenpf_change_freq {
	uint32_t flags;			/* IN: 0 */
	uint32_t cpu;			/* IN */
	uint64_t freq;			/* IN: Hz */
};
typedef struct xenpf_change_freq xenpf_change_freq_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_change_freq_t);

struct xenpf_getidletime {
	XEN_GUEST_HANDLE(uint8) cpumap_bitmap;	/* IN: which CPUs; OUT: bit clear, no such CPU */
	uint32_t cpumap_nr_cpus;		/* IN */
	XEN_GUEST_HANDLE(uint64) idletime;	/* OUT: ns each */
	uint64_t now;				/* OUT: ns since boot */
};
typedef struct xenpf_getidletime xenpf_getidletime_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_getidletime_t);

struct xenpf_pcpuinfo {
	uint32_t xen_cpuid;		/* IN */
	uint32_t max_present;		/* OUT: highest CPU number */
	uint32_t flags;			/* OUT: XEN_PCPU_FLAGS_* */
	uint32_t apic_id;		/* OUT */
	uint32_t acpi_id;		/* OUT */
};
typedef struct xenpf_pcpuinfo xenpf_pcpuinfo_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_pcpuinfo_t);

struct xenpf_pcpu_version {
	uint32_t xen_cpuid;		/* IN */
	uint32_t max_present;		/* OUT */
	char vendor_id[12];		/* OUT; no terminating zero */
	uint32_t family;		/* OUT */
	uint32_t model;			/* OUT */
	uint32_t stepping;		/* OUT */
};
typedef struct xenpf_pcpu_version xenpf_pcpu_version_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_pcpu_version_t);

struct xenpf_cpu_ol {
	uint32_t cpuid;			/* IN */
};
typedef struct xenpf_cpu_ol xenpf_cpu_ol_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_cpu_ol_t);

struct xenpf_cpu_hotadd {
	uint32_t apic_id;		/* IN */
	uint32_t acpi_id;		/* IN */
	uint32_t pxm;			/* IN */
};
typedef struct xenpf_cpu_hotadd xenpf_cpu_hotadd_t;

struct xenpf_mem_hotadd {
	uint64_t spfn;			/* IN: first frame */
	uint64_t epfn;			/* IN: frame after the last */
	uint32_t pxm;			/* IN */
	uint32_t flags;			/* IN */
};
typedef struct xenpf_mem_hotadd xenpf_mem_hotadd_t;

struct xenpf_core_parking {
	uint32_t type;			/* IN: XEN_CORE_PARKING_* */
	uint32_t idle_nums;		/* IN for set, OUT for get */
};
typedef struct xenpf_core_parking xenpf_core_parking_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_core_parking_t);

struct xenpf_resource_entry {
	union {
		uint32_t cmd;		/* IN: XEN_RESOURCE_OP_* */
		int32_t ret;		/* OUT */
	} u;
	uint32_t rsvd;			/* IN: 0 */
	uint64_t idx;			/* IN: MSR */
	uint64_t val;
};
typedef struct xenpf_resource_entry xenpf_resource_entry_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_resource_entry_t);

struct xenpf_resource_op {
	uint32_t nr_entries;		/* IN */
	uint32_t cpu;			/* IN */
	XEN_GUEST_HANDLE(xenpf_resource_entry_t) entries;
};
typedef struct xenpf_resource_op xenpf_resource_op_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_resource_op_t);

/* The hypervisor's symbols one by one, for /proc/xen/xensyms. */
struct xenpf_symdata {
	uint32_t namelen;		/* IN: room; OUT: length of the name; 0 bytes: none left */
	uint32_t symnum;		/* IN: which; OUT: the next one */
	XEN_GUEST_HANDLE(char) name;	/* OUT */
	uint64_t address;		/* OUT */
	char type;			/* OUT: as nm prints it */
};
typedef struct xenpf_symdata xenpf_symdata_t;
DEFINE_XEN_GUEST_HANDLE(xenpf_symdata_t);

struct xen_platform_op {
	uint32_t cmd;			/* IN: XENPF_* */
	uint32_t interface_version;	/* IN: XENPF_INTERFACE_VERSION */
	union {
		xenpf_settime_t settime;
		xenpf_settime32_t settime32;
		xenpf_settime64_t settime64;
		xenpf_microcode_update_t microcode;
		xenpf_firmware_info_t firmware_info;
		xenpf_enter_acpi_sleep_t enter_acpi_sleep;
		xenpf_change_freq_t change_freq;
		xenpf_getidletime_t getidletime;
		xenpf_pcpuinfo_t pcpu_info;
		xenpf_pcpu_version_t pcpu_version;
		xenpf_cpu_ol_t cpu_ol;
		xenpf_cpu_hotadd_t cpu_add;
		xenpf_mem_hotadd_t mem_add;
		xenpf_core_parking_t core_parking;
		xenpf_resource_op_t resource_op;
		xenpf_symdata_t symdata;
		uint8_t pad[128];
	} u;
};
typedef struct xen_platform_op xen_platform_op_t;
DEFINE_XEN_GUEST_HANDLE(xen_platform_op_t);

#endif /* !__ASSEMBLY__ */
#endif /* XEN_PUBLIC_PLATFORM_H */
