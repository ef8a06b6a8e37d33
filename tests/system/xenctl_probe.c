/* SPDX-License-Identifier: MIT */
/*
 * Runs in dom0: every call of lib/xenctl against the hypervisor below, with a domain of its own that never runs. Each
 * line that is not as expected is printed; exit status 1 then. Nothing is left behind.
 *
 * xenctl_probe keys KEYS	presses debug keys
 * xenctl_probe pin N	binds vCPU N of dom0 to CPU N
 * xenctl_probe log DOMID ROUNDS	logs what a domain writes, for so many times 50 ms (0: only waits 20 times), and says what that costs
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "xenctl/xenctl.h"
#include "public/domctl.h"
#include "public/event_channel.h"
#include "public/xen.h"

#define PAGES 64

static int failures;

static void want(bool ok, const char *what, long got)
{
	if (ok)
		return;
	printf("%s: %ld (%s)\n", what, got, got < 0 ? strerror(-got) : "");
	failures++;
}

#define IS(expr, value) do { long got_ = (expr); want(got_ == (value), #expr, got_); } while (0)
#define TRUE(expr) want(expr, #expr, 0)

static void test_host(struct xenctl *x)
{
	static struct xenctl_version v;
	struct xenctl_physinfo p;
	char ring[65536];
	struct xenctl_sched_params sp;
	uint64_t idle[64], max, own = 0;
	uint32_t id, index = 0;
	long n;

	IS(xenctl_physinfo(x, &p), 0);
	TRUE(p.nr_cpus >= 1 && p.total_pages > 1000 && p.free_pages < p.total_pages && p.cpu_khz > 1000);
	IS(xenctl_max_mfn(x, &max), 0);
	TRUE(max >= p.total_pages - 1);
	IS(xenctl_version(x, &v), 0);
	TRUE(v.major == 4 && v.pagesize == 4096 && strstr(v.capabilities, "xen-3.0-x86_64"));
	IS(xenctl_sched_id(x, &id), 0);
	IS(xenctl_sched_params_get(x, &sp), 0);
	TRUE(sp.tslice_ms == 30);
	sp.tslice_ms = 10;
	IS(xenctl_sched_params_set(x, &sp), 0);
	sp.tslice_ms = 1001;
	IS(xenctl_sched_params_set(x, &sp), -EINVAL);
	IS(xenctl_sched_params_get(x, &sp), 0);
	TRUE(sp.tslice_ms == 10);
	sp.tslice_ms = 30;
	IS(xenctl_sched_params_set(x, &sp), 0);
	n = xenctl_hypervisor_pages(x, &own);
	TRUE(n == -ENOSYS || (own > 100 && own < p.total_pages - p.free_pages));
	n = xenctl_cpu_idle(x, idle, 64);
	want(n >= (long)p.nr_cpus && n <= 64, "xenctl_cpu_idle", n);
	n = xenctl_readconsole(x, ring, sizeof(ring), false, false, NULL);
	want(n > 100, "xenctl_readconsole", n);
	n = xenctl_readconsole(x, ring, 10, false, true, &index);
	want(n == 10 && index > 0, "xenctl_readconsole of a part", n);
	IS(xenctl_debug_keys(x, "h"), 0);
}

static void test_life(struct xenctl *x, uint32_t domid)
{
	struct xenctl_tscinfo tsc = { 0 };
	struct xenctl_dominfo info, list[64];
	uint8_t map[8] = { 0 }, soft[8], uuid[16] = { 9, 8, 7 };
	struct xenctl_vcpuinfo vi;
	uint16_t weight, cap;
	int n;

	IS(xenctl_domain_info(x, domid, &info), 0);
	TRUE(info.domid == domid && info.paused && !info.dying && !info.shutdown && info.tot_pages == 0);
	IS(xenctl_domain_info(x, 30000, &info), -ESRCH);
	n = xenctl_domain_list(x, 0, list, 64);
	want(n >= 2 && list[0].domid == 0 && list[n - 1].domid == domid, "xenctl_domain_list", n);
	n = xenctl_domain_list(x, domid, list, 1);
	want(n == 1 && list[0].domid == domid, "xenctl_domain_list from there", n);
	IS(xenctl_domain_set_handle(x, domid, uuid), 0);
	xenctl_domain_info(x, domid, &info);
	TRUE(!memcmp(info.handle, uuid, 16));
	IS(xenctl_domain_max_vcpus(x, domid, 2), 0);
	IS(xenctl_domain_set_address_size(x, domid, 64), 0);
	IS(xenctl_domain_max_mem(x, domid, (PAGES + 16) * 4), 0);
	xenctl_domain_info(x, domid, &info);
	TRUE(info.max_vcpu_id == 1 && info.max_pages >= PAGES + 16);
	IS(xenctl_vcpu_info(x, domid, 1, &vi), 0);
	TRUE(!vi.running);
	TRUE(xenctl_vcpu_info(x, domid, 2, &vi) < 0);
	IS(xenctl_vcpu_getaffinity(x, domid, 0, map, soft, sizeof(map)), 0);
	TRUE((map[0] & 1) && (soft[0] & 1));
	memset(map, 0, sizeof(map));
	IS(xenctl_vcpu_setaffinity(x, domid, 0, map, NULL, sizeof(map), false), -EINVAL);
	map[0] = 1;
	IS(xenctl_vcpu_setaffinity(x, domid, 0, map, NULL, sizeof(map), false), 0);
	IS(xenctl_vcpu_setaffinity(x, domid, 0, NULL, map, sizeof(map), true), 0);
	IS(xenctl_vcpu_getaffinity(x, domid, 0, NULL, soft, sizeof(map)), 0);
	TRUE(soft[0] == 1 && soft[1] == 0);
	IS(xenctl_sched_credit_get(x, domid, &weight, &cap), 0);
	TRUE(weight == 256 && cap == 0);
	IS(xenctl_sched_credit_set(x, domid, 512, 0), 0);
	xenctl_sched_credit_get(x, domid, &weight, &cap);
	TRUE(weight == 512);
	IS(xenctl_domain_gettscinfo(x, domid, &tsc), 0);
	tsc.mode = 2;
	IS(xenctl_domain_settscinfo(x, domid, &tsc), 0);
	IS(xenctl_domain_pause(x, domid), 0);
	IS(xenctl_domain_unpause(x, domid), 0);
	xenctl_domain_info(x, domid, &info);
	TRUE(info.paused);				/* the builder's own pause is still there */
}

static void test_memory(struct xenctl *x, uint32_t domid)
{
	struct xenctl_e820 e820 = { .addr = 0, .size = (PAGES + 16) * 4096, .type = 1 };
	uint64_t mfn[PAGES], pfn[PAGES], one, type[2];
	const uint64_t *m2p = NULL;
	size_t entries = 0, pages = 0;
	int errs[3];
	uint64_t mixed[3];
	void *addr;
	char *p;

	for (unsigned int i = 0; i < PAGES; i++)
		mfn[i] = pfn[i] = i;
	IS(xenctl_populate_physmap(x, domid, 0, mfn, PAGES), PAGES);
	IS(xenctl_set_memory_map(x, domid, &e820, 1), 0);
	IS(xenctl_map_foreign(x, domid, PROT_READ | PROT_WRITE, mfn, PAGES, NULL, &addr), 0);
	p = addr;
	for (unsigned int i = 0; i < PAGES; i++) {
		TRUE(p[i * 4096] == 0 && p[i * 4096 + 4095] == 0);	/* scrubbed */
		p[i * 4096] = i;
	}
	xenctl_unmap(addr, PAGES);
	IS(xenctl_map_foreign_page(x, domid, PROT_READ, mfn[7], &addr), 0);
	TRUE(*(char *)addr == 7);
	xenctl_unmap(addr, 1);

	mixed[0] = mfn[3];
	mixed[1] = 1UL << 40;
	mixed[2] = mfn[4];
	IS(xenctl_map_foreign(x, domid, PROT_READ, mixed, 3, errs, &addr), 0);
	TRUE(errs[0] == 0 && errs[1] < 0 && errs[2] == 0 && ((char *)addr)[8192] == 4);
	xenctl_unmap(addr, 3);
	TRUE(xenctl_map_foreign(x, domid, PROT_READ, mixed, 3, NULL, &addr) < 0);

	pfn[5] = 500;
	IS(xenctl_m2p_update(x, domid, mfn, pfn, PAGES), 0);
	IS(xenctl_map_m2p(x, &m2p, &entries, &pages), 0);
	if (m2p) {
		TRUE(mfn[5] < entries && m2p[mfn[5]] == 500 && m2p[mfn[6]] == 6);
		xenctl_unmap((void *)m2p, pages);
	}

	IS(xenctl_pin_table(x, domid, 1, mfn[9]), -EINVAL);	/* what test_memory wrote there is no table */
	IS(xenctl_map_foreign_page(x, domid, PROT_READ | PROT_WRITE, mfn[9], &addr), 0);
	*(char *)addr = 0;
	xenctl_unmap(addr, 1);
	IS(xenctl_pin_table(x, domid, 1, mfn[9]), 0);
	type[0] = mfn[9];
	type[1] = mfn[10];
	IS(xenctl_getpageframeinfo(x, domid, type, 2), 0);
	TRUE(type[0] == (XEN_DOMCTL_PFINFO_L1TAB | XEN_DOMCTL_PFINFO_LPINTAB) && type[1] == 0);
	TRUE(xenctl_map_foreign_page(x, domid, PROT_READ | PROT_WRITE, mfn[9], &addr) < 0);
	IS(xenctl_unpin_table(x, domid, mfn[9]), 0);
	IS(xenctl_pin_table(x, domid, 5, mfn[9]), -EINVAL);

	one = mfn[PAGES - 1];
	IS(xenctl_decrease_reservation(x, domid, 0, &one, 1), 1);
	for (unsigned int i = 0; i < PAGES; i++)
		pfn[i] = PAGES + i;
	one = xenctl_populate_physmap(x, domid, 0, pfn, PAGES);	/* more than it may have */
	want(one < PAGES, "populate beyond max_mem", one);

	IS(xenctl_grant_seed(x, domid, 1, 0, mfn[20]), 0);
	IS(xenctl_grant_seed(x, domid, 600, 0, mfn[21]), 0);
}

/* The seeds of test_memory can be mapped. */
static void test_grants(uint32_t domid)
{
	uint32_t refs[2] = { 1, 600 }, bad = 2;
	struct xenctl_gnttab *g;
	void *addr;

	IS(xenctl_gnttab_open(&g), 0);
	IS(xenctl_gnttab_map(g, domid, refs, 2, PROT_READ | PROT_WRITE, &addr), 0);
	TRUE(((char *)addr)[0] == 20 && ((char *)addr)[4096] == 21);
	IS(xenctl_gnttab_notify(g, addr, 0, -1), 0);
	IS(xenctl_gnttab_unmap(g, addr, 2), 0);
	IS(xenctl_gnttab_map(g, domid, refs, 1, PROT_READ, &addr), 0);
	TRUE(((char *)addr)[0] == 0);			/* cleared at unmap, as asked */
	IS(xenctl_gnttab_unmap(g, addr, 1), 0);
	TRUE(xenctl_gnttab_map(g, domid, &bad, 1, PROT_READ, &addr) < 0);
	xenctl_gnttab_close(g);
}

static void test_events(struct xenctl *x, uint32_t domid)
{
	struct xenctl_evtchn *e;
	uint32_t port = 0, status = 99;
	int local, loop;

	IS(xenctl_evtchn_alloc_unbound(x, domid, 0, &port), 0);
	TRUE(port > 0);
	IS(xenctl_evtchn_port_status(x, domid, port, &status), 0);
	TRUE(status == EVTCHNSTAT_unbound);
	IS(xenctl_evtchn_open(&e), 0);
	local = xenctl_evtchn_bind_interdomain(e, domid, port);
	want(local > 0, "bind_interdomain", local);
	xenctl_evtchn_port_status(x, domid, port, &status);
	TRUE(status == EVTCHNSTAT_interdomain);
	IS(xenctl_evtchn_notify(e, local), 0);
	IS(xenctl_evtchn_unbind(e, local), 0);
	xenctl_evtchn_port_status(x, domid, port, &status);
	TRUE(status == EVTCHNSTAT_unbound);

	local = xenctl_evtchn_bind_unbound(e, 0);	/* a pair inside dom0: what one sends the other hears */
	want(local > 0, "bind_unbound", local);
	loop = xenctl_evtchn_bind_interdomain(e, 0, local);
	want(loop > 0, "bind_interdomain to dom0", loop);
	while (xenctl_evtchn_pending(e) > 0)
		;
	xenctl_evtchn_unmask(e, local);
	xenctl_evtchn_unmask(e, loop);
	IS(xenctl_evtchn_notify(e, loop), 0);
	IS(xenctl_evtchn_pending(e), local);
	IS(xenctl_evtchn_pending(e), 0);
	TRUE(xenctl_evtchn_bind_virq(e, VIRQ_DOM_EXC) < 0);	/* xenstored's */
	xenctl_evtchn_close(e);
	IS(xenctl_evtchn_reset(x, domid), 0);
}

static void test_vcpu(struct xenctl *x, uint32_t domid)
{
	static struct vcpu_guest_context c;

	TRUE(xenctl_vcpu_setcontext(x, domid, 7, &c) < 0);	/* no such vCPU */
	TRUE(xenctl_vcpu_getcontext(x, domid, 0, &c) < 0 || c.user_regs.rip == 0);	/* never set */
}

static int one_request(struct xenctl *x, char **argv)
{
	unsigned int n = atoi(argv[2]);
	uint8_t map = 1U << n;

	if (!strcmp(argv[1], "keys"))
		return xenctl_debug_keys(x, argv[2]) != 0;
	return n > 7 || xenctl_vcpu_setaffinity(x, 0, n, (const uint8_t *)&map, NULL, sizeof(map), false) != 0;
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* One round: how long CLEAN took, in us; the pages are added up. */
static double log_round(struct xenctl *x, uint32_t domid, uint64_t *bits, uint64_t pfns, unsigned long *pages)
{
	double began = now_us(), took;

	IS(xenctl_logdirty_clean(x, domid, (uint8_t *)bits, pfns), 0);
	took = now_us() - began;
	for (uint64_t i = 0; i < pfns / 64; i++)
		*pages += (unsigned long)__builtin_popcountll(bits[i]);
	return took;
}

/* The domain's own time includes what the hypervisor does at its faults. */
static int log_domain(struct xenctl *x, uint32_t domid, int rounds)
{
	static uint64_t bits[2048];	/* of 512 MiB */
	struct xenctl_dominfo before, after;
	unsigned long pages = 0;
	double clean = 0;

	IS(rounds ? xenctl_logdirty_enable(x, domid) : 0, 0);
	IS(xenctl_domain_info(x, domid, &before), 0);
	for (int i = 0; i < (rounds ? rounds : 20); i++) {
		usleep(50000);
		clean += rounds ? log_round(x, domid, bits, sizeof(bits) * 8, &pages) : 0;
	}
	IS(xenctl_domain_info(x, domid, &after), 0);
	IS(rounds ? xenctl_logdirty_off(x, domid) : 0, 0);
	printf("%d rounds: domain %.1f ms, CLEAN %.1f us, %.1f pages\n", rounds,
	       (double)(after.cpu_time - before.cpu_time) / 1e6, rounds ? clean / rounds : 0,
	       rounds ? (double)pages / rounds : 0);
	return failures != 0;
}

int main(int argc, char **argv)
{
	struct xenctl_create c = { .handle = { 1, 2, 3 }, .max_vcpus = 2, .max_evtchn_port = 1023,
				   .max_grant_frames = 4, .max_maptrack_frames = 4, .max_grant_version = 1 };
	struct xenctl_dominfo info;
	uint32_t domid = 0, taken;
	struct xenctl *x;

	if (xenctl_open(&x) < 0) {
		printf("no /dev/xen/privcmd\n");
		return 1;
	}
	if (argc == 3)
		return one_request(x, argv);
	if (argc == 4)
		return log_domain(x, (uint32_t)atoi(argv[2]), atoi(argv[3]));
	test_host(x);
	IS(xenctl_domain_create(x, &c, &domid), 0);
	TRUE(domid > 0);
	taken = domid;
	IS(xenctl_domain_create(x, &c, &taken), -EEXIST);
	test_life(x, domid);
	test_memory(x, domid);
	test_grants(domid);
	test_events(x, domid);
	test_vcpu(x, domid);
	IS(xenctl_domain_destroy(x, domid), 0);
	for (int i = 0; i < 1000 && xenctl_domain_info(x, domid, &info) == 0; i++)
		;
	IS(xenctl_domain_info(x, domid, &info), -ESRCH);
	IS(xenctl_domain_destroy(x, domid), -ESRCH);
	xenctl_close(x);
	printf("%d failures\n", failures);
	return failures ? 1 : 0;
}
