/* admin_retire.c: migrate.retire: a version that is no longer supported. */
#include "core/hlc.h"
#include "migrate/retire.h"
#include "node/admin.h"

#include <stdio.h>

struct retire {
    struct admin *a;
    struct cove_txn *txn;
    struct cove_retire_request request;
    struct cove_retire retire;
    const char *name;
    bool yes, dry;
};

/* What still needs the versions, as the message of a refusal. */
static int retire_refuse(struct retire *r)
{
    const struct cove_retire *made = &r->retire;
    char text[640] = "";
    size_t len = 0, said = 0;

    for (size_t i = 0; i < made->version_count; i++) {
        if (made->versions[i].documents > 0 && len + 80 < sizeof(text)) {
            len += (size_t)snprintf(
                text + len, sizeof(text) - len,
                "%s%llu documents were last written at version %lld",
                len == 0 ? "" : ", ",
                (unsigned long long)made->versions[i].documents,
                (long long)made->versions[i].step->version);
        }
    }
    for (; said < made->device_count && len + 200 < sizeof(text); said++) {
        const struct cove_retire_device *d = &made->devices[said];
        char hex[COVE_HEX_LEN(32)], name[64];
        int err = admin_device_name(r->txn, &d->device, name);

        if (err != 0) {
            return err;
        }
        cove_hex(cove_bytes(d->device.b, sizeof(d->device.b)), hex);
        len += (size_t)snprintf(
            text + len, sizeof(text) - len,
            "%sdevice %.16s%s%s%s speaks %lld%s", len == 0 ? "" : ", ", hex,
            name[0] == '\0' ? "" : " (", name, name[0] == '\0' ? "" : ")",
            (long long)d->step->version,
            d->live ? "" : " (not for a long time)");
    }
    if (said < made->device_count) {
        snprintf(text + len, sizeof(text) - len, ", and %zu devices more",
                 made->device_count - said);
    }
    return cove_fail(&r->txn->diag, COVE_EDESTRUCTIVE,
                     "version %lld of %s is still needed: %s; they go on "
                     "reading, and nobody writes at it any more once the step "
                     "reaches them; -y retires it all the same",
                     (long long)r->retire.step.about, r->name, text);
}

static int retire_devices_json(struct retire *r)
{
    struct node_json *j = &r->a->reply;

    node_json_key(j, "devices");
    node_json_open(j, '[');
    for (size_t i = 0; i < r->retire.device_count; i++) {
        const struct cove_retire_device *d = &r->retire.devices[i];
        char name[64];
        int err = admin_device_name(r->txn, &d->device, name);

        if (err != 0) {
            return err;
        }
        node_json_open(j, '{');
        node_json_key(j, "device");
        node_json_hex(j, d->device.b, sizeof(d->device.b));
        if (name[0] != '\0') {
            node_json_key(j, "name");
            node_json_cstr(j, name);
        }
        node_json_key(j, "version");
        node_json_int(j, d->step->version);
        node_json_key(j, "time");
        node_json_int(j, cove_hlc_ms(d->hlc));
        node_json_key(j, "live");
        node_json_bool(j, d->live);
        node_json_close(j, '}');
    }
    node_json_close(j, ']');
    return 0;
}

static int retire_json(struct retire *r)
{
    struct node_json *j = &r->a->reply;

    node_json_key(j, "stays");
    node_json_int(j, r->retire.stays->version);
    node_json_key(j, "retired");
    node_json_open(j, '[');
    for (size_t i = 0; i < r->retire.version_count; i++) {
        const struct cove_retire_version *v = &r->retire.versions[i];

        node_json_open(j, '{');
        node_json_key(j, "version");
        node_json_int(j, v->step->version);
        node_json_key(j, "step");
        node_json_hex(j, v->step->id.b, sizeof(v->step->id.b));
        node_json_key(j, "documents");
        node_json_int(j, (int64_t)v->documents);
        node_json_close(j, '}');
    }
    node_json_close(j, ']');
    node_json_key(j, "needed");
    node_json_bool(j, r->retire.needed);
    return retire_devices_json(r);
}

static int retire_run(struct retire *r)
{
    struct cove_txn *txn = r->txn;
    struct cove_catalog *catalog = txn->worker->catalog;
    struct cove_published p = {0};
    int err = cove_catalog_find(catalog, txn->txn, r->name, &r->request.num,
                                &txn->diag);

    if (err == 0) {
        err = cove_retire_prepare(catalog, txn->txn, &r->request, &txn->arena,
                                  &r->retire, &txn->diag);
    }
    if (err == 0 && r->retire.needed && !r->yes && !r->dry) {
        err = retire_refuse(r);
    }
    err = err != 0 ? err : retire_json(r);
    if (err == 0 && !r->dry) {
        err = cove_publish_prepared(catalog, txn->txn, &r->retire.step,
                                    "retiring", &p, &txn->diag);
        p.version = r->retire.step.about;
        err = err != 0 ? err : admin_published(r->a, txn, &p);
    }
    return err;
}

int admin_migrate_retire(struct admin *a)
{
    struct retire r = {.a = a};
    int err = admin_text(a, "schema", &r.name);

    err = err != 0 ? err : admin_need(a, "schema", r.name);
    err = err != 0 ? err : admin_version(a, &r.request.version);
    err = err != 0 ? err : admin_need(a, "version", r.request.version);
    err = err != 0 ? err : admin_flag(a, "yes", &r.yes);
    err = err != 0 ? err : admin_flag(a, "dry", &r.dry);
    if (err == 0) {
        err = node_begin(a->store, r.dry ? COVE_READ | COVE_VIEW : COVE_WRITE,
                         &r.txn);
    }
    if (err != 0) {
        return err;
    }
    r.request.live_days = a->store->live_days;
    err = retire_run(&r);
    return admin_end(a, r.txn, err);
}
