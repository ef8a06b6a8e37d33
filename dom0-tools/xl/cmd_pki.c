/* SPDX-License-Identifier: MIT */
/* xl pki: certificates for xld's TLS. Works on files of this host only and asks no daemon. */
#include <unistd.h>

#include "rpc/pki.h"
#include "xl.h"

#define HOSTS_MAX 64

static void report(const char *path)
{
	printf("made %s\n", path);
}

/* This host, as far as it knows its name. */
static char *own_names(void)
{
	char name[65] = "";

	gethostname(name, sizeof(name) - 1);
	return xasprintf("%s,localhost,127.0.0.1,::1", *name ? name : "localhost");
}

static int pki_init_command(const char *dir, const char *hosts[], size_t n)
{
	char *why, *own = own_names();
	bool ok;

	if (!n)
		hosts[n++] = own;
	ok = pki_init(dir, hosts, n, report, &why);
	if (!ok) {
		complain("cannot make certificates in %s: %s\n    try: another directory (--dir), or move away what is "
			 "there; nothing is overwritten", dir, why);
		free(why);
	}
	free(own);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int pki_revoke_command(const char *dir, const char *cert)
{
	bool news;
	char *why;

	if (!pki_revoke(dir, cert, &news, &why)) {
		complain("cannot revoke a certificate: %s\n    try: give the certificate's file (host.pem), on the host "
			 "that has the CA's key", why);
		free(why);
		return EXIT_FAILURE;
	}
	if (news)
		printf("%s is on the list %s/crl.pem now; copy it to the hosts, and let each xld read it: "
		       "kill -HUP, or systemctl reload xld\n", cert, dir);
	else
		printf("%s was on the list %s/crl.pem already\n", cert, dir);
	return EXIT_SUCCESS;
}

static int cmd_pki(const struct command *cmd, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "dir", required_argument, NULL, 'd' }, { "host", required_argument, NULL, 'H' },
		{ "help", no_argument, NULL, 'h' }, { 0 },
	};
	const char *dir = RPC_PKI_DIR, *hosts[HOSTS_MAX];
	size_t n = 0;
	int opt;

	if (!pki_init)
		become_tls();
	while ((opt = next_option(cmd, argc, argv, "d:H:h", longs)) != -1) {
		if (opt == 'd') {
			dir = optarg;
		} else if (n < HOSTS_MAX) {
			hosts[n++] = optarg;
		} else {
			complain("pki: %d hosts at most", HOSTS_MAX);
			return EXIT_USAGE;
		}
	}
	want_args(cmd, argc, 1, 2);
	if (!strcmp(argv[optind], "init") && argc - optind == 1)
		return pki_init_command(dir, hosts, n);
	if (!strcmp(argv[optind], "revoke") && argc - optind == 2 && !n)
		return pki_revoke_command(dir, argv[optind + 1]);
	complain("pki: what can be said is 'init' and 'revoke CERTIFICATE', not '%s'", argv[optind]);
	return EXIT_USAGE;
}

const struct command cmds_pki[] = {
	{ .name = "pki", .fn = cmd_pki, .args = "init | revoke CERTIFICATE",
	  .summary = "Make a test CA, certificates for hosts, and revoke them",
	  .options = "  -d, --dir DIR            the CA is there (" RPC_PKI_DIR ")\n"
		     "  -H, --host NAME[,NAME]   a host and its other names and addresses; the first is this one,\n"
		     "                           each other gets a directory to be copied to it\n" },
	{ 0 },
};
