/* publish_who.c: who published a step, and when, for messages. */
#include "core/hlc.h"
#include "crdt/history.h"
#include "migrate/publish_same.h"

#include <stdio.h>
#include <time.h>

static void who_text(const struct cove_event *event, char out[96])
{
    char key[COVE_HEX_LEN(32)], when[32] = "?";
    time_t at = (time_t)(cove_hlc_ms(event->id.hlc) / 1000);
    struct tm tm;

    if (gmtime_r(&at, &tm) != NULL) {
        strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", &tm);
    }
    cove_hex(cove_bytes(event->id.device.b, 32), key);
    snprintf(out, 96, "device %.16s on %s", key, when);
}

void cove_publish_who(struct cove_catalog *catalog, struct cove_store_txn *txn,
                      cove_num num, const struct cove_step_id *step,
                      char out[96])
{
    struct cove_repo *repo = cove_catalog_repo(catalog);
    char hex[COVE_HEX_LEN(32)];
    struct cove_arena arena;
    struct cove_doc doc;
    struct cove_event *events;
    size_t count;

    snprintf(out, 96, "another device");
    cove_hex(cove_bytes(step->b, 32), hex);
    cove_arena_init(&arena, cove_catalog_alloc(catalog));
    if (cove_repo_load(repo, txn, num, &arena, &doc, NULL) == 0 &&
        cove_history(repo, txn, &doc, &arena, &events, &count) == 0) {
        for (size_t i = count; i > 0; i--) { /* the first is what counts */
            if (cove_bytes_equal(events[i - 1].reg, cove_bytes_text(hex))) {
                who_text(&events[i - 1], out);
            }
        }
    }
    cove_arena_clear(&arena);
}
