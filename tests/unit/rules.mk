# SPDX-License-Identifier: MIT
# The guest ABI: its numbers against literals, and each header compiled alone, as C and (constants only) as assembly.
$(eval $(call unit_test,abi,tests/unit/test_abi.c tests/unit/test_abi_values.c tests/unit/test_abi_layout.c,))

ABI_HEADERS := $(wildcard include/public/*.h include/public/io/*.h)
ABI_HEADERS_ALONE := $(ABI_HEADERS:%.h=$(B)/tests/alone/%.ok)

$(B)/tests/alone/%.ok: %.h
	@mkdir -p $(@D)
	@echo "  ALONE $<"
	@$(CC) -std=gnu11 -ffreestanding $(WARN) -fsyntax-only -MMD -MP -MF $(@:.ok=.d) -MT $@ -x c $<
	@$(if $(filter include/public/io/%,$<),,$(CC) -D__ASSEMBLY__ -Wundef -Werror -c -o /dev/null -x assembler-with-cpp $<)
	@touch $@

$(B)/tests/unit/abi: | $(ABI_HEADERS_ALONE)

# The pure parts of the hypervisor: their tests are also built with gcov's counters, into $(B)/cov, and have to take this
# share, in percent, of the branches of each file of the first list. `make coverage` shows the table, $(B)/cov/uncovered
# what is missing.
COVERAGE_LIMIT := 90
COVERAGE_HELD  := $(addprefix xen-lite/,mm/page_type.c mm/pt_validate.c mm/pt_write.c mm/page_alloc.c mm/frame.c mm/tlb.c \
	common/event_channel.c common/grant_table.c common/sched.c common/sched_credit.c \
	common/sched_share.c common/timer.c)
COVERAGE_SHOWN := $(addprefix xen-lite/,pv/insn.c)
COVERAGE_PROGRAMS :=
COV_CFLAGS := -std=gnu11 -O0 -g --coverage -fno-inline $(WARN) -D_GNU_SOURCE -Iinclude

$(B)/cov/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC    $< (coverage)"
	@$(CC) $(COV_CFLAGS) $(CFLAGS_$<) -MMD -MP -c -o $@ $<

# $(call covered_test,NAME,SOURCES): a unit test, and the same program for the figure.
define covered_test
$(call unit_test,$(1),$(2))
$(B)/cov/$(1): $(patsubst %.c,$(B)/cov/%.o,$(2))
	@echo "  LD    cov/$(1)"
	@$$(CC) --coverage -o $$@ $$^ -lcunit
COVERAGE_PROGRAMS += $(B)/cov/$(1)
endef
