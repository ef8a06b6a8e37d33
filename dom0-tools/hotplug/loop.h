/* SPDX-License-Identifier: MIT */
/*
 * Loop devices that carry a label: the kernel itself remembers whose they are, from the moment that they exist, so none
 * is lost whoever is killed when. The label stands in the field for the file's name, which nothing else uses (sysfs
 * tells the name).
 *
 * Functions return 0 or a positive number, or -errno.
 */
#ifndef HOTPLUG_LOOP_H
#define HOTPLUG_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define LOOP_LABEL_MAX 63

/*
 * Make a loop device of an open file, read-only if that was opened so, with direct I/O where the file system has it.
 * Returns its number.
 */
int loop_make(int file, const char *label);
/* A loop device that shows this file already, if that and a new one could disturb each other. Its number or -1. */
int loop_conflict(dev_t dev, ino_t ino, bool writable);
/* Free all loop devices whose label is, or begins with, this one. Returns how many. */
int loop_free(const char *label, bool prefix);
/* Look again at the size of the files. Returns how many devices have the label. */
int loop_resize(const char *label);

#endif
