#!/usr/bin/env python3
"""Commands beside a running daemon: what they commit is pushed at once, and
two of them at one time do not get in each other's way."""
import statistics
import sys
import time

from node_kit import check, converge, link, main, nodes_of, until


def a_set_beside_a_daemon_reaches_a_connected_peer_within_a_second(cove):
    """From the end of `cove set` until bob's store shows it."""
    with nodes_of(cove, "a", "b") as (a, b):
        group = a.json("new", "group", "--member", f"{b.key}=writer")["id"]
        a.serve()
        b.serve()
        link(a, b)
        ident = a.new("--owner", group, "n:=0")
        converge([a, b])
        took = []
        for turn in range(1, 16):
            writer, other = ((a, b), (b, a))[turn % 2]
            writer.run("set", ident, f"n:={turn}")
            start = time.monotonic()
            until("the other side shows it",
                  lambda turn=turn, other=other: other.has(ident, "n", turn), pause=0.005)
            took.append(time.monotonic() - start)
        median = statistics.median(took)
        check(median < 1.0, f"median {median:.2f} s", took)
        return f"median {1000 * median:.0f} ms, worst {1000 * max(took):.0f} ms, of {len(took)}"


def two_commands_write_one_store_at_once(cove):
    """Beside a daemon. No fork: the device keeps one session a document."""
    with nodes_of(cove, "a", "b") as (a, b):
        group = a.json("new", "group", "--member", f"{b.key}=writer")["id"]
        a.serve()
        b.serve()
        link(a, b)
        ident = a.new("--owner", group, "start=1")
        for turn in range(8):
            both = [a.start("set", ident, f"left:={turn}"),
                    a.start("set", ident, f"right:={turn}"),
                    a.start("import", "-", "--owner", group)]
            both[2].stdin.write("".join(f'{{"turn":{turn},"n":{n}}}\n' for n in range(20)))
            for process in both:
                _, said = process.communicate(timeout=60)
                check(process.returncode == 0, said)
        converge([a, b])
        events = b.json("log", ident)["events"]
        own = [e for e in events if e["author"] == a.key]
        check({e["session"] for e in own} == {own[0]["session"]}, "more than one session", own)
        check(len({(e["session"], e["tx"]) for e in own if e["register"] != "start"}) == 16, own)
        for node in (a, b):
            shown = node.fields(ident)
            check((shown["left"], shown["right"]) == (7, 7), shown)
            report = node.json("check")
            check(not report["damaged"], report)
            check(len([d for d in node.json("find")["documents"]
                       if "turn" in d["fields"]]) == 160, node.name)


def a_daemon_and_sync_share_a_store(cove):
    """`cove sync` beside the daemon of the same store: nothing is lost."""
    with nodes_of(cove, "a", "b") as (a, b):
        group = a.json("new", "group", "--member", f"{b.key}=writer")["id"]
        b.serve()
        a.knows(b)
        b.knows(a, dial=False)
        first = a.new("--owner", group, "n:=1")
        peers = a.json("sync", "--timeout", "30")["peers"]
        check(len(peers) == 1 and b.has(first, "n", 1), peers)
        a.serve()
        second = a.new("--owner", group, "n:=2")
        a.wait(b)
        check(b.has(second, "n", 2), "not there")
        converge([a, b])


if __name__ == "__main__":
    sys.exit(main([a_set_beside_a_daemon_reaches_a_connected_peer_within_a_second,
                   two_commands_write_one_store_at_once,
                   a_daemon_and_sync_share_a_store]))
