/* SPDX-License-Identifier: MIT */
/* Inside of the saver: what save.c and pages.c share. */
#ifndef LIB_MIGRATE_SAVER_H
#define LIB_MIGRATE_SAVER_H

#include "migrate/migrate.h"

struct saver {
	struct xenctl *xc;
	const struct save_params *p;
	struct stream_out out;
	struct guestmap g;
	char *why;
	uint64_t done, full;		/* pages written, those with contents */
	uint64_t start_info_pfn;
	unsigned int max_vcpus;
	uint8_t *tables;		/* STREAM_BATCH pages, for page tables with guest frames in them */

	/* What its kernel does not need: empty pages go out. */
	bool hints;			/* it can say */
	uint8_t *unneeded;		/* a bit for each of these pfns */
	uint64_t unneeded_pfns;

	bool logging;

	/* A live save only. */
	bool running;
	unsigned int round;
	uint64_t nr_pfns;		/* when it began, as all that is in the memory map */
	uint64_t *sent;			/* for each pfn the word it went out with, and these: */
	uint8_t *dirty;			/* a bit for each pfn */
	size_t dirty_bytes;

	/* What is told of it. */
	struct save_state state;
	uint64_t began, round_began;	/* ms */
	uint64_t round_pos;		/* of the stream, when the round began */
	uint64_t told;			/* ms */
};
#define SENT_MAPPED	(1ULL << 62)	/* it is in the memory map */
#define SENT_ONCE	(1ULL << 63)

/* --- hints.c --- */
/* Of a domain that is about to be saved or is logged: have it say which of its pages are free. */
void hints_ask(struct saver *s);
/* Learn what it does not need, after the log has been emptied and types and frames are known. */
int hints_take(struct saver *s);
static inline bool hints_unneeded(const struct saver *s, uint64_t pfn)
{
	return pfn < s->unneeded_pfns && (s->unneeded[pfn / 8] >> pfn % 8 & 1);
}

/* --- pages.c --- */
/* Write all pages that have to be; of a live save those that have changed since they were written. */
int pages_put(struct saver *s);
/* Start logging; learn of its memory. */
int live_begin(struct saver *s);
/* Copy while it runs, until little is left or that does not get less. */
int live_rounds(struct saver *s);
/* It has stopped: learn what is left. */
int live_last(struct saver *s);
void live_end(struct saver *s);

#endif
