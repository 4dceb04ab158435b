/* dump_give.c: documents out of a repo, as blocks of a dump.
 *
 * What others depend on comes first: the changes of a round are gone through
 * once for rights, journals, registries and content. A document that changes
 * meanwhile is found again in the next round; rounds grow short, and the last
 * of COVE_DUMP_ROUNDS is made of one transaction, so that there is an end even
 * where somebody writes without a pause. A dump of one schema, or of what
 * changed since another dump, also gives the owner of what it gives, since no
 * pass does.
 */
#include "crdt/dump.h"

#include "core/cbor.h"
#include "core/value.h"
#include "crdt/pack.h"
#include "crdt/repo_cut.h"

#define GIVE_SCAN 20000 /* changes looked at for one block */

bool cove_dump_last_round(const struct cove_dump_place *place)
{
    return place->round >= COVE_DUMP_ROUNDS;
}

static int give_item(struct cove_buf *out, enum cove_dump_item kind,
                     struct cove_bytes bytes)
{
    struct cove_packer p;

    cove_packer_init(&p, out);
    cove_pack_byte(&p, (uint8_t)kind);
    cove_pack_bytes(&p, bytes);
    return p.err;
}

/* --- batches */

static int give_group(struct cove_dump_give *give, struct cove_store_txn *txn,
                      const struct cove_batch *batch, struct cove_buf *out)
{
    struct cove_group group = {.device = batch->device};
    int err = cove_repo_group(give->repo, txn, give->sharing.group,
                              &give->arena, &group);

    give->scratch.len = 0;
    if (err == 0) {
        err = cove_group_encode(&group, &give->scratch);
    }
    if (err == 0) {
        err = give_item(out, COVE_DUMP_GROUP, cove_buf_bytes(&give->scratch));
    }
    give->sharing.shared = err == 0;
    return err;
}

static int give_batch(struct cove_dump_give *give, struct cove_store_txn *txn,
                      struct cove_batch *batch, struct cove_buf *out)
{
    int err = 0;

    /* Where all is given, nearly all of a group is. */
    if (cove_sharing_due(&give->sharing, &batch->proof,
                         give->place.after == 0)) {
        err = give_group(give, txn, batch, out);
    }
    cove_sharing_take(&give->sharing, &batch->proof);
    give->scratch.len = 0;
    if (err == 0) {
        err = cove_batch_encode(batch, &give->scratch);
    }
    if (err == 0) {
        err = give_item(out, COVE_DUMP_BATCH, cove_buf_bytes(&give->scratch));
    }
    if (err == 0) {
        give->counts.transactions += batch->tx_count;
    }
    return err;
}

/* --- one document */

struct give_doc {
    struct cove_dump_give *give;
    struct cove_store_txn *txn;
    cove_num num;
    const struct cove_doc_outline *outline;
    struct cove_buf *out;
    size_t cut;  /* bytes of a cut that is given again */
    bool inside; /* the block is full in the middle of it */
};

static int give_session(struct give_doc *d,
                        const struct cove_doc_session *session, uint32_t from)
{
    struct cove_dump_give *give = d->give;

    while (from < session->len) {
        struct cove_batch batch;
        int err;

        if (d->out->len - d->cut >= COVE_DUMP_FILL) {
            give->place.inside = d->inside = true;
            give->place.document = d->outline->id;
            give->place.session = session->session;
            give->place.from = from;
            return 0;
        }
        err = cove_repo_read(give->repo, d->txn, d->num, &session->session,
                             from, COVE_MAX_BATCH, &give->arena, &batch);
        if (err == COVE_ENOTFOUND ||
            (err == 0 && (batch.start != from || batch.tx_count == 0))) {
            err = COVE_ECORRUPT;
        }
        if (err == 0) {
            err = give_batch(give, d->txn, &batch, d->out);
        }
        if (err != 0) {
            return err;
        }
        from += (uint32_t)batch.tx_count;
    }
    return 0;
}

/* In front of what it begins: in each block, since it may be another one by
 * then. A block is no fuller by what was given already. */
static int give_cut(struct give_doc *d, bool again)
{
    size_t start = d->out->len;
    struct cove_bytes cut;
    int err = cove_repo_cut_read(d->give->repo, d->txn, d->num, &d->give->arena,
                                 &cut);

    if (err == COVE_ENOTFOUND) {
        return 0;
    }
    if (err == 0) {
        err = give_item(d->out, COVE_DUMP_CUT, cut);
    }
    d->cut = again ? d->out->len - start : 0;
    return err;
}

/* Where a session goes on that was left at `from`: what was before may have
 * been cut off since. */
static uint32_t give_from(const struct cove_doc_session *session, uint32_t from)
{
    return from < session->base ? session->base : from;
}

static int give_fork(void *ctx, struct cove_bytes batch)
{
    struct give_doc *d = ctx;

    return give_item(d->out, COVE_DUMP_FORK, batch);
}

/* From where it was left, if that is this one, to its end or the block's. */
static int give_whole(struct give_doc *d)
{
    struct cove_dump_place at = d->give->place;
    const struct cove_doc_outline *outline = d->outline;
    bool goes_on = at.inside &&
                   memcmp(&at.document, &outline->id, sizeof(at.document)) == 0;
    int err = give_item(d->out, COVE_DUMP_HEADER, outline->header_bytes);

    d->give->place.inside = false;
    if (err == 0) {
        err = give_cut(d, goes_on);
    }
    for (size_t i = 0; i < outline->session_count && err == 0 && !d->inside;
         i++) {
        const struct cove_doc_session *session = &outline->sessions[i];
        int order =
            goes_on ? memcmp(&session->session, &at.session, sizeof(at.session))
                    : 1;

        if (order >= 0) {
            err = give_session(d, session,
                               give_from(session, order == 0 ? at.from : 0));
        }
    }
    if (err == 0 && !d->inside) {
        err = cove_repo_forks(d->give->repo, d->txn, d->num, give_fork, d);
    }
    d->give->counts.documents += err == 0 && !d->inside;
    return err;
}

/* What is damaged is left out whole, as far as this block goes. */
static int give_document(struct give_doc *d)
{
    struct cove_dump_give *give = d->give;
    struct cove_dump_counts counts = give->counts;
    size_t start = d->out->len;
    int err = give_whole(d);

    if (err == COVE_ECORRUPT) {
        d->out->len = start;
        d->inside = give->place.inside = false;
        give->counts = counts;
        give->sharing.group = 0;
        give->damaged(give->ctx, &d->outline->id);
        err = 0;
    }
    return err;
}

/* --- which documents */

/* Is a document of the schema, or the child of one? */
static int give_of_schema(struct cove_dump_give *give,
                          struct cove_store_txn *txn,
                          const struct cove_header *header, bool *of)
{
    struct cove_doc_brief brief;
    struct cove_header parent;
    struct cove_bytes from = {NULL, 0};
    struct cove_id id;
    cove_num num;
    int err;

    *of = header->has_schema &&
          memcmp(&header->schema, &give->journal, sizeof(give->journal)) == 0;
    if (*of || header->from.len == 0 ||
        !cove_value_member(header->from, "document", &from) ||
        cove_cbor_type_of(from) != COVE_CBOR_BYTES) {
        return 0;
    }
    struct cove_reader r;

    cove_reader_init(&r, from);
    cove_reader_fixed(&r, id.b, sizeof(id.b));
    err = r.err != 0 ? COVE_ENOTFOUND
                     : cove_repo_find(give->repo, txn, &id, &num);
    if (err == 0) {
        err = cove_repo_brief(give->repo, txn, num, &brief);
    }
    if (err == 0) {
        err = cove_header_decode(brief.header_bytes, &parent, NULL);
    }
    if (err == 0) {
        *of = parent.has_schema && memcmp(&parent.schema, &give->journal,
                                          sizeof(give->journal)) == 0;
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

/* The registries that list the schema are those of its journal's owner. */
static int give_lists_schema(struct cove_dump_give *give,
                             struct cove_store_txn *txn, cove_num owner,
                             bool *lists)
{
    struct cove_doc_outline journal;
    int err = cove_repo_outline(give->repo, txn, give->schema, &give->arena,
                                &journal);

    *lists = err == 0 && journal.owner == owner;
    return err;
}

static int give_wanted(struct cove_dump_give *give, struct cove_store_txn *txn,
                       const struct cove_change *change,
                       const struct cove_doc_outline *outline, bool *wanted)
{
    struct cove_header header;
    int err;

    *wanted = give->schema == 0;
    if (*wanted) {
        return 0;
    }
    switch (change->class) {
    case COVE_CLASS_RIGHTS:
        return 0; /* with what they own */
    case COVE_CLASS_JOURNAL:
        *wanted = change->num == give->schema;
        return 0;
    case COVE_CLASS_REGISTRY:
        return give_lists_schema(give, txn, outline->owner, wanted);
    case COVE_CLASS_CONTENT:
    default:
        err = cove_header_decode(outline->header_bytes, &header, NULL);
        return err != 0 ? err : give_of_schema(give, txn, &header, wanted);
    }
}

/* The owner, where none of its passes has given it and it was not given lately.
 */
static int give_owner(struct cove_dump_give *give, struct cove_store_txn *txn,
                      cove_num owner, struct cove_buf *out)
{
    struct cove_doc_outline outline;
    struct give_doc d = {.give = give,
                         .txn = txn,
                         .num = owner,
                         .outline = &outline,
                         .out = out};
    size_t ring = COVE_ARRAY_LEN(give->owners);
    int err;

    if (owner == 0 || (give->schema == 0 && give->place.after == 0)) {
        return 0;
    }
    for (size_t i = 0; i < ring && i < give->owner_count; i++) {
        if (give->owners[i] == owner) {
            return 0;
        }
    }
    give->owners[give->owner_count++ % ring] = owner;
    err = cove_repo_outline(give->repo, txn, owner, &give->arena, &outline);
    if (err == 0) {
        err = give_document(&d);
        give->place.inside = false; /* it is a header; its log is short */
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

static int give_change(struct cove_dump_give *give, struct cove_store_txn *txn,
                       const struct cove_change *change, struct cove_buf *out,
                       bool *inside)
{
    struct cove_doc_outline outline;
    struct give_doc d = {.give = give,
                         .txn = txn,
                         .num = change->num,
                         .outline = &outline,
                         .out = out};
    bool wanted = false;
    int err;

    cove_arena_reset(&give->arena);
    err =
        cove_repo_outline(give->repo, txn, change->num, &give->arena, &outline);
    if (err == 0 && !outline.local) {
        err = give_wanted(give, txn, change, &outline, &wanted);
    }
    if (err == 0 && wanted) {
        struct cove_dump_place place = give->place;

        err = give_owner(give, txn, outline.owner, out);
        give->place = place;
    }
    if (err == 0 && wanted) {
        err = give_document(&d);
    }
    *inside = d.inside;
    return err;
}

/* --- the rounds */

/* The next pass, or round; *over: nothing changed since. */
static void round_next(struct cove_dump_place *place, uint64_t sequence,
                       bool *over)
{
    place->inside = false;
    if (place->round > 0 && place->pass < COVE_CLASS_CONTENT) {
        place->pass++;
        place->at = place->after;
        return;
    }
    if (place->round > 0) {
        place->after = place->end;
    }
    *over = place->round > 0 && place->end == sequence;
    if (!*over) {
        place->round += place->round < COVE_DUMP_ROUNDS;
        place->end = sequence;
        place->pass = COVE_CLASS_RIGHTS;
        place->at = place->after;
    }
}

/* Errors: COVE_ENOTFOUND at the end of the pass. */
static int round_step(struct cove_dump_give *give, struct cove_store_txn *txn,
                      struct cove_buf *out)
{
    struct cove_dump_place *place = &give->place;
    struct cove_change change;
    bool inside = false;
    int err = cove_repo_change_after(give->repo, txn, place->at, &change);

    if (err == 0 && change.sequence > place->end) {
        err = COVE_ENOTFOUND;
    }
    if (err == 0 && change.class == place->pass) {
        size_t start = out->len;

        err = give_change(give, txn, &change, out, &inside);
        if (err == COVE_ENOTFOUND || err == COVE_ECORRUPT) {
            out->len = start; /* not even its record can be read */
            give->sharing.group = 0;
            give->damaged(give->ctx, NULL);
            err = 0;
        }
    }
    if (err == 0 && !inside) {
        place->at = change.sequence;
    }
    return err;
}

int cove_dump_give(struct cove_dump_give *give, struct cove_store_txn *txn,
                   struct cove_buf *out, bool *over)
{
    struct cove_dump_place *place = &give->place;
    size_t start = out->len;
    uint64_t sequence;
    int err = cove_repo_sequence(give->repo, txn, &sequence);

    *over = false;
    give->sharing.group = 0; /* a block stands by itself */
    if (err == 0 && place->round == 0) {
        round_next(place, sequence, over);
    }
    for (int i = 0; err == 0 && !*over && out->len - start < COVE_DUMP_FILL &&
                    (i < GIVE_SCAN || cove_dump_last_round(place));
         i++) {
        err = round_step(give, txn, out);
        if (err == COVE_ENOTFOUND) {
            round_next(place, sequence, over);
            err = 0;
        }
    }
    return err;
}
