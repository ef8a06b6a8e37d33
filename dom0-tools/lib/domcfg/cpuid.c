/* SPDX-License-Identifier: MIT */
/* See cpuid.h. */
#include "cpuid.h"
#include "keys.h"
#include "spec.h"
#include "../util/mem.h"

const struct cpuid_word cpuid_words[CPUID_WORDS] = {
	{ 1, CPUID_ANY, 'c' }, { 1, CPUID_ANY, 'd' }, { 7, 0, 'b' }, { 7, 0, 'c' }, { 7, 0, 'd' }, { 0xd, 1, 'a' },
	{ 0x80000001, CPUID_ANY, 'c' }, { 0x80000001, CPUID_ANY, 'd' }, { 0x80000008, CPUID_ANY, 'b' },
};

static const struct feature {
	uint8_t word, bit;
	const char *name, *also;
} features[] = {
	{ 0, 0, "sse3", "pni" }, { 0, 1, "pclmulqdq", "pclmuldq" }, { 0, 9, "ssse3", NULL }, { 0, 12, "fma", NULL },
	{ 0, 13, "cmpxchg16b", "cx16" }, { 0, 19, "sse4.1", "sse4_1" }, { 0, 20, "sse4.2", "sse4_2" },
	{ 0, 22, "movbe", NULL }, { 0, 23, "popcnt", NULL }, { 0, 25, "aes", "aesni" }, { 0, 26, "xsave", NULL },
	{ 0, 27, "osxsave", NULL }, { 0, 28, "avx", NULL }, { 0, 29, "f16c", NULL }, { 0, 30, "rdrand", NULL },
	{ 1, 19, "clflush", "clfsh" }, { 1, 25, "sse", NULL }, { 1, 26, "sse2", NULL },
	{ 2, 0, "fsgsbase", NULL }, { 2, 3, "bmi1", NULL }, { 2, 5, "avx2", NULL }, { 2, 8, "bmi2", NULL },
	{ 2, 9, "erms", NULL }, { 2, 16, "avx512f", NULL }, { 2, 17, "avx512dq", NULL }, { 2, 18, "rdseed", NULL },
	{ 2, 19, "adx", NULL }, { 2, 21, "avx512ifma", NULL }, { 2, 23, "clflushopt", NULL }, { 2, 24, "clwb", NULL },
	{ 2, 28, "avx512cd", NULL }, { 2, 29, "sha", "sha_ni" }, { 2, 30, "avx512bw", NULL }, { 2, 31, "avx512vl",
	NULL },
	{ 3, 1, "avx512_vbmi", "avx512vbmi" }, { 3, 6, "avx512_vbmi2", NULL }, { 3, 8, "gfni", NULL },
	{ 3, 9, "vaes", NULL }, { 3, 10, "vpclmulqdq", NULL }, { 3, 11, "avx512_vnni", NULL },
	{ 3, 12, "avx512_bitalg", NULL }, { 3, 14, "avx512_vpopcntdq", NULL }, { 4, 4, "fsrm", NULL },
	{ 5, 0, "xsaveopt", NULL }, { 5, 1, "xsavec", NULL }, { 5, 3, "xsaves", NULL },
	{ 6, 0, "lahf", "lahf_lm" }, { 6, 5, "lzcnt", "abm" }, { 6, 6, "sse4a", NULL }, { 6, 7, "misalignsse", NULL },
	{ 6, 8, "3dnowprefetch", NULL }, { 6, 11, "xop", NULL }, { 6, 16, "fma4", NULL }, { 6, 21, "tbm", NULL },
	{ 7, 11, "syscall", NULL }, { 7, 20, "nx", NULL }, { 7, 22, "mmxext", NULL }, { 7, 26, "1gb-pages", "pdpe1gb" },
	{ 7, 27, "rdtscp", NULL }, { 7, 29, "long-mode", "lm" }, { 7, 30, "3dnowext", NULL }, { 7, 31, "3dnow", NULL },
	{ 8, 0, "clzero", NULL },
};

#define NR_FEATURES (sizeof(features) / sizeof(features[0]))

/* Without these no 64-bit PV kernel runs. */
static const char *const needed[] = { "cmpxchg16b", "sse", "sse2", "syscall", "nx", "long-mode" };

const char *cpuid_feature_name(unsigned int word, unsigned int bit)
{
	for (size_t i = 0; i < NR_FEATURES; i++)
		if (features[i].word == word && features[i].bit == bit)
			return features[i].name;
	return NULL;
}

static const struct feature *find(const char *name)
{
	for (size_t i = 0; i < NR_FEATURES; i++)
		if (!strcmp(features[i].name, name) || (features[i].also && !strcmp(features[i].also, name)))
			return &features[i];
	return NULL;
}

bool cpuid_feature_find(const char *name, unsigned int *word, unsigned int *bit)
{
	const struct feature *f = find(name);

	if (!f)
		return false;
	*word = f->word;
	*bit = f->bit;
	return true;
}

/* One feature=value. What stays as it is needs no words; *hide is appended to. */
static bool take_feature(const char *name, const char *value, char **hide, char **why)
{
	const struct feature *f = find(name);

	if (!f)
		return spec_bad(why, "'%.40s' is no feature that can be hidden", name);
	if (!strcmp(value, "x") || !strcmp(value, "k") || !strcmp(value, "s"))
		return true;
	if (!strcmp(value, "1"))
		return spec_bad(why, "%s=1: a feature cannot be forced on; x leaves it as the processor has it", name);
	if (strcmp(value, "0"))
		return spec_bad(why, "%s must be 0, to hide it, or x, not '%.40s'", name, value);
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (!strcmp(needed[i], f->name))
			return spec_bad(why, "no guest runs without %s", name);
	spec_append(hide, ",%s=0", f->name);
	return true;
}

/*
 * The next item between commas, in name and value; without a '=' value is NULL. false: there is none. Frees the last.
 */
static bool next_item(const char **at, char **name, char **value)
{
	size_t n = strcspn(*at, ",");

	free(*name);
	*name = NULL;
	*value = NULL;
	if (!**at)
		return false;
	*name = xstrndup(*at, n);
	*at += n + ((*at)[n] == ',');
	*value = strchr(*name, '=');
	if (*value)
		*(*value)++ = 0;
	return true;
}

char *cfg_cpuid_item(const char *text, char **why)
{
	char *s = xstrdup("host"), *name = NULL, *value;
	bool ok = next_item(&text, &name, &value) && !value && !strcmp(name, "host");

	if (!ok)
		spec_bad(why, "must begin with \"host\", which is all that the processor has, as in \"host,avx2=0\"");
	while (ok && next_item(&text, &name, &value))
		ok = value ? take_feature(name, value, &s, why) :
			     spec_bad(why, "'%.40s' is not of the form feature=0", name);
	free(name);
	if (ok)
		return s;
	free(s);
	return NULL;
}

/* Programs find out by OSXSAVE whether XSAVE is in use. */
#define XSAVE	(1U << 26)
#define OSXSAVE	(1U << 27)

void cpuid_hidden(const char *cpuid, uint32_t hidden[CPUID_WORDS])
{
	char *name = NULL, *value;
	unsigned int word, bit;

	memset(hidden, 0, CPUID_WORDS * sizeof(*hidden));
	while (cpuid && next_item(&cpuid, &name, &value))
		if (value && cpuid_feature_find(name, &word, &bit))
			hidden[word] |= 1U << bit;
	free(name);
	if (hidden[0] & XSAVE)
		hidden[0] |= OSXSAVE;
}
