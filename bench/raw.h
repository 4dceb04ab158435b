/* raw.h: what the machine can do with the same libraries and nothing of Cove:
 * the figures that stand beside Cove's in one run. */
#ifndef COVE_BENCH_RAW_H
#define COVE_BENCH_RAW_H

#include <stddef.h>

double bench_now(void); /* seconds, monotonic */
/* From here on seconds of this process's own work: for a machine that does
 * other work as well. Time spent waiting for the disk does not count then. */
void bench_own_time(void);

/* Each gives operations a second, or a negative number where it failed. */

/* Put `count` values of `len` bytes into a fresh LMDB file, `commit` of them a
 * durable commit, keys in order; then get them in random order. */
double raw_lmdb_put(const char *dir, long count, size_t len, long commit);
double raw_lmdb_get(const char *dir, long count);
/* Fill a fresh file with so many documents of three short fields, encoded, in
 * one commit; 0, or a negative number where it failed. Then get and decode them
 * in random order, 256 a transaction, by one thread or two. */
int raw_lmdb_fill(const char *dir, long count);
double raw_lmdb_decode(const char *dir, long count, int passes, int threads);
/* Milliseconds, `count` times, from the beginning of a durable put of `len`
 * bytes until another process, woken by a byte in a pipe behind it, runs.
 * 0, or a negative number where it failed; *dir* is made. */
int raw_lmdb_wake(const char *dir, int count, size_t len, double *took);
/* Ed25519 signatures made, and verified. */
double raw_sign(long count);
double raw_verify(long count);
/* Bytes a second over a loopback TCP connection, and round trips of 100 bytes
 * a second. */
double raw_loopback_bytes(size_t total);
double raw_loopback_trips(long count);

#endif
