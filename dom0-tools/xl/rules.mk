# SPDX-License-Identifier: MIT
# xl, the command line tool.

XL_SRCS := $(addprefix dom0-tools/xl/,main.c cmd_create.c cmd_list.c cmd_domain.c cmd_console.c cmd_device.c \
	cmd_host.c cmd_vcpu.c cmd_memory.c cmd_save.c cmd_store.c cmd_control.c cmd_absent.c cmd_top.c top.c cmd_explain.c cmd_doctor.c \
	complete.c cmd_completion.c json.c)

$(call rpc_user,$(XL_SRCS) dom0-tools/xld/stats.c tests/unit/test_xl.c tests/unit/test_errors.c)
$(eval $(call tool,dom0-tools/xl/xl,$(XL_SRCS) $(RPC_SRC) $(DOMCFG_SRC) $(STREAM_SRCS) $(XENSTORE_SRCS),$(RPC_LIBS) $(DOMCFG_LIBS) $(MIGRATE_LIBS) -lncursesw))

ALL += $(B)/dom0-tools/xl/xl
DOM0_PROGRAMS += $(B)/dom0-tools/xl/xl:/usr/sbin/xl

$(eval $(call unit_test,test_xl,tests/unit/test_xl.c dom0-tools/xl/top.c dom0-tools/xl/complete.c dom0-tools/xld/stats.c \
	$(RPC_SRC),$(RPC_LIBS)))
$(eval $(call unit_test,test_errors,tests/unit/test_errors.c $(RPC_SRC),$(RPC_LIBS)))
