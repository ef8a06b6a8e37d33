/* SPDX-License-Identifier: MIT */
/*
 * Entries of vif=, see vif.h. Parsing knows nothing of the host: whether a bridge exists is for the script to find out.
 *
 * Invariant: texts of a vif that vif_parse() has accepted have neither commas nor blanks, but for those between
 * addresses.
 */
#include <arpa/inet.h>

#include "vif.h"
#include "spec.h"
#include "../util/mem.h"

#define RATE_USECS_MAX 1000000U
#define RATE_MAX 1000000000000UL	/* per second */
#define BRIDGE_MAX 200			/* Open vSwitch takes VLANs behind the name */

void vif_free(struct cfg_vif *v)
{
	free(v->bridge);
	free(v->script);
	free(v->vifname);
	free(v->gatewaydev);
	free(v->ip);
	memset(v, 0, sizeof(*v));
}

void vif_mac_format(const uint8_t mac[6], char text[18])
{
	snprintf(text, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

bool vif_mac_parse(const char *text, uint8_t mac[6])
{
	unsigned int b[6];
	int end = 0;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &end) != 6 ||
	    end != 17 || text[17] || strspn(text, "0123456789abcdefABCDEF:") != 17)
		return false;
	for (int i = 0; i < 6; i++)
		mac[i] = (uint8_t)b[i];
	return true;
}

/* FNV-1a over the UUID and the device's number; the first three bytes are those reserved for Xen guests. */
void vif_mac(uint8_t mac[6], const uint8_t uuid[16], uint32_t devid)
{
	uint32_t h = 2166136261U;

	for (int i = 0; i < 20; i++)
		h = (h ^ (i < 16 ? uuid[i] : (devid >> (8 * (i - 16))) & 255)) * 16777619U;
	h ^= h >> 24;
	mac[0] = 0x00;
	mac[1] = 0x16;
	mac[2] = 0x3e;
	mac[3] = (h >> 16) & 0x7f;
	mac[4] = (h >> 8) & 255;
	mac[5] = h & 255;
}

static bool rate_interval(const char *s, uint32_t *usecs)
{
	char number[16] = "", *unit = number;
	unsigned long n;

	if (strlen(s) >= sizeof(number))
		return false;
	strcpy(number, s);
	unit += strspn(number, "0123456789");
	*usecs = !strcmp(unit, "s") ? 1000000 : !strcmp(unit, "ms") ? 1000 : !strcmp(unit, "us") ? 1 : 0;
	*unit = 0;
	if (!*usecs || !spec_number(number, RATE_USECS_MAX, &n) || !n || n > RATE_USECS_MAX / *usecs)
		return false;
	*usecs *= (uint32_t)n;
	return true;
}

bool vif_rate_parse(const char *text, uint64_t *rate, uint32_t *usecs)
{
	char number[16] = "";
	size_t digits = strspn(text, "0123456789");
	const char *s = text + digits;
	unsigned long n, unit;

	if (digits >= sizeof(number))
		return false;
	memcpy(number, text, digits);
	unit = *s == 'G' ? 1000000000 : *s == 'M' ? 1000000 : *s == 'K' ? 1000 : 1;
	if (!spec_number(number, RATE_MAX / unit, &n))
		return false;
	s += unit > 1;
	if ((*s != 'b' && *s != 'B') || strncmp(s + 1, "/s", 2))
		return false;
	*rate = n * unit / (*s == 'b' ? 8 : 1);
	s += 3;
	*usecs = VIF_RATE_USECS;
	if (*s && (*s != '@' || !rate_interval(s + 1, usecs)))
		return false;
	return vif_credit(*rate, *usecs) && vif_credit(*rate, *usecs) <= UINT32_MAX;
}

uint64_t vif_credit(uint64_t rate, uint32_t usecs)
{
	return rate * usecs / 1000000;
}

/* Names of interfaces and bridges. */
static bool set_name(char **dst, const char *key, const char *v, size_t max, char **why)
{
	size_t n = strlen(v);

	if (!n || n > max || strpbrk(v, " \t/") || *v == '.')
		return spec_bad(why, "%s must be the name of an interface: one word of at most %zu bytes", key, max);
	free(*dst);
	*dst = xstrdup(v);
	return true;
}

static bool set_script(struct cfg_vif *vif, const char *v, char **why)
{
	if (!*v || strpbrk(v, " \t"))
		return spec_bad(why, "script must be a name or a path without blanks");
	free(vif->script);
	vif->script = xstrdup(v);
	return true;
}

/* An address, or a network such as 10.1.2.0/24 or 2001:db8::/64. */
static bool is_address(const char *s, size_t n)
{
	char text[64] = "", *slash;
	struct in6_addr a6;
	struct in_addr a4;
	unsigned long bits;
	bool four;

	if (n >= sizeof(text))
		return false;
	memcpy(text, s, n);
	slash = strchr(text, '/');
	if (slash)
		*slash = 0;
	four = inet_pton(AF_INET, text, &a4) == 1;
	if (!four && inet_pton(AF_INET6, text, &a6) != 1)
		return false;
	return !slash || (spec_number(slash + 1, four ? 32 : 128, &bits) && bits);
}

/* Addresses between blanks; written with one blank. */
static bool set_ip(struct cfg_vif *vif, const char *v, char **why)
{
	char *list = NULL;

	for (size_t n; v += strspn(v, " \t"), *v; v += n) {
		n = strcspn(v, " \t");
		if (!is_address(v, n)) {
			free(list);
			return spec_bad(why, "ip must be addresses or networks between blanks, not '%.*s'",
					n < 60 ? (int)n : 60, v);
		}
		spec_append(&list, "%s%.*s", list ? " " : "", (int)n, v);
	}
	if (!list)
		return spec_bad(why, "ip is empty");
	free(vif->ip);
	vif->ip = list;
	return true;
}

static bool set_mac(struct cfg_vif *vif, const char *v, char **why)
{
	static const uint8_t zero[6];

	if (!vif_mac_parse(v, vif->mac))
		return spec_bad(why, "mac must be six hexadecimal bytes, as in 00:16:3e:01:02:03, not '%.40s'", v);
	if (vif->mac[0] & 1 || !memcmp(vif->mac, zero, 6))
		return spec_bad(why, "mac %s is not the address of one interface: its first byte must be even", v);
	vif->has_mac = true;
	return true;
}

static bool set_number(unsigned int *dst, const char *key, const char *v, unsigned long min, unsigned long max,
		       char **why)
{
	unsigned long n;

	if (!spec_number(v, max, &n) || n < min)
		return spec_bad(why, "%s must be a number from %lu to %lu, not '%.40s'", key, min, max, v);
	*dst = (unsigned int)n;
	return true;
}

static bool take_word(struct cfg_vif *vif, const char *v, char **why)
{
	vif->untrusted = !strcmp(v, "untrusted");
	return vif->untrusted || !*v || !strcmp(v, "trusted") || spec_bad(why, "'%.40s' is not of the form key=value",
			v);
}

static bool take_key(struct cfg_vif *vif, const char *key, const char *v, char **why)
{
	if (!strcmp(key, "mac"))
		return set_mac(vif, v, why);
	if (!strcmp(key, "bridge"))
		return set_name(&vif->bridge, key, v, BRIDGE_MAX, why);
	if (!strcmp(key, "gatewaydev"))
		return set_name(&vif->gatewaydev, key, v, VIF_NAME_MAX, why);
	if (!strcmp(key, "vifname"))
		return set_name(&vif->vifname, key, v, VIF_NAME_MAX, why);
	if (!strcmp(key, "script"))
		return set_script(vif, v, why);
	if (!strcmp(key, "ip"))
		return set_ip(vif, v, why);
	if (!strcmp(key, "rate"))
		return vif_rate_parse(v, &vif->rate, &vif->rate_usecs) ||
		       spec_bad(why, "rate must be as in 10Mb/s or 512KB/s@20ms, not '%.40s'", v);
	if (!strcmp(key, "mtu"))
		return set_number(&vif->mtu, key, v, 68, 65535, why);
	if (!strcmp(key, "devid"))
		return set_number(&vif->devid, key, v, 0, 255, why);
	if (!strcmp(key, "type"))
		return !strcmp(v, "vif") ||
		       spec_bad(why, "type must be vif: emulated cards are for guests with hardware virtualisation");
	if (!strcmp(key, "backend"))
		return !strcmp(v, "0") || !strcmp(v, "Domain-0") ||
		       spec_bad(why, "back ends run in dom0 only; leave backend out");
	if (!strcmp(key, "vlan"))
		return spec_bad(why, "vlan is not known; with Open vSwitch, write it behind the bridge: "
		"bridge=ovs0.%.20s", v);
	if (!strcmp(key, "model") || !strcmp(key, "accel"))
		return true;
	return spec_bad(why, "unknown key '%.40s'", key);
}

bool vif_parse(struct cfg_vif *vif, const char *text, char **why)
{
	struct spec_item item;
	bool ok = true;

	memset(vif, 0, sizeof(*vif));
	vif->devid = VIF_NO_ID;
	while (ok && spec_next(&text, NULL, &item)) {
		if (item.key)
			ok = take_key(vif, item.key, item.value, why);
		else
			ok = take_word(vif, item.value, why);
		spec_release(&item);
	}
	if (!ok)
		vif_free(vif);
	return ok;
}

char *vif_format(const struct cfg_vif *v)
{
	const struct { const char *key, *value; } texts[] = {
		{ "bridge", v->bridge }, { "gatewaydev", v->gatewaydev }, { "vifname", v->vifname },
		{ "script", v->script }, { "ip", v->ip },
	};
	char *s = xstrdup(""), mac[18];

	if (v->devid != VIF_NO_ID)
		spec_append(&s, ",devid=%u", v->devid);
	vif_mac_format(v->mac, mac);
	if (v->has_mac)
		spec_append(&s, ",mac=%s", mac);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].value)
			spec_append(&s, ",%s=%s", texts[i].key, texts[i].value);
	if (v->rate)
		spec_append(&s, ",rate=%lluB/s@%uus", (unsigned long long)v->rate, v->rate_usecs);
	if (v->mtu)
		spec_append(&s, ",mtu=%u", v->mtu);
	if (v->untrusted)
		spec_append(&s, ",untrusted");
	memmove(s, s + (*s == ','), strlen(s) + (*s != ','));
	return s;
}
