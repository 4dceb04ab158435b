#!/usr/bin/env python3
"""Versions taken back, out of use, and together; and what status says: the
words and exit codes as people meet them.

    down.py COVE [TEST…]

Steps, devices and times are written STEP, DEVICE and TIME.
"""
import contextlib
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "nodes"))
# pylint: disable-next=wrong-import-position
from node_kit import check, converge, link, main, nodes_of  # noqa: E402

OK, USAGE, DRIFT, NOT_FOUND, DESTRUCTIVE, INVALID = 0, 2, 4, 5, 8, 9
TEXT, INT, BOOL = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
MASKS = ((r"\b[0-9a-f]{64}\b", "STEP"), (r"\b[0-9a-f]{16}\b", "STEP"),
         (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}", "TIME"),
         (r"co_z[1-9A-HJ-NP-Za-km-z]+", "ID"))


def schema(version, **fields):
    """A version of Note with these fields."""
    return {"title": "Note", "version": version, "properties": fields}


def masked(text):
    """What differs from run to run, replaced by its kind."""
    for pattern, word in MASKS:
        text = re.sub(pattern, word, text)
    return text.replace("device STEP", "device DEVICE").replace("by STEP", "by DEVICE")


class Notes:
    """A store with a schema Note whose versions are published in one line."""

    def __init__(self, node, owner=None):
        self.node, self.base, self.version = node, node.dir.parent, 0
        self.owner = ["--owner", owner] if owner else []

    def write(self, content):
        """A file for a verb."""
        path = self.base / f"{self.node.name}-file.json"
        path.write_text(json.dumps(content), "utf-8")
        return path

    def first(self, **fields):
        """Version 1."""
        self.node.run("schema", "put", self.write(schema(1, **fields)), *self.owner)
        self.version = 1

    def next(self, *steps, fields, down=None):
        """The next version: its words and its fields."""
        self.version += 1
        self.node.run("migrate", "publish", self.write({
            "schema": "Note", "from": self.version - 1, "to": self.version,
            "steps": list(steps), **({"down": down} if down else {}),
            "targetSchema": schema(self.version, **fields)}))

    def says(self, words, wanted, code=OK):
        """What a verb prints, where it ends well."""
        out = masked(self.node.run(*words, code=code))
        check(out == wanted, "cove", *words, f"prints\n{out}\nand not\n{wanted}")

    def refused(self, words, code, *parts):
        """A verb that is refused, in words that name what is wrong."""
        before = self.node.json("status")["digest"]
        done = self.node.call(*words)
        name = "cove " + " ".join(map(str, words))
        check(done.returncode == code, name, f"exit {done.returncode}, not {code}", done.stderr)
        for part in parts:
            check(part in done.stderr, name, f"does not say {part!r}:", done.stderr)
        check(done.stderr.startswith("cove: ") and done.stdout == "", name, done.stderr)
        check(self.node.json("status")["digest"] == before, name, "changed the store")


@contextlib.contextmanager
def notes_of(cove):
    """One store."""
    with nodes_of(cove, "a") as (node,):
        yield Notes(node)


def two_versions(notes):
    """Renamed, converted, added."""
    notes.first(title=TEXT, size=TEXT)
    notes.next({"rename": {"from": "title", "to": "heading"}},
               {"convert": {"field": "size", "forward": ["int_of_text"]}}, {"add": "tag"},
               fields={"heading": TEXT, "size": INT, "tag": TEXT})


def down_says_what_it_shows_hides_and_renames(cove):
    """Dry first, then in earnest, then undone; edits show in both."""
    with notes_of(cove) as notes:
        two_versions(notes)
        ident = notes.node.new("Note", "heading=Hello", "size:=12", "tag=x")
        head = ("version 3 shows what version 1 shows\n  shows   size\n  hides   size, tag\n"
                "  renames heading -> title\n")
        notes.says(["migrate", "down", "Note", "--steps", 1, "--dry-run"],
                   head + "nothing was written\n")
        notes.says(["migrate", "down", "Note", "--to", 1],
                   head + "nothing is lost: version 2 goes on, and edits show in both\n")
        check(notes.node.fields(ident) == {"title": "Hello", "size": "12"}, "the view at 3")
        notes.node.run("set", ident, "title=Bye", "size=13")
        check(notes.node.fields(ident, 2) == {"heading": "Bye", "size": 13, "tag": "x"},
              "the view at 2", notes.node.fields(ident, 2))
        notes.says(["migrate", "down", "Note", "--undo"],
                   "version 4 shows what version 2 shows\n  shows   size, tag\n"
                   "  hides   size\n  renames title -> heading\n"
                   "nothing is lost: version 3 goes on, and edits show in both\n")
        check(notes.node.fields(ident) == {"heading": "Bye", "size": 13, "tag": "x"}, "undone")
        log = [e["what"] for e in notes.node.json("migrate", "log", "Note")["entries"]]
        check(log == ["publish", "publish", "down", "down"], "the log", log)


def down_uses_the_words_of_the_migrations(cove):
    """A migration's own `down`, and a one-way step without."""
    with notes_of(cove) as notes:
        one_way = {"convert": {"field": "done", "to": {"name": "state", "type": "string"},
                               "forward": [{"table": [[False, "todo"], [True, "done"]]}],
                               "back": None}}
        notes.first(done=BOOL)
        notes.next(one_way, fields={"state": TEXT}, down=[{"convert": {
            "field": "state", "to": {"name": "done", "type": "boolean"},
            "forward": [{"table": [["todo", False], ["doing", False], ["done", True]]}],
            "back": [{"table": [[False, "todo"], [True, "done"]]}]}}])
        ident = notes.node.new("Note", "state=doing")
        notes.says(["migrate", "down", "Note", "--steps", 1],
                   "version 3 shows what version 1 shows, by the words of its own migrations\n"
                   "  shows   done\n  hides   state\n"
                   "nothing is lost: version 2 goes on, and edits show in both\n")
        check(notes.node.fields(ident) == {"done": False}, notes.node.fields(ident))


def a_one_way_step_is_refused_and_named(cove):
    """Exit 8, unless --accept-data-loss."""
    with notes_of(cove) as notes:
        notes.first(done=BOOL)
        notes.next({"convert": {"field": "done", "to": {"name": "state", "type": "string"},
                                "forward": [{"table": [[False, "todo"], [True, "done"]]}],
                                "back": None}}, fields={"state": TEXT})
        notes.refused(["migrate", "down", "Note", "--to", 1], DESTRUCTIVE,
                      '"state" to "done"', "--accept-data-loss")
        notes.says(["migrate", "down", "Note", "--to", 1, "--accept-data-loss"],
                   "version 3 shows what version 1 shows\n  shows   done\n  hides   state\n"
                   "  invalid state -> done\n"
                   "nothing is lost: version 2 goes on, and edits show in both\n")


def retire_says_what_still_needs_the_version(cove):
    """Exit 8 with the list; -y; what then is written at it."""
    with notes_of(cove) as notes:
        two_versions(notes)
        notes.node.run("new", "Note@1", "title=old")
        ident = notes.node.new("Note", "heading=new")
        notes.node.run("set", ident, "title=late", "--as", 1)
        notes.refused(["migrate", "retire", "Note", 1], DESTRUCTIVE, "version 1 of Note",
                      "2 documents were last written at version 1", "this device", "-y")
        notes.says(["migrate", "retire", "Note", 1, "--dry-run"],
                   "version 1 would retire; 2 documents were last written at it\n"
                   "  device DEVICE this device  spoke version 1 at TIME\nnothing was written\n")
        notes.says(["-y", "migrate", "retire", "Note@1"],
                   "version 1 is retired; 2 documents were last written at it\n"
                   "  device DEVICE this device  spoke version 1 at TIME\n"
                   "it is read as before; this program writes no more at it\n")
        notes.refused(["set", ident, "title=no", "--as", 1], DRIFT, "version 1 of Note is retired",
                      "--as")
        notes.refused(["new", "Note@1", "title=no"], DRIFT, "is retired")
        check(notes.node.fields(ident, 1) == {"title": "late"}, "it is read no longer")
        notes.node.run("set", ident, "heading=goes on")
        check(notes.node.fields(ident, 1) == {"title": "goes on"}, "it stands still")


def status_counts_versions_states_and_devices(cove):
    """Before and after a run; retired versions; and as JSON."""
    with notes_of(cove) as notes:
        notes.first(size=TEXT)
        for size in ("1", "2", "about 3"):
            notes.node.run("new", "Note", f"size={size}")
        notes.next({"convert": {"field": "size", "forward": ["int_of_text"]}},
                   fields={"size": INT})
        head = "Note\n  version 1    active    STEP  by DEVICE TIME  3 documents\n" \
               "  version 2    active    STEP  by DEVICE TIME\n"
        device = "  device DEVICE this device  version 1  TIME\n"
        notes.says(["migrate", "status"],
                   head + "  3 documents: 3 unjudged\n  unjudged: not loaded since they or the "
                   "versions changed; `cove migrate run Note` does\n" + device)
        notes.node.run("migrate", "run", "Note")
        out = masked(notes.node.run("migrate", "status", "Note"))
        check(out.startswith(head + "  3 documents: 2 current, 1 quarantined\n" + device),
              "after the run:", out)
        notes.node.run("-y", "migrate", "retire", "Note", 1)
        out = masked(notes.node.run("migrate", "status"))
        check("  version 1    retired   STEP" in out and
              "  retires all before 2  STEP  by DEVICE TIME\n" in out, out)
        held = notes.node.json("migrate", "status", "Note")["schemas"][0]
        check([(v["version"], v["documents"], v["newest"], v["retired"])
               for v in held["versions"]] == [(1, 3, False, True), (2, 0, True, False)],
              "versions", held["versions"])
        check(held["documents"] == 3 and held["forked"] is False, held)


def branches_are_joined(cove):
    """Two admins apart: the fork is shown, --print prints, merge ends it."""
    with nodes_of(cove, "alice", "bob") as (alice, bob):
        group = alice.new("group", "--member", f"{bob.key}=admin")
        notes, other = Notes(alice, group), Notes(bob)
        notes.first(a=TEXT)
        alice.serve()
        bob.serve()
        link(bob, alice)
        converge([alice, bob])
        alice.stop()
        bob.stop()
        notes.refused(["migrate", "merge", "Note"], NOT_FOUND, "no fork")
        other.version = 1
        notes.next({"add": {"field": "p", "type": "integer"}}, fields={"a": TEXT, "p": INT})
        other.next({"add": "p"}, {"add": "q"}, fields={"a": TEXT, "p": TEXT, "q": TEXT})
        alice.serve()
        bob.serve()
        link(bob, alice)
        converge([alice, bob])
        alice.stop()
        bob.stop()
        out = alice.run("migrate", "status", "Note")
        check("FORK: two newest versions; `cove migrate merge` joins them" in out, out)
        notes.refused(["migrate", "down", "Note", "--steps", 1], DRIFT, "migrate merge Note")
        file = json.loads(alice.run("migrate", "merge", "Note", "--print"))
        check((file["to"], len(file["from"])) == (3, 2), "the file", file)
        made = alice.json("migrate", "merge", "Note")
        again = bob.json("migrate", "merge", "Note")
        check(made["step"] == again["step"], "two steps for one merge")
        check(made["fields"][0]["name"] == "p" and made["fields"][0]["as"] in
              ("p_integer", "p_string"), made["fields"])
        check("FORK" not in alice.run("migrate", "status", "Note"), "still a fork")


def a_way_back_needs_no_file(cove):
    """Where versions are files, verify asks for none, and the next one follows."""
    with notes_of(cove) as notes:
        files = notes.base / "schema"
        files.mkdir()
        edited = files / "Note.schema.json"
        for version, fields in ((1, {"a": TEXT}), (2, {"a": TEXT, "b": INT})):
            edited.write_text(json.dumps(schema(version, **fields)), "utf-8")
            notes.node.run("migrate", "create", "Note", "--dir", files)
            notes.node.run("migrate", "up", files)
        notes.node.run("migrate", "down", "Note", "--steps", 1)
        notes.node.run("-y", "schema", "pull", "Note", "-o", edited)
        check(json.loads(edited.read_text("utf-8")) == schema(3, a=TEXT), "what was pulled")
        notes.node.run("migrate", "verify", files)
        edited.write_text(json.dumps(schema(4, a=TEXT, c=INT)), "utf-8")
        notes.node.run("migrate", "create", "Note", "--dir", files)
        notes.node.run("migrate", "up", files)
        notes.node.run("migrate", "verify", files)
        ident = notes.node.new("Note", "a=x", "c:=1")
        check(notes.node.document(ident)["version"] == 4, notes.node.document(ident))


def wrong_words_are_refused(cove):
    """Each with its code, and what to say instead."""
    with notes_of(cove) as notes:
        notes.first(a=TEXT)
        for words, code, says in (
                (["down"], USAGE, "needs a schema's name"),
                (["down", "Note"], USAGE, "--steps N, --to VERSION and --undo"),
                (["down", "Note", "--to", 1, "--undo"], USAGE, "one of"),
                (["down", "Note", "--steps", 0], USAGE, '"steps" is 1 to'),
                (["down", "Note", "--steps", "x"], USAGE, "--steps x"),
                (["down", "Nope", "--undo"], NOT_FOUND, "Nope"),
                (["down", "Note", "--steps", 1], USAGE, "nothing to go back to"),
                (["down", "Note", "--undo"], NOT_FOUND, "nothing to undo"),
                (["down", "Note", "--to", 9], NOT_FOUND, "no version 9 here; held: 1"),
                (["down", "Note", "--to", 1], USAGE, "is the newest"),
                (["retire"], USAGE, "needs a schema's name"),
                (["retire", "Note"], USAGE, "and the version"),
                (["retire", "Note", 9], NOT_FOUND, "no version 9"),
                (["retire", "Note", 1], USAGE, "publish a later one first"),
                (["merge"], USAGE, "needs a schema's name"),
                (["merge", "Note"], NOT_FOUND, "no fork")):
            notes.refused(["migrate", *words], code, says)
        notes.next({"add": "b"}, fields={"a": TEXT, "b": TEXT})
        notes.node.run("migrate", "retire", "Note", 1)
        notes.refused(["migrate", "retire", "Note", 1], INVALID, "retired already")
        notes.node.run("migrate", "down", "Note", "--to", 1)
        notes.refused(["migrate", "down", "Note", "--to", 1], USAGE, "shows already")


def who_is_no_admin_changes_no_version(cove):
    """A writer may neither take back nor retire."""
    with nodes_of(cove, "alice", "bob") as (alice, bob):
        group = alice.new("group", "--member", f"{bob.key}=writer")
        notes = Notes(alice, group)
        notes.first(a=TEXT)
        notes.next({"add": "b"}, fields={"a": TEXT, "b": TEXT})
        alice.serve()
        bob.serve()
        link(bob, alice)
        converge([alice, bob])
        alice.stop()
        bob.stop()
        for words in (["down", "Note", "--to", 1], ["-y", "retire", "Note", 1]):
            flags = [w for w in words if w == "-y"]
            done = bob.call(*flags, "migrate", *[w for w in words if w != "-y"])
            check(done.returncode == 1 and "role admin" in done.stderr, words, done.stderr)


TESTS = [
    down_says_what_it_shows_hides_and_renames,
    down_uses_the_words_of_the_migrations,
    a_one_way_step_is_refused_and_named,
    retire_says_what_still_needs_the_version,
    status_counts_versions_states_and_devices,
    branches_are_joined,
    a_way_back_needs_no_file,
    wrong_words_are_refused,
    who_is_no_admin_changes_no_version,
]

if __name__ == "__main__":
    sys.exit(main(TESTS))
