#!/usr/bin/env python3
"""Exact dumps as people use them: to a file, through a pipe, cut, damaged, gone
on with, of one schema, and what wrong input gets.

    dump.py COVE [TEST…]
"""
import json
import os
import pathlib
import resource
import shutil
import struct
import subprocess
import sys

from cli_kit import OK, ERROR, USAGE, CONDITION, NOT_FOUND, INVALID, desk_of, refused, same
from node_kit import ENV, Node, check, main, nodes_of

NOTE = {"title": "Note", "version": 1, "type": "object", "required": ["title"],
        "properties": {"title": {"type": "string"}, "stars": {"type": "integer"}}}
TASK = {"title": "Task", "version": 1, "type": "object",
        "properties": {"what": {"type": "string"}}}


def write(base, name, content):
    """A file with a value as JSON: its path."""
    path = pathlib.Path(base) / name
    path.write_text(json.dumps(content), "utf-8")
    return path


def shared(alice, *readers, count=60):
    """A group with everything of every type in it: the group's id."""
    group = alice.new("group", *[w for r in readers for w in ("--member", f"{r.key}=reader")])
    base = alice.dir.parent
    alice.run("schema", "put", write(base, "note.json", NOTE), "--owner", group)
    ids = alice.import_records([{"title": f"n{i}", "stars": i} for i in range(count)],
                               "--schema", "Note", "--owner", group)
    for i in ids[:5]:
        alice.run("set", i, "stars:=100")
    text = alice.new("text", "hello", "--owner", group)
    alice.run("text", text, "insert", "5", " world")
    for words in (["list", "[1,2,[3]]"], ["counter", "7"], ["stream", "[1,2]"]):
        alice.new(*words, "--owner", group)
    blob = alice.new("blob", "--owner", group)
    big = os.urandom(700000)
    (base / "big").write_bytes(big)
    alice.run("blob", "put", blob, base / "big")
    return group, ids, text, blob


def blocks(data):
    """Where the blocks of a dump begin, and where it ends."""
    at, found = 8, []
    while at < len(data):
        found.append(at)
        at += 10 + struct.unpack(">I", data[at + 2:at + 6])[0] + 32
    return found + [at]


def digest(node, owner):
    """Of all documents of an owner, or of what is nothing."""
    return node.json("status")["digests"].get(owner)


def fresh(cove, node, name):
    """An empty store of the same device."""
    path = node.dir.parent / name
    path.mkdir(0o700)
    shutil.copy(node.dir / "device.key", path)
    return Node(cove, node.dir.parent, name)


# -------------------------------------------------------------- there and back

def a_reader_takes_the_same_from_a_file_and_a_pipe(cove):
    """All types, with history; and only what it may read."""
    with nodes_of(cove, "alice", "bob", "carol") as (alice, bob, carol):
        group, ids, text, blob = shared(alice, bob, carol)
        private = alice.new("secret=1")
        path = alice.dir.parent / "all.dump"
        made = alice.json("export", "--exact", path)
        check(made["documents"] >= 67 and made["bytes"] == path.stat().st_size and
              made["damaged"] == [] and made["sum"], made)
        took = bob.json("import", "--exact", path)
        same(digest(bob, group), digest(alice, group), "from a file")
        check(not bob.has(private), "what was not for bob")
        check(took["refused"] == took["damagedBlocks"] == took["forks"] == 0 and
              took["leftOut"] >= 2 and took["sum"] == made["sum"], took)
        same(bob.json("log", ids[0])["events"], alice.json("log", ids[0])["events"], "history")
        same(bob.run("text", text), "hello world", "text")
        same(bob.json("get", blob)["hash"], alice.json("get", blob)["hash"], "blob")
        source = alice.start("export", "--exact", "-")
        done = subprocess.run(carol.command("--json", "import", "--exact", "-"), env=ENV,
                              stdin=source.stdout, capture_output=True, check=False)
        source.stdout.close()
        check(done.returncode == OK and source.wait(60) == OK, done.stderr)
        same(digest(carol, group), digest(alice, group), "through a pipe")
        again = bob.json("import", "--exact", path)
        check(again["documents"] == again["transactions"] == 0 and again["existed"] > 60, again)
        for node in (bob, carol):
            same(node.json("check")["damaged"], [], node.name)
        said = bob.run("import", "--exact", path)
        check("were here" in said and "may not read" in said, said)


def a_device_gets_its_store_back_exactly(cove):
    """Its own account too: the way across store formats and versions of LMDB."""
    with desk_of(cove) as d:
        shared(d)
        d.new("private=1")
        d.run("export", "--exact", d.base / "all.dump")
        other = fresh(cove, d, "other")
        check(other.account != d.account, "one account")
        other.run("import", "--exact", d.base / "all.dump")
        same(other.json("status")["digests"], d.json("status")["digests"], "digests")
        same(other.json("init")["account"], d.account, "account")
        ident = other.new("later=1")
        same(other.document(ident)["owner"], d.account, "owner")
        check(other.json("check")["damaged"] == [], "check")
        # Where something was written meanwhile, the account stays.
        third = fresh(cove, d, "third")
        third.new("mine=1")
        third.run("import", "--exact", d.base / "all.dump")
        same(third.json("init")["account"], third.account, "account in use")


def a_dump_goes_on_where_another_ended(cove):
    """Only what changed since; and not in a store with another past."""
    with nodes_of(cove, "alice", "bob") as (alice, bob):
        group, ids, *_ = shared(alice, bob)
        base = alice.dir.parent
        first = alice.json("export", "--exact", base / "one.dump")
        alice.run("set", ids[7], "stars:=77")
        late = alice.new("Note", "title=late")
        second = alice.json("export", "--exact", base / "two.dump", "--after", first["after"])
        check(second["documents"] <= 3 and second["bytes"] < 4000, second)
        bob.run("import", "--exact", base / "one.dump")
        bob.run("import", "--exact", base / "two.dump")
        same(digest(bob, group), digest(alice, group), "both")
        check(bob.has(late), "late")
        none = alice.json("export", "--exact", base / "three.dump", "--after", second["after"])
        same((none["documents"], none["transactions"]), (0, 0), "nothing changed")
        bob.run("import", "--exact", base / "three.dump")
        for bad in ("", "00", "zz", first["after"][:-2], "8" + first["after"]):
            refused(alice, ["export", "--exact", base / "x.dump", "--after", bad], USAGE, "none")
        refused(bob, ["export", "--exact", base / "x.dump", "--after", first["after"]], CONDITION,
                "another store")
        check(not (base / "x.dump").exists(), "a file was left")
        # A document that changed is there whole, with its owner.
        other = fresh(cove, bob, "other")
        other.run("import", "--exact", base / "two.dump")
        same(other.json("log", ids[7])["events"], alice.json("log", ids[7])["events"], "history")
        same(other.json("get", late, "--raw")["id"], late, "late")
        same(other.call("get", ids[8], "--raw").returncode, NOT_FOUND, "one that did not change")


def one_schema_is_backed_up_alone(cove):
    """With its journal, its registries and its owners, and nothing else."""
    with nodes_of(cove, "alice", "bob") as (alice, bob):
        group, ids, text, _ = shared(alice, bob)
        base = alice.dir.parent
        alice.run("schema", "put", write(base, "task.json", TASK), "--owner", group)
        task = alice.new("Task", "what=x")
        path = base / "note.dump"
        made = alice.json("backup", path, "--schema", "Note")
        check(made["schema"] == "Note" and made["noted"] and made["documents"] >= 62, made)
        listed = alice.json("backup", "list")["backups"]
        same([(b["path"], b["schema"], b["state"]) for b in listed],
             [(str(path), "Note", "whole")], "list")
        bob.run("import", "--exact", path)
        same(len(bob.json("find", "Note")["documents"]), 60, "find")
        same(bob.fields(ids[0]), {"title": "n0", "stars": 100}, "fields")
        check(not bob.has(task) and not bob.has(text), "more than the schema")
        same([s["name"] for s in bob.json("schema", "list")["schemas"]], ["Note"], "schemas")
        with open(path, "r+b") as file:
            file.truncate(100)
        same(alice.json("backup", "list")["backups"][0]["state"], "damaged", "state")
        refused(alice, ["backup", path, "--schema", "Note"], INVALID, "new file")
        refused(alice, ["backup", base / "y", "--schema", "Nota"], NOT_FOUND, "Nota")
        refused(alice, ["backup", base / "no" / "y", "--schema", "Note"], NOT_FOUND, "not found")
        check(sorted(p.name for p in base.glob("y*")) == [], "left")
        alice.json("export", "--exact", base / "again.dump", "Note")


# ------------------------------------------------------------- cut and damaged

def of_a_dump_that_was_cut_all_whole_blocks_are_taken(cove):
    """It says where it ended, and goes on with the whole one."""
    with nodes_of(cove, "alice", "bob") as (alice, bob):
        group, *_ = shared(alice, bob)
        base = alice.dir.parent
        path = base / "all.dump"
        alice.run("export", "--exact", path, "--plain")
        data = path.read_bytes()
        ends = blocks(data)
        same(ends[-1], len(data), "blocks")
        check(len(ends) >= 5, ends)
        cuts = sorted({*ends[2:-1], *(e + 5 for e in ends[1:-1]), len(data) - 1, ends[2] - 1})
        for at in cuts:
            bob = fresh(cove, Node(cove, base, "bob"), f"bob{at}")
            (base / "cut").write_bytes(data[:at])
            done = bob.call("--json", "import", "--exact", base / "cut")
            check(done.returncode == INVALID, at, done.returncode, done.stderr)
            whole = max(e for e in ends if e <= at)
            check(f"cut at byte {whole}" in done.stderr and "--resume" in done.stderr,
                  at, done.stderr)
            took = json.loads(done.stdout)
            same((took["bytes"], took["refused"]), (whole, 0), at)
            check(took["documents"] > 0 or whole <= ends[1], took)
            again = bob.json("import", "--exact", path, "--resume")
            same((again["skipped"], again["refused"]), (whole, 0), "resume", at)
            same(digest(bob, group), digest(alice, group), at)
        for at in (0, 4, 8, 30, ends[1] - 1):
            (base / "cut").write_bytes(data[:at])
            refused(bob, ["import", "--exact", base / "cut"], INVALID,
                    "no dump" if at < 8 else "first block")


def a_damaged_block_costs_what_is_in_it(cove):
    """All others are taken; what hangs on it is refused by name."""
    with nodes_of(cove, "alice", "bob") as (alice, _):
        group, *_ = shared(alice, Node(cove, alice.dir.parent, "bob"))
        base = alice.dir.parent
        path = base / "all.dump"
        alice.run("export", "--exact", path)
        data = path.read_bytes()
        ends = blocks(data)
        for number in range(1, len(ends) - 2):
            bob = fresh(cove, Node(cove, base, "bob"), f"bob{number}")
            at = ends[number] + 20
            (base / "bad").write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1:])
            done = bob.call("--json", "import", "--exact", base / "bad")
            check(done.returncode == INVALID and "1 blocks are damaged" in done.stderr,
                  done.stderr)
            took = json.loads(done.stdout)
            same(took["damagedBlocks"], 1, number)
            same(bob.json("check")["damaged"], [], number)
            bob.run("import", "--exact", path)
            same(digest(bob, group), digest(alice, group), "the whole one behind it")
        # A length that is damaged: where the next block begins is not known.
        at = ends[1] + 3
        (base / "bad").write_bytes(data[:at] + b"\xff" + data[at + 1:])
        done = Node(cove, base, "bob").call("import", "--exact", base / "bad")
        check(done.returncode == INVALID and "length is damaged" in done.stderr, done.stderr)


def an_import_that_was_killed_goes_on(cove):
    """From its last commit; without --resume it finds what is there."""
    with nodes_of(cove, "alice", "bob") as (alice, bob):
        group = alice.new("group", "--member", f"{bob.key}=reader")
        blob = alice.new("blob", "--owner", group)
        base = alice.dir.parent
        (base / "big").write_bytes(os.urandom(9000000))
        alice.run("blob", "put", blob, base / "big")
        alice.run("export", "--exact", base / "all.dump")
        os.mkfifo(base / "fifo")
        process = bob.start("import", "--exact", base / "fifo")
        data = (base / "all.dump").read_bytes()
        with open(base / "fifo", "wb") as fifo:
            fifo.write(data[:6000000])      # it has read most of it by then
            fifo.flush()
            process.kill()
            process.wait()
        took = bob.json("import", "--exact", base / "all.dump", "--resume")
        check(took["skipped"] > 1000000, took)
        same(digest(bob, group), digest(alice, group), "digest")
        took = bob.json("import", "--exact", base / "all.dump", "--resume")
        check(took["skipped"] == 0 and took["transactions"] == 0, took)


def a_full_disk_leaves_a_dump_that_can_be_gone_on_with(cove):
    """What is there is whole, and the message has the rest."""
    with nodes_of(cove, "alice", "bob") as (alice, bob):
        group = alice.new("group", "--member", f"{bob.key}=reader")
        base = alice.dir.parent
        for _ in range(3):
            blob = alice.new("blob", "--owner", group)
            (base / "big").write_bytes(os.urandom(3000000))
            alice.run("blob", "put", blob, base / "big")

        def small(limit):
            def lower():
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            return lower

        def export(limit, *words):
            return subprocess.run(
                ["env", "--ignore-signal=XFSZ", *alice.command("export", "--exact", *words)],
                env=ENV, preexec_fn=small(limit), capture_output=True, encoding="utf-8",
                check=False)

        done = export(100000, base / "none.dump")
        check(done.returncode == ERROR and "nothing was left" in done.stderr, done.stderr)
        check(not (base / "none.dump").exists(), "it is there")
        done = export(5000000, base / "one.dump")
        check(done.returncode == ERROR and "--after" in done.stderr, done.stderr)
        after = done.stderr.split("--after ")[1].split("`")[0]
        alice.run("export", "--exact", base / "two.dump", "--after", after)
        done = bob.call("import", "--exact", base / "one.dump")
        check(done.returncode == INVALID and "no last block" in done.stderr, done.stderr)
        bob.run("import", "--exact", base / "two.dump")
        same(digest(bob, group), digest(alice, group), "both")


def what_was_removed_does_not_come_back(cove):
    """Neither from a dump of before, nor is it in one of afterwards."""
    with desk_of(cove) as d:
        gone, kept = d.new("n=1"), d.new("n=2")
        d.run("export", "--exact", d.base / "before.dump")
        d.run("rm", gone, "-y")
        digest_ = d.json("status")["digest"]
        took = d.json("import", "--exact", d.base / "before.dump")
        check(took["removed"] > 0 and took["refused"] == 0, took)
        same(d.json("status")["digest"], digest_, "digest")
        d.run("export", "--exact", d.base / "after.dump")
        other = fresh(cove, d, "other")
        other.run("import", "--exact", d.base / "after.dump")
        same(other.json("status")["digest"], digest_, "digest")
        check(other.has(kept) and not other.has(gone), "documents")


# ----------------------------------------------------------------- wrong input

def what_is_no_dump_is_named(cove):
    """JSON lines, a newer one, no file; and nothing is written over."""
    with desk_of(cove) as d:
        d.new("n=1")
        d.run("export", "--exact", d.base / "all.dump")
        data = (d.base / "all.dump").read_bytes()
        (d.base / "lines").write_text(d.run("export"), "utf-8")
        refused(d, ["import", "--exact", d.base / "lines"], INVALID, "no dump", "cove import")
        (d.base / "newer").write_bytes(data[:7] + b"\x02" + data[8:])
        refused(d, ["import", "--exact", d.base / "newer"], ERROR, "version 2", "newer Cove")
        refused(d, ["import", "--exact", d.base / "none"], NOT_FOUND, "none")
        refused(d, ["import", "--exact"], USAGE, "--exact")
        refused(d, ["export", "--exact"], USAGE, "--exact")
        refused(d, ["export", "--exact", d.base / "all.dump"], INVALID, "new file")
        refused(d, ["export", "--exact", d.base / "no" / "where"], ERROR, "No such file")
        refused(d, ["export", "--exact", d.base / "x", "Nota"], NOT_FOUND, "Nota")
        refused(d, ["import", "--exact", d.base / "all.dump", "more"], USAGE, "more")
        same((d.base / "all.dump").read_bytes(), data, "written over")
        check(not (d.base / "x").exists(), "a file was left")
        done = d.call("import", "--exact", "-", text="")
        check(done.returncode == INVALID and "no dump" in done.stderr, done.stderr)


TESTS = [
    a_reader_takes_the_same_from_a_file_and_a_pipe,
    a_device_gets_its_store_back_exactly,
    a_dump_goes_on_where_another_ended,
    one_schema_is_backed_up_alone,
    of_a_dump_that_was_cut_all_whole_blocks_are_taken,
    a_damaged_block_costs_what_is_in_it,
    an_import_that_was_killed_goes_on,
    a_full_disk_leaves_a_dump_that_can_be_gone_on_with,
    what_was_removed_does_not_come_back,
    what_is_no_dump_is_named,
]

if __name__ == "__main__":
    sys.exit(main(TESTS))
