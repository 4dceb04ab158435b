/* diff.h: what differs between two rows of tokens, and three of them merged:
 * for `cove diff`, and for `cove edit`, where others may write while the editor
 * is open. Knows nothing of documents.
 */
#ifndef COVE_CLI_DIFF_H
#define COVE_CLI_DIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cli_grain { CLI_LINES, CLI_WORDS, CLI_CHARACTERS };

struct cli_token {
    const char *at; /* borrowed from the text */
    size_t len;
};

struct cli_tokens {
    struct cli_token *row;
    uint32_t *symbols; /* equal numbers, equal tokens */
    bool *marks;       /* this one is not in the other row */
    size_t count;
};

/* Take a text apart; the tokens together are the text. `text` is valid UTF-8.
 * False where memory is out. Ownership: cli_tokens_clear. */
bool cli_tokens_split(struct cli_tokens *tokens, const char *text,
                      enum cli_grain grain);
/* The same of texts that are tokens already. */
bool cli_tokens_take(struct cli_tokens *tokens, char *const *texts,
                     size_t count);
void cli_tokens_clear(struct cli_tokens *tokens);

/* Mark what is in one row alone: a shortest way from one to the other where
 * they differ in no more than 2,000 places. False where memory is out.
 * Cost: O((n + m) d). */
bool cli_diff(struct cli_tokens *before, struct cli_tokens *after);
/* The same of two texts by characters: lines that are equal are not looked
 * into, so that long texts cost what was changed. */
bool cli_diff_texts(const char *before, struct cli_tokens *b, const char *after,
                    struct cli_tokens *a);

/* What became of a row that two changed: `mine` and `theirs` are diffs of equal
 * tokens before. Nobody's token is lost but what the other removed; where both
 * inserted, theirs come first. */
struct cli_merge {
    const struct cli_tokens *mine_before, *mine;
    const struct cli_tokens *theirs_before, *theirs;
};
void cli_merge(const struct cli_merge *merge,
               void (*emit)(void *ctx, const struct cli_token *token),
               void *ctx);
/* Freed by free(); NULL where memory is out. */
char *cli_merge_texts(const char *before, const char *mine, const char *theirs);

#endif
