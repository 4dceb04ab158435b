/* covalue.h: lists, texts, streams, blobs and counters; undo and branches.
 * Included by <cove/cove.h>.
 *
 * Each is a document of its own, by itself (cove_create) or as the child of a
 * map's field (cove_child). What concurrent writers do to one merges: nobody's
 * letter, item or increment is lost. Calls on a document of another type give
 * COVE_ETYPE, and cove_errmsg says which calls are for it; places beyond the
 * end COVE_EUSAGE, with the place and the length; both change nothing.
 *
 * In one transaction the edits of a list or text, additions and entries are
 * gathered into as few signed transactions as they fit in, and what a call
 * reads includes them.
 */
#ifndef COVE_COVALUE_H
#define COVE_COVALUE_H

#include "cove/cove.h"

#ifdef __cplusplus
extern "C" {
#endif

enum cove_covalue {
    COVE_COMAP,
    COVE_COLIST,
    COVE_COTEXT,
    COVE_COSTREAM,
    COVE_COBINARY,
    COVE_COCOUNTER
};

/* Make an empty document of a type, owned as in cove_new.
 * Errors: COVE_EUSAGE (no such type), COVE_EDENIED, COVE_ENOTFOUND. */
COVE_API int cove_create(struct cove_txn *txn, enum cove_covalue type,
                         const struct cove_id *owner, struct cove_id *out);
/* The child that a field of a map has, made where it is not here yet. Its id
 * follows from the map and the field, so two devices that first touch a field
 * offline make one child. Where the schema says what the field's child is,
 * `type` must be that; the map then shows a reference to it. Without a schema
 * the app sets the reference itself, or just asks again.
 * Errors: COVE_ENOTFOUND, COVE_ETYPE, COVE_EDENIED; in a transaction that
 * reads, COVE_ENOTFOUND where it is not here. */
COVE_API int cove_child(struct cove_txn *txn, const struct cove_id *id,
                        const char *field, enum cove_covalue type,
                        struct cove_id *out);
/* Errors: COVE_ENOTFOUND; COVE_ENEWER (a type of a newer Cove). */
COVE_API int cove_type(struct cove_txn *txn, const struct cove_id *id,
                       enum cove_covalue *out);

/* ----------------------------------------------------------------- texts */

enum cove_unit {             /* in what places of a text are counted */
                 COVE_BYTES, /* of UTF-8; a place inside a code point is refused
                              */
                 COVE_CODEPOINTS,
                 COVE_GRAPHEMES /* what a person sees as one character; slower.
                                   COVE_EUNSUPPORTED in a build without utf8proc
                                 */
};

COVE_API int cove_text_length(struct cove_txn *txn, const struct cove_id *id,
                              enum cove_unit unit, size_t *out);
/* The whole text, with a NUL behind it. Borrowed until the text is changed or
 * the transaction ends. */
COVE_API int cove_text_get(struct cove_txn *txn, const struct cove_id *id,
                           const char **out, size_t *len);
/* Remove `remove` units from `at` on, and insert `len` bytes there.
 * Errors: COVE_EFORMAT (no valid UTF-8), COVE_EDENIED, COVE_ELIMIT. */
COVE_API int cove_text_splice(struct cove_txn *txn, const struct cove_id *id,
                              enum cove_unit unit, size_t at, size_t remove,
                              const char *text, size_t len);
/* Make it this text, by as few edits as it takes: for apps that only have the
 * new whole. What others write at the same time stays. */
COVE_API int cove_text_update(struct cove_txn *txn, const struct cove_id *id,
                              const char *text, size_t len);

/* A place that keeps to what stands there, whatever is inserted or removed
 * before it, by anybody. May be stored and sent to others. */
struct cove_cursor {
    uint8_t b[32];
};
/* Before the element at `at`; at the length: the end. Lists take elements,
 * whatever the unit says. Errors: COVE_EUSAGE. */
COVE_API int cove_cursor_make(struct cove_txn *txn, const struct cove_id *id,
                              enum cove_unit unit, size_t at,
                              struct cove_cursor *out);
/* Where it stands now: where its element was removed, at what came behind.
 * Errors: COVE_ENOTFOUND (what it keeps to is not here yet), COVE_EFORMAT. */
COVE_API int cove_cursor_find(struct cove_txn *txn, const struct cove_id *id,
                              enum cove_unit unit,
                              const struct cove_cursor *cursor, size_t *out);

/* ----------------------------------------------------------------- lists */

COVE_API int cove_list_length(struct cove_txn *txn, const struct cove_id *id,
                              size_t *out);
/* Errors: COVE_EUSAGE (beyond the end); COVE_EINVALID: the item did not convert
 * to this version, *out is the raw value. */
COVE_API int cove_list_get(struct cove_txn *txn, const struct cove_id *id,
                           size_t at, struct cove_value *out);
COVE_API int cove_list_insert(struct cove_txn *txn, const struct cove_id *id,
                              size_t at, struct cove_value value);
/* Write an item where it stands: of concurrent writes to one item the newest
 * wins, and it is never doubled. */
COVE_API int cove_list_set(struct cove_txn *txn, const struct cove_id *id,
                           size_t at, struct cove_value value);
/* Remove `remove` items from `at` on and insert those of a JSON array (NULL:
 * none). Errors: COVE_EJSON. */
COVE_API int cove_list_splice(struct cove_txn *txn, const struct cove_id *id,
                              size_t at, size_t remove, const char *json);
/* Make it the items of this JSON array, by as few edits as it takes. */
COVE_API int cove_list_update(struct cove_txn *txn, const struct cove_id *id,
                              const char *json);

/* ------------------------------------------------------ counters, streams */

/* Several additions of one transaction become one.
 * Errors: COVE_ELIMIT where the sum would leave 64 bits, nothing is added. */
COVE_API int cove_counter_add(struct cove_txn *txn, const struct cove_id *id,
                              int64_t amount);
/* Errors: COVE_ELIMIT: concurrent additions took the sum out of 64 bits; *out
 * is the nearest that fits. */
COVE_API int cove_counter_get(struct cove_txn *txn, const struct cove_id *id,
                              int64_t *out);

COVE_API int cove_stream_append(struct cove_txn *txn, const struct cove_id *id,
                                struct cove_value value);
/* How many entries are here. */
COVE_API int cove_stream_length(struct cove_txn *txn, const struct cove_id *id,
                                uint64_t *out);
/* A stream is read in the order of its entries' times, each author's own
 * entries in the order written. */
struct cove_stream_entry {
    struct cove_value value; /* borrowed until the next call on the tail */
    struct cove_key author;
    int64_t time_ms;
};
/* A reader of a stream: of all entries, or of one author's (a device's key;
 * NULL: all), from where the text of a position says on (NULL or empty: the
 * beginning). What others appended in the past and what arrives late is given
 * once, too, so a reader that goes on from its position sees each entry exactly
 * once. A tail is gone with its transaction.
 * Errors: COVE_EFORMAT (not a position in this stream), COVE_ELIMIT. */
struct cove_tail;
COVE_API int cove_stream_open(struct cove_txn *txn, const struct cove_id *id,
                              const struct cove_key *author,
                              const char *position, struct cove_tail **out);
/* Errors: COVE_ENOTFOUND: no more entries here. What the transaction appends
 * afterwards is given, too. */
COVE_API int cove_stream_next(struct cove_tail *tail,
                              struct cove_stream_entry *out);
/* Go behind all entries that are here: to be told only of what comes. */
COVE_API int cove_stream_skip(struct cove_tail *tail);
/* The position behind what was read, as text: to go on from later, in another
 * process or on another device. Some 40 bytes for each session that wrote.
 * Borrowed until the next call on the tail; NULL where memory is out. */
COVE_API const char *cove_stream_position(struct cove_tail *tail);

/* ----------------------------------------------------------------- blobs */

struct cove_blob {
    size_t size_of;   /* sizeof(struct cove_blob), set by the caller */
    const char *name; /* NULL: none. Borrowed until the transaction ends */
    const char *mime; /* NULL: none */
    int64_t bytes;    /* of the whole; -1: not known yet */
    int64_t held;     /* of them here, from the beginning on */
    bool whole;       /* all is here and gives the hash */
    uint8_t hash[32]; /* as its writer says; zero: not ended */
};
/* Begin to write: name, mime and bytes (or -1) of *blob are taken. Where this
 * device began the same and did not end, it goes on, though that was in another
 * transaction or the process was killed: *at is how much is written already.
 * Another one that it began and did not end is given up. What readers see stays
 * what it was until the end. Each transaction that writes a blob begins so, and
 * may hold as much of it as its commit should. Errors: COVE_ELIMIT. */
COVE_API int cove_blob_begin(struct cove_txn *txn, const struct cove_id *id,
                             const struct cove_blob *blob, int64_t *at);
/* The next bytes. Errors: COVE_ECONDITION (none was begun in this transaction,
 * or they are more than were announced): nothing is written. */
COVE_API int cove_blob_write(struct cove_txn *txn, const struct cove_id *id,
                             const void *bytes, size_t len);
/* It is whole. Errors: COVE_ECONDITION (none was begun, or fewer bytes than
 * were announced). */
COVE_API int cove_blob_end(struct cove_txn *txn, const struct cove_id *id);
/* The newest that was ended; where none was, the newest begun: how far it has
 * come. Errors: COVE_ENOTFOUND (none), COVE_EFORMAT (what its writer says of it
 * is nothing that this version knows). */
COVE_API int cove_blob_info(struct cove_txn *txn, const struct cove_id *id,
                            struct cove_blob *out);
/* Up to `cap` bytes from `at` on, of a blob that is whole; *len 0 at its end.
 * Errors: COVE_EGAP (it is not whole here yet), COVE_EHASH (its chunks do not
 * give its hash), COVE_EUSAGE (beyond the end). */
COVE_API int cove_blob_read(struct cove_txn *txn, const struct cove_id *id,
                            int64_t at, void *out, size_t cap, size_t *len);

/* ------------------------------------------------------- undo, branches */

/* Take back this device's newest transaction in the document that is not taken
 * back yet, or do again what was taken back last. What others wrote since
 * stays. Errors: COVE_ECONDITION (nothing is left to take back),
 * COVE_EUNSUPPORTED (an entry of a stream, a blob). */
COVE_API int cove_undo(struct cove_txn *txn, const struct cove_id *id);
COVE_API int cove_redo(struct cove_txn *txn, const struct cove_id *id);

/* Begin a branch of a document: it shares the past, and what is written to it
 * shows nowhere else until it is merged. It travels with its document.
 * Errors: COVE_EEXIST (a branch of that name), COVE_EUSAGE (the name). */
COVE_API int cove_branch(struct cove_txn *txn, const struct cove_id *id,
                         const char *name);
/* From here on in this transaction the document is the branch of that name;
 * NULL: itself. Errors: COVE_ENOTFOUND, COVE_EAMBIGUOUS (two devices made one
 * of that name: their first digits tell them apart). */
COVE_API int cove_switch(struct cove_txn *txn, const struct cove_id *id,
                         const char *branch);
/* Let the document, or the branch that this transaction is on, show what the
 * branch of that name has come to (NULL: what the document itself has). It
 * may be merged again later, and by several devices. */
COVE_API int cove_merge(struct cove_txn *txn, const struct cove_id *id,
                        const char *branch);

#ifdef __cplusplus
}
#endif

#endif
