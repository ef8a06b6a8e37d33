# SPDX-License-Identifier: MIT
# The hypervisor's objects, each with what surrounds it replaced by tests/unit/hv_shim.c.

HV_SHIM := -Ixen-lite/include -Itests/unit -include tests/unit/hv_shim.h

CFLAGS_tests/unit/hv_shim.c            := $(HV_SHIM)
CFLAGS_tests/unit/test_evtchn.c        := $(HV_SHIM)
CFLAGS_xen-lite/common/event_channel.c := $(HV_SHIM)
$(eval $(call covered_test,test_evtchn,tests/unit/test_evtchn.c tests/unit/hv_shim.c xen-lite/common/event_channel.c xen-lite/lib/bitmap.c))

CFLAGS_tests/unit/test_evtchn_edges.c  := $(HV_SHIM)
$(eval $(call covered_test,test_evtchn_edges,tests/unit/test_evtchn_edges.c tests/unit/hv_shim.c xen-lite/common/event_channel.c xen-lite/lib/bitmap.c))

CFLAGS_tests/unit/test_sched.c         := $(HV_SHIM)
CFLAGS_xen-lite/common/sched.c         := $(HV_SHIM)
CFLAGS_xen-lite/common/sched_credit.c  := $(HV_SHIM)
CFLAGS_xen-lite/common/sched_share.c   := $(HV_SHIM)
$(eval $(call covered_test,test_sched,tests/unit/test_sched.c tests/unit/hv_shim.c xen-lite/common/sched.c xen-lite/common/sched_credit.c xen-lite/common/sched_share.c xen-lite/lib/bitmap.c))

CFLAGS_tests/unit/test_grant.c         := $(HV_SHIM)
CFLAGS_xen-lite/common/grant_table.c   := $(HV_SHIM)
$(eval $(call covered_test,test_grant,tests/unit/test_grant.c tests/unit/hv_shim.c xen-lite/common/grant_table.c xen-lite/lib/bitmap.c))

CFLAGS_tests/unit/test_grant_edges.c   := $(HV_SHIM)
$(eval $(call covered_test,test_grant_edges,tests/unit/test_grant_edges.c tests/unit/hv_shim.c xen-lite/common/grant_table.c xen-lite/lib/bitmap.c))

CFLAGS_tests/unit/test_sched_op.c      := $(HV_SHIM)
$(eval $(call covered_test,test_sched_op,tests/unit/test_sched_op.c tests/unit/hv_shim.c $(wildcard xen-lite/common/sched*.c) xen-lite/lib/bitmap.c))

CFLAGS_tests/unit/test_sched_share.c   := $(HV_SHIM)
$(eval $(call covered_test,test_sched_share,tests/unit/test_sched_share.c tests/unit/hv_shim.c xen-lite/common/sched_share.c xen-lite/lib/bitmap.c))
