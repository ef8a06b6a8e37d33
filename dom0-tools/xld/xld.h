/* SPDX-License-Identifier: MIT */
/*
 * Inside of xld, the management daemon: its objects and the borders between its files.
 *
 *	main.c		options, becoming a daemon, start-up and end
 *	conf.c		xld.conf
 *	listen.c	sockets, and who is let in
 *	server.c	clients: messages in, replies out
 *	events.c	what subscribers are told of domains
 *	calls.c		one function per procedure of the protocol
 *	dom.c		the registry of domains
 *	state.c		the registry on disk, for after a restart of xld
 *	durable.c	small files that survive a power cut
 *	job.c		long operations in worker processes
 *	create.c	worker: build a domain, step by step
 *	destroy.c	worker: take away all that belongs to a domain, in whatever state it is
 *	store.c		the nodes of a domain in xenstore
 *	life.c		what happens when a domain stops
 *	crash.c		why it has stopped, in words
 *	lastwords.c	what hypervisor and kernel said about a failure
 *	cpu.c		vCPUs: affinity, how many are online, shares
 *	memory.c	targets, limits and claims
 *	device.h	devices: more files, listed there
 *	save.c		save: the call, the worker, and giving a domain back that was not saved
 *	define.c	descriptions that are kept while their domains do not run
 *	control.c	rename, sysrq, trigger, debug keys, config-update, suspend and resume
 *	dump.c		core dumps: the call, the worker, and giving a domain back
 *	stats.c		what goes through the devices of domains
 *	explain.c	the state of a domain in words, also of one that has gone
 *	restore.c	restore: the call, and the step of a create that takes the place of loading a kernel
 *	suspend.c	what a save and a migration have in common
 *	jobcalls.c	the procedures about jobs, and the jobs of the past
 *	move.h		migration: more files, listed there
 *
 * One thread runs an event loop and never waits for anything longer than one hypercall or one request to xenstored.
 * What takes longer (create, destroy) runs in a forked worker, one at a time per domain, so that reads never wait for
 * jobs, a kernel image that crashes the builder cannot take the daemon down, and a job is cancelled by killing its
 * process.
 *
 * Roll-back has one path: whatever a worker leaves behind when it fails, crashes or is killed, a destroy job removes;
 * it finds the domain by UUID and takes each part away if it is there. xld writes the UUID to the state directory
 * before it starts a worker, and workers die with xld, so a restarted xld finds and finishes the rest.
 */
#ifndef XLD_XLD_H
#define XLD_XLD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "domcfg/cpulist.h"
#include "domcfg/domcfg.h"
#include "ev/ev.h"
#include "rpc/xrpc.h"
#include "util/mem.h"
#include "xenctl/xenctl.h"
#include "xenstore/xenstore.h"

#define DOMID_NONE (~0U)

/* What SHUTDOWN_* reasons are called; index is the ABI's number. */
enum stop_reason { STOP_POWEROFF, STOP_REBOOT, STOP_SUSPEND, STOP_CRASH, STOP_WATCHDOG, STOP_SOFT_RESET };
#define STOP_GONE (~0U)

enum dev_kind { DEV_VBD, DEV_VIF, NR_DEV_KINDS };

enum dev_verb { DEV_NOTHING, DEV_ATTACH, DEV_DETACH, DEV_RESIZE, DEV_REVIVE };

/* What a job does to a device of a running domain. */
struct dev_request {
	enum dev_verb verb;
	enum dev_kind kind;
	uint32_t devid;
	char *spec;			/* attach: the entry of disk= or vif=; detach with a spec: its way back */
	bool force;
	bool keep;			/* detach: the drive stays, empty */
	char *next;			/* then attach this */
};

/* A save that is under way. */
struct save_request {
	char *path, *temp;		/* written as temp, renamed to path when it is complete; NULL: none */
	char *config;			/* JSON to put into it */
	uint32_t flags;			/* XLD_SAVE_* */
	uint32_t packing;		/* enum stream_packing */
};

/* A core dump that is under way. */
struct dump_request {
	char *path, *temp;		/* written as temp, renamed to path when it is complete; NULL: none */
	uint32_t flags;			/* XLD_DUMP_* */
	bool paused;			/* by us, for the time of the dump */
	unsigned int then;		/* enum dom_action, if it was on_* that asked for it */
	bool by_itself;
};

struct job;
struct client;
struct listener;
struct told;
struct xld_conf;
struct move;
struct save_state;

/* What came with the offer of a domain. */
struct offer {
	struct client *client;
	uint32_t serial;		/* of the call that is answered when all is ready */
	struct xen_cpuid_leaf *cpu;	/* what the guest has seen */
	size_t cpu_leaves;
	struct client *lane[XLD_LANES_MAX];	/* further connections for the stream */
	unsigned int nr_lanes;
};

/* A call that is answered later. The client's end removes it. */
struct asker {
	struct asker *next;
	struct client *client;
	uint32_t serial, proc;
	uint64_t deadline;		/* ms, ev_now_ms(); 0 = none */
};

enum dom_phase {
	PHASE_CREATING,			/* a create job runs */
	PHASE_LIVE,			/* it exists; no job */
	PHASE_ARRIVED,			/* received, and not known to be ours: paused */
	PHASE_DESTROYING,		/* a destroy job runs, or failed and can be asked for again */
};

struct dom {
	struct dom *next;
	struct xld *x;
	uint8_t uuid[16];
	uint8_t tag[16];		/* under which the scripts keep what they make for its devices: its first UUID */
	uint32_t domid;			/* DOMID_NONE until the hypervisor shows it */
	char *name;
	enum dom_phase phase;
	bool restarting;		/* after its destroy job it is created again */
	bool ours;			/* created by xld: cfg is valid, on_* are applied */
	struct domcfg cfg;
	bool start_paused;
	uint64_t start_time;		/* s since 1970; 0 = not known */
	unsigned int quick_stops;	/* restarts in a row that came too soon */
	bool stop_seen;			/* its shutdown was acted upon */
	uint64_t resume_until;		/* ms: a suspend before that was asked for and then taken back */
	unsigned int stop_reason;	/* then: SHUTDOWN_*; else STOP_GONE */
	bool seen;			/* scratch of dom_refresh() */
	struct job *job;
	struct dev_request request;	/* what a device job is about */
	uint64_t revive_at;		/* ms, ev_now_ms(): no disk is revived before */
	struct save_request save;
	struct domcfg *next_cfg;	/* what it is to be from its next start on; NULL: the same */
	struct dump_request dump;
	char *restore_path;		/* its create makes it of this file */
	struct offer *offer;		/* while it is received */
	struct move *move;		/* it migrates, or how that ended is not settled */
	xld_migrated report;		/* of a migration that went well */
	struct asker *askers;
	struct told *told;		/* what subscribers of events know; NULL: nothing */
	bool failed;			/* failure is what to tell who asked for the create */
	xld_error failure;
};

struct xld {
	struct ev_loop *loop;
	struct xenctl *xc;
	struct xs_handle *xs;		/* NULL while xenstored is away */
	struct ev_fd *xs_watch;
	struct ev_timer *tick;
	const char *socket_path, *state_dir;
	const char *lib_dir;		/* what outlives a restart of the host */
	const char *migrate_point;	/* XLD_MIGRATE_POINT, for tests */
	struct move *moves;
	const struct xld_conf *conf;
	struct rpc_creds *creds;	/* for TLS, if it is used */
	gid_t group, read_only_group;	/* (gid_t)-1: none */
	struct listener *listeners;
	struct client *clients;
	unsigned int nr_subscribers;	/* clients that want events of domains */
	unsigned int nr_clients, nr_remote;	/* of the local socket; of others */
	struct dom *doms;
	struct definition *definitions;	/* by name */
	int fail_step;			/* XLD_FAIL_STEP: n fails a create behind step n, -n kills its worker there */
};

/* --- main.c --- */
__attribute__((format(printf, 1, 2)))
void xld_log(const char *fmt, ...);
/* Set *err with a printf-style cause. Returns false, for `return xld_fail(...)`. */
__attribute__((format(printf, 6, 7)))
bool xld_fail(xld_error *err, xld_code code, const char *what, const char *object, const char *advice,
	      const char *fmt, ...);

/* --- listen.c --- */
bool server_start(struct xld *x, char **why);
/*
 * Serve by another configuration from now on; connections that are there stay as they are, and so do the addresses.
 * false: *why, and all is as before.
 */
bool server_configure(struct xld *x, const struct xld_conf *conf, char **why);
void server_announce(const struct xld *x);	/* say in the log where */
void server_stop(struct xld *x);

/* --- server.c --- */
/* Answer a call. obj is the procedure's result. */
void client_reply(struct client *c, uint32_t proc, uint32_t serial, const void *obj);
void client_reply_error(struct client *c, uint32_t proc, uint32_t serial, const xld_error *err);
void client_progress(struct client *c, uint32_t serial, const char *text);
const char *client_name(const struct client *c);	/* for the log: who it is and where */
/*
 * To go on with a client's connection in a worker: the call (of the mark `pipe`) queues its reply and forks; the worker
 * makes a pipe of client_stream() with rpc_stream_detach(), before it closes the daemon's descriptors; the daemon
 * forgets the client with client_abandon() as soon as it has forked, and then returns from the call with *later set.
 */
struct rpc_stream *client_stream(struct client *c);
void client_abandon(struct client *c);
/* It is the number-th (from 1 on) further connection of the migration with this token, which is still to be offered. */
void client_become_lane(struct client *c, const uint8_t token[16], unsigned int number);
/* Which one that is; beside is not meant. NULL: there is none. */
struct client *client_lane(struct xld *x, const struct client *beside, const uint8_t token[16], unsigned int number);
/* Send an event to all clients that have subscribed to kind, one of XLD_SUBSCRIBE_*. */
void client_event_all(struct xld *x, uint32_t kind, uint32_t event, const void *obj);

/* --- calls.c --- */
/*
 * Serve one call. Returns true when *ret is the result, false when *err says why not; with *later set neither, somebody
 * else answers.
 */
typedef bool call_fn(struct xld *x, struct client *c, uint32_t serial, void *args, void *ret, xld_error *err,
		     bool *later);
call_fn *call_find(uint32_t proc);
/* The domain to act on, which may be dom0, and what the hypervisor says of it; not while a job is about it. */
struct dom *call_domain(struct xld *x, const char *ref, const char *what, xld_error *err, struct xenctl_dominfo *info);
/* The store is there. */
bool call_store(struct xld *x, const char *what, const struct dom *d, xld_error *err);
/* Set *err for a hypercall that failed. Returns false. */
bool hypervisor_refused(xld_error *err, const char *what, const char *object, int rc);
/* The same, but not dom0. */
struct dom *call_target(struct xld *x, const char *ref, const char *what, xld_error *err, struct xenctl_dominfo *info);

/*
 * Make domain `config` (JSON) as proc asks; path: of this saved domain. Returns false: *err, or *later and it will be
 * answered.
 */
bool create_start(struct xld *x, struct client *c, uint32_t serial, uint32_t proc, const char *config, uint32_t flags,
		  const char *path, xld_error *err, bool *later);

/* A configuration (JSON), checked. Free cfg in any case. */
bool call_read_config(struct domcfg *cfg, const char *config, const char *what, xld_error *err);

/* --- define.c --- */
call_fn call_define, call_undefine, call_defined_list, call_defined_config, call_autostart;
void define_load(struct xld *x);
void define_free(struct xld *x);
/* A domain without a UUID gets that of the definition of its name, if that is free. */
void define_fill_uuid(struct xld *x, struct domcfg *cfg);
/* No other domain is defined under its name. */
bool define_allows(struct xld *x, const struct domcfg *cfg, const char *what, xld_error *err);

/* --- devcalls.c --- */
call_fn call_attach, call_detach, call_devices, call_resize, call_cd_change;

/* --- events.c --- */
call_fn call_subscribe;
/* Tell subscribers what has become of the domains since they were told last. Also before each sleep. */
void events_check(struct xld *x);
bool events_start(struct xld *x);
/* d is about to be freed. */
void events_forget(struct dom *d);
void events_progress(const struct dom *d, const char *text);

/* --- dom.c --- */
struct dom *dom_new(struct xld *x, const uint8_t uuid[16], const char *name);
void dom_free(struct xld *x, struct dom *d);
/* By name, decimal domain id or UUID. NULL and *err when there is none. */
struct dom *dom_find(struct xld *x, const char *ref, const char *what, xld_error *err);
struct dom *dom_by_uuid(struct xld *x, const uint8_t uuid[16]);
struct dom *dom_by_name(struct xld *x, const char *name);
/* Bring the registry up to what the hypervisor has. Returns its list (n entries, caller frees), or NULL. */
struct xenctl_dominfo *dom_refresh(struct xld *x, size_t *n);
/* d's line of such a list, NULL if the hypervisor does not have it. */
const struct xenctl_dominfo *dom_info(const struct dom *d, const struct xenctl_dominfo *list, size_t n);
void config_rename(struct domcfg *cfg, const uint8_t uuid[16], const char *name);
/*
 * Another UUID and name, everywhere; both may stay what they are. false, and nothing has changed, when the hypervisor
 * or the store refuse.
 */
bool dom_rename(struct xld *x, struct dom *d, const uint8_t uuid[16], const char *name);
void dom_ask(struct dom *d, struct client *c, uint32_t proc, uint32_t serial, uint64_t deadline);
/* Answer all who asked for proc: with the result obj, or with err when obj is NULL. */
void dom_answer(struct dom *d, uint32_t proc, const void *obj, const xld_error *err);
void dom_progress(struct dom *d, const char *text);
/* A client has gone: forget what it asked, cancel a create that only it waits for. */
void dom_client_gone(struct xld *x, struct client *c);
/* There is a domain with this number, and this UUID; then *info (may be NULL) is about it. */
bool domain_there(struct xenctl *xc, uint32_t domid, const uint8_t uuid[16], struct xenctl_dominfo *info);
/* Find a domain with this UUID. -ESRCH: none. */
int domid_by_uuid(struct xenctl *xc, const uint8_t uuid[16], uint32_t *domid);

/* --- durable.c --- */
/* Write a file with this text; it is on the disk when this returns true. false: errno. */
bool durable_write(const char *path, const char *text);
/* What was renamed, linked or removed in the directory of this file stays so. false: errno. */
bool durable_sync(const char *file);
/* Remove what an xld that died had not written to its end yet. */
void durable_tidy(const char *dir);

/* --- state.c --- */
/* false, and logged, when the record could not be written; the old one is then still there. */
bool state_save(struct xld *x, const struct dom *d);
void state_remove(struct xld *x, const struct dom *d);
/* Read all records, and take up the work that was under way. */
void state_load(struct xld *x);

/* --- job.c --- */
void job_create(struct xld *x, struct dom *d);
/* Destroy d; a create job that runs is cancelled first, a destroy job that runs will do. */
void job_destroy(struct xld *x, struct dom *d);
/* Do what d->request says. */
void job_device(struct xld *x, struct dom *d);
/* Take all devices away from a domain that has stopped, then call life_released(). */
void job_release(struct xld *x, struct dom *d);
void job_save(struct xld *x, struct dom *d);
void job_migrate(struct xld *x, struct dom *d);
/* d's offer is accepted or refused by the worker. */
void job_receive(struct xld *x, struct dom *d);
/* What its job does, in words. */
const char *job_text(const struct dom *d);
void job_dump(struct xld *x, struct dom *d);
/* Stop a job that nobody waits for any more; what it does when it fails follows. */
void job_stop(struct dom *d);
/* The same because somebody wants it stopped. false: a destroy goes on. */
bool job_cancel(struct dom *d);
/* In a worker: tell what is being done. */
__attribute__((format(printf, 2, 3)))
void worker_progress(int fd, const char *fmt, ...);
/* The same of `done` pages of `total`, if a tenth more are done than when it was told last. */
void worker_percent(int fd, const char *name, unsigned int *last, uint64_t done, uint64_t total);
void worker_job(int fd, const struct save_state *s);
/* Send one message of the protocol. */
void worker_send(int fd, const struct rpc_header *h, xdrproc_t xdr, const void *obj);
/* What is told of it, as far as the daemon knows. */
void job_describe(const struct job *j, xld_job *o);

/* --- create.c, destroy.c: these run in workers --- */
bool create_run(const struct xld *x, const struct dom *d, int fd, xld_created *ret, xld_error *err);
/* The same for an offer: peer is the connection that it came by. */
bool receive_run(const struct xld *x, const struct dom *d, int fd, int peer, xld_received *ret, xld_error *err);
bool destroy_run(const struct dom *d, int fd, xld_error *err);

/* --- suspend.c --- */
/* What a worker needs to have a domain suspend. */
struct suspending {
	const struct dom *d;
	const char *what;		/* for errors: "save domain" */
	int progress_fd;
	xld_error *err;
	struct xenctl *xc;
	struct xs_handle *xs;
};
/*
 * How long a kernel has. Linux says that it can suspend; one that says nothing may all the same, and shows soon whether
 * it has heard.
 */
#define SUSPEND_WAIT_MS		60000
#define SUSPEND_UNTOLD_MS	10000
/* Has its kernel said that it can? */
bool suspend_told(struct xs_handle *xs, uint32_t domid);
bool suspend_connect(struct suspending *s);
/* 0 when it has suspended; else it does not, and *err says why. */
int suspend_ask(struct suspending *s);
/* A domain that has suspended goes on as if that had been cancelled. 0 or -errno. */
int suspend_cancel(struct xenctl *xc, uint32_t domid);
/* Nothing else is done to it, and it runs: it may be asked to suspend now. */
bool suspend_possible(struct xld *x, const struct dom *d, const char *what, const struct xenctl_dominfo *info,
		      xld_error *err);
/* The same, and it may be saved or migrated. */
bool suspend_allowed(struct xld *x, const struct dom *d, const char *what, const struct xenctl_dominfo *info,
		     xld_error *err);
/* It does not go after all: whatever a worker has done to it, it runs as before. */
void suspend_undo(struct xld *x, struct dom *d);
/* It has suspended although the request was taken back: its kernel was quicker. Returns true if it goes on. */
bool suspend_late(struct xld *x, struct dom *d);

/* --- jobcalls.c --- */
call_fn call_jobs, call_cancel;
/* Remember a job that has ended. */
void job_remember(const struct job *j, const char *how, bool ok);

/* --- save.c --- */
call_fn call_save;
/* The configuration that goes with it, as JSON: text, or the domain's own if text is empty. */
bool config_for(const struct dom *d, const char *text, const char *what, char **json, xld_error *err);
/* In a worker. */
bool save_run(const struct dom *d, int fd, xld_error *err);
/* It was not saved: remove what there is of the file, and have the domain go on if it has suspended. */
void save_undo(struct xld *x, struct dom *d);
/* No save any more. */
void save_forget(struct save_request *r);

/* --- control.c --- */
call_fn call_rename, call_sysrq, call_trigger, call_debug_keys, call_config_update, call_suspend, call_resume;
/* The domain has stopped: tell who asked for its suspend. */
void suspend_answer(struct dom *d, unsigned int reason);
/* It starts again: its configuration is what config-update said. */
void config_take_next(struct dom *d);
void config_forget_next(struct dom *d);

/* --- dump.c --- */
call_fn call_dump_core;
/* In a worker. */
bool dump_run(const struct dom *d, int fd, xld_error *err);
/* The end of a dump, good or bad: a domain that was paused for it runs on, an incomplete file is removed. */
void dump_undo(struct xld *x, struct dom *d);
void dump_forget(struct dump_request *r);
/* Have a domain that has stopped dumped into DUMP_DIR; life_dumped() then does what `then` says. */
void dump_stopped(struct xld *x, struct dom *d, unsigned int then);

/* --- stats.c, explain.c --- */
call_fn call_stats, call_explain, call_tail;
/* It has stopped: keep for a while why, and what was done then. */
void obituary_add(const struct dom *d, const char *why, const char *then);
/* Where xenconsoled keeps the output of a domain of this name. Caller frees. */
char *console_log_path(const char *name);

/* --- restore.c --- */
call_fn call_restore;
struct restored {
	uint64_t store_mfn, console_mfn;
	void *nodes;			/* for store_area_write() */
	size_t nodes_len;
	void *console;			/* what it has written to its console */
	size_t console_len;
};
struct restore_params;
/*
 * In a worker: fill a domain from a descriptor; what follows from d and ports is put into p. 0, or -errno and why
 * (STREAM_WHY bytes).
 */
int restore_stream(struct xenctl *xc, const struct dom *d, struct restore_params *p, const uint32_t ports[2], int from,
		   struct restored *r, char *why);
/* In a worker: fill domain domid from d->restore_path. */
bool restore_memory(struct xenctl *xc, const struct dom *d, uint32_t domid, const uint32_t ports[2], int fd,
		    struct restored *r, xld_error *err);

/* --- hotplug.c: these run in workers --- */
bool attach_run(const struct xld *x, const struct dom *d, int fd, xld_error *err);
bool detach_run(const struct dom *d, int fd, xld_error *err);
bool resize_run(const struct dom *d, int fd, xld_error *err);
bool revive_run(const struct dom *d, int fd, xld_error *err);
bool release_run(const struct dom *d, int fd, xld_error *err);

/* --- store.c --- */
struct store_domain {
	uint32_t domid;
	const char *name;
	const uint8_t *uuid;
	const struct domcfg *cfg;
	uint64_t start_time;
	uint32_t store_port, console_port;
	uint64_t store_mfn, console_mfn;
	const char *guest_os;		/* NULL: not known */
};
/*
 * Run fn in a transaction, again while it collides with others. false: errno. fn returns false with errno to give up.
 */
typedef bool store_fn(struct xs_handle *xs, xs_transaction_t t, void *arg);
bool store_transaction(struct xs_handle *xs, store_fn *fn, void *arg);
/* Remove a node and all below it; an absent one is fine. */
bool store_rm(struct xs_handle *xs, xs_transaction_t t, const char *path);
/* Is /local/domain/N the tree of this UUID, or of none at all? */
bool store_belongs(struct xs_handle *xs, xs_transaction_t t, uint32_t domid, const uint8_t uuid[16]);
/* The domain whose tree is that of this UUID; DOMID_NONE: none. */
uint32_t store_domid(struct xs_handle *xs, const uint8_t uuid[16]);
/* false: errno. */
bool store_write(struct xs_handle *xs, const struct store_domain *s);
/* Remove what store_write() wrote, if /local/domain/N still belongs to this UUID. Absent nodes are fine. */
bool store_remove(struct xs_handle *xs, uint32_t domid, const uint8_t uuid[16]);
/* The nodes that belong to the guest, as the body of a stream's record. NULL: errno. */
void *store_area_read(struct xs_handle *xs, uint32_t domid, size_t *len);
bool store_area_write(struct xs_handle *xs, uint32_t domid, const void *nodes, size_t len);
/* The same of a domain whose rings were not known when its nodes were written. */
bool store_complete(struct xs_handle *xs, uint32_t domid, uint64_t store_mfn, uint64_t console_mfn, const void *nodes,
		    size_t len);
bool store_init_dom0(struct xs_handle *xs);
/* The first `online` of max vCPUs shall be online. */
bool store_set_vcpus(struct xs_handle *xs, uint32_t domid, uint32_t online, uint32_t max);
bool store_set_memory(struct xs_handle *xs, uint32_t domid, uint64_t target_kib);
/* Give a stopped domain another name and UUID. */
bool store_rename(struct xs_handle *xs, uint32_t domid, const uint8_t old[16], const uint8_t new[16], const char *name);

/* --- life.c --- */
bool life_start(struct xld *x);
/* Look for domains that have stopped or vanished, and do what their configuration says. */
void life_check(struct xld *x);
/* The devices of a domain to be renamed are free for its successor. */
void life_released(struct xld *x, struct dom *d);
/* Its core is written, or could not be: go on with what its configuration wants. */
void life_dumped(struct xld *x, struct dom *d, unsigned int action);
const char *life_reason_name(unsigned int reason);

/* --- revive.c --- */
/* Look for networks of guests whose back end has died and come back, and disks whose server has; serve them again. */
void revive_check(struct xld *x);

/* --- crash.c --- */
/* Why a domain has stopped; empty if it has not. Caller frees. */
char *crash_text(struct xenctl *xc, const struct xenctl_dominfo *info);

/* Only printable characters reach logs and terminals. */
void make_printable(char *s);

/* --- lastwords.c --- */
/* Ask the hypervisor through this handle from now on; a worker gives its own. */
void last_words_begin(struct xenctl *xc);
/* What it has said so far is about something else. */
void last_words_mark(void);
/* "; it says: ...", or empty. Caller frees. */
char *hypervisor_said(void);
/* "; dom0's kernel says: ...", the last line with these words in it, or empty. Caller frees. */
char *kernel_said(const char *about);

/* --- cpu.c --- */
call_fn call_vcpu_list, call_vcpu_pin, call_vcpu_set, call_sched_domain, call_sched_host;
/* What a configuration says about CPUs fits a host with that many. */
bool cpus_possible(const struct domcfg *cfg, unsigned int nr_cpus, char why[CPULIST_WHY]);
/* Take back a cap that a live migration has set. */
void cpus_unthrottle(struct xenctl *xc, uint32_t domid, const struct domcfg *cfg);
/* In a worker: set affinity, weight and cap as the configuration says. */
int cpus_place(struct xenctl *xc, uint32_t domid, const struct domcfg *cfg, unsigned int nr_cpus);

/* --- memory.c --- */
call_fn call_mem_set, call_mem_max;
/* Unless they are there: dom0's nodes about memory, from what it has and what it was started with. false: errno. */
bool memory_init_dom0(struct xld *x);
/* In a worker: the domain may have that much, and nobody else gets it. -ENOMEM: it is not there. */
int memory_claim(struct xenctl *xc, uint32_t domid, uint64_t pages);

#endif
