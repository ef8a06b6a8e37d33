/* SPDX-License-Identifier: MIT */
/*
 * lite_op copy_frames: whole pages between the caller's memory and a domain's frames, without a mapping in between.
 *
 * A frame that is written to is held as a writable page meanwhile, so what is a page table or part of a descriptor
 * table cannot be changed this way. Locks: none.
 */
#include <xl/domain.h>
#include <xl/guest_access.h>
#include <xl/hypercall.h>
#include <xl/logdirty.h>
#include <public/lite.h>

static long copy_in(struct domain *d, mfn_t m, const uint8_t *from)
{
	struct page_info *pg = mfn_to_page(m);
	size_t left;

	if (page_get_with_type(m, d, PGT_writable))
		return refuse(-XEN_EINVAL, "copy to %lx: not a frame of d%u that may be written to", mfn_x(m), d->id);
	left = raw_copy_from_guest(mfn_to_virt(m), from, PAGE_SIZE);
	logdirty_mark(d, pg);
	page_put_with_type(pg);
	return left ? -XEN_EFAULT : 0;
}

static long copy_out(struct domain *d, mfn_t m, uint8_t *to)
{
	struct page_info *pg = mfn_to_page(m);
	size_t left;

	if (!page_get(pg, d))
		return refuse(-XEN_EINVAL, "copy of %lx: not a frame of d%u", mfn_x(m), d->id);
	left = raw_copy_to_guest(to, mfn_to_virt(m), PAGE_SIZE);
	page_put(pg);
	return left ? -XEN_EFAULT : 0;
}

static long copy_one(struct domain *d, const struct xen_lite_copy_frames *c)
{
	uint8_t *page = c->buffer.p + (size_t)c->done * PAGE_SIZE;
	xen_pfn_t frame;

	if (copy_from_guest_offset(&frame, c->list.p, c->done, 1))
		return -XEN_EFAULT;
	if (frame == LITE_COPY_no_frame)
		return 0;
	if (!mfn_valid(_mfn(frame)))
		return refuse(-XEN_EINVAL, "copy of %lx: no such frame", frame);
	return c->flags & LITE_COPY_in ? copy_in(d, _mfn(frame), page) : copy_out(d, _mfn(frame), page);
}

long copy_frames(struct domain *d, struct xen_lite_copy_frames *c)
{
	long rc = 0;

	if (c->done > c->count || (c->flags & ~LITE_COPY_in) || !guest_range_ok(c->buffer.p, c->count, PAGE_SIZE))
		return -XEN_EINVAL;
	for (bool first = true; !rc && c->done < c->count; first = false) {
		rc = !first && hypercall_preempt_check() ? -XEN_ERESTART : copy_one(d, c);
		if (!rc)
			c->done++;
	}
	return rc;
}
