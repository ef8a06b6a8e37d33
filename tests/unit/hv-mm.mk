# SPDX-License-Identifier: MIT
# Memory safety: the page-type state machine with the real validation, on a world of a few frames.

# The sources under test see the test's frames instead of the hypervisor's addresses: they are included, not linked.
CFLAGS_tests/unit/test_page_type.c := -Ixen-lite/include
$(eval $(call covered_test,test_page_type,tests/unit/test_page_type.c))

CFLAGS_tests/unit/test_page_rules.c := -Ixen-lite/include
$(eval $(call covered_test,test_page_rules,tests/unit/test_page_rules.c))

CFLAGS_tests/unit/test_frame.c := -Ixen-lite/include
$(eval $(call covered_test,test_frame,tests/unit/test_frame.c))

CFLAGS_tests/unit/test_page_alloc.c := -Ixen-lite/include
$(eval $(call covered_test,test_page_alloc,tests/unit/test_page_alloc.c))

# Includes the source as well, between names for what only the hypervisor may do.
CFLAGS_tests/unit/test_tlb.c := -Ixen-lite/include -Itests/unit -include tests/unit/hv_shim.h
$(eval $(call covered_test,test_tlb,tests/unit/test_tlb.c tests/unit/hv_shim.c xen-lite/lib/bitmap.c))

CFLAGS_tests/unit/test_harvest.c := -Ixen-lite/include
$(eval $(call covered_test,test_harvest,tests/unit/test_harvest.c))
