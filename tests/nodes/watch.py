#!/usr/bin/env python3
"""`cove watch` beside other processes that write the store: a daemon, commands,
commands that are killed. What is told is held against what the store has."""
import json
import os
import select
import signal
import sys
import time

from node_kit import DEADLINE, check, converge, link, main, nodes_of, until

TASK = {"title": "Task", "version": 1, "properties": {
    "n": {"type": "integer"}, "done": {"type": "boolean"}}}
TASK2 = {"title": "Task", "version": 2, "properties": {
    "m": {"type": "string"}, "done": {"type": "boolean"}}}
STEP = {"schema": "Task", "from": 1, "to": 2, "steps": [{"convert": {
    "field": "n", "to": {"name": "m", "type": "string"},
    "forward": ["text_of_int"], "back": ["int_of_text"]}}]}

KILLS = int(os.environ.get("WATCH_KILLS", "4"))


class Watcher:
    """A `cove watch` of a node, and what it printed."""

    def __init__(self, node, *words):
        self.process = node.start("--json", "watch", *words)
        self.events, self.rest = [], b""
        os.set_blocking(self.process.stdout.fileno(), False)

    def read(self, seconds):
        """Take what comes within so many seconds; was it anything?"""
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        if not ready:
            return False
        got = os.read(self.process.stdout.fileno(), 1 << 20)
        lines = (self.rest + got).split(b"\n")
        self.rest = lines.pop()
        self.events += [json.loads(line) for line in lines]
        return bool(got)

    def until(self, what, met):
        """Read until `met` says so of the events so far."""
        end = time.monotonic() + DEADLINE
        while not met(self.events):
            check(time.monotonic() < end, f"{what}: not within {DEADLINE} s; the last of",
                  len(self.events), self.events[-5:])
            self.read(0.1)
        return self

    def ready(self):
        """Read until all that was before is told."""
        return self.until("ready", lambda events: any(e["event"] == "ready" for e in events))

    def of(self, *kinds):
        """The events of these kinds."""
        return [e for e in self.events if e["event"] in kinds]

    def end(self, number=signal.SIGTERM):
        """End it as its user would."""
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=DEADLINE)
        check(self.process.returncode == 0, "exit", self.process.returncode, said)


def schema(node, content, *words):
    """Publish a schema."""
    node.run("schema", "put", "-", *words, text=json.dumps(content))


def held(events, start=()):
    """What somebody holds who applies the events of a query."""
    ids = set(start)
    for event in events:
        if event["event"] == "enter":
            ids.add(event["id"])
        elif event["event"] in ("leave", "removed"):
            ids.discard(event["id"])
    return ids


def a_change_of_a_peer_reaches_a_watcher_beside_the_daemon(cove):
    """With its origin, and the key of the peer it came from."""
    with nodes_of(cove, "a", "b") as (a, b):
        group = a.json("new", "group", "--member", f"{b.key}=writer")["id"]
        a.serve()
        b.serve()
        peers = Watcher(b, "--peers").ready()
        link(a, b)
        ident = a.new("--owner", group, "n:=0")
        converge([a, b])
        watcher = Watcher(b, ident).ready()
        a.run("set", ident, "n:=1")
        watcher.until("the change", lambda events: len(events) > 1)
        told = watcher.events[1]
        check((told["event"], told["id"], told["from"], told.get("peer")) ==
              ("change", ident, ["peer"], a.key), told)
        b.run("set", ident, "n:=2")
        watcher.until("the own one", lambda events: len(events) > 2)
        check(watcher.events[2]["from"] == ["here"], watcher.events[2])
        check("peer" not in watcher.events[2], watcher.events[2])
        peers.until("that the peer was idle", lambda events: any(
            e["event"] == "peer" and e["detail"]["state"] == "idle" for e in events))
        b.kill()
        peers.until("that nobody syncs", lambda events: events[-1]["event"] == "peer" and
                    events[-1]["detail"]["state"] == "stopped")
        b.serve()
        peers.until("that the peer is back", lambda events: events[-1]["event"] == "peer" and
                    events[-1]["detail"]["state"] == "idle")
        a.stop()
        peers.until("that the peer went", lambda events: events[-1]["event"] == "peer" and
                    events[-1]["detail"]["state"] in ("offline", "connecting"))
        watcher.end()
        peers.end(signal.SIGINT)


def a_peer_that_refuses_connects_and_is_in_step_is_told_each_time(cove):
    """The states of `peers`, with why; and that it is forgotten."""
    with nodes_of(cove, "a", "b") as (a, b):
        a.serve()
        b.serve()
        peers = Watcher(b, "--peers").ready()

        def told(state, words=""):
            peers.until(f"that the peer is {state}", lambda events: any(
                e["event"] == "peer" and e["detail"]["state"] == state
                and words in e["detail"].get("error", "") for e in events))
            del peers.events[:]

        b.knows(a)
        told("failed", "does not know this device")
        a.run("peer", "add", b.key)
        b.run("peer", "dial")
        told("idle")
        a.run("peer", "rm", b.key)
        told("failed")
        b.run("peer", "rm", a.key)
        told("removed")
        peers.end(signal.SIGINT)


def a_daemon_that_is_killed_leaves_no_event_behind(cove):
    """kill -9 of the daemon while a peer's documents come in, at any point:
    what it committed is told, though nobody commits after it."""
    with nodes_of(cove, "a", "b") as (a, b):
        group = a.json("new", "group", "--member", f"{b.key}=writer")["id"]
        a.serve()
        b.serve()
        link(a, b, both=True)
        schema(a, TASK, "--owner", group)
        converge([a, b])
        watcher = Watcher(b, "Task", "--where", "done:=false").ready()
        wanted = set()
        for turn in range(KILLS):
            lines = "".join('{"done":%s,"n":%d}\n' % (("false", "true")[n % 2], n)
                            for n in range(1000))
            a.run("import", "-", "--schema", "Task", text=lines)
            watcher.until("that some came", lambda events, before=len(wanted):
                          len(held(events)) > before)
            b.kill()
            until("it is told nothing more", lambda: not watcher.read(1.0))
            wanted = {d["id"] for d in
                      b.json("find", "Task", "--where", "done:=false")["documents"]}
            check(held(watcher.events) == wanted, turn, len(held(watcher.events)), len(wanted))
            b.serve()
        converge([a, b])
        watcher.until("all", lambda events: len(held(events)) == 500 * KILLS)
        watcher.end()


def a_slow_watcher_gets_each_document_once_and_in_order(cove):
    """10,000 documents change, three times, while it stands still."""
    with nodes_of(cove, "a") as (a,):
        schema(a, TASK)
        ids = a.import_records([{"n": n} for n in range(10000)], "--schema", "Task")
        watcher = Watcher(a, "Task").ready()
        watcher.process.send_signal(signal.SIGSTOP)
        for turn in range(3):
            a.set_lines([{"id": i, "set": {"n": -turn}} for i in ids])
        watcher.process.send_signal(signal.SIGCONT)
        watcher.until("all changes", lambda events: len(events) >= 10001)
        check(not watcher.read(0.5), "more than one event a document", watcher.events[-3:])
        told = watcher.of("change")
        check(len(told) == 10000 and {e["id"] for e in told} == set(ids), len(told))
        order = [e["sequence"] for e in told]
        check(order == sorted(set(order)), "not in the order of commits")
        watcher.end()


def who_was_away_is_told_what_changed_since(cove):
    """Documents, and a query: applied to what it held, the events give what
    matches now."""
    with nodes_of(cove, "a") as (a,):
        schema(a, TASK)
        ids = a.import_records([{"n": n, "done": n % 3 == 0} for n in range(600)],
                               "--schema", "Task")
        where = ("Task", "--where", "done:=false")
        query, plain = Watcher(a, *where).ready(), Watcher(a, "Task").ready()
        before, at = held(query.events), plain.events[-1]["sequence"]
        query.end()
        plain.end()
        changed = ids[5:400:7]
        a.set_lines([{"id": i, "set": {"done": n % 2 == 0}} for n, i in enumerate(changed)])
        query, plain = (Watcher(a, *where, "--since", at).ready(),
                        Watcher(a, "Task", "--since", at).ready())
        check([e["id"] for e in plain.of("change")] == changed, plain.events[:3])
        wanted = {d["id"] for d in a.json("find", *where)["documents"]}
        check(held(query.events, before) == wanted, len(wanted))
        check(not query.of("reset"), query.events[:3])
        query.end()
        plain.end()


def what_only_a_migration_wrote_can_be_left_out(cove):
    """A run in another process, and its progress."""
    with nodes_of(cove, "a") as (a,):
        schema(a, TASK)
        ids = a.import_records([{"n": n} for n in range(300)], "--schema", "Task")
        runs = Watcher(a, "--migrations").ready()
        step = a.dir.parent / "step.json"
        step.write_text(json.dumps({**STEP, "targetSchema": TASK2}))
        a.run("migrate", "publish", step)
        every, users = Watcher(a, "Task").ready(), Watcher(a, "Task", "--no-migrations").ready()
        a.run("migrate", "run", "Task")
        every.until("the copies", lambda events: len(events) > 300)
        check(all(e["from"] == ["migration"] for e in every.of("change")), every.events[-1])
        a.run("set", ids[7], "done:=true")
        users.until("a user's change", lambda events: len(events) > 1)
        check([e["id"] for e in users.of("change")] == [ids[7]], users.events)
        runs.until("that it is over", lambda events: any(
            e["event"] == "run" and e["detail"]["state"] == "completed" for e in events))
        check(any(e["event"] == "schema" and e["detail"]["version"] == 2 for e in runs.events),
              runs.events)
        for watcher in (every, users, runs):
            watcher.end()


def wakes(process):
    """How often the kernel has put it to sleep."""
    with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status
                    if line.startswith("voluntary_ctxt_switches"))


def an_idle_watcher_is_never_woken(cove):
    """Not once in two seconds, beside a daemon that looks after its own."""
    with nodes_of(cove, "a") as (a,):
        a.serve()
        watcher = Watcher(a).ready()
        until("it sleeps", lambda: not watcher.read(0.3))
        before = wakes(watcher.process)
        check(not watcher.read(2), "it was told something", watcher.events)
        check(wakes(watcher.process) == before, "woken", wakes(watcher.process) - before)
        watcher.end()


def it_ends_after_so_many_events_and_when_the_time_is_over(cove):
    """Exit 3 where events are missing."""
    with nodes_of(cove, "a") as (a,):
        watcher = Watcher(a, "--count", "1").ready()
        a.new("n:=1")
        check(watcher.process.wait(DEADLINE) == 0, watcher.events)
        watcher.read(1)
        check(len(watcher.events) == 2, watcher.events)
        a.run("watch", "--count", "1", "--timeout", "0.05", code=3)
        a.run("watch", "--timeout", "0.05")
        a.run("watch", "Tsak", code=5)
        a.run("watch", "--where", "n=1", code=2)


if __name__ == "__main__":
    sys.exit(main([
        a_change_of_a_peer_reaches_a_watcher_beside_the_daemon,
        a_peer_that_refuses_connects_and_is_in_step_is_told_each_time,
        a_daemon_that_is_killed_leaves_no_event_behind,
        a_slow_watcher_gets_each_document_once_and_in_order,
        who_was_away_is_told_what_changed_since,
        what_only_a_migration_wrote_can_be_left_out,
        an_idle_watcher_is_never_woken,
        it_ends_after_so_many_events_and_when_the_time_is_over,
    ]))
