# SPDX-License-Identifier: MIT
# The lab: its program and library, the stock kernel, and the initramfs of dom0 and of the example guest.

LAB_LIB := $(addprefix tests/lab/,frame.c paths.c qemu.c supervisor.c client.c host.c)

$(eval $(call tool,lab/lab,tests/lab/cli.c $(LAB_LIB),-lz))
$(eval $(call tool,lab/lab-agent,tests/lab/agent.c tests/lab/frame.c,-lutil))

# The directory appears whole (fetch-kernel), so one file of it stands for all.
KERNEL := $(B)/kernel/vmlinuz
$(KERNEL):
	@tests/lab/fetch-kernel $(B)/kernel $(KERNEL_PACKAGE)

$(B)/guest.cpio: tests/lab/make-initramfs $(KERNEL) $(shell find tests/lab/guest -type f)
	@echo "  CPIO  guest.cpio"
	@tests/lab/make-initramfs -k $(B)/kernel -m tests/lab/guest/modules.list -s tests/lab/guest/root $@

# What goes into dom0: everybody's DOM0_PROGRAMS (source:destination) and what the lab itself adds.
NFT := /usr/sbin/nft
TERMINFO := $(foreach t,l/linux x/xterm x/xterm-256color v/vt100,/lib/terminfo/$(t):/lib/terminfo/$(t))
DOM0_PROGRAMS += $(B)/lab/lab-agent:/usr/sbin/lab-agent $(NFT):$(NFT) \
	$(KERNEL):/root/guest/vmlinuz $(B)/guest.cpio:/root/guest/initramfs $(TERMINFO)

# Changes when the list does, so that the image is made anew.
$(B)/dom0.list: FORCE
	@mkdir -p $(@D) && echo '$(DOM0_PROGRAMS)' >$@.new && { cmp -s $@.new $@ && rm $@.new || mv $@.new $@; }
.PHONY: FORCE

$(B)/dom0.cpio: $(B)/dom0.list $(foreach p,$(DOM0_PROGRAMS),$(firstword $(subst :, ,$(p)))) \
		tests/lab/make-initramfs $(KERNEL) $(shell find tests/lab/dom0 -type f)
	@echo "  CPIO  dom0.cpio"
	@tests/lab/make-initramfs -k $(B)/kernel -m tests/lab/dom0/modules.list -s tests/lab/dom0/root \
		$(addprefix -p ,$(DOM0_PROGRAMS)) $@

# Debian's Xen and tools in the same dom0, to compare with. Nothing else depends on these.
PEER := $(B)/peer/xen.gz
$(PEER):
	@tests/lab/fetch-peer $(B)/peer

PEER_BIN := /usr/lib/xen-4.17/bin
PEER_PROGRAMS := $(foreach p,xenstored xen-init-dom0 xenconsoled xenconsole libxl-save-helper, \
		$(PEER_BIN)/$(p):$(PEER_BIN)/$(p)) \
	$(PEER_BIN)/xl:/usr/sbin/xl \
	$(foreach p,ls read write watch list rm chmod exists,/usr/bin/xenstore-$(p):/usr/bin/xenstore-$(p))

$(B)/peer/dom0.cpio: $(PEER) $(B)/lab/lab-agent $(KERNEL) $(B)/guest.cpio tests/lab/make-initramfs \
		tests/lab/rules.mk $(shell find tests/lab/dom0 tests/lab/peer -type f)
	@echo "  CPIO  peer/dom0.cpio"
	@tests/lab/make-initramfs -k $(B)/kernel -m tests/lab/dom0/modules.list -r $(B)/peer/root \
		-s tests/lab/dom0/root -s tests/lab/peer/root $(addprefix -p $(B)/peer/root,$(PEER_PROGRAMS)) \
		-p /lib/x86_64-linux-gnu/libgcc_s.so.1:/lib/x86_64-linux-gnu/libgcc_s.so.1 \
		-p $(B)/peer/root/etc/xen/xl.conf:/etc/xen/xl.conf \
		-p $(B)/lab/lab-agent:/usr/sbin/lab-agent -p $(KERNEL):/root/guest/vmlinuz \
		-p $(B)/guest.cpio:/root/guest/initramfs $@

# Debian's tools for a dom0 of ours: unpacked before dom0's initramfs, they lie beside our own.
PEER_TOOLS := xl libxl-save-helper xenconsole lsevtchn readnotes test-resource test-xenstore xen-cpuid xen-diag xen-hptool \
	xen-livepatch xen-mfndump xencov xenctx xenlockprof xenperf xenpm xentop xentrace
$(B)/peer/tools.cpio: $(PEER) tests/lab/make-initramfs tests/lab/rules.mk
	@echo "  CPIO  peer/tools.cpio"
	@tests/lab/make-initramfs -z none -r $(B)/peer/root -p $(B)/peer/root/etc/xen/xl.conf:/etc/xen/xl.conf \
		$(foreach p,$(PEER_TOOLS),-p $(B)/peer/root$(PEER_BIN)/$(p):$(PEER_BIN)/$(p)) \
		-p $(B)/peer/root/usr/sbin/xenhypfs:/usr/sbin/xenhypfs \
		-p /lib/x86_64-linux-gnu/libgcc_s.so.1:/lib/x86_64-linux-gnu/libgcc_s.so.1 $@

.PHONY: peer
peer: $(B)/peer/dom0.cpio $(B)/peer/tools.cpio

HELP += "peer|fetch_Debian's_Xen_and_tools_for_comparisons"

ALL  += $(B)/lab/lab $(B)/dom0.cpio

$(B)/xen-lite.iso: $(B)/xen-lite $(B)/dom0.cpio $(B)/lab/lab
	@echo "  ISO   xen-lite.iso"
	@$(B)/lab/lab iso $@

.PHONY: iso
iso: $(B)/xen-lite.iso

HELP += 'iso|xen-lite.iso:_hypervisor,_dom0_and_GRUB_on_a_bootable_CD'
