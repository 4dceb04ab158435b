/* fork.c: see fork.h. */
#include "core/fork.h"

#include <sys/mman.h>
#include <unistd.h>

static size_t fork_page(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

void cove_fork_note(struct cove_fork *fork)
{
    uint8_t *mark = mmap(NULL, fork_page(), PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    fork->pid = getpid();
    fork->mark = NULL;
    if (mark == MAP_FAILED) {
        return;
    }
    if (madvise(mark, fork_page(), MADV_WIPEONFORK) != 0) {
        munmap(mark, fork_page());
        return;
    }
    *mark = 1;
    fork->mark = mark;
}

void cove_fork_forget(struct cove_fork *fork)
{
    if (fork->mark != NULL) {
        munmap((void *)(uintptr_t)fork->mark, fork_page());
        fork->mark = NULL;
    }
}

bool cove_fork_asks(const struct cove_fork *fork)
{
    return fork->pid == 0 || fork->pid == getpid();
}
