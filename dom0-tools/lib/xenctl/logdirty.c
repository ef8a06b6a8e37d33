/* SPDX-License-Identifier: MIT */
/* domctl and lite_op: which pages of a domain are written, and which it does not need (docs/log-dirty.md). */
#include <string.h>

#include "xenctl/priv.h"
#include "public/domctl.h"
#include "public/lite.h"

static int shadow_op(struct xenctl *x, uint32_t domid, struct xen_domctl_shadow_op *op)
{
	struct xen_domctl dc = { .u.shadow_op = *op };
	int rc = xenctl_domctl(x, XEN_DOMCTL_shadow_op, domid, &dc);

	*op = dc.u.shadow_op;
	return rc;
}

int xenctl_logdirty_enable(struct xenctl *x, uint32_t domid)
{
	struct xen_domctl_shadow_op op = { .op = XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY };

	return shadow_op(x, domid, &op);
}

int xenctl_logdirty_off(struct xenctl *x, uint32_t domid)
{
	struct xen_domctl_shadow_op op = { .op = XEN_DOMCTL_SHADOW_OP_OFF };

	return shadow_op(x, domid, &op);
}

int xenctl_logdirty_clean(struct xenctl *x, uint32_t domid, uint8_t *bits, uint64_t pages)
{
	struct xen_domctl_shadow_op op = { .op = XEN_DOMCTL_SHADOW_OP_CLEAN, .pages = pages };
	size_t bytes = (pages + 63) / 64 * 8;
	void *buf = xenctl_buf_alloc(x, bytes);
	int rc;

	if (!buf)
		return -ENOMEM;
	set_xen_guest_handle(op.dirty_bitmap, buf);
	rc = shadow_op(x, domid, &op);
	if (!rc)
		memcpy(bits, buf, bytes);
	xenctl_buf_free(x, buf, bytes);
	return rc;
}

int xenctl_unneeded(struct xenctl *x, uint32_t domid, uint8_t *bits, uint64_t pages, uint32_t *state)
{
	struct xen_lite_unneeded u = { .domid = (domid_t)domid, .pages = pages };
	size_t bytes = (pages + 63) / 64 * 8;
	void *buf = bits ? xenctl_buf_alloc(x, bytes) : NULL;
	long rc;

	if (bits && !buf)
		return -ENOMEM;
	set_xen_guest_handle(u.bitmap, buf);
	rc = xenctl_call_struct(x, __HYPERVISOR_lite_op, LITEOP_unneeded, &u, sizeof(u));
	*state = rc ? LITE_HINTS_none : u.state;
	if (!rc && bits)
		memcpy(bits, buf, bytes);
	if (buf)
		xenctl_buf_free(x, buf, bytes);
	return (int)rc;
}
