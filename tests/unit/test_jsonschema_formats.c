/* test_jsonschema_formats.c: what formats hold, where they are a rule. */
#include "tests/unit/jsonschema_kit.h"

START_TEST(a_format_is_a_note_until_the_schema_says_otherwise)
{
    passes("{'format':'date'}", "'x'");
    passes("{'x-formats':false,'format':'date'}", "'x'");
    breaks("{'x-formats':true,'properties':{'a':{'format':'date'}}}",
           "{'a':'2023-02-29'}",
           "/a breaks the rule 'format date': the text has another form");
    passes("{'x-formats':true,'format':'date'}", "7");
    passes("{'x-formats':true,'format':'idn-email'}", "'x'");
    passes("{'x-formats':true,'format':'shoe-size'}", "'x'");
    refused("{'x-formats':1}", COVE_EFORMAT, "/x-formats: must be true");
    refused("{'items':{'x-formats':true}}", COVE_EFORMAT,
            "/items/x-formats: stands at the top");
}
END_TEST

START_TEST(each_format_has_its_form)
{
    static const struct {
        const char *format, *good[6], *bad[9];
    } all[] = {
        {"date",
         {"2024-02-29", "0000-01-01"},
         {"", "2023-02-29", "2024-13-01", "2024-1-01", "2024-01-32",
          "2024-01-01Z", "20240101"}},
        {"time",
         {"23:59:60Z", "00:00:00+01:30", "12:00:00.123z", "22:59:60-01:00"},
         {"24:00:00Z", "12:60:00Z", "12:00:60Z", "12:00:00", "12:00:00.Z",
          "12:00:00+24:00", "12:00Z"}},
        {"date-time",
         {"2024-01-01T00:00:00Z", "2024-01-01t00:00:00z"},
         {"2024-01-01", "2024-01-01 00:00:00Z", "2024-01-01T00:00:00"}},
        {"duration",
         {"P1Y2M3DT4H5M6S", "PT1S", "P4W", "P1Y"},
         {"P", "PT", "P1", "P1S", "P1D2Y", "P1Y2W", "PT1D", "1Y", "P1Y3D"}},
        {"email",
         {"a@b", "a.b+c@d.e", "\\'a b\\'@c.d", "a@[127.0.0.1]", "a@[IPv6:::1]"},
         {"a", "@b", "a@", ".a@b", "a.@b", "a..b@c", "a b@c", "a@-b", "a@[1]"}},
        {"hostname",
         {"a", "a-b.c0", "xn--a"},
         {"", ".", "a.", "-a", "a-", "a_b", "ab--c", "a..b"}},
        {"ipv4",
         {"0.0.0.0", "255.255.255.255"},
         {"", "1.2.3", "1.2.3.4.5", "256.0.0.0", "01.2.3.4", "1.2.3.a",
          "1..2.3", "1.2.3.4 "}},
        {"ipv6",
         {"::", "::1", "1::", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4"},
         {"", ":", ":::", "1:2:3:4:5:6:7", "1::2::3", "12345::",
          "1:2:3:4:5:6:"
          "7:8:9",
          "::1%eth0", "1.2.3.4"}},
        {"uri",
         {"http://a", "urn:a:b", "http://u@[::1]:80/p?q#f", "a:%20"},
         {"", "a", "//a", "http://a b", "http://[::1", "a:%2", "1:a",
          "http://a:x", "http://\xc3\xa4"}},
        {"uri-reference",
         {"", "a", "//a/b", "?q", "#f"},
         {"\\\\", "#a#b", "a b", "1:a"}},
        {"iri",
         {"http://\xc3\xa4/\xe2\x82\xac"},
         {"", "\xc3\xa4", "http://a b"}},
        {"iri-reference", {"\xc3\xa4"}, {"a b"}},
        {"uri-template",
         {"", "a{b}", "{+a,b:3,c*}", "{?x.y}"},
         {"{", "}", "{}", "{a", "{=a}", "{a:0}", "{a:10000}", "{a..b}",
          "{a b}"}},
        {"uuid",
         {"2eb8aa08-aa98-11ea-b4aa-73b441d16380"},
         {"", "2eb8aa08aa9811eab4aa73b441d16380",
          "2eb8aa08-aa98-11ea-b4aa-73b441d1638g"}},
        {"json-pointer", {"", "/", "/a~0b/~1"}, {"a", "/~", "/~2"}},
        {"relative-json-pointer",
         {"0", "12/a", "1#"},
         {"", "01", "-1", "a", "1#a", "1~"}},
        {"regex", {"", "^a+$"}, {"(", "a**", "\\\\A"}},
    };

    for (size_t i = 0; i < COVE_ARRAY_LEN(all); i++) {
        struct cove_schema_options options = {.formats = true};
        char schema[64], value[80];

        snprintf(schema, sizeof schema, "{'format':'%s'}", all[i].format);
        const struct cove_schema *s = compiled(schema, &options);

        for (size_t k = 0; k < 6 && all[i].good[k] != NULL; k++) {
            snprintf(value, sizeof value, "'%s'", all[i].good[k]);
            ck_assert_msg(cove_schema_check(s, json(value), NULL) == 0,
                          "%s: %s", schema, value);
        }
        for (size_t k = 0; k < 9 && all[i].bad[k] != NULL; k++) {
            snprintf(value, sizeof value, "'%s'", all[i].bad[k]);
            ck_assert_msg(cove_schema_check(s, json(value), NULL) ==
                              COVE_ESCHEMA,
                          "%s: %s", schema, value);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("jsonschema_formats");
    TCase *tests = tcase_create("jsonschema_formats");

    tcase_add_checked_fixture(tests, kit_setup, kit_teardown);
    tcase_add_test(tests, a_format_is_a_note_until_the_schema_says_otherwise);
    tcase_add_test(tests, each_format_has_its_form);
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
