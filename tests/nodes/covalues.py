#!/usr/bin/env python3
"""Two daemons with documents of every type, written on both sides at once and
over a connection that is cut: equal digests, equal content, nothing lost.

    covalues.py COVE [TEST…]
"""
import json
import os
import pathlib
import random
import socket
import subprocess
import sys
import threading

from node_kit import ENV, check, converge, link, main, nodes_of, until

MIB = 1 << 20


def shared(one, other):
    """A group that both may write to."""
    return one.json("new", "group", "--member", f"{other.key}=writer")["id"]


def together(*works):
    """Run functions at once; the first failure is this one's."""
    failures = []

    def guarded(work):
        try:
            work()
        except Exception as why:  # pylint: disable=broad-except
            failures.append(why)
    threads = [threading.Thread(target=guarded, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def arrived(nodes, *idents):
    """Until every node has the documents."""
    for node in nodes:
        for ident in idents:
            until(f"{ident} at {node.name}", lambda n=node, i=ident: n.has(i))


def equal(nodes, idents):
    """Both show the same of each document; that."""
    shown = []
    for node in nodes:
        shown.append([node.json("get", ident, "--entries", "all") for ident in idents])
    check(shown[0] == shown[1], "they differ:", shown)
    return shown[0]


def what_both_write_at_once_is_all_there(cove):
    """A text, a list, a counter, a stream: forty edits by each, online."""
    with nodes_of(cove, "alice", "bob") as (alice, bob):
        both = (alice.serve(), bob.serve())
        link(alice, bob)
        owner = ["--owner", shared(alice, bob)]
        text, lst = alice.new("text", *owner), alice.new("list", *owner)
        counter, stream = alice.new("counter", *owner), alice.new("stream", *owner)
        arrived(both, text, lst, counter, stream)

        def writes(node, letter, step):
            for i in range(10):
                node.run("text", text, "insert", "0", letter * 3)
                node.run("text", text, "insert", "end", letter.upper())
                node.run("list", lst, "append", f"{letter}{i}")
                node.run("counter", counter, "add", step)
                node.run("stream", stream, "append", f"{letter}{i}", f":={i}")
        together(lambda: writes(alice, "a", "3"), lambda: writes(bob, "b", "-1"))
        converge(both)
        got_text, got_list, got_counter, got_stream = equal(both, [text, lst, counter, stream])
        letters = got_text["text"]
        check(sorted(letters) == sorted("aaabbb" * 10 + "AB" * 10), letters)
        check(letters.count("aaa") == 10 and letters.count("bbb") == 10, "torn apart:", letters)
        names = [f"{x}{i}" for x in "ab" for i in range(10)]
        check(sorted(got_list["items"]) == sorted(names), got_list)
        for letter in "ab":
            own = [x for x in got_list["items"] if x[0] == letter]
            check(own == sorted(own), "out of order:", own)
        check(got_counter["value"] == 20, got_counter)
        check(got_stream["count"] == 40, got_stream["count"])
        for node, letter in ((alice, "a"), (bob, "b")):
            own = [e["value"] for e in got_stream["entries"] if e["author"] == node.key]
            check(own == [v for i in range(10) for v in (f"{letter}{i}", i)], own)


def what_both_type_offline_is_not_torn_apart(cove):
    """Whole words at one place, forwards and backwards; then they meet."""
    with nodes_of(cove, "alice", "bob") as (alice, bob):
        both = (alice.serve(), bob.serve())
        link(alice, bob, both=True)
        text = alice.json("new", "text", "[]", "--owner", shared(alice, bob))["id"]
        arrived(both, text)
        converge(both)
        for node in both:
            node.stop()
        for i, letter in enumerate("forward"):
            alice.run("text", text, "insert", 1 + i, letter)
        for letter in "sdrawkcab"[:]:
            bob.run("text", text, "insert", 1, letter)
        for node in both:
            node.serve()
        converge(both)
        whole = equal(both, [text])[0]["text"]
        check(whole in ("[forwardbackwards]", "[backwardsforward]"), whole)


def the_child_of_a_field_is_one_whoever_touches_it_first(cove):
    """Both offline; both their edits are in it."""
    with nodes_of(cove, "alice", "bob") as (alice, bob):
        both = (alice.serve(), bob.serve())
        link(alice, bob, both=True)
        note = alice.new("title=x", "--owner", shared(alice, bob))
        arrived(both, note)
        for node in both:
            node.stop()
        one = alice.json("text", f"{note}.body", "insert", "0", "alice")["id"]
        two = bob.json("text", f"{note}.body", "insert", "0", "bob")["id"]
        check(one == two, "two children", one, two)
        alice.run("counter", f"{note}.votes", "add", "5")
        bob.run("counter", f"{note}.votes", "add", "-2")
        for node in both:
            node.serve()
        converge(both)
        check(equal(both, [one])[0]["text"] in ("alicebob", "bobalice"), "the text")
        check(bob.json("counter", f"{note}.votes")["value"] == 3, "the counter")
        check(len(alice.json("get", note, "--depth", "1")["documents"]) == 2, "the map")


class Wire:
    """Passes a TCP connection on; cuts it after so many bytes, once."""

    def __init__(self, address, limit):
        host, port = address.rsplit(":", 1)
        self.target, self.limit, self.passed, self.cuts = (host, int(port)), limit, 0, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        """Take connections until the listener is closed."""
        while True:
            try:
                near, _ = self.listener.accept()
                far = socket.create_connection(self.target)
            except OSError:
                return
            for pair in ((near, far), (far, near)):
                threading.Thread(target=self.pump, args=pair, daemon=True).start()

    def pump(self, source, sink):
        """One direction."""
        try:
            while data := source.recv(65536):
                self.passed += len(data)
                if self.cuts == 0 and self.passed > self.limit:
                    self.cuts += 1
                    break
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def a_blob_goes_on_over_a_connection_that_was_cut(cove):
    """Eight megabytes; half-way bob shows how far it is, and no blob."""
    with nodes_of(cove, "alice", "bob") as (alice, bob):
        bob.serve()
        data = random.Random(8).randbytes(8 * MIB)
        path = pathlib.Path(alice.dir).parent / "in"
        path.write_bytes(data)
        blob = alice.json("new", "blob", "--owner", shared(alice, bob))["id"]
        alice.run("blob", "put", blob, path, "--mime", "application/x-test")
        wire = Wire(bob.address, 4 * MIB)
        bob.knows(alice, dial=False)
        alice.run("peer", "add", bob.key, wire.address, "--name", "bob")
        alice.serve()
        half = until("the cut", lambda: wire.cuts > 0 or bob.has(blob))
        check(half, "no cut")
        alice.wait(bob)
        check(wire.cuts == 1, "the connection was not cut")
        check(wire.passed < 14 * MIB, "most of it was sent twice:", wire.passed)
        shown = [node.json("blob", "show", blob) for node in (alice, bob)]
        check(shown[0] == shown[1] and shown[1]["whole"], shown)
        done = subprocess.run(bob.command("blob", "get", blob, "-"), env=ENV,
                              capture_output=True, check=False, timeout=60)
        check(done.returncode == 0 and done.stdout == data, done.stderr.decode())
        check(alice.digest() == bob.digest(), "digests differ")
        wire.listener.close()


def a_blob_that_is_half_here_is_not_shown_as_whole(cove):
    """The daemon is killed while it arrives; get is refused, and goes later."""
    with nodes_of(cove, "alice", "bob") as (alice, bob):
        both = (alice.serve(), bob.serve())
        data = random.Random(9).randbytes(24 * MIB)
        path = pathlib.Path(alice.dir).parent / "in"
        path.write_bytes(data)
        blob = alice.json("new", "blob", "--owner", shared(alice, bob))["id"]
        alice.run("blob", "put", blob, path)
        link(alice, bob, both=True)

        def some():
            done = bob.call("--json", "blob", "show", blob)
            return done.returncode == 0 and json.loads(done.stdout)
        shown = until("a part of it", some, pause=0)
        bob.kill()
        shown = some()
        if not shown["whole"]:
            check(shown["held"] < 24 * MIB, shown)
            done = bob.call("blob", "get", blob, path.parent / "out")
            check(done.returncode == 3 and "is not whole here" in done.stderr, done.stderr)
        bob.serve()
        converge(both)
        bob.run("blob", "get", blob, path.parent / "out")
        check((path.parent / "out").read_bytes() == data, "other bytes")
        return "it was too fast to be interrupted" if shown["whole"] else None


def a_stream_is_followed_across_a_connection(cove):
    """What alice appends, bob's `tail --follow` prints, in order, once."""
    with nodes_of(cove, "alice", "bob") as (alice, bob):
        both = (alice.serve(), bob.serve())
        link(alice, bob)
        stream = alice.json("new", "stream", "--owner", shared(alice, bob))["id"]
        arrived(both, stream)
        follower = bob.start("--json", "stream", stream, "tail", "--follow")
        for i in range(10):
            alice.run("stream", stream, "append", f":={i}")
        seen = [json.loads(follower.stdout.readline())["value"] for _ in range(10)]
        follower.terminate()
        follower.wait()
        check(seen == list(range(10)), seen)


def what_came_before_what_it_hangs_on_waits_and_status_says_so(cove):
    """Of a text and a list only bob's edits reach carol; then alice's, too."""
    with nodes_of(cove, "alice", "bob", "carol") as (alice, bob, carol):
        group = alice.json("new", "group", "--member", f"{bob.key}=writer",
                           "--member", f"{carol.key}=reader")["id"]
        idents = [alice.new("text", "Hello", "--owner", group),
                  alice.new("list", '["a", "b"]', "--owner", group)]
        both = (alice.serve(), bob.serve())
        link(alice, bob)
        arrived(both, *idents)
        converge(both)
        bob.stop()
        bob.run("text", idents[0], "insert", "end", " world")
        bob.run("text", idents[0], "delete", "0", "1")
        bob.run("list", idents[1], "append", "c")
        check(bob.json("status")["waiting"] == {"documents": 0, "ops": 0}, "bob waits")
        for ident in idents:
            subprocess.run([os.environ["STORE_PART"], bob.dir, carol.dir, ident, bob.key],
                           check=True)
        check(carol.json("status")["waiting"] == {"documents": 2, "ops": 3},
              carol.json("status"))
        check("waiting    3 edits in 2 documents" in carol.run("status"), carol.run("status"))
        check(carol.json("get", idents[0])["waiting"] == 2, carol.json("get", idents[0]))
        check(carol.json("get", idents[0])["text"] == "", "what hangs on nothing is shown")
        check("  waiting  1\n" in carol.run("get", idents[1]), carol.run("get", idents[1]))
        check(carol.json("check")["damaged"] == [], "what waits is no damage")
        bob.serve()
        carol.serve()
        link(alice, carol)
        converge((alice, bob, carol), [(alice, bob), (alice, carol)])
        check([carol.json("get", idents[0])["text"], carol.json("get", idents[1])["items"]]
              == ["ello world", ["a", "b", "c"]], "what waited came in")
        check(carol.json("status")["waiting"] == {"documents": 0, "ops": 0},
              carol.json("status"))
        check("waiting" not in carol.json("get", idents[0]), "nothing waits")


if __name__ == "__main__":
    sys.exit(main([what_both_write_at_once_is_all_there, what_both_type_offline_is_not_torn_apart,
                   the_child_of_a_field_is_one_whoever_touches_it_first,
                   a_blob_goes_on_over_a_connection_that_was_cut,
                   a_blob_that_is_half_here_is_not_shown_as_whole,
                   a_stream_is_followed_across_a_connection,
                   what_came_before_what_it_hangs_on_waits_and_status_says_so]))
