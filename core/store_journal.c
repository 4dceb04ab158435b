#include "core/store_journal.h"

#include <assert.h>

#include "core/store.h"

#define JOURNAL_KEPT ((size_t)1 << 20) /* bytes kept from one to the next */
#define VALUE_GONE   UINT32_MAX

struct journal_head {
    uint32_t value_len; /* or VALUE_GONE */
    uint8_t tree;
    uint8_t key_len;
};

static_assert(COVE_STORE_MAX_KEY <= UINT8_MAX &&
                  COVE_STORE_MAX_TREES <= UINT8_MAX &&
                  COVE_STORE_MAX_VALUE < VALUE_GONE,
              "the limits of the store fit a journal head");

void cove_store_journal_init(struct cove_store_journal *journal,
                             const struct cove_alloc *alloc)
{
    cove_buf_init(&journal->buf, alloc);
}

void cove_store_journal_clear(struct cove_store_journal *journal)
{
    cove_buf_clear(&journal->buf);
}

void cove_store_journal_reset(struct cove_store_journal *journal)
{
    journal->buf.len = 0;
    if (journal->buf.cap > JOURNAL_KEPT) {
        cove_buf_clear(&journal->buf);
    }
}

int cove_store_journal_append(struct cove_store_journal *journal,
                              const struct cove_store_change *change)
{
    struct cove_buf *buf = &journal->buf;
    struct journal_head head = {
        .value_len = change->gone ? VALUE_GONE : (uint32_t)change->value.len,
        .tree = (uint8_t)change->tree,
        .key_len = (uint8_t)change->key.len,
    };
    int err = cove_buf_reserve(buf, sizeof(head) + change->key.len +
                                        change->value.len);

    if (err != 0) {
        return err;
    }
    memcpy(buf->at + buf->len, &head, sizeof(head));
    buf->len += sizeof(head);
    memcpy(buf->at + buf->len, change->key.at, change->key.len);
    buf->len += change->key.len;
    if (change->value.len > 0) {
        memcpy(buf->at + buf->len, change->value.at, change->value.len);
        buf->len += change->value.len;
    }
    return 0;
}

bool cove_store_journal_next(const struct cove_store_journal *journal,
                             size_t *at, struct cove_store_change *out)
{
    const uint8_t *from = journal->buf.at + *at;
    struct journal_head head;

    if (*at == journal->buf.len) {
        return false;
    }
    memcpy(&head, from, sizeof(head));
    out->tree = head.tree;
    out->gone = head.value_len == VALUE_GONE;
    out->key = cove_bytes(from + sizeof(head), head.key_len);
    out->value =
        cove_bytes(out->key.at + head.key_len, out->gone ? 0 : head.value_len);
    *at += sizeof(head) + out->key.len + out->value.len;
    return true;
}
