/* diff_child.c: fields that become documents of their own, or whose items
 * change. The words that do it are few: a text field becomes a text, a scalar
 * the first item of a list, and the items of a list are converted one by one.
 * Anything else is another field.
 */
#include "migrate/diff_internal.h"

enum diff_word cove_diff_word(const struct cove_property *from,
                              const struct cove_property *to)
{
    if (from->child == COVE_CHILD_NONE && to->child == COVE_CHILD_TEXT) {
        return from->type == COVE_TYPE_TEXT ? DIFF_TEXT : DIFF_NO_WORD;
    }
    if (from->child == COVE_CHILD_NONE && to->child == COVE_CHILD_LIST) {
        return DIFF_TO_LIST;
    }
    if (from->child == COVE_CHILD_LIST && to->child == COVE_CHILD_LIST) {
        return DIFF_EACH;
    }
    return from->child == to->child ? DIFF_CONVERT : DIFF_NO_WORD;
}

enum cove_type cove_diff_type(const struct cove_property *p)
{
    return p->child == COVE_CHILD_LIST ? p->item_type : p->type;
}

const char *cove_diff_kind(const struct cove_property *p)
{
    return p->child != COVE_CHILD_NONE ? cove_child_kind_name(p->child)
                                       : cove_type_word(p->type);
}

bool cove_diff_turns(const struct diff_field *old)
{
    return old->fate == DIFF_STAYS &&
           (old->word == DIFF_TEXT || old->word == DIFF_TO_LIST);
}

int cove_diff_child(struct diff *d, const struct diff_field *old,
                    struct cove_bytes path)
{
    bool list = old->word == DIFF_TO_LIST;
    struct cove_diff_change c = {
        .kind = COVE_DIFF_FIELD_RETYPED,
        .class = list ? COVE_DIFF_LOSSY : COVE_DIFF_LOSSLESS,
        .lossy_back = list,
        .compat = list ? COVE_COMPAT_BACKWARD : COVE_COMPAT_FULL,
        .field = old->name,
        .path = path,
        .before = old->schema,
        .after = old->other->schema};

    return cove_diff_add(
        d, &c,
        cove_arena_printf(
            d->arena,
            list ? "\"%.*s\" becomes a list whose first item is its value; the "
                   "old version reads the first item of the list"
                 : "\"%.*s\" becomes a text that several may edit at once; the "
                   "old version reads what it says, and replaces it whole",
            SHOWN(old->name)));
}
