/* SPDX-License-Identifier: MIT */
/*
 * URIs of NBD exports, taken apart for XML and put together again. Only the forms that nbd_format() writes are taken
 * apart, so that nothing is lost: any other target stays a text.
 *
 *	nbd://HOST[:PORT][/EXPORT]	nbds://...	nbd+unix:///[EXPORT]?socket=PATH
 */
#include "xml_priv.h"
#include "spec.h"
#include "../util/mem.h"

#define UNIX_PREFIX "nbd+unix:///"

/* A part that needs no escapes. */
static bool plain(const char *s, bool slashes)
{
	return !s || (!strpbrk(s, " \t?#&,%[]@\"<>") && (slashes || !strchr(s, '/')));
}

char *nbd_format(const struct nbd_uri *u)
{
	bool v6 = u->host && strchr(u->host, ':');
	unsigned long port;

	if (!plain(u->name, true) || !plain(u->host, false) || !plain(u->socket, true) || !u->host == !u->socket)
		return NULL;
	if (u->socket)
		return u->port || u->tls || *u->socket != '/' ? NULL :
			xasprintf(UNIX_PREFIX "%s?socket=%s", u->name ? u->name : "", u->socket);
	if (!*u->host || (u->port && (!spec_number(u->port, 65535, &port) || !port)))
		return NULL;
	return xasprintf("nbd%s://%s%s%s%s%s%s%s", u->tls ? "s" : "", v6 ? "[" : "", u->host, v6 ? "]" : "",
			 u->port ? ":" : "", u->port ? u->port : "", u->name ? "/" : "", u->name ? u->name : "");
}

void nbd_free(struct nbd_uri *u)
{
	free(u->name);
	free(u->host);
	free(u->port);
	free(u->socket);
	*u = (struct nbd_uri){ 0 };
}

static void split_tcp(struct nbd_uri *u, const char *s)
{
	const char *end = *s == '[' ? strchr(s, ']') : s + strcspn(s, ":/");

	if (!end)
		return;
	u->host = *s == '[' ? xstrndup(s + 1, (size_t)(end - s) - 1) : xstrndup(s, (size_t)(end - s));
	s = end + (*end == ']');
	if (*s == ':') {
		end = s + strcspn(s, "/");
		u->port = xstrndup(s + 1, (size_t)(end - s) - 1);
		s = end;
	}
	if (*s == '/')
		u->name = xstrdup(s + 1);
}

static void split_unix(struct nbd_uri *u, const char *s)
{
	const char *socket = strstr(s, "?socket=");

	if (!socket)
		return;
	u->name = socket > s ? xstrndup(s, (size_t)(socket - s)) : NULL;
	u->socket = xstrdup(socket + strlen("?socket="));
}

bool nbd_parse(struct nbd_uri *u, const char *text)
{
	char *again;
	bool same;

	*u = (struct nbd_uri){ .tls = !strncmp(text, "nbds://", 7) };
	if (!strncmp(text, UNIX_PREFIX, strlen(UNIX_PREFIX)))
		split_unix(u, text + strlen(UNIX_PREFIX));
	else if (u->tls || !strncmp(text, "nbd://", 6))
		split_tcp(u, text + 6 + u->tls);
	again = nbd_format(u);
	same = again && !strcmp(again, text);
	free(again);
	if (!same)
		nbd_free(u);
	return same;
}
