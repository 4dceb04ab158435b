/* test_promises.c: the promise of the design, sentence by sentence, on signed
 * logs in stores that devices give each other. */
#include "core/hlc.h"
#include "cove/error.h"
#include "schema/fn.h"
#include "tests/promises/play.h"
#include "tests/unit/cut_kit.h"

static struct story s;

static void set_up(void)
{
    story_begin(&s, FIXTURE_MEMORY);
}

static void tear_down(void)
{
    story_end(&s);
}

/* Everybody sees the same at every version. */
static void ck_same_views(struct story *t)
{
    for (int v = 1; v <= PLAY_VERSIONS; v++) {
        const char *mine = story_view(t, ALICE, play_version(v));

        for (int i = 1; i < STORY_PEERS; i++) {
            ck_assert_str_eq(story_view(t, (enum story_who)i, play_version(v)),
                             mine);
        }
    }
}

START_TEST(i01_equal_operations_give_equal_views_whatever_came_in_what_order)
{
    struct play p;

    play_start(&p, &s, (uint64_t)_i);
    p.skew = _i % 3 * 10;
    play_events(&p, 60);
    play_publish_all(&p);
    story_settle(&s);
    story_agreed(&s);
    ck_same_views(&s);
}
END_TEST

START_TEST(i02_writing_migrated_data_back_changes_no_view_at_any_version)
{
    struct play p;

    play_start(&p, &s, (uint64_t)_i);
    play_publish_all(&p);
    for (int k = 0; k < 30; k++) {
        enum story_who who = k % 2 == 0 ? BOB : ALICE;
        const char *before[PLAY_VERSIONS + 1];

        play_write(&p);
        play_between(&p);
        for (int v = 1; v <= PLAY_VERSIONS; v++) {
            before[v] = story_view(&s, who, play_version(v));
        }
        story_load(&s, who, play_version(k % (PLAY_VERSIONS + 1)));
        for (int v = 1; v <= PLAY_VERSIONS; v++) {
            ck_views(&s, who, play_version(v), before[v]);
        }
    }
}
END_TEST

/* A21 */
START_TEST(i03_doing_it_again_writes_nothing)
{
    struct play p;

    play_start(&p, &s, (uint64_t)_i);
    play_events(&p, 40);
    play_publish_all(&p);
    play_rest(&p);

    for (int v = 0; v <= PLAY_VERSIONS; v++) {
        story_load(&s, BOB, play_version(v)); /* one nobody spoke so far */
    }

    struct cove_hash dump = story_dump(&s, BOB);

    for (int i = 0; i < 20; i++) {
        const char *version = play_version(i % (PLAY_VERSIONS + 1));

        ck_assert_uint_eq(story_load(&s, BOB, version), 0);
    }
    ck_same_hash(story_dump(&s, BOB), dump);
    ck_assert_uint_eq(story_look(&s, BOB, "", COVE_LOAD_VIEW).due, 0);
}
END_TEST

/* A document that is due at version 2, and a session of bob's own. */
static void crash_stage(struct story *t, int kind)
{
    story_begin(t, kind);
    story_schema(t, ALICE, T1);
    story_new(t, ALICE, 0, "1",
              "{'name':'Ada Byron','size':'120','tags':'a,b','done':true}");
    story_give(t, ALICE, BOB);
    story_write(t, BOB, 1, "1", "{'section':'web'}");
    story_migration(t, ALICE, M12, T2);
    story_give(t, ALICE, BOB);
    story_clock(t, BOB, 2);
}

/* The load fails at each call to the store in turn; what comes of a rerun is
 * the same as if nothing had happened. */
START_TEST(i03_a_crash_anywhere_and_a_rerun_end_the_same)
{
    int kind = _i;
    int step = kind == FIXTURE_LMDB ? 7 : 1;
    struct cove_hash want;
    bool failed = true;

    crash_stage(&s, FIXTURE_MEMORY);
    ck_assert_uint_eq(story_load(&s, BOB, "2"), 5);
    want = story_log(&s, BOB);
    story_end(&s);
    for (long n = 1; failed; n += step) {
        struct fixture_fault fault = {.fail_at = n, .code = COVE_ENOSPC};

        crash_stage(&s, kind);

        struct cove_store *store = s.peer[BOB].kit.store.store;
        struct cove_hash before = story_log(&s, BOB);

        cove_store_set_fault(store, fixture_hook, &fault);
        failed = story_try_load(&s, BOB, "2") != 0;
        cove_store_set_fault(store, NULL, NULL);
        story_reopen(&s, BOB);
        if (failed) {
            ck_same_hash(story_log(&s, BOB), before);
            ck_assert_uint_eq(story_load(&s, BOB, "2"), 5);
        }
        ck_same_hash(story_log(&s, BOB), want);
        ck_assert_uint_eq(story_load(&s, BOB, "2"), 0);
        story_end(&s);
    }
}
END_TEST

/* What version 1, 2 and 3 show of a size, from the one write that counts:
 * written at version 1 as text, at 2 as a number, at 3 in bytes. */
static void ck_sizes(struct story *t, const struct story_newest *newest)
{
    const char *want[3] = {newest->value, newest->value, newest->value};
    long long n = 0;
    char digits[64];

    if (newest->reg == 0) {
        snprintf(digits, sizeof(digits), "'%lld'",
                 sscanf(newest->value, "'%lld'", &n) == 1 ? n : -999);
        if (strcmp(newest->value, digits) == 0) {
            want[1] = cove_arena_printf(&t->arena, "%lld", n);
            want[2] = cove_arena_printf(&t->arena, "%lld", n * 1024);
        } else {
            want[1] = want[2] =
                cove_arena_printf(&t->arena, "!%s", newest->value);
        }
    } else {
        sscanf(newest->value, "%lld", &n);
        if (newest->reg == 1) {
            want[2] = n < INT64_MAX / 1024
                          ? cove_arena_printf(&t->arena, "%lld", n * 1024)
                          : cove_arena_printf(&t->arena, "!%lld", n);
        } else if (n % 1024 != 0) {
            want[0] = want[1] = cove_arena_printf(&t->arena, "!%lld", n);
        } else {
            n /= 1024;
            want[1] = cove_arena_printf(&t->arena, "%lld", n);
        }
        if (want[0][0] != '!') {
            want[0] = cove_arena_printf(&t->arena, "'%lld'", n);
        }
    }
    if (strcmp(newest->value, "deleted") == 0) {
        want[0] = want[1] = want[2] = "absent";
    }
    ck_assert_str_eq(story_field(t, CAROL, "1", "size"), want[0]);
    ck_assert_str_eq(story_field(t, CAROL, "2", "size"), want[1]);
    ck_assert_str_eq(story_field(t, CAROL, "3", "bytes"), want[2]);
}

START_TEST(i04_every_version_shows_one_and_the_same_newest_user_write)
{
    struct play p;
    struct story_newest newest;

    play_start(&p, &s, (uint64_t)_i);
    p.skew = _i % 3 * 20;
    play_events(&p, 60);
    play_publish_all(&p);
    story_settle(&s);

    const char *size[] = {story_register(&s, BOB, "1", "size"),
                          story_register(&s, BOB, "2", "size"),
                          story_register(&s, BOB, "3", "bytes"), NULL};

    ck_assert(story_newest(&s, BOB, size, &newest));
    ck_sizes(&s, &newest);
}
END_TEST

/* Fields whose newest write, among their rivals, is read verbatim by the
 * version that wrote it. */
static const struct {
    const char *version, *field;
    struct {
        const char *version, *field;
    } rivals[3];
} verbatim[] = {
    {"1", "name", {{"2", "first"}, {"2", "last"}}},
    {"2", "first", {{"1", "name"}}},
    {"3", "last", {{"1", "name"}}},
    {"1", "size", {{"2", "size"}, {"3", "bytes"}}},
    {"2", "size", {{"1", "size"}, {"3", "bytes"}}},
    {"3", "bytes", {{"1", "size"}, {"2", "size"}}},
    {"1", "tags", {{"2", "tags"}}},
    {"2", "tags", {{"1", "tags"}}},
    {"1", "done", {{"2", "status"}}},
    {"2", "status", {{"1", "done"}}},
    {"1", "section", {{"1", "section"}}},
    {"3", "kind", {{"2", "category"}}},
    {"2", "priority", {{"2", "priority"}}},
    {"1", "note", {{"1", "note"}}},
};

START_TEST(i05_no_user_write_is_overridden_by_a_migration_or_default)
{
    struct play p;

    play_start(&p, &s, (uint64_t)_i);
    p.skew = _i % 3 * 20;
    play_events(&p, 80);
    play_publish_all(&p);
    play_rest(&p);
    for (size_t i = 0; i < COVE_ARRAY_LEN(verbatim); i++) {
        const char *regs[5] = {
            story_register(&s, DAN, verbatim[i].version, verbatim[i].field)};
        struct story_newest newest;

        for (size_t k = 0; k < 3 && verbatim[i].rivals[k].field != NULL; k++) {
            regs[k + 1] = story_register(&s, DAN, verbatim[i].rivals[k].version,
                                         verbatim[i].rivals[k].field);
        }
        if (!story_newest(&s, DAN, regs, &newest) || newest.reg != 0) {
            continue;
        }
        ck_assert_str_eq(
            story_field(&s, DAN, verbatim[i].version, verbatim[i].field),
            strcmp(newest.value, "deleted") == 0 ? "absent" : newest.value);
    }
}
END_TEST

START_TEST(i06_the_result_does_not_depend_on_who_loaded_or_synced_when)
{
    static struct story other;
    struct story *const both[] = {&s, &other};

    story_begin(&other, FIXTURE_MEMORY);
    for (int k = 0; k < 2; k++) {
        struct play p;

        play_start(&p, both[k], (uint64_t)_i);
        play_publish_all(&p);
        p.when = (uint64_t)(_i * 7 + k * 1000 + 1);
        for (int write = 0; write < 12; write++) {
            play_write(&p);
            p.second = 10 * (write + 1); /* the same in both */
            for (uint32_t n = story_dice(&p.when, 5); n > 0; n--) {
                play_between(&p);
            }
            p.second = 10 * (write + 2);
        }
        story_settle(both[k]);
    }
    for (int v = 1; v <= PLAY_VERSIONS; v++) {
        ck_views(&other, CAROL, play_version(v),
                 story_view(&s, CAROL, play_version(v)));
    }
    story_end(&other);
}
END_TEST

START_TEST(i07_a_reader_without_the_engine_sees_the_same_once_settled)
{
    struct play p;

    play_start(&p, &s, (uint64_t)_i);
    play_events(&p, 60);
    play_publish_all(&p);
    play_rest(&p);
    for (int v = 1; v <= PLAY_VERSIONS; v++) {
        if (v == PLAY_VERSIONS || (p.written & 1u << v) != 0) {
            ck_assert_str_eq(story_stored(&s, CAROL, play_version(v)),
                             story_settled(&s, CAROL, play_version(v)));
        }
    }
}
END_TEST

START_TEST(i08_a_step_declared_lossless_round_trips)
{
    uint64_t seed = 8;

    story_schema(&s, ALICE, T1);
    story_new(&s, ALICE, 0, "1", "{}");
    story_migration(&s, ALICE, M12, T2);
    for (int i = 1; i <= 40; i++) {
        int64_t n = (int64_t)story_dice(&seed, 1u << 31) *
                    (int64_t)story_dice(&seed, 1u << 31) *
                    (i % 2 == 0 ? 1 : -1);
        char *set = cove_arena_printf(
            &s.arena, "{'size':%lld,'tags':['a%d','b'],'status':'%s'}",
            (long long)n, i, i % 3 == 0 ? "done" : "todo");

        story_write(&s, ALICE, 2 * i, "2", set);

        const char *new = story_view(&s, ALICE, "2");
        const char *old = story_field(&s, ALICE, "1", "size");

        /* The old app saves what it sees: nothing becomes another value. */
        story_write(&s, ALICE, 2 * i + 1, "1",
                    cove_arena_printf(&s.arena,
                                      "{'size':%s,'tags':%s,'done':%s}", old,
                                      story_field(&s, ALICE, "1", "tags"),
                                      story_field(&s, ALICE, "1", "done")));
        ck_views(&s, ALICE, "2", new);
        ck_assert_str_eq(story_field(&s, ALICE, "1", "size"), old);
    }
}
END_TEST

START_TEST(i09_an_old_app_goes_on_and_its_late_writes_appear_in_the_new_view)
{
    story_schema(&s, ALICE, T1);
    story_new(&s, ALICE, 0, "1", "{'size':'120','section':'web'}");
    story_settle(&s);
    story_migration(&s, ALICE, M12, T2);
    story_write(&s, ALICE, 3, "2", "{'size':130}");
    ck_assert_uint_gt(story_load(&s, ALICE, "2"), 0);
    /* bob has not heard of version 2 */
    ck_views(&s, BOB, "1", "section='web' size='120'");
    ck_views(&s, BOB, "2", "blocked");
    story_write(&s, BOB, 4, "1", "{'size':'140','section':'net'}");
    story_sync(&s, BOB, ALICE);
    ck_views(&s, ALICE, "2", "category='net' priority='low' size=140");
    /* and the other way round, also to an app that stays at version 1 */
    story_write(&s, ALICE, 5, "2", "{'size':150,'category':'doc'}");
    story_sync(&s, BOB, ALICE);
    ck_views(&s, BOB, "1", "section='doc' size='150'");
    story_write(&s, BOB, 6, "1", "{'size':'160'}");
    story_sync(&s, BOB, ALICE);
    ck_views(&s, ALICE, "2", "category='doc' priority='low' size=160");
}
END_TEST

START_TEST(i10_a_reader_sees_the_same_and_writes_nothing)
{
    struct play p;

    play_start(&p, &s, (uint64_t)_i);
    play_publish_all(&p);
    for (int k = 0; k < 20; k++) {
        play_write(&p);
        story_give(&s, BOB, CAROL);
        story_load(&s, CAROL, "");

        struct cove_hash dump = story_dump(&s, CAROL);

        for (int v = 0; v <= PLAY_VERSIONS; v++) {
            ck_assert_uint_eq(story_load(&s, CAROL, play_version(v)), 0);
            ck_assert_str_eq(story_view(&s, CAROL, play_version(v)),
                             story_view(&s, BOB, play_version(v)));
        }
        ck_same_hash(story_dump(&s, CAROL), dump);
    }
    ck_assert_int_eq(story_try_write(&s, CAROL, 99, "1", "{'size':'1'}"),
                     COVE_EDENIED);
}
END_TEST

/* A24 */
START_TEST(i11_a_forged_copy_changes_nothing_where_its_origins_are_held)
{
    struct author bob;

    story_schema(&s, ALICE, T1);
    story_new(&s, ALICE, 0, "1", "{'name':'Ada Byron','size':'120'}");
    story_migration(&s, ALICE, M12, T2);

    const char *old = story_view(&s, ALICE, "1");
    const char *new = story_view(&s, ALICE, "2");
    const char *size = story_register(&s, ALICE, "1", "size");
    const char *number = story_register(&s, ALICE, "2", "size");
    struct cove_origin origin = story_origin(&s, ALICE, size);

    bob = story_author(&s, BOB);
    story_forge(&s, &bob, 100, size, "'evil'", &origin);
    origin.reg = cove_bytes_text(number);
    story_forge(&s, &bob, 101, number, "666", &origin);
    story_hand(&s, &bob, ALICE);
    ck_views(&s, ALICE, "1", old);
    ck_views(&s, ALICE, "2", new);
    /* The next load mends what readers without the engine see. */
    ck_assert_uint_gt(story_load(&s, ALICE, "2"), 0);
    ck_assert_str_eq(story_stored(&s, ALICE, "1"), old);
    /* carol has the copies and the journal, but not yet what they name */
    story_give_doc(&s, ALICE, CAROL, &s.journal);
    story_give_header(&s, ALICE, CAROL);
    story_hand(&s, &bob, CAROL);
    ck_views(&s, CAROL, "2", "priority='low' size=666");
    story_give(&s, ALICE, CAROL);
    ck_views(&s, CAROL, "1", old);
    ck_views(&s, CAROL, "2", new);
}
END_TEST

/* The beginning of the history goes, up to a second; how many transactions. */
static uint64_t cut_off(struct play *p, enum story_who who, int64_t second)
{
    struct cove_cut_rule rule = {
        .before = cove_hlc_of_ms(STORY_START + second * 1000),
        .bytes = UINT64_MAX};
    struct cove_cut_result gone;
    int err = cut_try(story_kit(p->s, who), &p->s->doc, &rule, &gone);

    ck_assert(err == 0 || err == COVE_ENOTFOUND); /* too little would go */
    return err == 0 ? gone.txs : 0;
}

/* Two admins cut, at places of their own; bob and carol keep everything. */
START_TEST(i12_a_history_that_is_cut_off_changes_no_view_at_any_version)
{
    struct play p;
    uint64_t alice = 0, dan = 0;

    play_start(&p, &s, (uint64_t)_i);
    for (int round = 0; round < 6; round++) {
        int64_t began = p.second;

        for (int k = 0; k < 60; k++) {
            play_write(&p);
        }
        (void)play_rest(&p);
        if (round % 2 == _i % 2) {
            alice += cut_off(&p, ALICE, (began + p.second) / 2);
        } else {
            dan += cut_off(&p, DAN, p.second + 1);
        }
        ck_same_views(&s);
        if (round == 1 + _i % 2 || round == 4) {
            play_publish(&p); /* copies of what was cut off are due */
        }
        play_events(&p, 30);
        (void)play_rest(&p);
        story_agreed(&s);
        ck_same_views(&s);
    }
    ck_assert_uint_gt(alice, 0);
    ck_assert_uint_gt(dan, 0);
}
END_TEST

START_TEST(i13_two_peers_that_derive_a_document_make_the_same)
{
    struct cove_id first;
    struct cove_hash digest;

    story_schema(&s, ALICE, T1);
    story_settle(&s);
    story_clock(&s, BOB, 77);
    ck_assert_int_eq(
        story_try_new(&s, ALICE, 0, "1", "{'size':'1'}", "'inbox'"), 0);
    first = s.doc;
    ck_assert_int_eq(
        story_try_new(&s, BOB, 77, "1", "{'section':'x'}", "'inbox'"), 0);
    ck_assert_mem_eq(&first, &s.doc, sizeof(first));
    story_settle(&s);
    digest = story_digest(&s, CAROL);
    ck_same_hash(digest, story_digest(&s, BOB));
    ck_views(&s, CAROL, "1", "section='x' size='1'");
    /* Extracted from another by a rule of a step: no time, no chance. */
    struct cove_id child = story_extract(&s, ALICE, "address");
    struct cove_id same = story_extract(&s, BOB, "address");
    struct cove_id other = story_extract(&s, BOB, "avatar");

    ck_assert_mem_eq(&child, &same, sizeof(child));
    ck_assert_mem_ne(&child, &other, sizeof(child));
    s.doc = child;
    story_raw_write(&s, ALICE, 100, NULL, "street", "'x'");
    story_raw_write(&s, BOB, 101, NULL, "town", "'y'");
    story_settle(&s);
    story_agreed(&s);
    ck_assert_str_eq(story_view(&s, CAROL, NULL), "street='x' town='y'");
}
END_TEST

#define FORK_A                                                                 \
    "{'schema':'T','from':1,'to':2,'steps':[{'rename':{'from':'section','to':" \
    "'area'}}]}"
#define FORK_B                                                                 \
    "{'schema':'T','from':1,'to':2,'steps':[{'rename':{'from':'section','to':" \
    "'topic'}},{'add':{'field':'extra','type':'string'}}]}"
#define FORK_FIELDS                                                            \
    TEXT("name")                                                               \
    "," TEXT("size") "," TEXT("tags") ",'done':{'type':"                       \
                                      "'boolean'}," TEXT("note")
#define FORK_TA                                                                \
    "{'title':'T','version':2,'properties':{" FORK_FIELDS "," TEXT("area") "}" \
                                                                           "}"
#define FORK_TB                                                                \
    "{'title':'T','version':2,'properties':{" FORK_FIELDS                      \
    "," TEXT("topic") "," TEXT("extra") "}}"

START_TEST(i14_two_admins_who_publish_different_next_versions_lose_no_data)
{
    story_schema(&s, ALICE, T1);
    story_new(&s, ALICE, 0, "1", "{'section':'web','size':'1'}");
    story_settle(&s);

    const char *a = story_migration(&s, ALICE, FORK_A, FORK_TA);
    const char *b = story_migration(&s, DAN, FORK_B, FORK_TB);

    story_write(&s, ALICE, 1, a, "{'size':'2','area':'a'}");
    story_write(&s, DAN, 2, b, "{'extra':'e','topic':'b'}");
    story_settle(&s);
    /* The fork is told, each head goes on, nothing is lost. */
    ck_assert_int_eq(story_look(&s, BOB, "2", COVE_LOAD_VIEW).err,
                     COVE_EAMBIGUOUS);
    ck_views(&s, BOB, a, "area='b' size='2'");
    ck_views(&s, BOB, b, "extra='e' size='2' topic='b'");
    ck_views(&s, BOB, "1", "section='b' size='2'");
    /* A step with both as parents ends it. */
    char *merge = cove_arena_printf(
        &s.arena, "{'schema':'T','from':['%s','%s'],'to':3,'steps':[]}", a, b);
    char *shown = cove_arena_printf(
        &s.arena, "{'title':'T','version':3,'properties':{%s,%s,%s}}",
        FORK_FIELDS, strcmp(a, b) < 0 ? TEXT("topic") : TEXT("area"),
        TEXT("extra"));

    story_migration(&s, ALICE, merge, shown);
    story_settle(&s);
    ck_views(&s, BOB, "3",
             strcmp(a, b) < 0 ? "extra='e' size='2' topic='b'"
                              : "area='b' extra='e' size='2'");
    ck_views(&s, BOB, a, "area='b' size='2'");
}
END_TEST

START_TEST(i15_what_is_unknown_survives_store_sync_store_byte_for_byte)
{
    /* [0, hlc, kind 7, none, [], null, [], {"new": 1}] */
    uint8_t ahead[] = {0x88, 0,    0x1b, 0,   0,    0,    0,    0,
                       0,    0,    0,    7,   0x40, 0x80, 0xf6, 0x80,
                       0xa1, 0x63, 'n',  'e', 'w',  1};
    static const char unknown[] =
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    struct author bob;
    struct cove_hash want, journal;

    story_end(&s);
    story_begin(&s, FIXTURE_LMDB);
    story_schema(&s, ALICE, T1);
    story_new(&s, ALICE, 0, "1", "{'size':'120'}");
    bob = story_author(&s, BOB);
    cove_put_be64(ahead + 3, cove_hlc_of_ms(STORY_START + 1000));
    author_push(&bob, cove_bytes(ahead, sizeof(ahead)));
    story_hand(&s, &bob, ALICE);
    story_raw_write(&s, ALICE, 2, unknown, "no~such", "{'k':[1.5,null]}");
    /* a step of a kind that this build does not know, and one that waits */
    story_step(&s, ALICE, "'nowhere'", "[{'op':'teleport'}]");
    story_step(&s, ALICE, cove_arena_printf(&s.arena, "'%s'", unknown), "[]");
    want = story_log(&s, ALICE);
    journal = story_log_of(&s, ALICE, &s.journal);
    story_give(&s, ALICE, CAROL);
    story_reopen(&s, CAROL);
    story_load(&s, CAROL, "");
    story_give(&s, CAROL, DAN);
    story_reopen(&s, DAN);
    story_load(&s, DAN, "");
    ck_same_hash(story_log(&s, DAN), want);
    ck_same_hash(story_log_of(&s, DAN, &s.journal), journal);
    ck_assert_int_eq(story_look(&s, DAN, "1", COVE_LOAD_VIEW).state,
                     COVE_STATE_AHEAD);
    ck_views(&s, DAN, "1", "size='120'");
}
END_TEST

/* Pipeline, input, does it fail, and the bytes of the result (of the input
 * where it fails), as the reference model computes them. */
static const struct {
    const char *pipe, *in;
    bool fails;
    const char *hex;
} golden[] = {
    {"['int_of_text']", "'120'", false, "1878"},
    {"['int_of_text']", "'-9223372036854775808'", false, "3b7fffffffffffffff"},
    {"['int_of_text']", "'9223372036854775808'", true,
     "7339323233333732303336383534373735383038"},
    {"['int_of_text']", "'007'", true, "63303037"},
    {"['text_of_int']", "-7", false, "622d37"},
    {"['int_of_bool']", "true", false, "01"},
    {"['bool_of_int']", "0", false, "f4"},
    {"['bool_of_int']", "2", true, "02"},
    {"['lower']", "'\\u00c4bC'", false, "64c3846263"},
    {"['upper']", "'\\u00dfa'", false, "63c39f41"},
    {"['trim']", "'\\t a b \\n'", false, "63612062"},
    {"[{'table': [['done', true], ['todo', false]]}]", "'done'", false, "f5"},
    {"[{'table': [['done', true]]}]", "'doing'", true, "65646f696e67"},
    {"[{'table': [[1.5, 'x']]}]", "1.5", false, "6178"},
    {"[{'add': 3}]", "9223372036854775807", true, "1b7fffffffffffffff"},
    {"[{'add': -3}]", "0", false, "22"},
    {"[{'mul': 100}]", "12", false, "1904b0"},
    {"[{'mul': 100}]", "4611686018427387904", true, "1b4000000000000000"},
    {"[{'div': 100}]", "1200", false, "0c"},
    {"[{'div': 100}]", "250", true, "18fa"},
    {"[{'div': -7}]", "-14", false, "02"},
    {"[{'split_list': ', '}]", "'a, b,c'", false, "82616163622c63"},
    {"[{'split_list': ','}]", "''", false, "80"},
    {"[{'join_list': ', '}]", "['a', 'b']", false, "64612c2062"},
    {"[{'join_list': ','}]", "['a,b']", true, "8163612c62"},
    {"[{'pick': 'v'}]", "{'v': [1, 'x'], 'a': null}", false, "82016178"},
    {"[{'pick': 'v'}]", "{}", true, "a0"},
    {"[{'wrap': 'v'}]", "{'b': 1.5, 'a': 2}", false,
     "a16176a26161026162f93e00"},
    {"[{'const': {'k': [null, 1e+300]}}]", "0", false,
     "a1616b82f6fb7e37e43c8800759c"},
    {"['int_of_text', {'mul': 1024}, 'text_of_int']", "'3'", false,
     "6433303732"},
    {"['trim', 'lower', {'split_list': ' '}]", "' Ada B '", false,
     "82636164616162"},
    {"['lower']", "null", false, "f6"},
};

START_TEST(i16_step_functions_give_the_same_bytes_on_every_build)
{
    struct kit *k = story_kit(&s, ALICE);
    struct cove_cell in = {.kind = COVE_PRESENT}, out;
    char hex[256];

    for (size_t i = 0; i < COVE_ARRAY_LEN(golden); i++) {
        in.bytes = story_json(&s, golden[i].in);

        struct cove_bytes pipe = story_json(&s, golden[i].pipe);

        ck_assert(cove_fn_known(pipe));
        ck_assert_int_eq(cove_fn_call(&k->arena, pipe, in, &out), 0);
        cove_hex(out.bytes, hex);
        ck_assert_str_eq(hex, golden[i].hex);
        ck_assert_int_eq(out.kind,
                         golden[i].fails ? COVE_INVALID : COVE_PRESENT);
    }
}
END_TEST

START_TEST(i17_equal_timestamps_are_never_settled_by_arrival)
{
    story_schema(&s, ALICE, T1);
    story_new(&s, ALICE, 0, "1", "{'size':'0'}");
    story_migration(&s, ALICE, M12, T2);
    story_settle(&s);
    for (int i = 1; i <= 10; i++) {
        char *left = cove_arena_printf(&s.arena, "{'size':'1%d'}", i);
        char *right = cove_arena_printf(&s.arena, "{'size':2%d}", i);

        story_write(&s, ALICE, 10 * i, "1", left);
        story_write(&s, BOB, 10 * i, "2", right);
        story_give(&s, ALICE, CAROL);
        story_load(&s, CAROL, "2"); /* what came first is folded first */
        story_give(&s, BOB, CAROL);
        story_give(&s, BOB, DAN);
        story_load(&s, DAN, "2");
        story_give(&s, ALICE, DAN);

        bool bob_is_greater = memcmp(&story_kit(&s, BOB)->device,
                                     &story_kit(&s, ALICE)->device, 32) > 0;
        char *want =
            cove_arena_printf(&s.arena, "%d%d", bob_is_greater ? 2 : 1, i);

        ck_assert_str_eq(story_field(&s, CAROL, "2", "size"), want);
        ck_assert_str_eq(story_field(&s, DAN, "2", "size"), want);
        story_settle(&s);
        story_agreed(&s);
    }
}
END_TEST

#define I18_ROOT                                                               \
    "[{'op':'add','reg':'a','name':'a','type':'text'},"                        \
    "{'op':'add','reg':'b','name':'b','type':'text'},"                         \
    "{'op':'add','reg':'c','name':'c','type':'int'}]"
#define I18_MINE                                                               \
    "[{'op':'add','reg':'a2','name':'n','type':'int'},"                        \
    "{'op':'conv','from':'a','to':'a2','fwd':['int_of_text'],"                 \
    "'bwd':['text_of_int']},{'op':'hide','reg':'a'}]"

START_TEST(i18_a_step_changes_no_view_at_a_head_that_does_not_descend_from_it)
{
    static const char *const ops[] = {
        "{'op':'hide','reg':'b'}",
        "{'op':'name','reg':'b','name':'n'}",
        "{'op':'limit','reg':'b','default':'d','required':true}",
        "{'op':'add','reg':'b','name':'b','type':'int'}",
        "{'op':'add','reg':'x','name':'x','type':'text'},"
        "{'op':'add','reg':'y','name':'y','type':'text'},"
        "{'op':'comp','whole':'b','parts':['x','y'],'lits':['','-','']}",
        "{'op':'calc','out':'b','deps':['a','c'],'lits':['','/','']}",
        "{'op':'add','reg':'z','name':'a','type':'bool'},"
        "{'op':'conv','from':'a','to':'z',"
        "'fwd':[{'table':[['5',true]]}],'bwd':null}",
        "{'op':'show','reg':'a'}",
    };
    uint64_t seed = (uint64_t)_i;
    const char *root = story_root(&s, ALICE, I18_ROOT);
    const char *mine = story_step(
        &s, ALICE, cove_arena_printf(&s.arena, "'%s'", root), I18_MINE);

    story_new(&s, ALICE, 0, root, "{'a':'5','b':'p-q','c':7}");
    story_settle(&s);

    const char *at_root = story_view(&s, ALICE, root);
    const char *at_mine = story_view(&s, ALICE, mine);

    for (int i = 0; i < 4; i++) {
        char *parent = cove_arena_printf(
            &s.arena, "'%s'", story_dice(&seed, 3) == 0 && i > 0 ? mine : root);
        char *text =
            cove_arena_printf(&s.arena, "[%s,{'op':'x-%d'}]",
                              ops[story_dice(&seed, COVE_ARRAY_LEN(ops))], i);

        (void)story_step(&s, DAN, parent, text);
        story_settle(&s);
        ck_views(&s, BOB, root, at_root);
        ck_views(&s, BOB, mine, at_mine);
        ck_assert_uint_eq(story_look(&s, BOB, mine, COVE_LOAD_VIEW).invalid, 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("promises");
    TCase *tc = tcase_create("promises");
    TCase *crash = tcase_create("crash");

    tcase_set_timeout(tc, 0);
    tcase_set_timeout(crash, 0);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_loop_test(
        tc, i01_equal_operations_give_equal_views_whatever_came_in_what_order,
        0, 12);
    tcase_add_loop_test(
        tc, i02_writing_migrated_data_back_changes_no_view_at_any_version, 0,
        8);
    tcase_add_loop_test(tc, i03_doing_it_again_writes_nothing, 0, 8);
    tcase_add_loop_test(crash, i03_a_crash_anywhere_and_a_rerun_end_the_same, 0,
                        FIXTURE_KINDS);
    tcase_add_loop_test(
        tc, i04_every_version_shows_one_and_the_same_newest_user_write, 0, 20);
    tcase_add_loop_test(
        tc, i05_no_user_write_is_overridden_by_a_migration_or_default, 0, 12);
    tcase_add_loop_test(
        tc, i06_the_result_does_not_depend_on_who_loaded_or_synced_when, 0, 10);
    tcase_add_loop_test(
        tc, i07_a_reader_without_the_engine_sees_the_same_once_settled, 0, 20);
    tcase_add_test(tc, i08_a_step_declared_lossless_round_trips);
    tcase_add_test(
        tc, i09_an_old_app_goes_on_and_its_late_writes_appear_in_the_new_view);
    tcase_add_loop_test(tc, i10_a_reader_sees_the_same_and_writes_nothing, 0,
                        4);
    tcase_add_test(
        tc, i11_a_forged_copy_changes_nothing_where_its_origins_are_held);
    tcase_add_loop_test(
        tc, i12_a_history_that_is_cut_off_changes_no_view_at_any_version, 0, 4);
    tcase_add_test(tc, i13_two_peers_that_derive_a_document_make_the_same);
    tcase_add_test(
        tc, i14_two_admins_who_publish_different_next_versions_lose_no_data);
    tcase_add_test(tc,
                   i15_what_is_unknown_survives_store_sync_store_byte_for_byte);
    tcase_add_test(tc, i16_step_functions_give_the_same_bytes_on_every_build);
    tcase_add_test(tc, i17_equal_timestamps_are_never_settled_by_arrival);
    tcase_add_loop_test(
        tc, i18_a_step_changes_no_view_at_a_head_that_does_not_descend_from_it,
        0, 12);
    suite_add_tcase(suite, tc);
    suite_add_tcase(suite, crash);
    return harness_run(suite);
}
