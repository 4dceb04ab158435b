/* Bytes as a cut, as the state in one that an admin signed, and as changes of a
 * good state that an admin then signed. Whatever comes, what is refused changes
 * nothing; what is taken loads, is found whole by the check, goes on with the
 * sessions' own transactions, is cut again, and comes out of a dump as it was.
 *
 * First byte: bits 0-1 the type of the document, bits 2-3 what the bytes are,
 * bit 4 a part of the history is there before.
 */
#include "core/zip.h"
#include "crdt/dump.h"
#include "crdt/repo_check.h"
#include "crdt/repo_internal.h"
#include "tests/cut_world.h"

#define WRITERS 3
#define WRITES  6  /* of each, before the cut */
#define BEHIND  28 /* behind it, so that there is something to cut */

#define ALL (WRITES + BEHIND)

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static const enum cove_doc_type types[] = {COVE_DOC_COMAP, COVE_DOC_COTEXT,
                                           COVE_DOC_COLIST, COVE_DOC_COCOUNTER};

/* --- what the sessions say */

static struct cove_bytes some_text(struct world *w, uint32_t i, bool plain)
{
    struct cove_bytes out;
    uint8_t text[100];

    memset(text, 'a' + (int)(i % 26), sizeof(text));
    REQUIRE(
        (plain
             ? cove_arena_copy(&w->arena, cove_bytes(text, sizeof(text)), &out)
             : cove_value_of_text(&w->arena, cove_bytes(text, sizeof(text)),
                                  &out)) == 0);
    return out;
}

/* The next elements of a session, each behind the one before. */
static struct cove_tx_op some_elements(struct world *w, uint32_t i, bool text)
{
    uint32_t count = text ? 100 : 1;

    return (struct cove_tx_op){.kind = text ? COVE_OP_TEXT : COVE_OP_ITEMS,
                               .reg = text ? cove_bytes(NULL, 0)
                                           : cove_bytes_text("type"),
                               .value = some_text(w, i, text),
                               .agent = i == 0 ? COVE_TX_ROOT : COVE_TX_OWN,
                               .n = i == 0 ? 0 : i * count - 1,
                               .first = i * count,
                               .count = count};
}

static struct cove_tx_op some_op(struct world *w, enum cove_doc_type type,
                                 uint32_t i)
{
    struct cove_tx_op op = {
        .reg = cove_bytes_text(i % 2 == 0 ? "a register" : "another")};

    if (type == COVE_DOC_COCOUNTER) {
        return (struct cove_tx_op){.kind = COVE_OP_ADD,
                                   .amount = INT64_MAX - (int64_t)i};
    }
    if (type != COVE_DOC_COMAP) {
        return some_elements(w, i, type == COVE_DOC_COTEXT);
    }
    op.deleted = i % 3 == 2;
    if (!op.deleted) {
        op.value = some_text(w, i, false);
    }
    return op;
}

static void some_origin(const struct world *w, struct cove_origin *origin)
{
    const struct world_author *a = &w->authors[0];
    struct cove_hash hash = cove_tx_hash(a->txs[0]);

    memset(origin, 0, sizeof(*origin));
    origin->reg = cove_bytes_text("a register");
    origin->id = (struct cove_op_id){
        .hlc = a->hlcs[0], .device = a->device, .session = a->session};
    memcpy(origin->tx_hash, hash.b, sizeof(origin->tx_hash));
}

static void some_writes(struct world *w, enum cove_doc_type type)
{
    uint64_t hlc = cove_hlc_of_ms(WORLD_NOW - 100000);

    for (uint32_t i = 0; i < ALL; i++) {
        for (uint32_t n = 0; n < WRITERS; n++) {
            struct world_author *a = &w->authors[n];
            struct cove_tx_op op = some_op(w, type, i);
            struct cove_tx_op ops[3] = {op, op, op};
            struct cove_tx tx = {.hlc = hlc++,
                                 .auth_inherited = i > 0,
                                 .ops = ops,
                                 .op_count =
                                     type == COVE_DOC_COCOUNTER ? 3 : 1};
            struct cove_origin origin;

            if (type == COVE_DOC_COMAP && i % 4 == 3) {
                tx.kind = COVE_TX_COPY;
                some_origin(w, &origin);
                ops[0].origins = &origin;
                ops[0].origin_count = 1;
            } else {
                tx.has_epoch = n == 1;
                tx.epoch.b[0] = 5;
            }
            world_push(w, a, &tx);
        }
    }
}

/* --- cuts */

static struct cove_cut_row some_rows(const struct world *w, uint32_t n,
                                     uint32_t len)
{
    const struct world_author *a = &w->authors[n];
    struct cove_cut_row row = {.session = a->session,
                               .device = a->device,
                               .len = len,
                               .head = a->heads[len],
                               .last_hlc = a->hlcs[len - 1]};

    memcpy(row.salt, a->salt, sizeof(row.salt));
    return row;
}

static int row_order(const void *left, const void *right)
{
    const struct cove_cut_row *a = left;
    const struct cove_cut_row *b = right;

    return memcmp(&a->session, &b->session, sizeof(a->session));
}

/* Signed, around a state; in the world's arena. */
static struct cove_bytes cut_of_state(struct world *w, struct cove_bytes raw)
{
    struct cove_cut_row rows[WRITERS];
    struct cove_cut cut = {.document = w->doc,
                           .device = w->device,
                           .made_ms = WORLD_NOW,
                           .rows = rows,
                           .row_count = WRITERS};
    struct cove_bytes bytes = {NULL, 0};
    struct cove_packer p;
    struct cove_buf state, out;

    cove_buf_init(&state, &cove_alloc_libc);
    cove_buf_init(&out, &cove_alloc_libc);
    cove_packer_init(&p, &state);
    cove_pack_varint(&p, raw.len);
    REQUIRE(cove_zip(raw, &state) == 0);
    cut.state = cove_buf_bytes(&state);
    for (uint32_t i = 0; i < WRITERS; i++) {
        rows[i] = some_rows(w, i, WRITES);
    }
    qsort(rows, WRITERS, sizeof(*rows), row_order);
    REQUIRE(cove_cut_sign(&w->secret, &cove_alloc_libc, &cut) == 0);
    if (cove_cut_encode(&cut, &out) == 0) {
        REQUIRE(cove_arena_copy(&w->arena, cove_buf_bytes(&out), &bytes) == 0);
    }
    cove_buf_clear(&state);
    cove_buf_clear(&out);
    return bytes;
}

/* What these writes come to, unpacked; as a store packs it. */
static void good_state(struct world *w, struct cove_buf *raw)
{
    struct cove_cut cut;
    struct cove_unpacker u;
    struct cove_bytes bytes;
    size_t len;

    for (uint32_t i = 0; i < WRITERS; i++) {
        world_send(w, &w->repos[2], &w->authors[i], 0, ALL);
    }
    REQUIRE(world_cut(w, &w->repos[2],
                      w->authors[WRITERS - 1].hlcs[ALL - 1] + 1) == 0);
    bytes = world_cut_of(w, &w->repos[2]);
    REQUIRE(cove_cut_decode(bytes, &w->arena, &cut, NULL) == 0);
    cove_unpacker_init(&u, cut.state);
    len = (size_t)cove_unpack_varint(&u);
    REQUIRE(cove_unzip(cove_bytes(u.at, (size_t)(u.end - u.at)), len, raw) ==
            0);
}

/* --- what must hold */

static struct cove_hash world_sum(struct world *w, struct world_repo *r,
                                  cove_wide *sum)
{
    struct cove_arena arena;
    struct cove_hash digest;
    struct cove_doc doc;

    cove_arena_init(&arena, &cove_alloc_libc);
    doc = world_load(w, r, &arena);
    digest = cove_doc_digest(&doc, &arena);
    *sum = doc.state.sum + (cove_wide)doc.state.native_count;
    cove_arena_clear(&arena);
    return digest;
}

static int world_found(void *ctx, const struct cove_finding *f)
{
    (void)ctx;
    fprintf(stderr, "check: %s: %s\n", f->kind, f->text);
    return COVE_ECORRUPT;
}

static void world_check(struct world_repo *r)
{
    struct cove_check_options opt = {.finding = world_found};
    struct cove_check *check;
    bool over = false;

    REQUIRE(cove_check_new(r->repo, &opt, &check) == 0);
    while (!over) {
        struct cove_store_txn *txn;

        REQUIRE(cove_store_begin(r->store, false, &txn) == 0);
        REQUIRE(cove_check_step(check, txn, &over) == 0);
        cove_store_abort(txn);
    }
    cove_check_free(check);
}

static void dump_damaged(void *ctx, const struct cove_id *id)
{
    (void)ctx;
    (void)id;
    abort();
}

static void dump_refused(void *ctx, const struct cove_id *id, const char *why)
{
    (void)ctx;
    (void)id;
    fprintf(stderr, "refused: %s\n", why);
    abort();
}

/* All there is into another store. */
static void world_dump(struct world_repo *from, struct world_repo *to)
{
    struct cove_dump_give give = {.repo = from->repo, .damaged = dump_damaged};
    struct cove_dump_take take = {.repo = to->repo, .refused = dump_refused};
    struct cove_store_txn *out, *in;
    struct cove_buf body;
    bool over = false;

    cove_arena_init(&give.arena, &cove_alloc_libc);
    cove_arena_init(&take.arena, &cove_alloc_libc);
    cove_buf_init(&give.scratch, &cove_alloc_libc);
    cove_buf_init(&body, &cove_alloc_libc);
    REQUIRE(cove_store_begin(from->store, false, &out) == 0);
    REQUIRE(cove_store_begin(to->store, true, &in) == 0);
    while (!over) {
        body.len = 0;
        REQUIRE(cove_dump_give(&give, out, &body, &over) == 0);
        REQUIRE(cove_dump_take(&take, in, cove_buf_bytes(&body)) == 0);
    }
    cove_store_abort(out);
    REQUIRE(cove_store_commit(in) == 0);
    cove_buf_clear(&body);
    cove_buf_clear(&give.scratch);
    cove_arena_clear(&give.arena);
    cove_arena_clear(&take.arena);
}

static void assert_alike(struct world *w, struct world_repo *a,
                         struct world_repo *b)
{
    cove_wide left, right;
    struct cove_hash one = world_sum(w, a, &left);
    struct cove_hash two = world_sum(w, b, &right);

    REQUIRE(memcmp(&one, &two, sizeof(one)) == 0 && left == right);
}

static void world_go_on(struct world *w, struct world_repo *r)
{
    int err;

    world_check(r);
    for (uint32_t i = 0; i < WRITERS; i++) {
        world_send(w, r, &w->authors[i], WRITES, ALL);
    }
    world_check(r);
    err = world_cut(w, r, w->authors[0].hlcs[ALL - 1]);
    /* What waits for elements that never come keeps its history; what the
     * admin says the state is may be too much to keep. */
    REQUIRE(err == 0 || err == COVE_EUNSUPPORTED || err == COVE_ELIMIT);
    world_check(r);
    world_dump(r, &w->repos[1]);
    assert_alike(w, r, &w->repos[1]);
    world_check(&w->repos[1]);
}

static void try_cut(struct world *w, struct cove_bytes bytes, bool part)
{
    struct world_repo *r = &w->repos[0];
    struct cove_hash before, after;
    cove_wide was, is;
    int err;

    if (part) {
        world_send(w, r, &w->authors[0], 0, 2);
        world_send(w, r, &w->authors[1], 0, WRITES + 4);
    }
    before = world_sum(w, r, &was);
    err = world_take(r, bytes);
    REQUIRE(err <= 0 && err != COVE_ENOMEM && err != COVE_ECORRUPT);
    after = world_sum(w, r, &is);
    if (err != 0) {
        REQUIRE(memcmp(&before, &after, sizeof(after)) == 0 && was == is);
        world_check(r);
        return;
    }
    world_go_on(w, r);
}

/* --- the input */

static void try_bytes(struct world *w, struct cove_bytes in, bool part)
{
    struct cove_cut cut;
    struct cove_buf out;

    if (cove_cut_decode(in, &w->arena, &cut, NULL) != 0) {
        return;
    }
    cove_buf_init(&out, &cove_alloc_libc);
    REQUIRE(cove_cut_encode(&cut, &out) == 0);
    REQUIRE(cove_bytes_equal(cove_buf_bytes(&out), in));
    cove_buf_clear(&out);
    try_cut(w, in, part);
}

/* Where, and what else; three bytes each; then perhaps it ends there. */
static void change(struct cove_buf *raw, struct cove_bytes in)
{
    while (in.len >= 3 && raw->len > 0) {
        size_t at = ((size_t)in.at[0] << 8 | in.at[1]) % raw->len;

        if (in.at[2] == 0) {
            raw->len = at;
        } else {
            raw->at[at] ^= in.at[2];
        }
        in = cove_bytes(in.at + 3, in.len - 3);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    static struct world w;
    struct cove_buf raw;
    uint8_t how;
    bool part;

    if (len == 0) {
        return 0;
    }
    how = at[0];
    part = (how & 16) != 0;
    world_open(&w, types[how % COVE_ARRAY_LEN(types)]);
    some_writes(&w, types[how % COVE_ARRAY_LEN(types)]);
    cove_buf_init(&raw, &cove_alloc_libc);
    switch (how >> 2 & 3) {
    case 0:
        try_bytes(&w, cove_bytes(at + 1, len - 1), part);
        break;
    case 1:
        try_cut(&w, cut_of_state(&w, cove_bytes(at + 1, len - 1)), part);
        break;
    default:
        good_state(&w, &raw);
        change(&raw, cove_bytes(at + 1, len - 1));
        try_cut(&w, cut_of_state(&w, cove_buf_bytes(&raw)), part);
        break;
    }
    cove_buf_clear(&raw);
    world_close(&w);
    return 0;
}
