/* search_naive.h: conditions and orders over documents as JSON, evaluated
 * without any thought: what a search has to agree with. Shares no code with it
 * but that which turns JSON into CBOR, which lists and maps sort by. */
#ifndef COVE_TESTS_SEARCH_NAIVE_H
#define COVE_TESTS_SEARCH_NAIVE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* A document: {"fields": {name: value}, "invalid": {name: true}}. */

/* Does the condition, as Cove takes it, hold for it? */
bool naive_met(const json_t *doc, const json_t *where);
/* <0, 0, >0 by one field of an order, ascending. */
int naive_order(const json_t *a, const json_t *b, const char *path);

#endif
