/* fork.h: is this the process that made something, or a child of it by fork?
 * Asked at each begin of a transaction, where getpid() would take as long as
 * the lookup that follows: a page that the system gives to children emptied.
 */
#ifndef COVE_CORE_FORK_H
#define COVE_CORE_FORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct cove_fork {
    const volatile uint8_t *mark; /* 1, a child finds 0; NULL where the system
                                     has no such pages, or nothing is made */
    pid_t pid;                    /* that made it; 0: it is any process's */
};

void cove_fork_note(struct cove_fork *fork);
void cove_fork_forget(struct cove_fork *fork);
/* Asks the system. */
bool cove_fork_asks(const struct cove_fork *fork);

static inline bool cove_fork_ours(const struct cove_fork *fork)
{
    return fork->mark != NULL ? *fork->mark == 1 : cove_fork_asks(fork);
}

#endif
