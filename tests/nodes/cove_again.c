/* cove_again.c: the command `cove`, started once and run again and again: each
 * command is a fork of this process, which has done nothing yet but start. In
 * a build with sanitizers a start costs ten times what the command does. Tests
 * alone use it (node_kit.py), and daemons are started as ever.
 *
 * Standard input is a socket of packets. Each brings five descriptors: the
 * words, the command's standard input, output and error, and a pipe that is
 * told the process and then its wait status. The words end with a zero each:
 * the directory, NAME=VALUE as often as wanted, the argument vector.
 */
#include "cli/cli.h"

int cove_main(int argc, char **argv);

#define main cove_main
#include "cli/main.c"
#undef main

#include <sanitizer/lsan_interface.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Nothing that is reached from a global alone is forgiven: there is none of
 * ours, and the sanitizer's own are eight megabytes to search at each end. */
const char *__lsan_default_options(void);

const char *__lsan_default_options(void)
{
    return "use_globals=0";
}

enum { WORDS, INPUT, OUTPUT, FAULTS, ANSWER, FDS };

/* The next command's descriptors; false where no more come. */
static bool next(int fds[FDS])
{
    char byte;
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int) * FDS)];
    } control;
    struct iovec io = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &io,
                             .msg_iovlen = 1,
                             .msg_control = control.room,
                             .msg_controllen = sizeof(control.room)};

    if (recvmsg(STDIN_FILENO, &message, MSG_CMSG_CLOEXEC) != 1) {
        return false;
    }
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);

    if (head == NULL || head->cmsg_len != CMSG_LEN(sizeof(int) * FDS)) {
        return false;
    }
    memcpy(fds, CMSG_DATA(head), sizeof(int) * FDS);
    return true;
}

/* The words of a command, in memory that the process keeps. */
static char **words_of(int fd, int *count)
{
    static char *words[4096];
    struct stat st;

    if (fstat(fd, &st) != 0 || st.st_size == 0) {
        return NULL;
    }
    size_t size = (size_t)st.st_size, at = 0;
    char *text = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);

    if (text == MAP_FAILED) {
        return NULL;
    }
    for (*count = 0; at < size && *count < 4095; *count += 1) {
        words[*count] = text + at;
        at += strlen(text + at) + 1;
    }
    return words;
}

static int command(const int fds[FDS])
{
    static char room[2][BUFSIZ]; /* what stdio would allocate */
    int count = 0, first = 1;
    char **words = words_of(fds[WORDS], &count);

    if (words == NULL || count < 2 || chdir(words[0]) != 0) {
        return 126;
    }
    __lsan_disable(); /* libc keeps the environment */
    for (; first < count && words[first][0] != '/'; first++) {
        putenv(words[first]);
    }
    __lsan_enable();
    for (int i = 0; i < 3; i++) {
        if (dup2(fds[INPUT + i], i) != i) {
            return 126;
        }
    }
    for (int i = 0; i < FDS; i++) {
        close(fds[i]);
    }
    setvbuf(stdin, room[0], _IOFBF, BUFSIZ);
    setvbuf(stdout, room[1], _IOFBF, BUFSIZ);
    return cove_main(count - first, words + first);
}

/* Waits for a command, and tells what became of it. */
static void keep(const int fds[FDS])
{
    signal(SIGCHLD, SIG_DFL);
    pid_t pid = fork();

    if (pid == 0) {
        exit(command(fds));
    }
    int status = 126 << 8;

    if (write(fds[ANSWER], &pid, sizeof(pid)) == (ssize_t)sizeof(pid) &&
        (pid < 0 || waitpid(pid, &status, 0) == pid) &&
        write(fds[ANSWER], &status, sizeof(status)) > 0) {
        _exit(0);
    }
    _exit(1);
}

/* What libc keeps once it has read it: of the local time. */
static void warm(void)
{
    time_t now = time(NULL);
    struct tm tm;

    __lsan_disable();
    tzset();
    localtime_r(&now, &tm);
    __lsan_enable();
}

int main(void)
{
    int fds[FDS];

    warm();
    signal(SIGCHLD, SIG_IGN);
    while (next(fds)) {
        if (fork() == 0) {
            keep(fds);
        }
        for (int i = 0; i < FDS; i++) {
            close(fds[i]);
        }
    }
    return 0;
}
