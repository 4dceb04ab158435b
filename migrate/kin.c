/* kin.c: see kin.h.
 *
 * Most documents have no kin, and are viewed as ever. Where a plan seeds fields
 * or has maps, the children that are held are loaded with their parent; a child
 * is loaded with its parent and what that needs.
 */
#include "migrate/kin.h"

#include <stdlib.h>

#include "core/value.h"

struct kin {
    struct cove_repo *repo;
    struct cove_store_txn *txn;
    struct cove_loaded *loaded;
    struct cove_arena *arena;
    struct cove_diag *diag;
};

static struct kin kin_of(struct cove_catalog *catalog,
                         struct cove_store_txn *txn, struct cove_loaded *loaded,
                         struct cove_diag *diag)
{
    return (struct kin){cove_catalog_repo(catalog), txn, loaded,
                        loaded->doc.arena, diag};
}

/* A document where it is held; else *out is NULL. */
static int kin_load(struct kin *k, const struct cove_id *id,
                    struct cove_doc **out)
{
    struct cove_doc *doc;
    cove_num num;
    int err = cove_repo_find(k->repo, k->txn, id, &num);

    *out = NULL;
    if (err == COVE_ENOTFOUND) {
        return 0;
    }
    doc = err == 0 ? cove_arena_new(k->arena, sizeof(*doc)) : NULL;
    if (doc == NULL) {
        return err != 0 ? err : COVE_ENOMEM;
    }
    err = cove_repo_load(k->repo, k->txn, num, k->arena, doc, k->diag);
    if (err == COVE_EREMOVED) { /* as if it had never been there */
        cove_diag_clear(k->diag);
        return 0;
    }
    if (err == 0) {
        *out = doc;
    }
    return err;
}

/* --- what it is a child of */

static bool kin_is_child(enum cove_doc_type type)
{
    return type == COVE_DOC_COMAP || type == COVE_DOC_COLIST ||
           type == COVE_DOC_COTEXT;
}

/* The kind of child that the loaded document is of its parent. */
static enum cove_child_kind kin_own_kind(const struct cove_loaded *loaded)
{
    enum cove_doc_type type = loaded->doc.header.type;

    return type == COVE_DOC_COLIST   ? COVE_CHILD_LIST
           : type == COVE_DOC_COTEXT ? COVE_CHILD_TEXT
                                     : COVE_CHILD_MAP;
}

static void kin_name(const struct cove_loaded *loaded, struct cove_bytes key,
                     enum cove_child_kind kind, struct cove_child_name *out)
{
    const struct cove_kin *kin = loaded->kin;
    const struct cove_doc *parent =
        kin->parent != NULL ? kin->parent : &loaded->doc;

    *out = (struct cove_child_name){
        .kind = kind,
        .owner = parent->header.has_owner ? parent->header.owner : parent->id,
        .parent = parent->id,
        .reg = key};
}

static int kin_id(struct kin *k, const struct cove_child_name *name,
                  struct cove_id *out)
{
    struct cove_buf header;
    int err;

    cove_buf_init(&header, k->arena->alloc);
    err = cove_child_header(name, &header, out, k->diag);
    cove_buf_clear(&header);
    return err;
}

int cove_kin_open(struct cove_catalog *catalog, struct cove_store_txn *txn,
                  struct cove_loaded *loaded, struct cove_diag *diag)
{
    struct kin k = kin_of(catalog, txn, loaded, diag);
    struct cove_doc *parent = NULL;
    struct cove_child_name name;
    struct cove_kin *kin;
    struct cove_bytes key;
    struct cove_id id;
    int err;

    if (!kin_is_child(loaded->doc.header.type) ||
        !cove_child_parent(&loaded->doc.header, &id, &key)) {
        return 0;
    }
    err = kin_load(&k, &id, &parent);
    if (err != 0 || parent == NULL || parent->schema_num == 0 ||
        parent->header.type != COVE_DOC_COMAP) {
        return err;
    }
    kin = cove_arena_new(k.arena, sizeof(*kin));
    if (kin == NULL) {
        return COVE_ENOMEM;
    }
    kin->parent = parent;
    kin->key = key;
    loaded->kin = kin;
    kin_name(loaded, key, kin_own_kind(loaded), &name);
    err = kin_id(&k, &name, &id);
    if (err != 0 || memcmp(id.b, loaded->doc.id.b, sizeof(id.b)) != 0) {
        loaded->kin = NULL; /* it says so, and has another owner */
        return err;
    }
    loaded->doc.schema_num = parent->schema_num;
    return 0;
}

/* --- the children of the parent */

/* A child by its field, looked for once. */
static int kin_child(struct kin *k, struct cove_bytes key,
                     enum cove_child_kind kind, struct cove_doc **out)
{
    struct cove_kin *kin = k->loaded->kin;
    void *docs = kin->docs;
    struct cove_child_name name;
    struct cove_id id;
    int err;

    if (kin->parent != NULL && kind == kin_own_kind(k->loaded) &&
        cove_bytes_equal(key, kin->key)) {
        *out = &k->loaded->doc;
        return 0;
    }
    for (size_t i = 0; i < kin->count; i++) {
        if (kin->docs[i].kind == kind &&
            cove_bytes_equal(kin->docs[i].key, key)) {
            *out = kin->docs[i].doc;
            return 0;
        }
    }
    err = cove_arena_grow(k->arena, &docs, sizeof(*kin->docs), kin->count,
                          &kin->cap);
    if (err != 0) {
        return err;
    }
    kin->docs = docs;
    kin_name(k->loaded, key, kind, &name);
    err = kin_id(k, &name, &id);
    err = err != 0 ? err : kin_load(k, &id, out);
    if (err == 0) {
        kin->docs[kin->count++] = (struct kin_doc){key, kind, *out};
    }
    return err;
}

struct kin_docs {
    struct cove_child_doc *items;
    size_t count;
};

static int docs_take(struct kin *k, const struct cove_plan *plan, uint32_t reg,
                     enum cove_child_kind kind, struct kin_docs *docs)
{
    struct cove_doc *doc = NULL;
    int err = kin_child(k, plan->registers[reg].id, kind, &doc);

    if (err == 0 && doc != NULL) {
        docs->items[docs->count++] = (struct cove_child_doc){reg, &doc->state};
    }
    return err;
}

/* Does the view read anything of what the seed comes from? Calculations are
 * not looked into. */
static bool seed_matters(const struct kin *k, const struct cove_plan *plan,
                         const struct cove_plan_seed *seed)
{
    uint32_t own = plan->registers[seed->from].cell;
    const struct cove_plan_cell *cell = &plan->cells[own];
    size_t count = cell->divided ? cell->atom_count : 1;

    if (k->loaded->kin->parent != NULL) { /* elements read no registers */
        return k->loaded->doc.header.type == COVE_DOC_COMAP;
    }
    for (size_t v = 0; v < plan->field_count; v++) {
        if (plan->registers[plan->visible[v]].calc != COVE_PLAN_NONE) {
            return true;
        }
        for (size_t i = 0; i < count; i++) {
            if (cove_plan_reaches(plan, plan->visible[v],
                                  cell->divided ? cell->atoms[i].cell : own)) {
                return true;
            }
        }
    }
    return false;
}

/* The children that a view needs: what is seeded, all maps, and the loaded one
 * itself. */
static int docs_find(struct kin *k, const struct cove_plan *plan,
                     struct kin_docs *docs)
{
    const struct cove_loaded *loaded = k->loaded;
    uint32_t reg;
    int err = 0;

    docs->items = cove_arena_array(
        k->arena, plan->seed_count + plan->map_count + 2, sizeof(*docs->items));
    if (docs->items == NULL) {
        return COVE_ENOMEM;
    }
    for (size_t i = 0; i < plan->seed_count && err == 0; i++) {
        const struct cove_plan_seed *seed = &plan->seeds[i];

        if (seed_matters(k, plan, seed)) {
            err =
                docs_take(k, plan, seed->to,
                          seed->list ? COVE_CHILD_LIST : COVE_CHILD_TEXT, docs);
        }
    }
    for (size_t i = 0; i < plan->map_count && err == 0; i++) {
        err = docs_take(k, plan, plan->maps[i], COVE_CHILD_MAP, docs);
    }
    if (err == 0 && loaded->kin->parent != NULL &&
        loaded->doc.header.type != COVE_DOC_COMAP &&
        cove_plan_find(plan, loaded->kin->key, &reg)) {
        err = docs_take(k, plan, reg, kin_own_kind(loaded), docs);
    }
    return err;
}

/* --- a map as a document with a version of its own */

static int field_order(const void *left, const void *right)
{
    const uint32_t *a = left;
    const uint32_t *b = right;

    return (*a > *b) - (*a < *b);
}

/* The plan with nothing visible but the fields of the map. */
static int kin_inside(struct cove_arena *arena, const struct cove_plan *plan,
                      uint32_t field, struct cove_plan **out)
{
    uint32_t child = plan->registers[field].child;
    const struct cove_plan_child *map =
        child != COVE_PLAN_NONE && plan->children[child].kind == COVE_CHILD_MAP
            ? &plan->children[child]
            : NULL;
    size_t count = map != NULL ? map->field_count : 0;
    struct cove_plan *made = cove_arena_new(arena, sizeof(*made));
    struct cove_plan_register *registers =
        cove_arena_array(arena, plan->register_count + 1, sizeof(*registers));
    struct cove_plan_field *fields =
        cove_arena_array(arena, count + 1, sizeof(*fields));
    uint32_t *visible = cove_arena_array(arena, count + 1, sizeof(*visible));

    if (made == NULL || registers == NULL || fields == NULL ||
        visible == NULL) {
        return COVE_ENOMEM;
    }
    *made = *plan;
    memcpy(registers, plan->registers,
           plan->register_count * sizeof(*registers));
    for (size_t i = 0; i < plan->register_count; i++) {
        registers[i].visible = false;
        registers[i].child = COVE_PLAN_NONE;
    }
    for (size_t i = 0; i < count; i++) {
        fields[i] = map->fields[i];
        visible[i] = fields[i].reg;
        registers[visible[i]].visible = true;
        registers[visible[i]].name = fields[i].name;
    }
    qsort(visible, count, sizeof(*visible), field_order);
    made->registers = registers;
    made->fields = fields;
    made->field_count = count;
    made->visible = visible;
    made->child_count = 0;
    *out = made;
    return 0;
}

/* --- views */

/* What the fields that are documents read as: references, which nobody
 * wrote. */
static int kin_references(struct kin *k, const struct cove_plan *plan,
                          struct cove_view *view)
{
    struct cove_bytes *references =
        cove_arena_array(k->arena, plan->child_count + 1, sizeof(*references));
    int err = references == NULL ? COVE_ENOMEM : 0;

    for (size_t i = 0; i < plan->child_count && err == 0; i++) {
        const struct cove_plan_child *child = &plan->children[i];
        struct cove_child_name name;
        struct cove_id id;

        kin_name(k->loaded, plan->registers[child->reg].id, child->kind, &name);
        err = kin_id(k, &name, &id);
        err = err != 0 ? err : cove_value_of_ref(k->arena, &id, &references[i]);
    }
    view->references = references;
    return err;
}

/* A child, as its parent's version has it. */
static int kin_child_view(struct kin *k, const struct cove_plan *plan)
{
    struct cove_loaded *loaded = k->loaded;
    struct cove_plan *inside;
    uint32_t field;
    int err;

    loaded->field = COVE_PLAN_NONE;
    loaded->elements = NULL;
    if (!cove_plan_find(plan, loaded->kin->key, &field)) {
        loaded->raw = true; /* its step is not here yet */
        return 0;
    }
    loaded->field = field;
    loaded->inside = plan->registers[field].name;
    if (loaded->doc.header.type != COVE_DOC_COMAP) {
        struct cove_seq *seq = NULL;
        bool copied = false;

        loaded->raw = true; /* it has elements, and no fields */
        err = cove_family_elements(loaded->family, field,
                                   loaded->doc.header.type == COVE_DOC_COLIST,
                                   &seq, &copied);
        loaded->elements = copied ? seq : NULL;
        return err;
    }
    err = cove_family_view(loaded->family, &loaded->doc.state, &loaded->view);
    err = err != 0 ? err : kin_inside(k->arena, plan, field, &inside);
    if (err == 0) {
        loaded->plan = loaded->view.plan = inside;
    }
    return err;
}

int cove_kin_view(struct cove_catalog *catalog, struct cove_store_txn *txn,
                  struct cove_loaded *loaded, const struct cove_plan *plan,
                  struct cove_diag *diag)
{
    struct kin k = kin_of(catalog, txn, loaded, diag);
    bool child = loaded->kin != NULL && loaded->kin->parent != NULL;
    struct kin_docs docs = {NULL, 0};
    int err = 0;

    loaded->plan = plan;
    loaded->family = NULL;
    if (!child && plan->child_count + plan->seed_count + plan->map_count == 0) {
        return cove_view_init(&loaded->view, k.arena, plan, &loaded->doc.state);
    }
    if (loaded->kin == NULL) {
        loaded->kin = cove_arena_new(k.arena, sizeof(*loaded->kin));
        err = loaded->kin == NULL ? COVE_ENOMEM : 0;
    }
    loaded->family = cove_arena_new(k.arena, sizeof(*loaded->family));
    err = err != 0 || loaded->family != NULL ? err : COVE_ENOMEM;
    err = err != 0 ? err : docs_find(&k, plan, &docs);
    if (err == 0) {
        err = cove_family_init(loaded->family, k.arena, plan,
                               child ? &loaded->kin->parent->state
                                     : &loaded->doc.state,
                               docs.items, docs.count);
    }
    if (err != 0) {
        return err;
    }
    if (child) {
        return kin_child_view(&k, plan);
    }
    err = cove_family_view(loaded->family, &loaded->doc.state, &loaded->view);
    return err != 0 ? err : kin_references(&k, plan, &loaded->view);
}

/* --- a child that is not there */

int cove_load_absent(struct cove_catalog *catalog, struct cove_store_txn *txn,
                     struct cove_loaded *parent, struct cove_bytes reg,
                     const struct cove_id *id, struct cove_arena *arena,
                     struct cove_loaded *out)
{
    const struct cove_plan *plan = parent->raw ? NULL : parent->plan;
    struct cove_kin *kin;
    uint32_t field;

    if (plan == NULL || !cove_plan_find(plan, reg, &field) ||
        plan->registers[field].child == COVE_PLAN_NONE) {
        return COVE_ENOTFOUND;
    }
    memset(out, 0, sizeof(*out));
    out->doc.header.type =
        cove_child_type(plan->children[plan->registers[field].child].kind);
    if (!kin_is_child(out->doc.header.type)) {
        return COVE_ENOTFOUND;
    }
    kin = cove_arena_new(arena, sizeof(*kin));
    if (kin == NULL) {
        return COVE_ENOMEM;
    }
    kin->parent = &parent->doc;
    kin->key = reg;
    out->doc.id = *id;
    out->doc.header.type_name =
        cove_bytes_text(cove_doc_type_name(out->doc.header.type));
    out->doc.header.has_owner = true;
    out->doc.header.owner = parent->doc.header.has_owner
                                ? parent->doc.header.owner
                                : parent->doc.id;
    out->doc.arena = arena;
    out->doc.my_role = parent->doc.my_role;
    out->doc.schema_num = parent->doc.schema_num;
    out->head = parent->head;
    out->kin = kin;
    cove_state_init(&out->doc.state, arena, NULL);
    return cove_kin_view(catalog, txn, out, plan, NULL);
}

/* --- items */

int cove_loaded_item(struct cove_loaded *loaded,
                     const struct cove_seq_piece *piece, struct cove_cell *out)
{
    return cove_family_item(loaded->family, loaded->field, piece, out);
}

int cove_loaded_elements(const struct cove_loaded *loaded,
                         const struct cove_state *state,
                         struct cove_arena *arena, struct cove_seq **out)
{
    const struct cove_family *now = loaded->family;
    struct cove_child_doc *docs;
    struct cove_family *family;
    size_t count = 0;
    bool copied;
    int err;

    if (!cove_loaded_is_child(loaded) || state->seq == NULL) {
        *out = state->seq;
        return 0;
    }
    docs = cove_arena_array(arena, now->doc_count + 1, sizeof(*docs));
    family = cove_arena_new(arena, sizeof(*family));
    if (docs == NULL || family == NULL) {
        return COVE_ENOMEM;
    }
    docs[count++] = (struct cove_child_doc){loaded->field, state};
    for (size_t i = 0; i < now->doc_count; i++) {
        if (now->docs[i].reg != loaded->field) {
            docs[count++] = now->docs[i];
        }
    }
    err = cove_family_init(family, arena, now->plan, now->own, docs, count);
    return err != 0
               ? err
               : cove_family_elements(
                     family, loaded->field,
                     cove_seq_kind(state->seq) == COVE_SEQ_LIST, out, &copied);
}

uint32_t cove_loaded_known(const struct cove_loaded *loaded, uint32_t author)
{
    const struct cove_seq_author *who =
        cove_seq_author_of(cove_loaded_seq(loaded), author);

    return who == NULL || who->hlc == 0 ? UINT32_MAX
           : loaded->elements == NULL
               ? 0
               : cove_family_seeds(loaded->family, loaded->elements, author);
}

struct cove_bytes cove_loaded_item_type(const struct cove_loaded *loaded)
{
    const struct cove_plan *plan =
        loaded->family != NULL ? loaded->family->plan : NULL;
    uint32_t child = plan != NULL && loaded->field != COVE_PLAN_NONE
                         ? plan->registers[loaded->field].child
                         : COVE_PLAN_NONE;

    return child != COVE_PLAN_NONE &&
                   plan->children[child].item != COVE_PLAN_NONE
               ? plan->registers[plan->children[child].item].id
               : cove_bytes(NULL, 0);
}

bool cove_loaded_is_child(const struct cove_loaded *loaded)
{
    return loaded->kin != NULL && loaded->kin->parent != NULL &&
           loaded->family != NULL && loaded->field != COVE_PLAN_NONE;
}

int cove_parent_of(struct cove_catalog *catalog, struct cove_store_txn *txn,
                   cove_num num, cove_num *out)
{
    struct cove_repo *repo = cove_catalog_repo(catalog);
    struct cove_doc_brief brief;
    struct cove_header header;
    struct cove_bytes key;
    struct cove_id parent;
    int err = cove_repo_brief(repo, txn, num, &brief);

    *out = 0;
    if (err == 0) {
        err = cove_header_decode(brief.header_bytes, &header, NULL);
    }
    if (err != 0 || !kin_is_child(header.type) ||
        !cove_child_parent(&header, &parent, &key)) {
        return err;
    }
    err = cove_repo_find(repo, txn, &parent, out);
    return err == COVE_ENOTFOUND ? 0 : err;
}

/* --- what is not final */

static bool doc_is_loose(const struct cove_doc *doc)
{
    const unsigned flags = COVE_DOC_OWNER_MISSING | COVE_DOC_HAS_AHEAD |
                           COVE_DOC_HAS_PRIVATE | COVE_DOC_HAS_HELD;

    return (doc->flags & flags) != 0;
}

bool cove_loaded_is_loose(const struct cove_loaded *loaded)
{
    const struct cove_kin *kin = loaded->kin;
    bool loose =
        doc_is_loose(&loaded->doc) ||
        (kin != NULL && kin->parent != NULL && doc_is_loose(kin->parent));

    for (size_t i = 0; kin != NULL && i < kin->count && !loose; i++) {
        loose = kin->docs[i].doc != NULL && doc_is_loose(kin->docs[i].doc);
    }
    return loose;
}
