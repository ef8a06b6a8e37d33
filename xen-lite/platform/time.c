/* SPDX-License-Identifier: MIT */
/*
 * Time is the TSC, scaled. It is calibrated once against the ACPI timer, the HPET or the PIT; system time 0 is the
 * moment of that. Guests get the same two factors and the same zero point (pvclock), so what they compute is what
 * now() returns, and a page is written again only when something in it changes, not at every switch.
 *
 * The TSC is called reliable when its rate cannot change (the processor or the hypervisor below us says so) and all
 * CPUs' counters agree; only then do guests get the STABLE flag. Otherwise each CPU has its own zero point, and a
 * vCPU's page follows it from CPU to CPU.
 *
 * wall_lock guards the wall clock.
 */
#include <xl/time.h>
#include <xl/lib.h>
#include <xl/asm.h>
#include <xl/domain.h>
#include <xl/guest_access.h>
#include <xl/mm.h>
#include <xl/percpu.h>
#include <xl/platform.h>

#define PM_TIMER_HZ	3579545
#define PIT_HZ		1193182
#define CALIBRATE_MS	50
#define HPET_PERIOD	0x004		/* high half of the capabilities: femtoseconds */
#define HPET_CONFIG	0x010
#define HPET_COUNTER	0x0f0
#define FS_PER_NS	1000000ULL

u64 tsc_khz;
bool tsc_reliable;

static u32 scale_mul;			/* ns = ((ticks << shift) * mul) >> 32 */
static int8_t scale_shift;
DEFINE_PER_CPU(u64, tsc_zero);		/* this CPU's TSC at system time 0 */

static u64 wall_ns;			/* since the epoch, at system time 0 */
static DEFINE_SPINLOCK(wall_lock);

/* --- the reference clocks --- */

struct reference {
	const char *name;
	u64 hz;
	u64 mask;			/* of the counter: it wraps */
	u32 (*read)(void);
};

static volatile u8 *hpet;

static u32 read_pm_timer(void)
{
	return inl(acpi.pm_timer_port);
}

static u32 read_hpet(void)
{
	return *(volatile u32 *)(hpet + HPET_COUNTER);
}

/* Channel 2, started by pit_start(), counts down. */
static u32 read_pit(void)
{
	u32 lo, hi;

	outb(0x43, 0x80);
	lo = inb(0x42);
	hi = inb(0x42);
	return 0xffff - (lo | hi << 8);
}

static void pit_start(void)
{
	outb(0x61, (inb(0x61) & ~0x02) | 0x01);	/* gate on, speaker off */
	outb(0x43, 0xb0);			/* channel 2, both bytes, mode 0 */
	outb(0x42, 0xff);
	outb(0x42, 0xff);
}

static bool hpet_start(struct reference *ref)
{
	u32 period;

	if (!acpi.hpet)
		return false;
	hpet = hv_map_mmio(acpi.hpet, 1024);
	if (!hpet)
		return false;
	period = *(volatile u32 *)(hpet + HPET_PERIOD);
	if (period < 100000 || period > 100000000)
		return false;
	*(volatile u32 *)(hpet + HPET_CONFIG) |= 1;
	*ref = (struct reference){ "HPET", 1000000000ULL * FS_PER_NS / period, 0xffffffff, read_hpet };
	return true;
}

/* A counter that stands still is none. */
static bool advances(const struct reference *ref)
{
	u32 first = ref->read();

	for (unsigned int i = 0; i < 10000; i++)
		if (ref->read() != first)
			return true;
	return false;
}

static bool reference_find(struct reference *ref)
{
	if (acpi.pm_timer_port) {
		*ref = (struct reference){ "ACPI timer", PM_TIMER_HZ, acpi.pm_timer_32bit ? 0xffffffff : 0xffffff,
					   read_pm_timer };
		if (advances(ref))
			return true;
	}
	if (hpet_start(ref) && advances(ref))
		return true;
	pit_start();
	*ref = (struct reference){ "PIT", PIT_HZ, 0xffff, read_pit };
	return advances(ref);
}

/* Reads both clocks at one moment: of a few tries the one during which least time went by. */
static u32 read_pair(const struct reference *ref, u64 *tsc)
{
	u64 best = ~0ULL;
	u32 val = 0;

	for (unsigned int i = 0; i < 8; i++) {
		u64 before = rdtsc();
		u32 r = ref->read();
		u64 after = rdtsc();

		if (after - before < best) {
			best = after - before;
			*tsc = before + best / 2;
			val = r;
		}
	}
	return val;
}

static u64 measure_khz(const struct reference *ref)
{
	u64 wait = ref->hz * CALIBRATE_MS / 1000, t0, t1, ticks;
	u32 r0 = read_pair(ref, &t0), r1;

	do {
		cpu_relax();
	} while (((ref->read() - r0) & ref->mask) < wait);
	r1 = read_pair(ref, &t1);
	ticks = (r1 - r0) & ref->mask;
	return (t1 - t0) * (ref->hz / 1000) / ticks;
}

/* --- scaling --- */

static void scale_set(u64 hz)
{
	scale_shift = 0;
	while (hz > 2000000000ULL) {
		hz >>= 1;
		scale_shift--;
	}
	while (hz <= 1000000000ULL) {
		hz <<= 1;
		scale_shift++;
	}
	scale_mul = (1000000000ULL << 32) / hz;
}

static u64 scale(u64 ticks)
{
	if (scale_shift < 0)
		ticks >>= -scale_shift;
	else
		ticks <<= scale_shift;
	return (unsigned __int128)ticks * scale_mul >> 32;
}

/* The hypervisor or emulator that we run on keeps the rate constant; so do processors that say so. */
static bool tsc_rate_constant(void)
{
	return cpu_features.invariant_tsc || (cpu_features.l1_ecx & 1U << 31);
}

s_time_t now(void)
{
	return scale(rdtsc() - this_cpu(tsc_zero));
}

u64 tsc_to_ns_mul_shift(u32 *mul, int8_t *shift)
{
	*mul = scale_mul;
	*shift = scale_shift;
	return this_cpu(tsc_zero);
}

/* --- wall clock --- */

static u8 cmos(u8 reg)
{
	outb(0x70, reg);
	return inb(0x71);
}

static unsigned int from_bcd(u8 v, bool bcd)
{
	return bcd ? (v >> 4) * 10 + (v & 15) : v;
}

/* Days from 1970-01-01 to a date of the Gregorian calendar, counting years from March. */
static u64 days_since_epoch(unsigned int y, unsigned int m, unsigned int d)
{
	if (m <= 2) {
		m += 12;
		y--;
	}
	return 365ULL * y + y / 4 - y / 100 + y / 400 + (153 * m - 457) / 5 + d - 719469;
}

static u64 rtc_seconds(void)
{
	u8 r[6], again[6], status_b;
	static const u8 regs[6] = { 0, 2, 4, 7, 8, 9 };	/* s, min, h, day, month, year */
	unsigned int v[6], i, tries = 0;
	bool bcd;

	do {
		for (i = 0; i < 100000 && (cmos(0x0a) & 0x80); i++)
			;
		for (i = 0; i < 6; i++)
			r[i] = cmos(regs[i]);
		for (i = 0; i < 6; i++)
			again[i] = cmos(regs[i]);
	} while (memcmp(r, again, 6) && ++tries < 10);
	status_b = cmos(0x0b);
	bcd = !(status_b & 0x04);
	for (i = 0; i < 6; i++)
		v[i] = from_bcd(i == 2 ? r[i] & 0x7f : r[i], bcd);
	if (!(status_b & 0x02))			/* 12-hour clock; bit 7 is "pm" */
		v[2] = v[2] % 12 + (r[2] & 0x80 ? 12 : 0);
	if (v[4] < 1 || v[4] > 12 || v[3] < 1 || v[3] > 31)
		return 0;
	v[5] += v[5] < 70 ? 2000 : 1900;
	return ((days_since_epoch(v[5], v[4], v[3]) * 24 + v[2]) * 60 + v[1]) * 60 + v[0];
}

u64 wallclock_now(u32 *nsec)
{
	u64 ns;

	spin_lock(&wall_lock);
	ns = wall_ns + now();
	spin_unlock(&wall_lock);
	if (nsec)
		*nsec = ns % NS_PER_SEC;
	return ns / NS_PER_SEC;
}

void time_update_wallclock(struct domain *d)
{
	struct shared_info *s = d->shared_info;
	u64 sec;
	u32 nsec;

	if (!s)
		return;
	spin_lock(&wall_lock);
	sec = wall_ns / NS_PER_SEC + d->time_offset_seconds;
	nsec = wall_ns % NS_PER_SEC;
	ACCESS_ONCE(s->wc_version) = (s->wc_version + 1) | 1;
	smp_wmb();
	s->wc_sec = sec;
	s->wc_sec_hi = sec >> 32;
	s->wc_nsec = nsec;
	smp_wmb();
	ACCESS_ONCE(s->wc_version) = s->wc_version + 1;
	spin_unlock(&wall_lock);
}

/* It was sec.nsec at system_time. A time that puts our boot before the epoch is refused. */
int time_set_wallclock(u64 sec, u32 nsec, u64 system_time)
{
	struct domain *d;
	u64 ns;

	if (nsec >= NS_PER_SEC || __builtin_mul_overflow(sec, (u64)NS_PER_SEC, &ns) || ns + nsec < system_time)
		return refuse(-XEN_EINVAL, "%lu.%09u s at %lu ns makes no sense", sec, nsec, system_time);
	spin_lock(&wall_lock);
	wall_ns = ns + nsec - system_time;
	spin_unlock(&wall_lock);
	spin_lock(&domain_table_lock);
	list_for_each_entry(d, &domain_list, link)
		time_update_wallclock(d);
	spin_unlock(&domain_table_lock);
	return 0;
}

/* --- what vCPUs read --- */

static void time_info_fill(struct vcpu_time_info *t)
{
	memset(t, 0, sizeof(*t));
	t->tsc_timestamp = tsc_to_ns_mul_shift(&t->tsc_to_system_mul, &t->tsc_shift);
	t->flags = tsc_reliable ? XEN_PVCLOCK_TSC_STABLE_BIT : 0;
}

/* Everything behind the version and its padding. */
static bool time_info_same(const struct vcpu_time_info *a, const struct vcpu_time_info *b)
{
	return !memcmp(&a->tsc_timestamp, &b->tsc_timestamp,
		       sizeof(*a) - offsetof(struct vcpu_time_info, tsc_timestamp));
}

static void time_info_write(struct vcpu_time_info *to, struct vcpu_time_info *t)
{
	u32 version = (to->version + 1) | 1;

	ACCESS_ONCE(to->version) = version;
	smp_wmb();
	memcpy(&to->tsc_timestamp, &t->tsc_timestamp, sizeof(*t) - offsetof(struct vcpu_time_info, tsc_timestamp));
	smp_wmb();
	ACCESS_ONCE(to->version) = version + 1;
}

/* The registered copy is at a guest address, so v must be current. A page that has gone is the guest's own loss. */
static void time_copy_update(struct vcpu *v, struct vcpu_time_info *t)
{
	struct vcpu_time_info *to = (struct vcpu_time_info *)v->time_guest, old;

	v->time_pending = !v->pv.kernel_mode;	/* a kernel address: pv_enter_kernel() comes back to it */
	if (v->time_pending)
		return;
	if (copy_from_guest(&old, to, 1) || (time_info_same(&old, t) && !(old.version & 1) && old.version))
		return;
	t->version = (old.version + 1) | 1;
	if (copy_to_guest(&to->version, &t->version, 1) || copy_to_guest(to, t, 1))
		return;
	t->version++;
	if (copy_to_guest(&to->version, &t->version, 1))
		return;
}

void time_update_vcpu(struct vcpu *v)
{
	struct vcpu_time_info t;

	if (!v->info)
		return;
	time_info_fill(&t);
	if (!time_info_same(&v->info->time, &t) || !v->info->time.version)
		time_info_write(&v->info->time, &t);
	if (v->time_guest && v == current)
		time_copy_update(v, &t);
}

void time_init(void)
{
	struct reference ref;

	if (!reference_find(&ref))
		boot_fail("no clock to measure the TSC against: neither ACPI timer nor HPET nor PIT counts");
	tsc_khz = measure_khz(&ref);
	if (tsc_khz < 1000)
		boot_fail("the TSC counts %lu kHz by the %s: too slow to keep time with", tsc_khz, ref.name);
	scale_set(tsc_khz * 1000);
	this_cpu(tsc_zero) = rdtsc();
	wall_ns = rtc_seconds() * NS_PER_SEC;
	tsc_reliable = tsc_rate_constant();
	printk(XL_INFO "TSC %lu.%03lu MHz by the %s, %s\n", tsc_khz / 1000, tsc_khz % 1000, ref.name,
	       tsc_reliable ? "constant" : "rate may change");
}
