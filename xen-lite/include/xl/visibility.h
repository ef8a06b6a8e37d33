/* SPDX-License-Identifier: MIT */
/* Given to every compilation: all symbols are our own, so position-independent code needs no GOT. */
#pragma GCC visibility push(hidden)
