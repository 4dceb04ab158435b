/* files_check.h: what files.check judges, shared by the two files that do it:
 * admin_files.c reads the request and gives the reply, files_problems.c names
 * what is not as it should be.
 */
#ifndef COVE_NODE_FILES_CHECK_H
#define COVE_NODE_FILES_CHECK_H

#include "node/admin.h"
#include "node/files.h"

struct check_file { /* one file of the request, or one that is gone */
    const char *name;
    struct cove_bytes text;
    bool given;
    bool listed;            /* in the manifest */
    struct cove_bytes hash; /* as the manifest has it, hex */
    struct cove_bytes schema;
    int64_t from, to;
    char now[COVE_HEX_LEN(32)]; /* the hash of its content as it is */
};

struct check {
    struct admin *a;
    struct files files;   /* published, or to be */
    struct files schemas; /* being edited */
    struct files_judge judge;
    struct check_file *list; /* in the manifest's order, then the others */
    size_t count, cap;
    bool has_manifest;
    bool manifest_bad;
    size_t problems;
};

/* The item that a file holds, the first of a bundle; NULL where none. */
const struct file_item *files_check_item(const struct check *c,
                                         const char *name);
/* "problems": [...], of an object that is open. */
int files_problems(struct check *c);

#endif
