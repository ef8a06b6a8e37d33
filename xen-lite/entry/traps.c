/* SPDX-License-Identifier: MIT */
/*
 * Exceptions: the IDT, each CPU's GDT and TSS, and what happens at a trap.
 *
 * A trap from a guest is ours to handle (a lazily filled table, an emulated instruction) or is queued in v->pv.bounce
 * and delivered by the exit path. A trap from the hypervisor is a copy that faulted on guest memory (.extable), the
 * final iretq that did not like the guest's selectors, or our own bug: panic.
 */
#include <xl/entry.h>
#include <xl/asm.h>
#include <xl/asm_offsets.h>
#include <xl/logdirty.h>
#include <xl/mm.h>
#include <xl/pt.h>
#include <xl/platform.h>
#include <xl/event.h>

_Static_assert(offsetof(struct cpu_user_regs, rax) == UREGS_rax, "rax");
_Static_assert(offsetof(struct cpu_user_regs, error_code) == UREGS_error_code, "error_code");
_Static_assert(offsetof(struct cpu_user_regs, entry_vector) == UREGS_entry_vector, "entry_vector");
_Static_assert(offsetof(struct cpu_user_regs, rip) == UREGS_rip, "rip");
_Static_assert(offsetof(struct cpu_user_regs, cs) == UREGS_cs, "cs");
_Static_assert(offsetof(struct cpu_user_regs, rflags) == UREGS_rflags, "rflags");
_Static_assert(offsetof(struct cpu_user_regs, rsp) == UREGS_rsp, "rsp");
_Static_assert(offsetof(struct cpu_user_regs, es) == UREGS_es, "es");
_Static_assert(sizeof(struct cpu_info) == CPUINFO_SIZE, "cpu_info");
_Static_assert(X86_EFLAGS_VM == EFLAGS_VM, "rflags.VM");
_Static_assert((STACK_SIZE - CPUINFO_SIZE + UREGS_es) % 16 == 0, "the processor aligns frames to 16 bytes");

struct idt_gate {
	u16 offset_low, selector;
	u8 ist, type;
	u16 offset_mid;
	u32 offset_high, zero;
};

struct tss {
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7];
	u64 reserved2;
	u16 reserved3, iomap_base;
} __packed;

enum { IST_DF = 1, IST_NMI, IST_MC, IST_DB };	/* the pages of the stack block from its low end */

extern char vector_stubs[], guest_iret[], entry_syscall[];
extern const struct { unsigned long insn, fixup; } _extable_start[], _extable_end[];

static struct idt_gate idt[256] __aligned(16);
static const u64 no_descriptors[PT_ENTRIES] __aligned(PAGE_SIZE);
static DEFINE_PER_CPU(struct tss, tss);
static DEFINE_PER_CPU(u64 *, gdt_page);		/* the reserved descriptors, window page 14 */
static DEFINE_PER_CPU(u64 *, window_l1);	/* entries of the window: 16 GDT pages, 16 LDT pages */

void guest_exception(struct cpu_user_regs *regs);
bool hv_exception(struct cpu_user_regs *regs);
void ist_exception(struct cpu_user_regs *regs);
void guest_interrupt(u32 vector, struct cpu_user_regs *regs);
void guest_vm86(struct cpu_user_regs *regs);

bool trap_has_error_code(unsigned int vector)
{
	return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 ||
	       vector == 29 || vector == 30;
}

/* --- tables --------------------------------------------------------------------------------------------- */

static void idt_set(unsigned int vector, u8 dpl)
{
	unsigned long addr = (unsigned long)vector_stubs + 16 * vector;

	idt[vector] = (struct idt_gate){
		.offset_low = addr, .offset_mid = addr >> 16, .offset_high = addr >> 32,
		.selector = HV_CS, .type = 0x8e | dpl << 5,
	};
}

void traps_init(void)
{
	for (unsigned int i = 0; i < 256; i++)
		idt_set(i, 0);
	/* int3 and into are unprivileged; every other software interrupt comes as #GP and is looked up by number. */
	idt_set(TRAP_int3, 3);
	idt_set(TRAP_overflow, 3);
}

/* The full gates, once there are stacks for them. */
static void idt_use_ist(void)
{
	idt[TRAP_debug].ist = IST_DB;
	idt[TRAP_nmi].ist = IST_NMI;
	idt[TRAP_double_fault].ist = IST_DF;
	idt[TRAP_machine_check].ist = IST_MC;
}

static void gdt_set_system(u64 *gdt, unsigned int selector, u64 base, u32 limit, u8 type)
{
	unsigned int i = (selector & (PAGE_SIZE - 1)) >> 3;

	gdt[i] = (limit & 0xffff) | (base & 0xffffff) << 16 | (u64)type << 40 | (u64)(limit >> 16 & 0xf) << 48 |
		 (base >> 24 & 0xff) << 56;
	gdt[i + 1] = base >> 32;
}

static void gdt_fill(u64 *gdt, struct tss *t)
{
	gdt[1] = 0x00af9b000000ffff;	/* e008: ring 0 code, 64 bit */
	gdt[2] = 0x00cf93000000ffff;	/* e010: ring 0 data */
	gdt[4] = 0x00cffb000000ffff;	/* e023: ring 3 code, 32 bit */
	gdt[5] = 0x00cff3000000ffff;	/* e02b: ring 3 data */
	gdt[6] = 0x00affb000000ffff;	/* e033: ring 3 code, 64 bit */
	gdt_set_system(gdt, TSS_SELECTOR, (unsigned long)t, sizeof(*t) - 1, 0x89);
}

static void gdt_load(const void *ptr)
{
	__asm__ __volatile__("lgdt (%0)\n\t"
			     "pushq %1\n\t"
			     "lea 1f(%%rip), %%rax\n\t"
			     "pushq %%rax\n\t"
			     "lretq\n"
			     "1: mov %2, %%ss"
			     :: "r" (ptr), "i" (HV_CS), "r" (HV_DS) : "rax", "memory");
}

static void idt_load(void)
{
	struct { u16 limit; u64 base; } __packed ptr = { sizeof(idt) - 1, (unsigned long)idt };

	__asm__ __volatile__("lidt %0" :: "m" (ptr));
}

/* Exceptions while booting: same selector as later, no TSS yet, so the stack of the moment has to do. */
void traps_early(void)
{
	static u64 early_gdt[FIRST_RESERVED_GDT_ENTRY + 16];
	struct { u16 limit; u64 base; } __packed ptr = { sizeof(early_gdt) - 1, (unsigned long)early_gdt };

	gdt_fill(early_gdt + FIRST_RESERVED_GDT_ENTRY, &this_cpu(tss));
	gdt_load(&ptr);
	idt_load();
}

/* The window: one L3, L2 and L1 of this CPU's own under slot 257 of its top-level table. */
static void window_init(void)
{
	u64 *l3 = hv_alloc_page(), *l2 = hv_alloc_page(), *l1 = hv_alloc_page();

	this_cpu(gdt_page) = hv_alloc_page();
	if (!l3 || !l2 || !l1 || !this_cpu(gdt_page))
		panic("no memory for a CPU's descriptor window");
	l1[FIRST_RESERVED_GDT_PAGE] = virt_to_pa(this_cpu(gdt_page)) | HV_PTE_RW;
	l2[0] = virt_to_pa(l1) | HV_PTE_TABLE;
	l3[0] = virt_to_pa(l2) | HV_PTE_TABLE;
	this_cpu(window_l1) = l1;
	cpu_l4_set_window(virt_to_pa(l3) | HV_PTE_TABLE);
}

void traps_init_cpu(void)
{
	struct { u16 limit; u64 base; } __packed ptr;
	unsigned long stack = (unsigned long)cpu_info() & ~(STACK_SIZE - 1UL);
	struct tss *t = &this_cpu(tss);

	window_init();
	t->rsp[0] = (unsigned long)&cpu_info()->guest_regs + UREGS_es;
	for (unsigned int i = IST_DF; i <= IST_DB; i++)
		t->ist[i - 1] = stack + i * PAGE_SIZE;
	t->iomap_base = sizeof(*t);
	gdt_fill(this_cpu(gdt_page), t);

	ptr.limit = (FIRST_RESERVED_GDT_PAGE + 1) * PAGE_SIZE - 1;
	ptr.base = CPU_WINDOW_VIRT;
	gdt_load(&ptr);
	__asm__ __volatile__("ltr %w0" :: "r" (TSS_SELECTOR));
	idt_use_ist();
	idt_load();
	desc_load(NULL);
	syscall_init_cpu();
}

/* Points the window at v's descriptor tables. The caller loads CR3 afterwards: the old translations must go. */
void desc_load(struct vcpu *v)
{
	u64 *l1 = this_cpu(window_l1);
	unsigned int pages = v ? DIV_ROUND_UP(v->pv.gdt_entries, 512) : 0;
	u64 *gdt = this_cpu(gdt_page);

	/*
	 * Where the guest has no GDT page there is one of empty descriptors: a selector into it faults as the manual
	 * says.
	 */
	for (unsigned int i = 0; i < FIRST_RESERVED_GDT_PAGE; i++)
		l1[i] = i < pages ? mfn_to_pa(_mfn(v->pv.gdt_frames[i])) | HV_PTE_RW : virt_to_pa(no_descriptors) | HV_PTE_RO;
	for (unsigned int i = 0; i < 16; i++)	/* the others are mapped when a selector load asks for them */
		l1[16 + i] = v && v->pv.ldt_frames[i] ? mfn_to_pa(_mfn(v->pv.ldt_frames[i])) | HV_PTE_RW : 0;
	if (v && v->pv.ldt_entries) {
		gdt_set_system(gdt, LDT_SELECTOR, CPU_WINDOW_VIRT + 16 * PAGE_SIZE, v->pv.ldt_entries * 8 - 1, 0x82);
		__asm__ __volatile__("lldt %w0" :: "r" (LDT_SELECTOR));
	} else {
		__asm__ __volatile__("lldt %w0" :: "r" (0));
	}
}

/* --- traps from the hypervisor itself --------------------------------------------------------------------- */

static unsigned long extable_find(unsigned long rip)
{
	for (unsigned long i = 0; _extable_start + i < _extable_end; i++)
		if (_extable_start[i].insn == rip)
			return _extable_start[i].fixup;
	return 0;
}

/*
 * A fault may only mean that the top-level table of this CPU lags behind the guest's, or the mirrors of a logged domain
 * behind its tables, or that an LDT page is not mapped yet.
 */
static __hot bool fixup_page_fault(unsigned long addr, u32 error)
{
	if (addr >= CPU_WINDOW_VIRT && addr < CPU_WINDOW_VIRT + 32 * PAGE_SIZE)
		return desc_ldt_fault(addr);
	if (current && unlikely(current->domain->mirrored))
		return mirror_fault(addr, error);
	return !(error & PFEC_present) && cpu_l4_fixup(addr);
}

/*
 * The final iretq does not take the guest's frame. The guest's general registers are in the frame of this fault; put
 * them back below the frame that iretq read, and let the fault be the guest's, met where it was to go.
 */
static void iret_fault(const struct cpu_user_regs *regs)
{
	u32 vector = regs->entry_vector, error = regs->error_code;

	memmove(guest_regs(), regs, UREGS_error_code);
	if (vector == TRAP_page_fault)
		inject_page_fault(desc_fault_address(read_cr2()), error);
	else
		inject_trap(vector, error);
}

bool hv_exception(struct cpu_user_regs *regs)
{
	unsigned long fixup;

	if (regs->entry_vector == TRAP_page_fault && fixup_page_fault(read_cr2(), regs->error_code))
		return false;
	if (regs->rip == (unsigned long)guest_iret) {
		iret_fault(regs);
		return true;
	}
	fixup = extable_find(regs->rip);
	if (fixup) {
		regs->rip = fixup;
		return false;
	}
	show_registers(regs);
	show_backtrace(regs->rip, regs->rbp);
	panic("exception %u in the hypervisor, error code %x, cr2 %lx", regs->entry_vector, regs->error_code, read_cr2());
}

void ist_exception(struct cpu_user_regs *regs)
{
	switch (regs->entry_vector) {
	case TRAP_nmi:
		nmi_handle(regs);
		return;
	case TRAP_machine_check:
		machine_check_handle(regs);
		return;
	case TRAP_debug:
		pv_suspend_debugregs();
		return;
	}
	show_registers(regs);
	show_backtrace(regs->rip, regs->rbp);
	panic("double fault, error code %x, cr2 %lx", regs->error_code, read_cr2());
}

/* --- traps from a guest ----------------------------------------------------------------------------------- */

static __hot void guest_page_fault(struct cpu_user_regs *regs)
{
	unsigned long addr = read_cr2();
	u32 error = regs->error_code;

	if (fixup_page_fault(addr, error))
		return;
	if (guest_mode_kernel(current) &&
	    (error & (PFEC_present | PFEC_write | PFEC_reserved)) == (PFEC_present | PFEC_write) &&
	    emulate_pt_write(regs, addr))
		return;
	inject_page_fault(desc_fault_address(addr), error);
}

static void guest_debug(void)
{
	unsigned long dr6;

	__asm__ __volatile__("mov %%db6, %0" : "=r" (dr6));
	__asm__ __volatile__("mov %0, %%db6" :: "r" (0xffff0ff0UL));
	current->pv.dr[6] = dr6;
	inject_trap(TRAP_debug, 0);
}

__hot void guest_exception(struct cpu_user_regs *regs)
{
	struct vcpu *v = current;

	v->count[COUNT_TRAP]++;
	pv_settle_mode(v);
	switch (regs->entry_vector) {
	case TRAP_page_fault:
		guest_page_fault(regs);
		return;
	case TRAP_gp_fault:
		if (!emulate_privileged(regs))
			inject_gp(regs->error_code);
		return;
	case TRAP_invalid_op:
		if (!emulate_forced(regs))
			inject_trap(TRAP_invalid_op, 0);
		return;
	case TRAP_no_device:
		__asm__ __volatile__("clts");
		v->pv.cr0_ts = 0;
		inject_trap(TRAP_no_device, 0);
		return;
	case TRAP_debug:
		guest_debug();
		return;
	default:
		inject_trap(regs->entry_vector, regs->error_code);
	}
}

/*
 * The guest's user code is in virtual-8086 mode, which it cannot be. An interrupt is served; the guest gets the #GP
 * that a processor would have raised at the iretd, and flat segments.
 */
void guest_vm86(struct cpu_user_regs *regs)
{
	pv_settle_mode(current);
	if (regs->entry_vector >= 32)
		irq_dispatch(regs->entry_vector);
	else if (regs->entry_vector == TRAP_nmi || regs->entry_vector == TRAP_machine_check)
		ist_exception(regs);
	memmove(guest_regs(), regs, UREGS_es);
	regs = guest_regs();
	regs->rflags &= ~(u64)X86_EFLAGS_VM;
	regs->cs = GUEST_CS64;
	regs->ss = GUEST_DS;
	load_ds(0);
	load_es(0);
	load_fs(0);
	load_gs(0);
	inject_gp(0);
}

void guest_interrupt(u32 vector, struct cpu_user_regs *regs)
{
	(void)regs;
	pv_settle_mode(current);
	irq_dispatch(vector);
}

/* --- for people ------------------------------------------------------------------------------------------- */

void show_registers(const struct cpu_user_regs *r)
{
	printk(XL_ERR "CPU%u %s:%lx (%pS) flags %lx vector %u error %x\n", smp_processor_id(),
	       r->cs & 3 ? "guest rip" : "rip", r->rip, r->cs & 3 ? NULL : (void *)r->rip, r->rflags, r->entry_vector, r->error_code);
	printk(XL_ERR "rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", r->rax, r->rbx, r->rcx, r->rdx);
	printk(XL_ERR "rsi %016lx rdi %016lx rbp %016lx rsp %016lx\n", r->rsi, r->rdi, r->rbp, r->rsp);
	printk(XL_ERR "r8  %016lx r9  %016lx r10 %016lx r11 %016lx\n", r->r8, r->r9, r->r10, r->r11);
	printk(XL_ERR "r12 %016lx r13 %016lx r14 %016lx r15 %016lx\n", r->r12, r->r13, r->r14, r->r15);
	printk(XL_ERR "cr0 %lx cr2 %lx cr3 %lx cr4 %lx cs %04x ss %04x\n", read_cr0(), read_cr2(), read_cr3(), read_cr4(),
	       r->cs, r->ss);
	if (current && !is_idle_vcpu(current))
		printk(XL_ERR "current: d%u v%u (%s)\n", current->domain->id, current->id,
		       current->pv.kernel_mode ? "kernel" : "user");
}
