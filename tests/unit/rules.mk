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
