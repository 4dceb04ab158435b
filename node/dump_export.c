/* dump_export.c: export.exact: a piece of a dump a call.
 *
 * The documents are read in a transaction that ends before anything is written,
 * since who reads a pipe may be slow; but for the last round, which is of one
 * transaction whatever it takes (crdt/dump_give.c).
 */
#include "node/dump.h"

#include "core/cbor.h"

#include <stdio.h>

struct dump_export {
    struct admin *a;
    struct cove_txn *txn;
    int fd;
    bool zip, begun, over;
    const char *schema;   /* NULL: all */
    struct cove_hash sum; /* of the last block */
    uint64_t bytes;       /* written, and in out */
    uint64_t damaged;
    struct cove_buf out, body;
    struct cove_dump_give give;
};

static void export_damaged(void *ctx, const struct cove_id *id)
{
    struct dump_export *e = ctx;

    if (e->damaged++ < DUMP_NAMED) {
        if (id != NULL) {
            node_json_id(&e->a->reply, id);
        } else {
            node_json_cstr(&e->a->reply, "");
        }
    }
}

/* --- going on where another call ended */

static int export_resume(struct dump_export *e)
{
    struct cove_reader r;
    bool given = false;
    int err = dump_text(e->a, "cursor", e->txn, &r, &given);

    if (err != 0) {
        return err;
    }
    if (given) {
        cove_reader_fixed(&r, e->sum.b, sizeof(e->sum.b));
        e->bytes = cove_reader_uint(&r);
        e->give.counts.documents = cove_reader_uint(&r);
        e->give.counts.transactions = cove_reader_uint(&r);
        cove_dump_place_read(&r, &e->give.place);
        e->begun = true;
    } else {
        err = dump_text(e->a, "after", e->txn, &r, &given);
        if (err == 0 && given) {
            cove_dump_place_read(&r, &e->give.place);
        }
    }
    return err == 0 && given && cove_reader_done(&r) != 0
               ? cove_fail(&e->a->diag, COVE_EUSAGE,
                           "\"cursor\" and \"after\" are given back as they "
                           "came")
               : err;
}

static int export_cursors(struct dump_export *e)
{
    struct cove_writer w;
    struct cove_buf buf;

    cove_buf_init(&buf, e->a->store->alloc);
    cove_writer_init(&w, &buf);
    if (!e->over) {
        dump_text_begin(e->txn, &w, 5);
        cove_writer_bytes(&w, e->sum.b, sizeof(e->sum.b));
        cove_writer_uint(&w, e->bytes);
        cove_writer_uint(&w, e->give.counts.documents);
        cove_writer_uint(&w, e->give.counts.transactions);
        cove_dump_place_write(&e->give.place, &w);
        dump_text_reply(e->a, "cursor", cove_buf_bytes(&buf));
        buf.len = 0;
    }
    struct cove_dump_place place = e->give.place;

    if (e->over) { /* what changes from here on */
        place = (struct cove_dump_place){.after = place.end};
    }
    dump_text_begin(e->txn, &w, 1);
    cove_dump_place_write(&place, &w);
    dump_text_reply(e->a, "after", cove_buf_bytes(&buf));
    cove_buf_clear(&buf);
    return w.err;
}

/* --- blocks */

static int export_block(struct dump_export *e, enum cove_dump_kind kind)
{
    size_t start = e->out.len;
    int err = cove_dump_block(kind, cove_buf_bytes(&e->body), e->zip, &e->sum,
                              &e->out);

    e->bytes += e->out.len - start;
    e->body.len = 0;
    return err;
}

static int export_begin(struct dump_export *e)
{
    const struct cove_env *env = e->a->store->env;
    struct cove_dump_begin begin = {.time_ms = env->now_ms(env->ctx),
                                    .device = e->a->store->device,
                                    .account = e->a->store->account,
                                    .after = e->give.place.after};
    int err;

    snprintf(begin.version, sizeof(begin.version), "%s", cove_version());
    if (e->schema != NULL && snprintf(begin.schema, sizeof(begin.schema), "%s",
                                      e->schema) >= (int)sizeof(begin.schema)) {
        return cove_fail(&e->a->diag, COVE_ELIMIT,
                         "a schema's name of more than %zu bytes; name it by "
                         "its journal's id",
                         sizeof(begin.schema) - 1);
    }
    cove_repo_store_id(e->txn->worker->repo, begin.store_id);
    e->sum = cove_dump_start();
    e->bytes = sizeof(cove_dump_magic);
    err = cove_buf_append(&e->out,
                          cove_bytes(cove_dump_magic, sizeof(cove_dump_magic)));
    if (err == 0) {
        err = cove_dump_begin_write(&begin, &e->body);
    }
    return err != 0 ? err : export_block(e, COVE_DUMP_BEGIN);
}

static int export_end(struct dump_export *e)
{
    const struct cove_dump_end end = {.sequence = e->give.place.end,
                                      .counts = e->give.counts};
    int err = cove_dump_end_write(&end, &e->body);

    return err != 0 ? err : export_block(e, COVE_DUMP_END);
}

static int export_flush(struct dump_export *e)
{
    int err = dump_write(e->fd, cove_buf_bytes(&e->out));

    e->out.len = 0;
    return err == 0 ? 0
                    : cove_fail(&e->a->diag, err,
                                "the dump cannot be written on: %s; what is "
                                "there of it is good up to its last whole "
                                "block",
                                cove_error_text(err));
}

static int export_blocks(struct dump_export *e)
{
    int err = 0;

    while (err == 0 && !e->over &&
           (e->out.len < DUMP_CALL || cove_dump_last_round(&e->give.place))) {
        if (e->out.len >= DUMP_CALL) {
            err = export_flush(e);
        }
        if (err == 0) {
            err = cove_dump_give(&e->give, e->txn->txn, &e->body, &e->over);
        }
        if (err == 0 && e->body.len > 0) {
            err = export_block(e, COVE_DUMP_DOCUMENTS);
        }
    }
    return err;
}

/* --- a call */

static int export_schema(struct dump_export *e)
{
    struct cove_doc_brief brief;
    int err;

    if (e->schema == NULL) {
        return 0;
    }
    err = cove_catalog_find(e->txn->worker->catalog, e->txn->txn, e->schema,
                            &e->give.schema, &e->txn->diag);
    if (err == 0) {
        err =
            cove_repo_brief(e->give.repo, e->txn->txn, e->give.schema, &brief);
    }
    if (err == 0) {
        e->give.journal = brief.id;
    }
    return err;
}

static int export_next(struct dump_export *e)
{
    int err;

    e->give.repo = e->txn->worker->repo;
    err = e->begun ? 0 : export_resume(e);
    err = err != 0 ? err : export_schema(e);
    if (err == 0 && !e->begun) {
        err = export_begin(e);
        e->begun = err == 0;
    }
    err = err != 0 ? err : export_blocks(e);
    return err == 0 && e->over ? export_end(e) : err;
}

/* The same, with what is damaged and where to go on in the reply. */
static int export_call(struct dump_export *e)
{
    int err;

    node_json_key(&e->a->reply, "damaged");
    node_json_open(&e->a->reply, '[');
    err = export_next(e);
    node_json_close(&e->a->reply, ']');
    return err != 0 ? err : export_cursors(e);
}

static void export_init(struct dump_export *e, struct admin *a,
                        void (*damaged)(void *, const struct cove_id *))
{
    e->give.damaged = damaged;
    e->give.ctx = e;
    e->a = a;
    cove_buf_init(&e->out, a->store->alloc);
    cove_buf_init(&e->body, a->store->alloc);
    cove_arena_init(&e->give.arena, a->store->alloc);
    cove_buf_init(&e->give.scratch, a->store->alloc);
}

static void export_clear(struct dump_export *e)
{
    cove_buf_clear(&e->out);
    cove_buf_clear(&e->body);
    cove_arena_clear(&e->give.arena);
    cove_buf_clear(&e->give.scratch);
}

static int export_piece(struct dump_export *e)
{
    int err = node_begin(e->a->store, COVE_READ, &e->txn);

    if (err == 0) {
        err = admin_end(e->a, e->txn, export_call(e));
    }
    return err != 0 ? err : export_flush(e);
}

static void export_reply(const struct dump_export *e)
{
    struct node_json *j = &e->a->reply;

    node_json_key(j, "done");
    node_json_bool(j, e->over);
    node_json_key(j, "documents");
    node_json_int(j, (int64_t)e->give.counts.documents);
    node_json_key(j, "transactions");
    node_json_int(j, (int64_t)e->give.counts.transactions);
    node_json_key(j, "bytes");
    node_json_int(j, (int64_t)e->bytes);
    node_json_key(j, "damagedCount");
    node_json_int(j, (int64_t)e->damaged);
    if (e->over) {
        node_json_key(j, "sequence");
        node_json_int(j, (int64_t)e->give.place.end);
        node_json_key(j, "sum");
        node_json_hex(j, e->sum.b, sizeof(e->sum.b));
    }
}

static int verb_export_exact(struct admin *a)
{
    struct dump_export *e = cove_arena_new(&a->arena, sizeof(*e));
    bool plain = false;
    int err = e == NULL ? COVE_ENOMEM : dump_fd(a, &e->fd);

    err = err != 0 ? err : admin_text(a, "schema", &e->schema);
    err = err != 0 ? err : admin_flag(a, "plain", &plain);
    if (err != 0) {
        return err;
    }
    export_init(e, a, export_damaged);
    e->zip = !plain;
    err = export_piece(e);
    if (err == 0) {
        export_reply(e);
    }
    export_clear(e);
    return err;
}

static void schema_damaged(void *ctx, const struct cove_id *id)
{
    struct dump_export *e = ctx;

    (void)id;
    e->damaged++;
}

static int schema_piece(struct dump_export *e)
{
    int err = node_begin(e->a->store, COVE_READ, &e->txn);

    if (err == 0) {
        err = admin_end(e->a, e->txn, export_next(e));
    }
    return err != 0 ? err : export_flush(e);
}

int dump_schema(struct admin *a, int fd, const char *schema,
                struct dump_made *out)
{
    struct dump_export *e = cove_arena_new(&a->arena, sizeof(*e));
    int err = 0;

    if (e == NULL) {
        return COVE_ENOMEM;
    }
    export_init(e, a, schema_damaged);
    e->fd = fd;
    e->zip = true;
    e->schema = schema;
    while (err == 0 && !e->over) {
        err = schema_piece(e);
    }
    if (err == 0 && e->damaged > 0) {
        err = cove_fail(&a->diag, COVE_ECORRUPT,
                        "%llu documents of it are damaged; `cove check` names "
                        "them, `cove export --exact` leaves them out",
                        (unsigned long long)e->damaged);
    }
    out->documents = e->give.counts.documents;
    out->sequence = e->give.place.end;
    out->bytes = e->bytes;
    out->sum = e->sum;
    export_clear(e);
    return err;
}

const struct admin_verb admin_export_verbs[] = {
    {"export.exact", "fd cursor after schema plain", verb_export_exact},
    {NULL, NULL, NULL},
};
