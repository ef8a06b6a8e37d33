# SPDX-License-Identifier: MIT
# Hot-plug programs, run by xld, which finds them beside itself in ../lib/xen-lite/hotplug.

HOTPLUG := /usr/lib/xen-lite/hotplug

$(eval $(call tool,dom0-tools/hotplug/block,$(addprefix dom0-tools/hotplug/,block.c loop.c) $(XENSTORE_SRCS),))
ALL += $(B)/dom0-tools/hotplug/block
DOM0_PROGRAMS += $(B)/dom0-tools/hotplug/block:$(HOTPLUG)/block
DOM0_PROGRAMS += $(foreach s,block-qemu vif-common.sh vif-bridge vif-route vif-nat vif-openvswitch,\
	dom0-tools/hotplug/$(s):$(HOTPLUG)/$(s))
