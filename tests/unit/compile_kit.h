/* compile_kit.h: what the tests of the compiler share: a small schema, its
 * journal, and what a migration of it gives or why it is refused. JSON is
 * written with ' in place of ", for the reader's sake. */
#ifndef COVE_TESTS_COMPILE_KIT_H
#define COVE_TESTS_COMPILE_KIT_H

#include <stdio.h>

#include "core/cbor.h"
#include "core/crypto.h"
#include "core/json.h"
#include "core/limits.h"
#include "core/value.h"
#include "migrate/compile.h"
#include "tests/unit/harness.h"

static struct cove_arena arena;
static struct cove_diag diag;

/* A published schema, and what was compiled last. */
static struct cove_schema_file file;
static struct cove_compiled root;
static struct cove_compiled made;
static struct cove_journal *journal;

static inline void setup(void)
{
    ck_assert_int_eq(cove_crypto_init(), 0);
    cove_arena_init(&arena, &cove_alloc_libc);
    cove_diag_clear(&diag);
    journal = NULL;
}

static inline void teardown(void)
{
    cove_journal_free(journal);
    journal = NULL;
    cove_arena_clear(&arena);
}

/* Here JSON is written with ' for \": this gives the text that is meant. */
static inline struct cove_bytes json(const char *text)
{
    char *out = cove_arena_printf(&arena, "%s", text);

    for (char *at = out; (at = strchr(at, '\'')) != NULL;) {
        *at = '"';
    }
    return cove_bytes_text(out);
}

/* And the other way round, for what comes out. */
static inline char *shown(const char *text)
{
    char *out = cove_arena_printf(&arena, "%s", text);

    for (char *at = out; (at = strchr(at, '"')) != NULL;) {
        *at = '\'';
    }
    return out;
}

static inline char *said(void)
{
    return shown(diag.text);
}

static inline struct cove_journal *journal_of(const struct cove_bytes *bodies,
                                              size_t count)
{
    struct cove_journal *out = NULL;

    ck_assert_int_eq(cove_journal_new(&cove_alloc_libc, bodies, count, &out),
                     0);
    return out;
}

/* Publish version 1. */
static inline void publish(const char *schema)
{
    cove_diag_clear(&diag);
    ck_assert_msg(cove_schema_file_read(&arena, json(schema), "v1.json", &file,
                                        &diag) == 0,
                  "%s", diag.text);
    ck_assert_msg(cove_compile_root(&arena, &file, &root, &diag) == 0, "%s",
                  diag.text);
    cove_journal_free(journal);
    journal = journal_of(&root.body, 1);
}

/* Compile a migration of version 1; the target may be empty. */
static inline int migrate(const char *migration, const char *target)
{
    struct cove_migration m;
    struct cove_schema_file to;
    struct cove_compile_request request = {&m, &to, journal, &root.step, 1};
    int rc;

    cove_diag_clear(&diag);
    rc = cove_migration_read(&arena, json(migration), "m.json", &m, &diag);
    if (rc != 0) {
        return rc;
    }
    rc =
        cove_schema_file_read(&arena, *target != '\0' ? json(target) : m.target,
                              "v2.json", &to, &diag);
    if (rc != 0) {
        return rc;
    }
    return cove_compile_migration(&arena, &request, &made, &diag);
}

/* The JSON of a body's ops, its registers' hashes replaced: ~1 for those of
 * version 1, ~2 for those of the migration. */
static inline char *ops_text(struct cove_bytes ops)
{
    struct cove_buf buf;
    char *text;
    char *suffix;
    struct cove_bytes first = {NULL, 0};
    struct cove_reader r;

    ck_assert(cove_value_member(root.body, "ops", &first));
    cove_reader_init(&r, first);
    ck_assert_uint_gt(cove_reader_list(&r), 0);
    ck_assert(cove_value_member(cove_reader_item(&r), "reg", &first));
    first = cove_value_text(first);
    suffix = cove_arena_printf(&arena, "%.8s",
                               (const char *)first.at + first.len - 8);
    cove_buf_init(&buf, &cove_alloc_libc);
    ck_assert_int_eq(cove_json_write(ops, 0, &buf), 0);
    text =
        cove_arena_printf(&arena, "%.*s", (int)buf.len, (const char *)buf.at);
    cove_buf_clear(&buf);
    for (char *at = text; (at = strchr(at, '~')) != NULL;) {
        bool old = strncmp(at + 1, suffix, 8) == 0;

        at[1] = old ? '1' : '2';
        memmove(at + 2, at + 9, strlen(at + 9) + 1);
        at += 2;
    }
    return shown(text);
}

static inline char *made_ops(void)
{
    struct cove_bytes ops;

    ck_assert(cove_value_member(made.body, "ops", &ops));
    return ops_text(ops);
}

#define V1                                                                     \
    "{'title':'T','version':1,'properties':{'a':{'type':'string'},'b':{'type'" \
    ":'string','default':'x'},'n':{'type':'integer'},'r':{'type':'string'}},'" \
    "required':['r']}"
#define A   "'a':{'type':'string'}"
#define B   "'b':{'type':'string','default':'x'}"
#define N   "'n':{'type':'integer'}"
#define R   "'r':{'type':'string'}"
#define ALL A "," B "," N "," R

static inline char *migration_text(const char *steps)
{
    return cove_arena_printf(
        &arena, "{'schema':'T','from':1,'to':2,'steps':[%s]}", steps);
}

static inline char *target_text(const char *properties, const char *required)
{
    return cove_arena_printf(
        &arena, "{'title':'T','version':2,'properties':{%s},'required':[%s]}",
        properties, required);
}

/* These steps on V1 give this target, with these ops. */
static inline void gives(const char *steps, const char *properties,
                         const char *required, const char *ops)
{
    publish(V1);
    ck_assert_msg(
        migrate(migration_text(steps), target_text(properties, required)) == 0,
        "%s: %s", steps, diag.text);
    ck_assert_str_eq(made_ops(), ops);
}

/* These steps are refused. */
static inline void refuses(const char *steps, const char *properties, int code,
                           const char *words)
{
    publish(V1);
    made = (struct cove_compiled){0};
    ck_assert_msg(
        migrate(migration_text(steps), target_text(properties, "'r'")) == code,
        "%s: %s", steps, diag.text);
    ck_assert_int_eq(diag.code, code);
    ck_assert_msg(strstr(said(), words) != NULL, "'%s' not in '%s'", words,
                  diag.text);
    ck_assert_uint_eq(made.body.len, 0);
}

static inline char *recipe(const char *script, const char *properties)
{
    return cove_arena_printf(
        &arena,
        "{'fromVersion':1,'toVersion':2,'targetSchema':{'title':'T','version':"
        "2,'required':['r'],'properties':{%s}},'script':%s}",
        properties, script);
}

#endif
