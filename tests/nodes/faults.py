#!/usr/bin/env python3
"""Real daemons behind a proxy that does to their bytes what networks do: whatever
it is, all become equal in the end, nothing that was acknowledged is lost, nobody
still has something to send, no store is damaged, and SIGTERM ends each daemon in
time.

A scenario is a row: a topology (proxy_world.py), what users do meanwhile
(proxy_work.py), and the faults of each link (proxy_kit.py), in the order of its
connections. The short form is what is marked so; `--all` runs all of them."""
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import time
import traceback

from node_kit import Failure, Node, check, until
from proxy_kit import Fault
from proxy_rows import ROWS, SLOW
from proxy_world import SETTLE_SECONDS, world_of

SIDE_BY_SIDE = int(os.environ.get("FAULTS_JOBS", "3"))


class Play:
    """One scenario."""

    def __init__(self, world, row):
        self.world, self.row, self.work = world, row, row.work(world)
        self.down, self.refused, self.turn = [], [], 0

    def run(self):
        """From the first write to the last check: a note."""
        world, row = self.world, self.row
        self.work.begin()
        world.serve()
        if row.first:
            self.work.meet()
            world.settle(nodes=self.work.equals())
            world.plan(row.faults)
            world.drop()
        else:
            world.plan(row.faults)
            self.work.meet()
        with world.told():
            self.steps()
            self.meanwhile()
        for node in self.down:
            node.serve()
        for link in self.refused:
            link.listen()
        if row.end_in_it:
            world.stop(0.5)
            world.each(Node.serve)
        if not row.by_itself:
            world.heal()
        with world.told():
            self.work.heal()
        world.settle(nudge=row.nudge and not row.by_itself)
        world.verify(self.work)
        self.heard()
        world.stop()
        return (f"{sum(link.calls for link in world.links.values())} connections, "
                f"{world.struck()} faults, ended in {max(world.ends):.2f} s")

    # --------------------------------------------------------------- steps
    def steps(self):
        """All write, things happen to daemons, until each fault has struck."""
        for _ in range(self.row.steps):
            self.step()
        count = self.row.strikes or sum(
            Fault(one).strikes for words in self.row.faults.values()
            for word in words for one in word.split(" and ") if one)
        patience = [time.monotonic() + 1]

        def look():
            if self.row.nudge:
                self.world.nudge()
            if time.monotonic() > patience[0]:      # some need more bytes
                self.step()
                patience[0] = time.monotonic() + 1
            return self.world.struck() >= count
        until(f"{count} faults", look, SETTLE_SECONDS)

    def step(self):
        """All that can write do, and what is to happen happens."""
        here = self.world.writers if self.row.first else [self.world.a]
        if self.turn < len(self.row.do):
            for one in self.row.do[self.turn].split("; "):
                self.happens(*one.split())
        self.work.step(self.turn, here)
        self.turn += 1
        if self.row.nudge:
            self.world.nudge()

    def happens(self, what="", name=""):
        """Something to a daemon or a link."""
        node, link = self.world.by_name.get(name), self.world.links.get(name)
        if what in ("kill", "end"):
            node.kill() if what == "kill" else node.stop()
            self.down.append(node)
        elif what == "start":
            self.down.remove(node)
            node.serve()
        elif what == "again":
            node.kill()
            node.serve()
        elif what == "refuse":
            link.refuse()
            self.refused.append(link)
        elif what == "listen":
            self.refused.remove(link)
            link.listen()
        elif what == "vanish":
            self.world.settle()     # what was written went through: nothing is on its way
            link.vanish()
        elif what == "later":       # its clock is a month ahead of what it was
            node.clock = later(node.cove)
        elif what == "sync":        # without a daemon, which has ended
            node.run("sync", "--timeout", 60)
        elif what == "compact":
            node.run("compact")
        else:
            check(not what, "no such thing:", what)

    def meanwhile(self):
        """These get on while the fault lasts."""
        def equal(names):
            states = self.world.each(lambda n: n.json("status")["digests"],
                                     [self.world.by_name[x] for x in names])
            return all(s.get(self.world.group) == states[0][self.world.group] for s in states)
        for names in self.row.meanwhile:
            until(f"{names} get on", lambda names=names: equal(names), pause=0.1)

    def heard(self):
        """What was changed on the way did not pass for a record."""
        logs = "".join(n.log.read_text("utf-8") for n in self.world.nodes)
        for words in self.row.heard:
            check(words in logs, f"nobody logged: {words}\n", logs[-3000:])
        check("peer=00000000" not in logs, "a peer is named that is not known")


def later(cove):
    """The environment of a process a month later."""
    library = pathlib.Path(cove).parent.parent / "tests" / "nodes" / "liblater.so"
    check(library.exists(), f"{library} is not built")
    return {"LD_PRELOAD": str(library), "LATER_DAYS": "31"}


def play(cove, number, row):
    """A scenario: its lines, and whether it held."""
    start, note, good, lines = time.monotonic(), "", True, []
    try:
        with world_of(cove, row.topology, number) as world:
            note = Play(world, row).run()
    except (Failure, subprocess.TimeoutExpired, OSError, KeyError, ValueError):
        good = False
        lines = ["# " + line for line in traceback.format_exc().splitlines()]
    lines.append(f"{'ok' if good else 'not ok'} {number} - {row.topology}: {row.name} "
                 f"# {time.monotonic() - start:.1f} s, {note}")
    return good, lines


def main():
    """Run the short form, all, or those whose names have the words given: TAP."""
    cove, words = os.path.abspath(sys.argv[1]), sys.argv[2:]
    rows = [r for r in ROWS if r.short or words]
    if words and words != ["--all"]:
        rows = [r for r in ROWS if any(w in f"{r.topology}: {r.name}" for w in words)]
    check(len({(r.topology, r.name) for r in ROWS}) == len(ROWS), "two of one name")
    print(f"1..{len(rows)}", flush=True)
    failed = 0
    waiting = sum(r in SLOW for r in rows)      # those take no room
    with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE + waiting) as pool:
        for one in [pool.submit(play, cove, n, r) for n, r in enumerate(rows, 1)]:
            good, lines = one.result()
            failed += not good
            print("\n".join(lines), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
