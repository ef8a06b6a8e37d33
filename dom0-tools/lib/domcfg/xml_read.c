/* SPDX-License-Identifier: MIT */
/*
 * Domain XML into struct domcfg: a table of elements says what is taken, what is ignored and what is refused, and why.
 *
 * Values go through the key table like those of xl.cfg, so they are checked by the same code. What depends on several
 * elements (memory, vCPUs, the caps) is put together when all are known. A mistake does not end the reading: all are
 * reported, each with its line and element.
 */
#include "xml_priv.h"
#include "../util/mem.h"

static void findings(struct reader *r, const xmlNode *n, bool error, const char *fmt, va_list ap)
{
	char *s = xvasprintf(fmt, ap);

	if (error)
		domcfg_error(r->diag, xml_line(n), 0, "%s", s);
	else
		domcfg_warn(r->diag, xml_line(n), 0, "%s", s);
	free(s);
}

void xml_error(struct reader *r, const xmlNode *n, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	findings(r, n, true, fmt, ap);
	va_end(ap);
}

void xml_warn(struct reader *r, const xmlNode *n, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	findings(r, n, false, fmt, ap);
	va_end(ap);
}

unsigned int xml_line(const xmlNode *n)
{
	long line = xmlGetLineNo((xmlNode *)(uintptr_t)n);

	return line > 0 ? (unsigned int)line : 1;
}

char *xml_keep(struct reader *r, char *s)
{
	r->strings = xreallocarray(r->strings, r->nr_strings + 1, sizeof(*r->strings));
	r->strings[r->nr_strings++] = s;
	return s;
}

static char *keep_xml(struct reader *r, xmlChar *s)
{
	char *copy = s ? xml_keep(r, xstrdup((char *)s)) : NULL;

	xmlFree(s);
	return copy;
}

char *xml_attr(struct reader *r, xmlNode *n, const char *name)
{
	return keep_xml(r, xmlGetNoNsProp(n, (const xmlChar *)name));
}

char *xml_text(struct reader *r, xmlNode *n, bool verbatim)
{
	char *s, *end;

	for (xmlNode *c = n->children; c; c = c->next)
		if (c->type == XML_ELEMENT_NODE)
			xml_error(r, c, "<%s> does not belong here: only text does", c->name);
	s = keep_xml(r, xmlNodeGetContent(n));
	if (!s)
		return xml_keep(r, xstrdup(""));
	if (verbatim)
		return s;
	s += strspn(s, " \t\r\n");
	for (end = s + strlen(s); end > s && strchr(" \t\r\n", end[-1]); end--)
		;
	*end = 0;
	return s;
}

int xml_word(struct reader *r, const xmlNode *n, const char *what, const char *text, const char *const *words)
{
	char *list = xstrdup("");

	for (int i = 0; words[i]; i++) {
		char *longer = xasprintf("%s%s%s", list, i ? ", " : "", words[i]);

		free(list);
		list = longer;
		if (!strcmp(words[i], text)) {
			free(list);
			return i;
		}
	}
	xml_error(r, n, "%s='%.40s' is not possible; possible: %s", what, text, list);
	free(list);
	return -1;
}

void xml_set_key(struct reader *r, const xmlNode *n, const char *key, const char *text, bool append)
{
	struct cfg_value v = { .str = (char *)(uintptr_t)text, .quoted = true, .line = xml_line(n) };

	cfg_key_set(r->cfg, cfg_key_find(key), &v, append, r->diag);
}

static void set_list(struct reader *r, const xmlNode *n, const char *key, char **items, size_t nr)
{
	struct cfg_value v = { .is_list = true, .n = nr, .line = xml_line(n) };

	v.item = xcalloc(nr, sizeof(*v.item));
	for (size_t i = 0; i < nr; i++)
		v.item[i] = (struct cfg_value){ .str = items[i], .quoted = true, .line = xml_line(n) };
	cfg_key_set(r->cfg, cfg_key_find(key), &v, false, r->diag);
	free(v.item);
}

static bool number(struct reader *r, const xmlNode *n, const char *text, long long *value)
{
	char *end;

	*value = strtoll(text, &end, 10);
	if (*text && !*end && strlen(text) <= 18)
		return true;
	xml_error(r, n, "'%.40s' is not a whole number", text);
	return false;
}

/* --- simple elements --- */

/* As it is, with the namespaces that its elements use declared in itself. */
static void take_metadata(struct reader *r, xmlNode *n)
{
	xmlDoc *doc = mem_check(xmlNewDoc((const xmlChar *)"1.0"));
	xmlNode *copy = mem_check(xmlDocCopyNode(n, doc, 1));
	xmlBuffer *buf = mem_check(xmlBufferCreate());

	xmlDocSetRootElement(doc, copy);
	xmlNodeDump(buf, doc, copy, 0, 0);
	xml_set_key(r, n, "metadata", (const char *)xmlBufferContent(buf), false);
	xmlBufferFree(buf);
	xmlFreeDoc(doc);
}

static void take_os_type(struct reader *r, xmlNode *n)
{
	char *arch = xml_attr(r, n, "arch"), *machine = xml_attr(r, n, "machine"), *type = xml_text(r, n, false);

	if (strcmp(type, "linux") && strcmp(type, "xen"))
		xml_error(r, n, "'%.40s' needs hardware virtualisation, which xen-lite does not use; only linux is "
			  "offered", type);
	if (machine && strcmp(machine, "xenpv"))
		xml_error(r, n, "machine='%.40s': only xenpv is offered", machine);
	if (arch && strcmp(arch, "x86_64"))
		xml_error(r, n, "arch='%.40s': only x86_64 is offered", arch);
}

static void take_action(struct reader *r, xmlNode *n)
{
	xml_set_key(r, n, (const char *)n->name, xml_text(r, n, false), false);
}

static void take_passthrough(struct reader *r, xmlNode *n)
{
	static const char *const states[] = { "off", "on", NULL };
	char *state = xml_attr(r, n, "state");

	if (state && xml_word(r, n, "state", state, states) == 1)
		xml_error(r, n, "devices of the host are not passed through");
}

static void take_e820_host(struct reader *r, xmlNode *n)
{
	static const char *const states[] = { "off", "on", NULL };
	char *state = xml_attr(r, n, "state");

	if (state && xml_word(r, n, "state", state, states) == 1)
		xml_warn(r, n, "ignored: it is of use for devices of the host only, which are not passed through");
}

/* --- memory, vCPUs --- */

static void take_memory(struct reader *r, xmlNode *n)
{
	r->memory = n;
}

static void take_current(struct reader *r, xmlNode *n)
{
	r->current = n;
}

static bool unit_bytes(const char *unit, unsigned long long *bytes)
{
	static const struct { const char *name; unsigned long long bytes; } units[] = {
		{ "b", 1 }, { "bytes", 1 }, { "KB", 1000 }, { "k", 1ULL << 10 }, { "KiB", 1ULL << 10 },
		{ "MB", 1000000 }, { "M", 1ULL << 20 }, { "MiB", 1ULL << 20 }, { "GB", 1000000000 },
		{ "G", 1ULL << 30 }, { "GiB", 1ULL << 30 }, { "TB", 1000000000000 }, { "T", 1ULL << 40 },
		{ "TiB", 1ULL << 40 },
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (!strcasecmp(units[i].name, unit)) {
			*bytes = units[i].bytes;
			return true;
		}
	}
	return false;
}

/* An amount of memory becomes whole MiB. */
static void set_memory(struct reader *r, xmlNode *n, const char *key)
{
	char *unit = xml_attr(r, n, "unit"), *mib, where[40];
	const char *outer = r->diag->where;
	unsigned long long each = 0, bytes;
	long long amount = 0;

	snprintf(where, sizeof(where), "<%s>", n->name);
	r->diag->where = where;
	if (!unit_bytes(unit ? unit : "KiB", &each))
		xml_error(r, n, "unit='%.40s' is not known: use KiB, MiB, GiB ...", unit);
	else if (!number(r, n, xml_text(r, n, false), &amount))
		;
	else if (amount < 0 || (unsigned long long)amount > UINT64_MAX / 2 / each) {
		xml_error(r, n, "%lld is no amount of memory", amount);
	} else {
		bytes = (unsigned long long)amount * each;
		mib = xml_keep(r, xasprintf("%llu", (bytes >> 20) + !!(bytes & 0xfffff)));
		if (bytes & 0xfffff)
			xml_warn(r, n, "rounded up to %s MiB", mib);
		xml_set_key(r, n, key, mib, false);
	}
	r->diag->where = outer;
}

static void finish_memory(struct reader *r)
{
	if (r->memory)
		set_memory(r, r->memory, r->current ? "maxmem" : "memory");
	if (r->current)
		set_memory(r, r->current, "memory");
	/* Said twice it says nothing: a memory= behind the file on a command line sets both. */
	if (r->cfg->maxmem == r->cfg->memory)
		r->cfg->maxmem = 0;
}

static void take_vcpu(struct reader *r, xmlNode *n)
{
	char *current = xml_attr(r, n, "current"), *placement = xml_attr(r, n, "placement");
	char *max = xml_text(r, n, false);

	if (placement && strcmp(placement, "static"))
		xml_warn(r, n, "placement='%.40s' is ignored: use cpuset, or let the scheduler choose", placement);
	if (xml_attr(r, n, "cpuset"))
		r->cpuset = n;
	xml_set_key(r, n, current ? "maxvcpus" : "vcpus", max, false);
	if (current)
		xml_set_key(r, n, "vcpus", current, false);
}

static void take_vcpupin(struct reader *r, xmlNode *n)
{
	char *vcpu = xml_attr(r, n, "vcpu"), *set = xml_attr(r, n, "cpuset");
	long long i;

	if (!vcpu || !set) {
		xml_error(r, n, "vcpu= and cpuset= are both needed");
		return;
	}
	if (!number(r, n, vcpu, &i))
		return;
	if (i < 0 || i >= 32) {
		xml_error(r, n, "vcpu='%lld': vCPUs have numbers from 0 to 31", i);
		return;
	}
	for (; r->nr_pins <= (size_t)i; r->nr_pins++) {
		r->pin = xreallocarray(r->pin, r->nr_pins + 1, sizeof(*r->pin));
		r->pin[r->nr_pins] = NULL;
	}
	if (r->pin[i])
		xml_error(r, n, "vcpu='%lld' is there twice", i);
	r->pin[i] = set;
	r->tune = n;
}

/* What is said about single vCPUs counts more than what is said about all. */
static void finish_cpus(struct reader *r)
{
	char *all = r->cpuset ? xml_attr(r, r->cpuset, "cpuset") : NULL;
	const char *outer = r->diag->where;

	r->diag->where = r->nr_pins ? "<vcpupin>" : "<vcpu>";
	for (size_t i = 0; i < r->nr_pins; i++)
		if (!r->pin[i])
			r->pin[i] = all ? all : xml_keep(r, xstrdup("all"));
	if (r->nr_pins)
		set_list(r, r->tune, "cpus", r->pin, r->nr_pins);
	else if (all)
		xml_set_key(r, r->cpuset, "cpus", all, false);
	r->diag->where = outer;
}

static void take_shares(struct reader *r, xmlNode *n)
{
	xml_set_key(r, n, "cpu_weight", xml_text(r, n, false), false);
}

static void take_amount(struct reader *r, xmlNode *n)
{
	const struct { const char *name; long long *to; } amounts[] = {
		{ "quota", &r->quota }, { "period", &r->period }, { "global_quota", &r->global_quota },
		{ "global_period", &r->global_period },
	};

	for (size_t i = 0; i < sizeof(amounts) / sizeof(amounts[0]); i++)
		if (!strcmp(amounts[i].name, (const char *)n->name))
			number(r, n, xml_text(r, n, false), amounts[i].to);
	r->tune = n;
}

/* A cap is what all vCPUs together may use. */
static void finish_cap(struct reader *r)
{
	bool global = r->global_quota > 0;
	long long quota = global ? r->global_quota : r->quota, period = global ? r->global_period : r->period, percent;
	const struct domcfg *cfg = r->cfg;
	const char *outer = r->diag->where;
	char text[24];

	if (quota <= 0)
		return;
	if (period <= 0)
		period = 100000;
	r->diag->where = global ? "<global_quota>" : "<quota>";
	if (quota > 1000000000000 || period > 1000000000000) {
		xml_error(r, r->tune, "%lld of %lld us is no share of a CPU", quota, period);
	} else {
		if (!global)
			quota *= (long long)(cfg->maxvcpus > cfg->vcpus ? cfg->maxvcpus : cfg->vcpus);
		percent = (quota * 100 + period - 1) / period;
		if (!global)
			xml_warn(r, r->tune, "the limit is for all vCPUs together, %lld %% of a CPU: use "
				 "<global_quota>", percent);
		else if (quota * 100 % period)
			xml_warn(r, r->tune, "rounded up to %lld %% of a CPU", percent);
		snprintf(text, sizeof(text), "%lld", percent);
		xml_set_key(r, r->tune, "cap", text, false);
	}
	r->diag->where = outer;
}

/* --- clock --- */

static void take_clock(struct reader *r, xmlNode *n)
{
	static const char *const offsets[] = { "utc", "localtime", "variable", NULL };
	static const char *const bases[] = { "utc", "localtime", NULL };
	char *offset = xml_attr(r, n, "offset"), *adjustment = xml_attr(r, n, "adjustment");
	char *basis = xml_attr(r, n, "basis");
	int kind = offset ? xml_word(r, n, "offset", offset, offsets) : 0;

	if (kind == 1 || (basis && xml_word(r, n, "basis", basis, bases) == 1))
		xml_set_key(r, n, "localtime", "1", false);
	if (adjustment && strcmp(adjustment, "reset"))
		xml_set_key(r, n, "rtc_timeoffset", adjustment, false);
	xml_walk(r, n);
}

static void take_timer(struct reader *r, xmlNode *n)
{
	static const char *const modes[] = { "auto", "native", "emulate", "paravirt", NULL };
	static const char *const ours[] = { "default", "native", "always_emulate", "native_paravirt" };
	char *name = xml_attr(r, n, "name"), *mode = xml_attr(r, n, "mode");
	int m;

	if (!name) {
		xml_error(r, n, "name= is missing");
	} else if (strcmp(name, "tsc")) {
		xml_warn(r, n, "name='%.40s' is ignored: a PV guest has the TSC and the hypervisor's timers", name);
	} else if (mode) {
		m = xml_word(r, n, "mode", mode, modes);
		if (m >= 0)
			xml_set_key(r, n, "tsc_mode", ours[m], false);
	}
}

/* --- our own elements --- */

static void take_config(struct reader *r, xmlNode *n)
{
	r->config = n;
}

/* Text, or one element <lite:item> for each item of a list. */
static void take_own_key(struct reader *r, xmlNode *n, const struct cfg_key *key)
{
	char **items = NULL;
	size_t nr = 0;
	bool bad = false;

	for (xmlNode *c = n->children; c; c = c->next) {
		if (c->type != XML_ELEMENT_NODE)
			continue;
		bad |= strcmp((const char *)c->name, "item") || !c->ns || strcmp((const char *)c->ns->href, DOMXML_NS);
		items = xreallocarray(items, nr + 1, sizeof(*items));
		items[nr++] = xml_text(r, c, true);
	}
	if (bad || (nr && key->kind != KEY_LIST && key->kind != KEY_CPUS))
		xml_error(r, n, bad ? "only <" DOMXML_PREFIX ":item> can stand in it" : "takes one value, not a list");
	else if (nr)
		set_list(r, n, key->name, items, nr);
	else
		xml_set_key(r, n, key->name, xml_text(r, n, key->kind != KEY_UINT && key->kind != KEY_BOOL), false);
	free(items);
}

static void finish_config(struct reader *r)
{
	const char *outer = r->diag->where;
	char where[64];

	for (xmlNode *n = r->config ? r->config->children : NULL; n; n = n->next) {
		int k;

		if (n->type != XML_ELEMENT_NODE)
			continue;
		snprintf(where, sizeof(where), "<%s%.40s>", n->ns ? DOMXML_PREFIX ":" : "", n->name);
		r->diag->where = where;
		k = cfg_key_find((const char *)n->name);
		if (!n->ns || strcmp((const char *)n->ns->href, DOMXML_NS) || k < 0)
			xml_error(r, n, "unknown element in <" DOMXML_PREFIX ":config>");
		else if (r->cfg->line[k])
			xml_error(r, n, "%s was already set in line %u", cfg_keys[k].name, r->cfg->line[k]);
		else
			take_own_key(r, n, &cfg_keys[k]);
	}
	r->diag->where = outer;
}

/* <cmdline> is also written where the key table has root and extra: then it says nothing of its own. */
static void finish_cmdline(struct reader *r)
{
	struct domcfg *cfg = r->cfg;
	char *cmdline = cfg->cmdline, *made;

	if (!cmdline || (!cfg->root && !cfg->extra))
		return;
	cfg->cmdline = NULL;
	made = domcfg_cmdline(cfg);
	if (strcmp(made, cmdline)) {
		cfg->cmdline = cmdline;
	} else {
		free(cmdline);
		cfg->line[cfg_key_find("cmdline")] = 0;
	}
	free(made);
}

/* --- the table --- */

#define NO_POLICY "ignored: guests see all features of the processor that a PV guest can use"
#define NO_NODES "ignored: hosts are not divided into nodes here"
#define HVM "ignored: it is for guests with hardware virtualisation"
#define NO_BOOTLOADER "ignored: the kernel is loaded from dom0: give <kernel> and <initrd>"

static const struct rule rules[] = {
	TEXT("domain", "name", "name", 0),
	TEXT("domain", "uuid", "uuid", 0),
	TEXT("domain", "title", "title", RULE_VERBATIM),
	TEXT("domain", "description", "description", RULE_VERBATIM),
	TAKE("domain", "metadata", take_metadata, NULL, RULE_OWN),
	TAKE("domain", "memory", take_memory, "unit dumpCore", RULE_OWN),
	TAKE("domain", "currentMemory", take_current, "unit", RULE_OWN),
	TAKE("domain", "vcpu", take_vcpu, "placement cpuset current", RULE_OWN),
	FRAME("domain", "cputune"),
	FRAME("domain", "os"),
	FRAME("domain", "features"),
	FRAME("domain", "devices"),
	TAKE("domain", "clock", take_clock, "offset adjustment basis", RULE_OWN),
	TAKE("domain", "on_poweroff", take_action, NULL, RULE_OWN),
	TAKE("domain", "on_reboot", take_action, NULL, RULE_OWN),
	TAKE("domain", "on_crash", take_action, NULL, RULE_OWN),
	TAKE("domain", "config", take_config, NULL, RULE_OWN | RULE_LITE),
	WARN("domain", "on_lockfailure", "ignored: there is no lock manager"),
	WARN("domain", "vcpus", "ignored: vCPUs come and go in their order"),
	WARN("domain", "bootloader", NO_BOOTLOADER),
	WARN("domain", "bootloader_args", NO_BOOTLOADER),
	WARN("domain", "cpu", NO_POLICY),
	WARN("domain", "numatune", NO_NODES),
	WARN("domain", "memoryBacking", "ignored: a guest's memory is always its own and in place"),
	WARN("domain", "resource", "ignored: domains are in no control groups"),
	WARN("domain", "iothreads", "ignored: back ends have their own threads"),
	WARN("domain", "pm", HVM),
	WARN("domain", "perf", HVM),
	WARN("domain", "sysinfo", HVM),
	WARN("domain", "genid", HVM),
	WARN("domain", "seclabel", "ignored: there are no security labels"),
	REFUSE("domain", "maxMemory", "is not offered: <memory> is the most, <currentMemory> what the domain "
		"begins with"),
	REFUSE("domain", "memtune", "is not offered: a domain never has more than its memory"),
	REFUSE("domain", "blkiotune", "is not offered: the rate of disks is not limited"),
	REFUSE("domain", "idmap", "is for containers"),
	REFUSE("domain", "keywrap", "is for other machines"),
	REFUSE("domain", "launchSecurity", "needs hardware virtualisation"),

	TAKE("cputune", "vcpupin", take_vcpupin, "vcpu cpuset", RULE_MANY),
	TAKE("cputune", "shares", take_shares, NULL, RULE_OWN),
	TAKE("cputune", "quota", take_amount, NULL, RULE_OWN),
	TAKE("cputune", "period", take_amount, NULL, RULE_OWN),
	TAKE("cputune", "global_quota", take_amount, NULL, RULE_OWN),
	TAKE("cputune", "global_period", take_amount, NULL, RULE_OWN),
	WARN("cputune", "emulatorpin", "ignored: there is no emulator"),
	WARN("cputune", "emulator_quota", "ignored: there is no emulator"),
	WARN("cputune", "emulator_period", "ignored: there is no emulator"),
	REFUSE("cputune", "vcpusched", "is not offered: use <shares> and <global_quota>"),
	REFUSE("cputune", "cachetune", "is not offered"),
	REFUSE("cputune", "memorytune", "is not offered"),

	TAKE("os", "type", take_os_type, "arch machine", RULE_OWN),
	TEXT("os", "kernel", "kernel", RULE_VERBATIM),
	TEXT("os", "initrd", "ramdisk", RULE_VERBATIM),
	TEXT("os", "cmdline", "cmdline", RULE_VERBATIM),
	WARN("os", "boot", "ignored: a PV domain boots <kernel>"),
	WARN("os", "bootmenu", HVM),
	WARN("os", "smbios", HVM),
	WARN("os", "acpi", HVM),
	WARN("os", "bios", HVM),
	REFUSE("os", "loader", "is not offered: a PV domain has no firmware; give <kernel>"),
	REFUSE("os", "nvram", "is not offered: a PV domain has no firmware"),

	FRAME("features", "xen"),
	WARN("features", "acpi", HVM),
	WARN("features", "apic", HVM),
	WARN("features", "pae", HVM),
	WARN("features", "hap", HVM),
	WARN("features", "viridian", HVM),
	WARN("features", "hyperv", HVM),
	WARN("features", "msrs", "ignored: a read of an unknown register is a #GP"),
	TAKE("xen", "e820_host", take_e820_host, "state", 0),
	TAKE("xen", "passthrough", take_passthrough, "state mode", 0),

	TAKE("clock", "timer", take_timer, "name mode present tickpolicy track frequency", RULE_MANY),
	{ 0 },
};

static bool is_lite(const xmlNode *n)
{
	return n->ns && n->ns->href && !strcmp((const char *)n->ns->href, DOMXML_NS);
}

static const struct rule *find_in(const struct rule *table, const xmlNode *n)
{
	for (const struct rule *e = table; e->parent; e++)
		if (!strcmp(e->parent, (const char *)n->parent->name) && !strcmp(e->name, (const char *)n->name) &&
		    is_lite(n) == !!(e->flags & RULE_LITE))
			return e;
	return NULL;
}

static const struct rule *find_rule(const xmlNode *n)
{
	const struct rule *e = find_in(rules, n);

	return e ? e : find_in(xml_device_rules, n);
}

static bool listed(const char *list, const char *name)
{
	size_t n = strlen(name);

	for (; list && *list; list += strspn(list, " ")) {
		size_t word = strcspn(list, " ");

		if (word == n && !strncmp(list, name, n))
			return true;
		list += word;
	}
	return false;
}

static void check_attrs(struct reader *r, const xmlNode *n, const char *known)
{
	for (const xmlAttr *a = n->properties; a; a = a->next)
		if (a->ns || !listed(known, (const char *)a->name))
			xml_error(r, n, "unknown attribute '%.40s'", a->name);
}

static bool is_second(const xmlNode *n)
{
	for (const xmlNode *p = n->prev; p; p = p->prev)
		if (p->type == XML_ELEMENT_NODE && !xmlStrcmp(p->name, n->name) && is_lite(p) == is_lite(n))
			return true;
	return false;
}

static void take_by_rule(struct reader *r, xmlNode *n, const struct rule *e)
{
	if (!(e->flags & RULE_MANY) && is_second(n))
		xml_error(r, n, "is there twice");
	if (e->flags & RULE_REFUSE)
		xml_error(r, n, "%s", e->why);
	else if (e->flags & RULE_WARN)
		xml_warn(r, n, "%s", e->why);
	if (e->flags & (RULE_REFUSE | RULE_WARN | RULE_IGNORE))
		return;
	check_attrs(r, n, e->attrs);
	if (e->key)
		xml_set_key(r, n, e->key, xml_text(r, n, e->flags & RULE_VERBATIM), false);
	if (e->fn)
		e->fn(r, n);
	if (!(e->flags & RULE_OWN))
		xml_walk(r, n);
}

static void take_element(struct reader *r, xmlNode *n)
{
	const struct rule *e = n->ns && !is_lite(n) ? NULL : find_rule(n);
	const char *outer = r->diag->where;
	char where[64];

	snprintf(where, sizeof(where), "<%s%.40s>", is_lite(n) ? DOMXML_PREFIX ":" : "", n->name);
	r->diag->where = where;
	if (e)
		take_by_rule(r, n, e);
	else if (n->ns && !is_lite(n))
		xml_warn(r, n, "ignored: it is of the namespace '%.100s'", n->ns->href);
	else
		xml_error(r, n, "unknown element in <%s>", n->parent->name);
	r->diag->where = outer;
}

void xml_walk(struct reader *r, xmlNode *n)
{
	for (xmlNode *c = n->children; c; c = c->next) {
		if (c->type == XML_ELEMENT_NODE)
			take_element(r, c);
		else if ((c->type == XML_TEXT_NODE && !xmlIsBlankNode(c)) || c->type == XML_CDATA_SECTION_NODE)
			xml_error(r, n, "text does not belong here: '%.40s'",
				  c->content + strspn((const char *)c->content, " \t\r\n"));
	}
}

static void check_complete(struct reader *r, const xmlNode *root)
{
	if (!r->cfg->name)
		xml_error(r, root, "<name> is missing");
	if (!r->memory)
		xml_error(r, root, "<memory> is missing");
	if (!r->cfg->kernel)
		xml_error(r, root, "<kernel> is missing in <os>: a PV domain boots a kernel of dom0");
}

static void take_root(struct reader *r, xmlNode *root)
{
	unsigned int before = r->diag->errors;
	char *type = xml_attr(r, root, "type");

	if (strcmp((const char *)root->name, "domain") || root->ns) {
		xml_error(r, root, "<%.40s> is not a description of a domain: that is <domain type='xen'>", root->name);
		return;
	}
	r->diag->where = "<domain>";
	check_attrs(r, root, "type id");
	if (!type || strcmp(type, "xen"))
		xml_error(r, root, "type must be 'xen', not '%.40s'", type ? type : "");
	r->diag->where = NULL;
	xml_walk(r, root);
	finish_memory(r);
	finish_cap(r);
	finish_cpus(r);
	finish_config(r);
	finish_cmdline(r);
	if (r->diag->errors == before)
		check_complete(r, root);
}

bool domxml_parse(struct domcfg *cfg, const char *text, size_t len, struct domcfg_diag *diag)
{
	struct reader r = { .cfg = cfg, .diag = diag, .quota = -1, .period = -1, .global_quota = -1,
			    .global_period = -1 };
	unsigned int before = diag->errors;
	xmlDoc *doc = xml_load(text, len, diag);

	if (!doc)
		return false;
	take_root(&r, xmlDocGetRootElement(doc));
	if (diag->errors == before)
		xml_fits_schema(doc, diag);
	xmlFreeDoc(doc);
	for (size_t i = 0; i < r.nr_strings; i++)
		free(r.strings[i]);
	free(r.strings);
	free(r.pin);
	return diag->errors == before;
}

/* XML begins with a '<', which is nothing that xl.cfg could begin with. */
bool domxml_is(const char *text, size_t len)
{
	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) {
		text += 3;
		len -= 3;
	}
	while (len && strchr(" \t\r\n", *text) && *text) {
		text++;
		len--;
	}
	return len && *text == '<';
}

bool domcfg_read_file(struct domcfg *cfg, const char *path, struct domcfg_diag *diag)
{
	size_t len = 0;
	char *text = domcfg_load(path, &len, diag);
	bool ok = text && (domxml_is(text, len) ? domxml_parse : domcfg_parse)(cfg, text, len, diag);

	free(text);
	return ok;
}
