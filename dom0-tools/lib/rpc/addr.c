/* SPDX-License-Identifier: MIT */
/*
 * Where a daemon listens and where a client connects to: URIs into struct rpc_addr and back, and no sockets. And where
 * certificates are.
 *
 *	PATH or unix:PATH	a socket in the file system
 *	tls://HOST[:PORT]	TLS with certificates of both sides
 *	tcp://HOST[:PORT]	plain, for a link that is trusted
 *
 * HOST is a name, an IPv4 address, or an IPv6 address in brackets.
 */
#include <ctype.h>

#include "xrpc.h"
#include "util/mem.h"

static const struct {
	const char *prefix;
	enum rpc_kind kind;
} schemes[] = {
	{ "unix:", RPC_UNIX }, { "tls://", RPC_TLS }, { "tcp://", RPC_TCP },
};

__attribute__((format(printf, 3, 4)))
static bool bad(char **why, const char *uri, const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = xvasprintf(fmt, ap);
	va_end(ap);
	*why = xasprintf("%.200s: %s", uri, s);
	free(s);
	return false;
}

static bool parse_port(struct rpc_addr *a, const char *text, const char *uri, char **why)
{
	unsigned long n = 0;

	for (const char *p = text; *p && n <= 65535; p++) {
		if (!isdigit((unsigned char)*p))
			return bad(why, uri, "'%.40s' is not a port", text);
		n = n * 10 + (unsigned long)(*p - '0');
	}
	if (!n || n > 65535)
		return bad(why, uri, "'%.40s' is not a port; ports are 1 to 65535", text);
	a->port = (uint16_t)n;
	return true;
}

/* The end of the host, which begins at p; brackets count to neither. NULL: bad. */
static const char *host_end(const char **p, const char *uri, char **why)
{
	const char *end;
	size_t n;

	if (**p == '[') {
		(*p)++;
		end = *p + strcspn(*p, "]");
		n = strspn(*p, "0123456789abcdefABCDEF:.");
		if (*end && *p + n != end && (*p)[n] != '%')
			end = NULL;
		if (!end || !*end || end == *p)
			bad(why, uri, "there is no IPv6 address in brackets");
		return end && *end && end != *p ? end : NULL;
	}
	end = *p + strcspn(*p, ":");
	if (strchr(end, ':') != strrchr(end, ':')) {
		bad(why, uri, "an IPv6 address has to stand in brackets: [%.60s]", *p);
		return NULL;
	}
	for (const char *q = *p; q < end; q++) {
		if (!isalnum((unsigned char)*q) && !strchr("-._", *q)) {
			bad(why, uri, "'%c' cannot be part of a host's name", *q);
			return NULL;
		}
	}
	if (end == *p)
		bad(why, uri, "the host is missing");
	return end == *p ? NULL : end;
}

static bool parse_host(struct rpc_addr *a, const char *p, const char *uri, char **why)
{
	const char *end = host_end(&p, uri, why);

	if (!end)
		return false;
	a->host = xstrndup(p, (size_t)(end - p));
	a->port = RPC_PORT;
	if (*end == ']')
		end++;
	if (*end && *end != ':')
		return bad(why, uri, "only :PORT can follow the address");
	return !*end || parse_port(a, end + 1, uri, why);
}

bool rpc_addr_parse(struct rpc_addr *a, const char *uri, char **why)
{
	memset(a, 0, sizeof(*a));
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t n = strlen(schemes[i].prefix);

		if (strncmp(uri, schemes[i].prefix, n))
			continue;
		a->kind = schemes[i].kind;
		uri += a->kind == RPC_UNIX ? n : 0;
		if (a->kind == RPC_UNIX)
			break;
		if (parse_host(a, uri + n, uri, why))
			return true;
		rpc_addr_free(a);
		return false;
	}
	if (strstr(uri, "://"))
		return bad(why, uri, "there are only unix:PATH, tls://HOST[:PORT] and tcp://HOST[:PORT]");
	if (!*uri)
		return bad(why, "unix:", "the path is missing");
	a->path = xstrdup(uri);
	return true;
}

void rpc_addr_free(struct rpc_addr *a)
{
	free(a->path);
	free(a->host);
	memset(a, 0, sizeof(*a));
}

char *rpc_addr_text(const struct rpc_addr *a)
{
	bool six = a->host && strchr(a->host, ':');

	if (a->kind == RPC_UNIX)
		return xstrdup(a->path);
	return xasprintf("%s://%s%s%s:%u", a->kind == RPC_TLS ? "tls" : "tcp", six ? "[" : "", a->host, six ? "]" : "",
			 a->port);
}

void rpc_pki_in(struct rpc_pki *pki, const char *dir)
{
	pki->ca = xasprintf("%s/ca.pem", dir);
	pki->cert = xasprintf("%s/host.pem", dir);
	pki->key = xasprintf("%s/host.key", dir);
	pki->crl = xasprintf("%s/crl.pem", dir);
	pki->crl_must_exist = false;
}

void rpc_pki_free(struct rpc_pki *pki)
{
	free(pki->ca);
	free(pki->cert);
	free(pki->key);
	free(pki->crl);
	memset(pki, 0, sizeof(*pki));
}
