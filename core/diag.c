#include "core/diag.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/bytes.h"
#include "core/utf8.h"

#define ELLIPSIS "\xe2\x80\xa6"

/* Write one character of a sentence as it may appear on a terminal: control
 * characters (C0, DEL, C1) and bytes that are no UTF-8 as \xNN. Returns how
 * many bytes of `in` were used; `piece` is NUL-terminated. */
static size_t diag_piece(struct cove_bytes in, char piece[8])
{
    size_t len = 1;

    while (len < 4 && len < in.len && (in.at[len] & 0xc0) == 0x80) {
        len++;
    }

    bool c1 = in.len > 1 && in.at[0] == 0xc2 && in.at[1] < 0xa0;
    bool plain = in.at[0] >= 0x20 && in.at[0] != 0x7f && !c1 &&
                 cove_utf8_valid(cove_bytes(in.at, len));

    if (plain) {
        memcpy(piece, in.at, len);
        piece[len] = '\0';
        return len;
    }
    if (in.at[0] == '\n') {
        memcpy(piece, "\\n", 3);
    } else {
        snprintf(piece, 8, "\\x%02x", in.at[0]);
    }
    return 1;
}

/* Copy `in` escaped to out; what does not fit is cut, with an ellipsis. */
static void diag_escape(struct cove_bytes in, char *out, size_t cap)
{
    size_t len = 0;
    size_t mark = 0; /* up to where an ellipsis fits behind it */

    while (in.len > 0) {
        char piece[8];
        size_t used = diag_piece(in, piece);
        size_t wide = strlen(piece);

        if (len + wide >= cap) {
            memcpy(out + mark, ELLIPSIS, sizeof(ELLIPSIS));
            return;
        }
        memcpy(out + len, piece, wide);
        len += wide;
        mark = len <= cap - sizeof(ELLIPSIS) ? len : mark;
        in.at += used;
        in.len -= used;
    }
    out[len] = '\0';
}

__attribute__((format(printf, 2, 0))) static void diag_format(
    struct cove_diag *diag, const char *format, va_list args)
{
    /* Longer than what fits: what is cut here would be cut there anyway. */
    char raw[2 * sizeof(diag->text)];
    int len = vsnprintf(raw, sizeof(raw), format, args);
    size_t have = len < 0 ? 0 : (size_t)len;

    have = have < sizeof(raw) ? have : sizeof(raw) - 1;
    diag_escape(cove_bytes(raw, have), diag->text, sizeof(diag->text));
}

int cove_fail(struct cove_diag *diag, int code, const char *format, ...)
{
    if (diag != NULL && diag->code == 0) {
        va_list args;

        diag->code = code;
        va_start(args, format);
        diag_format(diag, format, args);
        va_end(args);
    }
    return code;
}

void cove_diag_context(struct cove_diag *diag, const char *format, ...)
{
    if (diag == NULL || diag->code == 0) {
        return;
    }

    struct cove_diag outer = {0};
    char whole[2 * sizeof(diag->text) + 4];
    va_list args;

    va_start(args, format);
    diag_format(&outer, format, args);
    va_end(args);

    /* Both sides are escaped already; a backslash is no control byte, so that
     * going through once more changes nothing and only cuts. */
    int len = snprintf(whole, sizeof(whole), "%s: %s", outer.text, diag->text);

    diag_escape(cove_bytes(whole, (size_t)len), diag->text, sizeof(diag->text));
}

void cove_diag_clear(struct cove_diag *diag)
{
    if (diag != NULL) {
        diag->code = 0;
        diag->text[0] = '\0';
    }
}

const char *cove_error_text(int code)
{
    switch (code) {
#define ERROR_TEXT(name, number, text)                                         \
    case number:                                                               \
        return text;
        COVE_ERRORS(ERROR_TEXT)
#undef ERROR_TEXT
    case 0:
        return "no error";
    default:
        return "unknown error";
    }
}

const char *cove_error_name(int code)
{
    switch (code) {
#define ERROR_NAME(name, number, text)                                         \
    case number:                                                               \
        return #name;
        COVE_ERRORS(ERROR_NAME)
#undef ERROR_NAME
    case 0:
        return "COVE_OK";
    default:
        return "COVE_E?";
    }
}
