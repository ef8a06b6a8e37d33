# SPDX-License-Identifier: MIT
# xenstored, and the tests of its parts that need no hypervisor.
XENSTORED_STORE_SRCS := $(addprefix dom0-tools/xenstored/,path.c node.c tree.c tx.c watch.c)
XENSTORED_SERVER_SRCS := $(XENSTORED_STORE_SRCS) $(addprefix dom0-tools/xenstored/,conn.c special.c request.c quota.c journal.c state.c state_load.c) $(XS_WIRE_SRCS)
XENSTORED_SRCS := $(XENSTORED_SERVER_SRCS) \
		  $(addprefix dom0-tools/xenstored/,main.c sock.c ring.c domain.c) $(DAEMON_SRCS) $(XENCTL_SRCS)

$(eval $(call tool,dom0-tools/xenstored/xenstored,$(XENSTORED_SRCS),-lz))
ALL += $(B)/dom0-tools/xenstored/xenstored
DOM0_PROGRAMS += $(B)/dom0-tools/xenstored/xenstored:/usr/sbin/xenstored

$(eval $(call unit_test,test_xs_store,tests/unit/test_xs_store.c $(XENSTORED_STORE_SRCS)))
$(eval $(call unit_test,test_xs_server,tests/unit/test_xs_server.c $(XENSTORED_SERVER_SRCS) dom0-tools/xenstored/ring.c,-lz))

FUZZ_TARGETS += xs_wire
FUZZ_SRCS_xs_wire := $(XENSTORED_SERVER_SRCS)
FUZZ_LIBS_xs_wire := -lz

# The whole daemon as a process, with the checkers built in.
$(eval $(call asan_tool,tests/unit/xenstored-asan,$(XENSTORED_SRCS),-lz))
$(eval $(call unit_test,test_xs_socket,tests/unit/test_xs_socket.c $(XENSTORE_SRCS)))
$(B)/tests/unit/test_xs_socket: | $(B)/tests/unit/xenstored-asan $(B)/dom0-tools/xenstore-tools/xenstore
$(eval $(call unit_test,test_xs_restart,tests/unit/test_xs_restart.c $(XENSTORED_SERVER_SRCS) dom0-tools/xenstored/ring.c,-lz))

FUZZ_TARGETS += xs_journal
FUZZ_SRCS_xs_journal := $(XENSTORED_SERVER_SRCS)
FUZZ_LIBS_xs_journal := -lz
