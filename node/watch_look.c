/* watch_look.c: a slice of what happened since everybody was told last.
 *
 * In one read transaction, which ends before any callback runs. Changes and
 * removals are walked in the order of their sequence numbers, each once for all
 * subscriptions that stand before it. Those that have to catch up, or go
 * through the documents first, do so in a slice of their own, so that the
 * others need not wait for them.
 */
#include "migrate/child.h"
#include "node/watch.h"

bool watch_is_fatal(int err)
{
    return err == COVE_ENOMEM || err == COVE_EIO || err == COVE_EBUSY ||
           err == COVE_ENOSPC;
}

int watch_say(struct watch_look *look, struct watch_sub *sub,
              const struct cove_watch_event *event)
{
    struct watch_event *e = cove_arena_new(&look->events, sizeof(*e));

    if (e == NULL) {
        return COVE_ENOMEM;
    }
    e->sub = sub;
    e->said = *event;
    e->said.size = sizeof(e->said);
    e->said.subscription = sub->number;
    *look->tail = e;
    look->tail = &e->next;
    return 0;
}

/* The slice is used up, by count or by the clock. */
static bool look_over(struct watch_look *l)
{
    const struct cove_env *env = l->watch->store->env;

    if (l->left > 0 && l->left % 16 == 0 &&
        env->now_ms(env->ctx) - l->began_ms > WATCH_SLICE_MS) {
        l->left = 0;
    }
    return l->left == 0;
}

static void look_slice(struct watch_look *l)
{
    const struct cove_env *env = l->watch->store->env;

    l->left = WATCH_SLICE;
    l->began_ms = env->now_ms(env->ctx);
}

/* ---------------------------------------------------------------- a subject */

static int subject_read(struct watch_look *l, cove_num num,
                        struct watch_subject *out)
{
    struct cove_repo *repo = l->txn->worker->repo;
    struct cove_header header;
    struct cove_bytes reg;
    int err = cove_repo_brief(repo, l->txn->txn, num, &l->brief);

    err = err != 0 ? err
                   : cove_header_decode(l->brief.header_bytes, &header, NULL);
    if (err == 0) {
        memset(out, 0, sizeof(*out));
        out->num = num;
        out->id = l->brief.id;
        out->class = cove_repo_class(&header);
        out->local = l->brief.local;
        out->removed = l->brief.removed;
        out->has_schema = header.has_schema;
        out->schema = header.schema;
        out->owner = header.owner;
        out->has_parent = cove_child_parent(&header, &out->parent, &reg);
        err = watch_held_note(l->watch, num, l->brief.next_held);
    }
    return err;
}

/* What it is a field of, where that is held and has a schema. */
static int subject_parent(struct watch_look *l, struct watch_subject *subject)
{
    struct watch_subject parent;
    int err = cove_repo_find(l->txn->worker->repo, l->txn->txn,
                             &subject->parent, &subject->parent_num);

    err = err != 0 ? err : subject_read(l, subject->parent_num, &parent);
    if (err == 0 && parent.has_schema) {
        subject->parent_schema = parent.schema;
    } else if (err == 0 || !watch_is_fatal(err)) {
        subject->parent_num = 0;
        err = 0;
    }
    return err;
}

int watch_subject(struct watch_look *l, cove_num num, struct watch_subject *out)
{
    struct watch_subject subject;
    int err = subject_read(l, num, &subject);

    if (err == 0 && subject.has_parent) {
        err = subject_parent(l, &subject);
    }
    if (err == 0) {
        *out = subject;
    }
    return err;
}

/* ------------------------------------------------------------------ walking */

static bool sub_walks(const struct watch_sub *sub, bool behind)
{
    return !sub->gone && sub->behind == behind && sub->scan == WATCH_WALKS &&
           sub->what != WATCH_PEERS && !sub->local;
}

/* The least position among those that walk; false where nobody does. */
static bool walk_from(const struct watch_look *l, bool behind, uint64_t *out)
{
    bool any = false;

    for (const struct watch_sub *s = l->watch->subs; s != NULL; s = s->next) {
        if (sub_walks(s, behind) && s->at < l->sequence &&
            (!any || s->at < *out)) {
            *out = s->at;
            any = true;
        }
    }
    return any;
}

/* Everybody that stands before it, and does not turn to something else. */
static int walk_change(struct watch_look *l, const struct cove_change *change,
                       bool behind)
{
    struct watch_subject subject = {0};
    int err = watch_subject(l, change->num, &subject);

    if (err != 0 && watch_is_fatal(err)) {
        return err;
    }
    for (struct watch_sub *s = l->watch->subs; s != NULL; s = s->next) {
        if (!sub_walks(s, behind) || s->at >= change->sequence) {
            continue;
        }

        int failed = watch_judge_change(l, s, change, &subject, err);

        if (failed != 0) {
            return failed;
        }
        if (s->scan == WATCH_WALKS && s->at < change->sequence) {
            s->at = change->sequence;
        }
    }
    return 0;
}

static int walk_removal(struct watch_look *l,
                        const struct cove_removal *removal, bool behind)
{
    for (struct watch_sub *s = l->watch->subs; s != NULL; s = s->next) {
        if (!sub_walks(s, behind) || s->at >= removal->sequence) {
            continue;
        }

        int err = s->at < removal->before ? watch_judge_reset(l, s)
                                          : watch_judge_removal(l, s, removal);

        if (err != 0) {
            return err;
        }
        if (s->scan == WATCH_WALKS && s->at < removal->sequence) {
            s->at = removal->sequence;
        }
    }
    return 0;
}

/* Nothing is left behind them. */
static void walk_end(struct watch_look *l, bool behind)
{
    for (struct watch_sub *s = l->watch->subs; s != NULL; s = s->next) {
        if (sub_walks(s, behind)) {
            s->at = s->at < l->sequence ? l->sequence : s->at;
        }
    }
}

static int look_walk(struct watch_look *l, bool behind)
{
    struct cove_repo *repo = l->txn->worker->repo;
    struct cove_removal removal = {.sequence = 0};
    struct cove_change change;
    uint64_t at = 0;
    int err = 0;

    while (err == 0 && walk_from(l, behind, &at)) {
        if (look_over(l)) {
            l->watch->more = true;
            return 0;
        }
        l->left--;
        change.sequence = UINT64_MAX;
        err = cove_repo_change_after(repo, l->txn->txn, at, &change);
        if ((err == 0 || err == COVE_ENOTFOUND) && removal.sequence <= at) {
            removal.sequence = UINT64_MAX;

            int none = cove_repo_removal_after(repo, l->txn->txn, at, &removal);

            err = none != 0 && none != COVE_ENOTFOUND ? none : err;
        }
        if (err != 0 && err != COVE_ENOTFOUND) {
            break;
        }
        if (change.sequence == UINT64_MAX && removal.sequence == UINT64_MAX) {
            walk_end(l, behind);
            return 0;
        }
        /* A tombstone is both; the change says whose it is. */
        err = change.sequence <= removal.sequence
                  ? walk_change(l, &change, behind)
                  : walk_removal(l, &removal, behind);
    }
    return err;
}

/* -------------------------------------------------------------------- scans */

static int look_scan(struct watch_look *l)
{
    int err = 0;

    for (struct watch_sub *s = l->watch->subs; s != NULL && err == 0;
         s = s->next) {
        while (err == 0 && !s->gone && s->scan != WATCH_WALKS) {
            if (look_over(l)) {
                l->watch->more = true;
                return 0;
            }
            l->left--;
            err = watch_judge_scan(l, s);
        }
    }
    return err;
}

/* ---------------------------------------------------------------- the whole */

/* A new subscription: where it begins. */
static int look_begin(struct watch_look *l, struct watch_sub *s)
{
    struct watch_subject subject;
    int err = s->num != 0 ? watch_subject(l, s->num, &subject) : 0;

    if (err != 0 && watch_is_fatal(err)) {
        return err;
    }
    err = 0; /* what is wrong with it is told when it changes */

    if (s->has_since) {
        s->at = s->since;
    }
    s->whole = s->at;
    s->behind = true;
    if (s->at > l->sequence) { /* a position of another store, or a restored */
        err = watch_judge_reset(l, s);
    } else if (s->what == WATCH_DOCUMENTS &&
               (s->initial || (s->where != NULL && s->at == 0))) {
        watch_scan_begin(l, s, WATCH_SCAN_ENTER, 0);
    } else if (s->what == WATCH_MIGRATIONS && s->initial) {
        s->at = 0; /* so that the journals that are here are told */
        s->whole = 0;
    } else if (s->what == WATCH_DOCUMENTS && s->where != NULL) {
        watch_scan_begin(l, s, WATCH_SCAN_SILENT, 0);
    } else if (s->what == WATCH_DOCUMENT && s->initial && s->num != 0) {
        struct cove_watch_event event = {
            .kind = COVE_WATCH_ENTER, .id = s->id, .sequence = s->at};

        err = watch_say(l, s, &event);
    }
    s->first = err != 0;
    return err;
}

/* What has no change sequence, and who has caught up. */
static int look_rest(struct watch_look *l, struct watch_sub *s)
{
    int err = 0;

    if (s->what == WATCH_PEERS) {
        err = watch_peers(l, s);
        s->at = l->sequence;
    } else if (s->what == WATCH_MIGRATIONS) {
        err = watch_runs(l, s);
    } else if (s->local && s->at < l->sequence) {
        err = watch_judge_local(l, s);
    }
    if (err == 0 && (s->scan != WATCH_WALKS || s->at < l->sequence)) {
        l->watch->more = true;
    } else if (err == 0) {
        struct cove_watch_event ready = {.kind = COVE_WATCH_READY,
                                         .sequence = s->at};

        err = s->ready_due ? watch_say(l, s, &ready) : 0;
        if (err == 0) {
            s->ready_due = false;
            s->behind = false;
            s->whole = s->at;
        }
    }
    return err;
}

int watch_look(struct watch_look *l)
{
    struct cove_repo *repo = l->txn->worker->repo;
    int err = cove_repo_sequence(repo, l->txn->txn, &l->sequence);

    err = err != 0 ? err : cove_repo_rules(repo, l->txn->txn, &l->rules);
    for (struct watch_sub *s = l->watch->subs; s != NULL && err == 0;
         s = s->next) {
        err = s->first ? look_begin(l, s) : 0;
    }
    err = err != 0 ? err : watch_held_due(l);
    look_slice(l);
    err = err != 0 ? err : look_walk(l, false);
    look_slice(l);
    err = err != 0 ? err : look_scan(l);
    err = err != 0 ? err : look_walk(l, true);
    for (struct watch_sub *s = l->watch->subs; s != NULL && err == 0;
         s = s->next) {
        err = look_rest(l, s);
    }
    return err;
}
