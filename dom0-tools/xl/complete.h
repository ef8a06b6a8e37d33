/* SPDX-License-Identifier: MIT */
/*
 * What may stand at a place of a command line of xl, found in its own table of commands. Pure.
 */
#ifndef XL_COMPLETE_H
#define XL_COMPLETE_H

#include <stdio.h>

#include "xl.h"

/* What a place takes, beside the candidates that are printed at once. */
enum place { PLACE_NOTHING, PLACE_DOMAIN, PLACE_FILE, PLACE_COMMAND, PLACE_KEY };

/*
 * Word `at` of the n words of a command line (the first one is xl itself) is being typed. Prints candidates that are
 * known from the table, one a line, and returns what else may stand there. A file and KEY=VALUE can be at one place:
 * *also is then PLACE_KEY.
 */
enum place complete_place(const struct command *const groups[], char **words, int n, int at, FILE *out,
			  enum place *also);

#endif
