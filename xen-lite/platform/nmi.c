/* SPDX-License-Identifier: MIT */
/*
 * Non-maskable interrupts and machine checks. They come at any instruction, on their own stacks, so the handlers
 * take no lock and print nothing unless the machine is lost; what is left to say is said on the exit path
 * (nmi_work()).
 */
#include <xl/lib.h>
#include <xl/asm.h>
#include <xl/entry.h>
#include <xl/percpu.h>
#include <xl/platform.h>

#define PORT_REASON	0x61
#define REASON_SERR	0x80		/* system error: memory parity or PCI */
#define REASON_IOCHK	0x40		/* an I/O card complains */

#define MSR_MCG_CAP	0x179
#define MSR_MCG_STATUS	0x17a
#define MSR_MC_STATUS(n) (0x401 + 4 * (n))
#define MC_VALID	(1UL << 63)

static u32 nmi_unknown, nmi_iochk;

void nmi_handle(struct cpu_user_regs *regs)
{
	u8 reason;

	if (smp_stopping())		/* another CPU ends the machine */
		for (;;)
			halt();
	if (smp_processor_id())		/* only the boot CPU has the machine's line */
		return;
	reason = inb(PORT_REASON);
	if (reason & REASON_SERR) {
		console_force();
		show_registers(regs);
		panic("NMI: the machine reports a system error (memory or PCI)");
	}
	__atomic_fetch_add(reason & REASON_IOCHK ? &nmi_iochk : &nmi_unknown, 1, __ATOMIC_SEQ_CST);
	if (reason & REASON_IOCHK) {	/* acknowledge: disable and enable the check */
		outb(PORT_REASON, (reason & 0x0f) | 0x08);
		outb(PORT_REASON, reason & 0x07);
	}
	hazard_raise(HAZARD_NMI);
}

/* Exit path: tells what came in. */
void nmi_work(void)
{
	u32 io = xchg(&nmi_iochk, 0), unknown = xchg(&nmi_unknown, 0);

	if (io)
		printk(XL_WARN "NMI: I/O check, %u times\n", io);
	if (unknown)
		printk(XL_WARN "NMI without a reason, %u times\n", unknown);
}

void machine_check_handle(struct cpu_user_regs *regs)
{
	u64 cap, status, bank;

	console_force();
	show_registers(regs);
	if (!rdmsr_safe(MSR_MCG_CAP, &cap) && !rdmsr_safe(MSR_MCG_STATUS, &status)) {
		printk(XL_ERR "machine check status %#lx\n", status);
		for (unsigned int i = 0; i < (cap & 0xff); i++)
			if (!rdmsr_safe(MSR_MC_STATUS(i), &bank) && (bank & MC_VALID))
				printk(XL_ERR "bank %u: %#lx\n", i, bank);
	}
	panic("machine check");
}
