/* Documents with a cut in a store: given and taken as dumps, damaged in each
 * way, and with each call of the store that fails. */
#include "crdt/repo_salvage.h"
#include "crdt/repo_upkeep.h"
#include "tests/unit/cut_kit.h"
#include "tests/unit/damage_kit.h"
#include "tests/unit/dump_kit.h"
#include "tests/unit/text_kit.h"

static struct damage_said said; /* large */

/* One write of some 60 bytes a minute; carol may read, and so have the dump. */
static void world_write(struct world *w, struct kit *k, int count)
{
    for (int i = 0; i < count; i += 40) {
        struct cove_store_txn *txn = kit_begin(k, true);
        struct cove_doc doc = kit_load(k, txn, &w->doc);

        for (int n = i; n < i + 40 && n < count; n++) {
            char reg[32];

            snprintf(reg, sizeof(reg), "one of the registers %d", n % 7);
            k->env.now_ms += 60000;
            ck_assert_int_eq(kit_append(k, txn, &doc, reg, n), 0);
        }
        kit_commit(txn);
        cove_arena_reset(&k->arena);
    }
    w->alice.env.now_ms = w->bob.env.now_ms = w->carol.env.now_ms =
        k->env.now_ms;
}

static void world_cut(struct world *w, uint64_t bytes)
{
    struct cove_cut_rule rule = {.bytes = bytes};
    struct cove_cut_result gone;
    int err = cut_try(&w->alice, &w->doc, &rule, &gone);

    ck_assert_msg(err == 0, "cut: %d %s", err, w->alice.diag.text);
}

/* --- dumps */

START_TEST(a_cut_document_comes_out_of_a_dump_as_it_was)
{
    struct dump_kit d;
    struct world w;

    world_open_full(&w, _i);
    world_write(&w, &w.alice, 300);
    kit_sync(&w.alice, &w.bob, &w.doc);
    world_write(&w, &w.bob, 300);
    kit_sync(&w.bob, &w.alice, &w.doc);
    world_cut(&w, 3000);
    dump_all(&w.alice, &d);
    dump_into(&w.carol, &d);
    ck_assert_msg(d.refused == 0, "%s", d.why);
    assert_same_view(&w.alice, &w.carol, &w.doc);
    ck_assert(
        cove_bytes_equal(cut_of(&w.alice, &w.doc), cut_of(&w.carol, &w.doc)));
    dump_into(&w.carol, &d); /* once more: nothing is new */
    ck_assert_uint_eq(d.refused + d.took.transactions, 0);
    assert_same_view(&w.alice, &w.carol, &w.doc);
    dump_into(&w.bob, &d); /* who has all of it keeps it */
    ck_assert_uint_eq(d.refused + d.took.transactions, 0);
    ck_assert_uint_eq(cut_of(&w.bob, &w.doc).len, 0);
    assert_same_view(&w.alice, &w.bob, &w.doc);
    cove_buf_clear(&d.file);

    /* And out of the store that took it. */
    dump_all(&w.carol, &d);
    kit_close(&w.bob);
    kit_open(&w.bob, FIXTURE_MEMORY, 2);
    w.bob.env.now_ms = w.carol.env.now_ms;
    dump_into(&w.bob, &d);
    ck_assert_msg(d.refused == 0, "%s", d.why);
    assert_same_view(&w.alice, &w.bob, &w.doc);
    cove_buf_clear(&d.file);
    world_close(&w);
}
END_TEST

START_TEST(a_store_that_has_a_part_of_it_takes_the_rest)
{
    struct dump_kit d;
    struct world w;

    world_open_full(&w, _i);
    world_write(&w, &w.alice, 100);
    kit_sync(&w.alice, &w.carol, &w.doc);
    kit_sync(&w.alice, &w.bob, &w.doc);
    world_write(&w, &w.bob, 100);
    kit_sync(&w.bob, &w.alice, &w.doc);
    world_write(&w, &w.alice, 300);
    world_cut(&w, 3000);
    dump_all(&w.alice, &d);
    dump_into(&w.carol, &d);
    ck_assert_msg(d.refused == 0, "%s", d.why);
    assert_same_view(&w.alice, &w.carol, &w.doc);
    ck_assert(cut_of(&w.carol, &w.doc).len > 0);
    dump_into(&w.bob, &d);
    ck_assert_msg(d.refused == 0, "%s", d.why);
    assert_same_view(&w.alice, &w.bob, &w.doc);
    cove_buf_clear(&d.file);
    world_close(&w);
}
END_TEST

/* More than one block, and between two of them `between` goes on. */
static struct world *between_world;
static int between_times;

static void between_cut(struct kit *k)
{
    (void)k;
    if (++between_times == 1) {
        world_cut(between_world, 100000);
    }
}

static void world_write_long(struct world *w, struct kit *k, int count)
{
    static char text[8000];

    for (int i = 0; i < count; i++) {
        struct cove_store_txn *txn = kit_begin(k, true);
        struct cove_doc doc = kit_load(k, txn, &w->doc);
        struct cove_tx_op op = {.reg = cove_bytes_text("long")};
        struct cove_tx tx = {.ops = &op, .op_count = 1};

        for (size_t n = 0; n < sizeof(text); n++) {
            uint8_t byte;

            harness_random(&k->env, &byte, 1);
            text[n] = (char)('a' + byte % 26);
        }
        ck_assert_int_eq(cove_value_of_text(&k->arena,
                                            cove_bytes(text, sizeof(text)),
                                            &op.value),
                         0);
        k->env.now_ms += 60000;
        ck_assert_int_eq(cove_repo_append(k->repo, txn, &doc, &tx, &k->diag),
                         0);
        kit_commit(txn);
        cove_arena_reset(&k->arena);
    }
    w->alice.env.now_ms = w->bob.env.now_ms = w->carol.env.now_ms =
        k->env.now_ms;
}

static void dump_between(struct world *w, struct dump_kit *d,
                         void (*between)(struct kit *k))
{
    struct cove_hash sum = cove_dump_start();
    struct cove_dump_give give;
    int err;

    between_world = w;
    between_times = 0;
    dump_init(d, &w->alice);
    dump_give_init(&give, &w->alice, d);
    err = dump_rest(&w->alice, d, &give, &sum, between);
    dump_give_clear(&give);
    ck_assert_msg(err == 0, "dump: %d", err);
    ck_assert_uint_eq(d->damaged, 0);
}

START_TEST(a_dump_goes_on_in_the_middle_of_a_cut_document)
{
    struct dump_kit d;
    struct world w;

    world_open_full(&w, _i);
    world_write_long(&w, &w.alice, 60);
    kit_sync(&w.alice, &w.bob, &w.doc);
    world_write_long(&w, &w.bob, 60);
    kit_sync(&w.bob, &w.alice, &w.doc);
    world_cut(&w, 700000);
    dump_between(&w, &d, NULL);
    dump_into(&w.carol, &d);
    ck_assert_msg(d.refused == 0, "%s", d.why);
    assert_same_view(&w.alice, &w.carol, &w.doc);
    cove_buf_clear(&d.file);
    world_close(&w);
}
END_TEST

/* What the next block would have begun with is not there any more. */
START_TEST(a_document_that_is_cut_while_it_is_given_is_given_whole)
{
    struct dump_kit d;
    struct world w;

    world_open_full(&w, _i);
    world_write_long(&w, &w.alice, 60);
    kit_sync(&w.alice, &w.bob, &w.doc);
    world_write_long(&w, &w.bob, 60);
    kit_sync(&w.bob, &w.alice, &w.doc);
    dump_between(&w, &d, between_cut);
    ck_assert_int_gt(between_times, 1);
    ck_assert(cut_of(&w.alice, &w.doc).len > 0);
    dump_into(&w.carol, &d);
    ck_assert_msg(d.refused == 0, "%s", d.why);
    assert_same_view(&w.alice, &w.carol, &w.doc);
    assert_same_view(&w.alice, &w.bob, &w.doc);
    cove_buf_clear(&d.file);
    world_close(&w);
}
END_TEST

/* --- damage */

#define LONG (DAMAGE_SMALL + 1) /* of this device alone */
#define BOBS (DAMAGE_DOCS - 1)  /* of a peer */

/* Some of each log stays behind the cut; bob has all of it, carol what alice
 * has. */
struct cut_damage {
    struct damage d;
    struct kit carol;
};

static void damage_cut(struct damage *d, size_t doc, uint64_t bytes)
{
    struct cove_cut_rule rule = {.bytes = bytes};
    struct cove_cut_result gone;
    int err = cut_try(&d->alice, &d->docs[doc], &rule, &gone);

    ck_assert_msg(err == 0, "cut: %d %s", err, d->alice.diag.text);
}

static void damage_give(struct damage *d, struct kit *to)
{
    for (size_t i = 0; i <= DAMAGE_DOCS; i++) {
        const struct cove_id *id = i == 0 ? &d->group : &d->docs[i - 1];
        struct cove_store_txn *txn = kit_begin(&d->bob, false);
        struct cove_doc doc = kit_load(&d->bob, txn, id);

        cove_store_abort(txn);
        kit_take_header(to, id, doc.header_bytes);
        cove_arena_reset(&d->bob.arena);
    }
}

static void cut_damage_open(struct cut_damage *c)
{
    struct damage *d = &c->d;

    damage_open(d, FIXTURE_MEMORY);
    damage_cut(d, LONG, 9000);
    damage_cut(d, BOBS, 9000);
    kit_open(&c->carol, FIXTURE_MEMORY, 3);
    damage_give(d, &c->carol);
    for (size_t i = 0; i < DAMAGE_DOCS; i++) {
        cut_sync(&d->alice, &c->carol, &d->docs[i]);
    }
    cove_arena_clear(&d->alice.arena);
    cove_arena_clear(&c->carol.arena);
}

static void cut_damage_close(struct cut_damage *c)
{
    kit_close(&c->carol);
    damage_close(&c->d);
}

/* A row of the document's record past all that keeps it right. */
static void row_change(struct damage *d, size_t doc,
                       void (*change)(struct repo_record *record,
                                      struct repo_row *row))
{
    struct cove_store_txn *txn = kit_begin(&d->alice, true);
    struct repo_record record;
    struct repo_work work;
    size_t at = 0;

    ck_assert_int_eq(repo_work_write(&work, d->alice.repo, txn, NULL), 0);
    ck_assert_int_eq(repo_record_read(&work,
                                      kit_num(&d->alice, txn, &d->docs[doc]),
                                      &record),
                     0);
    while (record.rows[at].pub.base == 0) {
        at++;
        ck_assert_uint_lt(at, record.row_count);
    }
    change(&record, &record.rows[at]);
    ck_assert_int_eq(repo_record_write(&work, &record), 0);
    ck_assert_int_eq(repo_work_end(&work), 0);
    kit_commit(txn);
}

static void base_shorter(struct repo_record *record, struct repo_row *row)
{
    (void)record;
    row->pub.base -= 3;
}

static void base_longer(struct repo_record *record, struct repo_row *row)
{
    (void)record;
    row->pub.base += 3;
}

static void base_none(struct repo_record *record, struct repo_row *row)
{
    (void)record;
    row->pub.base = 0;
}

static void base_head(struct repo_record *record, struct repo_row *row)
{
    (void)record;
    row->pub.base_head.b[7] ^= 1;
}

static void base_time(struct repo_record *record, struct repo_row *row)
{
    (void)record;
    row->base_hlc ^= 65536;
}

static void base_epoch(struct repo_record *record, struct repo_row *row)
{
    (void)record;
    row->base_epoch = row->num; /* no epoch at all */
}

static void base_parts(struct repo_record *record, struct repo_row *row)
{
    (void)row;
    record->cut_parts = 7;
}

static void (*const changes[])(struct repo_record *record,
                               struct repo_row *row) = {
    base_shorter, base_longer, base_none, base_head,
    base_time,    base_epoch,  base_parts};

START_TEST(what_a_row_says_of_its_cut_is_made_again)
{
    static struct cut_damage c;
    struct damage *d = &c.d;

    for (size_t i = 0; i < 2; i++) {
        size_t doc = i == 0 ? LONG : BOBS;

        cut_damage_open(&c);
        row_change(d, doc, changes[_i]);
        damage_check(d, false, &said);
        damage_print(&said);
        ck_assert_uint_eq(damage_said(&said, "record-field", &d->docs[doc]), 1);
        damage_check(d, true, &said);
        ck_assert_uint_eq(said.sum.lost, 0);
        damage_check(d, false, &said);
        damage_print(&said);
        ck_assert_uint_eq(said.count, 0);
        kit_reopen(&d->alice);
        damage_assert_same(d);
        cut_damage_close(&c);
    }
}
END_TEST

/* --- what was lost */

static void cut_entry(struct damage *d, size_t doc, size_t part,
                      struct damage_entry *e)
{
    struct cove_place place;

    ck_assert(damage_take(d, REPO_CUTS,
                          damage_prefix(&place, damage_num(d, doc)), part, e));
}

static void plant_bit(struct damage *d, size_t doc)
{
    static struct damage_entry e;

    cut_entry(d, doc, 0, &e);
    e.value[e.value_len / 2] ^= 0x10;
    damage_put(d, REPO_CUTS, &e);
}

static void plant_signature(struct damage *d, size_t doc)
{
    static struct damage_entry e;

    cut_entry(d, doc, 0, &e);
    e.value[e.value_len - 5] ^= 0x10;
    damage_put(d, REPO_CUTS, &e);
}

static void plant_none(struct damage *d, size_t doc)
{
    static struct damage_entry e;

    cut_entry(d, doc, 0, &e);
    damage_drop(d, REPO_CUTS, &e);
}

/* The cut of another document. */
static void plant_other(struct damage *d, size_t doc)
{
    static struct damage_entry e, other;

    cut_entry(d, doc, 0, &e);
    cut_entry(d, doc == LONG ? BOBS : LONG, 0, &other);
    memcpy(e.value, other.value, other.value_len);
    e.value_len = other.value_len;
    damage_put(d, REPO_CUTS, &e);
}

static void plant_short(struct damage *d, size_t doc)
{
    static struct damage_entry e;

    cut_entry(d, doc, 0, &e);
    e.value_len /= 2;
    damage_put(d, REPO_CUTS, &e);
}

/* It says that more parts follow. */
static void plant_part(struct damage *d, size_t doc)
{
    static struct damage_entry e;

    cut_entry(d, doc, 0, &e);
    ck_assert_uint_eq(e.value[0], 0);
    e.value[0] = 1;
    damage_put(d, REPO_CUTS, &e);
}

static void plant_chunk(struct damage *d, size_t doc)
{
    damage_flip(d, REPO_LOG, damage_num(d, doc), 1, -3);
}

/* The first behind the cut lies last. */
static void plant_first(struct damage *d, size_t doc)
{
    static struct damage_entry e;
    struct cove_place place;
    size_t n = 0;

    damage_prefix(&place, damage_num(d, doc));
    while (damage_take(d, REPO_LOG, cove_place_bytes(&place), n, &e)) {
        n++;
    }
    ck_assert_uint_gt(n, 2);
    ck_assert(damage_take(d, REPO_LOG, cove_place_bytes(&place), n - 1, &e));
    damage_drop(d, REPO_LOG, &e);
}

static const struct {
    const char *kind;
    void (*plant)(struct damage *d, size_t doc);
} losses[] = {{"cut", plant_bit},           {"cut", plant_signature},
              {"cut", plant_none},          {"cut", plant_other},
              {"cut", plant_short},         {"cut", plant_part},
              {"transaction", plant_chunk}, {"chunk-missing", plant_first}};

/* Repaired, the store says nothing wrong, and takes what is missing from a peer
 * that has all of it, or one that has the cut. */
static void lose(size_t n, size_t doc, bool whole)
{
    static struct cut_damage c;
    struct damage *d = &c.d;

    cut_damage_open(&c);
    losses[n].plant(d, doc);
    damage_check(d, false, &said);
    damage_print(&said);
    ck_assert_uint_eq(damage_said(&said, losses[n].kind, &d->docs[doc]), 1);
    ck_assert_uint_ge(said.sum.lost, 1);
    damage_check(d, true, &said);
    damage_print(&said);
    for (size_t i = 0; i < DAMAGE_DOCS; i++) {
        ck_assert_msg(i == doc || damage_same(d, i), "document %zu", i);
    }
    kit_reopen(&d->alice);
    damage_check(d, false, &said);
    damage_print(&said);
    ck_assert_uint_eq(said.count, damage_said(&said, "refetch", NULL));
    ck_assert_uint_ge(said.count, 1);
    (void)kit_get(&d->alice, &d->docs[doc], "r0"); /* it loads */
    cut_sync(whole ? &d->bob : &c.carol, &d->alice, &d->docs[doc]);
    damage_assert_same(d);
    damage_check(d, true, &said);
    damage_print(&said);
    damage_check(d, false, &said);
    damage_print(&said);
    ck_assert_uint_eq(said.count, 0);
    cut_damage_close(&c);
}

START_TEST(what_was_lost_of_a_cut_document_is_named_and_taken_from_a_peer)
{
    lose((size_t)_i / 4, _i % 4 < 2 ? LONG : BOBS, _i % 2 == 0);
}
END_TEST

START_TEST(a_cut_that_no_document_has_goes)
{
    static struct cut_damage c;
    static struct damage_entry e;
    struct cove_place place;

    cut_damage_open(&c);
    cut_entry(&c.d, LONG, 0, &e);
    e.key_len = damage_prefix(&place, damage_num(&c.d, 2)).len;
    memcpy(e.key, place.b, e.key_len); /* of one that was not cut */
    damage_put(&c.d, REPO_CUTS, &e);
    e.key[1] ^= 0x40; /* of none */
    damage_put(&c.d, REPO_CUTS, &e);
    damage_check(&c.d, false, &said);
    damage_print(&said);
    ck_assert_uint_eq(damage_said(&said, "cut", NULL), 2);
    damage_check(&c.d, true, &said);
    ck_assert_uint_eq(said.sum.lost, 0);
    damage_check(&c.d, false, &said);
    ck_assert_uint_eq(said.count, 0);
    damage_assert_same(&c.d);
    cut_damage_close(&c);
}
END_TEST

/* Of a cut that has several parts. */
START_TEST(a_part_of_a_long_cut_that_is_missing_is_named)
{
    static struct damage_entry e;
    static struct damage d;

    damage_open(&d, FIXTURE_MEMORY);
    for (int i = 0; i < 40; i++) {
        struct cove_store_txn *txn = kit_begin(&d.alice, true);
        struct cove_doc doc = kit_load(&d.alice, txn, &d.docs[LONG]);
        char reg[16], text[4000];
        struct cove_tx_op op = {.deleted = false};
        struct cove_tx tx = {.ops = &op, .op_count = 1};

        snprintf(reg, sizeof(reg), "long %d", i);
        op.reg = cove_bytes_text(reg);
        for (size_t n = 0; n < sizeof(text); n++) {
            uint8_t byte;

            harness_random(&d.alice.env, &byte, 1);
            text[n] = (char)('0' + byte % 64);
        }
        ck_assert_int_eq(cove_value_of_text(&d.alice.arena,
                                            cove_bytes(text, sizeof(text)),
                                            &op.value),
                         0);
        ck_assert_int_eq(
            cove_repo_append(d.alice.repo, txn, &doc, &tx, &d.alice.diag), 0);
        kit_commit(txn);
    }
    damage_exchange(&d);
    d.digests[LONG] = kit_digest(&d.alice, &d.docs[LONG]);
    damage_cut(&d, LONG, 3000);
    damage_check(&d, false, &said);
    damage_print(&said);
    ck_assert_uint_eq(said.count, 0);
    cut_entry(&d, LONG, 1, &e);
    damage_drop(&d, REPO_CUTS, &e);
    damage_check(&d, false, &said);
    ck_assert_uint_eq(damage_said(&said, "cut", &d.docs[LONG]), 1);
    damage_check(&d, true, &said);
    damage_check(&d, false, &said);
    ck_assert_uint_eq(said.count, damage_said(&said, "refetch", NULL));
    kit_sync(&d.bob, &d.alice, &d.docs[LONG]);
    damage_assert_same(&d);
    damage_close(&d);
}
END_TEST

/* --- each call that fails */

static unsigned store_format(struct kit *k)
{
    struct cove_store_txn *txn = kit_begin(k, false);
    struct cove_bytes value;

    ck_assert_int_eq(
        cove_store_get(txn, REPO_META, cove_bytes_text("repo"), &value), 0);

    unsigned format = value.at[0];

    cove_store_abort(txn);
    return format;
}

/* A map, and a text whose state is not in the arena. */
static void fault_open(struct world *w, bool text)
{
    world_open(w, FIXTURE_MEMORY);
    w->header = kit_header(&w->alice, text ? COVE_DOC_COTEXT : COVE_DOC_COMAP,
                           &w->group, 2, &w->doc);
    world_give(w, &w->alice);
    world_give(w, &w->bob);
    world_give(w, &w->carol);
    for (int i = 0; text && i < 90; i++) {
        w->alice.env.now_ms += 60000;
        kit_type(&w->alice, &w->doc, &kit_main, 0, 0,
                 "a text that is some fifty bytes long, and then some");
    }
    if (!text) {
        world_write(w, &w->alice, 160);
    }
    w->bob.env.now_ms = w->carol.env.now_ms = w->alice.env.now_ms;
    kit_sync(&w->alice, &w->bob, &w->doc);
}

/* One call in its transaction: cut at alice's, or take hers at carol's. */
static int fault_call(struct kit *k, struct world *w, struct cove_bytes cut)
{
    struct cove_cut_rule rule = {.bytes = 500};
    struct cove_ingest_result taken;
    struct cove_cut_result gone;
    struct cove_store_txn *txn = NULL;
    cove_num num = 0;
    int err = cove_store_begin(k->store.store, true, &txn);

    if (err == 0 && cut.len > 0) {
        err = cove_repo_cut_take(k->repo, txn, cut, 1, &taken, NULL);
    } else if (err == 0) {
        err = cove_repo_find(k->repo, txn, &w->doc, &num);
        if (err == 0) {
            err = cove_repo_cut(k->repo, txn, num, &rule, false, &gone, NULL);
        }
    }
    if (err == 0) {
        return cove_store_commit(txn);
    }
    if (txn != NULL) {
        cove_store_abort(txn);
    }
    return err;
}

/* As before, in every byte, or cut: then the format says so. From the call
 * number `n` on; 0: none failed any more, else the one that it did without. */
static long fault_loop(struct world *w, struct kit *k, struct cove_bytes cut,
                       bool of_store, long n)
{
    struct cove_hash before = world_dump(k);
    bool failed;

    for (;; n++) {
        struct fixture_fault fault = {.fail_at = n, .code = COVE_ENOSPC};
        int err;

        ck_assert_uint_eq(store_format(k), REPO_FORMAT);
        if (of_store) {
            cove_store_set_fault(k->store.store, fixture_hook, &fault);
        }
        k->heap.calls = 0;
        k->heap.fail_at = of_store ? 0 : n;
        err = fault_call(k, w, cut);
        failed = (of_store ? fault.calls : k->heap.calls) >= n;
        k->heap.fail_at = 0;
        cove_store_set_fault(k->store.store, NULL, NULL);
        if (err == 0) {
            break;
        }
        ck_assert_int_eq(err, of_store ? COVE_ENOSPC : COVE_ENOMEM);

        struct cove_hash after = world_dump(k);

        ck_assert_mem_eq(&before, &after, sizeof(before));
    }
    ck_assert_uint_eq(store_format(k), REPO_FORMAT_CUT);
    ck_assert(cut_of(k, &w->doc).len > 0);
    ck_assert(failed || n > 20);
    return failed ? n : 0;
}

START_TEST(a_call_that_fails_leaves_the_document_as_it_was)
{
    bool text = _i % 2 == 0, of_store = _i / 2 == 0;
    long at_alice = 1, at_carol = 1;

    while (at_alice > 0 || at_carol > 0) {
        struct cove_bytes cut = {NULL, 0};
        struct cove_cut_rule rule = {.bytes = 500};
        struct cove_cut_result gone;
        struct world w;

        fault_open(&w, text);
        if (at_alice > 0) {
            at_alice = fault_loop(&w, &w.alice, cut, of_store, at_alice);
            at_alice += at_alice > 0;
        } else {
            ck_assert_int_eq(cut_try(&w.alice, &w.doc, &rule, &gone), 0);
        }
        cut = cut_of(&w.alice, &w.doc);
        if (at_carol > 0) {
            at_carol = fault_loop(&w, &w.carol, cut, of_store, at_carol);
            at_carol += at_carol > 0;
        }
        cut_sync(&w.alice, &w.carol, &w.doc);
        assert_same_view(&w.alice, &w.bob, &w.doc);
        assert_same_view(&w.carol, &w.bob, &w.doc);
        if (text) {
            const char *whole = kit_text(&w.bob, &w.doc, &kit_main);

            ck_assert_str_eq(kit_text(&w.alice, &w.doc, &kit_main), whole);
            ck_assert_str_eq(kit_text(&w.carol, &w.doc, &kit_main), whole);
        }
        kit_reopen(&w.alice);
        assert_same_view(&w.alice, &w.bob, &w.doc);
        world_close(&w);
    }
}
END_TEST

/* Written to with commits of others between; the format is told to whoever
 * opens the store next. */
START_TEST(a_store_that_has_a_cut_is_of_format_5_for_good)
{
    struct world w;

    world_open_full(&w, _i);
    world_write(&w, &w.alice, 200);
    ck_assert_uint_eq(store_format(&w.alice), 4);
    world_cut(&w, 500);
    ck_assert_uint_eq(store_format(&w.alice), 5);
    cove_repo_close(w.alice.repo);
    ck_assert_int_eq(kit_open_with(&w.alice, true), 0); /* a new identity */
    ck_assert_uint_eq(store_format(&w.alice), 5);
    world_write(&w, &w.alice, 200);
    kit_reopen(&w.alice);
    ck_assert_uint_eq(store_format(&w.alice), 5);
    cut_sync(&w.alice, &w.carol, &w.doc);
    ck_assert_uint_eq(store_format(&w.carol), 5);
    ck_assert_uint_eq(store_format(&w.bob), 4);
    world_close(&w);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cut_store");
    TCase *dumps = tcase_create("dumps");
    TCase *damage = tcase_create("damage");
    TCase *faults = tcase_create("faults");

#define BOTH(tcase, name) tcase_add_loop_test(tcase, name, 0, FIXTURE_KINDS)
    BOTH(dumps, a_cut_document_comes_out_of_a_dump_as_it_was);
    BOTH(dumps, a_store_that_has_a_part_of_it_takes_the_rest);
    BOTH(dumps, a_dump_goes_on_in_the_middle_of_a_cut_document);
    BOTH(dumps, a_document_that_is_cut_while_it_is_given_is_given_whole);
    tcase_set_timeout(damage, 60);
    tcase_add_loop_test(damage, what_a_row_says_of_its_cut_is_made_again, 0,
                        (int)COVE_ARRAY_LEN(changes));
    tcase_add_loop_test(
        damage, what_was_lost_of_a_cut_document_is_named_and_taken_from_a_peer,
        0, (int)COVE_ARRAY_LEN(losses) * 4);
    tcase_add_test(damage, a_cut_that_no_document_has_goes);
    tcase_add_test(damage, a_part_of_a_long_cut_that_is_missing_is_named);
    tcase_set_timeout(faults, 60);
    tcase_add_loop_test(faults, a_call_that_fails_leaves_the_document_as_it_was,
                        0, 4);
    BOTH(faults, a_store_that_has_a_cut_is_of_format_5_for_good);
#undef BOTH
    suite_add_tcase(suite, dumps);
    suite_add_tcase(suite, faults);
    suite_add_tcase(suite, damage);
    return harness_run(suite);
}
