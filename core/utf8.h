/* utf8.h: is it UTF-8. */
#ifndef COVE_CORE_UTF8_H
#define COVE_CORE_UTF8_H

#include "core/bytes.h"

/* Is it well-formed UTF-8 (no overlong forms, surrogates, beyond 10FFFF)? */
bool cove_utf8_valid(struct cove_bytes text);

#endif
