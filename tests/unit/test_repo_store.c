/* test_repo_store.c: what a repo keeps in its store: checkpoints, long values,
 * damage, other processes, faults, and the bytes themselves. */
#include "crdt/repo_internal.h"
#include "tests/unit/repo_home.h"

#include <sys/wait.h>

/* --- checkpoints */

static void assert_same_state(const struct cove_state *a,
                              const struct cove_state *b)
{
    ck_assert_uint_eq(a->native_count, b->native_count);
    ck_assert_uint_eq(a->copy_count, b->copy_count);
    for (size_t i = 0; i < a->native_count; i++) {
        ck_assert(cove_bytes_equal(a->natives[i].reg, b->natives[i].reg));
        ck_assert(cove_bytes_equal(a->natives[i].value, b->natives[i].value));
        ck_assert_int_eq(
            cove_op_id_compare(&a->natives[i].id, &b->natives[i].id), 0);
    }
    for (size_t i = 0; i < a->copy_count; i++) {
        ck_assert(cove_bytes_equal(a->copies[i].reg, b->copies[i].reg));
        ck_assert(cove_bytes_equal(a->copies[i].value, b->copies[i].value));
        ck_assert_uint_eq(a->copies[i].origin_count, b->copies[i].origin_count);
        for (size_t j = 0; j < a->copies[i].origin_count; j++) {
            ck_assert_int_eq(a->copies[i].origins[j].held,
                             b->copies[i].origins[j].held);
            ck_assert_int_eq(cove_op_id_compare(&a->copies[i].ranked[j]->id,
                                                &b->copies[i].ranked[j]->id),
                             0);
        }
    }
}

START_TEST(a_state_from_its_checkpoint_is_the_state_from_the_log)
{
    struct home h;
    char name[16];

    home_open(&h, _i);
    for (int i = 0; i < 400; i++) {
        snprintf(name, sizeof(name), "field%d", i * 7 % 40);
        kit_set(&h.kit, &h.doc, name, i);
    }

    struct cove_doc with = home_look(&h);
    struct cove_store_txn *txn = kit_begin(&h.kit, true);
    struct cove_place place;

    cove_place_start(&place);
    cove_place_number(&place, with.num);
    ck_assert_int_eq(cove_store_del(txn, REPO_STATES, cove_place_bytes(&place)),
                     0);
    kit_commit(txn);

    struct cove_doc without = home_look(&h);

    ck_assert_uint_eq(with.state.native_count, 40);
    assert_same_state(&with.state, &without.state);
    kit_set(&h.kit, &h.doc, "field0", 1000);
    ck_assert_int_eq(kit_get(&h.kit, &h.doc, "field0"), 1000);
    kit_close(&h.kit);
}
END_TEST

START_TEST(values_longer_than_a_record_part_survive)
{
    struct home h;
    uint8_t *long_text = calloc(1, 50000);

    home_open(&h, _i);
    memset(long_text, 'x', 50000);

    struct cove_store_txn *txn = kit_begin(&h.kit, true);
    struct cove_doc doc = kit_load(&h.kit, txn, &h.doc);

    for (int i = 0; i < 6; i++) {
        char name[16];
        struct cove_tx_op op = {.deleted = false};
        struct cove_tx tx = {.ops = &op, .op_count = 1};

        snprintf(name, sizeof(name), "long%d", i);
        long_text[0] = (uint8_t)('0' + i);
        op.reg = cove_bytes_text(name);
        ck_assert_int_eq(cove_value_of_text(&h.kit.arena,
                                            cove_bytes(long_text, 50000),
                                            &op.value),
                         0);
        ck_assert_int_eq(
            cove_repo_append(h.kit.repo, txn, &doc, &tx, &h.kit.diag), 0);
    }
    kit_commit(txn);
    kit_reopen(&h.kit);
    doc = home_look(&h);
    ck_assert_uint_eq(doc.state.native_count, 6);
    for (size_t i = 0; i < 6; i++) {
        struct cove_bytes text = cove_value_text(doc.state.natives[i].value);

        ck_assert_uint_eq(text.len, 50000);
        ck_assert_uint_eq(text.at[0], '0' + i);
    }
    kit_close(&h.kit);
    free(long_text);
}
END_TEST

START_TEST(clean_is_remembered_until_the_next_op)
{
    struct home h;
    struct cove_hash key = {{1, 2, 3}};
    static const struct cove_hash none;

    home_open(&h, _i);
    kit_set(&h.kit, &h.doc, "a", 1);

    struct cove_store_txn *txn = kit_begin(&h.kit, true);
    struct cove_doc doc = kit_load(&h.kit, txn, &h.doc);
    uint64_t changed = doc.changed;

    ck_assert_int_eq(cove_repo_set_clean(h.kit.repo, txn, &doc, &key), 0);
    kit_commit(txn);
    doc = home_look(&h);
    ck_assert_mem_eq(&doc.clean, &key, sizeof(key));
    ck_assert_uint_eq(doc.changed, changed);
    kit_set(&h.kit, &h.doc, "a", 2);
    doc = home_look(&h);
    ck_assert_mem_eq(&doc.clean, &none, sizeof(none));
    kit_close(&h.kit);
}
END_TEST

/* --- damage */

/* So long a value that a checkpoint is written. */
static int damage_append(struct kit *k, struct cove_store_txn *txn,
                         struct cove_doc *doc)
{
    char text[6000];
    struct cove_tx_op op = {.reg = cove_bytes_text("a")};
    struct cove_tx tx = {.ops = &op, .op_count = 1};

    memset(text, 'a', sizeof(text));
    ck_assert_int_eq(cove_value_of_text(
                         &k->arena, cove_bytes(text, sizeof(text)), &op.value),
                     0);
    return cove_repo_append(k->repo, txn, doc, &tx, &k->diag);
}

/* Use all that reads a document; whatever it says, it must come back. */
static void damage_look(struct home *h, struct cove_store_txn *txn,
                        const struct cove_doc *sound, unsigned *refused)
{
    struct cove_repo *repo = h->kit.repo;
    struct cove_arena *arena = &h->kit.arena;
    struct cove_doc doc;
    struct cove_batch batch;
    struct cove_change change;
    struct cove_event *events;
    struct cove_id id;
    size_t count;
    int err;

    memset(repo->cache_stamp, 0, sizeof(repo->cache_stamp)); /* no memories */
    for (size_t i = 0; i < sound->session_count; i++) {
        err = cove_repo_read(repo, txn, sound->num, &sound->sessions[i].session,
                             0, 1u << 20, arena, &batch);
        *refused += err != 0;
    }
    err = cove_repo_change_after(repo, txn, 0, &change);
    *refused += err != 0;
    err = cove_repo_resolve(repo, txn, "co_z1", &id, NULL);
    *refused += err != 0 && err != COVE_ENOTFOUND;
    err = cove_history(repo, txn, sound, arena, &events, &count);
    *refused += err != 0;
    err = cove_repo_load(repo, txn, sound->num, arena, &doc, NULL);
    if (err == 0) {
        err = damage_append(&h->kit, txn, &doc);
    }
    *refused += err != 0;
    cove_arena_reset(arena);
}

/* Change each byte of each record in turn. */
static unsigned damage_tree(struct home *h, unsigned tree,
                            const struct cove_doc *sound)
{
    struct cove_store_cursor *cursor;
    struct cove_entry entry;
    uint8_t key[COVE_STORE_MAX_KEY];
    uint8_t *value = malloc(COVE_STORE_MAX_VALUE);
    size_t key_len = 0;
    unsigned refused = 0;

    for (;;) {
        struct cove_store_txn *txn = kit_begin(&h->kit, true);
        size_t len;
        int err;

        ck_assert_int_eq(cove_store_cursor_open(txn, tree, &cursor), 0);
        err = cove_store_cursor_seek(cursor, cove_bytes(key, key_len), &entry);
        if (err == 0 && key_len > 0) {
            err = cove_store_cursor_next(cursor, &entry);
        }
        cove_store_cursor_close(cursor);
        if (err != 0) {
            ck_assert_int_eq(err, COVE_ENOTFOUND);
            cove_store_abort(txn);
            break;
        }
        key_len = entry.key.len;
        memcpy(key, entry.key.at, key_len);
        len = entry.value.len;
        memcpy(value, entry.value.at, len);
        cove_store_abort(txn);
        for (size_t i = 0; i < len; i += 1 + len / 400) {
            static const uint8_t flips[] = {0x01, 0x80, 0xff};

            for (size_t f = 0; f < sizeof(flips); f++) {
                txn = kit_begin(&h->kit, true);
                value[i] ^= flips[f];
                ck_assert_int_eq(cove_store_put(txn, tree,
                                                cove_bytes(key, key_len),
                                                cove_bytes(value, len)),
                                 0);
                damage_look(h, txn, sound, &refused);
                value[i] ^= flips[f];
                cove_store_abort(txn);
            }
        }
    }
    free(value);
    return refused;
}

START_TEST(a_damaged_store_is_refused_and_never_crashes)
{
    static const unsigned trees[] = {REPO_META,        REPO_IDS,    REPO_DOCS,
                                     REPO_LOG,         REPO_STATES, REPO_INTERN,
                                     REPO_INTERN_KEYS, REPO_CHANGES};
    struct home h;
    struct cove_arena arena;
    struct cove_doc sound;
    char name[16];

    home_open(&h, FIXTURE_MEMORY);
    for (int i = 0; i < 150; i++) {
        if (i == 140) { /* a second session, its log inline */
            cove_repo_close(h.kit.repo);
            ck_assert_int_eq(kit_open_with(&h.kit, true), 0);
        }
        snprintf(name, sizeof(name), "field %d", i % 12);
        kit_set(&h.kit, &h.doc, name, i);
    }
    cove_arena_init(&arena, &h.kit.heap.alloc);

    struct cove_store_txn *txn = kit_begin(&h.kit, false);

    ck_assert_int_eq(cove_repo_load(h.kit.repo, txn,
                                    kit_num(&h.kit, txn, &h.doc), &arena,
                                    &sound, NULL),
                     0);
    cove_store_abort(txn);
    for (size_t i = 0; i < COVE_ARRAY_LEN(trees); i++) {
        unsigned refused = damage_tree(&h, trees[i], &sound);

        /* A damaged checkpoint is folded anew, or was no worse than that. */
        ck_assert_msg(refused > 0 || trees[i] == REPO_STATES, "tree %u",
                      trees[i]);
    }
    ck_assert_int_eq(kit_get(&h.kit, &h.doc, "field 5"), 149);
    cove_arena_clear(&arena);
    kit_close(&h.kit);
}
END_TEST

static void write_format(struct home *h, uint8_t format)
{
    struct cove_bytes key = cove_bytes_text("repo");
    struct cove_store_txn *txn = kit_begin(&h->kit, true);
    struct cove_bytes value;
    uint8_t former[64];

    ck_assert_int_eq(cove_store_get(txn, REPO_META, key, &value), 0);
    ck_assert_uint_eq(value.at[0], REPO_FORMAT);

    size_t len = value.len;

    ck_assert_uint_le(len, sizeof(former));
    memcpy(former, value.at, len);
    former[0] = format;
    ck_assert_int_eq(
        cove_store_put(txn, REPO_META, key, cove_bytes(former, len)), 0);
    kit_commit(txn);
}

START_TEST(a_store_of_a_former_format_is_taken_over)
{
    struct cove_store_txn *txn;
    struct cove_bytes value;
    struct home h;

    home_open(&h, _i);
    kit_set(&h.kit, &h.doc, "a", 7);
    for (uint8_t format = REPO_FORMER; format < REPO_FORMAT; format++) {
        write_format(&h, format);
        kit_reopen(&h.kit);
        txn = kit_begin(&h.kit, false);
        ck_assert_int_eq(
            cove_store_get(txn, REPO_META, cove_bytes_text("repo"), &value), 0);
        ck_assert_uint_eq(value.at[0], REPO_FORMAT);
        cove_store_abort(txn);
        ck_assert_int_eq(kit_get(&h.kit, &h.doc, "a"), 7);
    }
    kit_close(&h.kit);
}
END_TEST

START_TEST(a_damaged_group_is_refused_and_never_crashes)
{
    struct home h;
    struct cove_id id;
    struct cove_arena arena;
    struct cove_doc sound;

    home_open(&h, FIXTURE_MEMORY);
    home_create(&h, kit_header(&h.kit, COVE_DOC_COMAP, &h.group, 3, &id));

    struct cove_store_txn *txn = kit_begin(&h.kit, true);
    struct cove_doc one = kit_load(&h.kit, txn, &h.doc);
    struct cove_doc two = kit_load(&h.kit, txn, &id);

    ck_assert_int_eq(kit_append(&h.kit, txn, &one, "a", 1), 0);
    ck_assert_int_eq(kit_append(&h.kit, txn, &two, "a", 2), 0);
    kit_commit(txn);
    cove_arena_init(&arena, &h.kit.heap.alloc);
    txn = kit_begin(&h.kit, false);
    ck_assert_int_eq(cove_repo_load(h.kit.repo, txn,
                                    kit_num(&h.kit, txn, &h.doc), &arena,
                                    &sound, NULL),
                     0);
    cove_store_abort(txn);
    ck_assert_uint_gt(damage_tree(&h, REPO_GROUPS, &sound), 0);
    ck_assert_uint_gt(damage_tree(&h, REPO_DOCS, &sound), 0);
    ck_assert_int_eq(kit_get(&h.kit, &h.doc, "a"), 1);
    cove_arena_clear(&arena);
    kit_close(&h.kit);
}
END_TEST

/* --- the page */

/* The bytes of a block ```store NAME of docs/FORMAT.md; remarks are left. */
static size_t page_block(const char *name, uint8_t *out, size_t room)
{
    FILE *page = fopen(COVE_SOURCE_ROOT "/docs/FORMAT.md", "r");
    char line[256];
    char start[64];
    bool inside = false;
    size_t digits = 0;

    ck_assert_ptr_nonnull(page);
    memset(out, 0, room);
    snprintf(start, sizeof(start), "```store %s\n", name);
    while (fgets(line, sizeof(line), page) != NULL) {
        if (!inside) {
            inside = strcmp(line, start) == 0;
            continue;
        }
        if (line[0] == '`') {
            break;
        }
        for (const char *at = line; *at != '\0' && *at != ';'; at++) {
            static const char hex[] = "0123456789abcdef";
            const char *digit = strchr(hex, *at);

            if (digit != NULL) {
                ck_assert_uint_lt(digits / 2, room);
                out[digits / 2] =
                    (uint8_t)(out[digits / 2] << 4 | (digit - hex));
                digits++;
            }
        }
    }
    fclose(page);
    ck_assert_uint_gt(digits, 0);
    ck_assert_uint_eq(digits % 2, 0);
    return digits / 2;
}

static void assert_page(struct home *h, unsigned tree, uint64_t num,
                        const char *name)
{
    struct cove_store_txn *txn = kit_begin(&h->kit, false);
    struct cove_place place;
    struct cove_bytes value;
    uint8_t want[1024];
    size_t len = page_block(name, want, sizeof(want));

    cove_place_start(&place);
    cove_place_number(&place, num);
    ck_assert_int_eq(
        cove_store_get(txn, tree, cove_place_bytes(&place), &value), 0);
    ck_assert_uint_eq(value.len, len);
    ck_assert_mem_eq(value.at, want, len);
    cove_store_abort(txn);
}

START_TEST(the_store_holds_what_the_page_shows)
{
    struct home h;

    home_open(&h, _i);
    h.kit.env.now_ms += 1500;
    kit_set(&h.kit, &h.doc, "size", 120);
    h.kit.env.now_ms += 2000;
    kit_set(&h.kit, &h.doc, "size", 130);
    assert_page(&h, REPO_DOCS, 2, "docs");
    assert_page(&h, REPO_INTERN, 1, "shape");
    kit_close(&h.kit);
}
END_TEST

/* --- two processes */

/* Appends `count` times, waiting for its turn each time. */
static void child_run(const char *dir, const struct cove_id *doc, int in,
                      int out, int count)
{
    struct kit k;
    uint8_t seed[32];
    char turn;

    memset(&k, 0, sizeof(k));
    memset(seed, 1, sizeof(seed));
    cove_key_of_seed(seed, &k.secret, &k.device);
    harness_alloc_init(&k.heap, 0);
    harness_env_init(&k.env, (uint64_t)getpid());
    fixture_init(&k.store, FIXTURE_MEMORY);
    k.store.kind = FIXTURE_LMDB;
    snprintf(k.store.dir, sizeof(k.store.dir), "%s", dir);
    k.store.opt.trees = COVE_REPO_TREES;
    if (fixture_open(&k.store) != 0) {
        _exit(2);
    }
    cove_arena_init(&k.arena, &k.heap.alloc);
    if (kit_open_with(&k, false) != 0) {
        _exit(3);
    }
    for (int i = 0; i < count; i++) {
        if (read(in, &turn, 1) != 1) {
            _exit(4);
        }
        if (kit_try_set(&k, doc, "n", i) != 0) {
            _exit(5);
        }
        if (write(out, "x", 1) != 1) {
            _exit(6);
        }
    }
    cove_arena_clear(&k.arena);
    cove_repo_close(k.repo);
    cove_store_close(k.store.store);
    _exit(0);
}

START_TEST(two_processes_append_in_turn_with_one_session)
{
    struct home h;
    struct cove_id doc;
    char dir[sizeof(h.kit.store.dir)];
    int there[2];
    int back[2];
    int status;

    home_open(&h, FIXTURE_LMDB);
    kit_set(&h.kit, &h.doc, "n", -1);
    doc = h.doc;
    memcpy(dir, h.kit.store.dir, sizeof(dir));
    cove_arena_clear(&h.kit.arena);
    cove_repo_close(h.kit.repo);
    cove_store_close(h.kit.store.store);
    ck_assert_int_eq(pipe(there), 0);
    ck_assert_int_eq(pipe(back), 0);

    pid_t first = fork();

    if (first == 0) {
        child_run(dir, &doc, there[0], back[1], 40);
    }

    pid_t second = fork();

    if (second == 0) {
        child_run(dir, &doc, back[0], there[1], 40);
    }
    ck_assert_int_eq(write(there[1], "x", 1), 1);
    ck_assert_int_eq(waitpid(first, &status, 0), first);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(waitpid(second, &status, 0), second);
    ck_assert_int_eq(status, 0);
    for (int i = 0; i < 2; i++) {
        close(there[i]);
        close(back[i]);
    }
    ck_assert_int_eq(fixture_open(&h.kit.store), 0);
    ck_assert_int_eq(kit_open_with(&h.kit, false), 0);

    struct cove_doc loaded = home_look(&h);

    ck_assert_uint_eq(loaded.session_count, 1);
    ck_assert_uint_eq(loaded.sessions[0].len, 81);
    ck_assert_int_eq(kit_value(&loaded, "n"), 39);
    kit_close(&h.kit);
}
END_TEST

/* --- faults */

/* What a step of the fault loops does in one write transaction. */
typedef int fault_step(struct home *h, struct cove_store_txn *txn);

static int fault_create(struct home *h, struct cove_store_txn *txn)
{
    static uint8_t room[COVE_MAX_HEADER];
    struct cove_id id;
    cove_num num;
    long fail_at = h->kit.heap.fail_at;

    h->kit.heap.fail_at = 0;

    struct cove_bytes header =
        kit_header(&h->kit, COVE_DOC_COMAP, &h->group, 99, &id);

    memcpy(room, header.at, header.len);
    h->kit.heap.calls = 0;
    h->kit.heap.fail_at = fail_at;
    return cove_repo_create(h->kit.repo, txn, cove_bytes(room, header.len),
                            &num, &h->kit.diag);
}

static int fault_append(struct home *h, struct cove_store_txn *txn)
{
    struct cove_arena arena;
    struct cove_doc doc;
    cove_num num;
    uint8_t one[] = {1};
    struct cove_tx_op op = {.reg = cove_bytes_text("a"),
                            .value = cove_bytes(one, 1)};
    struct cove_tx tx = {.ops = &op, .op_count = 1, .has_epoch = true};

    cove_arena_init(&arena, &h->kit.heap.alloc);

    int err = cove_repo_find(h->kit.repo, txn, &h->doc, &num);

    if (err == 0) {
        err = cove_repo_load(h->kit.repo, txn, num, &arena, &doc, NULL);
    }
    for (int i = 0; i < 12 && err == 0; i++) {
        tx.epoch.b[0] = (uint8_t)i;
        err = cove_repo_append(h->kit.repo, txn, &doc, &tx, NULL);
    }
    cove_arena_clear(&arena);
    return err;
}

static int fault_once(struct home *h, fault_step *step,
                      struct fixture_fault *fault)
{
    struct cove_store_txn *txn;
    int err;

    if (fault != NULL) {
        cove_store_set_fault(h->kit.store.store, fixture_hook, fault);
    }
    err = cove_store_begin(h->kit.store.store, true, &txn);
    if (err == 0) {
        err = step(h, txn);
        if (err == 0) {
            err = cove_store_commit(txn);
        } else {
            cove_store_abort(txn);
        }
    }
    cove_store_set_fault(h->kit.store.store, NULL, NULL);
    return err;
}

static void fault_loop(int kind, fault_step *step, bool of_store)
{
    for (long n = 1;; n++) {
        struct home h;
        struct fixture_fault fault = {.fail_at = n, .code = COVE_ENOSPC};

        home_open(&h, kind);
        kit_set(&h.kit, &h.doc, "a", 5);

        struct cove_hash before = kit_digest(&h.kit, &h.doc);
        struct cove_store_txn *txn = kit_begin(&h.kit, false);
        uint64_t sequence;
        uint64_t after;

        ck_assert_int_eq(cove_repo_sequence(h.kit.repo, txn, &sequence), 0);
        cove_store_abort(txn);
        h.kit.heap.calls = 0;
        h.kit.heap.fail_at = of_store ? 0 : n;

        int err = fault_once(&h, step, of_store ? &fault : NULL);
        bool failed = (of_store ? fault.calls : h.kit.heap.calls) >= n;

        h.kit.heap.fail_at = 0;
        if (err == 0) { /* nothing failed, or it could do without */
            kit_close(&h.kit);
            if (failed) {
                continue;
            }
            ck_assert_int_gt(n, 3);
            return;
        }
        ck_assert_int_eq(err, of_store ? COVE_ENOSPC : COVE_ENOMEM);

        struct cove_hash held = kit_digest(&h.kit, &h.doc);

        ck_assert_mem_eq(&before, &held, sizeof(held));
        txn = kit_begin(&h.kit, false);
        ck_assert_int_eq(cove_repo_sequence(h.kit.repo, txn, &after), 0);
        cove_store_abort(txn);
        ck_assert_uint_eq(sequence, after);
        ck_assert_int_eq(kit_get(&h.kit, &h.doc, "a"), 5);
        kit_set(&h.kit, &h.doc, "a", 6);
        kit_close(&h.kit);
    }
}

START_TEST(a_failed_create_changes_nothing)
{
    fault_loop(FIXTURE_MEMORY, fault_create, false);
    fault_loop(FIXTURE_MEMORY, fault_create, true);
}
END_TEST

START_TEST(a_failed_append_changes_nothing)
{
    fault_loop(FIXTURE_MEMORY, fault_append, false);
    fault_loop(FIXTURE_MEMORY, fault_append, true);
}
END_TEST

START_TEST(a_failed_load_gives_its_code_and_succeeds_later)
{
    struct home h;
    char name[16];

    home_open(&h, FIXTURE_MEMORY);
    for (int i = 0; i < 60; i++) {
        snprintf(name, sizeof(name), "f%d", i);
        kit_set(&h.kit, &h.doc, name, i);
    }
    for (int of_store = 0; of_store < 2; of_store++) {
        for (long n = 1;; n++) {
            struct cove_store_txn *txn = kit_begin(&h.kit, false);
            struct fixture_fault fault = {.fail_at = n, .code = COVE_EIO};
            cove_num num = kit_num(&h.kit, txn, &h.doc);
            struct cove_arena arena;
            struct cove_doc doc;

            cove_arena_init(&arena, &h.kit.heap.alloc);
            h.kit.heap.calls = 0;
            h.kit.heap.fail_at = of_store ? 0 : n;
            if (of_store) {
                cove_store_set_fault(h.kit.store.store, fixture_hook, &fault);
            }

            int err = cove_repo_load(h.kit.repo, txn, num, &arena, &doc, NULL);

            h.kit.heap.fail_at = 0;
            cove_store_set_fault(h.kit.store.store, NULL, NULL);
            if (err == 0) {
                ck_assert_uint_eq(doc.state.native_count, 60);
            }
            cove_arena_clear(&arena);
            cove_store_abort(txn);
            if (err != 0) {
                ck_assert_int_eq(err, of_store ? COVE_EIO : COVE_ENOMEM);
            } else if ((of_store ? fault.calls : h.kit.heap.calls) < n) {
                break;
            }
        }
    }
    kit_close(&h.kit);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("repo_store");
    TCase *both = tcase_create("both stores");
    TCase *one = tcase_create("one store");

    tcase_set_timeout(both, 60);
    tcase_set_timeout(one, 60);
#define BOTH(name) tcase_add_loop_test(both, name, 0, FIXTURE_KINDS)
    BOTH(a_store_of_a_former_format_is_taken_over);
    BOTH(a_state_from_its_checkpoint_is_the_state_from_the_log);
    BOTH(values_longer_than_a_record_part_survive);
    BOTH(clean_is_remembered_until_the_next_op);
    BOTH(the_store_holds_what_the_page_shows);
#undef BOTH
    tcase_add_test(one, a_damaged_store_is_refused_and_never_crashes);
    tcase_add_test(one, a_damaged_group_is_refused_and_never_crashes);
    tcase_add_test(one, two_processes_append_in_turn_with_one_session);
    tcase_add_test(one, a_failed_create_changes_nothing);
    tcase_add_test(one, a_failed_append_changes_nothing);
    tcase_add_test(one, a_failed_load_gives_its_code_and_succeeds_later);
    suite_add_tcase(suite, both);
    suite_add_tcase(suite, one);
    return harness_run(suite);
}
