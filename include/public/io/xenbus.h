/* SPDX-License-Identifier: MIT */
/*
 * The life of a split device. Front end and back end each write their own state to xenstore, node `state`, as a decimal
 * number, and watch the other's.
 */
#ifndef XEN_PUBLIC_IO_XENBUS_H
#define XEN_PUBLIC_IO_XENBUS_H

enum xenbus_state {
	XenbusStateUnknown = 0,
	XenbusStateInitialising = 1,
	XenbusStateInitWait = 2,	/* back end: features written, waits for the front end */
	XenbusStateInitialised = 3,	/* front end: rings and ports written, waits for the back end */
	XenbusStateConnected = 4,
	XenbusStateClosing = 5,
	XenbusStateClosed = 6,
	XenbusStateReconfiguring = 7,
	XenbusStateReconfigured = 8
};
typedef enum xenbus_state XenbusState;

#endif /* XEN_PUBLIC_IO_XENBUS_H */
