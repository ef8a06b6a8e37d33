# SPDX-License-Identifier: MIT
# make install: hypervisor, tools, man pages, boot menu, start-up. Settings: DESTDIR, PREFIX.
#
# The programs are those of the lab's dom0, without what only the lab needs; /usr/ in their destinations becomes PREFIX.
# Settings of the administrator are never overwritten. `make uninstall` removes everything but these.

PREFIX ?= /usr/local
INST   := dom0-tools/install
HV_DIR := /boot/xen-lite
CONF   := /etc/default/xen-lite

src_of     = $(firstword $(subst :, ,$(1)))
dst_of     = $(lastword $(subst :, ,$(1)))
INSTALLED := $(foreach p,$(DOM0_PROGRAMS),$(if $(filter /etc/rc.d/% /root/% /lib/terminfo/% %/lab-agent %/nft,$(call dst_of,$(p))),,$(p)))
UNITS     := xenstored xenconsoled xld xen-lite xendomains

# source, destination, mode, how: f as it is, s with the @NAMES@ filled in, c only if there is none yet
define INSTALL_LIST
$(B)/xen-lite $(HV_DIR)/xen-lite 644 f
$(INST)/grub.in /etc/grub.d/21_xen_lite 755 s
$(INST)/xen-lite.conf $(CONF) 644 c
dom0-tools/xl/share/xl.bash $(PREFIX)/share/bash-completion/completions/xl 644 f
$(INST)/xen-lite.init.in /etc/init.d/xen-lite 755 s
$(INST)/xendomains.conf /etc/default/xendomains 644 c
$(INST)/xendomains.init.in /etc/init.d/xendomains 755 s
$(DOMAIN_RNG) $(PREFIX)/share/xen-lite/domain.rng 644 f
$(foreach u,$(UNITS),$(INST)/$(u).service.in $(PREFIX)/lib/systemd/system/$(u).service 644 s
)$(foreach m,$(wildcard docs/man/*.[1-8]),$(m) $(PREFIX)/share/man/man$(subst .,,$(suffix $(m)))/$(notdir $(m)) 644 f
)$(foreach p,$(INSTALLED),$(call src_of,$(p)) $(patsubst /usr/%,$(PREFIX)/%,$(call dst_of,$(p))) 755 f
)
endef

INSTALL_SED := sed -e 's|@SBINDIR@|$(PREFIX)/sbin|g' -e 's|@IMAGE@|$(HV_DIR)/xen-lite|g' -e 's|@CONF@|$(CONF)|g'

$(B)/install.list: FORCE
	@mkdir -p $(@D)
	$(file >$@,$(INSTALL_LIST))

.PHONY: install uninstall
install: $(B)/install.list $(B)/xen-lite $(foreach p,$(INSTALLED),$(call src_of,$(p)))
	@set -e; grep . $< | while read -r src dst mode how; do \
		to=$(DESTDIR)$$dst; \
		if [ $$how = c ] && [ -e "$$to" ]; then echo "  KEEP  $$to"; continue; fi; \
		echo "  INST  $$to"; \
		case $$how in \
		s) mkdir -p "$${to%/*}"; $(INSTALL_SED) "$$src" >"$$to"; chmod $$mode "$$to" ;; \
		*) install -D -m $$mode "$$src" "$$to" ;; \
		esac; \
	done
	@[ -n "$(DESTDIR)" ] || \
		echo "Now: systemctl daemon-reload; systemctl enable $(UNITS); update-grub; reboot into xen-lite"

uninstall: $(B)/install.list
	@grep . $< | while read -r src dst mode how; do \
		[ $$how = c ] || { echo "  RM    $(DESTDIR)$$dst"; rm -f "$(DESTDIR)$$dst"; }; \
	done
	@rmdir "$(DESTDIR)$(HV_DIR)" 2>/dev/null || true

HELP += 'install|into_DESTDIR,_PREFIX_(default_/usr/local);_the_hypervisor_to_/boot' 'uninstall|what_install_put_there'
