/* SPDX-License-Identifier: MIT */
/*
 * Tests of xenconsoled's parts: the ring with a guest that plays foul, the queue that keeps the newest, the log files.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "suite.h"

#include "../../dom0-tools/xenconsoled/conring.h"
#include "../../dom0-tools/xenconsoled/logfile.h"
#include "../../dom0-tools/xenconsoled/tail.h"

static struct xencons_interface page;

static void guest_says(const char *text)
{
	for (; *text; text++)
		page.out[MASK_XENCONS_IDX(page.out_prod++, page.out)] = *text;
}

static int take_bytes(struct conring *r, char *buf, unsigned int len)
{
	uint32_t before = page.out_cons;
	int n = conring_peek(r, buf, len);

	CU_ASSERT_EQUAL(page.out_cons, before);		/* it is still there */
	if (n > 0)
		conring_took(r, (unsigned int)n);
	return n;
}

static void test_ring_output(void)
{
	struct conring r;
	char buf[4096];

	memset(&page, 0, sizeof(page));
	page.out_cons = page.out_prod = 0xfffffffe;	/* attached late, and about to wrap */
	conring_init(&r, &page);
	guest_says("hello");
	CU_ASSERT_EQUAL(take_bytes(&r, buf, sizeof(buf)), 2);
	CU_ASSERT_EQUAL(take_bytes(&r, buf + 2, sizeof(buf)), 3);
	CU_ASSERT_EQUAL(memcmp(buf, "hello", 5), 0);
	CU_ASSERT_EQUAL(page.out_cons, 3);
	CU_ASSERT_EQUAL(take_bytes(&r, buf, sizeof(buf)), 0);

	page.out_cons = 12345;				/* the guest changes what is ours: no effect */
	guest_says("x");
	CU_ASSERT_EQUAL(take_bytes(&r, buf, sizeof(buf)), 1);
	CU_ASSERT_EQUAL(page.out_cons, 4);

	page.out_prod = 4 + 2049;			/* more than there can be */
	CU_ASSERT_EQUAL(take_bytes(&r, buf, sizeof(buf)), -1);
	page.out_prod = 3;				/* backwards */
	CU_ASSERT_EQUAL(take_bytes(&r, buf, sizeof(buf)), -1);
	page.out_prod = 4 + 2048;			/* full is fine */
	CU_ASSERT_EQUAL(take_bytes(&r, buf, sizeof(buf)), 2044);
	CU_ASSERT_EQUAL(take_bytes(&r, buf, sizeof(buf)), 4);
}

static void test_ring_input(void)
{
	struct conring r;
	char buf[2000];

	memset(&page, 0, sizeof(page));
	memset(buf, 'i', sizeof(buf));
	page.in_prod = page.in_cons = 1000;
	conring_init(&r, &page);
	CU_ASSERT_EQUAL(conring_room(&r), 1024);
	CU_ASSERT_EQUAL(conring_write(&r, buf, sizeof(buf)), 24);
	CU_ASSERT_EQUAL(conring_write(&r, buf, sizeof(buf)), 1000);
	CU_ASSERT_EQUAL(conring_write(&r, buf, sizeof(buf)), 0);
	CU_ASSERT_EQUAL(page.in_prod, 2024);
	CU_ASSERT_EQUAL(conring_room(&r), 0);
	page.in_cons = 2025;				/* has read what was never there */
	CU_ASSERT_EQUAL(conring_room(&r), 0);
	CU_ASSERT_EQUAL(conring_write(&r, buf, 1), -1);
	page.in_cons = 2024;
	page.in_prod = 7;				/* ours, whatever it says */
	CU_ASSERT_EQUAL(conring_write(&r, buf, 1), 1);
	CU_ASSERT_EQUAL(page.in_prod, 2025);
}

static void take(struct tail *t, char *out)
{
	const char *p;
	size_t n;

	while (p = tail_peek(t, &n), n) {
		memcpy(out, p, n);
		out += n;
		tail_drop(t, n);
	}
	*out = '\0';
}

static void test_tail(void)
{
	char out[16];
	struct tail t;
	size_t n;

	CU_ASSERT_EQUAL_FATAL(tail_init(&t, 8), 0);
	tail_put(&t, "abc", 3);
	take(&t, out);
	CU_ASSERT_STRING_EQUAL(out, "abc");
	tail_put(&t, "123456", 6);			/* wraps */
	tail_peek(&t, &n);
	CU_ASSERT_EQUAL(n, 5);
	tail_put(&t, "789", 3);				/* one too many: the oldest goes */
	take(&t, out);
	CU_ASSERT_STRING_EQUAL(out, "23456789");
	tail_put(&t, "a", 1);
	tail_put(&t, "0123456789", 10);			/* longer than all of it */
	take(&t, out);
	CU_ASSERT_STRING_EQUAL(out, "23456789");
	tail_free(&t);
}

static char *content(const char *dir, const char *file)
{
	static char buf[64];
	char path[600];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	f = fopen(path, "r");
	if (!f)
		return NULL;
	n = fread(buf, 1, sizeof(buf) - 1, f);
	buf[n] = '\0';
	fclose(f);
	return buf;
}

static void test_log(void)
{
	char dir[] = "/tmp/test_console.XXXXXX", cmd[64];
	struct logfile l;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	CU_ASSERT_EQUAL(logfile_init(&l, dir, "../a b", 10), 0);	/* a name cannot leave the directory */
	CU_ASSERT_PTR_NULL(content(dir, "guest-.._a_b.log"));		/* nothing said, no file */
	CU_ASSERT_EQUAL(logfile_write(&l, "x", 1), 0);
	logfile_close(&l);
	CU_ASSERT_STRING_EQUAL(content(dir, "guest-.._a_b.log"), "x");

	for (char c = '1'; c <= '6'; c++) {		/* six domains of one name, one after the other */
		CU_ASSERT_EQUAL(logfile_init(&l, dir, "g", 10), 0);
		CU_ASSERT_EQUAL(logfile_write(&l, &c, 1), 0);
		logfile_close(&l);
	}
	CU_ASSERT_STRING_EQUAL(content(dir, "guest-g.log"), "6");
	CU_ASSERT_STRING_EQUAL(content(dir, "guest-g.log.1"), "5");
	CU_ASSERT_STRING_EQUAL(content(dir, "guest-g.log.4"), "2");
	CU_ASSERT_PTR_NULL(content(dir, "guest-g.log.5"));

	CU_ASSERT_EQUAL(logfile_init(&l, dir, "big", 10), 0);		/* grows beyond its limit */
	CU_ASSERT_EQUAL(logfile_write(&l, "0123456", 7), 0);
	CU_ASSERT_EQUAL(logfile_write(&l, "789", 3), 0);
	CU_ASSERT_EQUAL(logfile_write(&l, "next", 4), 0);
	logfile_close(&l);
	CU_ASSERT_STRING_EQUAL(content(dir, "guest-big.log"), "next");
	CU_ASSERT_STRING_EQUAL(content(dir, "guest-big.log.1"), "0123456789");
	CU_ASSERT_EQUAL(logfile_init(&l, "/nonexistent", "g", 10), 0);
	CU_ASSERT_EQUAL(logfile_write(&l, "x", 1), -2);
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	CU_ASSERT_EQUAL(system(cmd), 0);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "ring: output", test_ring_output },
		{ "ring: input", test_ring_input },
		{ "the newest is kept", test_tail },
		{ "log files", test_log },
		CU_TEST_INFO_NULL,
	};

	return suite_run("console", tests);
}
