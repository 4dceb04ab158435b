/* notepad.c: one text, in as many processes and on as many devices as like.
 *
 * Prints the text whenever it changes, whoever changed it; lines of standard
 * input are edits:
 *
 *   +AT TEXT    insert TEXT at the place AT (in code points, from 0)
 *   -AT COUNT   remove COUNT code points from there on
 *   TEXT        a line at the end
 *
 * One thread: it waits for its input and for Cove at once (cove_fd). Peers and
 * rights are what the store says: README.md "A text in two processes" has the
 * commands that make both.
 *
 *   cc notepad.c $(pkg-config --cflags --libs cove) -o notepad
 *   ./notepad DIR TEXT-ID [LISTEN-HOST:PORT]
 */
#include <cove/cove.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct notepad {
    struct cove *store;
    const char *name; /* of the text: its id */
    struct cove_id id;
    bool here; /* has it arrived? */
    char *shown;
    char line[4096];
    size_t len;
};

/* Apply one line of input. */
static int notepad_edit(struct notepad *n, char *line)
{
    struct cove_txn *txn;
    char *rest = line;
    size_t at = 0, count = 0;
    int err = cove_begin(n->store, COVE_WRITE, &txn);

    if (err != 0) {
        return err;
    }
    if (line[0] == '+' || line[0] == '-') {
        at = strtoul(line + 1, &rest, 10);
        rest += *rest == ' ';
    }
    if (line[0] == '-') {
        count = strtoul(rest, &rest, 10);
        err = cove_text_splice(txn, &n->id, COVE_CODEPOINTS, at, count, "", 0);
    } else if (line[0] != '+') {
        err = cove_text_length(txn, &n->id, COVE_CODEPOINTS, &at);
        rest = line + strlen(line);
        *rest = '\n'; /* which it was before; it is the text's, too */
        err = err ? err
                  : cove_text_splice(txn, &n->id, COVE_CODEPOINTS, at, 0, line,
                                     (size_t)(rest + 1 - line));
    } else {
        err = cove_text_splice(txn, &n->id, COVE_CODEPOINTS, at, 0, rest,
                               strlen(rest));
    }
    if (err != 0) {
        fprintf(stderr, "notepad: %s\n", cove_errmsg(n->store));
        cove_abort(txn);
        return err == COVE_EUSAGE || err == COVE_EFORMAT ? 0 : err;
    }
    return cove_commit(txn);
}

/* Print the text where it is not what was printed last. */
static int notepad_show(struct notepad *n)
{
    struct cove_txn *txn;
    const char *text;
    size_t len;
    int err;

    if (!n->here) {
        err = cove_id_lookup(n->store, n->name, &n->id);
        n->here = err == 0;
        if (err != 0) {
            return err == COVE_ENOTFOUND ? 0 : err;
        }
    }
    err = cove_begin(n->store, COVE_READ, &txn);
    if (err != 0) {
        return err;
    }
    err = cove_text_get(txn, &n->id, &text, &len);
    if (err == 0 && (n->shown == NULL || strcmp(n->shown, text) != 0)) {
        free(n->shown);
        n->shown = strdup(text);
        printf("%s\n----\n", text);
        fflush(stdout);
    }
    cove_abort(txn);
    return err;
}

/* Read what there is, and apply the lines that are whole. *end: no more. */
static int notepad_read(struct notepad *n, bool *end)
{
    ssize_t got =
        read(STDIN_FILENO, n->line + n->len, sizeof(n->line) - 1 - n->len);
    char *stop;
    int err = 0;

    *end = got <= 0;
    n->len += got > 0 ? (size_t)got : 0;
    n->line[n->len] = '\0';
    while (err == 0 && n->here && (stop = strchr(n->line, '\n')) != NULL) {
        *stop = '\0';
        err = notepad_edit(n, n->line);
        n->len -= (size_t)(stop + 1 - n->line);
        memmove(n->line, stop + 1, n->len + 1);
    }
    return err;
}

static int notepad_loop(struct notepad *n)
{
    struct pollfd polled[2] = {{.fd = cove_fd(n->store), .events = POLLIN},
                               {.fd = STDIN_FILENO, .events = POLLIN}};
    bool end = false;
    int err = polled[0].fd < 0 ? polled[0].fd : notepad_show(n);

    while (err == 0 && !end) {
        /* Nobody can edit what is not here: the input waits. */
        poll(polled, n->here ? 2 : 1, cove_timeout(n->store));
        err = cove_dispatch(n->store);
        if (err == 0 && n->here && polled[1].revents != 0) {
            err = notepad_read(n, &end);
        }
        err = err ? err : notepad_show(n);
    }
    return err;
}

int main(int argc, char **argv)
{
    struct notepad n = {.here = false};
    int err;

    if (argc < 3) {
        fprintf(stderr, "usage: notepad DIR TEXT-ID [LISTEN-HOST:PORT]\n");
        return 2;
    }
    n.name = argv[2];
    err = cove_open(argv[1], NULL, &n.store);
    err = err || argc < 4 ? err : cove_listen(n.store, argv[3]);
    err = err ? err : notepad_loop(&n);
    if (err != 0) {
        fprintf(stderr, "notepad: %s\n", cove_errmsg(n.store));
    }
    free(n.shown);
    cove_close(n.store);
    return err != 0;
}
