/* repo_intern.h: what occurs often in a store, as small numbers: sessions,
 * epochs, registers, header shapes. Included by repo_internal.h. */
#ifndef COVE_CRDT_REPO_INTERN_H
#define COVE_CRDT_REPO_INTERN_H

#include "crdt/repo_internal.h"

/* repo_intern.c */
COVE_MUST_CHECK int repo_intern_session_of(struct repo_work *work, uint32_t num,
                                           struct repo_session *out);
COVE_MUST_CHECK int repo_intern_session_find(
    struct repo_work *work, const struct cove_session_id *session,
    uint32_t *num);
COVE_MUST_CHECK int repo_intern_session_add(struct repo_work *work,
                                            const struct repo_session *session,
                                            uint32_t *num);
COVE_MUST_CHECK int repo_intern_epoch_of(struct repo_work *work, uint32_t num,
                                         struct cove_step_id *out);
COVE_MUST_CHECK int repo_intern_epoch_find(struct repo_work *work,
                                           const struct cove_step_id *epoch,
                                           uint32_t *num);
COVE_MUST_CHECK int repo_intern_epoch_add(struct repo_work *work,
                                          const struct cove_step_id *epoch,
                                          uint32_t *num);
COVE_MUST_CHECK int repo_intern_register_of(struct repo_work *work,
                                            uint32_t num,
                                            struct cove_bytes *out);
COVE_MUST_CHECK int repo_intern_register_find(struct repo_work *work,
                                              struct cove_bytes reg,
                                              uint32_t *num);
COVE_MUST_CHECK int repo_intern_register_add(struct repo_work *work,
                                             struct cove_bytes reg,
                                             uint32_t *num);
/* The session and device of an op id: a number, or written out where the
 * session is not known here or named with another device. */
COVE_MUST_CHECK int repo_pack_session(struct repo_work *work,
                                      const struct cove_op_id *id,
                                      struct cove_packer *p);
COVE_MUST_CHECK int repo_unpack_session(struct repo_work *work,
                                        struct cove_unpacker *u,
                                        struct cove_op_id *id);
COVE_MUST_CHECK int repo_intern_shape_of(struct repo_work *work, uint32_t num,
                                         struct cove_bytes *out);
COVE_MUST_CHECK int repo_intern_shape_add(struct repo_work *work,
                                          struct cove_bytes shape,
                                          uint32_t *num);

/* Put how a thing is found: by its key, with the kind in front; `value` without
 * it. */
COVE_MUST_CHECK int repo_intern_put_key(struct repo_work *work,
                                        struct cove_bytes key, uint32_t num,
                                        struct cove_bytes value);
/* What a number stands for, kind in front, from the entry that finds it; `out`
 * is emptied first. repo_check_intern.c. Errors: COVE_ENOTFOUND where the entry
 * does not say, COVE_ENOMEM. */
COVE_MUST_CHECK int repo_intern_again(const struct cove_entry *entry,
                                      struct cove_buf *out, uint32_t *num);

/* The cache, for the operation's snapshot. */
void repo_cache_settle(struct repo_work *work);
/* Forget all of it. */
void repo_cache_clear(struct cove_repo *repo);

/* repo_shape.c */
COVE_MUST_CHECK int repo_shape_pack(struct repo_work *work,
                                    const struct repo_record *record,
                                    struct cove_packer *p);
/* Sets header_bytes and header. */
COVE_MUST_CHECK int repo_shape_unpack(struct repo_work *work,
                                      struct cove_unpacker *u,
                                      struct repo_record *record);
void repo_shapes_clear(struct cove_repo *repo);

#endif
