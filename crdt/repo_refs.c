/* repo_refs.c: which documents does one name?
 *
 * Every value that a register holds counts, of each epoch and of copies too:
 * an app of an older version may still show what a newer one replaced. Of a
 * list what is visible counts.
 */
#include "crdt/repo_refs.h"

#include "core/cbor.h"
#include "core/value.h"
#include "crdt/seq.h"

struct refs {
    cove_ref_visit *visit;
    void *ctx;
};

/* A checked value: its depth is limited. */
static int refs_in(const struct refs *refs, struct cove_bytes value)
{
    struct cove_reader r;
    struct cove_id id;
    size_t count;
    int err = 0;

    if (cove_value_ref(value, &id)) {
        return refs->visit(refs->ctx, &id);
    }
    cove_reader_init(&r, value);
    if (cove_reader_peek(&r) == COVE_CBOR_LIST) {
        count = cove_reader_list(&r);
        for (size_t i = 0; i < count && err == 0; i++) {
            err = refs_in(refs, cove_reader_item(&r));
        }
    } else if (cove_reader_peek(&r) == COVE_CBOR_MAP) {
        count = cove_reader_map(&r);
        for (size_t i = 0; i < count && err == 0; i++) {
            (void)cove_reader_text(&r);
            err = refs_in(refs, cove_reader_item(&r));
        }
    }
    return err;
}

/* What stands in a list: values, one behind another. */
static int refs_in_list(const struct refs *refs, const struct cove_seq *seq)
{
    struct cove_seq_walk walk;
    struct cove_seq_piece piece;
    int err = cove_seq_walk_all(seq, &walk);

    while (err == 0 && cove_seq_next(&walk, &piece)) {
        struct cove_reader r;

        cove_reader_init(&r, piece.content);
        while (err == 0 && !piece.deleted &&
               cove_reader_peek(&r) != COVE_CBOR_END) {
            err = refs_in(refs, cove_reader_item(&r));
        }
    }
    return err;
}

int cove_repo_refs(struct cove_repo *repo, struct cove_store_txn *txn,
                   cove_num num, struct cove_arena *arena,
                   cove_ref_visit *visit, void *ctx)
{
    const struct refs refs = {visit, ctx};
    struct cove_doc doc;
    int err = cove_repo_load(repo, txn, num, arena, &doc, NULL);

    if (err == COVE_EREMOVED) {
        return 0;
    }
    if (err != 0) {
        return err;
    }
    for (size_t i = 0; i < doc.state.native_count && err == 0; i++) {
        if (!doc.state.natives[i].deleted) {
            err = refs_in(&refs, doc.state.natives[i].value);
        }
    }
    for (size_t i = 0; i < doc.state.copy_count && err == 0; i++) {
        if (!doc.state.copies[i].deleted) {
            err = refs_in(&refs, doc.state.copies[i].value);
        }
    }
    if (err == 0 && doc.header.type == COVE_DOC_COLIST &&
        doc.state.seq != NULL) {
        err = refs_in_list(&refs, doc.state.seq);
    }
    return err;
}
