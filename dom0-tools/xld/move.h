/* SPDX-License-Identifier: MIT */
/*
 * Migrations as xld sees them, at both ends. The rules of who owns the domain are lib/migrate/commit.h.
 *
 *	journal.c	what is known of each migration, on disk
 *	migrate.c	source: the call and its worker
 *	receive.c	target: the offer and its worker
 *	settle.c	afterwards: asking the other end, answering it, orders by people
 *	drain.c		a stopped guest's disks have nothing under way any more
 *
 * A migration exists in memory from the call or the offer on, on disk (LIB_DIR/migrations/TOKEN-out.json or -in.json)
 * from its first state other than 0 on, until both ends know how it has ended. An incoming domain has the token as its
 * UUID and the name NAME--incoming until it is ours; in a migration to localhost the outgoing one then becomes
 * NAME--migratedaway.
 */
#ifndef XLD_MOVE_H
#define XLD_MOVE_H

#include "migrate/commit.h"
#include "xld.h"

struct move {
	struct move *next;
	uint8_t token[16];
	bool incoming;
	int state;			/* enum dst_state if incoming, else enum src_state */
	char *name;			/* what the domain is called when it is ours */
	uint8_t uuid[16];
	char *peer;			/* source: where to dial; target: who it comes from, for people */
	uint32_t flags;			/* XLD_MIGRATE_* */

	/* In memory only. */
	struct move_params {
		uint32_t max_downtime_ms, timeout_s, on_timeout, bandwidth_kib, packing, connections;
		char *config, *next;	/* JSON, for there: now, and from its next start on (empty: the same) */
	} params;
	struct move_ask *ask;		/* under way */
	uint64_t next_ask;		/* ms */
	unsigned int asked;		/* in vain, in a row */
	char *waits;			/* what a human has to decide, or NULL */
};

/* --- journal.c --- */
struct move *move_new(struct xld *x, bool incoming, const uint8_t token[16], const char *name, const uint8_t uuid[16],
		      const char *peer, uint32_t flags);
/* NULL: there is none. */
struct move *move_find(struct xld *x, bool incoming, const uint8_t token[16]);
/* The domain that it is about, as far as it is here. */
struct dom *move_dom(struct xld *x, const struct move *m);
/* Write it down with this state; it is on the disk when this returns 0. Else -errno, and nothing has changed. */
int move_write(const struct xld *x, struct move *m, int state);
/* Take over what a worker has written. */
void move_read(const struct xld *x, struct move *m);
/* All is settled: remove it from disk and memory; its domain becomes one like others. */
void move_forget(struct xld *x, struct move *m);
void moves_load(struct xld *x);

/* --- migrate.c --- */
call_fn call_migrate;
bool migrate_run(const struct xld *x, const struct dom *d, int fd, xld_migrated *report, xld_error *err);
/* The worker has ended. Returns true if the domain is to be destroyed here. */
bool migrate_over(struct xld *x, struct dom *d, bool destroy);
/* d goes to this host, and its successor is still being received. */
bool migrate_comes_here(struct xld *x, const struct dom *d);
/* A test wants something to happen here: XLD_MIGRATE_POINT=NAME:ACTION, see migrate.c. */
void migrate_point(const struct xld *x, const char *name, int peer);

/* --- receive.c --- */
call_fn call_lane;
call_fn call_offer;
/* In a worker, by create.c: what comes between two of its steps. peer is the connection, its lanes are the next ones. */
bool receive_accept(const struct dom *d, struct xenctl *xc, uint32_t domid, int peer, xld_error *err);
bool receive_memory(struct xenctl *xc, const struct dom *d, uint32_t domid, const uint32_t ports[2], int peer, int fd,
		    struct restored *r, xld_error *err);
/* Leave what it has written to its console so far where xenconsoled looks for it. */
void receive_console(uint32_t domid, const struct restored *r);
bool receive_commit(const struct xld *x, const struct dom *d, struct xenctl *xc, uint32_t domid, uint64_t store_mfn,
		    int peer, bool *settled, xld_error *err);
void receive_refuse(const struct dom *d, int peer, bool accepted, const xld_error *err);
/* The worker has ended, or xld begins. Returns true if the domain is to be destroyed. */
bool receive_over(struct xld *x, struct dom *d);
/* The domain is ours, whoever has said so, and runs. */
void receive_arrived(struct xld *x, struct dom *d);
/* It is called what it is to be called; if not, do that, or leave it for later while the name is still taken. */
bool receive_named(const struct dom *d);
void receive_take_name(struct xld *x, struct dom *d);

/* --- settle.c --- */
call_fn call_settle, call_moves, call_recover;
/* Ask the other ends that are to be asked now. */
void settle_check(struct xld *x);
/* xld begins: what is to be done about a domain of ours that migrates or has migrated. */
void settle_restart(struct xld *x, struct move *m);
/* How it stands, and for what it waits (empty: nothing; caller frees). */
const char *move_describe(const struct move *m);
char *move_waits(const struct move *m);

/* --- drain.c --- */
/* In a worker: wait until all requests of its disks are answered. */
bool disks_drained(struct xs_handle *xs, uint32_t domid, char why[128]);

#endif
