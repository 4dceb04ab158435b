/* repo.c: opening a store as a repo, its counters, and small records.
 *
 * Meta "repo" is written once: format, device, store id. Meta "counters" is
 * read by every operation and written by every one that changes something;
 * since that happens inside the store's transaction, several processes can
 * share one store, one session and one sequence.
 */
#include <assert.h>

#include "crdt/repo_internal.h"

static const char META_REPO[] = "repo";
static const char META_COUNTERS[] = "counters";

static struct cove_bytes meta_key(const char *name)
{
    return cove_bytes_text(name);
}

int64_t repo_now(const struct cove_repo *repo)
{
    return repo->opt.env->now_ms(repo->opt.env->ctx);
}

static int counters_read(struct cove_store_txn *txn, struct repo_counters *out)
{
    struct cove_bytes value;
    int err = cove_store_get(txn, REPO_META, meta_key(META_COUNTERS), &value);

    if (err == COVE_ENOTFOUND) {
        return COVE_ECORRUPT;
    }
    if (err != 0) {
        return err;
    }

    struct repo_counters c;
    struct cove_unpacker u;

    cove_unpacker_init(&u, value);
    c.sequence = cove_unpack_varint(&u);
    c.rules = cove_unpack_varint(&u);
    c.next_num = cove_unpack_varint(&u);
    c.next_intern = cove_unpack_u32(&u);
    cove_unpack_raw(&u, c.stamp, sizeof(c.stamp));
    c.last_hlc = cove_unpack_varint(&u);
    c.own_hlc = cove_unpack_varint(&u);
    c.own_session = cove_unpack_u32(&u);
    err = cove_unpacker_done(&u);
    if (err == 0) {
        *out = c;
    }
    return err;
}

static int counters_write(struct cove_store_txn *txn,
                          const struct cove_alloc *alloc,
                          const struct repo_counters *c)
{
    struct cove_buf buf;
    struct cove_packer p;

    cove_buf_init(&buf, alloc);
    cove_packer_init(&p, &buf);
    cove_pack_varint(&p, c->sequence);
    cove_pack_varint(&p, c->rules);
    cove_pack_varint(&p, c->next_num);
    cove_pack_varint(&p, c->next_intern);
    cove_pack_raw(&p, c->stamp, sizeof(c->stamp));
    cove_pack_varint(&p, c->last_hlc);
    cove_pack_varint(&p, c->own_hlc);
    cove_pack_varint(&p, c->own_session);

    int err = p.err;

    if (err == 0) {
        err = cove_store_put(txn, REPO_META, meta_key(META_COUNTERS),
                             cove_buf_bytes(&buf));
    }
    cove_buf_clear(&buf);
    return err;
}

/* Of a transaction that only reads they are read once. */
static int counters_glance(struct cove_repo *repo, struct cove_store_txn *txn,
                           struct repo_counters *out)
{
    struct repo_glance *glance = &repo->glance;

    if (glance->txn != txn || cove_store_owner(txn) != repo) {
        int err = counters_read(txn, &glance->counters);

        if (err != 0) {
            glance->txn = NULL;
            return err;
        }
        glance->txn = txn;
        cove_store_own(txn, repo);
    }
    *out = glance->counters;
    return 0;
}

static int work_begin(struct repo_work *work, struct cove_repo *repo,
                      struct cove_store_txn *txn, struct cove_arena *arena,
                      struct cove_diag *diag)
{
    work->repo = repo;
    work->txn = txn;
    work->arena = arena;
    work->diag = diag;
    work->spelled = false;

    const struct repo_open *open = repo_open_of(repo, txn);

    if (open != NULL) {
        work->counters = open->counters;
        return open->hot.err;
    }

    if (!cove_store_writes(txn)) {
        return counters_glance(repo, txn, &work->counters);
    }

    int err = counters_read(txn, &work->counters);

    if (err == 0) {
        repo_open_begin(repo, txn, &work->counters);
    }
    return err;
}

/* What is hot is written before anybody looks. */
int repo_work_begin(struct repo_work *work, struct cove_repo *repo,
                    struct cove_store_txn *txn, struct cove_arena *arena,
                    struct cove_diag *diag)
{
    int err = work_begin(work, repo, txn, arena, diag);

    return err != 0 || !cove_store_writes(txn) ? err : repo_hot_settle(work);
}

int repo_work_write(struct repo_work *work, struct cove_repo *repo,
                    struct cove_store_txn *txn, struct cove_diag *diag)
{
    cove_arena_reset(&repo->scratch);
    return repo_work_begin(work, repo, txn, &repo->scratch, diag);
}

int repo_hot_work(struct repo_work *work, struct cove_repo *repo,
                  struct cove_store_txn *txn, struct cove_diag *diag)
{
    cove_arena_reset(&repo->scratch);
    return work_begin(work, repo, txn, &repo->scratch, diag);
}

int repo_work_end(struct repo_work *work)
{
    work->repo->open.counters = work->counters;
    work->repo->open.counted = true;
    return 0;
}

int repo_counters_put(struct repo_work *work)
{
    return counters_write(work->txn, work->repo->opt.alloc, &work->counters);
}

/* --- opening */

/* Is the store empty but for what is about to be written? */
static int store_is_empty(struct cove_store_txn *txn, bool *out)
{
    struct cove_store_cursor *cursor;
    struct cove_entry entry;
    int err;

    *out = true;
    for (unsigned tree = 0; tree < COVE_REPO_TREES; tree++) {
        err = cove_store_cursor_open(txn, tree, &cursor);
        if (err != 0) {
            return err;
        }
        err = cove_store_cursor_seek(cursor, cove_bytes(NULL, 0), &entry);
        cove_store_cursor_close(cursor);
        if (err == 0) {
            *out = false;
            return 0;
        }
        if (err != COVE_ENOTFOUND) {
            return err;
        }
    }
    return 0;
}

static int identity_write(struct cove_repo *repo, struct cove_store_txn *txn,
                          unsigned format)
{
    struct cove_buf buf;
    struct cove_packer p;

    cove_buf_init(&buf, repo->opt.alloc);
    cove_packer_init(&p, &buf);
    cove_pack_varint(&p, format);
    cove_pack_raw(&p, repo->opt.device.b, sizeof(repo->opt.device.b));
    cove_pack_raw(&p, repo->store_id, sizeof(repo->store_id));

    int err = p.err;

    if (err == 0) {
        err = cove_store_put(txn, REPO_META, meta_key(META_REPO),
                             cove_buf_bytes(&buf));
    }
    cove_buf_clear(&buf);
    return err;
}

/* A store without a record is new, or it is no repo. */
static int identity_make(struct cove_repo *repo, struct cove_store_txn *txn,
                         struct cove_diag *diag)
{
    struct repo_counters c = {.next_num = 1, .next_intern = 1};
    bool empty;
    int err = store_is_empty(txn, &empty);

    if (err != 0) {
        return err;
    }
    if (!empty) {
        return cove_fail(diag, COVE_ENOTSTORE,
                         "the store holds records but no Cove identity");
    }
    repo->opt.env->random(repo->opt.env->ctx, repo->store_id,
                          sizeof(repo->store_id));
    repo->opt.env->random(repo->opt.env->ctx, c.stamp, sizeof(c.stamp));
    err = identity_write(repo, txn, REPO_FORMAT);
    return err != 0 ? err : counters_write(txn, repo->opt.alloc, &c);
}

static int identity_read(struct cove_repo *repo, struct cove_bytes value,
                         bool *former, struct cove_diag *diag)
{
    struct cove_unpacker u;
    struct cove_key device;

    cove_unpacker_init(&u, value);

    uint64_t format = cove_unpack_varint(&u);

    *former = format >= REPO_FORMER && format < REPO_FORMAT;
    if (u.err == 0 && (format < REPO_FORMER || format > REPO_FORMAT_CUT)) {
        return cove_fail(diag,
                         format > REPO_FORMAT ? COVE_ENEWER : COVE_ENOTSTORE,
                         "the store has format %llu, this build reads %u",
                         (unsigned long long)format, REPO_FORMAT_CUT);
    }
    repo->has_cuts = format == REPO_FORMAT_CUT;
    cove_unpack_raw(&u, device.b, sizeof(device.b));
    cove_unpack_raw(&u, repo->store_id, sizeof(repo->store_id));
    if (cove_unpacker_done(&u) != 0) {
        return cove_fail(diag, COVE_ECORRUPT,
                         "the store's identity record is damaged");
    }
    if (memcmp(&device, &repo->opt.device, sizeof(device)) != 0) {
        return cove_fail(diag, COVE_EACCES,
                         "the store belongs to another device key");
    }
    return 0;
}

static unsigned repo_format(const struct cove_repo *repo)
{
    return repo->has_cuts ? REPO_FORMAT_CUT : REPO_FORMAT;
}

/* End the session, and the history of sequence numbers that peers know. */
static int identity_renew(struct cove_repo *repo, struct cove_store_txn *txn)
{
    struct repo_counters c;
    int err = counters_read(txn, &c);

    if (err != 0) {
        return err;
    }
    c.own_session = 0;
    repo->opt.env->random(repo->opt.env->ctx, repo->store_id,
                          sizeof(repo->store_id));
    err = identity_write(repo, txn, repo_format(repo));
    return err != 0 ? err : counters_write(txn, repo->opt.alloc, &c);
}

int cove_repo_format(struct cove_store_txn *txn, unsigned *out)
{
    struct cove_bytes value;
    struct cove_unpacker u;
    int err = cove_store_get(txn, REPO_META, meta_key(META_REPO), &value);

    if (err == 0) {
        cove_unpacker_init(&u, value);
        *out = cove_unpack_u32(&u);
        err = u.err;
    }
    return err;
}

/* The rest of the record is what it is: another process may have renewed it. */
int repo_format_cut(struct repo_work *work)
{
    struct cove_bytes value;
    struct cove_unpacker u;
    struct cove_packer p;
    struct cove_buf buf;
    uint64_t format;
    int err = cove_store_get(work->txn, REPO_META, meta_key(META_REPO), &value);

    if (err != 0) {
        return err;
    }
    cove_unpacker_init(&u, value);
    format = cove_unpack_varint(&u);
    if (u.err != 0 || format == REPO_FORMAT_CUT) {
        return u.err;
    }
    cove_buf_init(&buf, work->repo->opt.alloc);
    cove_packer_init(&p, &buf);
    cove_pack_varint(&p, REPO_FORMAT_CUT);
    cove_pack_raw(&p, u.at, (size_t)(u.end - u.at));
    err = p.err != 0 ? p.err
                     : cove_store_put(work->txn, REPO_META, meta_key(META_REPO),
                                      cove_buf_bytes(&buf));
    cove_buf_clear(&buf);
    return err;
}

static int identity_open(struct cove_repo *repo, struct cove_diag *diag)
{
    struct cove_store_txn *txn;
    struct cove_bytes value;
    bool former = false;
    int err = cove_store_begin(repo->opt.store, false, &txn);

    if (err != 0) {
        return err;
    }
    err = cove_store_get(txn, REPO_META, meta_key(META_REPO), &value);
    if (err == 0) {
        err = identity_read(repo, value, &former, diag);
    }
    cove_store_abort(txn);
    if (err != COVE_ENOTFOUND &&
        (err != 0 || (!former && !repo->opt.new_session))) {
        return err;
    }
    err = cove_store_begin(repo->opt.store, true, &txn);
    if (err != 0) {
        return err;
    }
    /* Looked at again: another process may have been faster. */
    err = cove_store_get(txn, REPO_META, meta_key(META_REPO), &value);
    if (err == COVE_ENOTFOUND) {
        err = identity_make(repo, txn, diag);
    } else if (err == 0) {
        err = identity_read(repo, value, &former, diag);
        if (err == 0 && repo->opt.new_session) {
            err = identity_renew(repo, txn);
        } else if (err == 0 && former) {
            err = identity_write(repo, txn, REPO_FORMAT);
        }
    }
    if (err != 0) {
        cove_store_abort(txn);
        return err;
    }
    err = cove_store_commit(txn);
    /* The id is told to peers, and must not be lost under who has the repo. */
    return err != 0 ? err : cove_store_flush(repo->opt.store);
}

/* Only its id: the group itself is made with the first local document. */
static int local_group(struct cove_repo *repo)
{
    struct cove_buf header;

    cove_buf_init(&header, repo->opt.alloc);

    int err = cove_header_local_group(&repo->opt.device, &header, &repo->local);

    cove_buf_clear(&header);
    return err;
}

int cove_repo_open(const struct cove_repo_options *opt, struct cove_repo **out,
                   struct cove_diag *diag)
{
    struct cove_repo *repo = cove_alloc_zero(opt->alloc, 1, sizeof(*repo));

    if (repo == NULL) {
        return COVE_ENOMEM;
    }
    repo->opt = *opt;
    cove_arena_init(&repo->scratch, opt->alloc);
    cove_arena_init(&repo->decoded, opt->alloc);
    repo_open_init(repo);
    repo_group_init(repo);
    repo_pack_init(repo);

    int err = local_group(repo);

    if (err == 0) {
        err = identity_open(repo, diag);
    }
    if (err != 0) {
        cove_repo_close(repo);
        return err;
    }
    *out = repo;
    return 0;
}

void cove_repo_close(struct cove_repo *repo)
{
    if (repo == NULL) {
        return;
    }

    const struct cove_alloc *alloc = repo->opt.alloc;

    repo_shapes_clear(repo);
    repo_group_clear(repo);
    repo_pack_clear(repo);
    repo_open_clear(repo);
    repo_live_clear(repo);
    cove_arena_clear(&repo->scratch);
    cove_arena_clear(&repo->decoded);
    cove_crypto_wipe(&repo->opt.secret, sizeof(repo->opt.secret));
    cove_alloc_free(alloc, repo);
}

const struct cove_key *cove_repo_device(const struct cove_repo *repo)
{
    return &repo->opt.device;
}

const struct cove_secret *cove_repo_secret(const struct cove_repo *repo)
{
    return &repo->opt.secret;
}

const struct cove_env *cove_repo_env(const struct cove_repo *repo)
{
    return repo->opt.env;
}

void cove_repo_store_id(const struct cove_repo *repo, uint8_t out[16])
{
    memcpy(out, repo->store_id, sizeof(repo->store_id));
}

int cove_repo_sequence(struct cove_repo *repo, struct cove_store_txn *txn,
                       uint64_t *out)
{
    struct repo_work work;
    int err = repo_work_begin(&work, repo, txn, NULL, NULL);

    if (err == 0) {
        *out = work.counters.sequence;
    }
    return err;
}

int cove_repo_rules(struct cove_repo *repo, struct cove_store_txn *txn,
                    uint64_t *out)
{
    struct repo_work work;
    int err = repo_work_begin(&work, repo, txn, NULL, NULL);

    if (err == 0) {
        *out = work.counters.rules;
    }
    return err;
}

/* --- records of upper layers */

static unsigned record_tree(enum cove_record_tree tree)
{
    switch (tree) {
    case COVE_RECORDS_META:
        return REPO_RECORDS;
    case COVE_RECORDS_PEERS:
        return REPO_PEERS;
    case COVE_RECORDS_RUNS:
        return REPO_RUNS;
    }
    assert(0 && "a record tree that does not exist");
    return REPO_RECORDS;
}

int cove_repo_record_get(struct cove_repo *repo, struct cove_store_txn *txn,
                         enum cove_record_tree tree, struct cove_bytes key,
                         struct cove_bytes *out)
{
    (void)repo;
    return cove_store_get(txn, record_tree(tree), key, out);
}

int cove_repo_record_put(struct cove_repo *repo, struct cove_store_txn *txn,
                         enum cove_record_tree tree, struct cove_bytes key,
                         struct cove_bytes value)
{
    (void)repo;
    return cove_store_put(txn, record_tree(tree), key, value);
}

int cove_repo_record_del(struct cove_repo *repo, struct cove_store_txn *txn,
                         enum cove_record_tree tree, struct cove_bytes key)
{
    (void)repo;
    return cove_store_del(txn, record_tree(tree), key);
}

int cove_repo_record_next(struct cove_repo *repo, struct cove_store_txn *txn,
                          enum cove_record_tree tree, struct cove_bytes after,
                          struct cove_entry *out)
{
    struct cove_store_cursor *cursor;
    struct cove_entry entry;
    int err = cove_store_cursor_open(txn, record_tree(tree), &cursor);

    (void)repo;
    if (err != 0) {
        return err;
    }
    err = cove_store_cursor_seek(cursor, after, &entry);
    if (err == 0 && cove_bytes_equal(entry.key, after)) {
        err = cove_store_cursor_next(cursor, &entry);
    }
    cove_store_cursor_close(cursor);
    if (err == 0) {
        *out = entry;
    }
    return err;
}
