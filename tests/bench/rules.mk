# SPDX-License-Identifier: MIT
# Measurements: not part of `make check`, no limit fails.

HELP += "bench|measure_start-up_beside_Debian's_Xen;_on_an_idle_machine"

.PHONY: bench
bench: all peer
	@B=$(B) tests/bench/start-up $(RUNS)
