/* SPDX-License-Identifier: MIT */
/*
 * The reader of xenstored's journal, and the control command. The first byte chooses: the input as a file, which must
 * be told to be none; as a group of records with a right checksum, which may make any sense or none; or as the words of
 * XS_CONTROL. The store must be sound afterwards.
 */
#include <zlib.h>

#include "../../dom0-tools/xenstored/state.h"
#include "../unit/memconn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A file with one group. */
static void load_group(struct server *s, const uint8_t *data, size_t size)
{
	struct journal_header h = { .magic = JOURNAL_MAGIC };
	struct journal_group g = { .len = size, .crc = crc32(0, data, size) };
	char *file = malloc(sizeof(h) + sizeof(g) + size);

	if (!file)
		abort();
	memcpy(file, &h, sizeof(h));
	memcpy(file + sizeof(h), &g, sizeof(g));
	if (size)
		memcpy(file + sizeof(h) + sizeof(g), data, size);
	journal_read(file, sizeof(h) + sizeof(g) + size, NULL, state_load_group, s);
	free(file);
}

static void control(struct server *s, const uint8_t *data, size_t size)
{
	struct xsd_sockmsg h = { .type = XS_CONTROL, .len = size > 4000 ? 4000 : size };
	char buf[sizeof(h) + 4000];
	struct memconn m;

	memcpy(buf, &h, sizeof(h));
	memcpy(buf + sizeof(h), data, h.len);
	memconn_open(&m, s, 0);
	memconn_feed(&m, s, buf, sizeof(h) + h.len);
	m.in_len = 0;
	memconn_done(&m);
	m.out = NULL;
	conn_close(m.c, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct server s;
	const char *wrong;

	if (server_init(&s) < 0)
		abort();
	if (size && data[0] % 3 == 0)
		journal_read(data + 1, size - 1, NULL, state_load_group, &s);
	else if (size && data[0] % 3 == 1)
		load_group(&s, data + 1, size - 1);
	else if (size)
		control(&s, data + 1, size - 1);
	state_loaded(&s);
	wrong = tree_check(&s.live);
	if (wrong) {
		fprintf(stderr, "store broken: %s\n", wrong);
		abort();
	}
	state_stop(&s);
	server_fini(&s);
	return 0;
}
