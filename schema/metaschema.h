/* metaschema.h: the schemas of JSON Schema 2020-12 itself, which are built in
 * (metaschema.json: one object, each schema under its URI), since schemas may
 * refer to them and no network is asked. */
#ifndef COVE_SCHEMA_METASCHEMA_H
#define COVE_SCHEMA_METASCHEMA_H

#include <stddef.h>
#include <stdint.h>

extern const uint8_t cove_metaschema[];
extern const size_t cove_metaschema_len;

#endif
