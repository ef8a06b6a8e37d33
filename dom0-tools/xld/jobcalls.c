/* SPDX-License-Identifier: MIT */
/* The procedures about jobs: what is under way, what has been, and ending one. */
#include <time.h>

#include "move.h"

#define PAST_MAX 32

/* The last jobs that have ended, the newest at [past_at - 1]. */
static xld_job past[PAST_MAX];
static unsigned int past_at;

void job_remember(const struct job *j, const char *how, bool ok)
{
	xld_job *o = &past[past_at++ % PAST_MAX];

	rpc_release((xdrproc_t)xdr_xld_job, o);
	memset(o, 0, sizeof(*o));
	job_describe(j, o);
	free(o->text);
	o->text = xstrndup(how, XLD_NAME_MAX);
	o->running = false;
	o->ok = ok;
}

static xld_job copy_of(const xld_job *from)
{
	xld_job o = *from;

	o.domain = xstrdup(from->domain);
	o.kind = xstrdup(from->kind);
	o.text = xstrdup(from->text);
	return o;
}

bool call_jobs(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err, bool *later)
{
	xld_jobs *r = ret;
	size_t n = PAST_MAX;

	(void)c, (void)serial, (void)args, (void)err, (void)later;
	for (struct dom *d = x->doms; d; d = d->next)
		n++;
	r->jobs.jobs_val = xcalloc(n, sizeof(xld_job));
	for (struct dom *d = x->doms; d && r->jobs.jobs_len < XLD_DOMAINS_MAX - PAST_MAX; d = d->next)
		if (d->job)
			job_describe(d->job, &r->jobs.jobs_val[r->jobs.jobs_len++]);
	for (unsigned int i = past_at; i && past_at - i < PAST_MAX; i--)
		r->jobs.jobs_val[r->jobs.jobs_len++] = copy_of(&past[(i - 1) % PAST_MAX]);
	return true;
}

bool call_cancel(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err, bool *later)
{
	xld_domain *a = args;
	struct dom *d = dom_find(x, a->name, "cancel the job of", err);

	(void)c, (void)serial, (void)ret, (void)later;
	if (!d)
		return false;
	if (!d->job)
		return xld_fail(err, XLD_E_BUSY, "cancel the job of", d->name, "`xl jobs` shows all",
				"no job is about it");
	if (!job_cancel(d))
		return xld_fail(err, XLD_E_UNSUPPORTED, "cancel the job of", d->name, "wait for its end",
				"a destroy is not taken back");
	return true;
}
