# SPDX-License-Identifier: MIT
# lib/domcfg: xl.cfg, JSON and XML descriptions of a domain. Users link $(DOMCFG_SRC) with $(DOMCFG_LIBS).

DOMCFG_SRC  := $(addprefix dom0-tools/lib/domcfg/,domcfg.c keys.c foreign.c cpulist.c cfg_parse.c diag.c json.c uuid.c \
	devices.c disk.c vdev.c vif.c spec.c)
DOMCFG_LIBS := -ljansson

$(eval $(call unit_test,test_domcfg,tests/unit/test_domcfg.c $(DOMCFG_SRC),$(DOMCFG_LIBS)))
$(eval $(call unit_test,test_cpulist,tests/unit/test_cpulist.c dom0-tools/lib/domcfg/cpulist.c,))
$(eval $(call unit_test,test_devspec,tests/unit/test_devspec.c $(DOMCFG_SRC),$(DOMCFG_LIBS)))

FUZZ_TARGETS += domcfg
FUZZ_SRCS_domcfg := $(DOMCFG_SRC)
FUZZ_LIBS_domcfg := $(DOMCFG_LIBS)
