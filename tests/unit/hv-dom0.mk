# SPDX-License-Identifier: MIT
# The parts of the hypervisor that carry out instructions and build dom0, as far as they are pure.

CFLAGS_tests/unit/test_insn.c := -Ixen-lite/include
CFLAGS_xen-lite/pv/insn.c     := -Ixen-lite/include
$(eval $(call covered_test,test_insn,tests/unit/test_insn.c xen-lite/pv/insn.c))

CFLAGS_tests/unit/test_cmdline.c := -Ixen-lite/include
CFLAGS_xen-lite/boot/cmdline.c   := -Ixen-lite/include
$(eval $(call unit_test,test_cmdline,tests/unit/test_cmdline.c xen-lite/boot/cmdline.c))

CFLAGS_tests/unit/test_elf.c      := -Ixen-lite/include
CFLAGS_xen-lite/common/elf.c      := -Ixen-lite/include
CFLAGS_xen-lite/boot/bzimage.c    := -Ixen-lite/include
CFLAGS_xen-lite/pv/dom0_layout.c  := -Ixen-lite/include
$(eval $(call unit_test,test_elf,tests/unit/test_elf.c xen-lite/common/elf.c xen-lite/boot/bzimage.c xen-lite/pv/dom0_layout.c))
