/* files_read.c: texts to items. What a text is, its members say: `steps` or
 * `script` make it a migration, `schemas`, `migrations` and `bundle` a
 * collection, anything else is a schema.
 */
#include "core/cbor.h"
#include "core/crypto.h"
#include "core/value.h"
#include "node/files.h"

static int item_fail(struct file_item *item, struct cove_arena *arena,
                     struct cove_diag *diag, int err)
{
    item->err = err;
    item->why = cove_arena_printf(
        arena, "%s", diag->text[0] != '\0' ? diag->text : cove_strerror(err));
    return item->why == NULL ? COVE_ENOMEM : 0;
}

/* An error of the machine, not of the file. */
static bool read_broken(int err)
{
    return err == COVE_ENOMEM;
}

static int item_new(struct files *files, const char *name,
                    struct file_item **out)
{
    void *array = files->at;

    if (files->count >= FILES_MAX) {
        return COVE_ELIMIT;
    }
    int err = cove_arena_grow(files->arena, &array, sizeof(*files->at),
                              files->count, &files->cap);

    files->at = array;
    if (err == 0) {
        *out = &files->at[files->count++];
        **out = (struct file_item){.name = name};
    }
    return err;
}

static bool has(struct cove_bytes map, const char *key)
{
    struct cove_bytes ignored;

    return cove_value_member(map, key, &ignored);
}

/* The greatest version in `from`, which may be a list. */
static int64_t from_of(struct cove_bytes map)
{
    struct cove_bytes v;
    struct cove_reader r;
    int64_t from = cove_value_member_int(map, "from");

    if (from == 0) {
        from = cove_value_member_int(map, "fromVersion");
    }
    if (!cove_value_member(map, "from", &v) ||
        cove_value_kind(v) != COVE_KIND_LIST) {
        return from;
    }
    cove_reader_init(&r, v);
    for (size_t left = cove_reader_list(&r); left > 0; left--) {
        struct cove_bytes one = cove_reader_item(&r);

        if (cove_value_kind(one) == COVE_KIND_INT &&
            cove_value_int(one) > from) {
            from = cove_value_int(one);
        }
    }
    return from;
}

/* What a file says of itself, as far as it says it, whether or not the rest is
 * right. */
static void item_peek(struct file_item *item, struct cove_bytes map)
{
    struct cove_bytes target;

    if (item->kind == FILE_SCHEMA) {
        item->schema = cove_value_member_text(map, "title");
        item->to =
            has(map, "version") ? cove_value_member_int(map, "version") : 1;
        return;
    }
    item->schema = cove_value_member_text(map, "schema");
    item->from = from_of(map);
    item->to = has(map, "to") ? cove_value_member_int(map, "to")
                              : cove_value_member_int(map, "toVersion");
    if (item->schema.len == 0 &&
        cove_value_member(map, "targetSchema", &target)) {
        item->schema = cove_value_kind(target) == COVE_KIND_MAP
                           ? cove_value_member_text(target, "title")
                           : cove_value_member_text(map, "targetSchema");
    }
}

static bool is_migration(struct cove_bytes map)
{
    static const char *const members[] = {"steps",       "script",    "from",
                                          "fromVersion", "toVersion", "to"};

    for (size_t i = 0; i < COVE_ARRAY_LEN(members); i++) {
        if (has(map, members[i])) {
            return true;
        }
    }
    return false;
}

static int item_read(struct files *files, struct file_item *item,
                     struct cove_bytes map)
{
    struct cove_diag diag = {0};
    int err;

    item->kind = is_migration(map) ? FILE_MIGRATION : FILE_SCHEMA;
    item->hash = cove_hash("cove/file", map);
    item_peek(item, map);
    if (item->kind == FILE_SCHEMA) {
        err = cove_schema_file_read(files->arena, item->text, item->name,
                                    &item->file, &diag);
    } else {
        err = cove_migration_read(files->arena, item->text, item->name,
                                  &item->migration, &diag);
        if (err == 0 && item->migration.target.len > 0) {
            err = cove_schema_file_read(
                files->arena, item->migration.target,
                cove_arena_printf(files->arena, "%s: targetSchema", item->name),
                &item->file, &diag);
        }
        if (item->schema.len == 0 && err == 0) {
            item->schema = item->file.title;
        }
    }
    if (err == 0 && item->schema.len == 0) {
        err = cove_fail(&diag, COVE_ESTEP,
                        "%s: does not say which schema it is of: \"schema\"",
                        item->name);
    }
    return err == 0 || read_broken(err)
               ? err
               : item_fail(item, files->arena, &diag, err);
}

/* A value as the text that the readers of schemas and migrations take. */
static int item_text(struct files *files, struct cove_bytes map,
                     struct cove_bytes *out)
{
    struct cove_buf buf;

    cove_buf_init(&buf, files->arena->alloc);
    int err = cove_json_write_plain(map, 0, &buf);

    if (err == 0) {
        err = cove_arena_copy(files->arena, cove_buf_bytes(&buf), out);
    }
    cove_buf_clear(&buf);
    return err;
}

static int add_value(struct files *files, const char *name, const char *within,
                     struct cove_bytes value, unsigned depth);

static int add_text(struct files *files, const char *name, const char *within,
                    struct cove_bytes text, unsigned depth)
{
    struct cove_diag diag = {0};
    struct file_item *item;
    struct cove_bytes value;
    struct cove_buf buf;

    cove_buf_init(&buf, files->arena->alloc);
    int err = cove_json_read_plain(text, name, &buf, &diag);

    if (err == 0) {
        err = cove_arena_copy(files->arena, cove_buf_bytes(&buf), &value);
    }
    cove_buf_clear(&buf);
    if (err == 0) {
        size_t at = files->count;

        err = add_value(files, name, within, value, depth);
        if (err == 0 && files->count == at + 1) {
            files->at[at].raw = text;
        }
        return err;
    }
    if (!read_broken(err)) {
        int code = err;

        err = item_new(files, name, &item);
        if (err == 0) {
            item->within = within;
            item->hash = cove_hash("cove/file", text);
            err = item_fail(item, files->arena, &diag, code);
        }
    }
    return err;
}

/* A list: each one named after the collection and its place. */
static int add_list(struct files *files, const char *name, const char *within,
                    struct cove_bytes list, unsigned depth)
{
    struct cove_reader r;
    int err = 0;

    cove_reader_init(&r, list);
    size_t count = cove_reader_list(&r);

    for (size_t i = 0; i < count && err == 0; i++) {
        struct cove_bytes value = cove_reader_item(&r);
        struct cove_bytes file = {NULL, 0}, text = {NULL, 0};
        const char *one;

        if (cove_value_kind(value) == COVE_KIND_MAP && has(value, "file")) {
            file = cove_value_member_text(value, "file");
            text = cove_value_member_text(value, "text");
        }
        one = text.len > 0
                  ? cove_arena_printf(files->arena, "%.*s", (int)file.len,
                                      (const char *)file.at)
                  : cove_arena_printf(files->arena, "%s[%zu]", name, i);
        if (one == NULL) {
            return COVE_ENOMEM;
        }
        err = text.len > 0 ? add_text(files, one, within, text, depth + 1)
                           : add_value(files, one, within, value, depth + 1);
    }
    return err;
}

/* {schemas?, migrations?, owner?} or {bundle} */
static int add_collection(struct files *files, const char *name,
                          struct cove_bytes map, unsigned depth)
{
    static const char *const parts[] = {"schemas", "migrations", "bundle"};
    struct cove_bytes owner = cove_value_member_text(map, "owner");
    int err = 0;

    if (owner.len > 0) {
        files->owner = cove_arena_printf(files->arena, "%.*s", (int)owner.len,
                                         (const char *)owner.at);
        err = files->owner == NULL ? COVE_ENOMEM : 0;
    }
    for (size_t i = 0; i < COVE_ARRAY_LEN(parts) && err == 0; i++) {
        struct cove_bytes list;
        const char *label;

        if (!cove_value_member(map, parts[i], &list)) {
            continue;
        }
        label = cove_arena_printf(files->arena, "%s: %s", name, parts[i]);
        err = label == NULL ? COVE_ENOMEM
                            : add_value(files, label, name, list, depth + 1);
    }
    return err;
}

/* Has it nothing but what a collection has? */
static bool is_collection(struct cove_bytes map)
{
    return !has(map, "title") && (has(map, "schemas") ||
                                  has(map, "migrations") || has(map, "bundle"));
}

static int add_value(struct files *files, const char *name, const char *within,
                     struct cove_bytes value, unsigned depth)
{
    enum cove_kind kind = cove_value_kind(value);
    struct cove_diag diag = {0};
    struct file_item *item;

    if (depth <= 4 && kind == COVE_KIND_LIST) {
        return add_list(files, name, within, value, depth);
    }
    if (depth <= 4 && kind == COVE_KIND_TEXT) {
        return add_text(files, name, within, cove_value_text(value), depth + 1);
    }
    if (depth <= 4 && kind == COVE_KIND_MAP && is_collection(value)) {
        return add_collection(files, name, value, depth);
    }
    int err = item_new(files, name, &item);

    if (err != 0) {
        return err;
    }
    item->within = within;
    if (kind != COVE_KIND_MAP) {
        err = cove_fail(&diag, COVE_EFORMAT,
                        "%s: must be an object: a JSON Schema or a migration "
                        "{schema, from, to, steps, targetSchema}",
                        name);
        return item_fail(item, files->arena, &diag, err);
    }
    err = item_text(files, value, &item->text);
    return err != 0 ? err : item_read(files, item, value);
}

int files_add(struct files *files, const char *name, struct cove_bytes text)
{
    return add_text(files, name, NULL, text, 0);
}

int files_hash(struct cove_arena *arena, struct cove_bytes text,
               struct cove_hash *out)
{
    struct cove_buf buf;

    cove_buf_init(&buf, arena->alloc);
    int err = cove_json_read_plain(text, "file", &buf, NULL);

    if (!read_broken(err)) {
        *out = cove_hash("cove/file", err == 0 ? cove_buf_bytes(&buf) : text);
        err = 0;
    }
    cove_buf_clear(&buf);
    return err;
}

/* --------------------------------------------------------------- settling */

static bool same_schema(const struct file_item *a, const struct file_item *b)
{
    return cove_bytes_equal(a->schema, b->schema);
}

/* The schema of the version that a migration leads to, lying beside it. */
static const struct file_item *target_beside(const struct files *files,
                                             const struct file_item *m)
{
    for (size_t i = 0; i < files->count; i++) {
        const struct file_item *s = &files->at[i];

        if (s->kind == FILE_SCHEMA && s->err == 0 && same_schema(s, m) &&
            s->to == m->to) {
            return s;
        }
    }
    return NULL;
}

static int settle_target(struct files *files, struct file_item *m)
{
    const struct file_item *beside = target_beside(files, m);
    struct cove_diag diag = {0};

    if (beside != NULL) {
        m->file = beside->file;
        return 0;
    }
    int err = cove_fail(&diag, COVE_ESTEP,
                        "%s: does not hold the schema that it leads to: give "
                        "it \"targetSchema\", version %lld of the schema",
                        m->name, (long long)m->to);

    m->untargeted = true;
    return item_fail(m, files->arena, &diag, err);
}

/* Move an item in front of those of its schema that come after it by version,
 * over the places of its schema only. */
static void settle_order(struct files *files, size_t place)
{
    for (size_t k = place; k-- > 0;) {
        struct file_item *before = &files->at[k], *item = &files->at[place];

        if (item->schema.len == 0 || !same_schema(before, item)) {
            continue;
        }
        if (before->to <= item->to) {
            return;
        }
        struct file_item swap = *before;

        *before = *item;
        *item = swap;
        place = k;
    }
}

int files_settle(struct files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        struct file_item *m = &files->at[i];
        int err = 0;

        if (m->kind == FILE_MIGRATION && m->err == 0 &&
            m->migration.target.len == 0) {
            err = settle_target(files, m);
        }
        if (err != 0) {
            return err;
        }
    }
    for (size_t i = 1; i < files->count; i++) {
        settle_order(files, i);
    }
    return 0;
}

int files_check(const struct files *files, struct cove_diag *diag)
{
    for (size_t i = 0; i < files->count; i++) {
        if (files->at[i].err != 0) {
            return cove_fail(diag, files->at[i].err, "%s", files->at[i].why);
        }
    }
    return 0;
}
