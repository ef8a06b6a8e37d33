# SPDX-License-Identifier: MIT
# The file of a core dump.

CORE_SRCS := dom0-tools/lib/core/core.c

$(eval $(call unit_test,test_core,tests/unit/test_core.c $(CORE_SRCS),))
