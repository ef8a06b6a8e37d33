/* SPDX-License-Identifier: MIT */
/*
 * Log-dirty: no write to a logged domain's memory goes unnoticed, and the domain does not notice.
 *
 * The oracle: the parent keeps a hash of every frame of a child that does all it can to its memory. After each round
 * it takes the hashes of the pages that are marked anew; when the child has been stopped and the last round taken,
 * every hash has to be that of the frame as it is. A page that was changed by whomever without a mark fails. The
 * child checks that faults have the right error codes, and that accessed and dirty bits appear in its own entries
 * when they should and not before.
 *
 * rounds=N on the command line: that many rounds, at least, instead of 6. helps=1: without mirrors, since the child
 * helps; else with many of them, and with hardly any. On one and two vCPUs, and while logging is switched off and on.
 * Before that each way of writing by itself, where nothing else marks the page, and each way in which an entry with D
 * can go before anybody has looked at it.
 *
 * Of page tables without mirrors the oracle takes D and the soft bit for the same, and leaves out A: the processor
 * sets it without a trace.
 */
#include "child.h"

#include "public/lite.h"

#define NR_PFNS		1024
#define NR_AREA		48

static unsigned int nr_rounds = 6;
static struct child c = { .vcpus = 2 };
static u64 area[NR_AREA][512] __attribute__((aligned(4096)));
static u64 alias[512] __attribute__((aligned(4096)));

/* --- the child --- */

enum { MAIL_STOP = 10, MAIL_OPS, MAIL_AP_OPS, MAIL_TWO, MAIL_ASK, MAIL_ANSWER, MAIL_MFN, MAIL_LIES, MAIL_HELPS, MAIL_WRITE };

#define SOFT		(1ul << 52)	/* of the child's L1 entries, if it helps */

static u64 seed = 12345;

static u64 rnd(u64 n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % n;
}

static u64 mfn_of(const void *page)
{
	return va_to_mfn(page);
}

static bool is_dirty(u64 e)
{
	return e & (PTE_D | SOFT);
}

/* What the processor says in an entry, and when; D may have become the soft bit already. */
static void accessed_and_dirty(u64 *page)
{
	volatile u64 *pte = pte_of(page, 1);
	volatile u64 *word = page + rnd(512);
	u64 entry = PTE(mfn_of(page), PTE_P | PTE_RW);

	CHECK_EQ(set_va(page, entry), 0);
	CHECK(!(*pte & PTE_A) && !is_dirty(*pte), "entry 0x%lx before any access", *pte);
	(void)*word;
	CHECK((*pte & PTE_A) && !is_dirty(*pte), "entry 0x%lx after a read", *pte);
	*word = rnd(1000);
	CHECK((*pte & PTE_A) && is_dirty(*pte), "entry 0x%lx after a write", *pte);
	CHECK(mailbox()[MAIL_HELPS] || !(*pte & SOFT), "entry 0x%lx of one that does not help", *pte);
	CHECK_EQ(mmu_update(pte_machine(page, 1) | MMU_PT_UPDATE_PRESERVE_AD, PTE(mfn_of(page), PTE_P)), 0);
	CHECK((*pte & PTE_A) && is_dirty(*pte), "entry 0x%lx after an update that preserves", *pte);
	CHECK_EQ(set_va(page, entry), 0);
}

static void faults(u64 *page)
{
	CHECK_EQ(make_ro(page), 0);
	CHECK_EQ(page[5], page[5]);
	TRY("movq %1, %0", : "=m" (page[5]) : "r" (1ul));
	CHECK(trap.vector == 14 && trap.error == 3 && trap.cr2 == (u64)&page[5], "write to a read-only page: trap %lu error %lu",
	      trap.vector, trap.error);
	CHECK_EQ(set_va(page, 0), 0);
	TRY("movq %1, %0", : "=m" (page[5]) : "r" (1ul));
	CHECK(trap.vector == 14 && trap.error == 2, "write to no page: trap %lu error %lu", trap.vector, trap.error);
	TRY("movq %0, %%rax", : : "m" (page[5]) : "rax");
	CHECK(trap.vector == 14 && trap.error == 0, "read of no page: trap %lu error %lu", trap.vector, trap.error);
	/* Not accessed so far, so there is nothing of it in a mirror yet: the error code says what the entry says. */
	CHECK_EQ(set_va(page, PTE(mfn_of(page), PTE_P)), 0);
	TRY("movq %1, %0", : "=m" (page[5]) : "r" (1ul));
	CHECK(trap.vector == 14 && trap.error == 3, "first access, a write: trap %lu error %lu", trap.vector, trap.error);
	CHECK_EQ(make_rw(page), 0);
}

/* A page becomes a table and an ordinary page again; its contents are changed on the way. */
static void be_a_table(u64 *page)
{
	memset(page, 0, PAGE);
	CHECK_EQ(make_ro(page), 0);
	CHECK_EQ(mmuext(MMUEXT_PIN_L1_TABLE, mfn_of(page)), 0);
	CHECK_EQ(mmu_update(mfn_of(page) << 12 | rnd(512) * 8, PTE(mfn_of(area[rnd(NR_AREA / 2)]), PTE_P)), 0);
	page[rnd(512)] = PTE(mfn_of(area[rnd(NR_AREA / 2)]), PTE_P);	/* emulated */
	CHECK_EQ(mmuext(MMUEXT_UNPIN_TABLE, mfn_of(page)), 0);
	CHECK_EQ(make_rw(page), 0);
}

static void through_alias(u64 *page)
{
	CHECK_EQ(set_va(alias, PTE(mfn_of(page), rnd(2) ? PTE_KERNEL : PTE_P | PTE_RW)), 0);
	alias[rnd(512)] = rnd(1000);
	CHECK_EQ(set_va(alias, 0), 0);
}

/* Stores to entries, as Linux does at fork and at the end of a process. */
static void stores(u64 *page)
{
	volatile u64 *pte = pte_of(page, 1);
	u64 entry = *pte;

	asm volatile("lock andb $~2, %0" : "+m" (*(volatile u8 *)pte));
	CHECK_EQ(mmuext(MMUEXT_INVLPG_LOCAL, (u64)page), 0);
	TRY("movq %1, %0", : "=m" (page[7]) : "r" (7ul));
	CHECK(trap.vector == 14 && trap.error == 3, "write-protected: trap %lu error %lu", trap.vector, trap.error);
	*pte = entry;
	page[8]++;
	asm volatile("xchgq %0, %1" : "+m" (*pte), "+r" (entry));
	*pte = entry;
}

static void one(u64 *page)
{
	struct vcpu_runstate_info rs;
	struct mmuext_op op[2] = { { .cmd = MMUEXT_CLEAR_PAGE, .arg1.mfn = mfn_of(page) },
				   { .cmd = MMUEXT_COPY_PAGE, .arg1.mfn = mfn_of(page), .arg2.src_mfn = mfn_of(area[0]) } };

	switch (rnd(12)) {
	case 0:
		accessed_and_dirty(page);
		break;
	case 1:
		faults(page);
		break;
	case 2:
		be_a_table(page);
		break;
	case 3:
		through_alias(page);
		break;
	case 4:
		stores(page);
		break;
	case 5:
		CHECK_EQ(hypercall4(__HYPERVISOR_mmuext_op, op, 2, 0, DOMID_SELF), 0);
		break;
	case 6:
		CHECK_EQ(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 0, (u8 *)page + 8 * rnd(500)), 0);
		break;
	case 7:
		CHECK_EQ(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 0, &rs), 0);
		break;
	case 8:
		CHECK_EQ(mmu_update(mfn_of(page) << 12 | rnd(512) * 8, rnd(1000) << 1), 0);	/* as plain memory */
		break;
	default:
		for (unsigned int i = 0; i < 3; i++)
			area[rnd(NR_AREA / 2)][rnd(512)] = rnd(1000000);
	}
}

/* Memory only, in its own half: the seed is the first one's. */
static void second(void)
{
	u64 x = 99;

	while (!mailbox()[MAIL_STOP]) {
		x = x * 6364136223846793005 + 1442695040888963407;
		area[NR_AREA / 2 + (x >> 33) % (NR_AREA / 2)][x >> 50 & 511] = x;
		mailbox()[MAIL_AP_OPS]++;
	}
	ap_park();
}

/* --- the child, one thing at a time --- */

#define NR_STEPS	(ARRAY_SIZE(steps) + ARRAY_SIZE(drops))
#define LONE	0xffffffffc0000000ul	/* in a first-level table of its own */

static u64 target[512] __attribute__((aligned(4096)));
static u64 tables[3][512] __attribute__((aligned(4096)));	/* that lead to LONE, level 1 first */

/* Nothing says any more that LONE has been written. */
static void map_clean(void)
{
	CHECK_EQ(mmu_update(mfn_of(tables[0]) << 12, PTE(mfn_of(target), PTE_P | PTE_RW)), 0);
	CHECK_EQ(mmuext(MMUEXT_INVLPG_LOCAL, LONE), 0);
}

static void map_lone(void)
{
	u64 *l3 = mfn_to_va(PTE_MFN(((u64 *)start_info->pt_base)[511]));

	tables[0][0] = PTE(mfn_of(target), PTE_P | PTE_RW);
	tables[1][0] = PTE(mfn_of(tables[0]), PTE_TABLE);
	CHECK_EQ(make_ro(tables[0]) | make_ro(tables[1]), 0);
	CHECK_EQ(mmu_update(mfn_of(l3) << 12 | (LONE >> 30 & 511) * 8, PTE(mfn_of(tables[1]), PTE_TABLE)), 0);
}

static long mmuext_one(unsigned int cmd)
{
	struct mmuext_op op = { .cmd = cmd, .arg1.mfn = mfn_of(target), .arg2.src_mfn = mfn_of(area[0]) };

	return hypercall4(__HYPERVISOR_mmuext_op, &op, 1, 0, DOMID_SELF);
}

static long descriptor(void)
{
	return hypercall2(__HYPERVISOR_update_descriptor, mfn_of(target) << 12, 0x00cff2000000ffff);
}

/* Which page it writes to: ours, or the table that maps LONE. */
static const struct step {
	const char *name;
	bool in_table;
} steps[] = {
	{ "a read that sets A", true }, { "a write that sets D", true }, { "a store", false }, { "a copy to a guest pointer", false },
	{ "CLEAR_PAGE", false }, { "COPY_PAGE", false }, { "mmu_update of plain memory", false },
	{ "mmu_update of an entry", true }, { "an emulated store", true }, { "update_descriptor", false },
	{ "update_va_mapping", true }, { "a page that becomes a table", false }, { "a table that becomes a page", false },
	{ "a pin of a table in use", true }, { "its unpin", true },
};

static void do_step(unsigned int n)
{
	volatile u64 *lone = (u64 *)LONE, *pte = tables[0];
	u64 entry = PTE(mfn_of(target), PTE_P | PTE_RW | PTE_A | PTE_D);

	switch (n) {
	case 0: (void)*lone; break;
	case 1: case 2: *lone = 1 + n; break;
	case 3: CHECK_EQ(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 0, (void *)(LONE + 64)), 0); break;
	case 4: CHECK_EQ(mmuext_one(MMUEXT_CLEAR_PAGE), 0); break;
	case 5: CHECK_EQ(mmuext_one(MMUEXT_COPY_PAGE), 0); break;
	case 6: CHECK_EQ(mmu_update(mfn_of(target) << 12 | 80, 4), 0); break;
	case 7: CHECK_EQ(mmu_update(mfn_of(tables[0]) << 12, entry | 0x200), 0); break;
	case 8: *pte = entry | 0x400; break;
	case 9: CHECK_EQ(descriptor(), 0); break;
	case 10:
		CHECK_EQ(set_va((void *)LONE, 0), 0);
		/* It is to become a table: with nothing in it, and no address that maps it for writing. */
		memset(target, 0, PAGE);
		CHECK_EQ(make_ro(target), 0);
		break;
	case 11:
		CHECK_EQ(mmuext(MMUEXT_PIN_L1_TABLE, mfn_of(target)), 0);
		break;
	case 12:
		CHECK_EQ(mmuext(MMUEXT_UNPIN_TABLE, mfn_of(target)), 0);
		break;
	case 13:
		CHECK_EQ(mmuext(MMUEXT_PIN_L1_TABLE, mfn_of(tables[0])), 0);
		break;
	case 14:
		CHECK_EQ(mmuext(MMUEXT_UNPIN_TABLE, mfn_of(tables[0])), 0);
		CHECK_EQ(make_rw(target), 0);
		map_clean();
	}
}

/* --- the child: a page is written, and the entry that says so goes --- */

static const char *const drops[] = {
	"mmu_update to nothing", "mmu_update to another page", "mmu_update without D", "mmu_update that preserves",
	"update_va_mapping to nothing", "a store", "xchg", "cmpxchg", "lock and", "pt_exchange", "the table above lets go of it",
	"an update by dom0",
};

static long exchange(u64 where, u64 val, u64 *old)
{
	struct mmu_update u = { .ptr = where, .val = val };
	struct xen_lite_pt_exchange x = { .count = 1 };
	long rc;

	set_xen_guest_handle(x.list, &u);
	rc = hypercall2(__HYPERVISOR_lite_op, LITEOP_pt_exchange, &x);
	*old = u.val;
	return rc;
}

static void do_drop(unsigned int n)
{
	u64 where = mfn_of(tables[0]) << 12, other = PTE(mfn_of(area[0]), PTE_P), clean = PTE(mfn_of(target), PTE_P | PTE_RW);
	u64 above = mfn_of(tables[1]) << 12, old = 0;
	volatile u64 *pte = tables[0];

	*(volatile u64 *)LONE = 1000 + n;
	switch (n) {
	case 0: CHECK_EQ(mmu_update(where, 0), 0); break;
	case 1: CHECK_EQ(mmu_update(where, other), 0); break;
	case 2: CHECK_EQ(mmu_update(where, clean), 0); break;
	case 3:
		CHECK_EQ(mmu_update(where | MMU_PT_UPDATE_PRESERVE_AD, clean & ~PTE_RW), 0);
		CHECK(is_dirty(*pte), "preserved: 0x%lx", *pte);
		break;
	case 4: CHECK_EQ(set_va((void *)LONE, 0), 0); break;
	case 5: *pte = 0; break;
	case 6:
		asm volatile("xchgq %0, %1" : "+m" (*pte), "+r" (old));
		CHECK(is_dirty(old), "exchanged: 0x%lx", old);
		break;
	case 7:
		while (!__atomic_compare_exchange_n(pte, &old, other, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			;
		CHECK(is_dirty(old), "exchanged if it was the same: 0x%lx", old);
		break;
	case 8:
		asm volatile("lock andq %1, %0" : "+m" (*pte) : "r" (~(PTE_RW | PTE_D)));
		break;
	case 9:
		CHECK_EQ(exchange(where, 0, &old), 0);
		CHECK(is_dirty(old), "exchanged by hypercall: 0x%lx", old);
		break;
	case 10:
		CHECK_EQ(mmu_update(above, 0), 0);
		CHECK_EQ(mmu_update(where, clean), 0);		/* plain memory now */
		CHECK_EQ(mmu_update(above, PTE(mfn_of(tables[0]), PTE_TABLE)), 0);
		break;
	case 11:
		mailbox()[MAIL_WRITE] = 1;
		while (mailbox()[MAIL_WRITE] == 1)
			hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
	}
	map_clean();
}

static void one_by_one(void)
{
	map_lone();
	mailbox()[MAIL_MFN] = va_to_pfn(tables[0]);
	for (unsigned int n = 0; n < NR_STEPS; n++) {
		mailbox()[MAIL_ANSWER] = n + 1;
		while (mailbox()[MAIL_ASK] < n + 1)
			hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
		if (n < ARRAY_SIZE(steps))
			do_step(n);
		else
			do_drop(n - ARRAY_SIZE(steps));
	}
	mailbox()[MAIL_ANSWER] = NR_STEPS + 1;
}

static long help(u64 bit)
{
	struct xen_lite_soft_dirty s = { .bit = bit };

	return hypercall2(__HYPERVISOR_lite_op, LITEOP_soft_dirty, &s);
}

/* What it may be, and what not; the last is what holds. */
static void promise(void)
{
	CHECK(hypercall2(__HYPERVISOR_lite_op, LITEOP_features, 0) & LITEF_soft_dirty, "no feature bit");
	CHECK_EQ(hypercall2(__HYPERVISOR_lite_op, LITEOP_soft_dirty, 0x10), -XEN_EFAULT);
	for (unsigned int bit = 0; bit < 64; bit++)
		CHECK_EQ(help(1ul << bit), (bit >= 9 && bit <= 11) || (bit >= 52 && bit <= 62) ? 0 : -XEN_EINVAL);
	CHECK_EQ(help(3ul << 52), -XEN_EINVAL);
	CHECK_EQ(help(0), 0);
	if (mailbox()[MAIL_HELPS])
		CHECK_EQ(help(SOFT), 0);
}

/* Of a frame of its own a guest may say what it likes: whatever it gets wrong then is its own memory (XSA 251). */
static void lie(void)
{
	static const u64 pfns[] = { ~0ul, 1ul << 26, (1ul << 26) - 1, 1ul << 40, 0, 1ul << 63, 40000, 1000000 };
	u64 *page = area[rnd(NR_AREA / 2)];

	CHECK_EQ(mmu_update(mfn_of(page) << 12 | MMU_MACHPHYS_UPDATE, rnd(4) ? pfns[rnd(ARRAY_SIZE(pfns))] : seed), 0);
	page[rnd(512)]++;
	CHECK_EQ(mmu_update(mfn_of(page) << 12 | MMU_MACHPHYS_UPDATE, va_to_pfn(page)), 0);
}

static void stress(void)
{
	CHECK_EQ(hypercall2(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_writable_pagetables), 0);
	promise();
	one_by_one();
	if (mailbox()[MAIL_TWO])
		ap_start(second);
	while (!mailbox()[MAIL_STOP]) {
		one(area[rnd(NR_AREA / 2)]);
		if (mailbox()[MAIL_LIES])
			lie();
		mailbox()[MAIL_OPS]++;
	}
}

/* --- the parent --- */

static u64 hash[NR_PFNS], marks[NR_PFNS / 64];
static u8 window[PAGE] __attribute__((aligned(4096)));

static bool is_table(u64 pfn)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_getpageframeinfo3, .domain = c.id };
	u64 frame = c.mfn[pfn];

	op.u.getpageframeinfo3.num = 1;
	set_xen_guest_handle(op.u.getpageframeinfo3.array, &frame);
	CHECK_EQ(domctl(&op), 0);
	return (frame & XEN_DOMCTL_PFINFO_LTABTYPE_MASK) != 0 &&
	       (frame & XEN_DOMCTL_PFINFO_LTAB_MASK) != XEN_DOMCTL_PFINFO_XTAB;
}

/* What a word of a page table means to the kernel that owns it. */
static u64 meaning(u64 e)
{
	return (e & ~(PTE_A | PTE_D | SOFT)) | (is_dirty(e) ? PTE_D : 0);
}

static u64 hash_frame(u64 pfn)
{
	const u64 *words = (u64 *)window;
	bool table = c.mail[MAIL_HELPS] && is_table(pfn);
	u64 h = 1;

	if (map_foreign(window, c.id, PTE(c.mfn[pfn], PTE_P | PTE_A)))
		test_die("frame 0x%lx of the child cannot be mapped", c.mfn[pfn]);
	for (unsigned int i = 0; i < 512; i++)
		h = (h ^ (table ? meaning(words[i]) : words[i])) * 0x100000001b3;
	return h;
}

static bool exists(u64 pfn)
{
	return c.mfn[pfn] && c.mfn[pfn] != ~0ul;
}

static struct xen_domctl_shadow_op shadow(unsigned int what, u64 pages)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_shadow_op, .domain = c.id };
	long rc;

	op.u.shadow_op.op = what;
	op.u.shadow_op.pages = pages;
	set_xen_guest_handle(op.u.shadow_op.dirty_bitmap, (u8 *)marks);
	rc = domctl(&op);
	CHECK(rc == 0, "shadow_op %u: %ld", what, rc);
	return op.u.shadow_op;
}

static bool is_marked(u64 pfn)
{
	return marks[pfn / 64] >> pfn % 64 & 1;
}

static void take_marks(unsigned int what)
{
	struct xen_domctl_shadow_op op;

	memset(marks, 0xff, sizeof(marks));
	op = shadow(what, NR_PFNS);
	CHECK_EQ(op.pages, NR_PFNS);
	CHECK(!c.mail[MAIL_HELPS] || !op.stats.fault_count, "%u faults of one that helps", op.stats.fault_count);
}

static unsigned int take_round(unsigned int what)
{
	unsigned int n = 0;

	take_marks(what);
	for (u64 pfn = 0; pfn < NR_PFNS; pfn++)
		if (marks[pfn / 64] >> pfn % 64 & 1) {
			n++;
			if (what == XEN_DOMCTL_SHADOW_OP_CLEAN && exists(pfn))
				hash[pfn] = hash_frame(pfn);
		}
	return n;
}

static void hash_all(void)
{
	for (u64 pfn = 0; pfn < NR_PFNS; pfn++)
		if (exists(pfn))
			hash[pfn] = hash_frame(pfn);
}

static void compare_all(const char *when)
{
	for (u64 pfn = 0; pfn < NR_PFNS; pfn++)
		if (exists(pfn))
			CHECK(hash[pfn] == hash_frame(pfn), "%s: page 0x%lx was changed without a mark", when, pfn);
}

static void pause(bool yes)
{
	struct xen_domctl op = { .cmd = yes ? XEN_DOMCTL_pausedomain : XEN_DOMCTL_unpausedomain, .domain = c.id };

	CHECK_EQ(domctl(&op), 0);
}

static void rounds(const char *name)
{
	u64 ops = c.mail[MAIL_OPS], ap_ops = c.mail[MAIL_AP_OPS], most = 0;

	/* At least until both have had their turn on the one CPU that we leave them. */
	for (unsigned int r = 0; r < nr_rounds || (r < 1000 && (c.mail[MAIL_OPS] == ops ||
						   (c.mail[MAIL_TWO] && c.mail[MAIL_AP_OPS] == ap_ops))); r++) {
		unsigned int n;

		spin_ns(5000000);
		if (r % 4 == 1)
			take_round(XEN_DOMCTL_SHADOW_OP_PEEK);
		n = take_round(XEN_DOMCTL_SHADOW_OP_CLEAN);
		most = n > most ? n : most;
	}
	pause(true);
	take_round(XEN_DOMCTL_SHADOW_OP_CLEAN);
	compare_all(name);
	CHECK(take_round(XEN_DOMCTL_SHADOW_OP_CLEAN) <= 4, "marks of a domain that does not run");
	CHECK(is_marked(va_to_pfn(mailbox())), "a page that is mapped writable here is not marked");
	pause(false);
	CHECK(c.mail[MAIL_OPS] > ops, "%s: only %lu operations", name, c.mail[MAIL_OPS] - ops);
	CHECK(!c.mail[MAIL_TWO] || c.mail[MAIL_AP_OPS] > ap_ops, "%s: the second vCPU did nothing", name);
	CHECK(most > 4, "%s: at most %lu pages in a round", name, most);
	printk("%s: %lu operations, up to %lu pages in a round\n", name, c.mail[MAIL_OPS] - ops, most);
}

/* We change the entry ourselves, as tools do. */
static void drop_by_dom0(void)
{
	struct mmu_update u = { .ptr = c.mfn[c.mail[MAIL_MFN]] << 12 };

	if (!child_wait(&c, MAIL_WRITE, 1))
		test_die("the child does not write");
	CHECK_EQ(hypercall4(__HYPERVISOR_mmu_update, &u, 1, 0, (c.id + 1) << 16 | c.id), 0);
	c.mail[MAIL_WRITE] = 2;
}

/* Each step marks its page, and nothing did before it. */
static void steps_one_by_one(void)
{
	for (unsigned int n = 0; n < NR_STEPS; n++) {
		const char *name = n < ARRAY_SIZE(steps) ? steps[n].name : drops[n - ARRAY_SIZE(steps)];
		u64 pfn;

		if (!child_wait(&c, MAIL_ANSWER, n + 1))
			test_die("the child does not come to step %u", n);
		pfn = n < ARRAY_SIZE(steps) && steps[n].in_table ? c.mail[MAIL_MFN] : va_to_pfn(target);
		take_round(XEN_DOMCTL_SHADOW_OP_CLEAN);
		take_round(XEN_DOMCTL_SHADOW_OP_CLEAN);
		CHECK(!is_marked(pfn), "before %s: marked", name);
		c.mail[MAIL_ASK] = n + 1;
		if (n == NR_STEPS - 1)
			drop_by_dom0();
		if (!child_wait(&c, MAIL_ANSWER, n + 2))
			test_die("the child does not do step %u", n);
		take_round(XEN_DOMCTL_SHADOW_OP_CLEAN);
		/* A is in nobody's way, where there are no mirrors that need it. */
		CHECK(is_marked(pfn) || (!n && c.mail[MAIL_HELPS]), "%s: no mark", name);
	}
}

/* While we can write to a page, and once more when we no longer can. */
static void mapped_here(void)
{
	u64 pfn = va_to_pfn(alias);	/* its own frame, which no address maps for long */

	CHECK_EQ(map_foreign(window, c.id, PTE(c.mfn[pfn], PTE_KERNEL)), 0);
	for (unsigned int i = 0; i < 3; i++) {
		take_marks(XEN_DOMCTL_SHADOW_OP_CLEAN);
		CHECK(is_marked(pfn), "mapped writable: no mark");
	}
	window[5]++;
	CHECK_EQ(set_va(window, 0), 0);
	take_marks(XEN_DOMCTL_SHADOW_OP_CLEAN);
	CHECK(is_marked(pfn), "unmapped: no mark");
	take_marks(XEN_DOMCTL_SHADOW_OP_CLEAN);
	CHECK(!is_marked(pfn), "not mapped any more: marked");
}

static void enable(void)
{
	shadow(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, 0);
	hash_all();
}

static void allocation(u32 mb)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_shadow_op, .domain = c.id };

	op.u.shadow_op.op = XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION;
	op.u.shadow_op.mb = mb;
	CHECK_EQ(domctl(&op), 0);
}

static void errors(void)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_shadow_op, .domain = c.id };

	op.u.shadow_op.op = XEN_DOMCTL_SHADOW_OP_CLEAN;
	CHECK_EQ(domctl(&op), -XEN_EINVAL);		/* not logged */
	op.u.shadow_op.op = 77;
	CHECK_EQ(domctl(&op), -XEN_EINVAL);
	op.u.shadow_op.op = XEN_DOMCTL_SHADOW_OP_ENABLE;
	op.u.shadow_op.mode = XEN_DOMCTL_SHADOW_ENABLE_TRANSLATE;
	CHECK_EQ(domctl(&op), -XEN_EINVAL);
	op.u.shadow_op.op = XEN_DOMCTL_SHADOW_OP_OFF;
	CHECK_EQ(domctl(&op), 0);
	op.domain = 0;					/* ourselves */
	op.u.shadow_op.op = XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY;
	CHECK_EQ(domctl(&op), -XEN_EINVAL);
}

/* The last rounds, of one that says false things about its memory. */
static void lies(void)
{
	c.mail[MAIL_LIES] = 1;
	for (unsigned int i = 0; i < 5; i++) {
		struct xen_domctl op = { .cmd = XEN_DOMCTL_shadow_op, .domain = c.id };

		spin_ns(5000000);
		op.u.shadow_op.op = XEN_DOMCTL_SHADOW_OP_CLEAN;
		op.u.shadow_op.pages = ~0ul;
		domctl(&op);		/* it may have lost marks */
		CHECK(op.u.shadow_op.pages <= 1ul << 26, "%lu pages", op.u.shadow_op.pages);
	}
}

/* One that helps has to have said so before it is logged. */
static void run(bool helps)
{
	c.mail[MAIL_HELPS] = helps;
	if (!helps)
		enable();
	child_run(&c);
	if (!helps)
		return;
	if (!child_wait(&c, MAIL_ANSWER, 1))
		test_die("the child does not begin");
	enable();
}

static void life(bool two, bool helps)
{
	const char *how = helps ? two ? "two vCPUs that help" : "one vCPU that helps" : two ? "two vCPUs" : "one vCPU";
	u64 before;

	/* Once, so that what is allocated once and kept is there. */
	child_create(&c, stress);
	enable();
	CHECK_EQ(set_va(window, 0), 0);
	child_destroy(&c);
	before = machine_free_pages();
	child_create(&c, stress);
	c.mail[MAIL_TWO] = two;
	errors();
	run(helps);
	steps_one_by_one();
	mapped_here();
	hash_all();
	rounds(how);
	shadow(XEN_DOMCTL_SHADOW_OP_OFF, 0);
	spin_ns(3000000);
	if (!helps) {
		allocation(0);			/* the least that there is */
		enable();
		printk("few mirrors: ");
		rounds(how);
		allocation(4);
	}
	for (unsigned int i = 0; i < 10; i++) {
		shadow(XEN_DOMCTL_SHADOW_OP_OFF, 0);
		shadow(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, 0);
	}
	hash_all();
	printk("switched off and on: ");
	rounds(how);
	lies();
	c.mail[MAIL_STOP] = 1;
	child_done(&c);
	CHECK_EQ(set_va(window, 0), 0);
	child_destroy(&c);		/* while it is logged */
	CHECK_EQ(child_exists(&c), false);
	CHECK_EQ(machine_free_pages(), before);
}

void test_main(void)
{
	if (!is_dom0())
		test_skip("makes a domain");
	bool helps = test_option("helps", 0);

	nr_rounds = test_option("rounds", nr_rounds);
	life(false, helps);
	life(true, helps);
}
