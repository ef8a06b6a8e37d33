/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls: the table, the dispatcher, continuation, and multicall.
 *
 * rax = number, rdi, rsi, rdx, r10, r8, r9 = arguments, result in rax. A handler that is preempted rewrites the
 * arguments through hypercall_continue() and the guest's rip is put back on the SYSCALL instruction, so the guest
 * itself issues the call again, after whatever was more urgent. In a multicall the arguments are those of the entry in
 * progress.
 */
#include <xl/entry.h>
#include <xl/hypercall.h>
#include <xl/guest_access.h>
#include <xl/sched.h>
#include <xl/event.h>
#include <public/lite.h>
#include <xl/asm.h>
#include <xl/time.h>

typedef long (*hypercall_fn)(unsigned long, unsigned long, unsigned long, unsigned long, unsigned long, unsigned long);

/* Number of arguments, for poisoning and for the casts; handlers take less than six. */
#define CALL(nr, fn, n)	[__HYPERVISOR_##nr] = { (hypercall_fn)(void (*)(void))(fn), n }

static const struct {
	hypercall_fn fn;
	u8 nr_args;
} table[64] = {
	CALL(set_trap_table, do_set_trap_table, 1),
	CALL(mmu_update, do_mmu_update, 4),
	CALL(set_gdt, do_set_gdt, 2),
	CALL(stack_switch, do_stack_switch, 2),
	CALL(set_callbacks, do_set_callbacks, 3),
	CALL(fpu_taskswitch, do_fpu_taskswitch, 1),
	CALL(platform_op, do_platform_op, 1),
	CALL(set_debugreg, do_set_debugreg, 2),
	CALL(get_debugreg, do_get_debugreg, 1),
	CALL(update_descriptor, do_update_descriptor, 2),
	CALL(memory_op, do_memory_op, 2),
	CALL(multicall, do_multicall, 2),
	CALL(update_va_mapping, do_update_va_mapping, 3),
	CALL(set_timer_op, do_set_timer_op, 1),
	CALL(xen_version, do_xen_version, 2),
	CALL(console_io, do_console_io, 3),
	CALL(grant_table_op, do_grant_table_op, 3),
	CALL(vm_assist, do_vm_assist, 2),
	CALL(update_va_mapping_otherdomain, do_update_va_mapping_otherdomain, 4),
	CALL(vcpu_op, do_vcpu_op, 3),
	CALL(set_segment_base, do_set_segment_base, 2),
	CALL(mmuext_op, do_mmuext_op, 4),
	CALL(nmi_op, do_nmi_op, 2),
	CALL(sched_op, do_sched_op, 2),
	CALL(callback_op, do_callback_op, 2),
	CALL(event_channel_op, do_event_channel_op, 2),
	CALL(physdev_op, do_physdev_op, 2),
	CALL(sysctl, do_sysctl, 1),
	CALL(domctl, do_domctl, 1),
	CALL(lite_op, do_lite_op, 2),
};

static __hot long call(unsigned long nr, const unsigned long *a)
{
	if (nr >= ARRAY_SIZE(table) || !table[nr].fn)
		return -XEN_ENOSYS;
	return table[nr].fn(a[0], a[1], a[2], a[3], a[4], a[5]);
}

static __hot void poison_args(struct cpu_user_regs *regs, unsigned int n)
{
	u64 *args[] = { &regs->rdi, &regs->rsi, &regs->rdx, &regs->r10, &regs->r8, &regs->r9 };

	/* Spent argument registers are lost by the ABI: debug builds make sure that nobody counts on them. */
	for (unsigned int i = 0; i < n && i < 5; i++)
		*args[i] = 0xdeadbeefdeadf00dUL;
}

__hot void hypercall_run(struct cpu_user_regs *regs)
{
	unsigned long args[6] = { regs->rdi, regs->rsi, regs->rdx, regs->r10, regs->r8, regs->r9 };
	struct vcpu *v = current;
	u64 nr = regs->rax, rip = regs->rip;
	long rc;

	v->count[COUNT_HYPERCALL]++;
	rc = call(nr, args);
	if (regs->rip != rip)
		return;			/* to be issued again, or an iret: the registers are as they should be */
	regs->rax = rc;
#ifdef XL_DEBUG_BUILD
	if (nr < ARRAY_SIZE(table) && nr != __HYPERVISOR_multicall)	/* an iret in it may have led to just behind it */
		poison_args(regs, table[nr].nr_args);
#else
	(void)poison_args;
#endif
}

/* --- preemption --------------------------------------------------------------------------------------------------- */

/*
 * Interrupts are off, so nobody can tell us that one waits: after a stay of 50 us in long work it is time to look. The
 * guest issues the call again at once when there was nothing; that costs 1 us in 50.
 */
__hot bool hypercall_preempt_check(void)
{
	struct cpu_info *ci = cpu_info();
	u64 t;

	if (ci->hazards & (HAZARD_RESCHED | HAZARD_TIMER | HAZARD_IPI))
		return true;
	t = rdtsc();
	if (!ci->work_start)
		ci->work_start = t;
	return t - ci->work_start > tsc_khz / 20;
}

long hypercall_continue(unsigned int op, unsigned int n, ...)
{
	struct cpu_user_regs *regs = guest_regs();
	struct vcpu *v = current;
	u64 *reg[] = { &regs->rdi, &regs->rsi, &regs->rdx, &regs->r10, &regs->r8, &regs->r9 };
	va_list ap;

	va_start(ap, n);
	if (v->mc_entry) {
		v->mc_preempted = true;
		v->mc_entry->op = op;
		for (unsigned int i = 0; i < n; i++)
			v->mc_entry->args[i] = va_arg(ap, unsigned long);
	} else {
		regs->rax = op;
		regs->rip -= 2;		/* onto the syscall instruction, or its copy in the hypercall page */
		for (unsigned int i = 0; i < n; i++)
			*reg[i] = va_arg(ap, unsigned long);
	}
	va_end(ap);
	return op;
}

/* --- multicall ---------------------------------------------------------------------------------------------------- */

/* One entry; false: it was preempted and has been written back with the arguments to go on with. */
static bool multicall_one(struct multicall_entry *guest, struct multicall_entry *mc)
{
	struct vcpu *v = current;

	v->mc_entry = mc;
	v->mc_preempted = false;
	mc->result = call(mc->op, mc->args);
	v->mc_entry = NULL;
	if (!v->mc_preempted)
		return true;
	if (copy_to_guest(guest, mc, 1))
		domain_crash(v->domain, "multicall entry became unwritable");
	return false;
}

__hot long do_multicall(void *list, unsigned int n)
{
	struct multicall_entry *guest = list, mc;
	unsigned int i;

	if (current->mc_entry)
		return -XEN_EINVAL;	/* in another one */
	if (!guest_range_ok(list, n, sizeof(mc)))
		return -XEN_EFAULT;
	for (i = 0; i < n; i++) {
		if (i && hypercall_preempt_check())
			break;
		if (copy_from_guest(&mc, guest + i, 1))
			return -XEN_EFAULT;
		if (mc.op == __HYPERVISOR_iret)
			return do_iret();	/* the entries behind it are the kernel's, and it may have left that */
		if (!multicall_one(guest + i, &mc))
			break;
		if (raw_copy_to_guest(&guest[i].result, &mc.result, sizeof(mc.result)))
			return -XEN_EFAULT;
	}
	if (i == n || current->domain->shutting_down)
		return 0;
	return hypercall_continue(__HYPERVISOR_multicall, 2, guest + i, (unsigned long)(n - i));
}

/* --- the hypercall page ------------------------------------------------------------------------------------------ */

/* 128 stubs of 32 bytes. iret does not come back: its stub leaves the frame that do_iret() reads. */
void hypercall_page_fill(void *page)
{
	static const u8 stub[] = {
		0x51,				/* push %rcx */
		0x41, 0x53,			/* push %r11 */
		0xb8, 0, 0, 0, 0,		/* mov $nr, %eax */
		0x0f, 0x05,			/* syscall */
		0x41, 0x5b,			/* pop %r11 */
		0x59,				/* pop %rcx */
		0xc3,				/* ret */
	};
	static const u8 iret_stub[] = {
		0x51,				/* push %rcx */
		0x41, 0x53,			/* push %r11 */
		0x50,				/* push %rax */
		0xb8, __HYPERVISOR_iret, 0, 0, 0,
		0x0f, 0x05,
	};
	u8 *p = page;

	memset(p, 0xcc, PAGE_SIZE);
	for (u32 nr = 0; nr < PAGE_SIZE / 32; nr++, p += 32) {
		if (nr == __HYPERVISOR_iret) {
			memcpy(p, iret_stub, sizeof(iret_stub));
			continue;
		}
		memcpy(p, stub, sizeof(stub));
		memcpy(p + 4, &nr, sizeof(nr));
	}
}
