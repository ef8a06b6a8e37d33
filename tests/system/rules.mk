# SPDX-License-Identifier: MIT
# System tests: CUnit programs that drive the lab. Those that need two hosts at once run alone.

SYS_SRCS := tests/system/sys.c tests/system/audit.c tests/system/guests.c $(LAB_LIB)

# $(call system_test,NAME): $(B)/tests/system/NAME from tests/system/NAME.c.
define system_test
$(call tool,tests/system/$(1),tests/system/$(1).c $(SYS_SRCS),-lcunit -lz)
TEST_PROGRAMS += $(B)/tests/system/$(1)
endef

# The longest first: two run at a time.
SYSTEM_TEST_NAMES := test_toolstack test_guest test_cpumem test_boot test_dom0 test_disk test_net test_save test_beside test_leaks test_daemons test_store test_rpc
$(foreach t,test_lab $(SYSTEM_TEST_NAMES),$(eval $(call system_test,$(t))))

SYSTEM_TESTS       += $(SYSTEM_TEST_NAMES:%=$(B)/tests/system/%)
SYSTEM_TESTS_ALONE += $(B)/tests/system/test_lab
SOAK_TESTS         += 'CYCLES=200 $(B)/tests/system/test_leaks' 'STEPS=10000000 $(B)/tests/system/test_beside' \
		      'CYCLES=100 $(B)/tests/system/test_disk' 'CYCLES=100 $(B)/tests/system/test_net' \
		      'KILLS=200 $(B)/tests/system/test_store'

$(eval $(call tool,tests/system/leak_probe,tests/system/leak_probe.c $(XENCTL_SRCS),))
TEST_PROGRAMS += $(B)/tests/system/leak_probe

$(eval $(call tool,tests/system/xenctl_probe,tests/system/xenctl_probe.c $(XENCTL_SRCS),))
TEST_PROGRAMS += $(B)/tests/system/xenctl_probe

# Runs in dom0 and in guests: no libraries.
$(eval $(call tool,tests/system/diskcheck,tests/system/diskcheck.c,-static))

$(B)/guest-root.ext4: $(B)/guest.cpio $(B)/tests/system/diskcheck tests/lab/make-rootfs
	@echo "  EXT4  guest-root.ext4"
	@tests/lab/make-rootfs -p $(B)/tests/system/diskcheck:/usr/bin/diskcheck $(B)/guest.cpio 24 $@
TEST_PROGRAMS += $(B)/tests/system/diskcheck $(B)/guest-root.ext4

# A guest that is saved and restored while it works.
$(eval $(call tool,tests/system/memload,tests/system/memload.c,-static))

SAVE_GUEST := $(B)/tests/system/memload:/usr/bin/memload $(B)/tests/system/diskcheck:/usr/bin/diskcheck
$(B)/guest-save.cpio: tests/lab/make-initramfs $(KERNEL) $(B)/tests/system/memload $(B)/tests/system/diskcheck \
		$(shell find tests/lab/guest -type f)
	@echo "  CPIO  guest-save.cpio"
	@tests/lab/make-initramfs -k $(B)/kernel -m tests/lab/guest/modules.list -s tests/lab/guest/root \
		$(addprefix -p ,$(SAVE_GUEST)) $@
TEST_PROGRAMS += $(B)/guest-save.cpio
