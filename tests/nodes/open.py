#!/usr/bin/env python3
"""A relay that is open to any device, between real daemons: what its owner and
its guests see."""
import signal
import sys

from daemon_kit import get, http_port, logged, records, serve
from node_kit import check, main, nodes_of, until

LOUD = "OPEN: any device that can reach this may connect"


def state(node, other):
    """How a peer is, "" where it is none."""
    for peer in node.json("peer", "list")["peers"]:
        if peer["key"] == other.key:
            return peer["state"]
    return ""


def groups(relay, a, b):
    """A group of a and b, which the relay carries, made on a."""
    return a.json("new", "group", "--member", f"{a.key}=admin", "--member", f"{b.key}=writer",
                  "--member", f"{relay.key}=reader")["id"]


def connections(node):
    """Of the daemon, those that are open."""
    return [one for one in node.json("status")["daemon"]["connections"] if one["open"]]


def two_strangers_meet_over_an_open_relay(cove):
    """And a third, in no group of theirs, gets nothing; nor does it leave anything."""
    with nodes_of(cove, "r", "a", "b", "c") as (relay, a, b, c):
        serve(relay, "--open", "--http", "127.0.0.1:0")
        port = http_port(relay)
        ident = a.new("--owner", groups(relay, a, b), "n:=1")
        for node in (a, b, c):
            node.serve()
            node.knows(relay)
        until("b has it", lambda: b.has(ident, "n", 1))
        b.run("set", ident, "n:=2")
        until("a has b's edit", lambda: a.has(ident, "n", 2))
        until("c is in sync", lambda: state(c, relay) == "idle")
        check(not c.has(ident), "c may not read it")
        peers = {peer["key"]: peer for peer in relay.json("peer", "list")["peers"]}
        check(peers[a.key].get("open") is True and "unsent" not in peers[a.key], peers)
        check(b.key in peers and c.key not in peers, "who brings nothing leaves nothing", peers)
        plain = [line for line in relay.run("peer", "list").splitlines()
                 if line.startswith(a.key[:16])]
        check(len(plain) == 1 and " open  in " in plain[0], plain)
        check(sum(one.get("guest", False) for one in connections(relay)) == 3, "three guests")
        status, text = get(port, "/metrics")
        check(status == 200 and "\ncove_sync_open 1\n" in text
              and "\ncove_sync_guests 3\n" in text and "\ncove_guests 2\n" in text, text)
        check(a.key[:16] not in text, "strangers make no series")
        check(relay.run("wait", "--timeout", "5", code=5) == "", "nobody is waited for")
        check(relay.json("status")["unsent"] == {}, "nor counted")


def open_says_so_loudly(cove):
    """On standard output, in the log, in status, in --check-config."""
    with nodes_of(cove, "r") as (relay,):
        serve(relay, COVE_OPEN="yes")
        check(LOUD in relay.daemon.stdout.readline(), "standard output")
        logged(relay, "open", "any device may connect", level="warn")
        check("OPEN: any device may connect" in relay.run("status"), "status")
        check(relay.json("status")["daemon"]["open"] is True, "as JSON")
        relay.stop()
        got = relay.json("serve", "--check-config", "--open")["settings"]["open"]
        check(got == {"value": "yes", "from": "--open"}, got)
        relay.run("serve", "--check-config", "--open", "no", code=2)
        serve(relay)
        check(relay.json("status")["daemon"]["open"] is False, "and closed without it")
        check("OPEN" not in relay.run("status"), relay.run("status"))


def closed_by_sighup_it_refuses_strangers_and_keeps_what_came(cove):
    """A peer that was named stays connected, and so does a guest named since."""
    with nodes_of(cove, "r", "a", "b", "c") as (relay, a, b, c):
        conf = relay.dir / "serve.conf"
        conf.write_text("open = yes\n")
        serve(relay)
        ident = a.new("--owner", groups(relay, a, b), "n:=1")
        mine = c.new("--owner", groups(relay, c, b), "n:=3")
        relay.run("peer", "add", b.key, "--name", "Berta")
        for node in (a, b, c):
            node.serve()
            node.knows(relay)
        until("b has both", lambda: b.has(ident, "n", 1) and b.has(mine, "n", 3))
        relay.run("peer", "add", c.key, "--name", "Carl")
        check("open" not in relay.peer(c), relay.peer(c))
        conf.write_text("open = no\n")
        relay.daemon.send_signal(signal.SIGHUP)
        logged(relay, "reload", "settings read, 1 changed")
        until("a is sent away", lambda: "does not know this device" in a.peer(relay)["error"]
              and {one["peer"] for one in connections(relay)} == {b.key, c.key})
        check(relay.peer(a)["open"] is True, "what is known of it stays")
        until("it called again, and may be trusted",
              lambda: a.key in relay.run("peer", "list", "--refused"))
        c.run("set", mine, "n:=4")
        until("b has what c wrote since", lambda: b.has(mine, "n", 4))
        check(relay.digest() and b.has(ident, "n", 1), "nothing of a's is gone")
        relay.run("peer", "trust", a.key[:16], "--name", "Anna")
        a.run("peer", "dial")
        until("a is a peer", lambda: state(a, relay) == "idle" == state(relay, a))
        check("open" not in relay.peer(a) and relay.peer(a)["name"] == "Anna", relay.peer(a))
        check(any(one["event"] == "guest" for one in records(relay)), "the log names guests")


def a_restart_that_is_not_open_refuses_guests_of_before(cove):
    """Their records do not let them in."""
    with nodes_of(cove, "r", "a", "b") as (relay, a, b):
        serve(relay, "--open")
        ident = a.new("--owner", groups(relay, a, b), "n:=1")
        a.serve()
        a.knows(relay)
        until("the relay has it", lambda: state(relay, a) == "idle" and relay.has(ident))
        relay.stop()
        serve(relay)
        a.run("peer", "dial")
        until("a is refused", lambda: "does not know this device" in a.peer(relay)["error"])
        relay.stop()
        serve(relay, "--open")
        a.run("peer", "dial")
        until("a is back", lambda: state(a, relay) == "idle")


if __name__ == "__main__":
    sys.exit(main([
        two_strangers_meet_over_an_open_relay,
        open_says_so_loudly,
        closed_by_sighup_it_refuses_strangers_and_keeps_what_came,
        a_restart_that_is_not_open_refuses_guests_of_before,
    ]))
