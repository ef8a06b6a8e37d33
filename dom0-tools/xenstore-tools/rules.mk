# SPDX-License-Identifier: MIT
# The store's tools for the shell: one program under several names.
$(eval $(call tool,dom0-tools/xenstore-tools/xenstore,dom0-tools/xenstore-tools/xenstore.c $(XENSTORE_SRCS),))
ALL += $(B)/dom0-tools/xenstore-tools/xenstore
DOM0_PROGRAMS += $(foreach n,xenstore $(addprefix xenstore-,ls read write rm list exists watch chmod control), \
			$(B)/dom0-tools/xenstore-tools/xenstore:/usr/bin/$(n))
