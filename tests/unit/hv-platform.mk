# SPDX-License-Identifier: MIT
# The pure parts of the hypervisor's lib/, timers and table parser. What would clash with the host's C library is renamed.

HV_HOST := -Ixen-lite/include
HV_PRINTK := $(HV_HOST) -Dvsnprintf=xl_vsnprintf -Dsnprintf=xl_snprintf
HV_STRING := $(HV_HOST) $(foreach f,memcpy memmove memset memcmp memchr strlen strnlen strcmp strncmp strchr strstr strtoul,-D$(f)=xl_$(f))

CFLAGS_xen-lite/lib/printk.c     := $(HV_PRINTK)
CFLAGS_tests/unit/test_printk.c  := $(HV_PRINTK)
$(eval $(call unit_test,test_printk,tests/unit/test_printk.c xen-lite/lib/printk.c))

CFLAGS_xen-lite/lib/string.c     := $(HV_STRING) -fno-builtin
CFLAGS_tests/unit/test_string.c  := $(HV_HOST)
$(eval $(call unit_test,test_string,tests/unit/test_string.c xen-lite/lib/string.c))

CFLAGS_xen-lite/lib/bitmap.c     := $(HV_HOST)
CFLAGS_tests/unit/test_bitmap.c  := $(HV_HOST)
$(eval $(call unit_test,test_bitmap,tests/unit/test_bitmap.c xen-lite/lib/bitmap.c))

CFLAGS_tests/unit/test_timer.c   := $(HV_HOST)
$(eval $(call covered_test,test_timer,tests/unit/test_timer.c))

CFLAGS_xen-lite/platform/acpi.c  := $(HV_HOST)
CFLAGS_tests/unit/test_acpi.c    := $(HV_HOST)
$(eval $(call unit_test,test_acpi,tests/unit/test_acpi.c xen-lite/platform/acpi.c))

CFLAGS_tests/unit/test_hv_console.c := $(HV_HOST)
$(eval $(call unit_test,test_hv_console,tests/unit/test_hv_console.c))
