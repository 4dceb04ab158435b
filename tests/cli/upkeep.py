#!/usr/bin/env python3
"""Backups, marks, restoring, local copies and reset, as people use them, and
what wrong input gets: a named error, its exit code, nothing changed.

    upkeep.py COVE [TEST…]
"""
import contextlib
import json
import os
import pathlib
import stat
import sys
import tempfile

from cli_kit import OK, ERROR, USAGE, NOT_FOUND, DESTRUCTIVE, INVALID, refused, same
from node_kit import Node, check, converge, link, main, nodes_of, until

NOTE = {"title": "Note", "version": 1, "type": "object", "required": ["title"],
        "properties": {"title": {"type": "string", "maxLength": 20},
                       "stars": {"type": "integer", "minimum": 0},
                       "state": {"type": "string", "enum": ["open", "done"]}}}
NOTE2 = {**NOTE, "version": 2,
         "properties": {"title": NOTE["properties"]["title"],
                        "rank": NOTE["properties"]["stars"],
                        "state": NOTE["properties"]["state"]}}
RENAME = {"schema": "Note", "from": 1, "to": 2,
          "steps": [{"rename": {"from": "stars", "to": "rank"}}]}
DAY = 86400000


def write(base, name, content):
    """A file with a value as JSON: its path."""
    path = pathlib.Path(base) / name
    path.write_text(json.dumps(content), "utf-8")
    return str(path)


@contextlib.contextmanager
def desk_of(cove):
    """A store with the schema Note, in a directory of its own."""
    with tempfile.TemporaryDirectory(prefix="cove-upkeep-") as base:
        node = Node(cove, base, "store")
        node.base = base
        node.run("schema", "put", write(base, "v1.json", NOTE))
        yield node


def publish2(node, base):
    """Version 2 of Note."""
    node.run("migrate", "publish", write(base, "m.json", RENAME),
             "--schema", write(base, "v2.json", NOTE2))


# ------------------------------------------------------------------- backup

def a_backup_opens_as_the_store_with_a_session_of_its_own(cove):
    """And both go on, and meet, without a fork."""
    with desk_of(cove) as d:
        ident = d.new("Note", "title=one", "stars:=1")
        path = os.path.join(d.base, "backup")
        reply = d.json("backup", path)
        check(reply["path"] == path and reply["documents"] >= 3, reply)
        check(reply["bytes"] == os.path.getsize(os.path.join(path, "data.mdb")), reply)
        for name in ("data.mdb", "device.key"):
            mode = stat.S_IMODE(os.stat(os.path.join(path, name)).st_mode)
            check(mode == 0o600, name, oct(mode))
        check(stat.S_IMODE(os.stat(path).st_mode) == 0o700, "the directory's mode")
        copy = Node(cove, d.base, "backup")
        check(copy.key == d.key and copy.account == d.account, "another device")
        check(copy.fields(ident) == {"title": "one", "stars": 1}, copy.fields(ident))
        d.run("set", ident, "title=store")
        copy.run("set", ident, "title=copy")
        sessions = {e["session"] for n in (d, copy)
                    for e in n.json("log", ident)["events"] if e["kind"] == "native"}
        check(len(sessions) == 2, sessions)
        for node in (d, copy):
            check(node.json("check")["damaged"] == [], node.name)


def a_backup_of_a_store_in_use_is_whole(cove):
    """Taken again and again while another process writes."""
    with desk_of(cove) as d:
        d.serve()
        records = [{"title": f"n{i}", "stars": i} for i in range(300)]
        writer = d.start("import", "-", "--schema", "Note")
        writer.stdin.write("".join(json.dumps(r) + "\n" for r in records))
        d.run("backup", os.path.join(d.base, "b0"))
        writer.stdin.close()
        d.run("backup", os.path.join(d.base, "b1"))
        check(writer.wait(60) == 0, writer.stderr.read())
        d.run("backup", os.path.join(d.base, "b2"))
        for name, counts in (("b0", (0, 300)), ("b1", (0, 300)), ("b2", (300,))):
            copy = Node(cove, d.base, name)
            check(copy.json("check")["damaged"] == [], name)
            found = copy.json("find", "Note")["documents"]
            check(len(found) in counts, name, len(found))
        d.stop()


def a_backup_writes_over_nothing(cove):
    """Not over a directory, a file, nor where there is none above."""
    with desk_of(cove) as d:
        os.mkdir(os.path.join(d.base, "empty"))
        write(d.base, "file", 1)
        refused(d, ["backup", os.path.join(d.base, "empty")], INVALID, "new directory")
        refused(d, ["backup", os.path.join(d.base, "file")], INVALID, "new directory")
        refused(d, ["backup", d.dir], INVALID, "new directory")
        refused(d, ["backup", os.path.join(d.base, "no", "where")], NOT_FOUND, "above it")
        refused(d, ["backup"], USAGE, "directory")
        refused(d, ["backup", "a", "b"], USAGE, '"b"')
        check(os.listdir(os.path.join(d.base, "empty")) == [], "something was written")


# -------------------------------------------------------- marks and restoring

def what_was_seen_at_a_mark_is_restored(cove):
    """A schema whole, once; documents made since stay."""
    with desk_of(cove) as d:
        one = d.new("Note", "title=one", "stars:=1")
        two = d.new("Note", "title=two")
        same = d.new("Note", "title=same")
        mark = d.json("mark", "before")
        check([m["name"] for m in d.json("mark")["marks"]] == ["before"], d.json("mark"))
        d.run("set", one, "title=changed", "stars:=5", "state=done")
        d.run("set", two, "stars:=2")
        late = d.new("Note", "title=late")
        refused(d, ["restore", "Note", "--mark", "before"], DESTRUCTIVE, "2 of 4", "-y")
        dry = d.json("restore", "Note", "--mark", "before", "--dry-run")
        check(dry["changed"] == 2 and dry["dry"] is True, dry)
        check({c["id"]: c["fields"] for c in dry["changes"]} ==
              {one: {"title": {"value": "one"}, "stars": {"value": 1},
                     "state": {"deleted": True}},
               two: {"stars": {"deleted": True}}}, dry["changes"])
        check(d.fields(one)["title"] == "changed", "a dry run wrote")
        done = d.json("restore", "Note", "--mark", "before", "-y")
        check(done["changed"] == 2 and done["documents"] == 4, done)
        check([s["id"] for s in done["skipped"]] == [late], done["skipped"])
        check(d.fields(one) == {"title": "one", "stars": 1}, d.fields(one))
        check(d.fields(two) == {"title": "two"}, d.fields(two))
        check(d.fields(same) == {"title": "same"} and d.fields(late) == {"title": "late"}, "more")
        digest = d.json("status")["digest"]
        again = d.json("restore", "Note", "--mark", "before", "-y")
        check(again["changed"] == 0 and d.json("status")["digest"] == digest, again)
        check(mark["time"] > 0 and d.json("check")["damaged"] == [], mark)


def the_mark_of_a_run_knows_its_schema(cove):
    """By its whole name, also where that is no word, or longer than a mark's."""
    for title in ("My Notes", "N" * 63, "N" * 64, "Größe " * 20 + "."):
        with desk_of(cove) as d:
            v1 = {**NOTE, "title": title}
            v2 = {**v1, "version": 2, "properties": {
                **NOTE["properties"], "stars": {"type": "string"}}}
            to2 = {"schema": title, "from": 1, "to": 2, "steps": [{"convert": {
                "field": "stars", "to": {"type": "string"}, "forward": ["text_of_int"]}}]}
            d.run("schema", "put", write(d.base, "long1.json", v1))
            d.new(title, "title=one", "stars:=1")
            d.run("migrate", "publish", write(d.base, "to2.json", to2),
                  "--schema", write(d.base, "long2.json", v2))
            d.run("migrate", "run", title)
            marks = [m for m in d.json("mark")["marks"] if m.get("schema") == title]
            check(len(marks) == 1 and marks[0]["name"].startswith("before-run-"), marks)
            done = d.json("restore", "--mark", marks[0]["name"], "-y")
            check(done["documents"] == 1, done)


def a_document_is_restored_to_a_time(cove):
    """In milliseconds or as a date; without a schema too."""
    with desk_of(cove) as d:
        ident = d.new("color=red", "size:=1")
        made = d.json("log", ident)["events"][-1]["time"]
        until("the clock to go on", lambda: d.json("mark", "now", "-y")["time"] > made + 1)
        d.run("set", ident, "color=blue", "more:=[1]")
        d.run("del", ident, "size")
        refused(d, ["restore", ident, "--to", made], DESTRUCTIVE, "1 of 1")
        d.run("restore", ident, "--to", made, "-y")
        check(d.fields(ident) == {"color": "red", "size": 1}, d.fields(ident))
        d.run("set", ident, "color=green")
        d.run("restore", ident, "--mark", "now", "-y")
        check(d.fields(ident)["color"] == "red", d.fields(ident))
        early = d.json("restore", ident, "--to", "2001-02-03T04:05:06.789Z", "-y")
        check(early["changed"] == 0 and "made after" in early["skipped"][0]["why"], early)


def a_restore_sees_the_past_at_the_newest_version(cove):
    """What version 1 wrote then is what version 2 would have seen."""
    with desk_of(cove) as d:
        ident = d.new("Note", "title=one", "stars:=3")
        d.run("mark", "v1")
        publish2(d, d.base)
        d.run("set", ident, "rank:=9", "--as", "2")
        d.run("restore", ident, "--mark", "v1", "-y")
        check(d.fields(ident) == {"title": "one", "rank": 3}, d.fields(ident))
        check(d.fields(ident, 1) == {"title": "one", "stars": 3}, d.fields(ident, 1))


def what_cannot_be_written_is_listed_and_left(cove):
    """A value that the newest version no longer takes; a document of others."""
    with nodes_of(cove, "alice", "bob") as (alice, bob):
        base = alice.dir.parent
        group = alice.new("group", "--member", f"{bob.key}=reader")
        alice.run("schema", "put", write(base, "v1.json", NOTE), "--owner", group)
        ident = alice.new("Note", "title=one")
        for node in (alice, bob):
            node.serve()
        link(bob, alice)
        converge([alice, bob])
        bob.run("mark", "seen")
        alice.run("set", ident, "title=two")
        converge([alice, bob])
        reply = bob.json("restore", "Note", "--mark", "seen", "-y")
        check(reply["changed"] == 0 and reply["documents"] == 1, reply)
        check('role "reader"' in reply["skipped"][0]["why"], reply)
        check(bob.fields(ident) == {"title": "two"}, "a reader wrote")


def what_was_not_valid_then_is_listed_and_a_default_shows_again(cove):
    """At a version whose field is a number where it was a text."""
    part = {"title": "Part", "version": 1, "type": "object",
            "properties": {"size": {"type": "string"}}}
    part2 = {"title": "Part", "version": 2, "type": "object", "required": ["count"],
             "properties": {"size": {"type": "integer"},
                            "count": {"type": "integer", "default": 1}}}
    steps = {"schema": "Part", "from": 1, "to": 2, "steps": [
        {"convert": {"field": "size", "to": {"name": "size", "type": "integer"},
                     "forward": ["int_of_text"], "back": ["text_of_int"]}},
        {"add": {"field": "count", "type": "integer", "default": 1, "required": True}}]}
    with desk_of(cove) as d:
        d.run("schema", "put", write(d.base, "p1.json", part))
        bad = d.new("Part", "size=about 150")
        good = d.new("Part", "size=120")
        d.run("migrate", "publish", write(d.base, "pm.json", steps),
              "--schema", write(d.base, "p2.json", part2))
        d.run("mark", "m")
        check(d.fields(good) == {"size": 120, "count": 1}, d.fields(good))
        for ident in (bad, good):
            d.run("set", ident, "size:=5", "count:=9")
        reply = d.json("restore", "Part", "--mark", "m", "-y")
        check(reply["changed"] == 2, reply)
        check([s["id"] for s in reply["skipped"]] == [bad] and
              "not valid then" in reply["skipped"][0]["why"], reply)
        check(d.fields(good) == {"size": 120, "count": 1}, d.fields(good))
        check(d.fields(bad) == {"size": 5, "count": 1}, d.fields(bad))
        again = d.json("restore", "Part", "--mark", "m", "-y")
        check(again["changed"] == 0 and len(again["skipped"]) == 1, again)


def a_large_schema_is_restored_in_slices(cove):
    """More documents than one commit takes."""
    with desk_of(cove) as d:
        ids = d.import_records([{"title": f"n{i}", "stars": i} for i in range(1100)],
                               "--schema", "Note")
        d.run("mark", "m")
        d.set_lines([{"id": i, "set": {"stars": 0}} for i in ids])
        reply = d.json("restore", "Note", "--mark", "m", "-y")
        check(reply["changed"] == 1099 and len(reply["changes"]) == 100, reply["changed"])
        found = d.json("find", "Note")["documents"]
        check(sorted(f["fields"]["stars"] for f in found) == list(range(1100)), len(found))


def of_many_that_are_skipped_the_first_are_listed(cove):
    """And all are counted."""
    with desk_of(cove) as d:
        d.run("mark", "empty")
        d.import_records([{"title": f"n{i}"} for i in range(150)], "--schema", "Note")
        reply = d.json("restore", "Note", "--mark", "empty", "-y")
        check((len(reply["skipped"]), reply["skippedCount"], reply["changed"]) == (100, 150, 0),
              reply)
        said = d.run("restore", "Note", "--mark", "empty", "-y")
        check("first 100" in said and "150 skipped" in said, said)


def points_that_are_none_are_refused(cove):
    """Times, marks, and what is to be restored."""
    with desk_of(cove) as d:
        ident = d.new("Note", "title=one")
        d.run("mark", "m")
        refused(d, ["restore", ident, "--to", "yesterday", "-y"], NOT_FOUND, "no time", "UTC")
        for words in (["--to", "2026-13-01"], ["--to", "2026-02-29"],
                      ["--to", "2026-01-01T25:00"], ["--to", "-5"], ["--to", "2026-01-01x"],
                      ["--to", ""], ["--to", "12.5"]):
            refused(d, ["restore", ident, *words, "-y"], USAGE, "no time", "UTC")
        refused(d, ["restore", ident, "--to", 4 * 365 * 100 * DAY, "-y"], USAGE, "future")
        refused(d, ["restore", ident, "--mark", "none", "-y"], NOT_FOUND, '"none"', "cove mark")
        refused(d, ["restore", ident, "-y"], USAGE, "to", "mark")
        refused(d, ["restore", ident, "--to", 5, "--mark", "m", "-y"], USAGE, "one of them")
        refused(d, ["restore", "--mark", "m", "-y"], USAGE, "`cove restore NAME --mark m`")
        refused(d, ["restore", "Nota", "--mark", "m", "-y"], NOT_FOUND, "Nota")
        refused(d, ["restore", "co_zzz", "--mark", "m", "-y"], NOT_FOUND, "co_zzz")
        refused(d, ["restore", ident, "--mark", "m", "--as", "9", "-y"], NOT_FOUND, "9")
        refused(d, ["restore", ident, "--mark"], USAGE, "--mark")
        refused(d, ["mark", "m"], INVALID, "already", "-y")
        for name in ("a b", "", "x" * 101, "a\nb"):
            refused(d, ["mark", name], USAGE, "word")
        d.run("mark", "x" * 100)
        d.run("mark", "m", "-y")


# -------------------------------------------------------------- local copies

def a_local_copy_shows_what_the_original_shows(cove):
    """At every version, and a migration of it changes it alone."""
    with desk_of(cove) as d:
        ident = d.new("Note", "title=one", "stars:=3")
        publish2(d, d.base)
        d.run("set", ident, "title=second", "--as", "2")
        copy = d.new("--like", ident, "--local")
        for version in (1, 2):
            check(d.fields(copy, version) == d.fields(ident, version), version)
        shown = d.document(copy)
        check(shown["local"] is True and shown["schema"] == "Note", shown)
        check("local" not in d.document(ident), d.document(ident))
        d.run("get", copy)
        d.run("set", copy, "rank:=8", "title=draft")
        check(d.fields(ident) == {"title": "second", "rank": 3}, d.fields(ident))
        raw = d.new("any=thing", "list:=[1]")
        check(d.fields(d.new("--like", raw, "--local")) == d.fields(raw), "without a schema")


def a_local_copy_is_in_no_list_but_its_own(cove):
    """Not found, not run, not counted, not restored; discarded wholly."""
    with desk_of(cove) as d:
        ident = d.new("Note", "title=one", "stars:=3")
        digest = d.json("status")["digest"]
        d.run("mark", "m")
        copy = d.new("--like", ident, "--local")
        check([f["id"] for f in d.json("find", "Note")["documents"]] == [ident], "find")
        check(copy not in d.run("--json", "find") and copy not in d.run("export"), "export")
        found = d.json("find", "Note", "--local")["documents"]
        check([(f["id"], f["local"]) for f in found] == [(copy, True)], found)
        check(d.json("find", "--local")["documents"] == found, "find --local")
        status = d.json("status", "Note")
        check(status["documents"] == 1 and status["local"] == 1, status)
        check(d.json("status")["digest"] == digest, "the digest has it")
        publish2(d, d.base)
        check(d.json("migrate", "run", "Note")["total"] <= 1, "a run took it")
        d.run("set", copy, "title=draft")
        check(d.json("restore", "Note", "--mark", "m", "-y")["documents"] == 1, "restore")
        check(d.json("discard", copy) == {"id": copy}, "discard")
        refused(d, ["get", copy], NOT_FOUND, copy)
        refused(d, ["discard", copy], NOT_FOUND, copy)
        check(d.json("status")["local"] == 0 and d.json("check")["damaged"] == [], "after")


def only_local_copies_are_discarded(cove):
    """What others may hold is not."""
    with desk_of(cove) as d:
        ident = d.new("Note", "title=one")
        group = d.new("group")
        copy = d.new("--like", ident, "--local")
        local = d.document(copy)["owner"]
        for words in (ident, group, d.account, local):
            refused(d, ["discard", words], ERROR, "no local document", "cove del")
        refused(d, ["discard"], USAGE, "find --local")
        refused(d, ["new", "--local"], USAGE, "--like")
        refused(d, ["new", "--like", ident], USAGE, "--local")
        refused(d, ["new", "--like"], USAGE, "--like")
        refused(d, ["new", "--like", "co_zzz", "--local"], NOT_FOUND, "co_zzz")
        refused(d, ["new", "--like", ident, "--local", "title=x"], USAGE, "title=x")
        refused(d, ["new", "--like", group, "--local"], USAGE, "group")


def nothing_of_a_local_copy_leaves_the_device(cove):
    """Neither to a member of the original's group, nor to the same device."""
    with nodes_of(cove, "alice", "bob") as (alice, bob):
        base = alice.dir.parent
        group = alice.new("group", "--member", f"{bob.key}=admin")
        alice.run("schema", "put", write(base, "v1.json", NOTE), "--owner", group)
        ident = alice.new("Note", "title=one", "stars:=1")
        early = alice.new("--like", ident, "--local")   # before they meet
        for node in (alice, bob):
            node.serve()
        link(bob, alice)
        converge([alice, bob])
        late = alice.new("--like", ident, "--local")    # while they are linked
        for copy in (early, late):
            alice.run("set", copy, "title=secret", "stars:=7")
        alice.run("set", ident, "title=public")
        converge([alice, bob])
        until("the peer to have it", lambda: bob.has(ident, "title", "public"))
        check(alice.json("status")["unsent"] == {bob.key: 0}, alice.json("status")["unsent"])
        local = alice.document(late)["owner"]
        for secret in (early, late, local):
            check(not bob.has(secret), "it went out:", secret)
        bob.stop()
        alice.stop()
        held = (bob.dir / "data.mdb").read_bytes()
        check(b"secret" not in held and b"public" in held, "its bytes are at the peer")
        # Who has the device's key has every right; but no device syncs with itself.
        refused(alice, ["peer", "add", alice.key, "127.0.0.1:1"], USAGE, "own key")


def a_backup_keeps_the_local_copies(cove):
    """They are the device's own."""
    with desk_of(cove) as d:
        ident = d.new("Note", "title=one")
        copy = d.new("--like", ident, "--local")
        d.run("backup", os.path.join(d.base, "b"))
        other = Node(cove, d.base, "b")
        check(other.document(copy)["local"] is True, "it is gone or not local")
        other.run("discard", copy)
        check(d.has(copy), "the original lost it")


# --------------------------------------------------------------------- reset

def a_schema_is_reset_only_by_its_name(cove):
    """And then all of it is gone, and can be made again."""
    with desk_of(cove) as d:
        ids = d.import_records([{"title": f"n{i}"} for i in range(700)], "--schema", "Note")
        other = d.new("any=thing")
        copy = d.new("--like", ids[0], "--local")
        publish2(d, d.base)
        d.run("migrate", "run", "Note")
        for words in ([], ["-y"], ["--name", "Note"], ["--name", "note", "-y"]):
            refused(d, ["migrate", "reset", "Note", *words], DESTRUCTIVE, "700 documents",
                    "2 versions", "--name Note -y")
        refused(d, ["migrate", "reset", "Nota", "--name", "Nota", "-y"], NOT_FOUND, "Nota")
        refused(d, ["migrate", "reset"], USAGE, "name")
        reply = d.json("migrate", "reset", "Note", "--name", "Note", "-y")
        check(reply == {"schema": "Note", "versions": 2, "documents": 700, "local": 1}, reply)
        check(d.json("schema", "list")["schemas"] == [], "the schema is there")
        for ident in (ids[0], ids[-1], copy):
            refused(d, ["get", ident], NOT_FOUND, ident)
        check(d.fields(other) == {"any": "thing"}, "another document")
        check(d.json("check")["damaged"] == [], "check")
        d.run("schema", "put", write(d.base, "v1.json", NOTE))
        check(d.fields(d.new("Note", "title=again")) == {"title": "again"}, "again")
        publish2(d, d.base)


def what_was_killed_goes_on_when_done_again(cove):
    """A reset and a restore in many commits, each ended at some moment."""
    with desk_of(cove) as d:
        ids = d.import_records([{"title": f"n{i}", "stars": i} for i in range(3000)],
                               "--schema", "Note")
        d.run("mark", "m")
        d.set_lines([{"id": i, "set": {"title": "x"}} for i in ids])

        def notes():
            done = d.call("--json", "find", "Note")
            check(done.returncode in (OK, NOT_FOUND), done.stderr)
            return json.loads(done.stdout)["documents"] if done.returncode == OK else []

        for words, left in ((["restore", "Note", "--mark", "m", "-y"],
                             lambda: sum(f["fields"]["title"] == "x" for f in notes())),
                            (["migrate", "reset", "Note", "--name", "Note", "-y"],
                             lambda: len(notes()))):
            process = d.start(*words)
            until("a first commit, or all", lambda: left() < 3000, pause=0)
            process.kill()
            process.wait()
            check(d.json("check")["damaged"] == [], "damaged")
            if left() > 0:
                d.run(*words)
            check(left() == 0, left())


def what_a_killed_backup_leaves_is_no_store(cove):
    """And says so when it is opened."""
    with desk_of(cove) as d:
        left = pathlib.Path(d.base) / "left"
        left.mkdir(0o700)
        (left / "data.mdb.part").write_bytes((d.dir / "data.mdb").read_bytes()[:9000])
        done = d.call("-d", left, "status")
        check(done.returncode == NOT_FOUND and "no store" in done.stderr, done.stderr)
        refused(d, ["backup", left], INVALID, "new directory")


def a_schema_that_a_peer_has_is_not_reset(cove):
    """It would come back; who has it is said."""
    with nodes_of(cove, "alice", "bob") as (alice, bob):
        base = alice.dir.parent
        group = alice.new("group", "--member", f"{bob.key}=writer")
        alice.run("schema", "put", write(base, "v1.json", NOTE), "--owner", group)
        ident = alice.new("Note", "title=one")
        for node in (alice, bob):
            node.serve()
        link(bob, alice)
        converge([alice, bob])
        for node, who in ((alice, "bob"), (bob, alice.key)):
            node.stop()
            refused(node, ["migrate", "reset", "Note", "--name", "Note", "-y"], DESTRUCTIVE,
                    who, "come back")
            check(node.has(ident), "it is gone")


TESTS = [
    a_backup_opens_as_the_store_with_a_session_of_its_own,
    a_backup_of_a_store_in_use_is_whole,
    a_backup_writes_over_nothing,
    what_was_seen_at_a_mark_is_restored,
    the_mark_of_a_run_knows_its_schema,
    a_document_is_restored_to_a_time,
    a_restore_sees_the_past_at_the_newest_version,
    what_cannot_be_written_is_listed_and_left,
    what_was_not_valid_then_is_listed_and_a_default_shows_again,
    a_large_schema_is_restored_in_slices,
    of_many_that_are_skipped_the_first_are_listed,
    points_that_are_none_are_refused,
    a_local_copy_shows_what_the_original_shows,
    a_local_copy_is_in_no_list_but_its_own,
    only_local_copies_are_discarded,
    nothing_of_a_local_copy_leaves_the_device,
    a_backup_keeps_the_local_copies,
    a_schema_is_reset_only_by_its_name,
    what_was_killed_goes_on_when_done_again,
    what_a_killed_backup_leaves_is_no_store,
    a_schema_that_a_peer_has_is_not_reset,
]

if __name__ == "__main__":
    sys.exit(main(TESTS))
