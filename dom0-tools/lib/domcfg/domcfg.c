/* SPDX-License-Identifier: MIT */
/*
 * struct domcfg: defaults, reading xl.cfg text and command-line overrides into it, and the rules between its fields.
 *
 * Unknown keys, and those of Xen that a guest can do without, are warnings, so that a file written for Xen works as
 * far as it can; everything else that cannot be honoured is an error. Nothing here opens the files that a
 * configuration names.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "domcfg.h"
#include "keys.h"
#include "../util/mem.h"

/* Port 0, store, console; Linux binds seven for each of its vCPUs. */
#define DOMCFG_CHANNELS(vcpus) (3 + 7 * (vcpus))

_Static_assert(sizeof(((struct domcfg *)0)->line) / sizeof(unsigned int) == DOMCFG_NKEYS, "one line number per key");

void domcfg_init(struct domcfg *cfg)
{
	memset(cfg, 0, sizeof(*cfg));
	cfg->vcpus = 1;
	cfg->on_poweroff = DOM_DESTROY;
	cfg->on_reboot = DOM_RESTART;
	cfg->on_crash = DOM_DESTROY;
	cfg->on_watchdog = DOM_DESTROY;
	cfg->on_soft_reset = DOM_DESTROY;
	cfg->max_maptrack_frames = DOMCFG_NO_LIMIT;
}

void domcfg_free(struct domcfg *cfg)
{
	for (int k = 0; k < DOMCFG_NKEYS; k++) {
		void *f = (char *)cfg + cfg_keys[k].offset;

		switch (cfg_keys[k].kind) {
		case KEY_STRING: case KEY_TEXT: case KEY_PATH: case KEY_NAME:
			free(*(char **)f);
			break;
		case KEY_LIST: case KEY_CPUS:
			domcfg_list_free(f);
			break;
		default:
			break;
		}
	}
	memset(cfg, 0, sizeof(*cfg));
}

struct reading {
	struct domcfg *cfg;
	struct domcfg_diag *diag;
	unsigned int line[DOMCFG_NKEYS];	/* set in this source */
};

static void take_stmt(void *ctx, const struct cfg_stmt *s)
{
	struct reading *r = ctx;
	int k = cfg_key_find(s->key);

	if (k < 0) {
		cfg_key_foreign(s, r->diag);
		return;
	}
	if (r->line[k] && !s->append)
		domcfg_warn(r->diag, s->line, s->col, "'%s' was already set in line %u; this one counts", s->key,
			    r->line[k]);
	r->line[k] = s->line;
	cfg_key_set(r->cfg, k, &s->value, s->append, r->diag);
}

bool domcfg_parse(struct domcfg *cfg, const char *text, size_t len, struct domcfg_diag *diag)
{
	struct reading r = { .cfg = cfg, .diag = diag };
	unsigned int before = diag->errors;

	if (len > DOMCFG_MAX_FILE)
		domcfg_error(diag, 0, 0, "longer than the %u bytes a configuration may have", DOMCFG_MAX_FILE);
	else
		cfg_parse(text, len, diag, take_stmt, &r);
	return diag->errors == before;
}

/* Returns the bytes read, or -errno. Reads until the end: the file may be a pipe. */
static ssize_t read_all(int fd, char *buf, size_t size)
{
	size_t n = 0;

	while (n < size) {
		ssize_t got = read(fd, buf + n, size - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			break;
		n += got;
	}
	return n;
}

char *domcfg_load(const char *path, size_t *len, struct domcfg_diag *diag)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char *buf;
	ssize_t n;

	diag->file = path;
	if (fd < 0) {
		domcfg_error(diag, 0, 0, "cannot be opened: %s", strerror(errno));
		return NULL;
	}
	buf = xcalloc(DOMCFG_MAX_FILE + 2, 1);
	n = read_all(fd, buf, DOMCFG_MAX_FILE + 1);
	close(fd);
	if (n < 0)
		domcfg_error(diag, 0, 0, "cannot be read: %s", strerror((int)-n));
	else if (n > DOMCFG_MAX_FILE)
		domcfg_error(diag, 0, 0, "longer than the %u bytes a configuration may have", DOMCFG_MAX_FILE);
	if (n >= 0 && n <= DOMCFG_MAX_FILE) {
		*len = (size_t)n;
		return buf;
	}
	free(buf);
	return NULL;
}

bool domcfg_parse_file(struct domcfg *cfg, const char *path, struct domcfg_diag *diag)
{
	size_t len = 0;
	char *text = domcfg_load(path, &len, diag);
	bool ok = text && domcfg_parse(cfg, text, len, diag);

	free(text);
	return ok;
}

bool domcfg_override(struct domcfg *cfg, const char *arg, struct domcfg_diag *diag)
{
	const char *eq = strchr(arg, '='), *value = eq ? eq + 1 : "";
	struct cfg_stmt s = { .line = 1, .col = 1 };
	unsigned int before = diag->errors;
	struct reading r = { .cfg = cfg, .diag = diag };

	diag->file = arg;
	if (!eq || eq == arg) {
		domcfg_error(diag, 0, 0, "not of the form key=value");
		return false;
	}
	while (*value == ' ' || *value == '\t')
		value++;
	if (*value && strchr("\"'[", *value))
		return domcfg_parse(cfg, arg, strlen(arg), diag);
	s.append = eq[-1] == '+';
	s.key = xstrndup(arg, eq - arg - s.append);
	while (*s.key && s.key[strlen(s.key) - 1] == ' ')
		s.key[strlen(s.key) - 1] = 0;
	s.value = (struct cfg_value){ .str = xstrdup(value), .line = 1, .col = (unsigned int)(value - arg) + 1 };
	take_stmt(&r, &s);
	free(s.value.str);
	free(s.key);
	return diag->errors == before;
}

char *domcfg_cmdline(const struct domcfg *cfg)
{
	const char *extra = cfg->extra ? cfg->extra : "";

	if (cfg->cmdline)
		return xstrdup(cfg->cmdline);
	if (cfg->root)
		return xasprintf("root=%s%s%s", cfg->root, *extra ? " " : "", extra);
	return xstrdup(extra);
}

static unsigned int line_of(const struct domcfg *cfg, const char *key)
{
	return cfg->line[cfg_key_find(key)];
}

static void check_cmdline(const struct domcfg *cfg, struct domcfg_diag *diag)
{
	char *s = domcfg_cmdline(cfg);

	if (cfg->cmdline && (cfg->root || cfg->extra))
		domcfg_warn(diag, line_of(cfg, cfg->root ? "root" : "extra"), 0,
			    "root and extra are ignored because cmdline is given");
	if (strlen(s) > DOMCFG_MAX_CMDLINE)
		domcfg_error(diag, line_of(cfg, cfg->cmdline ? "cmdline" : "extra"), 0,
			     "the guest's command line has %zu bytes; at most %d fit", strlen(s), DOMCFG_MAX_CMDLINE);
	free(s);
}

static void check_amounts(struct domcfg *cfg, struct domcfg_diag *diag)
{
	if (!cfg->maxmem)
		cfg->maxmem = cfg->memory;
	if (!cfg->maxvcpus)
		cfg->maxvcpus = cfg->vcpus;
	if (cfg->maxmem < cfg->memory)
		domcfg_error(diag, line_of(cfg, "maxmem"), 0, "maxmem (%llu MiB) is less than memory (%llu MiB)",
			     (unsigned long long)cfg->maxmem, (unsigned long long)cfg->memory);
	if (cfg->maxvcpus < cfg->vcpus)
		domcfg_error(diag, line_of(cfg, "maxvcpus"), 0, "maxvcpus (%llu) is less than vcpus (%llu)",
			     (unsigned long long)cfg->maxvcpus, (unsigned long long)cfg->vcpus);
	if (cfg->cap > cfg->maxvcpus * 100)
		domcfg_error(diag, line_of(cfg, "cap"), 0, "cap (%llu) is more than %llu vCPUs can use, 100 each",
			     (unsigned long long)cfg->cap, (unsigned long long)cfg->maxvcpus);
}

static void check_limits(const struct domcfg *cfg, struct domcfg_diag *diag)
{
	if (cfg->max_grant_version > 1)
		domcfg_warn(diag, line_of(cfg, "max_grant_version"), 0,
			    "grant tables have version 1 only; a guest that asks gets that");
	if (cfg->max_event_channels && cfg->max_event_channels < DOMCFG_CHANNELS(cfg->maxvcpus))
		domcfg_error(diag, line_of(cfg, "max_event_channels"), 0,
			     "max_event_channels (%llu) is less than the %llu that store, console and %llu vCPUs need",
			     (unsigned long long)cfg->max_event_channels,
			     (unsigned long long)DOMCFG_CHANNELS(cfg->maxvcpus), (unsigned long long)cfg->maxvcpus);
}

static void check_cpus(const struct domcfg *cfg, const struct domcfg_list *cpus, const char *key,
		       struct domcfg_diag *diag)
{
	if (!cpus->single && cpus->n > cfg->maxvcpus)
		domcfg_warn(diag, line_of(cfg, key), 0, "%s has %zu entries for %llu vCPUs; the last ones are ignored",
			    key, cpus->n, (unsigned long long)cfg->maxvcpus);
}

const char *domcfg_cpus_of(const struct domcfg_list *cpus, uint64_t vcpu)
{
	if (cpus->single)
		return cpus->item[0];
	return vcpu < cpus->n ? cpus->item[vcpu] : NULL;
}

void domcfg_cpus_set(struct domcfg_list *cpus, uint64_t max, uint64_t vcpu, const char *text)
{
	struct domcfg_list full = { .item = xcalloc(max, sizeof(*full.item)), .n = max };
	const char *said;

	for (uint64_t i = 0; i < max; i++) {
		said = i == vcpu ? text : domcfg_cpus_of(cpus, i);
		full.item[i] = xstrdup(said ? said : "all");
	}
	for (size_t i = 0; i < cpus->n; i++)
		free(cpus->item[i]);
	free(cpus->item);
	*cpus = full;
}

bool domcfg_check(struct domcfg *cfg, struct domcfg_diag *diag)
{
	unsigned int before = diag->errors;

	if (!cfg->name)
		domcfg_error(diag, 0, 0, "name is missing: add name = \"...\"");
	if (!cfg->kernel)
		domcfg_error(diag, 0, 0, "kernel is missing: add kernel = \"/path/to/vmlinuz\"");
	if (!cfg->memory)
		domcfg_error(diag, 0, 0, "memory is missing: add memory = MiB");
	check_amounts(cfg, diag);
	check_cpus(cfg, &cfg->cpus, "cpus", diag);
	check_cpus(cfg, &cfg->cpus_soft, "cpus_soft", diag);
	check_cmdline(cfg, diag);
	check_limits(cfg, diag);
	cfg_check_devices(cfg, diag);
	return diag->errors == before;
}
