/* SPDX-License-Identifier: MIT */
/* Log-dirty of a domain that helps: all its L1 tables are looked through, here full ones in which every entry says dirty. */
#include "bounds.h"
#include "child.h"

#include "public/lite.h"

#define TABLES	64

enum { MAIL_READY, MAIL_GO };

static u64 table[TABLES][FAN] __attribute__((aligned(4096)));
static struct child c;

/* --- the child --- */

static u64 dirty_entry(unsigned int i)
{
	return PTE(va_to_mfn(list + i % 64 * 512), PTE_P | PTE_RW | PTE_A | PTE_D);
}

static void say_and_wait(u64 what)
{
	mailbox()[MAIL_READY] = what;
	while (mailbox()[MAIL_GO] < what)
		hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
}

static void make_tables(void)
{
	for (unsigned int t = 0; t < TABLES; t++) {
		for (unsigned int i = 0; i < FAN; i++)
			table[t][i] = dirty_entry(i);
		CHECK_EQ(make_ro(table[t]), 0);
		CHECK_EQ(mmuext(MMUEXT_PIN_L1_TABLE, va_to_mfn(table[t])), 0);
	}
}

static void helping(void)
{
	struct xen_lite_soft_dirty s = { .bit = 1ul << 56 };

	CHECK_EQ(hypercall2(__HYPERVISOR_lite_op, LITEOP_soft_dirty, &s), 0);
	make_tables();
	say_and_wait(1);
	for (unsigned int t = 0; t < TABLES; t++)
		for (unsigned int i = 0; i < FAN; i++)
			CHECK_EQ(mmu_update(va_to_mfn(table[t]) << 12 | i * 8, dirty_entry(i)), 0);
	say_and_wait(2);
}

/* --- the parent --- */

static void pause(unsigned int cmd)
{
	struct xen_domctl op = { .cmd = cmd, .domain = c.id };

	CHECK_EQ(domctl(&op), 0);
}

static void shadow(const char *name, unsigned int what)
{
	static struct xen_domctl op;

	pause(XEN_DOMCTL_pausedomain);
	op = (struct xen_domctl){ .cmd = XEN_DOMCTL_shadow_op, .domain = c.id,
				  .interface_version = XEN_DOMCTL_INTERFACE_VERSION };
	op.u.shadow_op.op = what;
	op.u.shadow_op.pages = 1024;
	set_xen_guest_handle(op.u.shadow_op.dirty_bitmap, (u8 *)list);
	measure_ok(name, "64 L1 tables, all dirty, of a domain that helps", __HYPERVISOR_domctl, &op, 0, 0, 0);
	pause(XEN_DOMCTL_unpausedomain);
}

static void wait_for(u64 what)
{
	if (!child_wait(&c, MAIL_READY, what))
		test_die("the child does not come to %lu", what);
}

void bounds_logged(void)
{
	child_create(&c, helping);
	child_run(&c);
	wait_for(1);
	shadow("domctl shadow_op ENABLE", XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY);
	c.mail[MAIL_GO] = 1;
	wait_for(2);
	shadow("domctl shadow_op CLEAN", XEN_DOMCTL_SHADOW_OP_CLEAN);
	c.mail[MAIL_GO] = 2;
	CHECK(child_done(&c), "the child does not end");
	shadow("domctl shadow_op OFF", XEN_DOMCTL_SHADOW_OP_OFF);
	child_destroy(&c);
}
