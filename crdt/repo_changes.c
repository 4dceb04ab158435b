/* repo_changes.c: in which order documents changed. docs/FORMAT.md "Change".
 *
 * A document stands in the tree once, under the sequence number of its last
 * change. A new change takes the old entry away and inherits from it whether
 * all changes so far came from one and the same peer, and when this device,
 * others and copies changed the document last: so whoever was told up to some
 * number knows of whom the changes since then are.
 */
#include "crdt/repo_internal.h"

#define CHANGE_BY_SHIFT 4  /* enum change_by in the byte of flags … */
#define CHANGE_BY_MASK  3u /* … after the shift */
#define CHANGE_EARLIER  64u

enum change_origin {
    CHANGE_MIXED,
    CHANGE_FROM_PEER, /* all from one peer, or from this device (0) */
    CHANGE_OPEN       /* a header only */
};

enum change_by { /* whose a change is */
                 CHANGE_BY_OWN,
                 CHANGE_BY_OTHERS,
                 CHANGE_BY_COPIES, /* of migrations, nothing else in it */
                 CHANGE_BYS
};

struct change_entry {
    cove_num num;
    enum cove_doc_class class;
    enum change_origin origin;
    uint32_t peer;
    uint32_t session; /* interned; 0 = the header */
    uint32_t from;
    enum change_by by;         /* the last change, and … */
    uint64_t last[CHANGE_BYS]; /* … the last of each; 0 = none */
    uint32_t others_peer;      /* that the last of others came from */
};

enum cove_doc_class cove_repo_class(const struct cove_header *header)
{
    if (header->type == COVE_DOC_GROUP || header->type == COVE_DOC_ACCOUNT) {
        return COVE_CLASS_RIGHTS;
    }
    if (header->type == COVE_DOC_JOURNAL) {
        return COVE_CLASS_JOURNAL;
    }
    return header->unique.len > 0 && !header->has_schema ? COVE_CLASS_REGISTRY
                                                         : COVE_CLASS_CONTENT;
}

static void change_place(struct cove_place *place, uint64_t sequence)
{
    cove_place_start(place);
    cove_place_number(place, sequence);
}

/* When the others changed it last: as far back as the entry says, which is
 * nothing where there was no change by them. */
static int change_unpack_earlier(struct cove_unpacker *u, uint64_t sequence,
                                 struct change_entry *entry)
{
    for (unsigned by = 0; by < CHANGE_BYS; by++) {
        uint64_t back = by == entry->by ? 0 : cove_unpack_varint(u);

        if (back > sequence) {
            return COVE_ECORRUPT;
        }
        entry->last[by] =
            by == entry->by || back == 0 ? entry->last[by] : sequence - back;
    }
    if (entry->by != CHANGE_BY_OTHERS) {
        entry->others_peer = cove_unpack_u32(u);
    }
    return 0;
}

static int change_unpack(struct cove_bytes value, uint64_t sequence,
                         struct change_entry *out)
{
    struct change_entry entry = {0};
    struct cove_unpacker u;
    int err = 0;

    cove_unpacker_init(&u, value);
    entry.num = cove_unpack_varint(&u);

    unsigned bits = cove_unpack_byte(&u);

    entry.class = (enum cove_doc_class)(bits & 3);
    entry.origin = (enum change_origin)(bits >> 2 & 3);
    entry.peer = cove_unpack_u32(&u);
    entry.session = cove_unpack_u32(&u);
    entry.from = cove_unpack_u32(&u);

    unsigned by = bits >> CHANGE_BY_SHIFT & CHANGE_BY_MASK;

    if (entry.origin > CHANGE_OPEN || by >= CHANGE_BYS || bits >> 7 != 0) {
        return COVE_ECORRUPT;
    }
    /* Written before there were other bits: whose it is says the peer. */
    entry.by = by == CHANGE_BY_OWN && entry.peer != 0 ? CHANGE_BY_OTHERS
                                                      : (enum change_by)by;
    entry.last[entry.by] = sequence;
    entry.others_peer = entry.by == CHANGE_BY_OTHERS ? entry.peer : 0;
    if (bits & CHANGE_EARLIER) {
        err = change_unpack_earlier(&u, sequence, &entry);
    }
    err = err != 0 ? err : cove_unpacker_done(&u);
    if (err == 0) {
        *out = entry;
    }
    return err;
}

static bool change_has_earlier(const struct change_entry *entry)
{
    for (unsigned by = 0; by < CHANGE_BYS; by++) {
        if (by != entry->by && entry->last[by] != 0) {
            return true;
        }
    }
    return false;
}

static void change_pack_earlier(struct cove_packer *p, uint64_t sequence,
                                const struct change_entry *entry)
{
    for (unsigned by = 0; by < CHANGE_BYS; by++) {
        if (by != entry->by) {
            cove_pack_varint(
                p, entry->last[by] == 0 ? 0 : sequence - entry->last[by]);
        }
    }
    if (entry->by != CHANGE_BY_OTHERS) {
        cove_pack_varint(p, entry->others_peer);
    }
}

static int change_put(struct repo_work *work, uint64_t sequence,
                      const struct change_entry *entry)
{
    bool earlier = change_has_earlier(entry);
    struct cove_place place;
    struct cove_packer p;
    struct cove_buf buf;

    cove_buf_init(&buf, work->repo->opt.alloc);
    cove_packer_init(&p, &buf);
    cove_pack_varint(&p, entry->num);
    cove_pack_byte(&p, (uint8_t)((unsigned)entry->class |
                                 (unsigned)entry->origin << 2 |
                                 (unsigned)entry->by << CHANGE_BY_SHIFT |
                                 (earlier ? CHANGE_EARLIER : 0)));
    cove_pack_varint(&p, entry->peer);
    cove_pack_varint(&p, entry->session);
    cove_pack_varint(&p, entry->from);
    if (earlier) {
        change_pack_earlier(&p, sequence, entry);
    }
    change_place(&place, sequence);

    int err = p.err != 0 ? p.err
                         : cove_store_put(work->txn, REPO_CHANGES,
                                          cove_place_bytes(&place),
                                          cove_buf_bytes(&buf));

    cove_buf_clear(&buf);
    return err;
}

int repo_change_num(struct repo_work *work, uint64_t sequence, cove_num *out)
{
    struct change_entry entry;
    struct cove_bytes value;
    struct cove_place place;
    int err;

    change_place(&place, sequence);
    err = cove_store_get(work->txn, REPO_CHANGES, cove_place_bytes(&place),
                         &value);
    if (err == 0) {
        err = change_unpack(value, sequence, &entry);
    }
    if (err == 0) {
        *out = entry.num;
    }
    return err;
}

/* Take the document's former entry away, and what it says of the origin. */
static int change_replace(struct repo_work *work, uint64_t sequence,
                          struct change_entry *entry)
{
    struct change_entry old;
    struct cove_bytes value;
    struct cove_place place;

    change_place(&place, sequence);

    int err = cove_store_get(work->txn, REPO_CHANGES, cove_place_bytes(&place),
                             &value);

    if (err == 0) {
        err = change_unpack(value, sequence, &old);
    }
    if (err != 0) {
        return err == COVE_ENOTFOUND ? COVE_ECORRUPT : err;
    }
    memcpy(entry->last, old.last, sizeof(entry->last));
    if (entry->by != CHANGE_BY_OTHERS) {
        entry->others_peer = old.others_peer;
    }
    if (entry->origin == CHANGE_OPEN) {
        entry->origin = old.origin;
        entry->peer = old.peer;
    } else if (old.origin == CHANGE_MIXED ||
               (old.origin == CHANGE_FROM_PEER && old.peer != entry->peer)) {
        entry->origin = CHANGE_MIXED;
    }
    /* Nobody was told of what this very transaction changed before. */
    if (sequence > work->repo->open.began && entry->session == old.session &&
        entry->peer == old.peer && old.from < entry->from) {
        entry->from = old.from;
    }
    return cove_store_del(work->txn, REPO_CHANGES, cove_place_bytes(&place));
}

/* Of whom a change is: what came from a peer is others', whoever signed it. */
static enum change_by change_by(uint32_t peer, bool copies)
{
    return copies ? CHANGE_BY_COPIES
                  : (peer == 0 ? CHANGE_BY_OWN : CHANGE_BY_OTHERS);
}

int repo_change_note(struct repo_work *work, struct repo_record *record,
                     uint32_t peer, uint32_t session, uint32_t from,
                     bool copies)
{
    struct change_entry entry = {.num = record->num,
                                 .class = cove_repo_class(&record->header),
                                 .origin = CHANGE_FROM_PEER,
                                 .peer = peer,
                                 .session = session,
                                 .from = from,
                                 .by = change_by(peer, copies),
                                 .others_peer = peer};
    int err = 0;

    if (entry.class == COVE_CLASS_RIGHTS || entry.class == COVE_CLASS_JOURNAL) {
        work->counters.rules = work->counters.sequence + 1;
    }
    if (record->flags & COVE_DOC_LOCAL) { /* nobody is to be told */
        record->changed = ++work->counters.sequence;
        return 0;
    }
    if (peer == REPO_PEER_OPEN) {
        entry.origin = CHANGE_OPEN;
        entry.peer = 0;
        entry.others_peer = 0;
    }
    if (record->changed != 0) {
        err = change_replace(work, record->changed, &entry);
    }
    if (err == 0) {
        err = change_put(work, work->counters.sequence + 1, &entry);
    }
    if (err == 0) {
        record->changed = ++work->counters.sequence;
    }
    return err;
}

int repo_change_move(struct repo_work *work, const struct repo_record *record,
                     uint64_t noted, uint32_t session, uint32_t from)
{
    struct change_entry entry = {.num = record->num,
                                 .class = cove_repo_class(&record->header),
                                 .origin = CHANGE_FROM_PEER,
                                 .session = session,
                                 .from = from};
    int err = 0;

    if (record->flags & COVE_DOC_LOCAL) {
        return 0;
    }
    err = change_replace(work, noted, &entry);
    return err != 0 ? err : change_put(work, record->changed, &entry);
}

int repo_change_drop(struct repo_work *work, const struct repo_record *record)
{
    struct cove_place place;

    if (record->flags & COVE_DOC_LOCAL) {
        return 0;
    }
    change_place(&place, record->changed);
    return cove_store_del(work->txn, REPO_CHANGES, cove_place_bytes(&place));
}

int cove_repo_change_after(struct cove_repo *repo, struct cove_store_txn *txn,
                           uint64_t after, struct cove_change *out)
{
    struct cove_store_cursor *cursor;
    struct repo_session session = {.session = {{0}}};
    struct change_entry entry;
    struct repo_work work;
    struct cove_place place;
    struct cove_entry found;
    uint64_t sequence = 0;

    if (after == UINT64_MAX) {
        return COVE_ENOTFOUND;
    }
    change_place(&place, after + 1);

    int err = repo_work_begin(&work, repo, txn, NULL, NULL);

    if (err == 0) {
        err = cove_store_cursor_open(txn, REPO_CHANGES, &cursor);
    }
    if (err != 0) {
        return err;
    }
    err = cove_store_cursor_seek(cursor, cove_place_bytes(&place), &found);
    if (err == 0) {
        err = cove_place_take(&found.key, &sequence);
    }
    if (err == 0) {
        err = change_unpack(found.value, sequence, &entry);
    }
    cove_store_cursor_close(cursor);
    if (err == 0 && entry.session != 0) {
        err = repo_intern_session_of(&work, entry.session, &session);
    }
    if (err != 0) {
        return err;
    }
    out->sequence = sequence;
    out->num = entry.num;
    out->class = entry.class;
    out->by_peer = entry.origin == CHANGE_FROM_PEER;
    out->peer = entry.peer;
    out->session = session.session;
    out->from = entry.from;
    out->own = entry.last[CHANGE_BY_OWN];
    out->others = entry.last[CHANGE_BY_OTHERS];
    out->copies = entry.last[CHANGE_BY_COPIES];
    out->others_peer = entry.others_peer;
    return 0;
}
