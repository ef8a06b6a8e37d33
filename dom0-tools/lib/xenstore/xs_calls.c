/* SPDX-License-Identifier: MIT */
/*
 * The calls of the client library: each makes one request (a long directory several) and unpacks the reply.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xenstore/priv.h"

#define MAX_PERMS 256U

static struct part string(const char *s)
{
	return (struct part){ s, strlen(s) + 1 };
}

void *xs_read(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *len)
{
	return xs_talk_string(h, t, XS_READ, path, len);
}

bool xs_write(struct xs_handle *h, xs_transaction_t t, const char *path, const void *data, unsigned int len)
{
	struct part p[2] = { string(path), { data, len } };

	return xs_talk_ok(h, t, XS_WRITE, p, 2);
}

bool xs_mkdir(struct xs_handle *h, xs_transaction_t t, const char *path)
{
	struct part p = string(path);

	return xs_talk_ok(h, t, XS_MKDIR, &p, 1);
}

bool xs_rm(struct xs_handle *h, xs_transaction_t t, const char *path)
{
	struct part p = string(path);

	return xs_talk_ok(h, t, XS_RM, &p, 1);
}

/* Strings one after the other become an array with its strings behind it, in one piece of memory. */
static char **to_array(const char *buf, unsigned int len, unsigned int *num)
{
	unsigned int n = 0, i = 0;
	char **out, *s;

	for (unsigned int at = 0; at < len; at++)
		n += buf[at] == '\0';
	out = malloc((n + 1) * sizeof(*out) + len + 1);
	if (!out)
		return NULL;
	s = (char *)(out + n + 1);
	memcpy(s, buf, len);
	s[len] = '\0';
	for (; i < n; i++) {
		out[i] = s;
		s += strlen(s) + 1;
	}
	out[n] = NULL;
	*num = n;
	return out;
}

/*
 * One part of a long directory appended to *list. Returns 1 when it was the last, 0 when there is more, -1 with errno
 * (EAGAIN: the directory has changed since the first part).
 */
static int directory_part(struct xs_handle *h, xs_transaction_t t, const char *path, char gen[32], char **list,
			  unsigned int *used)
{
	unsigned int len, skip;
	char offset[16], *reply, *new;
	struct part p[2] = { string(path), { offset, 0 } };
	int last;

	p[1].len = snprintf(offset, sizeof(offset), "%u", *used) + 1;
	reply = xs_talk(h, t, XS_DIRECTORY_PART, p, 2, &len);
	if (!reply)
		return -1;
	skip = strlen(reply) + 1;
	if (skip > len || skip > 32) {
		free(reply);
		errno = EIO;
		return -1;
	}
	if (!*used) {
		strcpy(gen, reply);
	} else if (strcmp(gen, reply)) {
		free(reply);
		errno = EAGAIN;
		return -1;
	}
	/* The list ends with an empty name; nothing at all cannot be followed by more either. */
	last = len == skip || (reply[len - 1] == '\0' && (len - 1 == skip || reply[len - 2] == '\0'));
	if (last && len > skip)
		len--;
	new = realloc(*list, *used + (len - skip) + 1);
	if (new) {
		memcpy(new + *used, reply + skip, len - skip);
		*list = new;
		*used += len - skip;
	}
	free(reply);
	return new ? last : -1;
}

static char **long_directory(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *num)
{
	unsigned int used = 0;
	char gen[32], *list = NULL, **out = NULL;
	int rc;

	do {
		rc = directory_part(h, t, path, gen, &list, &used);
		if (rc < 0 && errno == EAGAIN) {
			used = 0;
			rc = 0;
		}
	} while (rc == 0);
	if (rc > 0)
		out = to_array(list, used, num);
	free(list);
	return out;
}

char **xs_directory(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *num)
{
	unsigned int len;
	char *reply = xs_talk_string(h, t, XS_DIRECTORY, path, &len), **out;

	if (!reply)
		return errno == E2BIG ? long_directory(h, t, path, num) : NULL;
	out = to_array(reply, len, num);
	free(reply);
	return out;
}

/* --- permissions --- */

bool xs_perm_parse(struct xs_permissions *p, const char *str)
{
	static const char letters[] = "nrwb";
	const char *at = *str ? strchr(letters, *str) : NULL;
	unsigned long id;
	char *end;

	errno = EINVAL;
	if (!at || str[1] < '0' || str[1] > '9')
		return false;
	id = strtoul(str + 1, &end, 10);
	if (*end || id > 0x7ff0)
		return false;
	*p = (struct xs_permissions){ .id = id, .perms = at - letters };
	return true;
}

void xs_perm_format(const struct xs_permissions *p, char buf[16])
{
	snprintf(buf, 16, "%c%u", "nrwb"[p->perms & 3], p->id);
}

struct xs_permissions *xs_get_permissions(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *num)
{
	unsigned int len;
	char *reply = xs_talk_string(h, t, XS_GET_PERMS, path, &len), *vec[MAX_PERMS];
	struct xs_permissions *out = NULL;
	int n;

	if (!reply)
		return NULL;
	n = xs_wire_split(reply, len, vec, MAX_PERMS);
	if (n > 0)
		out = calloc(n, sizeof(*out));
	else
		errno = EIO;
	for (int i = 0; out && i < n; i++)
		if (!xs_perm_parse(&out[i], vec[i])) {
			free(out);
			out = NULL;
			errno = EIO;
		}
	if (out)
		*num = n;
	free(reply);
	return out;
}

bool xs_set_permissions(struct xs_handle *h, xs_transaction_t t, const char *path, const struct xs_permissions *perms,
			unsigned int num)
{
	struct part p[1 + MAX_PERMS];
	char buf[MAX_PERMS][16];

	if (!num || num > MAX_PERMS) {
		errno = EINVAL;
		return false;
	}
	p[0] = string(path);
	for (unsigned int i = 0; i < num; i++) {
		xs_perm_format(&perms[i], buf[i]);
		p[1 + i] = string(buf[i]);
	}
	return xs_talk_ok(h, t, XS_SET_PERMS, p, 1 + num);
}

/* --- watches and transactions --- */

bool xs_watch(struct xs_handle *h, const char *path, const char *token)
{
	struct part p[2] = { string(path), string(token) };

	if (!xs_talk_ok(h, XBT_NULL, XS_WATCH, p, 2))
		return false;
	if (xs_keep_watch(h, path, token))
		return true;
	errno = ENOMEM;
	return false;
}

xs_transaction_t xs_transaction_start(struct xs_handle *h)
{
	char *reply = xs_talk_string(h, XBT_NULL, XS_TRANSACTION_START, "", NULL);
	xs_transaction_t t = reply ? xs_keep_tx(h, strtoul(reply, NULL, 10)) : XBT_NULL;

	free(reply);
	return t;
}

bool xs_transaction_end(struct xs_handle *h, xs_transaction_t t, bool abort)
{
	struct part p = string(abort ? "F" : "T");

	bool ok = xs_talk_ok(h, t, XS_TRANSACTION_END, &p, 1);

	xs_forget_tx(h, t);
	return ok;
}

/* --- domains --- */

/* A request whose arguments are up to three numbers. */
static void *talk_numbers(struct xs_handle *h, uint32_t type, unsigned int n, const unsigned long *v)
{
	char buf[3][24];
	struct part p[3];

	for (unsigned int i = 0; i < n; i++) {
		snprintf(buf[i], sizeof(buf[i]), "%lu", v[i]);
		p[i] = string(buf[i]);
	}
	return xs_talk(h, XBT_NULL, type, p, n, NULL);
}

static bool domain_ok(struct xs_handle *h, uint32_t type, unsigned int n, const unsigned long *v)
{
	void *reply = talk_numbers(h, type, n, v);
	bool ok = reply;

	free(reply);
	return ok;
}

bool xs_introduce_domain(struct xs_handle *h, unsigned int domid, unsigned long mfn, unsigned int port)
{
	return domain_ok(h, XS_INTRODUCE, 3, (unsigned long[]){ domid, mfn, port });
}

bool xs_release_domain(struct xs_handle *h, unsigned int domid)
{
	return domain_ok(h, XS_RELEASE, 1, (unsigned long[]){ domid });
}

bool xs_resume_domain(struct xs_handle *h, unsigned int domid)
{
	return domain_ok(h, XS_RESUME, 1, (unsigned long[]){ domid });
}

bool xs_set_target(struct xs_handle *h, unsigned int domid, unsigned int target)
{
	return domain_ok(h, XS_SET_TARGET, 2, (unsigned long[]){ domid, target });
}

bool xs_is_domain_introduced(struct xs_handle *h, unsigned int domid)
{
	char *reply = talk_numbers(h, XS_IS_DOMAIN_INTRODUCED, 1, (unsigned long[]){ domid });
	bool yes = reply && *reply == 'T';

	if (reply)
		errno = 0;
	free(reply);
	return yes;
}

char *xs_get_domain_path(struct xs_handle *h, unsigned int domid)
{
	return talk_numbers(h, XS_GET_DOMAIN_PATH, 1, (unsigned long[]){ domid });
}

char *xs_control(struct xs_handle *h, const char *command)
{
	char *copy = strdup(command), *reply;
	char *space = copy ? strchr(copy, ' ') : NULL;
	struct part p = { copy, strlen(command) + 1 };

	if (!copy)
		return NULL;
	for (; space; space = strchr(space, ' '))	/* each word is an argument */
		*space++ = '\0';
	reply = xs_talk(h, XBT_NULL, XS_CONTROL, &p, 1, NULL);
	free(copy);
	return reply;
}

/* --- quotas --- */

char *xs_quota_names(struct xs_handle *h)
{
	return xs_talk(h, XBT_NULL, XS_GET_QUOTA, NULL, 0, NULL);
}

/* [domid,] quota [, value]: domid and value are printed into the buffers. Returns how many parts. */
static unsigned int quota_parts(struct part p[3], char id[12], char number[12], unsigned int domid, const char *quota,
				const unsigned int *value)
{
	unsigned int n = 0;

	snprintf(id, 12, "%u", domid);
	if (domid != XS_ALL_DOMAINS)
		p[n++] = string(id);
	p[n++] = string(quota);
	if (value) {
		snprintf(number, 12, "%u", *value);
		p[n++] = string(number);
	}
	return n;
}

bool xs_get_quota(struct xs_handle *h, unsigned int domid, const char *quota, unsigned int *value)
{
	char id[12], number[12], *reply;
	struct part p[3];
	unsigned int n = quota_parts(p, id, number, domid, quota, NULL);

	reply = xs_talk(h, XBT_NULL, XS_GET_QUOTA, p, n, NULL);
	if (!reply)
		return false;
	*value = strtoul(reply, NULL, 10);
	free(reply);
	return true;
}

bool xs_set_quota(struct xs_handle *h, unsigned int domid, const char *quota, unsigned int value)
{
	char id[12], number[12];
	struct part p[3];
	unsigned int n = quota_parts(p, id, number, domid, quota, &value);

	return xs_talk_ok(h, XBT_NULL, XS_SET_QUOTA, p, n);
}

/* --- formatted --- */

char *xs_readf(struct xs_handle *h, xs_transaction_t t, const char *fmt, ...)
{
	char *path, *value;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&path, fmt, ap);
	va_end(ap);
	if (n < 0)
		return NULL;
	value = xs_read(h, t, path, NULL);
	free(path);
	return value;
}

bool xs_writef(struct xs_handle *h, xs_transaction_t t, const char *path, const char *fmt, ...)
{
	char *value;
	va_list ap;
	bool ok;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&value, fmt, ap);
	va_end(ap);
	if (n < 0)
		return false;
	ok = xs_write(h, t, path, value, n);
	free(value);
	return ok;
}
