#!/usr/bin/env python3
"""Attacks on a real daemon, by their ids in docs/ATTACKS.md: floods of
connections, devices that break the protocol, cuts, copies of a store. Each time
an honest peer is served as if nothing were."""
import contextlib
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

from hostile import HELLO, Served, closed, descriptors, dial, memory, send
from node_kit import Node, check, converge, link, main, nodes_of, until

ELIMIT, EPROTOCOL = -13, -34    # of cove/error.h
BREACH = "820a00"               # a kind of message that there is not
BREACHES = 8                    # that are enough


class Hostile:
    """A device with a key that says whatever it is told to (hostile_peer.c)."""

    def __init__(self, seed):
        self.seed, self.key = str(seed), ""
        self.key = self.run("key").strip()

    def run(self, *words):
        """What the program prints."""
        return subprocess.run([os.environ["HOSTILE_PEER"], self.seed, *words], check=True,
                              capture_output=True, encoding="utf-8", timeout=60).stdout

    def say(self, node, *messages):
        """Call, say these: the code of how that ended, and the sentence."""
        code, _, text = self.run(node.address.rsplit(":", 1)[1], *messages).partition(" ")
        return int(code), text.strip()


def dial_from(node, last):
    """A connection to the daemon's port from 127.0.0.`last`."""
    host, port = node.address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), 20, (f"127.0.0.{last}", 0))


def state(node):
    """What the daemon says of itself."""
    return node.json("stats")["daemon"]


def log(node):
    """The daemon's log, whole."""
    return node.log.read_text("utf-8", "replace")


def ten_thousand_connects_and_a_thousand_half_open_keep_no_peer_out(cove):
    """A5: as fast as they come, from many addresses, while honest peers meet."""
    with nodes_of(cove, "a", "b", "late") as (a, b, late):
        served = Served(a, b)
        before, files = memory(a), descriptors(a)
        start = time.monotonic()
        for i in range(10000):
            dial_from(a, 2 + i % 200).close()
        took = time.monotonic() - start
        served.still()
        with contextlib.ExitStack() as stack:
            for i in range(1000):
                stack.enter_context(dial_from(a, 2 + i % 200))
            served.still()
            most = until("the daemon keeps few of them",
                         lambda: (n := descriptors(a)) <= files + 128 + 8 and n)
            late.serve()
            link(late, a)
            until("a newcomer is let in", lambda: late.peer(a)["state"] in ("idle", "busy"),
                  deadline=20)
        check(state(a)["turnedAway"] >= 1000 - 128, state(a))
        until("its descriptors are free again", lambda: descriptors(a) <= files + 4)
        grown = memory(a) - before
        check(grown < 32 << 20, f"the daemon grew by {grown >> 20} MiB")
        check(state(a)["bans"] == [], "they were refused, and had done nothing")
        return f"{10000 / took:.0f} connects/s, {most} descriptors, {grown >> 10} KiB"


def a_device_that_breaks_the_protocol_is_refused_until_it_is_trusted(cove):
    """A8: eight times; then for a while, shown and logged, until somebody says so."""
    with nodes_of(cove, "a", "b") as (a, b):
        served, evil = Served(a, b), Hostile(77)
        a.run("peer", "add", evil.key, "--name", "evil")
        before = a.digest()
        for i in range(BREACHES):
            code, text = evil.say(a, BREACH)
            check(code == EPROTOCOL, i, code, text)
        for _ in range(3):
            code, text = evil.say(a)
            check(code == ELIMIT and "refuses this device for a while" in text, code, text)
        check(a.digest() == before, "the store is another")
        served.still()
        bans = until("it is shown", lambda: state(a)["bans"])
        check(len(bans) == 1 and bans[0]["key"] == evil.key and bans[0]["times"] == 1
              and 0 < bans[0]["leftMs"] <= 60000, bans)
        check(state(a)["banned"] == 1, state(a))
        check(f"{evil.key}  refused for " in a.run("peer", "list"), a.run("peer", "list"))
        check(a.json("peer", "list")["bans"][0]["key"] == evil.key, "not in peer list")
        check("event=banned" in log(a) and f"peer={evil.key[:16]}" in log(a), a.tail())
        check("taken in again" in a.run("peer", "trust", evil.key[:12]), "no word of it")
        until("it is let in", lambda: evil.say(a)[0] == 0)
        check("event=trusted" in log(a), a.tail())
        check(state(a)["bans"] == [], state(a))
        served.still()


def who_sends_nonsense_as_content_gets_strikes_and_names(cove):
    """A8, A12: 63 batches that are none are refused by name; one more ends it."""
    with nodes_of(cove, "a", "b") as (a, b):
        served, evil = Served(a, b), Hostile(78)
        a.run("peer", "add", evil.key)
        nonsense = "c84038081" + "41" + "00" + "80"      # one batch of a byte, a zero
        code, text = evil.say(a, *[nonsense] * 63)
        check(code == 0, code, text)
        served.still()
        check("event=document-refused" in log(a), a.tail())
        code, text = evil.say(a, nonsense)
        check(code == EPROTOCOL, code, text)
        code, text = evil.say(a)
        check(code == ELIMIT, code, text)
        served.still()
        check(state(a)["strikes"] == state(a)["notTaken"] == 64, state(a))


def an_address_that_speaks_no_cove_is_refused_and_others_are_not(cove):
    """A4: 64 times from one address; the next is closed before it says a word."""
    with nodes_of(cove, "a", "b", "late") as (a, b, late):
        served = Served(a, b)
        for _ in range(64):
            with dial_from(a, 9) as sock:
                send(sock, b"GET / HTTP/1.1\r\n\r\n")
                check(closed(sock) == b"", "answered what is no Cove")
        bans = until("it is shown", lambda: state(a)["bans"])
        check([ban.get("address") for ban in bans] == ["127.0.0.9"], bans)
        with dial_from(a, 9) as sock:
            check(closed(sock) == b"", "answered who is refused")
        check("event=banned address=127.0.0.9 " in log(a), a.tail())
        served.still()
        late.serve()
        link(late, a)
        until("a newcomer is let in", lambda: late.peer(a)["state"] in ("idle", "busy"))
        a.run("peer", "trust", "127.0.0.9")
        until("it is no longer refused", lambda: state(a)["bans"] == [])
        with dial_from(a, 9) as sock:
            send(sock, HELLO)
            check(sock.recv(5) == b"cove\x01", "not answered")
        check(state(a)["bannedCalls"] >= 1, state(a))


def a_protocol_of_the_future_is_answered_and_says_whom_to_update(cove):
    """A39: versions that this build does not speak, and one range that has its own."""
    with nodes_of(cove, "a", "b") as (a, b):
        served = Served(a, b)
        with dial(a) as sock:
            send(sock, b"cove\x00\x01\x07\x09" + bytes(8))
            check(closed(sock)[:8] == b"cove\x01\x01\x00\x00", "did not say what it speaks")
        until("the log says so", lambda: "update this device" in log(a))
        with dial(a) as sock:
            send(sock, b"cove\x00\x01\x00\x09" + bytes(8))
            check(sock.recv(16)[:5] == b"cove\x01", "refused a common version")
        check(state(a)["bans"] == [], "being new was held against somebody")
        served.still()


def two_stores_with_one_key_are_both_told(cove):
    """A40: a copy of a store calls the peer that the original is connected with."""
    with nodes_of(cove, "a", "b") as (a, b):
        served = Served(a, b)           # b has dialled a
        b.stop()
        shutil.copytree(b.dir, b.dir.parent / "copy")
        copy = Node.__new__(Node)
        copy.__dict__.update(b.__dict__)
        copy.name, copy.dir, copy.address = "copy", b.dir.parent / "copy", None
        copy.log = b.log.with_name("copy.log")
        b.serve()
        until("b is back", lambda: b.peer(a)["state"] == "idle")
        copy.serve()
        until("the copy is told", lambda: "with this key already" in copy.peer(a)["error"])
        until("it is logged", lambda: "event=two-stores" in log(a))
        check(b.peer(a)["state"] in ("idle", "busy"), b.peer(a))
        served.still()
        copy.stop()
        check(a.json("check")["damaged"] == [], "damage")


def where_descriptors_run_out_it_goes_on(cove):
    """A37: EMFILE where it accepts; who is connected stays so, others come later."""
    with nodes_of(cove, "a", "b", "late") as (a, b, late):
        served = Served(a, b)
        files = descriptors(a)
        resource.prlimit(a.daemon.pid, resource.RLIMIT_NOFILE, (files + 6, files + 6))
        socks = []
        with contextlib.ExitStack() as stack:
            for i in range(60):
                with contextlib.suppress(OSError):
                    socks.append(stack.enter_context(dial_from(a, 2 + i)))
            until("none are left", lambda: descriptors(a) >= files + 5)
            check(a.alive(), "the daemon is gone:", a.tail())
        until("its descriptors are free again", lambda: descriptors(a) <= files + 2)
        served.still()
        late.serve()
        link(late, a)
        until("a newcomer is let in", lambda: late.peer(a)["state"] in ("idle", "busy"))


def who_brings_more_than_its_quota_is_refused_by_name_and_served(cove):
    """A11: ten documents where three a day are allowed; a reload allows more."""
    with nodes_of(cove, "a", "b") as (a, b):
        conf = a.dir / "serve.conf"
        conf.write_text("quota-docs = 3\n", encoding="utf-8")
        served = Served(a, b)
        group = a.document(served.ident, mode=None)["owner"]
        made = [b.new("--owner", group, f"n:={i}") for i in range(10)]
        until("seven are refused", lambda: state(a)["overQuota"] >= 7)
        check(sum(a.has(ident) for ident in made) == 3, "not three")
        check("event=document-refused" in log(a) and "its quota here is 3 documents" in log(a),
              a.tail())
        served.still()
        check(state(a)["banned"] == 0, "it was held against it")
        conf.write_text("quota-docs = 0\n", encoding="utf-8")
        a.daemon.send_signal(signal.SIGHUP)
        until("the reload is done", lambda: "event=reload" in log(a))
        b.stop()
        b.serve()
        until("all are there", lambda: all(a.has(ident) for ident in made))
        converge([a, b])


class Cutter:
    """A wire to a daemon, cut when so many bytes went one way."""

    def __init__(self, node):
        host, port = node.address.rsplit(":", 1)
        self.to = (host, int(port))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.way, self.limit, self.cuts, self.calls = 0, None, 0, 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        """Each call gets its pair of threads."""
        with contextlib.suppress(OSError):
            while True:
                one, _ = self.listener.accept()
                self.calls += 1
                ends = (one, socket.create_connection(self.to))
                for way in (0, 1):
                    threading.Thread(target=self.carry, args=(ends, way, self.way, self.limit),
                                     daemon=True).start()

    def carry(self, ends, way, cut_way, limit):
        """One way, up to the limit where it is this one's."""
        left = limit if way == cut_way else None
        with contextlib.suppress(OSError):
            while left is None or left > 0:
                data = ends[way].recv(65536 if left is None else min(left, 65536))
                if not data:
                    break
                ends[1 - way].sendall(data)
                left = None if left is None else left - len(data)
            if left == 0:
                self.cuts += 1
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def a_wire_that_is_cut_again_and_again_loses_nothing(cove):
    """A3: at bytes all over a session, either way; what was written arrives once."""
    with nodes_of(cove, "a", "b") as (a, b):
        group = a.json("new", "group", "--member", f"{b.key}=writer")["id"]
        a.serve()
        b.serve()
        wire = Cutter(a)
        ident = a.new("--owner", group, "n:=0")
        a.knows(b, dial=False)
        b.run("peer", "add", a.key, wire.address)
        converge([a, b])
        for i, limit in enumerate((1, 15, 16, 17, 40, 66, 68, 300, 310, 330, 400, 500, 600,
                                   700, 900, 1200)):
            a.run("set", ident, f"a:={i}")
            b.run("set", ident, f"b:={i}")
            wire.way, wire.limit, cuts, calls = i % 2, limit, wire.cuts, wire.calls
            b.stop()
            b.serve()
            until("it is cut, or was too short",
                  lambda cuts=cuts, calls=calls: wire.cuts > cuts or
                  (wire.calls > calls and b.peer(a)["state"] == "idle"))
        wire.limit = None
        b.run("peer", "dial")
        converge([a, b])
        check(a.fields(ident) == b.fields(ident) == {"n": 0, "a": 15, "b": 15}, a.fields(ident))
        check(state(a)["banned"] == 0, "a cut was held against somebody")
        return f"{wire.cuts} cuts"


if __name__ == "__main__":
    sys.exit(main([ten_thousand_connects_and_a_thousand_half_open_keep_no_peer_out,
                   a_device_that_breaks_the_protocol_is_refused_until_it_is_trusted,
                   who_sends_nonsense_as_content_gets_strikes_and_names,
                   an_address_that_speaks_no_cove_is_refused_and_others_are_not,
                   a_protocol_of_the_future_is_answered_and_says_whom_to_update,
                   two_stores_with_one_key_are_both_told,
                   where_descriptors_run_out_it_goes_on,
                   who_brings_more_than_its_quota_is_refused_by_name_and_served,
                   a_wire_that_is_cut_again_and_again_loses_nothing]))
