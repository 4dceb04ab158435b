/* blob_draft.c: a blob while it is written. See blob.h. */
#include "crdt/blob.h"

#include "core/cbor.h"
#include "core/utf8.h"

/* --- what registers say, written; members in the order of their encodings */

static size_t about_members(const struct cove_blob_about *about)
{
    return (size_t)(about->mime.at != NULL) + (about->name.at != NULL) +
           (about->size != COVE_BLOB_UNKNOWN);
}

static void about_write(struct cove_writer *w,
                        const struct cove_blob_about *about)
{
    if (about->mime.at != NULL) {
        cove_writer_cstr(w, "mime");
        cove_writer_text(w, about->mime);
    }
    if (about->name.at != NULL) {
        cove_writer_cstr(w, "name");
        cove_writer_text(w, about->name);
    }
    if (about->size != COVE_BLOB_UNKNOWN) {
        cove_writer_cstr(w, "size");
        cove_writer_uint(w, about->size);
    }
}

static int draft_encoded(const struct cove_writer *w, struct cove_arena *arena,
                         struct cove_buf *buf, struct cove_bytes *out)
{
    int err =
        w->err != 0 ? w->err : cove_arena_copy(arena, cove_buf_bytes(buf), out);

    cove_buf_clear(buf);
    return err;
}

static int about_encode(const struct cove_alloc *alloc,
                        const struct cove_blob_about *about,
                        struct cove_arena *arena, struct cove_bytes *out)
{
    struct cove_writer w;
    struct cove_buf buf;

    cove_buf_init(&buf, alloc);
    cove_writer_init(&w, &buf);
    cove_writer_map(&w, about_members(about));
    about_write(&w, about);
    return draft_encoded(&w, arena, &buf, out);
}

static int ended_encode(const struct cove_alloc *alloc,
                        const struct cove_blob_ended *ended,
                        struct cove_arena *arena, struct cove_bytes *out)
{
    struct cove_writer w;
    struct cove_buf buf;

    cove_buf_init(&buf, alloc);
    cove_writer_init(&w, &buf);
    cove_writer_map(&w, about_members(&ended->about) + 3);
    cove_writer_cstr(&w, "hash");
    cove_writer_bytes(&w, ended->hash.b, sizeof(ended->hash.b));
    about_write(&w, &ended->about);
    cove_writer_cstr(&w, "start");
    cove_writer_uint(&w, ended->start);
    cove_writer_cstr(&w, "session");
    cove_writer_bytes(&w, ended->session.b, sizeof(ended->session.b));
    return draft_encoded(&w, arena, &buf, out);
}

/* --- beginning */

static int about_check(const struct cove_blob_about *about,
                       struct cove_diag *diag)
{
    if (about->name.len > COVE_MAX_BLOB_NAME ||
        about->mime.len > COVE_MAX_BLOB_NAME) {
        return cove_fail(diag, COVE_ELIMIT,
                         "a blob's name and its type have at most %d bytes",
                         COVE_MAX_BLOB_NAME);
    }
    if (!cove_utf8_valid(about->name) || !cove_utf8_valid(about->mime)) {
        return cove_fail(diag, COVE_EUSAGE,
                         "a blob's name and its type must be valid UTF-8");
    }
    if (about->size != COVE_BLOB_UNKNOWN && about->size > COVE_MAX_BLOB) {
        return cove_fail(diag, COVE_ELIMIT,
                         "a blob of %llu bytes; 2^48 are the most",
                         (unsigned long long)about->size);
    }
    return 0;
}

int cove_blob_draft_begin(struct cove_blob_draft *draft,
                          const struct cove_blob_about *about,
                          const struct cove_state *state,
                          const struct cove_blob_self *self,
                          struct cove_arena *arena, struct cove_diag *diag)
{
    const struct cove_blob_run *run = cove_blob_open(state, &self->session);
    struct cove_bytes encoded;
    int err = about_check(about, diag);

    if (err == 0) {
        err = about_encode(draft->bytes.alloc, about, arena, &encoded);
    }
    if (err != 0 || (draft->open && cove_bytes_equal(draft->about, encoded))) {
        return err;
    }
    draft->fresh = run == NULL || run->spoiled || draft->open ||
                   !cove_bytes_equal(run->about, encoded);
    draft->open = true;
    draft->about = encoded;
    draft->size = about->size;
    draft->held = draft->fresh ? 0 : run->held;
    draft->bytes.len = 0;
    return 0;
}

/* --- writing */

int cove_blob_draft_write(struct cove_blob_draft *draft, struct cove_bytes *in,
                          struct cove_diag *diag)
{
    uint64_t most = draft->size == COVE_BLOB_UNKNOWN ? (uint64_t)COVE_MAX_BLOB
                                                     : draft->size;
    size_t piece = COVE_BLOB_CHUNK - draft->bytes.len;
    int err;

    if (!draft->open) {
        return cove_fail(diag, COVE_ECONDITION,
                         "no blob was begun in this transaction");
    }
    if (in->len > most - draft->held) {
        return cove_fail(diag, COVE_ECONDITION,
                         "the blob becomes longer than the %llu bytes that it "
                         "was to have",
                         (unsigned long long)most);
    }
    piece = in->len < piece ? in->len : piece;
    err = cove_buf_append(&draft->bytes, cove_bytes(in->at, piece));
    if (err == 0) {
        draft->held += piece;
        in->at += piece;
        in->len -= piece;
    }
    return err;
}

bool cove_blob_draft_is_due(const struct cove_blob_draft *draft)
{
    return draft->open && (draft->fresh || draft->bytes.len > 0);
}

/* --- taking it out */

static int draft_hash(const struct cove_blob_draft *draft,
                      const struct cove_blob_run *run, struct cove_hash *out)
{
    struct cove_hasher hasher;
    int err = 0;

    if (draft->fresh) {
        cove_hasher_init(&hasher, COVE_BLOB_DOMAIN);
    } else {
        err =
            run == NULL ? COVE_ECORRUPT : cove_hasher_load(&hasher, run->saved);
    }
    if (err == 0) {
        cove_hasher_add(&hasher, cove_buf_bytes(&draft->bytes));
        *out = cove_hasher_end(&hasher);
    }
    return err;
}

static int draft_end(const struct cove_blob_draft *draft,
                     const struct cove_state *state,
                     const struct cove_blob_self *self,
                     struct cove_arena *arena, struct cove_tx_op *op)
{
    const struct cove_blob_run *run = cove_blob_open(state, &self->session);
    struct cove_blob_ended ended;
    int err = cove_blob_about_read(draft->about, &ended.about);

    if (err == 0) {
        err = draft_hash(draft, run, &ended.hash);
    }
    if (err != 0) {
        return err;
    }
    ended.about.size = draft->held;
    ended.session = self->session;
    ended.start = draft->fresh ? self->next : run->begin.tx;
    op->kind = COVE_OP_REGISTER;
    op->reg = cove_bytes_text("blob");
    return ended_encode(draft->bytes.alloc, &ended, arena, &op->value);
}

int cove_blob_draft_take(struct cove_blob_draft *draft,
                         const struct cove_state *state,
                         const struct cove_blob_self *self, bool end,
                         struct cove_arena *arena, struct cove_tx *out)
{
    bool small = draft->bytes.len <= COVE_COMPOSE_BYTES - 4096;
    bool chunk = draft->bytes.len > 0 && (small || !draft->fresh);
    struct cove_tx_op *ops = cove_arena_array(arena, 3, sizeof(*ops));
    size_t count = 0;
    int err = 0;

    if (ops == NULL) {
        return COVE_ENOMEM;
    }
    if (draft->fresh) {
        ops[count].reg = cove_bytes_text("begin");
        ops[count++].value = draft->about;
    }
    if (chunk) {
        ops[count].kind = COVE_OP_CHUNK;
        ops[count].offset = draft->held - draft->bytes.len;
        ops[count++].value = cove_buf_bytes(&draft->bytes);
    }
    end = end && small;
    if (end) {
        err = draft_end(draft, state, self, arena, &ops[count++]);
    }
    if (err == 0) {
        memset(out, 0, sizeof(*out));
        out->ops = ops;
        out->op_count = count;
        draft->fresh = false;
        draft->open = !end;
        draft->bytes.len = chunk ? 0 : draft->bytes.len;
    }
    return err;
}
