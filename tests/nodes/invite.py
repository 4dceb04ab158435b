#!/usr/bin/env python3
"""Devices that come in by an invite, and are forgotten again, between real
daemons: what the user of each side sees."""
import json
import sys

from daemon_kit import logged, serve
from node_kit import check, main, nodes_of, until


def invite(node, *words):
    """A line for a friend."""
    line = node.run("peer", "invite", *words).splitlines()
    check(len(line) == 1 and line[0].startswith("cove_i"), "one line:", line)
    return line[0]


def state(node, other):
    """How a peer is, "" where it is none."""
    for peer in node.json("peer", "list")["peers"]:
        if peer["key"] == other.key:
            return peer["state"]
    return ""


def idle(node, other):
    """Both are connected, and have said all."""
    until(f"{node.name} and {other.name} meet{node.tail()}{other.tail()}",
          lambda: state(node, other) == "idle" == state(other, node))


def told(node, other, words):
    """The peer's error has these words."""
    until(f"{node.name} is told: {words}{node.tail()}",
          lambda: words in node.peer(other)["error"])


def invites(node):
    """What there is, by number."""
    return {one["number"]: one for one in node.json("peer", "invite", "--list")["invites"]}


def a_friend_comes_in_by_a_line_of_text_and_stays(cove):
    """The address is the daemon's; a restart of either side changes nothing."""
    with nodes_of(cove, "a", "b") as (a, b):
        a.serve()
        line = invite(a, "--name", "Berta")
        check(invites(a)[1]["state"] == "open", invites(a))
        b.serve()
        b.run("peer", "join", line, "--name", "Anton")
        idle(a, b)
        check(a.peer(b)["name"] == "Berta" and b.peer(a)["name"] == "Anton", "names")
        check(b.peer(a)["address"] == a.address, b.peer(a))
        check(invites(a)[1]["state"] == "used" and invites(a)[1]["devices"] == [b.key],
              invites(a))
        logged(a, "admitted", "by invite 1", peer=b.key[:16])
        a.kill()
        a.serve()
        b.run("peer", "dial")
        idle(a, b)
        a.stop()
        b.stop()


def a_line_that_is_used_or_revoked_admits_nobody(cove):
    """The friend is told, and comes in by another line."""
    with nodes_of(cove, "a", "b", "c") as (a, b, c):
        for node in (a, b, c):
            node.serve()
        first = invite(a)
        b.run("peer", "add", first)         # `add` takes a line, too
        idle(a, b)
        c.run("peer", "join", first)
        told(c, a, "does not take this invite")
        second = invite(a, "--uses", "2")
        a.run("peer", "invite", "--revoke", "2")
        c.run("peer", "join", second)
        told(c, a, "does not take this invite")
        check(state(a, c) == "", "c is no peer")
        check(2 not in invites(a), invites(a))
        a.run("peer", "invite", "--revoke", "2", code=5)
        c.run("peer", "join", "-", text=invite(a) + "\n")
        idle(a, c)


def who_is_forgotten_is_sent_away_and_does_not_come_back(cove):
    """While connected; by no line that it has, nor with what it has in hand."""
    with nodes_of(cove, "a", "b") as (a, b):
        a.serve()
        b.serve()
        line = invite(a, "--uses", "5")
        b.run("peer", "join", line)
        idle(a, b)
        said = a.run("peer", "rm", b.key)
        check("invite 1 is revoked" in said, said)
        until("b is sent away", lambda: not a.json("stats")["daemon"]["connections"])
        b.run("peer", "dial")
        told(b, a, "does not know this device")
        b.run("peer", "join", line)
        told(b, a, "does not take this invite")
        check(state(a, b) == "" and invites(a) == {}, "nothing is left of it")
        a.run("peer", "rm", b.key, code=5)


def who_called_and_was_refused_can_be_trusted(cove):
    """By its key, from the list of the last sixteen; no list without a daemon."""
    with nodes_of(cove, "a", "b") as (a, b):
        a.run("peer", "list", "--refused", code=3)
        a.run("peer", "trust", b.key, code=3)
        a.serve()
        b.serve()
        check(a.json("peer", "list", "--refused")["refused"] == [], "nobody called")
        a.run("peer", "trust", b.key, code=5)
        b.knows(a)
        seen = until("b is refused", lambda: a.json("peer", "list", "--refused")["refused"])
        check(len(seen) == 1 and seen[0]["key"] == b.key and seen[0]["calls"] >= 1
              and seen[0]["address"].startswith("127.0.0.1:"), seen)
        check(b.key in a.run("peer", "list", "--refused"), "for people")
        a.run("peer", "trust", b.key[:7], code=2)
        a.run("peer", "trust", b.key[:8], "--name", "Berta")
        b.run("peer", "dial")
        idle(a, b)
        check(a.peer(b)["name"] == "Berta", a.peer(b))
        check(a.json("peer", "list", "--refused")["refused"] == [], "a peer is no stranger")


def a_line_that_is_none_is_refused_with_a_sentence(cove):
    """Cut, of this device, expired, no line at all, and wishes beyond bounds."""
    with nodes_of(cove, "a", "b") as (a, b):
        line = invite(a, "--address", "cove.example:7420")
        for word, words, code in (
                (line[:-5], "cut", 9), (line[:20], "cut", 9), (line + "AA", "cut", 9),
                (line.replace("cove_iAA", "cove_iAQ"), "version 1", 1),
                ("hello", "begins with cove_i", 9), ("", "begins with cove_i", 9)):
            done = b.call("peer", "join", word)
            check(done.returncode == code and words in done.stderr, word, done.returncode,
                  done.stderr)
        done = a.call("peer", "join", line)
        check(done.returncode == 2 and "this device made" in done.stderr, done.stderr)
        short = invite(a, "--address", "[::1]:7420", "--expires", "1s")
        until("it expires", lambda: invites(a)[2]["state"] == "expired")
        done = b.call("peer", "join", short)
        check(done.returncode == 1 and "expired" in done.stderr, done.returncode, done.stderr)
        check(b.json("peer", "list")["peers"] == [], "b knows nobody")
        for words, why in ((["--expires", "366d"], "31536000"), (["--expires", "0d"], "7d"),
                           (["--uses", "0"], "1 to 64"), (["--uses", "65"], "1 to 64"),
                           (["--address", "nowhere"], "host:port"),
                           (["--address", "0.0.0.0:7420"], "every address")):
            address = [] if "--address" in words else ["--address", "h:1"]
            done = a.call("peer", "invite", *words, *address)
            check(done.returncode == 2 and why in done.stderr, words, done.stderr)
        done = a.call("peer", "invite")
        check(done.returncode == 2 and "none listens" in done.stderr, done.stderr)
        serve(a, "--listen", "127.0.0.1:0")
        check(json.loads(a.run("--json", "peer", "invite"))["address"].startswith("127.0.0.1:"),
              "the daemon's own")


if __name__ == "__main__":
    sys.exit(main([
        a_friend_comes_in_by_a_line_of_text_and_stays,
        a_line_that_is_used_or_revoked_admits_nobody,
        who_is_forgotten_is_sent_away_and_does_not_come_back,
        who_called_and_was_refused_can_be_trusted,
        a_line_that_is_none_is_refused_with_a_sentence,
    ]))
