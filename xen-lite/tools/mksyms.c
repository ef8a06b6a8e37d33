/* SPDX-License-Identifier: MIT */
/*
 * Build-time program: `nm -n IMAGE | mksyms BASE > syms.S` makes the symbol table that lib/backtrace.c searches. BASE
 * is the address, in hexadecimal, that the 32-bit offsets count from. Functions only; the table ends with the end of
 * the last one (the first symbol behind it). With no input the table is empty, which is what the first link step uses.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct symbol {
	unsigned long addr;
	char name[128];
};

static struct symbol *symbols;
static size_t nr, room;

static void symbol_add(unsigned long addr, const char *name)
{
	if (nr == room) {
		room = room ? 2 * room : 4096;
		symbols = realloc(symbols, room * sizeof(*symbols));
		if (!symbols) {
			perror("mksyms");
			exit(1);
		}
	}
	symbols[nr].addr = addr;
	snprintf(symbols[nr].name, sizeof(symbols[nr].name), "%s", name);
	nr++;
}

static void read_symbols(unsigned long base)
{
	char line[512], type, name[256];
	unsigned long addr, last = 0;

	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "%lx %c %255s", &addr, &type, name) != 3 || addr < base || addr - base > 0xffffffffUL)
			continue;
		if ((type != 't' && type != 'T') || name[0] == '.') {
			if (nr && !last && addr > symbols[nr - 1].addr)
				last = addr;
			continue;
		}
		last = 0;
		if (nr && symbols[nr - 1].addr == addr)
			continue;		/* an alias */
		symbol_add(addr, name);
	}
	if (nr)
		symbol_add(last ? last : symbols[nr - 1].addr + 1, "");
}

int main(int argc, char **argv)
{
	unsigned long base, text = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: nm -n IMAGE | mksyms BASE > syms.S\n");
		return 2;
	}
	base = strtoul(argv[1], NULL, 16);
	read_symbols(base);
	printf("\t.section .symbols, \"aw\"\n\t.balign 4\n");
	printf("\t.globl symbol_count, symbol_offset, symbol_name, symbol_strings\n");
	printf("symbol_count:\n\t.long %zu\nsymbol_offset:\n", nr ? nr - 1 : 0);
	for (size_t i = 0; i < nr; i++)
		printf("\t.long 0x%lx\n", symbols[i].addr - base);
	printf("symbol_name:\n");
	for (size_t i = 0; i < nr; i++) {
		printf("\t.long %lu\n", text);
		text += strlen(symbols[i].name) + 1;
	}
	printf("symbol_strings:\n");
	for (size_t i = 0; i < nr; i++)
		printf("\t.asciz \"%s\"\n", symbols[i].name);
	printf("\t.byte 0\n\t.section .note.GNU-stack, \"\", @progbits\n");
	free(symbols);
	return fflush(stdout) || ferror(stdout);
}
