/* SPDX-License-Identifier: MIT */
/* See nbdlink.h. A socket of its own for each request, so that no late answer is taken for another. */
#include <dirent.h>
#include <linux/nbd-netlink.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <stdio.h>

#include "nbdlink.h"
#include "util/mem.h"

#define BLOCK_BYTES 512

struct ask {
	struct nl_sock *sk;
	struct nl_msg *msg;
	int index;			/* from the answer */
};

static int take_index(struct nl_msg *msg, void *arg)
{
	struct nlattr *attrs[NBD_ATTR_MAX + 1];
	struct ask *a = arg;

	if (!genlmsg_parse(nlmsg_hdr(msg), 0, attrs, NBD_ATTR_MAX, NULL) && attrs[NBD_ATTR_INDEX])
		a->index = (int)nla_get_u32(attrs[NBD_ATTR_INDEX]);
	return NL_OK;
}

static bool ask_begin(struct ask *a, uint8_t command, char **why)
{
	int rc, family = -1;

	*a = (struct ask){ .sk = mem_check(nl_socket_alloc()), .msg = mem_check(nlmsg_alloc()), .index = -1 };
	rc = genl_connect(a->sk);
	if (!rc)
		family = rc = genl_ctrl_resolve(a->sk, NBD_GENL_FAMILY_NAME);
	if (rc < 0) {
		*why = xasprintf("dom0's kernel has no module nbd: %s", nl_geterror(rc));
		return false;
	}
	nl_socket_modify_cb(a->sk, NL_CB_VALID, NL_CB_CUSTOM, take_index, a);
	genlmsg_put(a->msg, NL_AUTO_PORT, NL_AUTO_SEQ, family, 0, 0, command, NBD_GENL_VERSION);
	return true;
}

static bool ask_end(struct ask *a, bool ready, char **why)
{
	int rc = 0;

	if (ready) {
		rc = nl_send_auto(a->sk, a->msg);
		if (rc >= 0)
			rc = nl_recvmsgs_default(a->sk);
		if (rc < 0)
			*why = xasprintf("dom0's kernel refuses: %s", nl_geterror(rc));
	}
	nlmsg_free(a->msg);
	nl_socket_free(a->sk);
	return ready && rc >= 0;
}

static void put_socket(struct ask *a, int fd)
{
	struct nlattr *list = nla_nest_start(a->msg, NBD_ATTR_SOCKETS), *item = nla_nest_start(a->msg, NBD_SOCK_ITEM);

	nla_put_u32(a->msg, NBD_SOCK_FD, (uint32_t)fd);
	nla_nest_end(a->msg, item);
	nla_nest_end(a->msg, list);
}

int nbdlink_connect(const char *label, int fd, uint64_t size, uint16_t flags, unsigned int answer_s, unsigned int wait_s,
		    char **why)
{
	struct ask a;
	bool ok = ask_begin(&a, NBD_CMD_CONNECT, why);

	if (ok) {
		nla_put_u64(a.msg, NBD_ATTR_SIZE_BYTES, size);
		nla_put_u64(a.msg, NBD_ATTR_BLOCK_SIZE_BYTES, BLOCK_BYTES);
		nla_put_u64(a.msg, NBD_ATTR_SERVER_FLAGS, flags);
		nla_put_u64(a.msg, NBD_ATTR_TIMEOUT, answer_s);
		nla_put_u64(a.msg, NBD_ATTR_DEAD_CONN_TIMEOUT, wait_s);
		nla_put_string(a.msg, NBD_ATTR_BACKEND_IDENTIFIER, label);
		put_socket(&a, fd);
	}
	return ask_end(&a, ok, why) ? a.index : -1;
}

bool nbdlink_reconnect(int n, const char *label, int fd, char **why)
{
	struct ask a;
	bool ok = ask_begin(&a, NBD_CMD_RECONFIGURE, why);

	if (ok) {
		nla_put_u32(a.msg, NBD_ATTR_INDEX, (uint32_t)n);
		nla_put_string(a.msg, NBD_ATTR_BACKEND_IDENTIFIER, label);
		put_socket(&a, fd);
	}
	return ask_end(&a, ok, why);
}

bool nbdlink_disconnect(int n, char **why)
{
	struct ask a;
	bool ok = ask_begin(&a, NBD_CMD_DISCONNECT, why);

	if (ok)
		nla_put_u32(a.msg, NBD_ATTR_INDEX, (uint32_t)n);
	return ask_end(&a, ok, why);
}

static bool has_label(int n, const char *label, bool prefix)
{
	char path[64], line[NBDLINK_LABEL_MAX + 2] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/sys/block/nbd%d/backend", n);
	f = fopen(path, "re");
	if (!f)
		return false;
	if (!fgets(line, sizeof(line), f))
		line[0] = 0;
	fclose(f);
	line[strcspn(line, "\n")] = 0;
	return prefix ? !strncmp(line, label, strlen(label)) : !strcmp(line, label);
}

int nbdlink_find(const char *label, bool prefix, int after)
{
	DIR *dir = opendir("/sys/block");
	struct dirent *e;
	int n, found = -1;

	while (dir && (e = readdir(dir)))
		if (sscanf(e->d_name, "nbd%d", &n) == 1 && n > after && (found < 0 || n < found) && has_label(n, label, prefix))
			found = n;
	if (dir)
		closedir(dir);
	return found;
}
