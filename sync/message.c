/* Decoding walks a message once with the reader and judges every item of every
 * list on the way; what it keeps of a list is where it lies and how many items
 * it has. Walking a list again later cannot meet anything unforeseen, so the
 * next functions have no errors. docs/PROTOCOL.md "Messages".
 */
#include "sync/message.h"

#include "core/limits.h"
#include "sync/interest.h"

#define HELLO_ITEMS   7
#define REFUSAL_ITEMS 3
#define SUM_ITEMS     4

struct message_decoder {
    struct cove_reader r;
    struct cove_diag *diag;
};

static int message_bad(struct message_decoder *d, const char *rule)
{
    return cove_fail(d->diag, COVE_EPROTOCOL, "message: %s", rule);
}

/* --- items, one of each list; false where malformed */

static bool item_fixed(struct cove_reader *r, void *out, size_t len)
{
    if (cove_reader_peek(r) != COVE_CBOR_BYTES) {
        return false;
    }

    struct cove_bytes bytes = cove_reader_bytes(r);

    if (bytes.len != len) {
        return false;
    }
    memcpy(out, bytes.at, len);
    return true;
}

static bool item_list(struct cove_reader *r, size_t count)
{
    return cove_reader_peek(r) == COVE_CBOR_LIST &&
           cove_reader_list(r) == count;
}

static bool item_uint(struct cove_reader *r, uint64_t max, uint64_t *out)
{
    if (cove_reader_peek(r) != COVE_CBOR_UINT) {
        return false;
    }
    *out = cove_reader_uint(r);
    return *out <= max;
}

bool cove_message_next_id(struct cove_reader *r, struct cove_id *out)
{
    return item_fixed(r, out->b, sizeof(out->b));
}

bool cove_message_next_have(struct cove_reader *r, struct cove_id *id,
                            struct cove_hash *digest)
{
    return item_list(r, 2) && item_fixed(r, id->b, sizeof(id->b)) &&
           item_fixed(r, digest->b, sizeof(digest->b));
}

bool cove_message_next_row(struct cove_reader *r, struct cove_message_row *out)
{
    uint64_t len;

    if (!item_list(r, 3) ||
        !item_fixed(r, out->session.b, sizeof(out->session.b)) ||
        !item_uint(r, UINT32_MAX, &len) || len == 0 ||
        !item_fixed(r, out->head, sizeof(out->head))) {
        return false;
    }
    out->len = (uint32_t)len;
    return true;
}

bool cove_message_next_know(struct cove_reader *r, struct cove_id *id,
                            struct cove_message_items *rows)
{
    if (!item_list(r, 2) || !item_fixed(r, id->b, sizeof(id->b)) ||
        cove_reader_peek(r) != COVE_CBOR_LIST) {
        return false;
    }

    struct cove_reader whole = *r;

    rows->count = cove_reader_list(r);
    rows->bytes.at = r->at;

    struct cove_bytes item = cove_reader_item(&whole);

    rows->bytes.len = (size_t)(item.at + item.len - r->at);
    r->at = whole.at;
    return whole.err == 0;
}

bool cove_message_next_bytes(struct cove_reader *r, struct cove_bytes *out)
{
    if (cove_reader_peek(r) != COVE_CBOR_BYTES) {
        return false;
    }
    *out = cove_reader_bytes(r);
    return true;
}

bool cove_message_next_refusal(struct cove_reader *r, struct cove_refusal *out)
{
    if (!item_list(r, REFUSAL_ITEMS)) {
        return false;
    }
    out->has_id = cove_reader_peek(r) != COVE_CBOR_NULL;
    if (!out->has_id) {
        cove_reader_null(r);
    } else if (!item_fixed(r, out->id.b, sizeof(out->id.b))) {
        return false;
    }
    if (cove_reader_peek(r) != COVE_CBOR_NINT) {
        return false;
    }

    int64_t code = cove_reader_int(r);

    if (code < -9999 || cove_reader_peek(r) != COVE_CBOR_TEXT) {
        return false;
    }
    out->code = (int)code;
    out->text = cove_reader_text(r);
    return r->err == 0 && out->text.len <= COVE_MESSAGE_MAX_REASON;
}

/* How many marks a node has, by its mask or, of a leaf, by their length. */
static bool sum_is_sound(const struct cove_message_sum *sum)
{
    size_t count = sum->marks.len / COVE_MESSAGE_MARK;
    size_t ways = 0;

    for (unsigned mask = sum->mask; mask != 0; mask &= mask - 1) {
        ways++;
    }
    return sum->marks.len % COVE_MESSAGE_MARK == 0 && count > 0 &&
           (sum->mask == 0
                ? count <= COVE_MESSAGE_SUM_LEAF
                : count == ways && sum->depth < COVE_MESSAGE_SUM_DEPTH);
}

bool cove_message_next_sum(struct cove_reader *r, struct cove_message_sum *out)
{
    uint64_t depth, mask;

    memset(out, 0, sizeof(*out));
    if (!item_list(r, SUM_ITEMS) ||
        !item_uint(r, COVE_MESSAGE_SUM_DEPTH, &depth) ||
        !item_fixed(r, out->bits, ((size_t)depth + 1) / 2) ||
        !item_uint(r, UINT16_MAX, &mask) ||
        !cove_message_next_bytes(r, &out->marks)) {
        return false;
    }
    out->depth = (uint8_t)depth;
    out->mask = (uint16_t)mask;
    return (depth % 2 == 0 || (out->bits[depth / 2] & 0xf) == 0) &&
           sum_is_sound(out);
}

/* --- what each list may hold */

static bool check_id(struct cove_reader *r)
{
    struct cove_id id;

    return cove_message_next_id(r, &id);
}

static bool check_have(struct cove_reader *r)
{
    struct cove_id id;
    struct cove_hash digest;

    return cove_message_next_have(r, &id, &digest);
}

static bool check_bytes(struct cove_reader *r)
{
    struct cove_bytes bytes;

    return cove_message_next_bytes(r, &bytes);
}

static bool check_refusal(struct cove_reader *r)
{
    struct cove_refusal refusal;

    return cove_message_next_refusal(r, &refusal);
}

/* Rows stand in order, so that both sides can be merged in one walk. */
static bool check_know(struct cove_reader *r)
{
    struct cove_message_items rows;
    struct cove_message_row row, last = {.len = 0};
    struct cove_id id;

    if (!cove_message_next_know(r, &id, &rows) ||
        rows.count > COVE_MESSAGE_MAX_ROWS) {
        return false;
    }

    struct cove_reader walk = cove_message_walk(&rows);

    for (size_t i = 0; i < rows.count; i++) {
        if (!cove_message_next_row(&walk, &row) ||
            (i > 0 &&
             memcmp(&last.session, &row.session, sizeof(row.session)) >= 0)) {
            return false;
        }
        last = row;
    }
    return true;
}

static bool check_sum(struct cove_reader *r)
{
    struct cove_message_sum sum;

    return cove_message_next_sum(r, &sum);
}

static bool check_differ(struct cove_reader *r)
{
    struct cove_bytes bits;

    return cove_message_next_bytes(r, &bits) && bits.len > 0 &&
           bits.len <= COVE_MESSAGE_SUM_LEAF / 8;
}

struct message_rule { /* of a list */
    size_t max;
    bool (*check)(struct cove_reader *r);
    const char *name;
};

static const struct message_rule rule_have = {COVE_MESSAGE_MAX_HAVE, check_have,
                                              "the list of what is had"};
static const struct message_rule rule_know = {COVE_MESSAGE_MAX_KNOW, check_know,
                                              "the list of what is known"};
static const struct message_rule rule_headers = {
    COVE_MESSAGE_MAX_ITEMS, check_bytes, "the list of headers"};
static const struct message_rule rule_batches = {
    COVE_MESSAGE_MAX_ITEMS, check_bytes, "the list of batches"};
static const struct message_rule rule_done = {COVE_MESSAGE_MAX_DONE, check_id,
                                              "the list of answered documents"};
static const struct message_rule rule_refused_ids = {
    COVE_MESSAGE_MAX_REFUSED, check_id, "the list of refused documents"};
static const struct message_rule rule_refused = {
    COVE_MESSAGE_MAX_REFUSED, check_refusal, "the list of refusals"};

static const struct message_rule rule_sums = {COVE_MESSAGE_MAX_SUMS, check_sum,
                                              "the list of sums"};
static const struct message_rule rule_differ = {
    COVE_MESSAGE_MAX_SUMS, check_differ, "the list of what differs"};

static int decode_list(struct message_decoder *d,
                       const struct message_rule *rule,
                       struct cove_message_items *out)
{
    if (cove_reader_peek(&d->r) != COVE_CBOR_LIST) {
        return cove_fail(d->diag, COVE_EPROTOCOL, "message: %s is not a list",
                         rule->name);
    }
    out->count = cove_reader_list(&d->r);
    if (out->count > rule->max) {
        return cove_fail(d->diag, COVE_EPROTOCOL,
                         "message: %s has %zu items; the limit is %zu",
                         rule->name, out->count, rule->max);
    }
    out->bytes.at = d->r.at;
    for (size_t i = 0; i < out->count; i++) {
        if (!rule->check(&d->r)) {
            return cove_fail(d->diag, COVE_EPROTOCOL,
                             "message: item %zu of %s is malformed", i,
                             rule->name);
        }
    }
    out->bytes.len = (size_t)(d->r.at - out->bytes.at);
    return 0;
}

/* --- each kind */

static int decode_hello(struct message_decoder *d, size_t items,
                        struct cove_hello *out)
{
    struct cove_reader *r = &d->r;

    if (items < HELLO_ITEMS) {
        return message_bad(d, "a hello has at least 7 items behind its kind");
    }
    if (!item_fixed(r, out->store_id, sizeof(out->store_id)) ||
        !item_uint(r, COVE_MESSAGE_MAX_NUMBER, &out->position) ||
        !item_fixed(r, out->your_store, sizeof(out->your_store)) ||
        !item_uint(r, COVE_MESSAGE_MAX_NUMBER, &out->have) ||
        !item_uint(r, UINT64_MAX, &out->credit) ||
        cove_reader_peek(r) != COVE_CBOR_TEXT) {
        return message_bad(d, "an item of the hello is malformed");
    }
    out->client = cove_reader_text(r);
    if (out->client.len > COVE_MESSAGE_MAX_CLIENT) {
        return message_bad(d, "the client's name is longer than 64 bytes");
    }

    int err = decode_list(d, &rule_refused_ids, &out->refused);

    out->interest = cove_interest_everything();
    if (err == 0 && items > HELLO_ITEMS &&
        !cove_interest_check(r, &out->interest)) {
        err = message_bad(d, "the interest in the hello is malformed");
    }
    /* What a later version says behind it is not for this one. */
    for (size_t i = HELLO_ITEMS + 1; i < items && err == 0; i++) {
        (void)cove_reader_item(r);
    }
    return err;
}

static int decode_content(struct message_decoder *d, struct cove_message *out)
{
    int err = decode_list(d, &rule_headers, &out->headers);

    if (err == 0) {
        err = decode_list(d, &rule_batches, &out->batches);
    }
    return err == 0 ? decode_list(d, &rule_done, &out->done) : err;
}

static int decode_sums(struct message_decoder *d, struct cove_message_sums *out)
{
    struct cove_reader *r = &d->r;
    uint64_t class;

    if (!item_uint(r, COVE_MESSAGE_CLASSES - 1, &class) ||
        !item_fixed(r, out->owner.b, sizeof(out->owner.b))) {
        return message_bad(d, "the sums are of no group");
    }
    out->class = (unsigned)class;
    memset(&out->schema, 0, sizeof(out->schema));
    out->has_schema = cove_reader_peek(r) != COVE_CBOR_NULL;
    if (!out->has_schema) {
        cove_reader_null(r);
    } else if (!item_fixed(r, out->schema.b, sizeof(out->schema.b))) {
        return message_bad(d, "the sums are of no group");
    }
    return decode_list(d, &rule_sums, &out->nodes);
}

static int decode_number(struct message_decoder *d, uint64_t max, uint64_t *out)
{
    return item_uint(&d->r, max, out)
               ? 0
               : message_bad(d, "a number is missing or out of range");
}

static int decode_id(struct message_decoder *d, struct cove_id *out)
{
    return cove_message_next_id(&d->r, out)
               ? 0
               : message_bad(d, "the document is malformed");
}

static int decode_body(struct message_decoder *d, size_t items,
                       struct cove_message *out)
{
    static const uint8_t lengths[] = {
        [COVE_MESSAGE_HELLO] = 0,    [COVE_MESSAGE_HAVE] = 2,
        [COVE_MESSAGE_KNOW] = 3,     [COVE_MESSAGE_CONTENT] = 4,
        [COVE_MESSAGE_POSITION] = 2, [COVE_MESSAGE_ACK] = 3,
        [COVE_MESSAGE_CREDIT] = 2,   [COVE_MESSAGE_PING] = 2,
        [COVE_MESSAGE_PONG] = 2,     [COVE_MESSAGE_REFUSED] = 2,
        [COVE_MESSAGE_SUMS] = 5,     [COVE_MESSAGE_DIFFER] = 2,
        [COVE_MESSAGE_INTEREST] = 2, [COVE_MESSAGE_INTERESTED] = 1,
        [COVE_MESSAGE_CLOCK] = 2,    [COVE_MESSAGE_WHOLE] = 2,
        [COVE_MESSAGE_UNLIKE] = 1,   [COVE_MESSAGE_SPARE] = 2,
    };
    int err;

    if (out->kind >= COVE_ARRAY_LEN(lengths)) {
        return cove_fail(d->diag, COVE_EPROTOCOL,
                         "message: of the unknown kind %llu",
                         (unsigned long long)out->kind);
    }
    if (lengths[out->kind] != 0 && items != lengths[out->kind]) {
        return message_bad(d, "it has more or fewer items than its kind");
    }
    switch ((enum cove_message_kind)out->kind) {
    case COVE_MESSAGE_HELLO:
        return decode_hello(d, items - 1, &out->hello);
    case COVE_MESSAGE_HAVE:
        return decode_list(d, &rule_have, &out->have);
    case COVE_MESSAGE_KNOW:
        err = decode_number(d, COVE_MESSAGE_MAX_NUMBER, &out->settled);
        return err == 0 ? decode_list(d, &rule_know, &out->know) : err;
    case COVE_MESSAGE_CONTENT:
        return decode_content(d, out);
    case COVE_MESSAGE_ACK:
        err = decode_number(d, COVE_MESSAGE_MAX_NUMBER, &out->number);
        return err == 0 ? decode_list(d, &rule_refused_ids, &out->refused)
                        : err;
    case COVE_MESSAGE_CLOCK:
    case COVE_MESSAGE_POSITION:
        return decode_number(d, COVE_MESSAGE_MAX_NUMBER, &out->number);
    case COVE_MESSAGE_CREDIT:
    case COVE_MESSAGE_PING:
    case COVE_MESSAGE_PONG:
        return decode_number(d, UINT64_MAX, &out->number);
    case COVE_MESSAGE_REFUSED:
        return decode_list(d, &rule_refused, &out->refused);
    case COVE_MESSAGE_SUMS:
        return decode_sums(d, &out->sums);
    case COVE_MESSAGE_INTEREST:
        return cove_interest_check(&d->r, &out->interest)
                   ? 0
                   : message_bad(d, "the interest is malformed");
    case COVE_MESSAGE_WHOLE:
        return item_fixed(&d->r, out->whole, sizeof(out->whole))
                   ? 0
                   : message_bad(d, "the sum over all is malformed");
    case COVE_MESSAGE_INTERESTED:
    case COVE_MESSAGE_UNLIKE:
        return 0;
    case COVE_MESSAGE_SPARE:
        return decode_id(d, &out->spare);
    case COVE_MESSAGE_DIFFER:
        return decode_list(d, &rule_differ, &out->differ);
    case COVE_MESSAGE_OTHER:
        break;
    }
    return message_bad(d, "of an unknown kind");
}

int cove_message_decode(struct cove_bytes in, struct cove_message *out,
                        struct cove_diag *diag)
{
    struct message_decoder d = {.diag = diag};
    struct cove_message message = {.kind = 0};
    struct cove_diag why;

    cove_diag_clear(&why);
    if (in.len > COVE_MAX_MESSAGE) {
        return message_bad(&d, "longer than 1 MiB");
    }
    if (cove_cbor_check_all(in, COVE_MAX_CBOR_DEPTH, &why) != 0) {
        return cove_fail(diag, COVE_EPROTOCOL, "message: %s", why.text);
    }
    cove_reader_init(&d.r, in);
    if (cove_reader_peek(&d.r) != COVE_CBOR_LIST) {
        return message_bad(&d, "it is not a list");
    }

    size_t items = cove_reader_list(&d.r);

    if (cove_reader_peek(&d.r) != COVE_CBOR_UINT) {
        return message_bad(&d, "it does not begin with its kind");
    }
    message.kind = cove_reader_uint(&d.r);
    if (message.kind < COVE_MESSAGE_OTHER) {
        int err = decode_body(&d, items, &message);

        if (err != 0) {
            return err;
        }
        if (cove_reader_done(&d.r) != 0) {
            return message_bad(&d, "bytes are left over");
        }
    }
    *out = message;
    return 0;
}
