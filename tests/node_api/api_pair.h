/* api_pair.h: two stores that share a group and know each other. */
#ifndef COVE_TESTS_API_PAIR_H
#define COVE_TESTS_API_PAIR_H

#include "tests/node_api/api_kit.h"

#define API_DEADLINE_MS 20000

/* a's group with b as writer. */
static inline void api_pair_group(struct api *a, struct api *b,
                                  struct cove_id *group)
{
    char request[256], hex[65], *reply = NULL, text[60] = "";

    api_hex(cove_device(b->store), hex);
    snprintf(request, sizeof(request),
             "{\"do\":\"new-group\",\"members\":{\"%s\":\"writer\"}}", hex);
    api_ok(cove_admin(a->store, request, &reply), a->store);
    ck_assert_int_eq(sscanf(reply, "{\"id\":\"%51[^\"]", text), 1);
    cove_free(reply);
    api_ok(cove_id_lookup(a->store, text, group), a->store);
}

/* Two stores and such a group. */
static inline void api_pair_open(struct api *a, struct api *b,
                                 struct cove_id *group)
{
    api_open(a);
    api_open(b);
    api_pair_group(a, b, group);
}

/* a listens, b is to dial; neither runs yet. */
static inline void api_pair_introduce(struct api *a, struct api *b)
{
    char hex[65];

    api_ok(cove_listen(a->store, "127.0.0.1:0"), a->store);
    ck_assert_ptr_nonnull(strstr(cove_address(a->store), "127.0.0.1:"));
    api_hex(cove_device(b->store), hex);
    api_ok(cove_peer_add(a->store, hex, NULL, "b"), a->store);
    api_hex(cove_device(a->store), hex);
    api_ok(cove_peer_add(b->store, hex, cove_address(a->store), "a"), b->store);
}

#endif
