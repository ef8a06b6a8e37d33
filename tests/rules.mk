# SPDX-License-Identifier: MIT
# What `make check` and `make soak` run, in this order. Included after every folder's rules.mk, so the lists are whole.
#
#   UNIT_TESTS     CUnit programs on the build host
#   FUZZ_TARGETS   a fixed number of inputs each (tests/fuzz/rules.mk)
#   GUEST_TESTS    commands that run tiny PV kernels on the hypervisor
#   SYSTEM_TESTS   programs that drive the lab with one QEMU each; SYSTEM_TESTS_ALONE use two
#   SOAK_TESTS     only in `make soak`

CHECK := $(B)/check

HELP += 'check|unit,_fuzz,_guest_and_system_tests;_ends_with_"N_passed,_N_failed"' \
	'check-unit|only_the_unit_tests_and_the_short_fuzz_runs' \
	'check-guest|only_the_guest_tests' 'check-system|only_the_system_tests' \
	'check-next|the_system_tests_on_a_newer_kernel_of_Debian' \
	'soak|the_long_tests'

# The figure of tests/unit/rules.mk, a test like the others.
UNIT_TESTS += $(B)/tests/unit/coverage
HELP += 'coverage|how_much_of_the_pure_parts_the_unit_tests_reach'

$(B)/tests/unit/coverage: tests/unit/coverage.sh tests/unit/rules.mk $(COVERAGE_PROGRAMS)
	@mkdir -p $(@D)
	@printf '#!/bin/sh\nexec tests/unit/coverage.sh %s "%s" "%s" %s\n' '$(B)/cov $(COVERAGE_LIMIT)' '$(COVERAGE_HELD)' \
		'$(COVERAGE_SHOWN)' '$(COVERAGE_PROGRAMS)' >$@
	@chmod +x $@

.PHONY: coverage
coverage: $(B)/tests/unit/coverage
	@$<

# $(call test_group,TITLE,OPTIONS,COMMANDS): run a group, add its counts to the total, never stop.
test_group = @$(if $(strip $(3)),echo "== $(1)"; tests/run $(2) -o $(CHECK) -c $(CHECK)/total $(3) || true,true)
test_begin = @mkdir -p $(CHECK) && rm -f $(CHECK)/total
test_end   = @awk '{ p += $$1; f += $$2 } END { printf "%d passed, %d failed\n", p, f; exit f > 0 || NR == 0 }' $(CHECK)/total

unit_group   = $(call test_group,unit tests,-j 2 -t 300,$(sort $(UNIT_TESTS)))
# $(1): the number of inputs, $(2): seconds.
fuzz_group   = $(call test_group,fuzz targets,-j 2 -t $(2),$(call fuzz_commands,$(1)))
guest_group  = $(call test_group,guest tests,-j 2 -t 600,$(GUEST_TESTS))
system_group = $(call test_group,system tests,-j 2 -t 900,$(SYSTEM_TESTS))
alone_group  = $(call test_group,system tests with two hosts,-j 1 -t 900,$(SYSTEM_TESTS_ALONE))

.PHONY: check check-unit check-guest check-system check-next soak
check: all $(UNIT_TESTS) $(FUZZ_PROGRAMS) $(TEST_PROGRAMS)
	$(test_begin)
	$(unit_group)
	$(call fuzz_group,$(FUZZ_INPUTS),300)
	$(guest_group)
	$(system_group)
	$(alone_group)
	$(test_end)

check-unit: $(UNIT_TESTS) $(FUZZ_PROGRAMS)
	$(test_begin)
	$(unit_group)
	$(call fuzz_group,$(FUZZ_INPUTS),300)
	$(test_end)

check-guest: all $(TEST_PROGRAMS)
	$(test_begin)
	$(guest_group)
	$(test_end)

check-system: all $(TEST_PROGRAMS)
	$(test_begin)
	$(system_group)
	$(alone_group)
	$(test_end)

# Another series of kernels as dom0 and guest.
NEXT_KERNEL := linux-image-6.12-amd64
check-next:
	@$(MAKE) --no-print-directory B=$(B)/next KERNEL_PACKAGE=$(NEXT_KERNEL) check-system

SOAK_TESTS += 'make --no-print-directory check-next B=$(B)'
soak: all $(FUZZ_PROGRAMS) $(TEST_PROGRAMS)
	$(test_begin)
	$(call fuzz_group,1000000,7200)
	$(call test_group,long system tests,-j 1 -t 7200,$(SOAK_TESTS))
	$(test_end)
