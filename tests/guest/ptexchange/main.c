/* SPDX-License-Identifier: MIT */
/*
 * lite_op pt_exchange: mmu_update of L1 entries that says what was there.
 *
 * Invariant: what comes back is the entry that was replaced, with accessed and dirty bits as they were at that
 * instant: a page that another vCPU wrote to through the entry never comes back clean. All that mmu_update refuses
 * is refused here, and a refusal changes neither entry nor list. Where the feature bit is not set there is nothing
 * to test.
 */
#include "guest.h"

#include "public/lite.h"

#define MANY	20000

static u64 *l1, *data;
static u64 hole;		/* an address of the kernel's that l1 maps */
static struct mmu_update list[MANY] __attribute__((aligned(4096)));

static u64 entry(unsigned int i)
{
	return va_to_mfn(l1) << 12 | i * 8;
}

static long exchange(struct mmu_update *u, u32 n, u32 *done)
{
	struct xen_lite_pt_exchange x = { .count = n };
	long rc;

	set_xen_guest_handle(x.list, u);
	rc = hypercall2(__HYPERVISOR_lite_op, LITEOP_pt_exchange, &x);
	CHECK_EQ(x.count, n);
	*done = x.done;
	return rc;
}

/* One request; the old entry, or all ones when it was refused. */
static u64 exchange_one(u64 ptr, u64 val)
{
	struct mmu_update u = { .ptr = ptr, .val = val };
	u32 done;
	long rc = exchange(&u, 1, &done);

	CHECK_EQ(done, rc ? 0 : 1);
	CHECK_EQ(u.ptr, ptr);
	if (rc)
		CHECK_EQ(u.val, val);
	return rc ? ~0ul : u.val;
}

static void setup(void)
{
	hole = VIRT_BASE + (1ul << 30) - (2ul << 20);
	l1 = page_alloc();
	data = page_alloc();
	CHECK_EQ(make_ro(l1), 0);
	CHECK_EQ(mmu_update(pte_machine((void *)hole, 2), PTE(va_to_mfn(l1), PTE_TABLE)), 0);
}

static void test_old_entry(void)
{
	u64 mapped = PTE(va_to_mfn(data), PTE_P | PTE_RW), mark = 0x123456789abcde0;

	CHECK_EQ(exchange_one(entry(0), mapped), 0);
	CHECK_EQ(l1[0] & ~PTE_U, mapped);
	CHECK(can_read((void *)hole), "not mapped");
	CHECK_EQ(l1[0] & (PTE_A | PTE_D), PTE_A);
	*(volatile u64 *)hole = 0x42;
	CHECK_EQ(data[0], 0x42);
	/* Read-only, and the bits go along. */
	CHECK_EQ(exchange_one(entry(0) | MMU_PT_UPDATE_PRESERVE_AD, mapped & ~PTE_RW) & ~PTE_U, mapped | PTE_A | PTE_D);
	CHECK_EQ(l1[0] & ~PTE_U, (mapped & ~PTE_RW) | PTE_A | PTE_D);
	/* Without them. */
	CHECK_EQ(exchange_one(entry(0), mapped & ~PTE_RW) & (PTE_A | PTE_D), PTE_A | PTE_D);
	CHECK_EQ(l1[0] & (PTE_A | PTE_D), 0);
	/* Absent entries are the guest's business. */
	CHECK_EQ(exchange_one(entry(0), mark) & ~PTE_U, mapped & ~PTE_RW);
	CHECK_EQ(exchange_one(entry(0), 0), mark);
	mmuext(MMUEXT_INVLPG_LOCAL, hole);
	CHECK(!can_read((void *)hole), "still mapped");
	/* All references went with the entries: the page can be a table. */
	CHECK_EQ(make_ro(data) | mmuext(MMUEXT_PIN_L1_TABLE, va_to_mfn(data)), 0);
	CHECK_EQ(mmuext(MMUEXT_UNPIN_TABLE, va_to_mfn(data)) | make_rw(data), 0);
}

static void test_refused(void)
{
	u64 good = PTE(va_to_mfn(data), PTE_KERNEL_RO);

	CHECK_EQ(exchange_one(entry(0) | MMU_MACHPHYS_UPDATE, good), ~0ul);
	CHECK_EQ(exchange_one(entry(0) | MMU_PT_UPDATE_NO_TRANSLATE, good), ~0ul);
	CHECK_EQ(exchange_one(entry(0) | 4, good), ~0ul);
	CHECK_EQ(exchange_one(entry(0), PTE(va_to_mfn(l1), PTE_KERNEL)), ~0ul);	/* a writable mapping of a table */
	CHECK_EQ(exchange_one(entry(0), PTE(0xfffffffffful, PTE_KERNEL)), ~0ul);
	CHECK_EQ(exchange_one(entry(0), good | 1ul << 51), ~0ul);
	CHECK_EQ(l1[0], 0);
	CHECK_EQ(exchange_one(0xfffffffffful << 12, good), ~0ul);		/* no memory */
	CHECK_EQ(exchange_one(va_to_mfn(data) << 12, good), ~0ul);		/* no table */
	for (int level = 2; level <= 4; level++) {
		u64 was = *pte_of((void *)hole, level);

		CHECK_EQ(exchange_one(pte_machine((void *)hole, level), was), ~0ul);
		CHECK_EQ(*pte_of((void *)hole, level), was);
	}
}

static void test_list(void)
{
	struct xen_lite_pt_exchange x = { .count = 1, .done = 2 };
	struct mmu_update *ro = page_alloc();
	u32 done;

	for (unsigned int i = 0; i < 8; i++)
		list[i] = (struct mmu_update){ .ptr = entry(10 + i), .val = PTE(va_to_mfn(data), PTE_KERNEL_RO) };
	list[5].ptr = 0x10;
	CHECK_EQ(exchange(list, 8, &done), -XEN_EINVAL);
	CHECK_EQ(done, 5);
	CHECK_EQ(list[4].val, 0);
	CHECK(l1[14] != 0 && l1[15] == 0 && l1[16] == 0, "not exactly those before the bad one");
	CHECK_EQ(PTE_MFN(list[5].val), va_to_mfn(data));
	/* On from where it stopped. */
	list[5].ptr = entry(15);
	x = (struct xen_lite_pt_exchange){ .count = 8, .done = 5 };
	set_xen_guest_handle(x.list, list);
	CHECK_EQ(hypercall2(__HYPERVISOR_lite_op, LITEOP_pt_exchange, &x), 0);
	CHECK_EQ(x.done, 8);
	for (unsigned int i = 0; i < 8; i++) {
		CHECK_EQ(PTE_MFN(l1[10 + i]), va_to_mfn(data));
		list[i].val = 0;
	}
	CHECK_EQ(exchange(list, 8, &done), 0);
	for (unsigned int i = 0; i < 8; i++)
		CHECK(PTE_MFN(list[i].val) == va_to_mfn(data) && !l1[10 + i], "entry %u", i);

	CHECK_EQ(exchange(list, 0, &done), 0);
	CHECK_EQ(exchange((void *)0x10, 1, &done), -XEN_EFAULT);
	CHECK_EQ(exchange((void *)0xffff800000000000, 1, &done), -XEN_EINVAL);
	CHECK_EQ(exchange(list, 0xffffffff, &done), -XEN_EINVAL);
	x = (struct xen_lite_pt_exchange){ .count = 1, .done = 2 };
	set_xen_guest_handle(x.list, list);
	CHECK_EQ(hypercall2(__HYPERVISOR_lite_op, LITEOP_pt_exchange, &x), -XEN_EINVAL);
	CHECK_EQ(hypercall2(__HYPERVISOR_lite_op, LITEOP_pt_exchange, 0x10), -XEN_EFAULT);
	/* A list that cannot be written: nothing happens. */
	ro[0] = (struct mmu_update){ .ptr = entry(0), .val = PTE(va_to_mfn(data), PTE_KERNEL_RO) };
	CHECK_EQ(make_ro(ro), 0);
	CHECK_EQ(exchange(ro, 1, &done), -XEN_EFAULT);
	CHECK_EQ(l1[0], 0);
	CHECK_EQ(make_rw(ro), 0);
}

/* So long that it is preempted. Each request sees what the one before it left. */
static void test_long(void)
{
	unsigned int wrong = 0;
	u32 done;

	for (unsigned int i = 0; i < MANY; i++)
		list[i] = (struct mmu_update){ .ptr = entry(20), .val = (i + 1ul) << 12 };
	CHECK_EQ(exchange(list, MANY, &done), 0);
	CHECK_EQ(done, MANY);
	for (unsigned int i = 0; i < MANY; i++)
		wrong += list[i].val != (u64)i << 12;
	CHECK_EQ(wrong, 0);
	CHECK_EQ(exchange_one(entry(20), 0), (u64)MANY << 12);
}

/* --- against a vCPU that writes through the entry --- */

static volatile u64 writes, faults;

static bool writer_faults(struct regs *r)
{
	if (!on_ap(r))
		return false;
	faults++;
	return true;		/* again: the entry comes back */
}

static void writer(void)
{
	for (;;) {
		++*(volatile u64 *)hole;
		writes++;
	}
}

static void test_race(void)
{
	u64 mapped = PTE(va_to_mfn(data), PTE_P | PTE_RW | PTE_U), seen = 0, changed = 0, lost = 0, rounds = 0;
	u64 end, last;		/* a build host under load gets little done in half a second */

	data[0] = 0;
	CHECK_EQ(mmu_update(entry(0), mapped), 0);
	trap_hook[14] = writer_faults;
	ap_start(writer);
	CHECK(ap_wait(&writes, 1), "vCPU 1 does not write");
	end = time_now() + 500000000;
	last = end + 30000000000;
	while (time_now() < end || (changed <= 5 && time_now() < last)) {
		u64 old = exchange_one(entry(0), 0), now;

		mmuext(MMUEXT_INVLPG_ALL, hole);
		now = *(volatile u64 *)data;
		if (now != seen) {
			changed++;
			lost += !(old & PTE_D);
		}
		seen = now;
		CHECK_EQ(exchange_one(entry(0), mapped), 0);
		/* The next exchange comes after the writer is back, or while it is on its way. */
		if (rounds++ & 1)
			ap_wait(&writes, writes + 1);
		else
			spin_ns(rounds % 64 * 1000);
	}
	CHECK(ap_wait(&writes, writes + 1), "vCPU 1 does not write any more");
	printk("%lu rounds, %lu times changed, %lu faults of the writer\n", rounds, changed, faults);
	CHECK_EQ(lost, 0);
	CHECK(changed >= rounds / 2 - 1 && changed > 5, "%lu changes seen in %lu rounds", changed, rounds);
}

void test_main(void)
{
	long features = hypercall2(__HYPERVISOR_lite_op, LITEOP_features, 0);

	if (features < 0 || !(features & LITEF_pt_exchange))
		test_skip("no pt_exchange here");
	setup();
	test_old_entry();
	test_refused();
	test_list();
	test_long();
	test_race();
}
