/* SPDX-License-Identifier: MIT */
/*
 * xl block-*, cd-*, network-*: devices of domains that run. The columns of the lists are those of Xen's xl, since
 * scripts look for them.
 */
#include <limits.h>
#include <unistd.h>

#include "domcfg/disk.h"
#include "json.h"

/* The words of an entry of disk= or vif=, which may be one argument or several. */
static char *join(char **words, int n)
{
	char *s = xstrdup(""), *more;

	for (int i = 0; i < n; i++) {
		more = xasprintf("%s%s%s", s, i ? "," : "", words[i]);
		free(s);
		s = more;
	}
	return s;
}

static int attach(char *domain, char *spec, xld_device_kind kind)
{
	xld_attach a = { .name = domain, .kind = kind, .spec = spec };
	xld_attached attached;
	bool ok = call(XLD_DEVICE_ATTACH, &a, &attached);

	if (ok && verbose)
		fprintf(stderr, "attached device %u\n", attached.devid);
	free(spec);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int cmd_block_attach(const struct command *cmd, int argc, char **argv)
{
	char cwd[PATH_MAX], *spec, *full;

	while (next_option(cmd, argc, argv, "h", NULL) != -1)
		;
	want_args(cmd, argc, 2, -1);
	spec = join(argv + optind + 1, argc - optind - 1);
	full = disk_absolute(spec, getcwd(cwd, sizeof(cwd)) ? cwd : "");
	free(spec);
	return attach(argv[optind], full, XLD_DISK);
}

static int cmd_network_attach(const struct command *cmd, int argc, char **argv)
{
	while (next_option(cmd, argc, argv, "h", NULL) != -1)
		;
	want_args(cmd, argc, 1, -1);
	return attach(argv[optind], join(argv + optind + 1, argc - optind - 1), XLD_NETWORK);
}

static int detach(const struct command *cmd, int argc, char **argv, xld_device_kind kind)
{
	static const struct option longs[] = {
		{ "force", no_argument, NULL, 'f' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	xld_detach d = { .kind = kind };
	xld_nothing nothing;
	int opt;

	while ((opt = next_option(cmd, argc, argv, "h", longs)) != -1)
		d.force |= opt == 'f';
	want_args(cmd, argc, 2, 2);
	d.name = argv[optind];
	d.device = argv[optind + 1];
	return call(XLD_DEVICE_DETACH, &d, &nothing) ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int cmd_block_detach(const struct command *cmd, int argc, char **argv)
{
	return detach(cmd, argc, argv, XLD_DISK);
}

static int cmd_network_detach(const struct command *cmd, int argc, char **argv)
{
	return detach(cmd, argc, argv, XLD_NETWORK);
}

static int cmd_block_resize(const struct command *cmd, int argc, char **argv)
{
	xld_detach d = { .kind = XLD_DISK };
	xld_nothing nothing;

	while (next_option(cmd, argc, argv, "h", NULL) != -1)
		;
	want_args(cmd, argc, 2, 2);
	d.name = argv[optind];
	d.device = argv[optind + 1];
	return call(XLD_DISK_RESIZE, &d, &nothing) ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* A target may have a prefix as in disk=: TYPE:PATH. */
static int change_cd(char *domain, const char *vdev, const char *target)
{
	char cwd[PATH_MAX], *spec, *full;
	bool prefixed = *target != '/' && strchr(target, ':') && !strchr(target, ',');
	xld_attach a = { .name = domain, .kind = XLD_DISK };
	xld_nothing nothing;
	bool ok;

	if (prefixed)
		spec = xasprintf("%s,vdev=%s,access=ro,devtype=cdrom", target, vdev);
	else
		spec = xasprintf("vdev=%s,access=ro,devtype=cdrom,target=%s", vdev, target);
	full = disk_absolute(spec, getcwd(cwd, sizeof(cwd)) ? cwd : "");
	a.spec = full;
	ok = call(XLD_CD_CHANGE, &a, &nothing);
	free(spec);
	free(full);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int cmd_cd_insert(const struct command *cmd, int argc, char **argv)
{
	while (next_option(cmd, argc, argv, "h", NULL) != -1)
		;
	want_args(cmd, argc, 3, 3);
	return change_cd(argv[optind], argv[optind + 1], argv[optind + 2]);
}

static int cmd_cd_eject(const struct command *cmd, int argc, char **argv)
{
	while (next_option(cmd, argc, argv, "h", NULL) != -1)
		;
	want_args(cmd, argc, 2, 2);
	return change_cd(argv[optind], argv[optind + 1], "");
}

/* --- lists --- */

static void disk_row(u_int domid, const xld_device *d)
{
	printf("%-5u %-3d %-6u %-5u %-6d %-8d %-40s\n", d->devid, 0, domid, d->front_state, d->evtchn, d->ring_ref,
	       d->path);
}

static void network_row(u_int domid, const xld_device *d)
{
	(void)domid;
	printf("%-3u %-2d %-17s %-6u   %-5u %-6d %5d/%-11d %-30s\n", d->devid, 0, d->name, d->devid, d->front_state,
	       d->evtchn, d->ring_ref, d->rx_ring_ref, d->path);
}

static int list(const struct command *cmd, int argc, char **argv, xld_device_kind kind, const char *heading,
		void (*row)(u_int domid, const xld_device *d))
{
	static const struct option longs[] = { JSON_LONG, { "help", no_argument, NULL, 'h' }, { 0 } };
	int rc = EXIT_SUCCESS;
	json_t *all = NULL;

	while (next_option(cmd, argc, argv, "jh", longs) != -1)
		all = all ? all : mem_check(json_array());
	want_args(cmd, argc, 1, -1);
	if (!all)
		puts(heading);
	for (int i = optind; i < argc; i++) {
		xld_devices_of of = { .name = argv[i], .kind = kind };
		xld_device_list devices;
		xld_dominfo info;

		if (!find_domain(argv[i], &info)) {
			rc = EXIT_FAILURE;
			continue;
		}
		if (call(XLD_DEVICE_LIST, &of, &devices)) {
			for (u_int j = 0; j < devices.devices.devices_len; j++) {
				const xld_device *d = &devices.devices.devices_val[j];

				if (all)
					json_array_append_new(all, device_to_json(info.domid, d, kind == XLD_NETWORK));
				else
					row(info.domid, d);
			}
			rpc_release((xdrproc_t)xdr_xld_device_list, &devices);
		} else {
			rc = EXIT_FAILURE;
		}
		rpc_release((xdrproc_t)xdr_xld_dominfo, &info);
	}
	if (all)
		print_json_value(all);
	return rc;
}

static int cmd_block_list(const struct command *cmd, int argc, char **argv)
{
	return list(cmd, argc, argv, XLD_DISK, "Vdev  BE  handle state evt-ch ring-ref BE-path", disk_row);
}

static int cmd_network_list(const struct command *cmd, int argc, char **argv)
{
	return list(cmd, argc, argv, XLD_NETWORK,
		    "Idx BE Mac Addr.         handle state evt-ch   tx-/rx-ring-ref BE-path", network_row);
}

#define FORCE_OPTION "  --force         take it away, also if the guest does not let go of it\n"

const struct command cmds_device[] = {
	{ .name = "block-attach", .fn = cmd_block_attach, .args = "DOMAIN DISK...",
	  .summary = "Attach a disk, written as in disk=, to a domain that runs" },
	{ .name = "block-list", .fn = cmd_block_list, .args = "DOMAIN...", .summary = "List the disks of domains",
	  .options = JSON_HELP },
	{ .name = "block-detach", .fn = cmd_block_detach, .args = "DOMAIN DISK", .options = FORCE_OPTION,
	  .summary = "Take a disk away, named as in the guest or by its number" },
	{ .name = "block-resize", .fn = cmd_block_resize, .args = "DOMAIN DISK",
	  .summary = "Let a domain see that the file behind its disk has another size" },
	{ .name = "cd-insert", .fn = cmd_cd_insert, .args = "DOMAIN VDEV TARGET",
	  .summary = "Put another image into a CD-ROM drive of a domain that runs" },
	{ .name = "cd-eject", .fn = cmd_cd_eject, .args = "DOMAIN VDEV",
	  .summary = "Empty a CD-ROM drive of a domain that runs" },
	{ .name = "network-attach", .fn = cmd_network_attach, .args = "DOMAIN [KEY=VALUE]...",
	  .summary = "Attach a network, written as in vif=, to a domain that runs" },
	{ .name = "network-list", .fn = cmd_network_list, .args = "DOMAIN...", .options = JSON_HELP,
	  .summary = "List the networks of domains" },
	{ .name = "network-detach", .fn = cmd_network_detach, .args = "DOMAIN DEVICE", .options = FORCE_OPTION,
	  .summary = "Take a network away, named by its number or its MAC" },
	{ 0 },
};
