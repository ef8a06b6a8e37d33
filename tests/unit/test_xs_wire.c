/* SPDX-License-Identifier: MIT */
/*
 * Tests of the xenstore wire format and of the client library against a scripted daemon at the other end of a socket:
 * messages in any pieces, events between request and reply, errors, nonsense.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "suite.h"
#include "xenstore/wire.h"
#include "xenstore/xenstore.h"

static void test_frame(void)
{
	struct xsd_sockmsg h = { .type = XS_READ, .req_id = 1, .len = 3 };
	struct xs_frame *f = calloc(1, sizeof(*f));
	char stream[sizeof(h) + 3], *at = stream;
	void *where;
	int want;

	memcpy(stream, &h, sizeof(h));
	memcpy(stream + sizeof(h), "/a", 3);
	while ((want = xs_frame_want(f, &where)) > 0) {	/* a byte at a time */
		memcpy(where, at++, 1);
		xs_frame_got(f, 1);
	}
	CU_ASSERT_EQUAL(want, 0);
	CU_ASSERT_EQUAL(at, stream + sizeof(stream));
	CU_ASSERT_STRING_EQUAL(f->body, "/a");
	xs_frame_reset(f);
	CU_ASSERT_EQUAL(xs_frame_want(f, &where), sizeof(h));

	h.len = XENSTORE_PAYLOAD_MAX;			/* the longest is fine */
	memcpy(where, &h, sizeof(h));
	xs_frame_got(f, sizeof(h));
	CU_ASSERT_EQUAL(xs_frame_want(f, &where), XENSTORE_PAYLOAD_MAX);
	xs_frame_got(f, XENSTORE_PAYLOAD_MAX);
	CU_ASSERT_EQUAL(xs_frame_want(f, &where), 0);
	CU_ASSERT_EQUAL(f->body[XENSTORE_PAYLOAD_MAX], 0);

	xs_frame_reset(f);
	xs_frame_want(f, &where);
	h.len = XENSTORE_PAYLOAD_MAX + 1;
	memcpy(where, &h, sizeof(h));
	xs_frame_got(f, sizeof(h));
	CU_ASSERT_EQUAL(xs_frame_want(f, &where), -EMSGSIZE);
	free(f);
}

static void test_split(void)
{
	char *vec[3];

	CU_ASSERT_EQUAL(xs_wire_split((char *)"a\0bc\0", 5, vec, 3), 2);
	CU_ASSERT_STRING_EQUAL(vec[1], "bc");
	CU_ASSERT_EQUAL(xs_wire_split((char *)"", 1, vec, 3), 1);	/* one empty string */
	CU_ASSERT_EQUAL(xs_wire_split((char *)"", 0, vec, 3), 0);
	CU_ASSERT_EQUAL(xs_wire_split((char *)"a\0bc", 4, vec, 3), -EINVAL);
	CU_ASSERT_EQUAL(xs_wire_split((char *)"a\0b\0c\0d\0", 8, vec, 3), -EINVAL);
}

static void test_errors(void)
{
	CU_ASSERT_STRING_EQUAL(xs_wire_error_name(ENOENT), "ENOENT");
	CU_ASSERT_STRING_EQUAL(xs_wire_error_name(EXDEV), "EINVAL");
	CU_ASSERT_EQUAL(xs_wire_error_number("EAGAIN", 7), EAGAIN);
	CU_ASSERT_EQUAL(xs_wire_error_number("EAGAIN", 6), EAGAIN);
	CU_ASSERT_EQUAL(xs_wire_error_number("EWHAT", 6), EIO);
	CU_ASSERT_EQUAL(xs_wire_error_number("EIOX", 5), EIO);
	CU_ASSERT_EQUAL(xs_wire_error_number("", 0), EIO);
}

static void test_perms(void)
{
	static const char *const bad[] = { "", "r", "x1", "r-1", "r1x", "r99999", "rr1", " r1" };
	struct xs_permissions p;
	char buf[16];

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT_FALSE(xs_perm_parse(&p, bad[i]));
	CU_ASSERT_TRUE(xs_perm_parse(&p, "b12"));
	CU_ASSERT_EQUAL(p.id, 12);
	CU_ASSERT_EQUAL(p.perms, XS_PERM_READ | XS_PERM_WRITE);
	xs_perm_format(&p, buf);
	CU_ASSERT_STRING_EQUAL(buf, "b12");
}

/* --- a daemon that says what it is told --- */

struct script {
	int listener;
	char path[64];
	char reply[4][256];		/* sent after the n-th request, all at once or byte by byte */
	size_t len[4];
	unsigned int n;
	bool drip;
	pthread_t thread;
};

static size_t put_msg(char *buf, uint32_t type, uint32_t id, const char *body, uint32_t len)
{
	struct xsd_sockmsg h = { .type = type, .req_id = id, .len = len };

	memcpy(buf, &h, sizeof(h));
	memcpy(buf + sizeof(h), body, len);
	return sizeof(h) + len;
}

static void add_msg(struct script *s, unsigned int at, uint32_t type, uint32_t id, const char *body, uint32_t len)
{
	s->len[at] += put_msg(s->reply[at] + s->len[at], type, id, body, len);
	if (s->n <= at)
		s->n = at + 1;
}

static bool read_all(int fd, void *buf, size_t len)
{
	for (size_t n = 0; n < len;) {
		ssize_t rc = read(fd, (char *)buf + n, len - n);

		if (rc <= 0)
			return false;
		n += rc;
	}
	return true;
}

static void *run_script(void *arg)
{
	struct script *s = arg;
	int fd = accept(s->listener, NULL, NULL);
	char body[XENSTORE_PAYLOAD_MAX];
	struct xsd_sockmsg h;

	for (unsigned int i = 0; i < s->n; i++) {
		size_t step = s->drip ? 1 : s->len[i];

		if (!read_all(fd, &h, sizeof(h)) || !read_all(fd, body, h.len))
			break;
		for (size_t at = 0; at < s->len[i]; at += step)
			if (write(fd, s->reply[i] + at, step) < 0)
				break;
	}
	close(fd);
	return NULL;
}

static struct xs_handle *start(struct script *s)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(s->path, sizeof(s->path), "/tmp/test_xs_wire.%d", getpid());
	strcpy(a.sun_path, s->path);
	unlink(s->path);
	s->listener = socket(AF_UNIX, SOCK_STREAM, 0);
	if (bind(s->listener, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(s->listener, 1) < 0)
		abort();
	setenv("XENSTORED_PATH", s->path, 1);
	pthread_create(&s->thread, NULL, run_script, s);
	return xs_open(XS_ONE_DAEMON);
}

static void stop(struct script *s, struct xs_handle *h)
{
	xs_close(h);
	pthread_join(s->thread, NULL);
	close(s->listener);
	unlink(s->path);
}

static void test_client(void)
{
	struct script s = { .drip = true };
	struct xs_handle *h;
	unsigned int len;
	char *v, **e;

	add_msg(&s, 0, XS_READ, 1, "v\0w", 3);
	add_msg(&s, 1, XS_ERROR, 2, "EACCES", 7);
	add_msg(&s, 2, XS_WATCH_EVENT, 0, "/a/b\0tok", 9);	/* events before the reply, and after */
	add_msg(&s, 2, XS_READ, 3, "x", 1);
	add_msg(&s, 2, XS_WATCH_EVENT, 0, "/c\0tok", 7);
	h = start(&s);
	CU_ASSERT_PTR_NOT_NULL_FATAL(h);
	v = xs_read(h, XBT_NULL, "/x", &len);
	CU_ASSERT_PTR_NOT_NULL_FATAL(v);
	CU_ASSERT_EQUAL(len, 3);
	CU_ASSERT_EQUAL(memcmp(v, "v\0w\0", 4), 0);
	free(v);
	CU_ASSERT_PTR_NULL(xs_read(h, XBT_NULL, "/x", &len));
	CU_ASSERT_EQUAL(errno, EACCES);
	v = xs_read(h, XBT_NULL, "/x", &len);
	CU_ASSERT_PTR_NOT_NULL(v);
	free(v);
	e = xs_check_watch(h);
	CU_ASSERT_PTR_NOT_NULL_FATAL(e);
	CU_ASSERT_STRING_EQUAL(e[XS_WATCH_PATH], "/a/b");
	CU_ASSERT_STRING_EQUAL(e[XS_WATCH_TOKEN], "tok");
	free(e);
	e = xs_read_watch(h, &len);
	CU_ASSERT_PTR_NOT_NULL_FATAL(e);
	CU_ASSERT_STRING_EQUAL(e[XS_WATCH_PATH], "/c");
	free(e);
	CU_ASSERT_PTR_NULL(xs_read_watch(h, &len));		/* the daemon has gone */
	CU_ASSERT_FALSE(xs_write(h, XBT_NULL, "/x", "y", 1));
	CU_ASSERT_EQUAL(errno, EPIPE);
	stop(&s, h);
}

static void test_client_unwatch(void)
{
	struct script s = { 0 };
	struct xs_handle *h;
	char **e;

	add_msg(&s, 0, XS_WATCH_EVENT, 0, "/a\0t", 5);
	add_msg(&s, 0, XS_WATCH_EVENT, 0, "/ab\0t", 6);		/* another watch with that token */
	add_msg(&s, 0, XS_WATCH_EVENT, 0, "/a/x\0t", 7);
	add_msg(&s, 0, XS_UNWATCH, 1, "OK", 3);
	h = start(&s);
	CU_ASSERT_TRUE(xs_unwatch(h, "/a", "t"));
	e = xs_read_watch(h, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(e);
	CU_ASSERT_STRING_EQUAL(e[XS_WATCH_PATH], "/ab");
	free(e);
	CU_ASSERT_PTR_NULL(xs_read_watch(h, NULL));
	stop(&s, h);
}

static void test_client_nonsense(void)
{
	for (int how = 0; how < 4; how++) {
		struct script s = { 0 };
		struct xs_handle *h;

		if (how == 0)
			add_msg(&s, 0, XS_READ, 99, "v", 1);		/* another's reply */
		else if (how == 1)
			add_msg(&s, 0, XS_WRITE, 1, "OK", 3);		/* to another question */
		else if (how == 2)
			add_msg(&s, 0, XS_ERROR, 1, "", 0);
		else
			add_msg(&s, 0, XS_READ, 1, "v", 1);
		if (how == 3)
			((struct xsd_sockmsg *)s.reply[0])->len = 5000;
		h = start(&s);
		CU_ASSERT_PTR_NULL(xs_read(h, XBT_NULL, "/x", NULL));
		CU_ASSERT_EQUAL(errno, EIO);
		stop(&s, h);
	}
}

static void test_client_too_long(void)
{
	struct script s = { 0 };
	struct xs_handle *h;
	char *big = calloc(1, 5000), *v;

	add_msg(&s, 0, XS_READ, 2, "still in step", 13);
	h = start(&s);
	CU_ASSERT_FALSE(xs_write(h, XBT_NULL, "/x", big, 4094));	/* one byte more than fits */
	CU_ASSERT_EQUAL(errno, E2BIG);
	v = xs_read(h, XBT_NULL, "/x", NULL);
	CU_ASSERT_PTR_NOT_NULL(v);
	free(v);
	free(big);
	stop(&s, h);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "framing", test_frame },
		{ "splitting", test_split },
		{ "error names", test_errors },
		{ "permission strings", test_perms },
		{ "client: replies, errors, events", test_client },
		{ "client: unwatch drops what was queued", test_client_unwatch },
		{ "client: nonsense from the daemon", test_client_nonsense },
		{ "client: a request too long", test_client_too_long },
		CU_TEST_INFO_NULL,
	};

	return suite_run("xs_wire", tests);
}
