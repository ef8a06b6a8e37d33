/* SPDX-License-Identifier: MIT */
/*
 * Sets of CPUs: words to bits and back. What is excluded is gathered beside what is included and taken away at the end,
 * so the order of the parts does not matter.
 */
#include <ctype.h>
#include <errno.h>

#include "cpulist.h"
#include "../util/mem.h"

#define FAIL(why, ...) (snprintf(why, CPULIST_WHY, __VA_ARGS__), false)

static bool bit(const uint8_t *map, unsigned int cpu)
{
	return map[cpu / 8] >> cpu % 8 & 1;
}

static void set_range(uint8_t *map, unsigned int first, unsigned int last)
{
	for (unsigned int cpu = first; cpu <= last; cpu++)
		map[cpu / 8] |= (uint8_t)(1U << cpu % 8);
}

/* A number at *s, which is moved behind it. */
static bool number(const char **s, unsigned int *n)
{
	unsigned long long v;
	char *end;

	if (!isdigit((unsigned char)**s))
		return false;
	errno = 0;
	v = strtoull(*s, &end, 10);
	*s = end;
	*n = errno || v > CPULIST_CPUS ? CPULIST_CPUS : (unsigned int)v;
	return true;
}

static bool range(const char *part, unsigned int *first, unsigned int *last, char why[CPULIST_WHY])
{
	const char *s = part;

	if (!number(&s, first))
		return FAIL(why, "'%.40s' is neither a CPU's number, nor a range like 0-3, nor \"all\"", part);
	*last = *first;
	if (*s == '-' && (s++, !number(&s, last)))
		return FAIL(why, "'%.40s': the number of a CPU is missing behind '-'", part);
	if (*s)
		return FAIL(why, "'%.40s' is neither a CPU's number, nor a range like 0-3, nor \"all\"", part);
	if (*first >= CPULIST_CPUS || *last >= CPULIST_CPUS)
		return FAIL(why, "'%.40s': CPUs have numbers from 0 to %d", part, CPULIST_CPUS - 1);
	if (*first > *last)
		return FAIL(why, "'%.40s': a range goes from the lower number to the higher one", part);
	return true;
}

static bool take_part(struct cpulist *l, uint8_t *excluded, const char *part, char why[CPULIST_WHY])
{
	bool minus = *part == '^';
	unsigned int first = 0, last = CPULIST_CPUS - 1;

	part += minus;
	if (!strncmp(part, "node:", 5) || !strncmp(part, "nodes:", 6))
		return FAIL(why, "'%.40s': hosts are not divided into nodes here; name CPUs instead", part);
	if (strcmp(part, "all") && !range(part, &first, &last, why))
		return false;
	set_range(minus ? excluded : l->map, first, last);
	return true;
}

/* Blanks round a part do not count. */
static char *trimmed(char *s)
{
	size_t n;

	while (*s == ' ' || *s == '\t')
		s++;
	n = strlen(s);
	while (n && (s[n - 1] == ' ' || s[n - 1] == '\t'))
		s[--n] = 0;
	return s;
}

static bool take_parts(struct cpulist *l, uint8_t *excluded, char *text, char why[CPULIST_WHY])
{
	for (char *next; text; text = next) {
		char *part, *comma = strchr(text, ',');

		next = comma ? comma + 1 : NULL;
		if (comma)
			*comma = 0;
		part = trimmed(text);
		if (!*part)
			return FAIL(why, "a number, a range or \"all\" is missing");
		if (!take_part(l, excluded, part, why))
			return false;
	}
	return true;
}

bool cpulist_parse(struct cpulist *l, const char *text, char why[CPULIST_WHY])
{
	uint8_t excluded[CPULIST_BYTES] = { 0 }, any = 0;
	char *copy = xstrdup(text);
	bool ok;

	memset(l, 0, sizeof(*l));
	ok = take_parts(l, excluded, copy, why);
	free(copy);
	if (!ok)
		return false;
	for (size_t i = 0; i < CPULIST_BYTES; i++)
		any |= l->map[i] &= (uint8_t)~excluded[i];
	if (!any)
		return FAIL(why, "'%.40s' leaves no CPU", text);
	return true;
}

bool cpulist_fit(struct cpulist *l, unsigned int nr_cpus, char why[CPULIST_WHY])
{
	uint8_t any = 0;

	for (unsigned int cpu = nr_cpus; cpu < CPULIST_CPUS; cpu++)
		l->map[cpu / 8] &= (uint8_t)~(1U << cpu % 8);
	for (size_t i = 0; i < CPULIST_BYTES; i++)
		any |= l->map[i];
	if (any)
		return true;
	if (nr_cpus == 1)
		return FAIL(why, "none of these CPUs exists: the host has only CPU 0");
	return FAIL(why, "none of these CPUs exists: the host has CPUs 0 to %u", nr_cpus - 1);
}

/* The end of the run of equal bits that begins at cpu. */
static unsigned int run_end(const uint8_t *map, unsigned int cpu, unsigned int n)
{
	unsigned int end = cpu;

	while (end < n && bit(map, end) == bit(map, cpu))
		end++;
	return end;
}

char *cpulist_format(const uint8_t *map, size_t bytes, unsigned int nr_cpus)
{
	unsigned int n = nr_cpus < bytes * 8 ? nr_cpus : (unsigned int)bytes * 8, end;
	char *text = xstrdup(""), *longer;

	if (n && run_end(map, 0, n) == nr_cpus) {
		free(text);
		return xstrdup(bit(map, 0) ? "all" : "none");
	}
	for (unsigned int cpu = 0; cpu < n; cpu = end) {
		end = run_end(map, cpu, n);
		if (!bit(map, cpu))
			continue;
		longer = end - cpu > 1 ? xasprintf("%s%s%u-%u", text, *text ? "," : "", cpu, end - 1)
				       : xasprintf("%s%s%u", text, *text ? "," : "", cpu);
		free(text);
		text = longer;
	}
	if (*text)
		return text;
	free(text);
	return xstrdup("none");
}
