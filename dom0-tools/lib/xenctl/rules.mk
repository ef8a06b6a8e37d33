# SPDX-License-Identifier: MIT
# Sources of the control library, for the programs that use it.
XENCTL_SRCS := $(addprefix dom0-tools/lib/xenctl/,xenctl.c map.c domain.c vcpustate.c logdirty.c memory.c host.c evtchn.c gnttab.c)
