/* test_undo.c: what a device wrote last is taken back and done again, and what
 * others wrote stays. */
#include <ctype.h>

#include "crdt/repo_upkeep.h"
#include "crdt/undo.h"
#include "tests/unit/text_kit.h"

enum { ALICE, BOB, KITS };

struct world {
    struct kit kits[KITS];
    struct cove_id group;
    struct cove_id text, map, counter;
    uint64_t seed;
};

static struct cove_id world_new(struct world *w, enum cove_doc_type type,
                                uint32_t n)
{
    struct cove_id id;
    struct cove_bytes header =
        kit_header(&w->kits[ALICE], type, &w->group, n, &id);

    for (int i = 0; i < KITS; i++) {
        kit_take_header(&w->kits[i], &id, header);
    }
    return id;
}

static void world_open(struct world *w, int kind)
{
    struct kit_member members[] = {{&w->kits[ALICE], "admin"},
                                   {&w->kits[BOB], "writer"}};
    struct cove_bytes owner;

    for (int i = 0; i < KITS; i++) {
        kit_open(&w->kits[i], kind, (uint8_t)(i + 1));
    }
    owner = kit_group(&w->kits[ALICE], members, KITS, &w->group);
    for (int i = 0; i < KITS; i++) {
        kit_take_header(&w->kits[i], &w->group, owner);
    }
    w->text = world_new(w, COVE_DOC_COTEXT, 2);
    w->map = world_new(w, COVE_DOC_COMAP, 4);
    w->counter = world_new(w, COVE_DOC_COCOUNTER, 6);
}

static void world_close(struct world *w)
{
    for (int i = 0; i < KITS; i++) {
        kit_close(&w->kits[i]);
    }
}

static void world_type(struct world *w, int who, size_t at, size_t remove,
                       const char *text)
{
    for (int i = 0; i < KITS; i++) {
        w->kits[i].env.now_ms += 1000;
    }
    kit_type(&w->kits[who], &w->text, &kit_main, at, remove, text);
}

static void world_sync(struct world *w)
{
    kit_sync(&w->kits[ALICE], &w->kits[BOB], &w->text);
    kit_sync(&w->kits[BOB], &w->kits[ALICE], &w->text);
}

/* Fixes, from the last one on, as edits of one transaction. */
static int undo_compose(struct cove_compose *compose,
                        const struct cove_seq_fix *fixes, size_t count)
{
    int err = 0;

    for (size_t i = count; i > 0 && err == 0; i--) {
        const struct cove_seq_fix *fix = &fixes[i - 1];
        struct cove_compose_insert in = {
            .behind = &fix->at, .content = fix->content, .count = fix->count};

        err = fix->content.len == 0
                  ? cove_compose_remove_of(compose, fix->at, fix->count)
                  : cove_compose_insert(compose, &in);
    }
    return err;
}

static int undo_text(struct kit *k, struct cove_store_txn *txn,
                     struct cove_doc *doc, const struct cove_undo *undo)
{
    struct cove_seq_changes changes;
    struct cove_seq_fix *fixes;
    struct cove_compose_self self;
    struct cove_compose compose;
    struct cove_tx tx;
    size_t count;
    int err = cove_undo_changes(k->repo, txn, doc, undo, &k->arena, &changes);

    if (err == 0) {
        err = cove_seq_fixes(&changes, true, &fixes, &count);
    }
    if (err == 0) {
        err = cove_repo_self(k->repo, txn, doc, &self);
    }
    cove_compose_init(&compose, &k->heap.alloc);
    if (err == 0) {
        cove_compose_start(&compose, doc->state.seq, &self);
        err = undo_compose(&compose, fixes, count);
    }
    if (err == 0) {
        err = cove_compose_take(&compose, &k->arena, &tx);
    }
    if (err == 0) {
        doc->undo = &undo->of;
        err = cove_repo_append(k->repo, txn, doc, &tx, &k->diag);
        doc->undo = NULL;
    }
    cove_compose_clear(&compose);
    return err;
}

static int world_try(struct world *w, int who, bool again)
{
    struct kit *k = &w->kits[who];
    struct cove_store_txn *txn;
    struct cove_undo undo;

    for (int i = 0; i < KITS; i++) {
        w->kits[i].env.now_ms += 1000;
    }
    txn = kit_begin(k, true);

    struct cove_doc doc = kit_load(k, txn, &w->text);
    int err =
        cove_undo_find(k->repo, txn, &doc, again, &k->arena, &undo, &k->diag);

    if (err == 0) {
        err = undo_text(k, txn, &doc, &undo);
    }
    if (err == 0) {
        kit_commit(txn);
    } else {
        cove_store_abort(txn);
    }
    return err;
}

static void world_undo(struct world *w, int who)
{
    int err = world_try(w, who, false);

    ck_assert_msg(err == 0, "undo: %d %s", err, w->kits[who].diag.text);
}

static void world_redo(struct world *w, int who)
{
    int err = world_try(w, who, true);

    ck_assert_msg(err == 0, "redo: %d %s", err, w->kits[who].diag.text);
}

#define assert_text(w, who, expected)                                          \
    ck_assert_str_eq(kit_text(&(w)->kits[who], &(w)->text, &kit_main), expected)

/* --- one after another */

START_TEST(what_was_typed_last_is_taken_back_and_done_again)
{
    struct world w;

    world_open(&w, FIXTURE_MEMORY);
    world_type(&w, ALICE, 0, 0, "one");
    world_type(&w, ALICE, 3, 0, " two");
    world_undo(&w, ALICE);
    assert_text(&w, ALICE, "one");
    world_undo(&w, ALICE);
    assert_text(&w, ALICE, "");
    ck_assert_int_eq(world_try(&w, ALICE, false), COVE_ECONDITION);
    world_redo(&w, ALICE);
    assert_text(&w, ALICE, "one");
    world_redo(&w, ALICE);
    assert_text(&w, ALICE, "one two");
    ck_assert_int_eq(world_try(&w, ALICE, true), COVE_ECONDITION);
    world_undo(&w, ALICE);
    assert_text(&w, ALICE, "one");
    world_close(&w);
}
END_TEST

START_TEST(what_was_removed_comes_back_at_its_place)
{
    struct world w;

    world_open(&w, FIXTURE_MEMORY);
    world_type(&w, ALICE, 0, 0, "abcdef");
    world_type(&w, ALICE, 1, 4, "");
    world_sync(&w);
    world_type(&w, BOB, 1, 0, "X");
    world_sync(&w);
    assert_text(&w, ALICE, "aXf");
    world_undo(&w, ALICE);
    world_sync(&w);
    ck_assert_uint_eq(strlen(kit_text(&w.kits[BOB], &w.text, &kit_main)), 7);
    ck_assert_ptr_nonnull(
        strstr(kit_text(&w.kits[BOB], &w.text, &kit_main), "bcde"));
    assert_text(&w, ALICE, kit_text(&w.kits[BOB], &w.text, &kit_main));
    world_close(&w);
}
END_TEST

START_TEST(a_copy_that_was_put_back_goes_with_what_it_is_a_copy_of)
{
    struct world w;

    world_open(&w, FIXTURE_MEMORY);
    world_type(&w, ALICE, 0, 0, "abc");
    world_type(&w, ALICE, 1, 1, "");
    world_undo(&w, ALICE);
    assert_text(&w, ALICE, "abc");
    world_undo(&w, ALICE);
    assert_text(&w, ALICE, "");
    world_redo(&w, ALICE);
    assert_text(&w, ALICE, "abc");
    world_redo(&w, ALICE);
    assert_text(&w, ALICE, "ac");
    world_undo(&w, ALICE);
    assert_text(&w, ALICE, "abc");
    world_undo(&w, ALICE);
    assert_text(&w, ALICE, "");
    world_close(&w);
}
END_TEST

START_TEST(an_edit_ends_what_can_be_done_again)
{
    struct world w;

    world_open(&w, FIXTURE_MEMORY);
    world_type(&w, ALICE, 0, 0, "a");
    world_undo(&w, ALICE);
    world_type(&w, ALICE, 0, 0, "b");
    ck_assert_int_eq(world_try(&w, ALICE, true), COVE_ECONDITION);
    world_undo(&w, ALICE);
    world_redo(&w, ALICE);
    ck_assert_int_eq(world_try(&w, ALICE, true), COVE_ECONDITION);
    assert_text(&w, ALICE, "b");
    world_close(&w);
}
END_TEST

START_TEST(hundreds_of_edits_are_taken_back_after_a_restart)
{
    struct world w;
    char text[2] = "a";

    world_open(&w, FIXTURE_LMDB);
    for (int i = 0; i < 150; i++) {
        text[0] = (char)('a' + i % 26);
        world_type(&w, ALICE, (size_t)i, 0, text);
    }
    kit_reopen(&w.kits[ALICE]);
    for (int i = 150; i > 0; i--) {
        ck_assert_uint_eq(strlen(kit_text(&w.kits[ALICE], &w.text, &kit_main)),
                          (size_t)i);
        world_undo(&w, ALICE);
    }
    kit_reopen(&w.kits[ALICE]);
    for (int i = 0; i < 150; i++) {
        world_redo(&w, ALICE);
    }
    ck_assert_uint_eq(strlen(kit_text(&w.kits[ALICE], &w.text, &kit_main)),
                      150);
    ck_assert_int_eq(world_try(&w, ALICE, true), COVE_ECONDITION);
    world_close(&w);
}
END_TEST

/* --- and others */

START_TEST(what_others_wrote_is_not_taken_back)
{
    struct world w;

    world_open(&w, FIXTURE_MEMORY);
    world_type(&w, ALICE, 0, 0, "hello");
    world_sync(&w);
    world_type(&w, BOB, 2, 0, "XX");
    world_sync(&w);
    world_undo(&w, ALICE);
    assert_text(&w, ALICE, "XX");
    ck_assert_int_eq(world_try(&w, ALICE, false), COVE_ECONDITION);
    world_sync(&w);
    assert_text(&w, BOB, "XX");
    world_redo(&w, ALICE);
    world_sync(&w);
    ck_assert_uint_eq(strlen(kit_text(&w.kits[BOB], &w.text, &kit_main)), 7);
    world_close(&w);
}
END_TEST

START_TEST(what_others_removed_too_stays_removed)
{
    struct world w;

    world_open(&w, FIXTURE_MEMORY);
    world_type(&w, ALICE, 0, 0, "abcd");
    world_sync(&w);
    world_type(&w, ALICE, 0, 2, "");
    world_type(&w, BOB, 1, 2, "");
    world_sync(&w);
    assert_text(&w, ALICE, "d");
    world_undo(&w, ALICE);
    assert_text(&w, ALICE, "ad");
    world_undo(&w, ALICE);
    assert_text(&w, ALICE, "");
    world_close(&w);
}
END_TEST

START_TEST(what_others_removed_of_it_can_be_taken_back_to_no_avail)
{
    struct world w;

    world_open(&w, FIXTURE_MEMORY);
    world_type(&w, ALICE, 0, 0, "a");
    world_type(&w, ALICE, 1, 0, "b");
    world_sync(&w);
    world_type(&w, BOB, 1, 1, "");
    world_sync(&w);
    world_undo(&w, ALICE);
    assert_text(&w, ALICE, "a");
    world_undo(&w, ALICE);
    assert_text(&w, ALICE, "");
    world_close(&w);
}
END_TEST

/* --- against what is said of it, element by element */

static uint32_t world_random(struct world *w, uint32_t below)
{
    w->seed = w->seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(w->seed >> 33) % below;
}

struct oracle {
    const struct cove_event *events;
    size_t count;
    struct cove_session_id session; /* of the transaction to take back */
    uint32_t tx;
};

static bool oracle_is(const struct oracle *o, const struct cove_event *e)
{
    return e->id.tx == o->tx &&
           memcmp(&e->id.session, &o->session, sizeof(o->session)) == 0;
}

static bool oracle_names(const struct cove_event *e,
                         const struct cove_session_id *session, uint32_t n)
{
    static const struct cove_session_id own;
    const struct cove_session_id *of =
        memcmp(&e->by.session, &own, sizeof(own)) == 0 ? &e->id.session
                                                       : &e->by.session;

    if (e->what == COVE_EVENT_TEXT) {
        return memcmp(&e->id.session, session, sizeof(*session)) == 0 &&
               n >= e->first && n < e->first + e->count;
    }
    return memcmp(of, session, sizeof(*session)) == 0 && n >= e->at &&
           n < e->at + e->count;
}

static bool oracle_wants(const struct oracle *o,
                         const struct cove_session_id *session, uint32_t n,
                         bool visible)
{
    bool inserted = false;
    bool removed = false;
    bool by_others = false;

    for (size_t i = 0; i < o->count; i++) {
        const struct cove_event *e = &o->events[i];
        bool names = oracle_names(e, session, n);

        if (names && e->what == COVE_EVENT_TEXT) {
            inserted = inserted || oracle_is(o, e);
        } else if (names) {
            removed = removed || oracle_is(o, e);
            by_others = by_others || !oracle_is(o, e);
        }
    }
    return !inserted && (visible || (removed && !by_others));
}

/* The text without what the newest edit of a device inserted, and with what it
 * removed. */
static void oracle_text(struct world *w, int who, struct cove_buf *out)
{
    struct kit *k = &w->kits[who];
    struct cove_store_txn *txn = kit_begin(k, false);
    struct cove_doc doc = kit_load(k, txn, &w->text);
    struct cove_history_page page = {.limit = 0};
    struct cove_event *events;
    struct oracle o;
    struct cove_seq_walk walk;
    struct cove_seq_piece piece;

    ck_assert_int_eq(cove_history_page(k->repo, txn, &doc, &page, &k->arena,
                                       &events, &o.count),
                     0);
    o.events = events;
    for (size_t i = 0; i < o.count; i++) {
        if (memcmp(&events[i].id.device, &k->device, sizeof(k->device)) == 0) {
            o.session = events[i].id.session;
            o.tx = events[i].id.tx;
        }
    }
    ck_assert_int_eq(cove_seq_walk_all(doc.state.seq, &walk), 0);
    while (cove_seq_next(&walk, &piece)) {
        struct cove_session_id session =
            cove_seq_author_of(doc.state.seq, piece.first.author)->session;

        for (uint32_t i = 0; i < piece.count; i++) {
            if (oracle_wants(&o, &session, piece.first.n + i, !piece.deleted)) {
                ck_assert_int_eq(
                    cove_buf_append(out, cove_bytes(piece.content.at + i, 1)),
                    0);
            }
        }
    }
    cove_store_abort(txn);
}

START_TEST(the_newest_edit_is_taken_back_element_by_element)
{
    struct world w;
    struct cove_buf wanted;
    char text[8];

    w.seed = (uint64_t)_i + 1;
    world_open(&w, FIXTURE_MEMORY);
    for (int i = 0; i < 40; i++) {
        int who = (int)world_random(&w, KITS);
        size_t len = strlen(kit_text(&w.kits[who], &w.text, &kit_main));
        size_t at = world_random(&w, (uint32_t)len + 1);
        size_t remove = world_random(&w, 5);

        snprintf(text, sizeof(text), "%u", world_random(&w, 1000));
        if (i != 30) {
            world_type(
                &w, who, at, at + remove <= len ? remove : len - at,
                world_random(&w, 3) == 0 && remove > 0 && at < len ? "" : text);
        }
        if (world_random(&w, 4) == 0) {
            world_sync(&w);
        }
    }
    world_sync(&w);
    cove_buf_init(&wanted, &cove_alloc_libc);
    oracle_text(&w, ALICE, &wanted);
    ck_assert_int_eq(cove_buf_append(&wanted, cove_bytes("", 1)), 0);
    world_undo(&w, ALICE);
    assert_text(&w, ALICE, (const char *)wanted.at);
    cove_buf_clear(&wanted);
    world_close(&w);
}
END_TEST

/* --- against what stood before: alice writes small letters, bob great ones
 * that she never touches. What is left without those is what she had. */

#define STACK 64

struct stack {
    char texts[STACK][512]; /* before each edit, and behind the last */
    size_t at, top;
};

static void small_letters(struct world *w, char out[512])
{
    const char *text = kit_text(&w->kits[ALICE], &w->text, &kit_main);
    size_t len = 0;

    for (size_t i = 0; text[i] != '\0'; i++) {
        if (islower((unsigned char)text[i])) {
            out[len++] = text[i];
        }
    }
    out[len] = '\0';
}

/* She inserts a word somewhere, and removes small letters in a row. */
static void stack_edit(struct world *w, struct stack *s)
{
    const char *text = kit_text(&w->kits[ALICE], &w->text, &kit_main);
    size_t len = strlen(text);
    size_t at = world_random(w, (uint32_t)len + 1);
    size_t remove = 0;
    char word[8];

    while (remove < 3 && islower((unsigned char)text[at + remove])) {
        remove++;
    }
    remove = world_random(w, (uint32_t)remove + 1);
    snprintf(word, sizeof(word), "%c%c%c", 'a' + world_random(w, 3),
             'a' + world_random(w, 3), 'a' + world_random(w, 3));
    world_type(w, ALICE, at, remove,
               remove > 0 && world_random(w, 2) == 0 ? "" : word);
    s->top = ++s->at;
    small_letters(w, s->texts[s->at]);
}

static void stack_step(struct world *w, struct stack *s)
{
    char now[512];
    size_t len;

    switch (world_random(w, 8)) {
    case 0:
        len = strlen(kit_text(&w->kits[BOB], &w->text, &kit_main));
        world_type(w, BOB, world_random(w, (uint32_t)len + 1), 0, "XY");
        break;
    case 1:
        world_sync(w);
        break;
    case 2:
        kit_reopen(&w->kits[ALICE]);
        break;
    case 3:
    case 4:
        ck_assert_int_eq(world_try(w, ALICE, false),
                         s->at > 0 ? 0 : COVE_ECONDITION);
        s->at -= s->at > 0;
        break;
    case 5:
        ck_assert_int_eq(world_try(w, ALICE, true),
                         s->at < s->top ? 0 : COVE_ECONDITION);
        s->at += s->at < s->top;
        break;
    default:
        if (s->at + 1 < STACK) {
            stack_edit(w, s);
        }
    }
    small_letters(w, now);
    ck_assert_str_eq(now, s->texts[s->at]);
}

START_TEST(undo_and_redo_go_back_and_forth_whatever_others_write)
{
    struct world w;
    struct stack *s = calloc(1, sizeof(*s));

    w.seed = (uint64_t)_i + 100;
    world_open(&w, _i % 8 == 0 ? FIXTURE_LMDB : FIXTURE_MEMORY);
    for (int i = 0; i < 120; i++) {
        stack_step(&w, s);
    }
    world_sync(&w);
    assert_text(&w, ALICE, kit_text(&w.kits[BOB], &w.text, &kit_main));
    free(s);
    world_close(&w);
}
END_TEST

/* --- registers and counters */

static int64_t state_value(const struct cove_state *state, const char *reg)
{
    struct cove_doc doc = {.state = *state};

    return kit_value(&doc, reg);
}

/* What a register is with, and without, what would be taken back. */
static int map_states(struct world *w, bool again, const char *reg,
                      int64_t *with, int64_t *without, struct cove_tx_point *of)
{
    struct kit *k = &w->kits[ALICE];
    struct cove_store_txn *txn = kit_begin(k, false);
    struct cove_doc doc = kit_load(k, txn, &w->map);
    struct cove_state states[2];
    struct cove_undo undo;
    int err =
        cove_undo_find(k->repo, txn, &doc, again, &k->arena, &undo, &k->diag);

    if (err == 0) {
        err = cove_undo_states(k->repo, txn, &doc, &undo, &k->arena, &states[0],
                               &states[1], &k->diag);
    }
    if (err == 0) {
        *with = state_value(&states[0], reg);
        *without = state_value(&states[1], reg);
        *of = undo.of;
        cove_repo_state_done(k->repo, &states[0]);
        cove_repo_state_done(k->repo, &states[1]);
    }
    cove_store_abort(txn);
    return err;
}

/* Write what stood before, as the taking back of it. */
static void map_undo(struct world *w, bool again, const char *reg)
{
    struct kit *k = &w->kits[ALICE];
    struct cove_tx_point of;
    int64_t with;
    int64_t without;

    ck_assert_int_eq(map_states(w, again, reg, &with, &without, &of), 0);

    struct cove_store_txn *txn = kit_begin(k, true);
    struct cove_doc doc = kit_load(k, txn, &w->map);
    struct cove_tx_op op = kit_op(k, reg, without);
    struct cove_tx tx = {.ops = &op, .op_count = with != without};

    doc.undo = &of;
    ck_assert_int_eq(cove_repo_append(k->repo, txn, &doc, &tx, &k->diag), 0);
    kit_commit(txn);
}

static void map_set(struct world *w, int who, const char *reg, int64_t value)
{
    for (int i = 0; i < KITS; i++) {
        w->kits[i].env.now_ms += 1000;
    }
    kit_set(&w->kits[who], &w->map, reg, value);
}

START_TEST(registers_go_back_value_by_value_and_forth)
{
    struct world w;

    world_open(&w, FIXTURE_MEMORY);
    for (int64_t i = 1; i <= 4; i++) {
        map_set(&w, ALICE, "a", i);
    }
    for (int64_t i = 3; i >= 0; i--) {
        map_undo(&w, false, "a");
        ck_assert_int_eq(kit_get(&w.kits[ALICE], &w.map, "a"),
                         i == 0 ? INT64_MIN : i);
    }
    for (int64_t i = 1; i <= 4; i++) {
        map_undo(&w, true, "a");
        ck_assert_int_eq(kit_get(&w.kits[ALICE], &w.map, "a"), i);
    }
    map_undo(&w, false, "a");
    ck_assert_int_eq(kit_get(&w.kits[ALICE], &w.map, "a"), 3);
    map_undo(&w, true, "a");
    map_undo(&w, false, "a");
    map_undo(&w, false, "a");
    ck_assert_int_eq(kit_get(&w.kits[ALICE], &w.map, "a"), 2);
    world_close(&w);
}
END_TEST

START_TEST(a_register_that_others_wrote_since_stays)
{
    struct world w;

    world_open(&w, FIXTURE_MEMORY);
    map_set(&w, ALICE, "a", 1);
    kit_sync(&w.kits[ALICE], &w.kits[BOB], &w.map);
    map_set(&w, BOB, "a", 2);
    kit_sync(&w.kits[BOB], &w.kits[ALICE], &w.map);
    map_undo(&w, false, "a");
    ck_assert_int_eq(kit_get(&w.kits[ALICE], &w.map, "a"), 2);
    map_set(&w, ALICE, "a", 3);
    map_undo(&w, false, "a");
    ck_assert_int_eq(kit_get(&w.kits[ALICE], &w.map, "a"), 2);
    world_close(&w);
}
END_TEST

START_TEST(what_a_transaction_added_is_summed_up)
{
    struct cove_tx_op ops[] = {{.kind = COVE_OP_ADD, .amount = INT64_MIN},
                               {.kind = COVE_OP_ADD, .amount = INT64_MIN},
                               {.kind = COVE_OP_APPEND, .amount = 5}};
    struct cove_undo undo = {.tx = {.ops = ops, .op_count = 3}};

    ck_assert(cove_undo_sum(&undo) == 2 * (cove_wide)INT64_MIN);
}
END_TEST

/* A writer that names as taken back what never was, or what comes later. */
START_TEST(a_chain_that_leads_nowhere_takes_nothing_back)
{
    struct world w;
    struct kit *k;
    struct cove_tx_point of = {.len = 9};

    world_open(&w, FIXTURE_MEMORY);
    k = &w.kits[ALICE];
    map_set(&w, ALICE, "a", 1);
    for (int i = 0; i < 2; i++) {
        struct cove_store_txn *txn = kit_begin(k, true);
        struct cove_doc doc = kit_load(k, txn, &w.map);
        struct cove_tx_op op = kit_op(k, "a", 2);
        struct cove_tx tx = {.ops = &op, .op_count = 1};

        if (i == 1) { /* itself */
            of.session = doc.sessions[0].session;
            of.len = doc.sessions[0].len;
        }
        doc.undo = &of;
        ck_assert_int_eq(cove_repo_append(k->repo, txn, &doc, &tx, &k->diag),
                         0);
        kit_commit(txn);
    }

    int64_t with;
    int64_t without;

    ck_assert_int_eq(map_states(&w, true, "a", &with, &without, &of),
                     COVE_ECONDITION);
    ck_assert_int_eq(map_states(&w, false, "a", &with, &without, &of), 0);
    ck_assert_uint_eq(of.len, 0);
    ck_assert_int_eq(with, 2);
    ck_assert_int_eq(without, 2);
    world_close(&w);
}
END_TEST

START_TEST(an_undo_without_memory_changes_nothing)
{
    struct world w;
    struct kit *k;
    int err;

    world_open(&w, FIXTURE_MEMORY);
    k = &w.kits[ALICE];
    world_type(&w, ALICE, 0, 0, "abc");
    world_type(&w, ALICE, 1, 1, "");
    world_undo(&w, ALICE);
    world_type(&w, ALICE, 0, 1, "xyz");

    struct cove_store_txn *look = kit_begin(k, false);
    cove_num num = kit_num(k, look, &w.text);

    cove_store_abort(look);
    for (long fail = 1;; fail++) {
        struct cove_store_txn *txn = kit_begin(k, true);
        struct cove_doc doc;
        struct cove_undo undo;

        k->heap.calls = 0;
        k->heap.fail_at = fail;

        err = cove_repo_load(k->repo, txn, num, &k->arena, &doc, &k->diag);
        if (err == 0) {
            err = cove_undo_find(k->repo, txn, &doc, false, &k->arena, &undo,
                                 &k->diag);
        }
        if (err == 0) {
            err = undo_text(k, txn, &doc, &undo);
        }
        k->heap.fail_at = 0;
        cove_store_abort(txn);
        ck_assert(err == 0 || err == COVE_ENOMEM);
        assert_text(&w, ALICE, "xyzbc");
        if (k->heap.calls < fail) {
            break;
        }
    }
    ck_assert_int_eq(err, 0);
    world_close(&w);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("undo");
    TCase *own = tcase_create("own");
    TCase *others = tcase_create("others");
    TCase *values = tcase_create("values");

    tcase_set_timeout(own, 60);
    tcase_add_test(own, what_was_typed_last_is_taken_back_and_done_again);
    tcase_add_test(own, what_was_removed_comes_back_at_its_place);
    tcase_add_test(own,
                   a_copy_that_was_put_back_goes_with_what_it_is_a_copy_of);
    tcase_add_test(own, an_edit_ends_what_can_be_done_again);
    tcase_add_test(own, hundreds_of_edits_are_taken_back_after_a_restart);
    tcase_add_test(own, an_undo_without_memory_changes_nothing);
    suite_add_tcase(suite, own);
    tcase_set_timeout(others, 60);
    tcase_add_test(others, what_others_wrote_is_not_taken_back);
    tcase_add_test(others, what_others_removed_too_stays_removed);
    tcase_add_test(others,
                   what_others_removed_of_it_can_be_taken_back_to_no_avail);
    tcase_add_loop_test(
        others, the_newest_edit_is_taken_back_element_by_element, 0, 30);
    tcase_add_loop_test(
        others, undo_and_redo_go_back_and_forth_whatever_others_write, 0, 60);
    suite_add_tcase(suite, others);
    tcase_add_test(values, registers_go_back_value_by_value_and_forth);
    tcase_add_test(values, a_register_that_others_wrote_since_stays);
    tcase_add_test(values, what_a_transaction_added_is_summed_up);
    tcase_add_test(values, a_chain_that_leads_nowhere_takes_nothing_back);
    suite_add_tcase(suite, values);
    return harness_run(suite);
}
