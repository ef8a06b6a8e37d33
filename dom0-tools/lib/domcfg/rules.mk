# SPDX-License-Identifier: MIT
# lib/domcfg: xl.cfg, JSON and XML descriptions of a domain. Users link $(DOMCFG_SRC) with $(DOMCFG_LIBS), and for XML
# $(DOMXML_SRC) with $(DOMXML_LIBS) as well.

DOMCFG_SRC  := $(addprefix dom0-tools/lib/domcfg/,domcfg.c keys.c foreign.c cpuid.c cpulist.c cfg_parse.c diag.c json.c uuid.c \
	devices.c disk.c vdev.c vif.c spec.c)
DOMCFG_LIBS := -ljansson

# libxml2 is linked statically, without ICU (icu_none.c says why).
DOMXML_SRC  := $(addprefix dom0-tools/lib/domcfg/,xml_read.c xml_devices.c xml_write.c xml_doc.c nbd.c icu_none.c)
DOMXML_LIBS := -Wl,-Bstatic -lxml2 -Wl,-Bdynamic -lz -llzma -lm

# The schema, which is also installed.
DOMAIN_RNG := dom0-tools/lib/domcfg/domain.rng
CFLAGS_dom0-tools/lib/domcfg/xml_doc.c := -DDOMAIN_RNG='"$(DOMAIN_RNG)"'
$(foreach d,obj asan fuzz,$(B)/$(d)/dom0-tools/lib/domcfg/xml_doc.o): $(DOMAIN_RNG)
$(foreach s,$(DOMXML_SRC) tests/unit/test_domxml.c,$(eval CFLAGS_$(s) += -isystem /usr/include/libxml2))

$(eval $(call unit_test,test_domcfg,tests/unit/test_domcfg.c $(DOMCFG_SRC),$(DOMCFG_LIBS)))
$(eval $(call unit_test,test_cpulist,tests/unit/test_cpulist.c dom0-tools/lib/domcfg/cpulist.c,))
$(eval $(call unit_test,test_devspec,tests/unit/test_devspec.c $(DOMCFG_SRC),$(DOMCFG_LIBS)))
$(eval $(call unit_test,test_domxml,tests/unit/test_domxml.c $(DOMCFG_SRC) $(DOMXML_SRC),$(DOMCFG_LIBS) $(DOMXML_LIBS)))

FUZZ_TARGETS += domcfg domxml
FUZZ_SRCS_domcfg := $(DOMCFG_SRC)
FUZZ_LIBS_domcfg := $(DOMCFG_LIBS)
FUZZ_SRCS_domxml := $(DOMCFG_SRC) $(DOMXML_SRC)
FUZZ_LIBS_domxml := $(DOMCFG_LIBS) $(DOMXML_LIBS)
