# SPDX-License-Identifier: MIT
# The event loop, for the daemons that use it, and its unit test.
EV_SRCS := dom0-tools/lib/ev/ev.c
# What a daemon does at its start.
DAEMON_SRCS := $(EV_SRCS) dom0-tools/lib/ev/daemon.c

$(eval $(call unit_test,test_ev,tests/unit/test_ev.c $(EV_SRCS)))
