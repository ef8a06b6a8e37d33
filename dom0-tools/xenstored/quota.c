/* SPDX-License-Identifier: MIT */
/*
 * Quotas and accounts: see quota.h. Nodes and their memory are counted by the tree, the rest is looked up in the
 * domain's connections.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "quota.h"
#include "server.h"
#include "state.h"

#define LOG_EVERY	60U	/* seconds */

static const struct {
	const char *name;
	uint32_t value;
} quotas[NR_QUOTAS] = {
	[Q_NODES]	= { "nodes", 1000 },
	[Q_WATCHES]	= { "watches", 128 },
	[Q_TRANSACTIONS] = { "transactions", 10 },
	[Q_OUTSTANDING]	= { "outstanding", 20 },
	[Q_TX_NODES]	= { "transaction-nodes", 1024 },
	[Q_MEMORY]	= { "memory", 2560 << 10 },
	[Q_SOFT_MEMORY]	= { "soft-memory", 2048 << 10 },
	[Q_PERMS]	= { "node-permissions", 5 },
	[Q_NODE_SIZE]	= { "node-size", 2048 },
};

void quota_init(struct server *s)
{
	for (int q = 0; q < NR_QUOTAS; q++)
		s->quotas[q] = quotas[q].value;
}

void quota_fini(struct server *s)
{
	while (s->accounts)
		quota_forget(s, s->accounts->domid);
}

void quota_forget(struct server *s, uint32_t domid)
{
	for (struct account **p = &s->accounts, *a; (a = *p); p = &a->next)
		if (a->domid == domid) {
			*p = a->next;
			free(a);
			return;
		}
}

static struct account *find(const struct server *s, uint32_t domid)
{
	struct account *a = s->accounts;

	while (a && a->domid != domid)
		a = a->next;
	return a;
}

struct account *quota_account(struct server *s, uint32_t domid, bool make)
{
	struct account *a = find(s, domid);

	if (a || !make)
		return a;
	a = calloc(1, sizeof(*a));
	if (!a)
		return NULL;
	a->domid = domid;
	a->features = SERVER_FEATURES;
	a->next = s->accounts;
	s->accounts = a;
	return a;
}

uint32_t quota_features(const struct server *s, uint32_t domid)
{
	const struct account *a = find(s, domid);

	return a ? a->features : SERVER_FEATURES;
}

int quota_set_features(struct server *s, uint32_t domid, uint32_t features)
{
	struct account *a = quota_account(s, domid, true);

	if (!a)
		return -ENOMEM;
	a->features = features & SERVER_FEATURES;
	state_features(s, domid, a->features);
	return 0;
}

const char *quota_name(enum quota q)
{
	return quotas[q].name;
}

bool quota_by_name(const char *name, enum quota *q)
{
	for (int i = 0; i < NR_QUOTAS; i++)
		if (!strcmp(name, quotas[i].name)) {
			*q = i;
			return true;
		}
	return false;
}

uint32_t quota_value(const struct server *s, uint32_t domid, enum quota q)
{
	const struct account *a = domid == ALL_DOMAINS ? NULL : find(s, domid);

	return a && a->own[q] ? a->limit[q] : s->quotas[q];
}

int quota_set(struct server *s, uint32_t domid, enum quota q, uint32_t value)
{
	struct account *a = domid == ALL_DOMAINS ? NULL : quota_account(s, domid, true);

	if (domid == ALL_DOMAINS) {
		s->quotas[q] = value;
	} else if (a) {
		a->limit[q] = value;
		a->own[q] = true;
	} else {
		return -ENOMEM;
	}
	state_quota(s, domid, q, value);
	return 0;
}

/* --- use --- */

/* The limit in force; UINT32_MAX for none. */
static uint32_t in_force(const struct server *s, uint32_t domid, enum quota q)
{
	uint32_t v = domid ? quota_value(s, domid, q) : 0;

	return v ? v : UINT32_MAX;
}

size_t quota_usage(const struct server *s, uint32_t domid, enum quota q)
{
	size_t n = 0;

	if (q == Q_NODES)
		return tree_owned(&s->live, domid);
	if (q == Q_MEMORY || q == Q_SOFT_MEMORY)
		n = tree_owned_bytes(&s->live, domid);
	for (const struct conn *c = s->conns; c; c = c->next) {
		if (c->closed || c->cred.domid != domid)
			continue;
		if (q == Q_WATCHES)
			n += c->nr_watches;
		else if (q == Q_TRANSACTIONS)
			n += c->nr_txs;
		else if (q == Q_OUTSTANDING)
			n += c->nr_replies;
		else if (q == Q_MEMORY || q == Q_SOFT_MEMORY)
			n += conn_memory(c);
	}
	return n;
}

void quota_refused(struct server *s, uint32_t domid, enum quota q, const char *what)
{
	struct account *a = quota_account(s, domid, true);
	struct timespec now;

	if (!a)
		return;
	a->refused[q]++;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (a->logged[q] && (uint64_t)now.tv_sec < a->logged[q] + LOG_EVERY)
		return;
	a->logged[q] = now.tv_sec ? now.tv_sec : 1;
	fprintf(stderr, "xenstored: domain %u: quota %s: %u is the limit, %s; xl xenstore-quota-set can raise it\n",
		domid, quota_name(q), quota_value(s, domid, q), what);
}

void quota_check_soft(struct conn *c)
{
	struct server *s = c->srv;
	uint32_t domid = c->cred.domid;
	const struct account *a = find(s, domid);

	if (c->cred.privileged || (a && a->refused[Q_SOFT_MEMORY]))
		return;
	if (tree_owned_bytes(&s->live, domid) + conn_memory(c) > in_force(s, domid, Q_SOFT_MEMORY))
		quota_refused(s, domid, Q_SOFT_MEMORY, "and more is in use");
}

struct limits quota_limits(const struct conn *c, enum quota *hit)
{
	uint32_t domid = c->cred.domid;
	size_t all, others = conn_memory(c);

	if (c->cred.privileged)
		return (struct limits){ .hit = hit };
	all = in_force(c->srv, domid, Q_MEMORY);
	return (struct limits){
		.nodes = in_force(c->srv, domid, Q_NODES),
		.value = in_force(c->srv, domid, Q_NODE_SIZE),
		.perms = in_force(c->srv, domid, Q_PERMS),
		.memory = others < all ? all - others : 0,
		.hit = hit,
	};
}

/* --- the control command --- */

struct text {
	char *out;
	size_t n, size;
};

static void say(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void say(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->out + t->n, t->size - t->n, fmt, ap);
	va_end(ap);
	t->n = (size_t)n < t->size - t->n ? t->n + n : t->size - 1;
}

static void say_domain(struct text *t, const struct server *s, uint32_t domid)
{
	const struct account *a = find(s, domid);

	say(t, "%-18s %10s %10s %10s\n", "quota", "limit", "in use", "refused");
	for (int q = 0; q < NR_QUOTAS; q++)
		say(t, "%-18s %10u %10zu %10u\n", quota_name(q), quota_value(s, domid, q), quota_usage(s, domid, q),
		    a ? a->refused[q] : 0);
}

static void say_all(struct text *t, const struct server *s)
{
	for (int q = 0; q < NR_QUOTAS; q++)
		say(t, "%s: %u\n", quota_name(q), s->quotas[q]);
	for (unsigned int i = 0; i < s->live.nr_owned; i++)
		say(t, "domain %u: %u nodes, %zu bytes\n", s->live.owned[i].domid, s->live.owned[i].nodes,
		    s->live.owned[i].bytes);
}

static bool number(const char *s, uint32_t *v)
{
	unsigned long long n;
	char *end;

	if (*s < '0' || *s > '9')
		return false;
	n = strtoull(s, &end, 10);
	*v = n;
	return !*end && n <= UINT32_MAX;
}

size_t quota_control(struct server *s, char **vec, int n, char *out, size_t size)
{
	bool soft = !strcmp(vec[0], "quota-soft");
	struct text t = { .out = out, .size = size };
	char name[32];
	uint32_t v;
	enum quota q;

	if (n == 1 && soft) {
		say(&t, "memory: %u\n", s->quotas[Q_SOFT_MEMORY]);
	} else if (n == 1 && !strcmp(vec[0], "quota")) {
		say_all(&t, s);
	} else if (n == 2 && !soft && number(vec[1], &v)) {
		say_domain(&t, s, v);
	} else if (n == 4 && !strcmp(vec[1], "set") && number(vec[3], &v)) {
		snprintf(name, sizeof(name), "%s%s", soft ? "soft-" : "", vec[2]);
		if (!quota_by_name(name, &q) || quota_set(s, ALL_DOMAINS, q, v) < 0)
			return 0;
		say(&t, "OK");
	} else {
		return 0;
	}
	return t.n + 1;
}
