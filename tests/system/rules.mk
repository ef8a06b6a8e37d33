# SPDX-License-Identifier: MIT
# System tests: CUnit programs that drive the lab. Those that need two hosts at once run alone.

SYS_SRCS := tests/system/sys.c tests/system/audit.c tests/system/guests.c tests/system/load.c $(LAB_LIB)

# $(call system_test,NAME): $(B)/tests/system/NAME from tests/system/NAME.c.
define system_test
$(call tool,tests/system/$(1),tests/system/$(1).c $(SYS_SRCS),-lcunit -lz -ljansson)
TEST_PROGRAMS += $(B)/tests/system/$(1)
endef

# The longest first: two run at a time.
SYSTEM_TEST_NAMES := test_toolstack test_xl test_guest test_cpumem test_boot test_dom0 test_kill test_disk test_net test_save test_xml test_migrate test_beside test_leaks test_daemons test_store test_rpc
$(foreach t,test_lab test_hosts test_patched test_libxl $(SYSTEM_TEST_NAMES),$(eval $(call system_test,$(t))))

SYSTEM_TESTS       += $(SYSTEM_TEST_NAMES:%=$(B)/tests/system/%)
SYSTEM_TESTS_ALONE += $(B)/tests/system/test_lab $(B)/tests/system/test_hosts
SOAK_TESTS         += 'CYCLES=200 $(B)/tests/system/test_leaks' 'STEPS=10000000 $(B)/tests/system/test_beside' \
		      'CYCLES=100 $(B)/tests/system/test_disk' 'CYCLES=100 $(B)/tests/system/test_net' \
		      'KILLS=200 $(B)/tests/system/test_store' 'KILLS=200 $(B)/tests/system/test_kill' \
		      'FRONT_SECONDS=600 SEED=7 $(B)/tests/system/test_daemons' '$(B)/tests/system/test_libxl' \
		      'POINTS=all $(B)/tests/system/test_migrate' 'MIGRATIONS=100 POINTS=all $(B)/tests/system/test_hosts'

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

# A guest that is saved and restored, or migrated, while it works.
SAVE_PROGRAMS := memload diskcheck numbers
$(foreach p,memload numbers,$(eval $(call tool,tests/system/$(p),tests/system/$(p).c,-static)))
TEST_PROGRAMS += $(B)/tests/system/numbers

SAVE_GUEST := $(foreach p,$(SAVE_PROGRAMS),$(B)/tests/system/$(p):/usr/bin/$(p))
$(B)/guest-save.cpio: tests/lab/make-initramfs $(KERNEL) $(addprefix $(B)/tests/system/,$(SAVE_PROGRAMS)) \
		$(shell find tests/lab/guest -type f)
	@echo "  CPIO  guest-save.cpio"
	@tests/lab/make-initramfs -k $(B)/kernel -m tests/lab/guest/modules.list -s tests/lab/guest/root \
		$(addprefix -p ,$(SAVE_GUEST)) $@
TEST_PROGRAMS += $(B)/guest-save.cpio

# Debian's Open vSwitch, for the vif script that is for it.
$(B)/ovs.img: tests/system/make-ovs $(KERNEL)
	@echo "  EXT4  ovs.img"
	@tests/system/make-ovs $(B)/kernel $@
TEST_PROGRAMS += $(B)/ovs.img

# System calls of 32-bit programs.
$(B)/tests/system/sys32: tests/system/sys32.S
	@mkdir -p $(@D)
	@echo "  LD    tests/system/sys32"
	@$(CC) -m32 -nostdlib -static -no-pie -o $@ $<
TEST_PROGRAMS += $(B)/tests/system/sys32

# Does memory behave when page tables change? Runs everywhere: no libraries.
$(eval $(call tool,tests/system/ptcheck,tests/system/ptcheck.c,-static))
# Does a program find what x86 and Linux promise it?
$(eval $(call tool,tests/system/usercheck,tests/system/usercheck.c,-static))
TEST_PROGRAMS += $(B)/tests/system/ptcheck $(B)/tests/system/usercheck
