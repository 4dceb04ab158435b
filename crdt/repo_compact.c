/* repo_compact.c: see repo_compact.h.
 *
 * A pack takes chunks in the order of their sessions until it is full, and
 * small packs of former times with them, so that a document which is packed
 * again and again does not end with many. A chunk whose proof a later one in
 * the pack makes superfluous loses it: one is kept at least for each batch that
 * a log can be cut into.
 */
#include "crdt/repo_compact_parts.h"

#define NODE_ROOM ((size_t)10)   /* what the store keeps with an entry */
#define NODE_MOST ((size_t)2030) /* longer ones lie in pages of their own */
#define NODE_PAGE ((size_t)4096)

static size_t entry_cost(size_t key, size_t value)
{
    size_t len = key + value + NODE_ROOM;

    return len <= NODE_MOST ? len
                            : key + 2 * NODE_ROOM +
                                  (value + NODE_PAGE) / NODE_PAGE * NODE_PAGE;
}

/* --- proofs */

static bool chunk_goes_on(const struct compact_chunk *a,
                          const struct compact_chunk *b)
{
    return a->part.session == b->part.session &&
           a->part.chunk.start + a->part.chunk.count == b->part.chunk.start;
}

/* One stretch that has a proof at its end. */
struct stretch {
    size_t end; /* behind its last chunk */
    uint64_t txs, bytes;
};

static struct stretch stretch_at(const struct compact *c, size_t i)
{
    struct stretch s = {.end = i};

    do {
        s.txs += c->chunks[s.end].part.chunk.count;
        s.bytes += c->chunks[s.end].signed_bytes;
    } while (c->chunks[s.end++].part.chunk.proof.none);
    return s;
}

static int proof_drop(struct compact *c, struct repo_proof *proof)
{
    int err = 0;

    if (proof->group != 0) {
        err = compact_push(c, &c->plan.groups, sizeof(*c->plan.groups),
                           c->plan.group_count, &c->group_cap);
        if (err == 0) {
            c->plan.groups[c->plan.group_count++] = proof->group;
        }
    }
    memset(proof, 0, sizeof(*proof));
    proof->none = true;
    return err;
}

static int thin_proofs(struct compact *c)
{
    struct stretch run = {.end = 0};
    int err = 0;

    for (size_t i = 0; i < c->chunk_count && err == 0; i = run.end) {
        struct stretch next = stretch_at(c, i);

        if (i > 0 && chunk_goes_on(&c->chunks[i - 1], &c->chunks[i]) &&
            run.txs + next.txs <= COVE_MAX_BATCH_TX &&
            run.bytes + next.bytes <= COVE_MAX_BATCH) {
            next.txs += run.txs;
            next.bytes += run.bytes;
            err = proof_drop(c, &c->chunks[i - 1].part.chunk.proof);
        }
        run = next;
    }
    return err;
}

/* --- the plan */

static int plan_old(struct compact *c, const struct cove_place *place)
{
    struct cove_pack_plan *plan = &c->plan;
    struct cove_pack_old old;
    struct cove_bytes value;
    int err =
        cove_store_get(c->work.txn, REPO_LOG, cove_place_bytes(place), &value);

    if (err == 0) {
        err = cove_arena_copy(c->work.arena, cove_place_bytes(place), &old.key);
    }
    if (err == 0) {
        old.value = cove_hash("cove/pack", value);
        err = compact_push(c, &plan->olds, sizeof(old), plan->old_count,
                           &c->old_cap);
    }
    if (err == 0) {
        plan->olds[plan->old_count++] = old;
        plan->bytes_before += entry_cost(place->len, value.len);
    }
    return err == COVE_ENOTFOUND ? COVE_ECORRUPT : err;
}

/* What goes: chunks that were not packed, and taken packs with their stubs. */
static int plan_olds(struct compact *c)
{
    struct cove_place place;
    int err = 0;

    for (size_t i = 0; i < c->chunk_count && err == 0; i++) {
        const struct repo_part *part = &c->chunks[i].part;

        if (!part->chunk.in_pack) {
            repo_log_place(&place, c->record.num, part->session,
                           part->chunk.start);
            err = plan_old(c, &place);
        }
    }
    for (size_t i = 0; i < c->pack_count && err == 0; i++) {
        const struct compact_pack *pack = &c->packs[i];

        c->plan.pack =
            pack->number >= c->plan.pack ? pack->number + 1 : c->plan.pack;
        if (!pack->taken) {
            continue;
        }
        repo_pack_place(&place, c->record.num, pack->number);
        err = plan_old(c, &place);
        for (size_t k = 0; k < c->stub_count && err == 0; k++) {
            if (c->stubs[k].pack == pack->number) {
                repo_log_place(&place, c->record.num, c->stubs[k].session,
                               c->stubs[k].start);
                err = plan_old(c, &place);
            }
        }
    }
    return err;
}

/* What comes: the pack, and a stub for each run of transactions in it. */
static int plan_runs(struct compact *c)
{
    struct cove_pack_plan *plan = &c->plan;

    plan->runs =
        cove_arena_array(c->work.arena, c->chunk_count, sizeof(*plan->runs));
    if (plan->runs == NULL) {
        return COVE_ENOMEM;
    }
    plan->bytes_after = entry_cost(sizeof(cove_num), plan->value.len);
    for (size_t i = 0; i < c->chunk_count; i++) {
        const struct repo_part *part = &c->chunks[i].part;
        uint32_t end = part->chunk.start + part->chunk.count;

        plan->txs += part->chunk.count;
        if (i > 0 && chunk_goes_on(&c->chunks[i - 1], &c->chunks[i])) {
            plan->runs[plan->run_count - 1].end = end;
            continue;
        }
        struct cove_pack_run run = {part->session, part->chunk.start, end};

        plan->runs[plan->run_count++] = run;
        plan->bytes_after += entry_cost(sizeof(run), 3);
    }
    return 0;
}

/* Does what was packed give the same transactions back? */
static int plan_check(struct compact *c, struct cove_bytes value)
{
    struct repo_parts parts;
    struct cove_buf raw;

    cove_buf_init(&raw, c->work.repo->opt.alloc);

    int err = repo_pack_decode(value, c->work.arena, &raw, &parts);

    if (err == 0 && parts.count != c->chunk_count) {
        err = COVE_ECORRUPT;
    }
    for (size_t i = 0; err == 0 && i < parts.count; i++) {
        const struct compact_chunk *from = &c->chunks[i];
        struct compact_chunk again = {.part = parts.at[i]};

        err = compact_measure(c, &again);
        if (err == 0 &&
            (memcmp(&again.sum, &from->sum, sizeof(again.sum)) != 0 ||
             compact_order(&again, from) != 0 ||
             again.part.chunk.count != from->part.chunk.count)) {
            err = COVE_ECORRUPT;
        }
    }
    cove_buf_clear(&raw);
    return err;
}

static int plan_value(struct compact *c)
{
    struct repo_parts parts = {.count = c->chunk_count};
    struct cove_pack_plan *plan = &c->plan;
    struct cove_buf buf;
    int err = 0;

    parts.at = cove_arena_array(c->work.arena, parts.count, sizeof(*parts.at));
    if (parts.at == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < parts.count; i++) {
        parts.at[i] = c->chunks[i].part;
    }
    cove_buf_init(&buf, c->work.repo->opt.alloc);
    err = repo_pack_encode(&parts, c->work.repo->opt.alloc, &buf);
    if (err == 0) {
        err =
            cove_arena_copy(c->work.arena, cove_buf_bytes(&buf), &plan->value);
    }
    cove_buf_clear(&buf);
    return err;
}

/* Fewer chunks, where so many do not fit into a record. */
static int plan_fit(struct compact *c, struct repo_pack_size *size)
{
    int err = plan_value(c);

    while (err == 0 && c->plan.value.len > REPO_PACK_VALUE &&
           c->chunk_count > 1) {
        c->chunk_count = (c->chunk_count + 1) / 2;
        err = plan_value(c);
    }
    c->plan.chunks = c->chunk_count;
    size->raw = 0;
    size->txs = 0;
    for (size_t i = 0; i < c->chunk_count; i++) {
        size->raw += c->chunks[i].part.chunk.packed.len;
        size->txs += c->chunks[i].part.chunk.count;
    }
    return err == 0 && c->plan.value.len > REPO_PACK_VALUE ? COVE_ENOTFOUND
                                                           : err;
}

/* With former packs where that fits as well, else without. */
static int plan_merge(struct compact *c, struct repo_pack_size *size)
{
    size_t alone = c->chunk_count;
    int err = compact_choose_packs(c, size);

    if (err == 0) {
        err = plan_value(c);
    }
    if (err != 0 || c->plan.value.len <= REPO_PACK_VALUE) {
        return err;
    }
    for (size_t i = 0; i < c->pack_count; i++) {
        c->packs[i].taken = false;
    }
    for (size_t i = c->chunk_count; i > 0; i--) {
        if (c->chunks[i - 1].part.chunk.in_pack) {
            memmove(&c->chunks[i - 1], &c->chunks[i],
                    (c->chunk_count - i) * sizeof(*c->chunks));
            c->chunk_count--;
        }
    }
    return c->chunk_count == alone ? 0 : COVE_ECORRUPT;
}

static int plan_make(struct compact *c)
{
    struct repo_pack_size size = {0};
    int err = compact_choose(c, &size);

    if (err == 0 && c->chunk_count == 0) {
        err = COVE_ENOTFOUND;
    }
    if (err == 0) {
        err = plan_fit(c, &size);
    }
    if (err == 0) {
        err = plan_merge(c, &size);
    }
    if (err == 0) {
        err = plan_olds(c);
    }
    if (err == 0) {
        err = thin_proofs(c);
    }
    if (err == 0) {
        err = plan_value(c); /* again: with what is left of the proofs */
    }
    if (err == 0) {
        err = plan_runs(c);
    }
    if (err == 0 && c->plan.bytes_after + c->plan.bytes_after / 16 >=
                        c->plan.bytes_before) {
        err = COVE_ENOTFOUND;
    }
    return err != 0 ? err : plan_check(c, c->plan.value);
}

int cove_repo_pack_plan(struct cove_repo *repo, struct cove_store_txn *txn,
                        cove_num num, const struct cove_pack_rule *rule,
                        struct cove_arena *arena, struct cove_pack_plan *out)
{
    struct compact c = {.rule = rule, .plan = {.num = num}};
    int err = repo_work_begin(&c.work, repo, txn, arena, NULL);

    if (err == 0) {
        err = repo_record_read(&c.work, num, &c.record);
    }
    if (err == 0) {
        err = compact_collect(&c);
    }
    if (err == 0) {
        err = c.chunk_count == 0 ? COVE_ENOTFOUND : plan_make(&c);
    }
    if (err == 0) {
        *out = c.plan;
    }
    return err;
}

int cove_repo_pack_next(struct cove_repo *repo, struct cove_store_txn *txn,
                        cove_num after, cove_num *out)
{
    (void)repo;
    return repo_next_num(txn, REPO_LOG, after, out);
}
