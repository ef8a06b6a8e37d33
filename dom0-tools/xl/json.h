/* SPDX-License-Identifier: MIT */
/* What xl lists, as JSON; the schema is docs/json.md. */
#ifndef XL_JSON_H
#define XL_JSON_H

#include <jansson.h>

#include "xl.h"

/* For a command's table of long options and its letters. */
#define JSON_LONG	{ "json", no_argument, NULL, 'j' }
#define JSON_HELP	"  -j, --json      as JSON\n"

/* Show a value, indented, and drop it. */
void print_json_value(json_t *value);
const char *state_name(xld_state s);
json_t *domain_to_json(const xld_dominfo *i);
/* with_config: asks xld for the configuration of each. */
json_t *domains_to_json(const xld_domain_list *list, bool with_config);
json_t *vcpus_to_json(const xld_vcpu_list *l);
json_t *device_to_json(u_int domid, const xld_device *d, bool net);
json_t *stats_to_json(const xld_stats *s);
json_t *findings_to_json(const xld_findings *f);		/* cmd_explain.c */
json_t *host_to_json(const xld_host *h);

#endif
