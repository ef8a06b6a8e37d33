# SPDX-License-Identifier: MIT
# Guest tests: every folder with a main.c is a tiny PV kernel $(B)/tests/guest/NAME, started by $(B)/tests/guest/run.

GUEST_DIRS := $(filter-out lib,$(patsubst tests/guest/%/main.c,%,$(wildcard tests/guest/*/main.c)))
GUEST_LIB  := $(addprefix tests/guest/lib/,head.S entry.S trap.c main.c print.c pt.c event.c time.c user.c ap.c control.c \
	child.c store.c)
# What only some have need of.
GUEST_LIB_hostile_front := tests/guest/lib/front.c
GUEST_LIB_random_front  := tests/guest/lib/front.c
GUEST_LIB_bounds        := tests/guest/lib/stay.c tests/guest/lib/staycall.S
GUEST_LIB_logcosts      := $(GUEST_LIB_bounds)
GUEST_CFLAGS := -std=gnu11 -O2 -g $(WARN) -ffreestanding -fno-stack-protector -fno-pic -fno-pie -mcmodel=kernel \
	-mno-red-zone -mgeneral-regs-only -fno-asynchronous-unwind-tables -fcf-protection=none -Iinclude -Itests/guest/lib

$(B)/tests/guest/obj/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC    $< (guest)"
	@$(CC) $(GUEST_CFLAGS) -DTEST_NAME='"$(patsubst tests/guest/%/,%,$(dir $<))"' -MMD -MP -c -o $@ $<

$(B)/tests/guest/obj/%.o: %.S
	@mkdir -p $(@D)
	@echo "  AS    $< (guest)"
	@$(CC) $(GUEST_CFLAGS) -MMD -MP -c -o $@ $<

# The verdict names its test, so main.c of the library is compiled for each.
define guest_test
$(B)/tests/guest/$(1)/main.o: tests/guest/lib/main.c tests/guest/lib/guest.h
	@mkdir -p $$(@D)
	@$$(CC) $$(GUEST_CFLAGS) -DTEST_NAME='"$(1)"' -c -o $$@ $$<

$(B)/tests/guest/$(1)/$(1): $(patsubst %,$(B)/tests/guest/obj/tests/guest/$(1)/%.o,$(basename $(notdir $(wildcard tests/guest/$(1)/*.[cS])))) \
		$(B)/tests/guest/$(1)/main.o $(patsubst %,$(B)/tests/guest/obj/%.o,$(basename $(filter-out %/main.c,$(GUEST_LIB) $(GUEST_LIB_$(1))))) \
		tests/guest/lib/guest.lds
	@echo "  LD    tests/guest/$(1)"
	@$$(LD) -nostdlib -static -z noexecstack --no-warn-rwx-segments -T tests/guest/lib/guest.lds -o $$@ $$(filter %.o,$$^)
endef
$(foreach t,$(GUEST_DIRS),$(eval $(call guest_test,$(t))))

# A kernel without the library: bare/bare.c says why.
$(B)/tests/system/bare: tests/guest/bare/bare.c tests/guest/bare/bare.lds
	@mkdir -p $(@D)
	@echo "  LD    tests/system/bare"
	@$(CC) $(GUEST_CFLAGS) -mcmodel=small -MMD -MP -MT $@ -c -o $@.o $<
	@$(LD) -nostdlib -static -z noexecstack --no-warn-rwx-segments -T tests/guest/bare/bare.lds -o $@ $@.o

GUEST_IMAGES := $(foreach t,$(GUEST_DIRS),$(B)/tests/guest/$(t)/$(t))

$(eval $(call tool,tests/guest/run,tests/guest/runner.c,-lz))

TEST_PROGRAMS += $(B)/tests/guest/run $(GUEST_IMAGES) $(B)/tests/system/bare
GUEST_TESTS   += $(B)/tests/guest/run
# Time counts instructions: the same from run to run.
COUNTED_RUN   := $(B)/tests/guest/run -i -c max -M q35
GUEST_TESTS   += '$(COUNTED_RUN) -t 300 -g icount bounds' '$(COUNTED_RUN) -t 300 -g rounds=25 logdirty' \
		 '$(COUNTED_RUN) -t 300 -g rounds=25+helps=1 logdirty' '$(COUNTED_RUN) -g icount logcosts' \
		 '$(B)/tests/guest/run -c max -M q35 -t 200 -g helps=1 logdirty'
# SYSENTER exists in 64-bit mode on this one only.
GUEST_TESTS   += '$(B)/tests/guest/run -c qemu64,vendor=GenuineIntel -M pc syscall32'
# The random guest; in `make soak` 10 million operations.
GUEST_TESTS   += '$(COUNTED_RUN) -t 400 -g vcpus=1+seed=7+steps=400000 random' \
		 '$(COUNTED_RUN) -t 400 -g vcpus=2+seed=8+steps=200000 random'
SOAK_TESTS    += '$(COUNTED_RUN) -t 3600 -g vcpus=1+seed=9+steps=10000000 random' \
		 '$(COUNTED_RUN) -t 3600 -g vcpus=2+seed=10+steps=5000000 random'

SOAK_TESTS    += '$(B)/tests/guest/run -t 600 -g rounds=2000 context' \
		 '$(B)/tests/guest/run -t 600 -g lives=2000 deathrace'

HELP += 'bounds|measure_the_longest_stay_of_each_hypercall;_writes_docs/hypercall-bounds.md'

# Of rows with the same name and input the longest counts.
.PHONY: bounds
bounds: all $(B)/tests/guest/run $(B)/tests/guest/bounds/bounds $(B)/tests/guest/logcosts/logcosts
	@$(COUNTED_RUN) -t 300 -g icount bounds
	@$(COUNTED_RUN) -g icount logcosts
	@awk -F'|' 'FNR == NR { if ($$0 !~ /^\|/) print; else if (n++ < 2) print; next } \
		/BOUND \|/ { sub(/.*BOUND /, ""); split($$0, f, "|"); k = f[2] "|" f[3]; \
			if (!(k in row)) order[++rows] = k; if (f[4] + 0 > most[k]) { most[k] = f[4] + 0; row[k] = $$0 } } \
		END { for (i = 1; i <= rows; i++) { sub(/\r/, "", row[order[i]]); print row[order[i]] } }' \
		docs/hypercall-bounds.md $(B)/tests/guest/bounds/log $(B)/tests/guest/logcosts/log >$(B)/bounds.md && mv $(B)/bounds.md docs/hypercall-bounds.md

# The scheduler's figures, 2 s for each, and 30 s.
SHARES_RUN    := $(B)/tests/guest/run -I -c qemu64 -M q35
GUEST_TESTS   += '$(SHARES_RUN) -t 400 -g seconds=2 shares'
SOAK_TESTS    += '$(SHARES_RUN) -s 1 -t 1800 -g seconds=30 shares' '$(SHARES_RUN) -s 2 -t 1800 -g seconds=30 shares'
# Two vCPUs racing on mappings, on two and on three CPUs.
SOAK_TESTS    += '$(B)/tests/guest/run -c qemu64 -M pc -s 2 -t 900 -g seconds=600 stale' \
		 '$(B)/tests/guest/run -c max -M q35 -s 3 -t 900 -g seconds=600 stale'
# Many processors.
GUEST_TESTS   += '$(B)/tests/guest/run -c qemu64 -M q35 -s 64 -m 1024 -t 200 vcpus'
SOAK_TESTS    += '$(B)/tests/guest/run -c max -M q35 -s 200 -m 2048 -t 900 vcpus'
