/* SPDX-License-Identifier: MIT */
/* Names of virtual disks and their numbers in the vbd interface, see disk.h. */
#include <string.h>

#include "disk.h"
#include "spec.h"

#define XVD_MAJOR 202U
#define SD_MAJOR 8U
#define HD_MAJORS { 3U, 22U }
#define EXTENDED (1U << 28)
#define EXTENDED_DISKS (1UL << 20)
#define EXTENDED_PARTITIONS 256UL

/* The part behind "xvd": letters count a=0 .. z=25, aa=26; then a partition, 0 for the whole disk. */
static bool letters_and_partition(const char *s, unsigned long *disk, unsigned long *partition)
{
	unsigned long n = 0;

	if (*s < 'a' || *s > 'z')
		return false;
	for (; *s >= 'a' && *s <= 'z'; s++) {
		n = n * 26 + (unsigned long)(*s - 'a') + 1;
		if (n > EXTENDED_DISKS)
			return false;
	}
	*disk = n - 1;
	*partition = 0;
	return !*s || (spec_number(s, EXTENDED_PARTITIONS - 1, partition) && *partition);
}

static bool xvd_number(unsigned long disk, unsigned long partition, uint32_t *devid)
{
	if (disk < 16 && partition < 16)
		*devid = (uint32_t)(XVD_MAJOR << 8 | disk << 4 | partition);
	else
		*devid = (uint32_t)(EXTENDED | disk << 8 | partition);
	return true;
}

static bool hd_number(unsigned long disk, unsigned long partition, uint32_t *devid)
{
	static const unsigned int majors[] = HD_MAJORS;

	if (disk > 3 || partition > 63)
		return false;
	*devid = (uint32_t)(majors[disk / 2] << 8 | (disk & 1) << 6 | partition);
	return true;
}

static bool sd_number(unsigned long disk, unsigned long partition, uint32_t *devid)
{
	if (disk > 15 || partition > 15)
		return false;
	*devid = (uint32_t)(SD_MAJOR << 8 | disk << 4 | partition);
	return true;
}

/* dNpM */
static bool numeric(const char *s, unsigned long *disk, unsigned long *partition)
{
	const char *p = strchr(s, 'p');
	char digits[16] = "";

	if (!p || p - s >= (long)sizeof(digits))
		return false;
	memcpy(digits, s, (size_t)(p - s));
	return spec_number(digits, EXTENDED_DISKS - 1, disk) &&
	       spec_number(p + 1, EXTENDED_PARTITIONS - 1, partition);
}

bool vdev_parse(const char *name, uint32_t *devid)
{
	unsigned long disk, partition, n;

	if (!strncmp(name, "xvd", 3) && letters_and_partition(name + 3, &disk, &partition))
		return xvd_number(disk, partition, devid);
	if (!strncmp(name, "hd", 2) && letters_and_partition(name + 2, &disk, &partition))
		return hd_number(disk, partition, devid);
	if (!strncmp(name, "sd", 2) && letters_and_partition(name + 2, &disk, &partition))
		return sd_number(disk, partition, devid);
	if (*name == 'd' && numeric(name + 1, &disk, &partition))
		return xvd_number(disk, partition, devid);
	/* Bit 28 is the highest that has a meaning. */
	if (!spec_number(name, (EXTENDED << 1) - 1, &n) || !n)
		return false;
	*devid = (uint32_t)n;
	return true;
}
