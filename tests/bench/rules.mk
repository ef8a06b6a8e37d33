# SPDX-License-Identifier: MIT
# Measurements: not part of `make check`, no limit fails.

HELP += "bench|measure_start-up_beside_Debian's_Xen;_on_an_idle_machine"

.PHONY: bench
$(eval $(call tool,tests/bench/xs_store,tests/bench/xs_store.c $(XENSTORED_SERVER_SRCS),-lz))

bench: all peer $(B)/tests/bench/xs_store
	@$(B)/tests/bench/xs_store
	@B=$(B) tests/bench/start-up $(RUNS)
