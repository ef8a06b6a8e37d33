/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: xld.conf. What is taken must keep within its limits, and every address must mean the same when it is
 * written and read again; what is not taken has a reason.
 */
#include <stdlib.h>

#include "../../dom0-tools/xld/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_addr(const struct rpc_addr *a)
{
	char *text = rpc_addr_text(a), *why = NULL;
	struct rpc_addr again;

	if (!a->host || !rpc_addr_parse(&again, text, &why) || again.kind != a->kind || again.port != a->port ||
	    strcmp(again.host, a->host))
		abort();
	rpc_addr_free(&again);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct xld_conf c;
	char *why = NULL;

	conf_init(&c);
	if (conf_parse(&c, (const char *)data, size, "file", &why)) {
		if (why || c.nr_listen > CONF_LISTEN_MAX || c.nr_allow > CONF_NAMES_MAX || c.keepalive_s > 3600 ||
		    !c.handshake_s || !c.pki.ca || *c.pki.ca != '/')
			abort();
		for (unsigned int i = 0; i < c.nr_listen; i++)
			check_addr(&c.listen[i]);
	} else if (!why || strncmp(why, "file:", 5)) {
		abort();
	}
	free(why);
	conf_free(&c);
	return 0;
}
