/* watch_others.c: what changes without a change sequence: how peers are, and
 * how far runs are. Each is told as JSON text, the last one is kept, and what
 * differs from it is told. There are few of them.
 */
#include "node/admin.h"
#include "node/watch.h"

static void told_free(const struct cove_alloc *alloc, struct watch_told *told)
{
    cove_free(told->text);
    cove_alloc_free(alloc, told);
}

void watch_told_free(const struct cove_alloc *alloc, struct watch_sub *sub)
{
    while (sub->told != NULL) {
        struct watch_told *told = sub->told;

        sub->told = told->next;
        told_free(alloc, told);
    }
}

static struct watch_told *told_find(const struct watch_sub *sub,
                                    const struct cove_key *peer,
                                    cove_num schema)
{
    struct watch_told *told = sub->told;

    while (told != NULL &&
           (told->schema != schema ||
            memcmp(told->peer.b, peer->b, sizeof(peer->b)) != 0)) {
        told = told->next;
    }
    return told;
}

/* Say the text, and keep it. At the first look it is only kept, unless all is
 * to be told that is here. */
static int told_say(struct watch_look *l, struct watch_sub *sub,
                    struct watch_told *told, struct cove_watch_event *event,
                    char *text)
{
    bool quiet = sub->ready_due && !sub->initial;
    int err = 0;

    event->text = cove_arena_printf(&l->events, "%s", text);
    if (event->text == NULL) {
        err = COVE_ENOMEM;
    } else if (!quiet) {
        err = watch_say(l, sub, event);
    }
    if (err != 0) {
        cove_free(text);
        return err;
    }
    cove_free(told->text);
    told->text = text;
    return 0;
}

/* What is to be told of a peer or run; takes the text over. */
static int told_compare(struct watch_look *l, struct watch_sub *sub,
                        cove_num schema, struct cove_watch_event *event,
                        char *text)
{
    const struct cove_alloc *alloc = l->watch->store->alloc;
    struct watch_told *told = told_find(sub, &event->peer, schema);

    if (told == NULL) {
        told = cove_alloc_zero(alloc, 1, sizeof(*told));
        if (told == NULL) {
            cove_free(text);
            return COVE_ENOMEM;
        }
        told->peer = event->peer;
        told->schema = schema;
        told->journal = event->id;
        told->next = sub->told;
        sub->told = told;
    }
    told->here = true;
    if (told->text != NULL && strcmp(told->text, text) == 0) {
        cove_free(text);
        return 0;
    }
    return told_say(l, sub, told, event, text);
}

/* Those that were here and are not. */
static int told_gone(struct watch_look *l, struct watch_sub *sub,
                     enum cove_watch_kind kind)
{
    struct watch_told **at = &sub->told;

    while (*at != NULL) {
        struct watch_told *told = *at;
        struct cove_watch_event event = {.kind = kind,
                                         .peer = told->peer,
                                         .id = told->journal,
                                         .sequence = sub->at,
                                         .text = "{\"state\":\"removed\"}"};
        int err;

        if (told->here) {
            at = &told->next;
            continue;
        }
        err = told->text != NULL ? watch_say(l, sub, &event) : 0;
        if (err != 0) {
            return err;
        }
        *at = told->next;
        told_free(l->watch->store->alloc, told);
    }
    return 0;
}

static void told_unsee(struct watch_sub *sub)
{
    for (struct watch_told *told = sub->told; told != NULL; told = told->next) {
        told->here = false;
    }
}

/* -------------------------------------------------------------------- peers */

/* Not its counters: those change with every message. */
static int peer_text(struct watch_look *l, const struct cove_peer_record *peer,
                     char **out)
{
    struct node_json j;

    node_json_init(&j, l->watch->store->alloc);
    node_json_open(&j, '{');
    node_json_key(&j, "key");
    node_json_hex(&j, peer->key.b, sizeof(peer->key.b));
    node_json_key(&j, "name");
    node_json_cstr(&j, peer->name);
    node_json_key(&j, "address");
    node_json_cstr(&j, peer->address);
    node_json_key(&j, "state");
    node_json_cstr(&j, cove_peer_state_name(node_peer_state(l->txn, peer)));
    node_json_key(&j, "error");
    node_json_cstr(&j, peer->error);
    node_json_close(&j, '}');
    return node_json_take(&j, out);
}

int watch_peers(struct watch_look *l, struct watch_sub *sub)
{
    struct cove_peer_record peer;
    const struct cove_key *after = NULL;
    struct cove_key last;
    char *text = NULL;
    int err = 0;

    told_unsee(sub);
    while (err == 0) {
        err = cove_peer_next(l->txn->worker->repo, l->txn->txn, after, &peer);
        err = err != 0 ? err : peer_text(l, &peer, &text);
        if (err == 0) {
            struct cove_watch_event event = {.kind = COVE_WATCH_PEER,
                                             .peer = peer.key,
                                             .sequence = l->sequence};

            last = peer.key;
            after = &last;
            err = told_compare(l, sub, 0, &event, text);
        }
    }
    return err == COVE_ENOTFOUND ? told_gone(l, sub, COVE_WATCH_PEER) : err;
}

int watch_peer_key(struct watch_look *l, uint32_t number, struct cove_key *out)
{
    struct cove_peer_record peer;
    const struct cove_key *after = NULL;
    struct cove_key last;
    int err;

    while ((err = cove_peer_next(l->txn->worker->repo, l->txn->txn, after,
                                 &peer)) == 0 &&
           peer.number != number) {
        last = peer.key;
        after = &last;
    }
    if (err == 0) {
        *out = peer.key;
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

/* --------------------------------------------------------------- migrations */

static int run_told(struct watch_look *l, struct watch_sub *sub,
                    const struct cove_run *run)
{
    struct cove_watch_event event = {.kind = COVE_WATCH_RUN,
                                     .sequence = sub->at};
    struct watch_subject subject;
    struct node_json j;
    char *text = NULL;
    int err = watch_subject(l, run->schema, &subject);

    if (err != 0) {
        return watch_is_fatal(err) ? err : 0; /* its journal was removed */
    }
    event.id = subject.id;
    node_json_init(&j, l->watch->store->alloc);
    admin_run_json(&j, run);
    err = node_json_take(&j, &text);
    return err != 0 ? err : told_compare(l, sub, run->schema, &event, text);
}

int watch_runs(struct watch_look *l, struct watch_sub *sub)
{
    struct cove_run run = {.schema = 0};
    int err = 0;

    told_unsee(sub);
    while (err == 0) {
        err =
            cove_run_next(l->txn->worker->repo, l->txn->txn, run.schema, &run);
        if (err == 0 && (!sub->has_schema || run.schema == sub->journal)) {
            err = run_told(l, sub, &run);
        }
    }
    return err == COVE_ENOTFOUND ? told_gone(l, sub, COVE_WATCH_RUN) : err;
}

/* {"schema", "version"}: the newest that is active; none is 0. */
int watch_schema(struct watch_look *l, struct watch_sub *sub, cove_num num,
                 const struct cove_watch_event *event)
{
    struct cove_watch_event said = *event;
    const struct cove_schema_doc *doc;
    struct node_json j;
    char *text = NULL;
    int err =
        cove_catalog_open(l->txn->worker->catalog, l->txn->txn, num, &doc);

    said.kind = COVE_WATCH_SCHEMA;
    if (err != 0) {
        said.kind = COVE_WATCH_ERROR;
        said.error = err;
        return watch_is_fatal(err) ? err : watch_say(l, sub, &said);
    }
    node_json_init(&j, l->watch->store->alloc);
    node_json_open(&j, '{');
    node_json_key(&j, "schema");
    node_json_text(&j, doc->name);
    node_json_key(&j, "version");
    node_json_int(&j, doc->newest != NULL ? doc->newest->version : 0);
    node_json_close(&j, '}');
    err = node_json_take(&j, &text);
    if (err == 0) {
        said.text = cove_arena_printf(&l->events, "%s", text);
        err = said.text == NULL ? COVE_ENOMEM : watch_say(l, sub, &said);
    }
    cove_free(text);
    return err;
}
