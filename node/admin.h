/* admin.h: what the verbs of cove_admin share: the request's members, one by
 * one and checked, and the reply. docs/ADMIN.md lists the verbs.
 */
#ifndef COVE_NODE_ADMIN_H
#define COVE_NODE_ADMIN_H

#include "migrate/run.h"
#include "node/node.h"
#include "sync/interest.h"

struct cove_event;
struct cove_where;
struct node_point;

struct admin {
    struct cove *store;
    struct cove_bytes request; /* encoded map */
    struct cove_arena arena;
    struct node_json reply;
    struct cove_diag diag;
};

struct admin_verb {
    const char *name;
    const char *members; /* "id version mode": all that it takes */
    int (*run)(struct admin *a);
};

/* A member of the request. Text is NUL-terminated in the arena; *out stays
 * NULL (or as it was) where the member is absent.
 * Errors: COVE_EUSAGE, naming the member and the type it should have. */
int admin_text(struct admin *a, const char *key, const char **out);
int admin_int(struct admin *a, const char *key, int64_t *out);
int admin_flag(struct admin *a, const char *key, bool *out);
/* The encoded value; empty where absent. */
int admin_value(struct admin *a, const char *key, struct cove_bytes *out);
/* An object; empty where absent. */
int admin_map(struct admin *a, const char *key, struct cove_bytes *out);
/* Errors: COVE_EUSAGE where a required member is missing. */
int admin_need(struct admin *a, const char *key, const void *given);
/* The document that a member names, whole or by prefix. */
int admin_id(struct admin *a, const char *key, struct cove_id *out,
             bool *given);
/* The document that the request is about, which must be named, and the version
 * it is to be seen at: NULL where the request says none. */
int admin_document(struct admin *a, struct cove_id *id, const char **version);
/* A version may be a number or a text ("2", a step's hex). */
int admin_version(struct admin *a, const char **out);
int admin_mode(struct admin *a, unsigned write, unsigned *flags);
/* The members "entries" and "data"; what is absent stays. */
int admin_show(struct admin *a, struct node_show *show);
/* The member "branch": from here on the document is that branch. */
int admin_branch(struct admin *a, struct cove_txn *txn,
                 const struct cove_id *id);
/* A member that names a point in the past of a document; absent: now. */
int admin_point(struct admin *a, struct cove_txn *txn,
                const struct cove_doc *doc, const char *key,
                struct node_point *out);
/* The member "where", in the arena; NULL where absent. */
int admin_where(struct admin *a, const struct cove_where **out);
/* JSON text of a member that may be an object or a text of JSON. */
int admin_json(struct admin *a, const char *key, struct cove_bytes *text);

/* The members "migration", "schema" and "file". */
int admin_migration_files(struct admin *a, struct cove_migration_files *files);

/* Commit where err is 0, else keep the transaction's sentence and abort. */
int admin_end(struct admin *a, struct cove_txn *txn, int err);

/* After publishing: hang the registries on the account, and reply. */
int admin_published(struct admin *a, struct cove_txn *txn,
                    const struct cove_published *p);
/* The registries alone. */
int admin_linked(struct admin *a, struct cove_txn *txn, cove_num journal);
/* Each journal here, or the one of a schema's name. */
int admin_each_schema(struct admin *a, struct cove_txn *txn, const char *name,
                      int (*each)(struct admin *a, struct cove_txn *txn,
                                  cove_num num));

/* --- admin_check.c: the one verb for a store that could not be opened */
int admin_check(struct admin *a);
/* --- admin_files.c */
struct files;
/* The [{file, text}] of a member, read. */
int admin_files(struct admin *a, const char *key, struct files *out);
/* --- admin_draft.c: `new` with `like` and `local` */
int admin_draft_new(struct admin *a);

/* --- admin_steps.c */
int admin_migrate_status(struct admin *a);
int admin_migrate_retire(struct admin *a); /* admin_retire.c */
int admin_migrate_merge(struct admin *a);  /* admin_merge.c */

/* --- admin_tally.c: documents by version and state and devices by version, as
 * members of the reply; from kept counts */
int admin_tallies_json(struct admin *a, struct cove_txn *txn,
                       const struct cove_schema_doc *schema);
/* The user's word for a device, "" where there is none. */
int admin_device_name(struct cove_txn *txn, const struct cove_key *key,
                      char out[64]);

/* --- admin_run_json.c */
void admin_run_json(struct node_json *j, const struct cove_run *run);
/* "quarantine": the first 100 of [{id, why}], of an object that is open. */
int admin_quarantine_json(struct admin *a, struct cove_txn *txn,
                          cove_num schema);

/* Begin reading the request's document, or its branch: at a version, or by
 * register where no version can show it. */
int admin_load_past(struct admin *a, struct cove_txn **txn,
                    struct cove_loaded **loaded); /* admin_history.c */

/* "cut", of an object that is open, where the beginning of the document's
 * history was cut off: up to when, and who did it when. */
int admin_cut_json(struct admin *a, struct cove_txn *txn,
                   const struct cove_doc *doc); /* admin_history.c */

/* --- event_json.c: what was done to a document, as members of an object that
 * is open; crdt/history.h */
struct admin_event_keys {
    const char *removed, *appended, *added;
};
/* Its time, author, session and transaction. */
void admin_event_head_json(struct node_json *j, const struct cove_event *e);
void admin_event_kind_json(struct node_json *j, const struct cove_event *e);
void admin_event_shown_json(struct node_json *j, const struct cove_event *e);
/* What its transaction is as a whole, where it is no plain one. */
void admin_event_tx_json(struct node_json *j, const struct cove_event *e);
/* What it did. */
void admin_event_op_json(struct node_json *j, const struct cove_event *e,
                         const struct admin_event_keys *keys);
/* "items", of encoded values one behind another. */
void admin_items_json(struct node_json *j, struct cove_bytes values);

/* --- admin_gone.c: documents that were removed */
/* "removed", of an object that is open: what this device wrote and others
 * removed without having seen it. */
int admin_removed_json(struct admin *a, struct cove_txn *txn);
/* `damage` of a `status`: what is known to be wrong; `unreadable`: documents
 * that could not be loaded just now. */
int admin_damage_json(struct admin *a, struct cove_txn *txn,
                      uint64_t unreadable);
/* `history` of the request's document, which was removed. */
int admin_removed_history(struct admin *a);

/* --- admin_peer.c: the member "key", of another device */
int admin_peer_key(struct admin *a, struct cove_key *out);
/* A member into an array of `cap` bytes, left as it is where absent. */
int admin_peer_text(struct admin *a, const char *key, char *out, size_t cap);
/* Is it "host:port", to be dialled? Errors: COVE_EUSAGE. */
int admin_peer_address(struct admin *a, const char *address);
/* --- admin_invite.c: "revoked", the numbers of the living invites by which the
 * peer came */
int admin_invites_of_json(struct admin *a, struct cove_txn *txn,
                          const struct cove_key *peer);
/* --- admin_want.c: what one wants of the other, as a member */
int node_interest_json(struct cove_txn *txn, enum cove_interest_record which,
                       const struct cove_key *peer, const char *key,
                       struct node_json *j);

extern const struct admin_verb admin_want_verbs[];
extern const struct admin_verb admin_network_verbs[];
extern const struct admin_verb admin_invite_verbs[];
extern const struct admin_verb admin_gone_verbs[];
extern const struct admin_verb admin_doc_verbs[];
extern const struct admin_verb admin_history_verbs[];
extern const struct admin_verb admin_compact_verbs[];
extern const struct admin_verb admin_cut_verbs[];
extern const struct admin_verb admin_changes_verbs[];
extern const struct admin_verb admin_branch_verbs[];
extern const struct admin_verb admin_bundle_verbs[];
extern const struct admin_verb admin_diff_verbs[];
extern const struct admin_verb admin_create_verbs[];
extern const struct admin_verb admin_push_verbs[];
extern const struct admin_verb admin_squash_verbs[];
extern const struct admin_verb admin_files_verbs[];
extern const struct admin_verb admin_find_verbs[];
extern const struct admin_verb admin_author_verbs[];
extern const struct admin_verb admin_schema_verbs[];
extern const struct admin_verb admin_validate_verbs[];
extern const struct admin_verb admin_migrate_verbs[];
extern const struct admin_verb admin_activity_verbs[];
extern const struct admin_verb admin_config_verbs[];
extern const struct admin_verb admin_run_verbs[];
extern const struct admin_verb admin_once_verbs[];
extern const struct admin_verb admin_down_verbs[];
extern const struct admin_verb admin_plan_verbs[];
extern const struct admin_verb admin_upkeep_verbs[];
extern const struct admin_verb admin_backup_verbs[];
extern const struct admin_verb admin_backup_restore_verbs[];
extern const struct admin_verb admin_export_verbs[];
extern const struct admin_verb admin_import_verbs[];
extern const struct admin_verb admin_lines_verbs[];
extern const struct admin_verb admin_restore_verbs[];
extern const struct admin_verb admin_draft_verbs[];
extern const struct admin_verb admin_reset_verbs[];
extern const struct admin_verb admin_explain_verbs[];
extern const struct admin_verb admin_peer_verbs[];
extern const struct admin_verb admin_sync_verbs[];
extern const struct admin_verb admin_status_verbs[];
extern const struct admin_verb admin_check_verbs[];
extern const struct admin_verb admin_recover_verbs[];
extern const struct admin_verb admin_scrub_verbs[];
extern const struct admin_verb admin_stats_verbs[];

#endif
