/* two_versions.c: one document, two versions of an app, side by side.
 *
 * Version 1 keeps a size as text, version 2 as an integer. The migration says
 * how one becomes the other, both ways; nobody stops the world. Each app reads
 * and writes at its own version, and both see the newest write.
 *
 *   cc two_versions.c $(pkg-config --cflags --libs cove) -o two && ./two DIR
 */
#include <cove/cove.h>
#include <stdio.h>

static const char v1[] = "{\"title\":\"Part\",\"version\":1,\"properties\":"
                         "{\"size\":{\"type\":\"string\"}}}";
static const char v2[] = "{\"title\":\"Part\",\"version\":2,\"properties\":"
                         "{\"size\":{\"type\":\"integer\"}}}";
static const char step[] =
    "{\"schema\":\"Part\",\"from\":1,\"to\":2,\"steps\":[{\"convert\":"
    "{\"field\":\"size\",\"to\":{\"name\":\"size\",\"type\":\"integer\"},"
    "\"forward\":[\"int_of_text\"],\"back\":[\"text_of_int\"]}}]}";

/* What an app of this version sees of the size. */
static int show(struct cove *store, int version, const struct cove_id *id)
{
    struct cove_txn *txn;
    struct cove_value size;
    int err = cove_use(store, "Part", version);

    err = err ? err : cove_begin(store, COVE_READ, &txn);
    if (err != 0) {
        return err;
    }
    err = cove_get(txn, id, "size", &size);
    if (err == COVE_EINVALID) {
        printf("  version %d reads: invalid, raw \"%s\"\n", version,
               size.u.text);
        err = 0;
    } else if (err == 0 && size.kind == COVE_KIND_INT) {
        printf("  version %d reads: %lld\n", version,
               (long long)size.u.integer);
    } else if (err == 0) {
        printf("  version %d reads: \"%s\"\n", version, size.u.text);
    }
    cove_abort(txn);
    return err;
}

/* A user of an app of this version writes the size. */
static int write_size(struct cove *store, int version, const struct cove_id *id,
                      struct cove_value size)
{
    struct cove_txn *txn;
    int err = cove_use(store, "Part", version);

    err = err ? err : cove_begin(store, COVE_WRITE, &txn);
    if (err != 0) {
        return err;
    }
    err = cove_set(txn, id, "size", size);
    if (err != 0) {
        cove_abort(txn);
        return err;
    }
    err = cove_commit(txn);
    err = err ? err : show(store, 1, id);
    return err ? err : show(store, 2, id);
}

int main(int argc, char **argv)
{
    struct cove *store;
    struct cove_txn *txn;
    struct cove_id id;
    int err = cove_open(argc > 1 ? argv[1] : "two_versions", NULL, &store);

    err = err ? err : cove_schema_add(store, v1, NULL);
    err = err ? err : cove_migration_add(store, step, v2);
    err = err ? err : cove_use(store, "Part", 1);
    err = err ? err : cove_begin(store, COVE_WRITE, &txn);
    if (err == 0) {
        err = cove_new(txn, "Part", NULL, NULL, &id);
        if (err == 0) {
            err = cove_commit(txn);
        } else {
            cove_abort(txn);
        }
    }
    if (err == 0) {
        puts("version 1 writes \"120\"");
        err = write_size(store, 1, &id, cove_text("120"));
    }
    if (err == 0) {
        puts("version 2 writes 130");
        err = write_size(store, 2, &id, cove_int(130));
    }
    if (err == 0) {
        puts("version 1 writes \"about 150\"");
        err = write_size(store, 1, &id, cove_text("about 150"));
    }
    if (err != 0) {
        fprintf(stderr, "%s\n", cove_errmsg(store));
    }
    cove_close(store);
    return err != 0;
}
