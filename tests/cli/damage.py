#!/usr/bin/env python3
"""A damaged store, as people meet it: check says what, recover saves what is
whole, peers send the rest.

    damage.py COVE [TEST…]
"""
import contextlib
import json
import os
import pathlib
import shutil
import sys
import tempfile

from cli_kit import INVALID, OK, USAGE
from node_kit import Node, check, converge, link, main, nodes_of, until

PAGE = 4096
NOTE = '{"title": "Note", "version": 1, "type": "object", "properties": {"text": {"type": "string"}}}'


@contextlib.contextmanager
def desk_of(cove):
    """A store with a few notes."""
    with tempfile.TemporaryDirectory(prefix="cove-damage-") as base:
        node = Node(cove, base, "store")
        node.base = base
        path = pathlib.Path(base) / "note.json"
        path.write_text(NOTE, "utf-8")
        node.run("schema", "put", str(path))
        node.notes = [node.new("Note", f"text=note {i}") for i in range(12)]
        yield node


def data_of(node):
    return pathlib.Path(node.dir) / "data.mdb"


def spoil(node, at, content):
    """Write over bytes of the store's file."""
    with open(data_of(node), "r+b") as file:
        file.seek(at)
        file.write(content)


def saved(cove, node, name="saved"):
    """What recover makes of it, and its reply."""
    path = os.path.join(node.base, name)
    done = node.call("recover", node.dir, path, "--json")
    check(done.returncode in (OK, INVALID), done.returncode, done.stderr)
    return Node(cove, node.base, name)


def a_whole_store_has_nothing_to_say(cove):
    with desk_of(cove) as d:
        reply = d.json("check", "--deep")
        check(reply["damaged"] == [] and reply["lost"] == 0, reply)
        check(reply["pages"]["used"] > 5, reply["pages"])
        check("damaged" in d.run("check"), "no sum")
        stats = d.json("stats")
        check(stats["format"] == 4 and stats["bytes"]["documents"] >= PAGE, stats)
        check(stats["schemas"][0]["documents"] == 12, stats["schemas"])
        copy = saved(cove, d)
        check(copy.key == d.key, "another device")
        for note in d.notes:
            check(copy.fields(note) == d.fields(note), note)
        check(copy.json("status")["digest"] == d.json("status")["digest"], "digests")
        check(copy.json("check", "--deep")["damaged"] == [], "check of what was saved")


def a_store_whose_first_pages_are_gone_is_named_and_saved(cove):
    with desk_of(cove) as d:
        before = {note: d.fields(note) for note in d.notes}
        spoil(d, 0, bytes(2 * PAGE))
        done = d.call("check", "--json")
        check(done.returncode == INVALID, done.returncode, done.stdout, done.stderr)
        check('"kind":"page"' in done.stdout.replace(" ", ""), done.stdout)
        done = d.call("get", d.notes[0])
        check(done.returncode != OK and "recover" in done.stderr, done.stderr)
        copy = saved(cove, d)
        check({note: copy.fields(note) for note in d.notes} == before, "notes")


def no_page_that_is_gone_kills_anybody(cove):
    with desk_of(cove) as d:
        whole = data_of(d).read_bytes()
        for page in range(0, len(whole) // PAGE, 3):
            spoil(d, page * PAGE, bytes(PAGE))
            for words in (["check", "--deep"], ["status"],
                          ["recover", d.dir, os.path.join(d.base, "r")]):
                done = d.call(*words)
                check(done.returncode >= 0, page, words, done.returncode)
            shutil.rmtree(os.path.join(d.base, "r"), ignore_errors=True)
            data_of(d).write_bytes(whole)


def a_store_is_opened_with_a_session_of_its_own_where_the_nonce_is_gone(cove):
    """D16; it is said once, and then no longer."""
    with desk_of(cove) as d:
        os.remove(os.path.join(d.dir, "nonce"))
        reply = d.call("check", "--deep", "--json")
        check('"nonce"' in reply.stdout, reply.stdout)
        d.call("check", "--repair")
        check(d.json("check", "--deep")["damaged"] == [], "still")


def wrong_words_are_refused(cove):
    with desk_of(cove) as d:
        check(d.call("recover", d.dir).returncode == USAGE, "one directory")
        done = d.call("recover", os.path.join(d.base, "none"), os.path.join(d.base, "r"))
        check(done.returncode != OK and not os.path.exists(os.path.join(d.base, "r")), done.stderr)
        done = d.call("recover", d.dir, d.base)
        check(done.returncode != OK, "over a directory")
        d.serve()
        done = d.call("recover", d.dir, os.path.join(d.base, "r"))
        check("open" in done.stderr and done.returncode != OK, done.stderr)
        d.stop()


def change_text(node, old, new):
    """Another text wherever the file has it: the transaction is not what was
    signed any more."""
    content = data_of(node).read_bytes()
    check(old in content and len(old) == len(new), old)
    data_of(node).write_bytes(content.replace(old, new))


def what_is_damaged_comes_again_from_a_peer(cove):
    """By check --repair beside a daemon that runs, and by its own scrub."""
    with nodes_of(cove, "alice", "bob") as (alice, bob):
        group = alice.new("group", "--member", f"{bob.key}=writer")
        notes = [alice.new("--owner", group, f"text=a note of number {i}") for i in range(6)]
        alice.run("config", "scrub=0")
        alice.serve()
        bob.serve()
        link(bob, alice)
        converge([alice, bob])
        before = {note: alice.fields(note) for note in notes}
        alice.stop()
        change_text(alice, b"of number 3", b"of nUmber 3")
        change_text(alice, b"of number 4", b"of nUmber 4")
        done = alice.call("check", "--deep", "--json")
        check(done.returncode == INVALID, done.stdout)
        damaged = json.loads(done.stdout)["damaged"]
        check({d["id"] for d in damaged if d["kind"] == "transaction"} ==
              {notes[3], notes[4]}, damaged)
        alice.serve()
        alice.call("check", "--repair")
        until("it comes again", lambda: {n: alice.fields(n) for n in notes} == before)
        until("nothing waits", lambda: alice.call("check", "--repair").returncode == OK and
              alice.json("check", "--deep")["damaged"] == [])
        alice.stop()
        change_text(alice, b"of number 2", b"of nUmber 2")
        alice.run("config", "scrub=100")
        alice.serve()
        until("the scrub finds it", lambda: {n: alice.fields(n) for n in notes} == before)


def status_says_what_is_damaged_and_what_to_do(cove):
    """What a check found, what cannot be read, what was put aside and waits."""
    with desk_of(cove) as d:
        before = d.json("status")
        check(before["damage"]["aside"] == [] and before["damage"]["unreadable"] == 0 and
              "checked" not in before["damage"] and "advice" not in before["damage"], before)
        d.json("check", "--deep")
        quiet = d.json("status")["damage"]
        check(quiet["checked"]["lost"] == 0 and "advice" not in quiet, quiet)
        change_text(d, b"note 3", b"nOte 3")
        d.call("check", "--deep")
        damage = d.json("status")["damage"]
        check(damage["checked"]["lost"] == 1 and damage["checked"]["fixed"] == 0, damage)
        check("--repair" in damage["advice"], damage)
        check("1 findings of the check" in d.run("status"), d.run("status"))
        d.call("check", "--repair")
        damage = d.json("status")["damage"]
        check(damage["asideCount"] == 1 and damage["aside"][0]["id"] == d.notes[3] and
              damage["aside"][0]["from"] == 0, damage)
        check("sync with a peer" in damage["advice"], damage)
        human = d.run("status")
        check("put aside  1 pieces" in human and d.notes[3] in human, human)


def status_counts_around_a_document_that_cannot_be_read(cove):
    with desk_of(cove) as d:
        change_text(d, b"unique", b"unIque")  # in the forms of all headers
        done = d.call("status", "--json")
        check(done.returncode == OK, done.returncode, done.stderr)
        status = json.loads(done.stdout)
        check(status["damage"]["unreadable"] > 0 and "--repair" in status["damage"]["advice"],
              status["damage"])


def stats_shows_sessions_transactions_and_readers(cove):
    with nodes_of(cove, "alice", "bob") as (alice, bob):
        group = alice.new("group", "--member", f"{bob.key}=writer")
        note = alice.new("--owner", group, "text=one")
        check(alice.json("stats")["sessions"] == {"ours": 1, "ended": 0, "others": 0},
              alice.json("stats")["sessions"])
        alice.serve()
        bob.serve()
        link(bob, alice)
        converge([alice, bob])
        bob.run("set", note, "text=two")
        converge([alice, bob])
        stats = alice.json("stats")
        check(stats["sessions"] == {"ours": 1, "ended": 0, "others": 1}, stats["sessions"])
        check(stats["transactions"] == {"open": 0, "oldestMs": 0}, stats["transactions"])
        check(stats["readersStale"] == 0 and stats["readersMax"] > 100, stats)
        alice.stop()
        os.remove(os.path.join(alice.dir, "nonce"))
        alice.run("set", note, "text=three")
        check(alice.json("stats")["sessions"] == {"ours": 2, "ended": 1, "others": 1},
              alice.json("stats")["sessions"])
        human = alice.run("stats")
        check("2 ours, 1 of them ended, and 1 of others" in human and
              "open in this process" in human, human)


INDEXED = NOTE.replace('"text": {"type": "string"}',
                       '"text": {"type": "string", "x-index": true}')


def what_an_index_says_wrongly_is_named_and_mended(cove):
    """D5: both of its trees say the same, and the document another thing."""
    with tempfile.TemporaryDirectory(prefix="cove-damage-") as base:
        d = Node(cove, base, "store")
        path = pathlib.Path(base) / "note.json"
        path.write_text(INDEXED, "utf-8")
        d.run("schema", "put", str(path))
        notes = [d.new("Note", f"text=needle {2 * i + 10}") for i in range(12)]

        def found(text):
            reply = d.json("find", "Note", "--where", json.dumps({"text": text}))
            return [row["id"] for row in reply["documents"]]

        check(found("needle 24") == [notes[7]], "before")
        change_text(d, b"\x50needle 24", b"\x50needle 25")
        check(found("needle 24") == [], "it is not damaged")
        done = d.call("check", "--deep", "--json")
        damaged = json.loads(done.stdout)["damaged"]
        check([(f["kind"], f.get("id"), f["derived"]) for f in damaged] ==
              [("index-entry", notes[7], True)], damaged)
        check(f"index {damaged[0]['index']} (text)" in damaged[0]["why"], damaged)
        d.run("check", "--repair")
        check(found("needle 24") == [notes[7]], "after")
        check(d.json("check", "--deep")["damaged"] == [], "still")


TESTS = [
    status_says_what_is_damaged_and_what_to_do,
    status_counts_around_a_document_that_cannot_be_read,
    stats_shows_sessions_transactions_and_readers,
    what_an_index_says_wrongly_is_named_and_mended,
    what_is_damaged_comes_again_from_a_peer,
    a_whole_store_has_nothing_to_say,
    a_store_whose_first_pages_are_gone_is_named_and_saved,
    no_page_that_is_gone_kills_anybody,
    a_store_is_opened_with_a_session_of_its_own_where_the_nonce_is_gone,
    wrong_words_are_refused,
]

if __name__ == "__main__":
    sys.exit(main(TESTS))
