# SPDX-License-Identifier: MIT
# xl, the command line tool.

XL_SRCS := $(addprefix dom0-tools/xl/,main.c cmd_create.c cmd_list.c cmd_domain.c cmd_console.c cmd_device.c \
	cmd_host.c cmd_vcpu.c cmd_memory.c cmd_save.c cmd_store.c cmd_define.c)

$(call rpc_user,$(XL_SRCS))
$(eval $(call tool,dom0-tools/xl/xl,$(XL_SRCS) $(RPC_SRC) $(DOMCFG_SRC) $(DOMXML_SRC) $(STREAM_SRCS) $(XENSTORE_SRCS),$(RPC_LIBS) $(DOMCFG_LIBS) $(DOMXML_LIBS) $(MIGRATE_LIBS)))

ALL += $(B)/dom0-tools/xl/xl
DOM0_PROGRAMS += $(B)/dom0-tools/xl/xl:/usr/sbin/xl
DOM0_PROGRAMS += dom0-tools/install/xendomains:/usr/sbin/xendomains
