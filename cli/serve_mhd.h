/* serve_mhd.h: libmicrohttpd, loaded where it is used. It brings a dozen other
 * libraries, among them a TLS that nobody asked for, and each command would
 * spend half of its start on them. */
#ifndef COVE_CLI_SERVE_MHD_H
#define COVE_CLI_SERVE_MHD_H

#include <microhttpd.h>

#define SERVE_MHD_FUNCTIONS(each)                                              \
    each(add_response_header) each(create_response_from_buffer)                \
        each(destroy_response) each(get_connection_info)                       \
            each(get_connection_values) each(get_daemon_info)                  \
                each(get_timeout) each(lookup_connection_value)                \
                    each(queue_response) each(resume_connection) each(run)     \
                        each(start_daemon) each(stop_daemon)                   \
                            each(suspend_connection)

struct serve_mhd {
#define SERVE_MHD_MEMBER(name) __typeof__(MHD_##name) *(name);
    SERVE_MHD_FUNCTIONS(SERVE_MHD_MEMBER)
#undef SERVE_MHD_MEMBER
};

/* The library's functions; NULL where it is not installed, and *why says so
 * until the next call. It stays loaded. Threads: one. */
const struct serve_mhd *serve_mhd_load(const char **why);

#endif
