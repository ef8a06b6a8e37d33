/* SPDX-License-Identifier: MIT */
/*
 * Nothing that the hypervisor writes for a guest says where anything of the hypervisor is (XSA 100, 122).
 *
 * Invariant: after any call, successful or not, by dom0 or by a guest, no two words in a row of the argument or of
 * the buffers that it points to lie in the hypervisor's address range, unless they were put there by the caller or
 * are one of the three constants of the ABI: where the machine-to-physical table begins and ends. The same for the
 * pages that are shared all the time: shared info, start info, grant table, hypercall page, vCPU contexts.
 */
#include "child.h"

#include "public/grant_table.h"
#include "public/lite.h"
#include "public/physdev.h"
#include "public/platform.h"
#include "public/sysctl.h"

#define OUT_PAGES 4

static u8 arg[PAGE] __attribute__((aligned(4096)));
static u8 out[OUT_PAGES * PAGE] __attribute__((aligned(4096)));
static unsigned int calls, done;

static bool is_hypervisors(u64 v)
{
	return v >= 0xffff800000000000 && v < 0xffff880000000000 &&
	       v != 0xffff800000000000 && v != 0xffff804000000000 && v != 0xffff808000000000;
}

static void scan(const volatile void *p, u64 n, const char *what, unsigned int cmd)
{
	const volatile u8 *b = p;

	for (u64 i = 0; i + 8 <= n; i += 4) {
		u64 v;

		if (b[i + 7] != 0xff || b[i + 6] != 0xff)	/* for speed */
			continue;
		v = *(const volatile u64 *)(b + i);
		if (is_hypervisors(v)) {
			CHECK(false, "%s %u: byte %lu: 0x%lx", what, cmd, i, v);
			return;
		}
	}
}

static void clear(void)
{
	memset(arg, 0, sizeof(arg));
	memset(out, 0, sizeof(out));
}

/* After a call. */
static void look(const char *what, unsigned int cmd, long rc)
{
	calls++;
	done += rc >= 0;
	CHECK(!is_hypervisors(rc), "%s %u returns 0x%lx", what, cmd, rc);
	scan(arg, sizeof(arg), what, cmd);
	scan(out, sizeof(out), what, cmd);
}

/* --- calls of the form (cmd, arg) with an argument of zeros, and of small numbers --- */

static void sweep(unsigned int nr, unsigned int n, const char *what)
{
	for (unsigned int fill = 0; fill < 3; fill++)
		for (unsigned int cmd = 0; cmd < n; cmd++) {
			clear();
			for (unsigned int i = 0; fill && i < PAGE / 4; i++)
				((u32 *)arg)[i] = fill == 1 ? 1 : i & 1 ? 0 : (u32)DOMID_SELF;
			look(what, cmd, hypercall2(nr, cmd, arg));
		}
}

static void sweep_all(void)
{
	sweep(__HYPERVISOR_xen_version, 12, "xen_version");
	sweep(__HYPERVISOR_memory_op, 40, "memory_op");
	sweep(__HYPERVISOR_lite_op, 12, "lite_op");
	for (unsigned int cmd = 0; cmd < 16; cmd++) {
		clear();
		if (cmd != VCPUOP_initialise && cmd != VCPUOP_down && cmd != VCPUOP_register_vcpu_info &&
		    cmd != VCPUOP_send_nmi)
			look("vcpu_op", cmd, hypercall3(__HYPERVISOR_vcpu_op, cmd, 0, arg));
	}
	hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_stop_periodic_timer, 0, 0);
	for (unsigned int cmd = SCHEDOP_shutdown_code + 1; cmd < 10; cmd++) {
		clear();
		look("sched_op", cmd, hypercall2(__HYPERVISOR_sched_op, cmd, arg));
	}
	for (unsigned int cmd = 0; cmd < 16; cmd++) {
		clear();
		if (cmd != EVTCHNOP_reset)
			look("event_channel_op", cmd, evtchn_op(cmd, arg));
	}
	for (unsigned int cmd = 0; cmd < 14; cmd++)
		for (unsigned int n = 0; n < 4; n++) {
			clear();
			for (unsigned int i = 0; i < PAGE / 2; i += 4)
				((u16 *)arg)[i] = DOMID_SELF;
			look("grant_table_op", cmd, hypercall3(__HYPERVISOR_grant_table_op, cmd, arg, n));
		}
	sweep(__HYPERVISOR_physdev_op, 36, "physdev_op");
	sweep(__HYPERVISOR_callback_op, 3, "callback_op");
	for (unsigned int reg = 0; reg < 8; reg++)
		look("get_debugreg", reg, hypercall1(__HYPERVISOR_get_debugreg, reg));
}

/* --- control operations, with buffers --- */

/* Words of the argument that are often pointers are set to the buffer, one at a time and none. */
static void control(unsigned int nr, u32 version, unsigned int n, const char *what, domid_t id)
{
	static const unsigned int no_domctl[] = { XEN_DOMCTL_createdomain, XEN_DOMCTL_destroydomain,
		XEN_DOMCTL_pausedomain, XEN_DOMCTL_unpausedomain, XEN_DOMCTL_max_mem, XEN_DOMCTL_setvcpucontext };

	for (unsigned int cmd = 0; cmd < n; cmd++)
		for (unsigned int ptr = 1; ptr < 10; ptr++) {
			bool skip = nr == __HYPERVISOR_sysctl && cmd == XEN_SYSCTL_debug_keys;

			for (unsigned int i = 0; i < ARRAY_SIZE(no_domctl); i++)
				skip |= nr == __HYPERVISOR_domctl && cmd == no_domctl[i];
			if (skip)
				continue;
			clear();
			((u32 *)arg)[0] = cmd;
			((u32 *)arg)[1] = version;
			if (nr == __HYPERVISOR_domctl)
				((u32 *)arg)[2] = id;
			for (unsigned int i = 2; i < 12; i++)
				if (i != ptr && nr != __HYPERVISOR_domctl)
					((u64 *)arg)[i] = 64;		/* room, in whatever field */
			((u64 *)arg)[ptr] = (u64)out;
			((u64 *)arg)[ptr + 1] = ptr & 1 ? sizeof(out) : 0;
			look(what, cmd, hypercall1(nr, arg));
		}
}

static void op_domain(struct xen_domctl *op, unsigned int cmd, domid_t id)
{
	clear();
	*op = (struct xen_domctl){ .cmd = cmd, .interface_version = XEN_DOMCTL_INTERFACE_VERSION, .domain = id };
}

/* What is known to give much, asked for correctly. */
static void control_operations(domid_t id)
{
	struct xen_domctl *op = (void *)arg;
	struct xen_sysctl *s = (void *)arg;
	long rc;

	op_domain(op, XEN_DOMCTL_getvcpucontext, id);
	set_xen_guest_handle(op->u.vcpucontext.ctxt, (void *)out);
	CHECK_EQ(rc = hypercall1(__HYPERVISOR_domctl, op), 0);
	look("getvcpucontext", id, rc);
	op_domain(op, XEN_DOMCTL_getdomaininfo, id);
	CHECK_EQ(rc = hypercall1(__HYPERVISOR_domctl, op), 0);
	look("getdomaininfo", id, rc);
	op_domain(op, XEN_DOMCTL_getvcpuextstate, id);
	op->u.vcpuextstate.size = sizeof(out);
	set_xen_guest_handle(op->u.vcpuextstate.buffer, (void *)out);
	CHECK_EQ(rc = hypercall1(__HYPERVISOR_domctl, op), 0);
	look("getvcpuextstate", id, rc);
	op_domain(op, XEN_DOMCTL_get_cpu_policy, id);
	op->u.cpu_policy.nr_leaves = 64;
	set_xen_guest_handle(op->u.cpu_policy.leaves, (void *)out);
	rc = hypercall1(__HYPERVISOR_domctl, op);
	look("get_cpu_policy", id, rc);
	clear();
	s->cmd = XEN_SYSCTL_getdomaininfolist;
	s->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	s->u.getdomaininfolist.max_domains = 10;
	set_xen_guest_handle(s->u.getdomaininfolist.buffer, (void *)out);
	CHECK_EQ(rc = hypercall1(__HYPERVISOR_sysctl, s), 0);
	look("getdomaininfolist", 0, rc);
	control(__HYPERVISOR_domctl, XEN_DOMCTL_INTERFACE_VERSION, 90, "domctl", id);
	control(__HYPERVISOR_sysctl, XEN_SYSCTL_INTERFACE_VERSION, 32, "sysctl", 0);
}

/* --- pages that are shared --- */

static void shared_pages(void)
{
	static u8 table[PAGE] __attribute__((aligned(4096)));
	struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 1 };
	u64 frame;

	scan(shared, PAGE, "shared info", 0);
	scan(start_info, PAGE, "start info", 0);
	scan(hypercall_page, PAGE, "hypercall page", 0);
	set_xen_guest_handle(s.frame_list, &frame);
	CHECK_EQ(hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, &s, 1), 0);
	CHECK_EQ(set_va(table, PTE(frame, PTE_KERNEL)), 0);
	scan(table, PAGE, "grant table", 0);
}

static void in_child(void)
{
	sweep_all();
	shared_pages();
	CHECK(done > 30, "only %u of %u calls have done something", done, calls);
}

void test_main(void)
{
	static struct child c;

	child_create(&c, in_child);
	child_run(&c);
	child_done(&c);
	shared_pages();
	control_operations(c.id);
	sweep_all();
	CHECK(done > 100, "only %u of %u calls have done something", done, calls);
	printk("%u calls, %u of them have done something\n", calls, done);
	child_destroy(&c);
}
