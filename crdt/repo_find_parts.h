/* repo_find_parts.h: what the files of the repo ask of repo_find.c and
 * repo_create.c. A part of repo_internal.h, which includes it.
 */
#ifndef COVE_CRDT_REPO_FIND_PARTS_H
#define COVE_CRDT_REPO_FIND_PARTS_H

#include "crdt/repo_internal.h"

/* Errors: COVE_ENOTFOUND. */
COVE_MUST_CHECK int repo_find_num(struct cove_store_txn *txn,
                                  const struct cove_id *id, cove_num *out);
/* The same for who checks: *out 0, nothing that can be read. */
COVE_MUST_CHECK int repo_num_said(struct cove_store_txn *txn,
                                  const struct cove_id *id, cove_num *out);
/* Is that document held? Errors: COVE_ENOTFOUND. */
COVE_MUST_CHECK int repo_find_held(struct cove_store_txn *txn, cove_num num);
/* Was it removed? Errors: as above. */
COVE_MUST_CHECK int repo_find_removed(struct cove_store_txn *txn, cove_num num,
                                      bool *out);
/* The number of an id, given if it has none; held or only referenced. */
COVE_MUST_CHECK int repo_num_add(struct repo_work *work,
                                 const struct cove_id *id, cove_num *out);
/* Give it the next number; it has none. */
COVE_MUST_CHECK int repo_num_give(struct repo_work *work,
                                  const struct cove_id *id);
/* Set my_role and the rows' roles; false where the owner is not held. */
COVE_MUST_CHECK int repo_roles(struct repo_work *work,
                               struct repo_record *record, bool *known);
/* The owner's decoded header; bytes in the arena. COVE_ENOTFOUND. */
COVE_MUST_CHECK int repo_owner(struct repo_work *work,
                               const struct repo_record *record,
                               struct cove_header *out);

/* The place of a document in the index of its schema; COVE_ENOTFOUND where it
 * is in none. */
COVE_MUST_CHECK int repo_index_place(const struct repo_record *record,
                                     struct cove_place *out);

/* The next document that a tree has something under, by its number. Errors:
 * COVE_ENOTFOUND at the end. */
COVE_MUST_CHECK int repo_next_num(struct cove_store_txn *txn, unsigned tree,
                                  cove_num after, cove_num *out);
/* The next document that has a record, removed ones too.
 * Errors: COVE_ENOTFOUND at the end. */
COVE_MUST_CHECK int repo_next_record(struct cove_store_txn *txn, cove_num after,
                                     cove_num *out);

/* repo_create.c: before the first write of a document that cove_repo_make made:
 * its number, and its place among those of its schema. */
COVE_MUST_CHECK int repo_create_keep(struct repo_work *work,
                                     struct repo_record *record);
/* Does it stay on this device? Its header says so. */
bool repo_create_is_local(const struct cove_repo *repo,
                          const struct cove_id *id,
                          const struct cove_header *header);

#endif
