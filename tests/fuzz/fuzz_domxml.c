/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: descriptions of domains as XML. What was accepted must survive: written as XML, read back and written
 * again it is the same text, and describes the same domain.
 */
#include "domcfg/xml.h"
#include "util/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(const struct domcfg *cfg)
{
	struct domcfg_diag diag = { .file = "again" };
	char *xml = domxml_format(cfg, -1), *xml2, *json = domcfg_to_json(cfg), *json2;
	struct domcfg back;

	domcfg_init(&back);
	if (!domxml_parse(&back, xml, strlen(xml), &diag) || !domcfg_check(&back, &diag)) {
		fputs(diag.text, stderr);
		abort();
	}
	xml2 = domxml_format(&back, -1);
	json2 = domcfg_to_json(&back);
	if (strcmp(xml, xml2) || strcmp(json, json2))
		abort();
	free(xml);
	free(xml2);
	free(json);
	free(json2);
	domcfg_free(&back);
	domcfg_diag_free(&diag);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct domcfg_diag diag = { .file = "fuzz" };
	struct domcfg cfg;

	domcfg_init(&cfg);
	/* xl.cfg too, for what its keys may be. */
	if ((domxml_is((const char *)data, size) ? domxml_parse : domcfg_parse)(&cfg, (const char *)data, size,
			&diag) &&
	    domcfg_check(&cfg, &diag))
		round_trip(&cfg);
	domcfg_free(&cfg);
	domcfg_diag_free(&diag);
	return 0;
}
