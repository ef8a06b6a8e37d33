# SPDX-License-Identifier: MIT
# Measurements: not part of `make check`, no limit fails. docs/performance.md says what is measured and how.

# Run everywhere: no libraries.
$(eval $(call tool,tests/bench/micro,tests/bench/micro.c,-static))
$(eval $(call tool,tests/bench/iobench,tests/bench/iobench.c,-static))

$(eval $(call tool,tests/bench/xs_store,tests/bench/xs_store.c $(XENSTORED_SERVER_SRCS),-lz))

BENCH      := $(B)/tests/bench
BENCH_HERE := tests/bench/in-dom0 tests/bench/io-probe

# Sources to compile, headers, tcc.
$(BENCH)/work/usr/bin/bench-work: tests/bench/make-work tests/bench/bench-work
	@tests/bench/make-work $(BENCH)/work

# Not installed: that would start it. The libraries that a build machine may not have come with it.
NGINX_PACKAGES := nginx libpcre2-8-0 libssl3 libcrypt1
$(BENCH)/nginx/usr/sbin/nginx: tests/bench/rules.mk
	@echo "  APT   download nginx"
	@rm -rf $(BENCH)/nginx && mkdir -p $(BENCH)/nginx
	@cd $(BENCH)/nginx && apt-get -q -q -o APT::Sandbox::User=root download $(NGINX_PACKAGES)
	@for deb in $(BENCH)/nginx/*.deb; do dpkg-deb -x $$deb $(BENCH)/nginx; done; touch $@

# The lab's guest with programs; not compressed, so that dom0 can unpack it too.
BENCH_GUEST_PROGRAMS := $(BENCH)/micro:/usr/bin/micro $(BENCH)/iobench:/usr/bin/iobench /usr/bin/tcc:/usr/bin/tcc \
	/usr/bin/sqlite3:/usr/bin/sqlite3 $(BENCH)/nginx/usr/sbin/nginx:/usr/sbin/nginx
$(BENCH)/guest.cpio: $(B)/guest.cpio $(BENCH)/micro $(BENCH)/iobench $(BENCH)/work/usr/bin/bench-work \
		$(BENCH)/nginx/usr/sbin/nginx tests/bench/rules.mk
	@echo "  CPIO  tests/bench/guest.cpio"
	@tests/lab/make-initramfs -z none -k $(B)/kernel -m tests/lab/guest/modules.list -s tests/lab/guest/root -s $(BENCH)/work -r $(BENCH)/nginx \
		$(addprefix -p ,$(BENCH_GUEST_PROGRAMS)) $@

# What comes in front of dom0's initramfs.
BENCH_MORE := $(BENCH)/micro $(BENCH)/iobench $(BENCH)/guest.cpio $(BENCH_HERE)
$(BENCH)/more.cpio: $(BENCH_MORE) $(B)/tests/guest/costs/costs
	@echo "  CPIO  tests/bench/more.cpio"
	@rm -rf $(BENCH)/more && mkdir -p $(BENCH)/more/root/bench && cp $(BENCH_MORE) $(BENCH)/more/root/bench/
	@cp $(B)/tests/guest/costs/costs $(BENCH)/more/root/bench/idle
	@cd $(BENCH)/more && find root | LC_ALL=C sort | cpio --quiet --reproducible -o -H newc -R 0:0 >../more.cpio

# Debian's Xen is a release build, so ours is measured as one.
.PHONY: $(B)/release/xen-lite
$(B)/release/xen-lite:
	@$(MAKE) --no-print-directory B=$(B)/release DEBUG=0 $@

# What the benchmarks need besides: `make deps-bench`.
BENCH_PACKAGES := python3 librsvg2-bin tcc sqlite3

BENCH_NEEDS := all $(B)/release/xen-lite $(BENCH)/more.cpio $(BENCH)/xs_store $(B)/guest-save.cpio $(B)/tests/system/numbers \
	$(B)/tests/guest/run
# WHO: columns, ROWS: parts, COUNTED=1: in instructions; see tests/bench/bench.
BENCH_OPTIONS = $(if $(COUNTED),-i) $(if $(RUNS),-n $(RUNS)) $(if $(WHO),-c "$(WHO)")

HELP += "bench|measure_beside_Debian's_Xen_and_the_bare_kernel:_RUNS=3_WHO=_ROWS=;_on_an_idle_machine" \
	"bench-io|only_the_rows_of_disks_and_networks" "bench-migrate|only_migration,_save_and_restore" \
	"bench-guest-kernel|what_the_guest_patches_gain" "deps-bench|install_the_packages_that_the_benchmarks_need_(root)"

.PHONY: bench bench-io bench-migrate bench-guest-kernel deps-bench
bench: $(BENCH_NEEDS)
	@$(MAKE) --no-print-directory peer || true
	@B=$(B) tests/bench/bench $(BENCH_OPTIONS) $(if $(ROWS),-r "$(ROWS)")

# Counted in instructions, the same from run to run: ICOUNT=-u writes the golden file, ICOUNT=-x counts on Debian's Xen.
HELP += "bench-icount|count_the_instructions_of_the_small_rows,_name_those_that_got_worse"
.PHONY: bench-icount
bench-icount: all $(B)/release/xen-lite $(BENCH)/more.cpio $(B)/tests/guest/run
	@B=$(B) tests/bench/icount $(ICOUNT)

bench-io: ROWS := io
bench-migrate: ROWS := save migrate
bench-guest-kernel: ROWS := boot micro save
bench-guest-kernel: WHO := plain patched xen-plain xen-patched
bench-guest-kernel: guest-kernel guest-kernel-plain
bench-io bench-migrate bench-guest-kernel: bench

deps-bench: PACKAGES := $(BENCH_PACKAGES)
deps-bench:
	$(install_packages)
