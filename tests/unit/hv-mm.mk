# SPDX-License-Identifier: MIT
# Memory safety: the page-type state machine with the real validation, on a world of a few frames.

MM_SOURCES := $(addprefix xen-lite/mm/,page_type.c pt_validate.c pt_write.c)
CFLAGS_tests/unit/test_page_type.c := -Ixen-lite/include
# The sources under test see the test's frames instead of the hypervisor's addresses: they are included, not linked.
$(eval $(call unit_test,test_page_type,tests/unit/test_page_type.c))
$(B)/asan/tests/unit/test_page_type.o: $(MM_SOURCES)

CFLAGS_tests/unit/test_page_alloc.c := -Ixen-lite/include
$(eval $(call unit_test,test_page_alloc,tests/unit/test_page_alloc.c))
$(B)/asan/tests/unit/test_page_alloc.o: xen-lite/mm/page_alloc.c
