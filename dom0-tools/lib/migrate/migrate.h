/* SPDX-License-Identifier: MIT */
/*
 * Saving a PV domain into a migration stream, and making one of a stream.
 *
 *	save.c		from a domain to the records
 *	pages.c		its pages, while it runs (log-dirty) and when it has stopped
 *	hints.c		pages that its kernel does not need
 *	guestmap.c	what the saver must know first: the guest's p2m list and the types of its frames
 *	restore.c	from the records to a domain that only waits to be unpaused
 *	cpu.c		the CPU that the guest has seen, and whether this host has it
 *
 * The caller owns the lives of the domains: a saver resumes or destroys its domain afterwards; a restorer has created
 * its domain (paused), with vCPUs and the event channels of store and console, and unpauses or destroys it. Nothing of
 * a failed save or restore stays in this process.
 */
#ifndef LIB_MIGRATE_MIGRATE_H
#define LIB_MIGRATE_MIGRATE_H

#include "migrate/stream.h"

struct xenctl;
struct xen_cpuid_leaf;

typedef void migrate_progress(void *arg, uint64_t done, uint64_t total);

/* How a save stands. */
struct save_state {
	unsigned int round;		/* 0: it does not run any more */
	uint64_t done, total;		/* bytes of this round */
	uint64_t rate, dirty_rate;	/* bytes a second: of its memory that get across; that it wrote in the last round */
	uint64_t expected_ms;		/* downtime, were it stopped after this round */
	unsigned int cap;		/* percent of a CPU that it may use; 0: it is not slowed down */
};

enum save_on_timeout { SAVE_CANCEL, SAVE_PAUSE, SAVE_THROTTLE };

struct save_params {
	uint32_t domid;
	const char *config;		/* JSON */
	bool live;			/* copy its memory while it runs, and what it writes meanwhile once more */
	/*
	 * Of a live save: it is stopped when the rest will take no longer than this; 0: when few pages are left or they
	 * do not get fewer. If that does not come, or not in time (0: any), what on_timeout says is done: -ETIME; stop
	 * it all the same; or slow its vCPUs down, step by step, and stop it in the end.
	 */
	uint64_t max_downtime_ms, timeout_ms;
	enum save_on_timeout on_timeout;
	uint64_t bandwidth;		/* bytes a second while it runs; 0: no limit */
	enum stream_packing packing;	/* of the contents of pages */
	const int *lanes;		/* further connections that the stream goes by */
	unsigned int nr_lanes;
	/*
	 * Of a live save, to somebody who answers: wait until that one has taken all that was sent. At the end of each
	 * round and before the suspend; what is on its way then would be waited for while the guest stands still. May
	 * be NULL. Not 0: the caller knows why.
	 */
	int (*caught_up)(void *arg);
	/* Have it shut down with SHUTDOWN_suspend. Not 0: it cannot, and the caller knows why. */
	int (*suspend)(void *arg);
	/* What it has in the store then: body of the store's record, to be freed. */
	void *(*nodes)(void *arg, size_t *len);
	/* The end of what it has written to its console, to be freed; may be NULL. */
	void *(*console)(void *arg, size_t *len);
	void (*state)(void *arg, const struct save_state *s);	/* a few times a second; may be NULL */
	void *arg;			/* of all of them */
};

struct save_result {
	uint64_t pages, full_pages, bytes;	/* written */
	unsigned int rounds;		/* while it ran */
	unsigned int maps;		/* how often memory came or went meanwhile */
	uint64_t stopped_ms;		/* from the request to suspend to the last byte */
};

/*
 * 0, or -errno and the reason in why, which is empty when `suspend` has failed. The domain is suspended afterwards, or
 * runs if it has not come to that; its cap may have been lowered.
 */
int migrate_save(struct xenctl *xc, const struct save_params *p, int fd, struct save_result *r, char why[STREAM_WHY]);

struct restore_params {
	uint32_t domid;
	uint64_t min_pages;		/* what it may have at least, whatever it had */
	uint64_t max_pages;		/* what its memory map reaches to */
	uint32_t store_evtchn, console_evtchn;	/* of the domain, remote end dom0 */
	bool more;			/* there is something behind the stream, for others to read */
	const int *lanes;		/* further connections that it comes by */
	unsigned int nr_lanes;
	/* The writer wants to know: all that has come so far is taken. May be NULL. 0 or -errno. */
	int (*caught_up)(void *arg);
	migrate_progress *progress;
	void *arg;
};

struct restore_result {
	uint64_t store_mfn, console_mfn;
	uint64_t pages, bytes;
	void *nodes;			/* body of the store's record: caller frees */
	size_t nodes_len;
	void *console;			/* the end of its output: caller frees */
	size_t console_len;
};

/* 0, or -errno and the reason in why. */
int migrate_restore(struct xenctl *xc, const struct restore_params *p, int fd, struct restore_result *r,
		    char why[STREAM_WHY]);

/*
 * The names of features that the guest has seen and this host does not have, separated by blanks; at most size - 1
 * bytes. Returns how many there are.
 */
unsigned int cpu_missing(const struct xen_cpuid_leaf *guest, size_t n, const struct xen_cpuid_leaf *host, size_t host_n,
			 char *names, size_t size);
/* The same against what domain domid sees on this host: how many are missing, or -errno. */
int migrate_cpu_missing(struct xenctl *xc, uint32_t domid, const struct xen_cpuid_leaf *guest, size_t n, char *names,
			size_t size);

/* --- inside: guestmap.c --- */

#define NO_FRAME (~0ULL)

struct guestmap {
	struct xenctl *xc;
	uint32_t domid;
	char *why;
	const uint64_t *m2p;
	size_t m2p_entries, m2p_pages;
	uint64_t nr_pfns;
	uint64_t *p2m;			/* machine frame, or NO_FRAME */
	uint32_t *type;			/* XEN_DOMCTL_PFINFO_* */
	uint64_t *p2m_pfn;		/* the frames of the list itself */
	uint64_t nr_p2m;
	uint64_t nr_pages;		/* pfns with memory */
	uint64_t shared_info_mfn;
	uint64_t p2m_l4_pfn, p2m_vaddr, p2m_generation;
	uint64_t *spare_p2m, *spare_p2m_pfn;	/* for the next time */
	uint32_t *spare_type;
};

/* Learn it all. The domain must not run. 0, or -errno and why. */
int guestmap_init(struct guestmap *g, struct xenctl *xc, uint32_t domid, char why[STREAM_WHY]);
/*
 * Learn it again, of a domain that has been logged since. marked: a bit for each guest frame, those marked since then.
 * On failure g is as before.
 */
int guestmap_renew(struct guestmap *g, const uint64_t *marked);
void guestmap_free(struct guestmap *g);
/* The pfn of a machine frame, if it is the guest's. */
bool guestmap_pfn(void *g, uint64_t mfn, uint64_t *pfn);

__attribute__((format(printf, 3, 4)))
int migrate_fail(char why[STREAM_WHY], int rc, const char *fmt, ...);

#endif
