/* SPDX-License-Identifier: MIT */
/*
 * What a domain may use of the store, and what it does use. Each quota has a value for all domains and, where somebody
 * has set one, a value of a domain's own; 0 is no limit. Domain 0 has none. A refusal is counted, and logged with the
 * domain, the quota, its value and what was refused, at most once a minute for each domain and quota.
 */
#ifndef XENSTORED_QUOTA_H
#define XENSTORED_QUOTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "public/io/xs_wire.h"
#include "tree.h"

struct conn;
struct server;

/* What we offer; of the public header's bits, the third is a depth in XS_WATCH. */
#define SERVER_FEATURES	(XENSTORE_SERVER_FEATURE_RECONNECTION | XENSTORE_SERVER_FEATURE_ERROR | \
			 XENSTORE_SERVER_FEATURE_WATCHDEPTH)

#define ALL_DOMAINS	0xffffffffU	/* as a domid: the values for everybody */

/* What is kept of a domain beyond its nodes and connection. In s->accounts by domid, made when needed. */
struct account {
	struct account *next;
	uint32_t domid;
	uint32_t features;		/* of XENSTORE_SERVER_FEATURE_*: what it is offered */
	uint32_t limit[NR_QUOTAS];
	bool own[NR_QUOTAS];		/* limit[] is its own value */
	uint32_t refused[NR_QUOTAS];
	uint64_t logged[NR_QUOTAS];	/* when, in seconds; 0: never */
};

void quota_init(struct server *s);
void quota_fini(struct server *s);
void quota_forget(struct server *s, uint32_t domid);

/* The account, made if make is set. NULL: there is none, or no memory. */
struct account *quota_account(struct server *s, uint32_t domid, bool make);

/* The XENSTORE_SERVER_FEATURE_* that a domain is offered. */
uint32_t quota_features(const struct server *s, uint32_t domid);
int quota_set_features(struct server *s, uint32_t domid, uint32_t features);

const char *quota_name(enum quota q);
bool quota_by_name(const char *name, enum quota *q);
uint32_t quota_value(const struct server *s, uint32_t domid, enum quota q);
int quota_set(struct server *s, uint32_t domid, enum quota q, uint32_t value);

/* What a domain has in use of quota q. */
size_t quota_usage(const struct server *s, uint32_t domid, enum quota q);
/* Count a refusal and log it; `what` names the request. */
void quota_refused(struct server *s, uint32_t domid, enum quota q, const char *what);
/* Say so once if the domain uses more memory than it should. */
void quota_check_soft(struct conn *c);

/* For the calls of the tree made for this connection. */
struct limits quota_limits(const struct conn *c, enum quota *hit);

/* The control command "quota" or "quota-soft" with its arguments: the length of its answer in out, 0 for nonsense. */
size_t quota_control(struct server *s, char **vec, int n, char *out, size_t size);

#endif
