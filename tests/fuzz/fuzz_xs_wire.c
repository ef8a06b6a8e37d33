/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: what clients of xenstored send. The input is a series of chunks, each a byte that chooses the connection
 * (dom0, or an unprivileged domain), a byte of length, and that many bytes for its stream. Whatever they are, the
 * store's invariants hold afterwards.
 */
#include "../unit/memconn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void give_home(struct server *s)
{
	static const struct cred dom0 = { .domid = 0, .target = NO_TARGET, .privileged = true };
	struct perm p = { .domid = 1, .access = PERM_NONE };

	tree_mkdir(&s->live, &dom0, NULL, "/local/domain/1", NULL);
	tree_set_perms(&s->live, &dom0, NULL, "/local/domain/1", &p, 1, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct memconn m[2];
	struct server s;
	const char *wrong;

	if (server_init(&s) < 0)
		abort();
	give_home(&s);
	memconn_open(&m[0], &s, 0);
	memconn_open(&m[1], &s, 1);
	while (size >= 2) {
		struct memconn *to = &m[data[0] & 1];
		size_t len = data[1];

		data += 2;
		size -= 2;
		if (len > size)
			len = size;
		if (!to->closed)
			memconn_feed(to, &s, data, len);
		data += len;
		size -= len;
	}
	wrong = tree_check(&s.live);
	if (wrong) {
		fprintf(stderr, "store broken: %s\n", wrong);
		abort();
	}
	server_fini(&s);
	memconn_done(&m[0]);
	memconn_done(&m[1]);
	return 0;
}
