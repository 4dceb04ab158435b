/* admin_recover.c: recover: a new store from what is whole in a damaged one.
 *
 * The damaged store is read and never written: page by page, first its trees
 * and then whatever else lies in its file. In the new directory a scratch store
 * gathers it; when all is verified and in the new store it goes. */
#include "core/store_pages.h"
#include "crdt/repo_salvage.h"
#include "node/backup.h"
#include "node/check.h"
#include "node/reissue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define RECOVER_SEED  ((size_t)32)
#define RECOVER_SHOWN 1000 /* documents in a reply; all are counted */
#define RECOVER_ROOM  "salvage"

struct recover {
    struct check check; /* for progress, and findings of pages */
    struct admin *a;
    const char *from, *to;
    char *room; /* of the scratch store */
    struct cove_secret secret;
    struct cove_key device;
    struct cove_store *scratch, *store;
    struct cove_salvage *salvage;
    struct node_json list; /* of documents that are not whole */
    uint64_t shown;
    bool loose; /* what is read lies beside the trees */
    uint64_t faults, peers;
    bool reissue;
    struct node_reissued reissued;
};

/* ------------------------------------------------------------- directories */

static char *recover_path(struct recover *r, const char *dir, const char *name)
{
    return cove_arena_printf(&r->a->arena, "%s/%s", dir, name);
}

/* Does somebody have it open? What is read would be of two states. */
static int recover_in_use(struct recover *r)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char *path = recover_path(r, r->from, "open.lock");
    int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
    bool used;

    if (path == NULL) {
        return COVE_ENOMEM;
    }
    used =
        fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    if (fd >= 0) {
        close(fd);
    }
    return used ? cove_fail(&r->a->diag, COVE_EBUSY,
                            "%s: a program has the store open; end it first",
                            r->from)
                : 0;
}

static int recover_make(struct recover *r)
{
    if (mkdir(r->to, 0700) != 0) {
        int code = errno == EEXIST   ? COVE_EEXIST
                   : errno == ENOENT ? COVE_ENOTFOUND
                   : errno == ENOSPC ? COVE_ENOSPC
                                     : COVE_EACCES;

        return cove_fail(&r->a->diag, code,
                         "%s: cannot be made: %s; name a new directory", r->to,
                         strerror(errno));
    }
    return 0;
}

static int recover_key(struct recover *r)
{
    char text[RECOVER_SEED * 2 + 2];
    uint8_t seed[RECOVER_SEED];
    size_t len = 0;
    char *from = recover_path(r, r->from, "device.key");
    char *to = recover_path(r, r->to, "device.key");
    int err = from == NULL || to == NULL
                  ? COVE_ENOMEM
                  : node_file_read(from, text, sizeof(text), &len);

    if (err == 0) {
        text[len < RECOVER_SEED * 2 ? len : RECOVER_SEED * 2] = '\0';
        err = cove_hex_parse(text, seed, sizeof(seed));
    }
    if (err == 0) {
        cove_key_of_seed(seed, &r->secret, &r->device);
        text[RECOVER_SEED * 2] = '\n';
        err = node_file_write(to, text, RECOVER_SEED * 2 + 1);
    } else if (err != COVE_ENOMEM) {
        err = cove_fail(&r->a->diag, COVE_EACCES,
                        "%s/device.key cannot be read: %s; put the file there "
                        "from a backup: nothing can be written in the name of "
                        "the device without it",
                        r->from, cove_error_text(err));
    }
    cove_crypto_wipe(seed, sizeof(seed));
    cove_crypto_wipe(text, sizeof(text));
    return err;
}

static int recover_open(struct recover *r, const char *dir, unsigned trees,
                        struct cove_store **out)
{
    struct cove_store_options opt = {.alloc = r->a->store->alloc,
                                     .trees = trees,
                                     .create = true,
                                     .force_network = true};

    return cove_store_open_lmdb(dir, &opt, out, &r->a->diag);
}

/* ---------------------------------------------------------------- gathering
 */

static int gather_entry(void *ctx, unsigned tree,
                        const struct cove_entry *entry)
{
    struct recover *r = ctx;

    return cove_salvage_entry(r->salvage, tree, r->loose, entry);
}

static int gather_fault(void *ctx, const struct cove_page_fault *fault)
{
    struct recover *r = ctx;

    (void)fault;
    r->faults++;
    return 0;
}

static int gather_step(void *ctx, uint64_t done, uint64_t total)
{
    struct recover *r = ctx;

    check_progress(&r->check, done, total * 2);
    return 0;
}

static int recover_gather(struct recover *r)
{
    struct cove_pages_visit visit = {.entry = gather_entry,
                                     .fault = gather_fault,
                                     .step = gather_step,
                                     .ctx = r};
    struct cove_pages *pages;
    const struct cove_pages_sum *sum;
    int err = cove_pages_open(r->from, r->a->store->alloc, &pages, &r->a->diag);

    if (err != 0) {
        return err;
    }
    err = cove_pages_walk(pages, &visit);
    r->loose = true;
    if (err == 0) {
        err = cove_pages_rest(pages, &visit);
    }
    sum = cove_pages_sum(pages);
    if (err == 0) {
        struct cove_salvage_broken broken = {.root = !sum->newest,
                                             .documents =
                                                 sum->tree[2].faults > 0,
                                             .ids = sum->tree[1].faults > 0};

        err = cove_salvage_filled(r->salvage, &broken);
    }
    cove_pages_close(pages);
    return err;
}

/* ------------------------------------------------------------------ saving */

static int saved_document(void *ctx, const struct cove_saved *saved)
{
    struct recover *r = ctx;
    struct node_json *j = &r->list;

    if (strcmp(saved->what, "whole") == 0 || r->shown >= RECOVER_SHOWN) {
        return 0;
    }
    r->shown++;
    node_json_open(j, '{');
    if (saved->has_id) {
        node_json_key(j, "id");
        node_json_id(j, &saved->id);
    }
    node_json_key(j, "what");
    node_json_cstr(j, saved->what);
    node_json_key(j, "why");
    node_json_cstr(j, saved->why);
    node_json_key(j, "saved");
    node_json_int(j, (int64_t)saved->saved);
    node_json_key(j, "lost");
    node_json_int(j, (int64_t)saved->lost);
    node_json_key(j, "aside");
    node_json_int(j, (int64_t)saved->aside);
    node_json_close(j, '}');
    return j->err;
}

static int recover_save(struct recover *r)
{
    bool over = false;
    int err = 0;

    while (err == 0 && !over) {
        const struct cove_salvage_sum *sum = cove_salvage_sum(r->salvage);

        err = cove_salvage_step(r->salvage, &over);
        check_progress(&r->check, sum->entries + sum->documents,
                       sum->entries * 2);
    }
    return err;
}

/* Whom to sync with; what they had and were told of is to be found out anew.
 * And for which sessions was this done before? */
static int recover_peers(struct recover *r)
{
    struct cove_repo *from = cove_salvage_from(r->salvage);
    struct cove_repo *to = cove_salvage_to(r->salvage);
    struct cove_store_txn *read, *write;
    struct cove_peer_record old;
    const struct cove_key *after = NULL;
    struct cove_key last;
    int err = cove_store_begin(r->scratch, false, &read);

    if (err != 0) {
        return err;
    }
    err = cove_store_begin(r->store, true, &write);
    while (err == 0) {
        struct cove_peer_record peer;

        err = cove_peer_next(from, read, after, &old);
        if (err != 0) {
            break; /* a record that is damaged ends it, too */
        }
        last = old.key;
        after = &last;
        if (cove_peer_is_guest(&old)) {
            continue; /* nobody named it */
        }
        memset(&peer, 0, sizeof(peer));
        peer.key = old.key;
        memcpy(peer.name, old.name, sizeof(peer.name));
        memcpy(peer.address, old.address, sizeof(peer.address));
        err = cove_peer_put(to, write, &peer);
        r->peers += err == 0;
    }
    if (err == COVE_ENOTFOUND || err == COVE_ECORRUPT) {
        err = node_reissued_copy(from, read, to, write);
        err = err == COVE_ECORRUPT ? 0 : err;
    }
    cove_store_abort(read);
    if (err == 0) {
        return cove_store_commit(write);
    }
    cove_store_abort(write);
    return err;
}

/* -------------------------------------------------------------------- verb */

static void reissued_reply(struct recover *r)
{
    struct node_json *j = &r->a->reply;

    node_json_key(j, "reissued");
    node_json_open(j, '{');
    node_json_key(j, "documents");
    node_json_int(j, (int64_t)r->reissued.documents);
    node_json_key(j, "fields");
    node_json_int(j, (int64_t)r->reissued.fields);
    node_json_key(j, "leftCount");
    node_json_int(j, (int64_t)r->reissued.left_count);
    node_json_key(j, "left");
    node_json_open(j, '[');
    node_json_raw(j, cove_buf_bytes(&r->reissued.left.out));
    node_json_close(j, ']');
    node_json_close(j, '}');
}

static void recover_reply(struct recover *r)
{
    const struct cove_salvage_sum *sum = cove_salvage_sum(r->salvage);
    struct node_json *j = &r->a->reply;
    const struct {
        const char *key;
        uint64_t count;
    } counts[] = {
        {"documents", sum->documents},
        {"whole", sum->whole},
        {"part", sum->part},
        {"lost", sum->lost},
        {"transactions", sum->transactions},
        {"transactionsLost", sum->transactions_lost},
        {"aside", sum->aside},
        {"removed", sum->removed},
        {"pages", r->faults},
        {"peers", r->peers},
        {"shown", r->shown},
    };

    node_json_key(j, "path");
    node_json_cstr(j, r->to);
    for (size_t i = 0; i < COVE_ARRAY_LEN(counts); i++) {
        node_json_key(j, counts[i].key);
        node_json_int(j, (int64_t)counts[i].count);
    }
    node_json_key(j, "complete");
    node_json_bool(j, sum->complete);
    node_json_key(j, "damaged");
    node_json_raw(j, cove_buf_bytes(&r->list.out));
    if (r->reissue) {
        reissued_reply(r);
    }
}

static int recover_run(struct recover *r)
{
    struct cove_salvage_options opt = {.alloc = r->a->store->alloc,
                                       .env = r->a->store->env,
                                       .saved = saved_document,
                                       .ctx = r};
    int err = recover_open(r, r->room, COVE_SALVAGE_TREES, &r->scratch);

    if (err == 0) {
        err = recover_open(r, r->to, COVE_REPO_TREES, &r->store);
    }
    if (err != 0) {
        return err;
    }
    opt.scratch = r->scratch;
    opt.store = r->store;
    opt.secret = r->secret;
    opt.device = r->device;
    err = cove_salvage_new(&opt, &r->salvage, &r->a->diag);
    if (err == 0) {
        err = recover_gather(r);
    }
    if (err == 0) {
        err = recover_save(r);
    }
    err = err != 0 ? err : recover_peers(r);
    return err != 0 || !r->reissue
               ? err
               : node_reissue(cove_salvage_to(r->salvage), r->store,
                              opt.env->now_ms(opt.env->ctx), &r->reissued,
                              &r->a->diag);
}

static int recover_all(struct recover *r)
{
    int err = recover_make(r);

    if (err != 0) {
        return err;
    }
    r->room = recover_path(r, r->to, RECOVER_ROOM);
    err = r->room == NULL ? COVE_ENOMEM : recover_key(r);
    node_json_init(&r->list, r->a->store->alloc);
    node_json_init(&r->reissued.left, r->a->store->alloc);
    node_json_open(&r->list, '[');
    if (err == 0) {
        err = recover_run(r);
    }
    node_json_close(&r->list, ']');
    if (err == 0) {
        err = r->list.err;
    }
    if (err == 0) {
        recover_reply(r);
    }
    cove_salvage_free(r->salvage);
    cove_store_close(r->scratch);
    cove_store_close(r->store);
    cove_buf_clear(&r->list.out);
    cove_buf_clear(&r->reissued.left.out);
    if (r->room != NULL) {
        backup_undo(r->room);
    }
    if (err != 0) {
        backup_undo(r->to);
    }
    return err;
}

static int verb_recover(struct admin *a)
{
    struct recover r = {.check = {.a = a}, .a = a};
    int err = admin_text(a, "from", &r.from);

    err = err != 0 ? err : admin_text(a, "to", &r.to);
    err = err != 0 ? err : admin_flag(a, "reissue", &r.reissue);
    err = err != 0 ? err : admin_need(a, "from", r.from);
    err = err != 0 ? err : admin_need(a, "to", r.to);
    err = err != 0 ? err : recover_in_use(&r);
    err = err != 0 ? err : recover_all(&r);
    cove_crypto_wipe(&r.secret, sizeof(r.secret));
    return err;
}

const struct admin_verb admin_recover_verbs[] = {
    {"recover", "from to reissue", verb_recover},
    {NULL, NULL, NULL},
};
