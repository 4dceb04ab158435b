#!/usr/bin/env python3
"""/metrics, /healthz and /readyz of a real daemon: what they say, and what they
refuse."""
import contextlib
import fcntl
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time

from daemon_kit import HTTP_DEADLINE, Manager, frozen, get, http_port, logged, raw, serve
from node_kit import ENV, STARTED, Skipped, check, converge, link, main, nodes_of, until

SAMPLE = re.compile(r'^(cove_[a-z_]+)(\{(?:[a-z]+="(?:[^"\\\n]|\\[\\"n])*",?)*\})? '
                    r'-?\d+(?:\.\d+)?$')


def up(node, *flags, **env):
    """The daemon with its port, and the port."""
    serve(node, "--http", "127.0.0.1:0", *flags, **env)
    return http_port(node)


def metrics(port):
    """{name with labels: value}, and the text is checked line by line."""
    status, text = get(port, "/metrics")
    check(status == 200, status, text)
    helped, typed, values = set(), {}, {}
    check(text.endswith("\n"), "the last line ends")
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name = line.split()[2]
            check(name not in helped, "two HELP lines", name)
            helped.add(name)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            check(name in helped and name not in typed and kind in ("gauge", "counter"), line)
            check((kind == "counter") == name.endswith("_total"), "counters end in _total", line)
            typed[name] = kind
        else:
            found = SAMPLE.match(line)
            check(found and found[1] in typed, "no sample of a metric", line)
            series, value = line.rsplit(" ", 1)
            check(series not in values, "twice", series)
            values[series] = float(value)
    return values


def memory(node):
    """Resident bytes of the daemon."""
    with open(f"/proc/{node.daemon.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# ------------------------------------------------------------------------ served
def metrics_are_in_the_format_of_prometheus_and_say_what_stats_says(cove):
    """Of the store, the connections and each peer."""
    with nodes_of(cove, "a", "b") as (a, b):
        group = a.json("new", "group", "--member", f"{b.key}=writer")["id"]
        port = up(a)
        serve(b)
        b.knows(a)
        a.run("peer", "add", b.key, "--name", 'b "the\n\\second\x1b')
        a.new("--owner", group, "n:=0")
        converge([a, b])
        values = until("b is connected", lambda: (
            lambda v: v if v["cove_sync_connections"] == 1 else None)(metrics(port)))
        stats = a.json("stats")
        peer = f'{{peer="{b.key[:16]}"}}'
        check(values["cove_store_file_bytes"] == stats["file"], "file", values)
        check(values["cove_store_documents"] == stats["held"], "documents", stats)
        for part, size in stats["bytes"].items():
            check(f'cove_store_bytes{{part="{part}"}}' in values, part, size)
        check(values["cove_ready"] == 1 and values["cove_sync_accepted_total"] >= 1, values)
        check(values[f"cove_peer_unsent_documents{peer}"] == 0, values)
        check(values[f"cove_peer_lag_seconds{peer}"] == 0, values)
        check(values["cove_sync_open"] == 0 and values["cove_guests"] == 0, values)
        check(values[f"cove_peer_sent_documents_total{peer}"] > 0, values)
        check(sum(value for series, value in values.items()
                  if series.startswith("cove_peer_state{")) == 1, "one state")
        named = [series for series in values if series.startswith("cove_peer{")]
        check(len(named) == 1 and r'name="b \"the\n\\second?"' in named[0], named)
        check(values["cove_sync_loop_age_seconds"] < 60, values)


def health_and_readiness_tell_what_they_should(cove):
    """Both with HEAD too; while it drains it lives and is not ready."""
    with nodes_of(cove, "a", "b") as (a, b):
        a.json("new", "group", "--member", f"{b.key}=writer")
        port = up(a)
        serve(b)
        link(b, a)
        converge([a, b])
        check(get(port, "/healthz") == (200, "ok\n"), "health")
        check(get(port, "/readyz") == (200, "ready\n"), "ready")
        check(get(port, "/readyz", "HEAD") == (200, ""), "HEAD")
        check(get(port, "/metrics", "HEAD")[0] == 200, "HEAD of what is made")
        status, text = get(port, "/other")
        check(status == 404 and "/metrics" in text, status, text)
        with frozen(b):                             # its goodbye is waited for
            a.daemon.send_signal(signal.SIGTERM)
            logged(a, "ending")
            check(get(port, "/healthz")[0] == 200, "it lives")
            check(get(port, "/readyz") == (503, "the daemon is ending\n"), "not ready")
            check(get(port, "/metrics")[0] == 503, "the store is let go")
            check(a.gone() == 0, "and ends well")


def while_the_store_is_opened_it_lives_and_is_not_ready(cove):
    """And the service manager hears that it needs more time."""
    with nodes_of(cove, "a") as (a,), open(a.dir / "open.lock", "r+b") as lock:
        # As who makes the file anew: whoever opens the store waits.
        fcntl.fcntl(lock, fcntl.F_OFD_SETLK,
                    struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 1, 1 << 31, 0))
        manager = Manager(a.dir.parent / "notify")
        a.log.write_text("")
        with open(a.log, "a", encoding="utf-8") as log:
            a.daemon = subprocess.Popen(
                a.command("serve", "--http", "127.0.0.1:0"), encoding="utf-8", stderr=log,
                env={**ENV, "NOTIFY_SOCKET": manager.path}, stdout=subprocess.PIPE)
        STARTED.append(a.daemon)
        port = int(logged(a, "http", "metrics and health on")["msg"].rsplit(":", 1)[1])
        check(get(port, "/healthz") == (200, "ok\n"), "it lives")
        for path in ("/readyz", "/metrics"):
            check(get(port, path) == (503, "the store is being opened\n"), path)
        check(int(manager.until("EXTEND_TIMEOUT_USEC=").split("=")[1]) > 10_000_000, "time")
        fcntl.fcntl(lock, fcntl.F_OFD_SETLK,
                    struct.pack("hhqqi4x", fcntl.F_UNLCK, os.SEEK_SET, 1, 1 << 31, 0))
        until("it is ready", lambda: get(port, "/readyz")[0] == 200)
        manager.until("READY=1")
        a.stop()


def a_store_that_cannot_be_read_is_not_ready_and_says_why(cove):
    """Its pages are gone: it lives, to be asked."""
    with nodes_of(cove, "a") as (a,):
        for number in range(50):
            a.new(f"n:={number}")
        port = up(a)
        path = a.dir / "data.mdb"
        whole = path.stat().st_size
        with open(path, "r+b") as file:
            file.seek(8192)
            file.write(bytes(whole - 8192))
        status, text = until("it is not ready", lambda: (
            lambda got: got if got[0] != 200 else None)(get(port, "/readyz")))
        check(status == 503 and ("cove check" in text or "cannot read" in text), status, text)
        check(get(port, "/healthz")[0] == 200 and a.alive(), "it lives")
        a.kill()


def many_scrapes_at_a_time_are_all_answered(cove):
    """More than there are places wait their turn."""
    with nodes_of(cove, "a") as (a,):
        port = up(a)
        request = f"GET /metrics HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode()
        with contextlib.ExitStack() as stack:
            socks = [stack.enter_context(socket.create_connection(
                ("127.0.0.1", port), timeout=HTTP_DEADLINE)) for _ in range(30)]
            for sock in socks:
                sock.sendall(request)
            for sock in socks:
                got = b""
                while part := sock.recv(65536):
                    got += part
                check(got.startswith(b"HTTP/1.1 200 ") and b"\ncove_ready 1\n" in got, got[:200])
        a.stop()


# ----------------------------------------------------------------------- refused
def other_hosts_methods_and_bodies_are_refused(cove):
    """A35: a web page whose name was pointed here gets nothing."""
    with nodes_of(cove, "a") as (a,):
        port = up(a, "--http-name", "Box.example")
        for host in ("localhost", f"LOCALHOST:{port}", "127.0.0.1", f"[::1]:{port}", "[::1]",
                     "box.example", "box.example:80"):
            check(get(port, "/healthz", host=host)[0] == 200, host)
        for host in ("evil.example", "localhost.evil.example", "evil.example:80", "127.0.0.2",
                     "[::2]", "localhost:", "localhost:x", "", " ", "@localhost", "::1",
                     "l" * 400, "localhost:99999"):
            for path in ("/healthz", "/readyz", "/metrics"):
                status, text = get(port, path, host=host)
                check(status in (400, 403) and "cove_" not in text, host, status, text)
        line = b"GET /metrics HTTP/1.1\r\n"
        two = b"Host: localhost\r\nHost: evil.example\r\n\r\n"
        check(b" 403 " in raw(port, line + two)[:20], "two Hosts")
        check(b" 403 " in raw(port, b"GET /metrics HTTP/1.0\r\n\r\n")[:20], "none, as in 1.0")
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH", "get",
                       "NONSENSE"):
            status, _ = get(port, "/metrics", method)
            check(status in (400, 405), method, status)
        check(get(port, "/metrics", body=b"x" * 100)[0] == 413, "a body")
        check(b" 413 " in raw(port, line, b"Host: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
              [:20], "a body in pieces")
        check(get(port, "/healthz")[0] == 200, "and it lives")


def without_the_token_nothing_is_said(cove):
    """A35: where one is set; and SIGHUP sets another."""
    with nodes_of(cove, "a") as (a,):
        token, other = "0123456789abcdef", "fedcba9876543210"
        conf = a.dir / "serve.conf"
        conf.write_text(f"http-token = {token}\n")
        port = up(a)
        for given in (None, "Bearer", "Bearer ", f"Bearer {other}", f"Bearer {token}0",
                      f"Bearer {token[:-1]}", f"Basic {token}", token, "Bearer " + "x" * 5000):
            headers = {} if given is None else {"Authorization": given}
            for path in ("/metrics", "/healthz", "/readyz", "/other"):
                status, text = get(port, path, **headers)
                check(status == 401 and "cove_" not in text, given, path, status)
        check(get(port, "/metrics", Authorization=f"Bearer {token}")[0] == 200, "with it")
        conf.write_text(f"http-token = {other}\n")
        a.daemon.send_signal(signal.SIGHUP)
        logged(a, "reload", "settings read, 1 changed")
        check(get(port, "/metrics", Authorization=f"Bearer {token}")[0] == 401, "the old one")
        check(get(port, "/metrics", Authorization=f"Bearer {other}")[0] == 200, "the new one")
        check(token not in a.log.read_text() and other not in a.log.read_text(), "not in the log")


def long_lines_and_ten_thousand_headers_cost_a_bounded_memory(cove):
    """A35: each is refused, and the next one served."""
    with nodes_of(cove, "a") as (a,):
        port = up(a)
        get(port, "/metrics")
        before = memory(a)
        line, host = b"GET /metrics HTTP/1.1\r\n", b"Host: localhost\r\n"
        many = b"".join(b"X-%d: y\r\n" % n for n in range(10000))
        for parts in ([b"GET /" + b"a" * (8 << 20) + b" HTTP/1.1\r\n" + host + b"\r\n"],
                      [b"G" * (8 << 20)], [line + host + many + b"\r\n"],
                      [line + host + b"Cookie: " + b"c" * (8 << 20) + b"\r\n\r\n"],
                      [b"\0" * 100000], [b"\xff" * 100000], [b"\r\n" * 500000],
                      [b"GET  HTTP/1.1\r\n\r\n"], [b"cove\x00\x01\x00\x00" + bytes(8)]):
            got = raw(port, *parts)
            check(not got.startswith(b"HTTP/1.1 200"), parts[0][:30], got[:200])
            check(b"cove_" not in got, "it was answered", got[:200])
        for _ in range(40):                         # and gone in the middle
            sock = socket.create_connection(("127.0.0.1", port), timeout=HTTP_DEADLINE)
            sock.sendall(line)
            sock.close()
        check(get(port, "/healthz")[0] == 200 and metrics(port)["cove_ready"] == 1, "served")
        grown = memory(a) - before
        check(grown < 8 << 20, f"the daemon grew by {grown >> 10} KiB")
        return f"the daemon grew by {grown >> 10} KiB"


def who_drips_or_says_nothing_is_closed_and_keeps_nobody_out_for_long(cove):
    """A35: all places taken by what never ends."""
    with nodes_of(cove, "a") as (a,):
        port = up(a)
        with contextlib.ExitStack() as stack:
            socks = [stack.enter_context(socket.create_connection(
                ("127.0.0.1", port), timeout=HTTP_DEADLINE)) for _ in range(16)]
            start = time.monotonic()

            def dripped():
                for sock in socks[::2]:
                    with contextlib.suppress(OSError):
                        sock.sendall(b"G")
                with contextlib.suppress(OSError):
                    return get(port, "/healthz")[0] == 200
                return False
            until("a place is free", dripped, pause=0.1)
            took = time.monotonic() - start
        check(took < 20, f"{took:.1f} s")
        return f"a place after {took:.1f} s"


def a_port_of_ipv6_is_served(cove):
    """And said with its brackets."""
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError as why:
        raise Skipped(why) from why
    with nodes_of(cove, "a") as (a,):
        serve(a, "--http", "[::1]:0")
        port = http_port(a)
        with socket.create_connection(("::1", port), timeout=HTTP_DEADLINE) as sock:
            sock.sendall(f"GET /healthz HTTP/1.1\r\nHost: [::1]:{port}\r\n\r\n".encode())
            check(sock.recv(12) == b"HTTP/1.1 200", "served")


def what_others_reach_is_said_loudly_and_a_port_that_is_taken_is_named(cove):
    """http-public and the token were asked for by the settings' check."""
    with nodes_of(cove, "a") as (a,):
        serve(a, "--http", "0.0.0.0:0", "--http-public", "yes",
              COVE_HTTP_TOKEN="0123456789abcdef")
        port = http_port(a)
        logged(a, "http", "OTHER MACHINES REACH THIS PORT", level="warn")
        check(get(port, "/healthz", Authorization="Bearer 0123456789abcdef")[0] == 200, "served")
        a.stop()
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            # not a.call(): with sanitizers that one is a build without the library
            done = subprocess.run(a.command("serve", "--http", address), env=ENV,
                                  capture_output=True, encoding="utf-8", check=False)
        check(done.returncode == 6 and address in done.stderr and "in use" in done.stderr,
              done.returncode, done.stderr)
        return None


def a_build_without_the_library_refuses_http_and_serves_all_else(_):
    """By name, with where it was set."""
    cove = os.environ["COVE_WITHOUT_HTTP"]
    with nodes_of(cove, "a") as (a,):
        done = subprocess.run(a.command("serve"), env={**ENV, "COVE_HTTP": "127.0.0.1:0"},
                              capture_output=True, encoding="utf-8", check=False)
        check(done.returncode == 9 and "COVE_HTTP: http = 127.0.0.1:0: this cove was built "
              "without HTTP (libmicrohttpd" in done.stderr, done.returncode, done.stderr)
        serve(a)
        check(a.json("stats")["daemon"]["ready"], "served")


if __name__ == "__main__":
    sys.exit(main([
        metrics_are_in_the_format_of_prometheus_and_say_what_stats_says,
        health_and_readiness_tell_what_they_should,
        while_the_store_is_opened_it_lives_and_is_not_ready,
        a_store_that_cannot_be_read_is_not_ready_and_says_why,
        many_scrapes_at_a_time_are_all_answered,
        other_hosts_methods_and_bodies_are_refused,
        without_the_token_nothing_is_said,
        long_lines_and_ten_thousand_headers_cost_a_bounded_memory,
        who_drips_or_says_nothing_is_closed_and_keeps_nobody_out_for_long,
        a_port_of_ipv6_is_served,
        what_others_reach_is_said_loudly_and_a_port_that_is_taken_is_named,
        a_build_without_the_library_refuses_http_and_serves_all_else,
    ]))
