/* story.h: a few devices that share a group, each with a store and a clock of
 * its own, and what apps at several versions do there, told in one line each.
 *
 * Alice and dan are admins, bob is a writer, carol a reader. Nothing is shared
 * between them but what is given from one store to another: signed batches, as
 * a peer would send them. JSON is written with ' for ". What goes wrong in a
 * word that is not called try_ is a failed test.
 */
#ifndef COVE_TESTS_STORY_H
#define COVE_TESTS_STORY_H

#include "migrate/publish.h"
#include "tests/unit/author.h"

enum story_who { ALICE, BOB, CAROL, DAN, STORY_PEERS };

/* The wall clock's second 0. */
#define STORY_START ((int64_t)1750000000000)

struct story_peer {
    struct kit kit;
    struct cove_catalog *catalog;
};

struct story {
    struct story_peer peer[STORY_PEERS];
    struct cove_id group;
    struct cove_bytes group_header;
    struct cove_arena arena; /* texts that words below give back */
    struct cove_id journal;  /* of the schema published last */
    struct cove_id doc;      /* the document that words below are about */
};

/* kind: of the stores, enum fixture_kind. Everybody holds the group. */
void story_begin(struct story *s, int kind);
void story_end(struct story *s);
void story_reopen(struct story *s, enum story_who who);
struct kit *story_kit(struct story *s, enum story_who who);
/* Set a clock, in seconds after the start. */
void story_clock(struct story *s, enum story_who who, int64_t second);

/* --- schemas: as files, or as bodies of steps */

int story_try_schema(struct story *s, enum story_who who, const char *schema);
void story_schema(struct story *s, enum story_who who, const char *schema);
int story_try_migration(struct story *s, enum story_who who,
                        const char *migration, const char *schema);
/* The step's hex, which names its head where a number is ambiguous. */
const char *story_migration(struct story *s, enum story_who who,
                            const char *migration, const char *schema);
/* A journal from the ops of its root step; its hex, and so below. */
const char *story_root(struct story *s, enum story_who who, const char *ops);
/* A later step: parents is "'HEX'" or "'HEX','HEX'". */
const char *story_step(struct story *s, enum story_who who, const char *parents,
                       const char *ops);
/* Another device enters the same value under the same key of the journal, in a
 * transaction of its own. */
void story_pass_entry(struct story *s, enum story_who from, enum story_who to,
                      const char *key);
/* Does the schema have more than one newest version? Entries under a key that
 * is not their hash; the first one's author in *author (or NULL). */
bool story_forked(struct story *s, enum story_who who);
size_t story_drift(struct story *s, enum story_who who,
                   struct cove_key *author);
/* What the last word of this device was refused for. */
const char *story_why(struct story *s, enum story_who who);
struct cove_step_id story_step_id(const char *hex);
/* The CBOR of a JSON text, and back. */
struct cove_bytes story_json(struct story *s, const char *text);
const char *story_text(struct story *s, struct cove_bytes item);

/* --- documents. `version` is a number, a step's hex, or "" for the newest. */

void story_new(struct story *s, enum story_who who, int64_t second,
               const char *version, const char *fields);
int story_try_new(struct story *s, enum story_who who, int64_t second,
                  const char *version, const char *fields, const char *unique);
/* The child that a rule makes of the document, by its header's `from`. */
struct cove_id story_extract(struct story *s, enum story_who who,
                             const char *rule);
/* The user's write of some fields, at a second of that device's clock. */
void story_write(struct story *s, enum story_who who, int64_t second,
                 const char *version, const char *fields);
int story_try_write(struct story *s, enum story_who who, int64_t second,
                    const char *version, const char *fields);
void story_delete(struct story *s, enum story_who who, int64_t second,
                  const char *version, const char *field);
/* One native op on a register, past the schema; value NULL deletes. Where it
 * stands in the order of ops. */
struct cove_op_id story_raw_write(struct story *s, enum story_who who,
                                  int64_t second, const char *epoch,
                                  const char *reg, const char *value);

struct story_look {
    int err;
    uint32_t written; /* copies, by this load */
    uint32_t due;
    uint32_t invalid;
    bool ahead;
    size_t conflicts; /* operations that are inert for this head */
    int valid;        /* 0, or how the view breaks the version's schema */
    enum cove_doc_state state;
};
struct story_look story_look(struct story *s, enum story_who who,
                             const char *version, enum cove_load_mode mode);
int story_try_load(struct story *s, enum story_who who, const char *version);
/* Load as an app does, copies and all; how many were written. */
uint32_t story_load(struct story *s, enum story_who who, const char *version);
/* "name=value name=!raw …" in the order of names, what is absent left out. */
const char *story_view(struct story *s, enum story_who who,
                       const char *version);
/* The same without the engine: the stored winner of each register that the
 * version shows, no steps and no defaults applied. */
const char *story_stored(struct story *s, enum story_who who,
                         const char *version);
/* As story_view, without defaults and without what did not convert: what
 * story_stored has to give once all is settled. */
const char *story_settled(struct story *s, enum story_who who,
                          const char *version);
/* The copies that are stored, without who made them and when:
 * "register=value<origin's time,…", as their order is. */
const char *story_copies(struct story *s, enum story_who who);
/* The register behind a field of a version. */
const char *story_register(struct story *s, enum story_who who,
                           const char *version, const char *field);

/* One field: its JSON, "!" and the raw value where invalid, or "absent". */
const char *story_field(struct story *s, enum story_who who,
                        const char *version, const char *field);
/* The newest user write to any of these registers (ended by NULL), by the
 * total order of ops: which register, its JSON ("deleted" where it is one).
 * False where there is none. */
struct story_newest {
    size_t reg; /* its place in the list */
    const char *value;
    const char *epoch; /* hex of the step it was written at, "" for none */
    struct cove_op_id id;
};
bool story_newest(struct story *s, enum story_who who,
                  const char *const *registers, struct story_newest *out);

#define ck_views(s, who, version, text)                                        \
    ck_assert_str_eq(story_view(s, who, version), text)

/* --- between stores */

/* Everything, or one document with its owner's header, one way. */
void story_give(struct story *s, enum story_who from, enum story_who to);
void story_give_doc(struct story *s, enum story_who from, enum story_who to,
                    const struct cove_id *id);
void story_give_header(struct story *s, enum story_who from,
                       enum story_who to); /* of the document, no more */
/* The first transactions that one device wrote in a document, up to `limit`. */
void story_give_part(struct story *s, enum story_who from, enum story_who to,
                     const struct cove_id *id, enum story_who author,
                     uint32_t limit);
int story_try_give(struct story *s, enum story_who from, enum story_who to);
void story_sync(struct story *s, enum story_who a, enum story_who b);
void story_settle(struct story *s); /* until everybody has everything */
bool story_has(struct story *s, enum story_who who, const struct cove_id *id);

/* --- what is held */

uint32_t story_txs(struct story *s, enum story_who who); /* of the document */
struct cove_hash story_digest(struct story *s, enum story_who who);
/* Of every transaction's bytes, as they would be sent. */
struct cove_hash story_log(struct story *s, enum story_who who);
struct cove_hash story_log_of(struct story *s, enum story_who who,
                              const struct cove_id *id);
/* The first bytes of the hash of the transaction that holds an op. */
void story_tx_hash(struct story *s, enum story_who who,
                   const struct cove_op_id *op, uint8_t out[8]);
/* Of every byte that the store holds. */
struct cove_hash story_dump(struct story *s, enum story_who who);
static inline bool story_same(struct cove_hash a, struct cove_hash b)
{
    return memcmp(a.b, b.b, sizeof(a.b)) == 0;
}
#define ck_same_hash(a, b)  ck_assert(story_same(a, b))
#define ck_other_hash(a, b) ck_assert(!story_same(a, b))
/* Everybody's digest of the document is the same. */
void story_agreed(struct story *s);

/* --- forgery: copies that a device writes past its engine, in a session of
 * the author's own */

struct author story_author(struct story *s, enum story_who who);
/* The newest user write to a register, as a copy would name it. */
struct cove_origin story_origin(struct story *s, enum story_who who,
                                const char *reg);
void story_forge(struct story *s, struct author *a, int64_t second,
                 const char *reg, const char *value,
                 struct cove_origin *origin);
/* All of what the author wrote, as a batch. */
void story_hand(struct story *s, struct author *a, enum story_who to);

/* --- chance, repeatable */

uint32_t story_dice(uint64_t *seed, uint32_t sides); /* 0 … sides - 1 */

#endif
