/* message_write.c: lists that grow, and whole messages. A list is kept as its
 * encoded items with a count beside them, so that putting it into a message
 * is one copy. docs/PROTOCOL.md "Messages".
 */
#include "sync/message.h"

#define HELLO_ITEMS   7
#define REFUSAL_ITEMS 3
#define SUM_ITEMS     4

/* --- lists */

void cove_message_list_init(struct cove_message_list *list,
                            const struct cove_alloc *alloc)
{
    cove_buf_init(&list->items, alloc);
    list->count = 0;
}

void cove_message_list_clear(struct cove_message_list *list)
{
    cove_buf_clear(&list->items);
    list->count = 0;
}

void cove_message_list_reset(struct cove_message_list *list)
{
    list->items.len = 0;
    list->count = 0;
}

/* The writer has put an item behind `start`: count it, or take it back. */
static int list_end(struct cove_message_list *list, const struct cove_writer *w,
                    size_t start)
{
    if (w->err != 0) {
        list->items.len = start;
        return w->err;
    }
    list->count++;
    return 0;
}

int cove_message_add_id(struct cove_message_list *list,
                        const struct cove_id *id)
{
    return cove_message_add_bytes(list, cove_bytes(id->b, sizeof(id->b)));
}

int cove_message_add_bytes(struct cove_message_list *list,
                           struct cove_bytes bytes)
{
    size_t start = list->items.len;
    struct cove_writer w;

    cove_writer_init(&w, &list->items);
    cove_writer_bytes(&w, bytes.at, bytes.len);
    return list_end(list, &w, start);
}

int cove_message_add_sum(struct cove_message_list *list,
                         const struct cove_message_sum *sum)
{
    size_t start = list->items.len;
    struct cove_writer w;

    cove_writer_init(&w, &list->items);
    cove_writer_list(&w, SUM_ITEMS);
    cove_writer_uint(&w, sum->depth);
    cove_writer_bytes(&w, sum->bits, (sum->depth + 1u) / 2);
    cove_writer_uint(&w, sum->mask);
    cove_writer_bytes(&w, sum->marks.at, sum->marks.len);
    return list_end(list, &w, start);
}

int cove_message_add_have(struct cove_message_list *list,
                          const struct cove_id *id,
                          const struct cove_hash *digest)
{
    size_t start = list->items.len;
    struct cove_writer w;

    cove_writer_init(&w, &list->items);
    cove_writer_list(&w, 2);
    cove_writer_bytes(&w, id->b, sizeof(id->b));
    cove_writer_bytes(&w, digest->b, sizeof(digest->b));
    return list_end(list, &w, start);
}

int cove_message_add_know(struct cove_message_list *list,
                          const struct cove_id *id,
                          const struct cove_message_row *rows, size_t count)
{
    size_t start = list->items.len;
    struct cove_writer w;

    cove_writer_init(&w, &list->items);
    cove_writer_list(&w, 2);
    cove_writer_bytes(&w, id->b, sizeof(id->b));
    cove_writer_list(&w, count);
    for (size_t i = 0; i < count; i++) {
        cove_writer_list(&w, 3);
        cove_writer_bytes(&w, rows[i].session.b, sizeof(rows[i].session.b));
        cove_writer_uint(&w, rows[i].len);
        cove_writer_bytes(&w, rows[i].head, sizeof(rows[i].head));
    }
    return list_end(list, &w, start);
}

int cove_message_add_refusal(struct cove_message_list *list,
                             const struct cove_refusal *refusal)
{
    struct cove_bytes text = refusal->text;
    size_t start = list->items.len;
    struct cove_writer w;

    if (text.len > COVE_MESSAGE_MAX_REASON) {
        text.len = COVE_MESSAGE_MAX_REASON;
        /* Not in the middle of a character. */
        while (text.len > 0 && (text.at[text.len] & 0xc0) == 0x80) {
            text.len--;
        }
    }
    cove_writer_init(&w, &list->items);
    cove_writer_list(&w, REFUSAL_ITEMS);
    if (refusal->has_id) {
        cove_writer_bytes(&w, refusal->id.b, sizeof(refusal->id.b));
    } else {
        cove_writer_null(&w);
    }
    cove_writer_int(&w, refusal->code);
    cove_writer_text(&w, text);
    return list_end(list, &w, start);
}

/* --- whole messages */

static void message_begin(struct cove_writer *w, struct cove_buf *out,
                          size_t items, enum cove_message_kind kind)
{
    cove_writer_init(w, out);
    cove_writer_list(w, items);
    cove_writer_uint(w, kind);
}

static void message_list(struct cove_writer *w,
                         const struct cove_message_list *list)
{
    cove_writer_list(w, list->count);
    cove_writer_item(w, cove_buf_bytes(&list->items));
}

static int message_end(const struct cove_writer *w, size_t start)
{
    if (w->err != 0) {
        w->out->len = start;
    }
    return w->err;
}

int cove_message_put_hello(struct cove_buf *out, const struct cove_hello *hello)
{
    size_t start = out->len;
    struct cove_writer w;

    message_begin(&w, out, 2 + HELLO_ITEMS, COVE_MESSAGE_HELLO);
    cove_writer_bytes(&w, hello->store_id, sizeof(hello->store_id));
    cove_writer_uint(&w, hello->position);
    cove_writer_bytes(&w, hello->your_store, sizeof(hello->your_store));
    cove_writer_uint(&w, hello->have);
    cove_writer_uint(&w, hello->credit);
    cove_writer_text(&w, hello->client);
    cove_writer_list(&w, hello->refused.count);
    cove_writer_item(&w, hello->refused.bytes);
    if (hello->interest.len > 0) {
        cove_writer_item(&w, hello->interest);
    } else {
        cove_writer_null(&w);
    }
    return message_end(&w, start);
}

int cove_message_put_have(struct cove_buf *out,
                          const struct cove_message_list *have)
{
    size_t start = out->len;
    struct cove_writer w;

    message_begin(&w, out, 2, COVE_MESSAGE_HAVE);
    message_list(&w, have);
    return message_end(&w, start);
}

int cove_message_put_know(struct cove_buf *out, uint64_t settled,
                          const struct cove_message_list *know)
{
    size_t start = out->len;
    struct cove_writer w;

    message_begin(&w, out, 3, COVE_MESSAGE_KNOW);
    cove_writer_uint(&w, settled);
    message_list(&w, know);
    return message_end(&w, start);
}

int cove_message_put_content(struct cove_buf *out,
                             const struct cove_message_list *headers,
                             const struct cove_message_list *batches,
                             const struct cove_message_list *done)
{
    size_t start = out->len;
    struct cove_writer w;

    message_begin(&w, out, 4, COVE_MESSAGE_CONTENT);
    message_list(&w, headers);
    message_list(&w, batches);
    message_list(&w, done);
    return message_end(&w, start);
}

int cove_message_put_number(struct cove_buf *out, enum cove_message_kind kind,
                            uint64_t number)
{
    size_t start = out->len;
    struct cove_writer w;

    message_begin(&w, out, 2, kind);
    cove_writer_uint(&w, number);
    return message_end(&w, start);
}

int cove_message_put_ack(struct cove_buf *out, uint64_t position,
                         const struct cove_message_list *refused)
{
    size_t start = out->len;
    struct cove_writer w;

    message_begin(&w, out, 3, COVE_MESSAGE_ACK);
    cove_writer_uint(&w, position);
    message_list(&w, refused);
    return message_end(&w, start);
}

int cove_message_put_refused(struct cove_buf *out,
                             const struct cove_message_list *refused)
{
    size_t start = out->len;
    struct cove_writer w;

    message_begin(&w, out, 2, COVE_MESSAGE_REFUSED);
    message_list(&w, refused);
    return message_end(&w, start);
}

int cove_message_put_sums(struct cove_buf *out,
                          const struct cove_message_sums *sums,
                          const struct cove_message_list *nodes)
{
    size_t start = out->len;
    struct cove_writer w;

    message_begin(&w, out, 5, COVE_MESSAGE_SUMS);
    cove_writer_uint(&w, sums->class);
    cove_writer_bytes(&w, sums->owner.b, sizeof(sums->owner.b));
    if (sums->has_schema) {
        cove_writer_bytes(&w, sums->schema.b, sizeof(sums->schema.b));
    } else {
        cove_writer_null(&w);
    }
    message_list(&w, nodes);
    return message_end(&w, start);
}

int cove_message_put_differ(struct cove_buf *out,
                            const struct cove_message_list *differ)
{
    size_t start = out->len;
    struct cove_writer w;

    message_begin(&w, out, 2, COVE_MESSAGE_DIFFER);
    message_list(&w, differ);
    return message_end(&w, start);
}

int cove_message_put_interest(struct cove_buf *out, struct cove_bytes interest)
{
    size_t start = out->len;
    struct cove_writer w;

    message_begin(&w, out, 2, COVE_MESSAGE_INTEREST);
    cove_writer_item(&w, interest);
    return message_end(&w, start);
}

int cove_message_put_whole(struct cove_buf *out,
                           const uint8_t whole[COVE_MESSAGE_WHOLE_LEN])
{
    size_t start = out->len;
    struct cove_writer w;

    message_begin(&w, out, 2, COVE_MESSAGE_WHOLE);
    cove_writer_bytes(&w, whole, COVE_MESSAGE_WHOLE_LEN);
    return message_end(&w, start);
}

int cove_message_put_unlike(struct cove_buf *out)
{
    size_t start = out->len;
    struct cove_writer w;

    message_begin(&w, out, 1, COVE_MESSAGE_UNLIKE);
    return message_end(&w, start);
}

int cove_message_put_interested(struct cove_buf *out)
{
    size_t start = out->len;
    struct cove_writer w;

    message_begin(&w, out, 1, COVE_MESSAGE_INTERESTED);
    return message_end(&w, start);
}

int cove_message_put_spare(struct cove_buf *out, const struct cove_id *id)
{
    size_t start = out->len;
    struct cove_writer w;

    message_begin(&w, out, 2, COVE_MESSAGE_SPARE);
    cove_writer_bytes(&w, id->b, sizeof(id->b));
    return message_end(&w, start);
}
