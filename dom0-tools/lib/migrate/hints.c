/* SPDX-License-Identifier: MIT */
/*
 * Pages that a guest does not need: those that its kernel has free. An empty page goes out for each.
 *
 * Invariant: what is left out is in none of the guest's hands at a time after the log was emptied last, so if it is
 * used again it is in the log of the next round. The hypervisor sees to that (docs/log-dirty.md); a guest that does not
 * listen, or does not answer soon, costs time on the line and nothing else. A log is needed for it, so one is kept for
 * a domain that is only stopped and saved, too.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "migrate/saver.h"
#include "public/lite.h"
#include "xenctl/xenctl.h"

#define WAIT_MS		500
#define STEP_MS		2
#define FREE_PAGES	2048	/* that the hypervisor has to have left for a log which is only kept for this */

static bool can_log(struct saver *s)
{
	struct xenctl_physinfo info;

	return s->logging || (!xenctl_physinfo(s->xc, &info) && info.free_pages >= FREE_PAGES &&
			      !xenctl_logdirty_enable(s->xc, s->p->domid));
}

void hints_ask(struct saver *s)
{
	const struct timespec step = { .tv_nsec = STEP_MS * 1000000 };
	uint32_t state;

	if (xenctl_unneeded(s->xc, s->p->domid, NULL, 0, &state) || state == LITE_HINTS_none)
		return;
	if (!can_log(s))
		return;
	s->logging = s->hints = true;
	for (unsigned int ms = 0; ms < WAIT_MS && state != LITE_HINTS_all; ms += STEP_MS) {
		nanosleep(&step, NULL);
		if (xenctl_unneeded(s->xc, s->p->domid, NULL, 0, &state))
			return;
	}
}

int hints_last(struct saver *s)
{
	uint8_t *marks;
	int rc;

	if (!s->hints)
		return 0;
	marks = calloc((s->g.nr_pfns + 63) / 64, 8);
	if (!marks)
		return migrate_fail(s->why, -ENOMEM, "no memory to keep account of its free pages");
	rc = xenctl_logdirty_clean(s->xc, s->p->domid, marks, s->g.nr_pfns);
	free(marks);
	return rc ? migrate_fail(s->why, rc, "cannot read which pages it has written: %s", strerror(-rc)) : 0;
}

int hints_take(struct saver *s)
{
	uint32_t state;
	int rc;

	if (!s->hints)
		return 0;
	free(s->unneeded);
	s->unneeded_pfns = 0;
	s->unneeded = calloc((s->g.nr_pfns + 63) / 64, 8);
	if (!s->unneeded)
		return migrate_fail(s->why, -ENOMEM, "no memory to keep account of its free pages");
	rc = xenctl_unneeded(s->xc, s->p->domid, s->unneeded, s->g.nr_pfns, &state);
	if (rc)
		return migrate_fail(s->why, rc, "cannot read which pages it does not need: %s", strerror(-rc));
	s->unneeded_pfns = s->g.nr_pfns;
	return 0;
}
