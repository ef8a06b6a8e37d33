/* SPDX-License-Identifier: MIT */
/*
 * The parser of xld.conf: lines `key = value`, empty lines, and comments behind a # at the start of a line or behind a
 * space. A value may stand in double quotes, and has no other quoting. Every mistake is reported with its line, up to
 * ERRORS_MAX.
 */
#include <ctype.h>
#include <errno.h>

#include "conf.h"
#include "util/mem.h"

#define SECONDS_MAX 3600
#define ERRORS_MAX 20			/* more are of no use to anybody */

struct parser {
	struct xld_conf *c;
	const char *file;
	unsigned int line, nr_errors;
	char *errors;
};

__attribute__((format(printf, 2, 3)))
static void mistake(struct parser *p, const char *fmt, ...)
{
	va_list ap;
	char *s, *all;

	va_start(ap, fmt);
	s = xvasprintf(fmt, ap);
	va_end(ap);
	all = xasprintf("%s%s%s:%u: %s", p->errors ? p->errors : "", p->errors ? "\n" : "", p->file, p->line, s);
	free(p->errors);
	free(s);
	p->errors = all;
	p->nr_errors++;
}

static void set_text(char **to, const char *value)
{
	free(*to);
	*to = xstrdup(value);
}

static void take_path(struct parser *p, char **to, const char *value)
{
	if (*value == '/')
		set_text(to, value);
	else
		mistake(p, "'%s' is not a path from the root", value);
}

static void take_crl(struct parser *p, const char *value)
{
	take_path(p, &p->c->pki.crl, value);
	p->c->pki.crl_must_exist = true;
}

static void take_group(struct parser *p, char **to, const char *value)
{
	if (!*value || value[strcspn(value, " \t,:")])
		mistake(p, "'%s' is not the name of one group", value);
	else
		set_text(to, value);
}

static void take_seconds(struct parser *p, unsigned int *to, unsigned int min, const char *value)
{
	unsigned long n = 0;
	const char *q = value;

	for (; isdigit((unsigned char)*q) && n <= SECONDS_MAX; q++)
		n = n * 10 + (unsigned long)(*q - '0');
	if (*q || n < min || n > SECONDS_MAX)
		mistake(p, "'%s' is not a number of seconds from %u to %d", value, min, SECONDS_MAX);
	else
		*to = (unsigned int)n;
}

/* Names, with commas or spaces between them. */
static void take_names(struct parser *p, const char *value)
{
	struct xld_conf *c = p->c;
	size_t n;

	for (value += strspn(value, " \t,"); *value; value += n, value += strspn(value, " \t,")) {
		n = strcspn(value, " \t,");
		if (n > XLD_NAME_MAX || c->nr_allow == CONF_NAMES_MAX) {
			mistake(p, n > XLD_NAME_MAX ? "a name is longer than %d characters" :
				"there can be only %d names", n > XLD_NAME_MAX ? XLD_NAME_MAX : CONF_NAMES_MAX);
			return;
		}
		c->allow[c->nr_allow++] = xstrndup(value, n);
	}
}

bool conf_listen(struct xld_conf *c, const char *uri, char **why)
{
	struct rpc_addr a;

	if (!rpc_addr_parse(&a, uri, why))
		return false;
	if (a.kind == RPC_UNIX)
		*why = xasprintf("'%s': this is for tls://ADDRESS[:PORT] and tcp://ADDRESS[:PORT]; the local socket is "
				 "set with --socket", uri);
	else if (c->nr_listen == CONF_LISTEN_MAX)
		*why = xasprintf("'%s': xld listens on %d addresses at most", uri, CONF_LISTEN_MAX);
	else {
		c->listen[c->nr_listen++] = a;
		return true;
	}
	rpc_addr_free(&a);
	return false;
}

static void take_listen(struct parser *p, const char *value)
{
	char *why;

	if (conf_listen(p->c, value, &why))
		return;
	mistake(p, "%s", why);
	free(why);
}

static void take_packing(struct parser *p, const char *key, unsigned int *to, const char *value)
{
	if (!stream_packing_by_name(value, to))
		mistake(p, "%s is none, lz4 or zstd, not '%.40s'", key, value);
}

static void take_value(struct parser *p, const char *key, const char *value)
{
	struct xld_conf *c = p->c;

	if (!strcmp(key, "listen"))
		take_listen(p, value);
	else if (!strcmp(key, "tls_ca"))
		take_path(p, &c->pki.ca, value);
	else if (!strcmp(key, "tls_cert"))
		take_path(p, &c->pki.cert, value);
	else if (!strcmp(key, "tls_key"))
		take_path(p, &c->pki.key, value);
	else if (!strcmp(key, "tls_crl"))
		take_crl(p, value);
	else if (!strcmp(key, "tls_allow"))
		take_names(p, value);
	else if (!strcmp(key, "group"))
		take_group(p, &c->group, value);
	else if (!strcmp(key, "read_only_group"))
		take_group(p, &c->read_only_group, value);
	else if (!strcmp(key, "keepalive"))
		take_seconds(p, &c->keepalive_s, 0, value);
	else if (!strcmp(key, "handshake"))
		take_seconds(p, &c->handshake_s, 1, value);
	else if (!strcmp(key, "compress"))
		take_packing(p, key, &c->packing, value);
	else if (!strcmp(key, "compress_save"))
		take_packing(p, key, &c->packing_save, value);
	else
		mistake(p, "there is no setting '%.40s'", key);
}

/* Without a comment and the space at both ends. */
static char *strip(char *line)
{
	char *end;

	for (char *q = line; *q; q++) {
		if (*q == '#' && (q == line || isspace((unsigned char)q[-1]))) {
			*q = 0;
			break;
		}
	}
	line += strspn(line, " \t\r");
	for (end = line + strlen(line); end > line && isspace((unsigned char)end[-1]); end--)
		;
	*end = 0;
	return line;
}

static void take_line(struct parser *p, char *line)
{
	char *eq, *key = strip(line), *value;
	size_t n;

	if (!*key)
		return;
	for (const char *q = key; *q; q++) {
		if (iscntrl((unsigned char)*q) && *q != '\t') {
			mistake(p, "there is a control character (%d)", *q);
			return;
		}
	}
	eq = strchr(key, '=');
	if (!eq) {
		mistake(p, "this is not KEY = VALUE: %.40s", key);
		return;
	}
	*eq = 0;
	value = strip(eq + 1);
	key = strip(key);
	n = strlen(value);
	if (*value == '"') {
		if (n < 2 || value[n - 1] != '"' || strchr(value + 1, '"') != value + n - 1) {
			mistake(p, "%.40s: a quote does not end", key);
			return;
		}
		value[n - 1] = 0;
		value++;
	}
	if (*value)
		take_value(p, key, value);
	else
		mistake(p, "%.40s: the value is missing", key);
}

bool conf_same_addresses(const struct xld_conf *a, const struct xld_conf *b)
{
	bool same = a->nr_listen == b->nr_listen;

	for (unsigned int i = 0; same && i < a->nr_listen; i++) {
		char *x = rpc_addr_text(&a->listen[i]), *y = rpc_addr_text(&b->listen[i]);

		same = !strcmp(x, y);
		free(x);
		free(y);
	}
	return same;
}

void conf_init(struct xld_conf *c)
{
	memset(c, 0, sizeof(*c));
	rpc_pki_in(&c->pki, RPC_PKI_DIR);
	c->keepalive_s = CONF_KEEPALIVE_S;
	c->handshake_s = CONF_HANDSHAKE_S;
	c->packing = CONF_PACKING;
	c->packing_save = CONF_PACKING_SAVE;
}

void conf_free(struct xld_conf *c)
{
	for (unsigned int i = 0; i < c->nr_listen; i++)
		rpc_addr_free(&c->listen[i]);
	for (unsigned int i = 0; i < c->nr_allow; i++)
		free(c->allow[i]);
	free(c->group);
	free(c->read_only_group);
	rpc_pki_free(&c->pki);
	memset(c, 0, sizeof(*c));
}

bool conf_parse(struct xld_conf *c, const char *text, size_t len, const char *file, char **why)
{
	struct parser p = { .c = c, .file = file, .line = 1 };
	char *copy = xstrndup(text, len), *line = copy, *end;

	if (strlen(copy) != len)
		mistake(&p, "there is a 0 byte in the file");
	for (; line && p.nr_errors < ERRORS_MAX; p.line++) {
		end = strchr(line, '\n');
		if (end)
			*end++ = 0;
		take_line(&p, line);
		line = end;
	}
	free(copy);
	*why = p.errors;
	return !p.errors;
}

bool conf_read(struct xld_conf *c, const char *file, bool must_exist, char **why)
{
	char *text = xcalloc(CONF_SIZE_MAX + 1, 1);
	FILE *f = fopen(file, "re");
	bool ok = false;
	size_t n;

	if (!f) {
		ok = errno == ENOENT && !must_exist;
		if (!ok)
			*why = xasprintf("%s: %s", file, strerror(errno));
		free(text);
		return ok;
	}
	n = fread(text, 1, CONF_SIZE_MAX + 1, f);
	if (ferror(f))
		*why = xasprintf("%s: %s", file, strerror(errno));
	else if (n > CONF_SIZE_MAX)
		*why = xasprintf("%s: it is longer than %u bytes", file, CONF_SIZE_MAX);
	else
		ok = conf_parse(c, text, n, file, why);
	fclose(f);
	free(text);
	return ok;
}

unsigned int conf_packing(xld_compress asked, unsigned int unless)
{
	return asked > XLD_COMPRESS_DEFAULT && asked <= XLD_COMPRESS_ZSTD ? asked - XLD_COMPRESS_NONE : unless;
}
