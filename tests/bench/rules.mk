# SPDX-License-Identifier: MIT
# Measurements: not part of `make check`, no limit fails.

# Runs in dom0 and in guests: no libraries.
$(eval $(call tool,tests/bench/iobench,tests/bench/iobench.c,-static))

$(eval $(call tool,tests/bench/xs_store,tests/bench/xs_store.c $(XENSTORED_SERVER_SRCS),-lz))

IO_GUEST := $(B)/tests/bench/io-guest.cpio
$(IO_GUEST): $(B)/guest.cpio $(B)/tests/bench/iobench tests/bench/rules.mk
	@echo "  CPIO  tests/bench/io-guest.cpio"
	@tests/lab/make-initramfs -k $(B)/kernel -m tests/lab/guest/modules.list -s tests/lab/guest/root \
		-p $(B)/tests/bench/iobench:/usr/bin/iobench $@

HELP += "bench|measure_start-up_beside_Debian's_Xen,_and_the_store;_on_an_idle_machine"
HELP += "bench-io|measure_disks_and_networks_of_guests_beside_Debian's_Xen"

HELP += "bench-migrate|measure_live_migration_between_two_hosts,_and_save_and_restore_beside_Debian's_Xen"

.PHONY: bench bench-io bench-migrate
bench-migrate: all peer $(B)/guest-save.cpio $(B)/tests/system/numbers
	@B=$(B) tests/bench/migrate $(RUNS)

bench: all peer $(B)/tests/bench/xs_store
	@$(B)/tests/bench/xs_store
	@B=$(B) tests/bench/start-up $(RUNS)

bench-io: all peer $(IO_GUEST)
	@B=$(B) tests/bench/io $(RUNS)

# Runs everywhere: no libraries.
$(eval $(call tool,tests/bench/ptbench,tests/bench/ptbench.c,-static))

HELP += "bench-guest-kernel|measure_what_the_guest_patches_gain"
.PHONY: bench-guest-kernel
bench-guest-kernel: all peer guest-kernel guest-kernel-plain $(B)/guest-kernel/guest.cpio $(B)/tests/bench/ptbench
	@B=$(B) tests/bench/guest-kernel $(RUNS)
