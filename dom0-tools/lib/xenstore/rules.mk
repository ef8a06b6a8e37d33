# SPDX-License-Identifier: MIT
# The xenstore client library and the wire format that the daemon shares.
XS_WIRE_SRCS := dom0-tools/lib/xenstore/wire.c
XENSTORE_SRCS := $(XS_WIRE_SRCS) $(addprefix dom0-tools/lib/xenstore/,xs.c reconnect.c xs_calls.c)

$(eval $(call unit_test,test_xs_wire,tests/unit/test_xs_wire.c $(XENSTORE_SRCS)))
