# SPDX-License-Identifier: MIT
# The migration stream. Readers link $(STREAM_SRCS); who saves and restores domains $(MIGRATE_SRCS), lib/ev and lib/xenctl.

STREAM_SRCS  := $(addprefix dom0-tools/lib/migrate/,stream.c check.c table.c)
MIGRATE_SRCS := $(STREAM_SRCS) $(addprefix dom0-tools/lib/migrate/,guestmap.c hints.c save.c pages.c restore.c cpu.c commit.c)
MIGRATE_LIBS := -lxxhash -lz

$(eval $(call unit_test,test_stream,tests/unit/test_stream.c dom0-tools/lib/migrate/cpu.c $(STREAM_SRCS) \
	$(DOMCFG_SRC),$(MIGRATE_LIBS) $(DOMCFG_LIBS)))

$(eval $(call unit_test,test_commit,tests/unit/test_commit.c dom0-tools/lib/migrate/commit.c,$(MIGRATE_LIBS)))

FUZZ_TARGETS += stream
FUZZ_SRCS_stream := $(STREAM_SRCS)
FUZZ_LIBS_stream := $(MIGRATE_LIBS)
