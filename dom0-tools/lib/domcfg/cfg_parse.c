/* SPDX-License-Identifier: MIT */
/*
 * Scanner and recursive-descent parser for xl.cfg; the grammar is in cfg_parse.h.
 *
 * Invariant: p->at <= p->end, and line/col always describe *at. Each parse_*() either succeeds and leaves `at` behind
 * what it took, or adds exactly one error and returns false; what it has allocated hangs off the statement and is
 * freed by the caller in both cases. Lists nest at most MAX_DEPTH deep.
 */
#include <ctype.h>

#include "cfg_parse.h"
#include "../util/mem.h"

#define MAX_DEPTH 4

struct parser {
	const char *at, *end;
	unsigned int line, col;
	struct domcfg_diag *diag;
};

static void value_free(struct cfg_value *v)
{
	for (size_t i = 0; i < v->n; i++)
		value_free(&v->item[i]);
	free(v->item);
	free(v->str);
}

static int peek(const struct parser *p)
{
	return p->at < p->end ? (unsigned char)*p->at : -1;
}

static void advance(struct parser *p)
{
	if (*p->at++ == '\n') {
		p->line++;
		p->col = 1;
	} else {
		p->col++;
	}
}

static void skip_line(struct parser *p)
{
	while (p->at < p->end && *p->at != '\n')
		advance(p);
}

/* Blanks and comments, and newlines too when they mean nothing here. */
static void skip_blanks(struct parser *p, bool newlines)
{
	for (;;) {
		int c = peek(p);

		if (c == '#')
			skip_line(p);
		else if (c == ' ' || c == '\t' || c == '\r' || (newlines && c == '\n'))
			advance(p);
		else
			return;
	}
}

static bool is_name_char(int c)
{
	return c == '_' || (c >= 0 && c < 128 && isalnum(c));
}

/* How to show the character at the cursor in an error. */
static const char *here(const struct parser *p, char buf[16])
{
	int c = peek(p);

	if (c < 0)
		return "the end of the file";
	if (c == '\n')
		return "the end of the line";
	if (c >= 32 && c < 127)
		snprintf(buf, 16, "'%c'", c);
	else
		snprintf(buf, 16, "byte 0x%02x", c);
	return buf;
}

static bool expected(struct parser *p, const char *what)
{
	char buf[16];

	domcfg_error(p->diag, p->line, p->col, "expected %s, found %s", what, here(p, buf));
	return false;
}

static int hex_digit(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The cursor is behind a backslash. Returns the byte it stands for, or -1 with an error. */
static int parse_escape(struct parser *p)
{
	int c = peek(p), hi, lo;

	switch (c) {
	case 'n': c = '\n'; break;
	case 'r': c = '\r'; break;
	case 't': c = '\t'; break;
	case '\\': case '\'': case '"': break;
	case 'x':
		hi = p->end - p->at > 2 ? hex_digit((unsigned char)p->at[1]) : -1;
		lo = p->end - p->at > 2 ? hex_digit((unsigned char)p->at[2]) : -1;
		if (hi < 0 || lo < 0 || (hi | lo) == 0) {
			expected(p, "two hex digits behind \\x, not 00");
			return -1;
		}
		advance(p);
		advance(p);
		c = hi << 4 | lo;
		break;
	default:
		expected(p, "one of \\ ' \" n r t xHH behind the backslash");
		return -1;
	}
	advance(p);
	return c;
}

static bool parse_string(struct parser *p, struct cfg_value *v)
{
	const char *eol = memchr(p->at, '\n', p->end - p->at);
	int quote = peek(p), c;
	size_t n = 0;

	v->quoted = true;
	v->str = xcalloc((eol ? eol : p->end) - p->at + 1, 1);
	advance(p);
	while ((c = peek(p)) != quote) {
		if (c < 0 || c == '\n') {
			domcfg_error(p->diag, v->line, v->col, "string is not closed with %c on the same line", quote);
			return false;
		}
		if (c == 0) {
			expected(p, "text");
			return false;
		}
		advance(p);
		if (c == '\\' && (c = parse_escape(p)) < 0)
			return false;
		v->str[n++] = (char)c;
	}
	advance(p);
	v->str[n] = 0;
	v->str = xreallocarray(v->str, n + 1, 1);
	return true;
}

static bool parse_number(struct parser *p, struct cfg_value *v)
{
	const char *start = p->at;

	while (is_name_char(peek(p)) || peek(p) == '-' || peek(p) == '.')
		advance(p);
	v->str = xstrndup(start, p->at - start);
	return true;
}

static bool parse_value(struct parser *p, struct cfg_value *v, unsigned int depth);

static bool parse_list(struct parser *p, struct cfg_value *v, unsigned int depth)
{
	v->is_list = true;
	if (depth == MAX_DEPTH) {
		domcfg_error(p->diag, p->line, p->col, "lists nest more than %d deep", MAX_DEPTH);
		return false;
	}
	advance(p);
	for (;;) {
		skip_blanks(p, true);
		if (peek(p) == ']')
			break;
		if (v->n == CFG_MAX_ITEMS) {
			domcfg_error(p->diag, p->line, p->col, "list has more than %d items", CFG_MAX_ITEMS);
			return false;
		}
		v->item = xreallocarray(v->item, v->n + 1, sizeof(*v->item));
		memset(&v->item[v->n], 0, sizeof(*v->item));
		if (!parse_value(p, &v->item[v->n++], depth + 1))
			return false;
		skip_blanks(p, true);
		if (peek(p) == ',')
			advance(p);
		else if (peek(p) != ']')
			return expected(p, "',' or ']' in the list");
	}
	advance(p);
	return true;
}

/* A word where a value should be: most often someone forgot the quotes. */
static bool bare_word(struct parser *p)
{
	const char *start = p->at;
	int n;

	while (p->at < p->end && !strchr(" \t\r\n;,#]", *p->at) && *p->at)
		advance(p);
	n = (int)(p->at - start);
	p->col -= n;
	domcfg_error(p->diag, p->line, p->col, "strings need quotes: write \"%.*s\"", n < 60 ? n : 60, start);
	return false;
}

static bool parse_value(struct parser *p, struct cfg_value *v, unsigned int depth)
{
	int c = peek(p);

	v->line = p->line;
	v->col = p->col;
	if (c == '"' || c == '\'')
		return parse_string(p, v);
	if (c == '[')
		return parse_list(p, v, depth);
	if (c == '-' || (c >= '0' && c <= '9'))
		return parse_number(p, v);
	if (c == '/' || c == '_' || (c >= 0 && c < 128 && isalpha(c)))
		return bare_word(p);
	return expected(p, "a value: a string in quotes, a number or a list in [ ]");
}

static bool parse_stmt(struct parser *p, struct cfg_stmt *s)
{
	const char *start = p->at;

	s->line = p->line;
	s->col = p->col;
	if (!is_name_char(peek(p)) || isdigit(peek(p)))
		return expected(p, "a key (name = value)");
	while (is_name_char(peek(p)))
		advance(p);
	s->key = xstrndup(start, p->at - start);
	skip_blanks(p, false);
	if (peek(p) == '+') {
		s->append = true;
		advance(p);
	}
	if (peek(p) != '=')
		return expected(p, s->append ? "'=' behind '+'" : "'=' behind the key");
	advance(p);
	skip_blanks(p, false);
	if (!parse_value(p, &s->value, 0))
		return false;
	skip_blanks(p, false);
	if (peek(p) >= 0 && peek(p) != '\n' && peek(p) != ';')
		return expected(p, "the end of the line or ';' behind the value");
	return true;
}

bool cfg_parse(const char *text, size_t len, struct domcfg_diag *diag, cfg_stmt_fn fn, void *ctx)
{
	struct parser p = { .at = text, .end = text + len, .line = 1, .col = 1, .diag = diag };
	unsigned int before = diag->errors;

	for (;;) {
		struct cfg_stmt s = { 0 };

		skip_blanks(&p, true);
		if (peek(&p) == ';') {
			advance(&p);
			continue;
		}
		if (peek(&p) < 0)
			break;
		if (parse_stmt(&p, &s))
			fn(ctx, &s);
		else
			skip_line(&p);
		value_free(&s.value);
		free(s.key);
	}
	return diag->errors == before;
}
