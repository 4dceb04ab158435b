/* schema_kit.h: a device with a group, a catalog and a schema Note of up to two
 * versions: at version 1 its size is a text, at version 2 an integer. */
#ifndef COVE_TESTS_SCHEMA_KIT_H
#define COVE_TESTS_SCHEMA_KIT_H

#include "migrate/publish.h"
#include "tests/unit/repo_kit.h"

struct stage {
    struct kit kit;
    struct cove_catalog *catalog;
    struct cove_id group;
    struct cove_bytes group_header;
    struct cove_id journal_id;
    cove_num journal;
    struct cove_step_id first, second;
};

static inline void stage_open(struct stage *s, uint8_t who)
{
    memset(s, 0, sizeof(*s));
    kit_open(&s->kit, FIXTURE_MEMORY, who);
    ck_assert_int_eq(
        cove_catalog_new(&s->kit.heap.alloc, s->kit.repo, &s->catalog), 0);
}

/* The owner of what follows: `s` is its admin, `other` what `role` says. */
static inline void stage_group(struct stage *s, const struct stage *other,
                               const char *role)
{
    struct kit_member members[] = {{&s->kit, "admin"}, {NULL, role}};

    members[1].who = other != NULL ? &other->kit : NULL;
    s->group_header =
        kit_group(&s->kit, members, other != NULL ? 2 : 1, &s->group);
}

static inline void stage_close(struct stage *s)
{
    cove_catalog_free(s->catalog);
    kit_close(&s->kit);
}

static inline int stage_schema(struct stage *s, struct cove_store_txn *txn)
{
    static const char v1[] = "{\"title\":\"Note\",\"version\":1,\"properties\":"
                             "{\"size\":{\"type\":\"string\"}}}";
    const struct cove_schema_doc *doc;
    struct cove_published p;
    int err = cove_publish_schema(s->catalog, txn, &s->group,
                                  cove_bytes_text(v1), "v1", &p, &s->kit.diag);

    if (err == 0) {
        err = cove_catalog_open(s->catalog, txn, p.num, &doc);
    }
    if (err == 0) {
        s->journal_id = doc->id;
        s->journal = p.num;
        s->first = p.step;
    }
    return err;
}

static inline int stage_migration(struct stage *s, struct cove_store_txn *txn)
{
    static const char v2[] = "{\"title\":\"Note\",\"version\":2,\"properties\":"
                             "{\"size\":{\"type\":\"integer\"}}}";
    static const char steps[] =
        "{\"schema\":\"Note\",\"from\":1,\"to\":2,\"steps\":[{\"convert\":"
        "{\"field\":\"size\",\"to\":{\"type\":\"integer\"},"
        "\"forward\":[\"int_of_text\"]}}]}";
    struct cove_migration_files files = {.migration = cove_bytes_text(steps),
                                         .schema = cove_bytes_text(v2),
                                         .name = "v1-to-v2"};
    struct cove_published p;
    int err = cove_publish_migration(s->catalog, txn, &files, &p, &s->kit.diag);

    s->second = err == 0 ? p.step : s->second;
    return err;
}

/* Publish in a transaction of its own. */
static inline void stage_publish(struct stage *s,
                                 int (*what)(struct stage *s,
                                             struct cove_store_txn *txn))
{
    struct cove_store_txn *txn = kit_begin(&s->kit, true);
    int err = what(s, txn);

    ck_assert_msg(err == 0, "publish: %d %s", err, s->kit.diag.text);
    kit_commit(txn);
    cove_catalog_settle(s->catalog);
}

/* Bring a document's header and log to another device. */
static inline void stage_give(struct stage *from, struct stage *to,
                              const struct cove_id *id)
{
    struct cove_store_txn *txn = kit_begin(&from->kit, false);
    struct cove_doc doc = kit_load(&from->kit, txn, id);

    cove_store_abort(txn);
    kit_take_header(&to->kit, id, doc.header_bytes);
    kit_sync(&from->kit, &to->kit, id);
}

#endif
