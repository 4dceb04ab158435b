/* Keys that a peer chose to collide in the tables of a sequence (A10): the
 * authors it names, the elements it lets others wait for. */
#include <time.h>

#include "tests/unit/seq_help.h"

#define AUTHORS 100000u
#define WAITING 64000u

static double now_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Does it take about as long as what nobody chose? A table in which all
 * collide takes a hundred times as long. */
#define CHECK_LIKE(chosen, usual)                                              \
    ck_assert_msg((chosen) < 5 * (usual) + 0.5, "%.2f s, and %.2f s",          \
                  (chosen), (usual))

static double take_authors(bool chosen)
{
    struct cove_seq *seq = seq_new(&cove_alloc_libc, COVE_SEQ_TEXT);
    struct cove_seq_author author = {.hlc = 1};
    double start = now_s();
    uint32_t number;

    for (uint32_t i = 1; i <= AUTHORS; i++) {
        author.hlc = chosen ? (uint64_t)(AUTHORS + 1 - i) << 32 : i * 77u;
        author.tx = i;
        ck_assert_int_eq(cove_seq_author_add(seq, &author, &number), 0);
        ck_assert_uint_eq(number, i + 1);
    }
    ck_assert(cove_seq_author_find(seq, &author, &number));
    cove_seq_free(seq);
    return now_s() - start;
}

/* A10: their fields add up to the same, whatever is done to the sum then. */
START_TEST(authors_chosen_to_collide_cost_what_others_do)
{
    double usual = take_authors(false);
    double chosen = take_authors(true);

    CHECK_LIKE(chosen, usual);
}
END_TEST

static bool is_in_bucket_0(uint32_t n)
{
    return ((uint64_t)n * 0x9e3779b97f4a7c15u >> 40 & 0xffff) == 0;
}

/* The next number of that bucket. There are three distances between them. */
static uint32_t next_in_bucket_0(uint32_t n)
{
    static uint32_t gaps[3];
    uint32_t gap = 1;

    for (unsigned i = 0; i < 3 && gaps[i] != 0; i++) {
        if (is_in_bucket_0(n + gaps[i])) {
            return n + gaps[i];
        }
    }
    while (!is_in_bucket_0(n + gap)) {
        gap++;
    }
    for (unsigned i = 0; i < 3; i++) {
        if (gaps[i] == 0) {
            gaps[i] = gap;
            break;
        }
    }
    return n + gap;
}

static double let_wait(bool chosen)
{
    struct cove_seq *seq = seq_new(&cove_alloc_libc, COVE_SEQ_TEXT);
    double start = now_s();
    uint32_t n = 0;

    for (unsigned waiting = 1; waiting < WAITING; waiting++) {
        n = chosen ? next_in_bucket_0(n) : n + 60013;
        ck_assert_int_eq(take(seq, 1, n - 1, elem(0, n), COVE_SEQ_RIGHT, "x"),
                         0);
    }
    ck_assert_uint_eq(cove_seq_waiting(seq), WAITING - 1);
    cove_seq_free(seq);
    return now_s() - start;
}

/* A10: nearly as many as may wait, for elements of one bucket of any table up
 * to 2^16 that multiplies by the golden ratio. */
START_TEST(elements_chosen_to_collide_cost_what_others_do)
{
    double usual = let_wait(false);
    double chosen = let_wait(true);

    CHECK_LIKE(chosen, usual);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("seq_attack");
    TCase *tcase = tcase_create("attack");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, authors_chosen_to_collide_cost_what_others_do);
    tcase_add_test(tcase, elements_chosen_to_collide_cost_what_others_do);
    suite_add_tcase(suite, tcase);
    return harness_run(suite);
}
