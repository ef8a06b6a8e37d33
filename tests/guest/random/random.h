/* SPDX-License-Identifier: MIT */
/*
 * The random guest: what its parts share.
 *
 * One actor for each vCPU draws operations from its own seeded numbers. What may be destroyed are the scratch pages:
 * their frames, their addresses, and page tables made of them. Everything else (text, stacks, first page tables) is
 * only named where the hypervisor has to refuse, so that the guest survives whatever it does.
 */
#ifndef TESTS_GUEST_RANDOM_H
#define TESTS_GUEST_RANDOM_H

#include "guest.h"

#define NR_SCRATCH	48
#define NR_GRANTABLE	8		/* the last ones: their references may rightly be left over */
#define NR_TOPS		3
#define TOP_FIRST	8		/* slots of a top-level table of ours that may be changed, but not 511 */
#define ARENA		8192
#define NR_HANDLES	64

struct actor {
	u8 stack[STACK_SIZE] __attribute__((aligned(16)));
	u8 trap_stack[STACK_SIZE] __attribute__((aligned(16)));
	u8 room[2048];			/* below frame: a trap while that is the stack */
	struct regs frame __attribute__((aligned(16)));
	u64 probe_rsp;
	volatile bool probing;		/* on a trap come back to probe() */
	unsigned int id;
	u64 seed, numbers;
	volatile u64 step, traps, calls, done_calls, stores, instructions, user_runs, kernel_irets;
	u8 arena[ARENA];		/* arguments of the calls of one step */
	u8 slack[PAGE];
	unsigned int used;
	bool in_multicall, needs_restore;
};

struct call {
	u64 nr, a[5];
	/* Told the result of a call that moves frames or hands out handles. */
	void (*after)(struct actor *a, struct call *c, long rc);
	void *data;
	unsigned int n;
};

extern struct actor actors[2];

/*
 * What only an event ends (sleep, user code in a loop, being down) is for one actor at a time: the ports that were to
 * wake it may be closed by the other, which then pokes it. False: not now. Ends with the step.
 */
bool may_wait(struct actor *a);
extern u8 *scratch[NR_SCRATCH];		/* addresses; what they map changes */
extern volatile u64 scratch_mfn[NR_SCRATCH];	/* frames that are ours, 0: given away */
extern u64 *tops[NR_TOPS];		/* top-level tables that hold the kernel as well */
extern u64 top_mfn[NR_TOPS], user_top_mfn;
extern u8 *user_code;
extern u16 own_id;			/* this domain */
extern u64 *grants;
extern u64 grants_mfn;

/* numbers.c */
u64 number(struct actor *a);
u64 below(struct actor *a, u64 n);
bool chance(struct actor *a, unsigned int percent);
u64 odd_number(struct actor *a);	/* one of those at which mistakes are made */
void *arena(struct actor *a, size_t size);
u64 bad_pointer(struct actor *a);
u64 pointer(struct actor *a, void *good);	/* mostly the good one */
u64 scratch_pointer(struct actor *a);
u64 some_frame(struct actor *a);	/* a scratch frame, or one that must be refused for writing */
u64 some_pte(struct actor *a);
u64 some_pte_address(struct actor *a);
u64 some_domid(struct actor *a);

/* memory.c: frames and page tables. calls.c: the rest. */
void call_mmu_update(struct actor *a, struct call *c);
void call_update_va(struct actor *a, struct call *c);
void call_mmuext(struct actor *a, struct call *c);
void call_memory(struct actor *a, struct call *c);
void call_descriptors(struct actor *a, struct call *c);
void call_events(struct actor *a, struct call *c);
void call_grants(struct actor *a, struct call *c);
void call_vcpu(struct actor *a, struct call *c);
void call_self(struct actor *a, struct call *c);
void call_info(struct actor *a, struct call *c);
void call_admin(struct actor *a, struct call *c);
void grants_clean(void);
void given_unpin(void);

/* cpu.c: instructions, user mode, iret */
void cpu_init(void);
void restore_callbacks(void);
void wake_later(struct actor *a, u64 ns);
void poke(unsigned int vcpu);
void do_store(struct actor *a);
void do_instruction(struct actor *a);
void do_user(struct actor *a);
void do_iret(struct actor *a);
bool on_trap(struct regs *r);
struct actor *actor_of(const void *stack);

/* probe.S */
void probe(struct regs *r, u64 *save_rsp);	/* iret to r (error = flags word); back after the next trap */
void probe_resume(void);
void run_on(void *stack_top, void (*fn)(void)) __attribute__((noreturn));

#endif
