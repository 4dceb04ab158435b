#include "core/grapheme.h"

#include "core/utf8.h"

#ifdef COVE_GRAPHEMES

#include <utf8proc.h>

const char *cove_grapheme_version(void)
{
    return utf8proc_unicode_version();
}

static int grapheme_ready(struct cove_diag *diag)
{
    (void)diag;
    return 0;
}

/* Is there a boundary between two neighbours? *state is 0 at the first two of a
 * cluster; it remembers flags and emoji that go on over several. */
static bool grapheme_breaks(uint32_t left, uint32_t right, int32_t *state)
{
    return utf8proc_grapheme_break_stateful((utf8proc_int32_t)left,
                                            (utf8proc_int32_t)right, state);
}

#else

const char *cove_grapheme_version(void)
{
    return NULL;
}

static int grapheme_ready(struct cove_diag *diag)
{
    return cove_fail(diag, COVE_EUNSUPPORTED,
                     "this build of Cove cannot tell grapheme clusters apart: "
                     "it was made without utf8proc; install libutf8proc-dev "
                     "and build with meson setup -Dgraphemes=enabled");
}

/* Never asked: grapheme_ready refuses first. */
static bool grapheme_breaks(uint32_t left, uint32_t right, int32_t *state)
{
    (void)left;
    (void)right;
    (void)state;
    return true;
}

#endif

static int grapheme_decode(struct cove_bytes text, size_t offset, uint32_t *out,
                           size_t *len, struct cove_diag *diag)
{
    *len = cove_utf8_decode(text, offset, out);
    if (*len == 0) {
        return cove_fail(diag, COVE_EFORMAT,
                         "the text is not UTF-8 at offset %zu", offset);
    }
    return 0;
}

/* The end of the cluster at `offset`, which is below text.len. */
static int grapheme_end(struct cove_bytes text, size_t offset, size_t *end,
                        struct cove_diag *diag)
{
    uint32_t left = 0;
    uint32_t right = 0;
    int32_t state = 0;
    size_t len;
    int err = grapheme_decode(text, offset, &left, &len, diag);

    for (offset += len; err == 0 && offset < text.len; offset += len) {
        /* Between two of ASCII only CR LF holds together; most text is that. */
        if (left < 0x80 && text.at[offset] < 0x80 && left != '\r') {
            break;
        }
        err = grapheme_decode(text, offset, &right, &len, diag);
        if (err == 0 && grapheme_breaks(left, right, &state)) {
            break;
        }
        left = right;
    }
    if (err == 0) {
        *end = offset;
    }
    return err;
}

int cove_grapheme_next(struct cove_bytes text, size_t offset, size_t *next,
                       struct cove_diag *diag)
{
    int err = grapheme_ready(diag);

    if (err != 0) {
        return err;
    }
    if (offset >= text.len) {
        return cove_fail(diag, COVE_EUSAGE,
                         "no grapheme cluster begins at offset %zu of %zu",
                         offset, text.len);
    }
    return grapheme_end(text, offset, next, diag);
}

/* Walk on from the start until `offset` bytes or `n` clusters are behind, and
 * give both. */
static int grapheme_walk(struct cove_bytes text, size_t *offset, size_t *n,
                         struct cove_diag *diag)
{
    size_t at = 0;
    size_t count = 0;
    int err = grapheme_ready(diag);

    while (err == 0 && at < text.len && at < *offset && count < *n) {
        err = grapheme_end(text, at, &at, diag);
        count++;
    }
    if (err == 0) {
        *offset = at;
        *n = count;
    }
    return err;
}

int cove_grapheme_count(struct cove_bytes text, size_t *count,
                        struct cove_diag *diag)
{
    size_t end = text.len;
    size_t n = SIZE_MAX;
    int err = grapheme_walk(text, &end, &n, diag);

    if (err == 0) {
        *count = n;
    }
    return err;
}

int cove_grapheme_offset(struct cove_bytes text, size_t n, size_t *offset,
                         struct cove_diag *diag)
{
    size_t end = text.len;
    size_t found = n;
    int err = grapheme_walk(text, &end, &found, diag);

    if (err != 0) {
        return err;
    }
    if (found < n) {
        return cove_fail(diag, COVE_EUSAGE,
                         "the text has %zu grapheme clusters, not %zu", found,
                         n);
    }
    *offset = end;
    return 0;
}

int cove_grapheme_index(struct cove_bytes text, size_t offset, size_t *n,
                        struct cove_diag *diag)
{
    size_t end = offset;
    size_t found = SIZE_MAX;
    int err = grapheme_walk(text, &end, &found, diag);

    if (err != 0) {
        return err;
    }
    if (end != offset) {
        return cove_fail(diag, COVE_EUSAGE,
                         "offset %zu is no boundary of a grapheme cluster",
                         offset);
    }
    *n = found;
    return 0;
}
