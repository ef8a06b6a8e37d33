/* SPDX-License-Identifier: MIT */
/*
 * sched_op(cmd, arg): what a guest tells the scheduler about itself. Times are ns since boot unless said otherwise. All
 * fields are written by the guest.
 */
#ifndef XEN_PUBLIC_SCHED_H
#define XEN_PUBLIC_SCHED_H

#include "event_channel.h"

#define SCHEDOP_yield		0	/* no argument: let others run, stay runnable */
#define SCHEDOP_block		1	/* no argument: unmask events and sleep until one is pending */
#define SCHEDOP_shutdown	2	/* struct sched_shutdown: the whole domain; suspend returns, the others do not */
#define SCHEDOP_poll		3	/* struct sched_poll: sleep until a port is pending, events masked or not */
#define SCHEDOP_remote_shutdown	4	/* struct sched_remote_shutdown: dom0 declares another domain dead */
#define SCHEDOP_shutdown_code	5	/* struct sched_shutdown: note a reason for a shutdown to come */
#define SCHEDOP_watchdog	6	/* struct sched_watchdog */
#define SCHEDOP_pin_override	7	/* struct sched_pin_override; dom0 only */

/* Why a domain shut down. */
#define SHUTDOWN_poweroff	0
#define SHUTDOWN_reboot		1
#define SHUTDOWN_suspend	2
#define SHUTDOWN_crash		3
#define SHUTDOWN_watchdog	4
#define SHUTDOWN_soft_reset	5
#define SHUTDOWN_MAX		5

#ifndef __ASSEMBLY__

struct sched_shutdown {
	unsigned int reason;	/* SHUTDOWN_* */
};
typedef struct sched_shutdown sched_shutdown_t;
DEFINE_XEN_GUEST_HANDLE(sched_shutdown_t);

struct sched_poll {
	XEN_GUEST_HANDLE(evtchn_port_t) ports;
	unsigned int nr_ports;	/* at most 128 */
	uint64_t timeout;	/* absolute; 0: none */
};
typedef struct sched_poll sched_poll_t;
DEFINE_XEN_GUEST_HANDLE(sched_poll_t);

struct sched_remote_shutdown {
	domid_t domain_id;
	unsigned int reason;	/* SHUTDOWN_* */
};
typedef struct sched_remote_shutdown sched_remote_shutdown_t;
DEFINE_XEN_GUEST_HANDLE(sched_remote_shutdown_t);

/* When one expires the domain shuts down with SHUTDOWN_watchdog. */
struct sched_watchdog {
	uint32_t id;		/* 0: a new one, whose id is returned */
	uint32_t timeout;	/* s from now; 0: remove it */
};
typedef struct sched_watchdog sched_watchdog_t;
DEFINE_XEN_GUEST_HANDLE(sched_watchdog_t);

struct sched_pin_override {
	int32_t pcpu;		/* negative: end the override */
};
typedef struct sched_pin_override sched_pin_override_t;
DEFINE_XEN_GUEST_HANDLE(sched_pin_override_t);

#endif /* !__ASSEMBLY__ */
#endif /* XEN_PUBLIC_SCHED_H */
