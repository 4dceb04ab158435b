#!/usr/bin/env python3
"""A hostile socket against a real daemon: it is closed, and the others are
served as if nothing were."""
import os
import random
import socket
import struct
import sys
import time

from node_kit import check, converge, link, main, nodes_of, until

HELLO = b"cove\x00\x01\x00\x00" + bytes(8)      # an initiator's preamble
HANDSHAKE_SECONDS = 5                           # what a daemon allows


def dial(node):
    """A connection to the daemon's port."""
    host, port = node.address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=20)


def closed(sock):
    """Wait for the daemon to close: what it sent before."""
    got = b""
    try:
        while part := sock.recv(65536):
            got += part
    except ConnectionResetError:
        pass
    return got


def send(sock, data):
    """Send, whether or not the daemon still listens."""
    try:
        sock.sendall(data)
    except (BrokenPipeError, ConnectionResetError):
        pass


def memory(node):
    """Resident bytes of the daemon."""
    with open(f"/proc/{node.daemon.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def descriptors(node):
    """How many the daemon has open."""
    return len(os.listdir(f"/proc/{node.daemon.pid}/fd"))


class Served:
    """a and b sync; while they are attacked, a write still arrives."""

    def __init__(self, a, b):
        self.a, self.b, self.turn = a, b, 0
        group = a.json("new", "group", "--member", f"{b.key}=writer")["id"]
        a.serve()
        b.serve()
        link(b, a)
        self.ident = a.new("--owner", group, "n:=0")
        converge([a, b])

    def still(self):
        """The daemon lives, and what is written reaches the peer."""
        check(self.a.alive(), "the daemon is gone:", self.a.tail())
        self.turn += 1
        self.a.run("set", self.ident, f"n:={self.turn}")
        until("the honest peer is served",
              lambda: self.b.has(self.ident, "n", self.turn), deadline=10)


def garbage_and_frames_of_any_length_are_closed(cove):
    """A7: before the handshake: wrong magic, half a preamble, half a frame, 4 GB."""
    chance = random.Random(7)
    with nodes_of(cove, "a", "b") as (a, b):
        served = Served(a, b)
        before, files = memory(a), descriptors(a)
        wrong = [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01",
                 b"cove\x01\x01\x00\x00" + bytes(8), b"cove\x00\x01\x00\x00" + b"\x01" * 8,
                 bytes(64), chance.randbytes(100000)]
        for data in wrong:
            with dial(a) as sock:
                send(sock, data)
                check(closed(sock) == b"", "answered what is no Cove", data[:20])
        for data, answered in (
                (b"cove\x00\x09\x00\x00" + bytes(8), True),     # an unknown suite
                (b"cove\x00\x01\x07\x09" + bytes(8), True)):    # versions of the future
            with dial(a) as sock:
                send(sock, data)
                got = closed(sock)
                check(got[:5] == b"cove\x01", "did not say who it is", got)
        served.still()
        for behind in (struct.pack(">I", 0xffffffff), struct.pack("<I", 0xffffffff),
                       b"\xff" * 70000, bytes(70000), struct.pack(">H", 32) + bytes(32),
                       chance.randbytes(70000)):
            with dial(a) as sock:
                send(sock, HELLO + behind)
                sock.shutdown(socket.SHUT_WR)
                closed(sock)
        served.still()
        for data in (b"", b"co", HELLO[:15], HELLO, HELLO + b"\x00", HELLO + b"\x00\x20" + bytes(9)):
            with dial(a) as sock:                   # and gone in the middle
                send(sock, data)
        for _ in range(50):                         # or with a reset
            sock = dial(a)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            send(sock, HELLO)
            sock.close()
        served.still()
        until("its descriptors are free again", lambda: descriptors(a) <= files + 2)
        grown = memory(a) - before
        check(grown < 32 << 20, f"the daemon grew by {grown >> 20} MiB")
        converge([a, b])
        return f"the daemon grew by {grown >> 10} KiB"


def a_connection_that_says_nothing_or_drips_is_dropped_at_the_deadline(cove):
    """A6: 5 s for a handshake, however slowly it comes; many at a time."""
    with nodes_of(cove, "a", "b") as (a, b):
        served = Served(a, b)
        files = descriptors(a)
        start = time.monotonic()
        silent = [dial(a) for _ in range(20)]
        dripping = dial(a)
        dripping.setblocking(False)
        sent, gone = 0, None
        while gone is None:
            try:
                if dripping.recv(100) == b"":
                    gone = time.monotonic() - start
            except BlockingIOError:
                pass
            except ConnectionResetError:
                gone = time.monotonic() - start
            if gone is None and time.monotonic() - start > sent:
                send(dripping, HELLO[sent:sent + 1])
                sent += 1
                served.still()
            check(time.monotonic() - start < 3 * HANDSHAKE_SECONDS, "still open")
            time.sleep(0.02)
        check(gone > HANDSHAKE_SECONDS - 1.5, f"dropped after {gone:.1f} s already")
        for sock in silent:
            closed(sock)
            sock.close()
        dripping.close()
        took = time.monotonic() - start
        check(took < 3 * HANDSHAKE_SECONDS, f"dropped after {took:.1f} s only")
        until("its descriptors are free again", lambda: descriptors(a) <= files + 2)
        served.still()
        return f"dropped after {gone:.1f} s"


def a_stranger_with_a_good_handshake_gets_nothing(cove):
    """A device that nobody added: refused by name, again and again."""
    with nodes_of(cove, "a", "b", "stranger") as (a, b, stranger):
        served = Served(a, b)
        stranger.knows(a)
        for _ in range(3):
            done = stranger.call("sync", "--timeout", "0.5")
            check(done.returncode == 7 and "does not know this device" in done.stderr,
                  done.returncode, done.stderr)
            served.still()
        check(stranger.json("status")["documents"] == 1, "the stranger got documents")
        check(all(p["key"] != stranger.key for p in a.json("peer", "list")["peers"]),
              "the stranger is a peer now")


if __name__ == "__main__":
    sys.exit(main([garbage_and_frames_of_any_length_are_closed,
                   a_connection_that_says_nothing_or_drips_is_dropped_at_the_deadline,
                   a_stranger_with_a_good_handshake_gets_nothing]))
