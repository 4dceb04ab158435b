/* limits.h: every limit of the formats, in one place. docs/FORMAT.md "Limits".
 *
 * A length from outside meets one of these before anything is allocated.
 */
#ifndef COVE_CORE_LIMITS_H
#define COVE_CORE_LIMITS_H

#define COVE_MAX_HEADER      4096     /* bytes of a document header */
#define COVE_MAX_TX          65000    /* bytes of a transaction */
#define COVE_MAX_TX_OPS      1024     /* ops in a transaction */
#define COVE_MAX_BATCH_TX    256      /* transactions in a batch */
#define COVE_MAX_BATCH       65536    /* transaction bytes in a batch */
#define COVE_MAX_TEXT        60000    /* bytes of a text or bytes value */
#define COVE_MAX_VALUE       64000    /* bytes of an encoded value */
#define COVE_MAX_VALUE_DEPTH 24       /* nesting of a value */
#define COVE_MAX_CBOR_DEPTH  32       /* nesting of any item */
#define COVE_MAX_KEY         255      /* bytes of a key */
#define COVE_MAX_REGISTER    64       /* bytes of a register id in a step */
#define COVE_MAX_KEYS        65536    /* keys of a map, local writes only */
#define COVE_MAX_SESSIONS    4096     /* sessions of a document, local writes */
#define COVE_MAX_SCHEMA      60000    /* bytes of a schema text */
#define COVE_MAX_STEP        60000    /* bytes of a step body */
#define COVE_MAX_STEP_OPS    256      /* ops of a step */
#define COVE_MAX_STEP_PATH   64       /* steps on a path, when publishing */
#define COVE_MAX_MESSAGE     1048576  /* bytes of a sync message */
#define COVE_MAX_AUTH        8        /* hashes in a transaction's auth */
#define COVE_MAX_MERKLE      16       /* levels of a group signature's tree */
#define COVE_MAX_SHARED      1024     /* leaves of a group in a message */
#define COVE_MAX_CUT         524288   /* bytes of a cut */
#define COVE_MAX_CUT_STATE   4194304  /* of what it came to, unpacked */
#define COVE_MAX_LIVE_HEADS  8        /* heads that copies are written for */
#define COVE_MAX_POSITION    262144   /* bytes of a position in a stream */
#define COVE_MAX_BLOB_NAME   1024     /* bytes of a blob's name, of its type */
#define COVE_MAX_AHEAD_MS    300000   /* a transaction further ahead is held */
#define COVE_MAX_REFUSE_MS   86400000 /* further ahead still: refused */
#define COVE_MAX_BLOB        ((int64_t)1 << 48) /* bytes of a blob */

#endif
