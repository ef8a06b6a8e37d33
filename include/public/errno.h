/* SPDX-License-Identifier: MIT */
/*
 * The error numbers of the ABI. A hypercall that fails returns one of them, negated. The values are Linux's, so a
 * tool on Linux may use <errno.h> for them. The hypervisor never returns a number that is not in this list.
 */
#ifndef XEN_PUBLIC_ERRNO_H
#define XEN_PUBLIC_ERRNO_H

#define XEN_EPERM		1	/* the caller has no right to do this */
#define XEN_ENOENT		2	/* no such object */
#define XEN_ESRCH		3	/* no such domain */
#define XEN_EIO			5	/* device failed */
#define XEN_ENXIO		6	/* no such device or address */
#define XEN_E2BIG		7	/* list too long */
#define XEN_ENOEXEC		8	/* not an executable */
#define XEN_EBADF		9	/* bad descriptor */
#define XEN_ECHILD		10	/* no child */
#define XEN_EAGAIN		11	/* try again */
#define XEN_EWOULDBLOCK		11	/* the same */
#define XEN_ENOMEM		12	/* out of memory */
#define XEN_EACCES		13	/* refused by the interface version or a policy */
#define XEN_EFAULT		14	/* a guest pointer does not lead to accessible memory */
#define XEN_EBUSY		16	/* in use */
#define XEN_EEXIST		17	/* exists already */
#define XEN_EXDEV		18	/* objects do not belong together */
#define XEN_ENODEV		19	/* no such device */
#define XEN_ENOTDIR		20	/* not a directory */
#define XEN_EISDIR		21	/* is a directory */
#define XEN_EINVAL		22	/* an argument makes no sense */
#define XEN_ENFILE		23	/* table full */
#define XEN_EMFILE		24	/* too many of the caller's own */
#define XEN_ENOSPC		28	/* no room left */
#define XEN_EROFS		30	/* read-only */
#define XEN_EMLINK		31	/* too many references */
#define XEN_EDOM		33	/* argument outside the domain of the function */
#define XEN_ERANGE		34	/* value outside its range */
#define XEN_EDEADLK		35	/* would deadlock */
#define XEN_EDEADLOCK		35	/* the same */
#define XEN_ENAMETOOLONG	36	/* name too long */
#define XEN_ENOLCK		37	/* no locks left */
#define XEN_ENOSYS		38	/* operation unknown or not implemented */
#define XEN_ENOTEMPTY		39	/* not empty */
#define XEN_ENODATA		61	/* nothing there */
#define XEN_ETIME		62	/* time is over */
#define XEN_EBADMSG		74	/* malformed message */
#define XEN_EOVERFLOW		75	/* result does not fit */
#define XEN_EILSEQ		84	/* illegal sequence */
#define XEN_ENOTSOCK		88	/* not a socket */
#define XEN_EMSGSIZE		90	/* message too long */
#define XEN_EOPNOTSUPP		95	/* known but not available here */
#define XEN_EADDRINUSE		98	/* address taken */
#define XEN_EADDRNOTAVAIL	99	/* address cannot be had */
#define XEN_ENOBUFS		105	/* no buffer left */
#define XEN_EISCONN		106	/* connected already */
#define XEN_ENOTCONN		107	/* not connected */
#define XEN_ETIMEDOUT		110	/* took too long */
#define XEN_ECONNREFUSED	111	/* refused */

#endif /* XEN_PUBLIC_ERRNO_H */
