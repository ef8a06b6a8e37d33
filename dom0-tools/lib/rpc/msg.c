/* SPDX-License-Identifier: MIT */
/*
 * Messages: the header, the bodies, and the table that says which body belongs to which procedure.
 *
 * Owns no state. Sizes are bounded before allocation: the header's length by XLD_MSG_MAX, every string and array by
 * its limit in xld.x.
 */
#include <errno.h>

#include "xrpc.h"
#include "util/mem.h"

/*
 * PROC changes something, READS does not, MIXED does if fn(args) says so; behind PIPE the connection is one for bytes.
 */
#define ROW(p, args, ret, fn, pipe) \
	{ p, #p, (xdrproc_t)xdr_##args, sizeof(args), (xdrproc_t)xdr_##ret, sizeof(ret), fn, pipe }
#define PROC(p, args, ret) ROW(p, args, ret, always, false)
#define READS(p, args, ret) ROW(p, args, ret, NULL, false)
#define MIXED(p, args, ret, fn) ROW(p, args, ret, fn, false)
#define PIPE(p, args, ret) ROW(p, args, ret, always, true)

static bool always(const void *args)
{
	(void)args;
	return true;
}

static bool dmesg_clears(const void *args)
{
	return ((const xld_dmesg *)args)->flags & XLD_DMESG_CLEAR;
}

static bool sched_domain_sets(const void *args)
{
	return ((const xld_sched_domain *)args)->set;
}

static bool sched_host_sets(const void *args)
{
	return ((const xld_sched_host *)args)->set;
}

static const struct rpc_proc procs[] = {
	READS(XLD_HELLO, xld_hello, xld_hello),
	READS(XLD_DOMAIN_LIST, xld_nothing, xld_domain_list),
	READS(XLD_DOMAIN_INFO, xld_domain, xld_dominfo),
	READS(XLD_DOMAIN_CONFIG, xld_domain, xld_config),
	PROC(XLD_DOMAIN_CREATE, xld_create, xld_created),
	PROC(XLD_DOMAIN_PAUSE, xld_domain, xld_nothing),
	PROC(XLD_DOMAIN_UNPAUSE, xld_domain, xld_nothing),
	PROC(XLD_DOMAIN_SHUTDOWN, xld_shutdown, xld_nothing),
	READS(XLD_DOMAIN_WAIT, xld_wait, xld_waited),
	PROC(XLD_DOMAIN_DESTROY, xld_domain, xld_nothing),
	READS(XLD_DOMAIN_CONSOLE, xld_domain, xld_console),
	READS(XLD_HOST_INFO, xld_nothing, xld_host),
	MIXED(XLD_HOST_DMESG, xld_dmesg, xld_dmesg_text, dmesg_clears),
	READS(XLD_VCPU_LIST, xld_domain, xld_vcpu_list),
	PROC(XLD_VCPU_PIN, xld_vcpu_pin, xld_nothing),
	PROC(XLD_VCPU_SET, xld_vcpu_set, xld_nothing),
	MIXED(XLD_SCHED_DOMAIN, xld_sched_domain, xld_sched_domain, sched_domain_sets),
	MIXED(XLD_SCHED_HOST, xld_sched_host, xld_sched_host, sched_host_sets),
	PROC(XLD_MEM_SET, xld_memory, xld_nothing),
	PROC(XLD_MEM_MAX, xld_memory, xld_nothing),
	PROC(XLD_DEVICE_ATTACH, xld_attach, xld_attached),
	PROC(XLD_DEVICE_DETACH, xld_detach, xld_nothing),
	READS(XLD_DEVICE_LIST, xld_devices_of, xld_device_list),
	PROC(XLD_DISK_RESIZE, xld_detach, xld_nothing),
	PROC(XLD_CD_CHANGE, xld_attach, xld_nothing),
	PROC(XLD_DOMAIN_SAVE, xld_save, xld_nothing),
	PROC(XLD_DOMAIN_RESTORE, xld_restore, xld_created),
	PROC(XLD_DOMAIN_MIGRATE, xld_migrate, xld_migrated),
	PIPE(XLD_MIGRATE_OFFER, xld_offer, xld_accepted),
	PROC(XLD_MIGRATE_SETTLE, xld_settle, xld_settled),
	READS(XLD_MIGRATE_LIST, xld_nothing, xld_moves),
	PROC(XLD_MIGRATE_RECOVER, xld_recover, xld_nothing),
	READS(XLD_JOB_LIST, xld_nothing, xld_jobs),
	PROC(XLD_JOB_CANCEL, xld_domain, xld_nothing),
	PIPE(XLD_MIGRATE_LANE, xld_lane, xld_nothing),
	READS(XLD_EVENT_SUBSCRIBE, xld_subscribe, xld_nothing),
	READS(XLD_PING, xld_nothing, xld_nothing),
	PROC(XLD_DOMAIN_RENAME, xld_rename, xld_nothing),
	PROC(XLD_DOMAIN_SYSRQ, xld_sysrq, xld_nothing),
	PROC(XLD_DOMAIN_TRIGGER, xld_trigger, xld_nothing),
	PROC(XLD_HOST_DEBUG_KEYS, xld_debug_keys, xld_dmesg_text),
	PROC(XLD_CONFIG_UPDATE, xld_config_update, xld_nothing),
	PROC(XLD_DOMAIN_SUSPEND, xld_domain, xld_nothing),
	PROC(XLD_DOMAIN_RESUME, xld_domain, xld_nothing),
	PROC(XLD_DUMP_CORE, xld_dump_core, xld_nothing),
	READS(XLD_DOMAIN_STATS, xld_nothing, xld_stats_list),
	READS(XLD_DOMAIN_EXPLAIN, xld_domain, xld_findings),
	PROC(XLD_CONSOLE_TAIL, xld_tail, xld_tail_text),	/* what guests say is not for everybody */
	PROC(XLD_DEFINE, xld_define, xld_created),
	PROC(XLD_UNDEFINE, xld_domain, xld_nothing),
	READS(XLD_DEFINED_LIST, xld_nothing, xld_defined_list),
	READS(XLD_DEFINED_CONFIG, xld_domain, xld_config),
	PROC(XLD_AUTOSTART, xld_autostart, xld_nothing),
};

#define EVENT(e, body) { e, (xdrproc_t)xdr_##body, sizeof(body) }

static const struct rpc_event events[] = {
	EVENT(XLD_EVENT_PROGRESS, xld_progress),
	EVENT(XLD_EVENT_PING, xld_nothing),
	EVENT(XLD_EVENT_DOMAIN, xld_domain_event),
	EVENT(XLD_EVENT_JOB, xld_job_event),
};

static const char *const code_names[] = {
	[XLD_E_PROTOCOL] = "E_PROTOCOL", [XLD_E_UNREACHABLE] = "E_UNREACHABLE", [XLD_E_DENIED] = "E_DENIED",
	[XLD_E_NOT_FOUND] = "E_NOT_FOUND", [XLD_E_EXISTS] = "E_EXISTS", [XLD_E_CONFIG] = "E_CONFIG",
	[XLD_E_NO_MEMORY] = "E_NO_MEMORY", [XLD_E_BUSY] = "E_BUSY", [XLD_E_HYPERVISOR] = "E_HYPERVISOR",
	[XLD_E_STORE] = "E_STORE", [XLD_E_BUILD] = "E_BUILD", [XLD_E_TIMEOUT] = "E_TIMEOUT",
	[XLD_E_CANCELLED] = "E_CANCELLED", [XLD_E_UNSUPPORTED] = "E_UNSUPPORTED", [XLD_E_INTERNAL] = "E_INTERNAL",
	[XLD_E_INVALID] = "E_INVALID",
};

const struct rpc_proc *rpc_proc_at(size_t i)
{
	return i < sizeof(procs) / sizeof(procs[0]) ? &procs[i] : NULL;
}

const struct rpc_proc *rpc_proc_find(uint32_t proc)
{
	const struct rpc_proc *p;

	for (size_t i = 0; (p = rpc_proc_at(i)); i++)
		if (p->proc == proc)
			return p;
	return NULL;
}

const struct rpc_event *rpc_event_find(uint32_t event)
{
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (events[i].event == event)
			return &events[i];
	return NULL;
}

const char *rpc_code_name(unsigned int code)
{
	if (code < sizeof(code_names) / sizeof(code_names[0]) && code_names[code])
		return code_names[code];
	return "E_UNKNOWN";
}

static void put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

void rpc_header_put(uint8_t buf[RPC_HEADER_SIZE], const struct rpc_header *h)
{
	put32(buf, h->length);
	put32(buf + 4, h->program);
	put32(buf + 8, h->version);
	put32(buf + 12, h->proc);
	put32(buf + 16, h->type);
	put32(buf + 20, h->serial);
	put32(buf + 24, h->status);
}

int rpc_header_get(const uint8_t *buf, size_t have, struct rpc_header *h)
{
	uint8_t head[RPC_HEADER_SIZE] = { 0 };

	if (have < RPC_HEADER_ENOUGH)
		return 0;
	memcpy(head, buf, have < RPC_HEADER_SIZE ? have : RPC_HEADER_SIZE);
	h->length = get32(head);
	h->program = get32(head + 4);
	h->version = get32(head + 8);
	h->proc = get32(head + 12);
	h->type = get32(head + 16);
	h->serial = get32(head + 20);
	h->status = get32(head + 24);
	if (h->program != XLD_PROGRAM || h->version != XLD_VERSION)
		return -EPROTO;
	if (h->length < RPC_HEADER_SIZE || h->length > XLD_MSG_MAX)
		return -EMSGSIZE;
	if (have < RPC_HEADER_SIZE)
		return 0;
	if (h->type > XLD_EVENT || h->status > XLD_ERROR)
		return -EPROTO;
	return have >= h->length;
}

uint8_t *rpc_encode(const struct rpc_header *h, xdrproc_t xdr, const void *obj, size_t *len)
{
	size_t body = xdr_sizeof(xdr, (void *)(uintptr_t)obj);
	struct rpc_header full = *h;
	uint8_t *buf;
	bool ok;
	XDR x;

	if (!body || body > XLD_MSG_MAX - RPC_HEADER_SIZE)
		return NULL;
	*len = full.length = (uint32_t)(RPC_HEADER_SIZE + body);
	buf = xcalloc(*len, 1);
	rpc_header_put(buf, &full);
	xdrmem_create(&x, (char *)buf + RPC_HEADER_SIZE, (u_int)body, XDR_ENCODE);
	ok = xdr(&x, (void *)(uintptr_t)obj) && xdr_getpos(&x) == body;
	xdr_destroy(&x);
	if (ok)
		return buf;
	free(buf);
	return NULL;
}

/*
 * Does obj encode to just these bytes? XDR's decoder takes more than its encoder writes: it cuts strings at a 0 byte
 * and accepts any padding. There is one way to say a thing here.
 */
static bool same_bytes(const uint8_t *body, size_t len, xdrproc_t xdr, const void *obj)
{
	static const struct rpc_header none;
	size_t n;
	uint8_t *again = rpc_encode(&none, xdr, obj, &n);
	bool same = again && n == len + RPC_HEADER_SIZE && !memcmp(again + RPC_HEADER_SIZE, body, len);

	free(again);
	return same;
}

bool rpc_decode(const uint8_t *body, size_t len, xdrproc_t xdr, void *obj)
{
	bool ok;
	XDR x;

	if (len > XLD_MSG_MAX)
		return false;
	xdrmem_create(&x, (char *)(uintptr_t)body, (u_int)len, XDR_DECODE);
	ok = xdr(&x, obj) && xdr_getpos(&x) == len;
	xdr_destroy(&x);
	return ok && same_bytes(body, len, xdr, obj);
}

void rpc_release(xdrproc_t xdr, void *obj)
{
	xdr_free(xdr, obj);
}

static char *bounded(const char *s, size_t max)
{
	return xstrndup(s ? s : "", max);
}

void rpc_error_set(xld_error *e, xld_code code, const char *what, const char *object, const char *cause,
		   const char *advice)
{
	e->code = code;
	e->what = bounded(what, XLD_NAME_MAX);
	e->object = bounded(object, XLD_NAME_MAX);
	e->cause = bounded(cause, XLD_TEXT_MAX);
	e->advice = bounded(advice, XLD_TEXT_MAX);
}
