# Source of the event loop, for the daemons that use it, and its unit test.
EV_SRCS := dom0-tools/lib/ev/ev.c

$(eval $(call unit_test,test_ev,tests/unit/test_ev.c $(EV_SRCS)))
