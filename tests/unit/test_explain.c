/* test_explain.c: why a view shows what it shows: the writes behind a field
 * and the way from each to it. */
#include "tests/unit/world.h"

#include "cove/error.h"
#include "migrate/explain.h"

static struct world w;

static void set_up(void)
{
    world_init(&w);
}

static void tear_down(void)
{
    world_clear(&w);
}

static const char *cell_text(const struct cove_cell *cell)
{
    const char *text;

    if (cell->kind == COVE_ABSENT) {
        return "-";
    }
    text = cove_arena_printf(&w.arena, "%s%s",
                             cell->kind == COVE_INVALID ? "!" : "",
                             world_text(&w, cell->bytes));
    ck_assert_ptr_nonnull(text);
    return text;
}

static const char *hop_text(const struct cove_hop *hop)
{
    static const char *const kinds[] = {"rename", "convert", "split", "join",
                                        "calculate"};
    const char *text =
        cove_arena_printf(&w.arena, " %s%s>%.*s=%s", kinds[hop->kind],
                          hop->back ? "-back" : "", (int)hop->to_name.len,
                          (const char *)hop->to_name.at, cell_text(&hop->cell));

    ck_assert_ptr_nonnull(text);
    return text;
}

/* "state value; name@time hop>name=value …; …" of a field at a head. */
static const char *explained(int head, const char *field)
{
    static const char *const states[] = {"written", "calculated", "default",
                                         "missing", "deleted"};
    struct world_head h;
    struct cove_explained x;
    size_t index = 0;
    const char *out;

    world_look(&w, head, &h);
    while (
        !cove_bytes_equal(h.plan->fields[index].name, cove_bytes_text(field))) {
        ck_assert_uint_lt(++index, h.plan->field_count);
    }
    ck_assert_int_eq(cove_explain_field(&h.view, &h.arena, index, &x), 0);
    out = cove_arena_printf(&w.arena, "%s %s", states[x.state],
                            cell_text(&x.field.cell));
    for (size_t i = 0; i < x.write_count; i++) {
        const struct cove_explained_write *write = &x.writes[i];

        out = cove_arena_printf(
            &w.arena, "%s; %s%.*s@%d", out, write->native == NULL ? "?" : "",
            (int)write->name.len, (const char *)write->name.at,
            (int)write->id.hlc);
        ck_assert_ptr_nonnull(out);
        for (size_t k = 0; k < write->hop_count; k++) {
            ck_assert_ptr_nonnull(write->hops[k].step);
            out = cove_arena_printf(&w.arena, "%s%s", out,
                                    hop_text(&write->hops[k]));
            ck_assert_ptr_nonnull(out);
        }
        if (write->native != NULL && write->hop_count > 0 &&
            x.state != COVE_EXPLAINED_DEFAULT) { /* it ends at the field */
            const struct cove_hop *last = &write->hops[write->hop_count - 1];

            ck_assert_int_eq(last->cell.kind, x.field.cell.kind);
            ck_assert(cove_bytes_equal(last->cell.bytes, x.field.cell.bytes));
        }
    }
    world_look_away(&h);
    return out;
}

#define ck_explains(head, field, text)                                         \
    ck_assert_str_eq(explained(head, field), text)

START_TEST(a_field_at_its_own_version_is_what_was_written)
{
    int v1 = world_step(&w, -1, TEXT_SIZE);

    ck_explains(v1, "size", "missing -");
    world_write(&w, v1, 1, "size", "'120'");
    world_write(&w, v1, 2, "size", "'130'");
    ck_explains(v1, "size", "written '130'; size@2");
    world_write(&w, v1, 3, "size", NULL);
    ck_explains(v1, "size", "deleted -; size@3");
}
END_TEST

START_TEST(a_conversion_is_told_forward_and_back)
{
    int v1 = world_step(&w, -1, TEXT_SIZE);
    int v2 = world_step(&w, v1, INT_SIZE);

    world_write(&w, v1, 1, "size", "'120'");
    ck_explains(v2, "size", "written 120; size@1 convert>size=120");
    world_write(&w, v2, 2, "size~2", "130");
    ck_explains(v1, "size", "written '130'; size@2 convert-back>size='130'");
    world_write(&w, v1, 3, "size", "'much'");
    ck_explains(v2, "size", "written !'much'; size@3 convert>size=!'much'");
}
END_TEST

START_TEST(a_new_name_is_told_both_ways)
{
    int v1 = world_step(&w, -1,
                        "[{'op':'add','reg':'a','name':'old','type':'text'}]");
    int v2 = world_step(&w, v1, "[{'op':'name','reg':'a','name':'mid'}]");
    int v3 = world_step(&w, v2, "[{'op':'name','reg':'a','name':'new'}]");

    world_write(&w, v1, 1, "a", "'x'");
    ck_explains(v3, "new", "written 'x'; old@1 rename>new='x'");
    world_write(&w, v3, 2, "a", "'y'");
    ck_explains(v1, "old", "written 'y'; new@2 rename-back>old='y'");
    ck_explains(v3, "new", "written 'y'; new@2");
}
END_TEST

START_TEST(a_chain_of_conversions_is_told_step_by_step)
{
    int v1 = world_step(&w, -1, TEXT_SIZE);
    int v2 = world_step(&w, v1, INT_SIZE);
    int v3 = world_step(
        &w, v2,
        "[{'op':'add','reg':'size~3','name':'size','type':'text'},"
        "{'op':'conv','from':'size~2','to':'size~3','fwd':['text_of_int'],"
        "'bwd':['int_of_text']},{'op':'hide','reg':'size~2'}]");

    world_write(&w, v1, 1, "size", "'7'");
    ck_explains(v3, "size",
                "written '7'; size@1 convert>size=7 convert>size='7'");
    world_write(&w, v3, 2, "size~3", "'8'");
    ck_explains(
        v1, "size",
        "written '8'; size@2 convert-back>size=8 convert-back>size='8'");
}
END_TEST

START_TEST(a_way_that_does_not_exist_is_told_as_invalid)
{
    int v1 = world_step(&w, -1, TEXT_SIZE);
    int v2 = world_step(
        &w, v1,
        "[{'op':'add','reg':'n','name':'n','type':'int'},{'op':'conv','from':"
        "'size','to':'n','fwd':['int_of_text'],'bwd':null},"
        "{'op':'hide','reg':'size'}]");

    world_write(&w, v2, 1, "n", "5");
    ck_explains(v1, "size", "written !5; n@1 convert-back>size=!5");
}
END_TEST

START_TEST(parts_and_wholes_are_told_with_the_writes_of_each)
{
    int v1 = world_step(&w, -1, FULL_NAME);
    int v2 = world_step(&w, v1, TWO_NAMES);

    world_write(&w, v1, 1, "full", "'Ada Byron'");
    ck_explains(v2, "given", "written 'Ada'; full@1 split>given='Ada'");
    ck_explains(v2, "family", "written 'Byron'; full@1 split>family='Byron'");
    ck_explains(v1, "full", "written 'Ada Byron'; full@1");
    world_write(&w, v2, 2, "family", "'Lovelace'");
    ck_explains(v1, "full",
                "written 'Ada Lovelace'; family@2 join-back>full='Ada Lovelace'"
                "; full@1 split>given='Ada' join-back>full='Ada Lovelace'");
}
END_TEST

START_TEST(what_is_calculated_is_told_with_what_it_was_made_of)
{
    int v1 = world_step(&w, -1,
                        "[{'op':'add','reg':'a','name':'a','type':'text'},"
                        "{'op':'add','reg':'b','name':'b','type':'text'}]");
    int v2 = world_step(
        &w, v1,
        "[{'op':'add','reg':'ab','name':'ab','type':'text'},"
        "{'op':'calc','out':'ab','deps':['a','b'],'lits':['','-','']},"
        "{'op':'add','reg':'abb','name':'abb','type':'text'},"
        "{'op':'calc','out':'abb','deps':['ab'],'lits':['<','>']}]");

    world_write(&w, v1, 1, "a", "'x'");
    world_write(&w, v1, 2, "b", "'y'");
    ck_explains(v2, "ab",
                "calculated 'x-y'; a@1 calculate>ab='x-y'; "
                "b@2 calculate>ab='x-y'");
    ck_explains(v2, "abb",
                "calculated '<x-y>'; a@1 calculate>ab='x-y' "
                "calculate>abb='<x-y>'; b@2 calculate>ab='x-y' "
                "calculate>abb='<x-y>'");
    world_write(&w, v2, 3, "ab", "'own'");
    ck_explains(v2, "ab", "written 'own'; ab@3");
}
END_TEST

START_TEST(what_functions_derive_is_told_with_what_they_took)
{
    int v1 = world_step(
        &w, -1,
        "[{'op':'add','reg':'a','name':'a','type':'int'},"
        "{'op':'add','reg':'b','name':'b','type':'int'},"
        "{'op':'add','reg':'twice','name':'twice','type':'int'},"
        "{'op':'derive','out':'twice','deps':['a','b'],'names':['a','b'],"
        "'fn':[{'pick':'b'},{'mul':2}]}]");

    world_write(&w, v1, 1, "a", "1");
    world_write(&w, v1, 2, "b", "2");
    ck_explains(v1, "twice",
                "calculated 4; a@1 calculate>twice=4; b@2 calculate>twice=4");
}
END_TEST

START_TEST(a_default_is_no_write)
{
    int v1 = world_step(&w, -1,
                        "[{'op':'add','reg':'a','name':'a','type':'text'},"
                        "{'op':'limit','reg':'a','default':'none'}]");

    ck_explains(v1, "a", "default 'none'");
    world_write(&w, v1, 1, "a", NULL);
    ck_explains(v1, "a", "deleted -; a@1");
}
END_TEST

START_TEST(a_write_that_is_not_held_is_named_without_values)
{
    int v1 = world_step(&w, -1, TEXT_SIZE);
    int v2 = world_step(&w, v1, INT_SIZE);

    world_copy(&w, 9, "size~2", "120", "size~2", (uint64_t)5, (char *)NULL);
    ck_explains(v2, "size", "written 120; ?size@5");
    ck_explains(v1, "size", "written '120'; ?size@5");
}
END_TEST

START_TEST(a_path_between_registers_that_are_apart_is_none)
{
    int v1 = world_step(&w, -1,
                        "[{'op':'add','reg':'a','name':'a','type':'text'},"
                        "{'op':'add','reg':'b','name':'b','type':'text'}]");
    struct world_head h;
    struct cove_hop *hops;
    size_t count = 9;

    world_look(&w, v1, &h);
    ck_assert_int_eq(cove_explain_path(h.plan, &h.arena, 0, 1, &hops, &count),
                     0);
    ck_assert_uint_eq(count, 0);
    ck_assert(!cove_explain_reaches(h.plan, 0, 1));
    ck_assert(cove_explain_reaches(h.plan, 1, 1));
    world_look_away(&h);
}
END_TEST

START_TEST(without_memory_nothing_is_explained_and_nothing_leaks)
{
    int v1 = world_step(&w, -1, FULL_NAME);
    int v2 = world_step(&w, v1, TWO_NAMES);
    int err = COVE_ENOMEM;

    world_write(&w, v1, 1, "full", "'Ada Byron'");
    world_write(&w, v2, 2, "family", "'Lovelace'");
    for (long at = 1; err == COVE_ENOMEM; at++) {
        struct world_head h;
        struct harness_alloc heap;
        struct cove_arena arena;
        struct cove_explained x;

        world_look(&w, v1, &h);
        harness_alloc_init(&heap, at);
        cove_arena_init(&arena, &heap.alloc);
        err = cove_explain_field(&h.view, &arena, 0, &x);
        cove_arena_clear(&arena);
        ck_assert_int_eq(heap.alive, 0);
        world_look_away(&h);
    }
    ck_assert_int_eq(err, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("explain");
    TCase *tc = tcase_create("explain");

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, a_field_at_its_own_version_is_what_was_written);
    tcase_add_test(tc, a_conversion_is_told_forward_and_back);
    tcase_add_test(tc, a_new_name_is_told_both_ways);
    tcase_add_test(tc, a_chain_of_conversions_is_told_step_by_step);
    tcase_add_test(tc, a_way_that_does_not_exist_is_told_as_invalid);
    tcase_add_test(tc, parts_and_wholes_are_told_with_the_writes_of_each);
    tcase_add_test(tc, what_is_calculated_is_told_with_what_it_was_made_of);
    tcase_add_test(tc, what_functions_derive_is_told_with_what_they_took);
    tcase_add_test(tc, a_default_is_no_write);
    tcase_add_test(tc, a_write_that_is_not_held_is_named_without_values);
    tcase_add_test(tc, a_path_between_registers_that_are_apart_is_none);
    tcase_add_test(tc, without_memory_nothing_is_explained_and_nothing_leaks);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
