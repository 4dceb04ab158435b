/* serve_http_none.c: in the place of serve_http.c, where the command was built
 * without libmicrohttpd. */
#include "cli/serve.h"

int serve_http_open(struct serve *serve, struct serve_http **out)
{
    (void)out;
    return cli_fail(CLI_INVALID,
                    "%s: http = %s: this cove was built without HTTP "
                    "(libmicrohttpd; meson's option http)",
                    serve->config.of[SERVE_HTTP].place,
                    serve->config.of[SERVE_HTTP].value);
}

const char *serve_http_address(const struct serve_http *http)
{
    (void)http;
    return "";
}

void serve_http_close(struct serve_http *http)
{
    (void)http;
}
