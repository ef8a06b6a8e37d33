/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's command line: words divided by spaces, each an option with or without =value. One table says which
 * exist and what a value may be. Later words win over earlier ones.
 *
 * It is read before there is a console, so complaints are kept and printed by cmdline_report(). A word that is
 * wrong is ignored and named; it never stops the machine from booting. Pure but for printk(): also built on the
 * host.
 */
#include <xl/lib.h>
#include <xl/platform.h>
#include <xl/setup.h>

u64 opt_dom0_mem;
unsigned int opt_dom0_max_vcpus;
unsigned int opt_maxcpus = NR_CPUS;
bool opt_noreboot;
bool opt_sync_console;
char opt_com1[32];
char opt_console[32];
unsigned int opt_loglvl = 2, opt_guest_loglvl = 1;

enum option_type {
	OPT_FLAG,		/* name, name=yes, name=no */
	OPT_COUNT,		/* 1 .. max */
	OPT_MEMORY,		/* 64M, 2G; a plain number counts KiB */
	OPT_TEXT,		/* at most max - 1 characters */
	OPT_LEVEL,		/* none, error, warning, info, debug, all */
};

struct option {
	const char *name;
	enum option_type type;
	void *var;
	unsigned long max;
	const char *expects;	/* for the complaint */
};

static const struct option options[] = {
	{ "dom0_mem",		OPT_MEMORY,	&opt_dom0_mem, 0, "a size such as 512M or 2G" },
	{ "dom0_max_vcpus",	OPT_COUNT,	&opt_dom0_max_vcpus, MAX_VIRT_CPUS, "a number from 1 to 128" },
	{ "maxcpus",		OPT_COUNT,	&opt_maxcpus, NR_CPUS, "a number from 1 to 256" },
	{ "com1",		OPT_TEXT,	opt_com1, sizeof(opt_com1), "settings such as 115200,8n1" },
	{ "console",		OPT_TEXT,	opt_console, sizeof(opt_console), "sinks such as com1,vga" },
	{ "loglvl",		OPT_LEVEL,	&opt_loglvl, 0, "none, error, warning, info, debug or all" },
	{ "guest_loglvl",	OPT_LEVEL,	&opt_guest_loglvl, 0, "none, error, warning, info, debug or all" },
	{ "noreboot",		OPT_FLAG,	&opt_noreboot, 0, "yes or no" },
	{ "sync_console",	OPT_FLAG,	&opt_sync_console, 0, "yes or no" },
};

#define WORD_MAX	48		/* of a complaint's quotation */
static struct {
	char word[WORD_MAX];
	const struct option *opt;	/* NULL: there is no such option */
} complaints[8];
static unsigned int nr_complaints;

static void complain(const char *word, const struct option *opt)
{
	if (nr_complaints < ARRAY_SIZE(complaints)) {
		strlcpy(complaints[nr_complaints].word, word, WORD_MAX);
		complaints[nr_complaints].opt = opt;
	}
	nr_complaints++;
}

static bool set_flag(bool *var, const char *val)
{
	if (!val || !strcmp(val, "yes") || !strcmp(val, "on") || !strcmp(val, "1") || !strcmp(val, "true"))
		*var = true;
	else if (!strcmp(val, "no") || !strcmp(val, "off") || !strcmp(val, "0") || !strcmp(val, "false"))
		*var = false;
	else
		return false;
	return true;
}

static bool set_count(unsigned int *var, const char *val, unsigned long max_val)
{
	char *end;
	unsigned long n = strtoul(val, &end, 0);

	if (end == val || *end || !n || n > max_val)
		return false;
	*var = n;
	return true;
}

/* "max:" in front is taken too, and what follows a comma is the same for us: dom0's limit is its size. */
static bool set_memory(u64 *var, const char *val)
{
	const char *end;
	u64 n;

	if (!strncmp(val, "max:", 4))
		val += 4;
	n = parse_size(val, &end);
	if (end == val || n == ~0ULL || (*end && *end != ','))
		return false;
	if (end[-1] >= '0' && end[-1] <= '9')
		n = n >> 54 ? 0 : n << 10;
	if (!n)
		return false;
	*var = n;
	return true;
}

static bool set_text(char *var, const char *val, size_t size)
{
	return *val && strlcpy(var, val, size) < size;
}

/* Xen's values may be followed by /level for the rate-limited part: that has one setting here, the first. */
static bool set_level(unsigned int *var, const char *val)
{
	static const struct { const char *name; unsigned int level; } names[] = {
		{ "none", 0 }, { "error", 0 }, { "warning", 1 }, { "info", 2 }, { "debug", 3 }, { "all", 3 },
	};
	const char *slash = strchr(val, '/');
	size_t len = slash ? (size_t)(slash - val) : strlen(val);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (len == strlen(names[i].name) && !strncmp(val, names[i].name, len)) {
			*var = names[i].level;
			return true;
		}
	return false;
}

static bool set_option(const struct option *opt, const char *val)
{
	if (opt->type == OPT_FLAG)
		return set_flag(opt->var, val);
	if (!val)
		return false;
	switch (opt->type) {
	case OPT_COUNT:
		return set_count(opt->var, val, opt->max);
	case OPT_MEMORY:
		return set_memory(opt->var, val);
	case OPT_TEXT:
		return set_text(opt->var, val, opt->max);
	default:
		return set_level(opt->var, val);
	}
}

static void take_word(char *word)
{
	char *eq = strchr(word, '='), *val = eq ? eq + 1 : NULL;
	size_t len = eq ? (size_t)(eq - word) : strlen(word);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(options); i++)
		if (len == strlen(options[i].name) && !strncmp(word, options[i].name, len)) {
			if (!set_option(&options[i], val))
				complain(word, &options[i]);
			return;
		}
	complain(word, NULL);
}

void cmdline_parse(const char *args)
{
	char word[128];

	nr_complaints = 0;
	while (*args) {
		size_t len = 0;

		while (args[len] && args[len] != ' ' && args[len] != '\t')
			len++;
		if (len) {
			strlcpy(word, args, min(len + 1, sizeof(word)));
			take_word(word);
		}
		args += len + !!args[len];
	}
}

void cmdline_report(void)
{
	unsigned int i;

	for (i = 0; i < min_t(unsigned int, nr_complaints, ARRAY_SIZE(complaints)); i++) {
		const struct option *opt = complaints[i].opt;

		if (opt)
			printk(XL_WARN "command line: '%s' is ignored: %s= expects %s\n", complaints[i].word, opt->name,
			       opt->expects);
		else
			printk(XL_WARN "command line: '%s' is ignored: there is no such option\n", complaints[i].word);
	}
	if (nr_complaints > ARRAY_SIZE(complaints))
		printk(XL_WARN "command line: %u more words are ignored\n",
		       nr_complaints - (unsigned int)ARRAY_SIZE(complaints));
}
