/* SPDX-License-Identifier: MIT */
/*
 * docs/errors.md is true: each code of the protocol has its row there, with its number, and each row is a code. And no
 * source tells a user to look into a log.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

#include "rpc/xrpc.h"

static char *read_file(const char *path)
{
	char *text = calloc(1, 1 << 20);
	FILE *f = fopen(path, "r");

	CU_ASSERT_FATAL(text && f);
	CU_ASSERT(fread(text, 1, (1 << 20) - 1, f) > 0);
	fclose(f);
	return text;
}

static void test_each_code_is_documented(void)
{
	char *text = read_file("docs/errors.md"), row[64];

	for (unsigned int c = 1; strcmp(rpc_code_name(c), "E_UNKNOWN"); c++) {
		snprintf(row, sizeof(row), "\n| `%s` | %u | ", rpc_code_name(c), c);
		if (!strstr(text, row))
			printf("\n    docs/errors.md has no row for %s, number %u\n", rpc_code_name(c), c);
		CU_ASSERT_PTR_NOT_NULL(strstr(text, row));
	}
	free(text);
}

static void test_each_row_is_a_code(void)
{
	char *text = read_file("docs/errors.md"), name[32];
	unsigned int number, rows = 0;

	for (const char *p = text; (p = strstr(p, "\n| `E_")); p++) {
		CU_ASSERT_EQUAL_FATAL(sscanf(p, "\n| `%31[A-Z_]` | %u", name, &number), 2);
		CU_ASSERT_STRING_EQUAL(rpc_code_name(number), name);
		rows++;
	}
	CU_ASSERT(rows >= 16);
	free(text);
}

/* Each code of the enumeration has a name: a new one may not be forgotten. */
static void test_each_code_has_a_name(void)
{
	char *text = read_file("dom0-tools/lib/rpc/xld.x"), name[64];
	unsigned int number;

	for (const char *p = text; (p = strstr(p, "\tXLD_E_")); p++) {
		if (sscanf(p, "\tXLD_%63[A-Z_] = %u", name, &number) == 2)
			CU_ASSERT_STRING_EQUAL(rpc_code_name(number), name);
	}
	free(text);
}

static void check_source(const char *path)
{
	static const char *const bad[] = {
		"see the log", "see its log", "see `xl dmesg`", "see dom0's", "check the log",
	};
	char *text = read_file(path);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (strstr(text, bad[i]))
			printf("\n    %s says '%s'\n", path, bad[i]);
		CU_ASSERT_PTR_NULL(strstr(text, bad[i]));
	}
	free(text);
}

static void test_no_advice_to_read_logs(void)
{
	static const char *const dirs[] = {
		"dom0-tools/xl", "dom0-tools/xld", "dom0-tools/lib/rpc", "dom0-tools/hotplug",
	};
	char path[512];

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		DIR *d = opendir(dirs[i]);
		struct dirent *e;

		CU_ASSERT_FATAL(d != NULL);
		while ((e = readdir(d))) {
			size_t n = strlen(e->d_name);

			if (n < 3 || strcmp(e->d_name + n - 2, ".c"))
				continue;
			snprintf(path, sizeof(path), "%s/%s", dirs[i], e->d_name);
			check_source(path);
		}
		closedir(d);
	}
}

int main(void)
{
	CU_TestInfo tests[] = {
		{ "each code is documented", test_each_code_is_documented },
		{ "each row is a code", test_each_row_is_a_code },
		{ "each code has a name", test_each_code_has_a_name },
		{ "no advice to read logs", test_no_advice_to_read_logs }, CU_TEST_INFO_NULL,
	};

	return suite_run("errors", tests);
}
