# SPDX-License-Identifier: MIT
# The hypervisor: one ELF64 image $(B)/xen-lite that boots by multiboot 1 (QEMU -kernel) and multiboot 2 (GRUB).

HV_CFLAGS := -std=gnu11 -O2 -g $(WARN) -Wno-address-of-packed-member -nostdinc \
	     -isystem $(shell $(CC) -print-file-name=include) -Iinclude -Ixen-lite/include \
	     -ffreestanding -fno-builtin-printf -fno-stack-protector -fno-strict-aliasing -fno-common \
	     -fPIE -fvisibility=hidden -mcmodel=small -mno-red-zone -mgeneral-regs-only \
	     -fno-asynchronous-unwind-tables -fno-omit-frame-pointer -fcf-protection=none \
	     -include xl/visibility.h $(if $(filter 1,$(DEBUG)),-DXL_DEBUG_BUILD) \
	     -DXL_VERSION='"$(VERSION)"' -DXL_BUILD='"$(if $(filter 1,$(DEBUG)),debug,release)"'

HV_C    := $(sort $(filter-out xen-lite/tools/%,$(wildcard xen-lite/*/*.c)))
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

# The distribution's decompressors, for boot/unpack.c only: one object with everything in the init sections and no
# symbols but the functions called, so that nothing of it is left after boot or clashes with ours.
UNPACK_CALLS := lzma_stream_buffer_decode ZSTD_decompress ZSTD_findFrameCompressedSize ZSTD_isError \
		inflateInit2_ inflate inflateEnd LZ4_decompress_safe
UNPACK_LIBS  := $(foreach l,lzma zstd z lz4,$(shell $(CC) -print-file-name=lib$(l).a))
HV_OBJS      += $(B)/hv/unpack_libs.o

$(B)/hv/boot/unpack.o: HV_CFLAGS += -isystem /usr/include -isystem /usr/include/$(shell $(CC) -print-multiarch)

$(B)/hv/unpack_libs.o: $(UNPACK_LIBS)
	@mkdir -p $(@D)
	@echo "  LD    $@"
	@$(LD) -r -o $@ $(addprefix -u ,$(UNPACK_CALLS)) --start-group $^ --end-group
	@$(OBJCOPY) --prefix-alloc-sections=.init $(addprefix --keep-global-symbol=,$(UNPACK_CALLS)) \
		--remove-section=.eh_frame --remove-section=.rela.eh_frame $@

# Linked twice: the first image gives the symbols that the second one carries for back traces. They lie behind all code,
# so adding them moves no function.
HV_LDFLAGS := --no-warn-rwx-segments -T xen-lite/xen-lite.lds -nostdlib -static -no-pie --build-id=none -z noexecstack -z max-page-size=4096

$(B)/hv/mksyms: xen-lite/tools/mksyms.c
	@mkdir -p $(@D)
	@echo "  HOSTCC $<"
	@$(CC) $(TOOL_CFLAGS) -o $@ $<

$(B)/hv/no-symbols.S: $(B)/hv/mksyms
	@$< 0 < /dev/null > $@

$(B)/hv/symbols.S: $(B)/hv/image-1 $(B)/hv/mksyms
	@$(NM) -n $< | $(B)/hv/mksyms ffff82d080000000 > $@

$(B)/hv/symbols.o $(B)/hv/no-symbols.o: %.o: %.S
	@$(CC) -c -o $@ $<

$(B)/hv/image-1: $(HV_OBJS) $(B)/hv/no-symbols.o xen-lite/xen-lite.lds
	@echo "  LD    $@"
	@$(LD) $(HV_LDFLAGS) -o $@ $(HV_OBJS) $(B)/hv/no-symbols.o

$(B)/xen-lite: $(HV_OBJS) $(B)/hv/symbols.o xen-lite/xen-lite.lds
	@echo "  LD    $@"
	@$(LD) $(HV_LDFLAGS) -o $@ $(HV_OBJS) $(B)/hv/symbols.o

FUZZ_TARGETS      += hvelf
FUZZ_SRCS_hvelf   := xen-lite/common/elf.c xen-lite/boot/bzimage.c xen-lite/pv/dom0_layout.c
CFLAGS_tests/fuzz/fuzz_hvelf.c := -Ixen-lite/include
