/* SPDX-License-Identifier: MIT */
/*
 * A guest like the kernels before Linux's linear list, and like Mini-OS: the frames of its p2m list hang on a tree, whose
 * root is in shared_info, and it does not say that it can suspend, but does when it is asked. It tells in its node
 * data/life how it stands, and waits to be destroyed.
 *
 * ABI: a suspend returns 1 if it was cancelled, and the guest goes on with what it had. In a new life it returns 0: all
 * memory is as it was, the p2m list has the new frames, and the tree, which has the old ones, is not named any more.
 * Memory that the guest has given back (the last 2 MiB) is not there in a new life either.
 *
 * It needs somebody who asks it to suspend, so as dom0 it has nothing to do.
 */
#include "store.h"

#define GIVEN_BACK	512
#define NO_FRAME	(~0ul)

static u64 root[512] __attribute__((aligned(4096)));
static u64 node[512] __attribute__((aligned(4096)));

static void publish(u64 pages)
{
	u64 frames = (pages + 511) / 512;

	for (u64 i = 0; i < frames; i++)
		node[i] = va_to_mfn((u64 *)start_info->mfn_list + i * 512);
	root[0] = va_to_mfn(node);
	shared->arch.max_pfn = pages;
	shared->arch.pfn_to_mfn_frame_list_list = va_to_mfn(root);
}

static void give_back(void)
{
	static u64 frame[GIVEN_BACK];
	u64 *list = (u64 *)start_info->mfn_list + start_info->nr_pages - GIVEN_BACK;

	memcpy(frame, list, sizeof(frame));
	memset(list, 0xff, sizeof(frame));
	CHECK_EQ(own_reservation(XENMEM_decrease_reservation, frame, GIVEN_BACK), GIVEN_BACK);
}

static void set_node(const char *path, const char *value)
{
	char body[64];
	size_t n = strlen(path) + 1, len = strlen(value);

	memcpy(body, path, n);
	memcpy(body + n, value, len);
	if (!is(ask(XS_WRITE, 0, body, n + len), "OK"))
		test_die("cannot write %s: %s", path, store_reply);
}

/* What a kernel does around a suspend. Returns whether it was cancelled. */
static bool suspend(void)
{
	u64 store = start_info->store_mfn, console = start_info->console.domU.mfn;
	struct sched_shutdown s = { .reason = SHUTDOWN_suspend };
	long rc;

	start_info->store_mfn = machine_to_phys_mapping[store];
	start_info->console.domU.mfn = machine_to_phys_mapping[console];
	set_va((void *)shared, 0);
	rc = hypercall3(__HYPERVISOR_sched_op, SCHEDOP_shutdown, &s, va_to_mfn(start_info));
	if (rc) {
		start_info->store_mfn = store;
		start_info->console.domU.mfn = console;
	}
	if (set_va((void *)shared, start_info->shared_info | PTE_KERNEL))
		test_die("cannot map the shared info page");
	CHECK(rc == 0 || rc == 1, "the suspend returns %ld", rc);
	return rc == 1;
}

/* A cancelled suspend leaves all as it was, a new life only what is in memory. */
static void look_around(bool cancelled, u64 sum)
{
	u64 all = shared->arch.max_pfn, wrong = 0;

	for (u64 pfn = 0; pfn < all - GIVEN_BACK; pfn++)
		wrong += machine_to_phys_mapping[pfn_to_mfn(pfn)] != pfn;
	for (u64 pfn = all - GIVEN_BACK; pfn < all; pfn++)
		wrong += pfn_to_mfn(pfn) != NO_FRAME;
	CHECK(!wrong, "%lu entries of the p2m list are wrong", wrong);
	CHECK(text_checksum() == sum, "the text has changed");
	if (cancelled)
		CHECK_EQ(shared->arch.pfn_to_mfn_frame_list_list, va_to_mfn(root));
	else
		CHECK_EQ(shared->arch.pfn_to_mfn_frame_list_list, 0);
	CHECK_EQ(shared->arch.p2m_cr3, 0);
	CHECK_EQ(shared->arch.p2m_vaddr, 0);
}

void test_main(void)
{
	static const char ask_path[] = "control/shutdown";
	u64 sum = text_checksum(), pages = start_info->nr_pages;

	if (start_info->flags & SIF_INITDOMAIN)
		test_skip("needs somebody who suspends it");
	store_open();
	publish(pages);
	give_back();
	set_node("data/life", "first");
	while (!test_failures()) {
		bool cancelled;

		if (!is(ask(XS_READ, 0, ask_path, sizeof(ask_path)), "suspend")) {
			nap_ns(50000000);
			continue;
		}
		set_node(ask_path, "");
		cancelled = suspend();
		look_around(cancelled, sum);
		publish(pages);
		set_node("data/life", test_failures() ? "failed" : cancelled ? "same" : "new");
	}
}
