# SPDX-License-Identifier: MIT
# Hot-plug programs, run by xld, which finds them beside itself in ../lib/xen-lite/hotplug.

HOTPLUG := /usr/lib/xen-lite/hotplug

$(eval $(call tool,dom0-tools/hotplug/block,$(addprefix dom0-tools/hotplug/,block.c loop.c) $(XENSTORE_SRCS),))
ALL += $(B)/dom0-tools/hotplug/block

CFLAGS_dom0-tools/hotplug/nbdlink.c := -isystem /usr/include/libnl3
$(eval $(call tool,dom0-tools/hotplug/block-keeper,$(addprefix dom0-tools/hotplug/,keeper.c nbdlink.c replay.c),\
	-lnl-genl-3 -lnl-3))
ALL += $(B)/dom0-tools/hotplug/block-keeper
$(eval $(call unit_test,test_replay,tests/unit/test_replay.c dom0-tools/hotplug/replay.c,))
DOM0_PROGRAMS += $(foreach p,block block-keeper,$(B)/dom0-tools/hotplug/$(p):$(HOTPLUG)/$(p))
DOM0_PROGRAMS += $(foreach s,block-qemu vif-common.sh vif-bridge vif-route vif-nat vif-openvswitch,\
	dom0-tools/hotplug/$(s):$(HOTPLUG)/$(s))
