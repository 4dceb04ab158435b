/* blob.c: see blob.h: runs, registers, and what a document shows. Reading is in
 * blob_read.c, writing in blob_draft.c. */
#include "crdt/blob.h"

#include <assert.h>

#include "core/cbor.h"
#include "core/value.h"

/* --- registers */

/* A text of at most so many bytes; none where there is no such member. */
static int blob_text(struct cove_bytes map, const char *key,
                     struct cove_bytes *out)
{
    struct cove_bytes v;

    *out = cove_bytes(NULL, 0);
    if (!cove_value_member(map, key, &v)) {
        return 0;
    }
    if (cove_value_kind(v) != COVE_KIND_TEXT) {
        return COVE_EFORMAT;
    }
    *out = cove_value_text(v);
    if (out->at == NULL) {
        *out = cove_bytes("", 0);
    }
    return out->len <= COVE_MAX_BLOB_NAME ? 0 : COVE_EFORMAT;
}

static int blob_number(struct cove_bytes map, const char *key, int64_t most,
                       uint64_t *out)
{
    struct cove_bytes v;
    int64_t n;

    if (!cove_value_member(map, key, &v)) {
        return COVE_ENOTFOUND;
    }
    if (cove_value_kind(v) != COVE_KIND_INT) {
        return COVE_EFORMAT;
    }
    n = cove_value_int(v);
    if (n < 0 || n > most) {
        return COVE_EFORMAT;
    }
    *out = (uint64_t)n;
    return 0;
}

static int blob_fixed(struct cove_bytes map, const char *key, void *out,
                      size_t len)
{
    struct cove_bytes v;
    struct cove_reader r;

    if (!cove_value_member(map, key, &v)) {
        return COVE_EFORMAT;
    }
    cove_reader_init(&r, v);
    cove_reader_fixed(&r, out, len);
    return cove_reader_done(&r);
}

int cove_blob_about_read(struct cove_bytes value, struct cove_blob_about *out)
{
    int err = cove_value_kind(value) == COVE_KIND_MAP ? 0 : COVE_EFORMAT;

    if (err == 0) {
        err = blob_text(value, "mime", &out->mime);
    }
    if (err == 0) {
        err = blob_text(value, "name", &out->name);
    }
    if (err == 0) {
        err = blob_number(value, "size", COVE_MAX_BLOB, &out->size);
        if (err == COVE_ENOTFOUND) {
            out->size = COVE_BLOB_UNKNOWN;
            err = 0;
        }
    }
    return err;
}

int cove_blob_ended_read(struct cove_bytes value, struct cove_blob_ended *out)
{
    uint64_t start = 0;
    int err = cove_blob_about_read(value, &out->about);

    if (err == 0) {
        err = blob_fixed(value, "hash", out->hash.b, sizeof(out->hash.b));
    }
    if (err == 0) {
        err =
            blob_fixed(value, "session", out->session.b, sizeof(out->session));
    }
    if (err == 0) {
        err = blob_number(value, "start", UINT32_MAX, &start);
    }
    if (err != 0 || out->about.size == COVE_BLOB_UNKNOWN) {
        return COVE_EFORMAT;
    }
    out->start = (uint32_t)start;
    return 0;
}

/* --- runs */

/* The first run whose session is greater. */
static size_t runs_behind(const struct cove_state *state,
                          const struct cove_session_id *session)
{
    size_t low = 0;
    size_t high = state->run_count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (memcmp(&state->runs[mid].begin.session, session,
                   sizeof(*session)) <= 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

static struct cove_blob_run *runs_open(const struct cove_state *state,
                                       const struct cove_session_id *session)
{
    size_t at = runs_behind(state, session);
    struct cove_blob_run *run = at == 0 ? NULL : &state->runs[at - 1];

    return run != NULL && !run->ended &&
                   memcmp(&run->begin.session, session, sizeof(*session)) == 0
               ? run
               : NULL;
}

const struct cove_blob_run *cove_blob_open(
    const struct cove_state *state, const struct cove_session_id *session)
{
    return runs_open(state, session);
}

static const struct cove_blob_run *runs_find(
    const struct cove_state *state, const struct cove_session_id *session,
    uint32_t start)
{
    size_t low = 0;
    size_t high = runs_behind(state, session);

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        const struct cove_blob_run *run = &state->runs[mid];
        int order = memcmp(&run->begin.session, session, sizeof(*session));

        if (order < 0 || (order == 0 && run->begin.tx < start)) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low < state->run_count && state->runs[low].begin.tx == start &&
                   memcmp(&state->runs[low].begin.session, session,
                          sizeof(*session)) == 0
               ? &state->runs[low]
               : NULL;
}

static int runs_room(struct cove_state *state)
{
    void *runs = state->runs;
    int err = cove_arena_grow(state->arena, &runs, sizeof(*state->runs),
                              state->run_count, &state->run_cap);

    state->runs = runs;
    return err;
}

int cove_blob_push(struct cove_state *state, const struct cove_blob_run *run)
{
    int err = runs_room(state);

    if (err == 0) {
        state->runs[state->run_count++] = *run;
    }
    return err;
}

/* A new run of the session stands behind its others; one that was not ended is
 * given up for it. */
static int run_begin(struct cove_state *state,
                     const struct cove_blob_about *about,
                     struct cove_bytes value, const struct cove_op_id *id)
{
    struct cove_blob_run *held = runs_open(state, &id->session);
    struct cove_blob_run run = {.begin = *id,
                                .size = about->size,
                                .last = id->tx,
                                .last_op = UINT32_MAX};
    struct cove_hasher hasher;
    size_t at;
    int err = cove_arena_copy(state->arena, value, &run.about);

    run.saved = held != NULL ? held->saved
                             : cove_arena_new(state->arena, COVE_HASHER_SAVED);
    if (err != 0 || run.saved == NULL) {
        return COVE_ENOMEM;
    }
    if (held == NULL) {
        err = runs_room(state);
        if (err != 0) {
            return err;
        }
        at = runs_behind(state, &id->session);
        held = &state->runs[at];
        memmove(held + 1, held, (state->run_count - at) * sizeof(*held));
        state->run_count++;
    }
    cove_hasher_init(&hasher, COVE_BLOB_DOMAIN);
    cove_hasher_save(&hasher, run.saved);
    *held = run;
    return 0;
}

static int run_chunk(struct cove_state *state, const struct cove_tx_op *op,
                     const struct cove_op_id *id)
{
    struct cove_blob_run *run = runs_open(state, &id->session);
    uint64_t most;
    struct cove_hasher hasher;
    int err;

    if (run == NULL || run->spoiled) {
        return 0;
    }
    most = run->size == COVE_BLOB_UNKNOWN ? COVE_MAX_BLOB : run->size;
    if (op->offset != run->held || op->value.len > most - run->held) {
        run->spoiled = true;
        return 0;
    }
    err = cove_hasher_load(&hasher, run->saved);
    if (err == 0) {
        cove_hasher_add(&hasher, op->value);
        cove_hasher_save(&hasher, run->saved);
        run->held += op->value.len;
        run->last = id->tx;
    }
    return err;
}

static int run_end(struct cove_state *state, const struct cove_blob_ended *said,
                   const struct cove_op_id *id)
{
    struct cove_blob_run *run = runs_open(state, &id->session);
    struct cove_hasher hasher;
    int err;

    if (run == NULL || run->begin.tx != said->start ||
        memcmp(&said->session, &id->session, sizeof(id->session)) != 0) {
        return 0;
    }
    err = cove_hasher_load(&hasher, run->saved);
    if (err == 0) {
        run->hash = cove_hasher_end(&hasher);
        run->ended = true;
        run->last = id->tx;
        run->last_op = id->op;
        run->about = cove_bytes(NULL, 0);
        run->saved = NULL;
    }
    return err;
}

int cove_blob_fold(struct cove_state *state, const struct cove_tx_op *op,
                   const struct cove_op_id *id)
{
    struct cove_blob_about about;
    struct cove_blob_ended ended;

    if (op->kind == COVE_OP_CHUNK) {
        return run_chunk(state, op, id);
    }
    if (op->kind != COVE_OP_REGISTER || op->deleted) {
        return 0;
    }
    if (cove_bytes_equal(op->reg, cove_bytes_text("begin")) &&
        cove_blob_about_read(op->value, &about) == 0) {
        return run_begin(state, &about, op->value, id);
    }
    if (cove_bytes_equal(op->reg, cove_bytes_text("blob")) &&
        cove_blob_ended_read(op->value, &ended) == 0) {
        return run_end(state, &ended, id);
    }
    return 0;
}

/* --- what is shown */

/* Whoever ended it in the run's own session ended all that is in it; who names
 * another session's may have come here before that one did. */
static int shown_judge(const struct cove_blob_run *run,
                       const struct cove_blob_ended *said,
                       const struct cove_op_id *by)
{
    bool own = memcmp(&by->session, &said->session, sizeof(by->session)) == 0;

    if (run == NULL || (!run->ended && !run->spoiled)) {
        return own ? COVE_EHASH : COVE_EGAP;
    }
    return !run->spoiled && run->held == said->about.size &&
                   memcmp(&run->hash, &said->hash, sizeof(run->hash)) == 0
               ? 0
               : COVE_EHASH;
}

static int shown_ended(const struct cove_state *state, struct cove_bytes value,
                       struct cove_blob_shown *out)
{
    struct cove_blob_ended said;
    int err = cove_blob_ended_read(value, &said);

    if (err == 0) {
        out->about = said.about;
        out->hash = said.hash;
        out->run = runs_find(state, &said.session, said.start);
        out->err = shown_judge(out->run, &said, &out->by);
    }
    return err;
}

static int shown_begun(const struct cove_state *state,
                       struct cove_blob_shown *out)
{
    const struct cove_blob_run *newest = NULL;

    for (size_t i = 0; i < state->run_count; i++) {
        const struct cove_blob_run *run = &state->runs[i];

        if (!run->ended && !run->spoiled &&
            (newest == NULL ||
             cove_op_id_compare(&run->begin, &newest->begin) > 0)) {
            newest = run;
        }
    }
    if (newest == NULL) {
        return COVE_ENOTFOUND;
    }
    out->run = newest;
    out->by = newest->begin;
    out->err = COVE_EGAP;
    return cove_blob_about_read(newest->about, &out->about);
}

int cove_blob_shown(const struct cove_state *state, struct cove_blob_shown *out)
{
    const struct cove_native *native = NULL;
    const struct cove_copy *copy = NULL;
    int err = cove_state_winner(state, cove_bytes_text("blob"), &native, &copy);

    memset(out, 0, sizeof(*out));
    if (err == 0 && native != NULL && !native->deleted) {
        out->by = native->id;
        err = shown_ended(state, native->value, out);
    } else if (err == 0 && copy != NULL && !copy->deleted) {
        out->by = copy->id;
        err = shown_ended(state, copy->value, out);
    } else if (err == 0 || err == COVE_ENOTFOUND) {
        err = shown_begun(state, out);
    }
    if (err == 0 && out->run != NULL) {
        out->held = out->run->held;
    }
    return err;
}
