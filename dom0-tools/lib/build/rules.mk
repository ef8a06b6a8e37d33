# SPDX-License-Identifier: MIT
# Kernel image loading and guest building. A program that links $(BUILD_SRC) adds $(BUILD_LIBS) and lib/xenctl.

IMAGE_SRC  := $(addprefix dom0-tools/lib/build/,image.c elf.c bzimage.c decompress.c)
BUILD_SRC  := $(IMAGE_SRC) $(addprefix dom0-tools/lib/build/,layout.c pagetable.c pv_build.c)
BUILD_LIBS := -llzma -lz -lzstd -llz4 -lbz2

$(eval $(call unit_test,test_image,tests/unit/test_image.c $(IMAGE_SRC),$(BUILD_LIBS)))
