/* jsonschema_number.h: numbers as JSON Schema sees them: one kind, whose values
 * are compared exactly, whether a number is an int64 or a float; and values
 * that are equal where their numbers are.
 *
 * Turning an int64 into a double would make 9007199254740993 equal to
 * 9007199254740992. And 0.0075 is a multiple of 0.0001, though no two doubles
 * say so: multiples are those of the decimal digits that people wrote, which
 * are the shortest that read back as the same float.
 */
#ifndef COVE_SCHEMA_JSONSCHEMA_NUMBER_H
#define COVE_SCHEMA_JSONSCHEMA_NUMBER_H

#include "core/bytes.h"

struct schema_number {
    bool is_int;
    int64_t i;
    double f;
};

/* digits × 10^exponent; the sign is of no account to who divides. */
struct schema_decimal {
    uint64_t digits;
    int exponent;
};

/* false where the item is no number. */
bool cove_schema_number(struct cove_bytes item, struct schema_number *out);
/* Is it without a fraction, as 3 and 3.0 are? */
bool cove_schema_number_whole(const struct schema_number *n);
/* <0, 0, >0 in *order; false where they cannot be compared (NaN). */
bool cove_schema_number_compare(const struct schema_number *a,
                                const struct schema_number *b, int *order);
/* false of NaN and the infinities. */
bool cove_schema_decimal(const struct schema_number *n,
                         struct schema_decimal *out);
/* Is `a` a multiple of `b`, which is not 0? */
bool cove_schema_decimal_divides(const struct schema_decimal *a,
                                 const struct schema_decimal *b);

#define COVE_SCHEMA_NUMBER_MAX 48
/* The number as JSON: 3, 3.0, 0.1. */
void cove_schema_number_text(const struct schema_number *n,
                             char out[COVE_SCHEMA_NUMBER_MAX]);

/* Are two checked items equal: as bytes, but numbers by their value? */
bool cove_schema_equal(struct cove_bytes a, struct cove_bytes b);
/* The same for equal items. */
uint64_t cove_schema_hash(struct cove_bytes item);

#endif
