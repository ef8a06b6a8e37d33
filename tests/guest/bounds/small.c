/* SPDX-License-Identifier: MIT */
/* Event channels, vCPUs, the scheduler, traps and settings, questions, multicalls. */
#include "bounds.h"

#include "public/nmi.h"

static void events(void)
{
	struct evtchn_alloc_unbound alloc = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
	struct evtchn_status status = { .dom = DOMID_SELF, .port = 2000 };
	struct evtchn_bind_ipi ipi = { .vcpu = 0 };
	struct evtchn_bind_vcpu vcpu = { .port = 2000, .vcpu = 0 };
	struct evtchn_reset reset = { .dom = DOMID_SELF };
	struct evtchn_unmask unmask = { .port = 2000 };
	unsigned int n = 1;

	while (n < EVTCHN_2L_NR_CHANNELS - 2 && !evtchn_op(EVTCHNOP_alloc_unbound, &alloc))
		n++;
	measure_ok("event_channel_op alloc_unbound", "4093 ports in use", __HYPERVISOR_event_channel_op,
		   EVTCHNOP_alloc_unbound, &alloc, 0, 0);
	measure_ok("event_channel_op bind_ipi", "4094 ports in use", __HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, &ipi, 0, 0);
	measure_ok("event_channel_op status", "one", __HYPERVISOR_event_channel_op, EVTCHNOP_status, &status, 0, 0);
	measure_ok("event_channel_op bind_vcpu", "one", __HYPERVISOR_event_channel_op, EVTCHNOP_bind_vcpu, &vcpu, 0, 0);
	measure_ok("event_channel_op unmask", "one", __HYPERVISOR_event_channel_op, EVTCHNOP_unmask, &unmask, 0, 0);
	measure_ok("event_channel_op send", "an IPI", __HYPERVISOR_event_channel_op, EVTCHNOP_send,
		   &ipi.port, 0, 0);
	measure_ok("event_channel_op close", "one", __HYPERVISOR_event_channel_op, EVTCHNOP_close, &ipi.port, 0, 0);
	measure_ok("event_channel_op reset", "4094 ports", __HYPERVISOR_event_channel_op, EVTCHNOP_reset, &reset, 0, 0);
}

static void vcpus(void)
{
	static struct vcpu_guest_context c;
	static struct vcpu_runstate_info rs;
	struct vcpu_register_runstate_memory_area area = { .addr.v = &rs };
	struct vcpu_set_singleshot_timer timer = { .timeout_abs_ns = time_now() + 1000000000000 };

	context_for(&c, ap_park, (u8 *)page_alloc() + PAGE);
	measure_ok("vcpu_op initialise", "the context of a vCPU", __HYPERVISOR_vcpu_op, VCPUOP_initialise, 1, &c, 0);
	measure_ok("vcpu_op is_up", "one", __HYPERVISOR_vcpu_op, VCPUOP_is_up, 1, 0, 0);
	measure_ok("vcpu_op get_runstate_info", "own", __HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 0, list, 0);
	measure_ok("vcpu_op register_runstate_memory_area", "own", __HYPERVISOR_vcpu_op,
		   VCPUOP_register_runstate_memory_area, 0, &area, 0);
	area.addr.v = NULL;
	measure_ok("vcpu_op register_runstate_memory_area", "none", __HYPERVISOR_vcpu_op,
		   VCPUOP_register_runstate_memory_area, 0, &area, 0);
	measure_ok("vcpu_op set_singleshot_timer", "own", __HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, &timer, 0);
	measure_ok("set_timer_op", "none", __HYPERVISOR_set_timer_op, 0, 0, 0, 0);
}

static void scheduler(void)
{
	struct sched_poll poll = { .nr_ports = 128, .timeout = time_now() + 1000000 };

	for (unsigned int i = 0; i < 128; i++)
		((u32 *)list)[i] = i + 1;
	set_xen_guest_handle(poll.ports, (void *)list);
	measure_ok("sched_op yield", "nobody else", __HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0, 0);
	/* Asleep is not busy: an event that is there already ends it at once. */
	shared->evtchn_pending[0] = ~0ul;
	measure("sched_op poll", "128 ports, one pending", __HYPERVISOR_sched_op, SCHEDOP_poll, &poll, 0, 0);
	shared->evtchn_pending[0] = 0;
}

static void settings(void)
{
	static struct trap_info traps[257];
	struct callback_register cb = { .type = CALLBACKTYPE_nmi, .address = (u64)traps };
	extern u8 event_entry[], failsafe_entry[], syscall_entry[];

	traps_copy(traps);
	for (unsigned int i = 0; i < 256; i++)
		if (!traps[i].address)
			traps[i] = (struct trap_info){ .vector = i, .cs = FLAT_KERNEL_CS, .address = (u64)event_entry };
	measure_ok("set_trap_table", "256 vectors", __HYPERVISOR_set_trap_table, traps, 0, 0, 0);
	traps_init();
	measure_ok("set_callbacks", "three", __HYPERVISOR_set_callbacks, event_entry, failsafe_entry, syscall_entry, 0);
	measure_ok("callback_op register", "one", __HYPERVISOR_callback_op, CALLBACKOP_register, &cb, 0, 0);
	cb.address = 0;
	measure("nmi_op unregister", "one", __HYPERVISOR_nmi_op, XENNMI_unregister_callback, 0, 0, 0);
	measure_ok("fpu_taskswitch", "off", __HYPERVISOR_fpu_taskswitch, 0, 0, 0, 0);
	measure_ok("get_debugreg", "one", __HYPERVISOR_get_debugreg, 7, 0, 0, 0);
	measure_ok("set_debugreg", "one", __HYPERVISOR_set_debugreg, 1, 0, 0, 0);
	measure_ok("set_segment_base", "FS", __HYPERVISOR_set_segment_base, SEGBASE_FS, 0, 0, 0);
	measure_ok("vm_assist", "one", __HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_writable_pagetables, 0, 0);
}

static void questions(void)
{
	static const struct {
		unsigned int cmd;
		const char *name;
	} all[] = {
		{ XENVER_extraversion, "extraversion" }, { XENVER_compile_info, "compile_info" },
		{ XENVER_capabilities, "capabilities" }, { XENVER_changeset, "changeset" },
		{ XENVER_platform_parameters, "platform_parameters" }, { XENVER_get_features, "get_features" },
		{ XENVER_guest_handle, "guest_handle" }, { XENVER_commandline, "commandline" },
	};

	memset(list, 0, PAGE);
	for (unsigned int i = 0; i < ARRAY_SIZE(all); i++)
		measure_ok("xen_version", all[i].name, __HYPERVISOR_xen_version, all[i].cmd, list, 0, 0);
}

static void multicalls(void)
{
	static struct trap_info traps[512];
	struct multicall_entry *m = (void *)list;

	for (unsigned int i = 0; i < LIST / 8; i++)
		m[i] = (struct multicall_entry){ .op = __HYPERVISOR_xen_version };
	measure_ok("multicall", "2048 calls that do nothing", __HYPERVISOR_multicall, m, LIST / 8, 0, 0);
	for (unsigned int i = 0; i < 511; i++)
		traps[i] = (struct trap_info){ .vector = 200, .cs = FLAT_KERNEL_CS, .address = VIRT_BASE };
	for (unsigned int i = 0; i < LIST / 8; i++)
		m[i] = (struct multicall_entry){ .op = __HYPERVISOR_set_trap_table, .args = { (u64)traps } };
	measure_ok("multicall", "2048 times set_trap_table, 511 entries", __HYPERVISOR_multicall, m, LIST / 8, 0, 0);
}

void bounds_small(void)
{
	events();
	vcpus();
	scheduler();
	settings();
	questions();
	multicalls();
}
