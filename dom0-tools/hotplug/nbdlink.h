/* SPDX-License-Identifier: MIT */
/*
 * NBD devices of dom0's kernel, by its netlink interface: unlike those made with ioctls they outlive the other end of
 * their socket, wait for another one, and carry a label by which they are found again.
 */
#ifndef HOTPLUG_NBDLINK_H
#define HOTPLUG_NBDLINK_H

#include <stdbool.h>
#include <stdint.h>

#define NBDLINK_LABEL_MAX 63

/*
 * Make a device of socket fd. flags: NBD_FLAG_*. Returns its number, or -1 with *why (caller frees). A request that is
 * not answered for answer_s is asked again on another socket; the device waits wait_s for one, then its requests fail.
 */
int nbdlink_connect(const char *label, int fd, uint64_t size, uint16_t flags, unsigned int answer_s, unsigned int wait_s,
		    char **why);
/* Another socket for a device whose old one is dead. */
bool nbdlink_reconnect(int n, const char *label, int fd, char **why);
/* The device is free; its requests fail. */
bool nbdlink_disconnect(int n, char **why);
/* The next device behind `after` (-1: the first) whose label is this, or begins so. -1: none. */
int nbdlink_find(const char *label, bool prefix, int after);

#endif
