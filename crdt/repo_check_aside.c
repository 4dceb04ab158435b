/* repo_check_aside.c: what a check put aside, byte for byte, until it is there
 * again. docs/FORMAT.md "aside". */
#include "crdt/repo_check_internal.h"

#include "core/cbor.h"

#define ASIDE_KEY (sizeof(COVE_ASIDE) - 1 + 32 + 16 + 4)

static void aside_key(const struct cove_aside *place, uint8_t key[ASIDE_KEY])
{
    size_t len = sizeof(COVE_ASIDE) - 1;

    memcpy(key, COVE_ASIDE, len);
    memcpy(key + len, place->id.b, 32);
    memcpy(key + len + 32, place->session.b, 16);
    cove_put_be32(key + len + 48, place->from);
}

int repo_aside_put(struct cove_repo *repo, struct cove_store_txn *txn,
                   const struct cove_aside *place, struct cove_bytes bytes)
{
    uint8_t key[ASIDE_KEY];
    struct cove_writer w;
    struct cove_buf buf;
    int err;

    aside_key(place, key);
    cove_buf_init(&buf, repo->opt.alloc);
    cove_writer_init(&w, &buf);
    cove_writer_list(&w, 3);
    cove_writer_uint(&w, place->to);
    cove_writer_uint(&w, (uint64_t)repo_now(repo));
    cove_writer_bytes(&w, bytes.at, bytes.len);
    err = w.err != 0
              ? w.err
              : cove_store_put(txn, REPO_RECORDS, cove_bytes(key, sizeof(key)),
                               cove_buf_bytes(&buf));
    cove_buf_clear(&buf);
    return err == COVE_ELIMIT ? 0 : err; /* longer than any record of ours */
}

int mend_aside(struct cove_check *c, const struct cove_aside *place,
               struct cove_bytes bytes)
{
    c->wrote = true;
    return repo_aside_put(c->repo, c->work.txn, place, bytes);
}

static bool aside_read(const struct cove_entry *entry, struct cove_aside *out)
{
    size_t len = sizeof(COVE_ASIDE) - 1;
    struct cove_reader r;

    if (entry->key.len != ASIDE_KEY ||
        memcmp(entry->key.at, COVE_ASIDE, len) != 0) {
        return false;
    }
    memcpy(out->id.b, entry->key.at + len, 32);
    memcpy(out->session.b, entry->key.at + len + 32, 16);
    out->from = cove_get_be32(entry->key.at + len + 48);
    out->to = out->from;
    cove_reader_init(&r, entry->value);
    if (cove_reader_list(&r) == 3) {
        out->to = (uint32_t)cove_reader_uint(&r);
    }
    return true;
}

int cove_aside_next(struct cove_repo *repo, struct cove_store_txn *txn,
                    const struct cove_aside *after, struct cove_aside *out)
{
    uint8_t key[ASIDE_KEY];
    struct cove_entry entry;
    struct cove_bytes at = cove_bytes_text(COVE_ASIDE);
    int err;

    if (after != NULL) {
        aside_key(after, key);
        at = cove_bytes(key, sizeof(key));
    }
    err = cove_repo_record_next(repo, txn, COVE_RECORDS_META, at, &entry);
    return err == 0 && !aside_read(&entry, out) ? COVE_ENOTFOUND : err;
}

/* Is what was put aside there again? */
static int aside_is_back(struct repo_work *work, const struct cove_aside *aside,
                         bool *back)
{
    static const struct cove_session_id none;
    struct repo_record record;
    const struct repo_row *row;
    cove_num num;
    int err = cove_repo_find(work->repo, work->txn, &aside->id, &num);

    *back = false;
    if (err == 0) {
        err = repo_record_read(work, num, &record);
    }
    if (err != 0) {
        return check_is_damage(err) ? 0 : err;
    }
    row = repo_record_row(&record, &aside->session);
    *back = memcmp(&aside->session, &none, sizeof(none)) == 0 ||
            (row != NULL && row->pub.len >= aside->to);
    return 0;
}

int cove_aside_settle(struct cove_repo *repo, struct cove_store_txn *txn,
                      uint64_t *left)
{
    const struct cove_aside *after = NULL;
    struct cove_aside aside;
    struct repo_work work;
    int err = repo_work_write(&work, repo, txn, NULL);

    *left = 0;
    while (err == 0) {
        uint8_t key[ASIDE_KEY];
        bool back = false;

        err = cove_aside_next(repo, txn, after, &aside);
        after = &aside;
        if (err == 0) {
            cove_arena_reset(work.arena);
            err = aside_is_back(&work, &aside, &back);
        }
        if (err == 0 && back) {
            aside_key(&aside, key);
            err = cove_repo_record_del(repo, txn, COVE_RECORDS_META,
                                       cove_bytes(key, sizeof(key)));
        }
        *left += err == 0 && !back;
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

int check_asides(struct cove_check *c)
{
    static const struct cove_id nameless;
    const struct cove_aside *after = NULL;
    struct cove_aside aside;
    int err = 0;

    if (c->opt.repair) {
        uint64_t left;

        c->wrote = true;
        err = cove_aside_settle(c->repo, c->work.txn, &left);
    }
    while (err == 0) {
        struct cove_finding f = {
            .kind = "refetch",
            .text = "a part was damaged and is put aside; a peer that has it "
                    "will send it again"};
        bool back = false;

        err = cove_aside_next(c->repo, c->work.txn, after, &aside);
        after = &aside;
        if (err == 0) {
            cove_arena_reset(&c->arena);
            c->record_there = false;
            err = aside_is_back(&c->work, &aside, &back);
        }
        /* Whose it is nobody knows, so nobody will send it. */
        back = back || memcmp(&aside.id, &nameless, sizeof(nameless)) == 0;
        if (err == 0 && !back) {
            f.has_id = f.has_session = true;
            f.id = aside.id;
            f.session = aside.session;
            f.from = aside.from;
            f.to = aside.to;
            err = check_say(c, &f, NULL);
        }
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}
