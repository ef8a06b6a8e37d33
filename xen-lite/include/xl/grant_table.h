/* SPDX-License-Identifier: MIT */
/* Grant tables, version 1: the entry points that other files need. common/grant_table.c has the story. */
#ifndef XL_GRANT_TABLE_H
#define XL_GRANT_TABLE_H

#include <xl/domain.h>

#define GRANT_FRAMES_DEFAULT	64	/* pages of the table: 512 entries each */
#define MAPTRACK_FRAMES_DEFAULT	1024	/* pages of the list of mappings: 256 handles each */

/* Negative limits: the defaults. -ENOMEM, -EINVAL for an absurd limit. */
int grant_table_init(struct domain *d, int max_frames, int max_maptrack_frames);
int grant_table_release_maps(struct domain *d);	/* everything d has mapped from others; -ERESTART */
void grant_table_free(struct domain *d);	/* the last reference to d is gone */
/* Lets d's table have nr frames. 0; -ENOMEM: out of memory, above the limit, or d is dying; -ERESTART. */
int grant_table_grow(struct domain *d, unsigned int nr);
/* Frame nr of d's table; INVALID_MFN: it has fewer. */
mfn_t grant_table_frame(struct domain *d, unsigned int nr);
unsigned int grant_table_max_frames(struct domain *d);
void grant_table_dump(struct domain *d);

#endif
