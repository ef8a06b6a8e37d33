/* SPDX-License-Identifier: MIT */
/*
 * Why a domain has stopped, in words. xen-lite keeps a reason for each crash and gives it out through lite_op; on a
 * hypervisor without that there is only the code.
 */
#include "public/lite.h"
#include "xld.h"

static bool ask_hypervisor(struct xenctl *xc, uint32_t domid, char reason[96])
{
	struct xen_lite_crash_reason *r = xenctl_buf_alloc(xc, sizeof(*r));
	bool ok = false;

	if (!r)
		return false;
	r->domid = (domid_t)domid;
	if (!xenctl_hypercall(xc, __HYPERVISOR_lite_op, LITEOP_crash_reason, (uintptr_t)r, 0, 0, 0)) {
		memcpy(reason, r->reason, sizeof(r->reason));
		reason[sizeof(r->reason) - 1] = 0;
		ok = *reason;
	}
	xenctl_buf_free(xc, r, sizeof(*r));
	return ok;
}

/* The text may quote what a guest said. */
void make_printable(char *s)
{
	for (; *s; s++)
		if (*s < 32 || *s > 126)
			*s = '?';
}

char *crash_text(struct xenctl *xc, const struct xenctl_dominfo *info)
{
	char reason[96];

	if (!info->shutdown)
		return xstrdup("");
	if (info->shutdown_reason < STOP_CRASH || !ask_hypervisor(xc, info->domid, reason))
		return xstrdup(life_reason_name(info->shutdown_reason));
	make_printable(reason);
	return xasprintf("%s: %s", life_reason_name(info->shutdown_reason), reason);
}
