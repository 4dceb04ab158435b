/* "host:port", "[v6]:port" and ":port", and what a socket calls itself. */
#include "sync/edge_uv_internal.h"

#include <stdio.h>
#include <stdlib.h>

static bool address_port(const char *text)
{
    size_t len = strlen(text);

    return len >= 1 && len <= 5 && strspn(text, "0123456789") == len &&
           strtol(text, NULL, 10) <= 65535;
}

int edge_address_parse(const char *text, struct edge_address *out)
{
    bool bracket = text[0] == '[';
    const char *host = bracket ? text + 1 : text;
    const char *end = bracket ? strchr(text, ']') : strrchr(text, ':');

    if (end == NULL || (bracket && end[1] != ':')) {
        return COVE_EUSAGE;
    }

    const char *port = bracket ? end + 2 : end + 1;
    size_t len = (size_t)(end - host);

    /* A v6 address without brackets does not say where its port begins. */
    if (!address_port(port) || len >= sizeof(out->host) ||
        (!bracket && memchr(host, ':', len) != NULL) || (bracket && len == 0)) {
        return COVE_EUSAGE;
    }
    memcpy(out->host, host, len);
    out->host[len] = '\0';
    snprintf(out->port, sizeof(out->port), "%s", port);
    return 0;
}

bool edge_address_numeric(const struct edge_address *address,
                          struct sockaddr_storage *out)
{
    const char *host = address->host[0] != '\0' ? address->host : "::";
    int port = (int)strtol(address->port, NULL, 10);
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    memset(out, 0, sizeof(*out));
    if (uv_ip4_addr(host, port, &v4) == 0) {
        memcpy(out, &v4, sizeof(v4));
        return true;
    }
    if (uv_ip6_addr(host, port, &v6) == 0) {
        memcpy(out, &v6, sizeof(v6));
        return true;
    }
    return false;
}

void edge_address_text(const struct sockaddr *address, char *out, size_t len)
{
    char host[64] = "?";
    unsigned port = 0;

    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;

        memcpy(&v4, address, sizeof(v4));
        uv_ip4_name(&v4, host, sizeof(host));
        port = ntohs(v4.sin_port);
        snprintf(out, len, "%s:%u", host, port);
    } else {
        struct sockaddr_in6 v6;

        memcpy(&v6, address, sizeof(v6));
        uv_ip6_name(&v6, host, sizeof(host));
        port = ntohs(v6.sin6_port);
        snprintf(out, len, "[%s]:%u", host, port);
    }
}

void edge_address_ip(const struct sockaddr *address, uint8_t out[16])
{
    memset(out, 0, 16);
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;

        memcpy(&v4, address, sizeof(v4));
        out[10] = 0xff;
        out[11] = 0xff;
        memcpy(out + 12, &v4.sin_addr, 4);
    } else if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;

        memcpy(&v6, address, sizeof(v6));
        memcpy(out, &v6.sin6_addr, 16);
    }
}
