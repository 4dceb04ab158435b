/* where_node.h: the parsed form of a condition, for those who ask it of a
 * document and of an index. Internal to migrate; where.h is the rest.
 */
#ifndef COVE_MIGRATE_WHERE_NODE_H
#define COVE_MIGRATE_WHERE_NODE_H

#include "migrate/where.h"

enum where_kind {
    WHERE_AND,
    WHERE_OR,
    WHERE_NOT,
    WHERE_EQ,
    WHERE_NE,
    WHERE_LT,
    WHERE_LTE,
    WHERE_GT,
    WHERE_GTE,
    WHERE_IN,
    WHERE_BEGINS,
    WHERE_EXISTS,
    WHERE_NULL,
    WHERE_INVALID
};

struct cove_where {
    enum where_kind kind;
    struct cove_where *terms; /* of $and, $or and $not */
    struct cove_where *next;  /* term of the same parent */
    struct cove_bytes field;  /* of the others */
    struct cove_bytes operand;
    bool wanted; /* of $exists, $null, $invalid */
};

#endif
