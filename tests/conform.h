/* conform.h: the parts of the line protocol's translator. */
#ifndef COVE_TESTS_CONFORM_H
#define COVE_TESTS_CONFORM_H

#include "core/cbor.h"
#include "migrate/view.h"

/* This is a test program: what cannot go on stops. */
void must(int err);

/* The member of a map, empty where there is none. */
struct cove_bytes member(struct cove_bytes map, const char *key);

/* The requests that begin with seq, over one list. */
struct conform_seq;
struct conform_seq *conform_seq_new(void);
void conform_seq_free(struct conform_seq *s);
void conform_seq_answer(struct conform_seq *s, struct cove_bytes ask,
                        struct cove_writer *w);

/* {key: text}, or {key: true} where text is NULL. */
void write_one(struct cove_writer *w, const char *key, const char *text);
/* A key and the map of the fields that are of this kind. */
void write_fields(struct cove_writer *w, struct cove_view *view,
                  const char *key, enum cove_cell_kind kind);
void write_copy(struct cove_writer *w, const struct cove_plan *plan,
                const struct cove_due *due);
void write_due(struct cove_writer *w, struct cove_view *view);
void write_step(struct cove_writer *w, const struct cove_step_id *id);
/* plan: NULL where the head is not active. */
void write_status(struct cove_writer *w, const struct cove_journal *journal,
                  const struct cove_plan *plan);

#endif
