/* story.c: see story.h. */
#include "tests/promises/story.h"

#include "core/json.h"
#include "cove/error.h"
#include "tests/promises/story_word.h"

/* --- the stage */

struct kit *story_kit(struct story *s, enum story_who who)
{
    return &s->peer[who].kit;
}

static void peer_catalog(struct story_peer *peer)
{
    ck_assert_int_eq(
        cove_catalog_new(&peer->kit.heap.alloc, peer->kit.repo, &peer->catalog),
        0);
}

void story_begin(struct story *s, int kind)
{
    struct kit_member members[STORY_PEERS];
    static const char *const roles[] = {"admin", "writer", "reader", "admin"};

    memset(s, 0, sizeof(*s));
    for (size_t i = 0; i < STORY_PEERS; i++) {
        kit_open(&s->peer[i].kit, kind, (uint8_t)(i + 1));
        peer_catalog(&s->peer[i]);
        members[i] = (struct kit_member){&s->peer[i].kit, roles[i]};
    }
    cove_arena_init(&s->arena, &cove_alloc_libc);
    s->group_header =
        kit_group(&s->peer[0].kit, members, STORY_PEERS, &s->group);
    ck_assert_int_eq(
        cove_arena_copy(&s->arena, s->group_header, &s->group_header), 0);
    for (size_t i = 0; i < STORY_PEERS; i++) {
        kit_take_header(&s->peer[i].kit, &s->group, s->group_header);
    }
}

void story_end(struct story *s)
{
    for (size_t i = 0; i < STORY_PEERS; i++) {
        cove_catalog_free(s->peer[i].catalog);
        kit_close(&s->peer[i].kit);
    }
    cove_arena_clear(&s->arena);
}

void story_reopen(struct story *s, enum story_who who)
{
    cove_catalog_free(s->peer[who].catalog);
    kit_reopen(&s->peer[who].kit);
    peer_catalog(&s->peer[who]);
}

void story_clock(struct story *s, enum story_who who, int64_t second)
{
    s->peer[who].kit.env.now_ms = STORY_START + second * 1000;
}

uint32_t story_dice(uint64_t *seed, uint32_t sides)
{
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)((*seed >> 33) % sides);
}

/* --- JSON */

static struct cove_bytes quoted(struct cove_arena *arena, const char *text)
{
    char *out = cove_arena_printf(arena, "%s", text);

    ck_assert_ptr_nonnull(out);
    for (char *c = out; *c != '\0'; c++) {
        *c = *c == '\'' ? '"' : *c;
    }
    return cove_bytes_text(out);
}

struct cove_bytes story_json(struct story *s, const char *text)
{
    struct cove_bytes out;
    struct cove_buf buf;

    cove_buf_init(&buf, &cove_alloc_libc);
    ck_assert_msg(
        cove_json_read_plain(quoted(&s->arena, text), text, &buf, NULL) == 0,
        "JSON: %s", text);
    ck_assert_int_eq(cove_arena_copy(&s->arena, cove_buf_bytes(&buf), &out), 0);
    cove_buf_clear(&buf);
    return out;
}

const char *story_text(struct story *s, struct cove_bytes item)
{
    struct cove_buf buf;
    char *text;

    cove_buf_init(&buf, &cove_alloc_libc);
    ck_assert_int_eq(cove_json_write_plain(item, 0, &buf), 0);
    text = cove_arena_printf(&s->arena, "%.*s", (int)buf.len,
                             (const char *)buf.at);
    ck_assert_ptr_nonnull(text);
    cove_buf_clear(&buf);
    for (char *c = text; *c != '\0'; c++) {
        *c = *c == '"' ? '\'' : *c;
    }
    return text;
}

/* --- schemas */

static void story_journal(struct story *s, struct word *w, cove_num num)
{
    struct cove_doc_brief brief;

    word_must(w, cove_repo_brief(w->peer->kit.repo, w->txn, num, &brief));
    s->journal = brief.id;
}

int story_try_schema(struct story *s, enum story_who who, const char *schema)
{
    struct cove_published out;
    struct word w;

    word_open(&w, s, who, true);

    int err = cove_publish_schema(w.peer->catalog, w.txn, &s->group,
                                  quoted(&w.arena, schema), "schema.json", &out,
                                  &w.diag);

    if (err == 0) {
        story_journal(s, &w, out.num);
    }
    return word_close(&w, err);
}

void story_schema(struct story *s, enum story_who who, const char *schema)
{
    int err = story_try_schema(s, who, schema);

    ck_assert_msg(err == 0, "schema: %s", story_kit(s, who)->diag.text);
}

static int migration(struct story *s, enum story_who who, const char *steps,
                     const char *schema, struct cove_step_id *step)
{
    struct cove_migration_files files = {.name = "migration.json"};
    struct cove_published out;
    struct word w;

    word_open(&w, s, who, true);
    files.migration = quoted(&w.arena, steps);
    files.schema = quoted(&w.arena, schema);

    int err =
        cove_publish_migration(w.peer->catalog, w.txn, &files, &out, &w.diag);

    if (err == 0) {
        *step = out.step;
    }
    return word_close(&w, err);
}

int story_try_migration(struct story *s, enum story_who who, const char *steps,
                        const char *schema)
{
    struct cove_step_id step;

    return migration(s, who, steps, schema, &step);
}

static const char *story_hex(struct story *s, const struct cove_step_id *step)
{
    char hex[COVE_HEX_LEN(32)];
    char *out;

    cove_hex(cove_bytes(step->b, sizeof(step->b)), hex);
    out = cove_arena_printf(&s->arena, "%s", hex);
    ck_assert_ptr_nonnull(out);
    return out;
}

const char *story_migration(struct story *s, enum story_who who,
                            const char *steps, const char *schema)
{
    struct cove_step_id step;
    int err = migration(s, who, steps, schema, &step);

    ck_assert_msg(err == 0, "migration: %s", story_kit(s, who)->diag.text);
    return story_hex(s, &step);
}

struct cove_step_id story_step_id(const char *hex)
{
    struct cove_step_id id;

    ck_assert_int_eq(cove_hex_parse(hex, id.b, sizeof(id.b)), 0);
    return id;
}

/* One native transaction with one op, by document number. */
static int word_append(struct word *w, const struct cove_step_id *epoch,
                       struct cove_tx_op *op, struct cove_doc *doc)
{
    struct cove_tx tx = {.ops = op, .op_count = 1};
    int err = cove_repo_load(w->peer->kit.repo, w->txn, w->num, &w->arena, doc,
                             &w->diag);

    if (epoch != NULL) {
        tx.has_epoch = true;
        tx.epoch = *epoch;
    }
    return err != 0 ? err
                    : cove_repo_append(w->peer->kit.repo, w->txn, doc, &tx,
                                       &w->diag);
}

static void step_enter(struct word *w, const char *hex, struct cove_bytes body)
{
    struct cove_tx_op op = {.reg = cove_bytes_text(hex), .value = body};
    struct cove_doc doc;

    word_must(w, word_close(w, word_append(w, NULL, &op, &doc)));
}

const char *story_root(struct story *s, enum story_who who, const char *ops)
{
    char *body =
        cove_arena_printf(&s->arena, "{'parents':[],'name':'T','ops':%s}", ops);
    struct cove_header header = {.type = COVE_DOC_JOURNAL,
                                 .has_owner = true,
                                 .owner = s->group,
                                 .has_root = true};
    struct cove_bytes encoded = story_json(s, body);
    uint8_t nonce[16] = {5};
    struct cove_buf out;
    struct word w;

    header.nonce = cove_bytes(nonce, sizeof(nonce));
    header.root = cove_step_id_of(encoded);
    word_open(&w, s, who, true);
    cove_buf_init(&out, &cove_alloc_libc);
    word_must(&w, cove_header_encode(&header, &out, &s->journal, &w.diag));
    word_must(&w, cove_repo_create(w.peer->kit.repo, w.txn,
                                   cove_buf_bytes(&out), &w.num, &w.diag));
    cove_buf_clear(&out);

    const char *hex = story_hex(s, &header.root);

    step_enter(&w, hex, encoded);
    return hex;
}

const char *story_step(struct story *s, enum story_who who, const char *parents,
                       const char *ops)
{
    struct cove_bytes body =
        story_json(s, cove_arena_printf(&s->arena, "{'parents':[%s],'ops':%s}",
                                        parents, ops));
    struct cove_step_id id = cove_step_id_of(body);
    const char *hex = story_hex(s, &id);
    struct word w;

    word_open(&w, s, who, true);
    word_doc(&w, &s->journal);
    step_enter(&w, hex, body);
    return hex;
}

void story_pass_entry(struct story *s, enum story_who from, enum story_who to,
                      const char *key)
{
    const struct cove_native *native = NULL;
    const struct cove_copy *copy = NULL;
    struct cove_tx_op op = {.reg = cove_bytes_text(key)};
    struct cove_doc doc;
    struct word a, b;

    word_open(&a, s, from, false);
    word_doc(&a, &s->journal);
    word_must(&a, cove_repo_load(a.peer->kit.repo, a.txn, a.num, &a.arena, &doc,
                                 &a.diag));
    word_must(&a, cove_state_winner(&doc.state, op.reg, &native, &copy));
    op.value = native->value;
    word_open(&b, s, to, true);
    word_doc(&b, &s->journal);
    word_must(&b, word_close(&b, word_append(&b, NULL, &op, &doc)));
    word_must(&a, word_close(&a, 0));
}

bool story_forked(struct story *s, enum story_who who)
{
    const struct cove_schema_doc *schema;
    struct word w;

    word_open(&w, s, who, false);
    word_doc(&w, &s->journal);
    word_must(&w, cove_catalog_open(w.peer->catalog, w.txn, w.num, &schema));

    bool forked = cove_schema_doc_forked(schema);

    word_must(&w, word_close(&w, 0));
    return forked;
}

size_t story_drift(struct story *s, enum story_who who, struct cove_key *author)
{
    const struct cove_schema_doc *schema;
    struct word w;

    word_open(&w, s, who, false);
    word_doc(&w, &s->journal);
    word_must(&w, cove_catalog_open(w.peer->catalog, w.txn, w.num, &schema));

    size_t count = schema->drift_count;

    if (author != NULL && count > 0) {
        *author = schema->drift[0].author;
    }
    word_must(&w, word_close(&w, 0));
    return count;
}

const char *story_why(struct story *s, enum story_who who)
{
    return s->peer[who].kit.diag.text;
}

/* --- documents */

/* The members of a JSON object as edits. */
static struct cove_edit *word_edits(struct word *w, const char *fields,
                                    size_t *count)
{
    struct cove_reader r;
    struct cove_edit *edits;

    cove_reader_init(&r, story_json(w->s, fields));
    *count = cove_reader_map(&r);
    edits = cove_arena_array(&w->arena, *count + 1, sizeof(*edits));
    ck_assert_ptr_nonnull(edits);
    for (size_t i = 0; i < *count; i++) {
        edits[i].name = cove_reader_text(&r);
        edits[i].value = cove_reader_item(&r);
    }
    return edits;
}

int story_try_new(struct story *s, enum story_who who, int64_t second,
                  const char *version, const char *fields, const char *unique)
{
    struct cove_new_request request = {.type = COVE_DOC_COMAP,
                                       .owner = s->group};
    struct cove_loaded loaded;
    struct cove_step_id head;
    struct word w;

    story_clock(s, who, second);
    word_open(&w, s, who, true);
    if (version != NULL) {
        word_must(&w, word_head(&w, version, &head));
        request.head = &head;
        word_doc(&w, &s->journal);
        request.schema = w.num;
    }
    if (unique != NULL) {
        request.unique = story_json(s, unique);
    }
    request.edits = word_edits(&w, fields, &request.edit_count);

    int err = cove_new_document(w.peer->catalog, w.txn, &request, &w.arena,
                                &loaded, &w.diag);

    if (err == 0) {
        s->doc = loaded.doc.id;
    }
    return word_close(&w, err);
}

void story_new(struct story *s, enum story_who who, int64_t second,
               const char *version, const char *fields)
{
    int err = story_try_new(s, who, second, version, fields, NULL);

    ck_assert_msg(err == 0, "new: %s", story_kit(s, who)->diag.text);
}

struct cove_id story_extract(struct story *s, enum story_who who,
                             const char *rule)
{
    struct cove_header header = {
        .type = COVE_DOC_COMAP, .has_owner = true, .owner = s->group};
    struct cove_buf from, buf;
    struct cove_writer w;
    struct cove_id id;
    struct word word;

    word_open(&word, s, who, true);
    cove_buf_init(&from, &cove_alloc_libc);
    cove_buf_init(&buf, &cove_alloc_libc);
    cove_writer_init(&w, &from);
    cove_writer_map(&w, 2);
    cove_writer_cstr(&w, "rule");
    cove_writer_cstr(&w, rule);
    cove_writer_cstr(&w, "document");
    cove_writer_bytes(&w, s->doc.b, sizeof(s->doc.b));
    ck_assert_int_eq(w.err, 0);
    header.from = cove_buf_bytes(&from);
    word_must(&word, cove_header_encode(&header, &buf, &id, &word.diag));
    word_must(&word,
              cove_repo_create(word.peer->kit.repo, word.txn,
                               cove_buf_bytes(&buf), &word.num, &word.diag));
    word_must(&word, word_close(&word, 0));
    cove_buf_clear(&from);
    cove_buf_clear(&buf);
    return id;
}

static int word_write(struct story *s, enum story_who who, int64_t second,
                      const char *version, const char *fields, bool deleted)
{
    struct cove_loaded loaded;
    struct word w;
    size_t count;

    story_clock(s, who, second);
    word_open(&w, s, who, true);

    struct cove_edit *edits = word_edits(&w, fields, &count);

    for (size_t i = 0; i < count && deleted; i++) {
        edits[i].deleted = true;
        edits[i].value = cove_bytes(NULL, 0);
    }

    int err = word_load(
        &w, version, version == NULL ? COVE_LOAD_RAW : COVE_LOAD_VIEW, &loaded);

    if (err == 0) {
        err =
            cove_write(w.peer->catalog, w.txn, &loaded, edits, count, &w.diag);
    }
    return word_close(&w, err);
}

int story_try_write(struct story *s, enum story_who who, int64_t second,
                    const char *version, const char *fields)
{
    return word_write(s, who, second, version, fields, false);
}

void story_write(struct story *s, enum story_who who, int64_t second,
                 const char *version, const char *fields)
{
    int err = word_write(s, who, second, version, fields, false);

    ck_assert_msg(err == 0, "write %s: %s %s", fields, cove_error_name(err),
                  story_kit(s, who)->diag.text);
}

void story_delete(struct story *s, enum story_who who, int64_t second,
                  const char *version, const char *field)
{
    char *fields = cove_arena_printf(&s->arena, "{'%s':null}", field);
    int err = word_write(s, who, second, version, fields, true);

    ck_assert_msg(err == 0, "delete %s: %s", field,
                  story_kit(s, who)->diag.text);
}

struct cove_op_id story_raw_write(struct story *s, enum story_who who,
                                  int64_t second, const char *epoch,
                                  const char *reg, const char *value)
{
    struct cove_tx_op op = {.reg = cove_bytes_text(reg),
                            .deleted = value == NULL};
    struct cove_op_id id;
    struct cove_step_id step;
    struct cove_doc doc;
    struct word w;

    if (value != NULL) {
        op.value = story_json(s, value);
    }
    if (epoch != NULL) {
        step = story_step_id(epoch);
    }
    story_clock(s, who, second);
    word_open(&w, s, who, true);
    word_doc(&w, &s->doc);
    word_must(&w, word_append(&w, epoch == NULL ? NULL : &step, &op, &doc));
    memset(&id, 0, sizeof(id));
    for (size_t i = 0; i < doc.session_count; i++) {
        if (memcmp(&doc.sessions[i].device, &w.peer->kit.device,
                   sizeof(id.device)) == 0) {
            id.hlc = doc.sessions[i].last_hlc;
            id.device = doc.sessions[i].device;
            id.session = doc.sessions[i].session;
            id.tx = doc.sessions[i].len - 1;
        }
    }
    word_must(&w, word_close(&w, 0));
    return id;
}

/* --- forgery */

struct author story_author(struct story *s, enum story_who who)
{
    struct author a;

    author_init(&a, &s->peer[who].kit, &s->peer[ALICE].kit, &s->doc, 9);
    return a;
}

struct cove_origin story_origin(struct story *s, enum story_who who,
                                const char *reg)
{
    const char *const registers[] = {reg, NULL};
    struct cove_origin origin = {.reg = cove_bytes_text(reg)};
    struct story_newest newest;

    ck_assert(story_newest(s, who, registers, &newest));
    origin.id = newest.id;
    story_tx_hash(s, who, &origin.id, origin.tx_hash);
    return origin;
}

void story_forge(struct story *s, struct author *a, int64_t second,
                 const char *reg, const char *value, struct cove_origin *origin)
{
    struct cove_tx_op op = {.reg = cove_bytes_text(reg),
                            .value = story_json(s, value),
                            .origins = origin,
                            .origin_count = 1};
    struct cove_tx tx = {.hlc = cove_hlc_of_ms(STORY_START + second * 1000),
                         .kind = COVE_TX_COPY,
                         .ops = &op,
                         .op_count = 1};

    author_push_tx(a, &tx);
}

void story_hand(struct story *s, struct author *a, enum story_who to)
{
    struct cove_batch batch = author_batch(a, 0, a->len);
    struct cove_ingest_result result;
    int err = kit_ingest(&s->peer[to].kit, &batch, 1, &result);

    ck_assert_msg(err == 0, "hand: %s", story_why(s, to));
}
