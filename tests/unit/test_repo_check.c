/* Damage of each kind is planted in a store: the check names it, and where it
 * is to repair, what follows from what is whole is made again, what does not is
 * cut off, and a peer sends it again. D1 … are those of the list of damage that
 * docs/ADMIN.md "What check finds" has. */
#include "tests/unit/damage_kit.h"

#define LONG (DAMAGE_SMALL + 1) /* of this device alone, in many chunks */
#define BOBS (DAMAGE_DOCS - 1)  /* the same of a peer */

static struct damage_said said; /* large */

START_TEST(a_whole_store_is_found_whole)
{
    struct damage d;

    damage_open(&d, _i);
    damage_check(&d, false, &said);
    damage_print(&said);
    ck_assert_uint_eq(said.count, 0);
    ck_assert_uint_eq(said.sum.documents, DAMAGE_DOCS + 1);
    ck_assert_uint_eq(said.sum.transactions,
                      DAMAGE_SMALL + (DAMAGE_LONG + 1) * DAMAGE_WRITES + 6);
    damage_check(&d, true, &said);
    ck_assert_uint_eq(said.count, 0);
    damage_assert_same(&d);
    damage_close(&d);
}
END_TEST

/* --- what follows from what is whole */

static void plant_checkpoint(struct damage *d)
{
    damage_flip(d, REPO_STATES, damage_num(d, LONG), 0, -20);
}

static void plant_no_checkpoint(struct damage *d)
{
    static struct damage_entry e;
    struct cove_place place;

    ck_assert(damage_take(d, REPO_STATES,
                          damage_prefix(&place, damage_num(d, LONG)), 0, &e));
    damage_drop(d, REPO_STATES, &e);
}

static void plant_schema(struct damage *d)
{
    static struct damage_entry e;

    ck_assert(damage_take(d, REPO_SCHEMAS, cove_bytes(NULL, 0), 2, &e));
    damage_drop(d, REPO_SCHEMAS, &e);
}

static void plant_schema_extra(struct damage *d)
{
    static struct damage_entry e;

    ck_assert(damage_take(d, REPO_SCHEMAS, cove_bytes(NULL, 0), 2, &e));
    e.key[e.key_len - 1] ^= 0x40;
    damage_put(d, REPO_SCHEMAS, &e);
}

static void plant_change(struct damage *d)
{
    static struct damage_entry e;

    ck_assert(damage_take(d, REPO_CHANGES, cove_bytes(NULL, 0), 3, &e));
    damage_drop(d, REPO_CHANGES, &e);
}

static void plant_change_extra(struct damage *d)
{
    static struct damage_entry e;
    struct cove_place place;

    ck_assert(damage_take(d, REPO_CHANGES, cove_bytes(NULL, 0), 3, &e));
    e.key_len = damage_prefix(&place, 1).len; /* long replaced */
    memcpy(e.key, place.b, place.len);
    damage_put(d, REPO_CHANGES, &e);
}

static void plant_id(struct damage *d)
{
    static struct damage_entry e;

    ck_assert(damage_take(d, REPO_IDS, cove_bytes(d->docs[3].b, 32), 0, &e));
    damage_drop(d, REPO_IDS, &e);
}

static void plant_tally(struct damage *d)
{
    static struct damage_entry e;

    ck_assert(damage_take(d, REPO_TALLIES, cove_bytes(NULL, 0), 0, &e));
    e.value[0]++;
    damage_put(d, REPO_TALLIES, &e);
}

static void plant_group_count(struct damage *d)
{
    static struct damage_entry e;

    ck_assert(damage_take(d, REPO_GROUPS, cove_bytes(NULL, 0), 0, &e));
    e.value[0]++;
    damage_put(d, REPO_GROUPS, &e);
}

static void plant_register(struct damage *d)
{
    static struct damage_entry e;

    for (size_t i = 0; damage_take(d, REPO_INTERN, cove_bytes(NULL, 0), i, &e);
         i++) {
        if (e.value[0] == REPO_INTERN_REGISTER) {
            e.value[e.value_len - 1] ^= 0x10;
            damage_put(d, REPO_INTERN, &e);
            return;
        }
    }
    ck_abort_msg("no register is interned");
}

static void plant_register_key(struct damage *d)
{
    static struct damage_entry e;
    const uint8_t kind[] = {REPO_INTERN_REGISTER};

    ck_assert(damage_take(d, REPO_INTERN_KEYS, cove_bytes(kind, 1), 0, &e));
    damage_drop(d, REPO_INTERN_KEYS, &e);
    e.key[e.key_len - 1] ^= 0x10;
    damage_put(d, REPO_INTERN_KEYS, &e);
}

static void plant_clock(struct damage *d)
{
    struct cove_store_txn *txn = kit_begin(&d->alice, true);
    struct repo_work work;

    ck_assert_int_eq(repo_work_write(&work, d->alice.repo, txn, NULL), 0);
    work.counters.last_hlc = 7;
    work.counters.own_hlc = 7;
    ck_assert_int_eq(repo_work_end(&work), 0);
    kit_commit(txn);
}

static void plant_numbers(struct damage *d)
{
    struct cove_store_txn *txn = kit_begin(&d->alice, true);
    struct repo_work work;

    ck_assert_int_eq(repo_work_write(&work, d->alice.repo, txn, NULL), 0);
    work.counters.next_num = 3;
    work.counters.sequence = 2;
    ck_assert_int_eq(repo_work_end(&work), 0);
    kit_commit(txn);
}

/* Change a row of a record past all that keeps it right. */
static void plant_row(struct damage *d, size_t doc,
                      void (*change)(struct repo_row *row))
{
    struct cove_store_txn *txn = kit_begin(&d->alice, true);
    struct repo_record record;
    struct repo_work work;

    ck_assert_int_eq(repo_work_write(&work, d->alice.repo, txn, NULL), 0);
    ck_assert_int_eq(repo_record_read(&work,
                                      kit_num(&d->alice, txn, &d->docs[doc]),
                                      &record),
                     0);
    change(&record.rows[0]);
    ck_assert_int_eq(repo_record_write(&work, &record), 0);
    ck_assert_int_eq(repo_work_end(&work), 0);
    kit_commit(txn);
}

static void change_head(struct repo_row *row)
{
    row->pub.head.b[5] ^= 1;
}

static void plant_digest(struct damage *d)
{
    plant_row(d, LONG, change_head);
}

static void change_hlc(struct repo_row *row)
{
    row->pub.last_hlc += 65536;
}

static void plant_last(struct damage *d)
{
    plant_row(d, LONG, change_hlc);
}

static void change_length(struct repo_row *row)
{
    row->pub.len += 3;
    row->pub.folded += 3;
    row->tail = 0;
}

static void plant_length(struct damage *d) /* D9 */
{
    plant_row(d, BOBS, change_length);
}

static void change_tomb(struct repo_row *row)
{
    row->tomb = true;
}

static void plant_tomb(struct damage *d)
{
    plant_row(d, 4, change_tomb);
}

static void change_branch(struct repo_row *row)
{
    row->has_branch = true;
    row->branch.b[3] = 7;
}

static void plant_branch(struct damage *d)
{
    plant_row(d, LONG, change_branch);
}

/* A bit of what stands before all in a record. */
static void plant_flag(struct damage *d, size_t at, uint8_t bit)
{
    static struct damage_entry e;
    struct cove_place place;

    ck_assert(damage_take(d, REPO_DOCS, damage_prefix(&place, damage_num(d, 3)),
                          0, &e));
    e.value[at] ^= bit;
    damage_put(d, REPO_DOCS, &e);
}

static void plant_removed(struct damage *d)
{
    plant_flag(d, 2, COVE_DOC_REMOVED >> 7);
}

static void plant_local(struct damage *d)
{
    plant_flag(d, 1, COVE_DOC_LOCAL);
}

/* It has no copy. */
static void plant_held(struct damage *d)
{
    plant_flag(d, 2, 1 << 5);
}

static const struct {
    const char *kind;
    void (*plant)(struct damage *d);
} derived[] = {
    {"checkpoint", plant_checkpoint}, /* D4 */
    {"checkpoint", plant_no_checkpoint},
    {"schema-entry", plant_schema}, /* D5 */
    {"schema-entry", plant_schema_extra},
    {"change-entry", plant_change},
    {"change-entry", plant_change_extra},
    {"id-entry", plant_id},
    {"digest", plant_digest}, /* D10 */
    {"record-field", plant_last},
    {"record-field", plant_tomb},
    {"record-field", plant_branch},
    {"record-field", plant_removed},
    {"record-field", plant_local},
    {"record-field", plant_held},
    {"length-ahead", plant_length}, /* D9 */
    {"tally", plant_tally},
    {"group-count", plant_group_count},
    {"intern-entry", plant_register},
    {"intern-entry", plant_register_key},
    {"clock", plant_clock}, /* D17 */
    {"counters", plant_numbers},
};

/* Whoever would obey looks at what the author signed first. */
START_TEST(nothing_is_removed_because_a_bit_says_so)
{
    struct cove_store_txn *txn;
    struct cove_doc doc;
    struct damage d;

    damage_open(&d, FIXTURE_MEMORY);
    plant_tomb(&d);
    txn = kit_begin(&d.alice, true);
    ck_assert_int_eq(cove_repo_load(d.alice.repo, txn,
                                    kit_num(&d.alice, txn, &d.docs[4]),
                                    &d.alice.arena, &doc, NULL),
                     COVE_ECORRUPT);
    kit_commit(txn);
    damage_check(&d, true, &said);
    damage_assert_same(&d);
    damage_close(&d);
}
END_TEST

START_TEST(what_was_derived_is_named_and_made_again)
{
    struct damage d;
    size_t n = (size_t)_i;

    damage_open(&d, FIXTURE_MEMORY);
    derived[n].plant(&d);
    damage_check(&d, false, &said);
    damage_print(&said);
    ck_assert_uint_ge(damage_said(&said, derived[n].kind, NULL), 1);
    ck_assert_uint_eq(said.sum.fixed, 0);
    if (derived[n].plant != plant_register) { /* documents are read by it */
        ck_assert_uint_eq(said.sum.lost, 0);
    }
    damage_check(&d, true, &said);
    damage_print(&said);
    ck_assert_uint_eq(said.sum.lost, 0);
    ck_assert_uint_ge(said.sum.fixed, 1);
    ck_assert_uint_eq(said.sum.fixed, said.sum.derived);
    damage_check(&d, false, &said);
    damage_print(&said);
    ck_assert_uint_eq(said.count, 0);
    kit_reopen(&d.alice);
    damage_assert_same(&d);
    damage_close(&d);
}
END_TEST

/* --- what was lost */

static void plant_header(struct damage *d) /* D1 */
{
    damage_flip(d, REPO_DOCS, damage_num(d, 3), 0, 44);
}

static void plant_tx(struct damage *d) /* D2 */
{
    damage_flip(d, REPO_LOG, damage_num(d, BOBS), 1, -3);
}

static void plant_tx_inline(struct damage *d)
{
    damage_flip(d, REPO_DOCS, damage_num(d, 4), 0, -3);
}

static void plant_signature(struct damage *d) /* D3 */
{
    damage_flip(d, REPO_LOG, damage_num(d, BOBS), 1, 9);
}

static void plant_missing(struct damage *d) /* D6 */
{
    static struct damage_entry e;
    struct cove_place place;

    ck_assert(damage_take(d, REPO_LOG,
                          damage_prefix(&place, damage_num(d, BOBS)), 1, &e));
    damage_drop(d, REPO_LOG, &e);
}

static void plant_missing_end(struct damage *d) /* D7 */
{
    static struct damage_entry e;
    struct cove_place place;

    ck_assert(damage_take(d, REPO_LOG,
                          damage_prefix(&place, damage_num(d, BOBS)), 0, &e));
    damage_drop(d, REPO_LOG, &e);
}

static const struct {
    const char *kind;
    size_t doc;
    void (*plant)(struct damage *d);
} lost[] = {
    {"header", 3, plant_header},
    {"transaction", BOBS, plant_tx},
    {"transaction", 4, plant_tx_inline},
    {"signature", BOBS, plant_signature},
    {"chunk-missing", BOBS, plant_missing},
    {"chunk-missing", BOBS, plant_missing_end},
};

static void take_again(struct damage *d)
{
    for (size_t i = 0; i < DAMAGE_DOCS; i++) {
        struct cove_store_txn *txn = kit_begin(&d->bob, false);
        struct cove_doc doc = kit_load(&d->bob, txn, &d->docs[i]);

        cove_store_abort(txn);
        kit_take_header(&d->alice, &d->docs[i], doc.header_bytes);
        kit_sync(&d->bob, &d->alice, &d->docs[i]);
        cove_arena_reset(&d->alice.arena);
        cove_arena_reset(&d->bob.arena);
    }
}

START_TEST(what_was_lost_is_named_put_aside_and_taken_from_a_peer)
{
    struct damage d;
    const char *kind = lost[_i].kind;
    size_t doc = lost[_i].doc;

    damage_open(&d, FIXTURE_MEMORY);
    lost[_i].plant(&d);
    damage_check(&d, false, &said);
    damage_print(&said);
    ck_assert_uint_eq(damage_said(&said, kind, &d.docs[doc]), 1);
    damage_check(&d, true, &said);
    damage_print(&said);
    ck_assert_uint_eq(damage_said(&said, kind, &d.docs[doc]), 1);
    for (size_t i = 0; i < DAMAGE_DOCS; i++) {
        ck_assert(i == doc || damage_same(&d, i));
    }
    /* Nothing is wrong any more but that it waits. */
    damage_check(&d, false, &said);
    damage_print(&said);
    ck_assert_uint_eq(said.count, damage_said(&said, "refetch", NULL));
    ck_assert_uint_ge(said.count, 1);
    kit_reopen(&d.alice);
    take_again(&d);
    damage_assert_same(&d);
    damage_check(&d, true, &said);
    damage_print(&said);
    ck_assert_uint_eq(said.count, 0);
    damage_check(&d, false, &said);
    ck_assert_uint_eq(said.count, 0);
    damage_close(&d);
}
END_TEST

START_TEST(two_chunks_in_each_others_place_are_put_right) /* D8 */
{
    static struct damage_entry one, two, other;
    struct cove_place place;
    struct damage d;

    damage_open(&d, FIXTURE_MEMORY);
    damage_prefix(&place, damage_num(&d, LONG));
    ck_assert(damage_take(&d, REPO_LOG, cove_place_bytes(&place), 1, &one));
    ck_assert(damage_take(&d, REPO_LOG, cove_place_bytes(&place), 2, &two));
    other = one;
    memcpy(one.value, two.value, two.value_len);
    one.value_len = two.value_len;
    memcpy(two.value, other.value, other.value_len);
    two.value_len = other.value_len;
    damage_put(&d, REPO_LOG, &one);
    damage_put(&d, REPO_LOG, &two);
    damage_check(&d, false, &said);
    damage_print(&said);
    ck_assert_uint_eq(damage_said(&said, "chunk-swapped", &d.docs[LONG]), 1);
    damage_check(&d, true, &said);
    damage_check(&d, false, &said);
    damage_print(&said);
    ck_assert_uint_eq(said.count, 0);
    kit_reopen(&d.alice);
    damage_assert_same(&d);
    damage_close(&d);
}
END_TEST

START_TEST(a_damaged_signature_of_ones_own_is_made_anew) /* D3 */
{
    struct damage d;

    damage_open(&d, FIXTURE_MEMORY);
    damage_flip(&d, REPO_LOG, damage_num(&d, LONG), 0, 9);
    damage_check(&d, false, &said);
    damage_print(&said);
    ck_assert_uint_eq(damage_said(&said, "signature", &d.docs[LONG]), 1);
    damage_check(&d, true, &said);
    damage_check(&d, false, &said);
    damage_print(&said);
    ck_assert_uint_eq(said.count, 0);
    damage_assert_same(&d);
    damage_close(&d);
}
END_TEST

START_TEST(a_document_whose_group_is_gone_says_so_and_waits_for_it) /* D13 */
{
    static struct damage_entry e;
    struct cove_place place;
    struct damage d;

    damage_open(&d, FIXTURE_MEMORY);

    struct cove_store_txn *txn = kit_begin(&d.alice, false);
    cove_num group = kit_num(&d.alice, txn, &d.group);

    cove_store_abort(txn);
    ck_assert(damage_take(&d, REPO_DOCS, damage_prefix(&place, group), 0, &e));
    damage_drop(&d, REPO_DOCS, &e);
    damage_check(&d, false, &said);
    ck_assert_uint_eq(damage_said(&said, "owner-missing", NULL), DAMAGE_DOCS);
    damage_check(&d, true, &said);
    damage_print(&said);
    damage_check(&d, false, &said);
    damage_print(&said);
    ck_assert_uint_eq(damage_said(&said, "refetch", &d.group), 1);
    ck_assert_uint_eq(said.count, 1);

    struct cove_store_txn *peer = kit_begin(&d.bob, false);
    struct cove_doc doc = kit_load(&d.bob, peer, &d.group);

    cove_store_abort(peer);
    kit_take_header(&d.alice, &d.group, doc.header_bytes);
    damage_assert_same(&d);
    damage_check(&d, true, &said);
    ck_assert_uint_eq(said.count, 0);
    damage_close(&d);
}
END_TEST

START_TEST(a_chunk_that_no_document_has_is_put_aside) /* D14 */
{
    static struct damage_entry e;
    struct cove_place place;
    struct damage d;

    damage_open(&d, FIXTURE_MEMORY);
    ck_assert(damage_take(&d, REPO_LOG,
                          damage_prefix(&place, damage_num(&d, LONG)), 0, &e));
    e.key[1] += 100; /* another document */
    damage_put(&d, REPO_LOG, &e);
    damage_check(&d, false, &said);
    damage_print(&said);
    ck_assert_uint_eq(damage_said(&said, "orphan-chunk", NULL), 1);
    damage_check(&d, true, &said);
    damage_check(&d, false, &said);
    damage_print(&said);
    ck_assert_uint_eq(damage_said(&said, "orphan-chunk", NULL), 0);
    damage_assert_same(&d);
    damage_close(&d);
}
END_TEST

START_TEST(packed_logs_are_checked_as_others_are)
{
    static struct damage_entry e;
    struct cove_place place;
    struct damage d;

    damage_open(&d, FIXTURE_MEMORY);
    damage_pack(&d);
    damage_check(&d, false, &said);
    damage_print(&said);
    ck_assert_uint_eq(said.count, 0);

    /* A pack is whole or lost: it is compressed. Of bob's log. */
    repo_pack_place(&place, damage_num(&d, BOBS), 0);
    ck_assert(damage_take(&d, REPO_LOG, cove_place_bytes(&place), 0, &e));
    e.value[e.value_len / 2] ^= 4;
    damage_put(&d, REPO_LOG, &e);
    damage_check(&d, false, &said);
    damage_print(&said);
    ck_assert_uint_eq(damage_said(&said, "chunk-missing", &d.docs[BOBS]), 1);
    damage_check(&d, true, &said);
    damage_check(&d, false, &said);
    damage_print(&said);
    ck_assert_uint_eq(said.count, damage_said(&said, "refetch", NULL));
    kit_reopen(&d.alice);
    take_again(&d);
    damage_assert_same(&d);
    damage_check(&d, true, &said);
    damage_check(&d, false, &said);
    damage_print(&said);
    ck_assert_uint_eq(said.count, 0);
    damage_close(&d);
}
END_TEST

static Suite *check_suite(void)
{
    Suite *suite = suite_create("check");
    TCase *check = tcase_create("damage");

    tcase_set_timeout(check, 60);
    tcase_add_loop_test(check, a_whole_store_is_found_whole, 0, FIXTURE_KINDS);
    tcase_add_test(check, nothing_is_removed_because_a_bit_says_so);
    tcase_add_loop_test(check, what_was_derived_is_named_and_made_again, 0,
                        (int)COVE_ARRAY_LEN(derived));
    tcase_add_loop_test(check,
                        what_was_lost_is_named_put_aside_and_taken_from_a_peer,
                        0, (int)COVE_ARRAY_LEN(lost));
    tcase_add_test(check, two_chunks_in_each_others_place_are_put_right);
    tcase_add_test(check, a_damaged_signature_of_ones_own_is_made_anew);
    tcase_add_test(check,
                   a_document_whose_group_is_gone_says_so_and_waits_for_it);
    tcase_add_test(check, a_chunk_that_no_document_has_is_put_aside);
    tcase_add_test(check, packed_logs_are_checked_as_others_are);
    suite_add_tcase(suite, check);
    return suite;
}

int main(void)
{
    return harness_run(check_suite());
}
