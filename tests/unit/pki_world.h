/* SPDX-License-Identifier: MIT */
/*
 * Certificates of every kind for the tests of TLS, in a directory that goes away: two CAs, and for each kind of holder
 * the three files of lib/rpc.
 */
#ifndef TESTS_UNIT_PKI_WORLD_H
#define TESTS_UNIT_PKI_WORLD_H

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "rpc/pki.h"
#include "rpc/xrpc.h"
#include "util/mem.h"

enum holder {
	GOOD,			/* 127.0.0.1 and localhost */
	OTHER_NAME,		/* elsewhere.example */
	EXPIRED, FUTURE,
	ONLY_CLIENT, ONLY_SERVER,
	EVIL,			/* of another CA, but trusts ours */
	STRANGER,		/* of another CA and trusts that */
	NR_HOLDERS
};

static char pki_world[] = "/tmp/pki_world.XXXXXX";

static inline struct rpc_pki *pki_of(enum holder h)
{
	static struct rpc_pki pki[NR_HOLDERS];
	static char paths[NR_HOLDERS][3][64];

	snprintf(paths[h][0], sizeof(paths[h][0]), "%s/ca%d.pem", pki_world, h == STRANGER);
	snprintf(paths[h][1], sizeof(paths[h][1]), "%s/%d.pem", pki_world, h);
	snprintf(paths[h][2], sizeof(paths[h][2]), "%s/%d.key", pki_world, h);
	pki[h] = (struct rpc_pki){ .ca = paths[h][0], .cert = paths[h][1], .key = paths[h][2] };
	return &pki[h];
}

static inline void pki_world_start(void)
{
	time_t now = time(NULL);
	struct pki_ca *ca[2];
	char *why;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(pki_world));
	for (int i = 0; i < 2; i++)
		ca[i] = pki_ca_new("one", now - 1000000, now + 1000000, &why);
	CU_ASSERT_TRUE_FATAL(ca[0] && ca[1]);
	CU_ASSERT_TRUE(pki_ca_write(ca[0], pki_of(GOOD)->ca, NULL, &why));
	CU_ASSERT_TRUE(pki_ca_write(ca[1], pki_of(STRANGER)->ca, NULL, &why));
	for (enum holder h = 0; h < NR_HOLDERS; h++) {
		struct pki_want w = { .names = h == OTHER_NAME ? "elsewhere.example" : "localhost,127.0.0.1",
			.from = h == FUTURE ? now + 90000 : now - 90000, .until = h == EXPIRED ? now - 1000 : now + 95000,
			.server = h != ONLY_CLIENT, .client = h != ONLY_SERVER };

		CU_ASSERT_TRUE_FATAL(pki_ca_issue(ca[h == EVIL || h == STRANGER], &w, pki_of(h)->cert, pki_of(h)->key,
						  &why));
	}
	pki_ca_free(ca[0]);
	pki_ca_free(ca[1]);
}

static inline void pki_world_end(void)
{
	for (enum holder h = 0; h < NR_HOLDERS; h++) {
		unlink(pki_of(h)->ca);
		unlink(pki_of(h)->cert);
		unlink(pki_of(h)->key);
	}
	rmdir(pki_world);
}

#endif
