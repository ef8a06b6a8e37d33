# SPDX-License-Identifier: MIT
# Kernel image loading and guest building. A program that links $(BUILD_SRCS) adds $(BUILD_LIBS) and lib/xenctl.

IMAGE_SRCS  := $(addprefix dom0-tools/lib/build/,image.c elf.c bzimage.c decompress.c cache.c)
BUILD_SRCS  := $(IMAGE_SRCS) $(addprefix dom0-tools/lib/build/,layout.c pagetable.c pv_build.c)
BUILD_LIBS := -llzma -lz -lzstd -llz4 -lbz2

$(eval $(call unit_test,test_image,tests/unit/test_image.c $(IMAGE_SRCS),$(BUILD_LIBS)))
$(eval $(call unit_test,test_layout,tests/unit/test_layout.c dom0-tools/lib/build/layout.c \
	dom0-tools/lib/build/pagetable.c $(IMAGE_SRCS),$(BUILD_LIBS)))
$(eval $(call unit_test,test_pv_build,tests/unit/test_pv_build.c $(BUILD_SRCS),$(BUILD_LIBS)))

FUZZ_TARGETS    += image
FUZZ_SRCS_image := $(IMAGE_SRCS)
FUZZ_LIBS_image := $(BUILD_LIBS)
