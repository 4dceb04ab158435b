#!/usr/bin/env python3
"""kill -9 of daemons and of commands at random moments. What a command said is
written stays written; what `wait` said is over there is over there."""
import json
import os
import random
import sys
import time

from node_kit import check, converge, link, main, nodes_of, until

ROUNDS = int(os.environ.get("COVE_KILLS", "24"))


def seed():
    """A seed, so that a failure can be tried again."""
    return int(os.environ.get("COVE_SEED", random.SystemRandom().randrange(1 << 32)))


def all_there(node, ledger):
    """Every acknowledged write is in this store; the daemon may be down."""
    shown = {d["id"]: d["fields"] for d in node.json("find")["documents"]}
    for ident, fields in ledger.items():
        for key, value in fields.items():
            check(shown.get(ident, {}).get(key) == value, f"{node.name} lost {key} of {ident}:",
                  fields, shown.get(ident))


def write_some(node, group, ledger, mark):
    """New documents and a field in each of some old ones, each a commit."""
    records = [{"made": mark, "n": n} for n in range(8)]
    made = node.import_records(records, "--owner", group)
    ledger.update(zip(made, records))
    held = {d["id"] for d in node.json("find")["documents"]}
    here = [i for i in ledger if i in held][-4:]
    node.set_lines([{"id": i, "set": {f"by-{mark}": mark}} for i in here])
    for ident in here:
        ledger[ident] = {**ledger[ident], f"by-{mark}": mark}


def nothing_acknowledged_is_lost_by_kills_of_daemons(cove):
    """A38: a and b write and sync while both are killed again and again."""
    number = seed()
    chance = random.Random(number)
    print("# COVE_SEED", number, flush=True)
    with nodes_of(cove, "a", "b", "c") as nodes:
        a, b, c = nodes
        group = a.json("new", "group", "--member", f"{b.key}=writer",
                       "--member", f"{c.key}=writer")["id"]
        for node in nodes:
            node.serve()
        for one, other in ((a, b), (b, c), (c, a)):
            link(one, other, both=True)
        ledger = {}
        write_some(a, group, ledger, "start")
        converge(nodes)
        for turn in range(ROUNDS):
            writer, other, _ = chance.sample(nodes, 3)
            victim = chance.choice(nodes)
            write_some(writer, group, ledger, f"{writer.name}{turn}")
            # now it is on its way: some time into that, the process is gone
            time.sleep(chance.random() * 0.1)
            victim.kill()
            if chance.random() < 0.5:       # somebody writes beside the dead daemon
                write_some(victim, group, ledger, f"{victim.name}{turn}-down")
            all_there(writer, {i: f for i, f in ledger.items() if f.get("made") == f"{writer.name}{turn}"})
            victim.serve()
            if turn % 3 == 2:
                writer.wait(other)
                confirmed = {i: f for i, f in ledger.items()
                             if f.get("made", "").startswith(writer.name)}
                other.kill()                # at once: what was confirmed is on disk
                all_there(other, confirmed)
                other.serve()
        converge(nodes)
        for node in nodes:
            all_there(node, ledger)
            damaged = node.json("check")["damaged"]
            check(not damaged, f"{node.name}: damage", damaged)
        return f"{len(ledger)} documents, {ROUNDS} rounds"


def a_killed_import_is_whole_or_absent(cove):
    """One commit: never a part of it, beside a daemon that pushes it."""
    chance = random.Random(seed())
    with nodes_of(cove, "a", "b") as (a, b):
        group = a.json("new", "group", "--member", f"{b.key}=writer")["id"]
        a.serve()
        b.serve()
        link(a, b)
        whole = 0
        start = time.monotonic()    # how long one takes here
        a.import_records([{"warm": n} for n in range(500)], "--owner", group)
        whole_takes = time.monotonic() - start
        for turn in range(6):
            lines = "".join(json.dumps({"turn": turn, "n": n}) + "\n" for n in range(500))
            command = a.start("import", "-", "--owner", group)
            command.stdin.write(lines)
            command.stdin.close()
            time.sleep(chance.random() * whole_takes * 1.2)
            command.kill()
            command.wait()
            command.stdout.close()
            command.stderr.close()
            found = [d for d in a.json("find")["documents"] if d["fields"].get("turn") == turn]
            check(len(found) in (0, 500), f"{len(found)} of 500 documents of a killed import")
            whole += len(found) == 500
        a.new("--owner", group, "last=1st")
        converge([a, b])
        counts = {}
        for doc in b.json("find")["documents"]:
            for mark in doc["fields"].keys() & {"turn", "last"}:
                turn = doc["fields"][mark]
                counts[turn] = counts.get(turn, 0) + 1
        check(counts.pop("1st") == 1 and set(counts.values()) <= {500}, counts)
        check(len(counts) == whole, counts, whole)
        for node in (a, b):
            check(not node.json("check")["damaged"], node.name)
        return f"{whole} of 6 imports had committed"


def a_peer_that_was_away_is_found_again(cove):
    """Dialling backs off while nobody answers, and goes on when somebody does."""
    with nodes_of(cove, "a", "b") as (a, b):
        group = a.json("new", "group", "--member", f"{b.key}=writer")["id"]
        a.serve()
        b.serve()
        link(a, b)
        first = a.new("--owner", group, "n:=1")
        converge([a, b])
        b.kill()
        until("a sees that b is gone", lambda: a.peer(b)["state"] != "idle")
        second = a.new("--owner", group, "n:=2")
        until("a says why", lambda: a.peer(b)["error"])
        check(a.peer(b)["unsent"] > 0, a.peer(b))
        check(a.call("wait", "--peer", b.key, "--timeout", "0.2").returncode == 3)
        check(not b.has(second), "b is down")
        start = time.monotonic()
        b.serve()
        a.wait(b)
        took = time.monotonic() - start
        check(b.has(first, "n", 1) and b.has(second, "n", 2), "not all arrived")
        return f"found again after {took:.1f} s"


if __name__ == "__main__":
    sys.exit(main([nothing_acknowledged_is_lost_by_kills_of_daemons,
                   a_killed_import_is_whole_or_absent,
                   a_peer_that_was_away_is_found_again]))
