/* SPDX-License-Identifier: MIT */
/*
 * Findings about a configuration, collected as text.
 *
 * Invariant: text, when not NULL, ends in a newline and a 0; at most DIAG_MAX findings are kept, so a hostile file
 * cannot make the report larger than itself many times over.
 */
#include "domcfg.h"
#include "../util/mem.h"

#define DIAG_MAX 50

static void diag_append(struct domcfg_diag *diag, const char *s)
{
	size_t n = strlen(s);

	diag->text = xreallocarray(diag->text, diag->len + n + 1, 1);
	memcpy(diag->text + diag->len, s, n + 1);
	diag->len += n;
}

static void diag_add(struct domcfg_diag *diag, const char *what, unsigned int line, unsigned int col,
		     const char *fmt, va_list ap)
{
	unsigned int n = diag->errors + diag->warnings;
	char *msg, *full;

	if (n == DIAG_MAX)
		diag_append(diag, "(further findings are not shown)\n");
	if (n >= DIAG_MAX)
		return;
	msg = xvasprintf(fmt, ap);
	if (diag->where) {
		full = xasprintf("%s: %s", diag->where, msg);
		free(msg);
		msg = full;
	}
	if (!line)
		full = xasprintf("%s: %s: %s\n", diag->file, what, msg);
	else if (!col)
		full = xasprintf("%s:%u: %s: %s\n", diag->file, line, what, msg);
	else
		full = xasprintf("%s:%u:%u: %s: %s\n", diag->file, line, col, what, msg);
	diag_append(diag, full);
	free(full);
	free(msg);
}

void domcfg_error(struct domcfg_diag *diag, unsigned int line, unsigned int col, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	diag_add(diag, "error", line, col, fmt, ap);
	va_end(ap);
	diag->errors++;
}

void domcfg_warn(struct domcfg_diag *diag, unsigned int line, unsigned int col, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	diag_add(diag, "warning", line, col, fmt, ap);
	va_end(ap);
	diag->warnings++;
}

void domcfg_diag_free(struct domcfg_diag *diag)
{
	free(diag->text);
	diag->text = NULL;
	diag->len = 0;
	diag->errors = diag->warnings = 0;
}
