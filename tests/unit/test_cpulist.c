/* SPDX-License-Identifier: MIT */
/*
 * lib/domcfg/cpulist.c: sets of CPUs in words: every form, every mistake with its reason, against hosts of several
 * sizes, and a random walk from bits to words and back.
 */

#include <string.h>

#include "domcfg/cpulist.h"
#include "suite.h"
#include "util/mem.h"

static char why[CPULIST_WHY];

/* text is the same as what cpulist_format() makes of it on a host of nr_cpus. */
static void means(const char *text, unsigned int nr_cpus, const char *wanted)
{
	struct cpulist l;
	char *words;

	CU_ASSERT_TRUE_FATAL(cpulist_parse(&l, text, why));
	CU_ASSERT_TRUE_FATAL(cpulist_fit(&l, nr_cpus, why));
	words = cpulist_format(l.map, sizeof(l.map), nr_cpus);
	if (strcmp(words, wanted))
		printf("\n  '%s': wanted %s, got %s", text, wanted, words);
	CU_ASSERT_STRING_EQUAL(words, wanted);
	free(words);
}

static void test_forms(void)
{
	means("0", 4, "0");
	means("3", 4, "3");
	means("0-3", 4, "all");
	means("0-3", 5, "0-3");
	means("all", 1, "all");
	means("all", 1024, "all");
	means("0,2", 4, "0,2");
	means(" 0 , 2-3\t", 4, "0,2-3");
	means("all,^1", 4, "0,2-3");
	means("^1,all", 4, "0,2-3");
	means("^1-2,0-3", 4, "0,3");
	means("0-1023,^0-1022", 1024, "1023");
	means("1,1,1-1", 4, "1");
	means("all,^5", 4, "all");		/* excluded CPUs need not exist */
	means("0-7,^4-7", 4, "all");
	means("0-4", 4, "all");			/* as far as there are some */
	means("0,9", 4, "0");
	means("3-1023", 4, "3");
	means("all,9", 4, "all");
	means("007", 8, "7");
}

static void wrong(const char *text, const char *reason)
{
	struct cpulist l;
	bool ok = cpulist_parse(&l, text, why);

	CU_ASSERT_FALSE(ok);
	if (ok || !strstr(why, reason))
		printf("\n  '%s': wanted %s, got %s", text, reason, ok ? "success" : why);
	CU_ASSERT_TRUE(!ok && strstr(why, reason));
}

static void test_mistakes(void)
{
	wrong("", "is missing");
	wrong(",", "is missing");
	wrong("0,", "is missing");
	wrong("0,,1", "is missing");
	wrong("one", "'one' is neither a CPU's number");
	wrong("-1", "is neither a CPU's number");
	wrong("^", "is neither a CPU's number");
	wrong("^^1", "is neither a CPU's number");
	wrong("1-", "is missing behind '-'");
	wrong("1-x", "is missing behind '-'");
	wrong("1-2-3", "is neither a CPU's number");
	wrong("1 2", "is neither a CPU's number");
	wrong("0x1", "is neither a CPU's number");
	wrong("ALL", "is neither a CPU's number");
	wrong("3-1", "from the lower number");
	wrong("1024", "from 0 to 1023");
	wrong("0-1024", "from 0 to 1023");
	wrong("99999999999999999999999999", "from 0 to 1023");
	wrong("^1", "leaves no CPU");
	wrong("1,^1", "leaves no CPU");
	wrong("all,^all", "leaves no CPU");
	wrong("node:0", "not divided into nodes");
	wrong("^nodes:0-1", "not divided into nodes");
}

static void unfit(const char *text, unsigned int nr_cpus, const char *reason)
{
	struct cpulist l;

	CU_ASSERT_TRUE_FATAL(cpulist_parse(&l, text, why));
	CU_ASSERT_FALSE(cpulist_fit(&l, nr_cpus, why));
	CU_ASSERT_PTR_NOT_NULL(strstr(why, reason));
}

static void test_unfit(void)
{
	unfit("4", 4, "none of these CPUs exists: the host has CPUs 0 to 3");
	unfit("4-7,1000", 4, "none of these CPUs exists");
	unfit("1", 1, "the host has only CPU 0");
	unfit("all,^0-3", 4, "none of these CPUs exists");
	unfit("0-4,^0-3", 4, "none of these CPUs exists");
}

static void test_format(void)
{
	uint8_t map[2] = { 0, 0 };
	char *s = cpulist_format(map, 2, 4);

	CU_ASSERT_STRING_EQUAL(s, "none");
	free(s);
	map[0] = 0xff;
	map[1] = 0x01;
	s = cpulist_format(map, 2, 20);		/* more CPUs than bits */
	CU_ASSERT_STRING_EQUAL(s, "0-8");
	free(s);
	s = cpulist_format(map, 2, 9);
	CU_ASSERT_STRING_EQUAL(s, "all");
	free(s);
}

static void test_there_and_back(void)
{
	struct cpulist l;

	srand(3);
	for (int i = 0; i < 2000; i++) {
		unsigned int n = 1 + (unsigned int)rand() % 64;
		uint8_t map[8];
		char *words;

		for (int j = 0; j < 8; j++)
			map[j] = (uint8_t)(rand() & rand());
		words = cpulist_format(map, sizeof(map), n);
		if (strcmp(words, "none")) {
			CU_ASSERT_TRUE_FATAL(cpulist_parse(&l, words, why));
			CU_ASSERT_TRUE_FATAL(cpulist_fit(&l, n, why));
			for (unsigned int cpu = 0; cpu < n; cpu++)
				CU_ASSERT_EQUAL(l.map[cpu / 8] >> cpu % 8 & 1, map[cpu / 8] >> cpu % 8 & 1);
		}
		free(words);
	}
}

int main(void)
{
	CU_TestInfo tests[] = {
		{ "forms", test_forms }, { "mistakes", test_mistakes }, { "CPUs that do not exist", test_unfit },
		{ "words", test_format }, { "there and back", test_there_and_back }, CU_TEST_INFO_NULL,
	};

	return suite_run("cpulist", tests);
}
