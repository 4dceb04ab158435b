#include "core/store_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core/store_pages.h"
#include "core/store_table.h"

#define DATA_FILE    "data.mdb"
#define READERS_FILE "lock.mdb"
#define LOCK_FILE    "open.lock"

/* LMDB's table of its default of 126 readers. */
#define READERS_BYTES 8192

/* Where LMDB's first page says what it is, in the byte order of the machine. */
#define LMDB_MAGIC        0xBEEFC0DEu
#define LMDB_MAGIC_OFFSET 16

/* What a disk writes whole or not at all, at the least. */
#define SECTOR 512

/* The byte of open.lock that who makes a store locks; no process has it as
 * its id. */
#define FRESH_BYTE 0

enum dir_file {
    FILE_ABSENT,
    FILE_BEGUN, /* less is in it than LMDB writes at first */
    FILE_LMDB,
    FILE_OTHER
};

/* A write of this size must fit for the disk not to count as full. */
#define DISK_PROBE ((off_t)65536)

int cove_store_errno(int number)
{
    switch (number) {
    case 0:
        return 0;
    case ENOMEM:
        return COVE_ENOMEM;
    case ENOSPC:
    case EDQUOT:
    case EFBIG: /* the process's own limit of file sizes */
        return COVE_ENOSPC;
    case EACCES:
    case EPERM:
    case EROFS:
        return COVE_EACCES;
    case ENOENT:
        return COVE_ENOTFOUND;
    case ENOTDIR:
    case EISDIR:
        return COVE_ENOTSTORE;
    case EAGAIN:
    case EBUSY:
        return COVE_EBUSY;
    case ENAMETOOLONG:
        return COVE_ELIMIT;
    default:
        return COVE_EIO;
    }
}

/* Linux's magic numbers of the file systems whose files another machine may
 * change: mapped pages and locks do not hold there. FUSE may be local or
 * not, which its number does not tell. */
bool cove_store_is_network(uint64_t type)
{
    static const uint32_t network[] = {
        0x6969,     /* NFS */
        0x517b,     /* SMB */
        0xff534d42, /* CIFS */
        0xfe534d42, /* SMB2 */
        0x65735546, /* FUSE: sshfs and the like */
        0x01021997, /* 9P */
        0x5346414f, /* AFS */
        0x6b414653, /* kAFS */
        0x73757245, /* Coda */
        0x564c,     /* NCP */
        0x00c36400, /* Ceph */
        0x01161970, /* GFS2 */
        0x7461636f, /* OCFS2 */
        0x0bd00bd0, /* Lustre */
        0x19830326, /* BeeGFS */
        0x47504653, /* GPFS */
        0xaad7aaea, /* PanFS */
        0x786f4256, /* VirtualBox shared folders */
    };

    /* f_type is signed on some machines: the low 32 bits count. */
    for (size_t i = 0; i < COVE_ARRAY_LEN(network); i++) {
        if ((uint32_t)type == network[i]) {
            return true;
        }
    }
    return false;
}

bool cove_store_disk_full(int fd)
{
    struct stat st;
    struct rlimit limit;
    struct statvfs vfs;

    if (fstat(fd, &st) != 0) {
        return false;
    }
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
        limit.rlim_cur != RLIM_INFINITY &&
        (uint64_t)(st.st_size + DISK_PROBE) > limit.rlim_cur) {
        return true;
    }
    /* Reserving space behind the end changes neither bytes nor size. */
    if (fallocate(fd, FALLOC_FL_KEEP_SIZE, st.st_size, DISK_PROBE) == 0) {
        return false;
    }
    if (errno != EOPNOTSUPP) {
        return cove_store_errno(errno) == COVE_ENOSPC;
    }
    return fstatvfs(fd, &vfs) == 0 &&
           (uint64_t)vfs.f_bavail * vfs.f_frsize < (uint64_t)DISK_PROBE;
}

/* The sentence for an errno that stopped us at `what`. */
static int dir_fail(const struct cove_store_dir *dir, const char *what,
                    struct cove_diag *diag)
{
    int number = errno;
    int code = cove_store_errno(number);

    switch (code) {
    case COVE_EACCES:
        return cove_fail(diag, code,
                         "%s: %s: %s; run as the user that owns the store, or "
                         "let this user read and write there",
                         dir->path, what, strerror(number));
    case COVE_ENOSPC:
        return cove_fail(diag, code,
                         "%s: %s: %s; make room on the disk and try again",
                         dir->path, what, strerror(number));
    case COVE_ENOTSTORE:
        return cove_fail(diag, code,
                         "%s: %s: %s; name the directory of a Cove store",
                         dir->path, what, strerror(number));
    case COVE_ENOTFOUND:
        return cove_fail(diag, code,
                         "%s: %s: %s; check the path, or create a store there",
                         dir->path, what, strerror(number));
    default:
        return cove_fail(diag, code, "%s: %s: %s; check the path and the disk",
                         dir->path, what, strerror(number));
    }
}

static int dir_enter(struct cove_store_dir *dir, bool create,
                     struct cove_diag *diag)
{
    if (create && mkdir(dir->path, 0700) != 0 && errno != EEXIST) {
        return dir_fail(dir, "cannot make the directory", diag);
    }
    dir->fd = open(dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir->fd >= 0 ? 0 : dir_fail(dir, "cannot open the directory", diag);
}

static int dir_check_network(const struct cove_store_dir *dir,
                             const struct cove_store_options *opt,
                             struct cove_diag *diag)
{
    struct statfs fs;
    int err = opt->fault == NULL ? 0 : opt->fault(opt->fault_ctx, "statfs");

    if (err == 0 && fstatfs(dir->fd, &fs) != 0) {
        return dir_fail(dir, "cannot tell the file system", diag);
    }
    if (err == 0 && !cove_store_is_network((uint64_t)fs.f_type)) {
        return 0;
    }
    return cove_fail(diag, err != 0 ? err : COVE_EUNSUPPORTED,
                     "%s: is on a network file system, where two machines "
                     "would damage each other's store; move it to a local "
                     "disk, or force it if one machine alone opens it",
                     dir->path);
}

enum dir_page { PAGE_ZEROS, PAGE_LMDB, PAGE_OTHER };

/* What begins one of the two first pages; what is behind the end is zeros. */
static enum dir_page dir_page(int fd, off_t at)
{
    static const uint8_t zeros[SECTOR];
    uint8_t sector[SECTOR] = {0};
    uint32_t magic;

    if (pread(fd, sector, sizeof(sector), at) < 0) {
        return PAGE_OTHER;
    }
    if (memcmp(sector, zeros, sizeof(sector)) == 0) {
        return PAGE_ZEROS;
    }
    memcpy(&magic, sector + LMDB_MAGIC_OFFSET, sizeof(magic));
    return magic == LMDB_MAGIC ? PAGE_LMDB : PAGE_OTHER;
}

/* LMDB begins each of its two first pages with what it is, and both are on the
 * disk before the first commit is. Where one of them is not, the power failed
 * while the file was made, and nothing was committed; in a file longer than
 * what the making of it writes, that is damage. */
static enum dir_file dir_judge(int fd, off_t size)
{
    off_t page = (off_t)sysconf(_SC_PAGESIZE);
    enum dir_page first = dir_page(fd, 0);
    enum dir_page second = dir_page(fd, page);

    if (first == PAGE_OTHER) {
        return FILE_OTHER;
    }
    if (size <= 3 * page && second != PAGE_OTHER &&
        (first == PAGE_ZEROS || second == PAGE_ZEROS)) {
        return FILE_BEGUN;
    }
    return first == PAGE_LMDB ? FILE_LMDB : FILE_OTHER;
}

/* What data.mdb is; errno where it cannot be told. Looked at before LMDB opens
 * it, which would leave a lock file beside a file that is not its own. */
static int dir_look(const struct cove_store_dir *dir, enum dir_file *out)
{
    struct stat st;
    int failed;
    int fd = openat(dir->fd, DATA_FILE, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0) {
        *out = FILE_ABSENT;
        return errno == ENOENT ? 0 : errno;
    }
    failed = fstat(fd, &st) == 0 ? 0 : errno;
    if (failed == 0) {
        *out = S_ISREG(st.st_mode) ? dir_judge(fd, st.st_size) : FILE_OTHER;
    }
    close(fd);
    return failed;
}

static int dir_check_file(struct cove_store_dir *dir, bool create,
                          struct cove_diag *diag)
{
    enum dir_file file = FILE_ABSENT;

    errno = dir_look(dir, &file);
    if (errno != 0) {
        return dir_fail(dir, "cannot read " DATA_FILE, diag);
    }
    if (file == FILE_OTHER && faccessat(dir->fd, LOCK_FILE, F_OK, 0) == 0) {
        return cove_fail(diag, COVE_ECORRUPT,
                         "%s: the first page of " DATA_FILE " is damaged; "
                         "`cove recover` saves what is whole into a new store",
                         dir->path);
    }
    if (file == FILE_OTHER) {
        return cove_fail(diag, COVE_ENOTSTORE,
                         "%s: " DATA_FILE " in it is no Cove store; choose "
                         "another directory or move that file away",
                         dir->path);
    }
    dir->fresh = file != FILE_LMDB;
    if (dir->fresh && !create) {
        return cove_fail(diag, COVE_ENOTFOUND,
                         "%s: holds no store; check the path, or create a "
                         "store there",
                         dir->path);
    }
    return 0;
}

/* Lock or unlock a byte of open.lock; an errno. A lock of the open file
 * description, unlike one of the process, conflicts with others of the same
 * process and does not go when another description is closed. */
static int lock_byte(const struct cove_store_dir *dir, off_t byte, short type,
                     bool wait)
{
    struct flock lock = {
        .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    int failed;

    do {
        failed = fcntl(dir->lock_fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &lock);
    } while (failed != 0 && errno == EINTR);
    return failed != 0 ? errno : 0;
}

/* Does who makes the file anew (store_shrink.c) hold our byte? It has locked
 * those of all processes; who holds the store closed has the first one, too. */
static bool dir_is_shrinking(const struct cove_store_dir *dir)
{
    struct flock lock = {.l_type = F_WRLCK,
                         .l_whence = SEEK_SET,
                         .l_start = dir->fork.pid,
                         .l_len = 1};

    return fcntl(dir->lock_fd, F_OFD_GETLK, &lock) == 0 &&
           lock.l_type != F_UNLCK && lock.l_start != FRESH_BYTE &&
           lock.l_len != 1;
}

/* Two openings in one process would take each other's locks away (POSIX locks
 * belong to the process and go with the first file closed). Each process
 * locks a byte of its own, so that only a second opening in it conflicts. */
static int dir_lock(struct cove_store_dir *dir, struct cove_diag *diag)
{
    dir->lock_fd = openat(dir->fd, LOCK_FILE,
                          O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (dir->lock_fd < 0) {
        return dir_fail(dir, "cannot open " LOCK_FILE, diag);
    }
    errno = lock_byte(dir, dir->fork.pid, F_WRLCK, false);
    if (errno != 0 && dir_is_shrinking(dir)) {
        errno = lock_byte(dir, dir->fork.pid, F_WRLCK, true);
    }
    if (errno == 0) {
        return 0;
    }
    if (errno != EAGAIN && errno != EACCES) {
        return dir_fail(dir, "cannot lock " LOCK_FILE, diag);
    }
    return cove_fail(diag, COVE_EBUSY,
                     "%s: is open in this process already; use that one, or "
                     "close it first",
                     dir->path);
}

int cove_store_dir_above(int fd)
{
    int above = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed;

    if (above < 0) { /* one may make a directory where one cannot list */
        return 0;
    }
    failed = fsync(above) == 0 ? 0 : errno;
    close(above);
    return failed;
}

/* Make the file, empty. It has its name for good before LMDB writes to it: so
 * whoever finds that it did need not ask whether it kept the name. */
static int dir_make_file(const struct cove_store_dir *dir)
{
    int fd = openat(dir->fd, DATA_FILE,
                    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0) {
        return errno;
    }
    close(fd);
    return fsync(dir->fd) == 0 ? cove_store_dir_above(dir->fd) : errno;
}

/* A new store is made by one process at a time, so that what another has left
 * unfinished (it died, or the disk was full) can be told from what another is
 * about to finish; the former is begun anew. */
static int dir_begin_fresh(struct cove_store_dir *dir, struct cove_diag *diag)
{
    enum dir_file file = FILE_ABSENT;

    errno = lock_byte(dir, FRESH_BYTE, F_WRLCK, true);
    if (errno == 0) {
        errno = dir_look(dir, &file);
    }
    /* Another may have made it meanwhile. */
    dir->fresh = file == FILE_ABSENT || file == FILE_BEGUN;
    if (errno == 0 && dir->fresh) {
        errno = dir_make_file(dir);
    }
    return errno != 0 ? dir_fail(dir, "cannot make " DATA_FILE, diag) : 0;
}

/* LMDB maps its table of readers from a file with holes in it. A reader that
 * comes to a hole while the disk is full would be killed: fill them before.
 * (To close the file takes this process's locks of it away, but there are
 * none: nobody here has the store open.) */
static int dir_reserve(const struct cove_store_dir *dir, struct cove_diag *diag)
{
    int err = 0;
    int fd = openat(dir->fd, READERS_FILE,
                    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0) {
        return dir_fail(dir, "cannot open " READERS_FILE, diag);
    }
    if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, READERS_BYTES) != 0 &&
        errno != EOPNOTSUPP) {
        err = dir_fail(dir, "cannot make room for " READERS_FILE, diag);
    }
    close(fd);
    return err;
}

bool cove_store_dir_ours(const struct cove_store_dir *dir)
{
    return cove_fork_ours(&dir->fork);
}

int cove_store_dir_open(struct cove_store_dir *dir, const char *path,
                        const struct cove_store_options *opt,
                        struct cove_diag *diag)
{
    int err;

    *dir = (struct cove_store_dir){.path = path, .fd = -1, .lock_fd = -1};
    err = dir_enter(dir, opt->create, diag);
    if (err == 0 && !opt->force_network) {
        err = dir_check_network(dir, opt, diag);
    }
    if (err == 0) {
        err = dir_check_file(dir, opt->create, diag);
    }
    cove_fork_note(&dir->fork);
    if (err == 0 && !opt->read_only) {
        err = dir_lock(dir, diag);
    }
    if (err == 0 && dir->fresh) {
        err = dir_begin_fresh(dir, diag);
    }
    if (err == 0 && !dir->fresh) {
        err = cove_pages_probe(dir->fd, path, diag);
    }
    if (err == 0 && !opt->read_only) {
        err = dir_reserve(dir, diag);
    }
    if (err == 0 && opt->level == COVE_LEVEL_GROUP) {
        dir->group = true;
        errno = lock_byte(dir, COVE_STORE_GROUP_BYTE, F_RDLCK, true);
        err = errno == 0 ? 0 : dir_fail(dir, "cannot lock " LOCK_FILE, diag);
    }
    if (err != 0) {
        cove_store_dir_close(dir);
        return err;
    }
    return 0;
}

void cove_store_dir_close(struct cove_store_dir *dir)
{
    if (dir->lock_fd >= 0) {
        /* A forked child shares the locks and would keep them past our close:
         * let go by name, and only the process that took them does. */
        if (cove_store_dir_ours(dir)) {
            (void)lock_byte(dir, dir->fork.pid, F_UNLCK, false);
            (void)lock_byte(dir, FRESH_BYTE, F_UNLCK, false);
            (void)lock_byte(dir, COVE_STORE_GROUP_BYTE, F_UNLCK, false);
            (void)lock_byte(dir, COVE_STORE_OPEN_BYTE, F_UNLCK, false);
        }
        close(dir->lock_fd);
    }
    if (dir->fd >= 0) {
        close(dir->fd);
    }
    cove_fork_forget(&dir->fork);
    dir->lock_fd = -1;
    dir->fd = -1;
}

bool cove_store_dir_alone(const struct cove_store_dir *dir, bool alone)
{
    short type = F_UNLCK;

    if (alone) {
        type = F_WRLCK;
    } else if (dir->group) {
        type = F_RDLCK;
    }
    return lock_byte(dir, COVE_STORE_GROUP_BYTE, type, false) == 0;
}

int cove_store_dir_opening(const struct cove_store_dir *dir, bool opening)
{
    return lock_byte(dir, COVE_STORE_OPEN_BYTE, opening ? F_WRLCK : F_UNLCK,
                     opening);
}

void cove_store_dir_finish(const struct cove_store_dir *dir)
{
    (void)lock_byte(dir, FRESH_BYTE, F_UNLCK, false);
}
