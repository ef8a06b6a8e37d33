/* SPDX-License-Identifier: MIT */
/*
 * xl explain: the state of a domain in words, of each of its devices at both ends, and the end of its console when it
 * has stopped. Also how findings are shown, which xl doctor has too.
 */
#include "json.h"

#define TAIL_LINES 15
#define TAIL_BYTES 4096
#define ESC 27

static const char *grade_name(xld_grade grade)
{
	static const char *const names[] = {
		[XLD_GOOD] = "ok", [XLD_WARN] = "warn", [XLD_BAD] = "bad", [XLD_INFO] = "-",
	};

	return (unsigned int)grade < sizeof(names) / sizeof(names[0]) ? names[grade] : "?";
}

void print_findings(const xld_findings *f)
{
	for (u_int i = 0; i < f->findings.findings_len; i++) {
		const xld_finding *o = &f->findings.findings_val[i];

		printf("%-5s %-14s %s\n", grade_name(o->grade), o->subject, o->text);
		if (*o->advice)
			printf("%20s try: %s\n", "", o->advice);
	}
}

json_t *findings_to_json(const xld_findings *f)
{
	json_t *a = mem_check(json_array());

	for (u_int i = 0; i < f->findings.findings_len; i++) {
		const xld_finding *o = &f->findings.findings_val[i];

		json_array_append_new(a, mem_check(json_pack("{s:s, s:s, s:s, s:s}", "grade",
			o->grade == XLD_INFO ? "info" : grade_name(o->grade), "subject", o->subject, "text", o->text,
			"advice", o->advice)));
	}
	return a;
}

/* --- the end of a console --- */

/* The last lines of text, without what a terminal would take for commands. */
static char *last_lines(const char *text, size_t len, unsigned int lines)
{
	size_t from = len;
	char *out, *p;

	while (from && (text[from - 1] == '\n' || text[from - 1] == '\r'))
		from--;
	len = from;
	while (from && (text[from - 1] != '\n' || --lines))
		from--;
	out = p = xcalloc(len - from + 1, 1);
	while (from < len) {
		unsigned char c = (unsigned char)text[from];

		if (c == ESC && from + 1 < len && text[from + 1] == '[') {
			for (from += 2; from < len && (text[from] < '@' || text[from] > '~'); from++)
				;
		} else if (c == '\n' || c == '\t' || (c >= 32 && c != 127)) {
			*p++ = (char)c;
		}
		from++;
	}
	return out;
}

char *console_tail(const char *name, const struct log_place *from)
{
	xld_tail a = { .name = (char *)(uintptr_t)name, .most = TAIL_BYTES };
	xld_error err = { 0 };
	xld_tail_text t;
	char *out;

	if (from) {
		a.file = from->file;
		a.from = from->offset;
	}
	if (!rpc_client_call(daemon_client(), XLD_CONSOLE_TAIL, &a, &t, &err)) {
		rpc_release((xdrproc_t)xdr_xld_error, &err);
		return xstrdup("");
	}
	out = last_lines(t.text.text_val, t.text.text_len, TAIL_LINES);
	rpc_release((xdrproc_t)xdr_xld_tail_text, &t);
	return out;
}

struct log_place console_end(const char *name)
{
	xld_tail a = { .name = (char *)(uintptr_t)name };
	xld_error err = { 0 };
	xld_tail_text t;
	struct log_place place;

	if (!rpc_client_call(daemon_client(), XLD_CONSOLE_TAIL, &a, &t, &err)) {
		rpc_release((xdrproc_t)xdr_xld_error, &err);
		return (struct log_place){ 0 };
	}
	place = (struct log_place){ t.file, t.size };
	rpc_release((xdrproc_t)xdr_xld_tail_text, &t);
	return place;
}

void print_indented(FILE *f, const char *text)
{
	char *copy = xstrdup(text), *at = NULL;

	for (char *line = strtok_r(copy, "\n", &at); line; line = strtok_r(NULL, "\n", &at))
		fprintf(f, "    | %s\n", line);
	free(copy);
}

/* --- xl explain --- */

/* The name under which its console is logged: what was asked for may be a number. */
static char *name_of(const char *ref)
{
	xld_domain d = { .name = (char *)(uintptr_t)ref };
	xld_error err = { 0 };
	xld_dominfo info;
	char *name;

	if (!rpc_client_call(daemon_client(), XLD_DOMAIN_INFO, &d, &info, &err)) {
		rpc_release((xdrproc_t)xdr_xld_error, &err);
		return xstrdup(ref);
	}
	name = xstrdup(info.name);
	rpc_release((xdrproc_t)xdr_xld_dominfo, &info);
	return name;
}

static int cmd_explain(const struct command *cmd, int argc, char **argv)
{
	static const struct option longs[] = {
		JSON_LONG, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	xld_domain d;
	xld_findings f;
	bool json = false;
	char *name, *tail;
	json_t *o;
	int opt;

	while ((opt = next_option(cmd, argc, argv, "jh", longs)) != -1)
		json |= opt == 'j';
	want_args(cmd, argc, 1, 1);
	d.name = argv[optind];
	if (!call(XLD_DOMAIN_EXPLAIN, &d, &f))
		return EXIT_FAILURE;
	name = name_of(d.name);
	tail = console_tail(name, NULL);
	if (json) {
		o = json_pack("{s:o, s:s}", "findings", findings_to_json(&f), "console", tail);
		print_json_value(mem_check(o));
	} else {
		print_findings(&f);
		if (*tail) {
			printf("the last lines of its console:\n");
			print_indented(stdout, tail);
		}
	}
	free(tail);
	free(name);
	rpc_release((xdrproc_t)xdr_xld_findings, &f);
	return EXIT_SUCCESS;
}

const struct command cmds_explain[] = {
	{ .name = "explain", .fn = cmd_explain, .args = "DOMAIN",
	  .summary = "Tell the state of a domain, and of its devices at both ends, in words",
	  .options = JSON_HELP },
	{ 0 },
};
