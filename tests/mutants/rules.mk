# SPDX-License-Identifier: MIT
# Mutants: the hypervisor with one old mistake put back, which some test must notice (docs/tests.md).

GUEST_TESTS += 'tests/mutants/run --check'
SOAK_TESTS  += 'B=$(B) tests/mutants/run'
HELP += 'mutants|do_the_tests_notice_old_mistakes?_M=NAME:_only_this_one' \
	'mutant|the_hypervisor_with_the_mistake_M=NAME,_to_try_it'

.PHONY: mutants mutant
mutants:
	@B=$(B) tests/mutants/run $(M)

mutant:
	@B=$(B) tests/mutants/run --build $(M)
