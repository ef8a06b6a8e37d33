/* SPDX-License-Identifier: MIT */
/*
 * The special events: "@introduceDomain" and "@releaseDomain". They are watched like nodes but are none. Who may hear
 * of them is said by permissions of their own, which only a privileged caller sets; until then nobody else may.
 */
#include <stdio.h>
#include <string.h>

#include "node.h"
#include "server.h"
#include "state.h"

static const char *const names[NR_SPECIALS] = { "@introduceDomain", "@releaseDomain" };

int special_by_name(const char *name)
{
	for (int i = 0; i < NR_SPECIALS; i++)
		if (!strcmp(name, names[i]))
			return i;
	return -1;
}

int special_set_perms(struct server *s, unsigned int which, const struct perm *p, unsigned int n)
{
	struct perms *new = perms_new(p, n);

	if (!new)
		return -ENOMEM;
	perms_put(s->special[which]);
	s->special[which] = new;
	state_special(s, which);
	return 0;
}

int special_forget_domain(struct server *s, uint32_t domid)
{
	for (int i = 0; i < NR_SPECIALS; i++) {
		struct perms *new;

		if (!s->special[i])
			continue;
		new = perms_without(s->special[i], domid);
		if (!new)
			return -ENOMEM;
		perms_put(s->special[i]);
		s->special[i] = new;
	}
	return 0;
}

void special_fini(struct server *s)
{
	for (int i = 0; i < NR_SPECIALS; i++)
		perms_put(s->special[i]);
}

/* --- firing --- */

struct firing {
	const struct perms *perms;	/* NULL: the privileged only */
	char with_domid[40];
};

/* A watch with a depth is told which domain it was. */
static void on_special(struct watch *w, void *arg)
{
	const struct firing *f = arg;
	struct conn *c = w->holder;

	if (c->closed || !(c->cred.privileged || (f->perms && perms_allow(f->perms, &c->cred, PERM_READ))))
		return;
	conn_event(c, w, w->depth != ANY_DEPTH && w->depth ? f->with_domid : w->path);
}

void server_fire_special(struct server *s, const char *name, uint32_t domid)
{
	struct firing f = { .perms = s->special[special_by_name(name)] };

	snprintf(f.with_domid, sizeof(f.with_domid), "%s/%u", name, domid);
	watch_fire(s->watches, name, true, on_special, &f);
	watch_fire(s->watches, f.with_domid, true, on_special, &f);
}
