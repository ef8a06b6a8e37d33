/* SPDX-License-Identifier: MIT */
/*
 * Text to an XML document that is safe to look at, and the check against the schema.
 *
 * Invariant: no document that leaves here has a DTD or entities of its own, or nests deeper than DOMXML_MAX_DEPTH;
 * nothing was fetched for it. libxml2 is told so, and stopped at the first sign of either.
 *
 * The schema is that of domain.rng, which is also installed for others to use, as it was at build time.
 */
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <libxml/relaxng.h>
#include <libxml/SAX2.h>

#include "xml_priv.h"
#include "../util/mem.h"

/* Finds its state behind the parser's _private. */
struct loading {
	struct domcfg_diag *diag;
	unsigned int depth;
	bool refused;
};

__asm__(".section .rodata\n"
	"domxml_schema:\n"
	".incbin \"" DOMAIN_RNG "\"\n"
	"0:	.balign 4\n"
	"domxml_schema_size:	.long 0b - domxml_schema\n"
	".previous\n");
extern const char domxml_schema[];
extern const int domxml_schema_size;

/* libxml2's texts end in a newline. */
static int text_length(const char *s)
{
	size_t n = s ? strlen(s) : 0;

	while (n && s[n - 1] == '\n')
		n--;
	return n < 300 ? (int)n : 300;
}

static void parse_error(void *ctx, xmlErrorPtr e)
{
	struct loading *l = ((xmlParserCtxt *)ctx)->_private;

	if (!l || l->refused)
		return;
	if (e->level >= XML_ERR_ERROR)
		domcfg_error(l->diag, (unsigned int)e->line, 0, "not well-formed XML: %.*s", text_length(e->message),
			     e->message);
}

__attribute__((format(printf, 2, 3)))
static void refuse(xmlParserCtxt *ctx, const char *fmt, ...)
{
	struct loading *l = ctx->_private;
	va_list ap;
	char *s;

	if (l->refused)
		return;
	va_start(ap, fmt);
	s = xvasprintf(fmt, ap);
	va_end(ap);
	domcfg_error(l->diag, (unsigned int)xmlSAX2GetLineNumber(ctx), 0, "%s", s);
	free(s);
	l->refused = true;
	xmlStopParser(ctx);
}

static void refuse_dtd(void *ctx, const xmlChar *name, const xmlChar *public_id, const xmlChar *system_id)
{
	(void)name, (void)public_id, (void)system_id;
	refuse(ctx, "a document type (<!DOCTYPE>) is not taken: leave it out");
}

static void element_begins(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri, int nr_ns,
			   const xmlChar **ns, int nr_attr, int nr_defaulted, const xmlChar **attr)
{
	struct loading *l = ((xmlParserCtxt *)ctx)->_private;

	if (++l->depth > DOMXML_MAX_DEPTH)
		refuse(ctx, "elements nest more than %d deep", DOMXML_MAX_DEPTH);
	else
		xmlSAX2StartElementNs(ctx, name, prefix, uri, nr_ns, ns, nr_attr, nr_defaulted, attr);
}

static void element_ends(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
	struct loading *l = ((xmlParserCtxt *)ctx)->_private;

	if (l->depth-- <= DOMXML_MAX_DEPTH)
		xmlSAX2EndElementNs(ctx, name, prefix, uri);
}

xmlDoc *xml_load(const char *text, size_t len, struct domcfg_diag *diag)
{
	struct loading l = { .diag = diag };
	unsigned int before = diag->errors;
	xmlParserCtxt *ctx;
	xmlDoc *doc;

	if (len > DOMCFG_MAX_FILE) {
		domcfg_error(diag, 0, 0, "longer than the %u bytes a configuration may have", DOMCFG_MAX_FILE);
		return NULL;
	}
	ctx = mem_check(xmlNewParserCtxt());
	ctx->_private = &l;
	ctx->sax->serror = parse_error;
	ctx->sax->internalSubset = refuse_dtd;
	ctx->sax->startElementNs = element_begins;
	ctx->sax->endElementNs = element_ends;
	doc = xmlCtxtReadMemory(ctx, text, (int)len, NULL, "UTF-8", XML_PARSE_NONET | XML_PARSE_BIG_LINES);
	xmlFreeParserCtxt(ctx);
	if (!doc && diag->errors == before)
		domcfg_error(diag, 0, 0, "not well-formed XML");
	if (!doc || diag->errors == before)
		return doc;
	xmlFreeDoc(doc);
	return NULL;
}

static void schema_error(void *arg, xmlErrorPtr e)
{
	const xmlNode *n = e->node;

	domcfg_error(arg, n ? xml_line(n) : (unsigned int)e->line, 0, "%s%s%sdoes not fit the schema: %.*s",
		     n ? "<" : "", n && n->name ? (const char *)n->name : "", n ? "> " : "",
		     text_length(e->message), e->message);
}

bool xml_fits_schema(xmlDoc *doc, struct domcfg_diag *diag)
{
	xmlRelaxNGParserCtxt *parser = mem_check(xmlRelaxNGNewMemParserCtxt(domxml_schema, domxml_schema_size));
	xmlRelaxNG *schema = mem_check(xmlRelaxNGParse(parser));
	xmlRelaxNGValidCtxt *valid = mem_check(xmlRelaxNGNewValidCtxt(schema));
	unsigned int before = diag->errors;
	int rc;

	xmlRelaxNGSetValidStructuredErrors(valid, schema_error, diag);
	rc = xmlRelaxNGValidateDoc(valid, doc);
	if (rc && diag->errors == before)
		domcfg_error(diag, 0, 0, "does not fit the schema");
	xmlRelaxNGFreeValidCtxt(valid);
	xmlRelaxNGFree(schema);
	xmlRelaxNGFreeParserCtxt(parser);
	return !rc;
}
