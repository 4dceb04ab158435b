/* error.h: the error codes of Cove, one list for every layer.
 *
 * A function that can fail returns 0 or one of these, all of them negative.
 * A code says what kind of thing happened; the sentence that names the
 * document, the field and what to do about it is cove_errmsg().
 */
#ifndef COVE_ERROR_H
#define COVE_ERROR_H

/* name, number, what it means */
#define COVE_ERRORS(X)                                                         \
    X(COVE_ENOMEM, -1, "out of memory")                                        \
    X(COVE_EIO, -2, "input or output failed")                                  \
    X(COVE_ENOSPC, -3, "no space left on the disk or in the store's map")      \
    X(COVE_EACCES, -4, "the operating system denied access")                   \
    X(COVE_ENOTSTORE, -5, "this is no Cove store")                             \
    X(COVE_ENEWER, -6, "written by a newer version of Cove")                   \
    X(COVE_ECORRUPT, -7, "the store is damaged")                               \
    X(COVE_EBUSY, -8, "in use")                                                \
    X(COVE_EUSAGE, -9, "wrong argument")                                       \
    X(COVE_ENOTFOUND, -10, "not found")                                        \
    X(COVE_EAMBIGUOUS, -11, "the prefix names more than one document")         \
    X(COVE_EEXIST, -12, "exists already")                                      \
    X(COVE_ELIMIT, -13, "beyond a limit")                                      \
    X(COVE_EFORMAT, -14, "not well-formed")                                    \
    X(COVE_EHASH, -15, "does not match its hash")                              \
    X(COVE_ESIGNATURE, -16, "the signature is wrong")                          \
    X(COVE_EGAP, -17, "a part of the log is missing")                          \
    X(COVE_EFORK, -18, "two logs claim the same place")                        \
    X(COVE_EDENIED, -19, "no right to do this")                                \
    X(COVE_ECLOCK, -20, "the clock is wrong")                                  \
    X(COVE_EIMMUTABLE, -21, "this can never change")                           \
    X(COVE_ERESERVED, -22, "a reserved name")                                  \
    X(COVE_ETYPE, -23, "another type")                                         \
    X(COVE_ESCHEMA, -24, "breaks the schema")                                  \
    X(COVE_EKEYWORD, -25, "a JSON Schema keyword that is not supported")       \
    X(COVE_EINVALID, -26, "the value did not convert")                         \
    X(COVE_EJSON, -27, "not valid JSON")                                       \
    X(COVE_ESTEP, -28, "a malformed migration step")                           \
    X(COVE_EBLOCKED, -29, "a migration step is missing")                       \
    X(COVE_EDRIFT, -30, "a published step was edited")                         \
    X(COVE_ECONFLICT, -31, "a step conflicts with one published before")       \
    X(COVE_EHANDSHAKE, -32, "the handshake failed")                            \
    X(COVE_EPEER, -33, "not the expected peer")                                \
    X(COVE_EPROTOCOL, -34, "the peer broke the protocol")                      \
    X(COVE_ENET, -35, "the network failed")                                    \
    X(COVE_EADDRINUSE, -36, "the address is in use")                           \
    X(COVE_ETIMEOUT, -37, "timed out")                                         \
    X(COVE_ECLOSED, -38, "closed")                                             \
    X(COVE_EUNSUPPORTED, -39, "not supported in this version")                 \
    X(COVE_EDESTRUCTIVE, -40, "a destructive change needs consent")            \
    X(COVE_ECONDITION, -41, "the condition was not met")                       \
    X(COVE_ELOST, -42, "the last group of commits was lost")                   \
    X(COVE_EREMOVED, -43, "the document was removed")                          \
    X(COVE_ECUT, -44, "that part of the history was cut off")

#define COVE_ERROR_ENUM(name, number, text) name = (number),
enum cove_error { COVE_OK = 0, COVE_ERRORS(COVE_ERROR_ENUM) };
#undef COVE_ERROR_ENUM

#endif
