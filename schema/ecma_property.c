/* ecma_property.c: the properties of Unicode that ECMA-262 names, as PCRE2
 * calls them. Source: ECMA-262, tables 67 to 69. */
#include <stdio.h>

#include "schema/ecma.h"

static const struct {
    const char *name;
    const char *code;
} categories[] = {
    {"Letter", "L"},
    {"Cased_Letter", "L&"},
    {"LC", "L&"},
    {"Uppercase_Letter", "Lu"},
    {"Lowercase_Letter", "Ll"},
    {"Titlecase_Letter", "Lt"},
    {"Modifier_Letter", "Lm"},
    {"Other_Letter", "Lo"},
    {"Mark", "M"},
    {"Combining_Mark", "M"},
    {"Nonspacing_Mark", "Mn"},
    {"Spacing_Mark", "Mc"},
    {"Enclosing_Mark", "Me"},
    {"Number", "N"},
    {"Decimal_Number", "Nd"},
    {"digit", "Nd"},
    {"Letter_Number", "Nl"},
    {"Other_Number", "No"},
    {"Punctuation", "P"},
    {"punct", "P"},
    {"Connector_Punctuation", "Pc"},
    {"Dash_Punctuation", "Pd"},
    {"Open_Punctuation", "Ps"},
    {"Close_Punctuation", "Pe"},
    {"Initial_Punctuation", "Pi"},
    {"Final_Punctuation", "Pf"},
    {"Other_Punctuation", "Po"},
    {"Symbol", "S"},
    {"Math_Symbol", "Sm"},
    {"Currency_Symbol", "Sc"},
    {"Modifier_Symbol", "Sk"},
    {"Other_Symbol", "So"},
    {"Separator", "Z"},
    {"Space_Separator", "Zs"},
    {"Line_Separator", "Zl"},
    {"Paragraph_Separator", "Zp"},
    {"Other", "C"},
    {"Control", "Cc"},
    {"cntrl", "Cc"},
    {"Format", "Cf"},
    {"Surrogate", "Cs"},
    {"Private_Use", "Co"},
    {"Unassigned", "Cn"},
};

/* Both know these by the same name. */
static const char *const binaries[] = {
    "Any",
    "ASCII",
    "Alphabetic",
    "Alpha",
    "ASCII_Hex_Digit",
    "AHex",
    "Bidi_Control",
    "Bidi_C",
    "Bidi_Mirrored",
    "Bidi_M",
    "Case_Ignorable",
    "CI",
    "Cased",
    "Changes_When_Casefolded",
    "CWCF",
    "Changes_When_Casemapped",
    "CWCM",
    "Changes_When_Lowercased",
    "CWL",
    "Changes_When_Titlecased",
    "CWT",
    "Changes_When_Uppercased",
    "CWU",
    "Dash",
    "Default_Ignorable_Code_Point",
    "DI",
    "Deprecated",
    "Dep",
    "Diacritic",
    "Dia",
    "Emoji",
    "Emoji_Component",
    "EComp",
    "Emoji_Modifier",
    "EMod",
    "Emoji_Modifier_Base",
    "EBase",
    "Emoji_Presentation",
    "EPres",
    "Extended_Pictographic",
    "ExtPict",
    "Extender",
    "Ext",
    "Grapheme_Base",
    "Gr_Base",
    "Grapheme_Extend",
    "Gr_Ext",
    "Hex_Digit",
    "Hex",
    "IDS_Binary_Operator",
    "IDSB",
    "IDS_Trinary_Operator",
    "IDST",
    "ID_Continue",
    "IDC",
    "ID_Start",
    "IDS",
    "Ideographic",
    "Ideo",
    "Join_Control",
    "Join_C",
    "Logical_Order_Exception",
    "LOE",
    "Lowercase",
    "Lower",
    "Math",
    "Noncharacter_Code_Point",
    "NChar",
    "Pattern_Syntax",
    "Pat_Syn",
    "Pattern_White_Space",
    "Pat_WS",
    "Quotation_Mark",
    "QMark",
    "Radical",
    "Regional_Indicator",
    "RI",
    "Sentence_Terminal",
    "STerm",
    "Soft_Dotted",
    "SD",
    "Terminal_Punctuation",
    "Term",
    "Unified_Ideograph",
    "UIdeo",
    "Uppercase",
    "Upper",
    "Variation_Selector",
    "VS",
    "White_Space",
    "space",
    "XID_Continue",
    "XIDC",
    "XID_Start",
    "XIDS",
};

static bool is(struct cove_bytes name, const char *word)
{
    return cove_bytes_equal(name, cove_bytes_text(word));
}

static bool category_find(struct cove_bytes name, char *out)
{
    for (size_t i = 0; i < COVE_ARRAY_LEN(categories); i++) {
        if (is(name, categories[i].name) ||
            (is(name, categories[i].code) && name.at[name.len - 1] != '&')) {
            snprintf(out, COVE_ECMA_PROPERTY_MAX, "%s", categories[i].code);
            return true;
        }
    }
    return false;
}

/* "name=" in front; gives what stands behind it. */
static bool value_of(struct cove_bytes text, const char *name,
                     struct cove_bytes *out)
{
    size_t len = strlen(name);

    if (text.len <= len + 1 || memcmp(text.at, name, len) != 0 ||
        text.at[len] != '=') {
        return false;
    }
    *out = cove_bytes(text.at + len + 1, text.len - len - 1);
    return true;
}

bool cove_ecma_property(struct cove_bytes name,
                        char out[COVE_ECMA_PROPERTY_MAX], bool *negated)
{
    struct cove_bytes value;

    *negated = false;
    if (name.len == 0 || name.len > COVE_ECMA_PROPERTY_MAX - 8) {
        return false;
    }
    if (value_of(name, "General_Category", &value) ||
        value_of(name, "gc", &value)) {
        return category_find(value, out);
    }
    if (value_of(name, "Script_Extensions", &value) ||
        value_of(name, "scx", &value)) {
        snprintf(out, COVE_ECMA_PROPERTY_MAX, "scx:%.*s", (int)value.len,
                 (const char *)value.at);
        return true;
    }
    if (value_of(name, "Script", &value) || value_of(name, "sc", &value)) {
        snprintf(out, COVE_ECMA_PROPERTY_MAX, "sc:%.*s", (int)value.len,
                 (const char *)value.at);
        return true;
    }
    if (is(name, "Assigned")) {
        *negated = true;
        snprintf(out, COVE_ECMA_PROPERTY_MAX, "Cn");
        return true;
    }
    for (size_t i = 0; i < COVE_ARRAY_LEN(binaries); i++) {
        if (is(name, binaries[i])) {
            snprintf(out, COVE_ECMA_PROPERTY_MAX, "%s", binaries[i]);
            return true;
        }
    }
    return category_find(name, out);
}
