/* SPDX-License-Identifier: MIT */
/*
 * What guests and the toolstack say to the scheduler (sched_op, timers, parameters), and what others rely on when they
 * stop a vCPU. Who runs when is the business of test_sched.c. A request that is refused changes nothing: no flag, no
 * timer, no parameter.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xl/event.h>
#include <xl/mm.h>
#include <xl/platform.h>
#include <xl/sched.h>
#include <xl/sched_ops.h>
#include <xl/time.h>
#include <public/sched.h>
#include <public/sysctl.h>

#include "suite.h"

#define SEC	1000000000LL
#define BAD	((void *)8)		/* a pointer that faults */
#define NOT_YET	99

static struct domain *d;		/* a guest with two vCPUs; the first one is current on CPU 0 */
static u32 shut_down_code;
static struct domain *shut_down;
static unsigned int published, serves;

/* --- what sched.c calls ------------------------------------------------------------------------------------ */

void smp_kick(u32 cpu) { (void)cpu; }
void vcpu_runstate_publish(struct vcpu *v) { (void)v; published++; }

/* While somebody waits for it, the other CPU gets on with its switch. */
void smp_serve(void)
{
	if (++serves == 3)
		d->vcpu[1]->running = false;
}

void context_switch(struct vcpu *prev, struct vcpu *next)
{
	(void)prev;
	current = next;
}

void vcpu_runstate_change(struct vcpu *v, int state, s_time_t when)
{
	v->runstate.time[v->runstate.state] += when - v->runstate.state_entry_time;
	v->runstate.state_entry_time = when;
	v->runstate.state = state;
}

void domain_shutdown(struct domain *who, u32 code)
{
	shut_down = who;
	shut_down_code = code;
}

struct vcpu *vcpu_create(struct domain *who, unsigned int id)
{
	return sched_vcpu_init(who->vcpu[id]) ? NULL : who->vcpu[id];
}

/* --- world --------------------------------------------------------------------------------------------------- */

static void run(void)
{
	shim_run_timers();
	while (cpu_info()->hazards & HAZARD_RESCHED) {
		cpu_info()->hazards = 0;
		schedule();
	}
	shim_check();
}

static void world_up(void)
{
	nr_cpus = 2;
	shim_cpu = 0;
	shim_now += 1000 * SEC;
	idle_domain = shim_domain(DOMID_IDLE, 2);
	for (u32 cpu = 0; cpu < 2; cpu++) {
		idle_domain->vcpu[cpu]->runstate.state_entry_time = shim_now;
		memset(&per_cpu(runq, cpu), 0, sizeof(struct runqueue));
		shim_cpu_info[cpu].hazards = 0;
	}
	sched_init();				/* the boot CPU, and this one brings up the other */
	sched_init_cpu(1);
	CU_ASSERT_PTR_EQUAL(current, idle_domain->vcpu[0]);
	shim_cpu_info[1].on = idle_domain->vcpu[1];
	d = shim_domain(2, 2);
	domain_watchdog_init(d);
	for (int i = 0; i < 2; i++) {
		struct vcpu *v = d->vcpu[i];

		v->runstate.state = RUNSTATE_offline;
		v->runstate.state_entry_time = shim_now;
		v->pause_flags = VPF_DOWN;
		CU_ASSERT_EQUAL(sched_vcpu_init(v), 0);
		v->cpu = 0;
		timer_setup(&v->poll_timer, NULL, v);
		timer_setup(&v->singleshot, NULL, v);
	}
	memset(d->vcpu[0]->hard_affinity, 0, sizeof(d->vcpu[0]->hard_affinity));
	__set_bit(0, d->vcpu[0]->hard_affinity);
	d->vcpu[0]->pause_flags = 0;
	vcpu_wake(d->vcpu[0]);
	run();
	CU_ASSERT_PTR_EQUAL(current, d->vcpu[0]);
	shut_down = NULL;
	shut_down_code = NOT_YET;
	d->shutdown_code = ~0U;
	published = serves = 0;
}

static void world_down(void)
{
	shim_check();
	for (int i = 0; i < 2; i++) {
		struct vcpu *v = d->vcpu[i];

		timer_stop(&v->poll_timer);
		timer_stop(&v->singleshot);
		v->pause_flags = VPF_DOWN;
		vcpu_sleep_nosync(v);
	}
	hazard_raise(HAZARD_RESCHED);
	run();
	for (int i = 0; i < 2; i++) {
		timer_stop(&d->watchdog[i]);
		timer_stop(&per_cpu(runq, i).tick);
		sched_vcpu_destroy(d->vcpu[i]);
		sched_vcpu_destroy(idle_domain->vcpu[i]);
	}
	CU_ASSERT_EQUAL(d->refcnt, 1);
	shim_domain_free(d);
	shim_domain_free(idle_domain);
}

/* --- shutdown ------------------------------------------------------------------------------------------------ */

static void test_shutdown(void)
{
	struct sched_shutdown s = { .reason = SHUTDOWN_reboot };

	world_up();
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_shutdown, BAD), -XEN_EFAULT);
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_shutdown_code, &s), 0);	/* only says why, later */
	CU_ASSERT_EQUAL(d->shutdown_code, SHUTDOWN_reboot);
	s.reason = SHUTDOWN_poweroff;
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_shutdown_code, &s), 0);
	CU_ASSERT_EQUAL(d->shutdown_code, SHUTDOWN_reboot);		/* the first one counts */
	s.reason = SHUTDOWN_reboot;
	CU_ASSERT_PTR_NULL(shut_down);
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_shutdown, &s), 0);
	CU_ASSERT_PTR_EQUAL(shut_down, d);
	CU_ASSERT_EQUAL(shut_down_code, SHUTDOWN_reboot);
	CU_ASSERT_EQUAL(d->crash_reason[0], 0);
	world_down();
}

/* Any number will do, as far as a byte goes. */
static void test_unknown_reason(void)
{
	struct sched_shutdown s = { .reason = 0x100 | (SHUTDOWN_MAX + 1) };

	world_up();
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_shutdown_code, &s), 0);
	CU_ASSERT_EQUAL(d->shutdown_code, SHUTDOWN_MAX + 1);
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_shutdown, &s), 0);
	CU_ASSERT_PTR_EQUAL(shut_down, d);
	CU_ASSERT_EQUAL(shut_down_code, SHUTDOWN_MAX + 1);
	world_down();
}

/* The tools show the first reason: what comes after it is mostly its consequence. */
static void test_first_reason(void)
{
	struct sched_shutdown s = { .reason = SHUTDOWN_crash };
	struct sched_watchdog w = { .timeout = 1 };

	world_up();
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_watchdog, &w), 1);
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_shutdown, &s), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(d->crash_reason, "guest kernel"));
	shim_now += 2 * SEC;
	run();
	CU_ASSERT_EQUAL(shut_down_code, SHUTDOWN_watchdog);
	CU_ASSERT_PTR_NOT_NULL(strstr(d->crash_reason, "guest kernel"));
	strcpy(d->crash_reason, "something else");
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_shutdown, &s), 0);
	CU_ASSERT_STRING_EQUAL(d->crash_reason, "something else");
	world_down();
}

static void test_remote_shutdown(void)
{
	struct sched_remote_shutdown s = { .domain_id = 2, .reason = SHUTDOWN_suspend };
	struct domain *other;

	world_up();
	other = shim_domain(5, 1);
	s.domain_id = 5;
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_remote_shutdown, BAD), -XEN_EFAULT);
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_remote_shutdown, &s), -XEN_EPERM);
	d->privileged = true;
	s = (struct sched_remote_shutdown){ .domain_id = 6, .reason = SHUTDOWN_suspend };
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_remote_shutdown, &s), -XEN_ESRCH);
	CU_ASSERT_PTR_NULL(shut_down);
	s.domain_id = 5;
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_remote_shutdown, &s), 0);
	CU_ASSERT_PTR_EQUAL(shut_down, other);
	CU_ASSERT_EQUAL(shut_down_code, SHUTDOWN_suspend);
	s.reason = 0x100 | (SHUTDOWN_MAX + 1);
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_remote_shutdown, &s), 0);
	CU_ASSERT_EQUAL(shut_down_code, SHUTDOWN_MAX + 1);
	CU_ASSERT_EQUAL(other->refcnt, 1);
	shim_domain_free(other);
	world_down();
}

/* --- timers ---------------------------------------------------------------------------------------------------- */

static void test_watchdog_arguments(void)
{
	struct sched_watchdog w = { .id = 0, .timeout = 0 };

	world_up();
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_watchdog, BAD), -XEN_EFAULT);
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_watchdog, &w), -XEN_EINVAL);
	w = (struct sched_watchdog){ .id = NR_WATCHDOGS + 1, .timeout = 1 };
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_watchdog, &w), -XEN_EINVAL);
	w.id = 1;				/* not started */
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_watchdog, &w), -XEN_EINVAL);
	CU_ASSERT_EQUAL(d->watchdog_inuse, 0);
	w = (struct sched_watchdog){ .id = 0, .timeout = 1000 };
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_watchdog, &w), 1);
	w = (struct sched_watchdog){ .id = 33, .timeout = 1 };	/* the same bit of a word, when one shifts too far */
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_watchdog, &w), -XEN_EINVAL);
	shim_now += 2 * SEC;
	run();
	CU_ASSERT_PTR_NULL(shut_down);
	world_down();
}

static void test_set_timer(void)
{
	struct timer *t;

	world_up();
	t = &current->singleshot;
	CU_ASSERT_EQUAL(do_set_timer_op(shim_now + 5), 0);
	CU_ASSERT_TRUE(timer_is_set(t));
	CU_ASSERT_EQUAL(t->expires, shim_now + 5);
	CU_ASSERT_EQUAL(do_set_timer_op(0), 0);
	CU_ASSERT_FALSE(timer_is_set(t));
	world_down();
}

/* --- poll, block ------------------------------------------------------------------------------------------------- */

static bool polls(const struct vcpu *v)
{
	bool flag = v->pause_flags & VPF_POLL;

	CU_ASSERT_EQUAL(flag, test_bit(v->id, v->domain->poll_mask));
	return flag;
}

static void test_poll_refused(void)
{
	evtchn_port_t port = 3;
	struct sched_poll p = { .ports = { BAD }, .nr_ports = 1, .timeout = shim_now + 5000 * SEC };

	world_up();
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_poll, BAD), -XEN_EFAULT);
	CU_ASSERT_FALSE(polls(current));
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_poll, &p), -XEN_EFAULT);
	CU_ASSERT_FALSE(polls(current));
	p.ports.p = &port;
	current->info->evtchn_upcall_pending = 1;	/* it is told in the ordinary way */
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_poll, &p), 0);
	CU_ASSERT_FALSE(polls(current));
	CU_ASSERT_FALSE(timer_is_set(&current->poll_timer));
	current->info->evtchn_upcall_mask = 1;		/* no, it is not */
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_poll, &p), 0);
	CU_ASSERT_TRUE(polls(current));
	CU_ASSERT_TRUE(timer_is_set(&current->poll_timer));
	CU_ASSERT_EQUAL(current->poll_timer.expires, p.timeout);
	vcpu_unblock(current);
	p.timeout = 0;					/* for ever: an old timeout must not end it */
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_poll, &p), 0);
	CU_ASSERT_FALSE(timer_is_set(&current->poll_timer));
	vcpu_unblock(current);
	world_down();
}

static void event_comes(void)
{
	struct vcpu *v = d->vcpu[0];

	v->info->evtchn_upcall_pending = 1;
	if (v->pause_flags & VPF_BLOCKED)
		vcpu_unblock(v);
}

/* Blocking opens the door and looks once more: what came before is not slept through. */
static void test_block(void)
{
	struct vcpu *v;

	world_up();
	v = current;
	v->info->evtchn_upcall_mask = 1;
	v->info->evtchn_upcall_pending = 1;
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_block, NULL), 0);
	CU_ASSERT_EQUAL(v->info->evtchn_upcall_mask, 0);
	CU_ASSERT_EQUAL(v->pause_flags, 0);
	v->info->evtchn_upcall_pending = 0;
	v->pv.nmi_pending = true;
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_block, NULL), 0);
	CU_ASSERT_EQUAL(v->pause_flags, 0);
	v->pv.nmi_pending = false;
	shim_meanwhile(0, event_comes);		/* right before it says that it blocks: the sender sees it running */
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_block, NULL), 0);
	CU_ASSERT_EQUAL(v->pause_flags, 0);
	v->info->evtchn_upcall_pending = 0;
	CU_ASSERT_EQUAL(do_sched_op(SCHEDOP_block, NULL), 0);
	CU_ASSERT_EQUAL(v->pause_flags, VPF_BLOCKED);
	run();
	CU_ASSERT_PTR_EQUAL(current, idle_domain->vcpu[0]);
	CU_ASSERT_EQUAL(v->runstate.state, RUNSTATE_blocked);
	CU_ASSERT_EQUAL(do_sched_op(77, NULL), -XEN_ENOSYS);
	world_down();
}

/* --- what others rely on ----------------------------------------------------------------------------------------- */

/* The caller may free what the vCPU uses when it returns: so not before the other CPU has let go. */
static void test_sleep_sync(void)
{
	struct vcpu *v;

	world_up();
	v = d->vcpu[1];
	v->running = true;
	vcpu_sleep_sync(v);
	CU_ASSERT_EQUAL(serves, 3);
	CU_ASSERT_FALSE(v->running);
	v->running = true;
	v->pause_flags = 0;			/* woken meanwhile: it may run for ever */
	vcpu_sleep_sync(v);
	CU_ASSERT_EQUAL(serves, 3);
	CU_ASSERT_EQUAL(v->runstate.state, RUNSTATE_offline);
	v->running = false;
	world_down();
}

static void moves_to_cpu_1(void) { d->vcpu[1]->cpu = 1; }

/* While one waits for a run queue's lock the vCPU may have moved: the lock is that of the queue where it is then. */
static void test_moving_vcpu(void)
{
	struct runqueue *rq;

	world_up();
	shim_meanwhile(0, moves_to_cpu_1);
	rq = runq_lock_vcpu(d->vcpu[1]);
	CU_ASSERT_PTR_EQUAL(rq, &per_cpu(runq, 1));
	CU_ASSERT_EQUAL(shim_locks_held, 1);
	runq_unlock(rq);
	world_down();
}

static void test_runstate(void)
{
	struct vcpu_runstate_info r;
	u64 idle;

	world_up();
	idle = sched_cpu_idle_ns(1);
	shim_now += SEC;
	CU_ASSERT_EQUAL(sched_cpu_idle_ns(1), idle + SEC);
	vcpu_runstate_get(d->vcpu[0], &r);
	CU_ASSERT_EQUAL(r.state, RUNSTATE_running);
	CU_ASSERT_EQUAL(r.time[RUNSTATE_running], SEC);
	vcpu_runstate_get(d->vcpu[0], &r);
	CU_ASSERT_EQUAL(r.time[RUNSTATE_running], SEC);		/* reading adds nothing */
	d->vcpu[0]->runstate.state_entry_time = shim_now + 5;	/* a CPU whose clock is a little ahead wrote it */
	vcpu_runstate_get(d->vcpu[0], &r);
	CU_ASSERT_EQUAL(r.time[RUNSTATE_running], 0);
	world_down();
}

/* A guest with several vCPUs is told when one of them is preempted, because others may spin for it. */
static void test_preempted_is_published(void)
{
	struct vcpu *v;

	for (unsigned int vcpus = 1; vcpus <= 2; vcpus++) {
		world_up();
		v = d->vcpu[1];
		v->hard_affinity[0] = 1;
		v->pause_flags = 0;
		vcpu_wake(v);
		d->max_vcpus = vcpus;
		do_sched_op(SCHEDOP_yield, NULL);
		published = 0;
		run();
		CU_ASSERT_PTR_EQUAL(current, v);
		CU_ASSERT_EQUAL(published, vcpus);	/* the new one always */
		d->max_vcpus = 2;
		world_down();
	}
}

static void test_kick_for_something_else(void)
{
	world_up();
	sched_kicked();
	CU_ASSERT_EQUAL(cpu_info()->hazards & HAZARD_RESCHED, 0);
	this_cpu(runq).resched = true;
	sched_kicked();
	CU_ASSERT_EQUAL(cpu_info()->hazards & HAZARD_RESCHED, HAZARD_RESCHED);
	world_down();
}

static void test_no_memory(void)
{
	struct vcpu *v;

	world_up();
	v = d->vcpu[1];
	sched_vcpu_destroy(v);
	shim_allocs_left = 0;
	CU_ASSERT_EQUAL(sched_vcpu_init(v), -XEN_ENOMEM);
	CU_ASSERT_EQUAL(sched_vcpu_init(v), 0);
	world_down();
}

/* --- parameters -------------------------------------------------------------------------------------------------- */

static void test_domctl(void)
{
	struct xen_domctl_scheduler_op op = { .sched_id = XEN_SCHEDULER_CREDIT, .cmd = XEN_DOMCTL_SCHEDOP_putinfo };

	world_up();
	op.u.credit.weight = 512;
	op.u.credit.cap = 150;
	CU_ASSERT_EQUAL(sched_domctl(d, &op), 0);
	op.u.credit.weight = 0;			/* leave it */
	op.u.credit.cap = 0xffff;
	CU_ASSERT_EQUAL(sched_domctl(d, &op), 0);
	op.u.credit.cap = 201;
	op.u.credit.weight = 7;
	CU_ASSERT_EQUAL(sched_domctl(d, &op), -XEN_EINVAL);
	op.cmd = XEN_DOMCTL_SCHEDOP_getinfo;
	CU_ASSERT_EQUAL(sched_domctl(d, &op), 0);
	CU_ASSERT_EQUAL(op.u.credit.weight, 512);
	CU_ASSERT_EQUAL(op.u.credit.cap, 150);
	op.cmd = 99;
	CU_ASSERT_EQUAL(sched_domctl(d, &op), -XEN_EINVAL);
	world_down();
}

static void test_sysctl(void)
{
	struct xen_sysctl_scheduler_op op = { .sched_id = XEN_SCHEDULER_CREDIT, .cmd = XEN_SYSCTL_SCHEDOP_putinfo };
	struct xen_sysctl_credit_schedule *s = &op.u.sched_credit;

	world_up();
	*s = (struct xen_sysctl_credit_schedule){ .tslice_ms = 1001 };
	CU_ASSERT_EQUAL(sched_sysctl(&op), -XEN_EINVAL);
	*s = (struct xen_sysctl_credit_schedule){ .tslice_ms = 1000, .ratelimit_us = XEN_SYSCTL_SCHED_RATELIMIT_MIN - 1 };
	CU_ASSERT_EQUAL(sched_sysctl(&op), -XEN_EINVAL);
	*s = (struct xen_sysctl_credit_schedule){ .tslice_ms = 1000, .ratelimit_us = XEN_SYSCTL_SCHED_RATELIMIT_MAX + 1 };
	CU_ASSERT_EQUAL(sched_sysctl(&op), -XEN_EINVAL);
	*s = (struct xen_sysctl_credit_schedule){ .tslice_ms = 1, .ratelimit_us = 1001 };
	CU_ASSERT_EQUAL(sched_sysctl(&op), -XEN_EINVAL);
	*s = (struct xen_sysctl_credit_schedule){ .tslice_ms = 10, .vcpu_migr_delay_us = 1 };
	CU_ASSERT_EQUAL(sched_sysctl(&op), -XEN_EINVAL);
	op.cmd = XEN_SYSCTL_SCHEDOP_getinfo;
	CU_ASSERT_EQUAL(sched_sysctl(&op), 0);
	CU_ASSERT_EQUAL(s->tslice_ms, 30);
	CU_ASSERT_EQUAL(s->ratelimit_us, 1000);
	CU_ASSERT_EQUAL(s->vcpu_migr_delay_us, 0);
	op.cmd = XEN_SYSCTL_SCHEDOP_putinfo;
	s->ratelimit_us = 0;
	CU_ASSERT_EQUAL(sched_sysctl(&op), 0);
	op.cmd = XEN_SYSCTL_SCHEDOP_getinfo;
	CU_ASSERT_EQUAL(sched_sysctl(&op), 0);
	CU_ASSERT_EQUAL(s->ratelimit_us, 0);
	sched_ratelimit_us = 1000;
	op.cmd = 99;
	CU_ASSERT_EQUAL(sched_sysctl(&op), -XEN_EINVAL);
	op.cmd = XEN_SYSCTL_SCHEDOP_getinfo;
	op.cpupool_id = 1;
	CU_ASSERT_EQUAL(sched_sysctl(&op), -XEN_EINVAL);
	op.cpupool_id = 0;
	op.sched_id = XEN_SCHEDULER_CREDIT2;
	CU_ASSERT_EQUAL(sched_sysctl(&op), -XEN_EINVAL);
	world_down();
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "shutdown", test_shutdown },
		{ "an unknown reason", test_unknown_reason },
		{ "the first reason is kept", test_first_reason },
		{ "shutdown of another domain", test_remote_shutdown },
		{ "arguments of a watchdog", test_watchdog_arguments },
		{ "the single-shot timer", test_set_timer },
		{ "a poll that does not wait", test_poll_refused },
		{ "block", test_block },
		{ "waiting until a vCPU is off its CPU", test_sleep_sync },
		{ "a vCPU that moves", test_moving_vcpu },
		{ "run states", test_runstate },
		{ "a preempted vCPU", test_preempted_is_published },
		{ "interrupted for something else", test_kick_for_something_else },
		{ "no memory", test_no_memory },
		{ "parameters of a domain", test_domctl },
		{ "parameters of the host", test_sysctl },
		CU_TEST_INFO_NULL,
	};

	return suite_run("sched_op", tests);
}
