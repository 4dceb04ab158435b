/* dump_take.c: blocks of a dump into a repo.
 *
 * Nothing in a file is trusted: a header is hashed, a batch is verified as one
 * from a peer is, and a document that this device has no right to read stays
 * out. One that is refused harms no other.
 */
#include "crdt/dump.h"

#include "core/cbor.h"
#include "crdt/pack.h"
#include "crdt/repo_cut.h"

/* Errors that are about the bytes, so that what follows is looked at. */
static bool take_is_refusal(int err)
{
    switch (err) {
    case COVE_ENOTFOUND:
    case COVE_EGAP:
    case COVE_ESIGNATURE:
    case COVE_EHASH:
    case COVE_EFORMAT:
    case COVE_ELIMIT:
    case COVE_ERESERVED:
    case COVE_ECLOCK:
    case COVE_EDENIED:
    case COVE_ENEWER:
    case COVE_ECUT:
    case COVE_EUNSUPPORTED:
        return true;
    default:
        return false;
    }
}

/* What came of an item: go on behind what was refused. */
static int take_verdict(struct cove_dump_take *take, const struct cove_id *id,
                        int err, const struct cove_diag *why)
{
    if (err == COVE_EREMOVED) { /* it does not come back */
        take->took.removed++;
        return 0;
    }
    if (!take_is_refusal(err)) {
        return err;
    }
    take->took.refused++;
    take->refused(take->ctx, id,
                  why->text[0] != '\0' ? why->text : cove_error_text(err));
    return 0;
}

/* --- headers */

/* Is this device one of the owner's members? Errors: COVE_ENOTFOUND (the owner
 * is not here). */
static int take_may(struct cove_dump_take *take, struct cove_store_txn *txn,
                    const struct cove_header *header, bool *may)
{
    cove_num owner = 0;
    enum cove_role role;
    int err;

    if (!header->has_owner) {
        *may = cove_header_role(header, cove_repo_device(take->repo)) >=
               COVE_ROLE_READER;
        return 0;
    }
    err = cove_repo_find(take->repo, txn, &header->owner, &owner);
    if (err != 0) {
        return err;
    }
    if (owner != take->owner) {
        err = cove_repo_role(take->repo, txn, owner,
                             cove_repo_device(take->repo), &role);
        if (err != 0) {
            return err;
        }
        take->owner = owner;
        take->may = role >= COVE_ROLE_READER;
    }
    *may = take->may;
    return 0;
}

static int take_new(struct cove_dump_take *take, struct cove_store_txn *txn,
                    const struct cove_id *id, struct cove_bytes bytes,
                    struct cove_diag *diag)
{
    struct cove_header header;
    bool may = false;
    cove_num num;
    int err = cove_header_decode(bytes, &header, diag);

    if (err != 0) {
        return err;
    }
    err = take_may(take, txn, &header, &may);
    if (err == COVE_ENOTFOUND) { /* and so whether one may is not known */
        may = false;
        err = 0;
    }
    if (err == 0 && may) {
        err = cove_repo_ingest_header(take->repo, txn, id, bytes, &num, diag);
        take->took.documents += err == 0;
    } else if (err == 0) {
        take->took.left_out +=
            !(take->leaves && memcmp(&take->left, id, sizeof(*id)) == 0);
        take->left = *id;
        take->leaves = true;
    }
    return err;
}

static int take_header(struct cove_dump_take *take, struct cove_store_txn *txn,
                       struct cove_bytes bytes)
{
    struct cove_diag diag = {0};
    struct cove_id id;
    cove_num num;
    int err;

    if (bytes.len > COVE_MAX_HEADER) {
        return take_verdict(take, NULL, COVE_ELIMIT, &diag);
    }
    id = cove_header_id(bytes);
    err = cove_repo_find(take->repo, txn, &id, &num);
    if (err == 0) {
        take->took.existed += memcmp(&take->last, &id, sizeof(id)) != 0;
        take->last = id;
        return 0;
    }
    if (err == COVE_ENOTFOUND) {
        err = take_new(take, txn, &id, bytes, &diag);
        take->last = id;
    }
    return take_verdict(take, &id, err, &diag);
}

/* --- batches */

static int take_group(struct cove_dump_take *take, struct cove_bytes bytes)
{
    struct cove_diag diag = {0};
    struct cove_group group;
    int err = cove_group_decode(bytes, &group, &diag);

    take->group.count = 0;
    if (err == 0) {
        err = cove_group_verify(&group);
    }
    if (err == 0) {
        take->group = group; /* its bytes lie in the block */
    }
    return take_verdict(take, NULL, err, &diag);
}

static int take_batch(struct cove_dump_take *take, struct cove_store_txn *txn,
                      struct cove_bytes bytes)
{
    struct cove_ingest_result result = {0};
    struct cove_diag diag = {0};
    struct cove_batch batch;
    int err;

    cove_arena_reset(&take->arena);
    err = cove_batch_decode(bytes, &take->arena, &batch, &diag);
    if (err != 0) {
        return take_verdict(take, NULL, err, &diag);
    }
    if (take->leaves &&
        memcmp(&take->left, &batch.document, sizeof(take->left)) == 0) {
        return 0;
    }
    if (batch.proof.shared && take->group.count > 0) {
        batch.proof.group = &take->group;
    }
    err = cove_repo_ingest(take->repo, txn, &batch, 0, &result, &diag);
    if (err == COVE_EFORK) { /* and the proof is kept */
        take->took.forks++;
        return 0;
    }
    if (err == 0) {
        take->took.transactions += result.added;
    }
    return take_verdict(take, &batch.document, err, &diag);
}

static int take_cut(struct cove_dump_take *take, struct cove_store_txn *txn,
                    struct cove_bytes bytes)
{
    struct cove_ingest_result result = {0};
    struct cove_diag diag = {0};
    int err = cove_repo_cut_take(take->repo, txn, bytes, 0, &result, &diag);

    if (err == COVE_EFORK) { /* ours stands */
        take->took.forks++;
        return 0;
    }
    /* What was left out is not here, and has no cut either. */
    return err == COVE_ENOTFOUND && take->leaves
               ? 0
               : take_verdict(take, NULL, err, &diag);
}

/* --- a block */

static int take_item(struct cove_dump_take *take, struct cove_store_txn *txn,
                     unsigned kind, struct cove_bytes bytes)
{
    switch (kind) {
    case COVE_DUMP_HEADER:
        return take_header(take, txn, bytes);
    case COVE_DUMP_GROUP:
        return take_group(take, bytes);
    case COVE_DUMP_BATCH:
    case COVE_DUMP_FORK:
        return take_batch(take, txn, bytes);
    case COVE_DUMP_CUT:
        return take_cut(take, txn, bytes);
    default:
        take->took.unknown++;
        return 0;
    }
}

int cove_dump_take(struct cove_dump_take *take, struct cove_store_txn *txn,
                   struct cove_bytes body)
{
    struct cove_unpacker u;
    struct cove_diag diag = {0};
    int err = 0;

    cove_unpacker_init(&u, body);
    take->group.count = 0; /* a block stands by itself */
    while (err == 0 && u.at < u.end) {
        unsigned kind = cove_unpack_byte(&u);
        struct cove_bytes bytes = cove_unpack_bytes(&u);

        err = u.err != 0 ? take_verdict(take, NULL, COVE_EFORMAT, &diag)
                         : take_item(take, txn, kind, bytes);
        if (u.err != 0) {
            break;
        }
    }
    take->group.count = 0;
    return err;
}
