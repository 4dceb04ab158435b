/* two_versions.c: one document, three devices, three versions of an app.
 *
 * Version 1 keeps a size as text, version 2 as an integer of KiB, version 3 in
 * bytes. The migrations say how one becomes the other, both ways; nobody stops
 * the world. Each app reads and writes at its own version, and all of them see
 * the newest write, whoever was offline when it was made.
 *
 *   cc two_versions.c $(pkg-config --cflags --libs cove) -o two && ./two
 */
#include <cove/cove.h>
#include <stdio.h>

#define PART "{\"title\":\"Part\",\"version\":"
#define STEP "{\"schema\":\"Part\",\"from\":"
#define INTO ",\"steps\":[{\"convert\":{\"field\":\"size\",\"to\":"

static const char v1[] = PART "1,\"properties\":{\"size\":{\"type\":"
                              "\"string\"}}}";
static const char v2[] = PART "2,\"properties\":{\"size\":{\"type\":"
                              "\"integer\"}}}";
static const char v3[] = PART "3,\"properties\":{\"bytes\":{\"type\":"
                              "\"integer\"}}}";
static const char v1_to_v2[] =
    STEP "1,\"to\":2" INTO "{\"type\":\"integer\"},\"forward\":"
         "[\"int_of_text\"],\"back\":[\"text_of_int\"]}}]}";
static const char v2_to_v3[] =
    STEP "2,\"to\":3" INTO "{\"name\":\"bytes\",\"type\":\"integer\"},"
         "\"forward\":[{\"mul\":1024}],\"back\":[{\"div\":1024}]}}]}";

struct peer {
    const char *name;
    int version; /* of the app that runs there */
    const char *field;
    struct cove *store;
    char key[65];
};
static struct peer alice = {.name = "alice", .version = 1, .field = "size"};
static struct peer bob = {.name = "bob", .version = 2, .field = "size"};
static struct peer carol = {.name = "carol", .version = 3, .field = "bytes"};

/* In memory, so that each run begins with nothing; give cove_open a directory
 * in place of NULL, and no flags, and the store stays. */
static int peer_open(struct peer *p)
{
    struct cove_options memory = {.size = sizeof(memory),
                                  .flags = COVE_OPEN_MEMORY};
    int err = cove_open(NULL, &memory, &p->store);

    if (err == 0) {
        struct cove_key device = cove_device(p->store);

        for (size_t i = 0; i < sizeof(device.b); i++) {
            snprintf(p->key + 2 * i, 3, "%02x", (unsigned)device.b[i]);
        }
    }
    return err;
}

static void peer_print(const struct peer *p, const struct cove_value *v)
{
    printf("  %-5s at version %d: %s", p->name, p->version,
           v->invalid ? "invalid, raw " : "");
    if (v->kind == COVE_KIND_TEXT) {
        printf("\"%s\"\n", v->u.text);
    } else {
        printf("%lld\n", (long long)v->u.integer);
    }
}

/* What the app of this device shows. */
static int peer_show(struct peer *p, const struct cove_id *id)
{
    struct cove_txn *txn;
    struct cove_value v;
    int err = cove_use(p->store, "Part", p->version);

    err = err ? err : cove_begin(p->store, COVE_READ, &txn);
    if (err != 0) {
        return err;
    }
    err = cove_get(txn, id, p->field, &v);
    if (err == 0 || err == COVE_EINVALID) {
        peer_print(p, &v);
        err = 0;
    }
    cove_abort(txn);
    return err;
}

/* A user of the app of this device writes. */
static int peer_write(struct peer *p, const struct cove_id *id,
                      struct cove_value value)
{
    struct cove_txn *txn;
    int err = cove_use(p->store, "Part", p->version);

    err = err ? err : cove_begin(p->store, COVE_WRITE, &txn);
    if (err != 0) {
        return err;
    }
    err = cove_set(txn, id, p->field, value);
    if (err != 0) {
        cove_abort(txn);
        return err;
    }
    return cove_commit(txn);
}

/* Until everybody has everything: the others speak to alice, and she to them.
 */
static int all_settle(void)
{
    int err = cove_wait(bob.store, NULL, 30000);

    err = err ? err : cove_wait(carol.store, NULL, 30000);
    return err ? err : cove_wait(alice.store, NULL, 30000);
}

static int all_show(const struct cove_id *id)
{
    int err = all_settle();

    err = err ? err : peer_show(&alice, id);
    err = err ? err : peer_show(&bob, id);
    return err ? err : peer_show(&carol, id);
}

/* Alice's group with the other two, and the three versions in it. */
static int share(struct cove_id *group)
{
    char request[300], text[53] = "", *reply = NULL;

    snprintf(request, sizeof(request),
             "{\"do\":\"new-group\",\"members\":{\"%s\":\"writer\","
             "\"%s\":\"writer\"}}",
             bob.key, carol.key);
    int err = cove_admin(alice.store, request, &reply);

    if (err == 0 && sscanf(reply, "{\"id\":\"%52[^\"]", text) == 1) {
        err = cove_id_lookup(alice.store, text, group);
    }
    cove_free(reply);
    err = err ? err : cove_schema_add(alice.store, v1, group);
    err = err ? err : cove_migration_add(alice.store, v1_to_v2, v2);
    return err ? err : cove_migration_add(alice.store, v2_to_v3, v3);
}

/* Alice listens, the others dial. */
static int meet(void)
{
    int err = cove_listen(alice.store, "127.0.0.1:0");
    const char *at = err == 0 ? cove_address(alice.store) : NULL;

    err = err ? err : cove_peer_add(alice.store, bob.key, NULL, bob.name);
    err = err ? err : cove_peer_add(alice.store, carol.key, NULL, carol.name);
    err = err ? err : cove_peer_add(bob.store, alice.key, at, alice.name);
    err = err ? err : cove_peer_add(carol.store, alice.key, at, alice.name);
    err = err ? err : cove_thread_start(alice.store);
    err = err ? err : cove_thread_start(bob.store);
    return err ? err : cove_thread_start(carol.store);
}

/* Alice's document, empty. */
static int make(const struct cove_id *group, struct cove_id *id)
{
    struct cove_txn *txn;
    int err = cove_use(alice.store, "Part", alice.version);

    err = err ? err : cove_begin(alice.store, COVE_WRITE, &txn);
    if (err != 0) {
        return err;
    }
    err = cove_new(txn, "Part", group, NULL, id);
    if (err != 0) {
        cove_abort(txn);
        return err;
    }
    return cove_commit(txn);
}

static int play(const struct cove_id *id)
{
    puts("alice writes \"120\"");
    int err = peer_write(&alice, id, cove_text("120"));

    err = err ? err : all_show(id);
    if (err == 0) {
        puts("carol writes 133120");
        err = peer_write(&carol, id, cove_int(133120));
    }
    err = err ? err : all_show(id);
    if (err == 0) {
        puts("bob, offline, writes 140; then he is back");
        cove_thread_stop(bob.store);
        err = peer_write(&bob, id, cove_int(140));
    }
    err = err ? err : cove_thread_start(bob.store);
    err = err ? err : all_show(id);
    if (err == 0) {
        puts("alice writes \"about 150\"");
        err = peer_write(&alice, id, cove_text("about 150"));
    }
    return err ? err : all_show(id);
}

int main(void)
{
    struct peer *peers[] = {&alice, &bob, &carol};
    struct cove_id group, id;
    int err = peer_open(&alice);

    err = err ? err : peer_open(&bob);
    err = err ? err : peer_open(&carol);
    err = err ? err : share(&group);
    err = err ? err : make(&group, &id);
    err = err ? err : meet();
    err = err ? err : play(&id);
    for (int i = 0; i < 3; i++) {
        if (err != 0 && peers[i]->store != NULL) {
            fprintf(stderr, "%s: %s: %s\n", peers[i]->name, cove_strerror(err),
                    cove_errmsg(peers[i]->store));
        }
        cove_close(peers[i]->store);
    }
    return err != 0;
}
