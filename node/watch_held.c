/* watch_held.c: writes that are dated ahead of the clock.
 *
 * They are here and not shown until their time comes (COVE_MAX_AHEAD_MS before
 * what they say), and then no commit tells of it. So the documents that have
 * such a write are remembered, and asked again when it is due: the one thing
 * here that waits for a time.
 */
#include "core/hlc.h"
#include "node/watch.h"

#include <assert.h>
#include <limits.h>

static int64_t held_now(const struct node_watch *watch)
{
    return watch->store->env->now_ms(watch->store->env->ctx);
}

int watch_held_note(struct node_watch *watch, cove_num num, uint64_t hlc)
{
    const struct cove_alloc *alloc = watch->store->alloc;
    int64_t due_ms = cove_hlc_ms(hlc) - COVE_MAX_AHEAD_MS;
    struct watch_held *held = watch->held;

    if (hlc == 0 || due_ms <= held_now(watch)) {
        return 0; /* it is shown to who loads it */
    }
    while (held != NULL && held->num != num) {
        held = held->next;
    }
    if (held == NULL) {
        held = cove_alloc_zero(alloc, 1, sizeof(*held));
        if (held == NULL) {
            return COVE_ENOMEM;
        }
        held->num = num;
        held->due_ms = due_ms;
        held->next = watch->held;
        watch->held = held;
    }
    held->due_ms = due_ms < held->due_ms ? due_ms : held->due_ms;
    return 0;
}

void watch_held_free(struct node_watch *watch)
{
    while (watch->held != NULL) {
        struct watch_held *held = watch->held;

        watch->held = held->next;
        cove_alloc_free(watch->store->alloc, held);
    }
}

int watch_held_timeout(const struct node_watch *watch)
{
    int64_t now = held_now(watch), least = INT64_MAX;

    for (const struct watch_held *h = watch->held; h != NULL; h = h->next) {
        least = h->due_ms < least ? h->due_ms : least;
    }
    if (least == INT64_MAX) {
        return -1;
    }
    least = least > now ? least - now : 0;
    return least < INT_MAX ? (int)least : INT_MAX;
}

/* What it shows now is another's write; whether more of it waits, only a load
 * can say. */
static int held_tell(struct watch_look *l, cove_num num)
{
    struct cove_change change = {.num = num, .others = UINT64_MAX};
    struct watch_subject subject;
    struct cove_doc doc;
    int err = watch_subject(l, num, &subject);

    if (err != 0) {
        return watch_is_fatal(err) ? err : 0; /* removed meanwhile */
    }
    change.class = subject.class;
    for (struct watch_sub *s = l->watch->subs; s != NULL && err == 0;
         s = s->next) {
        change.sequence = s->at;
        err = s->gone || s->first
                  ? 0
                  : watch_judge_change(l, s, &change, &subject, 0);
    }
    if (err != 0) {
        return err;
    }
    l->loaded_num = 0;
    cove_arena_reset(&l->load);
    err = cove_repo_load(l->txn->worker->repo, l->txn->txn, num, &l->load, &doc,
                         NULL);
    if (err == 0) {
        return watch_held_note(l->watch, num, doc.next_held_hlc);
    }
    return watch_is_fatal(err) ? err : 0;
}

int watch_held_due(struct watch_look *l)
{
    struct watch_held **at = &l->watch->held;
    int64_t now = held_now(l->watch);
    int err = 0;

    while (*at != NULL && err == 0) {
        struct watch_held *held = *at;

        if (held->due_ms > now) {
            at = &held->next;
            continue;
        }
        err = held_tell(l, held->num);
        if (err == 0) {
            /* A later one of the same document may have come to the front. */
            at = &l->watch->held;
            while (*at != NULL && *at != held) {
                at = &(*at)->next;
            }
            assert(*at == held);
            *at = held->next;
            cove_alloc_free(l->watch->store->alloc, held);
        }
    }
    return err;
}
