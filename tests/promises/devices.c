/* devices.c: opening, exchanging and comparing devices; see devices.h. */
#include "tests/promises/devices.h"

#include "cove/error.h"
#include "crdt/repo_upkeep.h"
#include "tests/promises/shown.h"

static const enum cove_doc_type types[] = {COVE_DOC_COTEXT, COVE_DOC_COLIST,
                                           COVE_DOC_COMAP, COVE_DOC_COCOUNTER,
                                           COVE_DOC_COSTREAM};

/* --- opening */

static void desk_open(struct kit *desk)
{
    memset(desk, 0, sizeof(*desk));
    harness_alloc_init(&desk->heap, 0);
    cove_arena_init(&desk->arena, &desk->heap.alloc);
}

static void devices_group(struct devices *d)
{
    static const char *const roles[] = {"admin", "writer", "reader"};
    struct kit_member members[DEVICES_MOST];

    for (int i = 0; i < d->count; i++) {
        bool reads = d->reader && i == d->count - 1;

        members[i].who = &d->kits[i];
        members[i].role = roles[i == 0 ? 0 : reads ? 2 : 1];
    }
    d->group_header = kit_group(&d->desk, members, (size_t)d->count, &d->group);
}

void devices_open(struct devices *d, uint64_t seed, int count, unsigned kind)
{
    memset(d, 0, sizeof(*d));
    d->seed = seed * 2654435761u + 88172645463325252u;
    d->count = count;
    desk_open(&d->desk);
    for (int i = 0; i < count; i++) {
        kit_open(&d->kits[i],
                 (kind & DEVICES_DISK) && i == 0 ? FIXTURE_LMDB
                                                 : FIXTURE_MEMORY,
                 (uint8_t)(i + 1));
        d->kits[i].env.seed += seed * 977;
        d->kits[i].env.now_ms = DEVICES_NOW;
    }
    d->reader = (kind & DEVICES_READER) != 0;
    devices_group(d);
}

struct device_doc *devices_doc(struct devices *d, enum cove_doc_type type)
{
    struct device_doc *doc = &d->docs[d->doc_count];

    doc->type = type == COVE_DOC_UNKNOWN
                    ? types[devices_dice(d, COVE_ARRAY_LEN(types))]
                    : type;
    /* Even: no schema. */
    doc->header = kit_header(&d->desk, doc->type, &d->group,
                             2u * (uint32_t)d->doc_count, &doc->id);
    naive_init(&doc->naive, &d->desk.heap.alloc, doc->type);
    d->doc_count++;
    return doc;
}

void devices_own(struct devices *d, int device)
{
    if (!d->has_owner[device]) {
        kit_take_header(&d->kits[device], &d->group, d->group_header);
        d->has_owner[device] = true;
    }
}

void devices_headers(struct devices *d)
{
    for (int i = 0; i < d->count; i++) {
        devices_own(d, i);
        for (int k = 0; k < d->doc_count; k++) {
            kit_take_header(&d->kits[i], &d->docs[k].id, d->docs[k].header);
        }
    }
}

void devices_close(struct devices *d)
{
    for (int i = 0; i < d->doc_count; i++) {
        naive_clear(&d->docs[i].naive);
    }
    for (int i = 0; i < d->count; i++) {
        kit_close(&d->kits[i]);
    }
    cove_arena_clear(&d->desk.arena);
    SURE(d->desk.heap.alive == 0);
}

/* --- exchange */

void devices_hand_send(struct devices *d, struct hand *hand, int to)
{
    struct author *a = &hand->author;
    uint32_t start = devices_dice(d, a->len);
    uint32_t end = start + 1 + devices_dice(d, a->len - start);
    struct cove_ingest_result result;
    struct cove_batch batch = author_batch(a, start, end);
    int err = kit_ingest(&d->kits[to], &batch, 1, &result);

    ck_assert_msg(err == 0 || err == COVE_EGAP, "hand: %d %s", err,
                  d->kits[to].diag.text);
}

void devices_send(struct devices *d, int from, int to, struct device_doc *doc)
{
    struct kit *k = &d->kits[from];
    struct cove_store_txn *txn = kit_begin(k, false);
    struct cove_doc loaded = kit_load(k, txn, &doc->id);
    struct cove_ingest_result result;
    struct cove_batch batch;

    cove_store_abort(txn);
    if (loaded.session_count == 0) {
        return;
    }

    const struct cove_doc_session *session =
        &loaded.sessions[devices_dice(d, (uint32_t)loaded.session_count)];
    int err =
        kit_read(k, &doc->id, &session->session, devices_dice(d, session->len),
                 1 + devices_dice(d, 900), &batch);

    SURE(err == 0);
    err = kit_ingest(&d->kits[to], &batch, 1, &result);
    ck_assert_msg(err == 0 || err == COVE_EGAP, "send: %d %s", err,
                  d->kits[to].diag.text);
}

static void sync_session(struct devices *d, struct kit *from, struct kit *to,
                         struct device_doc *doc,
                         const struct cove_doc_session *session)
{
    struct cove_ingest_result result = {.have = 0};

    while (result.have < session->len) {
        struct cove_batch batch;
        int err = kit_read(from, &doc->id, &session->session, result.have,
                           1 + devices_dice(d, 3000), &batch);

        SURE(err == 0);
        err = kit_ingest(to, &batch, 1, &result);
        ck_assert_msg(err == 0, "sync: %d %s", err, to->diag.text);
    }
}

void devices_sync(struct devices *d, struct kit *from, struct kit *to,
                  struct device_doc *doc)
{
    struct cove_store_txn *txn = kit_begin(from, false);
    struct cove_doc loaded = kit_load(from, txn, &doc->id);
    size_t turn = devices_dice(d, 64);

    cove_store_abort(txn);
    for (size_t i = 0; i < loaded.session_count; i++) {
        sync_session(d, from, to, doc,
                     &loaded.sessions[(i + turn) % loaded.session_count]);
    }
}

void devices_settle(struct devices *d)
{
    for (int i = 0; i < d->hand_count; i++) {
        struct author *a = &d->hands[i].author;
        struct cove_ingest_result result;
        struct cove_batch batch = author_batch(a, 0, a->len);

        SURE(kit_ingest(&d->kits[i % d->count], &batch, 1, &result) == 0);
    }
    for (int k = 0; k < d->doc_count; k++) {
        for (int i = 1; i < d->count; i++) {
            devices_sync(d, &d->kits[i], &d->kits[0], &d->docs[k]);
        }
        for (int i = 1; i < d->count; i++) {
            devices_sync(d, &d->kits[i - 1], &d->kits[i], &d->docs[k]);
        }
    }
}

/* --- comparing */

void naive_fail(const char *what)
{
    ck_abort_msg("not so: %s", what);
    abort();
}

void devices_line(struct kit *k, struct cove_store_txn *txn,
                  const struct cove_doc *doc, const struct cove_state *state,
                  struct cove_buf *out)
{
    struct shown shown = {
        .repo = k->repo, .txn = txn, .arena = &k->arena, .doc = doc};

    shown_line(&shown, state, out);
}

static void line_expected(struct devices *d, const struct kit *k,
                          struct device_doc *doc, const struct cove_doc *loaded,
                          bool owner, struct cove_buf *out)
{
    struct naive_view view = {.now_ms = k->env.now_ms,
                              .owner_missing = !owner,
                              .denied = &d->kits[d->count - 1].device,
                              .denied_count = d->reader};

    for (size_t i = 0; i < loaded->session_count; i++) {
        int session = naive_session(&doc->naive, &loaded->sessions[i].session);

        view.len[session] = loaded->sessions[i].len;
        SURE(view.len[session] <= doc->naive.sessions[session].len);
    }
    naive_line(&doc->naive, &view, out);
}

/* From a little before the first difference on. */
static void line_compare(const struct cove_buf *got,
                         const struct cove_buf *want, const char *what)
{
    size_t same = 0;

    while (same < got->len && same < want->len &&
           got->at[same] == want->at[same]) {
        same++;
    }

    size_t from = same < 40 ? 0 : same - 40;
    int left = (int)(got->len - from);
    int right = (int)(want->len - from);

    ck_assert_msg(same == got->len && same == want->len,
                  "%s, from %zu: shows \"%.*s\", must be \"%.*s\"", what, from,
                  left < 200 ? left : 200, (const char *)got->at + from,
                  right < 200 ? right : 200, (const char *)want->at + from);
}

/* Its whole log, and no checkpoint. */
static void check_refolded(struct kit *k, struct cove_store_txn *txn,
                           const struct cove_doc *doc,
                           const struct cove_buf *want)
{
    struct cove_reach points[NAIVE_SESSIONS];
    struct cove_state state;
    struct cove_buf got;

    for (size_t i = 0; i < doc->session_count; i++) {
        points[i].session = doc->sessions[i].session;
        points[i].len = doc->sessions[i].len;
    }
    SURE(cove_repo_state_of(k->repo, txn, doc, points, doc->session_count,
                            &k->arena, &state, &k->diag) == 0);
    cove_buf_init(&got, &k->heap.alloc);
    devices_line(k, txn, doc, &state, &got);
    line_compare(&got, want, "folded anew");
    cove_buf_clear(&got);
    cove_repo_state_done(k->repo, &state);
}

void devices_check(struct devices *d, struct kit *k, struct device_doc *doc,
                   bool owner, bool write)
{
    struct cove_store_txn *txn = kit_begin(k, write);
    struct cove_doc loaded = kit_load(k, txn, &doc->id);
    struct cove_buf got, want;

    SURE(((loaded.flags & COVE_DOC_OWNER_MISSING) == 0) == owner);
    cove_buf_init(&got, &k->heap.alloc);
    cove_buf_init(&want, &d->desk.heap.alloc);
    line_expected(d, k, doc, &loaded, owner, &want);
    devices_line(k, txn, &loaded, &loaded.state, &got);
    line_compare(&got, &want, cove_doc_type_name(doc->type));
    check_refolded(k, txn, &loaded, &want);
    if (write) {
        kit_commit(txn);
    } else {
        cove_store_abort(txn);
    }
    cove_buf_clear(&got);
    cove_buf_clear(&want);
}

void devices_agree(struct devices *d)
{
    for (int k = 0; k < d->doc_count; k++) {
        struct device_doc *doc = &d->docs[k];
        struct cove_hash first = kit_digest(&d->kits[0], &doc->id);
        struct cove_store_txn *txn = kit_begin(&d->kits[0], false);
        struct cove_doc loaded = kit_load(&d->kits[0], txn, &doc->id);
        size_t held = 0;

        cove_store_abort(txn);
        for (size_t i = 0; i < loaded.session_count; i++) {
            held += loaded.sessions[i].len;
        }
        SURE(held == doc->naive.count); /* and none is lost */
        for (int i = 0; i < d->count; i++) {
            struct cove_hash digest = kit_digest(&d->kits[i], &doc->id);

            ck_assert_mem_eq(&digest, &first, sizeof(first));
            devices_check(d, &d->kits[i], doc, d->has_owner[i],
                          devices_dice(d, 2) == 0);
        }
    }
}
