/* test_histories.c: random journals and writes, told twice: to devices with
 * stores, which sign, exchange, load and reopen in random order, and to the
 * view engine alone, as the plain set of what users wrote. Every head shows
 * the same, on every device. So neither logs, checkpoints, sync, copies nor
 * the disk add or take anything.
 *
 * The engine alone is compared with the reference model elsewhere. */
#include "cove/error.h"
#include "tests/promises/story.h"
#include "tests/unit/world.h"

#define STEPS  10
#define WRITES 16
#define REGS   48

struct history {
    struct story s;
    struct world w; /* steps and writes, as the engine alone gets them */
    uint64_t seed;
    int64_t second;
    const char *heads[STEPS];
    size_t head_count;
    uint64_t known[STEPS]; /* bit r: register r is in this head's history */
    const char *regs[REGS];
    char types[REGS]; /* text, int, bool, list */
    size_t reg_count;
};

static uint32_t dice(struct history *h, uint32_t sides)
{
    return story_dice(&h->seed, sides);
}

__attribute__((format(printf, 2, 3))) static char *say(struct history *h,
                                                       const char *format, ...)
{
    char text[2048];
    char *out;
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    out = cove_arena_printf(&h->s.arena, "%s", text);
    ck_assert_ptr_nonnull(out);
    return out;
}

/* --- steps */

static const char *type_word(char type)
{
    switch (type) {
    case 'i':
        return "int";
    case 'b':
        return "bool";
    case 'l':
        return "list";
    default:
        return "text";
    }
}

static size_t reg_new(struct history *h, char type, uint64_t *known)
{
    size_t r = h->reg_count++;

    ck_assert_uint_lt(r, REGS);
    h->regs[r] = say(h, "r%zu", r);
    h->types[r] = type;
    *known |= UINT64_C(1) << r;
    return r;
}

static size_t reg_of(struct history *h, uint64_t known)
{
    size_t r;

    do {
        r = dice(h, (uint32_t)h->reg_count);
    } while ((known >> r & 1) == 0);
    return r;
}

static char *op_add(struct history *h, size_t r)
{
    return say(h, "{'op':'add','reg':'%s','name':'%s','type':'%s'}", h->regs[r],
               dice(h, 5) == 0 ? "n1" : h->regs[r], type_word(h->types[r]));
}

static char *op_conv(struct history *h, size_t from, uint64_t *known)
{
    static const struct {
        char from, to;
        const char *fwd, *bwd;
    } ways[] = {
        {'t', 'i', "['int_of_text']", "['text_of_int']"},
        {'t', 't', "['trim','lower']", "[]"},
        {'t', 'l', "[{'split_list':','}]", "[{'join_list':','}]"},
        {'t', 'b', "[{'table':[['done',true],['todo',false]]}]",
         "[{'table':[[true,'done'],[false,'todo']]}]"},
        {'i', 'i', "[{'mul':100}]", "[{'div':100}]"},
        {'i', 't', "['text_of_int']", "['int_of_text']"},
        {'i', 'i', "[{'add':3}]", "null"},
        {'b', 'i', "['int_of_bool']", "['bool_of_int']"},
        {'l', 't', "[{'join_list':' '}]", "[{'split_list':' '}]"},
    };
    size_t i;

    do {
        i = dice(h, COVE_ARRAY_LEN(ways));
    } while (ways[i].from != h->types[from]);

    size_t to = reg_new(h, ways[i].to, known);

    char *hide = dice(h, 3) == 0
                     ? ""
                     : say(h, ",{'op':'hide','reg':'%s'}", h->regs[from]);

    return say(h, "%s,{'op':'conv','from':'%s','to':'%s','fwd':%s,'bwd':%s}%s",
               op_add(h, to), h->regs[from], h->regs[to], ways[i].fwd,
               ways[i].bwd, hide);
}

static char *op_hide(struct history *h, size_t r)
{
    return say(h, "{'op':'%s','reg':'%s'}", dice(h, 4) == 0 ? "show" : "hide",
               h->regs[r]);
}

static char *op_split(struct history *h, size_t whole, uint64_t *known)
{
    size_t a = reg_new(h, 't', known);
    size_t b = reg_new(h, 't', known);

    return say(h,
               "%s,%s,{'op':'comp','whole':'%s','parts':['%s','%s'],"
               "'lits':['','%s','']%s}",
               op_add(h, a), op_add(h, b), h->regs[whole], h->regs[a],
               h->regs[b], dice(h, 2) == 0 ? " " : ", ",
               dice(h, 5) < 2 ? ",'lenient':true" : "");
}

static char *op_link(struct history *h, uint64_t *known)
{
    size_t a = reg_of(h, *known);
    size_t b = reg_of(h, *known);

    switch (dice(h, 4)) {
    case 0:
        return say(h, "{'op':'alias','from':'%s','to':'%s'}", h->regs[a],
                   h->regs[b]);
    case 1:
        if (a != b) {
            size_t whole = reg_new(h, 't', known);

            return say(h,
                       "%s,{'op':'comp','whole':'%s','parts':['%s','%s'],"
                       "'lits':['(','-',')']}",
                       op_add(h, whole), h->regs[whole], h->regs[a],
                       h->regs[b]);
        }
        __attribute__((fallthrough));
    case 2: {
        size_t out = reg_new(h, 't', known);

        return say(h,
                   "%s,{'op':'calc','out':'%s','deps':['%s','%s'],"
                   "'lits':['','/','']}",
                   op_add(h, out), h->regs[out], h->regs[a], h->regs[b]);
    }
    default:
        return say(h, "{'op':'name','reg':'%s','name':'n%u'}", h->regs[a],
                   dice(h, 3));
    }
}

static char *op_any(struct history *h, uint64_t *known)
{
    size_t r = reg_of(h, *known);

    switch (dice(h, 8)) {
    case 0:
        return say(h, "{'op':'limit','reg':'%s',%s}", h->regs[r],
                   dice(h, 2) == 0 ? "'default':'d'"
                                   : "'default':5,'required':true");
    case 1:
        return op_hide(h, r);
    case 2:
    case 3:
        return op_conv(h, r, known);
    case 4:
    case 5:
        return h->types[r] == 't' ? op_split(h, r, known)
                                  : op_conv(h, r, known);
    default:
        return op_link(h, known);
    }
}

/* The engine alone is told the same body. */
static void note_step(struct history *h, const char *hex, const char *parents,
                      const char *ops, bool root)
{
    size_t i = h->w.steps++;

    h->w.bodies[i] =
        story_json(&h->s, say(h, "{'parents':[%s]%s,'ops':%s}", parents,
                              root ? ",'name':'T'" : "", ops));
    h->w.ids[i] = story_step_id(hex);
    h->heads[h->head_count++] = hex;
}

static void publish(struct history *h)
{
    size_t p =
        dice(h, 4) > 0 ? h->head_count - 1 : dice(h, (uint32_t)h->head_count);
    size_t q = dice(h, (uint32_t)h->head_count);
    uint64_t known = h->known[p];
    char *parents = say(h, "'%s'", h->heads[p]);
    char *ops = say(h, "{'op':'x-%zu'}", h->head_count); /* no two alike */

    if (h->head_count == STEPS || h->reg_count + 8 > REGS) {
        return;
    }
    if (q != p && dice(h, 6) == 0) {
        parents = say(h, "'%s','%s'", h->heads[p], h->heads[q]);
        known |= h->known[q];
    }
    for (uint32_t n = 1 + dice(h, 3); n > 0; n--) {
        ops = say(h, "%s,%s", ops, op_any(h, &known));
    }
    ops = say(h, "[%s]", ops);
    h->known[h->head_count] = known;
    note_step(h, story_step(&h->s, dice(h, 2) == 0 ? ALICE : DAN, parents, ops),
              parents, ops, false);
}

static void begin(struct history *h, int kind, uint64_t seed)
{
    char *ops = "";

    memset(h, 0, sizeof(*h));
    story_begin(&h->s, kind);
    world_init(&h->w);
    h->seed = seed * 2 + 1;
    for (int i = 0; i < 4; i++) {
        size_t r = reg_new(h, "ttib"[i], &h -> known[0]);

        ops = say(h, "%s%s%s", ops, i == 0 ? "" : ",", op_add(h, r));
    }
    ops = say(h, "[%s]", ops);
    note_step(h, story_root(&h->s, ALICE, ops), "", ops, true);
    story_new(&h->s, ALICE, 0, h->heads[0], "{}");
    story_settle(&h->s);
}

static void end(struct history *h)
{
    world_clear(&h->w);
    story_end(&h->s);
}

/* --- users */

static const char *value_of(struct history *h, char type)
{
    static const char *const texts[] = {"'Ada'", "'Grace Hopper'", "''",
                                        "'7'",   "'-12'",          "'a, b'",
                                        "'a,b'", "'done'",         "'(x-y)'"};
    static const char *const ints[] = {"0", "1", "-1", "700",
                                       "9223372036854775807"};
    static const char *const odd[] = {"null",  "true", "3",
                                      "'odd'", "[1]",  "{'k':1}"};

    if (dice(h, 8) == 0) {
        return odd[dice(h, COVE_ARRAY_LEN(odd))];
    }
    switch (type) {
    case 'i':
        return ints[dice(h, COVE_ARRAY_LEN(ints))];
    case 'b':
        return dice(h, 2) == 0 ? "true" : "false";
    case 'l':
        return dice(h, 2) == 0 ? "['a','b']" : "[]";
    default:
        return texts[dice(h, COVE_ARRAY_LEN(texts))];
    }
}

static void write_one(struct history *h)
{
    static const enum story_who writers[] = {ALICE, BOB, DAN};
    size_t head = dice(h, (uint32_t)h->head_count);
    size_t r = reg_of(h, h->known[head]);
    const char *value = dice(h, 8) == 0 ? NULL : value_of(h, h->types[r]);
    struct cove_native *op = &h->w.natives[h->w.native_count++];

    h->second += dice(h, 2); /* often at one time */
    op->id = story_raw_write(&h->s, writers[dice(h, 3)], h->second + dice(h, 3),
                             h->heads[head], h->regs[r], value);
    op->reg = cove_bytes_text(h->regs[r]);
    op->has_epoch = true;
    op->epoch = h->w.ids[head];
    op->deleted = value == NULL;
    if (value != NULL) {
        op->value = story_json(&h->s, value);
    }
}

static void meet(struct history *h)
{
    enum story_who a = (enum story_who)dice(h, STORY_PEERS);
    enum story_who b = (enum story_who)dice(h, STORY_PEERS);

    switch (a == b ? 3 : dice(h, 5)) {
    case 0:
        story_give_doc(&h->s, a, b, &h->s.doc);
        break;
    case 1:
        story_give_doc(&h->s, a, b, &h->s.journal);
        break;
    case 2:
        story_sync(&h->s, a, b);
        break;
    case 3:
        story_reopen(&h->s, a);
        break;
    default:
        (void)story_try_load(&h->s, a,
                             h->heads[dice(h, (uint32_t)h->head_count)]);
    }
}

/* --- both tell the same */

static void compare(struct history *h)
{
    for (size_t i = 0; i < h->head_count; i++) {
        const char *want = world_shown(&h->w, (int)i);

        for (int who = 0; who < STORY_PEERS; who++) {
            ck_views(&h->s, (enum story_who)who, h->heads[i], want);
        }
    }
}

static void play(struct history *h)
{
    while (h->w.native_count < WRITES) {
        uint32_t event = dice(h, 8);

        if (event == 0) {
            publish(h);
        } else if (event < 4) {
            write_one(h);
        } else {
            meet(h);
        }
    }
    story_settle(&h->s);
    story_agreed(&h->s);
    compare(h);
    for (int who = 0; who < STORY_PEERS; who++) {
        story_reopen(&h->s, (enum story_who)who);
    }
    for (size_t i = 0; i < h->head_count; i++) {
        story_load(&h->s, i % 2 == 0 ? BOB : DAN, h->heads[i]);
    }
    story_settle(&h->s);
    story_agreed(&h->s);
    compare(h);
}

START_TEST(signed_logs_in_memory_show_what_the_engine_alone_shows)
{
    static struct history h;

    for (uint64_t seed = 0; seed < 10; seed++) {
        begin(&h, FIXTURE_MEMORY, (uint64_t)_i * 10 + seed);
        play(&h);
        end(&h);
    }
}
END_TEST

START_TEST(signed_logs_on_disk_show_what_the_engine_alone_shows)
{
    static struct history h;

    begin(&h, FIXTURE_LMDB, 1000 + (uint64_t)_i);
    play(&h);
    end(&h);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("histories");
    TCase *tc = tcase_create("histories");

    tcase_set_timeout(tc, 0);
    tcase_add_loop_test(
        tc, signed_logs_in_memory_show_what_the_engine_alone_shows, 0, 8);
    tcase_add_loop_test(
        tc, signed_logs_on_disk_show_what_the_engine_alone_shows, 0, 6);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
