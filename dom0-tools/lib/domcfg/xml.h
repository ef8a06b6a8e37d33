/* SPDX-License-Identifier: MIT */
/*
 * Descriptions of domains as XML, in the form that libvirt's users know (xl-domain-xml(5)), from and to struct domcfg.
 *
 * What we can do and libvirt has no element for stands in elements of our own namespace, so that nothing is lost either
 * way. What XML can say and we cannot do is an error that names the element, or a warning where a guest does not miss
 * it.
 *
 * The text may come from anybody: no DTD (so no entities), nothing is fetched or included, size and depth are limited.
 */
#ifndef LIB_DOMCFG_XML_H
#define LIB_DOMCFG_XML_H

#include "domcfg.h"

#define DOMXML_NS	"urn:xen-lite:domain:1"
#define DOMXML_PREFIX	"lite"
#define DOMXML_MAX_DEPTH 32

/* Does a text look like XML rather than xl.cfg? */
bool domxml_is(const char *text, size_t len);
/* A reader like domcfg_parse(): it only sets fields. The result has also been checked against the schema. */
bool domxml_parse(struct domcfg *cfg, const char *text, size_t len, struct domcfg_diag *diag);
/* A file of either kind. */
bool domcfg_read_file(struct domcfg *cfg, const char *path, struct domcfg_diag *diag);
/* Of a configuration that domcfg_check() has passed; domid < 0: it does not run. Caller frees. */
char *domxml_format(const struct domcfg *cfg, int domid);

#endif
