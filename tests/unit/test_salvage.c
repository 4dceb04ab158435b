/* A store whose file is damaged in any way: the check says so, what is whole is
 * saved into a new store, and nothing in that is what its author did not write.
 *
 *   test_salvage [SEEDS [FROM]]   random damage, so many times
 */
#define DAMAGE_WRITES 280

#include <fcntl.h>

#include "core/store_pages.h"
#include "crdt/repo_salvage.h"
#include "tests/sim/random.h"
#include "tests/unit/cut_kit.h"
#include "tests/unit/damage_kit.h"

#define PAGE       4096
#define ROOT_AT    16 /* of MDB_meta in its page */
#define ROOT_BYTES 136

static unsigned seeds = 80, seeds_from;
static struct damage_said said; /* large */

/* --- what the whole store holds */

struct truth_session {
    struct cove_session_id session;
    uint32_t len;
    struct cove_hash heads[DAMAGE_WRITES + 10]; /* behind so many */
};
struct truth {
    struct damage d;
    struct truth_session at[DAMAGE_DOCS][3];
    size_t count[DAMAGE_DOCS];
    uint8_t *file;
    size_t len;
    char path[128];
};

static void truth_doc(struct truth *t, struct cove_store_txn *txn, size_t i)
{
    struct kit *k = &t->d.bob;
    struct cove_doc doc = kit_load(k, txn, &t->d.docs[i]);

    t->count[i] = doc.session_count;
    ck_assert_uint_le(doc.session_count, 3);
    for (size_t s = 0; s < doc.session_count; s++) {
        struct truth_session *at = &t->at[i][s];
        const struct cove_doc_session *from = &doc.sessions[s];

        at->session = from->session;
        at->heads[0] = cove_chain_start(&doc.id, &from->session, &from->device);
        at->len = 0;
        while (at->len < from->len) {
            struct cove_batch batch;

            ck_assert_int_eq(cove_repo_read(k->repo, txn, doc.num,
                                            &from->session, at->len, 60000,
                                            &k->arena, &batch),
                             0);
            for (size_t n = 0; n < batch.tx_count; n++, at->len++) {
                at->heads[at->len + 1] =
                    cove_chain_next(&at->heads[at->len], batch.txs[n]);
            }
        }
    }
}

/* Logs as they were written, packed, or cut off before their end: what is whole
 * of these is what it came to. */
enum truth_kind { TRUTH_PLAIN, TRUTH_PACKED, TRUTH_CUT, TRUTH_KINDS };

static void truth_cut(struct truth *t)
{
    for (size_t i = DAMAGE_SMALL; i < DAMAGE_DOCS; i++) {
        struct cove_cut_rule rule = {.bytes = 1500};
        struct cove_cut_result gone;
        int err = cut_try(&t->d.alice, &t->d.docs[i], &rule, &gone);

        ck_assert_msg(err == 0, "cut: %d %s", err, t->d.alice.diag.text);
    }
}

static void truth_open(struct truth *t, int kind)
{
    struct cove_store_txn *txn;
    struct stat st;
    int fd;

    memset(t, 0, sizeof(*t));
    damage_open(&t->d, FIXTURE_LMDB);
    if (kind == TRUTH_PACKED) {
        damage_pack(&t->d);
    } else if (kind == TRUTH_CUT) {
        truth_cut(t);
    }
    txn = kit_begin(&t->d.bob, false);
    for (size_t i = 0; i < DAMAGE_DOCS; i++) {
        truth_doc(t, txn, i);
    }
    cove_store_abort(txn);
    cove_arena_reset(&t->d.bob.arena);
    cove_arena_clear(&t->d.alice.arena);
    cove_repo_close(t->d.alice.repo);
    t->d.alice.repo = NULL;
    cove_store_close(t->d.alice.store.store);
    t->d.alice.store.store = NULL;
    snprintf(t->path, sizeof(t->path), "%s/data.mdb", t->d.alice.store.dir);
    fd = open(t->path, O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(fstat(fd, &st), 0);
    t->len = (size_t)st.st_size;
    t->file = malloc(t->len);
    ck_assert_ptr_nonnull(t->file);
    ck_assert_int_eq(pread(fd, t->file, t->len, 0), (ssize_t)t->len);
    close(fd);
}

static void truth_close(struct truth *t)
{
    struct kit *k = &t->d.alice;

    if (k->repo != NULL) {
        cove_repo_close(k->repo);
    }
    cove_store_close(k->store.store);
    cove_arena_clear(&k->arena);
    ck_assert_int_eq(k->heap.alive, 0);
    fixture_remove(&k->store);
    free(t->file);
    kit_close(&t->d.bob);
}

/* The file as it was, with so many bytes. */
static int truth_write(struct truth *t)
{
    int fd = open(t->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(ftruncate(fd, (off_t)t->len), 0);
    ck_assert_int_eq(pwrite(fd, t->file, t->len, 0), (ssize_t)t->len);
    return fd;
}

/* --- saving */

struct rescue {
    struct kit kit; /* the new store, in memory, as alice's device */
    struct cove_salvage_sum sum;
    struct cove_salvage *salvage;
    bool loose;
    uint64_t faults;
    bool told[DAMAGE_DOCS]; /* it was said that it is not whole */
    const struct truth *t;
    uint64_t told_unnamed;
};

static int rescue_entry(void *ctx, unsigned tree,
                        const struct cove_entry *entry)
{
    struct rescue *r = ctx;

    return cove_salvage_entry(r->salvage, tree, r->loose, entry);
}

static int rescue_fault(void *ctx, const struct cove_page_fault *fault)
{
    struct rescue *r = ctx;

    (void)fault;
    r->faults++;
    return 0;
}

static int rescue_saved(void *ctx, const struct cove_saved *saved)
{
    struct rescue *r = ctx;

    if (strcmp(saved->what, "whole") == 0) {
        return 0;
    }
    r->told_unnamed += !saved->has_id;
    for (size_t i = 0; i < DAMAGE_DOCS; i++) {
        r->told[i] =
            r->told[i] ||
            (saved->has_id && memcmp(&saved->id, &r->t->d.docs[i], 32) == 0);
    }
    return 0;
}

static void rescue_gather(struct rescue *r)
{
    struct cove_pages_visit visit = {
        .entry = rescue_entry, .fault = rescue_fault, .ctx = r};
    const struct cove_pages_sum *sum;
    struct cove_pages *pages;
    struct cove_salvage_broken broken;

    ck_assert_int_eq(cove_pages_open(r->t->d.alice.store.dir, &cove_alloc_libc,
                                     &pages, NULL),
                     0);
    ck_assert_int_eq(cove_pages_walk(pages, &visit), 0);
    r->loose = true;
    ck_assert_int_eq(cove_pages_rest(pages, &visit), 0);
    sum = cove_pages_sum(pages);
    broken.root = !sum->newest;
    broken.documents = sum->tree[REPO_DOCS].faults > 0;
    broken.ids = sum->tree[REPO_IDS].faults > 0;
    ck_assert_int_eq(cove_salvage_filled(r->salvage, &broken), 0);
    cove_pages_close(pages);
}

static void rescue_run(struct rescue *r, const struct truth *t)
{
    struct cove_store_options scratch = {.alloc = &cove_alloc_libc,
                                         .trees = COVE_SALVAGE_TREES};
    struct cove_salvage_options opt = {
        .alloc = &cove_alloc_libc, .saved = rescue_saved, .ctx = r};
    bool over = false;

    memset(r, 0, sizeof(*r));
    r->t = t;
    kit_init(&r->kit, FIXTURE_MEMORY, 1);
    r->kit.env = t->d.alice.env;
    r->kit.env.env.ctx = &r->kit.env;
    ck_assert_int_eq(cove_store_open_memory(&scratch, &opt.scratch), 0);
    opt.env = &r->kit.env.env;
    opt.store = r->kit.store.store;
    opt.secret = r->kit.secret;
    opt.device = r->kit.device;
    ck_assert_int_eq(cove_salvage_new(&opt, &r->salvage, NULL), 0);
    rescue_gather(r);
    while (!over) {
        int err = cove_salvage_step(r->salvage, &over);

        ck_assert_msg(err == 0, "step: %d", err);
    }
    r->sum = *cove_salvage_sum(r->salvage);
    cove_salvage_free(r->salvage);
    cove_store_close(opt.scratch);
    ck_assert_int_eq(kit_open_with(&r->kit, false), 0);
}

static void rescue_end(struct rescue *r)
{
    kit_close(&r->kit);
}

/* Is what the store has of a document what its authors wrote, up to some
 * length? *all: all of it. */
static bool rescue_true(struct kit *k, const struct truth *t, size_t i,
                        bool *all)
{
    struct cove_store_txn *txn = kit_begin(k, false);
    struct cove_doc doc;
    cove_num num;
    int err = cove_repo_find(k->repo, txn, &t->d.docs[i], &num);
    bool good = true;
    size_t whole = 0;

    *all = false;
    if (err == 0) {
        err = cove_repo_load(k->repo, txn, num, &k->arena, &doc, &k->diag);
        ck_assert_msg(err == 0, "load: %d %s", err, k->diag.text);
        for (size_t n = 0; n < doc.session_count; n++) {
            const struct cove_doc_session *s = &doc.sessions[n];
            bool found = false;

            for (size_t m = 0; m < t->count[i]; m++) {
                const struct truth_session *at = &t->at[i][m];

                if (memcmp(&at->session, &s->session, 16) == 0) {
                    found = s->len <= at->len &&
                            memcmp(&at->heads[s->len], &s->head, 32) == 0;
                    whole += found && s->len == at->len;
                }
            }
            good = good && found;
        }
        *all = good && whole == t->count[i] &&
               kit_value(&doc, "r0") == t->d.values[i];
    }
    cove_store_abort(txn);
    cove_arena_reset(&k->arena);
    return good;
}

static bool rescue_has(struct rescue *r, size_t i)
{
    struct cove_store_txn *txn = kit_begin(&r->kit, false);
    cove_num num;
    int err = cove_repo_find(r->kit.repo, txn, &r->t->d.docs[i], &num);

    cove_store_abort(txn);
    return err == 0;
}

/* Each document is whole, or a whole beginning of it and said to be so; after a
 * sync with a peer all are whole. */
static unsigned rescue_assert(struct rescue *r, struct truth *t)
{
    unsigned whole = 0;

    for (size_t i = 0; i < DAMAGE_DOCS; i++) {
        bool all;

        ck_assert_msg(rescue_true(&r->kit, t, i, &all), "document %zu", i);
        ck_assert_msg(all || r->told[i] || r->told_unnamed > 0 ||
                          (!r->sum.complete && !rescue_has(r, i)),
                      "document %zu is less and nothing says so", i);
        whole += all;
    }
    return whole;
}

static void rescue_sync(struct rescue *r, struct truth *t)
{
    struct cove_store_txn *txn = kit_begin(&t->d.bob, false);
    struct cove_doc group = kit_load(&t->d.bob, txn, &t->d.group);

    kit_take_header(&r->kit, &t->d.group, group.header_bytes);
    for (size_t i = 0; i < DAMAGE_DOCS; i++) {
        struct cove_doc doc = kit_load(&t->d.bob, txn, &t->d.docs[i]);

        kit_take_header(&r->kit, &t->d.docs[i], doc.header_bytes);
    }
    cove_store_abort(txn);
    for (size_t i = 0; i < DAMAGE_DOCS; i++) {
        bool all;

        kit_sync(&t->d.bob, &r->kit, &t->d.docs[i]);
        ck_assert(rescue_true(&r->kit, t, i, &all));
        ck_assert_msg(all, "document %zu after a sync", i);
    }
    cove_arena_reset(&t->d.bob.arena);
}

/* --- the damaged store itself */

/* Is it said that something is wrong with the document, or with what all are
 * read by? */
static bool is_said(const struct cove_id *id)
{
    for (size_t i = 0; i < said.count; i++) {
        if (said.at[i].has_id
                ? memcmp(&said.at[i].id, id, sizeof(*id)) == 0
                : strcmp(said.at[i].kind, "interned") == 0 ||
                      strcmp(said.at[i].kind, "record") == 0 ||
                      strcmp(said.at[i].kind, "header") == 0 ||
                      strcmp(said.at[i].kind, "intern-entry") == 0) {
            return true;
        }
    }
    return false;
}

/* What is said of a store that is damaged: nothing that is not reported is
 * another than it was. Gives whether anything was said. */
static bool look_at(struct truth *t)
{
    struct kit *k = &t->d.alice;
    struct rescue r = {.t = t};
    struct cove_pages_visit visit = {.fault = rescue_fault, .ctx = &r};
    struct cove_pages *pages;
    int err;

    k->store.opt.create = false;
    err = fixture_open(&k->store);
    if (err != 0) {
        return true;
    }
    ck_assert_int_eq(
        cove_pages_open(k->store.dir, &cove_alloc_libc, &pages, NULL), 0);
    ck_assert_int_eq(cove_pages_walk(pages, &visit), 0);
    cove_pages_close(pages);
    err = r.faults == 0 ? kit_open_with(k, false) : COVE_ECORRUPT;
    if (err != 0) {
        k->repo = NULL;
        cove_store_close(k->store.store);
        k->store.store = NULL;
        return true;
    }
    damage_check(&t->d, false, &said);

    for (size_t i = 0; i < DAMAGE_DOCS; i++) {
        bool all;

        ck_assert_msg(is_said(&t->d.docs[i]) ||
                          (rescue_true(k, t, i, &all) && all),
                      "document %zu is another and nothing says so", i);
    }
    cove_repo_close(k->repo);
    k->repo = NULL;
    cove_store_close(k->store.store);
    k->store.store = NULL;
    cove_arena_clear(&k->arena);
    return said.count > 0;
}

/* --- tests */

START_TEST(a_whole_store_is_saved_whole)
{
    static struct truth t;
    struct rescue r;

    truth_open(&t, _i);
    ck_assert(!look_at(&t));
    rescue_run(&r, &t);
    ck_assert_uint_eq(r.faults, 0);
    ck_assert_uint_eq(rescue_assert(&r, &t), DAMAGE_DOCS);
    ck_assert_uint_eq(r.sum.whole, DAMAGE_DOCS + 1);
    ck_assert_uint_eq(r.sum.documents, DAMAGE_DOCS + 1);
    ck_assert_uint_eq(r.sum.transactions_lost, 0);
    rescue_end(&r);
    truth_close(&t);
}
END_TEST

START_TEST(without_its_first_pages_a_store_is_saved_all_the_same) /* D20 */
{
    static uint8_t zeros[2 * PAGE];
    static struct truth t;
    struct rescue r;

    truth_open(&t, _i);

    int fd = truth_write(&t);

    ck_assert_int_eq(pwrite(fd, zeros, sizeof(zeros), 0), sizeof(zeros));
    close(fd);
    ck_assert(look_at(&t));
    rescue_run(&r, &t);
    printf("# %u of %d\n", rescue_assert(&r, &t), DAMAGE_DOCS);
    ck_assert_uint_eq(rescue_assert(&r, &t), DAMAGE_DOCS);
    rescue_sync(&r, &t);
    rescue_end(&r);
    truth_close(&t);
}
END_TEST

START_TEST(of_a_store_without_any_one_page_the_rest_is_saved) /* D18 */
{
    static uint8_t zeros[PAGE];
    static struct truth t;
    unsigned silent = 0, whole = 0;
    struct rescue r;

    truth_open(&t, _i);
    for (size_t page = 0; page < t.len / PAGE; page++) {
        int fd = truth_write(&t);

        ck_assert_int_eq(pwrite(fd, zeros, PAGE, (off_t)(page * PAGE)), PAGE);
        close(fd);
        silent += !look_at(&t);
        rescue_run(&r, &t);
        whole += rescue_assert(&r, &t);
        rescue_sync(&r, &t);
        rescue_end(&r);
    }
    printf("# %zu pages, %u of them free\n", t.len / PAGE, silent);
    ck_assert_uint_ge(whole * 10, t.len / PAGE * DAMAGE_DOCS * 8);
    truth_close(&t);
}
END_TEST

START_TEST(of_a_file_cut_short_what_is_there_is_saved) /* D19 */
{
    static struct truth t;
    struct rescue r;

    truth_open(&t, _i);
    for (size_t len = t.len - 1000; len > 6 * PAGE; len -= 3 * PAGE + 700) {
        int fd = truth_write(&t);

        ck_assert_int_eq(ftruncate(fd, (off_t)len), 0);
        close(fd);
        rescue_run(&r, &t); /* to open it may lengthen it */
        (void)rescue_assert(&r, &t);
        rescue_end(&r);
        (void)look_at(&t);
        rescue_run(&r, &t);
        (void)rescue_assert(&r, &t);
        rescue_sync(&r, &t);
        rescue_end(&r);
    }
    truth_close(&t);
}
END_TEST

/* What the two first pages say: where the trees begin, and which is newer. */
START_TEST(whatever_bit_of_the_roots_is_damaged_it_is_said)
{
    static struct truth t;
    size_t step = seeds > 1000 ? 1 : 61;
    struct rescue r;

    truth_open(&t, TRUTH_PLAIN);
    for (size_t bit = 0; bit < ROOT_BYTES * 8; bit += step) {
        off_t at = (off_t)_i * PAGE + ROOT_AT + (off_t)bit / 8;
        uint8_t byte = t.file[at] ^ (uint8_t)(1u << bit % 8);
        int fd = truth_write(&t);

        ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
        close(fd);
        (void)look_at(&t);
        rescue_run(&r, &t);
        (void)rescue_assert(&r, &t);
        rescue_end(&r);
    }
    truth_close(&t);
}
END_TEST

static void spoil(struct truth *t, int fd, struct sim_random *random)
{
    static uint8_t noise[PAGE];
    off_t at = (off_t)(random_next(random) % t->len);
    uint8_t byte;

    unsigned how = random_below(random, 8);

    if (how == 2) { /* the head of a page */
        at = at / PAGE * PAGE + (off_t)random_below(random, 40);
    }
    switch (how) {
    case 0:
        memset(noise, random_chance(random, 50) ? 0 : 0xa5, sizeof(noise));
        ck_assert_int_eq(pwrite(fd, noise, PAGE, at / PAGE * PAGE), PAGE);
        break;
    case 1:
        ck_assert_int_eq(ftruncate(fd, at), 0);
        break;
    default:
        if (pread(fd, &byte, 1, at) == 1) {
            byte ^= (uint8_t)(1u << random_below(random, 8));
            ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
        }
    }
}

/* Gives how many documents are whole; *said: the check found something. */
static unsigned survive(struct truth *t, unsigned seed, bool *found)
{
    struct sim_random random = {.state = seed};
    int fd = truth_write(t);
    struct rescue r;
    unsigned whole;

    spoil(t, fd, &random);
    while (random_chance(&random, 30)) {
        spoil(t, fd, &random);
    }
    close(fd);
    if (getenv("SALVAGE_SAY") != NULL) {
        fprintf(stderr, "seed %u\n", seed);
    }
    *found = look_at(t);
    rescue_run(&r, t);
    whole = rescue_assert(&r, t);
    if (seed % 8 == 0) {
        rescue_sync(&r, t);
    }
    rescue_end(&r);
    return whole;
}

START_TEST(whatever_is_damaged_nothing_wrong_is_shown_as_right)
{
    static struct truth t;
    unsigned silent = 0, whole = 0;

    truth_open(&t, _i);
    for (unsigned i = 0; i < seeds; i++) {
        bool found;

        whole += survive(&t, seeds_from + i, &found);
        silent += !found;
        if ((i + 1) % 1000 == 0) {
            printf("# %u seeds so far\n", i + 1);
            fflush(stdout);
        }
    }
    printf("# %u seeds, %u of them harmless, %.2f of %d documents whole\n",
           seeds, silent, (double)whole / seeds, DAMAGE_DOCS);
    truth_close(&t);
}
END_TEST

/* Keys of the tree of documents that are none; a record that says its document
 * was removed. */
START_TEST(what_was_once_shown_as_right_is_named)
{
    static const struct {
        int kind;
        unsigned seed;
    } once[] = {{TRUTH_PACKED, 2512},
                {TRUTH_PACKED, 7000},
                {TRUTH_PLAIN, 2351},
                {TRUTH_PLAIN, 817}};
    static struct truth t;
    bool found;

    truth_open(&t, once[_i].kind);
    (void)survive(&t, once[_i].seed, &found);
    ck_assert(found);
    truth_close(&t);
}
END_TEST

static Suite *salvage_suite(void)
{
    Suite *suite = suite_create("salvage");
    TCase *saving = tcase_create("saving");

    tcase_set_timeout(saving, 100000);
    tcase_add_loop_test(saving, a_whole_store_is_saved_whole, 0, TRUTH_KINDS);
    tcase_add_loop_test(saving,
                        without_its_first_pages_a_store_is_saved_all_the_same,
                        0, TRUTH_KINDS);
    tcase_add_loop_test(saving,
                        of_a_store_without_any_one_page_the_rest_is_saved, 0,
                        TRUTH_KINDS);
    tcase_add_loop_test(saving, of_a_file_cut_short_what_is_there_is_saved, 0,
                        TRUTH_KINDS);
    tcase_add_loop_test(saving, whatever_bit_of_the_roots_is_damaged_it_is_said,
                        0, 2);
    tcase_add_loop_test(saving,
                        whatever_is_damaged_nothing_wrong_is_shown_as_right, 0,
                        TRUTH_KINDS);
    tcase_add_loop_test(saving, what_was_once_shown_as_right_is_named, 0, 4);
    suite_add_tcase(suite, saving);
    return suite;
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        seeds = (unsigned)strtoul(argv[1], NULL, 10);
    }
    if (argc > 2) {
        seeds_from = (unsigned)strtoul(argv[2], NULL, 10);
    }
    return harness_run(salvage_suite());
}
