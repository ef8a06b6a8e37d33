/* SPDX-License-Identifier: MIT */
/*
 * The guest and toolstack ABI against literal numbers: every structure's size and the place of each of its fields,
 * every constant, and what the macros of the headers do. The numbers are those of the Xen 4.17 interface for 64-bit PV
 * guests, taken from a compiler, not from our headers; a change that moves one breaks every guest that exists.
 */
#include <stdio.h>
#include <string.h>

#include <CUnit/Basic.h>
#include <CUnit/TestDB.h>

#include <public/callback.h>
#include <public/event_channel.h>
#include <public/io/blkif.h>
#include <public/io/console.h>
#include <public/io/netif.h>
#include <public/io/xs_wire.h>
#include <public/memory.h>
#include <public/version.h>
#include <public/xen.h>

#include "test_abi.h"

/* One assertion whose text says which number is wrong. */
static void expect(const char *what, const char *of, const char *name, long long is, long long expected)
{
	char text[200];

	snprintf(text, sizeof(text), "%s%s%s%s is %lld (0x%llx), must be %lld (0x%llx)", what, of, *of ? "." : "", name, is,
		 (unsigned long long)is, expected, (unsigned long long)expected);
	CU_assertImplementation(is == expected, __LINE__, text, __FILE__, "", CU_FALSE);
}

void abi_check_values(const struct abi_value *values)
{
	for (; values->name; values++)
		expect("", "", values->name, values->value, values->expected);
}

void abi_check_struct(const char *name, size_t size, size_t expected, const struct abi_field *fields, size_t nr_fields)
{
	size_t i;

	expect("size of ", "", name, size, expected);
	for (i = 0; i < nr_fields; i++) {
		expect("offset of ", name, fields[i].name, fields[i].offset, fields[i].expected_offset);
		expect("size of ", name, fields[i].name, fields[i].size, fields[i].expected_size);
	}
}

static void test_values(void)
{
	const struct abi_values *v;

	for (v = abi_values; v->header; v++)
		abi_check_values(v->values);
}

static void test_layouts(void)
{
	const struct abi_layouts *l;

	for (l = abi_layouts; l->header; l++)
		l->check();
}

static void test_types(void)
{
	CU_ASSERT_EQUAL(sizeof(domid_t), 2);
	CU_ASSERT_EQUAL(sizeof(evtchn_port_t), 4);
	CU_ASSERT_EQUAL(sizeof(grant_ref_t), 4);
	CU_ASSERT_EQUAL(sizeof(grant_handle_t), 4);
	CU_ASSERT_EQUAL(sizeof(grant_status_t), 2);
	CU_ASSERT_EQUAL(sizeof(xen_pfn_t), 8);
	CU_ASSERT_EQUAL(sizeof(xen_ulong_t), 8);
	CU_ASSERT_EQUAL(sizeof(xen_callback_t), 8);
	CU_ASSERT_EQUAL(sizeof(xen_domain_handle_t), 16);
	CU_ASSERT_EQUAL(sizeof(xen_uuid_t), 16);
	CU_ASSERT_EQUAL(sizeof(xen_extraversion_t), 16);
	CU_ASSERT_EQUAL(sizeof(xen_capabilities_info_t), 1024);
	CU_ASSERT_EQUAL(sizeof(xen_changeset_info_t), 64);
	CU_ASSERT_EQUAL(sizeof(xen_commandline_t), 1024);
	CU_ASSERT_EQUAL(sizeof(RING_IDX), 4);
	CU_ASSERT_EQUAL(sizeof(XENCONS_RING_IDX), 4);
	CU_ASSERT_EQUAL(sizeof(XENSTORE_RING_IDX), 4);
	CU_ASSERT(sizeof(struct start_info) <= 4096 && sizeof(struct shared_info) <= 4096);
	CU_ASSERT(sizeof(struct xencons_interface) <= 4096 && sizeof(struct xenstore_domain_interface) <= 4096);
}

/* A handle is one pointer, and takes what it is given. */
static void test_handles(void)
{
	XEN_GUEST_HANDLE(xen_pfn_t) pfns;
	XEN_GUEST_HANDLE_64(const_uint8) bytes;
	xen_pfn_t frame = 1;
	static const uint8_t byte = 1;

	CU_ASSERT_EQUAL(sizeof(pfns), 8);
	CU_ASSERT_EQUAL(sizeof(bytes), 8);
	CU_ASSERT_EQUAL(_Alignof(XEN_GUEST_HANDLE(void)), 8);
	set_xen_guest_handle(pfns, &frame);
	set_xen_guest_handle(bytes, &byte);
	CU_ASSERT_PTR_EQUAL(pfns.p, &frame);
	CU_ASSERT_PTR_EQUAL(bytes.p, &byte);
}

static void test_small_macros(void)
{
	struct trap_info ti = { .flags = 0 };
	char ring[1024];

	TI_SET_DPL(&ti, 3);
	TI_SET_IF(&ti, 8);
	CU_ASSERT_EQUAL(ti.flags, 7);
	CU_ASSERT_EQUAL(TI_GET_DPL(&ti), 3);
	CU_ASSERT_EQUAL(TI_GET_IF(&ti), 4);
	CU_ASSERT_EQUAL(xen_pfn_to_cr3(0x123456789ull), 0x123456789000ull);
	CU_ASSERT_EQUAL(xen_cr3_to_pfn(0x123456789fffull), 0x123456789ull);
	CU_ASSERT_EQUAL(XENMEMF_get_address_bits(XENMEMF_address_bits(32) | XENMEMF_exact_node(5)), 32);
	CU_ASSERT_EQUAL(XENMEMF_get_node(XENMEMF_address_bits(32) | XENMEMF_exact_node(5)), 5);
	CU_ASSERT_EQUAL(XENMEMF_exact_node(0), 0x20100);
	CU_ASSERT_EQUAL(XENMEMF_get_node(0), 0xff);
	CU_ASSERT_EQUAL(MASK_XENCONS_IDX(1025u, ring), 1);
	CU_ASSERT_EQUAL(MASK_XENSTORE_IDX(0xffffffffu), 1023);
	CU_ASSERT_STRING_EQUAL(XEN_EMULATE_PREFIX, ".byte 0x0f,0x0b,0x78,0x65,0x6e ; ");
	CU_ASSERT_STRING_EQUAL(XEN_CPUID, ".byte 0x0f,0x0b,0x78,0x65,0x6e ; cpuid");
}

static void test_ring_sizes(void)
{
	CU_ASSERT_EQUAL(__CONST_RING_SIZE(blkif, 4096), 32);
	CU_ASSERT_EQUAL(__CONST_RING_SIZE(blkif, 16 * 4096), 512);
	CU_ASSERT_EQUAL(__CONST_RING_SIZE(netif_tx, 4096), 256);
	CU_ASSERT_EQUAL(__CONST_RING_SIZE(netif_rx, 4096), 256);
	CU_ASSERT_EQUAL(XEN_RING_POW2(0), 0);
	CU_ASSERT_EQUAL(XEN_RING_POW2(1), 1);
	CU_ASSERT_EQUAL(XEN_RING_POW2(255), 128);
	CU_ASSERT_EQUAL(XEN_RING_POW2(0x80000000u), 0x80000000u);
}

/* One page between a front and a back end, started just below the wrap of the indices. */
struct ring_pair {
	union {
		netif_rx_sring_t sring;
		char page[4096];
	} shared;
	netif_rx_front_ring_t front;
	netif_rx_back_ring_t back;
};

static void ring_pair_init(struct ring_pair *p, RING_IDX start)
{
	SHARED_RING_INIT(&p->shared.sring);
	p->shared.sring.req_prod = start;
	p->shared.sring.rsp_prod = start;
	p->shared.sring.req_event = start + 1;
	p->shared.sring.rsp_event = start + 1;
	FRONT_RING_ATTACH(&p->front, &p->shared.sring, start, sizeof(p->shared.page));
	BACK_RING_ATTACH(&p->back, &p->shared.sring, start, sizeof(p->shared.page));
}

static int ring_pair_request(struct ring_pair *p, uint16_t id)
{
	int notify;

	RING_GET_REQUEST(&p->front, p->front.req_prod_pvt)->id = id;
	p->front.req_prod_pvt++;
	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&p->front, notify);
	return notify;
}

static void test_ring_messages(void)
{
	static struct ring_pair p;
	struct netif_rx_request req;
	struct netif_rx_response rsp;
	int notify, work, i;

	ring_pair_init(&p, 0xfffffff0u);
	CU_ASSERT_EQUAL(RING_SIZE(&p.front), 256);
	CU_ASSERT_EQUAL(RING_SIZE(&p.back), 256);
	for (i = 0; i < 256; i++) {
		/* Only the message at the index that was asked for needs an event. */
		CU_ASSERT_EQUAL(ring_pair_request(&p, i), i == 0);
	}
	CU_ASSERT(RING_FULL(&p.front));
	CU_ASSERT_EQUAL(XEN_RING_NR_UNCONSUMED_REQUESTS(&p.back), 256);
	for (i = 0; i < 256; i++) {
		RING_COPY_REQUEST(&p.back, p.back.req_cons, &req);
		p.back.req_cons++;
		CU_ASSERT_EQUAL(req.id, i);
		RING_GET_RESPONSE(&p.back, p.back.rsp_prod_pvt)->id = req.id;
		p.back.rsp_prod_pvt++;
	}
	RING_FINAL_CHECK_FOR_REQUESTS(&p.back, work);
	CU_ASSERT(!work);
	CU_ASSERT_EQUAL(p.shared.sring.req_event, 0xf1);
	RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&p.back, notify);
	CU_ASSERT(notify);
	CU_ASSERT_EQUAL(XEN_RING_NR_UNCONSUMED_RESPONSES(&p.front), 256);
	for (i = 0; i < 256; i++) {
		RING_COPY_RESPONSE(&p.front, p.front.rsp_cons, &rsp);
		p.front.rsp_cons++;
		CU_ASSERT_EQUAL(rsp.id, i);
	}
	RING_FINAL_CHECK_FOR_RESPONSES(&p.front, work);
	CU_ASSERT(!work);
	CU_ASSERT_EQUAL(RING_FREE_REQUESTS(&p.front), 256);
	CU_ASSERT(ring_pair_request(&p, 7));
	RING_FINAL_CHECK_FOR_REQUESTS(&p.back, work);
	CU_ASSERT(work);
}

/* A front end that lies about its index is not believed, and found out. */
static void test_ring_lies(void)
{
	static struct ring_pair p;

	ring_pair_init(&p, 100);
	p.shared.sring.req_prod = 100 + 256;
	CU_ASSERT(!RING_REQUEST_PROD_OVERFLOW(&p.back, p.shared.sring.req_prod));
	p.shared.sring.req_prod = 100 + 257;
	CU_ASSERT(RING_REQUEST_PROD_OVERFLOW(&p.back, p.shared.sring.req_prod));
	CU_ASSERT_EQUAL(XEN_RING_NR_UNCONSUMED_REQUESTS(&p.back), 256);
	p.back.req_cons = 100 + 256;
	CU_ASSERT(RING_REQUEST_CONS_OVERFLOW(&p.back, p.back.req_cons));
	CU_ASSERT(!RING_HAS_UNCONSUMED_REQUESTS(&p.back));
	p.shared.sring.rsp_prod = 99;
	CU_ASSERT(RING_RESPONSE_PROD_OVERFLOW(&p.front, p.shared.sring.rsp_prod));
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "constants", test_values },
		{ "structure layouts", test_layouts },
		{ "types", test_types },
		{ "guest handles", test_handles },
		{ "small macros", test_small_macros },
		{ "ring sizes", test_ring_sizes },
		{ "ring messages", test_ring_messages },
		{ "ring lies", test_ring_lies },
		CU_TEST_INFO_NULL
	};
	static CU_SuiteInfo suites[] = {
		{ "guest ABI", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};
	unsigned int failures;

	if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS) {
		fprintf(stderr, "abi: cannot set up CUnit: %s\n", CU_get_error_msg());
		return 1;
	}
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures != 0;
}
