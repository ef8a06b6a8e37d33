/* SPDX-License-Identifier: MIT */
/*
 * Names of nodes: see path.h for what canonical means.
 */
#include <stdio.h>
#include <string.h>

#include "path.h"

static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_@/";

static bool well_formed(const char *p)
{
	size_t len = strlen(p);

	return p[strspn(p, allowed)] == '\0' && !strstr(p, "//") && (len == 1 || p[len - 1] != '/');
}

int path_canonical(const char *name, uint32_t domid, char *out, size_t *prefix)
{
	int n = 0;

	if (!*name)
		return -EINVAL;
	if (*name != '/') {
		if (*name == '@' || strlen(name) > XENSTORE_REL_PATH_MAX)
			return -EINVAL;
		n = snprintf(out, PATH_SIZE, "/local/domain/%u/", domid);
	}
	if (n + strlen(name) > XENSTORE_ABS_PATH_MAX)
		return -EINVAL;
	strcpy(out + n, name);
	if (prefix)
		*prefix = n;
	return well_formed(out) ? 0 : -EINVAL;
}

bool path_is_special(const char *name)
{
	return *name == '@' && strlen(name) <= XENSTORE_REL_PATH_MAX;
}

bool path_covers(const char *path, const char *p)
{
	size_t n = strlen(path);

	if (n == 1 && *path == '/')
		return *p == '/';
	return !strncmp(path, p, n) && (p[n] == '\0' || p[n] == '/');
}

void path_parent(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash == path)
		slash++;
	*slash = '\0';
}

size_t path_next(const char **p, const char **name)
{
	const char *start = *p;
	size_t n;

	if (*start == '/')
		start++;
	n = strcspn(start, "/");
	*name = start;
	*p = start + n;
	return n;
}
