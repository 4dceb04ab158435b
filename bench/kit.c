/* kit.c: what every measure needs: an end, a median, and admin replies. */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bench_die(struct cove *store, const char *what)
{
    fprintf(stderr, "bench: %s: %s\n", what,
            store != NULL ? cove_errmsg(store) : "");
    exit(1);
}

static int bench_by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double bench_quantile(double *values, int count, double q)
{
    if (count == 0) {
        return 0;
    }
    qsort(values, (size_t)count, sizeof(*values), bench_by_value);
    return values[(int)(q * (count - 1))];
}

char *bench_admin(struct cove *store, const char *request)
{
    char *reply = NULL;

    if (cove_admin(store, request, &reply) != 0) {
        bench_die(store, request);
    }
    return reply;
}

/* Where the value of a member begins; NULL where there is none. */
static const char *bench_member(const char *reply, const char *key)
{
    char want[32];
    int len = snprintf(want, sizeof(want), "\"%s\":", key);
    const char *at = strstr(reply, want);

    return at != NULL ? at + len : NULL;
}

double bench_number(const char *reply, const char *key)
{
    const char *at = bench_member(reply, key);

    return at != NULL ? strtod(at, NULL) : 0;
}

void bench_text(const char *reply, const char *key, char *out, size_t cap)
{
    const char *at = bench_member(reply, key);
    size_t len = at != NULL && *at == '"' ? strcspn(at + 1, "\"") : 0;

    len = len < cap ? len : cap - 1;
    if (len > 0) {
        memcpy(out, at + 1, len);
    }
    out[len] = '\0';
}

void bench_key(struct cove *store, char out[80])
{
    char *reply = bench_admin(store, "{\"do\":\"key\"}");

    bench_text(reply, "device", out, 80);
    cove_free(reply);
}

void bench_made(struct cove *store, const char *request, struct cove_id *out)
{
    char *reply = bench_admin(store, request);
    char text[96];

    bench_text(reply, "id", text, sizeof(text));
    cove_free(reply);
    BENCH_MUST(store, cove_id_lookup(store, text, out));
}

void bench_document(long n, char *out, size_t cap)
{
    snprintf(out, cap,
             "{\"name\":\"item %ld\",\"size\":\"%ld\",\"done\":false}", n,
             n % 1000);
}
