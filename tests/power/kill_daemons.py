#!/usr/bin/env python3
"""Daemons and commands that die in the middle of a call, at each one that was
drawn: libkill.so counts their calls to the disk and kills them (SIGKILL). What
was said to be written, and what a peer was said to have, stays."""
import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "nodes"))
import node_kit  # pylint: disable=wrong-import-position
from node_kit import check, converge, link, main, nodes_of  # pylint: disable=wrong-import-position

KILLS = int(os.environ.get("COVE_KILLS", "6"))
SEED = int(os.environ.get("COVE_SEED", random.SystemRandom().randrange(1 << 32)))


@contextlib.contextmanager
def doomed(calls):
    """Who is started here dies at that call."""
    before = node_kit.ENV
    node_kit.ENV = {**before, "LD_PRELOAD": os.environ["LIBKILL"],
                    "COVE_KILL_AFTER": str(calls)}
    try:
        yield
    finally:
        node_kit.ENV = before


def some_call(chance, most):
    """Before or after a call."""
    return chance.choice((1, -1)) * chance.randrange(1, most)


def all_there(node, ledger):
    """Every acknowledged document is in this store as it was written."""
    shown = {d["id"]: d["fields"] for d in node.json("find")["documents"]}
    for ident, fields in ledger.items():
        check(shown.get(ident) == fields, f"{node.name} lost {ident}:", fields, shown.get(ident))


def write(node, group, ledger, mark):
    """A few documents, one commit."""
    records = [{"made": mark, "n": n} for n in range(4)]
    ledger.update(zip(node.import_records(records, "--owner", group), records))


def died(code):
    """Was that the end that was meant for it?"""
    return code == -signal.SIGKILL


def doomed_daemon(node, chance):
    """Start it so that it dies; or try again where it does so too early."""
    while True:
        try:
            with doomed(some_call(chance, 120)):
                return node.serve()
        except node_kit.Failure:
            if node.daemon is not None and not died(node.gone()):
                raise


def daemons_that_die_at_any_call_lose_nothing(cove):
    """a writes; a's or b's daemon dies while it takes and gives."""
    chance = random.Random(SEED)
    print("# COVE_SEED", SEED, flush=True)
    with nodes_of(cove, "a", "b") as (a, b):
        group = a.json("new", "group", "--member", f"{b.key}=writer")["id"]
        a.serve()
        b.serve()
        link(a, b, both=True)
        ledger = {}
        write(a, group, ledger, "first")
        converge([a, b])
        for turn in range(KILLS):
            victim, other = chance.sample((a, b), 2)
            victim.stop()
            doomed_daemon(victim, chance)
            writes = 0
            while victim.alive() and writes < 60:
                write(chance.choice((victim, other)), group, ledger, f"{turn}.{writes}")
                writes += 1
            check(not victim.alive(), victim.name, "goes on, call after call")
            check(died(victim.gone()), victim.name, "ended by itself", victim.tail())
            victim.serve()
            other.wait(victim)
            victim.wait(other)
            for node in (a, b):
                all_there(node, ledger)
        converge([a, b])
        for node in (a, b):
            check(not node.json("check")["damaged"], node.name)
        return f"{len(ledger)} documents, {KILLS} deaths"


def an_import_that_dies_at_any_call_is_whole_or_absent(cove):
    """One commit: never a part of it; where it is there the next one finds it."""
    chance = random.Random(SEED + 1)
    with nodes_of(cove, "a") as (a,):
        whole = 0
        for turn in range(KILLS):
            lines = "".join(json.dumps({"turn": turn, "n": n}) + "\n" for n in range(40))
            with doomed(some_call(chance, 22)):
                done = a.call("import", "-", text=lines)
            check(done.returncode == 0 or died(done.returncode), done.returncode, done.stderr)
            found = [d for d in a.json("find")["documents"] if d["fields"].get("turn") == turn]
            check(len(found) in ((40,) if done.returncode == 0 else (0, 40)), len(found))
            whole += len(found) == 40
        check(not a.json("check")["damaged"], a.name)
        return f"{whole} of {KILLS} had committed"


def a_backup_that_dies_at_any_call_is_whole_or_none(cove):
    """What is left of it opens and is whole, or says that it is no store."""
    chance = random.Random(SEED + 2)
    with nodes_of(cove, "a") as (a,):
        a.import_records([{"n": n} for n in range(200)])
        whole = 0
        for turn in range(KILLS):
            path = a.dir.parent / f"copy{turn}"
            with doomed(some_call(chance, 42)):
                done = a.call("backup", path)
            check(done.returncode == 0 or died(done.returncode), done.returncode, done.stderr)
            copy = a.call("--json", "-d", path, "check")
            good = copy.returncode == 0 and not json.loads(copy.stdout)["damaged"]
            check(good or died(done.returncode), "an acknowledged backup", copy.stderr)
            check(good or copy.returncode in (1, 5), copy.returncode, copy.stderr)
            whole += good
            shutil.rmtree(path, ignore_errors=True)
        check(not a.json("check")["damaged"], a.name)
        return f"{whole} of {KILLS} were whole"


if __name__ == "__main__":
    sys.exit(main([daemons_that_die_at_any_call_lose_nothing,
                   an_import_that_dies_at_any_call_is_whole_or_absent,
                   a_backup_that_dies_at_any_call_is_whole_or_none]))
