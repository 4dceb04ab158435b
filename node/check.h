/* check.h: a check's findings as JSON; for admin_check*.c and whoever saves. */
#ifndef COVE_NODE_CHECK_H
#define COVE_NODE_CHECK_H

#include "crdt/repo_check.h"
#include "node/admin.h"

#define CHECK_SHOWN 1000 /* findings in a reply; all are counted */

struct check {
    struct admin *a;
    struct node_worker *worker;
    bool deep, repair;
    uint64_t shown, lost, derived, fixed, pages;
    uint64_t waiting; /* of lost: put aside before, and not there again */
    int64_t told_ms;  /* when progress was said last */
};

/* A finding, as an item of the list that is open. */
int check_finding(void *check, const struct cove_finding *finding);
/* How far it is, for whoever listens. */
void check_progress(struct check *check, uint64_t done, uint64_t total);
/* What to do about a kind of finding. */
const char *check_advice(const char *kind, bool derived);

/* --- admin_damage.c: remember what a deep check found, for `status` */
void check_note(struct check *check);

/* --- admin_check_journals.c: entries of journals that are not what their keys
 * say, and registries that name journals which are not here */
int check_journals(struct check *check, struct cove_store_txn *txn);

/* --- admin_check_indexes.c: indexes that do not say what the documents do */
int check_indexes(struct check *check);

#endif
