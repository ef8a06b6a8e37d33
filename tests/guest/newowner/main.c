/* SPDX-License-Identifier: MIT */
/*
 * A frame goes to another domain while a vCPU of the first one goes on writing to it (XSA 241, 286, 292).
 *
 * Invariant: once a frame has a new owner, or is a page table, no write through a translation of before arrives in it,
 * whatever flushes its old owner asked for (none here), on whichever processors its vCPUs have been, and whether they
 * were moved meanwhile. A guest with two vCPUs gives a page away while its second vCPU writes to it without a pause;
 * dom0 takes the frame and watches it. The same with a page that becomes a page table.
 */
#include "child.h"

#define ROUNDS	14
#define STALE	0xbadbadbacul		/* an entry that is not present, too */

enum { MAIL_MFN = 1, MAIL_ACK, MAIL_WRITES, MAIL_FAULTS, MAIL_PINNED };

static u64 pages[4][512] __attribute__((aligned(4096)));
static u64 *volatile target;

/* --- the guest --- */

static bool skip_store(struct regs *r)
{
	if (!on_ap(r))
		return false;
	mailbox()[MAIL_FAULTS]++;
	r->rip = r->rbx;
	return true;
}

static void writer(void)
{
	for (;;) {
		u64 *to = target + mailbox()[MAIL_WRITES] % 512;

		asm volatile("lea 1f(%%rip), %%rbx; movq %1, (%0); 1:" : : "r" (to), "r" (STALE) : "rbx", "memory");
		mailbox()[MAIL_WRITES]++;
	}
}

static void await_writes(u64 n)
{
	u64 before = mailbox()[MAIL_WRITES];

	while (mailbox()[MAIL_WRITES] < before + n)
		nap_ns(100000);
}

/* No flush is asked for. */
static void give_away(u64 *page, u64 round)
{
	u64 mfn = va_to_mfn(page), pfn = va_to_pfn(page);

	CHECK_EQ(hypercall3(__HYPERVISOR_update_va_mapping, page, 0, UVMF_NONE), 0);
	CHECK_EQ(own_reservation(XENMEM_decrease_reservation, &mfn, 1), 1);
	mailbox()[MAIL_MFN] = va_to_mfn(page);
	while (mailbox()[MAIL_ACK] != round)
		nap_ns(100000);
	CHECK_EQ(own_reservation(XENMEM_populate_physmap, &pfn, 1), 1);
	((u64 *)start_info->mfn_list)[va_to_pfn(page)] = pfn;	/* the frame number, now */
	CHECK_EQ(set_va(page, PTE(pfn, PTE_KERNEL)), 0);
}

static void make_table(u64 *page)
{
	u64 bad = 0;

	memset(page, 0, PAGE);
	CHECK_EQ(hypercall3(__HYPERVISOR_update_va_mapping, page, PTE(va_to_mfn(page), PTE_KERNEL_RO), UVMF_NONE), 0);
	if (mmuext(MMUEXT_PIN_L1_TABLE, va_to_mfn(page)))
		return;			/* written to meanwhile with what cannot be an entry */
	mailbox()[MAIL_PINNED]++;
	for (unsigned int i = 0; i < 512; i++)
		bad += ((volatile u64 *)page)[i];
	await_writes(600);
	for (unsigned int i = 0; i < 512; i++)
		bad -= ((volatile u64 *)page)[i];
	CHECK(!bad, "a page table was written to");
	mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(page));
	CHECK_EQ(make_rw(page), 0);
}

static void in_child(void)
{
	target = pages[0];
	trap_hook[14] = skip_store;
	ap_start(writer);
	for (u64 round = 1; round <= ROUNDS; round++) {
		u64 *page = pages[round % 4];

		target = page;
		await_writes(20);
		give_away(page, round);
		await_writes(20);
		make_table(page);
	}
}

/* --- dom0 --- */

static u64 here[512] __attribute__((aligned(4096)));

static struct child c = { .vcpus = 2 };

/* The frame's words that are not what they should be, until the writer has been through the whole page. */
static u64 watch(u64 want)
{
	u64 wrong = 0, before = c.mail[MAIL_WRITES], end = time_now() + 100000000;

	do {
		for (unsigned int i = 0; i < 512; i++)
			wrong += ((volatile u64 *)here)[i] != want;
	} while (c.mail[MAIL_WRITES] < before + 600 && time_now() < end);
	return wrong;
}

static void take_and_watch(u64 mfn, unsigned int *taken)
{
	u64 list[16];
	long n = own_reservation(XENMEM_increase_reservation, list, 16);

	for (long i = 0; i < n; i++) {
		if (list[i] != mfn)
			continue;
		(*taken)++;
		CHECK_EQ(set_va(here, PTE(mfn, PTE_KERNEL)), 0);
		CHECK(!watch(0), "a frame that was the guest's has been written to");
		for (unsigned int j = 0; j < 512; j++)
			here[j] = 0x600d;
		CHECK(!watch(0x600d), "dom0's frame has been written to");
		CHECK_EQ(set_va(here, 0), 0);
	}
	CHECK_EQ(own_reservation(XENMEM_decrease_reservation, list, n), n);
}

/* The writer has a processor for itself, everybody else the other one. */
static void writer_moves_to(unsigned int cpu)
{
	vcpu_pin(c.id, 1, 1 << cpu);
	vcpu_pin(c.id, 0, 1 << !cpu);
	vcpu_pin(0, 0, 1 << !cpu);
}

void test_main(void)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_max_mem, .domain = 0 };
	unsigned int taken = 0;

	op.u.max_mem.max_memkb = 1 << 20;
	CHECK_EQ(domctl(&op), 0);
	if (hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_is_up, 1, 0) < 0)
		test_skip("needs two processors");
	child_create(&c, in_child);
	child_run(&c);
	for (u64 round = 1; round <= ROUNDS; round++) {
		writer_moves_to(round / 2 % 2);
		if (!child_wait(&c, MAIL_MFN, 1))
			break;
		take_and_watch(c.mail[MAIL_MFN], &taken);
		c.mail[MAIL_MFN] = 0;
		c.mail[MAIL_ACK] = round;
	}
	child_done(&c);
	printk("%lu writes, %lu faults, %u frames taken over, %lu tables\n", c.mail[MAIL_WRITES], c.mail[MAIL_FAULTS],
	       taken, c.mail[MAIL_PINNED]);
	CHECK(taken > ROUNDS / 2, "only %u of %u frames came to dom0", taken, ROUNDS);
	CHECK(c.mail[MAIL_FAULTS] > 10, "the second vCPU faulted %lu times only", c.mail[MAIL_FAULTS]);
	child_destroy(&c);
}
