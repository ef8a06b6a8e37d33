/* SPDX-License-Identifier: MIT */
/*
 * A test as dom0 makes another domain: a copy of its own kernel (child.c). Set what is not to be the default in struct
 * child, child_create(), child_run(), and talk through the mailbox.
 */
#ifndef TESTS_GUEST_CHILD_H
#define TESTS_GUEST_CHILD_H

#include "guest.h"

#include "public/domctl.h"

struct child {
	unsigned int vcpus;		/* 0: 1 */
	unsigned int grant_frames, maptrack_frames, max_port, spare_pages;	/* 0: 4, 4, 1023, none */
	domid_t id;
	volatile u64 *mail;		/* words 0 to 255 are the test's */
	u64 *mfn;			/* by its frame number */
	void *window;
};

/* --- in the parent --- */

void child_create(struct child *c, void (*fn)(void));	/* paused; fn runs in the child */
void child_run(struct child *c);
u64 child_mfn(const struct child *c, const volatile void *va);	/* the child's frame at this address of the image */
bool child_wait(const struct child *c, unsigned int word, u64 at_least);	/* false after 5 s */
bool child_done(const struct child *c);		/* fn has returned; its failed checks are ours. False after 5 s */
bool child_stopped(const struct child *c, unsigned int reason);	/* it has shut down with this SHUTDOWN_* */
void child_destroy(struct child *c);			/* also unmaps the mailbox */
bool child_exists(const struct child *c);

/* --- as dom0's tools (control.c) --- */

long domctl(struct xen_domctl *op);
long domain_info(domid_t id, struct xen_domctl_getdomaininfo *info);
long map_foreign(void *va, domid_t id, u64 pte);
/* XEN_DOMCTL_SHADOW_OP_* without settings; marks: a bit for each of as many pages, where the operation gives them. */
long dirty_log(domid_t id, unsigned int what, u64 *marks, u64 pages);
u64 machine_free_pages(void);
void domain_limit(domid_t id, u64 pages);		/* of its memory */
void vcpu_pin(domid_t id, unsigned int vcpu, u64 cpus);	/* cpus: a bit for each */
u32 log_end(void);					/* where the hypervisor's log ends just now */
unsigned int log_count(u32 from, const char *text);	/* how often it says that since */

/* --- in the child --- */

volatile u64 *mailbox(void);
domid_t my_id(void);
void child_finish(void) __attribute__((noreturn));
void child_write(const char *s, size_t len);

#endif
