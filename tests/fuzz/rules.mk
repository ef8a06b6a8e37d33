# SPDX-License-Identifier: MIT
# Fuzz targets: a folder's rules.mk says `FUZZ_TARGETS += name`, `FUZZ_SRCS_name := ...` (and FUZZ_LIBS_name); the
# entry point is tests/fuzz/fuzz_name.c, seeds are in tests/fuzz/seeds/name/. `make check` runs a fixed number of inputs
# with our own driver; `make fuzz` runs FUZZ_SECONDS with libFuzzer where clang has it.

FUZZ_INPUTS  ?= 20000
FUZZ_SECONDS ?= 60

FUZZ_CFLAGS := $(ASAN_CFLAGS) -fsanitize-coverage=trace-pc

$(B)/fuzz/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC    $< (fuzz)"
	@$(CC) $(FUZZ_CFLAGS) $(CFLAGS_$<) -MMD -MP -c -o $@ $<

define fuzz_target
$(B)/tests/fuzz/fuzz_$(1): $(patsubst %.c,$(B)/fuzz/%.o,tests/fuzz/fuzz_$(1).c $(FUZZ_SRCS_$(1))) $(B)/asan/tests/fuzz/driver.o
	@mkdir -p $$(@D)
	@echo "  LD    tests/fuzz/fuzz_$(1)"
	@$$(CC) -fsanitize=address,undefined -o $$@ $$^ $(FUZZ_LIBS_$(1))

$(B)/tests/fuzz/libfuzzer_$(1): tests/fuzz/fuzz_$(1).c $(FUZZ_SRCS_$(1))
	@mkdir -p $$(@D)
	@echo "  LD    tests/fuzz/libfuzzer_$(1)"
	@clang $$(ASAN_CFLAGS) $$(foreach s,$(FUZZ_SRCS_$(1)),$$(CFLAGS_$$(s))) -fsanitize=fuzzer -o $$@ $$^ $(FUZZ_LIBS_$(1))
endef
$(foreach t,$(sort $(FUZZ_TARGETS)),$(eval $(call fuzz_target,$(t))))

FUZZ_PROGRAMS := $(FUZZ_TARGETS:%=$(B)/tests/fuzz/fuzz_%)

# One command of tests/run for each target; $(1) is the number of inputs.
fuzz_commands = $(foreach t,$(sort $(FUZZ_TARGETS)),'$(B)/tests/fuzz/fuzz_$(t) -n $(1) tests/fuzz/seeds/$(t)')

HELP += 'fuzz|run_every_fuzz_target_for_a_minute,_with_libFuzzer_if_clang_is_there'

.PHONY: fuzz
ifneq ($(shell command -v clang),)
fuzz: $(FUZZ_TARGETS:%=$(B)/tests/fuzz/libfuzzer_%)
	@for t in $(sort $(FUZZ_TARGETS)); do \
		mkdir -p $(B)/corpus/$$t; \
		$(B)/tests/fuzz/libfuzzer_$$t -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 \
			-artifact_prefix=$(B)/crash-$$t- $(B)/corpus/$$t tests/fuzz/seeds/$$t || exit 1; \
	done
else
fuzz: $(FUZZ_PROGRAMS)
	@for t in $(sort $(FUZZ_TARGETS)); do $(B)/tests/fuzz/fuzz_$$t -n 1000000 tests/fuzz/seeds/$$t || exit 1; done
endif
