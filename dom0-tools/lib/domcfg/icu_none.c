/* SPDX-License-Identifier: MIT */
/*
 * libxml2 without ICU. Debian's libxml2 uses ICU's converters for encodings beyond those it knows itself, which would
 * bring 35 MB of libraries into dom0 and into each start of xl. Descriptions of domains are UTF-8: here are the few
 * functions that libxml2 calls, and they know no encoding. An encoding that nobody knows is an error of the document.
 */
#if __has_include(<unicode/ucnv.h>)	/* it comes with libxml2-dev where libxml2 uses ICU */
#include <unicode/ucnv.h>

UConverter *ucnv_open(const char *name, UErrorCode *err)
{
	(void)name;
	*err = U_FILE_ACCESS_ERROR;
	return NULL;
}

void ucnv_close(UConverter *c)
{
	(void)c;
}

void ucnv_setToUCallBack(UConverter *c, UConverterToUCallback action, const void *context,
			 UConverterToUCallback *old_action, const void **old_context, UErrorCode *err)
{
	(void)c, (void)action, (void)context, (void)old_action, (void)old_context;
	*err = U_UNSUPPORTED_ERROR;
}

void ucnv_setFromUCallBack(UConverter *c, UConverterFromUCallback action, const void *context,
			   UConverterFromUCallback *old_action, const void **old_context, UErrorCode *err)
{
	(void)c, (void)action, (void)context, (void)old_action, (void)old_context;
	*err = U_UNSUPPORTED_ERROR;
}

void ucnv_convertEx(UConverter *to_c, UConverter *from_c, char **target, const char *target_end, const char **source,
		    const char *source_end, UChar *pivot, UChar **pivot_source, UChar **pivot_target,
		    const UChar *pivot_end, UBool reset, UBool flush, UErrorCode *err)
{
	(void)to_c, (void)from_c, (void)target, (void)target_end, (void)source, (void)source_end, (void)pivot;
	(void)pivot_source, (void)pivot_target, (void)pivot_end, (void)reset, (void)flush;
	*err = U_UNSUPPORTED_ERROR;
}

void UCNV_TO_U_CALLBACK_STOP(const void *context, UConverterToUnicodeArgs *args, const char *units, int32_t length,
			     UConverterCallbackReason reason, UErrorCode *err)
{
	(void)context, (void)args, (void)units, (void)length, (void)reason, (void)err;
}

void UCNV_FROM_U_CALLBACK_STOP(const void *context, UConverterFromUnicodeArgs *args, const UChar *units, int32_t length,
			       UChar32 point, UConverterCallbackReason reason, UErrorCode *err)
{
	(void)context, (void)args, (void)units, (void)length, (void)point, (void)reason, (void)err;
}
#endif
