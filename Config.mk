# SPDX-License-Identifier: MIT
# Settings shared by every part of the build. Override on the command line: make B=/some/where CC=clang

VERSION := 0.1

# Where everything that is built goes.
B       ?= build

CC      := gcc
LD      := ld
AR      := ar
OBJCOPY := objcopy
NM      := nm

# The stock kernel of dom0 and of guests. Another one goes with a build directory of its own:
# make B=build-6.12 KERNEL_PACKAGE=linux-image-6.12-amd64 check-system
KERNEL_PACKAGE ?= linux-image-amd64

# Debug builds poison spent hypercall arguments and log why a request was refused.
DEBUG   ?= 1

WARN    := -Wall -Wextra -Wshadow -Wundef -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror

# Programs for the build host and for dom0.
TOOL_CFLAGS := -std=gnu11 -O2 -g $(WARN) -D_GNU_SOURCE -Iinclude -Idom0-tools/lib
# Unit tests and fuzz targets.
ASAN_CFLAGS := -std=gnu11 -O1 -g $(WARN) -D_GNU_SOURCE -Iinclude -Idom0-tools/lib \
	       -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer

# Every Debian package that the build, the demo and the tests need: `make deps` installs the missing ones.
# xenstore-utils is for a test only: its clients must get on with our daemon (the test is skipped without them).
DEB_PACKAGES := gcc make libc6-dev binutils git \
	libxml2-dev libtirpc-dev rpcsvc-proto libcunit1-dev libncurses-dev libjansson-dev \
	libgnutls28-dev libzstd-dev liblzma-dev zlib1g-dev libxxhash-dev liblz4-dev libbz2-dev libnl-genl-3-dev \
	qemu-system-x86 grub-pc-bin grub-common xorriso mtools \
	qemu-utils busybox-static e2fsprogs nftables cpio xz-utils zstd lz4 kmod cppcheck xenstore-utils gdb

# What only `make guest-kernel` and `make guest-check` need besides: `make deps-guest-kernel` installs them.
GUEST_KERNEL_PACKAGES := flex bison bc libelf-dev patch perl python3-git python3-ply quilt xz-utils
