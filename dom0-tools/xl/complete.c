/* SPDX-License-Identifier: MIT */
/* See complete.h: reads the usage lines and options of the table as a person would. */
#include "complete.h"

#include <ctype.h>

static bool begins(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

static void offer(FILE *out, const char *word, size_t n, const char *typed)
{
	if (n >= strlen(typed) && !strncmp(word, typed, strlen(typed)))
		fprintf(out, "%.*s\n", (int)n, word);
}

static const struct command *find(const struct command *const groups[], const char *name)
{
	for (size_t g = 0; groups[g]; g++)
		for (const struct command *c = groups[g]; c->name; c++)
			if (!strcmp(c->name, name))
				return c;
	return NULL;
}

/* --- options: lines such as "  -t, --timeout=S  give up" or "  -c  let it run" --- */

typedef void option_fn(const char *opt, size_t n, const char *value, void *arg);

/* Calls fn for each option of a line with what follows it as its value, which may be empty. */
static void each_option(const char *line, option_fn *fn, void *arg)
{
	while (*line == ' ')
		line++;
	while (*line == '-') {
		size_t n = strcspn(line, " ,=\n");
		const char *value = line + n;

		if (*value == '=' || (*value == ' ' && isupper((unsigned char)value[1])))
			value++;
		else
			value = "";
		fn(line, n, value, arg);
		line += strcspn(line, " ,\n");
		line += strspn(line, ", ");
	}
}

struct opt_arg {
	const char *typed;
	FILE *out;
	bool matched;
	char value[32];
};

static void offer_option(const char *opt, size_t n, const char *value, void *arg)
{
	struct opt_arg *a = arg;

	if (n >= strlen(a->typed) && !strncmp(opt, a->typed, strlen(a->typed)))
		fprintf(a->out, "%.*s%s\n", (int)n, opt, *value && opt[1] == '-' ? "=" : "");
}

/* Short and long form of an option take the same, which stands behind one of them. */
static void match_option(const char *opt, size_t n, const char *value, void *arg)
{
	struct opt_arg *a = arg;

	a->matched |= strlen(a->typed) == n && !strncmp(opt, a->typed, n);
	if (*value)
		snprintf(a->value, sizeof(a->value), "%.*s", (int)strcspn(value, " ,\n"), value);
}

static const char *next_line(const char *line)
{
	line += strcspn(line, "\n");
	return *line ? line + 1 : line;
}

/* What the option that was typed takes; empty: nothing. */
static const char *option_value(const char *options, const char *typed, struct opt_arg *a)
{
	for (const char *line = options; line && *line; line = next_line(line)) {
		*a = (struct opt_arg){ .typed = typed };
		each_option(line, match_option, a);
		if (a->matched)
			return a->value;
	}
	return "";
}

static void offer_options(const char *options, const char *typed, FILE *out)
{
	struct opt_arg a = { .typed = typed, .out = out };

	for (const char *line = options; line && *line; line = next_line(line))
		each_option(line, offer_option, &a);
	offer(out, "--help", 6, typed);
}

static enum place place_of(const char *what)
{
	if (begins(what, "DOMAIN") || begins(what, "NAME") || begins(what, "ID"))
		return PLACE_DOMAIN;
	if (begins(what, "FILE") || begins(what, "CONFIG"))
		return PLACE_FILE;
	if (begins(what, "COMMAND"))
		return PLACE_COMMAND;
	if (begins(what, "KEY=VALUE"))
		return PLACE_KEY;
	return PLACE_NOTHING;
}

/* --- arguments: "DOMAIN {VCPU | all} [SOFT | -]", "[DOMAIN]...", "[FILE] [KEY=VALUE]..." --- */

/* Cut the next argument off a usage line; alternatives in brackets are one. false: there is none. */
static bool next_arg(const char **usage, char arg[64])
{
	const char *p = *usage + strspn(*usage, " ");
	int depth = 0;
	size_t n = 0;

	for (; *p && (depth || *p != ' '); p++) {
		depth += strchr("[{", *p) ? 1 : strchr("]}", *p) ? -1 : 0;
		if (n + 1 < 64)
			arg[n++] = *p;
	}
	arg[n] = 0;
	*usage = p;
	return n;
}

/* The index-th argument of a usage line; the last one may be repeated. */
static bool arg_at(const char *usage, int index, char arg[64], bool *optional_before)
{
	char last[64] = "";

	*optional_before = false;
	while (next_arg(&usage, arg)) {
		snprintf(last, sizeof(last), "%s", arg);
		if (!index--)
			return true;
		*optional_before = *arg == '[';
	}
	snprintf(arg, 64, "%s", last);
	return strstr(last, "...");
}

/* Offer the words that stand for themselves, and tell what the others are. */
static enum place offer_arg(const char *arg, const char *typed, FILE *out)
{
	enum place place = PLACE_NOTHING;

	while (*arg) {
		size_t n;

		arg += strspn(arg, "[]{}| .");
		n = strcspn(arg, "[]{}| .");
		if (n && islower((unsigned char)*arg))
			offer(out, arg, n, typed);
		else if (n && place == PLACE_NOTHING)
			place = place_of(arg);
		arg += n;
	}
	return place;
}

/* How many arguments stand before word `at`, options and their values left out. */
static int args_before(const struct command *c, char **words, int from, int at)
{
	int n = 0;

	for (int i = from; i < at; i++) {
		struct opt_arg a;

		if (words[i][0] != '-')
			n++;
		else if (*option_value(c->options, words[i], &a) && !strchr(words[i], '='))
			i++;
	}
	return n;
}

enum place complete_place(const struct command *const groups[], char **words, int n, int at, FILE *out,
			  enum place *also)
{
	const char *typed = at < n ? words[at] : "";
	const struct command *c;
	struct opt_arg a;
	bool optional;
	char arg[64];
	int cmd = 1;

	*also = PLACE_NOTHING;
	while (cmd < at && cmd < n && words[cmd][0] == '-')
		cmd += !strcmp(words[cmd], "-H") ? 2 : 1;
	if (at < cmd && !strcmp(words[at - 1], "-H"))
		return PLACE_NOTHING;
	if (at <= cmd) {
		if (*typed == '-')
			fprintf(out, "-v\n-N\n-H\n--json-errors\n");
		return *typed == '-' ? PLACE_NOTHING : PLACE_COMMAND;
	}
	c = find(groups, words[cmd]);
	if (!c)
		return PLACE_NOTHING;
	if (*typed == '-') {
		offer_options(c->options, typed, out);
		return PLACE_NOTHING;
	}
	if (at - 1 > cmd && words[at - 1][0] == '-') {
		const char *value = option_value(c->options, words[at - 1], &a);

		if (*value)
			return offer_arg(value, typed, out);
	}
	if (!arg_at(c->args, args_before(c, words, cmd + 1, at), arg, &optional))
		return PLACE_NOTHING;
	if (optional && strstr(c->args, "KEY=VALUE"))
		*also = PLACE_KEY;
	if (place_of(arg + strspn(arg, "[")) == PLACE_FILE && strstr(c->args, "KEY=VALUE"))
		*also = PLACE_KEY;
	return offer_arg(arg, typed, out);
}
