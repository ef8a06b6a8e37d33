/* SPDX-License-Identifier: MIT */
/*
 * Dispatch and preemption. A handler whose length a guest chooses tests hypercall_preempt_check() once per bounded
 * step, leaves its objects consistent, and returns hypercall_continue(...): the call's own arguments are rewritten and
 * it is issued again.
 */
#ifndef XL_HYPERCALL_H
#define XL_HYPERCALL_H

#include <xl/types.h>
#include <xl/percpu.h>

/* An interrupt's work or another vCPU waits: wind up. True only when progress since the last call is possible. */
bool hypercall_preempt_check(void);
/* Rewrites the arguments of the running hypercall (op = __HYPERVISOR_*), n of them, and returns the value to return. */
long hypercall_continue(unsigned int op, unsigned int n, ...);

/* Set in `count` of mmu_update and mmuext_op when they continue; no guest has that many requests. */
#define MMU_UPDATE_CONTINUED	0x80000000U

long do_multicall(void *list, unsigned int n);
long do_xen_version(int cmd, void *arg);
long do_console_io(int cmd, int count, char *buffer);
long do_grant_table_op(unsigned int cmd, void *uop, unsigned int count);
long do_physdev_op(int cmd, void *arg);
long do_platform_op(void *op);
long do_domctl(void *op);
long do_sysctl(void *op);
long do_memory_op(unsigned long cmd, void *arg);	/* high bits of cmd: how many extents are done */
long do_lite_op(unsigned int cmd, void *arg);
struct domain;
unsigned long lite_assists_refused(const struct domain *d);	/* bits of vm_assist that it may not have */
/* pv/ */
long do_set_trap_table(void *traps);
long do_mmu_update(void *req, unsigned int count, unsigned int *done, unsigned int domid);
long do_mmuext_op(void *op, unsigned int count, unsigned int *done, unsigned int domid);
long do_update_va_mapping(unsigned long va, u64 val, unsigned long flags);
long do_update_va_mapping_otherdomain(unsigned long va, u64 val, unsigned long flags, unsigned int domid);
long do_set_gdt(void *frames, unsigned int entries);
long do_update_descriptor(u64 ma, u64 desc);
long do_stack_switch(unsigned long ss, unsigned long sp);
long do_set_callbacks(unsigned long event, unsigned long failsafe, unsigned long syscall);
long do_fpu_taskswitch(int set);
long do_set_debugreg(int reg, unsigned long val);
long do_get_debugreg(int reg);
long do_set_segment_base(unsigned int which, unsigned long base);
long do_iret(void);
long do_vm_assist(unsigned int cmd, unsigned int type);
long do_callback_op(int cmd, const void *arg);
long do_nmi_op(unsigned int cmd, void *arg);

#endif
