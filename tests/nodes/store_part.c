/* store_part.c: a relay that loses things. It brings a document with its
 * owner's header from one store to another, but of its log only what one
 * device wrote: what that hangs on is missing there.
 *
 *   store_part FROM TO DOCUMENT DEVICE
 */
#include "tests/nodes/store_kit.h"

#include <string.h>

struct end { /* one of the two stores */
    struct cove_store *store;
    struct cove_repo *repo;
    struct cove_store_txn *txn;
};

struct relay {
    struct end from, to;
    struct cove_arena arena;
    struct cove_diag diag;
};

static int end_open(struct relay *r, struct end *e, const char *dir, bool write)
{
    int err = store_open(dir, &cove_env_system, &e->store, &e->repo, &r->diag);

    return err ? err : cove_store_begin(e->store, write, &e->txn);
}

static int relay_header(struct relay *r, const struct cove_id *id)
{
    struct cove_doc doc;
    cove_num num = 0;
    int err = cove_repo_find(r->from.repo, r->from.txn, id, &num);

    err = err ? err
              : cove_repo_load(r->from.repo, r->from.txn, num, &r->arena, &doc,
                               &r->diag);
    if (err == 0 && doc.header.has_owner) {
        err = relay_header(r, &doc.header.owner);
    }
    return err ? err
               : cove_repo_ingest_header(r->to.repo, r->to.txn, id,
                                         doc.header_bytes, &num, &r->diag);
}

static int relay_session(struct relay *r, cove_num num,
                         const struct cove_doc_session *session)
{
    struct cove_ingest_result result = {.have = 0};
    int err = 0;

    while (err == 0 && result.have < session->len) {
        struct cove_batch batch;

        err = cove_repo_read(r->from.repo, r->from.txn, num, &session->session,
                             result.have, COVE_MAX_BATCH, &r->arena, &batch);
        err = err ? err
                  : cove_repo_ingest(r->to.repo, r->to.txn, &batch, 0, &result,
                                     &r->diag);
    }
    return err;
}

/* words: DOCUMENT DEVICE */
static int relay_part(struct relay *r, char **words)
{
    struct cove_key device;
    struct cove_doc doc;
    struct cove_id id;
    cove_num num = 0;
    int err = cove_hex_parse(words[1], device.b, sizeof(device.b));

    err = err ? err
              : cove_repo_resolve(r->from.repo, r->from.txn, words[0], &id,
                                  &r->diag);
    err = err ? err : relay_header(r, &id);
    err = err ? err : cove_repo_find(r->from.repo, r->from.txn, &id, &num);
    err = err ? err
              : cove_repo_load(r->from.repo, r->from.txn, num, &r->arena, &doc,
                               &r->diag);
    for (size_t i = 0; err == 0 && i < doc.session_count; i++) {
        if (memcmp(&doc.sessions[i].device, &device, sizeof(device)) == 0) {
            err = relay_session(r, num, &doc.sessions[i]);
        }
    }
    return err;
}

static void end_close(struct end *e)
{
    cove_repo_close(e->repo);
    cove_store_close(e->store);
}

int main(int argc, char **argv)
{
    struct relay r = {.arena = {0}};
    int err = argc == 5 ? 0 : COVE_EUSAGE;

    cove_arena_init(&r.arena, &cove_alloc_libc);
    err = err ? err : end_open(&r, &r.from, argv[1], false);
    err = err ? err : end_open(&r, &r.to, argv[2], true);
    err = err ? err : relay_part(&r, argv + 3);
    if (r.to.txn != NULL && err == 0) {
        err = cove_store_commit(r.to.txn);
    } else if (r.to.txn != NULL) {
        cove_store_abort(r.to.txn);
    }
    if (r.from.txn != NULL) {
        cove_store_abort(r.from.txn);
    }
    if (err != 0) {
        fprintf(stderr, "store_part: %s: %s\n", cove_error_text(err),
                r.diag.text);
    }
    end_close(&r.from);
    end_close(&r.to);
    cove_arena_clear(&r.arena);
    return err != 0;
}
