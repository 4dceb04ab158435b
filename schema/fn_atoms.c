/* The table of all functions, sorted by name so that one is found in few
 * comparisons: a value may meet a dozen of them. */
#include "schema/fn_atoms.h"

#include "schema/fn.h"

static const struct cove_fn_row fn_rows[] = {
    {"add", "{\"add\":1}", cove_fn_arg_int, cove_fn_add},
    {"after", "{\"after\":\": \"}", cove_fn_arg_text, cove_fn_after},
    {"after_last", "{\"after_last\":\"/\"}", cove_fn_arg_text,
     cove_fn_after_last},
    {"before", "{\"before\":\" \"}", cove_fn_arg_text, cove_fn_before},
    {"before_last", "{\"before_last\":\".\"}", cove_fn_arg_text,
     cove_fn_before_last},
    {"bool_of_int", "\"bool_of_int\"", NULL, cove_fn_bool_of_int},
    {"concat", "\"concat\"", NULL, cove_fn_concat},
    {"const", "{\"const\":0}", cove_fn_arg_any, cove_fn_const},
    {"date_of_ms", "\"date_of_ms\"", NULL, cove_fn_date_of_ms},
    {"decimal_of_int", "{\"decimal_of_int\":2}", cove_fn_arg_digits,
     cove_fn_decimal_of_int},
    {"defaults", "{\"defaults\":{\"kind\":\"note\"}}", cove_fn_arg_object,
     cove_fn_defaults},
    {"div", "{\"div\":100}", cove_fn_arg_divisor, cove_fn_div},
    {"drop_prefix", "{\"drop_prefix\":\"#\"}", cove_fn_arg_text,
     cove_fn_drop_prefix},
    {"drop_suffix", "{\"drop_suffix\":\" kg\"}", cove_fn_arg_text,
     cove_fn_drop_suffix},
    {"each", "{\"each\":[\"trim\"]}", cove_fn_arg_pipe, cove_fn_each},
    {"filter", "{\"filter\":{\"type\":\"text\"}}", cove_fn_arg_condition,
     cove_fn_filter},
    {"float_of_int", "\"float_of_int\"", NULL, cove_fn_float_of_int},
    {"floor", "\"floor\"", NULL, cove_fn_floor},
    {"get", "{\"get\":[\"address\",\"city\"]}", cove_fn_arg_path, cove_fn_get},
    {"get_or", "{\"get_or\":[[\"address\",\"city\"],\"\"]}", cove_fn_arg_get_or,
     cove_fn_get_or},
    {"int_of_bool", "\"int_of_bool\"", NULL, cove_fn_int_of_bool},
    {"int_of_decimal", "{\"int_of_decimal\":2}", cove_fn_arg_digits,
     cove_fn_int_of_decimal},
    {"int_of_float", "\"int_of_float\"", NULL, cove_fn_int_of_float},
    {"int_of_text", "\"int_of_text\"", NULL, cove_fn_int_of_text},
    {"is", "{\"is\":{\"gt\":0}}", cove_fn_arg_condition, cove_fn_is},
    {"iso_of_ms", "\"iso_of_ms\"", NULL, cove_fn_iso_of_ms},
    {"join_list", "{\"join_list\":\", \"}", cove_fn_arg_text,
     cove_fn_join_list},
    {"length", "\"length\"", NULL, cove_fn_length},
    {"list", "{\"list\":[[{\"pick\":\"a\"}],[{\"pick\":\"b\"}]]}",
     cove_fn_arg_pipes, cove_fn_list},
    {"lower", "\"lower\"", NULL, cove_fn_lower},
    {"lua",
     "{\"lua\":{\"source\":\"return value\",\"fuel\":100000,"
     "\"memory\":4194304}}",
     cove_fn_arg_lua, cove_fn_lua},
    {"map_or", "{\"map_or\":[[[\"low\",1],[\"high\",3]],2]}",
     cove_fn_arg_map_or, cove_fn_map_or},
    {"merge", "{\"merge\":{\"kind\":\"note\"}}", cove_fn_arg_object,
     cove_fn_merge},
    {"ms_of_date", "\"ms_of_date\"", NULL, cove_fn_ms_of_date},
    {"ms_of_iso", "\"ms_of_iso\"", NULL, cove_fn_ms_of_iso},
    {"mul", "{\"mul\":100}", cove_fn_arg_int, cove_fn_mul},
    {"object", "{\"object\":{\"city\":[{\"pick\":\"town\"}]}}",
     cove_fn_arg_members, cove_fn_object},
    {"omit", "{\"omit\":[\"draft\"]}", cove_fn_arg_keys, cove_fn_omit},
    {"pad", "{\"pad\":[4,\"0\"]}", cove_fn_arg_pad, cove_fn_pad},
    {"pick", "{\"pick\":\"city\"}", cove_fn_arg_text, cove_fn_pick},
    {"pick_keys", "{\"pick_keys\":[\"street\",\"city\"]}", cove_fn_arg_keys,
     cove_fn_pick_keys},
    {"prefix", "{\"prefix\":\"#\"}", cove_fn_arg_text, cove_fn_prefix},
    {"product", "\"product\"", NULL, cove_fn_product},
    {"rename", "{\"rename\":[\"town\",\"city\"]}", cove_fn_arg_rename,
     cove_fn_rename},
    {"replace", "{\"replace\":[\"-\",\" \"]}", cove_fn_arg_replace,
     cove_fn_replace},
    {"reverse", "\"reverse\"", NULL, cove_fn_reverse},
    {"round", "\"round\"", NULL, cove_fn_round},
    {"set", "{\"set\":[\"kind\",[{\"const\":\"note\"}]]}", cove_fn_arg_set,
     cove_fn_set},
    {"slice", "{\"slice\":[0,3]}", cove_fn_arg_slice, cove_fn_slice},
    {"sort", "\"sort\"", NULL, cove_fn_sort},
    {"sort_by", "{\"sort_by\":[\"due\"]}", cove_fn_arg_path, cove_fn_sort_by},
    {"split_list", "{\"split_list\":\", \"}", cove_fn_arg_text,
     cove_fn_split_list},
    {"suffix", "{\"suffix\":\" kg\"}", cove_fn_arg_text, cove_fn_suffix},
    {"sum", "\"sum\"", NULL, cove_fn_sum},
    {"table", "{\"table\":[[\"done\",true],[\"todo\",false]]}",
     cove_fn_arg_table, cove_fn_table},
    {"template", "{\"template\":\"{first} {last}\"}", cove_fn_arg_template,
     cove_fn_template},
    {"text_of_int", "\"text_of_int\"", NULL, cove_fn_text_of_int},
    {"trim", "\"trim\"", NULL, cove_fn_trim},
    {"unique", "\"unique\"", NULL, cove_fn_unique},
    {"update", "{\"update\":[[\"address\",\"city\"],[\"trim\"]]}",
     cove_fn_arg_update, cove_fn_update},
    {"upper", "\"upper\"", NULL, cove_fn_upper},
    {"when",
     "{\"when\":[[{\"eq\":\"\"},[{\"const\":\"none\"}]],[\"else\",[]]]}",
     cove_fn_arg_when, cove_fn_when},
    {"wrap", "{\"wrap\":\"value\"}", cove_fn_arg_text, cove_fn_wrap},
};

/* The row of a name; NULL where this build does not know it. */
static const struct cove_fn_row *fn_row(struct cove_bytes name)
{
    size_t begin = 0;
    size_t end = COVE_ARRAY_LEN(fn_rows);

    while (begin < end) {
        size_t middle = begin + (end - begin) / 2;
        int order =
            cove_bytes_compare(name, cove_bytes_text(fn_rows[middle].name));

        if (order == 0) {
            return &fn_rows[middle];
        }
        if (order < 0) {
            end = middle;
        } else {
            begin = middle + 1;
        }
    }
    return NULL;
}

const struct cove_fn_row *cove_fn_find(struct cove_bytes item,
                                       struct cove_bytes *arg)
{
    const struct cove_fn_row *row;
    struct cove_reader r;
    bool map;

    cove_reader_init(&r, item);
    map = cove_reader_peek(&r) == COVE_CBOR_MAP;
    if ((map && cove_reader_map(&r) != 1) ||
        cove_reader_peek(&r) != COVE_CBOR_TEXT) {
        return NULL;
    }
    row = fn_row(cove_reader_text(&r));
    if (row == NULL || (row->arg_ok != NULL) != map) {
        return NULL;
    }
    *arg = map ? cove_fn_rest(&r) : cove_bytes(NULL, 0);
    return row;
}

const char *cove_fn_form(struct cove_bytes name)
{
    const struct cove_fn_row *row = fn_row(name);

    return row != NULL ? row->form : NULL;
}

const char *cove_fn_name(size_t index)
{
    for (size_t i = 0; i < COVE_ARRAY_LEN(fn_rows); i++) {
        if (fn_rows[i].run != cove_fn_lua && index-- == 0) {
            return fn_rows[i].name;
        }
    }
    return NULL;
}
