/* SPDX-License-Identifier: MIT */
/*
 * The transports of lib/rpc: addresses, certificates of every kind on both sides, messages over TLS, and connections
 * that become pipes for bytes in a forked process, up to the death of either end.
 */
#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pki_world.h"
#include "suite.h"

/* --- addresses --- */

static void good_addr(const char *uri, const char *again)
{
	struct rpc_addr a;
	char *why = NULL, *text;

	CU_ASSERT_TRUE_FATAL(rpc_addr_parse(&a, uri, &why));
	text = rpc_addr_text(&a);
	CU_ASSERT_STRING_EQUAL(text, again);
	free(text);
	rpc_addr_free(&a);
}

static void bad_addr(const char *uri, const char *part)
{
	struct rpc_addr a;
	char *why = NULL;

	CU_ASSERT_FALSE_FATAL(rpc_addr_parse(&a, uri, &why));
	CU_ASSERT_PTR_NOT_NULL(strstr(why, part));
	free(why);
}

static void test_addresses(void)
{
	good_addr("/run/x.sock", "/run/x.sock");
	good_addr("x.sock", "x.sock");
	good_addr("unix:/run/x.sock", "/run/x.sock");
	good_addr("tls://host-1.example", "tls://host-1.example:16561");
	good_addr("tcp://10.0.0.1:1", "tcp://10.0.0.1:1");
	good_addr("tls://[::1]", "tls://[::1]:16561");
	good_addr("tls://[fe80::1%eth0]:65535", "tls://[fe80::1%eth0]:65535");
	bad_addr("", "the path is missing");
	bad_addr("unix:", "the path is missing");
	bad_addr("http://x", "there are only");
	bad_addr("tls://", "the host is missing");
	bad_addr("tls://:80", "the host is missing");
	bad_addr("tls://h:", "is not a port");
	bad_addr("tls://h:0", "ports are 1 to 65535");
	bad_addr("tls://h:65536", "ports are 1 to 65535");
	bad_addr("tls://h:99999999999999999999", "ports are 1 to 65535");
	bad_addr("tls://h:8x", "is not a port");
	bad_addr("tls://h/path", "'/' cannot be part");
	bad_addr("tcp://::1", "in brackets: [::1]");
	bad_addr("tcp://[::1", "no IPv6 address in brackets");
	bad_addr("tcp://[]:5", "no IPv6 address in brackets");
	bad_addr("tcp://[host]", "no IPv6 address in brackets");
	bad_addr("tcp://[::1]5", "only :PORT can follow");
}

/* --- the certificates --- */

static struct rpc_creds *creds_of(enum holder h)
{
	char *why = NULL;
	struct rpc_creds *c = rpc_creds_new(pki_of(h), &why);

	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	return c;
}

struct pair {
	struct rpc_creds *server_creds, *client_creds;
	struct rpc_stream server, client;
	int server_rc, client_rc;	/* of the handshake, and then of the first read */
};

/* Both go on until each has come to an end. */
static void shake(struct pair *p)
{
	for (int i = 0; i < 100 && (!p->server_rc || !p->client_rc); i++) {
		if (!p->client_rc)
			p->client_rc = rpc_stream_handshake(&p->client);
		if (!p->server_rc)
			p->server_rc = rpc_stream_handshake(&p->server);
	}
	/* Who was refused finds out with the next thing that comes. */
	if (p->client_rc == 1 && p->server_rc < 0)
		p->client_rc = rpc_stream_fill(&p->client);
	if (p->server_rc == 1 && p->client_rc < 0)
		p->server_rc = rpc_stream_fill(&p->server);
}

static void pair_open(struct pair *p, enum holder server, enum holder client, const char *host)
{
	char *why;
	int fds[2];

	memset(p, 0, sizeof(*p));
	p->server_creds = creds_of(server);
	p->client_creds = creds_of(client);
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	rpc_stream_init(&p->server, fds[0]);
	rpc_stream_init(&p->client, fds[1]);
	CU_ASSERT_TRUE(rpc_stream_secure(&p->server, p->server_creds, NULL, &why));
	CU_ASSERT_TRUE(rpc_stream_secure(&p->client, p->client_creds, host, &why));
	shake(p);
}

static void pair_close(struct pair *p)
{
	rpc_stream_close(&p->server);
	rpc_stream_close(&p->client);
	rpc_creds_free(p->server_creds);
	rpc_creds_free(p->client_creds);
}

/* One side finds something wrong, and the other is told. */
static void check_pair(enum holder server, enum holder client, const char *host, const char *server_says,
		       const char *client_says)
{
	const char *why[2];
	struct pair p;

	pair_open(&p, server, client, host);
	CU_ASSERT_TRUE(p.server_rc < 0);
	CU_ASSERT_TRUE(p.client_rc < 0);
	why[0] = rpc_stream_why(&p.server, p.server_rc);
	why[1] = rpc_stream_why(&p.client, p.client_rc);
	if (!strstr(why[0], server_says) || !strstr(why[1], client_says))
		printf("\nserver: %s\nclient: %s\n", why[0], why[1]);
	CU_ASSERT_PTR_NOT_NULL(strstr(why[0], server_says));
	CU_ASSERT_PTR_NOT_NULL(strstr(why[1], client_says));
	pair_close(&p);
}

static void test_certificates(void)
{
	struct pair p;

	pair_open(&p, GOOD, GOOD, "127.0.0.1");
	CU_ASSERT_EQUAL(p.server_rc, 1);
	CU_ASSERT_EQUAL(p.client_rc, 1);
	CU_ASSERT_STRING_EQUAL(rpc_stream_peer(&p.server), "localhost");
	pair_close(&p);
	pair_open(&p, GOOD, OTHER_NAME, "localhost");		/* a client's name is not that of a host to be found */
	CU_ASSERT_EQUAL(p.server_rc, 1);
	CU_ASSERT_STRING_EQUAL(rpc_stream_peer(&p.server), "elsewhere.example");
	pair_close(&p);
	pair_open(&p, GOOD, ONLY_CLIENT, "localhost");
	CU_ASSERT_EQUAL(p.server_rc, 1);
	pair_close(&p);

	check_pair(OTHER_NAME, GOOD, "localhost", "the client refused us: our certificate is not valid there",
		   "made out to 'elsewhere.example', not to 'localhost'");
	check_pair(GOOD, GOOD, "127.0.0.2", "refused us", "made out to 'localhost', not to '127.0.0.2'");
	check_pair(EXPIRED, GOOD, "localhost", "the client refused us: our certificate has expired",
		   "the certificate of the server 'localhost' expired at 20");
	check_pair(FUTURE, GOOD, "localhost", "refused us", "is not valid before 20");
	check_pair(ONLY_CLIENT, GOOD, "localhost", "our certificate is not for this use", "is not for this use");
	check_pair(EVIL, GOOD, "localhost", "the client refused us: our certificate is not of the CA that it trusts",
		   "the certificate of the server 'localhost' is not of the CA that we trust");
	check_pair(GOOD, STRANGER, "localhost", "not of the CA that we trust", "not of the CA that we trust");

	check_pair(GOOD, EXPIRED, "localhost", "the certificate of the client 'localhost' expired at 20",
		   "the server refused us: our certificate has expired");
	check_pair(GOOD, FUTURE, "localhost", "is not valid before 20", "the server refused us");
	check_pair(GOOD, ONLY_SERVER, "localhost", "is not for this use",
		   "the server refused us: our certificate is not for this use");
	check_pair(GOOD, EVIL, "localhost", "the certificate of the client 'localhost' is not of the CA that we trust",
		   "the server refused us: our certificate is not of the CA that it trusts");
}

static void bad_creds(struct rpc_pki pki, const char *part)
{
	char *why = NULL;

	CU_ASSERT_PTR_NULL_FATAL(rpc_creds_new(&pki, &why));
	if (!strstr(why, part))
		printf("\n%s\n", why);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, part));
	free(why);
}

/* One connection: does the server let the client in? */
static bool let_in(struct rpc_creds *server, struct rpc_creds *client)
{
	struct pair p = { .server_creds = server, .client_creds = client };
	char *why;
	int fds[2];

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	rpc_stream_init(&p.server, fds[0]);
	rpc_stream_init(&p.client, fds[1]);
	CU_ASSERT_TRUE(rpc_stream_secure(&p.server, server, NULL, &why));
	CU_ASSERT_TRUE(rpc_stream_secure(&p.client, client, "localhost", &why));
	shake(&p);
	if (p.server_rc < 0) {
		CU_ASSERT_STRING_EQUAL(rpc_stream_why(&p.server, p.server_rc),
				       "the certificate of the client 'two' was revoked");
		CU_ASSERT_STRING_EQUAL(rpc_stream_why(&p.client, p.client_rc),
				       "the server refused us: our certificate was revoked");
	}
	rpc_stream_close(&p.server);
	rpc_stream_close(&p.client);
	return p.server_rc == 1 && p.client_rc == 1;
}

static struct rpc_creds *creds_in(const char *dir)
{
	struct rpc_pki pki;
	char *why = NULL;
	struct rpc_creds *c;

	rpc_pki_in(&pki, dir);
	c = rpc_creds_new(&pki, &why);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	rpc_pki_free(&pki);
	return c;
}

static void no_report(const char *path)
{
	(void)path;
}

/* Who is on the list of the CA is refused by those who have read it; others go on. */
static void test_revoke(void)
{
	const char *hosts[] = { "localhost", "two", "three" };
	char *dir = xasprintf("%s/revoke", pki_world), *two = xasprintf("%s/two", dir), *why = NULL, *command;
	char *cert = xasprintf("%s/host.pem", two), *third = xasprintf("%s/three/host.pem", dir);
	char *list = xasprintf("%s/crl.pem", dir);
	struct rpc_creds *server, *old, *client;
	struct rpc_pki pki = *pki_of(STRANGER);
	bool news = true;

	CU_ASSERT_TRUE_FATAL(pki_init(dir, hosts, 3, no_report, &why));
	old = creds_in(dir);
	client = creds_in(two);
	CU_ASSERT_TRUE(let_in(old, client));
	/* One other first: a second list takes over what the first one had. */
	CU_ASSERT_TRUE_FATAL(pki_revoke(dir, third, &news, &why));
	CU_ASSERT_TRUE(news);
	server = creds_in(dir);
	CU_ASSERT_TRUE(let_in(server, client));
	rpc_creds_free(server);
	CU_ASSERT_TRUE(pki_revoke(dir, cert, &news, &why));
	CU_ASSERT_TRUE(news);
	server = creds_in(dir);
	CU_ASSERT_FALSE(let_in(server, client));
	CU_ASSERT_TRUE(let_in(old, client));
	CU_ASSERT_TRUE(pki_revoke(dir, third, &news, &why));
	CU_ASSERT_FALSE(news);
	CU_ASSERT_FALSE(pki_revoke(dir, pki_of(GOOD)->cert, &news, &why));
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "is not a certificate of this CA"));
	free(why);
	CU_ASSERT_FALSE(pki_revoke(two, cert, &news, &why));		/* the CA's key is not there */
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "two/ca.key: No such file"));
	free(why);
	pki.crl = list;
	bad_creds(pki, "holds no revocation list of our CA");
	rpc_creds_free(server);
	rpc_creds_free(old);
	rpc_creds_free(client);
	command = xasprintf("rm -r '%s'", dir);
	CU_ASSERT_EQUAL(system(command), 0);
	free(command);
	free(dir);
	free(two);
	free(cert);
	free(third);
	free(list);
}

static void test_files(void)
{
	struct rpc_pki pki = *pki_of(GOOD);
	char none[] = "/nowhere/x.pem", null[] = "/dev/null";

	pki.crl = null;
	bad_creds(pki, "/dev/null holds no revocation list of our CA");
	pki.crl = none;
	pki.crl_must_exist = true;
	bad_creds(pki, "the revocation list /nowhere/x.pem: No such file");
	bad_creds((struct rpc_pki){ .ca = none, .cert = pki.cert, .key = pki.key }, "the CA's certificate /nowhere/x.pem: No such file");
	bad_creds((struct rpc_pki){ .ca = pki.ca, .cert = none, .key = pki.key }, "the certificate /nowhere/x.pem: No such file");
	bad_creds((struct rpc_pki){ .ca = pki.ca, .cert = pki.cert, .key = none }, "the key /nowhere/x.pem: No such file");
	bad_creds((struct rpc_pki){ .ca = null, .cert = pki.cert, .key = pki.key }, "/dev/null holds no certificate of a CA");
	bad_creds((struct rpc_pki){ .ca = pki.ca, .cert = null, .key = pki.key }, "cannot be used");
	bad_creds((struct rpc_pki){ .ca = pki.ca, .cert = pki.cert, .key = pki_of(EVIL)->key }, "cannot be used");
}

/* A client of the library below ours, that may leave out or do what ours does not. */
static void check_crude(const char *priority, const char *want)
{
	gnutls_certificate_credentials_t cred;
	gnutls_session_t session;
	struct rpc_creds *creds = creds_of(GOOD);
	struct rpc_stream s;
	int fds[2], rc = 0;
	char *why;

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	rpc_stream_init(&s, fds[0]);
	CU_ASSERT_TRUE(rpc_stream_secure(&s, creds, NULL, &why));
	gnutls_certificate_allocate_credentials(&cred);
	gnutls_init(&session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL);
	CU_ASSERT_EQUAL_FATAL(gnutls_priority_set_direct(session, priority, NULL), 0);
	gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, cred);
	gnutls_transport_set_int(session, fds[1]);
	for (int i = 0; i < 100 && !rc; i++) {
		gnutls_handshake(session);
		rc = rpc_stream_handshake(&s);
	}
	CU_ASSERT_TRUE(rc < 0);
	if (!strstr(rpc_stream_why(&s, rc), want))
		printf("\n%s\n", rpc_stream_why(&s, rc));
	CU_ASSERT_PTR_NOT_NULL(strstr(rpc_stream_why(&s, rc), want));
	gnutls_deinit(session);
	gnutls_certificate_free_credentials(cred);
	rpc_stream_close(&s);
	rpc_creds_free(creds);
	close(fds[1]);
}

static void check_noise(const char *noise, size_t len)
{
	struct rpc_creds *creds = creds_of(GOOD);
	struct rpc_stream s;
	int fds[2], rc;
	char *why;

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	rpc_stream_init(&s, fds[0]);
	CU_ASSERT_TRUE(rpc_stream_secure(&s, creds, NULL, &why));
	CU_ASSERT_EQUAL(write(fds[1], noise, len), (ssize_t)len);
	rc = rpc_stream_handshake(&s);
	CU_ASSERT_TRUE(rc < 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(rpc_stream_why(&s, rc), "the client does not speak TLS"));
	rpc_stream_close(&s);
	rpc_creds_free(creds);
	close(fds[1]);
}

static void test_crude(void)
{
	static const char get[] = "GET / HTTP/1.1\r\nHost: example\r\n\r\n";
	uint8_t header[RPC_HEADER_SIZE];
	struct rpc_header h = { .length = 28, .program = XLD_PROGRAM, .version = XLD_VERSION };

	check_crude("NORMAL", "the client showed no certificate");
	check_crude("NORMAL:-VERS-TLS1.3", "the client showed no certificate");
	check_crude("NORMAL:-VERS-ALL:+VERS-TLS1.1:%COMPAT", "no version of TLS that we accept; 1.2 is the least");
	check_noise(get, sizeof(get));
	rpc_header_put(header, &h);
	check_noise((char *)header, sizeof(header));
}

static char *made[32];
static size_t nr_made;

static void report(const char *path)
{
	CU_ASSERT_FATAL(nr_made < 32);
	made[nr_made++] = xstrdup(path);
}

/* What `xl pki init` makes is good for both directions; keys are private; nothing is overwritten, or left behind. */
static void test_pki_init(void)
{
	const char *hosts[] = { "one,localhost", "two,127.0.0.1" }, *bad[] = { "one", "../two" };
	char *dir = xasprintf("%s/made/here", pki_world), *sub = xasprintf("%s/two", dir), *why = NULL;
	char *ca_key = xasprintf("%s/ca.key", dir);
	struct rpc_pki one, two;
	struct rpc_creds *creds;
	struct stat st;

	CU_ASSERT_FALSE(pki_init(dir, bad, 2, report, &why));
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "'../two' is not the name of a host"));
	free(why);
	CU_ASSERT_NOT_EQUAL(stat(dir, &st), 0);
	CU_ASSERT_TRUE_FATAL(pki_init(dir, hosts, 2, report, &why));
	CU_ASSERT_EQUAL(nr_made, 10);
	rpc_pki_in(&one, dir);
	rpc_pki_in(&two, sub);
	CU_ASSERT_EQUAL(stat(one.key, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
	creds = rpc_creds_new(&one, &why);
	CU_ASSERT_PTR_NOT_NULL(creds);
	rpc_creds_free(creds);
	creds = rpc_creds_new(&two, &why);
	CU_ASSERT_PTR_NOT_NULL(creds);
	rpc_creds_free(creds);
	/* Now something is there and something is not: what is there stays, and nothing is added. */
	for (int i = 0; i < 2; i++) {
		unlink(i ? ca_key : one.ca);
		CU_ASSERT_FALSE(pki_init(dir, hosts, 2, report, &why));
		CU_ASSERT_PTR_NOT_NULL(strstr(why, i ? "host.key: File exists" : "ca.key: File exists"));
		free(why);
		CU_ASSERT_NOT_EQUAL(stat(one.ca, &st), 0);
		CU_ASSERT_EQUAL(stat(ca_key, &st), i ? -1 : 0);
		CU_ASSERT_EQUAL(stat(one.cert, &st), 0);
	}
	rpc_pki_free(&one);
	rpc_pki_free(&two);
	while (nr_made--) {
		if (unlink(made[nr_made]))
			rmdir(made[nr_made]);
		free(made[nr_made]);
	}
	free(dir);
	free(sub);
	free(ca_key);
}

/* --- messages --- */

static const struct rpc_header call = {
	.program = XLD_PROGRAM, .version = XLD_VERSION, .proc = XLD_DOMAIN_CREATE, .type = XLD_CALL, .serial = 7,
};

/* Some of every size, several records long, with a receiver slower than the sender. */
static void test_messages(void)
{
	xld_create c = { .config = NULL };
	size_t sizes[] = { 1, 16384, 1000000, 3, 400000 }, got = 0, queued = 0;
	struct rpc_header h;
	const uint8_t *body;
	struct pair p;
	size_t len;

	pair_open(&p, GOOD, GOOD, "localhost");
	CU_ASSERT_TRUE_FATAL(p.server_rc == 1 && p.client_rc == 1);
	for (int turns = 0; got < 5 && turns < 100000; turns++) {
		if (queued < 5 && turns % 3 == 0) {
			c.config = xcalloc(1, sizes[queued] + 1);
			memset(c.config, 'x', sizes[queued++]);
			CU_ASSERT_TRUE(rpc_stream_queue(&p.client, &call, (xdrproc_t)xdr_xld_create, &c));
			free(c.config);
		}
		CU_ASSERT_TRUE(rpc_stream_flush(&p.client) >= 0);
		if (rpc_stream_fill(&p.server) <= 0)
			continue;
		while (rpc_stream_peek(&p.server, &h, &body, &len) == 1) {
			memset(&c, 0, sizeof(c));
			CU_ASSERT_TRUE(rpc_decode(body, len, (xdrproc_t)xdr_xld_create, &c));
			CU_ASSERT_EQUAL(strlen(c.config), sizes[got]);
			rpc_release((xdrproc_t)xdr_xld_create, &c);
			rpc_stream_pop(&p.server);
			got++;
		}
	}
	CU_ASSERT_EQUAL(got, 5);
	CU_ASSERT_FALSE(rpc_stream_buffered(&p.server));
	rpc_stream_close(&p.client);
	CU_ASSERT_EQUAL(rpc_stream_fill(&p.server), 0);		/* a clean end */
	pair_close(&p);
}

/* A connection that is cut is not an end. */
static void test_cut(void)
{
	struct pair p;
	int rc;

	pair_open(&p, GOOD, GOOD, "localhost");
	rpc_stream_abandon(&p.client);
	rc = rpc_stream_fill(&p.server);
	CU_ASSERT_EQUAL(rc, -ECONNRESET);
	CU_ASSERT_STRING_EQUAL(rpc_stream_why(&p.server, rc), "the client closed the connection without a word");
	pair_close(&p);
}

/* --- pipes --- */

/* What a worker does with its pipe. */
typedef void worker_fn(int fd);

/*
 * Fork as a daemon would: the child makes a pipe of the server's stream and runs fn with it, the parent abandons its
 * copy. Returns the child.
 */
static pid_t fork_worker(struct rpc_stream *s, worker_fn *fn)
{
	pid_t pid = fork();
	int fd;

	if (!pid) {
		signal(SIGPIPE, SIG_DFL);
		fd = rpc_stream_detach(s);
		if (fd < 0)
			_exit(99);
		fn(fd);
		_exit(0);
	}
	rpc_stream_abandon(s);
	return pid;
}

static int reap(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	return status;
}

static void echo(int fd)
{
	char buf[70000];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		if (write(fd, buf, (size_t)n) != n)
			_exit(1);
	if (n || shutdown(fd, SHUT_WR))
		_exit(2);
}

static bool read_all(int fd, uint8_t *buf, size_t len)
{
	ssize_t n;

	for (; len; buf += n, len -= (size_t)n)
		if ((n = read(fd, buf, len)) <= 0)
			return false;
	return true;
}

/* Several MiB through both pumps and back, with an end of the one direction that leaves the other open. */
static void check_echo(int fd)
{
	enum { SIZE = 3 << 20 };
	uint8_t *out = xcalloc(1, SIZE), *in = xcalloc(1, SIZE);
	pid_t writer;

	for (size_t i = 0; i < SIZE; i++)
		out[i] = (uint8_t)(i * 2654435761U >> 13);
	writer = fork();
	if (!writer) {
		bool ok = write(fd, out, SIZE) == SIZE && !shutdown(fd, SHUT_WR);

		_exit(ok ? 0 : 1);
	}
	CU_ASSERT_TRUE(read_all(fd, in, SIZE));
	CU_ASSERT_EQUAL(memcmp(in, out, SIZE), 0);
	CU_ASSERT_EQUAL(read(fd, in, 1), 0);
	CU_ASSERT_EQUAL(reap(writer), 0);
	free(out);
	free(in);
}

static void plain_pair(struct pair *p)
{
	int fds[2];

	memset(p, 0, sizeof(*p));
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	rpc_stream_init(&p->server, fds[0]);
	rpc_stream_init(&p->client, fds[1]);
}

static void open_pair(struct pair *p, bool tls)
{
	if (tls)
		pair_open(p, GOOD, GOOD, "localhost");
	else
		plain_pair(p);
}

static void test_pipe(void)
{
	struct pair p;
	pid_t pid;
	int fd;

	for (int tls = 0; tls < 2; tls++) {
		open_pair(&p, tls);
		pid = fork_worker(&p.server, echo);
		fd = rpc_stream_detach(&p.client);
		CU_ASSERT_TRUE_FATAL(fd >= 0);
		check_echo(fd);
		close(fd);
		CU_ASSERT_EQUAL(reap(pid), 0);
		pair_close(&p);
	}
}

/* What was queued goes before the bytes; input that nobody has read is not lost silently. */
static void test_pipe_start(void)
{
	xld_nothing nothing = { 0 };
	struct rpc_header h;
	const uint8_t *body;
	struct pair p;
	size_t len;
	char buf[8];
	int fd;

	for (int tls = 0; tls < 2; tls++) {
		open_pair(&p, tls);
		CU_ASSERT_TRUE(rpc_stream_queue(&p.server, &call, (xdrproc_t)xdr_xld_nothing, &nothing));
		fd = rpc_stream_detach(&p.server);
		CU_ASSERT_TRUE_FATAL(fd >= 0);
		rpc_fd_block(p.client.fd, true);
		while (!rpc_stream_peek(&p.client, &h, &body, &len))
			CU_ASSERT_TRUE_FATAL(rpc_stream_fill(&p.client) > 0);
		CU_ASSERT_EQUAL(h.serial, 7);
		if (tls) {
			/* As if a byte had come with the reply. */
			CU_ASSERT_EQUAL(write(fd, "raw", 3), 3);
			CU_ASSERT_TRUE(rpc_stream_fill(&p.client) == 3);
			CU_ASSERT_EQUAL(rpc_stream_detach(&p.client), -EBUSY);
		} else {
			rpc_stream_pop(&p.client);
			CU_ASSERT_EQUAL(write(fd, "raw", 3), 3);
			fd = dup(fd);
			CU_ASSERT_EQUAL(read(p.client.fd, buf, 8), 3);
		}
		close(fd);
		pair_close(&p);
	}
}

static void write_and_die(int fd)
{
	static char buf[100000];

	if (write(fd, buf, sizeof(buf)) == sizeof(buf))
		kill(getpid(), SIGKILL);
	_exit(1);
}

static void just_wait(int fd)
{
	char c;

	(void)!read(fd, &c, 1);
	pause();
}

static void close_and_wait(int fd)
{
	close(fd);
	pause();
}

/* By the kernel's list; there is no other way to know those that we have inherited. */
static void kill_children(void)
{
	char path[64];
	FILE *f;
	int pid;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	f = fopen(path, "re");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	while (fscanf(f, "%d", &pid) == 1)
		kill(pid, SIGKILL);
	fclose(f);
}

/* Die, and leave the pipe to a process that does nothing with it. */
static void leave_behind(int fd)
{
	(void)fd;
	if (!fork()) {
		pause();
		_exit(0);
	}
}

static size_t read_to_end(int fd)
{
	size_t total = 0;
	char buf[4096];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		total += (size_t)n;
	return total;
}

/* A worker dies: what it had written arrives, then the end does. */
static void test_pipe_worker_dies(void)
{
	struct pair p;
	pid_t pid;
	int fd;

	for (int tls = 0; tls < 2; tls++) {
		open_pair(&p, tls);
		pid = fork_worker(&p.server, write_and_die);
		fd = rpc_stream_detach(&p.client);
		CU_ASSERT_TRUE_FATAL(fd >= 0);
		CU_ASSERT_EQUAL(read_to_end(fd), 100000);
		CU_ASSERT_TRUE(WIFSIGNALED(reap(pid)));
		close(fd);
		pair_close(&p);
	}
}

/* A worker that closes its pipe, or dies while somebody else still has it, or is killed when it was silent. */
static void test_pipe_worker_leaves(void)
{
	static worker_fn *const fns[] = { close_and_wait, just_wait };
	struct pair p;
	pid_t pid;
	int fd;

	for (int i = 0; i < 2; i++) {
		open_pair(&p, true);
		pid = fork_worker(&p.server, fns[i]);
		fd = rpc_stream_detach(&p.client);
		CU_ASSERT_TRUE_FATAL(fd >= 0);
		if (i)
			kill(pid, SIGKILL);
		CU_ASSERT_EQUAL(read_to_end(fd), 0);
		close(fd);
		if (!i)
			kill(pid, SIGKILL);
		reap(pid);
		pair_close(&p);
	}
}

/* The pump goes with the worker, also if somebody else still has the pipe. */
static void test_pipe_left_behind(void)
{
	time_t begin = time(NULL);
	struct pair p;
	pid_t pid;
	int fd;

	open_pair(&p, true);
	pid = fork_worker(&p.server, leave_behind);
	fd = rpc_stream_detach(&p.client);
	CU_ASSERT_TRUE_FATAL(fd >= 0);
	reap(pid);
	CU_ASSERT_EQUAL(read_to_end(fd), 0);
	CU_ASSERT_TRUE(time(NULL) - begin < 4);		/* it knows at once, and does not wait for what cannot come */
	close(fd);
	pair_close(&p);
	/* What was left behind is ours now; it is the one that does not go by itself. */
	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		;
	kill_children();
}

/* The number of our children, and of theirs: those orphaned are ours (PR_SET_CHILD_SUBREAPER). */
static bool all_gone(void)
{
	for (int i = 0; i < 200; i++) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD)
			return true;
		usleep(20000);
	}
	return false;
}

/* A peer that is cut off: both directions end, and no pump stays. */
static void test_pipe_peer_dies(void)
{
	struct pair p;
	int fd;

	open_pair(&p, true);
	fd = rpc_stream_detach(&p.client);
	CU_ASSERT_TRUE_FATAL(fd >= 0);
	rpc_stream_abandon(&p.server);
	CU_ASSERT_EQUAL(read_to_end(fd), 0);
	usleep(10000);
	CU_ASSERT_TRUE(write(fd, "x", 1) < 0);
	CU_ASSERT_TRUE(all_gone());
	close(fd);
	pair_close(&p);
}

static void test_pumps_gone(void)
{
	CU_ASSERT_TRUE(all_gone());
}

int main(void)
{
	CU_TestInfo tests[] = {
		{ "addresses", test_addresses }, { "start", pki_world_start }, { "certificates", test_certificates },
		{ "revoked", test_revoke }, { "files", test_files }, { "crude clients", test_crude }, { "pki init", test_pki_init },
		{ "messages", test_messages }, { "a connection that is cut", test_cut }, { "pipe", test_pipe },
		{ "start of a pipe", test_pipe_start }, { "worker dies", test_pipe_worker_dies },
		{ "worker leaves", test_pipe_worker_leaves }, { "left behind", test_pipe_left_behind },
		{ "no process stays", test_pumps_gone },
		{ "peer dies", test_pipe_peer_dies }, { "end", pki_world_end }, CU_TEST_INFO_NULL,
	};

	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	return suite_run("rpc tls", tests);
}
