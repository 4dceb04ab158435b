/* watch_judge.c: one document and one subscription: what is to be told.
 *
 * A query is told by the difference between what it matched when it was asked
 * last, which its set remembers, and what it matches in this transaction. So
 * its events alternate: ENTER, any CHANGEs, LEAVE; whoever applies them holds
 * what matches. Before an event is said room in the set is made, and nothing
 * is remembered that was not said.
 */
#include "node/watch.h"

static const struct cove_id judge_none;

static bool same_id(const struct cove_id *a, const struct cove_id *b)
{
    return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

/* Whose changes these are, for who was told all up to here. */
static unsigned change_from(const struct cove_change *change, uint64_t whole)
{
    return (change->own > whole ? COVE_FROM_HERE : 0) |
           (change->others > whole ? COVE_FROM_PEER : 0) |
           (change->copies > whole ? COVE_FROM_MIGRATION : 0);
}

static int judge_event(struct watch_look *l, const struct watch_sub *sub,
                       const struct cove_change *change,
                       struct cove_watch_event *out)
{
    *out = (struct cove_watch_event){.kind = COVE_WATCH_CHANGE,
                                     .sequence = change->sequence,
                                     .from = change_from(change, sub->whole)};
    return (out->from & COVE_FROM_PEER) == 0 || change->others_peer == 0
               ? 0
               : watch_peer_key(l, change->others_peer, &out->peer);
}

/* CHANGE is told where its origin is wanted. */
static int judge_say(struct watch_look *l, struct watch_sub *sub,
                     const struct cove_watch_event *event)
{
    return event->kind == COVE_WATCH_CHANGE && (event->from & sub->from) == 0
               ? 0
               : watch_say(l, sub, event);
}

static int judge_error(struct watch_look *l, struct watch_sub *sub,
                       const struct cove_watch_event *event, int error)
{
    struct cove_watch_event said = *event;
    const struct cove_diag *diag = &l->txn->diag;
    const char *text =
        diag->text[0] != '\0' ? diag->text : cove_error_text(error);

    said.kind = COVE_WATCH_ERROR;
    said.error = error;
    said.text = cove_arena_printf(&l->events, "%s", text);
    cove_diag_clear(&l->txn->diag);
    return said.text == NULL ? COVE_ENOMEM : watch_say(l, sub, &said);
}

/* ------------------------------------------------------------------ queries */

/* The document as the subscription's version sees it; the one loaded last is
 * kept for other subscriptions. */
static int judge_load(struct watch_look *l, const struct watch_sub *sub,
                      cove_num num, const struct cove_id *id)
{
    int err;

    if (l->loaded_num == num && strcmp(l->loaded_version, sub->version) == 0) {
        return 0;
    }
    l->loaded_num = 0;
    cove_arena_reset(&l->load);
    err = node_view(l->txn, id, sub->version, &l->load, &l->loaded);
    if (err == 0) {
        l->loaded_num = num;
        memcpy(l->loaded_version, sub->version, sizeof(l->loaded_version));
    }
    return err;
}

static int judge_matches(struct watch_look *l, const struct watch_sub *sub,
                         cove_num num, const struct cove_id *id, bool *met)
{
    int err = judge_load(l, sub, num, id);

    return err != 0 ? err : cove_where_match(sub->where, &l->loaded, met);
}

/* What no version can show matches nothing, and that is said; what is damaged
 * stays what it was. */
static int judge_failed(struct watch_look *l, struct watch_sub *sub,
                        const struct cove_watch_event *event, int error,
                        bool member, bool *met)
{
    if (watch_is_fatal(error)) {
        return error;
    }
    *met = error != COVE_EBLOCKED && member;
    return judge_error(l, sub, event, error);
}

/* A document of the schema: what was it, and what is it? */
static int judge_query(struct watch_look *l, struct watch_sub *sub,
                       cove_num num, const struct cove_watch_event *event)
{
    struct cove_watch_event said = *event;
    bool member = watch_set_has(&sub->set, num);
    bool silent = sub->scan == WATCH_SCAN_SILENT;
    bool unsure = sub->scan == WATCH_WALKS && said.sequence <= sub->unsure;
    bool met = false;
    int err = watch_set_room(&sub->set);
    int failed = err == 0 ? judge_matches(l, sub, num, &said.id, &met) : 0;

    if (failed != 0) {
        err = judge_failed(l, sub, event, failed, member, &met);
    }
    if (err != 0) {
        return err;
    }
    said.kind = !met                ? COVE_WATCH_LEAVE
                : member && !unsure ? COVE_WATCH_CHANGE
                                    : COVE_WATCH_ENTER;
    if (!silent && (failed == 0 ? met || member || unsure : member && !met)) {
        err = judge_say(l, sub, &said);
    }
    if (err == 0 && met) {
        watch_set_put(&sub->set, num);
    } else if (err == 0) {
        watch_set_drop(&sub->set, num);
    }
    return err;
}

/* ------------------------------------------------------------------- scans */

void watch_scan_begin(const struct watch_look *l, struct watch_sub *sub,
                      enum watch_scan scan, unsigned from)
{
    sub->scan = scan;
    sub->scan_at = 0;
    sub->scan_rules = l->rules;
    sub->scan_from = from;
    sub->behind = true;
    if (scan == WATCH_SCAN_ENTER) {
        watch_set_clear(&sub->set);
    }
}

/* It walks from here on. What changed while it scanned may have been seen
 * before or after: who was told nothing cannot know. */
static void scan_end(const struct watch_look *l, struct watch_sub *sub)
{
    if (sub->scan == WATCH_SCAN_SILENT) {
        sub->unsure = l->sequence;
    }
    sub->rules = sub->scan_rules > sub->rules ? sub->scan_rules : sub->rules;
    sub->scan = WATCH_WALKS;
}

/* Is it one of those that are gone through? */
static bool scan_takes(const struct watch_sub *sub,
                       const struct watch_subject *subject)
{
    if (subject->local || subject->removed) {
        return false;
    }
    if (sub->scan == WATCH_SCAN_OWNED) {
        return same_id(&subject->owner, &sub->scan_owner);
    }
    return sub->has_schema || subject->class == COVE_CLASS_CONTENT;
}

static int scan_document(struct watch_look *l, struct watch_sub *sub,
                         const struct watch_subject *subject)
{
    struct cove_watch_event event = {
        .kind = sub->scan == WATCH_SCAN_ENTER ? COVE_WATCH_ENTER
                                              : COVE_WATCH_CHANGE,
        .id = subject->id,
        .sequence = sub->scan == WATCH_SCAN_ENTER ? 0 : sub->at,
        .from = sub->scan_from};

    if (!scan_takes(sub, subject)) {
        return 0;
    }
    return sub->where != NULL ? judge_query(l, sub, subject->num, &event)
                              : judge_say(l, sub, &event);
}

int watch_judge_scan(struct watch_look *l, struct watch_sub *sub)
{
    struct cove_watch_event event = {.sequence = sub->at};
    struct watch_subject subject;
    cove_num num;
    int err =
        cove_repo_next(l->txn->worker->repo, l->txn->txn,
                       sub->has_schema ? sub->journal : 0, sub->scan_at, &num);

    if (err == COVE_ENOTFOUND) {
        scan_end(l, sub);
        return 0;
    }
    if (err != 0) {
        return err;
    }
    err = watch_subject(l, num, &subject);
    if (err == 0) {
        err = scan_document(l, sub, &subject);
    } else if (!watch_is_fatal(err)) {
        err = judge_error(l, sub, &event, err);
    }
    if (err == 0) {
        sub->scan_at = num;
    }
    return err;
}

int watch_judge_reset(struct watch_look *l, struct watch_sub *sub)
{
    struct cove_watch_event event = {
        .kind = COVE_WATCH_RESET,
        .id = sub->what == WATCH_DOCUMENT ? sub->id : judge_none};
    int err;

    if (sub->what == WATCH_DOCUMENT) {
        event.kind = sub->num != 0 ? COVE_WATCH_CHANGE : COVE_WATCH_REMOVED;
        event.sequence = l->sequence;
        event.from = sub->from;
    }
    err = watch_say(l, sub, &event);
    if (err != 0) {
        return err;
    }
    sub->at = l->sequence;
    sub->whole = l->sequence;
    sub->unsure = 0;
    sub->ready_due = true;
    sub->initial = true;
    if (sub->what == WATCH_DOCUMENTS) {
        watch_scan_begin(l, sub, WATCH_SCAN_ENTER, 0);
    }
    watch_told_free(l->watch->store->alloc, sub);
    return 0;
}

/* ------------------------------------------------------- one document's own */

/* It is here now, maybe again. */
static void document_came(struct watch_sub *sub,
                          const struct watch_subject *subject)
{
    sub->num = subject->num;
    sub->owner = subject->owner;
    sub->has_parent = subject->has_parent;
    sub->parent = subject->parent;
}

/* Its tombstone came, maybe one more. */
static int document_removed(struct watch_look *l, struct watch_sub *sub,
                            struct cove_watch_event *event)
{
    int err = 0;

    event->kind = COVE_WATCH_REMOVED;
    if (sub->num != 0) {
        err = watch_say(l, sub, event);
    }
    if (err == 0) {
        sub->num = 0;
    }
    return err;
}

static int document_change(struct watch_look *l, struct watch_sub *sub,
                           const struct cove_change *change,
                           const struct watch_subject *subject, int failed)
{
    struct cove_watch_event event;
    bool own =
        failed == 0 ? same_id(&subject->id, &sub->id) : change->num == sub->num;
    bool kin = failed == 0 &&
               ((subject->has_parent && same_id(&subject->parent, &sub->id)) ||
                (sub->has_parent && same_id(&subject->id, &sub->parent)));
    bool owner = failed == 0 && change->class == COVE_CLASS_RIGHTS &&
                 change->others > sub->whole &&
                 same_id(&subject->id, &sub->owner);
    int err;

    if (!own && (sub->num == 0 || !(kin || owner))) {
        return 0;
    }
    err = judge_event(l, sub, change, &event);
    if (err != 0) {
        return err;
    }
    event.id = sub->id;
    if (failed != 0) {
        return judge_error(l, sub, &event, failed);
    }
    if (own && subject->removed) {
        return document_removed(l, sub, &event);
    }
    if (own && sub->num == 0) {
        event.kind = COVE_WATCH_ENTER;
    }
    err = judge_say(l, sub, &event);
    if (err == 0 && own && sub->num == 0) {
        document_came(sub, subject);
    }
    return err;
}

int watch_judge_local(struct watch_look *l, struct watch_sub *sub)
{
    struct cove_watch_event event = {
        .kind = COVE_WATCH_CHANGE, .id = sub->id, .from = COVE_FROM_HERE};
    struct cove_doc doc;
    int err;

    if (sub->num != 0) {
        l->loaded_num = 0;
        cove_arena_reset(&l->load);
        err = cove_repo_load(l->txn->worker->repo, l->txn->txn, sub->num,
                             &l->load, &doc, &l->txn->diag);
        event.sequence = err == 0 ? doc.changed : l->sequence;
        if (err == COVE_ENOTFOUND) {
            event.kind = COVE_WATCH_REMOVED;
        } else if (err != 0) {
            return watch_is_fatal(err) ? err : judge_error(l, sub, &event, err);
        }
        err = event.sequence > sub->at ? judge_say(l, sub, &event) : 0;
        if (err != 0) {
            return err;
        }
        if (event.kind == COVE_WATCH_REMOVED) {
            sub->num = 0;
            sub->local = false;
        }
    }
    sub->at = l->sequence;
    return 0;
}

/* ------------------------------------------------------------------- changes
 */

/* Does this change what the documents of a query show, though they stay? */
static unsigned change_rules(const struct watch_sub *sub,
                             const struct cove_change *change,
                             const struct watch_subject *subject)
{
    if (change->class == COVE_CLASS_JOURNAL) {
        return sub->has_schema && same_id(&subject->id, &sub->schema)
                   ? COVE_FROM_MIGRATION
                   : 0;
    }
    return change->class == COVE_CLASS_RIGHTS && change->others > sub->whole
               ? COVE_FROM_PEER
               : 0;
}

/* Rules changed: what was told by the old ones is void where it is not known,
 * else all is asked again. */
static int documents_rules(struct watch_look *l, struct watch_sub *sub,
                           const struct cove_change *change,
                           const struct watch_subject *subject, unsigned from)
{
    if (sub->where == NULL && change->class == COVE_CLASS_JOURNAL) {
        return 0; /* what is here does not depend on it */
    }
    if (sub->where != NULL && change->sequence <= sub->unsure) {
        return watch_judge_reset(l, sub);
    }
    if (change->sequence > sub->rules) {
        sub->scan_owner = subject->id;
        watch_scan_begin(
            l, sub, sub->where != NULL ? WATCH_SCAN_AGAIN : WATCH_SCAN_OWNED,
            from);
    }
    return 0;
}

static int documents_one(struct watch_look *l, struct watch_sub *sub,
                         cove_num num, const struct cove_watch_event *event)
{
    return sub->where != NULL ? judge_query(l, sub, num, event)
                              : judge_say(l, sub, event);
}

/* It is gone: a member of a query, or one of all. */
static int documents_removed(struct watch_look *l, struct watch_sub *sub,
                             cove_num num, struct cove_watch_event *event)
{
    bool told = sub->where == NULL || event->sequence <= sub->unsure ||
                watch_set_has(&sub->set, num);
    int err;

    event->kind = COVE_WATCH_REMOVED;
    err = told ? watch_say(l, sub, event) : 0;
    if (err == 0) {
        watch_set_drop(&sub->set, num);
    }
    return err;
}

static int documents_change(struct watch_look *l, struct watch_sub *sub,
                            const struct cove_change *change,
                            const struct watch_subject *subject, int failed)
{
    struct cove_watch_event event;
    unsigned rules = failed == 0 ? change_rules(sub, change, subject) : 0;
    bool own = failed == 0 && change->class == COVE_CLASS_CONTENT &&
               (!sub->has_schema || (subject->has_schema &&
                                     same_id(&subject->schema, &sub->schema)));
    bool parent = failed == 0 && sub->has_schema && subject->parent_num != 0 &&
                  same_id(&subject->parent_schema, &sub->schema);
    int err = 0;

    if (rules != 0) {
        return documents_rules(l, sub, change, subject, rules);
    }
    if (own || parent || failed != 0) {
        err = judge_event(l, sub, change, &event);
    }
    if (err == 0 && failed != 0) {
        return judge_error(l, sub, &event, failed);
    }
    if (err == 0 && own && subject->removed) {
        event.id = subject->id;
        err = documents_removed(l, sub, subject->num, &event);
    } else if (err == 0 && own) {
        event.id = subject->id;
        err = documents_one(l, sub, subject->num, &event);
    }
    if (err == 0 && parent) {
        event.id = subject->parent;
        err = documents_one(l, sub, subject->parent_num, &event);
    }
    return err;
}

int watch_judge_change(struct watch_look *l, struct watch_sub *sub,
                       const struct cove_change *change,
                       const struct watch_subject *subject, int failed)
{
    struct cove_watch_event event;
    int err;

    switch (sub->what) {
    case WATCH_DOCUMENT:
        return document_change(l, sub, change, subject, failed);
    case WATCH_DOCUMENTS:
        return documents_change(l, sub, change, subject, failed);
    case WATCH_MIGRATIONS:
        if (change->class != COVE_CLASS_JOURNAL || failed != 0 ||
            (sub->has_schema && !same_id(&subject->id, &sub->schema))) {
            return 0;
        }
        err = judge_event(l, sub, change, &event);
        event.id = subject->id;
        return err != 0 ? err : watch_schema(l, sub, subject->num, &event);
    case WATCH_PEERS:
        break;
    }
    return 0;
}

/* ------------------------------------------------------------------ removals
 */

int watch_judge_removal(struct watch_look *l, struct watch_sub *sub,
                        const struct cove_removal *removal)
{
    struct cove_watch_event event = {.kind = COVE_WATCH_REMOVED,
                                     .id = removal->id,
                                     .sequence = removal->sequence,
                                     .from = COVE_FROM_HERE};
    bool concerned = false;
    int err;

    switch (sub->what) {
    case WATCH_DOCUMENT:
        concerned = sub->num != 0 && removal->num == sub->num;
        break;
    case WATCH_DOCUMENTS:
        concerned =
            removal->class == COVE_CLASS_CONTENT && !removal->local &&
            (!sub->has_schema || same_id(&removal->schema, &sub->schema)) &&
            (sub->where == NULL || removal->sequence <= sub->unsure ||
             watch_set_has(&sub->set, removal->num));
        break;
    case WATCH_MIGRATIONS:
        concerned = removal->class == COVE_CLASS_JOURNAL &&
                    (!sub->has_schema || same_id(&removal->id, &sub->schema));
        break;
    case WATCH_PEERS:
        break;
    }
    err = concerned ? watch_say(l, sub, &event) : 0;
    if (err == 0 && concerned && sub->what == WATCH_DOCUMENT) {
        sub->num = 0;
    } else if (err == 0 && sub->where != NULL) {
        watch_set_drop(&sub->set, removal->num);
    }
    return err;
}
