#!/usr/bin/env python3
"""Damage planted in a store by its number in the list that a check has to find
(D11, D12, D15, D16, D21, D22; the others are tests/unit/test_repo_check.c,
test_index_check.c and test_salvage.c): what check says, what repair does, what
recover saves.

    planted.py COVE [TEST…]       STORE_NEWER, STORE_BROKEN: the programs
"""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

from cli_kit import ERROR, INVALID, OK
from node_kit import Node, check, converge, link, main, nodes_of, until

NOTE = '{"title": "Note", "version": 1, "type": "object", "properties": {"text": {"type": "string"}}}'
NOBODY = "0" * 64  # a version, or an entry, that there is not


@contextlib.contextmanager
def desk_of(cove):
    """A store with a schema and a few notes."""
    with tempfile.TemporaryDirectory(prefix="cove-planted-") as base:
        node = Node(cove, base, "store")
        node.base = base
        node.note = pathlib.Path(base) / "note.json"
        node.note.write_text(NOTE, "utf-8")
        node.run("schema", "put", str(node.note))
        node.notes = [node.new("Note", f"text=note {i}") for i in range(6)]
        node.before = {note: node.fields(note) for note in node.notes}
        yield node
        node.stop()


def said(node, *words):
    """The kinds that a check says, with what is lost or derived."""
    done = node.call("check", "--json", *(words or ["--deep"]))
    check(done.returncode in (OK, INVALID), done.returncode, done.stderr)
    return [(f["kind"], f["derived"]) for f in json.loads(done.stdout)["damaged"]]


def saved(node, name="saved"):
    """What recover makes of it."""
    done = node.call("recover", node.dir, os.path.join(node.base, name), "--json")
    check(done.returncode in (OK, INVALID), done.returncode, done.stderr)
    return Node(node.cove, node.base, name)


def shown(node, like):
    return {note: node.fields(note) for note in like.notes} == like.before


def change(node, old, new):
    """Other bytes wherever the file has these."""
    path = pathlib.Path(node.dir) / "data.mdb"
    content = path.read_bytes()
    check(old in content and len(old) == len(new), old)
    path.write_bytes(content.replace(old, new))


def d11_a_journal_entry_whose_key_is_not_its_hash(cove):
    """It counts for nothing, is named, and stays: it is signed."""
    with desk_of(cove) as d:
        journal = d.json("schema", "list")["schemas"][0]["journal"]
        subprocess.run([os.environ["STORE_BROKEN"], d.dir, journal, NOBODY, "f" * 64, "hello"],
                       check=True)
        check(said(d) == [("journal-entry", False)], said(d))
        damaged = d.call("check", "--deep", "--json").stdout
        check(json.loads(damaged)["damaged"][0]["id"] == journal, damaged)
        check(d.json("schema", "list")["schemas"][0]["drift"] == 1, "drift")
        check(shown(d, d), "the notes")
        d.call("check", "--repair")
        check(said(d) == [("journal-entry", False)], "it was taken out of a signed log")
        d.new("Note", "text=more")
        check(shown(saved(d), d), "what was saved")


def d12_a_registry_that_names_a_missing_journal(cove):
    """Damage to the journal's header takes it away; published again, which gives
    it the same id, the notes are of that schema as before."""
    with desk_of(cove) as d:
        journal = d.json("schema", "list")["schemas"][0]["journal"]
        change(d, b"funiquedNote", b"funiquedNoTe")
        check(("header", False) in said(d), said(d))
        check(shown(saved(d), d), "what was saved: one bit of a header is found by the hash")
        d.call("check", "--repair")
        kinds = said(d)
        check(("registry-entry", False) in kinds and ("refetch", False) in kinds, kinds)
        human = d.call("check", "--deep").stdout
        check("publish the schema again" in human, human)
        d.run("schema", "put", str(d.note))
        check(d.json("schema", "list")["schemas"][0]["journal"] == journal, "another journal")
        d.call("check", "--repair")
        check(said(d) == [], said(d))
        check(shown(d, d), "the notes")


def d12_a_missing_journal_comes_again_from_a_peer(cove):
    with nodes_of(cove, "alice", "bob") as (alice, bob), \
            tempfile.TemporaryDirectory(prefix="cove-planted-") as base:
        path = pathlib.Path(base) / "note.json"
        path.write_text(NOTE, "utf-8")
        group = alice.new("group", "--member", f"{bob.key}=writer")
        alice.run("schema", "put", str(path), "--owner", group)
        note = alice.new("Note", "--owner", group, "text=hello")
        alice.serve()
        bob.serve()
        link(bob, alice)
        converge([alice, bob])
        before = alice.fields(note)
        alice.stop()
        change(alice, b"funiquedNote", b"funiquedNoTe")
        alice.call("check", "--repair")
        check(("registry-entry", False) in said(alice), said(alice))
        alice.serve()
        until("it comes again", lambda: alice.call("check", "--repair").returncode == OK and
              said(alice) == [])
        check(alice.fields(note) == before, "the note")


def d15_a_meta_record_of_a_newer_format(cove):
    """Refused by name and untouched: a repair could only spoil it. recover, which
    believes nothing but hashes and signatures, takes what it can read."""
    with desk_of(cove) as d:
        subprocess.run([os.environ["STORE_NEWER"], d.dir], check=True)
        path = pathlib.Path(d.dir) / "data.mdb"
        was = path.read_bytes()
        for words in (["--deep"], ["--repair"], ["--deep", "--repair"]):
            done = d.call("check", *words)
            check(done.returncode == ERROR and "format 99" in done.stderr and
                  "newer Cove" in done.stderr, done.returncode, done.stderr)
        check(shown(saved(d), d), "what was saved: that record may be what is damaged")
        check(path.read_bytes() == was, "a newer store was written to")


def d16_the_nonce_of_another_store(cove):
    """The session ends; check says so once."""
    with desk_of(cove) as d:
        other = Node(cove, d.base, "other")
        shutil.copy(pathlib.Path(other.dir) / "nonce", pathlib.Path(d.dir) / "nonce")
        check(said(d) == [("nonce", True)], said(d))
        d.run("check", "--repair")
        check(said(d) == [], said(d))
        check(shown(d, d), "the notes")


def d21_the_lock_file_of_a_dead_process(cove):
    """Of one that was killed while it read and served, of one that died before
    the machine's start, or of none: it is taken over, and nothing is damaged."""
    with desk_of(cove) as d:
        lock = pathlib.Path(d.dir) / "lock.mdb"
        d.serve()
        d.kill()
        check(said(d) == [] and shown(d, d), "after a kill")
        left = lock.read_bytes()
        for content in (bytes(len(left)), left[: len(left) // 2], b"",
                        bytes(i * 7 % 256 for i in range(len(left)))):
            lock.write_bytes(content)
            check(said(d) == [], "a lock file of", len(content))
            d.new("Note", "text=more")
            check(shown(d, d), "the notes")
        lock.unlink()
        check(said(d) == [] and shown(saved(d), d), "without one")


def d22_a_file_that_grew_by_another_processes_map(cove):
    """A process that has the file open meets what another one added to it; what
    was added and never used is nobody's, and no damage."""
    with desk_of(cove) as d:
        d.serve()  # has the file mapped as it is
        path = pathlib.Path(d.dir) / "data.mdb"
        size = path.stat().st_size
        more = [d.new("Note", "text=" + "x" * 20000) for _ in range(8)]
        check(path.stat().st_size > size, "the file did not grow")
        check(said(d) == [], said(d))
        os.kill(d.daemon.pid, signal.SIGSTOP)
        with open(path, "r+b") as file:
            file.truncate(path.stat().st_size + (1 << 20))
        os.kill(d.daemon.pid, signal.SIGCONT)
        more.append(d.new("Note", "text=" + "y" * 20000))
        check(said(d) == [], "beside the one that serves")
        d.stop()
        check(said(d) == [], "by itself")
        copy = saved(d)
        check(shown(copy, d) and all(copy.fields(n) == d.fields(n) for n in more), "saved")
        check(shown(d, d), "the notes")


TESTS = [
    d11_a_journal_entry_whose_key_is_not_its_hash,
    d12_a_registry_that_names_a_missing_journal,
    d12_a_missing_journal_comes_again_from_a_peer,
    d15_a_meta_record_of_a_newer_format,
    d16_the_nonce_of_another_store,
    d21_the_lock_file_of_a_dead_process,
    d22_a_file_that_grew_by_another_processes_map,
]

if __name__ == "__main__":
    sys.exit(main(TESTS))
