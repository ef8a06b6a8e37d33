# SPDX-License-Identifier: MIT
# lib/rpc: xld.x through rpcgen, framing, transports, client. Users link $(RPC_SRC) with $(RPC_LIBS) and list each of their
# sources that includes xrpc.h in $(call rpc_user,SOURCES).

RPC_GEN  := $(B)/gen/rpc
RPC_SRC  := $(addprefix dom0-tools/lib/rpc/,msg.c addr.c net.c stream.c detach.c client.c) $(RPC_GEN)/xld_xdr.c
RPC_LIBS := -ltirpc
# For programs that speak TLS as well, and for those that make certificates.
RPC_TLS_SRC  := dom0-tools/lib/rpc/tls.c
RPC_PKI_SRC  := dom0-tools/lib/rpc/pki.c
RPC_TLS_LIBS := -lgnutls
RPC_CFLAGS := -I$(RPC_GEN) -isystem /usr/include/tirpc

$(RPC_GEN)/xld.x: dom0-tools/lib/rpc/xld.x
	@mkdir -p $(@D)
	@cp $< $@

# rpcgen names its output after its input as it was given, so it runs where its input is. It does not overwrite.
$(RPC_GEN)/xld.h: $(RPC_GEN)/xld.x
	@echo "  GEN   $@"
	@rm -f $@ && cd $(@D) && rpcgen -C -h -o xld.h xld.x

$(RPC_GEN)/xld_xdr.c: $(RPC_GEN)/xld.x $(RPC_GEN)/xld.h
	@echo "  GEN   $@"
	@rm -f $@ && cd $(@D) && rpcgen -C -c -o xld_xdr.c xld.x

define rpc_user
$(foreach s,$(1),$(eval CFLAGS_$(s) += $(RPC_CFLAGS))\
	$(eval $(foreach d,obj asan fuzz,$(B)/$(d)/$(s:.c=.o)): | $(RPC_GEN)/xld.h))
endef

$(call rpc_user,$(RPC_SRC) $(RPC_TLS_SRC) $(RPC_PKI_SRC) tests/unit/test_rpc.c tests/unit/test_rpc_tls.c tests/fuzz/fuzz_rpc.c)
# rpcgen writes K&R-compatible code with unused variables and casts of function types.
CFLAGS_$(RPC_GEN)/xld_xdr.c += -Wno-unused-variable -Wno-cast-function-type -Wno-missing-prototypes

$(eval $(call unit_test,test_rpc,tests/unit/test_rpc.c $(RPC_SRC),$(RPC_LIBS)))
$(eval $(call unit_test,test_rpc_tls,tests/unit/test_rpc_tls.c $(RPC_SRC) $(RPC_TLS_SRC) \
	$(RPC_PKI_SRC),$(RPC_LIBS) $(RPC_TLS_LIBS)))

FUZZ_TARGETS += rpc
FUZZ_SRCS_rpc := $(RPC_SRC)
FUZZ_LIBS_rpc := $(RPC_LIBS)
