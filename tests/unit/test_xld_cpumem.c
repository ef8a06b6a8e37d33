/* SPDX-License-Identifier: MIT */
/*
 * xld's calls about vCPUs, shares and memory: the real cpu.c and memory.c, with a hypervisor and a store of a few
 * variables. What is wrong is refused before anything is touched; what the store refuses is taken back; what is done
 * is also put into the domain's configuration.
 */

#include <errno.h>

#include "suite.h"

#include "../../dom0-tools/xld/xld.h"

#define CPUS	4
#define VCPUS	3

static struct xld x;
static struct dom dom;
static struct xenctl_dominfo info;
static xld_error err;

static struct {
	uint8_t hard[VCPUS], soft[VCPUS];
	unsigned int weight, cap, tslice_ms;
	uint64_t max_kib;
	uint64_t claimed;
	int fail;			/* what every change answers */
	unsigned int changes;
} hv;

static struct {
	uint64_t target, static_max;
	unsigned int online;
	bool fail;
	unsigned int changes;
} store;

static unsigned int saves;

/* --- what cpu.c and memory.c need of the rest --- */

bool xld_fail(xld_error *e, xld_code code, const char *what, const char *object, const char *advice,
	      const char *fmt, ...)
{
	va_list ap;
	char *cause;

	va_start(ap, fmt);
	cause = xvasprintf(fmt, ap);
	va_end(ap);
	rpc_error_set(e, code, what, object, cause, advice);
	free(cause);
	return false;
}

bool hypervisor_refused(xld_error *e, const char *what, const char *object, int rc)
{
	return xld_fail(e, XLD_E_HYPERVISOR, what, object, "", "%s", strerror(-rc));
}

struct dom *call_domain(struct xld *ctx, const char *ref, const char *what, xld_error *e, struct xenctl_dominfo *i)
{
	(void)ctx;
	*i = info;
	if (!strcmp(ref, dom.name))
		return &dom;
	xld_fail(e, XLD_E_NOT_FOUND, what, ref, "", "none");
	return NULL;
}

bool call_store(struct xld *ctx, const char *what, const struct dom *d, xld_error *e)
{
	return ctx->xs || xld_fail(e, XLD_E_STORE, what, d->name, "", "away");
}

const char *life_reason_name(unsigned int reason)
{
	return reason == STOP_CRASH ? "crash" : "?";
}

bool state_save(struct xld *ctx, const struct dom *d)
{
	(void)ctx, (void)d;
	saves++;
	return true;
}

static int change(void)
{
	if (!hv.fail)
		hv.changes++;
	return hv.fail;
}

int xenctl_physinfo(struct xenctl *xc, struct xenctl_physinfo *p)
{
	(void)xc;
	*p = (struct xenctl_physinfo){ .nr_cpus = CPUS, .max_cpu_id = CPUS - 1 };
	return 0;
}

int xenctl_domain_info(struct xenctl *xc, uint32_t domid, struct xenctl_dominfo *i)
{
	(void)xc, (void)domid;
	*i = info;
	return 0;
}

int xenctl_vcpu_info(struct xenctl *xc, uint32_t domid, uint32_t vcpu, struct xenctl_vcpuinfo *i)
{
	(void)xc, (void)domid;
	*i = (struct xenctl_vcpuinfo){ .online = vcpu < 2, .cpu = vcpu, .cpu_time = 1000 };
	return 0;
}

int xenctl_vcpu_setaffinity(struct xenctl *xc, uint32_t domid, uint32_t vcpu, const uint8_t *hard, const uint8_t *soft,
			    size_t bytes, bool force)
{
	(void)xc, (void)domid, (void)bytes, (void)force;
	if (change())
		return hv.fail;
	if (hard)
		hv.hard[vcpu] = hard[0];
	if (soft)
		hv.soft[vcpu] = soft[0];
	return 0;
}

int xenctl_vcpu_getaffinity(struct xenctl *xc, uint32_t domid, uint32_t vcpu, uint8_t *hard, uint8_t *soft,
			    size_t bytes)
{
	(void)xc, (void)domid;
	CU_ASSERT_EQUAL(bytes, 1);
	hard[0] = hv.hard[vcpu];
	soft[0] = hv.soft[vcpu];
	return 0;
}

int xenctl_sched_credit_set(struct xenctl *xc, uint32_t domid, uint16_t weight, uint16_t cap)
{
	(void)xc, (void)domid;
	if (change())
		return hv.fail;
	if (weight)
		hv.weight = weight;
	if (cap != UINT16_MAX)
		hv.cap = cap;
	return 0;
}

int xenctl_sched_credit_get(struct xenctl *xc, uint32_t domid, uint16_t *weight, uint16_t *cap)
{
	(void)xc, (void)domid;
	*weight = (uint16_t)hv.weight;
	*cap = (uint16_t)hv.cap;
	return 0;
}

int xenctl_sched_params_set(struct xenctl *xc, const struct xenctl_sched_params *p)
{
	(void)xc;
	if (p->ratelimit_us && p->ratelimit_us < 100)
		return -EINVAL;
	hv.tslice_ms = p->tslice_ms;
	return change();
}

int xenctl_sched_params_get(struct xenctl *xc, struct xenctl_sched_params *p)
{
	(void)xc;
	*p = (struct xenctl_sched_params){ .tslice_ms = hv.tslice_ms };
	return 0;
}

int xenctl_domain_max_mem(struct xenctl *xc, uint32_t domid, uint64_t kib)
{
	(void)xc, (void)domid;
	if (change())
		return hv.fail;
	hv.max_kib = kib;
	return 0;
}

int xenctl_claim_pages(struct xenctl *xc, uint32_t domid, uint64_t pages)
{
	(void)xc, (void)domid;
	CU_ASSERT_TRUE(hv.max_kib >= pages * 4);	/* a claim above the limit would fail */
	hv.claimed = pages;
	return 0;
}

char *xs_readf(struct xs_handle *xs, xs_transaction_t t, const char *fmt, ...)
{
	va_list ap;
	char *path, *value;

	(void)xs, (void)t;
	va_start(ap, fmt);
	path = xvasprintf(fmt, ap);
	va_end(ap);
	value = xasprintf("%llu", (unsigned long long)(strstr(path, "static-max") ? store.static_max : store.target));
	free(path);
	return value;
}

bool xs_writef(struct xs_handle *xs, xs_transaction_t t, const char *path, const char *fmt, ...)
{
	va_list ap;

	(void)xs, (void)t;
	CU_ASSERT_STRING_EQUAL(path, "/local/domain/0/memory/static-max");
	va_start(ap, fmt);
	store.static_max = va_arg(ap, unsigned long long);
	va_end(ap);
	return true;
}

bool store_set_vcpus(struct xs_handle *xs, uint32_t domid, uint32_t online, uint32_t max)
{
	(void)xs, (void)domid;
	CU_ASSERT_EQUAL(max, VCPUS);
	errno = EIO;
	if (store.fail)
		return false;
	store.online = online;
	store.changes++;
	return true;
}

bool store_set_memory(struct xs_handle *xs, uint32_t domid, uint64_t target_kib)
{
	(void)xs, (void)domid;
	errno = EIO;
	if (store.fail)
		return false;
	store.target = target_kib;
	store.changes++;
	return true;
}

/* --- the tests --- */

static char name[] = "d", other[] = "e", empty[] = "";

static void start(uint32_t domid)
{
	domcfg_free(&dom.cfg);
	domcfg_init(&dom.cfg);
	rpc_release((xdrproc_t)xdr_xld_error, &err);
	memset(&err, 0, sizeof(err));
	memset(&hv, 0, sizeof(hv));
	memset(&store, 0, sizeof(store));
	saves = 0;
	x.xs = (struct xs_handle *)&x;
	dom.name = name;
	dom.domid = domid;
	dom.ours = domid;
	dom.cfg.memory = 100;
	dom.cfg.maxmem = 200;
	dom.cfg.vcpus = 2;
	dom.cfg.maxvcpus = VCPUS;
	info = (struct xenctl_dominfo){ .domid = domid, .max_vcpu_id = VCPUS - 1, .nr_online_vcpus = 2,
					.tot_pages = 100 * 256, .max_pages = 101 * 256 };
	hv.max_kib = info.max_pages * 4;
	hv.weight = 256;
	hv.tslice_ms = 30;
	store.target = 100 * 1024;
	store.static_max = 200 * 1024;
}

static bool done(call_fn *fn, void *args, void *ret)
{
	bool later = false, ok;

	rpc_release((xdrproc_t)xdr_xld_error, &err);
	memset(&err, 0, sizeof(err));
	ok = fn(&x, NULL, 1, args, ret, &err, &later);
	CU_ASSERT_FALSE(later);
	return ok;
}

/* Refused with this code; neither hypervisor nor store nor record have been touched. */
static void refused(call_fn *fn, void *args, xld_code code)
{
	xld_sched_domain ret = { 0 };
	unsigned int hv_before = hv.changes, store_before = store.changes, saves_before = saves;

	CU_ASSERT_FALSE(done(fn, args, &ret));
	CU_ASSERT_EQUAL(err.code, code);
	CU_ASSERT_TRUE(err.cause && *err.cause);
	CU_ASSERT_EQUAL(hv.changes, hv_before);
	CU_ASSERT_EQUAL(store.changes, store_before);
	CU_ASSERT_EQUAL(saves, saves_before);
}

static void test_list(void)
{
	xld_domain d = { .name = name };
	xld_vcpu_list l = { 0 };

	start(1);
	hv.hard[2] = 5;
	hv.soft[0] = 15;
	CU_ASSERT_TRUE(done(call_vcpu_list, &d, &l));
	CU_ASSERT_EQUAL(l.nr_cpus, CPUS);
	CU_ASSERT_EQUAL_FATAL(l.vcpus.vcpus_len, VCPUS);
	CU_ASSERT_TRUE(l.vcpus.vcpus_val[1].online && !l.vcpus.vcpus_val[2].online);
	CU_ASSERT_EQUAL_FATAL(l.vcpus.vcpus_val[2].hard.hard_len, 1);
	CU_ASSERT_EQUAL(l.vcpus.vcpus_val[2].hard.hard_val[0], 5);
	CU_ASSERT_EQUAL(l.vcpus.vcpus_val[0].soft.soft_val[0], 15);
	rpc_release((xdrproc_t)xdr_xld_vcpu_list, &l);
	d.name = other;
	refused(call_vcpu_list, &d, XLD_E_NOT_FOUND);
}

static void test_pin(void)
{
	char cpus[] = "0-3,^1", bad[] = "5", junk[] = "x";
	xld_vcpu_pin p = { .name = name, .vcpu = 1, .hard = cpus, .soft = empty };
	xld_nothing ret;

	start(1);
	CU_ASSERT_TRUE(done(call_vcpu_pin, &p, &ret));
	CU_ASSERT_EQUAL(hv.hard[1], 0xd);
	CU_ASSERT_EQUAL(hv.hard[0] | hv.hard[2] | hv.soft[1], 0);
	CU_ASSERT_STRING_EQUAL(domcfg_cpus_of(&dom.cfg.cpus, 1), "0-3,^1");
	CU_ASSERT_STRING_EQUAL(domcfg_cpus_of(&dom.cfg.cpus, 0), "all");
	CU_ASSERT_EQUAL(dom.cfg.cpus_soft.n, 0);
	CU_ASSERT_EQUAL(saves, 1);
	p.vcpu = XLD_VCPU_ALL;
	p.soft = cpus;
	p.hard = empty;
	CU_ASSERT_TRUE(done(call_vcpu_pin, &p, &ret));
	CU_ASSERT_EQUAL(hv.soft[0] & hv.soft[1] & hv.soft[2], 0xd);
	CU_ASSERT_EQUAL(hv.hard[0], 0);
	p.hard = bad;
	refused(call_vcpu_pin, &p, XLD_E_INVALID);
	p.hard = cpus;
	p.soft = junk;
	refused(call_vcpu_pin, &p, XLD_E_INVALID);
	p.hard = p.soft = empty;
	refused(call_vcpu_pin, &p, XLD_E_INVALID);
	p.hard = cpus;
	p.vcpu = VCPUS;
	refused(call_vcpu_pin, &p, XLD_E_INVALID);
	p.vcpu = 0;
	hv.fail = -EPERM;
	refused(call_vcpu_pin, &p, XLD_E_HYPERVISOR);
}

static void test_vcpus(void)
{
	xld_vcpu_set s = { .name = name, .vcpus = 3 };
	xld_nothing ret;

	start(1);
	CU_ASSERT_TRUE(done(call_vcpu_set, &s, &ret));
	CU_ASSERT_EQUAL(store.online, 3);
	CU_ASSERT_EQUAL(dom.cfg.vcpus, 3);
	s.vcpus = 0;
	refused(call_vcpu_set, &s, XLD_E_INVALID);
	s.vcpus = VCPUS + 1;
	refused(call_vcpu_set, &s, XLD_E_INVALID);
	s.vcpus = 1;
	info.shutdown = true;
	info.shutdown_reason = STOP_CRASH;
	refused(call_vcpu_set, &s, XLD_E_BUSY);
	info.shutdown = false;
	x.xs = NULL;
	refused(call_vcpu_set, &s, XLD_E_STORE);
	x.xs = (struct xs_handle *)&x;
	store.fail = true;
	refused(call_vcpu_set, &s, XLD_E_STORE);
	CU_ASSERT_EQUAL(dom.cfg.vcpus, 3);
}

static void test_shares(void)
{
	xld_sched_domain s = { .name = name, .set = XLD_SCHED_WEIGHT, .weight = 512 }, ret = { 0 };
	xld_sched_host h = { .set = XLD_SCHED_TSLICE, .tslice_ms = 5 }, hret;

	start(1);
	CU_ASSERT_TRUE(done(call_sched_domain, &s, &ret));
	CU_ASSERT_TRUE(ret.weight == 512 && ret.cap == 0 && ret.domid == 1);
	rpc_release((xdrproc_t)xdr_xld_sched_domain, &ret);
	s = (xld_sched_domain){ .name = name, .set = XLD_SCHED_CAP, .cap = 300 };
	CU_ASSERT_TRUE(done(call_sched_domain, &s, &ret));
	CU_ASSERT_TRUE(ret.weight == 512 && ret.cap == 300);
	CU_ASSERT_TRUE(dom.cfg.cpu_weight == 512 && dom.cfg.cap == 300);
	rpc_release((xdrproc_t)xdr_xld_sched_domain, &ret);
	s.cap = 301;
	refused(call_sched_domain, &s, XLD_E_INVALID);
	s = (xld_sched_domain){ .name = name, .set = XLD_SCHED_CAP | XLD_SCHED_WEIGHT, .weight = 65536 };
	refused(call_sched_domain, &s, XLD_E_INVALID);
	CU_ASSERT_TRUE(done(call_sched_host, &h, &hret));
	CU_ASSERT_EQUAL(hret.tslice_ms, 5);
	h.tslice_ms = 1001;
	refused(call_sched_host, &h, XLD_E_INVALID);
	h = (xld_sched_host){ .set = XLD_SCHED_RATELIMIT, .ratelimit_us = 99 };
	refused(call_sched_host, &h, XLD_E_INVALID);
	CU_ASSERT_EQUAL(hv.tslice_ms, 5);
}

static void test_memory(void)
{
	xld_memory m = { .name = name, .kib = 150 * 1024 + 1 };
	xld_nothing ret;

	start(1);
	CU_ASSERT_TRUE(done(call_mem_set, &m, &ret));
	CU_ASSERT_EQUAL(store.target, 150 * 1024 + 1);
	CU_ASSERT_EQUAL(hv.max_kib, 151 * 1024 + 1);
	CU_ASSERT_EQUAL(dom.cfg.memory, 151);
	m.kib = 0;
	refused(call_mem_set, &m, XLD_E_INVALID);
	m.kib = 200 * 1024 + 1;
	refused(call_mem_set, &m, XLD_E_INVALID);
	m.kib = UINT64_MAX;
	refused(call_mem_set, &m, XLD_E_INVALID);
	/* The limit goes back when the store does not take the target. */
	m.kib = 120 * 1024;
	store.fail = true;
	info.max_pages = 77 * 256;
	CU_ASSERT_FALSE(done(call_mem_set, &m, &ret));
	CU_ASSERT_EQUAL(err.code, XLD_E_STORE);
	CU_ASSERT_EQUAL(hv.max_kib, 77 * 1024);
	CU_ASSERT_EQUAL(dom.cfg.memory, 151);
	store.fail = false;
	/* mem-max: not below the target. */
	refused(call_mem_max, &m, XLD_E_INVALID);
	m.kib = 0;
	refused(call_mem_max, &m, XLD_E_INVALID);
	m.kib = UINT64_MAX;
	refused(call_mem_max, &m, XLD_E_INVALID);
	m.kib = 160 * 1024;
	CU_ASSERT_TRUE(done(call_mem_max, &m, &ret));
	CU_ASSERT_EQUAL(hv.max_kib, 161 * 1024);
}

static void test_dom0(void)
{
	xld_memory m = { .name = name, .kib = 4 };
	xld_nothing ret;

	start(0);
	info.tot_pages = info.max_pages = 200 * 256;
	/* This machine has less to give than all but 4 KiB. */
	refused(call_mem_set, &m, XLD_E_DENIED);
	m.flags = XLD_MEM_FORCE;
	CU_ASSERT_TRUE(done(call_mem_set, &m, &ret));
	CU_ASSERT_EQUAL(store.target, 4);
	CU_ASSERT_EQUAL(hv.changes, 0);		/* its limit is left alone */
	m.kib = 200 * 1024;
	CU_ASSERT_TRUE(done(call_mem_set, &m, &ret));
	info.max_pages = 150 * 256;
	refused(call_mem_set, &m, XLD_E_INVALID);
	CU_ASSERT_EQUAL(saves, 0);
	/* Its nodes are made from what it has, once. */
	store.target = 0;
	CU_ASSERT_TRUE(memory_init_dom0(&x));
	CU_ASSERT_TRUE(store.static_max == 150 * 1024 && store.target == 200 * 1024);
	store.static_max = 1;
	CU_ASSERT_TRUE(memory_init_dom0(&x));
	CU_ASSERT_EQUAL(store.static_max, 1);
}

static void set_words(struct domcfg_list *l, const char *words)
{
	domcfg_cpus_set(l, VCPUS, 1, words);
}

static void test_create(void)
{
	char why[CPULIST_WHY];

	start(1);
	set_words(&dom.cfg.cpus, "2-3");
	set_words(&dom.cfg.cpus_soft, "3-9");
	dom.cfg.cpu_weight = 100;
	CU_ASSERT_TRUE(cpus_possible(&dom.cfg, CPUS, why));
	CU_ASSERT_FALSE(cpus_possible(&dom.cfg, 2, why));
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "none of these CPUs exists"));
	CU_ASSERT_EQUAL(cpus_place(NULL, 1, &dom.cfg, CPUS), 0);
	CU_ASSERT_TRUE(hv.hard[1] == 0xc && hv.hard[0] == 0xf && hv.soft[1] == 0x8);
	CU_ASSERT_EQUAL(hv.weight, 100);
	CU_ASSERT_EQUAL(cpus_place(NULL, 1, &dom.cfg, 2), -EINVAL);
	CU_ASSERT_EQUAL(memory_claim(NULL, 1, 25600), 0);
	CU_ASSERT_EQUAL(hv.claimed, 25600);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{ "vcpu-list", test_list }, { "vcpu-pin", test_pin }, { "vcpu-set", test_vcpus },
		{ "sched-credit", test_shares }, { "mem-set, mem-max", test_memory }, { "dom0", test_dom0 },
		{ "at a create", test_create }, CU_TEST_INFO_NULL,
	};
	int rc = suite_run("xld cpumem", tests);

	rpc_release((xdrproc_t)xdr_xld_error, &err);
	domcfg_free(&dom.cfg);
	return rc;
}
