/* repo_compact_parts.h: what a plan to pack is made of; for repo_compact.c and
 * repo_compact_choose.c only.
 */
#ifndef COVE_CRDT_REPO_COMPACT_PARTS_H
#define COVE_CRDT_REPO_COMPACT_PARTS_H

#include "crdt/repo_compact.h"
#include "crdt/repo_internal.h"

struct compact_chunk {
    struct repo_part part;
    uint64_t signed_bytes;
    uint64_t last_hlc;
    struct cove_hash sum; /* of its transactions */
};

struct compact_stub {
    uint32_t session, start, pack;
};

struct compact_pack {
    uint32_t number;
    struct cove_bytes value;
    struct repo_pack_size size;
    bool taken;
};

struct compact {
    struct repo_work work;
    struct repo_record record;
    const struct cove_pack_rule *rule;
    struct cove_pack_plan plan;
    struct compact_chunk *chunks; /* not in a pack; then all that are taken */
    size_t chunk_count, chunk_cap;
    struct compact_stub *stubs;
    size_t stub_count, stub_cap;
    struct compact_pack *packs;
    size_t pack_count, pack_cap;
    size_t old_cap, group_cap;
};

/* repo_compact_choose.c */
/* Room for one more item of an array in the plan's arena. */
COVE_MUST_CHECK int compact_push(struct compact *c, void *array, size_t size,
                                 size_t count, size_t *cap);
/* Read the transactions of a chunk as they were signed. */
COVE_MUST_CHECK int compact_measure(struct compact *c,
                                    struct compact_chunk *chunk);
int compact_order(const void *left, const void *right);
/* All that there is of a document, in the order of sessions. */
COVE_MUST_CHECK int compact_collect(struct compact *c);
/* Leave the chunks that go into one pack. */
COVE_MUST_CHECK int compact_choose(struct compact *c,
                                   struct repo_pack_size *size);
/* Former packs that are small go in as well. */
COVE_MUST_CHECK int compact_choose_packs(struct compact *c,
                                         struct repo_pack_size *size);

#endif
