#!/usr/bin/env python3
"""The daemon as its users start, ask, reload and end it: settings, signals, the
log, the service manager, the socket."""
import configparser
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

from daemon_kit import Ask, Manager, frozen, logged, records, serve
from node_kit import ENV, Skipped, check, converge, link, main, nodes_of, until

UNIT = pathlib.Path(__file__).resolve().parents[2] / "dist" / "cove.service.in"
SETTINGS = ["listen", "open", "level", "log-format", "log-level", "http", "http-name", "http-token",
            "http-public", "socket", "drain-ms", "quota-docs", "quota-mib", "compact-days",
            "scrub", "history-days", "history-bytes"]


def config(node, *flags, text=None, code=0, **env):
    """--check-config: the settings, or what it says where it must fail."""
    path = node.dir / "serve.conf"
    if isinstance(text, bytes):
        path.write_bytes(text)
    elif text is not None:
        path.write_text(text, "utf-8")
    done = subprocess.run(node.command("--json", "serve", "--check-config", *flags),
                          env={**ENV, **env}, capture_output=True, encoding="utf-8",
                          errors="replace", check=False)
    check(done.returncode == code, f"exit {done.returncode}, not {code}:", flags, text, env,
          done.stderr)
    return json.loads(done.stdout)["settings"] if code == 0 else done.stderr


# ---------------------------------------------------------------------- settings
def flags_stand_over_the_environment_over_the_file_over_defaults(cove):
    """And each says where it came from; comments and spaces do not matter."""
    with nodes_of(cove, "a") as (a,):
        text = ("# of this machine\r\n\n  log-level=warn   # quieter\nscrub = 7\n"
                "\tdrain-ms =\t900\nlisten = 127.0.0.1:7420 [::1]:7420\n")
        conf = str(a.dir / "serve.conf")
        got = config(a, "--drain-ms", "300", text=text, COVE_DRAIN_MS="600", COVE_SCRUB="9")
        wanted = {"listen": ("127.0.0.1:7420 [::1]:7420", f"{conf}:6"),
                  "log-level": ("warn", f"{conf}:3"), "scrub": ("9", "COVE_SCRUB"),
                  "drain-ms": ("300", "--drain-ms"), "log-format": ("logfmt", "default")}
        for name, (value, place) in wanted.items():
            check(got[name] == {"value": value, "from": place}, name, got[name], value, place)
        check(list(got) == SETTINGS, list(got))
        other = a.dir.parent / "other.conf"
        other.write_text("log-format = json")
        got = config(a, "--config", str(other))
        check(got["log-format"]["from"] == f"{other}:1" and got["scrub"]["value"] == "store",
              "--config stands in the place of serve.conf", got)
        got = config(a, "--listen", "127.0.0.1:1", "--listen", ":2")
        check(got["listen"]["value"] == "127.0.0.1:1 :2", got["listen"])
        plain = a.run("serve", "--check-config")
        check(all(name in plain for name in SETTINGS), plain)
        got = config(a, COVE_HTTP_TOKEN="0123456789abcdef")
        check(got["http-token"]["value"] == "(set)", "a token is not shown", got["http-token"])


def all_that_is_wrong_in_a_file_is_named_with_its_line(cove):
    """Unknown settings, values, lines and repetitions; exit 9."""
    with nodes_of(cove, "a") as (a,):
        text = ("lisen = :1\nlog-level = loud\nscrub = 1\nscrub = 2\njust words\n"
                "drain-ms = 60001\nlevel =\n= 3\n")
        said = config(a, text=text, code=9)
        conf = a.dir / "serve.conf"
        for number, words in ((1, 'no setting "lisen"; there are listen, open, level'),
                              (2, "log-level = loud: one of these words is wanted: debug info"),
                              (4, f"scrub is set a second time; the first is {conf}:3"),
                              (5, '"just words": a line is name = value'),
                              (6, "drain-ms = 60001: a whole number from 0 to 60000"),
                              (7, "level = : one of these words is wanted: full group"),
                              (8, 'no setting ""')):
            check(f"cove: {conf}:{number}: " in said and words in said, number, words, said)
        check(said.count("\n") == 7, "each once", said)
        for broken, words in ((b"level = full\0", "a NUL byte"), (b"\xff = 1", "no text in UTF-8"),
                              (b"level = \x1b[31m", "no text in UTF-8"),
                              (b"#" * 65537, "more than 64 KiB")):
            said = config(a, text=broken, code=9)
            check(words in said and "\x1b" not in said, broken[:20], said)
        config(a, text=b"#" * 65536)
        said = config(a, "--config", str(a.dir / "none.conf"), code=9)
        check("none.conf: No such file" in said, said)
        said = config(a, text="", code=9, COVE_LEVEL="most")
        check("COVE_LEVEL: level = most: one of these" in said, said)
        for flags in (["--level", "most"], ["--scrub"], ["--http-token", "0123456789abcdef"],
                      ["--level", "full", "--level", "group"], ["--nonsense"], ["word"]):
            config(a, *flags, code=2)
        a.run("serve", "--config", str(a.dir / "none.conf"), code=9)


def each_setting_is_bounded_on_both_sides(cove):
    """The last value that will do, and the first that will not."""
    with nodes_of(cove, "a") as (a,):
        token = "t" * 16
        good = {"quota-docs": ["0", "1000000000"], "quota-mib": ["0", "1000000000"],
                "drain-ms": ["0", "60000"], "scrub": ["0", "10000", "store"],
                "history-days": ["0", "36500", "store"],
                "history-bytes": ["0", "1000000000000", "store"],
                "compact-days": ["0", "36500", "store"], "listen": [" ".join([":0"] * 8), ":65535"],
                "http": ["off", "127.0.0.1:0", "[::1]:65535", "localhost:1", "127.1.2.3:1"],
                "http-token": [token, "t" * 256], "http-name": ["a-b.example"],
                "level": ["full", "group"], "log-format": ["json"], "socket": ["off"]}
        bad = {"quota-docs": ["-1", "1000000001"], "quota-mib": ["-1", "1000000001"],
               "drain-ms": ["-1", "60001", "1s", "", "99999999999999999999"],
               "scrub": ["10001", "shop"], "compact-days": ["36501"],
               "history-days": ["36501", "-1"], "history-bytes": ["1000000000001", "64K"],
               "listen": [" ".join([":0"] * 9), ":65536", "here", "::1:7", "[]:7", "[::1]", ""],
               "http": ["on", ":80", "example.org:80", "127.0.0.1:65536", "127.0.0.1"],
               "http-token": ["t" * 15, "t" * 257, "t" * 16 + " t", "tä" * 10],
               "http-name": ["a b", "a/b"], "level": ["Full"], "log-format": ["xml"],
               "socket": ["yes"]}
        for name, values in good.items():
            for value in values:
                config(a, text=f"{name} = {value}\n")
        for name, values in bad.items():
            for value in values:
                said = config(a, text=f"{name} = {value}\n", code=9)
                check(f"serve.conf:1: {name} = " in said, name, value, said)
        said = config(a, text="http = 0.0.0.0:9464\n", code=9)
        check("say http-public = yes" in said, said)
        said = config(a, text="http = 0.0.0.0:9464\nhttp-public = yes\n", code=9)
        check("needs an http-token" in said, said)
        config(a, text=f"http = [::]:9464\nhttp-public = yes\nhttp-token = {token}\n")


def help_has_every_setting_of_the_table(cove):
    """With its default, and what it takes."""
    with nodes_of(cove, "a") as (a,):
        text = a.run("help", "serve")
        for name in config(a):
            check(f"\n  {name} " in text, name, text)
        check("full group (full)" in text and "0 to 60000 (1500)" in text, text)
        check("--check-config" in a.json("help", "serve")["usage"], "as JSON")


# ----------------------------------------------------------------------- signals
def sighup_takes_what_is_live_and_says_what_waits(cove):
    """The others keep their value until the next start."""
    with nodes_of(cove, "a") as (a,):
        serve(a)
        (a.dir / "serve.conf").write_text("log-format = json\nsocket = off\nscrub = 0\n")
        a.daemon.send_signal(signal.SIGHUP)
        logged(a, "reload", "socket changes at the next start, and is on until then",
               level="warn")
        record = logged(a, "reload", "settings read, 3 changed")
        check(a.log.read_text().splitlines()[-1].startswith("{"), "the format changed", record)
        check("daemon" in a.json("stats"), "the socket is there")


def sighup_with_a_wrong_file_changes_nothing_and_logs_why(cove):
    """And what it logs of the file is escaped."""
    with nodes_of(cove, "a") as (a,):
        serve(a)
        (a.dir / "serve.conf").write_text("log-format = json\n\u009b31m\u202e = 2\n", "utf-8")
        a.daemon.send_signal(signal.SIGHUP)
        logged(a, "reload", "serve.conf:2: there is no setting", level="error")
        logged(a, "reload", "the settings stay as they were")
        check("\u009b" not in a.log.read_text("utf-8") and "\u202e" not in a.log.read_text("utf-8"),
              "escaped", a.tail())
        check(a.log.read_text().splitlines()[-1].startswith("ts="), "as it was", a.tail())
        check(a.alive(), "and it lives")


def pair(a, b):
    """Two daemons that are connected."""
    group = a.json("new", "group", "--member", f"{b.key}=writer")["id"]
    serve(a)
    serve(b)
    link(b, a)
    ident = a.new("--owner", group, "n:=0")
    converge([a, b])
    return ident


def sigterm_ends_within_two_seconds_and_the_peer_hears_a_goodbye(cove):
    """Also SIGINT; what was written is there."""
    with nodes_of(cove, "a", "b") as (a, b):
        ident = pair(a, b)
        a.run("set", ident, "n:=1")
        start = time.monotonic()
        a.stop()
        took = time.monotonic() - start
        logged(b, "disconnected", peer=a.key[:16])
        check(logged(a, "ending", "SIGTERM") and logged(a, "ended", "ended in"), "logged")
        check(a.json("peer", "list")["peers"][0]["state"] == "stopped", "as it was left")
        check(not (a.dir / "serve.sock").exists(), "its socket is gone")
        b.daemon.send_signal(signal.SIGINT)
        check(b.gone() == 0, "SIGINT ends it too")
        check(a.fields(ident)["n"] == 1, "what was written")
        check(took < 2, f"{took:.2f} s")
        return f"ended in {took * 1000:.0f} ms"


def a_peer_that_sleeps_does_not_hold_up_the_end(cove):
    """It ends within two seconds all the same."""
    with nodes_of(cove, "a", "b") as (a, b):
        pair(a, b)
        with frozen(b):
            start = time.monotonic()
            a.stop()
            took = time.monotonic() - start
        check(took < 2.5, f"{took:.2f} s")
        return f"ended in {took * 1000:.0f} ms"


def a_second_signal_ends_it_at_once(cove):
    """Without the goodbyes that the first waits for; the store is whole."""
    with nodes_of(cove, "a", "b") as (a, b):
        pair(a, b)
        with frozen(b):
            a.daemon.send_signal(signal.SIGTERM)
            logged(a, "ending")
            a.daemon.send_signal(signal.SIGTERM)
            code = a.gone()
        check(code == 128 + signal.SIGTERM, f"exit {code}")
        logged(a, "ended", "a second signal")
        check(not a.json("check")["damaged"], "whole")


# --------------------------------------------------------------------------- log
def a_line_says_when_how_bad_what_and_whom_it_is_about(cove):
    """In both formats, and never with a raw control byte."""
    with nodes_of(cove, "a", "b") as (a, b):
        group = a.json("new", "group", "--member", f"{b.key}=writer")["id"]
        serve(a, "--log-level", "debug")
        serve(b, "--log-level", "debug", "--log-format", "json")
        link(b, a)
        a.new("--owner", group, "n:=0")
        converge([a, b])
        for node, other in ((a, b), (b, a)):
            check(logged(node, "listening")["address"] == node.address, "its address")
            logged(node, "connected", peer=other.key[:16], level="info")
            logged(node, "in-sync", peer=other.key[:16], level="debug")
        with socket.create_connection(a.address.rsplit(":", 1)) as sock:
            sock.sendall(b"\x1b[2Jno cove")
            mine = "%s:%d" % sock.getsockname()
            sock.settimeout(20)
            with contextlib.suppress(ConnectionResetError):
                sock.recv(10)
        logged(a, "refused", address=mine, level="warn")
        for node in (a, b):
            lines = node.log.read_bytes().splitlines()
            check(len(records(node)) == len(lines), "each line is a record", node.tail())
            check(all(0x20 <= byte != 0x7f for line in lines for byte in line), "raw bytes")


def quiet_logs_errors_alone(cove):
    """-q, or the level that it stands for."""
    with nodes_of(cove, "a") as (a,):
        serve(a, "-q")
        a.stop()
        check(a.log.read_text() == "", a.tail())


def a_name_with_escapes_reaches_no_terminal_raw(cove):
    """A34: Of a peer, in lists, states, metrics' sources and the log."""
    with nodes_of(cove, "a", "b") as (a, b):
        evil = "\x1b]0;owned\x07\u009b31m ../../etc"
        serve(a)
        a.run("peer", "add", b.key, "--name", evil)
        for verb in (["peer", "list"], ["status"], ["stats"]):
            out = a.run(*verb)
            check(not any(ord(c) < 0x20 and c != "\n" or 0x7f <= ord(c) < 0xa0 for c in out),
                  verb, out)
        check(a.json("peer", "list")["peers"][0]["name"] == evil, "as it is, in JSON")
        a.run("get", "../../etc/passwd", code=9)
        check(b"\x1b" not in a.log.read_bytes(), "the log")


# --------------------------------------------------------------- service manager
def the_service_manager_hears_ready_watchdog_reload_and_stop(cove):
    """sd_notify's words, to a path and to an abstract name."""
    with nodes_of(cove, "a") as (a,):
        for path in (a.dir.parent / "notify", f"@cove-test-{os.getpid()}"):
            manager = Manager(path)
            serve(a, NOTIFY_SOCKET=str(path), WATCHDOG_USEC="300000")
            manager.until("READY=1")
            check(manager.until("STATUS=") == f"STATUS=listening on {a.address}", manager.heard)
            manager.until("WATCHDOG=1")
            manager.until("WATCHDOG=1")
            a.daemon.send_signal(signal.SIGHUP)
            manager.until("RELOADING=1")
            check(int(manager.until("MONOTONIC_USEC=").split("=")[1]) > 0, manager.heard)
            manager.until("READY=1")
            a.stop()
            manager.until("STOPPING=1")


def no_watchdog_is_fed_for_another_process_or_without_one(cove):
    """WATCHDOG_PID is somebody else's."""
    with nodes_of(cove, "a") as (a,):
        manager = Manager(a.dir.parent / "notify")
        serve(a, NOTIFY_SOCKET=manager.path, WATCHDOG_USEC="3000", WATCHDOG_PID="1")
        manager.until("READY=1")
        a.stop()
        manager.until("STOPPING=1")
        check("WATCHDOG=1" not in manager.heard, manager.heard)


def the_unit_is_hardened_and_of_type_notify(cove):
    """And systemd, where it is here, finds nothing wrong with it."""
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str
    text = UNIT.read_text("utf-8").replace("@bindir@", os.path.dirname(cove))
    unit.read_string(text)
    for name, value in {"Type": "notify", "WatchdogSec": "30", "NoNewPrivileges": "yes",
                        "ProtectSystem": "strict", "PrivateTmp": "yes", "Restart": "on-failure",
                        "UMask": "0077", "SystemCallFilter": "~@privileged @resources"}.items():
        check(unit["Service"].get(name) == value, name, unit["Service"].get(name))
    check("SystemCallFilter=@system-service\n" in text, text)
    check("-d /var/lib/cove" in unit["Service"]["ExecStart"], unit["Service"]["ExecStart"])
    analyze = shutil.which("systemd-analyze")
    if not analyze:
        return "systemd-analyze is not here"
    with nodes_of(cove, "a") as (a,):
        path = a.dir.parent / "cove.service"
        path.write_text(text.replace("User=cove", "User=root").replace("Group=cove\n", ""), "utf-8")
        done = subprocess.run([analyze, "verify", str(path)], capture_output=True,
                              encoding="utf-8", check=False)
        said = [line for line in done.stderr.splitlines() if "cove.service" in line]
        check(not said, said)
        return "verified by systemd-analyze"


# ------------------------------------------------------------------------ socket
def status_and_stats_tell_how_the_living_daemon_is(cove):
    """Connections with bytes and strikes; without a daemon there is no such part."""
    with nodes_of(cove, "a", "b") as (a, b):
        check("daemon" not in a.json("stats") and "daemon" not in a.json("status"), "none yet")
        pair(a, b)
        for verb in ("stats", "status"):
            state = a.json(verb)["daemon"]
            check(state["pid"] == a.daemon.pid and state["ready"] and state["phase"] == "ready"
                  and state["listening"] == [a.address], state)
        one = until("a tells of b", lambda: [c for c in a.json("stats")["daemon"]["connections"]
                                             if c["open"] and c["inSync"]])[0]
        check(one["peer"] == b.key and not one["dialled"] and one["bytesIn"] > 0
              and one["bytesOut"] > 0 and one["strikes"] == 0
              and one["address"].startswith("127.0.0.1:"), one)
        peer = a.json("stats")["peers"][0]
        check(peer["key"] == b.key and peer["unsent"] == 0 and peer["documentsOut"] > 0, peer)
        check(f"pid {a.daemon.pid}, ready" in a.run("status"), "for people")
        a.stop()
        check("daemon" not in a.json("stats"), "gone")


def a_peer_that_is_away_lags_and_one_that_is_there_shows_its_clock(cove):
    """In peer list, stats and the metrics; nothing of it once it has all."""
    with nodes_of(cove, "a", "b") as (a, b):
        ident = pair(a, b)
        check(a.peer(b)["unsent"] == 0 and a.peer(b)["lagMs"] == 0, a.peer(b))
        clock = until("the clocks are compared", lambda: "clockMs" in a.peer(b) and a.peer(b))
        check(abs(clock["clockMs"]) < 5000, clock)
        check(" clock " in a.run("peer", "list"), a.run("peer", "list"))
        check("warning" not in a.run("peer", "list"), "it is right")
        stats = a.json("stats")
        check("clockMs" in stats["peers"][0] and "lagMs" in stats["peers"][0], stats["peers"])
        check("clockMs" in stats["daemon"]["connections"][0], stats["daemon"])
        b.stop()
        a.run("set", ident, "n:=7")
        time.sleep(1.1)
        lag = a.peer(b)
        check(lag["unsent"] == 1 and 1000 < lag["lagMs"] < 60000, lag)
        check("unsent 1 for " in a.run("peer", "list"), a.run("peer", "list"))
        b.serve()
        a.wait(b)
        check(a.peer(b)["lagMs"] == 0, a.peer(b))


def peer_add_acts_at_once_and_dial_needs_a_daemon(cove):
    """Exit 3 without one."""
    with nodes_of(cove, "a", "b") as (a, b):
        said = a.call("peer", "dial")
        check(said.returncode == 3 and "cove serve" in said.stderr, said.stderr)
        serve(b)
        b.run("peer", "add", a.key)
        serve(a)
        a.run("peer", "add", b.key, b.address)
        logged(a, "connected", peer=b.key[:16])
        check(a.json("peer", "dial")["running"], "it was heard")
        check(a.run("peer", "dial") == "", "nothing for people")


def a_socket_that_was_left_is_taken_over_and_a_living_one_is_not(cove):
    """Of a killed daemon; of another one on the same store; a file in its place."""
    with nodes_of(cove, "a") as (a,):
        path = a.dir / "serve.sock"
        serve(a)
        check(path.stat().st_mode & 0o777 == 0o600, oct(path.stat().st_mode))
        a.kill()
        check(path.is_socket() and "daemon" not in a.json("stats"), "left over")
        serve(a)
        first = a.daemon.pid
        other = subprocess.Popen(a.command("--json", "serve"), env=ENV, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, encoding="utf-8")
        line = json.loads(other.stdout.readline())
        check(line["listening"].startswith("127.0.0.1:") and
              line["addresses"] == [line["listening"]], "a second daemon", line)
        check(a.json("stats")["daemon"]["pid"] == first, "the first answers")
        other.terminate()
        said = other.communicate()[1]
        check(other.returncode == 0 and "another daemon on this store answers" in said, said)
        check(a.json("stats")["daemon"]["pid"] == first, "and still does")
        a.stop()
        path.write_text("mine")
        serve(a)
        logged(a, "socket", "something else is there", level="warn")
        a.stop()
        check(path.read_text() == "mine", "it was left alone")
        path.unlink()
        serve(a, "--socket", "off")
        check(not path.exists(), "it was not wanted")


def a_long_name_of_a_directory_is_no_reason_not_to_serve(cove):
    """The socket's path has 107 bytes at most."""
    with nodes_of(cove, "n" * 100) as (a,):
        serve(a)
        logged(a, "socket", "too long for a socket", level="warn")
        check("daemon" not in a.json("stats"), "nobody answers")


def another_user_is_refused_at_the_socket(cove):
    """A36: also one that the file's mode would let in."""
    if os.geteuid() != 0:
        raise Skipped("only root can become another user")
    with nodes_of(cove, "a") as (a,):
        serve(a)
        for path in (a.dir.parent, a.dir):
            path.chmod(0o755)
        (a.dir / "serve.sock").chmod(0o666)
        child = os.fork()
        if child == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            os._exit(0 if Ask(a)(b'{"do":"state"}\n') == b"" else 1)
        check(os.waitpid(child, 0)[1] == 0, "another user was answered")
        logged(a, "refused", "user 65534 asks at", level="warn")
        check(a.json("stats")["daemon"]["ready"], "its own user is served")


def nonsense_and_silence_at_the_socket_keep_nobody_out(cove):
    """Long lines, no JSON, other verbs, nine that say nothing."""
    with nodes_of(cove, "a") as (a,):
        serve(a)
        for line in (b"nonsense\n", b"{}\n", b'{"do":"get"}\n', b"[1]\n", b"\xff\xfe\n",
                     b"[" * 900 + b"\n", b"\0\n"):
            answer = Ask(a)(line)
            check(b"the daemon takes" in answer, line[:20], answer)
        check(Ask(a)(b"x" * 100000) == b"", "a line without an end")
        held = [Ask(a) for _ in range(9)]
        answer = Ask(a)(b'{"do":"state"}\n')        # once the first of them are closed
        check(json.loads(answer)["ready"], answer)
        check(all(one.rest() == b"" for one in held), "they were closed")
        check("daemon" in a.json("stats"), "it still answers")


# -------------------------------------------------------------------------- IPv6
def peers_meet_over_ipv6_and_v4_at_a_time(cove):
    """One daemon on both loopbacks."""
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError as why:
        raise Skipped(why) from why
    with nodes_of(cove, "a", "b", "c") as (a, b, c):
        group = a.json("new", "group", "--member", f"{b.key}=reader", "--member",
                       f"{c.key}=reader")["id"]
        ident = a.new("--owner", group, "n:=6")
        serve(a, "--listen", "[::1]:0")
        four, six = a.json("stats")["daemon"]["listening"]
        check(four == a.address and six.startswith("[::1]:"), four, six)
        for node, address in ((b, four), (c, six)):
            a.run("peer", "add", node.key)
            node.run("peer", "add", a.key, address)
            node.run("sync")
            check(node.has(ident, "n", 6), address)
        port = a.address.rsplit(":", 1)[1]
        a.stop()
        serve(a, "--listen", f"[::]:{port}")        # v6 alone, so v4 is not taken
        check(a.json("stats")["daemon"]["listening"] == [a.address, f"[::]:{port}"], "both")


if __name__ == "__main__":
    sys.exit(main([
        flags_stand_over_the_environment_over_the_file_over_defaults,
        all_that_is_wrong_in_a_file_is_named_with_its_line,
        each_setting_is_bounded_on_both_sides,
        help_has_every_setting_of_the_table,
        sighup_takes_what_is_live_and_says_what_waits,
        sighup_with_a_wrong_file_changes_nothing_and_logs_why,
        sigterm_ends_within_two_seconds_and_the_peer_hears_a_goodbye,
        a_peer_that_sleeps_does_not_hold_up_the_end,
        a_second_signal_ends_it_at_once,
        a_line_says_when_how_bad_what_and_whom_it_is_about,
        quiet_logs_errors_alone,
        a_name_with_escapes_reaches_no_terminal_raw,
        the_service_manager_hears_ready_watchdog_reload_and_stop,
        no_watchdog_is_fed_for_another_process_or_without_one,
        the_unit_is_hardened_and_of_type_notify,
        status_and_stats_tell_how_the_living_daemon_is,
        a_peer_that_is_away_lags_and_one_that_is_there_shows_its_clock,
        peer_add_acts_at_once_and_dial_needs_a_daemon,
        a_socket_that_was_left_is_taken_over_and_a_living_one_is_not,
        a_long_name_of_a_directory_is_no_reason_not_to_serve,
        another_user_is_refused_at_the_socket,
        nonsense_and_silence_at_the_socket_keep_nobody_out,
        peers_meet_over_ipv6_and_v4_at_a_time,
    ]))
