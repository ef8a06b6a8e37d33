/* SPDX-License-Identifier: MIT */
/*
 * Inside of the XML reader: the state of one reading, what the files that take elements share.
 *
 * Strings that attributes and contents are read into belong to the reader and live as long as it.
 */
#ifndef LIB_DOMCFG_XML_PRIV_H
#define LIB_DOMCFG_XML_PRIV_H

#include <libxml/tree.h>

#include "disk.h"
#include "keys.h"
#include "vif.h"
#include "xml.h"

/* nbd.c: URIs of NBD exports in parts. */
struct nbd_uri {
	char *name, *host, *port, *socket;	/* NULL: not there */
	bool tls;
};
/* NULL: the parts make no URI. Caller frees. */
char *nbd_format(const struct nbd_uri *u);
/* false: not such a URI, or not in the form that nbd_format() gives it. Free with nbd_free() if true. */
bool nbd_parse(struct nbd_uri *u, const char *text);
void nbd_free(struct nbd_uri *u);

struct reader {
	struct domcfg *cfg;
	struct domcfg_diag *diag;
	char **strings;
	size_t nr_strings;
	xmlNode *config;		/* <lite:config>, taken last */
	xmlNode *memory, *current, *cpuset;	/* looked at when all elements are known */
	char **pin;			/* of <vcpupin>, by vCPU; NULL: none */
	size_t nr_pins;
	long long quota, period, global_quota, global_period;	/* -1: not given */
	xmlNode *tune;			/* the last of <cputune> */
	unsigned int consoles;
	/* The device that is being read; the strings in it are the reader's. */
	struct cfg_disk disk;
	struct nbd_uri nbd;
	const char *disk_type;
	struct cfg_vif vif;
};

/* A document that is safe to look at, with line numbers. NULL: an error was added. Free with xmlFreeDoc(). */
xmlDoc *xml_load(const char *text, size_t len, struct domcfg_diag *diag);
/* Does it fit the schema? */
bool xml_fits_schema(xmlDoc *doc, struct domcfg_diag *diag);

unsigned int xml_line(const xmlNode *n);
/* Value of an attribute, NULL if it is not there. */
char *xml_attr(struct reader *r, xmlNode *n, const char *name);
/* The text in an element that has only text; blanks at both ends go unless `verbatim`. */
char *xml_text(struct reader *r, xmlNode *n, bool verbatim);
/* Keep a string with the reader. */
char *xml_keep(struct reader *r, char *s);
/* Set a key as if it had been read in xl.cfg. */
void xml_set_key(struct reader *r, const xmlNode *n, const char *key, const char *text, bool append);
void xml_walk(struct reader *r, xmlNode *n);
/* A word of a list, by its index; an error and -1 if it is none of them. The list ends with NULL. */
int xml_word(struct reader *r, const xmlNode *n, const char *what, const char *text, const char *const *words);
__attribute__((format(printf, 3, 4)))
void xml_error(struct reader *r, const xmlNode *n, const char *fmt, ...);
__attribute__((format(printf, 3, 4)))
void xml_warn(struct reader *r, const xmlNode *n, const char *fmt, ...);

/* What is taken and how. */
enum rule_flags {
	RULE_MANY = 1,			/* may be there several times */
	RULE_WARN = 2,			/* ignored with a warning: why */
	RULE_REFUSE = 4,		/* an error: why */
	RULE_IGNORE = 8,		/* of no meaning here */
	RULE_LITE = 16,			/* of our namespace */
	RULE_OWN = 32,			/* its function looks after what it contains */
	RULE_VERBATIM = 64,		/* of its text no blanks are cut off */
};

struct rule {
	const char *parent, *name;
	void (*fn)(struct reader *r, xmlNode *n);	/* then the elements in it are taken, but with RULE_OWN */
	const char *attrs;		/* names of its attributes, between blanks; NULL: none */
	unsigned int flags;
	const char *why;
	const char *key;		/* that its text is the value of, or NULL */
};

/*
 * Rows: an element that a function takes; one whose text is a key's value; one that is only a frame for others;
 * ignored, refused, without a meaning.
 */
#define TAKE(p, n, f, a, fl)	{ .parent = p, .name = n, .fn = f, .attrs = a, .flags = fl }
#define TEXT(p, n, k, fl)	{ .parent = p, .name = n, .key = k, .flags = RULE_OWN | (fl) }
#define FRAME(p, n)		{ .parent = p, .name = n }
#define WARN(p, n, w)		{ .parent = p, .name = n, .flags = RULE_WARN | RULE_MANY, .why = w }
#define REFUSE(p, n, w)		{ .parent = p, .name = n, .flags = RULE_REFUSE | RULE_MANY, .why = w }
#define IGNORE(p, n)		{ .parent = p, .name = n, .flags = RULE_IGNORE | RULE_MANY }

extern const struct rule xml_device_rules[];	/* xml_devices.c; ends with a row without parent */

#endif
