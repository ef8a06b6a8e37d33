/* SPDX-License-Identifier: MIT */
/*
 * Tests of xenstored's store without any I/O: names, tree, rights, limits, transactions, watches; and a long random run
 * of all operations against a naive model (flat arrays, sequence numbers, no sharing), which says what every call must
 * return and what the store must look like afterwards.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

#include "../../dom0-tools/xenstored/path.h"
#include "../../dom0-tools/xenstored/tree.h"
#include "../../dom0-tools/xenstored/tx.h"
#include "../../dom0-tools/xenstored/watch.h"

static const struct cred dom0 = { .domid = 0, .target = NO_TARGET, .privileged = true };
static const struct cred dom1 = { .domid = 1, .target = NO_TARGET };
static const struct cred dom2 = { .domid = 2, .target = NO_TARGET };
static const struct limits lim = { .nodes = 10, .value = 32, .perms = 3, .memory = SIZE_MAX };

static int put(struct tree *t, const struct cred *c, const char *path, const char *value)
{
	return tree_write(t, c, &lim, path, value, strlen(value), NULL);
}

static bool has(const struct tree *t, const char *path, const char *value)
{
	const struct node *n = tree_find(t, path);

	return n && n->len == strlen(value) && (!n->len || !memcmp(n->value, value, n->len));
}

static int chown_to(struct tree *t, const char *path, uint32_t domid, unsigned int others)
{
	struct perm p = { .domid = domid, .access = others };

	return tree_set_perms(t, &dom0, &lim, path, &p, 1, NULL);
}

/* --- names --- */

static void test_paths(void)
{
	static const char *const bad[] = { "", "//", "/a//b", "/a/", "/a b", "/a\n", "a/", "/\xe4", "@introduceDomain",
					   "/a:b" };
	char out[PATH_SIZE], *big = malloc(PATH_SIZE + 10);
	const char *p, *name;
	size_t prefix;

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT_EQUAL(path_canonical(bad[i], 5, out, NULL), -EINVAL);
	CU_ASSERT_EQUAL(path_canonical("/", 5, out, &prefix), 0);
	CU_ASSERT_STRING_EQUAL(out, "/");
	CU_ASSERT_EQUAL(prefix, 0);
	CU_ASSERT_EQUAL(path_canonical("device/vif-0_@", 5, out, &prefix), 0);
	CU_ASSERT_STRING_EQUAL(out, "/local/domain/5/device/vif-0_@");
	CU_ASSERT_EQUAL(prefix, strlen("/local/domain/5/"));

	memset(big, 'x', PATH_SIZE + 9);
	big[0] = '/';
	big[XENSTORE_ABS_PATH_MAX] = '\0';
	CU_ASSERT_EQUAL(path_canonical(big, 5, out, NULL), 0);
	big[XENSTORE_ABS_PATH_MAX] = 'x';
	big[XENSTORE_ABS_PATH_MAX + 1] = '\0';
	CU_ASSERT_EQUAL(path_canonical(big, 5, out, NULL), -EINVAL);
	big[XENSTORE_REL_PATH_MAX + 1] = '\0';
	CU_ASSERT_EQUAL(path_canonical(big + 1, 5, out, NULL), 0);
	big[XENSTORE_REL_PATH_MAX + 1] = 'x';
	big[XENSTORE_REL_PATH_MAX + 2] = '\0';
	CU_ASSERT_EQUAL(path_canonical(big + 1, 5, out, NULL), -EINVAL);
	free(big);

	CU_ASSERT_TRUE(path_covers("/", "/a"));
	CU_ASSERT_TRUE(path_covers("/a", "/a"));
	CU_ASSERT_TRUE(path_covers("/a", "/a/b"));
	CU_ASSERT_FALSE(path_covers("/a", "/ab"));
	CU_ASSERT_FALSE(path_covers("/a/b", "/a"));
	strcpy(out, "/a/b");
	path_parent(out);
	CU_ASSERT_STRING_EQUAL(out, "/a");
	path_parent(out);
	CU_ASSERT_STRING_EQUAL(out, "/");
	path_parent(out);
	CU_ASSERT_STRING_EQUAL(out, "/");
	p = "/ab/c";
	CU_ASSERT_EQUAL(path_next(&p, &name), 2);
	CU_ASSERT_EQUAL(path_next(&p, &name), 1);
	CU_ASSERT_EQUAL(path_next(&p, &name), 0);
	p = "/";
	CU_ASSERT_EQUAL(path_next(&p, &name), 0);
}

/* --- tree --- */

static void test_tree(void)
{
	struct tree t, old;

	CU_ASSERT_EQUAL_FATAL(tree_init(&t), 0);
	CU_ASSERT_EQUAL(put(&t, &dom0, "/a/b/c", "1"), 0);
	CU_ASSERT_EQUAL(put(&t, &dom0, "/a/bb", "2"), 0);
	CU_ASSERT_EQUAL(put(&t, &dom0, "/", "root"), 0);
	CU_ASSERT_TRUE(has(&t, "/a/b", ""));
	CU_ASSERT_TRUE(has(&t, "/a/b/c", "1"));
	CU_ASSERT_TRUE(has(&t, "/", "root"));
	CU_ASSERT_PTR_NULL(tree_find(&t, "/a/b/c/d"));
	CU_ASSERT_EQUAL(tree_count(&t), 5);

	CU_ASSERT_EQUAL(tree_clone(&old, &t), 0);	/* a clone does not see later changes */
	CU_ASSERT_EQUAL(put(&t, &dom0, "/a/b/c", "new"), 0);
	CU_ASSERT_EQUAL(tree_rm(&t, &dom0, "/a/bb", NULL), 0);
	CU_ASSERT_TRUE(has(&old, "/a/b/c", "1"));
	CU_ASSERT_TRUE(has(&old, "/a/bb", "2"));
	CU_ASSERT_TRUE(has(&t, "/a/b/c", "new"));
	CU_ASSERT_PTR_NULL(tree_check(&t));
	CU_ASSERT_PTR_NULL(tree_check(&old));
	tree_free(&old);

	CU_ASSERT_EQUAL(tree_rm(&t, &dom0, "/", NULL), -EINVAL);
	CU_ASSERT_EQUAL(tree_rm(&t, &dom0, "/a/gone", NULL), 0);	/* the parent is there */
	CU_ASSERT_EQUAL(tree_rm(&t, &dom0, "/gone/gone", NULL), -ENOENT);
	CU_ASSERT_EQUAL(tree_mkdir(&t, &dom0, &lim, "/a/b/c", NULL), 0);
	CU_ASSERT_TRUE(has(&t, "/a/b/c", "new"));			/* mkdir leaves what exists alone */
	CU_ASSERT_EQUAL(tree_rm(&t, &dom0, "/a", NULL), 0);
	CU_ASSERT_EQUAL(tree_count(&t), 1);
	CU_ASSERT_PTR_NULL(tree_check(&t));
	tree_free(&t);
}

static void test_rights(void)
{
	struct perm own1[] = { { 1, PERM_NONE }, { 2, PERM_READ } };
	struct cred proxy = { .domid = 3, .target = 1 };
	const struct node *n;
	struct tree t;

	CU_ASSERT_EQUAL_FATAL(tree_init(&t), 0);
	put(&t, &dom0, "/d/1", "");
	CU_ASSERT_EQUAL(tree_set_perms(&t, &dom0, &lim, "/d/1", own1, 2, NULL), 0);
	CU_ASSERT_EQUAL(put(&t, &dom2, "/d/1", "x"), -EACCES);
	CU_ASSERT_EQUAL(put(&t, &dom1, "/d/1/x/y", "mine"), 0);
	CU_ASSERT_EQUAL(tree_get(&t, &dom2, "/d/1/x/y", PERM_READ, &n), 0);	/* permissions were inherited */
	CU_ASSERT_EQUAL(tree_get(&t, &dom2, "/d/1/x/y", PERM_WRITE, &n), -EACCES);
	CU_ASSERT_EQUAL(tree_get(&t, &proxy, "/d/1/x/y", PERM_WRITE, &n), 0);	/* acts for domain 1 */
	CU_ASSERT_EQUAL(tree_owned(&t, 1), 3);

	/* What does not exist looks different only to those who may look there. */
	CU_ASSERT_EQUAL(tree_get(&t, &dom1, "/d/1/none", PERM_READ, &n), -ENOENT);
	own1[1].access = PERM_NONE;
	CU_ASSERT_EQUAL(tree_set_perms(&t, &dom1, &lim, "/d/1", own1, 2, NULL), 0);
	CU_ASSERT_EQUAL(tree_get(&t, &dom2, "/d/1/none", PERM_READ, &n), -EACCES);

	CU_ASSERT_EQUAL(tree_set_perms(&t, &dom2, &lim, "/d/1", own1, 1, NULL), -EACCES);
	own1[0].domid = 2;
	CU_ASSERT_EQUAL(tree_set_perms(&t, &dom1, &lim, "/d/1", own1, 1, NULL), -EPERM);	/* no giving away */
	CU_ASSERT_EQUAL(put(&t, &dom1, "/elsewhere", "x"), -EACCES);

	/* A node made by dom0 below a domain's belongs to that domain. */
	put(&t, &dom0, "/d/1/by0", "");
	CU_ASSERT_EQUAL(tree_owned(&t, 1), 4);

	CU_ASSERT_EQUAL(tree_forget_domain(&t, 1), 0);
	CU_ASSERT_EQUAL(tree_owned(&t, 1), 0);
	CU_ASSERT_EQUAL(tree_get(&t, &dom1, "/d/1/x", PERM_WRITE, &n), -EACCES);
	CU_ASSERT_PTR_NULL(tree_check(&t));
	tree_free(&t);
}

static void test_limits(void)
{
	struct perm four[4] = { { 1, 0 }, { 2, 1 }, { 3, 1 }, { 4, 1 } };
	char big[40], path[32];
	struct tree t;

	CU_ASSERT_EQUAL_FATAL(tree_init(&t), 0);
	put(&t, &dom0, "/d", "");
	chown_to(&t, "/d", 1, PERM_NONE);
	memset(big, 'v', sizeof(big));
	CU_ASSERT_EQUAL(tree_write(&t, &dom1, &lim, "/d/v", big, 33, NULL), -ENOSPC);
	CU_ASSERT_EQUAL(tree_write(&t, &dom1, &lim, "/d/v", big, 32, NULL), 0);
	CU_ASSERT_EQUAL(tree_set_perms(&t, &dom1, &lim, "/d/v", four, 4, NULL), -ENOSPC);
	CU_ASSERT_EQUAL(tree_set_perms(&t, &dom1, &lim, "/d/v", four, 3, NULL), 0);
	for (int i = 2; i < 10; i++) {
		snprintf(path, sizeof(path), "/d/n%d", i);
		CU_ASSERT_EQUAL(put(&t, &dom1, path, ""), 0);
	}
	CU_ASSERT_EQUAL(put(&t, &dom1, "/d/one-more", ""), -ENOSPC);
	CU_ASSERT_EQUAL(put(&t, &dom1, "/d/n2", "x"), 0);		/* changing is not creating */
	CU_ASSERT_EQUAL(tree_rm(&t, &dom1, "/d/n2", NULL), 0);
	CU_ASSERT_EQUAL(put(&t, &dom1, "/d/two/levels", ""), -ENOSPC);
	CU_ASSERT_PTR_NULL(tree_find(&t, "/d/two"));			/* all or nothing */
	CU_ASSERT_EQUAL(put(&t, &dom1, "/d/one-more", ""), 0);
	CU_ASSERT_EQUAL(put(&t, &dom0, "/d/by0", ""), 0);		/* dom0 may go beyond */
	CU_ASSERT_EQUAL(tree_owned(&t, 1), 11);
	CU_ASSERT_PTR_NULL(tree_check(&t));
	tree_free(&t);
}

static void test_changes(void)
{
	struct changes log = { 0 };
	struct tree t;

	CU_ASSERT_EQUAL_FATAL(tree_init(&t), 0);
	tree_write(&t, &dom0, &lim, "/a/b/c", "1", 1, &log);
	CU_ASSERT_EQUAL(log.n, 1);
	CU_ASSERT_STRING_EQUAL(log.list[0].path, "/a/b/c");
	CU_ASSERT_PTR_NULL(log.list[0].before);
	CU_ASSERT_PTR_NOT_NULL(log.list[0].after);
	CU_ASSERT_PTR_NOT_NULL(log.list[0].parent);
	changes_free(&log);
	CU_ASSERT_EQUAL(tree_mkdir(&t, &dom0, &lim, "/a/b", &log), 0);
	CU_ASSERT_EQUAL(tree_rm(&t, &dom0, "/x", &log), 0);
	CU_ASSERT_EQUAL(log.n, 0);					/* nothing has changed */
	tree_rm(&t, &dom0, "/a", &log);
	CU_ASSERT_EQUAL(log.n, 3);
	CU_ASSERT_STRING_EQUAL(log.list[0].path, "/a");
	CU_ASSERT_FALSE(log.list[0].exact);
	CU_ASSERT_STRING_EQUAL(log.list[2].path, "/a/b/c");
	CU_ASSERT_TRUE(log.list[2].exact);
	changes_free(&log);
	tree_free(&t);
}

static void test_deep(void)
{
	char path[PATH_SIZE];
	struct changes log = { 0 };
	struct tree t;
	size_t n;

	CU_ASSERT_EQUAL_FATAL(tree_init(&t), 0);
	for (n = 0; n + 2 < PATH_SIZE; n += 2)
		memcpy(path + n, "/x", 3);
	CU_ASSERT_EQUAL(put(&t, &dom0, path, "deep"), 0);
	CU_ASSERT_EQUAL(tree_count(&t), 1 + XENSTORE_ABS_PATH_MAX / 2);
	CU_ASSERT_PTR_NULL(tree_check(&t));
	CU_ASSERT_EQUAL(tree_rm(&t, &dom0, "/x", &log), 0);
	CU_ASSERT_EQUAL(log.n, XENSTORE_ABS_PATH_MAX / 2);
	changes_free(&log);
	tree_free(&t);
}

/* --- transactions --- */

static int commit(struct tx *tx, struct tree *t)
{
	struct changes log = { 0 };
	int rc = tx_commit(tx, &dom0, &lim, t, &log);

	changes_free(&log);
	tx_free(tx);
	return rc;
}

static void test_tx_isolation(void)
{
	const struct node *n;
	struct tx *tx, *other;
	struct tree t;

	CU_ASSERT_EQUAL_FATAL(tree_init(&t), 0);
	put(&t, &dom0, "/a", "1");
	put(&t, &dom0, "/b", "1");
	tx = tx_start(&t, 100);
	CU_ASSERT_EQUAL(tx_do(tx, &dom0, &lim, OP_WRITE, "/a", "2", 1), 0);
	CU_ASSERT_TRUE(has(&t, "/a", "1"));			/* nobody sees it yet */
	put(&t, &dom0, "/b", "2");
	CU_ASSERT_EQUAL(tx_get(tx, &dom0, "/a", PERM_READ, TOUCH_NODE, &n), 0);
	CU_ASSERT_EQUAL(*n->value, '2');			/* except itself */
	CU_ASSERT_EQUAL(commit(tx, &t), 0);			/* /b was not touched here */
	CU_ASSERT_TRUE(has(&t, "/a", "2"));
	CU_ASSERT_TRUE(has(&t, "/b", "2"));

	tx = tx_start(&t, 100);
	CU_ASSERT_EQUAL(tx_get(tx, &dom0, "/b", PERM_READ, TOUCH_NODE, &n), 0);
	CU_ASSERT_EQUAL(tx_do(tx, &dom0, &lim, OP_WRITE, "/a", "3", 1), 0);
	put(&t, &dom0, "/b", "2");				/* the same value, yet a change */
	CU_ASSERT_EQUAL(commit(tx, &t), -EAGAIN);
	CU_ASSERT_TRUE(has(&t, "/a", "2"));

	tx = tx_start(&t, 100);					/* two that create side by side */
	other = tx_start(&t, 100);
	tx_do(tx, &dom0, &lim, OP_WRITE, "/a/x", "", 0);
	tx_do(other, &dom0, &lim, OP_WRITE, "/a/y", "", 0);
	CU_ASSERT_EQUAL(commit(tx, &t), 0);
	CU_ASSERT_EQUAL(commit(other, &t), 0);
	CU_ASSERT_PTR_NOT_NULL(tree_find(&t, "/a/x"));
	CU_ASSERT_PTR_NOT_NULL(tree_find(&t, "/a/y"));
	CU_ASSERT_PTR_NULL(tree_check(&t));
	tree_free(&t);
}

static void test_tx_conflicts(void)
{
	const struct node *n;
	struct tx *tx;
	struct tree t;
	int rc = 0, i;

	CU_ASSERT_EQUAL_FATAL(tree_init(&t), 0);
	put(&t, &dom0, "/a/b", "1");

	tx = tx_start(&t, 100);					/* a list was read, and has changed */
	tx_get(tx, &dom0, "/a", PERM_READ, TOUCH_NODE | TOUCH_LIST, &n);
	put(&t, &dom0, "/a/c", "1");
	CU_ASSERT_EQUAL(commit(tx, &t), -EAGAIN);

	tx = tx_start(&t, 100);					/* the node only: then it does not matter */
	tx_get(tx, &dom0, "/a", PERM_READ, TOUCH_NODE, &n);
	put(&t, &dom0, "/a/d", "1");
	CU_ASSERT_EQUAL(commit(tx, &t), 0);

	tx = tx_start(&t, 100);					/* seen missing, now there */
	CU_ASSERT_EQUAL(tx_get(tx, &dom0, "/a/e", PERM_READ, TOUCH_NODE, &n), -ENOENT);
	put(&t, &dom0, "/a/e", "1");
	CU_ASSERT_EQUAL(commit(tx, &t), -EAGAIN);

	tx = tx_start(&t, 100);					/* removed what somebody has added to */
	CU_ASSERT_EQUAL(tx_do(tx, &dom0, &lim, OP_RM, "/a", NULL, 0), 0);
	put(&t, &dom0, "/a/b/new", "1");
	CU_ASSERT_EQUAL(commit(tx, &t), -EAGAIN);
	CU_ASSERT_PTR_NOT_NULL(tree_find(&t, "/a/b/new"));

	tx = tx_start(&t, 100);					/* removed and made anew: not the same node */
	tx_get(tx, &dom0, "/a/b", PERM_READ, TOUCH_NODE, &n);
	tree_rm(&t, &dom0, "/a/b", NULL);
	put(&t, &dom0, "/a/b", "1");
	CU_ASSERT_EQUAL(commit(tx, &t), -EAGAIN);

	chown_to(&t, "/a", 0, PERM_READ);
	chown_to(&t, "/a/b", 0, PERM_READ);
	tx = tx_start(&t, 2);
	CU_ASSERT_EQUAL(tx_get(tx, &dom1, "/a", PERM_READ, TOUCH_NODE, &n), 0);
	CU_ASSERT_EQUAL(tx_get(tx, &dom1, "/a/b", PERM_READ, TOUCH_NODE, &n), 0);
	CU_ASSERT_EQUAL(tx_get(tx, &dom1, "/a/b", PERM_READ, TOUCH_NODE, &n), 0);
	CU_ASSERT_EQUAL(tx_get(tx, &dom1, "/a/c", PERM_READ, TOUCH_NODE, &n), -ENOSPC);
	tx_free(tx);

	chown_to(&t, "/a", 1, PERM_NONE);		/* writing one value again and again is held each time */
	tx = tx_start(&t, 100000);
	for (i = 0; i < 20000 && rc == 0; i++)
		rc = tx_do(tx, &dom1, &lim, OP_WRITE, "/a", "01234567890123456789012345678901", 32);
	CU_ASSERT_EQUAL(rc, -ENOSPC);
	CU_ASSERT_TRUE(i > 5000);
	tx_free(tx);
	tree_free(&t);
}

/* --- watches --- */

static void count_fired(struct watch *w, void *arg)
{
	(void)w;
	++*(unsigned int *)arg;
}

static unsigned int fired(struct watches *r, const char *path, bool exact)
{
	unsigned int n = 0;

	watch_fire(r, path, exact, count_fired, &n);
	return n;
}

static void test_watches(void)
{
	struct watches *r = watches_new();
	struct watch *list = NULL;

	CU_ASSERT_EQUAL(watch_add(r, &r, &list, "/a", 0, "t"), 0);
	CU_ASSERT_EQUAL(watch_add(r, &r, &list, "/a", 0, "t"), -EEXIST);
	CU_ASSERT_EQUAL(watch_add(r, &r, &list, "/a", 0, "u"), 0);
	CU_ASSERT_EQUAL(watch_add(r, &r, &list, "/a/b/c", 0, "t"), 0);
	CU_ASSERT_EQUAL(watch_add(r, &r, &list, "/", 0, "t"), 0);
	CU_ASSERT_EQUAL(watch_add(r, &r, &list, "@releaseDomain", 0, "t"), 0);
	CU_ASSERT_EQUAL(fired(r, "/a/b/c", false), 4);
	CU_ASSERT_EQUAL(fired(r, "/a/b/c", true), 1);
	CU_ASSERT_EQUAL(fired(r, "/a/b", false), 3);
	CU_ASSERT_EQUAL(fired(r, "/ab", false), 1);
	CU_ASSERT_EQUAL(fired(r, "/", false), 1);
	CU_ASSERT_EQUAL(fired(r, "@releaseDomain", true), 1);
	CU_ASSERT_PTR_NULL(watch_find(list, "/a", "none"));
	watch_del(r, &list, watch_find(list, "/a", "t"));
	CU_ASSERT_EQUAL(fired(r, "/a/b", false), 2);
	while (list)
		watch_del(r, &list, list);
	CU_ASSERT_EQUAL(watches_count(r), 0);
	watches_free(r);
}

/* --- the model --- */

#define NAMES	3
#define PATHS	(1 + 3 + 9 + 27)
#define TXS	3
#define OPS	32

struct mnode {
	bool exists;
	char value;
	uint32_t owner, extra;		/* extra: a second domain with rights of its own; 0 = none */
	unsigned int others, extra_access;
};

struct model {
	struct mnode n[PATHS];
};

/* When each path changed last, in the live store. */
static unsigned long seq, node_seq[PATHS], list_seq[PATHS];

struct mop {
	int kind, at;			/* 0 write, 1 mkdir, 2 rm, 3 perms */
	char value;
	struct mnode perms;
};

struct mtx {
	bool open;
	struct tx *tx;
	struct model base, view;
	unsigned long start;
	unsigned int touched[PATHS];
	struct mop op[OPS];
	unsigned int nr_ops;
	const struct cred *by;
};

/* Path 0 is the root; the children of i are 3i+1 .. 3i+3. */
static int parent(int i)
{
	return (i - 1) / NAMES;
}

static void path_of(int i, char *out)
{
	char tail[16] = "", tmp[16];

	for (; i; i = parent(i)) {
		snprintf(tmp, sizeof(tmp), "/%c%.12s", "abc"[(i - 1) % NAMES], tail);
		strcpy(tail, tmp);
	}
	strcpy(out, *tail ? tail : "/");
}

static bool below(int i, int top)
{
	while (i > top)
		i = parent(i);
	return i == top;
}

static bool m_allow(const struct mnode *n, const struct cred *c, unsigned int need)
{
	if (c->privileged || n->owner == c->domid)
		return true;
	if (n->extra == c->domid)
		return (n->extra_access & need) == need;
	return (n->others & need) == need;
}

static int nearest(const struct model *m, int i)
{
	while (!m->n[i].exists)
		i = parent(i);
	return i;
}

static unsigned int m_owned(const struct model *m, uint32_t domid)
{
	unsigned int n = 0;

	for (int i = 0; i < PATHS; i++)
		n += m->n[i].exists && m->n[i].owner == domid;
	return n;
}

static int m_create(struct model *m, const struct cred *c, int i, char value, bool live)
{
	int at = nearest(m, i);
	unsigned int missing = 0;

	if (!m_allow(&m->n[at], c, PERM_WRITE))
		return -EACCES;
	for (int k = i; k != at; k = parent(k))
		missing++;
	if (!c->privileged && m_owned(m, c->domid) + missing > lim.nodes)
		return -ENOSPC;
	for (int k = i; k != at; k = parent(k)) {
		m->n[k] = m->n[at];
		m->n[k].value = 0;
		if (!c->privileged)
			m->n[k].owner = c->domid;
		if (live) {
			node_seq[k] = ++seq;
			list_seq[parent(k)] = ++seq;
		}
	}
	m->n[i].value = value;
	return 0;
}

static int m_do(struct model *m, const struct cred *c, const struct mop *op, bool live)
{
	struct mnode *n = &m->n[op->at];

	switch (op->kind) {
	case 0:
	case 1:
		if (!n->exists)
			return m_create(m, c, op->at, op->kind ? 0 : op->value, live);
		if (!m_allow(n, c, PERM_WRITE))
			return -EACCES;
		if (op->kind == 0) {
			n->value = op->value;
			if (live)
				node_seq[op->at] = ++seq;
		}
		return 0;
	case 2:
		if (!m_allow(&m->n[nearest(m, op->at)], c, PERM_WRITE))
			return -EACCES;
		if (!n->exists)
			return m->n[parent(op->at)].exists ? 0 : -ENOENT;
		if (op->at == 0)
			return -EINVAL;
		for (int k = op->at; k < PATHS; k++)
			if (below(k, op->at) && m->n[k].exists) {
				m->n[k].exists = false;
				if (live) {
					node_seq[k] = ++seq;
					list_seq[k] = ++seq;
				}
			}
		if (live)
			list_seq[parent(op->at)] = ++seq;
		return 0;
	default:
		if (!n->exists)
			return m_allow(&m->n[nearest(m, op->at)], c, PERM_WRITE | PERM_OWNER) ? -ENOENT : -EACCES;
		if (!c->privileged && n->owner != c->domid)
			return -EACCES;
		if (!c->privileged && op->perms.owner != n->owner)
			return -EPERM;
		n->owner = op->perms.owner;
		n->others = op->perms.others;
		n->extra = op->perms.extra;
		n->extra_access = op->perms.extra_access;
		if (live)
			node_seq[op->at] = ++seq;
		return 0;
	}
}

/* The same operation on the real thing: tx or live tree. */
static int real_do(struct tree *t, struct tx *tx, const struct cred *c, const struct mop *op)
{
	struct perm p[2] = { { op->perms.owner, op->perms.others }, { op->perms.extra, op->perms.extra_access } };
	unsigned int np = op->perms.extra ? 2 : 1;
	char path[16];

	path_of(op->at, path);
	switch (op->kind) {
	case 0:
		return tx ? tx_do(tx, c, &lim, OP_WRITE, path, &op->value, 1) :
			    tree_write(t, c, &lim, path, &op->value, 1, NULL);
	case 1:
		return tx ? tx_do(tx, c, &lim, OP_MKDIR, path, NULL, 0) : tree_mkdir(t, c, &lim, path, NULL);
	case 2:
		return tx ? tx_do(tx, c, &lim, OP_RM, path, NULL, 0) : tree_rm(t, c, path, NULL);
	default:
		return tx ? tx_do(tx, c, &lim, OP_SET_PERMS, path, p, np) :
			    tree_set_perms(t, c, &lim, path, p, np, NULL);
	}
}

static bool alike(const struct tree *t, const struct model *m)
{
	char path[16];

	for (int i = 0; i < PATHS; i++) {
		const struct mnode *k = &m->n[i];
		const struct node *n;

		path_of(i, path);
		n = tree_find(t, path);
		if (!n != !k->exists)
			return false;
		if (!n)
			continue;
		if ((k->value ? n->len != 1 || *n->value != k->value : n->len != 0) ||
		    n->perms->p[0].domid != k->owner || n->perms->p[0].access != k->others ||
		    n->perms->n != (k->extra ? 2 : 1) ||
		    (k->extra && (n->perms->p[1].domid != k->extra || n->perms->p[1].access != k->extra_access)))
			return false;
	}
	return true;
}

static void m_touch(struct mtx *x, int i, unsigned int how)
{
	x->touched[i] |= how;
	while (!x->view.n[i].exists) {
		i = parent(i);
		x->touched[i] |= TOUCH_NODE;
	}
}

static bool m_conflict(const struct mtx *x, const struct model *now)
{
	for (int i = 0; i < PATHS; i++) {
		unsigned int how = x->touched[i];

		if (!x->base.n[i].exists && !now->n[i].exists)
			continue;	/* missing then and now: what was in between does not matter */
		if (how && node_seq[i] > x->start)
			return true;
		if ((how & TOUCH_LIST) && list_seq[i] > x->start)
			return true;
		for (int k = i; (how & TOUCH_TREE) && k < PATHS; k++)
			if (below(k, i) && (node_seq[k] > x->start || list_seq[k] > x->start))
				return true;
	}
	return false;
}

static int m_commit(struct mtx *x, struct model *m)
{
	struct model next = *m;
	int rc = 0;

	if (m_conflict(x, m))
		return -EAGAIN;
	for (unsigned int i = 0; i < x->nr_ops && !rc; i++)
		rc = m_do(&next, x->by, &x->op[i], false);
	if (rc)
		return rc == -ENOSPC ? rc : -EAGAIN;
	for (unsigned int i = 0; i < x->nr_ops; i++)
		m_do(m, x->by, &x->op[i], true);
	return 0;
}

static uint64_t rng = 88172645463325252ULL;

static unsigned int rnd(unsigned int n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (rng >> 20) % n;
}

static struct mop random_op(void)
{
	struct mop op = { .kind = rnd(8), .at = rnd(PATHS), .value = 'A' + rnd(20) };

	op.kind = op.kind < 4 ? 0 : op.kind - 4;	/* more writes than others */
	op.perms = (struct mnode){ .owner = rnd(3), .others = rnd(4), .extra = rnd(3), .extra_access = rnd(4) };
	if (op.perms.extra == op.perms.owner)
		op.perms.extra = 0;
	return op;
}

/* One random step; returns false when store and model disagree. */
static bool step(struct tree *t, struct model *m, struct mtx *txs)
{
	static const struct cred *const who[] = { &dom0, &dom1, &dom2 };
	struct mtx *x = &txs[rnd(TXS)];
	struct changes log = { 0 };
	struct mop op = random_op();
	const struct cred *c;
	const struct node *n;
	char path[16];
	bool ok;
	int rc;

	switch (rnd(8)) {
	case 0:		/* begin or end */
		if (!x->open) {
			memset(x, 0, sizeof(*x));
			*x = (struct mtx){ .open = true, .tx = tx_start(t, 1000), .base = *m, .view = *m,
					   .start = seq, .by = who[rnd(3)] };
			return x->tx;
		}
		x->open = false;
		ok = rnd(4) == 0 || tx_commit(x->tx, x->by, &lim, t, &log) == m_commit(x, m);
		changes_free(&log);
		tx_free(x->tx);
		return ok;
	case 1:
	case 2:
	case 3:		/* inside a transaction */
		if (!x->open || x->nr_ops == OPS)
			return true;
		m_touch(x, op.at, op.kind == 2 ? TOUCH_NODE | TOUCH_TREE : TOUCH_NODE);
		rc = m_do(&x->view, x->by, &op, false);
		if (rc == 0)	/* a failed one leaves the view alone and is not repeated at the end */
			x->op[x->nr_ops++] = op;
		return real_do(t, x->tx, x->by, &op) == rc;
	case 4:		/* a look inside a transaction */
		if (!x->open)
			return true;
		path_of(op.at, path);
		m_touch(x, op.at, TOUCH_NODE | TOUCH_LIST);
		tx_get(x->tx, x->by, path, PERM_READ, TOUCH_NODE | TOUCH_LIST, &n);
		return true;
	default:
		c = who[rnd(3)];
		return real_do(t, NULL, c, &op) == m_do(m, c, &op, true);
	}
}

static void test_random(void)
{
	struct model m = { .n[0] = { .exists = true, .others = PERM_READ | PERM_WRITE } };
	struct mtx txs[TXS] = { 0 };
	const char *wrong = NULL;
	bool ok = true;
	struct tree t;

	CU_ASSERT_EQUAL_FATAL(tree_init(&t), 0);
	chown_to(&t, "/", 0, PERM_READ | PERM_WRITE);
	for (unsigned int i = 0; i < 60000 && ok && !wrong; i++) {
		ok = step(&t, &m, txs) && alike(&t, &m);
		wrong = i % 16 ? NULL : tree_check(&t);
		if (!ok)
			printf("\n  step %u: store and model disagree\n", i);
	}
	CU_ASSERT_TRUE(ok);
	CU_ASSERT_PTR_NULL(wrong);
	for (int i = 0; i < TXS; i++)
		if (txs[i].open)
			tx_free(txs[i].tx);
	tree_free(&t);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "names", test_paths },
		{ "tree", test_tree },
		{ "rights", test_rights },
		{ "limits", test_limits },
		{ "what a call has changed", test_changes },
		{ "as deep as a path can be", test_deep },
		{ "transactions are isolated", test_tx_isolation },
		{ "transactions conflict only where they touched", test_tx_conflicts },
		{ "watches", test_watches },
		{ "random operations against the model", test_random },
		CU_TEST_INFO_NULL,
	};

	return suite_run("xs_store", tests);
}
