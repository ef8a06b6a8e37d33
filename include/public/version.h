/* SPDX-License-Identifier: MIT */
/*
 * xen_version(cmd, arg): who the hypervisor is and what it can do. Every domain may ask; what a plain guest must not
 * know comes back as an empty or denied string. The hypervisor writes the argument. Strings end in a zero byte.
 */
#ifndef XEN_PUBLIC_VERSION_H
#define XEN_PUBLIC_VERSION_H

#include "features.h"
#include "xen.h"

#define XENVER_version			0	/* no argument; returns major << 16 | minor */
#define XENVER_extraversion		1	/* xen_extraversion_t */
#define XENVER_compile_info		2	/* struct xen_compile_info */
#define XENVER_capabilities		3	/* xen_capabilities_info_t: "xen-3.0-x86_64" and so on */
#define XENVER_changeset		4	/* xen_changeset_info_t */
#define XENVER_platform_parameters	5	/* struct xen_platform_parameters */
#define XENVER_get_features		6	/* struct xen_feature_info */
#define XENVER_pagesize			7	/* no argument; returns bytes */
#define XENVER_guest_handle		8	/* xen_domain_handle_t of the caller */
#define XENVER_commandline		9	/* xen_commandline_t */
#define XENVER_build_id			10	/* struct xen_build_id, or NULL to ask for the length */

#ifndef __ASSEMBLY__

typedef char xen_extraversion_t[16];
#define XEN_EXTRAVERSION_LEN	(sizeof(xen_extraversion_t))

struct xen_compile_info {
	char compiler[64];
	char compile_by[16];
	char compile_domain[32];
	char compile_date[32];
};
typedef struct xen_compile_info xen_compile_info_t;

typedef char xen_capabilities_info_t[1024];
#define XEN_CAPABILITIES_INFO_LEN	(sizeof(xen_capabilities_info_t))

typedef char xen_changeset_info_t[64];
#define XEN_CHANGESET_INFO_LEN	(sizeof(xen_changeset_info_t))

struct xen_platform_parameters {
	xen_ulong_t virt_start;		/* first virtual address that belongs to the hypervisor */
};
typedef struct xen_platform_parameters xen_platform_parameters_t;

struct xen_feature_info {
	unsigned int submap_idx;	/* IN: which word, below XENFEAT_NR_SUBMAPS */
	uint32_t submap;		/* OUT: bit n is feature submap_idx * 32 + n */
};
typedef struct xen_feature_info xen_feature_info_t;

typedef char xen_commandline_t[1024];

struct xen_build_id {
	uint32_t len;			/* IN: bytes of room in buf */
	unsigned char buf[XEN_FLEX_ARRAY_DIM];
};
typedef struct xen_build_id xen_build_id_t;

#endif /* !__ASSEMBLY__ */
#endif /* XEN_PUBLIC_VERSION_H */
