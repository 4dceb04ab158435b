/* repo_check_counts.c: what is counted: chunks that name a group, documents in
 * tallies, and the numbers that the next thing gets. */
#include "crdt/repo_check_internal.h"

#include "crdt/repo_upkeep.h"

#define GROUPS_AT_ONCE 65536

/* --- groups */

static int group_order(const struct check_group *group, uint64_t num)
{
    return (group->num > num) - (group->num < num);
}

static void groups_count(struct cove_check *c, uint64_t num)
{
    size_t low = 0;
    size_t high = c->group_count;

    while (num != 0 && low < high) {
        size_t mid = low + (high - low) / 2;
        int order = group_order(&c->groups[mid], num);

        if (order == 0) {
            c->groups[mid].found++;
            return;
        }
        low = order < 0 ? mid + 1 : low;
        high = order < 0 ? high : mid;
    }
}

static void groups_found(struct cove_check *c, struct cove_bytes value)
{
    struct repo_chunk chunk;

    cove_arena_reset(&c->piece);
    if (repo_chunk_decode(value, &c->piece, &chunk) == 0) {
        groups_count(c, chunk.proof.group);
    }
}

static void groups_packed(struct cove_check *c, struct cove_bytes value)
{
    struct repo_parts parts;
    struct cove_buf raw;

    cove_arena_reset(&c->piece);
    cove_buf_init(&raw, c->repo->opt.alloc);
    if (repo_pack_decode(value, &c->piece, &raw, &parts) == 0) {
        for (size_t i = 0; i < parts.count; i++) {
            groups_count(c, parts.at[i].chunk.proof.group);
        }
    }
    cove_buf_clear(&raw);
}

/* An entry of the logs: under no session it is a pack, and a stub is none. */
static void groups_entry(struct cove_check *c, const struct cove_entry *entry)
{
    struct cove_bytes key = entry->key;
    uint64_t num;
    uint64_t session = 0;
    uint32_t pack;

    if (cove_place_take(&key, &num) != 0 ||
        cove_place_take(&key, &session) != 0) {
        return;
    }
    if (session == 0) {
        groups_packed(c, entry->value);
    } else if (!repo_stub_is(entry->value, &pack)) {
        groups_found(c, entry->value);
    }
}

/* The groups of a stretch, as they count themselves. */
static int groups_gather(struct cove_check *c, bool *last)
{
    struct cove_store_cursor *cursor;
    struct cove_entry entry;
    struct cove_place place;
    void *groups;
    int err = cove_store_cursor_open(c->work.txn, REPO_GROUPS, &cursor);

    if (err != 0) {
        return err;
    }
    c->group_count = c->group_cap = 0;
    c->groups = NULL;
    cove_arena_reset(&c->groups_arena);
    cove_place_start(&place);
    cove_place_number(&place, c->groups_until + 1);
    err = cove_store_cursor_seek(cursor, cove_place_bytes(&place), &entry);
    while (err == 0 && c->group_count < GROUPS_AT_ONCE) {
        struct cove_bytes key = entry.key;
        struct check_group group = {.found = 0};
        struct cove_unpacker u;

        if (cove_place_take(&key, &group.num) == 0 && key.len == 0) {
            cove_unpacker_init(&u, entry.value);
            group.named = cove_unpack_varint(&u);
            groups = c->groups;
            err = cove_arena_grow(&c->groups_arena, &groups, sizeof(group),
                                  c->group_count, &c->group_cap);
            if (err != 0) {
                break;
            }
            c->groups = groups;
            c->groups[c->group_count++] = group;
            c->groups_until = group.num;
        }
        err = cove_store_cursor_next(cursor, &entry);
    }
    cove_store_cursor_close(cursor);
    *last = err == COVE_ENOTFOUND;
    return err == COVE_ENOTFOUND ? 0 : err;
}

static int groups_log(struct cove_check *c)
{
    struct cove_store_cursor *cursor;
    struct cove_entry entry;
    int err = cove_store_cursor_open(c->work.txn, REPO_LOG, &cursor);

    if (err != 0) {
        return err;
    }
    err = cove_store_cursor_seek(cursor, cove_bytes(NULL, 0), &entry);
    while (err == 0) {
        groups_entry(c, &entry);
        err = cove_store_cursor_next(cursor, &entry);
    }
    cove_store_cursor_close(cursor);
    return err == COVE_ENOTFOUND ? 0 : err;
}

static int groups_records(struct cove_check *c)
{
    cove_num num = 0;
    int err = 0;

    while (err == 0) {
        struct repo_record record;

        err = repo_next_record(c->work.txn, num, &num);
        if (err != 0) {
            break;
        }
        cove_arena_reset(&c->arena);
        c->record_there = false;
        err = repo_record_read(&c->work, num, &record);
        for (size_t i = 0; err == 0 && i < record.row_count; i++) {
            if (record.rows[i].inline_chunk.len > 0) {
                groups_found(c, record.rows[i].inline_chunk);
            }
        }
        err = check_is_damage(err) ? 0 : err;
    }
    return err == COVE_ENOTFOUND ? 0 : err;
}

static int groups_compare(struct cove_check *c)
{
    int err = 0;

    for (size_t i = 0; i < c->group_count && err == 0; i++) {
        const struct check_group *group = &c->groups[i];

        if (group->named == group->found) {
            continue;
        }
        err = check_derived(c, "group-count", NULL,
                            "a group signature is counted as in use by more or "
                            "fewer chunks than name it");
        if (err == 0 && c->opt.repair) {
            c->wrote = true;
            err = repo_group_named(&c->work, group->num, group->found);
        }
    }
    return err;
}

int check_groups(struct cove_check *c, bool *over)
{
    int err = groups_gather(c, over);

    if (err == 0 && c->group_count > 0) {
        err = groups_records(c);
    }
    if (err == 0 && c->group_count > 0) {
        err = groups_log(c);
    }
    return err != 0 ? err : groups_compare(c);
}

/* --- tallies */

int check_tallies(struct cove_check *c)
{
    struct cove_diag why = {0};
    int err = cove_repo_recount(c->repo, c->work.txn, &why);

    if (err != COVE_ECORRUPT) {
        return err;
    }
    err = check_derived(c, "tally", NULL,
                        why.text[0] != '\0'
                            ? why.text
                            : "the counts of documents by version and state "
                              "are damaged");
    if (err == 0 && c->opt.repair) {
        c->wrote = true;
        err = repo_tally_again(&c->work);
    }
    return err;
}

/* --- the numbers that are given next */

int check_counters(struct cove_check *c)
{
    struct repo_counters *k = &c->work.counters;
    int err = 0;

    if (k->last_hlc < c->most_hlc || k->own_hlc < c->most_own_hlc) {
        err = check_derived(c, "clock", NULL,
                            "the greatest time that is known is before that "
                            "of a log");
        if (err == 0 && c->opt.repair) {
            c->wrote = true;
            k->last_hlc = k->last_hlc < c->most_hlc ? c->most_hlc : k->last_hlc;
            if (k->own_hlc < c->most_own_hlc) {
                k->own_hlc = c->most_own_hlc;
            }
        }
    }
    if (err == 0 &&
        (k->next_num <= c->most_num || k->next_intern <= c->most_intern ||
         k->sequence < c->most_sequence)) {
        err = check_derived(c, "counters", NULL,
                            "a number that was given away would be given "
                            "again");
        if (err == 0 && c->opt.repair) {
            c->wrote = true;
            if (k->next_num <= c->most_num) {
                k->next_num = c->most_num + 1;
            }
            if (k->next_intern <= c->most_intern) {
                k->next_intern = c->most_intern + 1;
            }
            if (k->sequence < c->most_sequence) {
                k->sequence = c->most_sequence;
            }
        }
    }
    return err;
}
