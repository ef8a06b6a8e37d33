/* SPDX-License-Identifier: MIT */
/* nmi_op(cmd, arg): vCPU 0's NMI handler in the old style (CALLBACKTYPE_nmi is the new one), and why an NMI came. */
#ifndef XEN_PUBLIC_NMI_H
#define XEN_PUBLIC_NMI_H

#include "xen.h"

#define XENNMI_register_callback	0	/* struct xennmi_callback */
#define XENNMI_unregister_callback	1	/* no argument */

/* arch_shared_info.nmi_reason of dom0, set by the hypervisor. */
#define _XEN_NMIREASON_io_error		0
#define XEN_NMIREASON_io_error		(xen_mk_ulong(1) << _XEN_NMIREASON_io_error)	/* ISA I/O check */
#define _XEN_NMIREASON_pci_serr		1
#define XEN_NMIREASON_pci_serr		(xen_mk_ulong(1) << _XEN_NMIREASON_pci_serr)	/* PCI SERR# */
#define _XEN_NMIREASON_unknown		2
#define XEN_NMIREASON_unknown		(xen_mk_ulong(1) << _XEN_NMIREASON_unknown)

#ifndef __ASSEMBLY__

struct xennmi_callback {
	unsigned long handler_address;	/* virtual */
	unsigned long pad;
};
typedef struct xennmi_callback xennmi_callback_t;
DEFINE_XEN_GUEST_HANDLE(xennmi_callback_t);

#endif /* !__ASSEMBLY__ */
#endif /* XEN_PUBLIC_NMI_H */
