/* repo_home.h: one device, admin of a group, and a document in it. */
#ifndef COVE_TESTS_REPO_HOME_H
#define COVE_TESTS_REPO_HOME_H

#include "tests/unit/repo_kit.h"

struct home {
    struct kit kit;
    struct cove_id group;
    struct cove_id doc;
};

static inline cove_num home_create(struct home *h, struct cove_bytes header)
{
    struct cove_store_txn *txn = kit_begin(&h->kit, true);
    cove_num num = 0;
    int err = cove_repo_create(h->kit.repo, txn, header, &num, &h->kit.diag);

    ck_assert_msg(err == 0, "create: %d %s", err, h->kit.diag.text);
    kit_commit(txn);
    return num;
}

static inline void home_open(struct home *h, int kind)
{
    kit_open(&h->kit, kind, 1);

    struct kit_member members[] = {{&h->kit, "admin"}};

    home_create(h, kit_group(&h->kit, members, 1, &h->group));
    home_create(h, kit_header(&h->kit, COVE_DOC_COMAP, &h->group, 1, &h->doc));
}

static inline struct cove_doc home_look(struct home *h)
{
    struct cove_store_txn *txn = kit_begin(&h->kit, false);
    struct cove_doc doc = kit_load(&h->kit, txn, &h->doc);

    cove_store_abort(txn);
    return doc;
}

#endif
