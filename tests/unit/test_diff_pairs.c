/* test_diff_pairs.c: for any two schemas, and full answers, the words of the
 * diff lead from the one to exactly the other, and `down` leads back.
 *
 * The generator makes a schema, changes it at random, and knows what it did, so
 * it can answer every question; the compiler then judges the words. */
#include "migrate/laws.h"
#include "tests/unit/diff_kit.h"

#define PAIRS  2000
#define FIELDS 10

/* --- random schemas ----------------------------------------------------- */

static uint64_t state;

static unsigned below(unsigned n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)((state >> 11) % n);
}

static const struct kind {
    const char *type; /* as the schema says it */
    const char *fallback[2];
    const char *extra; /* a constraint that the defaults keep */
} kinds[] = {
    {"'string'", {"'x'", "''"}, ",'maxLength':9"},
    {"'integer'", {"0", "7"}, ",'minimum':-4"},
    {"'boolean'", {"true", "false"}, ""},
    {"'number'", {"1.5", "2"}, ",'maximum':100"},
    {"'array'", {"[]", "[1]"}, ""},
    {"'object'", {"{}", "{'a':1}"}, ",'properties':{'a':{}}"},
    {"['string','null']", {"null", "'y'"}, ",'x-ref':'Other'"},
    {"['string','integer']", {"'z'", "3"}, ",'x-index':true"},
};
#define KINDS ((unsigned)COVE_ARRAY_LEN(kinds))
/* types with no conversion that is known to every other one */
enum { TEXT_KIND = 0, ENUM_FIRST = 4 };

static const char *const choices[] = {"'red'",  "'green'", "'blue'",
                                      "'navy'", "'teal'",  "'grey'"};

struct field {
    char name[16];
    unsigned kind;
    int fallback; /* -1: none */
    bool required, extra;
    unsigned choices; /* bits; 0: no enum */
    int other;        /* in v2: which of v1, or -1 */
    bool same;        /* values stay what they are: no conversion */
};

struct schema {
    struct field fields[2 * FIELDS];
    unsigned count;
};

static unsigned names_made;

static void name_fresh(struct field *f)
{
    snprintf(f->name, sizeof f->name, "%c%u", (char)('a' + below(26)),
             names_made++);
}

static void field_make(struct field *f)
{
    memset(f, 0, sizeof *f);
    name_fresh(f);
    f->kind = below(KINDS);
    f->fallback = (int)below(3) - 1;
    f->required = below(3) == 0;
    f->extra = below(3) == 0;
    f->other = -1;
    if (f->kind == TEXT_KIND && below(2) == 0) {
        f->choices = 1 + below(62);
        f->fallback = -1;
        f->extra = false;
    }
}

static char *schema_text(const struct schema *s, int number)
{
    char *text = cove_arena_printf(
        &arena, "{'title':'T','version':%d,'properties':{", number);
    char *required = cove_arena_printf(&arena, "%s", "");

    for (unsigned i = 0; i < s->count; i++) {
        const struct field *f = &s->fields[i];

        text =
            cove_arena_printf(&arena, "%s%s'%s':{'type':%s", text,
                              i > 0 ? "," : "", f->name, kinds[f->kind].type);
        if (f->extra) {
            text =
                cove_arena_printf(&arena, "%s%s", text, kinds[f->kind].extra);
        }
        if (f->fallback >= 0) {
            text = cove_arena_printf(&arena, "%s,'default':%s", text,
                                     kinds[f->kind].fallback[f->fallback]);
        }
        for (unsigned k = 0, n = 0; k < COVE_ARRAY_LEN(choices); k++) {
            if ((f->choices >> k & 1) != 0) {
                text =
                    cove_arena_printf(&arena, "%s%s%s", text,
                                      n++ == 0 ? ",'enum':[" : ",", choices[k]);
            }
        }
        text = cove_arena_printf(&arena, "%s%s}", text,
                                 f->choices != 0 ? "]" : "");
        if (f->required) {
            required = cove_arena_printf(&arena, "%s%s'%s'", required,
                                         *required != '\0' ? "," : "", f->name);
        }
    }
    return cove_arena_printf(&arena, "%s},'required':[%s]}", text, required);
}

/* --- random changes, and the answers to them ---------------------------- */

struct answers {
    char *rename, *drop, *hide, *choice, *convert;
};

/* Put {a}{b} behind what was said. */
static void say(char **list, const char *a, const char *b)
{
    *list = cove_arena_printf(&arena, "%s%s%s%s", *list,
                              **list != '\0' ? "," : "", a, b);
}

static char *named(const char *name, const char *rest)
{
    return cove_arena_printf(&arena, "'%s'%s", name, rest);
}

/* Values that go: to one that stays, or to nothing. */
static void change_choices(struct field *f, struct answers *said)
{
    unsigned had = f->choices;
    char *map = cove_arena_printf(&arena, "%s", "");

    f->choices = 1 + below(62);
    for (unsigned k = 0; k < COVE_ARRAY_LEN(choices); k++) {
        unsigned to = below(COVE_ARRAY_LEN(choices));

        if ((had >> k & 1) != 0 && (f->choices >> k & 1) == 0) {
            bool into = (f->choices >> to & 1) != 0;

            say(&map, choices[k],
                cove_arena_printf(&arena, ":%s", into ? choices[to] : "null"));
        }
    }
    if (*map != '\0') {
        say(&said->choice, named(f->name, ":"),
            cove_arena_printf(&arena, "{%s}", map));
    }
}

/* Another type, with a conversion where the two have none of their own. */
static void change_type(struct field *f, struct answers *said)
{
    unsigned to = (f->kind + 1 + below(KINDS - 1)) % KINDS;

    f->kind = to;
    f->choices = 0;
    f->extra = false;
    f->fallback = (int)below(3) - 1;
    if (below(2) == 0) {
        say(&said->convert, named(f->name, ":{'back':null,'forward':"),
            cove_arena_printf(&arena, "[{'const':%s}]}",
                              kinds[to].fallback[0]));
    } else {
        say(&said->convert, named(f->name, ":{'forward':[],'back':[]}"), "");
    }
}

static void change_one(struct schema *new, struct field f, int from,
                       struct answers *said)
{
    unsigned what = below(12);
    char old[sizeof f.name];

    memcpy(old, f.name, sizeof old);
    f.other = from;
    if (what < 2) {
        say(what == 0 ? &said->drop : &said->hide, named(old, ""), "");
        return;
    }
    if (what == 2) {
        f.required = !f.required;
    } else if (what == 3 && f.choices == 0) {
        f.fallback = (int)below(3) - 1;
    } else if (what == 4 && f.choices == 0) {
        f.extra = !f.extra;
    } else if (what < 7 && f.choices != 0) {
        change_choices(&f, said);
    } else if (what < 7) {
        change_type(&f, said);
    }
    if (below(3) == 0) {
        name_fresh(&f);
        say(&said->rename, named(old, ":"), named(f.name, ""));
    }
    new->fields[new->count++] = f;
}

/* Two fields that kept their names exchange them. */
static void change_places(struct schema *new, const struct schema *old,
                          struct answers *said)
{
    if (new->count < 2) {
        return;
    }
    struct field *a = &new->fields[0], *b = &new->fields[1];
    char name[sizeof a->name];

    if (strcmp(a->name, old->fields[a->other].name) != 0 ||
        strcmp(b->name, old->fields[b->other].name) != 0) {
        return;
    }
    say(&said->rename, named(a->name, ":"), named(b->name, ""));
    say(&said->rename, named(b->name, ":"), named(a->name, ""));
    memcpy(name, a->name, sizeof name);
    memcpy(a->name, b->name, sizeof name);
    memcpy(b->name, name, sizeof name);
}

static char *change(const struct schema *old, struct schema *new)
{
    struct answers said = {"", "", "", "", ""};

    new->count = 0;
    for (unsigned i = 0; i < old->count; i++) {
        change_one(new, old->fields[i], (int)i, &said);
    }
    if (below(4) == 0) {
        change_places(new, old, &said);
    }
    for (unsigned i = below(3); i > 0; i--) {
        field_make(&new->fields[new->count++]);
    }
    return cove_arena_printf(&arena,
                             "{'rename':{%s},'drop':[%s],'hide':[%s],'enum':{%s"
                             "},'convert':{%s},'acceptDataLoss':true}",
                             said.rename, said.drop, said.hide, said.choice,
                             said.convert);
}

/* --- the property ------------------------------------------------------- */

static char *plain(struct cove_bytes cbor)
{
    struct cove_buf buf;
    char *text;

    cove_buf_init(&buf, &cove_alloc_libc);
    ck_assert_int_eq(cove_json_write_plain(cbor, 0, &buf), 0);
    text =
        cove_arena_printf(&arena, "%.*s", (int)buf.len, (const char *)buf.at);
    cove_buf_clear(&buf);
    return text;
}

/* The words lead from before to after, and back; nothing is lost unsaid. */
static void leads(unsigned seed, const char *before, const char *after,
                  const char *answers)
{
    struct cove_diff_request request = {.before = schema_of(before),
                                        .after = schema_of(after),
                                        .answers = cbor_of(answers)};
    struct cove_compile_request compile = {
        .target = request.after, .parents = &root.step, .parent_count = 1};
    struct cove_migration m;
    struct cove_laws laws = {.seed = seed};
    struct cove_law_break broken;
    char *text;

    cove_diag_clear(&diag);
    ck_assert_msg(cove_diff(&arena, &request, &got, &diag) == 0,
                  "%u: %s\n%s\n%s\n%s", seed, diag.text, before, after,
                  answers);
    ck_assert_uint_eq(got.ambiguous_count, 0);
    ck_assert_uint_eq(got.destructive_count, 0);
    publish(before);
    text = cove_arena_printf(
        &arena, "{\"schema\":\"T\",\"from\":1,\"to\":2,\"steps\":%s%s%s}",
        plain(got.words), got.down.len > 0 ? ",\"down\":" : "",
        got.down.len > 0 ? plain(got.down) : "");
    ck_assert_msg(
        cove_migration_read(&arena, cove_bytes_text(text), "m", &m, &diag) == 0,
        "%u: %s", seed, diag.text);
    compile.migration = &m;
    compile.journal = journal;
    ck_assert_msg(cove_compile_migration(&arena, &compile, &made, &diag) == 0,
                  "%u: %s\n%s\n%s\n%s\n%s", seed, diag.text, before, after,
                  answers, text);
    laws.body = made.body;
    laws.journal = journal;
    laws.words = m.words;
    laws.word_count = m.word_count;
    ck_assert_msg(seed % 16 != 0 ||
                      cove_laws_judge(&arena, &laws, &broken, &diag) == 0,
                  "%u: %s\n%s", seed, diag.text, text);
}

START_TEST(words_lead_to_the_other_schema_and_back)
{
    for (unsigned seed = 1; seed <= PAIRS; seed++) {
        struct schema old = {.count = 0}, new;
        char *before, *answers;

        state = seed * 0x9e3779b97f4a7c15u;
        names_made = 0;
        for (unsigned i = below(FIELDS); i > 0; i--) {
            field_make(&old.fields[old.count++]);
        }
        before = schema_text(&old, 1);
        answers = change(&old, &new);
        leads(seed, before, schema_text(&new, 2), answers);
        cove_journal_free(journal);
        journal = NULL;
        cove_arena_reset(&arena);
    }
}
END_TEST

START_TEST(a_schema_and_itself_differ_by_nothing)
{
    for (unsigned seed = 1; seed <= PAIRS / 10; seed++) {
        struct schema old = {.count = 0};
        struct cove_diff_request request;

        state = seed * 0x9e3779b97f4a7c15u;
        names_made = 0;
        for (unsigned i = below(FIELDS); i > 0; i--) {
            field_make(&old.fields[old.count++]);
        }
        request = (struct cove_diff_request){
            .before = schema_of(schema_text(&old, 1)),
            .after = schema_of(schema_text(&old, 2))};
        ck_assert_int_eq(cove_diff(&arena, &request, &got, &diag), 0);
        ck_assert_uint_eq(got.change_count, 0);
        ck_assert_int_eq(got.class, COVE_DIFF_NONE);
        ck_assert_uint_eq(got.compat, COVE_COMPAT_FULL);
        ck_assert_str_eq(text_of(got.words), "[]");
        cove_arena_reset(&arena);
    }
}
END_TEST

int main(void)
{
    const TTest *const all[] = {
        words_lead_to_the_other_schema_and_back,
        a_schema_and_itself_differ_by_nothing,
    };
    Suite *suite = suite_create("diff_pairs");
    TCase *tests = tcase_create("diff_pairs");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 120);
    for (size_t i = 0; i < COVE_ARRAY_LEN(all); i++) {
        tcase_add_test(tests, all[i]);
    }
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
