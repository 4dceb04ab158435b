/* endure.c: does a process that works on and on need more and more?
 *
 *   endure [--turns N]
 *
 * Writes of one field, reads of all, now and then the store closed and opened.
 * At each quarter of the way the process's memory, its open files and the
 * store's file are measured. From the first quarter to the last the memory may
 * grow by a tenth, open files not at all, and the file by 100 bytes a write:
 * history is kept, and nothing else.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/power/work.h"

#define REST     250 /* turns between two openings */
#define PER_TURN 100 /* bytes of the file */

struct measure {
    long kib, files;
    off_t bytes;
};

static long endure_resident(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long pages = 0, resident = 0;

    if (file != NULL) {
        if (fscanf(file, "%ld %ld", &pages, &resident) != 2) {
            resident = 0;
        }
        fclose(file);
    }
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static long endure_files(void)
{
    DIR *dir = opendir("/proc/self/fd");
    long count = 0;

    while (dir != NULL && readdir(dir) != NULL) {
        count++;
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return count;
}

/* With the store closed, so that pages of its map do not count. */
static void endure_measure(struct work *w, struct measure *out)
{
    char path[256];
    struct stat st = {0};

    (void)work_do(w, "close");
    snprintf(path, sizeof(path), "%s/data.mdb", w->dir);
    (void)stat(path, &st);
    out->kib = endure_resident();
    out->files = endure_files();
    out->bytes = st.st_size;
    printf("# turn %d: %ld KiB, %ld files open, %ld KiB on disk\n", w->turn,
           out->kib, out->files, (long)(out->bytes / 1024));
    fflush(stdout);
}

static int endure_turns(struct work *w, long turns)
{
    int err = work_do(w, "open");

    for (long i = 1; err == 0 && i <= turns; i++) {
        err = work_do(w, "set");
        if (err == 0 && i % REST == 0) {
            err = work_do(w, "reopen");
        }
    }
    err = err != 0 ? err : work_do(w, "check");
    if (err != 0) {
        printf("# %d %s\n", err, cove_errmsg(w->store));
    }
    return err;
}

static bool endure_run(struct work *w, long turns)
{
    struct measure first = {0}, last = {0};
    int err = work_do(w, "open");

    err = err != 0 ? err : work_do(w, "schema");
    err = err != 0 ? err : work_do(w, "items");
    (void)work_do(w, "close");
    for (int quarter = 0; err == 0 && quarter < 4; quarter++) {
        err = endure_turns(w, turns / 4);
        endure_measure(w, quarter == 0 ? &first : &last);
    }
    return err == 0 && last.kib <= first.kib + first.kib / 10 + 512 &&
           last.files == first.files &&
           last.bytes - first.bytes <= turns * PER_TURN;
}

int main(int argc, char **argv)
{
    char base[] = "/tmp/cove-endure-XXXXXX", command[64];
    long turns = argc == 3 && strcmp(argv[1], "--turns") == 0
                     ? strtol(argv[2], NULL, 10)
                     : 4000;
    struct work w;
    bool good = mkdtemp(base) != NULL;

    printf("1..1\n");
    work_begin(&w, base, 1);
    good = good && endure_run(&w, turns);
    work_end(&w);
    snprintf(command, sizeof(command), "rm -rf '%s'", base);
    good = system(command) == 0 && good;
    printf("%s 1 - %ld writes need no more than the first of them\n",
           good ? "ok" : "not ok", turns);
    return !good;
}
