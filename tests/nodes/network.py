#!/usr/bin/env python3
"""Networks with a key: who has it meets, who has another or none gets silence,
and the user of each side is told what to do."""
import sys

from node_kit import check, main, nodes_of, until


def state(node, other):
    """How a peer is."""
    return node.peer(other)["state"]


def idle(node, other):
    """Both are connected, and have said all."""
    until(f"{node.name} and {other.name} meet{node.tail()}{other.tail()}",
          lambda: state(node, other) == "idle" == state(other, node))


def new_key(node):
    """The key of a new network."""
    lines = node.run("peer", "network", "--new").splitlines()
    check(len(lines) == 1 and len(lines[0]) == 64, "one key:", lines)
    return lines[0]


def refused(node, other, words):
    """The caller's record has these words, and they do not meet."""
    until(f"{node.name} is told: {words}{node.tail()}",
          lambda: words in node.peer(other)["error"])
    check(state(node, other) != "idle", node.peer(other))


def who_has_the_key_meets(cove):
    """And the network is the same by its digits, which are no secret."""
    with nodes_of(cove, "a", "b") as (a, b):
        key = new_key(a)
        b.run("peer", "network", "--key", key)
        shown = a.json("peer", "network")
        check(shown["network"] == b.json("peer", "network")["network"], shown)
        check("key" not in shown and key not in str(a.json("stats")), "a secret:", shown)
        a.serve()
        b.serve()
        line = a.run("peer", "invite").strip()
        b.run("peer", "join", line)
        idle(a, b)
        a.stop()
        b.stop()
        a.run("check")


def another_network_or_none_gets_silence(cove):
    """In either direction; with the right key they meet after a restart."""
    with nodes_of(cove, "a", "b") as (a, b):
        key = new_key(a)
        a.serve()
        a.knows(b, dial=False)
        b.knows(a)
        b.serve()
        refused(b, a, "network key")
        b.stop()
        b.run("peer", "network", "--new")
        b.serve()
        refused(b, a, "network key")
        b.stop()
        b.run("peer", "network", "--key", key)
        b.serve()
        idle(a, b)


def an_invite_says_that_its_network_has_a_key(cove):
    """Who has none, or one that the other has not, is told before it calls."""
    with nodes_of(cove, "a", "b") as (a, b):
        a.serve()
        open_line = a.run("peer", "invite").strip()
        a.stop()
        key = new_key(a)
        a.serve()
        line = a.run("peer", "invite").strip()
        done = b.call("peer", "join", line)
        check(done.returncode != 0 and "network --key" in done.stderr, done)
        b.run("peer", "network", "--key", key)
        done = b.call("peer", "join", open_line)
        check(done.returncode != 0 and "network --none" in done.stderr, done)
        b.run("peer", "join", line)
        b.serve()
        idle(a, b)


def what_is_no_key_is_refused(cove):
    """And changes nothing."""
    with nodes_of(cove, "a") as (a,):
        key = new_key(a)
        before = a.json("peer", "network")
        for words in (["--key", "abc"], ["--key", key + "00"], ["--key", "g" * 64],
                      ["--key", key, "--none"], ["--new", "--none"]):
            done = a.call("peer", "network", *words)
            check(done.returncode == 2 and done.stderr.startswith("cove: "), done)
        check(a.json("peer", "network") == before, before)
        a.run("peer", "network", "--none")
        check(a.json("peer", "network")["network"] is None, "none is left")


if __name__ == "__main__":
    sys.exit(main([
        who_has_the_key_meets,
        another_network_or_none_gets_silence,
        an_invite_says_that_its_network_has_a_key,
        what_is_no_key_is_refused,
    ]))
