#!/usr/bin/env python3
"""Three daemons that sync for as long as is said: what they need does not grow.

    soak.py COVE [MINUTES]        2 by default; tools/soak says more

Edits of always the same documents by all three, at times by all at once; of two of
the daemons one ends and one is killed every few turns, and both come back; logs are
packed, and a file that is not in use is made anew. One runs on through all of it.
At each quarter of the time all have to be equal, and then is measured: the memory
of the one that runs on, its open files, and each store's file when it is made anew.
From the first quarter to the last the memory may grow by a tenth and 2 MiB, open
files not at all, and a file by 200 bytes an edit: history is kept, and nothing
else.
"""
import pathlib
import sys
import time

from node_kit import check, converge, link, main, nodes_of, until

DOCUMENTS = 100
EDITS = 20        # in one turn, by each
PER_EDIT = 200    # bytes of a store's file
REST = 6          # turns between two ends of a daemon
MINUTES = 2.0


def anonymous_kib(daemon):
    """Its own memory; pages of the store's map are the system's."""
    for line in pathlib.Path(f"/proc/{daemon.pid}/status").read_text("utf-8").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1])
    return 0


def open_files(daemon):
    return len(list(pathlib.Path(f"/proc/{daemon.pid}/fd").iterdir()))


def edit(nodes, ids, turn):
    """Each writes some documents, all of them the same one besides."""
    for at, node in enumerate(nodes):
        lines = [{"id": ids[(turn * EDITS + at * 7 + n) % DOCUMENTS],
                  "set": {f"by-{node.name}": turn, "text": f"turn {turn} by {node.name}"}}
                 for n in range(EDITS - 1)]
        node.set_lines(lines + [{"id": ids[0], "set": {"turn": turn}}])
    return EDITS * len(nodes)


def trouble(ends, killed, turn):
    """One ends well and one is killed; another time the other way round."""
    if turn // REST % 2:
        ends, killed = killed, ends
    killed.kill()
    ends.stop()
    ends.json("compact")
    ends.serve()
    killed.serve()


def measure(nodes, edits):
    """All equal, at rest, and their files as small as they get but for the one
    that runs on: that one cannot be made anew under its daemon."""
    converge(nodes)
    first, others = nodes[0], nodes[1:]
    seen = {"edits": edits, "kib": anonymous_kib(first.daemon), "bytes": []}
    for node in others:
        node.stop()
    for node in others:
        node.json("compact")
        seen["bytes"].append((pathlib.Path(node.dir) / "data.mdb").stat().st_size)
        node.serve()
    for node in others:
        first.wait(node)
    seen["files"] = open_files(first.daemon)
    print(f"# after {edits} edits: {seen['kib']} KiB, {seen['files']} open files, stores of "
          f"{' and '.join(str(size) for size in seen['bytes'])} bytes", flush=True)
    return seen


def hold(first, last):
    """What was needed at the end against what was needed at first."""
    edits = last["edits"] - first["edits"]
    check(last["kib"] <= first["kib"] * 11 // 10 + 2048, "memory grows:", first, last)
    check(last["files"] <= first["files"], "open files grow:", first, last)
    for before, after in zip(first["bytes"], last["bytes"]):
        check(after <= before + edits * PER_EDIT, "a store grows:", first, last)


def three_daemons_need_no_more_and_no_more(cove):
    with nodes_of(cove, "on", "one", "two") as (on, one, two):
        nodes = [on, one, two]
        group = on.json("new", "group", "--member", f"{one.key}=writer",
                        "--member", f"{two.key}=writer")["id"]
        for node in nodes:
            node.serve()
        link(on, one, both=True)
        link(one, two, both=True)
        link(two, on, both=True)
        ids = on.import_records([{"n": n} for n in range(DOCUMENTS)], "--owner", group)
        for node in (one, two):
            until(f"{node.name} has all", lambda node=node: node.has(ids[-1]))
        begin, seen, edits, turn = time.monotonic(), [], 0, 0
        while len(seen) < 4:
            turn += 1
            edits += edit(nodes, ids, turn)
            if turn % REST == 0:
                trouble(one, two, turn)
            if time.monotonic() - begin >= (len(seen) + 1) * MINUTES * 15:
                seen.append(measure(nodes, edits))
        hold(seen[0], seen[-1])
        for node in nodes:
            check(not node.json("check")["damaged"], node.name)
        shown = on.fields(ids[0])
        check(shown["turn"] == turn, shown)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        MINUTES = float(sys.argv.pop())
    sys.exit(main([three_daemons_need_no_more_and_no_more]))
