/* SPDX-License-Identifier: MIT */
/*
 * The pages of a domain that is saved, in rounds while it runs and once when it has stopped.
 *
 * Invariant of a live save: at the beginning of each round the log has been emptied first and types and frames have
 * been read then, so whatever changes later, a type too, is in the log of the next round. A page has to go out from
 * when it is found in the log until it has been written. Of a running domain nothing need fit: a page that has gone, or
 * a page table that leads to somebody else's memory just now, is left for a later round. Once it has stopped,
 * everything fits or the save fails.
 *
 * Memory that comes or goes meanwhile (balloon) changes the memory map, which goes out again before the pages of the
 * round; a frame that has come is one that has not been sent.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ev/ev.h"
#include "migrate/saver.h"
#include "public/domctl.h"
#include "xenctl/xenctl.h"

#define ROUNDS_MAX	10
#define STOPPED_BATCH	64		/* so that the reader is at work while the next ones are made */
#define FEW_PAGES	512		/* so few that the last round is short */
#define TRIES		100		/* at a p2m list that the guest is changing */
#define TELL_MS		200
#define STUBBORN	2		/* rounds in a row that bring nothing */
#define LEAST_PAGES	64		/* fewer are not worth another round */
#define STOP_MS		150		/* what a stop takes beside copying pages */
#define CAP_MIN		10		/* percent */

static uint64_t word_of(const struct saver *s, uint64_t pfn)
{
	uint32_t type = s->g.type[pfn];
	uint64_t level = (type & XEN_DOMCTL_PFINFO_LTABTYPE_MASK) >> XEN_DOMCTL_PFINFO_LTAB_SHIFT;

	return pfn | level << STREAM_PAGE_LEVEL_SHIFT | (type & XEN_DOMCTL_PFINFO_LPINTAB ? STREAM_PAGE_PINNED : 0);
}

static bool has_memory(const struct saver *s, uint64_t pfn)
{
	return pfn < s->g.nr_pfns && s->g.p2m[pfn] != NO_FRAME;
}

/* The next page from pfn on that has to go out, or nr_pfns. */
static uint64_t next_wanted(const struct saver *s, uint64_t pfn)
{
	uint64_t left;

	if (!s->todo) {
		while (pfn < s->g.nr_pfns && !has_memory(s, pfn))
			pfn++;
		return pfn;
	}
	for (; pfn < s->g.nr_pfns; pfn = (pfn / 64 + 1) * 64) {
		left = s->todo[pfn / 64] >> pfn % 64;
		if (left)
			return pfn + (uint64_t)__builtin_ctzll(left);
	}
	return s->g.nr_pfns;
}

static uint64_t count_wanted(const struct saver *s)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s->words; i++)
		n += (uint64_t)__builtin_popcountll(s->todo[i]);
	return s->todo ? n : s->g.nr_pages;
}

static bool unneeded(const struct saver *s, uint64_t word)
{
	return !STREAM_PAGE_LEVEL(word) && hints_unneeded(s, word & STREAM_PAGE_PFN);
}

static bool is_zero(const uint8_t *page)
{
	const uint64_t *w = (const void *)page;

	for (size_t i = 0; i < STREAM_PAGE / sizeof(*w); i += 4)
		if (w[i] | w[i + 1] | w[i + 2] | w[i + 3])
			return false;
	return true;
}

/* Machine frames become guest frames. False: a table that cannot go out now. */
static bool make_portable(struct saver *s, uint8_t *page, uint64_t word)
{
	unsigned int level = STREAM_PAGE_LEVEL(word);
	int bad = level ? table_canonicalise((uint64_t *)(void *)page, level, guestmap_pfn, &s->g) : -1;

	if (bad < 0)
		return true;
	migrate_fail(s->why, -EBUSY, "entry %d of the level-%u page table in frame %#llx leads to memory that is not "
		     "its own: its kernel did not prepare for a suspend", bad, level,
		     (unsigned long long)(word & STREAM_PAGE_PFN));
	return false;
}

static void note_sent(struct saver *s, uint64_t word)
{
	uint64_t pfn = word & STREAM_PAGE_PFN;

	if (s->todo)
		s->todo[pfn / 64] &= ~(1ULL << pfn % 64);
}

/* The contents, s->copies up to `full`, packed or not. */
static struct stream_piece pack(struct saver *s, struct stream_pages *head)
{
	size_t len = head->full * STREAM_PAGE;
	size_t n = s->packer.how && len ? packer_pack(&s->packer, s->copies, len) : 0;

	if (!n)
		return (struct stream_piece){ s->copies, len };
	head->packing = (uint16_t)s->packer.how;
	return (struct stream_piece){ s->packer.room, n };
}

/* Of n pages, in s->copies; those with contents move together there. */
static int put_batch(struct saver *s, const uint64_t *word, const bool *gone, uint32_t n)
{
	struct stream_piece piece[3];
	struct stream_pages head = { 0 };
	uint64_t out[STREAM_BATCH];
	int rc;

	for (uint32_t i = 0; i < n; i++) {
		uint8_t *page = s->copies + i * STREAM_PAGE;
		bool zero = unneeded(s, word[i]);

		if (gone[i])
			continue;
		if (!zero && !make_portable(s, page, word[i])) {
			if (s->running)
				continue;
			return -EBUSY;
		}
		zero = zero || is_zero(page);
		out[head.count++] = word[i] | (zero ? STREAM_PAGE_ZERO : 0);
		if (!zero && head.full++ != i)
			memcpy(s->copies + (head.full - 1) * STREAM_PAGE, page, STREAM_PAGE);
		note_sent(s, word[i]);
	}
	s->done += head.count;
	s->full += head.full;
	if (!head.count)
		return 0;
	piece[2] = pack(s, &head);
	piece[0] = (struct stream_piece){ &head, sizeof(head) };
	piece[1] = (struct stream_piece){ out, head.count * sizeof(*out) };
	rc = stream_put_pieces(&s->out, STREAM_PAGES, piece, 3);
	if (!rc && s->todo && !s->running)
		rc = stream_flush(&s->out);
	return rc ? migrate_fail(s->why, rc, "%s", s->out.why) : 0;
}

/* While it runs a frame may have gone since it was found. */
static int take_batch(struct saver *s, const uint64_t *word, uint32_t n)
{
	uint64_t frame[STREAM_BATCH] = { 0 };
	bool gone[STREAM_BATCH] = { 0 };
	size_t done;

	for (uint32_t i = 0; i < n; i++)
		frame[i] = unneeded(s, word[i]) ? XENCTL_NO_FRAME : s->g.p2m[word[i] & STREAM_PAGE_PFN];
	for (size_t at = 0; at < n; at += done + 1) {
		int rc = xenctl_copy_frames(s->xc, s->p->domid, false, frame + at, n - at, s->copies + at * STREAM_PAGE,
					    &done);

		if (!rc)
			break;
		if (rc != -EINVAL || !s->running)
			return migrate_fail(s->why, rc, "cannot read its memory: %s", strerror(-rc));
		gone[at + done] = true;
	}
	return put_batch(s, word, gone, n);
}

/* Bytes of its memory a second since the round began, as they were before they were packed. */
static uint64_t rate_of(const struct saver *s)
{
	uint64_t ms = ev_now_ms() - s->round_began;

	return (s->full - s->round_full) * STREAM_PAGE * 1000 / (ms ? ms : 1);
}

static void tell(struct saver *s, uint64_t done, uint64_t total)
{
	uint64_t now = ev_now_ms();

	if (!s->p->state || (now - s->told < TELL_MS && done < total))
		return;
	s->told = now;
	s->state.round = s->running ? s->round + 1 : 0;
	s->state.done = done * STREAM_PAGE;
	s->state.total = total * STREAM_PAGE;
	if (s->full - s->round_full > 256)	/* less says nothing */
		s->state.rate = rate_of(s);
	s->p->state(s->p->arg, &s->state);
}

static void sleep_ms(uint64_t ms)
{
	struct timespec t = { .tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000 };

	nanosleep(&t, NULL);
}

/* While it runs there is time: stay below the bandwidth. */
static void brake(const struct saver *s)
{
	uint64_t spent = ev_now_ms() - s->round_began;
	uint64_t due = s->p->bandwidth ? (s->out.pos - s->round_pos) * 1000 / s->p->bandwidth : 0;

	if (s->running && due > spent)
		sleep_ms(due - spent);
}

int pages_put(struct saver *s)
{
	uint64_t word[STREAM_BATCH], total = count_wanted(s), done = 0, pfn = next_wanted(s, 0);
	uint32_t n, batch = s->todo && !s->running ? STOPPED_BATCH : STREAM_BATCH;
	int rc = 0;

	while (pfn < s->g.nr_pfns && !rc) {
		for (n = 0; n < batch && pfn < s->g.nr_pfns; pfn = next_wanted(s, pfn + 1))
			word[n++] = word_of(s, pfn);
		rc = take_batch(s, word, n);
		done += n;
		if (!rc) {
			tell(s, done, total);
			brake(s);
		}
	}
	return rc;
}

/* --- while it runs --- */

/* The guest may be at its p2m list. */
static int learn(struct saver *s)
{
	int rc = -EAGAIN;

	for (int i = 0; i < TRIES && rc; i++) {
		rc = s->g.p2m ? guestmap_renew(&s->g, s->marked) : guestmap_init(&s->g, s->xc, s->p->domid, s->why);
		if (rc)
			sleep_ms(1);
	}
	if (!rc)
		*s->why = 0;
	return rc;
}

/* Which of 64 frames from pfn on have memory. */
static uint64_t memory_bits(const struct saver *s, uint64_t pfn)
{
	uint64_t bits = 0;

	for (unsigned int i = 0; i < 64; i++)
		bits |= (uint64_t)has_memory(s, pfn + i) << i;
	return bits;
}

/* What is marked has to go out, and frames that have come; if some have come or gone the reader is told first. */
static int follow(struct saver *s)
{
	uint64_t changed = 0;

	for (size_t i = 0; i < s->words; i++) {
		uint64_t now = memory_bits(s, i * 64);

		s->todo[i] = (s->todo[i] | s->marked[i] | (now & ~s->mapped[i])) & now;
		changed |= now ^ s->mapped[i];
		s->mapped[i] = now;
	}
	s->maps += !!changed;
	return changed ? put_memory(s) : 0;
}

int live_begin(struct saver *s)
{
	int rc = xenctl_logdirty_enable(s->xc, s->p->domid);

	if (rc)
		return migrate_fail(s->why, rc, "cannot log which pages it writes: %s", strerror(-rc));
	s->logging = s->running = true;
	hints_ask(s);
	rc = learn(s);
	if (!rc)
		rc = hints_take(s);
	if (rc)
		return rc;
	s->words = (s->g.nr_pfns + 63) / 64;
	s->todo = calloc(s->words, sizeof(*s->todo));
	s->mapped = calloc(s->words, sizeof(*s->mapped));
	s->marked = calloc(s->words, sizeof(*s->marked));
	if (!s->todo || !s->mapped || !s->marked)
		return migrate_fail(s->why, -ENOMEM, "no memory to keep account of its pages");
	for (size_t i = 0; i < s->words; i++)
		s->todo[i] = s->mapped[i] = memory_bits(s, i * 64);
	return 0;
}

static int next_round(struct saver *s)
{
	int rc = xenctl_logdirty_clean(s->xc, s->p->domid, (uint8_t *)s->marked, s->g.nr_pfns);

	if (rc)
		return migrate_fail(s->why, rc, "cannot read which pages it has written: %s", strerror(-rc));
	rc = learn(s);
	if (!rc)
		rc = follow(s);
	return rc ? rc : hints_take(s);
}

/* It does not get ready to be stopped by itself. 0: go on, 1: stop it now, -ETIME. */
static int insist(struct saver *s, uint64_t left)
{
	uint16_t weight, cap;
	int rc;

	if (s->p->on_timeout == SAVE_PAUSE)
		return 1;
	if (s->p->on_timeout == SAVE_CANCEL)
		return migrate_fail(s->why, -ETIME, "it writes %llu KiB/s and %llu KiB/s get across: after %u rounds it "
				    "would stand still for %llu ms, %llu ms are allowed",
				    (unsigned long long)s->state.dirty_rate >> 10, (unsigned long long)s->state.rate >> 10,
				    s->round, (unsigned long long)s->state.expected_ms,
				    (unsigned long long)s->p->max_downtime_ms);
	if (s->state.cap == CAP_MIN || left <= LEAST_PAGES)
		return 1;
	rc = xenctl_sched_credit_get(s->xc, s->p->domid, &weight, &cap);
	s->state.cap = s->state.cap ? s->state.cap / 2 : cap ? cap / 2u : 50;
	if (s->state.cap < CAP_MIN)
		s->state.cap = CAP_MIN;
	if (!rc)
		rc = xenctl_sched_credit_set(s->xc, s->p->domid, 0, (uint16_t)s->state.cap);
	return rc ? 1 : 0;		/* it cannot be slowed down */
}

/* What the round that has ended tells. */
static void judge(struct saver *s, uint64_t left)
{
	uint64_t ms = ev_now_ms() - s->round_began;

	s->state.dirty_rate = left * STREAM_PAGE * 1000 / (ms ? ms : 1);
	if (!s->state.rate)
		s->state.rate = rate_of(s);
	s->state.expected_ms = STOP_MS + left * STREAM_PAGE * 1000 / (s->state.rate ? s->state.rate : 1);
}

static bool short_enough(const struct saver *s, uint64_t left, uint64_t before)
{
	if (!s->p->max_downtime_ms)
		return left <= FEW_PAGES || left >= before - before / 4 || s->round >= ROUNDS_MAX;
	/* Who would rather have it stay is told that less time does not do. */
	if (left <= LEAST_PAGES && s->p->on_timeout != SAVE_CANCEL)
		return true;
	/* A short round that halves the rest is worth its time. */
	return s->state.expected_ms <= s->p->max_downtime_ms && (left >= before / 2 || s->round >= ROUNDS_MAX);
}

static void round_begin(struct saver *s)
{
	s->round_began = ev_now_ms();
	s->round_pos = s->out.pos;
	s->round_full = s->full;
}

int live_rounds(struct saver *s)
{
	uint64_t left = ~0ULL, before;
	unsigned int stubborn = 0;
	int rc;

	for (;;) {
		round_begin(s);
		rc = pages_put(s);
		*s->why = rc ? *s->why : 0;	/* what was left for later is no failure */
		s->round++;
		if (!rc && s->p->caught_up)
			rc = put_mark(s, STREAM_SYNC);
		if (!rc)
			rc = next_round(s);
		if (rc)
			return rc;
		before = left;
		left = count_wanted(s);
		judge(s, left);
		if (short_enough(s, left, before))
			break;
		stubborn = left >= before - before / 8 ? stubborn + 1 : 0;
		if (stubborn < STUBBORN && (!s->p->timeout_ms || ev_now_ms() - s->began < s->p->timeout_ms))
			continue;
		stubborn = 0;
		rc = insist(s, left);
		if (rc)
			break;
	}
	round_begin(s);
	return rc < 0 ? rc : 0;
}

int live_last(struct saver *s)
{
	int rc = next_round(s);

	s->running = false;
	return rc;
}

void live_end(struct saver *s)
{
	if (s->logging)
		xenctl_logdirty_off(s->xc, s->p->domid);
	s->logging = false;
	free(s->todo);
	free(s->mapped);
	free(s->marked);
	free(s->unneeded);
	s->todo = s->mapped = s->marked = NULL;
	s->unneeded = NULL;
}
