/* SPDX-License-Identifier: MIT */
/*
 * From the options of a host to QEMU's command line, and to an ISO for hosts that boot through GRUB.
 *
 * Nothing that two users could share is named: no ports, no files outside the host's directory; console, agent and
 * monitor are socket pairs inherited from the supervisor, the link is a pair of unix datagram sockets.
 */
#include "lab.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#define XEN_ARGS	"com1=115200 console=com1 dom0_mem=1024M"
#define ARGV_MAX	128

static char *fmt_alloc(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static char *fmt_alloc(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		abort();
	va_end(ap);
	return s;
}

/* A comma separates QEMU's suboptions; two stand for one. */
static char *escape_commas(const char *s)
{
	char *out = malloc(2 * strlen(s) + 1), *p = out;

	if (!out)
		abort();
	for (; *s; s++) {
		*p++ = *s;
		if (*s == ',')
			*p++ = ',';
	}
	*p = 0;
	return out;
}

/* *path becomes absolute; a file that cannot be read is an error that says which option names it. */
static int complete_path(const char **path, const char *dflt, const char *option, const char *hint,
			 struct lab_error *err)
{
	char full[PATH_MAX];

	if (!*path)
		*path = fmt_alloc("%s/%s", lab_build_dir(), dflt);
	if (!realpath(*path, full) || access(full, R_OK))
		return lab_fail(err, "%s %s: %s (%s)", option, *path, strerror(errno), hint);
	*path = fmt_alloc("%s", full);
	return 0;
}

static int complete_disk(const char **disk, struct lab_error *err)
{
	size_t len = strcspn(*disk, ",");
	const char *rest = *disk + len, *path = fmt_alloc("%.*s", (int)len, *disk);

	if (complete_path(&path, NULL, "--disk", "give an existing file, raw format", err))
		return -1;
	*disk = fmt_alloc("%s%s", path, rest);
	return 0;
}

static bool one_of(const char *s, const char *a, const char *b, const char *c)
{
	return !strcmp(s, a) || !strcmp(s, b) || (c && !strcmp(s, c));
}

int lab_opts_complete(struct lab_opts *o, struct lab_error *err)
{
	o->machine = o->machine ? o->machine : "pc";
	o->cpu = o->cpu ? o->cpu : "qemu64,+rdrand";
	o->smp = o->smp ? o->smp : 1;
	o->mem = o->mem ? o->mem : 2048;
	o->net = o->net ? o->net : "virtio";
	o->timeout = o->timeout ? o->timeout : 180;
	if (!one_of(o->machine, "pc", "q35", NULL))
		return lab_fail(err, "--machine %s: pc or q35", o->machine);
	if (!one_of(o->net, "virtio", "e1000", "none"))
		return lab_fail(err, "--net %s: virtio, e1000 or none", o->net);
	if (o->smp < 1 || o->smp > 64)
		return lab_fail(err, "--smp %d: 1 to 64", o->smp);
	if (o->mem < 16 || o->mem > 1024 * 1024)
		return lab_fail(err, "--mem %d: 16 to 1048576 MiB", o->mem);
	if (o->link && (lab_name_check(o->link, err) || !strcmp(o->link, o->name)))
		return lab_fail(err, "--link %s: the name of another host", o->link);
	for (int i = 0; i < LAB_DISKS && o->disks[i]; i++)
		if (complete_disk(&o->disks[i], err))
			return -1;
	if (o->iso)
		return complete_path(&o->iso, NULL, "--iso", "'make iso' builds one", err);
	if (o->kernel && !strcmp(o->kernel, "none"))
		o->initrd = "none";
	else if (complete_path(&o->kernel, "kernel/vmlinuz", "--kernel", "'make' fetches the stock kernel", err) ||
		 complete_path(&o->initrd, "dom0.cpio", "--initrd", "'make' builds dom0's initramfs", err))
		return -1;
	if (o->hypervisor && !strcmp(o->hypervisor, "none"))
		return 0;
	return complete_path(&o->hypervisor, "xen-lite", "--hypervisor",
			     "'make' builds xen-lite; give a multiboot image or 'none'", err);
}

/* QEMU takes ELF32 files as they are, not compressed ones: leave a plain copy in the host's directory. */
static char *plain_hypervisor(const char *path, int dirfd, struct lab_error *err)
{
	char chunk[65536];
	gzFile in = gzopen(path, "rb");
	int out, n = 0;

	if (!in) {
		lab_fail(err, "--hypervisor %s: %s", path, strerror(errno));
		return NULL;
	}
	out = openat(dirfd, "hypervisor", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	while (out >= 0 && (n = gzread(in, chunk, sizeof(chunk))) > 0)
		if (write(out, chunk, n) != n)
			break;
	if (out < 0 || n) {
		lab_fail(err, "--hypervisor %s: cannot unpack: %s", path, n < 0 ? gzerror(in, &n) : strerror(errno));
		gzclose(in);
		return NULL;
	}
	close(out);
	gzclose(in);
	return fmt_alloc("hypervisor");
}

/* Both ends of a link take their addresses from the order of the names, so that neither needs to know more. */
static int link_side(const struct lab_opts *o)
{
	return strcmp(o->name, o->link) < 0 ? 1 : 2;
}

void lab_command_lines(const struct lab_opts *o, char *xen, char *dom0, size_t size)
{
	bool bare = o->hypervisor && !strcmp(o->hypervisor, "none");
	int n;

	snprintf(xen, size, XEN_ARGS "%s%s", o->xen_args ? " " : "", o->xen_args ? o->xen_args : "");
	n = snprintf(dom0, size, "console=%s lab.name=%s", bare ? "ttyS0" : "hvc0", o->name ? o->name : "dom0");
	if (o->link && n > 0 && (size_t)n < size)
		n += snprintf(dom0 + n, size - n, " lab.ip=10.77.0.%d", link_side(o));
	if (o->dom0_args && n > 0 && (size_t)n < size)
		snprintf(dom0 + n, size - n, " %s", o->dom0_args);
}

struct argv {
	char *v[ARGV_MAX];
	int n;
};

static void add(struct argv *a, const char *option, char *value)
{
	if (a->n + 3 > ARGV_MAX)
		abort();
	a->v[a->n++] = (char *)option;
	if (value)
		a->v[a->n++] = value;
}

static int add_disk(struct argv *a, const struct lab_opts *o, int i, struct lab_error *err)
{
	size_t len = strcspn(o->disks[i], ",");
	char *copy = strdup(o->disks[i]), *path = fmt_alloc("%.*s", (int)len, copy), *word, *save;
	bool ahci = false, ro = false, shared = false, pc = !strcmp(o->machine, "pc");

	for (word = strtok_r(copy + len, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		if (!strcmp(word, "bus=ahci"))
			ahci = true;
		else if (!strcmp(word, "ro"))
			ro = true;
		else if (!strcmp(word, "shared"))
			shared = true;
		else if (strcmp(word, "bus=virtio"))
			return lab_fail(err, "--disk %s: '%s' is none of bus=virtio, bus=ahci, ro, shared", o->disks[i],
					word);
	}
	add(a, "-drive", fmt_alloc("if=none,id=disk%d,format=raw,file=%s%s%s", i, escape_commas(path),
				   ro ? ",readonly=on" : "", shared ? ",file.locking=off" : ""));
	/* q35 has an AHCI controller with six ports of its own; on pc each such disk brings one. */
	if (ahci && pc)
		add(a, "-device", fmt_alloc("ahci,id=ahci%d", i));
	if (ahci && pc)
		add(a, "-device", fmt_alloc("ide-hd,drive=disk%d,bus=ahci%d.0%s", i, i, shared ? ",share-rw=on" : ""));
	else if (ahci)
		add(a, "-device", fmt_alloc("ide-hd,drive=disk%d,bus=ide.%d%s", i, i, shared ? ",share-rw=on" : ""));
	else
		add(a, "-device", fmt_alloc("virtio-blk-pci,drive=disk%d%s", i, shared ? ",share-rw=on" : ""));
	return 0;
}

static void add_networks(struct argv *a, const struct lab_opts *o, int dirfd)
{
	if (strcmp(o->net, "none")) {
		add(a, "-netdev", fmt_alloc("user,id=net0"));
		add(a, "-device", fmt_alloc("%s,netdev=net0,romfile=", strcmp(o->net, "e1000") ? "virtio-net-pci" :
					    "e1000"));
	}
	if (!o->link)
		return;
	unlinkat(dirfd, "link.sock", 0);
	add(a, "-netdev", fmt_alloc("dgram,id=link,local.type=unix,local.path=link.sock,"
				    "remote.type=unix,remote.path=../%s/link.sock", o->link));
	add(a, "-device", fmt_alloc("virtio-net-pci,netdev=link,romfile=,mac=52:54:00:77:00:%02x", link_side(o)));
}

static int add_boot(struct argv *a, const struct lab_opts *o, int dirfd, struct lab_error *err)
{
	char xen[1024], dom0[1024], *image;

	if (o->iso) {
		add(a, "-cdrom", escape_commas(o->iso));
		add(a, "-boot", fmt_alloc("d"));
		return 0;
	}
	lab_command_lines(o, xen, dom0, sizeof(xen));
	if (!strcmp(o->hypervisor, "none")) {
		add(a, "-kernel", fmt_alloc("%s", o->kernel));
		add(a, "-append", fmt_alloc("%s", dom0));
		add(a, "-initrd", fmt_alloc("%s", o->initrd));
		return 0;
	}
	if (strchr(o->kernel, ' '))
		return lab_fail(err, "--kernel %s: a path with a space cannot be handed over by multiboot", o->kernel);
	image = plain_hypervisor(o->hypervisor, dirfd, err);
	if (!image)
		return -1;
	add(a, "-kernel", image);
	add(a, "-append", fmt_alloc("%s", xen));
	if (!strcmp(o->kernel, "none"))
		return 0;
	add(a, "-initrd", fmt_alloc("%s %s,%s", escape_commas(o->kernel), escape_commas(dom0),
				    escape_commas(o->initrd)));
	return 0;
}

char **lab_qemu_argv(const struct lab_opts *o, int dirfd, int console, int agent, int monitor, struct lab_error *err)
{
	static struct argv a;

	a.n = 0;
	add(&a, "qemu-system-x86_64", NULL);
	add(&a, "-name", fmt_alloc("lab-%s", o->name));
	add(&a, "-nodefaults", NULL);
	add(&a, "-no-user-config", NULL);
	add(&a, "-display", "none");
	add(&a, "-machine", fmt_alloc("%s", o->machine));
	add(&a, "-accel", "tcg");
	add(&a, "-cpu", fmt_alloc("%s", o->cpu));
	add(&a, "-smp", fmt_alloc("%d", o->smp));
	add(&a, "-m", fmt_alloc("%d", o->mem));
	if (o->icount) {
		add(&a, "-icount", "shift=3,sleep=off");
		add(&a, "-rtc", "base=2026-01-01,clock=vm");
	}
	add(&a, "-chardev", fmt_alloc("socket,id=console,fd=%d", console));
	add(&a, "-serial", "chardev:console");
	add(&a, "-chardev", fmt_alloc("socket,id=monitor,fd=%d", monitor));
	add(&a, "-mon", "chardev=monitor,mode=control");
	add(&a, "-chardev", fmt_alloc("socket,id=agent,fd=%d", agent));
	add(&a, "-device", "virtio-serial-pci");
	add(&a, "-device", "virtserialport,chardev=agent,id=agent,name=lab.agent");
	add_networks(&a, o, dirfd);
	for (int i = 0; i < LAB_DISKS && o->disks[i]; i++)
		if (add_disk(&a, o, i, err))
			return NULL;
	if (add_boot(&a, o, dirfd, err))
		return NULL;
	a.v[a.n] = NULL;
	return a.v;
}

static int write_grub_cfg(const char *dir, const struct lab_opts *o, struct lab_error *err)
{
	char xen[1024], dom0[1024], *path = fmt_alloc("%s/boot/grub/grub.cfg", dir);
	FILE *f = fopen(path, "w");

	if (!f)
		return lab_fail(err, "%s: %s", path, strerror(errno));
	lab_command_lines(o, xen, dom0, sizeof(xen));
	fprintf(f, "serial --unit=0 --speed=115200\nterminal_input serial console\nterminal_output serial console\n"
		"set timeout=0\nmenuentry xen-lite {\n"
		"\tmultiboot2 /boot/hypervisor %s\n\tmodule2 /boot/vmlinuz %s\n"
		"\tmodule2 --nounzip /boot/dom0.cpio\n}\n", xen, dom0);
	if (fclose(f))
		return lab_fail(err, "%s: %s", path, strerror(errno));
	return 0;
}

/* Run a command quietly in a shell; its output is shown only if it fails. */
static int run(struct lab_error *err, const char *what, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static int run(struct lab_error *err, const char *what, const char *fmt, ...)
{
	char line[8192], out[2048];
	va_list ap;
	size_t n;
	FILE *p;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	p = popen(line, "r");
	if (!p)
		return lab_fail(err, "%s: %s", what, strerror(errno));
	n = fread(out, 1, sizeof(out) - 1, p);
	out[n] = 0;
	while (fread(line, 1, sizeof(line), p) > 0)
		;
	if (pclose(p))
		return lab_fail(err, "%s failed: %s", what, out);
	return 0;
}

int lab_iso(const struct lab_opts *opts, const char *output, struct lab_error *err)
{
	struct lab_opts o = *opts;
	char dir[] = "/tmp/xen-lite-iso.XXXXXX";
	struct lab_error ignored;
	int rc;

	o.name = o.name ? o.name : "dom0";
	if (lab_opts_complete(&o, err))
		return -1;
	if (!strcmp(o.hypervisor, "none"))
		return lab_fail(err, "an ISO needs a hypervisor");
	if (!mkdtemp(dir))
		return lab_fail(err, "%s: %s", dir, strerror(errno));
	rc = run(err, "copying the boot files",
		 "exec 2>&1; mkdir -p '%s/boot/grub' && "
		 "(gunzip -c '%s' 2>/dev/null || cat '%s') >'%s/boot/hypervisor' && "
		 "cp '%s' '%s/boot/vmlinuz' && cp '%s' '%s/boot/dom0.cpio'",
		 dir, o.hypervisor, o.hypervisor, dir, o.kernel, dir, o.initrd, dir);
	if (!rc)
		rc = write_grub_cfg(dir, &o, err);
	if (!rc)
		rc = run(err, "grub-mkrescue", "exec 2>&1; grub-mkrescue -d /usr/lib/grub/i386-pc --compress=no "
			 "-o '%s.tmp' '%s' && mv '%s.tmp' '%s'", output, dir, output, output);
	run(&ignored, "rm", "rm -rf '%s'", dir);
	return rc;
}
