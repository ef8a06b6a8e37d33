/* SPDX-License-Identifier: MIT */
/*
 * Interrupts from their vector to whoever wants them: our own handlers, or the event channels of the guests that bound
 * the PIRQ behind which the interrupt is.
 *
 * An interrupt only ever arrives while a guest runs or a CPU idles, so the handler starts without any lock held. The
 * descriptor's lock is dropped before an event is sent: sending takes locks that come before it in the order.
 *
 * Level-triggered lines are masked when they fire and opened again when every guest that got an event has said EOI; so
 * a guest that does not answer holds back its own line and nothing else. Edges and messages need no answer. An
 * interrupt that fires more than STORM_LIMIT times in STORM_WINDOW is masked until the window ends.
 *
 * An interrupt begins at CPU 0 and follows the vCPU that its event channel is bound to: every FOLLOW_EVERY times it is
 * looked where that is. A vector means the same on all CPUs, so only the destination changes and one that is
 * under way to the old CPU is as good.
 */
#include <xl/lib.h>
#include <xl/domain.h>
#include <xl/event.h>
#include <xl/irq.h>
#include <xl/mm.h>
#include <xl/percpu.h>
#include <xl/platform.h>
#include <xl/sched.h>
#include <xl/time.h>

#define STORM_WINDOW	MILLISECS(10)
#define STORM_LIMIT	1000
#define FOLLOW_EVERY	16

static struct irq_desc *gsi_desc;	/* nr_gsis() of them */
static struct irq_desc *vector_desc[256];
static struct irq_desc *free_descs;	/* linked by data; under vector_lock */
static DEFINE_SPINLOCK(vector_lock);	/* changes of vector_desc[]; inside a descriptor's lock */

/* --- descriptors and vectors --- */

static void storm_over(void *data)
{
	struct irq_desc *desc = data;

	spin_lock(&desc->lock);
	irq_unmask(desc, IRQ_MASK_STORM);
	spin_unlock(&desc->lock);
}

static void desc_init(struct irq_desc *desc)
{
	spin_lock_init(&desc->lock);
	desc->masked = IRQ_MASK_UNBOUND;
	timer_setup(&desc->storm_timer, storm_over, desc);
}

void irq_init(void)
{
	gsi_desc = hv_alloc(nr_gsis() * sizeof(*gsi_desc));
	if (!gsi_desc && nr_gsis())
		boot_fail("no memory for %u interrupt descriptors", nr_gsis());
	for (u32 gsi = 0; gsi < nr_gsis(); gsi++) {
		desc_init(&gsi_desc[gsi]);
		gsi_desc[gsi].type = IRQ_GSI;
		gsi_desc[gsi].gsi = gsi;
		gsi_defaults(gsi, &gsi_desc[gsi].level, &gsi_desc[gsi].active_low);
	}
}

struct irq_desc *irq_gsi_desc(u32 gsi)
{
	return gsi < nr_gsis() && gsi_exists(gsi) ? &gsi_desc[gsi] : NULL;
}

/*
 * A descriptor that was freed is only ever used as a descriptor again: another CPU may still be about to lock it
 * for an interrupt that was on its way, and then finds that the vector is not its own any more.
 */
struct irq_desc *irq_desc_alloc(void)
{
	struct irq_desc *desc;

	spin_lock(&vector_lock);
	desc = free_descs;
	if (desc)
		free_descs = desc->data;
	spin_unlock(&vector_lock);
	if (desc) {
		spin_lock(&desc->lock);
		memset(&desc->type, 0, sizeof(*desc) - offsetof(struct irq_desc, type));
		desc->masked = IRQ_MASK_UNBOUND;
		timer_setup(&desc->storm_timer, storm_over, desc);
		spin_unlock(&desc->lock);
		return desc;
	}
	desc = hv_alloc(sizeof(*desc));
	if (desc)
		desc_init(desc);
	return desc;
}

void irq_desc_free(struct irq_desc *desc)
{
	timer_stop(&desc->storm_timer);
	spin_lock(&vector_lock);
	desc->data = free_descs;
	free_descs = desc;
	spin_unlock(&vector_lock);
}

static bool vector_usable(unsigned int v)
{
	return v >= VEC_DYNAMIC_FIRST && v <= VEC_DYNAMIC_LAST && v != VEC_INT80 && v != VEC_HYPERCALL_INT82 &&
	       !vector_desc[v];
}

int irq_vectors_alloc(struct irq_desc **desc, unsigned int n)
{
	int rc = -XEN_ENOSPC;

	spin_lock(&vector_lock);
	for (unsigned int v = ROUND_UP((unsigned int)VEC_DYNAMIC_FIRST, n); v + n - 1 <= VEC_DYNAMIC_LAST; v += n) {
		unsigned int i;

		for (i = 0; i < n && vector_usable(v + i); i++)
			;
		if (i < n)
			continue;
		for (i = 0; i < n; i++) {
			desc[i]->vector = v + i;
			vector_desc[v + i] = desc[i];
		}
		rc = 0;
		break;
	}
	spin_unlock(&vector_lock);
	return rc;
}

void irq_vector_free(struct irq_desc *desc)
{
	spin_lock(&vector_lock);
	if (desc->vector)
		vector_desc[desc->vector] = NULL;
	desc->vector = 0;
	spin_unlock(&vector_lock);
}

struct irq_desc *irq_by_vector(u8 vector)
{
	return vector_desc[vector];
}

void irq_show(u8 vector)
{
	struct irq_desc *desc = vector_desc[vector];

	if (!desc)
		return;
	spin_lock(&desc->lock);
	if (desc->type == IRQ_GSI)
		printk("vector %#x: GSI %u %s", vector, desc->gsi, desc->level ? "level" : "edge");
	else
		printk("vector %#x: %s %02x:%02x.%x entry %u", vector, desc->type == IRQ_MSI ? "MSI" : "MSI-X",
		       desc->pci.bus, desc->pci.devfn >> 3, desc->pci.devfn & 7, desc->entry);
	printk(", CPU %u, %lu times, masked %#x, %u guests, %u in flight%s\n", desc->cpu, desc->count, desc->masked,
	       desc->nr_guests, desc->nr_in_flight, desc->handler ? ", ours" : "");
	spin_unlock(&desc->lock);
}

u32 irq_destination(const struct irq_desc *desc)
{
	return apic_id_of(desc->cpu);
}

static void hw_set_mask(struct irq_desc *desc, bool masked)
{
	if (desc->type == IRQ_GSI)
		ioapic_set_mask(desc, masked);
	else
		msi_set_mask(desc, masked);
}

void irq_mask(struct irq_desc *desc, u8 why)
{
	if (!desc->masked)
		hw_set_mask(desc, true);
	desc->masked |= why;
}

void irq_unmask(struct irq_desc *desc, u8 why)
{
	if (!(desc->masked & why))
		return;
	desc->masked &= ~why;
	if (!desc->masked)
		hw_set_mask(desc, false);
}

/* First use of a GSI: a vector and a redirection entry. desc->lock is held. */
static int gsi_start(struct irq_desc *desc)
{
	int rc = desc->vector ? 0 : irq_vectors_alloc(&desc, 1);

	if (!rc)
		ioapic_route(desc);
	return rc;
}

int irq_request_gsi(u32 gsi, void (*fn)(void *), void *data)
{
	struct irq_desc *desc = irq_gsi_desc(gsi);
	int rc;

	if (!desc)
		return -XEN_ENODEV;
	spin_lock(&desc->lock);
	rc = desc->handler || desc->nr_guests ? -XEN_EBUSY : gsi_start(desc);
	if (!rc) {
		desc->handler = fn;
		desc->data = data;
		irq_unmask(desc, IRQ_MASK_UNBOUND);
	}
	spin_unlock(&desc->lock);
	return rc;
}

/* --- arrival --- */

static void storm_check(struct irq_desc *desc)
{
	s_time_t t = now();

	if (t - desc->window_start > STORM_WINDOW) {
		desc->window_start = t;
		desc->window_count = 0;
	}
	if (++desc->window_count <= STORM_LIMIT || (desc->masked & IRQ_MASK_STORM))
		return;
	irq_mask(desc, IRQ_MASK_STORM);
	timer_set(&desc->storm_timer, desc->window_start + STORM_WINDOW);
	printk(XL_GUEST "interrupt storm on vector %#x (%s %u): held back\n", desc->vector,
	       desc->type == IRQ_GSI ? "GSI" : "MSI entry", desc->type == IRQ_GSI ? desc->gsi : desc->entry);
}

/* Notes which guests get an event; level lines stay masked until all of them have answered. */
static unsigned int guests_to_notify(struct irq_desc *desc, struct irq_guest *list)
{
	if (desc->level && desc->nr_guests) {
		irq_mask(desc, IRQ_MASK_IN_FLIGHT);
		desc->nr_in_flight = desc->nr_guests;
	}
	for (unsigned int i = 0; i < desc->nr_guests; i++) {
		desc->guest[i].in_flight = desc->level;
		list[i] = desc->guest[i];
		domain_hold(list[i].d);		/* bound, so it is alive */
	}
	return desc->nr_guests;
}

/* A block of plain MSIs has one destination: it follows the first one. */
static bool may_move(const struct irq_desc *desc)
{
	return desc->nr_guests == 1 && !(desc->type == IRQ_MSI && desc->entry);
}

static void send_to(struct irq_desc *desc, u8 vector, u32 cpu)
{
	spin_lock(&desc->lock);
	if (desc->vector == vector && desc->cpu != cpu) {
		desc->cpu = cpu;
		if (desc->type == IRQ_GSI)
			ioapic_send_to(desc);
		else
			msi_write(desc);
	}
	spin_unlock(&desc->lock);
}

static void device_interrupt(struct irq_desc *desc, u8 vector)
{
	struct irq_guest list[IRQ_MAX_GUESTS];
	unsigned int n = 0;
	bool follow;

	spin_lock(&desc->lock);
	if (desc->vector != vector) {	/* freed, or used anew, since we looked it up */
		spin_unlock(&desc->lock);
		apic_eoi();
		return;
	}
	desc->count++;
	storm_check(desc);
	if (desc->handler) {
		spin_unlock(&desc->lock);
		desc->handler(desc->data);
		apic_eoi();
		return;
	}
	n = guests_to_notify(desc, list);
	follow = may_move(desc) && desc->count % FOLLOW_EVERY == 0;
	apic_eoi();
	spin_unlock(&desc->lock);
	for (unsigned int i = 0; i < n; i++) {
		send_guest_pirq(list[i].d, list[i].pirq);
		if (follow)
			send_to(desc, vector, guest_pirq_cpu(list[i].d, list[i].pirq));
		domain_put(list[i].d);
	}
}

static void unexpected_vector(u8 vector)
{
	apic_eoi();
	printk(XL_GUEST "interrupt on vector %#x, which nobody uses\n", vector);
}

void irq_dispatch(u8 vector)
{
	struct irq_desc *desc;

	switch (vector) {
	case VEC_TIMER:
		apic_eoi();
		timer_interrupt();
		return;
	case VEC_IPI_CALL:
		apic_eoi();
		smp_serve();
		return;
	case VEC_IPI_RESCHED:		/* the exit path does the work */
		apic_eoi();
		sched_kicked();
		return;
	case VEC_ERROR:
		apic_eoi();
		apic_error_interrupt();
		return;
	case VEC_DYNAMIC_LAST + 1 ... VEC_DYNAMIC_LAST + 16:	/* legacy controller: spurious, not in the APIC */
	case VEC_SPURIOUS:
		return;
	}
	desc = vector_desc[vector];
	if (desc)
		device_interrupt(desc, vector);
	else
		unexpected_vector(vector);
}

/* --- guests --- */

static struct irq_desc *pirq_desc(const struct domain *d, u32 pirq)
{
	return pirq < d->nr_pirqs && d->pirq && d->pirq[pirq] ? d->pirq[pirq]->desc : NULL;
}

/* The domain's shared bitmap says which PIRQs want an EOI. */
static void eoi_map_set(struct domain *d, u32 pirq, bool needed)
{
	if (!d->pirq_eoi_map || pirq >= PAGE_SIZE * 8)
		return;
	if (needed)
		set_bit(pirq, d->pirq_eoi_map);
	else
		clear_bit(pirq, d->pirq_eoi_map);
}

static struct irq_guest *guest_find(struct irq_desc *desc, const struct domain *d, u32 pirq)
{
	for (unsigned int i = 0; i < desc->nr_guests; i++)
		if (desc->guest[i].d == d && desc->guest[i].pirq == pirq)
			return &desc->guest[i];
	return NULL;
}

static int guest_may_bind(const struct irq_desc *desc, bool will_share)
{
	if (desc->handler)
		return refuse(-XEN_EBUSY, "GSI %u belongs to the hypervisor", desc->gsi);
	if (desc->nr_guests && !(desc->type == IRQ_GSI && desc->level && desc->shareable && will_share))
		return refuse(-XEN_EBUSY, "vector %#x is bound already and cannot be shared", desc->vector);
	if (desc->nr_guests == IRQ_MAX_GUESTS)
		return refuse(-XEN_ENOSPC, "GSI %u: more than %u domains", desc->gsi, IRQ_MAX_GUESTS);
	return 0;
}

int pirq_guest_bind(struct vcpu *v, u32 pirq, bool will_share)
{
	struct domain *d = v->domain;
	struct irq_desc *desc = pirq_desc(d, pirq);
	int rc;

	if (!desc)
		return refuse(-XEN_EINVAL, "PIRQ %u is not mapped", pirq);
	spin_lock(&desc->lock);
	rc = guest_find(desc, d, pirq) ? -XEN_EEXIST : guest_may_bind(desc, will_share);
	if (!rc && !desc->nr_guests && desc->type == IRQ_GSI)
		rc = gsi_start(desc);
	if (!rc) {
		desc->shareable = will_share;
		desc->guest[desc->nr_guests++] = (struct irq_guest){ .d = d, .pirq = pirq };
		eoi_map_set(d, pirq, desc->level);
		irq_unmask(desc, IRQ_MASK_UNBOUND);
	}
	spin_unlock(&desc->lock);
	return rc;
}

/* One guest less to wait for; the last one opens the line. desc->lock is held. */
static void in_flight_end(struct irq_desc *desc, struct irq_guest *g)
{
	if (!g->in_flight)
		return;
	g->in_flight = false;
	if (--desc->nr_in_flight == 0)
		irq_unmask(desc, IRQ_MASK_IN_FLIGHT);
}

void pirq_guest_unbind(struct domain *d, u32 pirq)
{
	struct irq_desc *desc = pirq_desc(d, pirq);
	struct irq_guest *g;

	if (!desc)
		return;
	spin_lock(&desc->lock);
	g = guest_find(desc, d, pirq);
	if (g) {
		if (desc->nr_guests == 1)
			irq_mask(desc, IRQ_MASK_UNBOUND);
		in_flight_end(desc, g);
		*g = desc->guest[--desc->nr_guests];
		eoi_map_set(d, pirq, false);
	}
	spin_unlock(&desc->lock);
}

void pirq_guest_eoi(struct domain *d, u32 pirq)
{
	struct irq_desc *desc = pirq_desc(d, pirq);
	struct irq_guest *g;

	if (!desc || !desc->level)
		return;
	spin_lock(&desc->lock);
	g = guest_find(desc, d, pirq);
	if (g)
		in_flight_end(desc, g);
	spin_unlock(&desc->lock);
}

/* A guest that opens the port again takes the next interrupt, even if it never said EOI. */
void pirq_guest_unmask(struct domain *d, u32 pirq)
{
	pirq_guest_eoi(d, pirq);
}
