/* repo_sums_parts.h: the tree of sums as it lies in the store. */
#ifndef COVE_CRDT_REPO_SUMS_PARTS_H
#define COVE_CRDT_REPO_SUMS_PARTS_H

#include "crdt/repo_internal.h"
#include "crdt/repo_sums.h"

/* repo_sums.c */
COVE_MUST_CHECK int sums_node_write(struct repo_work *work,
                                    const struct cove_sum_group *group,
                                    const struct cove_sum_path *path,
                                    const struct cove_sum_node *node);
struct cove_hash sums_node_hash(const struct cove_sum_node *node);
void sums_mark(const struct cove_id *id, const struct cove_hash *digest,
               uint8_t out[COVE_SUM_MARK]);
/* Add a document where the order of marks wants it; there is room. */
void sums_leaf_add(struct cove_sum_node *leaf,
                   const uint8_t mark[COVE_SUM_MARK], cove_num num);
void sums_group_of(const struct repo_record *record,
                   struct cove_sum_group *out);
/* Do the first bits of the id lead there? */
bool sums_path_leads(const struct cove_sum_path *path,
                     const struct cove_id *id);
bool sums_key_is_position(struct cove_bytes key);
/* Errors: COVE_ECORRUPT. */
COVE_MUST_CHECK int sums_key_take(struct cove_bytes key,
                                  struct cove_sum_group *group,
                                  struct cove_sum_path *path);
COVE_MUST_CHECK int sums_position_put(struct repo_work *work,
                                      uint64_t position);

#endif
