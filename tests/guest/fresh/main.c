/* SPDX-License-Identifier: MIT */
/*
 * Memory that is handed out holds nothing of whoever had it before (XSA 364, 372).
 *
 * Invariant: every word of every frame that populate, increase or exchange gives is 0, however the frame was given
 * back: by decrease, by exchange, by the death of its domain; and whatever it was: data, page table, stack, or the
 * hypervisor's own, such as vector registers and trap tables of vCPUs. A guest fills thousands of frames with a secret;
 * dom0 takes all free memory of the machine and looks.
 */
#include "child.h"

#define SECRET	0x5ec2e75ec2e75ec2ul
#define SPARE	3000

static u64 list[SPARE];
static u8 window[PAGE] __attribute__((aligned(4096)));

/* First word of the frame that is not 0, or 512. */
static unsigned int first_dirty(u64 mfn)
{
	volatile u64 *p = (void *)window;

	if (set_va(window, PTE(mfn, PTE_KERNEL)))
		test_die("cannot map frame 0x%lx", mfn);
	for (unsigned int i = 0; i < 512; i++)
		if (p[i])
			return i;
	return 512;
}

static void spoil(u64 mfn)
{
	if (set_va(window, PTE(mfn, PTE_KERNEL)))
		test_die("cannot map frame 0x%lx", mfn);
	for (unsigned int i = 0; i < 512; i++)
		((volatile u64 *)window)[i] = SECRET;
}

/* --- the guest --- */

/* Half of the frames go back at once, one is exchanged, the others are there when the domain dies. */
static void in_child(void)
{
	struct xen_memory_exchange x = {
		.in = { .nr_extents = 8, .domid = DOMID_SELF },
		.out = { .nr_extents = 1, .extent_order = 3, .domid = DOMID_SELF },
	};
	u64 out[1] = { 5000 };
	u8 *table = page_alloc();

	CHECK_EQ(own_reservation(XENMEM_increase_reservation, list, SPARE), SPARE);
	for (unsigned int i = 0; i < SPARE; i++)
		CHECK(first_dirty(list[i]) == 512, "frame 0x%lx is not clean", list[i]);
	for (unsigned int i = 0; i < SPARE; i++)
		spoil(list[i]);
	set_va(window, 0);
	CHECK_EQ(own_reservation(XENMEM_decrease_reservation, list, SPARE / 2), SPARE / 2);
	set_xen_guest_handle(x.in.extent_start, list + SPARE / 2);
	set_xen_guest_handle(x.out.extent_start, out);
	CHECK_EQ(hypercall2(__HYPERVISOR_memory_op, XENMEM_exchange, &x), 0);
	if (out[0] != list[SPARE / 2])
		for (unsigned int i = 0; i < 8; i++)
			CHECK(first_dirty(out[0] + i) == 512, "frame 0x%lx of an exchange is not clean", out[0] + i);
	for (unsigned int i = 0; i < 512; i++)
		((u64 *)table)[i] = SECRET & ~1ul;
	table_new(table, 1);
	memset((void *)(mailbox() + 8), 0x5e, 1024);
}

/* --- dom0 --- */

static u64 had[256];		/* frames of the guest's image */
static unsigned int n_had;

static bool was_the_guests(u64 mfn)
{
	for (unsigned int i = 0; i < n_had; i++)
		if (had[i] == mfn)
			return true;
	return false;
}

/* All free memory, a list full at a time. */
static void look_at_everything(void)
{
	unsigned int frames = 0, again = 0, dirty = 0;
	long got;

	while ((got = own_reservation(XENMEM_increase_reservation, list, SPARE)) > 0) {
		for (long i = 0; i < got; i++) {
			unsigned int at = first_dirty(list[i]);

			if (at < 512 && dirty++ < 5)
				CHECK(false, "word %u of frame 0x%lx is 0x%lx", at, list[i],
				      ((volatile u64 *)window)[at]);
			again += was_the_guests(list[i]);
		}
		frames += got;
		if (got < SPARE)
			break;
	}
	CHECK_EQ(dirty, 0);
	CHECK(again > n_had / 2, "only %u of %u frames were the guest's before", again, n_had);
	CHECK(frames > 20000, "only %u frames", frames);
}

void test_main(void)
{
	static struct child c = { .spare_pages = SPARE + 600 };

	child_create(&c, in_child);
	for (unsigned int i = 256; i < 512 && c.mfn[i] != ~0ul; i++)
		had[n_had++] = c.mfn[i];
	child_run(&c);
	child_done(&c);
	child_destroy(&c);
	CHECK(!child_exists(&c), "the child is still there");
	domain_limit(0, 1 << 20);
	look_at_everything();
}
