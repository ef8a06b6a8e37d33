# The hypervisor: one ELF64 image $(B)/xen-lite that boots by multiboot 1 (QEMU -kernel) and multiboot 2 (GRUB).

HV_CFLAGS := -std=gnu11 -O2 -g $(WARN) -Wno-address-of-packed-member -nostdinc \
	     -isystem $(shell $(CC) -print-file-name=include) -Iinclude -Ixen-lite/include \
	     -ffreestanding -fno-builtin-printf -fno-stack-protector -fno-strict-aliasing -fno-common \
	     -fPIE -fvisibility=hidden -mcmodel=small -mno-red-zone -mgeneral-regs-only \
	     -fno-asynchronous-unwind-tables -fno-omit-frame-pointer -fcf-protection=none \
	     -include xl/visibility.h $(if $(filter 1,$(DEBUG)),-DXL_DEBUG_BUILD)

HV_C    := $(sort $(wildcard xen-lite/*/*.c))
HV_S    := $(sort $(wildcard xen-lite/*/*.S))
HV_OBJS := $(HV_C:xen-lite/%.c=$(B)/hv/%.o) $(HV_S:xen-lite/%.S=$(B)/hv/%.S.o)

ALL  += $(B)/xen-lite
HELP += 'all|the_hypervisor_and_the_tools_(default)'

$(B)/hv/%.o: xen-lite/%.c
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(CC) $(HV_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/hv/%.S.o: xen-lite/%.S
	@mkdir -p $(@D)
	@echo "  AS    $<"
	@$(CC) $(HV_CFLAGS) -D__ASSEMBLY__ -MMD -MP -c -o $@ $<
