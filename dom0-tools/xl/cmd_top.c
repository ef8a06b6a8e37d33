/* SPDX-License-Identifier: MIT */
/*
 * xl top: what domains use, again and again; on the terminal with ncurses, or as lines with -b.
 *
 * The screen is left in order at every way out that a user has (q, Ctrl-C, a daemon that goes away).
 */
#include <curses.h>
#include <errno.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "json.h"
#include "top.h"

#define XDR_STATS ((xdrproc_t)xdr_xld_stats_list)

struct top {
	unsigned int delay_ms, rounds;	/* rounds 0: until it is ended */
	bool batch, full_name, json;
	enum top_sort sort;
	xld_host host;
	xld_stats_list before, now;
	bool have_before;
};

/* false: *err, to be shown when the terminal is as it was. */
static bool look(struct top *t, xld_error *err)
{
	xld_nothing nothing = { 0 };

	if (t->have_before)
		rpc_release(XDR_STATS, &t->before);
	t->have_before = t->now.now_ns;
	t->before = t->now;
	memset(&t->now, 0, sizeof(t->now));
	return rpc_client_call(daemon_client(), XLD_DOMAIN_STATS, &nothing, &t->now, err);
}

static void each_line(struct top *t, void (*put)(const char *line, void *arg), void *arg)
{
	char line[TOP_LINE];
	struct top_row *rows;
	size_t n;

	top_heading(line);
	put(line, arg);
	rows = top_rows(t->have_before ? &t->before : NULL, &t->now, t->sort, &n);
	for (size_t i = 0; i < n; i++) {
		top_line(&rows[i], t->host.total_kib, t->full_name, line);
		put(line, arg);
	}
	free(rows);
}

/* --- lines --- */

static void put_line(const char *line, void *arg)
{
	(void)arg;
	puts(line);
}

/* One object a line for each look, so that a reader can take them one by one. */
static void print_rows_json(struct top *t)
{
	json_t *a = mem_check(json_array()), *o;
	struct top_row *rows;
	size_t n;

	rows = top_rows(t->have_before ? &t->before : NULL, &t->now, t->sort, &n);
	for (size_t i = 0; i < n; i++) {
		o = domain_to_json(rows[i].info);
		json_object_set_new(o, "cpu_percent", json_real(rows[i].cpu_percent));
		json_object_set_new(o, "devices", stats_to_json(rows[i].stats));
		json_array_append_new(a, o);
	}
	free(rows);
	o = json_pack("{s:I, s:I, s:I, s:o}", "time", (json_int_t)time(NULL), "total_kib",
		      (json_int_t)t->host.total_kib, "free_kib", (json_int_t)t->host.free_kib, "domains", a);
	json_dumpf(o, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(o);
}

static int run_batch(struct top *t)
{
	struct timespec delay = { t->delay_ms / 1000, (long)(t->delay_ms % 1000) * 1000000 };

	xld_error err = { 0 };

	for (unsigned int i = 0; !t->rounds || i < t->rounds; i++) {
		if (i)
			nanosleep(&delay, NULL);
		if (!look(t, &err)) {
			show_error(&err);
			return EXIT_FAILURE;
		}
		if (t->json)
			print_rows_json(t);
		else
			each_line(t, put_line, NULL);
		if (fflush(stdout))
			return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

/* --- a screen --- */

static volatile sig_atomic_t ended;

static void on_end(int sig)
{
	(void)sig;
	ended = 1;
}

static void put_row(const char *line, void *arg)
{
	int *y = arg;

	if (*y == 4)
		attron(A_REVERSE);
	if (*y < LINES)
		mvaddnstr(*y, 0, line, COLS);
	attroff(A_REVERSE);
	(*y)++;
}

static void draw(struct top *t)
{
	const xld_host *h = &t->host;
	time_t now = time(NULL);
	char clock[16], line[TOP_LINE];
	int y = 4;

	erase();
	strftime(clock, sizeof(clock), "%H:%M:%S", localtime(&now));
	mvprintw(0, 0, "xl top - %s   Xen %u.%u%s (xen-lite)", clock, h->xen_major, h->xen_minor, h->xen_extra);
	top_summary(&t->now, line);
	mvaddnstr(1, 0, line, COLS);
	mvprintw(2, 0, "Mem: %lluk total, %lluk used, %lluk free    CPUs: %u @ %uMHz", (unsigned long long)h->total_kib,
		 (unsigned long long)(h->total_kib - h->free_kib), (unsigned long long)h->free_kib, h->nr_cpus,
		 h->cpu_khz / 1000);
	each_line(t, put_row, &y);
	mvprintw(LINES - 1, 0, "%s", "");
	printw("S sort by %s   N full names %s   Q quit", top_sort_name(t->sort), t->full_name ? "on" : "off");
	refresh();
}

static bool refresh_host(struct top *t, xld_error *err)
{
	xld_nothing nothing = { 0 };

	if (t->host.total_kib)
		rpc_release((xdrproc_t)xdr_xld_host, &t->host);
	memset(&t->host, 0, sizeof(t->host));
	return rpc_client_call(daemon_client(), XLD_HOST_INFO, &nothing, &t->host, err);
}

/* A key that was typed. false: leave. */
static bool take_key(struct top *t, int key)
{
	if (key == 's' || key == 'S')
		t->sort = (t->sort + 1) % NR_TOP_SORTS;
	else if (key == 'n' || key == 'N')
		t->full_name = !t->full_name;
	return key != 'q' && key != 'Q';
}

static int run_screen(struct top *t)
{
	bool ok = true, on = true;
	xld_error err = { 0 };

	signal(SIGINT, on_end);
	signal(SIGTERM, on_end);
	if (!newterm(NULL, stdout, stdin)) {
		complain("top: this terminal (TERM=%s) cannot be used; -b prints lines",
			 getenv("TERM") ? getenv("TERM") : "");
		return EXIT_FAILURE;
	}
	cbreak();
	noecho();
	curs_set(0);
	for (unsigned int i = 0; on && !ended && (!t->rounds || i < t->rounds); i++) {
		ok = look(t, &err) && refresh_host(t, &err);
		if (!ok)
			break;
		draw(t);
		timeout((int)t->delay_ms);
		on = take_key(t, getch());
	}
	endwin();
	if (!ok)
		show_error(&err);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Seconds, with a fraction. */
static bool parse_delay(const char *text, unsigned int *ms)
{
	char *end;
	double s = strtod(text, &end);

	if (*text >= '0' && *text <= '9' && !*end && s >= 0.1 && s <= 3600) {
		*ms = (unsigned int)(s * 1000);
		return true;
	}
	complain("top: the delay must be 0.1 to 3600 seconds, not '%s'", text);
	return false;
}

static int cmd_top(const struct command *cmd, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "batch", no_argument, NULL, 'b' }, { "delay", required_argument, NULL, 'd' },
		{ "iterations", required_argument, NULL, 'i' }, { "full-name", no_argument, NULL, 'f' },
		JSON_LONG, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	struct top t = { .delay_ms = 3000 };
	xld_error err = { 0 };
	int opt, rc;

	while ((opt = next_option(cmd, argc, argv, "bd:i:fjh", longs)) != -1) {
		t.batch |= opt == 'b';
		t.full_name |= opt == 'f';
		t.json |= opt == 'j';
		if ((opt == 'd' && !parse_delay(optarg, &t.delay_ms)) ||
		    (opt == 'i' && !parse_number("top: the number of iterations", optarg, &t.rounds)))
			return EXIT_USAGE;
	}
	want_args(cmd, argc, 0, 0);
	if (!refresh_host(&t, &err)) {
		show_error(&err);
		return EXIT_FAILURE;
	}
	rc = t.batch || t.json ? run_batch(&t) : run_screen(&t);
	rpc_release(XDR_STATS, &t.now);
	rpc_release(XDR_STATS, &t.before);
	rpc_release((xdrproc_t)xdr_xld_host, &t.host);
	return rc;
}

const struct command cmds_top[] = {
	{ .name = "top", .fn = cmd_top, .args = "", .summary = "Show what domains use, again and again",
	  .options = "  -b, --batch          print lines instead of a screen\n"
		     "  -d, --delay=S        seconds between two looks (3)\n"
		     "  -i, --iterations=N   end after so many\n"
		     "  -f, --full-name      do not cut names\n"
		     "  -j, --json           lines of JSON\n" },
	{ 0 },
};
