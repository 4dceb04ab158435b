/* Any bytes: a message that is accepted can be walked, and what it says encodes
 * to the same bytes again; a hello may have said more than is kept. */
#include <assert.h>

#include "sync/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static struct cove_message_list lists[3];

static void must(int err)
{
    assert(err == 0);
    (void)err;
}

static void ids_again(const struct cove_message_items *items,
                      struct cove_message_list *list)
{
    struct cove_reader walk = cove_message_walk(items);
    struct cove_id id;

    while (cove_message_next_id(&walk, &id)) {
        must(cove_message_add_id(list, &id));
    }
}

static void bytes_again(const struct cove_message_items *items,
                        struct cove_message_list *list)
{
    struct cove_reader walk = cove_message_walk(items);
    struct cove_bytes bytes;

    while (cove_message_next_bytes(&walk, &bytes)) {
        must(cove_message_add_bytes(list, bytes));
    }
}

static void have_again(const struct cove_message *m, struct cove_buf *out)
{
    struct cove_reader walk = cove_message_walk(&m->have);
    struct cove_hash digest;
    struct cove_id id;

    while (cove_message_next_have(&walk, &id, &digest)) {
        must(cove_message_add_have(&lists[0], &id, &digest));
    }
    must(cove_message_put_have(out, &lists[0]));
}

static void know_again(const struct cove_message *m, struct cove_buf *out)
{
    static struct cove_message_row rows[COVE_MESSAGE_MAX_ROWS];
    struct cove_reader walk = cove_message_walk(&m->know);
    struct cove_message_items items;
    struct cove_id id;

    while (cove_message_next_know(&walk, &id, &items)) {
        struct cove_reader inner = cove_message_walk(&items);
        size_t count = 0;

        assert(items.count <= COVE_MESSAGE_MAX_ROWS);
        while (count < items.count &&
               cove_message_next_row(&inner, &rows[count])) {
            count++;
        }
        assert(count == items.count);
        must(cove_message_add_know(&lists[0], &id, rows, count));
    }
    must(cove_message_put_know(out, m->settled, &lists[0]));
}

static void refused_again(const struct cove_message *m, struct cove_buf *out)
{
    struct cove_reader walk = cove_message_walk(&m->refused);
    struct cove_refusal refusal;

    while (cove_message_next_refusal(&walk, &refusal)) {
        must(cove_message_add_refusal(&lists[0], &refusal));
    }
    must(cove_message_put_refused(out, &lists[0]));
}

static void sums_again(const struct cove_message *m, struct cove_buf *out)
{
    struct cove_reader walk = cove_message_walk(&m->sums.nodes);
    struct cove_message_sum sum;

    while (cove_message_next_sum(&walk, &sum)) {
        must(cove_message_add_sum(&lists[0], &sum));
    }
    must(cove_message_put_sums(out, &m->sums, &lists[0]));
}

static void again(const struct cove_message *m, struct cove_buf *out)
{
    switch ((enum cove_message_kind)m->kind) {
    case COVE_MESSAGE_HELLO:
        must(cove_message_put_hello(out, &m->hello));
        break;
    case COVE_MESSAGE_HAVE:
        have_again(m, out);
        break;
    case COVE_MESSAGE_KNOW:
        know_again(m, out);
        break;
    case COVE_MESSAGE_CONTENT:
        bytes_again(&m->headers, &lists[0]);
        bytes_again(&m->batches, &lists[1]);
        ids_again(&m->done, &lists[2]);
        must(cove_message_put_content(out, &lists[0], &lists[1], &lists[2]));
        break;
    case COVE_MESSAGE_ACK:
        ids_again(&m->refused, &lists[0]);
        must(cove_message_put_ack(out, m->number, &lists[0]));
        break;
    case COVE_MESSAGE_REFUSED:
        refused_again(m, out);
        break;
    case COVE_MESSAGE_SUMS:
        sums_again(m, out);
        break;
    case COVE_MESSAGE_DIFFER:
        bytes_again(&m->differ, &lists[0]);
        must(cove_message_put_differ(out, &lists[0]));
        break;
    case COVE_MESSAGE_INTEREST:
        must(cove_message_put_interest(out, m->interest));
        break;
    case COVE_MESSAGE_INTERESTED:
        must(cove_message_put_interested(out));
        break;
    case COVE_MESSAGE_WHOLE:
        must(cove_message_put_whole(out, m->whole));
        break;
    case COVE_MESSAGE_UNLIKE:
        must(cove_message_put_unlike(out));
        break;
    case COVE_MESSAGE_SPARE:
        must(cove_message_put_spare(out, &m->spare));
        break;
    case COVE_MESSAGE_POSITION:
    case COVE_MESSAGE_CREDIT:
    case COVE_MESSAGE_PING:
    case COVE_MESSAGE_PONG:
    case COVE_MESSAGE_CLOCK:
    case COVE_MESSAGE_OTHER:
        must(cove_message_put_number(out, (enum cove_message_kind)m->kind,
                                     m->number));
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct cove_bytes in = cove_bytes(at, len);
    struct cove_message message;
    struct cove_diag diag;
    struct cove_buf out;

    cove_diag_clear(&diag);
    if (cove_message_decode(in, &message, &diag) != 0) {
        assert(diag.code == COVE_EPROTOCOL && diag.text[0] != '\0');
        return 0;
    }
    if (message.kind >= COVE_MESSAGE_OTHER) {
        return 0;
    }
    cove_buf_init(&out, &cove_alloc_libc);
    for (size_t i = 0; i < 3; i++) {
        cove_message_list_init(&lists[i], &cove_alloc_libc);
    }
    again(&message, &out);
    assert(cove_bytes_equal(cove_buf_bytes(&out), in) ||
           (message.kind == COVE_MESSAGE_HELLO && at[0] != 0x89));
    cove_buf_clear(&out);
    for (size_t i = 0; i < 3; i++) {
        cove_message_list_clear(&lists[i]);
    }
    return 0;
}
