/* SPDX-License-Identifier: MIT */
/*
 * Domains that do nothing but use CPU time, made with plain hypercalls: every vCPU counts for ever. And what
 * dom0 sets and asks about them. Whatever fails ends the test.
 */
#ifndef HOG_H
#define HOG_H

#include "guest.h"

struct hog {
	u32 domid;
	unsigned int vcpus;
	u64 before;			/* CPU time when hog_mark() was called, ns */
};

void hog_create(struct hog *h, unsigned int vcpus, u32 weight, u32 cap);	/* paused */
void hog_start(struct hog *h);
void hog_destroy(struct hog *h);
void hog_pin(const struct hog *h, unsigned int vcpu, u64 hard, u64 soft);	/* bit n: CPU n */
u64 hog_time(const struct hog *h);						/* of all its vCPUs, ns */
u64 hog_vcpu_time(const struct hog *h, unsigned int vcpu);
unsigned int hog_cpu(const struct hog *h, unsigned int vcpu);			/* where it is */
static inline void hog_mark(struct hog *h)
{
	h->before = hog_time(h);
}

#endif
