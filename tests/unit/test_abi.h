/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the ABI test share: lists of constants (test_abi_values.c), functions that check structure layouts
 * (test_abi_layout.c), and the two checks that compare them with literal numbers (test_abi.c).
 */
#ifndef TEST_ABI_H
#define TEST_ABI_H

#include <stddef.h>

struct abi_value {
	const char *name;
	long long value;	/* what the header says */
	long long expected;
};

struct abi_field {
	const char *name;
	size_t offset, expected_offset;
	size_t size, expected_size;
};

/* One entry per header. The list of values ends with a NULL name, the lists of headers do too. */
struct abi_values {
	const char *header;
	const struct abi_value *values;
};

struct abi_layouts {
	const char *header;
	void (*check)(void);
};

extern const struct abi_values abi_values[];
extern const struct abi_layouts abi_layouts[];

void abi_check_values(const struct abi_value *values);
void abi_check_struct(const char *name, size_t size, size_t expected, const struct abi_field *fields, size_t nr_fields);

#endif /* TEST_ABI_H */
