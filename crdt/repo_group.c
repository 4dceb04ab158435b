/* repo_group.c: one signature for all that a transaction appends.
 *
 * An append signs nothing. It puts its document's head, as a leaf, to the
 * group that its store transaction gathers, and the chunk names group and leaf
 * instead of holding a proof. Before the commit the tree over the leaves is
 * made and its root signed; leaves and signature are kept once, and a reader
 * makes a leaf's path from them. The store itself calls for it (at_end), so a
 * commit cannot leave a head unsigned. A group that is full is signed early,
 * and a transaction with one leaf signs that head plainly.
 *
 * A group counts the chunks that name it. A chunk that grows is signed anew
 * and lets go of its former group; such shifts are gathered too and settled
 * before the commit. A group that nothing names is removed. What a peer's group
 * has signed is kept alike.
 *
 * A group's number is the change sequence of its first leaf, as of the last
 * transaction that the leaf signed when it was put there.
 */
#include <stdlib.h>

#include "crdt/repo_internal.h"

struct group_head { /* docs/FORMAT.md "Group" */
    uint64_t named; /* by so many chunks */
    struct cove_signature signature;
};

static void group_place(struct cove_place *place, uint64_t num, bool leaves)
{
    cove_place_start(place);
    cove_place_number(place, num);
    if (leaves) {
        cove_place_number(place, 1);
    }
}

static int group_head_put(struct repo_work *work, uint64_t num,
                          const struct group_head *head)
{
    struct cove_place place;
    struct cove_packer p;
    struct cove_buf buf;

    cove_buf_init(&buf, work->repo->opt.alloc);
    cove_packer_init(&p, &buf);
    cove_pack_varint(&p, head->named);
    cove_pack_raw(&p, head->signature.b, sizeof(head->signature.b));
    group_place(&place, num, false);

    int err = p.err != 0 ? p.err
                         : cove_store_put(work->txn, REPO_GROUPS,
                                          cove_place_bytes(&place),
                                          cove_buf_bytes(&buf));

    cove_buf_clear(&buf);
    return err;
}

static int group_head_get(struct repo_work *work, uint64_t num,
                          struct group_head *out)
{
    struct cove_place place;
    struct cove_unpacker u;
    struct cove_bytes value;

    group_place(&place, num, false);

    int err = cove_store_get(work->txn, REPO_GROUPS, cove_place_bytes(&place),
                             &value);

    if (err != 0) {
        return err == COVE_ENOTFOUND ? COVE_ECORRUPT : err;
    }
    cove_unpacker_init(&u, value);
    out->named = cove_unpack_varint(&u);
    cove_unpack_raw(&u, out->signature.b, sizeof(out->signature.b));
    return cove_unpacker_done(&u);
}

static int group_leaves_get(struct repo_work *work, uint64_t num,
                            struct cove_bytes *out)
{
    struct cove_place place;
    struct cove_bytes leaves;

    group_place(&place, num, true);

    int err = cove_store_get(work->txn, REPO_GROUPS, cove_place_bytes(&place),
                             &leaves);

    if (err == COVE_ENOTFOUND ||
        (err == 0 &&
         (leaves.len == 0 || leaves.len % sizeof(struct cove_hash) != 0))) {
        return COVE_ECORRUPT;
    }
    if (err == 0) {
        *out = leaves;
    }
    return err;
}

static int group_remove(struct repo_work *work, uint64_t num)
{
    struct cove_place place;

    group_place(&place, num, true);

    int err = cove_store_del(work->txn, REPO_GROUPS, cove_place_bytes(&place));

    if (err == 0) {
        group_place(&place, num, false);
        err = cove_store_del(work->txn, REPO_GROUPS, cove_place_bytes(&place));
    }
    return err == COVE_ENOTFOUND ? COVE_ECORRUPT : err;
}

/* --- sealing */

static struct cove_bytes group_leaves(const struct repo_group *group)
{
    return cove_buf_bytes(&group->leaves);
}

static size_t group_count(const struct repo_group *group)
{
    return group->leaves.len / sizeof(struct cove_hash);
}

/* Sign what is gathered and keep it; the next leaf begins another group. */
static int group_seal(struct repo_work *work)
{
    struct repo_group *group = &work->repo->group;
    struct group_head head = {.named = group_count(group)};
    struct cove_merkle tree;
    struct cove_place place;

    if (head.named == 0) {
        return 0;
    }

    int err = cove_merkle_build((const struct cove_hash *)group->leaves.at,
                                head.named, work->arena, &tree);

    if (err == 0) {
        cove_group_sign(&work->repo->opt.secret, tree.count[0],
                        cove_merkle_root(&tree), &head.signature);
        err = group_head_put(work, group->num, &head);
    }
    if (err == 0) {
        group_place(&place, group->num, true);
        err = cove_store_put(work->txn, REPO_GROUPS, cove_place_bytes(&place),
                             group_leaves(group));
    }
    if (err == 0) {
        group->leaves.len = 0;
    }
    return err;
}

/* The only leaf: its chunk takes a plain signature, and there is no group.
 * Where the chunk is not the session's last any more, a group stays. */
static int group_seal_plain(struct repo_work *work)
{
    struct repo_group *group = &work->repo->group;
    struct repo_proof proof = {.group = group->num};
    struct repo_record record;
    int err = repo_record_read(work, group->first, &record);

    if (err == COVE_ENOTFOUND) {
        return 0;
    }
    if (err != 0) {
        return err;
    }

    struct repo_row *row = repo_record_row(&record, &group->first_session);

    if (row == NULL) {
        return 0;
    }
    cove_head_sign(&work->repo->opt.secret, &record.id, &row->pub.session,
                   row->pub.len, &row->pub.head, &proof.whole);
    err = repo_log_sign_anew(work, &record, row, &proof);
    if (err == 0) {
        group->leaves.len = 0;
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

/* --- how many name a group */

static int shift_order(const void *left, const void *right)
{
    const struct repo_group_shift *a = left;
    const struct repo_group_shift *b = right;

    return (a->group > b->group) - (a->group < b->group);
}

static int group_shift(struct repo_work *work, uint64_t num, int64_t by)
{
    struct group_head head;
    int err = group_head_get(work, num, &head);

    if (err == COVE_ECORRUPT && work->repo->mending) {
        return 0;
    }
    if (err != 0) {
        return err;
    }
    if (by < 0 && head.named < (uint64_t)-by && work->repo->mending) {
        return 0;
    }
    if (by < 0 && head.named < (uint64_t)-by) {
        return COVE_ECORRUPT;
    }
    head.named += (uint64_t)by;
    return head.named == 0 ? group_remove(work, num)
                           : group_head_put(work, num, &head);
}

int repo_group_named(struct repo_work *work, uint64_t num, uint64_t named)
{
    struct group_head head;
    struct cove_place place;
    int err;

    if (named == 0) {
        group_place(&place, num, true);
        err = cove_store_del(work->txn, REPO_GROUPS, cove_place_bytes(&place));
        group_place(&place, num, false);
        return err != 0 && err != COVE_ENOTFOUND
                   ? err
                   : cove_store_del(work->txn, REPO_GROUPS,
                                    cove_place_bytes(&place));
    }
    err = group_head_get(work, num, &head);
    head.named = named;
    return err != 0 ? err : group_head_put(work, num, &head);
}

static int group_settle(struct repo_work *work)
{
    struct cove_buf *buf = &work->repo->group.shifts;
    struct repo_group_shift *shifts =
        (struct repo_group_shift *)(void *)buf->at;
    size_t count = buf->len / sizeof(*shifts);
    int err = 0;

    if (count > 1) {
        qsort(shifts, count, sizeof(*shifts), shift_order);
    }
    for (size_t i = 0; i < count && err == 0;) {
        uint64_t num = shifts[i].group;
        int64_t sum = 0;

        for (; i < count && shifts[i].group == num; i++) {
            sum += shifts[i].by;
        }
        err = sum != 0 ? group_shift(work, num, sum) : 0;
    }
    return err;
}

/* --- the transaction's end */

int repo_group_end(struct repo_work *work)
{
    int err = 0;

    if (group_count(&work->repo->group) == 1) {
        err = group_seal_plain(work);
    }
    if (err == 0) {
        err = group_seal(work);
    }
    return err != 0 ? err : group_settle(work);
}

void repo_group_forget(struct cove_repo *repo)
{
    repo->group.leaves.len = 0;
    repo->group.shifts.len = 0;
    repo->group.taken = 0;
}

void repo_group_init(struct cove_repo *repo)
{
    struct repo_group *group = &repo->group;

    cove_buf_init(&group->leaves, repo->opt.alloc);
    cove_buf_init(&group->shifts, repo->opt.alloc);
    cove_arena_init(&repo->tree.arena, repo->opt.alloc);
}

void repo_group_clear(struct cove_repo *repo)
{
    cove_buf_clear(&repo->group.leaves);
    cove_buf_clear(&repo->group.shifts);
    cove_arena_clear(&repo->tree.arena);
}

/* --- signing */

static int group_add(struct repo_work *work, cove_num num,
                     const struct cove_session_id *session, uint64_t change,
                     struct repo_proof *proof)
{
    struct repo_group *group = &work->repo->group;
    unsigned most = work->repo->opt.group_leaves;
    struct cove_hash none = {{0}};
    int err = 0;

    if (group_count(group) >= (most != 0 ? most : REPO_GROUP_LEAVES)) {
        err = group_seal(work);
    }
    if (err == 0) {
        err = cove_buf_append(&group->leaves, cove_bytes(&none, sizeof(none)));
    }
    if (err != 0) {
        return err;
    }
    if (group_count(group) == 1) {
        group->num = change;
        group->first = num;
        group->first_session = *session;
    }
    memset(proof, 0, sizeof(*proof));
    proof->group = group->num;
    proof->leaf = (uint32_t)group_count(group) - 1;
    return 0;
}

int repo_group_sign(struct repo_work *work, const struct repo_record *record,
                    const struct repo_row *row, uint32_t end, uint64_t change,
                    struct repo_proof *proof)
{
    struct repo_group *group = &work->repo->group;
    bool in_it = group_count(group) > 0 && proof->group == group->num;
    int err = 0;

    if (!in_it) {
        err = repo_group_release(work, proof);
        if (err == 0) {
            err =
                group_add(work, record->num, &row->pub.session, change, proof);
        }
    }
    if (err == 0) {
        struct cove_hash leaf =
            cove_merkle_leaf(&record->id, &row->pub.session, &row->pub.device,
                             end, &row->pub.head);

        memcpy(group->leaves.at + proof->leaf * sizeof(leaf), &leaf,
               sizeof(leaf));
    }
    return err;
}

static int group_note(struct repo_work *work, uint64_t num, int64_t by)
{
    struct repo_group_shift shift = {.group = num, .by = by};
    struct cove_buf *buf = &work->repo->group.shifts;

    if (buf->len > 0) {
        struct repo_group_shift *last =
            (struct repo_group_shift *)(void *)(buf->at + buf->len) - 1;

        if (last->group == num) {
            last->by += by;
            return 0;
        }
    }
    return cove_buf_append(buf, cove_bytes(&shift, sizeof(shift)));
}

int repo_group_hold(struct repo_work *work, const struct repo_proof *proof)
{
    return proof->group == 0 ? 0 : group_note(work, proof->group, 1);
}

int repo_group_release(struct repo_work *work, const struct repo_proof *proof)
{
    return proof->group == 0 ? 0 : group_note(work, proof->group, -1);
}

/* --- a peer's groups */

static int group_keep(struct repo_work *work, const struct cove_group *from,
                      uint64_t num)
{
    struct group_head head = {.signature = from->signature};
    struct cove_place place;
    int err = group_head_put(work, num, &head);

    if (err != 0) {
        return err;
    }
    group_place(&place, num, true);
    return cove_store_put(
        work->txn, REPO_GROUPS, cove_place_bytes(&place),
        cove_bytes(from->leaves, from->count * sizeof(*from->leaves)));
}

int repo_group_take(struct repo_work *work, const struct cove_proof *shared,
                    struct repo_proof *out)
{
    const struct cove_group *from = shared->group;
    struct repo_group *group = &work->repo->group;
    int err = 0;

    if (group->taken == 0 || memcmp(&group->taken_signature, &from->signature,
                                    sizeof(from->signature)) != 0) {
        uint64_t num = work->counters.sequence + 1;

        err = group_keep(work, from, num);
        if (err == 0) {
            group->taken = num;
            group->taken_signature = from->signature;
        }
    }
    if (err == 0) {
        err = group_note(work, group->taken, 1);
    }
    if (err == 0) {
        memset(out, 0, sizeof(*out));
        out->group = group->taken;
        out->leaf = shared->leaf;
    }
    return err;
}

/* --- reading */

/* Make the tree of a group, which lies in the repo while it is read from. */
static int tree_build(struct repo_work *work, uint64_t num,
                      const struct group_head *head)
{
    struct repo_group_tree *tree = &work->repo->tree;
    struct cove_bytes leaves;

    tree->num = 0;
    cove_arena_reset(&tree->arena);

    int err = group_leaves_get(work, num, &leaves);

    if (err != 0) {
        return err;
    }
    err = cove_merkle_build((const struct cove_hash *)leaves.at,
                            leaves.len / sizeof(struct cove_hash), &tree->arena,
                            &tree->merkle);
    if (err == 0) {
        tree->num = num;
        tree->signature = head->signature;
    }
    return err == COVE_ELIMIT ? COVE_ECORRUPT : err;
}

static int tree_proof(struct repo_work *work, const struct repo_proof *proof,
                      const struct group_head *head, struct cove_proof *out)
{
    struct repo_group_tree *tree = &work->repo->tree;
    int err = 0;

    if (tree->num != proof->group || memcmp(&tree->signature, &head->signature,
                                            sizeof(head->signature)) != 0) {
        err = tree_build(work, proof->group, head);
    }
    if (err == 0 && proof->leaf >= tree->merkle.count[0]) {
        err = COVE_ECORRUPT;
    }
    if (err == 0) {
        out->grouped = true;
        out->signature = head->signature;
        out->leaf = proof->leaf;
        out->leaves = tree->merkle.count[0];
        out->path_len = cove_merkle_path(&tree->merkle, proof->leaf, out->path);
        out->kept = out->leaves <= COVE_MAX_SHARED ? proof->group : 0;
    }
    return err;
}

int cove_repo_group(struct cove_repo *repo, struct cove_store_txn *txn,
                    uint64_t kept, struct cove_arena *arena,
                    struct cove_group *out)
{
    struct group_head head;
    struct cove_bytes leaves;
    struct repo_work work;
    int err = repo_work_begin(&work, repo, txn, arena, NULL);

    if (err == 0) {
        err = group_head_get(&work, kept, &head);
    }
    if (err == 0) {
        err = group_leaves_get(&work, kept, &leaves);
    }
    if (err == 0) {
        err = cove_arena_copy(arena, leaves, &leaves);
    }
    if (err == 0) {
        out->signature = head.signature;
        out->leaves = (const struct cove_hash *)leaves.at;
        out->count = (uint32_t)(leaves.len / sizeof(struct cove_hash));
    }
    return err;
}

int repo_group_proof(struct repo_work *work, const struct repo_proof *proof,
                     struct cove_proof *out)
{
    const struct repo_group *group = &work->repo->group;
    struct cove_proof whole = {.grouped = true};
    struct group_head head;
    int err = 0;

    if (proof->group == 0) {
        *out = proof->whole;
        return 0;
    }
    whole.path =
        cove_arena_array(work->arena, COVE_MAX_MERKLE, sizeof(*whole.path));
    if (whole.path == NULL) {
        return COVE_ENOMEM;
    }
    /* In the transaction that gathers: signed as far as it is. */
    if (repo_open_of(work->repo, work->txn) != NULL &&
        group->num == proof->group) {
        err = group_seal(work);
    }
    if (err == 0) {
        err = group_head_get(work, proof->group, &head);
    }
    if (err != 0) {
        return err;
    }
    err = tree_proof(work, proof, &head, &whole);
    if (err == 0) {
        *out = whole;
    }
    return err;
}
