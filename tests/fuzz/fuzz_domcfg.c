/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: descriptions of domains. The first byte picks the reader. What was accepted must survive JSON:
 * written, read back and written again it is the same text.
 */
#include "domcfg/domcfg.h"
#include "util/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(const struct domcfg *cfg)
{
	struct domcfg_diag diag = { .file = "json" };
	char *a = domcfg_to_json(cfg), *b;
	struct domcfg back;

	domcfg_init(&back);
	if (!domcfg_from_json(&back, a, strlen(a), &diag))
		abort();
	b = domcfg_to_json(&back);
	if (strcmp(a, b))
		abort();
	free(a);
	free(b);
	domcfg_free(&back);
	domcfg_diag_free(&diag);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct domcfg_diag diag = { .file = "fuzz" };
	struct domcfg cfg;
	char *text;
	bool ok;

	if (!size)
		return 0;
	domcfg_init(&cfg);
	text = xstrndup((const char *)data + 1, size - 1);
	if (*data == '{')
		ok = domcfg_from_json(&cfg, (const char *)data, size, &diag);
	else if (*data == '=')
		ok = domcfg_override(&cfg, text, &diag);
	else
		ok = domcfg_parse(&cfg, (const char *)data, size, &diag);
	domcfg_check(&cfg, &diag);
	if (ok)
		round_trip(&cfg);
	free(text);
	domcfg_free(&cfg);
	domcfg_diag_free(&diag);
	return 0;
}
