/* SPDX-License-Identifier: MIT */
/*
 * xl doctor: is this host fit to run domains? Each check gives one line: ok, warn or bad, and what to mend.
 *
 * It looks at the host that it runs on, and takes nothing for granted: the daemons, or the hypervisor, may be missing.
 * Status 1 when something is bad.
 */
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "xenstore/xenstore.h"
#include "json.h"

#define MIB		(1ULL << 20)
#define LOW_MEMORY_KIB	(64 << 10)
#define LOW_SPACE	(64 * MIB)
#define NO_SPACE	(1 * MIB)

__attribute__((format(printf, 5, 6)))
static void say(xld_findings *f, xld_grade grade, const char *subject, const char *advice, const char *fmt, ...)
{
	xld_finding *o;
	va_list ap;

	f->findings.findings_val = xreallocarray(f->findings.findings_val, f->findings.findings_len + 1, sizeof(*o));
	o = &f->findings.findings_val[f->findings.findings_len++];
	va_start(ap, fmt);
	*o = (xld_finding){ .grade = grade, .subject = xstrdup(subject), .text = xvasprintf(fmt, ap),
			    .advice = xstrdup(grade == XLD_GOOD ? "" : advice) };
	va_end(ap);
}

/* The first line of a file; empty if there is none. */
static void first_line(const char *path, char *buf, size_t size)
{
	FILE *f = fopen(path, "re");

	if (!f || !fgets(buf, (int)size, f))
		*buf = 0;
	if (f)
		fclose(f);
	buf[strcspn(buf, "\n")] = 0;
}

/* --- the hypervisor and what the kernel offers of it --- */

static void check_hypervisor(xld_findings *f)
{
	char type[32], major[16], minor[16], extra[64];

	first_line("/sys/hypervisor/type", type, sizeof(type));
	first_line("/sys/hypervisor/version/major", major, sizeof(major));
	first_line("/sys/hypervisor/version/minor", minor, sizeof(minor));
	first_line("/sys/hypervisor/version/extra", extra, sizeof(extra));
	if (strcmp(type, "xen"))
		say(f, XLD_BAD, "hypervisor", "choose xen-lite in the boot menu; `update-grub` puts it there",
		    "this kernel does not run on xen-lite or Xen");
	else
		say(f, XLD_GOOD, "hypervisor", "", "the kernel runs on it (%s.%s%s)", major, minor, extra);
	if (!access("/proc/xen/capabilities", R_OK)) {
		first_line("/proc/xen/capabilities", type, sizeof(type));
		say(f, strstr(type, "control_d") ? XLD_GOOD : XLD_BAD, "rights", "run xl in dom0",
		    strstr(type, "control_d") ? "this is dom0" : "this domain may not control others");
	}
}

static void check_nodes(xld_findings *f)
{
	static const struct { const char *path, *module; } nodes[] = {
		{ "/dev/xen/privcmd", "xen-privcmd" }, { "/dev/xen/evtchn", "xen-evtchn" },
		{ "/dev/xen/gntdev", "xen-gntdev" },
	};

	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
		char *advice = xasprintf("modprobe %s", nodes[i].module);
		bool there = !access(nodes[i].path, R_OK | W_OK);

		say(f, there ? XLD_GOOD : XLD_BAD, "device", errno == EACCES ? "become root" : advice, "%s%s%s",
		    nodes[i].path, there ? "" : ": ", there ? "" : strerror(errno));
		free(advice);
	}
}

/* Is there a line about it in a list of modules? They are named in the file by path. */
static bool listed(const char *list, const char *module)
{
	char *pattern = xasprintf("/%s.ko", module), line[4096];
	FILE *f = fopen(list, "re");
	bool yes = false;

	while (f && !yes && fgets(line, sizeof(line), f)) {
		line[strcspn(line, ":")] = 0;
		yes = strstr(line, pattern);
	}
	if (f)
		fclose(f);
	free(pattern);
	return yes;
}

static bool loadable(const char *module)
{
	struct utsname u;
	char *deps, *builtin;
	bool yes;

	if (uname(&u))
		return false;
	deps = xasprintf("/lib/modules/%s/modules.dep", u.release);
	builtin = xasprintf("/lib/modules/%s/modules.builtin", u.release);
	yes = listed(deps, module) || listed(builtin, module);
	free(deps);
	free(builtin);
	return yes;
}

static void check_backends(xld_findings *f)
{
	static const struct { const char *what, *sys, *module; } rows[] = {
		{ "disks", "/sys/bus/xen-backend/drivers/vbd", "xen-blkback" },
		{ "networks", "/sys/bus/xen-backend/drivers/vif", "xen-netback" },
		{ "disk files", "/sys/module/loop", "loop" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!access(rows[i].sys, F_OK))
			say(f, XLD_GOOD, rows[i].what, "", "%s is loaded", rows[i].module);
		else if (loadable(rows[i].module))
			say(f, XLD_GOOD, rows[i].what, "", "%s is loaded when it is needed", rows[i].module);
		else
			say(f, XLD_WARN, rows[i].what, "use a kernel of a distribution, or build the module",
			    "dom0's kernel has no %s: domains cannot have %s", rows[i].module, rows[i].what);
	}
}

/* --- the daemons --- */

static bool runs(const char *name)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	bool yes = false;

	while (d && !yes && (e = readdir(d))) {
		char *path, comm[32];

		if (*e->d_name < '0' || *e->d_name > '9')
			continue;
		path = xasprintf("/proc/%s/comm", e->d_name);
		first_line(path, comm, sizeof(comm));
		yes = !strcmp(comm, name);
		free(path);
	}
	if (d)
		closedir(d);
	return yes;
}

static void check_store(xld_findings *f)
{
	struct xs_handle *xs = xs_open(0);
	char *domid = xs ? xs_read(xs, XBT_NULL, "/local/domain/0/domid", NULL) : NULL;

	if (!runs("xenstored"))
		say(f, XLD_BAD, "xenstored", "systemctl start xenstored, or xenstored --daemon", "it does not run");
	else if (!xs)
		say(f, XLD_BAD, "xenstored", "restart it: guests keep what they have",
		    "it runs, and does not answer: %s", strerror(errno));
	else if (!domid)
		say(f, XLD_WARN, "xenstored", "start xld, which writes it", "it answers, but knows nothing of dom0");
	else
		say(f, XLD_GOOD, "xenstored", "", "it answers");
	free(domid);
	xs_close(xs);
}

/* NULL: it cannot be reached, and that was said. */
static struct rpc_client *check_xld(xld_findings *f)
{
	const char *path = getenv("XLD_SOCKET");
	xld_error err = { 0 };
	struct rpc_client *c = rpc_client_open(path ? path : RPC_SOCKET, "xl doctor", &err);

	if (c) {
		say(f, XLD_GOOD, "xld", "", "it answers, in version %u of the protocol", XLD_VERSION);
		return c;
	}
	say(f, XLD_BAD, "xld", err.advice, "it cannot be reached: %s", err.cause);
	rpc_release((xdrproc_t)xdr_xld_error, &err);
	return NULL;
}

static void check_consoled(xld_findings *f)
{
	bool up = runs("xenconsoled");

	say(f, up ? XLD_GOOD : XLD_BAD, "xenconsoled", "systemctl start xenconsoled, or xenconsoled --daemon",
	    up ? "it runs" : "it does not run: consoles of domains are not read, and domains may hang for that");
}

/* --- what the daemon tells --- */

static void check_host(xld_findings *f, struct rpc_client *c)
{
	xld_nothing nothing = { 0 };
	xld_error err = { 0 };
	xld_host h;

	if (!rpc_client_call(c, XLD_HOST_INFO, &nothing, &h, &err)) {
		say(f, XLD_BAD, "hypervisor", "xld must run in dom0 as root", "it refuses to tell of itself: %s",
		    err.cause);
		rpc_release((xdrproc_t)xdr_xld_error, &err);
		return;
	}
	say(f, h.xen_major == 4 && h.xen_minor == 17 ? XLD_GOOD : XLD_WARN, "version",
	    "install hypervisor and tools of the same release", "the hypervisor is %u.%u%s, these tools are for 4.17",
	    h.xen_major, h.xen_minor, h.xen_extra);
	say(f, h.free_kib >= LOW_MEMORY_KIB ? XLD_GOOD : XLD_WARN, "memory",
	    "`xl mem-set 0 SIZE` has dom0 give some back; `xl list` shows who has the rest",
	    "%llu of %llu MiB are free for domains", (unsigned long long)h.free_kib / 1024,
	    (unsigned long long)h.total_kib / 1024);
	rpc_release((xdrproc_t)xdr_xld_host, &h);
}

static void check_domains(xld_findings *f, struct rpc_client *c)
{
	xld_nothing nothing = { 0 };
	xld_domain_list list;
	xld_error err = { 0 };
	unsigned int bad = 0;

	if (!rpc_client_call(c, XLD_DOMAIN_LIST, &nothing, &list, &err)) {
		rpc_release((xdrproc_t)xdr_xld_error, &err);
		return;
	}
	for (u_int i = 0; i < list.domains.domains_len; i++) {
		const xld_dominfo *d = &list.domains.domains_val[i];
		char *advice = xasprintf("xl explain %u", d->domid);

		if (d->state == XLD_S_CRASHED || d->state == XLD_S_DYING) {
			say(f, XLD_WARN, "domain", advice, "%s %s", d->name,
			    d->state == XLD_S_DYING ? "is dying and still holds memory" : d->crash);
			bad++;
		}
		free(advice);
	}
	if (!bad)
		say(f, XLD_GOOD, "domains", "", "%u, none of them crashed or stuck", list.domains.domains_len);
	rpc_release((xdrproc_t)xdr_xld_domain_list, &list);
}

/* --- dom0 --- */

static void check_dom0_memory(xld_findings *f)
{
	unsigned long long kib = 0;
	char line[128];
	FILE *m = fopen("/proc/meminfo", "re");

	while (m && fgets(line, sizeof(line), m))
		if (sscanf(line, "MemAvailable: %llu", &kib) == 1)
			break;
	if (m)
		fclose(m);
	say(f, kib >= LOW_MEMORY_KIB ? XLD_GOOD : XLD_WARN, "dom0's memory", "`xl mem-set 0 SIZE` gives it more",
	    "%llu MiB are available", kib / 1024);
}

static void check_bridges(xld_findings *f)
{
	DIR *d = opendir("/sys/class/net");
	struct dirent *e;
	unsigned int n = 0;

	while (d && (e = readdir(d))) {
		char *path = xasprintf("/sys/class/net/%s/bridge", e->d_name);

		if (!access(path, F_OK)) {
			say(f, XLD_GOOD, "bridge", "", "%s", e->d_name);
			n++;
		}
		free(path);
	}
	if (d)
		closedir(d);
	if (!n)
		say(f, XLD_WARN, "bridge", "ip link add xenbr0 type bridge; ip link set xenbr0 up",
		    "there is none: networks of domains need one, or script=vif-nat or vif-route");
}

static void check_space(xld_findings *f)
{
	static const char *const dirs[] = { "/var/log/xen/console", "/var/log/xen-lite", "/run/xen-lite" };

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		unsigned long long room, low;
		struct statvfs v;

		if (statvfs(dirs[i], &v)) {
			say(f, XLD_WARN, "space", "the daemons make it when they start", "%s: %s", dirs[i],
			    strerror(errno));
			continue;
		}
		room = (unsigned long long)v.f_bavail * v.f_frsize;
		low = strncmp(dirs[i], "/run/", 5) ? LOW_SPACE : NO_SPACE;	/* that one is small */
		if (v.f_flag & ST_RDONLY)
			say(f, XLD_BAD, "space", "mount its file system for writing", "%s cannot be written to",
			    dirs[i]);
		else
			say(f, room < NO_SPACE ? XLD_BAD : room < low ? XLD_WARN : XLD_GOOD, "space",
			    "remove what is not needed there", "%s: %llu MiB are free", dirs[i], room / MIB);
	}
}

static int cmd_doctor(const struct command *cmd, int argc, char **argv)
{
	static const struct option longs[] = {
		JSON_LONG, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	xld_findings f = { 0 };
	struct rpc_client *c;
	bool json = false, bad = false;
	int opt;

	while ((opt = next_option(cmd, argc, argv, "jh", longs)) != -1)
		json |= opt == 'j';
	want_args(cmd, argc, 0, 0);
	check_hypervisor(&f);
	check_nodes(&f);
	check_store(&f);
	check_consoled(&f);
	c = check_xld(&f);
	if (c) {
		check_host(&f, c);
		check_domains(&f, c);
		rpc_client_close(c);
	}
	check_backends(&f);
	check_dom0_memory(&f);
	check_bridges(&f);
	check_space(&f);
	for (u_int i = 0; i < f.findings.findings_len; i++)
		bad |= f.findings.findings_val[i].grade == XLD_BAD;
	if (json)
		print_json_value(findings_to_json(&f));
	else
		print_findings(&f);
	rpc_release((xdrproc_t)xdr_xld_findings, &f);
	return bad ? EXIT_FAILURE : EXIT_SUCCESS;
}

const struct command cmds_doctor[] = {
	{ .name = "doctor", .fn = cmd_doctor, .args = "", .summary = "Check whether this host is fit to run domains",
	  .options = JSON_HELP },
	{ 0 },
};
