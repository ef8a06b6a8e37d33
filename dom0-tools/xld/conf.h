/* SPDX-License-Identifier: MIT */
/*
 * xld's own configuration, xld.conf(5): who may connect, and how. Read at start, and anew on SIGHUP.
 */
#ifndef XLD_CONF_H
#define XLD_CONF_H

#include "migrate/stream.h"
#include "rpc/xrpc.h"

#define CONF_FILE "/etc/xen-lite/xld.conf"
#define CONF_SIZE_MAX (64U << 10)
#define CONF_LISTEN_MAX 8
#define CONF_NAMES_MAX 256
#define CONF_KEEPALIVE_S 15
#define CONF_HANDSHAKE_S 10
#define CONF_PACKING STREAM_LZ4
#define CONF_PACKING_SAVE STREAM_UNPACKED

struct xld_conf {
	struct rpc_addr listen[CONF_LISTEN_MAX];	/* beside the socket for local clients */
	unsigned int nr_listen;
	struct rpc_pki pki;
	char *allow[CONF_NAMES_MAX];	/* names of client certificates; none: any of the CA */
	unsigned int nr_allow;
	char *group, *read_only_group;	/* local clients who are not root; NULL: none */
	unsigned int handshake_s;	/* a remote client has to have said something by then */
	unsigned int keepalive_s;	/* ask a remote client that is silent for that long; 0: never */
	/* enum stream_packing, of migrations to other hosts and of saves that do not say. */
	unsigned int packing, packing_save;
};

void conf_init(struct xld_conf *c);		/* the defaults */
void conf_free(struct xld_conf *c);
/*
 * Take the text of a file, `file` for messages. false: *why has a line for each mistake, to be freed; *c is then good
 * for conf_free() only.
 */
bool conf_parse(struct xld_conf *c, const char *text, size_t len, const char *file, char **why);
/* The same for a file; one that is not there is empty, unless it must exist. */
bool conf_read(struct xld_conf *c, const char *file, bool must_exist, char **why);
/* What a call that asked for this is to be packed with, unless it leaves that to us: enum stream_packing. */
unsigned int conf_packing(xld_compress asked, unsigned int unless);
/* One more address. false: *why. */
bool conf_listen(struct xld_conf *c, const char *uri, char **why);
bool conf_same_addresses(const struct xld_conf *a, const struct xld_conf *b);

#endif
