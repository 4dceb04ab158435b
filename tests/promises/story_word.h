/* story_word.h: a word of a story at work: a transaction, memory, a document.
 * Internal to story.c and story_see.c. */
#ifndef COVE_TESTS_STORY_WORD_H
#define COVE_TESTS_STORY_WORD_H

#include "cove/error.h"
#include "tests/promises/story.h"

/* A word at work: a peer's transaction, memory, and the head it is about. */
struct word {
    struct story *s;
    struct story_peer *peer;
    struct cove_store_txn *txn;
    struct cove_arena arena;
    struct cove_diag diag;
    cove_num num;
};

static inline int word_begin(struct word *w, struct story *s,
                             enum story_who who, bool write)
{
    memset(w, 0, sizeof(*w));
    w->s = s;
    w->peer = &s->peer[who];
    cove_arena_init(&w->arena, &w->peer->kit.heap.alloc);
    return cove_store_begin(w->peer->kit.store.store, write, &w->txn);
}

static inline void word_open(struct word *w, struct story *s,
                             enum story_who who, bool write)
{
    ck_assert_int_eq(word_begin(w, s, who, write), 0);
}

/* The transaction is kept only where all went well. */
static inline int word_close(struct word *w, int err)
{
    if (err == 0 && cove_store_writes(w->txn)) {
        err = cove_store_commit(w->txn);
    } else {
        cove_store_abort(w->txn);
    }
    w->peer->kit.diag = w->diag;
    cove_arena_clear(&w->arena);
    return err;
}

static inline void word_must(const struct word *w, int err)
{
    ck_assert_msg(err == 0, "%s: %s", cove_error_name(err), w->diag.text);
}

static inline void word_doc(struct word *w, const struct cove_id *id)
{
    int err = cove_repo_find(w->peer->kit.repo, w->txn, id, &w->num);

    ck_assert_msg(err == 0, "this document is not here");
}

static inline int word_head(struct word *w, const char *version,
                            struct cove_step_id *out)
{
    cove_num journal;
    int err =
        cove_repo_find(w->peer->kit.repo, w->txn, &w->s->journal, &journal);

    if (err == 0) {
        err = cove_catalog_head(w->peer->catalog, w->txn, journal, version, out,
                                &w->diag);
    }
    return err == COVE_ENOTFOUND ? COVE_EBLOCKED : err;
}

static inline int word_load(struct word *w, const char *version,
                            enum cove_load_mode mode, struct cove_loaded *out)
{
    struct cove_load_request request = {.mode = mode};
    struct cove_step_id head;
    int err = cove_repo_find(w->peer->kit.repo, w->txn, &w->s->doc, &w->num);

    request.num = w->num;
    if (err == 0 && mode != COVE_LOAD_RAW && version != NULL) {
        err = word_head(w, version, &head);
        request.head = &head;
    }
    return err != 0 ? err
                    : cove_load(w->peer->catalog, w->txn, &request, &w->arena,
                                out, &w->diag);
}

#endif
