# SPDX-License-Identifier: MIT
# xl, the command line tool.

XL_SRCS := $(addprefix dom0-tools/xl/,main.c cmd_create.c cmd_list.c cmd_domain.c cmd_console.c cmd_device.c \
	cmd_host.c cmd_vcpu.c cmd_memory.c cmd_save.c cmd_store.c cmd_pki.c cmd_events.c cmd_migrate.c cmd_define.c \
	cmd_control.c cmd_absent.c cmd_top.c top.c cmd_explain.c cmd_doctor.c complete.c cmd_completion.c json.c)

$(call rpc_user,$(XL_SRCS) dom0-tools/xld/stats.c tests/unit/test_xl.c tests/unit/test_errors.c)
XL_ALL_SRCS := $(XL_SRCS) $(RPC_SRC) $(DOMCFG_SRC) $(DOMXML_SRC) $(STREAM_SRCS) $(XENSTORE_SRCS)
XL_LIBS := $(RPC_LIBS) $(DOMCFG_LIBS) $(DOMXML_LIBS) $(MIGRATE_LIBS_STATIC) -lncursesw
$(eval $(call tool,dom0-tools/xl/xl,$(XL_ALL_SRCS),$(XL_LIBS)))
# The same with TLS: xl becomes this one where it is needed, since loading GnuTLS costs as much as all else that it does.
$(eval $(call tool,dom0-tools/xl/xl-tls,$(XL_ALL_SRCS) $(RPC_TLS_SRC) $(RPC_PKI_SRC),$(XL_LIBS) $(RPC_TLS_LIBS)))

ALL += $(B)/dom0-tools/xl/xl $(B)/dom0-tools/xl/xl-tls
DOM0_PROGRAMS += $(B)/dom0-tools/xl/xl:/usr/sbin/xl $(B)/dom0-tools/xl/xl-tls:/usr/sbin/xl-tls
DOM0_PROGRAMS += dom0-tools/install/xendomains:/usr/sbin/xendomains

$(eval $(call unit_test,test_xl,tests/unit/test_xl.c dom0-tools/xl/top.c dom0-tools/xl/complete.c dom0-tools/xld/stats.c \
	$(RPC_SRC),$(RPC_LIBS)))
$(eval $(call unit_test,test_errors,tests/unit/test_errors.c $(RPC_SRC),$(RPC_LIBS)))
