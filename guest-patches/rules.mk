# SPDX-License-Identifier: MIT
# The guest kernel: Debian's source with our patches and a small configuration. Nothing else depends on it but its own
# tests; its packages are those of `make deps-guest-kernel`.
#
# All of it is kept in $(B)/guest-kernel: source.tar.xz, a tree for each kernel, and
#   vmlinuz        with the patches: dom0, guest and bare machine
#   vmlinuz-plain  the same without, to compare with

GK        := $(B)/guest-kernel
GK_SERIES := guest-patches/linux-6.1
GK_SOURCE := linux-source-6.1
GK_FILES  := $(GK_SERIES)/config $(GK_SERIES)/series $(wildcard $(GK_SERIES)/*.patch)

GUEST_KERNEL       := $(GK)/vmlinuz
GUEST_KERNEL_PLAIN := $(GK)/vmlinuz-plain

# Once fetched it stays: a newer one is fetched when this is removed.
$(GK)/source.tar.xz:
	@guest-patches/fetch-source $(GK_SOURCE) $@

$(GUEST_KERNEL): $(GK)/source.tar.xz $(GK_FILES) guest-patches/build
	@guest-patches/build $(GK_SERIES) $< $(GK)/linux $@

$(GUEST_KERNEL_PLAIN): $(GK)/source.tar.xz $(GK_SERIES)/config guest-patches/build
	@guest-patches/build -p $(GK_SERIES) $< $(GK)/plain $@

.PHONY: guest-kernel guest-kernel-plain guest-check deps-guest-kernel
guest-kernel: $(GUEST_KERNEL)
guest-kernel-plain: $(GUEST_KERNEL_PLAIN)

# The example guest with what the tests run in it.
GK_GUEST := $(GK)/guest.cpio
$(GK_GUEST): tests/lab/make-initramfs $(B)/kernel/vmlinuz $(B)/tests/system/ptcheck $(B)/tests/system/usercheck \
		$(B)/tests/system/memload $(B)/tests/system/diskcheck $(B)/tests/bench/micro \
		$(shell find tests/lab/guest -type f)
	@echo "  CPIO  guest-kernel/guest.cpio"
	@tests/lab/make-initramfs -k $(B)/kernel -m tests/lab/guest/modules.list -s tests/lab/guest/root \
		-p $(B)/tests/system/ptcheck:/usr/bin/ptcheck -p $(B)/tests/system/usercheck:/usr/bin/usercheck \
		-p $(B)/tests/system/memload:/usr/bin/memload -p $(B)/tests/system/diskcheck:/usr/bin/diskcheck \
		-p $(B)/tests/bench/micro:/usr/bin/micro $@

# Python, nginx and coreutils of Debian, with what they are tested by.
GK_DEBIAN := $(GK)/debian.img
$(GK_DEBIAN): tests/system/make-debian $(wildcard tests/system/debian/*)
	@echo "  EXT4  guest-kernel/debian.img"
	@tests/system/make-debian $@

GK_TESTS := 'guest-patches/check $(GK_SERIES) $(GK)/source.tar.xz $(GK)/linux' $(B)/tests/system/test_patched

guest-check: all $(GUEST_KERNEL) $(GK_GUEST) $(GK_DEBIAN) $(B)/tests/system/test_patched
	@rm -f $(GK)/total
	@tests/run -j 1 -t 3600 -o $(B)/check -c $(GK)/total $(GK_TESTS) || true
	@awk '{ p += $$1; f += $$2 } END { printf "%d passed, %d failed\n", p, f; exit f > 0 || NR == 0 }' $(GK)/total

SOAK_TESTS += 'make --no-print-directory B=$(B) guest-check' 'DEBIAN=all $(B)/tests/system/test_patched debian'

deps-guest-kernel: PACKAGES := $(GUEST_KERNEL_PACKAGES)
deps-guest-kernel:
	$(install_packages)

HELP += 'guest-kernel|the_patched_guest_kernel,_build/guest-kernel/vmlinuz' \
	'guest-kernel-plain|the_same_without_the_patches' \
	'guest-check|check_the_patches,_boot_the_kernel_everywhere' \
	'deps-guest-kernel|install_the_packages_that_guest-kernel_needs_(root)'
