/* The daemon's log: whatever a sentence holds, a line is one line of logfmt or
 * JSON, and nothing in it steers a terminal. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/serve.h"
#include "tests/unit/harness.h"

static struct serve_log logger;
static char written[65536];
static int was, ends[2];

/* Standard error goes into a pipe, which holds any one line. */
static void setup(void)
{
    atomic_store(&logger.level, SERVE_DEBUG);
    atomic_store(&logger.json, false);
    was = dup(STDERR_FILENO);
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_ge(dup2(ends[1], STDERR_FILENO), 0);
    close(ends[1]);
}

static void teardown(void)
{
    ck_assert_int_ge(dup2(was, STDERR_FILENO), 0);
    close(was);
    close(ends[0]);
}

/* What was written since; "" where that is nothing: an empty line tells. */
static const char *taken(void)
{
    ssize_t n;

    ck_assert_int_eq(write(STDERR_FILENO, "\n", 1), 1);
    n = read(ends[0], written, sizeof(written) - 1);
    ck_assert_int_gt(n, 0);
    written[n - 1] = '\0';
    return written;
}

static void assert_has(const char *line, const char *words)
{
    ck_assert_msg(strstr(line, words) != NULL, "no %s in %s", words, line);
}

static void assert_tame(const char *line)
{
    size_t len = strlen(line);
    bool tame = len > 0 && line[len - 1] == '\n';

    for (size_t i = 0; i + 1 < len; i++) {
        unsigned char c = (unsigned char)line[i];

        tame = tame && c >= 0x20 && c != 0x7f &&
               !(c == 0xc2 && (unsigned char)line[i + 1] < 0xa0) &&
               strncmp(line + i, "\xe2\x80\xae", 3) != 0;
    }
    ck_assert_msg(tame, "%s", line);
}

static const char hostile[] =
    "peer 0123456789abcdef: closed: \x1b[2J\x1b]0;owned\x07 \"quoted\" \\ a=b "
    "\r\nts=forged level=info \x7f \xc2\x9b"
    "31m \xe2\x80\xae \xff\xfe \xc0\x80 "
    "\xed\xa0\x80 \xf4\x90\x80\x80 \xe2\x80 end";

START_TEST(control_bytes_and_escapes_are_escaped_in_both_formats)
{
    const char *line;
    json_t *object;

    serve_log_library(&logger, hostile);
    line = taken();
    assert_tame(line);
    assert_has(line, "\\u001b[2J");
    assert_has(line, "\\\"quoted\\\" \\\\ a=b");
    assert_has(line, "\\u009b31m \\u202e \\ufffd\\ufffd");
    assert_has(line, "end\"\n");
    ck_assert_ptr_eq(strchr(line, '\n'), line + strlen(line) - 1);

    atomic_store(&logger.json, true);
    serve_log_library(&logger, hostile);
    line = taken();
    assert_tame(line);
    object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    ck_assert(json_is_object(object));
    ck_assert_str_eq(json_string_value(json_object_get(object, "peer")),
                     "0123456789abcdef");
    ck_assert_str_eq(json_string_value(json_object_get(object, "level")),
                     "warn");
    json_decref(object);
}
END_TEST

START_TEST(what_a_sentence_is_about_is_read_off_it)
{
    static const struct {
        const char *sentence, *has;
    } cases[] = {
        {"listening on [::1]:7420",
         "level=info event=listening address=[::1]:7420 msg=\"listening on "
         "[::1]:7420\"\n"},
        {"connection from 10.0.0.9:1234 ended: the handshake failed",
         "level=warn event=refused address=10.0.0.9:1234 msg=\"connection"},
        {"peer 00ff00ff00ff00ff: connected, cove 0.1.0",
         "level=info event=connected peer=00ff00ff00ff00ff msg="},
        {"peer 00ff00ff00ff00ff: disconnected",
         "level=info event=disconnected peer=00ff00ff00ff00ff"},
        {"peer 00ff00ff00ff00ff: refused co_zabc: no right",
         "level=warn event=document-refused peer=00ff00ff00ff00ff "
         "document=co_zabc msg="},
        {"cannot commit what arrived: no space left",
         "level=error event=failed"},
        {"peer 00ff00ff00ff00ff: in sync at 1 and 2", "level=debug"},
        {"3 readers of dead processes cleared away", "level=info event=sync"},
        {"", "event=sync"},
        {"peer ", "event=sync msg=\"peer \""},
        {"peer x", "event=lost peer=x"},
        {"peer 00ff00ff00ff00ff: connection refused: cannot connect to h:1",
         "level=info event=lost peer=00ff00ff00ff00ff msg="},
        {"peer 00ff00ff00ff00ff: co_zabc was removed, and is no longer here",
         "level=info event=document-removed peer=00ff00ff00ff00ff "
         "document=co_zabc"},
        {"peer 00ff00ff00ff00ff: 3 transactions without the right to write",
         "level=warn event=document-refused"},
    };

    for (size_t i = 0; i < COVE_ARRAY_LEN(cases); i++) {
        serve_log_library(&logger, cases[i].sentence);
        assert_has(taken(), cases[i].has);
    }
}
END_TEST

START_TEST(what_is_below_the_level_is_not_written)
{
    atomic_store(&logger.level, serve_level_of("warn"));
    serve_say(&logger, SERVE_INFO, "a", "not %s", "this");
    ck_assert_str_eq(taken(), "");
    serve_say(&logger, SERVE_WARN, "b", "but %s", "this");
    assert_has(taken(), "level=warn event=b msg=\"but this\"\n");
    ck_assert_int_eq(serve_level_of("debug"), SERVE_DEBUG);
    ck_assert_int_eq(serve_level_of("error"), SERVE_ERROR);
}
END_TEST

START_TEST(a_sentence_of_any_length_is_one_whole_line)
{
    static char text[100001];

    for (size_t len = 0; len < sizeof(text); len = len * 3 + 1) {
        memset(text, '\x1b', len); /* six bytes of each */
        text[len] = '\0';
        for (int json = 0; json < 2; json++) {
            const char *line;

            atomic_store(&logger.json, json != 0);
            serve_log_line(&logger, &(struct serve_line){.level = SERVE_ERROR,
                                                         .event = "long",
                                                         .msg = text});
            line = taken();
            assert_tame(line);
            ck_assert_uint_le(strlen(line), 8192);
            if (json != 0) {
                json_t *object = json_loads(line, 0, NULL);

                ck_assert(json_is_object(object));
                json_decref(object);
            }
        }
    }
}
END_TEST

static size_t lines_of(const char *text)
{
    size_t lines = 0;

    while ((text = strchr(text, '\n')) != NULL) {
        lines++;
        text++;
    }
    return lines;
}

/* A34 */
START_TEST(strangers_do_not_fill_the_log)
{
    time_t begin = time(NULL);

    for (int i = 0; i < 5000; i++) {
        serve_log_library(&logger, "connection from 10.0.0.9:1 ended: no");
    }
    ck_assert_uint_le(lines_of(taken()), 21 * (size_t)(time(NULL) - begin + 1));
    serve_log_library(&logger, "peer 00ff00ff00ff00ff: disconnected");
    assert_has(taken(), "event=disconnected"); /* what is known still gets in */
    logger.second--;
    logger.strange = 25;
    serve_log_library(&logger, "connection from 10.0.0.9:1 ended: no");
    assert_has(taken(),
               "msg=\"and 5 more connections of devices that nobody named\"\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("serve_log");
    TCase *tc = tcase_create("serve_log");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, control_bytes_and_escapes_are_escaped_in_both_formats);
    tcase_add_test(tc, what_a_sentence_is_about_is_read_off_it);
    tcase_add_test(tc, what_is_below_the_level_is_not_written);
    tcase_add_test(tc, a_sentence_of_any_length_is_one_whole_line);
    tcase_add_test(tc, strangers_do_not_fill_the_log);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
