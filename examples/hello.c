/* hello.c: a first program: a schema, a document, a write, a read, sync.
 *
 *   cc hello.c $(pkg-config --cflags --libs cove) -o hello && ./hello DIR
 */
#include <cove/cove.h>
#include <stdio.h>

static const char note[] =
    "{\"title\":\"Note\",\"version\":1,\"type\":\"object\",\"required\":"
    "[\"title\"],\"properties\":{\"title\":{\"type\":\"string\"},\"stars\":"
    "{\"type\":\"integer\",\"minimum\":0,\"default\":0}}}";

int main(int argc, char **argv)
{
    struct cove *store;
    struct cove_txn *txn;
    struct cove_id id;
    struct cove_value title;
    int err = cove_open(argc > 1 ? argv[1] : "hello", NULL, &store);

    err = err ? err : cove_schema_add(store, note, NULL);
    err = err ? err : cove_begin(store, COVE_WRITE, &txn);
    if (err == 0) {
        err = cove_new(txn, "Note", NULL, "{\"title\":\"Hello\"}", &id);
        err = err ? err : cove_set(txn, &id, "stars", cove_int(3));
        err = err ? err : cove_get(txn, &id, "title", &title);
        if (err == 0) {
            printf("%s\n", title.u.text);
            err = cove_commit(txn);
        } else {
            cove_abort(txn);
        }
    }
    err = err ? err : cove_thread_start(store); /* syncs until close */
    if (err != 0) {
        fprintf(stderr, "%s\n", cove_errmsg(store));
    }
    cove_close(store);
    return err != 0;
}
