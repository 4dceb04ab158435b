/* diff_answers.c: what the developer said about changes that files alone do not
 * tell. An answer that is about nothing is refused by name: it is a slip of the
 * pen, and what it was meant for would be decided without it.
 */
#include "migrate/diff_internal.h"

static const struct {
    const char *member;
    enum diff_answer_kind kind;
    enum cove_cbor_type value; /* of a map's members; END: a list of names */
    const char *form;
} members[] = {
    {"rename", DIFF_ANSWER_RENAME, COVE_CBOR_TEXT, "{\"old\":\"new\"}"},
    {"drop", DIFF_ANSWER_DROP, COVE_CBOR_END, "[\"field\"]"},
    {"hide", DIFF_ANSWER_HIDE, COVE_CBOR_END, "[\"field\"]"},
    {"lossy", DIFF_ANSWER_LOSSY, COVE_CBOR_END, "[\"field\"]"},
    {"enum", DIFF_ANSWER_ENUM, COVE_CBOR_MAP,
     "{\"field\":{\"old\":\"new\",\"gone\":null}}"},
    {"convert", DIFF_ANSWER_CONVERT, COVE_CBOR_MAP,
     "{\"field\":{\"forward\":[…],\"back\":[…]}}"},
};

static int member_fail(size_t kind, struct cove_diag *diag)
{
    return cove_fail(diag, COVE_EUSAGE, "answers: write \"%s\" like %s",
                     members[kind].member, members[kind].form);
}

/* The answers of one member, behind those that are there. */
static int member_read(size_t kind, struct cove_bytes item,
                       struct diff_answers *out, struct cove_diag *diag)
{
    bool list = members[kind].value == COVE_CBOR_END;
    struct cove_reader r;
    size_t count;

    cove_reader_init(&r, item);
    if (cove_cbor_type_of(item) != (list ? COVE_CBOR_LIST : COVE_CBOR_MAP)) {
        return member_fail(kind, diag);
    }
    count = list ? cove_reader_list(&r) : cove_reader_map(&r);
    for (size_t i = 0; i < count; i++) {
        struct diff_answer *answer = &out->all[out->count++];
        struct cove_bytes name = cove_reader_item(&r);

        if (cove_cbor_type_of(name) != COVE_CBOR_TEXT) {
            return member_fail(kind, diag);
        }
        answer->kind = members[kind].kind;
        answer->name = cove_value_text(name);
        if (!list) {
            answer->value = cove_reader_item(&r);
        }
        if (!list && cove_cbor_type_of(answer->value) != members[kind].value) {
            return member_fail(kind, diag);
        }
        if (members[kind].value == COVE_CBOR_TEXT) {
            answer->value = cove_value_text(answer->value);
        }
    }
    return 0;
}

/* How many items a list or map holds; 0 for anything else. */
static size_t item_count(struct cove_bytes item)
{
    struct cove_reader r;

    cove_reader_init(&r, item);
    if (cove_reader_peek(&r) == COVE_CBOR_LIST) {
        return cove_reader_list(&r);
    }
    return cove_reader_peek(&r) == COVE_CBOR_MAP ? cove_reader_map(&r) : 0;
}

static int answer_unknown(struct cove_bytes name, struct cove_diag *diag)
{
    return cove_fail(diag, COVE_EUSAGE,
                     "answers: unknown member \"%.*s\"; there are rename, "
                     "drop, hide, enum, convert, lossy, acceptDataLoss",
                     SHOWN(name));
}

int cove_diff_answers_read(struct cove_arena *arena, struct cove_bytes answers,
                           struct diff_answers *out, struct cove_diag *diag)
{
    struct cove_reader r;
    struct cove_reader ahead;
    size_t total = 0;

    *out = (struct diff_answers){NULL, 0, false};
    if (answers.len == 0) {
        return 0;
    }
    if (cove_cbor_type_of(answers) != COVE_CBOR_MAP) {
        return cove_fail(diag, COVE_EUSAGE, "answers: must be an object");
    }
    cove_reader_init(&ahead, answers);
    for (size_t left = cove_reader_map(&ahead); left > 0; left--) {
        cove_reader_item(&ahead);
        total += item_count(cove_reader_item(&ahead));
    }
    out->all = cove_arena_array(arena, total + 1, sizeof *out->all);
    if (out->all == NULL) {
        return COVE_ENOMEM;
    }
    cove_reader_init(&r, answers);
    for (size_t left = cove_reader_map(&r); left > 0; left--) {
        struct cove_bytes name = cove_reader_text(&r);
        struct cove_bytes item = cove_reader_item(&r);
        size_t kind = 0;
        int rc;

        if (cove_bytes_equal(name, cove_bytes_text("acceptDataLoss")) &&
            cove_cbor_type_of(item) == COVE_CBOR_BOOL) {
            struct cove_reader flag;

            cove_reader_init(&flag, item);
            out->accept = cove_reader_bool(&flag);
            continue;
        }
        while (kind < COVE_ARRAY_LEN(members) &&
               !cove_bytes_equal(name, cove_bytes_text(members[kind].member))) {
            kind++;
        }
        if (kind == COVE_ARRAY_LEN(members)) {
            return answer_unknown(name, diag);
        }
        if ((rc = member_read(kind, item, out, diag)) != 0) {
            return rc;
        }
    }
    return 0;
}

/* Is it "field", or "Schema.field"? */
static bool answer_means(struct cove_bytes said, struct cove_bytes schema,
                         struct cove_bytes field)
{
    if (cove_bytes_equal(said, field)) {
        return true;
    }
    return said.len == schema.len + 1 + field.len && schema.len > 0 &&
           memcmp(said.at, schema.at, schema.len) == 0 &&
           said.at[schema.len] == '.' &&
           memcmp(said.at + schema.len + 1, field.at, field.len) == 0;
}

struct diff_answer *cove_diff_answer(struct diff_answers *answers,
                                     enum diff_answer_kind kind,
                                     struct cove_bytes schema,
                                     struct cove_bytes field)
{
    for (size_t i = 0; i < answers->count; i++) {
        struct diff_answer *answer = &answers->all[i];

        if (answer->kind == kind && answer_means(answer->name, schema, field)) {
            return answer;
        }
    }
    return NULL;
}

int cove_diff_answers_end(const struct diff_answers *answers,
                          struct cove_diag *diag)
{
    for (size_t i = 0; i < answers->count; i++) {
        const struct diff_answer *answer = &answers->all[i];

        if (answer->used) {
            continue;
        }
        if (answer->kind == DIFF_ANSWER_RENAME) {
            return cove_fail(
                diag, COVE_EUSAGE,
                "answers: rename \"%.*s\" to \"%.*s\": the first is not gone, "
                "or the second is not new",
                SHOWN(answer->name), SHOWN(answer->value));
        }
        return cove_fail(diag, COVE_EUSAGE,
                         "answers: %s \"%.*s\": there is no such change",
                         members[answer->kind].member, SHOWN(answer->name));
    }
    return 0;
}
