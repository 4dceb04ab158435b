/* dump_import.c: import.exact: a piece of a dump a call, verified and
 * committed.
 *
 * How far a dump was taken in is noted in the commit that takes it in, so that
 * an import which died goes on there. A block that is damaged is passed over,
 * and said: what is in it is missing, and all that hangs on it is refused by
 * name; a file that is cut ends behind its last whole block.
 */
#include "node/dump.h"

#include "core/cbor.h"
#include "crdt/repo_upkeep.h"

#include <stdio.h>

#define IMPORT_NOTE   "import/"
#define IMPORT_DIGITS 16

struct import_block;

struct dump_import {
    struct admin *a;
    struct cove_txn *txn;
    int fd;
    bool resume;
    bool begun, ended; /* the first block was read; the last one */
    const char *cut;   /* why there is no more, or NULL */
    struct cove_hash sum;
    struct cove_hash first; /* sum of the first block: which dump it is */
    uint64_t offset;        /* behind the last whole block */
    uint64_t skip;          /* up to here it was taken in before */
    uint64_t lost;          /* blocks that are damaged, or not known */
    uint64_t named;
    struct cove_dump_begin begin;
    struct cove_dump_end end;
    struct cove_id account; /* of this very device, in the dump */
    bool has_account;
    bool adopted;                /* it is the store's now */
    struct import_block *blocks; /* of this call */
    size_t count;
    struct cove_buf stored, raw;
    struct cove_dump_take take;
};

static void import_refused(void *ctx, const struct cove_id *id, const char *why)
{
    struct dump_import *m = ctx;
    struct node_json *j = &m->a->reply;

    if (m->named++ < DUMP_NAMED) {
        node_json_why(j, id, why);
    }
}

/* --- how far it came */

static struct cove_bytes import_key(const struct dump_import *m, char out[40])
{
    char hex[COVE_HEX_LEN(IMPORT_DIGITS / 2)];

    cove_hex(cove_bytes(m->first.b, IMPORT_DIGITS / 2), hex);
    snprintf(out, 40, IMPORT_NOTE "%s", hex);
    return cove_bytes_text(out);
}

/* In the commit that takes it in; forgotten with the last block. */
static int import_note(struct dump_import *m)
{
    struct cove_repo *repo = m->txn->worker->repo;
    char room[40];
    struct cove_bytes key = import_key(m, room);
    struct cove_buf buf;
    struct cove_writer w;
    int err;

    if (m->ended) {
        err = cove_repo_record_del(repo, m->txn->txn, COVE_RECORDS_META, key);
        return err == COVE_ENOTFOUND ? 0 : err;
    }
    cove_buf_init(&buf, m->a->store->alloc);
    cove_writer_init(&w, &buf);
    cove_writer_uint(&w, m->offset);
    err = w.err;
    if (err == 0) {
        err = cove_repo_record_put(repo, m->txn->txn, COVE_RECORDS_META, key,
                                   cove_buf_bytes(&buf));
    }
    cove_buf_clear(&buf);
    return err;
}

static int import_noted(struct dump_import *m)
{
    char room[40];
    struct cove_bytes value;
    struct cove_reader r;
    int err =
        cove_repo_record_get(m->txn->worker->repo, m->txn->txn,
                             COVE_RECORDS_META, import_key(m, room), &value);

    if (err != 0) {
        return err == COVE_ENOTFOUND ? 0 : err;
    }
    cove_reader_init(&r, value);
    m->skip = cove_reader_uint(&r);
    return cove_reader_done(&r) != 0 ? COVE_ECORRUPT : 0;
}

static int import_resume(struct dump_import *m)
{
    struct cove_dump_took *took = &m->take.took;
    struct cove_reader r;
    int err = dump_text(m->a, "cursor", m->txn, &r, &m->begun);

    if (err != 0 || !m->begun) {
        return err;
    }
    cove_reader_fixed(&r, m->sum.b, sizeof(m->sum.b));
    cove_reader_fixed(&r, m->first.b, sizeof(m->first.b));
    m->offset = cove_reader_uint(&r);
    m->skip = cove_reader_uint(&r);
    m->lost = cove_reader_uint(&r);
    took->documents = cove_reader_uint(&r);
    took->transactions = cove_reader_uint(&r);
    took->existed = cove_reader_uint(&r);
    took->left_out = cove_reader_uint(&r);
    took->refused = cove_reader_uint(&r);
    took->forks = cove_reader_uint(&r);
    took->unknown = cove_reader_uint(&r);
    took->removed = cove_reader_uint(&r);
    m->take.leaves = cove_reader_bool(&r);
    cove_reader_fixed(&r, m->take.left.b, sizeof(m->take.left.b));
    m->has_account = cove_reader_bool(&r);
    cove_reader_fixed(&r, m->account.b, sizeof(m->account.b));
    return cove_reader_done(&r) != 0
               ? cove_fail(&m->a->diag, COVE_EUSAGE,
                           "\"cursor\" is given back as it came")
               : 0;
}

static int import_cursor(struct dump_import *m)
{
    const struct cove_dump_took *took = &m->take.took;
    struct cove_writer w;
    struct cove_buf buf;

    cove_buf_init(&buf, m->a->store->alloc);
    cove_writer_init(&w, &buf);
    dump_text_begin(m->txn, &w, 17);
    cove_writer_bytes(&w, m->sum.b, sizeof(m->sum.b));
    cove_writer_bytes(&w, m->first.b, sizeof(m->first.b));
    cove_writer_uint(&w, m->offset);
    cove_writer_uint(&w, m->skip);
    cove_writer_uint(&w, m->lost);
    cove_writer_uint(&w, took->documents);
    cove_writer_uint(&w, took->transactions);
    cove_writer_uint(&w, took->existed);
    cove_writer_uint(&w, took->left_out);
    cove_writer_uint(&w, took->refused);
    cove_writer_uint(&w, took->forks);
    cove_writer_uint(&w, took->unknown);
    cove_writer_uint(&w, took->removed);
    cove_writer_bool(&w, m->take.leaves);
    cove_writer_bytes(&w, m->take.left.b, sizeof(m->take.left.b));
    cove_writer_bool(&w, m->has_account);
    cove_writer_bytes(&w, m->account.b, sizeof(m->account.b));
    if (w.err == 0) {
        dump_text_reply(m->a, "cursor", cove_buf_bytes(&buf));
    }
    cove_buf_clear(&buf);
    return w.err;
}

/* --- blocks */

struct import_block {
    uint8_t head[COVE_DUMP_HEAD];
    struct cove_dump_head is;
    size_t at;      /* its body, in m->stored */
    uint64_t where; /* behind it, in the file */
    bool right;     /* its sum is */
};

static struct cove_bytes import_stored(const struct dump_import *m,
                                       const struct import_block *b)
{
    return cove_bytes(m->stored.at + b->at, b->is.stored);
}

static int import_cut(struct dump_import *m, const char *why)
{
    m->cut = why;
    return COVE_ENOTFOUND;
}

/* Read the next block. Errors: COVE_ENOTFOUND (there is none; m->cut),
 * COVE_EIO, COVE_ENOMEM. */
static int import_read(struct dump_import *m, struct import_block *b)
{
    size_t got, len;
    int err = dump_read(m->fd, b->head, sizeof(b->head), &got);

    if (err == 0 && got < sizeof(b->head)) {
        return import_cut(m, got == 0 ? "it has no last block"
                                      : "it ends within a block");
    }
    if (err == 0 && cove_dump_head(b->head, &b->is) != 0) {
        return import_cut(m, "what follows is no block: a length is damaged");
    }
    if (err != 0) {
        return err;
    }
    len = b->is.stored + COVE_DUMP_SUM;
    b->at = m->stored.len;
    err = cove_buf_reserve(&m->stored, len);
    if (err == 0) {
        err = dump_read(m->fd, m->stored.at + b->at, len, &got);
    }
    if (err == 0 && got < len) {
        return import_cut(m, "it ends within a block");
    }
    if (err == 0) {
        b->right =
            cove_dump_check(b->head, cove_bytes(m->stored.at + b->at, len),
                            &m->sum) == 0;
        m->stored.len += len;
        m->offset += sizeof(b->head) + len;
        b->where = m->offset;
    }
    return err;
}

static int import_documents(struct dump_import *m, const struct import_block *b)
{
    struct cove_bytes body;
    int err = cove_dump_body(&b->is, import_stored(m, b), &m->raw, &body);

    if (err == COVE_ECORRUPT) { /* though its sum is right */
        m->lost++;
        return 0;
    }
    return err != 0 ? err : cove_dump_take(&m->take, m->txn->txn, body);
}

static int import_block(struct dump_import *m, const struct import_block *b)
{
    struct cove_bytes body;

    if (!b->right) {
        m->lost++;
        return 0;
    }
    if (b->is.kind == COVE_DUMP_END) {
        m->ended =
            cove_dump_body(&b->is, import_stored(m, b), &m->raw, &body) == 0 &&
            cove_dump_end_read(body, &m->end) == 0;
        m->lost += !m->ended;
        return 0;
    }
    if (b->is.kind != COVE_DUMP_DOCUMENTS) {
        m->take.took.unknown++;
        return 0;
    }
    return b->where <= m->skip ? 0 : import_documents(m, b);
}

/* The magic, and what the first block says. */
static int import_begin(struct dump_import *m)
{
    uint8_t magic[COVE_DUMP_MAGIC] = {0};
    struct import_block b;
    struct cove_bytes body;
    size_t got = 0;
    int err = dump_read(m->fd, magic, sizeof(magic), &got);

    if (err != 0) {
        return err;
    }
    if (got < sizeof(magic) ||
        memcmp(magic, cove_dump_magic, sizeof(magic) - 1) != 0) {
        return cove_fail(&m->a->diag, COVE_EFORMAT,
                         "this is no dump of `cove export --exact`; what `cove "
                         "export` writes goes into `cove import`");
    }
    if (magic[sizeof(magic) - 1] != cove_dump_magic[sizeof(magic) - 1]) {
        return cove_fail(&m->a->diag, COVE_ENEWER,
                         "the dump has version %u, this build reads %u; import "
                         "it with a newer Cove",
                         magic[sizeof(magic) - 1],
                         cove_dump_magic[sizeof(magic) - 1]);
    }
    m->sum = cove_dump_start();
    m->offset = sizeof(magic);
    err = import_read(m, &b);
    if (err == COVE_ENOTFOUND) {
        return cove_fail(&m->a->diag, COVE_EFORMAT,
                         "the dump is cut before its first block ends; nothing "
                         "is in it");
    }
    if (err == 0 &&
        (!b.right || b.is.kind != COVE_DUMP_BEGIN ||
         cove_dump_body(&b.is, import_stored(m, &b), &m->raw, &body) != 0 ||
         cove_dump_begin_read(body, &m->begin) != 0)) {
        err = cove_fail(&m->a->diag, COVE_EFORMAT,
                        "the dump's first block is damaged");
    }
    m->first = m->sum;
    m->begun = err == 0;
    m->has_account = err == 0 && memcmp(&m->begin.device, &m->a->store->device,
                                        sizeof(m->begin.device)) == 0;
    m->account = m->begin.account;
    m->stored.len = 0;
    return err;
}

/* What the next commit takes in. Who writes the pipe may be slow: nobody waits
 * for it in a transaction. */
static int import_gather(struct dump_import *m)
{
    size_t cap = 0;
    void *blocks = NULL;
    bool last = false;
    int err = 0;

    while (err == 0 && !last && m->stored.len < DUMP_CALL) {
        err = cove_arena_grow(&m->a->arena, &blocks, sizeof(*m->blocks),
                              m->count, &cap);
        m->blocks = blocks;
        if (err == 0) {
            err = import_read(m, &m->blocks[m->count]);
        }
        if (err == 0) {
            last = m->blocks[m->count].is.kind == COVE_DUMP_END &&
                   m->blocks[m->count].right;
            m->count++;
        }
    }
    return err == COVE_ENOTFOUND && m->cut != NULL ? 0 : err;
}

static int import_blocks(struct dump_import *m)
{
    int err = 0;

    for (size_t i = 0; err == 0 && i < m->count; i++) {
        err = import_block(m, &m->blocks[i]);
    }
    return err;
}

/* --- a call */

static void import_begin_json(struct dump_import *m)
{
    struct node_json *j = &m->a->reply;

    node_json_key(j, "dump");
    node_json_open(j, '{');
    node_json_key(j, "version");
    node_json_cstr(j, m->begin.version);
    node_json_key(j, "time");
    node_json_int(j, m->begin.time_ms);
    node_json_key(j, "device");
    node_json_hex(j, m->begin.device.b, sizeof(m->begin.device.b));
    node_json_key(j, "after");
    node_json_int(j, (int64_t)m->begin.after);
    if (m->begin.schema[0] != '\0') {
        node_json_key(j, "schema");
        node_json_cstr(j, m->begin.schema);
    }
    node_json_close(j, '}');
}

/* Where the call before ended, or the beginning. */
static int import_where(struct dump_import *m)
{
    int err = node_begin(m->a->store, COVE_READ, &m->txn);

    if (err == 0) {
        err = admin_end(m->a, m->txn, import_resume(m));
    }
    if (err != 0 || m->begun) {
        return err;
    }
    err = import_begin(m);
    if (err == 0) {
        import_begin_json(m);
    }
    if (err == 0 && m->resume) {
        err = node_begin(m->a->store, COVE_READ, &m->txn);
        err = err != 0 ? err : admin_end(m->a, m->txn, import_noted(m));
    }
    return err;
}

/* A store that was made anew, of the device that made the dump, and in which
 * nothing was written yet, is the one that was dumped: its account becomes the
 * dumped one. */
static int import_account(struct dump_import *m)
{
    struct cove_repo *repo = m->txn->worker->repo;
    struct cove *store = m->a->store;
    cove_num fresh, num;
    int err = 0;

    if (!m->ended || !m->has_account ||
        memcmp(&m->account, &store->account, sizeof(m->account)) == 0) {
        return 0;
    }
    err = cove_repo_find(repo, m->txn->txn, &m->account, &num);
    if (err == 0) {
        err = cove_repo_find(repo, m->txn->txn, &store->account, &fresh);
    }
    if (err == 0) {
        err = cove_repo_remove(repo, m->txn->txn, fresh, NULL);
    }
    if (err == COVE_ENOTFOUND || err == COVE_EIMMUTABLE) {
        return 0; /* it is in use */
    }
    m->adopted = err == 0;
    return err != 0 ? err
                    : cove_repo_record_put(
                          repo, m->txn->txn, COVE_RECORDS_META,
                          cove_bytes_text("account"),
                          cove_bytes(m->account.b, sizeof(m->account.b)));
}

static int import_write(struct dump_import *m)
{
    int err;

    m->take.repo = m->txn->worker->repo;
    m->take.refused = import_refused;
    m->take.ctx = m;
    node_json_key(&m->a->reply, "refusals");
    node_json_open(&m->a->reply, '[');
    err = import_blocks(m);
    node_json_close(&m->a->reply, ']');
    err = err != 0 || m->offset <= m->skip ? err : import_note(m);
    err = err != 0 ? err : import_account(m);
    if (err == 0 && !m->ended && m->cut == NULL) {
        err = import_cursor(m);
    }
    m->txn->wrote = err == 0;
    return err;
}

static int import_call(struct dump_import *m)
{
    int err = import_where(m);

    err = err != 0 ? err : import_gather(m);
    err = err != 0 ? err : node_begin(m->a->store, COVE_WRITE, &m->txn);
    err = err != 0 ? err : admin_end(m->a, m->txn, import_write(m));
    if (err == 0 && m->adopted) {
        m->a->store->account = m->account;
    }
    return err;
}

static void import_number(struct dump_import *m, const char *key, uint64_t v)
{
    node_json_key(&m->a->reply, key);
    node_json_int(&m->a->reply, (int64_t)v);
}

static void import_reply(struct dump_import *m)
{
    const struct cove_dump_took *took = &m->take.took;
    struct node_json *j = &m->a->reply;

    node_json_key(j, "done");
    node_json_bool(j, m->ended || m->cut != NULL);
    import_number(m, "bytes", m->offset);
    import_number(m, "documents", took->documents);
    import_number(m, "transactions", took->transactions);
    import_number(m, "existed", took->existed);
    import_number(m, "leftOut", took->left_out);
    import_number(m, "refused", took->refused);
    import_number(m, "forks", took->forks);
    import_number(m, "unknown", took->unknown);
    import_number(m, "removed", took->removed);
    import_number(m, "damagedBlocks", m->lost);
    import_number(m, "skipped", m->skip < m->offset ? m->skip : m->offset);
    if (m->cut != NULL) {
        node_json_key(j, "cut");
        node_json_cstr(j, m->cut);
    }
    if (m->ended) {
        import_number(m, "sequence", m->end.sequence);
        import_number(m, "inDump", m->end.counts.documents);
        node_json_key(j, "sum");
        node_json_hex(j, m->sum.b, sizeof(m->sum.b));
    }
}

static int verb_import_exact(struct admin *a)
{
    struct dump_import *m = cove_arena_new(&a->arena, sizeof(*m));
    int err = m == NULL ? COVE_ENOMEM : dump_fd(a, &m->fd);

    err = err != 0 ? err : admin_flag(a, "resume", &m->resume);
    if (err != 0) {
        return err;
    }
    m->a = a;
    cove_buf_init(&m->stored, a->store->alloc);
    cove_buf_init(&m->raw, a->store->alloc);
    cove_arena_init(&m->take.arena, a->store->alloc);
    err = import_call(m);
    if (err == 0) {
        import_reply(m);
    }
    cove_buf_clear(&m->stored);
    cove_buf_clear(&m->raw);
    cove_arena_clear(&m->take.arena);
    return err;
}

const struct admin_verb admin_import_verbs[] = {
    {"import.exact", "fd cursor resume", verb_import_exact},
    {NULL, NULL, NULL},
};
