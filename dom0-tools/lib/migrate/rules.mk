# SPDX-License-Identifier: MIT
# The migration stream. Readers link $(STREAM_SRCS); who saves and restores domains $(MIGRATE_SRCS), lib/ev and lib/xenctl.

STREAM_SRCS  := $(addprefix dom0-tools/lib/migrate/,stream.c check.c table.c unpack.c packing.c)
MIGRATE_SRCS := $(STREAM_SRCS) $(addprefix dom0-tools/lib/migrate/,guestmap.c save.c pages.c pack.c restore.c cpu.c commit.c)
MIGRATE_LIBS := -lxxhash -lz -llz4 -lzstd
# For a short command that has no time to load libraries.
MIGRATE_LIBS_STATIC := -lxxhash -lz -l:liblz4.a -l:libzstd.a

$(eval $(call unit_test,test_stream,tests/unit/test_stream.c $(addprefix dom0-tools/lib/migrate/,cpu.c pack.c) $(STREAM_SRCS) \
	$(DOMCFG_SRC),$(MIGRATE_LIBS) $(DOMCFG_LIBS)))

$(eval $(call unit_test,test_commit,tests/unit/test_commit.c dom0-tools/lib/migrate/commit.c,$(MIGRATE_LIBS)))

FUZZ_TARGETS += stream
FUZZ_SRCS_stream := $(STREAM_SRCS)
FUZZ_LIBS_stream := $(MIGRATE_LIBS)
