#include "core/cbor.h"
#include "core/limits.h"
#include "crdt/header.h"
#include "tests/unit/vectors.h"

/* Encoded items, in hex. */
#define X8      "1111111111111111"
#define B31     "581f" X8 X8 X8 "11111111111111"
#define B32     "5820" X8 X8 X8 X8
#define B16     "50" X8 X8
#define COMAP   "65636f6d6170"
#define GROUP   "6567726f7570"
#define ACCOUNT "676163636f756e74"
#define JOURNAL "676a6f75726e616c"
#define ADMIN   "6561646d696e"
#define READER  "66726561646572"
#define TEXT_A  "6161"
#define FROM    "a2 6472756c65 6161 68646f63756d656e74 " B32
#define MEMBERS "a1" B32 ADMIN
/* {"version": 1}, {"$schema": {"": id}} */
#define META_V "a1 6776657273696f6e 01"
#define META_S "a1 6724736368656d61 a1 60 " B32

#define MAX_FIELDS 12

struct field {
    const char *name;
    const char *item; /* hex */
};

/* A header of these fields, in canonical order. */
static struct cove_bytes header_of(const struct field *fields)
{
    struct cove_pair pairs[MAX_FIELDS];
    struct cove_bytes items[MAX_FIELDS];
    struct cove_buf keys[MAX_FIELDS];
    struct cove_buf out;
    struct cove_writer w;
    size_t count = 0;

    for (; fields[count].name != NULL; count++) {
        struct cove_writer key;
        const char *item = fields[count].item;

        cove_buf_init(&keys[count], &cove_alloc_libc);
        cove_writer_init(&key, &keys[count]);
        cove_writer_cstr(&key, fields[count].name);
        ck_assert_int_eq(key.err, 0);
        pairs[count].key = cove_buf_bytes(&keys[count]);
        items[count] = vectors_hex(item, item + strlen(item));
        pairs[count].value = items[count];
    }
    cove_buf_init(&out, &cove_alloc_libc);
    cove_writer_init(&w, &out);
    cove_writer_map_sorted(&w, pairs, count);
    ck_assert_int_eq(w.err, 0);
    for (size_t i = 0; i < count; i++) {
        cove_buf_clear(&keys[i]);
        vectors_free(items[i]);
    }

    struct cove_bytes exact = vectors_exact(cove_buf_bytes(&out));

    cove_buf_clear(&out);
    return exact;
}

static const char *const known[] = {"group",   "journal", "comap", "bare",
                                    "account", "unique",  "from"};

START_TEST(golden_headers_encode_again_to_the_same_bytes_and_id)
{
    for (size_t i = 0; i < COVE_ARRAY_LEN(known); i++) {
        char name[64];
        struct cove_header header;
        struct cove_id id;
        struct cove_id golden_id;
        struct cove_buf out;

        snprintf(name, sizeof(name), "header.%s", known[i]);

        struct cove_bytes golden = vectors_get(name);

        snprintf(name, sizeof(name), "header.%s.id", known[i]);
        vectors_copy(name, golden_id.b, sizeof(golden_id.b));
        ck_assert_int_eq(cove_header_decode(golden, &header, NULL), 0);
        ck_assert(!header.unknown_fields);
        cove_buf_init(&out, &cove_alloc_libc);
        ck_assert_int_eq(cove_header_encode(&header, &out, &id, NULL), 0);
        vectors_assert_equal(cove_buf_bytes(&out), golden);
        ck_assert_mem_eq(id.b, golden_id.b, sizeof(id.b));
        id = cove_header_id(golden);
        ck_assert_mem_eq(id.b, golden_id.b, sizeof(id.b));
        cove_buf_clear(&out);
        vectors_free(golden);
    }
}
END_TEST

START_TEST(a_golden_header_gives_every_field)
{
    struct cove_bytes golden = vectors_get("header.comap");
    struct cove_header h;
    struct cove_id group;
    struct cove_id journal;

    vectors_copy("header.group.id", group.b, sizeof(group.b));
    vectors_copy("header.journal.id", journal.b, sizeof(journal.b));
    ck_assert_int_eq(cove_header_decode(golden, &h, NULL), 0);
    ck_assert_uint_eq(h.version, 0);
    ck_assert_int_eq(h.type, COVE_DOC_COMAP);
    ck_assert(h.has_owner);
    ck_assert_mem_eq(h.owner.b, group.b, sizeof(group.b));
    ck_assert(h.has_schema);
    ck_assert_mem_eq(h.schema.b, journal.b, sizeof(journal.b));
    ck_assert(h.has_schema_version);
    ck_assert_int_eq(h.schema_version, 1);
    ck_assert(h.has_created);
    ck_assert_int_eq(h.created_ms, 1750000000000);
    ck_assert_uint_eq(h.nonce.len, 16);
    ck_assert_uint_eq(h.unique.len, 0);
    ck_assert_uint_eq(h.from.len, 0);
    ck_assert_uint_eq(h.members.len, 0);
    ck_assert(!h.has_root);
    vectors_free(golden);

    golden = vectors_get("header.journal");
    ck_assert_int_eq(cove_header_decode(golden, &h, NULL), 0);
    ck_assert(h.has_root);
    ck_assert_uint_eq(h.root.b[31], 0x22);
    ck_assert_uint_eq(h.meta.len, 0);
    vectors_free(golden);

    golden = vectors_get("header.from");
    ck_assert_int_eq(cove_header_decode(golden, &h, NULL), 0);
    ck_assert_uint_eq(h.from.at[0], 0xa3);
    ck_assert(!h.has_created);
    vectors_free(golden);
}
END_TEST

/* A26 */
START_TEST(what_a_newer_version_wrote_is_accepted_and_marked)
{
    struct cove_header h;
    struct cove_bytes b = vectors_get("header.unknown_type");

    ck_assert_int_eq(cove_header_decode(b, &h, NULL), 0);
    ck_assert_int_eq(h.type, COVE_DOC_UNKNOWN);
    vectors_assert_equal(h.type_name, cove_bytes_text("cosheet"));
    ck_assert(h.unknown_fields);
    vectors_free(b);

    b = vectors_get("header.unknown_field");
    ck_assert_int_eq(cove_header_decode(b, &h, NULL), 0);
    ck_assert_int_eq(h.type, COVE_DOC_COMAP);
    ck_assert(h.unknown_fields);
    vectors_free(b);

    b = vectors_get("header.newer");
    ck_assert_int_eq(cove_header_decode(b, &h, NULL), 0);
    ck_assert_uint_eq(h.version, 1);
    ck_assert_int_eq(h.type, COVE_DOC_UNKNOWN);
    vectors_assert_equal(h.type_name, cove_bytes_text("comap"));
    ck_assert(!h.unknown_fields);
    vectors_free(b);
}
END_TEST

/* A header that is refused: its fields, the code, what the sentence names. */
struct refusal {
    struct field fields[MAX_FIELDS];
    int code;
    const char *named;
};

#define COMMON                                                                 \
    {"v", "00"}, {"type", COMAP},                                              \
    {                                                                          \
        "owner", B32                                                           \
    }
#define NONCE                                                                  \
    {                                                                          \
        "nonce", B16                                                           \
    }

static const struct refusal refusals[] = {
    /* each field's form */
    {{{"v", "20"}, {"type", COMAP}, {"owner", B32}, NONCE},
     COVE_EFORMAT,
     "\"v\""},
    {{{"v", TEXT_A}, {"type", COMAP}, {"owner", B32}, NONCE},
     COVE_EFORMAT,
     "\"v\""},
    {{{"v", "00"}, {"type", "45636f6d6170"}, {"owner", B32}, NONCE},
     COVE_EFORMAT,
     "\"type\""},
    {{{"v", "00"}, {"type", "60"}, {"owner", B32}, NONCE},
     COVE_EFORMAT,
     "\"type\""},
    {{{"v", "00"}, {"type", COMAP}, {"owner", B31}, NONCE},
     COVE_EFORMAT,
     "\"owner\""},
    {{{"v", "00"}, {"type", COMAP}, {"owner", "a160" B32}, NONCE},
     COVE_EFORMAT,
     "\"owner\""},
    {{COMMON, {"nonce", B32}}, COVE_EFORMAT, "\"nonce\""},
    {{COMMON, {"nonce", "40"}}, COVE_EFORMAT, "\"nonce\""},
    {{COMMON, NONCE, {"created", "20"}}, COVE_EFORMAT, "\"created\""},
    {{COMMON, NONCE, {"created", "f90000"}}, COVE_EFORMAT, "\"created\""},
    {{COMMON, NONCE, {"created", "1b0000800000000000"}},
     COVE_EFORMAT,
     "\"created\""},
    {{COMMON, NONCE, {"meta", "80"}}, COVE_EFORMAT, "\"meta\""},
    {{COMMON, NONCE, {"meta", "a0"}}, COVE_EFORMAT, "\"meta\""},
    {{COMMON, NONCE, {"meta", "a1 60" B32}}, COVE_EFORMAT, "\"meta\""},
    {{COMMON, NONCE, {"meta", "a1 6161 a1 60 01"}}, COVE_ERESERVED, "\"meta\""},
    {{COMMON, NONCE, {"meta", "a1 01 02"}}, COVE_EFORMAT, "\"meta\""},
    {{COMMON, NONCE, {"meta", "a1 6724736368656d61 " B32}},
     COVE_EFORMAT,
     "\"meta.$schema\""},
    {{COMMON, NONCE, {"meta", "a1 6776657273696f6e f93c00"}},
     COVE_EFORMAT,
     "\"meta.version\""},
    {{COMMON, {"unique", "1bffffffffffffffff"}}, COVE_EFORMAT, "\"unique\""},
    {{COMMON, {"from", "80"}}, COVE_EFORMAT, "\"from\""},
    {{COMMON, {"from", "a1 6472756c65 6161"}}, COVE_EFORMAT, "\"from\""},
    {{COMMON, {"from", "a1 68646f63756d656e74" B32}}, COVE_EFORMAT, "\"from\""},
    {{COMMON, {"from", "a2 6472756c65 60 68646f63756d656e74" B32}},
     COVE_EFORMAT,
     "\"from\""},
    {{COMMON, {"from", "a2 6472756c65 01 68646f63756d656e74" B32}},
     COVE_EFORMAT,
     "\"from\""},
    {{COMMON, {"from", "a2 6472756c65 6161 68646f63756d656e74" B31}},
     COVE_EFORMAT,
     "\"from.document\""},
    {{COMMON, {"from", "a1 01 02"}}, COVE_EFORMAT, "\"from\""},
    {{{"v", "00"}, {"type", GROUP}, NONCE, {"members", "80"}},
     COVE_EFORMAT,
     "\"members\""},
    {{{"v", "00"}, {"type", GROUP}, NONCE, {"members", "a0"}},
     COVE_EFORMAT,
     "admin"},
    {{{"v", "00"}, {"type", GROUP}, NONCE, {"members", "a1" B32 READER}},
     COVE_EFORMAT,
     "admin"},
    {{{"v", "00"}, {"type", GROUP}, NONCE, {"members", "a1" B31 ADMIN}},
     COVE_EFORMAT,
     "members"},
    {{{"v", "00"}, {"type", GROUP}, NONCE, {"members", "a1" TEXT_A ADMIN}},
     COVE_EFORMAT,
     "members"},
    {{{"v", "00"}, {"type", GROUP}, NONCE, {"members", "a1" B32 TEXT_A}},
     COVE_EFORMAT,
     "role"},
    {{{"v", "00"}, {"type", GROUP}, NONCE, {"members", "a1" B32 "646e6f6e65"}},
     COVE_EFORMAT,
     "role"},
    {{{"v", "00"}, {"type", GROUP}, NONCE, {"members", "a1" B32 "01"}},
     COVE_EFORMAT,
     "role"},
    {{{"v", "00"}, {"type", JOURNAL}, {"owner", B32}, NONCE, {"root", B31}},
     COVE_EFORMAT,
     "\"root\""},
    /* what must be there */
    {{{"type", COMAP}, {"owner", B32}, NONCE}, COVE_EFORMAT, "\"v\""},
    {{{"v", "00"}, {"owner", B32}, NONCE}, COVE_EFORMAT, "\"type\""},
    {{{"v", "00"}, {"type", COMAP}, NONCE}, COVE_EFORMAT, "\"owner\""},
    {{{"v", "00"}, {"type", JOURNAL}, NONCE, {"root", B32}},
     COVE_EFORMAT,
     "\"owner\""},
    {{{"v", "00"}, {"type", JOURNAL}, {"owner", B32}, NONCE},
     COVE_EFORMAT,
     "\"root\""},
    {{{"v", "00"}, {"type", GROUP}, NONCE}, COVE_EFORMAT, "\"members\""},
    {{{"v", "00"}, {"type", ACCOUNT}, NONCE}, COVE_EFORMAT, "\"members\""},
    /* what must not */
    {{{"v", "00"},
      {"type", GROUP},
      {"owner", B32},
      NONCE,
      {"members", MEMBERS}},
     COVE_EFORMAT,
     "\"owner\""},
    {{{"v", "00"},
      {"type", ACCOUNT},
      {"owner", B32},
      NONCE,
      {"members", MEMBERS}},
     COVE_EFORMAT,
     "\"owner\""},
    {{COMMON, NONCE, {"members", MEMBERS}}, COVE_EFORMAT, "\"members\""},
    {{COMMON, NONCE, {"root", B32}}, COVE_EFORMAT, "\"root\""},
    /* exactly one of nonce, unique, from */
    {{COMMON}, COVE_EFORMAT, "exactly one"},
    {{COMMON, NONCE, {"unique", "01"}}, COVE_EFORMAT, "exactly one"},
    {{COMMON, NONCE, {"from", FROM}}, COVE_EFORMAT, "exactly one"},
    {{COMMON, {"unique", "01"}, {"from", FROM}}, COVE_EFORMAT, "exactly one"},
    {{{"v", "00"}, {"type", GROUP}, {"members", MEMBERS}},
     COVE_EFORMAT,
     "exactly one"},
    {{{"v", "00"}, {"type", TEXT_A}}, COVE_EFORMAT, "exactly one"},
    /* nothing beside unique and from that two devices could differ in */
    {{COMMON, {"unique", "01"}, {"created", "00"}},
     COVE_EFORMAT,
     "\"created\""},
    {{COMMON, {"from", FROM}, {"created", "00"}}, COVE_EFORMAT, "\"created\""},
    {{COMMON, {"unique", "01"}, {"meta", META_V}},
     COVE_EFORMAT,
     "\"meta.version\""},
    {{COMMON, {"from", FROM}, {"meta", META_V}},
     COVE_EFORMAT,
     "\"meta.version\""},
};

START_TEST(each_refusal_names_the_field_and_the_rule)
{
    for (size_t i = 0; i < COVE_ARRAY_LEN(refusals); i++) {
        struct cove_bytes b = header_of(refusals[i].fields);
        struct cove_diag diag;
        struct cove_header out;
        struct cove_header before;

        cove_diag_clear(&diag);
        memset(&out, 0xee, sizeof(out));
        memcpy(&before, &out, sizeof(out));

        int err = cove_header_decode(b, &out, &diag);

        ck_assert_msg(err == refusals[i].code, "case %zu: %d, %s", i, err,
                      diag.text);
        ck_assert_int_eq(diag.code, err);
        ck_assert_msg(strstr(diag.text, refusals[i].named) != NULL,
                      "case %zu: %s", i, diag.text);
        ck_assert_mem_eq(&out, &before, sizeof(out));
        vectors_free(b);
    }
}
END_TEST

static const struct refusal accepted[] = {
    {{COMMON, NONCE}, 0, NULL},
    {{COMMON, NONCE, {"created", "00"}}, 0, NULL},
    {{COMMON, NONCE, {"created", "1b00007fffffffffff"}}, 0, NULL},
    {{COMMON, {"unique", "f6"}}, 0, NULL},
    {{COMMON, {"unique", "01"}, {"meta", META_S}}, 0, NULL},
    {{COMMON, {"from", FROM}, {"meta", META_S}}, 0, NULL},
    {{{"v", "00"}, {"type", GROUP}, {"unique", "01"}, {"members", MEMBERS}},
     0,
     NULL},
    {{{"v", "00"}, {"type", ACCOUNT}, {"from", FROM}, {"members", MEMBERS}},
     0,
     NULL},
    {{{"v", "00"},
      {"type", JOURNAL},
      {"owner", B32},
      {"unique", "01"},
      {"root", B32}},
     0,
     NULL},
    /* an unknown type may have any of the fields */
    {{{"v", "00"}, {"type", TEXT_A}, NONCE}, 0, NULL},
    {{{"v", "00"},
      {"type", TEXT_A},
      {"owner", B32},
      NONCE,
      {"root", B32},
      {"members", MEMBERS}},
     0,
     NULL},
    {{COMMON, NONCE, {"", "01"}}, 0, NULL},
    {{{"v", "1bffffffffffffffff"}, {"type", COMAP}}, 0, NULL},
};

START_TEST(what_the_rules_allow_is_accepted)
{
    for (size_t i = 0; i < COVE_ARRAY_LEN(accepted); i++) {
        struct cove_bytes b = header_of(accepted[i].fields);
        struct cove_diag diag;
        struct cove_header out;

        cove_diag_clear(&diag);
        ck_assert_msg(cove_header_decode(b, &out, &diag) == 0, "case %zu: %s",
                      i, diag.text);
        vectors_free(b);
    }
}
END_TEST

START_TEST(every_truncation_and_a_byte_more_is_refused)
{
    for (size_t i = 0; i < COVE_ARRAY_LEN(known); i++) {
        char name[64];
        struct cove_header out;

        snprintf(name, sizeof(name), "header.%s", known[i]);

        struct cove_bytes golden = vectors_get(name);
        uint8_t longer[COVE_MAX_HEADER] = {0};

        for (size_t len = 0; len < golden.len; len++) {
            struct cove_bytes cut = vectors_exact(cove_bytes(golden.at, len));

            ck_assert_int_eq(cove_header_decode(cut, &out, NULL), COVE_EFORMAT);
            vectors_free(cut);
        }
        memcpy(longer, golden.at, golden.len);
        ck_assert_int_eq(
            cove_header_decode(cove_bytes(longer, golden.len + 1), &out, NULL),
            COVE_EFORMAT);
        vectors_free(golden);
    }
}
END_TEST

/* A26 */
START_TEST(no_flipped_bit_leaves_the_id)
{
    struct cove_bytes golden = vectors_get("header.comap");
    struct cove_id id = cove_header_id(golden);
    uint8_t flipped[COVE_MAX_HEADER];

    for (size_t bit = 0; bit < 8 * golden.len; bit++) {
        struct cove_bytes b = cove_bytes(flipped, golden.len);

        memcpy(flipped, golden.at, golden.len);
        flipped[bit / 8] ^= (uint8_t)(1u << bit % 8);

        struct cove_bytes exact = vectors_exact(b);
        struct cove_header out;
        struct cove_id other = cove_header_id(exact);

        /* accepted or not: nothing is read beyond, and the id is another */
        int err = cove_header_decode(exact, &out, NULL);

        ck_assert(err == 0 || err == COVE_EFORMAT || err == COVE_ERESERVED);
        ck_assert_mem_ne(id.b, other.b, sizeof(id.b));
        vectors_free(exact);
    }
    vectors_free(golden);
}
END_TEST

START_TEST(a_header_that_is_no_map_with_text_keys_is_refused)
{
    static const char *const bad[] = {"80",
                                      "00",
                                      "f6",
                                      "a1 01 02",
                                      "bf 61 76 00 ff",
                                      "d8 40 40",
                                      "a2 6176 00 6176 00"};
    struct cove_header out;

    for (size_t i = 0; i < COVE_ARRAY_LEN(bad); i++) {
        struct cove_bytes b = vectors_hex(bad[i], bad[i] + strlen(bad[i]));

        ck_assert_int_eq(cove_header_decode(b, &out, NULL), COVE_EFORMAT);
        vectors_free(b);
    }
    ck_assert_int_eq(cove_header_decode(cove_bytes(NULL, 0), &out, NULL),
                     COVE_EFORMAT);
}
END_TEST

/* A comap whose meta holds a text so long that the header has `len` bytes. */
static struct cove_header header_of_len(size_t len, struct cove_buf *meta)
{
    static const uint8_t nonce[16] = {1};
    static const char filler[2 * COVE_MAX_HEADER] = {0};
    struct cove_writer w;
    struct cove_header h = {
        .type = COVE_DOC_COMAP,
        .has_owner = true,
        .nonce = cove_bytes(nonce, sizeof(nonce)),
    };
    /* map, v 2+1, type 5+6, nonce 6+17, owner 6+34; meta 5, {"a": text} 6 */
    size_t text = len - (1 + 3 + 11 + 23 + 40 + 5 + 6);
    char *letters = malloc(text);

    ck_assert_ptr_nonnull(letters);
    memcpy(letters, filler, text);
    cove_writer_init(&w, meta);
    cove_writer_map(&w, 1);
    cove_writer_cstr(&w, "a");
    cove_writer_text(&w, cove_bytes(letters, text));
    ck_assert_int_eq(w.err, 0);
    free(letters);
    h.meta = cove_buf_bytes(meta);
    return h;
}

/* A26 */
START_TEST(a_header_has_at_most_4096_bytes)
{
    struct cove_buf meta;
    struct cove_buf out;
    struct cove_id id;
    struct cove_header again;
    struct cove_diag diag;

    cove_buf_init(&meta, &cove_alloc_libc);
    cove_buf_init(&out, &cove_alloc_libc);

    struct cove_header h = header_of_len(COVE_MAX_HEADER, &meta);

    ck_assert_int_eq(cove_header_encode(&h, &out, &id, NULL), 0);
    ck_assert_uint_eq(out.len, COVE_MAX_HEADER);
    ck_assert_int_eq(cove_header_decode(cove_buf_bytes(&out), &again, NULL), 0);
    cove_buf_clear(&meta);
    cove_buf_clear(&out);
    cove_diag_clear(&diag);
    h = header_of_len(COVE_MAX_HEADER + 1, &meta);
    ck_assert_int_eq(cove_header_encode(&h, &out, &id, &diag), COVE_ELIMIT);
    ck_assert_ptr_nonnull(strstr(diag.text, "4096"));
    ck_assert_uint_eq(out.len, 0);

    uint8_t zeros[COVE_MAX_HEADER + 1] = {0};

    ck_assert_int_eq(
        cove_header_decode(cove_bytes(zeros, sizeof(zeros)), &again, NULL),
        COVE_ELIMIT);
    cove_buf_clear(&meta);
    cove_buf_clear(&out);
}
END_TEST

START_TEST(what_decode_would_refuse_is_not_written)
{
    static const uint8_t nonce[16] = {1};
    static const uint8_t one[1] = {1};
    static const uint8_t broken[1] = {0x61};
    struct cove_header good = {
        .type = COVE_DOC_COMAP,
        .has_owner = true,
        .nonce = cove_bytes(nonce, sizeof(nonce)),
    };
    struct cove_header bad[9];
    struct cove_buf out;
    struct cove_id id = {{7}};

    for (size_t i = 0; i < COVE_ARRAY_LEN(bad); i++) {
        bad[i] = good;
    }
    bad[0].has_owner = false;
    bad[1].unique = cove_bytes(one, 1);
    bad[2].nonce.len = 15;
    bad[3].nonce.len = 0;
    bad[4].meta = cove_bytes("\xa1\x61", 2); /* half an item */
    bad[5].version = 1;
    bad[6].type = COVE_DOC_UNKNOWN;
    bad[7].has_created = true;
    bad[7].created_ms = -1;
    bad[8].nonce.len = 0;
    bad[8].unique = cove_bytes(broken, 1);
    cove_buf_init(&out, &cove_alloc_libc);
    ck_assert_int_eq(cove_buf_append(&out, cove_bytes_text("before")), 0);
    for (size_t i = 0; i < COVE_ARRAY_LEN(bad); i++) {
        struct cove_diag diag;

        cove_diag_clear(&diag);
        ck_assert_int_eq(cove_header_encode(&bad[i], &out, &id, &diag),
                         COVE_EUSAGE);
        ck_assert_int_eq(diag.code, COVE_EUSAGE);
        vectors_assert_equal(cove_buf_bytes(&out), cove_bytes_text("before"));
        ck_assert_uint_eq(id.b[0], 7);
    }
    ck_assert_int_eq(cove_header_encode(&good, &out, &id, NULL), 0);
    cove_buf_clear(&out);
}
END_TEST

START_TEST(an_empty_meta_is_left_out)
{
    struct cove_bytes golden = vectors_get("header.bare");
    struct cove_header h;
    struct cove_buf out;
    struct cove_id id;

    ck_assert_int_eq(cove_header_decode(golden, &h, NULL), 0);
    h.meta = cove_bytes("\xa0", 1);
    cove_buf_init(&out, &cove_alloc_libc);
    ck_assert_int_eq(cove_header_encode(&h, &out, &id, NULL), 0);
    vectors_assert_equal(cove_buf_bytes(&out), golden);
    cove_buf_clear(&out);
    vectors_free(golden);
}
END_TEST

START_TEST(a_groups_header_gives_the_roles)
{
    static const char *const names[] = {"device.alice.key", "device.bob.key",
                                        "device.carol.key"};
    static const enum cove_role roles[] = {COVE_ROLE_ADMIN, COVE_ROLE_WRITER,
                                           COVE_ROLE_READER};
    struct cove_bytes golden = vectors_get("header.group");
    struct cove_header h;
    struct cove_key key;

    ck_assert_int_eq(cove_header_decode(golden, &h, NULL), 0);
    for (size_t i = 0; i < COVE_ARRAY_LEN(names); i++) {
        vectors_copy(names[i], key.b, sizeof(key.b));
        ck_assert_int_eq(cove_header_role(&h, &key), roles[i]);
    }
    key.b[0] ^= 1;
    ck_assert_int_eq(cove_header_role(&h, &key), COVE_ROLE_NONE);
    vectors_free(golden);
    golden = vectors_get("header.comap");
    ck_assert_int_eq(cove_header_decode(golden, &h, NULL), 0);
    ck_assert_int_eq(cove_header_role(&h, &key), COVE_ROLE_NONE);
    vectors_free(golden);
}
END_TEST

START_TEST(roles_and_types_have_names)
{
    enum cove_role role = COVE_ROLE_NONE;

    for (int i = COVE_ROLE_READER; i <= COVE_ROLE_ADMIN; i++) {
        const char *name = cove_role_name((enum cove_role)i);

        ck_assert_int_eq(cove_role_parse(name, &role), 0);
        ck_assert_int_eq(role, i);
    }
    ck_assert_int_eq(cove_role_parse("none", &role), COVE_EUSAGE);
    ck_assert_int_eq(cove_role_parse("", &role), COVE_EUSAGE);
    ck_assert_int_eq(cove_role_parse("Admin", &role), COVE_EUSAGE);
    ck_assert_int_eq(role, COVE_ROLE_ADMIN);
    ck_assert_str_eq(cove_role_name(COVE_ROLE_NONE), "none");
    ck_assert_str_eq(cove_doc_type_name(COVE_DOC_COCOUNTER), "cocounter");
    ck_assert_str_eq(cove_doc_type_name(COVE_DOC_UNKNOWN), "unknown");
}
END_TEST

/* Made behind another one, it is what decode says of it. */
static void assert_made(const struct cove_header *h,
                        struct cove_header_last *last)
{
    struct cove_header_made made;
    struct cove_header_made again;
    struct cove_arena arena;

    cove_arena_init(&arena, &cove_alloc_libc);
    ck_assert_int_eq(cove_header_make(h, last, &arena, &made, NULL), 0);
    memset(&again, 0, sizeof(again));
    ck_assert_int_eq(cove_header_decode(made.bytes, &again.header, NULL), 0);
    ck_assert_int_eq(made.header.type, again.header.type);
    ck_assert(made.header.type_name.at == again.header.type_name.at);
    ck_assert_uint_eq(made.header.type_name.len, again.header.type_name.len);
    ck_assert(made.header.meta.at == again.header.meta.at);
    ck_assert_uint_eq(made.header.meta.len, again.header.meta.len);
    ck_assert(made.header.nonce.at == again.header.nonce.at);
    ck_assert_mem_eq(&made.header.owner, &again.header.owner, 32);
    ck_assert(made.header.has_created == again.header.has_created);
    ck_assert_int_eq(made.header.created_ms, again.header.created_ms);
    ck_assert(made.header.has_schema == again.header.has_schema);
    ck_assert_mem_eq(&made.header.schema, &again.header.schema, 32);
    ck_assert_int_eq(made.header.schema_version, again.header.schema_version);
    again.id = cove_header_id(made.bytes);
    ck_assert_mem_eq(&made.id, &again.id, sizeof(made.id));
    cove_arena_clear(&arena);
}

START_TEST(a_header_like_the_last_one_is_what_decode_says_of_it)
{
    static const uint8_t other_meta[] = {0xa1, 0x61, 'a', 1};
    static const int64_t times[] = {0, 1, 1000, INT64_C(1) << 40};
    struct cove_bytes golden = vectors_get("header.comap");
    struct cove_header_last last = {.header = {0}};
    struct cove_header_made made = {.bytes = {NULL, 0}};
    uint8_t nonce[16] = {0};
    struct cove_arena arena;
    struct cove_header h;

    ck_assert_int_eq(cove_header_decode(golden, &h, NULL), 0);
    h.nonce = cove_bytes(nonce, sizeof(nonce));
    for (size_t i = 0; i < COVE_ARRAY_LEN(times); i++) {
        nonce[0]++;
        h.owner.b[0]++;
        h.created_ms = times[i];
        assert_made(&h, &last);
    }
    h.meta = cove_bytes(other_meta, sizeof(other_meta));
    assert_made(&h, &last);
    nonce[0]++;
    assert_made(&h, &last);
    h.has_created = false;
    assert_made(&h, &last);
    h.has_created = true;

    cove_arena_init(&arena, &cove_alloc_libc);
    h.created_ms = -1;
    ck_assert_int_eq(cove_header_make(&h, &last, &arena, &made, NULL),
                     COVE_EUSAGE);
    h.created_ms = INT64_C(1) << 47;
    ck_assert_int_eq(cove_header_make(&h, &last, &arena, &made, NULL),
                     COVE_EUSAGE);
    h.created_ms = 1;
    h.nonce.len = 15;
    ck_assert_int_eq(cove_header_make(&h, &last, &arena, &made, NULL),
                     COVE_EUSAGE);
    ck_assert(made.bytes.at == NULL);
    cove_arena_clear(&arena);
    vectors_free(golden);
}
END_TEST

START_TEST(running_out_of_memory_changes_nothing)
{
    struct cove_bytes golden = vectors_get("header.comap");
    struct cove_header h;
    int err = COVE_ENOMEM;

    ck_assert_int_eq(cove_header_decode(golden, &h, NULL), 0);
    for (long fail_at = 1; err != 0; fail_at++) {
        struct harness_alloc alloc;
        struct cove_buf out;
        struct cove_id id = {{7}};

        ck_assert_int_lt(fail_at, 100);
        harness_alloc_init(&alloc, fail_at);
        cove_buf_init(&out, &alloc.alloc);
        err = cove_header_encode(&h, &out, &id, NULL);
        if (err != 0) {
            ck_assert_int_eq(err, COVE_ENOMEM);
            ck_assert_uint_eq(out.len, 0);
            ck_assert_uint_eq(id.b[0], 7);
        } else {
            ck_assert_int_gt(fail_at, 1);
        }
        cove_buf_clear(&out);
        ck_assert_int_eq(alloc.alive, 0);
    }
    vectors_free(golden);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("header");
    TCase *tc = tcase_create("header");

    tcase_add_test(tc, golden_headers_encode_again_to_the_same_bytes_and_id);
    tcase_add_test(tc, a_golden_header_gives_every_field);
    tcase_add_test(tc, what_a_newer_version_wrote_is_accepted_and_marked);
    tcase_add_test(tc, each_refusal_names_the_field_and_the_rule);
    tcase_add_test(tc, what_the_rules_allow_is_accepted);
    tcase_add_test(tc, every_truncation_and_a_byte_more_is_refused);
    tcase_add_test(tc, no_flipped_bit_leaves_the_id);
    tcase_add_test(tc, a_header_that_is_no_map_with_text_keys_is_refused);
    tcase_add_test(tc, a_header_has_at_most_4096_bytes);
    tcase_add_test(tc, what_decode_would_refuse_is_not_written);
    tcase_add_test(tc, an_empty_meta_is_left_out);
    tcase_add_test(tc, a_groups_header_gives_the_roles);
    tcase_add_test(tc, roles_and_types_have_names);
    tcase_add_test(tc, a_header_like_the_last_one_is_what_decode_says_of_it);
    tcase_add_test(tc, running_out_of_memory_changes_nothing);
    suite_add_tcase(suite, tc);
    return harness_run(suite);
}
