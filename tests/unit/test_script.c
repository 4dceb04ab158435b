/* What a script can do: its library, and values in and out. What it cannot is
 * in test_script_attacks.c. */
#include "tests/unit/script_kit.h"

#include <pthread.h>

static struct script_kit k;

static void set_up(void)
{
    kit_init(&k);
}

static void tear_down(void)
{
    world_clear(&k.w);
}

#define ck_gives(source, value, out)                                           \
    ck_assert_str_eq(kit_call(&k, source, value), out)
#define ck_says(source, value, part)                                           \
    ck_assert_ptr_nonnull(strstr(kit_call(&k, source, value), part))

START_TEST(every_value_comes_out_as_it_went_in)
{
    static const char *const values[] = {
        "null", "true", "false",        "0",
        "-1",   "1.5",  "''",           "'ä b'",
        "[]",   "{}",   "[[],{},[{}]]", "{'a':{'b':[null,1,'x']},'name':[]}"};

    for (size_t i = 0; i < COVE_ARRAY_LEN(values); i++) {
        ck_gives("return value", values[i],
                 world_text(&k.w, world_json(&k.w, values[i])));
    }
    ck_gives("return value", NULL, "nil");
    ck_gives("", NULL, "COVE_ESTEP: a script has 1 to 16384 bytes, not 0");
    ck_gives("return", NULL, "nil");
    ck_gives("return 1, 2", NULL, "1");
}
END_TEST

START_TEST(an_emptied_list_stays_a_list_and_an_emptied_object_an_object)
{
    ck_gives("value[1] = nil return value", "[1]", "[]");
    ck_gives("value.a = nil return value", "{'a':1}", "{}");
    ck_gives("return {}", NULL, "{}");
    ck_gives("return list{}", NULL, "[]");
    ck_gives("return {1, 'a', list{}}", NULL, "[1,'a',[]]");
    ck_gives("return text.split('', ',')", NULL, "['']");
    ck_says("value.a = 1 return value", "[]", "a list with names");
    ck_says("value[1] = 1 return value", "{}", "an object with items");
    ck_says("list(1)", NULL, "list: number 2 is a number, not a table");
}
END_TEST

START_TEST(bytes_and_references_are_compared_and_given_back)
{
    uint8_t ref[36] = {0xa1, 0x60, 0x58, 0x20, 7};
    uint8_t two[73] = {0x82};
    struct cove_script *script = NULL;
    struct cove_bytes out;

    memcpy(two + 1, ref, sizeof(ref));
    memcpy(two + 37, ref, sizeof(ref));
    ck_assert_int_eq(
        cove_script_new(
            &cove_alloc_libc,
            cove_bytes_text("return {value[1] == value[2], type(value[1]), "
                            "tostring(value[1]), value[2]}"),
            &script, NULL),
        0);
    ck_assert_int_eq(kit_run(&k, script, cove_bytes(two, sizeof(two)), &out),
                     0);
    ck_assert_ptr_nonnull(strstr(world_text(&k.w, out), "[true,'ref','co_z"));
    ck_assert(out.len > sizeof(ref) &&
              memcmp(out.at + out.len - sizeof(ref), ref, sizeof(ref)) == 0);
    cove_script_free(script);
    ck_assert_int_eq(cove_script_new(&cove_alloc_libc,
                                     cove_bytes_text("return value"), &script,
                                     NULL),
                     0);
    ck_assert_int_eq(kit_run(&k, script, cove_bytes("\x42\x01\xff", 3), &out),
                     0);
    ck_assert(cove_bytes_equal(out, cove_bytes("\x42\x01\xff", 3)));
    cove_script_free(script);
}
END_TEST

START_TEST(types_are_told_by_name)
{
    ck_gives("return {type(value[1]), type(value[2]), type(value[3]), "
             "type(value[4]), type(value[5]), type(nil), type(text), "
             "type(len)}",
             "[null,1,'a',true,[]]",
             "['null','number','string','boolean','table','nil','library',"
             "'function']");
    ck_gives("return {is_integer(1), is_integer(1.0), is_integer('1')}", NULL,
             "[true,false,false]");
    ck_gives("return value == null and value ~= nil", "null", "true");
    ck_gives("return {tostring(true), tostring(null), tostring(nil), "
             "tostring(-7), tostring('x')}",
             NULL, "['true','null','nil','-7','x']");
    ck_says("return value.a", "null", "attempt to index a userdata value");
}
END_TEST

START_TEST(texts_are_counted_and_cut_by_code_points)
{
    ck_gives("return {value:len(), value:sub(2, 3), value:sub(-2), "
             "value:sub(2, -2), value:sub(3, 2), value:sub(0), value:sub(9), "
             "value:sub(-99, 2)}",
             "'a€üz'", "[4,'€ü','üz','€ü','','a€üz','','a€']");
    ck_gives("local a, b = value:find('ü') return {a, b, value:find('ü', 4)}",
             "'a€üz'", "[3,3]");
    ck_gives("return {('aXbX'):replace('X', '--'), (' \\t a b \\n'):trim(), "
             "('aÄz'):upper(), ('AÄZ'):lower(), ('ab'):rep(3), ('ab'):rep(-1)}",
             NULL, "['a--b--','a b','AÄZ','aÄz','ababab','']");
    ck_gives("return {('a,b,,c'):split(','), text.join({'a', 1, 'b'}, '-'), "
             "text.join({}), ('ab'):starts('a'), ('ab'):ends('ab'), "
             "('ab'):ends('abc')}",
             NULL, "[['a','b','','c'],'a-1-b','',true,true,false]");
    ck_says("return ('a'):split('')", NULL, "what separates is empty");
    ck_says("return text.join({1.5})", NULL,
            "item 1 is neither a text nor an integer");
    ck_says("return text.len(5)", NULL,
            "text.len: number 1 is a number, not a text");
}
END_TEST

START_TEST(lists_are_changed_in_place_and_sorted_stably)
{
    ck_gives("list.insert(value, 4) list.insert(value, 1, 0) "
             "local x = list.remove(value, 2) list.remove(value) "
             "return {value, x, len(value), list.remove(list{})}",
             "[1,2,3]", "[[0,2,3],1,3]");
    ck_gives("list.sort(value) return value", "[3,1,2.5,-1]", "[-1,1,2.5,3]");
    ck_gives("list.sort(value) return value", "['b','a','ä','']",
             "['','a','b','ä']");
    ck_gives("list.sort(value, function(a, b) return a[1] < b[1] end) "
             "return value",
             "[[2,'a'],[1,'b'],[2,'c'],[1,'d']]",
             "[[1,'b'],[1,'d'],[2,'a'],[2,'c']]");
    ck_says("list.sort(value)", "[1,'a']", "attempt to compare");
    ck_says("list.insert(value, 5, 1)", "[1]", "place 5 of a list of 1");
    ck_says("list.remove(value, 2)", "[1]", "place 2 of a list of 1");
    ck_says("list.insert(value, nil)", "[1]", "nil cannot be an item");
}
END_TEST

START_TEST(tables_are_walked_integers_first_then_texts_by_bytes)
{
    ck_gives("local out = {} local t = {b = 1, a = 2, [2] = 3, [-1] = 4, "
             "['ä'] = 5, B = 6, aa = 7} "
             "for key, v in pairs(t) do out[len(out) + 1] = key if key == 'B' "
             "then t.a = nil end end return out",
             NULL, "[-1,2,'B','aa','b','ä']");
    ck_gives("local out = {} for i, v in ipairs(value) do "
             "list.insert(out, v * i) end return out",
             "[5,6,7]", "[5,12,21]");
}
END_TEST

START_TEST(numbers_are_floored_and_compared)
{
    ck_gives("return {floor(2.7), floor(-2.5), floor(3), min(3, 1, 2.5), "
             "max(1, 2.5), abs(-3), abs(-0.5), 7 // 2, 7 % 3, -7 // 2}",
             NULL, "[2,-3,3,1,2.5,3,0.5,3,1,-4]");
    ck_says("return floor(1e300)", NULL, "no integer of 64 bits");
    ck_says("return abs(-9223372036854775807 - 1)", NULL, "no counterpart");
    ck_says("return min()", NULL, "min: number 1 is a nothing, not a number");
}
END_TEST

START_TEST(what_no_script_may_use_is_named_with_its_line)
{
    ck_says("local a = 1\r\n\r\nreturn a ^ 2", NULL,
            "line 3: a script has no `^`");
    ck_says("--[==[ ^ ]] \n ]==]\nreturn # value", NULL,
            "line 3: a script has no `#`");
    ck_says("local function f(...) end", NULL, "line 1: a script has no `...`");
    ck_gives("return '^ # ...' .. \"\\\"^\\z \n  #\" .. [[\n^]] .. [==[]]#]==] "
             "-- ^ # ...\n",
             NULL, "'^ # ...\\'^#^]]#'");
    ck_says("return 1 .. 2 .. '^' ^ 3", NULL, "has no `^`");
    ck_says("return 0x1p-1 ^ 2", NULL, "has no `^`");
    ck_says("return t[a[1]]^2", NULL, "has no `^`");
    ck_says("return 'open\n ^ 2", NULL, "has no `^`");
    ck_says(
        "return 1 +", NULL,
        "COVE_ESTEP: the script does not compile: line 1: unexpected symbol "
        "near <eof>");
}
END_TEST

static int load_of(void *ctx, struct cove_bytes id, struct cove_bytes *out)
{
    (void)ctx;
    if (cove_bytes_equal(id, cove_bytes_text("gone"))) {
        return COVE_ENOTFOUND;
    }
    if (cove_bytes_equal(id, cove_bytes_text("broken"))) {
        return COVE_EIO;
    }
    *out = world_json(&k.w, "{'name':'Ada'}");
    return 0;
}

static const char *patch(const char *source, const char *doc)
{
    struct cove_script_input inputs[2] = {
        {"doc", world_json(&k.w, doc)},
        {"ctx", world_json(&k.w, "{'id':'co_z1','dry_run':true}")}};
    struct cove_script_call call = {.inputs = inputs,
                                    .input_count = 2,
                                    .limits = k.limits,
                                    .entry = "migrateOne",
                                    .load = load_of};
    struct cove_script_result result = {{NULL, 0}, 0};
    struct cove_script *script = NULL;
    int err = cove_script_new(&cove_alloc_libc, cove_bytes_text(source),
                              &script, &k.diag);

    ck_assert_int_eq(err, 0);
    cove_diag_clear(&k.diag);
    err = cove_script_run(script, &call, &k.w.arena, &result, &k.diag);
    cove_script_free(script);
    return err != 0                ? cove_arena_printf(&k.w.arena, "%s: %s",
                                                       cove_error_name(err), k.diag.text)
           : result.value.len == 0 ? "nil"
                                   : world_text(&k.w, result.value);
}

START_TEST(migrate_one_gives_a_patch_and_may_load_other_documents)
{
    ck_assert_str_eq(patch("function migrateOne(doc, ctx)\n"
                           "  local author = ctx.load(doc.author)\n"
                           "  return {authorName = author.name, b = null,\n"
                           "          gone = delete}\n"
                           "end",
                           "{'author':'co_z2'}"),
                     "{'b':null,'gone':{'':null},'authorName':'Ada'}");
    ck_assert_str_eq(patch("function migrateOne(doc, ctx) if ctx.load('gone') "
                           "== nil and ctx.dry_run then return end end",
                           "{}"),
                     "nil");
    ck_assert_ptr_nonnull(strstr(
        patch("function migrateOne(doc, ctx) ctx.load('broken') end", "{}"),
        "COVE_EIO"));
    ck_assert_ptr_nonnull(
        strstr(patch("return 1", "{}"), "it defines no function migrateOne"));
    ck_assert_ptr_nonnull(
        strstr(patch("function migrateOne() return 5 end", "{}"),
               "a patch is a table"));
    ck_assert_ptr_nonnull(strstr(
        patch("function migrateOne() return {1} end", "{}"), "not a list"));
    ck_assert_ptr_nonnull(strstr(
        patch("function migrateOne() return {a = {b = delete}} end", "{}"),
        "which is no value"));
    ck_assert_ptr_nonnull(
        strstr(patch("function migrateOne(d, ctx) ctx.load({}) end", "{}"),
               "it takes a document's id or a reference"));
}
END_TEST

/* --- the pool */

#define THREADS 4

static struct cove_scripts *pool;

static void *pool_use(void *arg)
{
    struct cove_arena arena;
    struct cove_script_limits limits = {COVE_SCRIPT_FUEL, COVE_SCRIPT_MEMORY};
    intptr_t wrong = 0;

    cove_arena_init(&arena, &cove_alloc_libc);
    for (int i = 0; i < 500; i++) {
        char source[64];
        struct cove_script_call call = {.limits = limits};
        struct cove_script_result result;
        struct cove_script *script = NULL;

        snprintf(source, sizeof(source), "return %d", i % 20);
        if (cove_scripts_take(pool, cove_bytes_text(source), &script, NULL) !=
            0) {
            wrong++;
            continue;
        }
        wrong += cove_script_run(script, &call, &arena, &result, NULL) != 0 ||
                 result.value.len != 1 || result.value.at[0] != i % 20;
        cove_scripts_give(pool, script);
    }
    cove_arena_clear(&arena);
    (void)arg;
    return (void *)wrong;
}

START_TEST(threads_take_scripts_and_give_them_back)
{
    pthread_t threads[THREADS];

    ck_assert_int_eq(cove_scripts_new(&cove_alloc_libc, &pool), 0);
    for (int i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, pool_use, NULL), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *wrong = NULL;

        ck_assert_int_eq(pthread_join(threads[i], &wrong), 0);
        ck_assert_ptr_null(wrong);
    }
    cove_scripts_free(pool);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("script");
    TCase *t = tcase_create("script");

    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, every_value_comes_out_as_it_went_in);
    tcase_add_test(
        t, an_emptied_list_stays_a_list_and_an_emptied_object_an_object);
    tcase_add_test(t, bytes_and_references_are_compared_and_given_back);
    tcase_add_test(t, types_are_told_by_name);
    tcase_add_test(t, texts_are_counted_and_cut_by_code_points);
    tcase_add_test(t, lists_are_changed_in_place_and_sorted_stably);
    tcase_add_test(t, tables_are_walked_integers_first_then_texts_by_bytes);
    tcase_add_test(t, numbers_are_floored_and_compared);
    tcase_add_test(t, what_no_script_may_use_is_named_with_its_line);
    tcase_add_test(t, migrate_one_gives_a_patch_and_may_load_other_documents);
    tcase_add_test(t, threads_take_scripts_and_give_them_back);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return harness_run(suite());
}
