/* SPDX-License-Identifier: MIT */
/*
 * Random calls about everything but memory.
 *
 * Left out is what rightly ends this guest or the machine: shutdown, watchdog, sleep states, domctl on itself, handlers
 * and stacks at wrong addresses, iopl (its user code is random bytes), and a vcpu_info at another place (accepted once
 * only, so it is named with arguments that must be refused).
 */
#include "random.h"

#include "public/grant_table.h"
#include "public/physdev.h"
#include "public/platform.h"

static u64 small(struct actor *a)
{
	return chance(a, 80) ? below(a, 24) : odd_number(a);
}

/* --- descriptors --- */

static u64 descriptor(struct actor *a)
{
	static const u64 some[] = { 0, 0x00cff2000000ffff, 0x00affa000000ffff, 0x00cf92000000ffff, 0x0000890000000067,
				    0x0000ee0000080000, 0x00cffa000000ffff, 0x0000ec000000e033, 0x00008b0000000067 };

	return chance(a, 80) ? some[below(a, ARRAY_SIZE(some))] : number(a);
}

void call_descriptors(struct actor *a, struct call *c)
{
	u64 *frames = arena(a, 16 * 8);

	a->needs_restore = true;
	if (chance(a, 50)) {
		*c = (struct call){ .nr = __HYPERVISOR_update_descriptor,
				    { scratch_mfn[below(a, NR_SCRATCH)] << 12 | below(a, chance(a, 50) ? 64 : 4096),
				descriptor(a) } };
		return;
	}
	for (unsigned int i = 0; i < 16; i++)
		frames[i] = some_frame(a);
	*c = (struct call){ .nr = __HYPERVISOR_set_gdt, { pointer(a, frames), chance(a, 60) ? below(a, 1024) :
			odd_number(a) } };
}

/* --- event channels --- */

void call_events(struct actor *a, struct call *c)
{
	unsigned int cmd = below(a, 100) < 97 ? below(a, 10) : below(a, 20);
	u32 *w = arena(a, 32);

	switch (cmd) {
	case EVTCHNOP_alloc_unbound:
		w[0] = some_domid(a) | some_domid(a) << 16;
		break;
	case EVTCHNOP_bind_interdomain:
	case EVTCHNOP_status:
		w[0] = some_domid(a);
		w[1] = small(a);
		break;
	default:
		w[0] = small(a);
		w[1] = chance(a, 90) ? below(a, 4) : odd_number(a);
	}
	if (cmd == EVTCHNOP_reset)
		w[0] = some_domid(a);
	*c = (struct call){ .nr = __HYPERVISOR_event_channel_op, { cmd, pointer(a, w) } };
}

/* --- grants --- */

static struct {
	volatile u32 handle;
	volatile u64 addr;
} handles[NR_HANDLES];

static void after_map(struct actor *a, struct call *c, long rc)
{
	struct gnttab_map_grant_ref *m = c->data;

	(void)a;
	(void)rc;
	for (unsigned int i = 0; i < c->n; i++)
		if (!m[i].status && m[i].dev_bus_addr)
			for (unsigned int h = 0; h < NR_HANDLES; h++)
				if (!handles[h].addr) {
					handles[h].handle = m[i].handle;
					handles[h].addr = m[i].host_addr | 1;
					break;
				}
}

/* What is mapped, as far as it was noted. */
void grants_clean(void)
{
	for (unsigned int h = 0; h < NR_HANDLES; h++) {
		struct gnttab_unmap_grant_ref u = { .handle = handles[h].handle,
				.host_addr = handles[h].addr & ~1ul };

		if (handles[h].addr)
			hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, &u, 1);
		handles[h].addr = 0;
	}
}

static void grants_scribble(struct actor *a)
{
	for (unsigned int i = 0; i < 4; i++) {
		u64 mfn = scratch_mfn[NR_SCRATCH - 1 - below(a, NR_GRANTABLE)];
		u16 flags = chance(a, 70) ? GTF_permit_access | (chance(a, 30) ? GTF_readonly : 0) : number(a);

		grants[8 + below(a, 16)] = (mfn & 0xffffffff) << 32 | (u64)(chance(a, 80) ? own_id :
				some_domid(a)) << 16 | flags;
	}
}

static u64 grant_ref(struct actor *a)
{
	return chance(a, 90) ? 8 + below(a, 16) : odd_number(a);
}

static u64 grant_host_addr(struct actor *a, u32 *flags)
{
	*flags = chance(a, 80) ? GNTMAP_host_map | (chance(a, 40) ? GNTMAP_readonly : 0) : number(a) & 0x1f;
	if (*flags & GNTMAP_contains_pte)
		return chance(a, 70) ? pte_machine(scratch[below(a, NR_SCRATCH)], 1) + (chance(a, 10) ? 4 : 0) :
		       some_pte_address(a);
	return chance(a, 80) ? (u64)scratch[below(a, NR_SCRATCH)] : scratch_pointer(a) | (chance(a, 5) ? 1 : 0);
}

static void grant_copy(struct actor *a, struct gnttab_copy *g)
{
	g->source.domid = chance(a, 80) ? DOMID_SELF : some_domid(a);
	g->dest.domid = chance(a, 80) ? DOMID_SELF : some_domid(a);
	g->flags = below(a, chance(a, 90) ? 4 : 16);
	g->source.u.gmfn = g->flags & 1 ? grant_ref(a) : some_frame(a);
	g->dest.u.gmfn = g->flags & 2 ? grant_ref(a) : scratch_mfn[below(a, NR_SCRATCH)];
	g->source.offset = below(a, 4096);
	g->dest.offset = below(a, 4096);
	g->len = chance(a, 80) ? below(a, 1024) : odd_number(a);
}

void call_grants(struct actor *a, struct call *c)
{
	unsigned int n = 1 + below(a, 4), cmd;
	static const u8 usual[] = { GNTTABOP_map_grant_ref, GNTTABOP_map_grant_ref, GNTTABOP_unmap_grant_ref,
				    GNTTABOP_unmap_grant_ref, GNTTABOP_copy, GNTTABOP_copy,
				GNTTABOP_unmap_and_replace,
				    GNTTABOP_set_version, GNTTABOP_swap_grant_ref, GNTTABOP_query_size };
	u8 *args = arena(a, 4 * 64);

	grants_scribble(a);
	cmd = chance(a, 85) ? usual[below(a, ARRAY_SIZE(usual))] : below(a, 16);
	if (cmd == GNTTABOP_dump_table)
		cmd = GNTTABOP_copy;
	*c = (struct call){ .nr = __HYPERVISOR_grant_table_op, { cmd, (u64)args, n } };
	c->n = n;
	c->data = args;
	for (unsigned int i = 0; i < n; i++) {
		unsigned int h = below(a, NR_HANDLES);
		u32 flags, handle = chance(a, 70) ? handles[h].handle : odd_number(a);
		u64 addr = chance(a, 80) ? handles[h].addr & ~1ul : scratch_pointer(a);
		u32 *w = (u32 *)(args + i * 16);

		switch (cmd) {
		case GNTTABOP_map_grant_ref: {
			struct gnttab_map_grant_ref *m = (void *)args;

			m[i].host_addr = grant_host_addr(a, &flags);
			m[i].flags = flags;
			m[i].ref = grant_ref(a);
			m[i].dom = chance(a, 85) ? own_id : some_domid(a);
			m[i].status = 99;
			c->after = after_map;
			break;
		}
		case GNTTABOP_unmap_grant_ref: {
			struct gnttab_unmap_grant_ref *u = (void *)args;

			u[i] = (struct gnttab_unmap_grant_ref){ .host_addr = chance(a, 90) ? addr : 0,
					.handle = handle,
								.dev_bus_addr = chance(a, 90) ? 0 : odd_number(a) };
			break;
		}
		case GNTTABOP_unmap_and_replace: {
			struct gnttab_unmap_and_replace *u = (void *)args;

			u[i] = (struct gnttab_unmap_and_replace){ .host_addr = addr, .handle = handle,
				.new_addr = chance(a, 85) ? (u64)scratch[below(a, NR_SCRATCH)] : bad_pointer(a) };
			if (u[i].new_addr >= VIRT_BASE && u[i].new_addr < (u64)scratch[0])
				u[i].new_addr = 0;
			break;
		}
		case GNTTABOP_copy:
			grant_copy(a, (struct gnttab_copy *)args + i);
			break;
		case GNTTABOP_set_version:
			w[0] = chance(a, 70) ? 1 : odd_number(a);
			break;
		default:
			w[0] = chance(a, 50) ? some_domid(a) : grant_ref(a);
			w[1] = chance(a, 50) ? below(a, 4) : odd_number(a);
			*(u64 *)(w + 2) = pointer(a, args + 128);
		}
	}
	if (chance(a, 6) && !c->after) {
		c->a[1] = bad_pointer(a);
		c->a[2] = chance(a, 50) ? n :
				odd_number(a);	/* of a good list it would be our memory that it writes to */
	}
}

/* --- vCPUs, scheduler --- */

static void call_sched(struct actor *a, struct call *c)
{
	static const u8 cmds[] = { SCHEDOP_yield, SCHEDOP_yield, SCHEDOP_block, SCHEDOP_poll, SCHEDOP_poll,
				   SCHEDOP_remote_shutdown, SCHEDOP_pin_override, 8, 63, 255 };
	unsigned int cmd = cmds[below(a, ARRAY_SIZE(cmds))];
	struct sched_poll *p = arena(a, sizeof(*p));
	u32 *ports = arena(a, 128 * 4);

	for (unsigned int i = 0; i < 4; i++)
		ports[i] = small(a);
	set_xen_guest_handle(p->ports, (void *)pointer(a, ports));
	p->nr_ports = chance(a, 80) ? 1 + below(a, 4) : odd_number(a);
	p->timeout = time_now() + below(a, 200000);
	*c = (struct call){ .nr = __HYPERVISOR_sched_op, { cmd, (u64)p } };
	if (cmd == SCHEDOP_block) {
		if (a->in_multicall || !may_wait(a))
			c->a[0] = SCHEDOP_yield;
		else
			wake_later(a, 100000);
	} else if (cmd != SCHEDOP_poll && cmd != SCHEDOP_yield) {
		u32 *w = arena(a, 16);

		w[0] = 3 + below(a, 5) + (chance(a, 50) ? 0x7ff0 : 0);		/* never this domain */
		if ((w[0] & 0xffff) == DOMID_SELF)
			w[0]++;
		c->a[1] = cmd == SCHEDOP_pin_override && chance(a, 80) ? bad_pointer(a) : (u64)w;
	}
}

void call_vcpu(struct actor *a, struct call *c)
{
	unsigned int cmd = below(a, chance(a, 95) ? 14 : 64), id = chance(a, 90) ? below(a, 2) : odd_number(a);
	u64 *w = arena(a, 64);

	if (chance(a, 30)) {
		call_sched(a, c);
		return;
	}
	w[0] = chance(a, 60) ? time_now() + below(a, 1000000) : odd_number(a);
	w[1] = below(a, 2);
	switch (cmd) {
	case VCPUOP_initialise:
		id = chance(a, 90) ? a->id : odd_number(a);
		if (id == 1 && !a->id)
			id = 0;
		w = (u64 *)bad_pointer(a);
		break;
	case VCPUOP_down:
		if (a->id == 0 || id == 0 || !may_wait(a))
			cmd = VCPUOP_is_up;
		break;
	case VCPUOP_register_runstate_memory_area:
	case VCPUOP_register_vcpu_time_memory_area:
		w[0] = pointer(a, (void *)scratch_pointer(a));
		if (id != a->id && id < 2)
			id = a->id;
		break;
	case VCPUOP_set_periodic_timer:
		w[0] = chance(a, 50) ? 1000000 + below(a, 5000000) : odd_number(a);
		break;
	case VCPUOP_register_vcpu_info:
		w[0] = below(a, 2) ? 1ul << 33 : scratch_mfn[below(a, NR_SCRATCH)];
		w[1] = w[0] >> 33 ? below(a, 64) : 4040 + below(a, 4096);
		break;
	}
	*c = (struct call){ .nr = __HYPERVISOR_vcpu_op, { cmd, id, cmd == VCPUOP_register_vcpu_info ? (u64)w :
			pointer(a, w) } };
	if (cmd == VCPUOP_up && id > 1)
		c->a[1] = 77;
}

/* --- what this vCPU says of itself --- */

static void call_traps(struct actor *a, struct call *c)
{
	extern u8 trap_stubs[][16];
	struct trap_info *t = arena(a, 5 * sizeof(*t));

	for (unsigned int i = 0; i < 4; i++) {
		t[i].vector = number(a);
		t[i].flags = number(a);
		t[i].cs = number(a);
		t[i].address = chance(a, 95) ? (u64)trap_stubs[t[i].vector] : 1ul << 63;
		if (t[i].vector < 32)
			t[i].flags &= ~3;
	}
	*c = (struct call){ .nr = __HYPERVISOR_set_trap_table, { chance(a, 95) ? (u64)t : 0xffff830000000000 } };
	a->needs_restore = true;
}

static void call_callback(struct actor *a, struct call *c)
{
	extern u8 syscall_entry[], event_entry[], failsafe_entry[];
	struct callback_register *cb = arena(a, sizeof(*cb));

	cb->type = below(a, 9);
	cb->flags = number(a);
	cb->address = (u64)(cb->type == CALLBACKTYPE_failsafe ? failsafe_entry :
			    cb->type == CALLBACKTYPE_syscall ? syscall_entry : event_entry);
	if (chance(a, 20))
		cb->address = 1ul << 63 | number(a) >> 2;
	*c = (struct call){ .nr = __HYPERVISOR_callback_op, { below(a, 3), (u64)cb } };
	if (chance(a, 10))
		c->a[1] = bad_pointer(a);
}

void call_self(struct actor *a, struct call *c)
{
	switch (below(a, 8)) {
	case 0:
		*c = (struct call){ .nr = __HYPERVISOR_stack_switch, { number(a), (u64)a->trap_stack + STACK_SIZE } };
		return;
	case 1:
		*c = (struct call){ .nr = __HYPERVISOR_set_segment_base,
				    { below(a, 6), chance(a, 50) ? odd_number(a) : chance(a, 50) ?
				scratch_pointer(a) : bad_pointer(a) } };
		return;
	case 2:
		*c = (struct call){ .nr = __HYPERVISOR_set_debugreg,
				    { below(a, 9), chance(a, 60) ? scratch_pointer(a) : chance(a, 50) ?
				odd_number(a) : bad_pointer(a) } };
		if (c->a[0] == 7)
			c->a[1] = chance(a, 50) ? 0x400 : number(a);
		return;
	case 3:
		*c = (struct call){ .nr = __HYPERVISOR_get_debugreg, { small(a) } };
		return;
	case 4:
		*c = (struct call){ .nr = __HYPERVISOR_fpu_taskswitch, { below(a, 2) } };
		return;
	case 5:
		*c = (struct call){ .nr = __HYPERVISOR_vm_assist, { small(a) & 3, chance(a, 80) ? below(a, 10) :
				odd_number(a) } };
		return;
	case 6:
		call_traps(a, c);
		return;
	default:
		call_callback(a, c);
	}
}

/* --- questions, and what only dom0 may ask --- */

void call_info(struct actor *a, struct call *c)
{
	void *out = arena(a, 1200);
	u64 stamp = time_now();

	switch (below(a, 4)) {
	case 0:
		*c = (struct call){ .nr = __HYPERVISOR_xen_version, { small(a), pointer(a, out) } };
		return;
	case 1:
		*c = (struct call){ .nr = __HYPERVISOR_set_timer_op, { chance(a, 70) ? stamp + below(a, 2000000) :
				odd_number(a) } };
		return;
	case 2:
		*c = (struct call){ .nr = __HYPERVISOR_console_io, { small(a), chance(a, 50) ? 0 : odd_number(a),
				bad_pointer(a) } };
		return;
	default:
		*c = (struct call){ .nr = below(a, 80), { bad_pointer(a), bad_pointer(a), bad_pointer(a),
				DOMID_INVALID } };
		/* These act on numbers, or mean something without a pointer. */
		if (c->nr == __HYPERVISOR_iret || c->nr == __HYPERVISOR_sched_op ||
		    c->nr == __HYPERVISOR_stack_switch ||
		    c->nr == __HYPERVISOR_set_trap_table || c->nr == __HYPERVISOR_set_callbacks ||
		    c->nr == __HYPERVISOR_update_va_mapping || c->nr == __HYPERVISOR_sched_op_compat ||
		    c->nr == __HYPERVISOR_multicall)
			c->nr = 63;
	}
}

void call_admin(struct actor *a, struct call *c)
{
	u32 *w = arena(a, 256);

	for (unsigned int i = 0; i < 32; i++)
		w[i] = chance(a, 70) ? below(a, 32) : odd_number(a);
	switch (below(a, 5)) {
	case 0:
		*c = (struct call){ .nr = __HYPERVISOR_physdev_op, { below(a, 33), pointer(a, w) } };
		if (c->a[0] == PHYSDEVOP_set_iopl || c->a[0] == PHYSDEVOP_set_iobitmap ||
		    c->a[0] == PHYSDEVOP_apic_write)
			c->a[0] = 99;
		return;
	case 1:
		w[1] = XENPF_INTERFACE_VERSION;
		w[0] = below(a, 70);
		if (w[0] == XENPF_enter_acpi_sleep || w[0] == XENPF_cpu_offline || w[0] == XENPF_cpu_online)
			w[0] = 99;
		*c = (struct call){ .nr = __HYPERVISOR_platform_op, { chance(a, 90) ? (u64)w : bad_pointer(a) } };
		return;
	case 2:
		/* A domain that is not there, so that it is this one never. */
		w[0] = below(a, 90);
		w[1] = 0x15;
		w[2] = 5 + below(a, 100);
		if (w[0] == 1)
			w[0] = 2;
		*c = (struct call){ .nr = __HYPERVISOR_domctl, { chance(a, 90) ? (u64)w : bad_pointer(a) } };
		return;
	case 3:
		w[0] = below(a, 40);
		w[1] = 0x15;
		*c = (struct call){ .nr = __HYPERVISOR_sysctl, { chance(a, 90) ? (u64)w : bad_pointer(a) } };
		return;
	default:
		*c = (struct call){ .nr = __HYPERVISOR_platform_op + 1 + below(a, 40), { bad_pointer(a),
				odd_number(a), odd_number(a) } };
		c->nr = 49 + below(a, 15);
	}
}
