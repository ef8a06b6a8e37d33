# SPDX-License-Identifier: MIT
# xld, the management daemon.

XLD_SRCS := $(addprefix dom0-tools/xld/,main.c server.c calls.c dom.c state.c job.c create.c destroy.c store.c life.c \
	crash.c cpu.c memory.c device.c script.c vbd.c vif.c hotplug.c revive.c devcalls.c save.c restore.c \
	control.c dump.c stats.c explain.c lastwords.c)

$(call rpc_user,$(XLD_SRCS) tests/unit/test_xld_server.c tests/unit/test_xld_cpumem.c)
$(eval $(call tool,dom0-tools/xld/xld,$(XLD_SRCS) $(RPC_SRC) $(DOMCFG_SRC) $(DAEMON_SRCS) $(XENCTL_SRCS) \
	$(XENSTORE_SRCS) $(BUILD_SRCS) $(MIGRATE_SRCS) $(CORE_SRCS),$(RPC_LIBS) $(DOMCFG_LIBS) $(BUILD_LIBS)))

ALL += $(B)/dom0-tools/xld/xld
DOM0_PROGRAMS += $(B)/dom0-tools/xld/xld:/usr/sbin/xld
DOM0_PROGRAMS += dom0-tools/xld/rc.d:/etc/rc.d/20-toolstack

$(eval $(call unit_test,test_xld_server,tests/unit/test_xld_server.c dom0-tools/xld/server.c \
	$(RPC_SRC) $(EV_SRCS),$(RPC_LIBS)))
$(eval $(call unit_test,test_xld_cpumem,tests/unit/test_xld_cpumem.c $(addprefix dom0-tools/xld/,cpu.c memory.c) \
	$(RPC_SRC) $(DOMCFG_SRC),$(RPC_LIBS) $(DOMCFG_LIBS)))
