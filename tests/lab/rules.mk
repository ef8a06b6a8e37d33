# The lab: its program and library, the stock kernel, and the initramfs of dom0 and of the example guest.

LAB_LIB := $(addprefix tests/lab/,frame.c paths.c qemu.c supervisor.c client.c host.c)

$(eval $(call tool,lab/lab,tests/lab/cli.c $(LAB_LIB),-lz))
$(eval $(call tool,lab/lab-agent,tests/lab/agent.c tests/lab/frame.c,-lutil))

# The directory appears whole (fetch-kernel), so one file of it stands for all.
KERNEL := $(B)/kernel/vmlinuz
$(KERNEL):
	@tests/lab/fetch-kernel $(B)/kernel

$(B)/guest.cpio: tests/lab/make-initramfs $(shell find tests/lab/guest -type f)
	@echo "  CPIO  guest.cpio"
	@tests/lab/make-initramfs -s tests/lab/guest/root $@

# What goes into dom0: everybody's DOM0_PROGRAMS (source:destination) and what the lab itself adds.
DOM0_PROGRAMS += $(B)/lab/lab-agent:/usr/sbin/lab-agent \
	$(KERNEL):/root/guest/vmlinuz $(B)/guest.cpio:/root/guest/initramfs

$(B)/dom0.cpio: $(foreach p,$(DOM0_PROGRAMS),$(firstword $(subst :, ,$(p)))) tests/lab/make-initramfs $(KERNEL) $(shell find tests/lab/dom0 -type f)
	@echo "  CPIO  dom0.cpio"
	@tests/lab/make-initramfs -k $(B)/kernel -m tests/lab/dom0/modules.list -s tests/lab/dom0/root \
		$(addprefix -p ,$(DOM0_PROGRAMS)) $@

ALL  += $(B)/lab/lab $(B)/dom0.cpio
