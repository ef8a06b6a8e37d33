/* SPDX-License-Identifier: MIT */
/*
 * What the hypervisor's basic services cost a kernel, without an operating system around them: for tests/bench, which
 * reads the lines `COST ROW NANOSECONDS`. In a privileged domain (dom0.*) and in a second one (guest.*); the least of
 * several rounds.
 *
 * As a test: each service does what it should, again and again, in both domains, and an event is answered each time.
 */
#include "child.h"

#define ROUNDS	5
#define EVENTS	200		/* round trips of an event in a round */

asm(".pushsection .rodata\n"
    "user_start:\n"
    "	syscall\n"
    "user_end:\n"
    ".popsection");
extern const u8 user_start[], user_end[];

static u8 page[PAGE] __attribute__((aligned(PAGE))), other[PAGE] __attribute__((aligned(PAGE)));
static volatile u64 *pte;
static u64 pte_ptr, pte_values[2], calls;
static long failed;

/* --- what is measured --------------------------------------------------------------------------------------------- */

static void op_hypercall(void)
{
	failed |= hypercall2(__HYPERVISOR_xen_version, XENVER_version, 0) <= 0;
}

static void op_multicall(void)
{
	static struct multicall_entry list[8];

	for (unsigned int i = 0; i < ARRAY_SIZE(list); i++)
		list[i] = (struct multicall_entry){ .op = __HYPERVISOR_xen_version };
	failed |= hypercall2(__HYPERVISOR_multicall, list, ARRAY_SIZE(list)) || (long)list[7].result <= 0;
}

static void op_mmu_update(void)
{
	failed |= mmu_update(pte_ptr, pte_values[++calls & 1]);
}

static void op_update_va(void)
{
	failed |= set_va(page, pte_values[++calls & 1]);
}

static void op_pt_write(void)
{
	*pte = pte_values[++calls & 1];
}

static void op_flush(void)
{
	failed |= mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0);
}

static void op_invlpg(void)
{
	failed |= mmuext(MMUEXT_INVLPG_LOCAL, (u64)page);
}

static void op_copy_page(void)
{
	struct mmuext_op op = { .cmd = MMUEXT_COPY_PAGE, .arg1.mfn = va_to_mfn(page), .arg2.src_mfn = va_to_mfn(other) };

	failed |= hypercall4(__HYPERVISOR_mmuext_op, &op, 1, 0, DOMID_SELF);
}

static void op_clear_page(void)
{
	struct mmuext_op op = { .cmd = MMUEXT_CLEAR_PAGE, .arg1.mfn = va_to_mfn(other) };

	failed |= hypercall4(__HYPERVISOR_mmuext_op, &op, 1, 0, DOMID_SELF);
}

static void op_trap(void)
{
	TRY("ud2");
	failed |= trap.vector != 6;
}

/* To user mode and back. */
static void op_syscall(void)
{
	struct regs r;

	user_regs_init(&r);
	user_run(&r);
	failed |= trap.vector != VEC_SYSCALL;
}

static const struct {
	const char *name;
	void (*fn)(void);
	unsigned int times;
} ops[] = {
	{ "hypercall", op_hypercall, 1000 }, { "multicall-of-8", op_multicall, 500 }, { "mmu_update", op_mmu_update, 500 },
	{ "update_va_mapping", op_update_va, 500 }, { "pt-write", op_pt_write, 300 }, { "tlb-flush", op_flush, 200 },
	{ "invlpg", op_invlpg, 300 }, { "copy-page", op_copy_page, 300 }, { "clear-page", op_clear_page, 300 },
	{ "trap", op_trap, 300 }, { "syscall", op_syscall, 300 },
};

#define OPS	ARRAY_SIZE(ops)

/* --- measuring ---------------------------------------------------------------------------------------------------- */

static void prepare(void)
{
	pte = pte_of(page, 1);
	pte_ptr = pte_machine(page, 1);
	pte_values[0] = *pte | PTE_KERNEL;
	pte_values[1] = pte_values[0] & ~PTE_RW;
	page[0] = 1;
	hypercall2(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_writable_pagetables);
	user_space_init(user_start, user_end - user_start);
}

/* Each of the operations, in tenths of a nanosecond. */
static void measure(volatile u64 *result)
{
	for (unsigned int i = 0; i < OPS; i++) {
		result[i] = ~0ul;
		failed = 0;
		for (unsigned int round = 0; round < ROUNDS; round++) {
			u64 start = time_now(), took;

			for (unsigned int n = 0; n < ops[i].times; n++)
				ops[i].fn();
			took = (time_now() - start) * 10 / ops[i].times;
			result[i] = took < result[i] ? took : result[i];
		}
		CHECK(!failed, "%s failed", ops[i].name);
	}
	CHECK_EQ(*pte & PTE_RW, pte_values[calls & 1] & PTE_RW);
}

static void print(const char *who, const char *row, u64 tenths)
{
	printk("COST %s.%s %lu.%lu\n", who, row, tenths / 10, tenths % 10);
}

/* --- an event to another domain and back -------------------------------------------------------------------------- */

enum { MAIL_RESULTS, MAIL_PORT = 64, MAIL_READY };

static void event_wait(unsigned int port, unsigned int seen)
{
	while (port_count[port] == seen) {
		hypercall2(__HYPERVISOR_sched_op, SCHEDOP_block, 0);	/* takes events while it waits */
		events_off();
	}
}

static void event_send(unsigned int port)
{
	struct evtchn_send s = { .port = port };

	CHECK_EQ(evtchn_op(EVTCHNOP_send, &s), 0);
}

static void child_main(void)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = 0 };

	prepare();
	measure(mailbox() + MAIL_RESULTS);
	events_init();
	CHECK_EQ(evtchn_op(EVTCHNOP_alloc_unbound, &a), 0);
	port_unmask(a.port);
	mailbox()[MAIL_PORT] = a.port;
	mailbox()[MAIL_READY] = 1;
	for (unsigned int n = 0; n < ROUNDS * EVENTS; n++) {
		event_wait(a.port, n);
		event_send(a.port);
	}
}

static u64 event_round_trip(struct child *c)
{
	struct evtchn_bind_interdomain b = { .remote_dom = c->id, .remote_port = c->mail[MAIL_PORT] };
	unsigned int seen;
	u64 best = ~0ul;

	events_init();
	CHECK_EQ(evtchn_op(EVTCHNOP_bind_interdomain, &b), 0);
	port_unmask(b.local_port);
	/* A new connection is pending once; take that. */
	events_on();
	events_off();
	seen = port_count[b.local_port];
	for (unsigned int round = 0; round < ROUNDS; round++) {
		u64 start = time_now(), took;

		for (unsigned int n = 0; n < EVENTS; n++) {
			event_send(b.local_port);
			event_wait(b.local_port, seen++);
		}
		took = (time_now() - start) * 10 / EVENTS;
		best = took < best ? took : best;
	}
	return best;
}

void test_main(void)
{
	static struct child c;
	u64 own[OPS], event;

	/* For the bench: a domain that only is there. */
	while (test_option("idle", 0))
		nap_ns(1000000000000);
	child_create(&c, child_main);
	prepare();
	measure(own);
	child_run(&c);
	for (unsigned int i = 0; i < 500 && !c.mail[MAIL_READY]; i++)
		nap_ns(20000000);	/* it is alone meanwhile */
	if (!c.mail[MAIL_READY])
		test_die("the second domain does not get ready");
	event = event_round_trip(&c);
	CHECK(child_done(&c), "the second domain fails");
	for (unsigned int i = 0; i < OPS; i++)
		print("dom0", ops[i].name, own[i]);
	for (unsigned int i = 0; i < OPS; i++)
		print("guest", ops[i].name, c.mail[MAIL_RESULTS + i]);
	print("both", "event-round-trip", event);
	child_destroy(&c);
}
