/* jsonschema_near.h: words that look like keywords and are none. */
#ifndef COVE_SCHEMA_JSONSCHEMA_NEAR_H
#define COVE_SCHEMA_JSONSCHEMA_NEAR_H

#include "core/bytes.h"

/* Is `name` a slip of `keyword`: one change of a letter, two in a long word, a
 * swap of neighbours counted as one, capitals not at all? Never of words that
 * begin with "x-". */
bool cove_schema_near(struct cove_bytes name, const char *keyword);
/* What takes the place of a keyword of former drafts; NULL of other words. */
const char *cove_schema_former(struct cove_bytes name);

#endif
