/* SPDX-License-Identifier: MIT */
/*
 * What a guest kernel tells us about itself: trap table, callbacks, kernel stack, segment bases, assists, debug
 * registers. All of it is state of the calling vCPU (assists: of the domain), checked here once and trusted afterwards.
 */
#include <xl/entry.h>
#include <xl/pt.h>
#include <xl/asm.h>
#include <xl/hypercall.h>
#include <xl/guest_access.h>
#include <public/callback.h>
#include <public/nmi.h>

/* --- traps and callbacks ----------------------------------------------------------------------------------------- */

long do_set_trap_table(void *list)
{
	struct trap_info *traps = current->pv.traps;

	if (!list) {
		memset(traps, 0, sizeof(current->pv.traps));
		return 0;
	}
	/* At most one entry for each vector is meaningful, and the list ends at address 0. */
	for (unsigned int i = 0; i < 512; i++) {
		struct trap_info ti;

		if (copy_from_guest_offset(&ti, list, i, 1))
			return -XEN_EFAULT;
		if (!ti.address)
			return 0;
		if (!is_canonical(ti.address))
			return refuse(-XEN_EINVAL, "handler %lx of trap %u", ti.address, ti.vector);
		traps[ti.vector] = ti;
	}
	return -XEN_E2BIG;
}

static long callback_register(unsigned int type, unsigned long address, bool mask)
{
	struct pv_vcpu *pv = &current->pv;

	if (!is_canonical(address))
		return refuse(-XEN_EINVAL, "callback %u at %lx", type, address);
	switch (type) {
	case CALLBACKTYPE_event:
		pv->event_callback = address;
		return 0;
	case CALLBACKTYPE_failsafe:
		pv->failsafe_callback = address;
		pv->event_mask_on_failsafe = mask;
		return 0;
	case CALLBACKTYPE_syscall:
		pv->syscall_callback = address;
		pv->event_mask_on_syscall = mask;
		return 0;
	case CALLBACKTYPE_nmi:
		pv->traps[TRAP_nmi] = (struct trap_info){ .vector = TRAP_nmi, .flags = 4, .cs = FLAT_KERNEL_CS,
							  .address = address };
		return 0;
	case CALLBACKTYPE_syscall32:
		pv->syscall32_callback = address;
		pv->syscall32_masks = mask;
		return 0;
	case CALLBACKTYPE_sysenter:
		pv->sysenter_callback = address;
		pv->sysenter_masks = mask;
		return 0;
	default:
		return -XEN_ENOSYS;
	}
}

static long callback_unregister(unsigned int type)
{
	switch (type) {
	case CALLBACKTYPE_event:
	case CALLBACKTYPE_failsafe:
	case CALLBACKTYPE_syscall:
	case CALLBACKTYPE_syscall32:
	case CALLBACKTYPE_sysenter:
		return -XEN_EINVAL;
	case CALLBACKTYPE_nmi:
		current->pv.traps[TRAP_nmi].address = 0;
		return 0;
	default:
		return -XEN_ENOSYS;
	}
}

long do_callback_op(int cmd, const void *arg)
{
	struct callback_register reg;
	struct callback_unregister unreg;

	switch (cmd) {
	case CALLBACKOP_register:
		if (copy_from_guest(&reg, arg, 1))
			return -XEN_EFAULT;
		return callback_register(reg.type, reg.address, reg.flags & CALLBACKF_mask_events);
	case CALLBACKOP_unregister:
		if (copy_from_guest(&unreg, arg, 1))
			return -XEN_EFAULT;
		return callback_unregister(unreg.type);
	default:
		return -XEN_ENOSYS;
	}
}

long do_set_callbacks(unsigned long event, unsigned long failsafe, unsigned long syscall)
{
	if (!is_canonical(event) || !is_canonical(failsafe) || !is_canonical(syscall))
		return -XEN_EINVAL;
	current->pv.event_callback = event;
	current->pv.failsafe_callback = failsafe;
	current->pv.syscall_callback = syscall;
	return 0;
}

long do_nmi_op(unsigned int cmd, void *arg)
{
	struct xennmi_callback cb;

	switch (cmd) {
	case XENNMI_register_callback:
		if (copy_from_guest(&cb, arg, 1))
			return -XEN_EFAULT;
		return current->id ? -XEN_EINVAL : callback_register(CALLBACKTYPE_nmi, cb.handler_address, true);
	case XENNMI_unregister_callback:
		current->pv.traps[TRAP_nmi].address = 0;
		return 0;
	default:
		return -XEN_ENOSYS;
	}
}

/* --- stack, FPU, segments ---------------------------------------------------------------------------------------- */

long do_stack_switch(unsigned long ss, unsigned long sp)
{
	current->pv.kernel_ss = ss | 3;
	current->pv.kernel_sp = sp;
	return 0;
}

long do_fpu_taskswitch(int set)
{
	current->pv.cr0_ts = set ? X86_CR0_TS : 0;
	if (set)
		write_cr0(read_cr0() | X86_CR0_TS);
	else
		__asm__ __volatile__("clts");
	return 0;
}

/*
 * In kernel mode the guest kernel's GS base is in GS_BASE and the user's in KERNEL_GS_BASE. A selector that cannot be
 * loaded becomes none, without an error: kernels take one for their own bug, while the selector may be any that a
 * program has left there, of an LDT that has changed since.
 */
static long set_user_gs_selector(u16 sel)
{
	__asm__ __volatile__("swapgs" ::: "memory");
	if (load_gs(sel > 3 ? sel | 3 : sel))
		wrmsr(MSR_GS_BASE, 0);
	__asm__ __volatile__("swapgs" ::: "memory");
	return 0;
}

long do_set_segment_base(unsigned int which, unsigned long base)
{
	if (which == SEGBASE_GS_USER_SEL)
		return set_user_gs_selector(base);
	if (!is_canonical(base))
		return -XEN_EINVAL;
	switch (which) {
	case SEGBASE_FS:
		wrmsr(MSR_FS_BASE, base);
		return 0;
	case SEGBASE_GS_USER:
		wrmsr(MSR_KERNEL_GS_BASE, base);
		return 0;
	case SEGBASE_GS_KERNEL:
		wrmsr(MSR_GS_BASE, base);
		return 0;
	default:
		return -XEN_EINVAL;
	}
}

/* --- assists ----------------------------------------------------------------------------------------------------- */

long do_vm_assist(unsigned int cmd, unsigned int type)
{
	struct domain *d = current->domain;

	if (type >= BITS_PER_LONG || !(PV_ASSISTS >> type & 1))
		return -XEN_EINVAL;
	switch (cmd) {
	case VMASST_CMD_enable:
		if (lite_assists_refused(d) >> type & 1)
			return refuse(-XEN_EPERM, "d%u may not have assist %u", d->id, type);
		set_bit(type, &d->vm_assist);
		break;
	case VMASST_CMD_disable:
		clear_bit(type, &d->vm_assist);
		break;
	default:
		return -XEN_ENOSYS;
	}
	if (type == VMASST_TYPE_lite_shared_tables)
		cpu_l4_unload(d);
	if (type == VMASST_TYPE_lite_direct_entry)
		direct_changed(d);
	return 0;
}

/* --- debug registers ---------------------------------------------------------------------------------------------- */

/* A breakpoint may not watch the hypervisor. */
static bool breakpoint_ok(unsigned long addr)
{
	return is_canonical(addr) && (addr < HV_VIRT_START || addr >= HV_VIRT_END);
}

static void load_dr(int reg, unsigned long val)
{
	switch (reg) {
	case 0: __asm__ __volatile__("mov %0, %%db0" :: "r" (val)); break;
	case 1: __asm__ __volatile__("mov %0, %%db1" :: "r" (val)); break;
	case 2: __asm__ __volatile__("mov %0, %%db2" :: "r" (val)); break;
	case 3: __asm__ __volatile__("mov %0, %%db3" :: "r" (val)); break;
	case 6: __asm__ __volatile__("mov %0, %%db6" :: "r" (val)); break;
	case 7: __asm__ __volatile__("mov %0, %%db7" :: "r" (val)); break;
	}
}

void pv_load_debugregs(const struct vcpu *v)
{
	for (int i = 0; i < 4; i++)
		load_dr(i, v->pv.dr[i]);
	load_dr(6, v->pv.dr[6]);
	load_dr(7, v->pv.dr[7]);
}

void pv_clear_debugregs(void)
{
	load_dr(7, 0x400);
}

/*
 * A guest's data breakpoint may fire on our first instruction or on a copy. That is nothing to tell anybody, but no
 * other may fire until we leave.
 */
void pv_suspend_debugregs(void)
{
	load_dr(7, 0x400);
	load_dr(6, 0xffff0ff0);
	hazard_raise(HAZARD_DEBUG);
}

void pv_resume_debugregs(const struct vcpu *v)
{
	if (!is_idle_vcpu(v) && (v->pv.dr[7] & 0xff))
		pv_load_debugregs(v);
}

/* The register that a number means, DR4 and DR5 being other names unless CR4.DE is set; -XEN_ENODEV: none. */
int pv_debugreg_number(const struct vcpu *v, int reg)
{
	if ((reg == 4 || reg == 5) && !(v->pv.cr4 & X86_CR4_DE))
		reg += 2;
	return (reg >= 0 && reg <= 3) || reg == 6 || reg == 7 ? reg : -XEN_ENODEV;
}

static unsigned int dr7_type(unsigned long dr7, unsigned int n)
{
	return dr7 >> (16 + 4 * n) & 3;
}

/*
 * Fixed bits; general detect is ours. Breakpoints on ports (type 2) are for the emulator of in and out, so the
 * processor does not get to see that they are on.
 */
static int set_dr7(struct vcpu *v, unsigned long val)
{
	unsigned long on_ports = 0;

	val = (val & 0xffff23ff) | 0x400;
	if (val & DR7_GENERAL_DETECT)
		return -XEN_EPERM;
	for (unsigned int n = 0; n < 4 && (val & 0xff); n++) {
		if (dr7_type(val, n) != DR7_TYPE_PORT)
			continue;
		if (!(v->pv.cr4 & X86_CR4_DE))
			return -XEN_EPERM;
		on_ports |= val & 3UL << 2 * n;
	}
	v->pv.dr7_ports = on_ports;
	v->pv.dr[7] = val & ~on_ports;
	return 0;
}

int pv_set_debugreg(struct vcpu *v, int reg, unsigned long val)
{
	reg = pv_debugreg_number(v, reg);
	if (reg < 0)
		return reg;
	if (reg <= 3 && !breakpoint_ok(val))
		return -XEN_EPERM;
	if (reg >= 6 && val >> 32)
		return -XEN_EINVAL;
	if (reg == 7)
		return set_dr7(v, val);
	v->pv.dr[reg] = reg == 6 ? (val & 0xe00f) | 0xffff0ff0 : val;
	return 0;
}

/* The bits of DR6 for an access to these ports. */
u32 pv_port_breakpoints(const struct vcpu *v, u32 port, unsigned int size)
{
	static const u8 widths[] = { 1, 2, 8, 4 };
	u32 hit = 0;

	if (likely(!v->pv.dr7_ports) || !(v->pv.cr4 & X86_CR4_DE))
		return 0;
	for (unsigned int n = 0; n < 4; n++) {
		unsigned long width = widths[v->pv.dr[7] >> (18 + 4 * n) & 3], first = v->pv.dr[n] & ~(width - 1);

		if ((v->pv.dr7_ports >> 2 * n & 3) && first < port + size && port < first + width)
			hit |= 1U << n;
	}
	return hit;
}

long do_set_debugreg(int reg, unsigned long val)
{
	struct vcpu *v = current;
	int rc = pv_set_debugreg(v, reg, val);

	if (!rc && (v->pv.dr[7] & 0xff))
		pv_load_debugregs(v);
	else if (!rc)
		pv_clear_debugregs();
	return rc;
}

long do_get_debugreg(int reg)
{
	const struct pv_vcpu *pv = &current->pv;

	reg = pv_debugreg_number(current, reg);
	return reg < 0 ? reg : (long)(pv->dr[reg] | (reg == 7 ? pv->dr7_ports : 0));
}
