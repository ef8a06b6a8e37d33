# SPDX-License-Identifier: MIT
# xenconsoled, and the test of its parts that need no hypervisor.
XENCONSOLED_PARTS := $(addprefix dom0-tools/xenconsoled/,conring.c tail.c logfile.c)
XENCONSOLED_SRCS := $(XENCONSOLED_PARTS) $(addprefix dom0-tools/xenconsoled/,main.c console.c) \
		    $(DAEMON_SRCS) $(XENCTL_SRCS) $(XENSTORE_SRCS)

$(eval $(call tool,dom0-tools/xenconsoled/xenconsoled,$(XENCONSOLED_SRCS),))
ALL += $(B)/dom0-tools/xenconsoled/xenconsoled
DOM0_PROGRAMS += $(B)/dom0-tools/xenconsoled/xenconsoled:/usr/sbin/xenconsoled

$(eval $(call unit_test,test_console,tests/unit/test_console.c $(XENCONSOLED_PARTS)))
