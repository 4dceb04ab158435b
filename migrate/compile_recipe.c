/* compile_recipe.c: the recipe that Cove started from, as words.
 *
 *   script: {transformFields: {field: pipeline | {rename: name} |
 *                                     {to, type, forward, back, lossy}},
 *            removeFields:    [field, …],
 *            addFields:       {field: default | {type, default, required}}}
 *
 * An object holds no order, so the words stand in this one: transform, remove,
 * add; within each by name. What the recipe does not say (the type of an added
 * field) the target schema does. A value of addFields that is an object with
 * no other members than type, default and required is a description; any other
 * value is the default itself, null too.
 */
#include "migrate/compile_parts.h"

struct recipe {
    struct cove_arena *arena;
    struct cove_migration *migration;
    struct cove_diag *diag;
};

static bool has(struct cove_bytes map, const char *key)
{
    struct cove_bytes ignored;

    return cove_value_member(map, key, &ignored);
}

/* How many items a list or map has. */
static size_t item_count(struct cove_bytes item)
{
    struct cove_reader r;

    cove_reader_init(&r, item);
    return cove_cbor_type_of(item) == COVE_CBOR_MAP ? cove_reader_map(&r)
                                                    : cove_reader_list(&r);
}

/* Add a word whose members are in `d`; `where` and `field` label it. */
static int recipe_word(struct recipe *p, const char *word, struct cove_draft *d,
                       const char *where, struct cove_bytes field)
{
    struct cove_migration *m = p->migration;
    struct cove_word *out = &m->words[m->word_count];
    char *label =
        cove_arena_printf(p->arena, "script.%s.%.*s", where, SHOWN(field));
    int rc = cove_draft_end(d, &out->members);

    if (rc != 0 || label == NULL) {
        return COVE_ENOMEM;
    }
    out->word = cove_bytes_text(word);
    out->label = cove_bytes_text(label);
    if ((rc = cove_word_read(p->arena, out, p->diag)) == 0) {
        m->word_count++;
    }
    return rc;
}

/* --- transformFields ---------------------------------------------------- */

/* A pipeline alone: the field keeps its name, and the way back is the one that
 * undoes it, or none. */
static int transform_pipe(struct recipe *p, struct cove_bytes field,
                          struct cove_bytes pipe)
{
    static const uint8_t null[] = {0xf6};
    struct cove_bytes back = {NULL, 0};
    struct cove_draft d;
    char *label = cove_arena_printf(p->arena, "script.transformFields.%.*s",
                                    SHOWN(field));
    int rc;

    if (label == NULL) {
        return COVE_ENOMEM;
    }
    rc = cove_pipe_scripts(p->arena, cove_bytes_text(label), &pipe, p->diag);
    rc = rc != 0 ? rc : cove_pipe_check(pipe, cove_bytes_text(label), p->diag);
    if (rc != 0 || (rc = cove_pipe_invert(p->arena, pipe, &back)) != 0) {
        return rc;
    }
    cove_draft_init(&d, p->arena);
    cove_draft_text(&d, "field", field);
    cove_draft_item(&d, "forward", pipe);
    cove_draft_item(&d, "back",
                    back.len > 0 ? back : cove_bytes(null, sizeof null));
    return recipe_word(p, "convert", &d, "transformFields", field);
}

static int transform_rename(struct recipe *p, struct cove_bytes field,
                            struct cove_bytes to)
{
    struct cove_draft d;

    cove_draft_init(&d, p->arena);
    cove_draft_text(&d, "from", field);
    cove_draft_item(&d, "to", to);
    return recipe_word(p, "rename", &d, "transformFields", field);
}

/* {to?, type?, forward, back?, lossy?} →
 * {field, to: {name?, type?}, forward, back?, lossy?} */
static int transform_convert(struct recipe *p, struct cove_bytes field,
                             struct cove_bytes map)
{
    static const struct {
        const char *member;
        const char *target; /* its name inside "to", or NULL */
    } members[] = {
        {"to", "name"}, {"type", "type"}, {"forward", NULL},
        {"back", NULL}, {"lossy", NULL},
    };
    struct cove_draft d;
    struct cove_draft target;
    struct cove_bytes item;
    size_t known = 0;
    int rc;

    cove_draft_init(&d, p->arena);
    cove_draft_init(&target, p->arena);
    cove_draft_text(&d, "field", field);
    for (size_t i = 0; i < COVE_ARRAY_LEN(members); i++) {
        if (!cove_value_member(map, members[i].member, &item)) {
            continue;
        }
        known++;
        if (members[i].target != NULL) {
            cove_draft_item(&target, members[i].target, item);
        } else {
            cove_draft_item(&d, members[i].member, item);
        }
    }
    if (known != item_count(map)) {
        return cove_fail(p->diag, COVE_ESTEP,
                         "script.transformFields.%.*s: must be a pipeline, "
                         "{to, type, forward, back, lossy} or {rename}",
                         SHOWN(field));
    }
    if ((rc = cove_draft_end(&target, &item)) != 0) {
        return rc;
    }
    cove_draft_item(&d, "to", item);
    return recipe_word(p, "convert", &d, "transformFields", field);
}

static int transform_one(struct recipe *p, struct cove_bytes field,
                         struct cove_bytes how)
{
    struct cove_bytes to;

    if (cove_cbor_type_of(how) != COVE_CBOR_MAP) {
        return transform_pipe(p, field, how);
    }
    if (item_count(how) == 1 && cove_value_member(how, "rename", &to)) {
        return transform_rename(p, field, to);
    }
    return transform_convert(p, field, how);
}

/* --- removeFields, addFields -------------------------------------------- */

static int remove_one(struct recipe *p, struct cove_bytes item)
{
    struct cove_draft d;

    if (cove_cbor_type_of(item) != COVE_CBOR_TEXT) {
        return cove_fail(p->diag, COVE_ESTEP,
                         "script.removeFields: must be a list of names");
    }
    cove_draft_init(&d, p->arena);
    cove_draft_item(&d, "field", item);
    return recipe_word(p, "remove", &d, "removeFields", cove_value_text(item));
}

static bool is_description(struct cove_bytes value)
{
    size_t known;

    if (cove_cbor_type_of(value) != COVE_CBOR_MAP) {
        return false;
    }
    known = (size_t)has(value, "type") + (size_t)has(value, "default") +
            (size_t)has(value, "required");
    return known > 0 && known == item_count(value);
}

static int add_one(struct recipe *p, struct cove_bytes field,
                   struct cove_bytes value)
{
    static const char *const members[] = {"type", "default", "required"};
    struct cove_bytes item;
    struct cove_draft d;

    cove_draft_init(&d, p->arena);
    cove_draft_text(&d, "field", field);
    if (!is_description(value)) {
        cove_draft_item(&d, "default", value);
        return recipe_word(p, "add", &d, "addFields", field);
    }
    for (size_t i = 0; i < COVE_ARRAY_LEN(members); i++) {
        if (cove_value_member(value, members[i], &item)) {
            cove_draft_item(&d, members[i], item);
        }
    }
    return recipe_word(p, "add", &d, "addFields", field);
}

/* --- the script --------------------------------------------------------- */

struct recipe_part {
    const char *name;
    enum cove_cbor_type type;
    struct cove_bytes item; /* empty where absent */
};

static int part_read(struct recipe *p, const struct recipe_part *part)
{
    struct cove_reader r;
    int rc = 0;

    cove_reader_init(&r, part->item);
    if (part->type == COVE_CBOR_LIST) {
        for (size_t n = cove_reader_list(&r); n > 0 && rc == 0; n--) {
            rc = remove_one(p, cove_reader_item(&r));
        }
        return rc;
    }
    for (size_t n = cove_reader_map(&r); n > 0 && rc == 0; n--) {
        struct cove_bytes field = cove_reader_text(&r);
        struct cove_bytes value = cove_reader_item(&r);

        rc = part->name[0] == 'a' ? add_one(p, field, value)
                                  : transform_one(p, field, value);
    }
    return rc;
}

int cove_recipe_read(struct cove_arena *arena, struct cove_bytes script,
                     struct cove_migration *out, struct cove_diag *diag)
{
    struct recipe p = {arena, out, diag};
    struct recipe_part parts[] = {
        {"transformFields", COVE_CBOR_MAP, {NULL, 0}},
        {"removeFields", COVE_CBOR_LIST, {NULL, 0}},
        {"addFields", COVE_CBOR_MAP, {NULL, 0}},
    };
    size_t known = 0;
    size_t words = 0;
    int rc = 0;

    if (cove_cbor_type_of(script) != COVE_CBOR_MAP) {
        return cove_fail(diag, COVE_ESTEP,
                         "migration: a script is an object: {addFields, "
                         "removeFields, transformFields}; a function cannot "
                         "be stored as data");
    }
    for (size_t i = 0; i < COVE_ARRAY_LEN(parts); i++) {
        if (!cove_value_member(script, parts[i].name, &parts[i].item)) {
            continue;
        }
        known++;
        if (cove_cbor_type_of(parts[i].item) != parts[i].type) {
            return cove_fail(
                diag, COVE_ESTEP, "script.%s: must be %s", parts[i].name,
                parts[i].type == COVE_CBOR_MAP ? "an object: {field: …}"
                                               : "a list of names");
        }
        words += item_count(parts[i].item);
    }
    if (known != item_count(script)) {
        return cove_fail(diag, COVE_ESTEP,
                         "migration: a script has addFields, removeFields and "
                         "transformFields, nothing else");
    }
    out->words = cove_arena_array(arena, words + 1, sizeof *out->words);
    if (out->words == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < COVE_ARRAY_LEN(parts) && rc == 0; i++) {
        if (parts[i].item.len > 0) {
            rc = part_read(&p, &parts[i]);
        }
    }
    return rc;
}
