/* story_see.c: what devices of a story see, hold and give to each other. */
#include "tests/promises/story_word.h"

#include "core/json.h"

struct story_look story_look(struct story *s, enum story_who who,
                             const char *version, enum cove_load_mode mode)
{
    struct story_look look = {.err = 0};
    struct cove_loaded loaded;
    struct word w;

    look.err = word_begin(&w, s, who, mode == COVE_LOAD_MIGRATE);
    if (look.err != 0) {
        return look;
    }
    look.err = word_load(&w, version, mode, &loaded);
    if (look.err == 0) {
        word_must(&w, cove_loaded_state(&loaded, &look.state));
        look.written = loaded.copies_written;
        look.due = loaded.copies_due;
        look.invalid = loaded.invalid;
        look.conflicts = loaded.raw ? 0 : loaded.plan->conflict_count;
        look.valid =
            cove_loaded_validate(w.peer->catalog, w.txn, &loaded, &w.diag);
        look.ahead = !loaded.raw && loaded.view.ahead;
    }
    look.err = word_close(&w, look.err);
    return look;
}

uint32_t story_load(struct story *s, enum story_who who, const char *version)
{
    struct story_look look = story_look(s, who, version, COVE_LOAD_MIGRATE);

    ck_assert_msg(look.err == 0, "load: %s %s", cove_error_name(look.err),
                  story_kit(s, who)->diag.text);
    return look.written;
}

int story_try_load(struct story *s, enum story_who who, const char *version)
{
    return story_look(s, who, version, COVE_LOAD_MIGRATE).err;
}

/* --- what is shown */

enum shown { SHOWN_VIEW, SHOWN_SETTLED, SHOWN_STORED };

static const char *shown_add(struct story *s, const char *out,
                             struct cove_bytes name, struct cove_cell cell)
{
    if (cell.kind == COVE_ABSENT) {
        return out;
    }
    out = cove_arena_printf(
        &s->arena, "%s%s%.*s=%s%s", out, *out == '\0' ? "" : " ", (int)name.len,
        (const char *)name.at, cell.kind == COVE_INVALID ? "!" : "",
        story_text(s, cell.bytes));
    ck_assert_ptr_nonnull(out);
    return out;
}

static struct cove_cell shown_stored(const struct cove_loaded *loaded,
                                     uint32_t reg)
{
    struct cove_cell cell = {.kind = COVE_ABSENT};
    const struct cove_native *native = NULL;
    const struct cove_copy *copy = NULL;
    int err = cove_state_winner(
        &loaded->doc.state, loaded->plan->registers[reg].id, &native, &copy);

    if (err != 0) {
        ck_assert_int_eq(err, COVE_ENOTFOUND);
        return cell;
    }
    if (!(native != NULL ? native->deleted : copy->deleted)) {
        cell.kind = COVE_PRESENT;
        cell.bytes = native != NULL ? native->value : copy->value;
    }
    return cell;
}

static const char *shown_raw(struct story *s, struct cove_loaded *loaded)
{
    const struct cove_state *state = &loaded->doc.state;
    const char *out = "";

    for (size_t i = 0; i < state->native_count; i++) {
        struct cove_cell cell;

        if (i == 0 || !cove_bytes_equal(state->natives[i].reg,
                                        state->natives[i - 1].reg)) {
            ck_assert_int_eq(
                cove_loaded_get(loaded, state->natives[i].reg, &cell, NULL), 0);
            out = shown_add(s, out, state->natives[i].reg, cell);
        }
    }
    return out;
}

static const char *shown(struct story *s, enum story_who who,
                         const char *version, enum shown how)
{
    struct cove_loaded loaded;
    const char *out = "";
    struct word w;

    word_open(&w, s, who, false);

    int err = word_load(
        &w, version, version == NULL ? COVE_LOAD_RAW : COVE_LOAD_VIEW, &loaded);

    if (err == COVE_EBLOCKED) {
        (void)word_close(&w, err);
        return "blocked";
    }
    word_must(&w, err);
    if (loaded.raw) {
        out = shown_raw(s, &loaded);
    }
    for (size_t i = 0; !loaded.raw && i < loaded.plan->field_count; i++) {
        uint32_t reg = loaded.plan->fields[i].reg;
        struct cove_field field;

        word_must(&w, cove_view_field(&loaded.view, i, &field));

        bool invalid = field.cell.kind == COVE_INVALID;

        if (how != SHOWN_VIEW) {
            word_must(&w, cove_view_read(&loaded.view, reg, &field.cell));
        }
        if (how == SHOWN_STORED) {
            field.cell = shown_stored(&loaded, reg);
        }
        if (how == SHOWN_VIEW || !invalid) {
            out = shown_add(s, out, field.name, field.cell);
        }
    }
    word_must(&w, word_close(&w, 0));
    return out;
}

const char *story_view(struct story *s, enum story_who who, const char *version)
{
    return shown(s, who, version, SHOWN_VIEW);
}

const char *story_settled(struct story *s, enum story_who who,
                          const char *version)
{
    return shown(s, who, version, SHOWN_SETTLED);
}

const char *story_stored(struct story *s, enum story_who who,
                         const char *version)
{
    return shown(s, who, version, SHOWN_STORED);
}

const char *story_field(struct story *s, enum story_who who,
                        const char *version, const char *field)
{
    struct cove_loaded loaded;
    struct cove_cell cell;
    const char *out = "absent";
    struct word w;

    word_open(&w, s, who, false);
    word_must(&w, word_load(&w, version,
                            version == NULL ? COVE_LOAD_RAW : COVE_LOAD_VIEW,
                            &loaded));
    word_must(&w,
              cove_loaded_get(&loaded, cove_bytes_text(field), &cell, &w.diag));
    if (cell.kind != COVE_ABSENT) {
        out = cove_arena_printf(&s->arena, "%s%s",
                                cell.kind == COVE_INVALID ? "!" : "",
                                story_text(s, cell.bytes));
        ck_assert_ptr_nonnull(out);
    }
    word_must(&w, word_close(&w, 0));
    return out;
}

bool story_newest(struct story *s, enum story_who who,
                  const char *const *registers, struct story_newest *out)
{
    struct cove_event *events;
    struct cove_doc doc;
    bool found = false;
    struct word w;
    size_t count;

    word_open(&w, s, who, false);
    word_doc(&w, &s->doc);
    word_must(&w, cove_repo_load(w.peer->kit.repo, w.txn, w.num, &w.arena, &doc,
                                 &w.diag));
    word_must(&w, cove_history(w.peer->kit.repo, w.txn, &doc, &w.arena, &events,
                               &count));
    for (size_t i = 0; i < count; i++) {
        if (events[i].kind != COVE_TX_NATIVE || !events[i].shown) {
            continue;
        }
        for (size_t k = 0; registers[k] != NULL; k++) {
            if (cove_bytes_equal(events[i].reg,
                                 cove_bytes_text(registers[k]))) {
                found = true;
                out->reg = k;
                out->id = events[i].id;
                out->epoch = "";
                if (events[i].has_epoch) {
                    char hex[COVE_HEX_LEN(32)];

                    cove_hex(cove_bytes(events[i].epoch.b, 32), hex);
                    out->epoch = cove_arena_printf(&s->arena, "%s", hex);
                }
                out->value = events[i].deleted ? "deleted"
                                               : story_text(s, events[i].value);
            }
        }
    }
    word_must(&w, word_close(&w, 0));
    return found;
}

const char *story_copies(struct story *s, enum story_who who)
{
    struct cove_loaded loaded;
    const char *out = "";
    struct word w;

    word_open(&w, s, who, false);
    word_must(&w, word_load(&w, NULL, COVE_LOAD_RAW, &loaded));
    for (size_t i = 0; i < loaded.doc.state.copy_count; i++) {
        const struct cove_copy *copy = &loaded.doc.state.copies[i];

        out = cove_arena_printf(&s->arena, "%s%.*s=%s<", out,
                                (int)copy->reg.len, (const char *)copy->reg.at,
                                copy->deleted ? "deleted"
                                              : story_text(s, copy->value));
        for (size_t k = 0; k < copy->origin_count; k++) {
            out =
                cove_arena_printf(&s->arena, "%s%llu,", out,
                                  (unsigned long long)copy->origins[k].id.hlc);
        }
        ck_assert_ptr_nonnull(out);
    }
    word_must(&w, word_close(&w, 0));
    return out;
}

const char *story_register(struct story *s, enum story_who who,
                           const char *version, const char *field)
{
    struct cove_loaded loaded;
    struct word w;
    uint32_t reg;

    word_open(&w, s, who, false);
    word_must(&w, word_load(&w, version, COVE_LOAD_VIEW, &loaded));
    ck_assert(cove_plan_find_name(loaded.plan, cove_bytes_text(field), &reg));

    struct cove_bytes id = loaded.plan->registers[reg].id;
    char *out =
        cove_arena_printf(&s->arena, "%.*s", (int)id.len, (const char *)id.at);

    ck_assert_ptr_nonnull(out);
    word_must(&w, word_close(&w, 0));
    return out;
}

/* --- between stores */

/* One session, from where the receiver's log ends. */
static int give_session(struct word *from, struct word *to, cove_num num,
                        const struct cove_doc_session *session, uint32_t have,
                        uint32_t limit)
{
    struct cove_ingest_result result = {.have = have};
    uint32_t end = limit < session->len ? limit : session->len;
    struct cove_batch batch;
    int err = 0;

    while (result.have < end && err == 0) {
        word_must(from, cove_repo_read(from->peer->kit.repo, from->txn, num,
                                       &session->session, result.have,
                                       limit < session->len ? 1 : 60000,
                                       &from->arena, &batch));
        err = cove_repo_ingest(to->peer->kit.repo, to->txn, &batch, 1, &result,
                               &to->diag);
    }
    return err;
}

static uint32_t outline_have(const struct cove_doc_outline *outline,
                             const struct cove_session_id *session)
{
    for (size_t i = 0; i < outline->session_count; i++) {
        if (memcmp(&outline->sessions[i].session, session, sizeof(*session)) ==
            0) {
            return outline->sessions[i].len;
        }
    }
    return 0;
}

static int give_doc(struct word *from, struct word *to, cove_num num,
                    const struct cove_key *author, uint32_t limit)
{
    struct cove_doc_outline here, there;
    cove_num at;

    cove_arena_reset(&from->arena);
    cove_arena_reset(&to->arena);
    word_must(from, cove_repo_outline(from->peer->kit.repo, from->txn, num,
                                      &from->arena, &here));
    word_must(to, cove_repo_ingest_header(to->peer->kit.repo, to->txn, &here.id,
                                          here.header_bytes, &at, &to->diag));
    word_must(to, cove_repo_outline(to->peer->kit.repo, to->txn, at, &to->arena,
                                    &there));
    if (memcmp(&here.digest, &there.digest, sizeof(here.digest)) == 0) {
        return 0;
    }
    for (size_t i = 0; i < here.session_count; i++) {
        const struct cove_doc_session *session = &here.sessions[i];

        if (author != NULL &&
            memcmp(&session->device, author, sizeof(*author)) != 0) {
            continue;
        }

        int err = give_session(from, to, num, session,
                               outline_have(&there, &session->session), limit);

        if (err != 0) {
            return err;
        }
    }
    return 0;
}

static void give_one(struct story *s, enum story_who from, enum story_who to,
                     const struct cove_id *id, const struct cove_key *author,
                     uint32_t limit)
{
    struct word a, b;

    word_open(&a, s, from, false);
    word_open(&b, s, to, true);
    word_doc(&a, id);

    int err = give_doc(&a, &b, a.num, author, limit);

    word_must(&b, word_close(&b, err));
    word_must(&a, word_close(&a, 0));
}

void story_give_doc(struct story *s, enum story_who from, enum story_who to,
                    const struct cove_id *id)
{
    give_one(s, from, to, id, NULL, UINT32_MAX);
}

void story_give_part(struct story *s, enum story_who from, enum story_who to,
                     const struct cove_id *id, enum story_who author,
                     uint32_t limit)
{
    give_one(s, from, to, id, &s->peer[author].kit.device, limit);
}

void story_give_header(struct story *s, enum story_who from, enum story_who to)
{
    struct cove_doc_brief brief;
    struct word a;

    word_open(&a, s, from, false);
    word_doc(&a, &s->doc);
    word_must(&a, cove_repo_brief(a.peer->kit.repo, a.txn, a.num, &brief));
    word_must(&a, word_close(&a, 0));
    kit_take_header(&s->peer[to].kit, &brief.id, brief.header_bytes);
}

int story_try_give(struct story *s, enum story_who from, enum story_who to)
{
    struct word a, b;
    int err = 0;

    if (from == to) {
        return 0;
    }
    word_open(&a, s, from, false);
    word_open(&b, s, to, true);
    while (err == 0 &&
           cove_repo_next(a.peer->kit.repo, a.txn, 0, a.num, &a.num) == 0) {
        err = give_doc(&a, &b, a.num, NULL, UINT32_MAX);
    }
    err = word_close(&b, err);
    word_must(&a, word_close(&a, 0));
    return err;
}

void story_give(struct story *s, enum story_who from, enum story_who to)
{
    int err = story_try_give(s, from, to);

    ck_assert_msg(err == 0, "give: %s", story_why(s, to));
}

void story_sync(struct story *s, enum story_who a, enum story_who b)
{
    story_give(s, a, b);
    story_give(s, b, a);
}

void story_settle(struct story *s)
{
    for (int to = 1; to < STORY_PEERS; to++) {
        story_give(s, (enum story_who)to, ALICE);
    }
    for (int to = 1; to < STORY_PEERS; to++) {
        story_give(s, ALICE, (enum story_who)to);
    }
}

bool story_has(struct story *s, enum story_who who, const struct cove_id *id)
{
    struct word w;
    cove_num num;

    word_open(&w, s, who, false);

    int err = cove_repo_find(w.peer->kit.repo, w.txn, id, &num);

    word_must(&w, word_close(&w, 0));
    return err == 0;
}

/* --- what is held */

uint32_t story_txs(struct story *s, enum story_who who)
{
    struct cove_doc_outline outline;
    uint32_t count = 0;
    struct word w;

    word_open(&w, s, who, false);
    word_doc(&w, &s->doc);
    word_must(&w, cove_repo_outline(w.peer->kit.repo, w.txn, w.num, &w.arena,
                                    &outline));
    for (size_t i = 0; i < outline.session_count; i++) {
        count += outline.sessions[i].len;
    }
    word_must(&w, word_close(&w, 0));
    return count;
}

struct cove_hash story_digest(struct story *s, enum story_who who)
{
    struct cove_doc_brief brief;
    struct word w;

    word_open(&w, s, who, false);
    word_doc(&w, &s->doc);
    word_must(&w, cove_repo_brief(w.peer->kit.repo, w.txn, w.num, &brief));
    word_must(&w, word_close(&w, 0));
    return brief.digest;
}

static int log_visit(void *ctx, const struct cove_log_entry *entry)
{
    struct cove_hasher *hasher = ctx;

    cove_hasher_add(hasher, cove_bytes(&entry->session->session, 16));
    cove_hasher_add(hasher, cove_bytes(&entry->index, sizeof(entry->index)));
    cove_hasher_add(hasher, entry->bytes);
    return 0;
}

struct cove_hash story_log_of(struct story *s, enum story_who who,
                              const struct cove_id *id)
{
    struct cove_hasher hasher;
    struct cove_doc doc;
    struct word w;

    word_open(&w, s, who, false);
    word_doc(&w, id);
    word_must(&w, cove_repo_load(w.peer->kit.repo, w.txn, w.num, &w.arena, &doc,
                                 &w.diag));
    cove_hasher_init(&hasher, "test/log");
    cove_hasher_add(&hasher, doc.header_bytes);
    word_must(&w,
              cove_repo_log(w.peer->kit.repo, w.txn, &doc, log_visit, &hasher));
    word_must(&w, word_close(&w, 0));
    return cove_hasher_end(&hasher);
}

struct cove_hash story_log(struct story *s, enum story_who who)
{
    return story_log_of(s, who, &s->doc);
}

void story_tx_hash(struct story *s, enum story_who who,
                   const struct cove_op_id *op, uint8_t out[8])
{
    struct cove_doc doc;
    struct word w;

    word_open(&w, s, who, false);
    word_doc(&w, &s->doc);
    word_must(&w, cove_repo_load(w.peer->kit.repo, w.txn, w.num, &w.arena, &doc,
                                 &w.diag));
    word_must(&w, cove_repo_tx_hash(w.peer->kit.repo, w.txn, &doc, op, out));
    word_must(&w, word_close(&w, 0));
}

struct cove_hash story_dump(struct story *s, enum story_who who)
{
    struct cove_store_cursor *cursor;
    struct cove_hasher hasher;
    struct cove_entry entry;
    struct cove_hash out;
    struct word w;

    word_open(&w, s, who, false);
    cove_hasher_init(&hasher, "test/dump");
    for (unsigned tree = 0; tree < COVE_REPO_TREES; tree++) {
        word_must(&w, cove_store_cursor_open(w.txn, tree, &cursor));

        int err = cove_store_cursor_seek(cursor, cove_bytes(NULL, 0), &entry);

        for (; err == 0; err = cove_store_cursor_next(cursor, &entry)) {
            uint64_t head[] = {tree, entry.key.len, entry.value.len};

            cove_hasher_add(&hasher, cove_bytes(head, sizeof(head)));
            cove_hasher_add(&hasher, entry.key);
            cove_hasher_add(&hasher, entry.value);
        }
        ck_assert_int_eq(err, COVE_ENOTFOUND);
        cove_store_cursor_close(cursor);
    }
    out = cove_hasher_end(&hasher);
    word_must(&w, word_close(&w, 0));
    return out;
}

void story_agreed(struct story *s)
{
    struct cove_hash mine = story_digest(s, ALICE);

    for (int i = 1; i < STORY_PEERS; i++) {
        struct cove_hash theirs = story_digest(s, (enum story_who)i);

        ck_same_hash(mine, theirs);
    }
}
