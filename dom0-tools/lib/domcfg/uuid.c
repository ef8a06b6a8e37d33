/* SPDX-License-Identifier: MIT */
/* UUIDs as text and at random. The all-zero UUID is dom0's in xenstore and never a guest's. */
#include <sys/random.h>

#include "domcfg.h"
#include "../util/mem.h"

void uuid_format(const uint8_t u[16], char text[37])
{
	char *p = text;

	for (int i = 0; i < 16; i++)
		p += sprintf(p, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", u[i]);
}

static int nibble(char c)
{
	const char *digits = "0123456789abcdef0123456789ABCDEF", *p = c ? strchr(digits, c) : NULL;

	return p ? (int)(p - digits) & 15 : -1;
}

/* Dashes may stand between any two bytes or be left out. */
bool uuid_parse(const char *s, uint8_t uuid[16])
{
	uint8_t any = 0;

	for (int i = 0; i < 16; i++, s += 2) {
		int hi, lo;

		if (i && *s == '-')
			s++;
		hi = nibble(s[0]);
		lo = hi < 0 ? -1 : nibble(s[1]);
		if (lo < 0)
			return false;
		uuid[i] = (uint8_t)(hi << 4 | lo);
		any |= uuid[i];
	}
	return !*s && any;
}

void uuid_generate(uint8_t uuid[16])
{
	if (getrandom(uuid, 16, 0) != 16) {
		fputs("no random numbers for a UUID\n", stderr);
		abort();
	}
	uuid[6] = (uuid[6] & 0x0f) | 0x40;
	uuid[8] = (uuid[8] & 0x3f) | 0x80;
}
