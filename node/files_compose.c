/* files_compose.c: see files_compose.h. */
#include "node/files_compose.h"

#include "core/cbor.h"
#include "core/value.h"
#include "migrate/laws.h"

#include <stdio.h>

#define COMPOSE_INDENT 4
#define COMPOSE_SEED   20

/* The text so far; the error is sticky. */
struct compose {
    struct cove_arena *arena;
    struct cove_buf out;
    int err;
};

static void put_bytes(struct compose *c, struct cove_bytes bytes)
{
    if (c->err == 0) {
        c->err = cove_buf_append(&c->out, bytes);
    }
}

static void put(struct compose *c, const char *text)
{
    put_bytes(c, cove_bytes_text(text));
}

/* A value, its lines moved in as deep as a member stands. */
static void put_value(struct compose *c, struct cove_bytes cbor,
                      unsigned indent)
{
    struct cove_buf text;
    size_t from = 0;

    cove_buf_init(&text, c->arena->alloc);
    if (c->err == 0) {
        c->err = cove_json_write_plain(cbor, indent, &text);
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '\n') { /* inside a JSON text it would be escaped */
            put_bytes(c, cove_bytes(text.at + from, i + 1 - from));
            put(c, "    ");
            from = i + 1;
        }
    }
    if (text.len > from) {
        put_bytes(c, cove_bytes(text.at + from, text.len - from));
    }
    cove_buf_clear(&text);
}

static void put_text(struct compose *c, struct cove_bytes text)
{
    struct cove_bytes cbor;

    if (c->err == 0) {
        c->err = cove_value_of_text(c->arena, text, &cbor);
    }
    if (c->err == 0) {
        put_value(c, cbor, 0);
    }
}

static void put_int(struct compose *c, const char *key, int64_t v)
{
    char text[64];

    snprintf(text, sizeof(text), ",\n    \"%s\": %lld", key, (long long)v);
    put(c, text);
}

/* A list of words, each on a line. */
static void put_words(struct compose *c, const char *key,
                      struct cove_bytes list)
{
    struct cove_reader r;

    cove_reader_init(&r, list);
    size_t count = cove_reader_list(&r);

    put(c, ",\n    \"");
    put(c, key);
    put(c, "\": [");
    for (size_t i = 0; i < count; i++) {
        put(c, i == 0 ? "\n        " : ",\n        ");
        put_value(c, cove_reader_item(&r), 0);
    }
    put(c, count == 0 ? "]" : "\n    ]");
}

static void put_hashes(struct compose *c, const struct files_compose *what)
{
    char hex[COVE_HEX_LEN(32)];

    put(c, ",\n    \"hashes\": {");
    if (what->hash_from != NULL) {
        cove_hex(cove_bytes(what->hash_from->b, 32), hex);
        put(c, "\n        \"from\": \"");
        put(c, hex);
        put(c, "\",");
    }
    cove_hex(cove_bytes(what->target->hash.b, 32), hex);
    put(c, "\n        \"to\": \"");
    put(c, hex);
    put(c, "\"\n    }");
}

static int compose_end(struct compose *c, struct cove_bytes *out)
{
    int err = c->err != 0
                  ? c->err
                  : cove_arena_copy(c->arena, cove_buf_bytes(&c->out), out);

    cove_buf_clear(&c->out);
    return err;
}

int files_compose(struct cove_arena *arena, const struct files_compose *what,
                  struct cove_bytes *out)
{
    struct compose c = {.arena = arena};

    cove_buf_init(&c.out, arena->alloc);
    put(&c, "{\n    \"schema\": ");
    put_text(&c, what->schema);
    put_int(&c, "from", what->from);
    put_int(&c, "to", what->to);
    if (what->note.len > 0) {
        put(&c, ",\n    \"note\": ");
        put_text(&c, what->note);
    }
    put_words(&c, "steps", what->steps);
    if (what->down.len > 0) {
        put_words(&c, "down", what->down);
    }
    put_hashes(&c, what);
    put(&c, ",\n    \"targetSchema\": ");
    put_value(&c, what->target->cbor, COMPOSE_INDENT);
    put(&c, "\n}\n");
    return compose_end(&c, out);
}

int files_compose_schema(struct cove_arena *arena, struct cove_bytes cbor,
                         struct cove_bytes *out)
{
    struct compose c = {.arena = arena};

    cove_buf_init(&c.out, arena->alloc);
    c.err = cove_json_write_plain(cbor, COMPOSE_INDENT, &c.out);
    put(&c, "\n");
    return compose_end(&c, out);
}

/* The members of a map one after the other, without `version`. */
static int without_version(struct cove_arena *arena, struct cove_bytes map,
                           struct cove_bytes *out)
{
    struct compose c = {.arena = arena};
    struct cove_reader r;

    cove_buf_init(&c.out, arena->alloc);
    cove_reader_init(&r, map);
    for (size_t left = cove_reader_map(&r); left > 0; left--) {
        struct cove_bytes key = cove_reader_item(&r);
        struct cove_bytes value = cove_reader_item(&r);

        if (!cove_bytes_equal(cove_value_text(key),
                              cove_bytes_text("version"))) {
            put_bytes(&c, key);
            put_bytes(&c, value);
        }
    }
    return compose_end(&c, out);
}

int files_same_but_version(struct cove_arena *arena, struct cove_bytes left,
                           struct cove_bytes right, bool *out)
{
    struct cove_bytes a, b;
    int err = without_version(arena, left, &a);

    err = err != 0 ? err : without_version(arena, right, &b);
    if (err == 0) {
        *out = cove_bytes_equal(a, b);
    }
    return err;
}

int files_laws(struct cove_arena *arena, struct cove_bytes body,
               const struct cove_journal *journal,
               const struct cove_migration *migration, struct cove_diag *diag)
{
    const struct cove_laws laws = {.body = body,
                                   .journal = journal,
                                   .words = migration->words,
                                   .word_count = migration->word_count,
                                   .seed = COMPOSE_SEED};
    struct cove_law_break example;

    return cove_laws_judge(arena, &laws, &example, diag);
}
