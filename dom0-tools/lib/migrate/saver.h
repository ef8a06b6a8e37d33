/* SPDX-License-Identifier: MIT */
/* Inside of the saver: what save.c and pages.c share. */
#ifndef LIB_MIGRATE_SAVER_H
#define LIB_MIGRATE_SAVER_H

#include "migrate/migrate.h"
#include "migrate/pack.h"

struct saver {
	struct xenctl *xc;
	const struct save_params *p;
	struct stream_out out;
	struct guestmap g;
	char *why;
	uint64_t done, full;		/* pages written, those with contents */
	uint64_t start_info_pfn;
	unsigned int max_vcpus;
	uint8_t *copies;		/* STREAM_BATCH pages on their way */
	struct packer packer;

	/* What its kernel does not need: empty pages go out. */
	bool hints;			/* it can say */
	uint8_t *unneeded;		/* a bit for each of these pfns */
	uint64_t unneeded_pfns;

	bool logging;

	/* A live save only. */
	bool running;
	unsigned int round;
	/* A bit for each pfn. NULL: it is not live. */
	uint64_t *todo;			/* it has to go out */
	uint64_t *mapped;		/* it is in the memory map that the reader has */
	uint64_t *marked;		/* it was written in the last round, or is of another type */
	size_t words;			/* of each of them */
	unsigned int maps;		/* how often the memory map has changed */

	/* What is told of it. */
	struct save_state state;
	uint64_t began, round_began;	/* ms */
	uint64_t round_pos, round_full;	/* of the stream, and `full`, when the round began */
	uint64_t told;			/* ms */
};

/* --- save.c --- */
/* The memory map as it is now. */
int put_memory(struct saver *s);
/* STREAM_STOP or STREAM_SYNC; wait for who has to read it. */
int put_mark(struct saver *s, enum stream_type type);

/* --- hints.c --- */
/* Of a domain that is about to be saved or is logged: have it say which of its pages are free. */
void hints_ask(struct saver *s);
/* All of it goes out, and it has stopped: what it writes to until then it needs. Empties the log. */
int hints_last(struct saver *s);
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
