/* jsonschema_format.h: what `format` means where it is a rule. */
#ifndef COVE_SCHEMA_JSONSCHEMA_FORMAT_H
#define COVE_SCHEMA_JSONSCHEMA_FORMAT_H

#include "schema/jsonschema_node.h"

/* NULL where no rule of that name is known: idn-email and idn-hostname, which
 * need tables of Unicode that Cove does not carry, and all names that JSON
 * Schema does not define. Such a format is a note. */
const struct schema_format *cove_schema_format(struct cove_bytes name);

/* Each is the judge of one family. Source: RFC 3339; RFC 5321, 1123, 2673,
 * 4291; RFC 3986, 3987, 6570; RFC 6901. */
bool cove_format_date(struct cove_bytes text);
bool cove_format_time(struct cove_bytes text);
bool cove_format_date_time(struct cove_bytes text);
bool cove_format_duration(struct cove_bytes text);
bool cove_format_email(struct cove_bytes text);
bool cove_format_hostname(struct cove_bytes text);
bool cove_format_ipv4(struct cove_bytes text);
bool cove_format_ipv6(struct cove_bytes text);
bool cove_format_uri(struct cove_bytes text);
bool cove_format_uri_reference(struct cove_bytes text);
bool cove_format_iri(struct cove_bytes text);
bool cove_format_iri_reference(struct cove_bytes text);
bool cove_format_uri_template(struct cove_bytes text);

#endif
