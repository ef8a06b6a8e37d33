/* SPDX-License-Identifier: MIT */
/*
 * The file in which xenconsoled keeps what a domain says on its console: guest-NAME.log, with _ for characters of the
 * name that would be trouble in a path.
 */
#ifndef LIB_UTIL_CONLOG_H
#define LIB_UTIL_CONLOG_H

#include <ctype.h>
#include <string.h>

static inline char conlog_char(char c)
{
	return isalnum((unsigned char)c) || strchr("._+-~", c) ? c : '_';
}

#endif
