# SPDX-License-Identifier: MIT
# xld, the management daemon.

XLD_SRCS := $(addprefix dom0-tools/xld/,main.c conf.c listen.c server.c events.c calls.c dom.c state.c job.c jobcalls.c \
	create.c destroy.c store.c life.c crash.c cpu.c memory.c device.c script.c vbd.c vif.c hotplug.c revive.c devcalls.c save.c \
	restore.c suspend.c journal.c migrate.c receive.c settle.c drain.c define.c durable.c \
	control.c dump.c stats.c explain.c lastwords.c)

$(call rpc_user,$(XLD_SRCS) tests/unit/test_xld_server.c tests/unit/test_xld_cpumem.c \
	tests/unit/test_xld_conf.c tests/unit/test_xld_events.c tests/unit/test_xld_define.c tests/fuzz/fuzz_xld_conf.c)
$(eval $(call tool,dom0-tools/xld/xld,$(XLD_SRCS) $(RPC_SRC) $(RPC_TLS_SRC) $(DOMCFG_SRC) $(DOMXML_SRC) $(DAEMON_SRCS) \
	$(XENCTL_SRCS) $(XENSTORE_SRCS) $(BUILD_SRCS) $(MIGRATE_SRCS) $(CORE_SRCS),$(RPC_LIBS) $(RPC_TLS_LIBS) $(DOMCFG_LIBS) $(DOMXML_LIBS) $(BUILD_LIBS) $(MIGRATE_LIBS)))

ALL += $(B)/dom0-tools/xld/xld
DOM0_PROGRAMS += $(B)/dom0-tools/xld/xld:/usr/sbin/xld
DOM0_PROGRAMS += dom0-tools/xld/rc.d:/etc/rc.d/20-toolstack

$(eval $(call unit_test,test_xld_server,tests/unit/test_xld_server.c \
	$(addprefix dom0-tools/xld/,server.c listen.c conf.c) dom0-tools/lib/migrate/packing.c $(RPC_SRC) $(RPC_TLS_SRC) $(RPC_PKI_SRC) \
	$(EV_SRCS),$(RPC_LIBS) $(RPC_TLS_LIBS)))
$(eval $(call unit_test,test_xld_cpumem,tests/unit/test_xld_cpumem.c $(addprefix dom0-tools/xld/,cpu.c memory.c) \
	$(RPC_SRC) $(DOMCFG_SRC),$(RPC_LIBS) $(DOMCFG_LIBS)))
$(eval $(call unit_test,test_xld_conf,tests/unit/test_xld_conf.c dom0-tools/xld/conf.c dom0-tools/lib/migrate/packing.c \
	$(RPC_SRC),$(RPC_LIBS)))
$(eval $(call unit_test,test_xld_events,tests/unit/test_xld_events.c dom0-tools/xld/events.c $(RPC_SRC) $(EV_SRCS),\
	$(RPC_LIBS)))

FUZZ_TARGETS += xld_conf
FUZZ_SRCS_xld_conf := dom0-tools/xld/conf.c dom0-tools/lib/migrate/packing.c $(RPC_SRC)
FUZZ_LIBS_xld_conf := $(RPC_LIBS)
$(eval $(call unit_test,test_xld_define,tests/unit/test_xld_define.c $(addprefix dom0-tools/xld/,define.c durable.c) \
	$(RPC_SRC) $(DOMCFG_SRC) $(DOMXML_SRC),$(RPC_LIBS) $(DOMCFG_LIBS) $(DOMXML_LIBS)))
