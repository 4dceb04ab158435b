#!/usr/bin/env python3
"""A repository's schema and migration files: what the verbs about them print,
their exit codes, and every file that is not as it should be.

    files.py COVE [TEST…]
"""
import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "nodes"))
# pylint: disable-next=wrong-import-position
from node_kit import (  # noqa: E402
    ENV, Failure, Node, check, finished, link, main, nodes_of, terminal, until)

OK, ERROR, USAGE, CONDITION, DRIFT, NOT_FOUND, BUSY, UNREACHABLE, DESTRUCTIVE, INVALID = range(10)

TEXT, INTEGER = {"type": "string"}, {"type": "integer"}


def schema(version, title="Note", **properties):
    """A schema with these fields; `title` is required."""
    return {"title": title, "version": version, "type": "object", "required": ["title"],
            "properties": {"title": TEXT, **properties}}


NOTE1 = schema(1, stars=TEXT)
NOTE2 = schema(2, stars=INTEGER)
NOTE3 = schema(3, stars=INTEGER, tags={"type": "array"})
TO2 = {"schema": "Note", "from": 1, "to": 2,
       "steps": [{"convert": {"field": "stars", "to": {"type": "integer"},
                              "forward": ["int_of_text"]}}], "targetSchema": NOTE2}
TO3 = {"schema": "Note", "from": 2, "to": 3, "steps": [{"add": "tags"}], "targetSchema": NOTE3}
FILES = {"1_Note.v1.schema.json": NOTE1, "2_Note.json": TO2, "3_Note.json": TO3}


def plain(text):
    """What differs from run to run by a word: keys, steps, times, names."""
    text = re.sub(r"co_z[1-9A-HJ-NP-Za-km-z]{20,}", "ID", text)
    text = re.sub(r"\b[0-9a-f]{16,}\b", "HEX", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?", "TIME", text)
    return re.sub(r"\d{8}T\d{6}", "STAMP", text)


class Yard:
    """A store, and a directory of files beside it."""

    def __init__(self, cove, base, node=None):
        self.base = pathlib.Path(base)
        self.node = node or Node(cove, base, "store")
        self.dir = self.base / "schema"
        self.migrations = self.dir / "migrations"
        self.migrations.mkdir(parents=True)

    def write(self, name, content):
        """A file below schema/: a text, or a value as JSON."""
        path = self.dir / name
        path.write_text(content if isinstance(content, str) else json.dumps(content, indent=1),
                        "utf-8")
        return path

    def files(self, **changed):
        """The three versions as files, some of them changed; None leaves out."""
        for name, content in {**FILES, **changed}.items():
            if content is not None:
                self.write(f"migrations/{name}", content)
        return self

    def call(self, *words, text=None):
        """Run a verb beside the files."""
        return finished(self.node.command(*words), text, cwd=self.base)

    def run(self, *words, code=OK, text=None):
        """Run a verb that must end so: what it printed, both ways."""
        done = self.call(*words, text=text)
        check(done.returncode == code, f"cove {' '.join(map(str, words))}: exit "
              f"{done.returncode}, not {code}:", done.stdout, done.stderr)
        return done.stdout + done.stderr

    def json(self, *words, code=OK):
        """The same with --json, parsed."""
        done = self.call("--json", *words)
        check(done.returncode == code, words, done.returncode, done.stdout, done.stderr)
        return json.loads(done.stdout)

    def golden(self, words, code, lines):
        """A verb's whole output."""
        text = plain(self.run(*words, code=code))
        want = "".join(line + "\n" for line in lines)
        check(text == want, f"cove {' '.join(map(str, words))}:\n{text}--- not\n{want}")

    def refused(self, words, code, *says):
        """A verb that must be refused with these words, changing nothing."""
        before = self.state()
        done = self.call(*words)
        name = " ".join(map(str, words))
        check(done.returncode == code, f"cove {name}: exit {done.returncode}, not {code}:",
              done.stdout, done.stderr)
        for part in says:
            check(part in done.stderr, f"cove {name}: does not say {part!r}:", done.stderr)
        check(self.state() == before, f"cove {name}: changed something")
        return done

    def state(self):
        """What must not change: documents, files."""
        return (self.node.json("status")["digest"],
                {str(p): p.read_bytes() for p in sorted(self.dir.rglob("*"))
                 if p.is_file() and not p.is_symlink()})

    def versions(self, name="Note"):
        """The versions of a schema in the store."""
        return {s["name"]: s["versions"] for s in self.node.json("schema", "list")["schemas"]
                }.get(name, [])

    def problems(self, code=DRIFT):
        """Kind and file of each problem that verify names."""
        return [(p["kind"], p.get("file")) for p in self.json("migrate", "verify", code=code)
                ["problems"]]


@contextlib.contextmanager
def yard_of(cove):
    """A yard in a temporary directory."""
    with tempfile.TemporaryDirectory(prefix="cove-files-") as base:
        yield Yard(cove, base)


def every_verb_says_what_it_did(cove):
    """From the first version to the third: golden output and exit codes."""
    with yard_of(cove) as y:
        y.write("Note.schema.json", NOTE1)
        y.golden(["migrate", "create", "Note"], OK, [
            "schema/migrations/STAMP_Note.v1.schema.json: Note 1",
            "`cove migrate up` publishes it"])
        y.golden(["migrate", "plan"], CONDITION, [
            "cove: there is no migration here to plan, and a first version changes no document; "
            "`cove migrate create NAME` makes the migration to an edited schema"])
        y.golden(["migrate", "create", "Note"], CONDITION, [
            "cove: nothing to create: Note.schema.json says what version 1 of Note says"])
        y.golden(["migrate", "verify"], OK, [
            "unpublished STAMP_Note.v1.schema.json      Note 1",
            "1 files: 0 published, 1 unpublished; 0 steps of 0 schemas hashed again"])
        y.golden(["migrate", "up"], OK, [
            "published Note 1  HEX  STAMP_Note.v1.schema.json",
            "ran Note  noop: 0 of 0 documents, 0 migrated, 0 copies; 0 valid, 0 invalid"])
        y.golden(["migrate", "up"], OK, ["nothing to do: every file is published and run"])
        ident = y.node.new("Note", "title=a", "stars=5")
        y.write("Note.schema.json", {**NOTE2, "version": 1})
        y.golden(["migrate", "create", "Note"], DRIFT, [
            "cove: Note.schema.json was changed and is still version 1 of Note: give it "
            "\"version\": 2"])
        y.write("Note.schema.json", NOTE2)
        y.golden(["migrate", "verify"], DRIFT, [
            "published   STAMP_Note.v1.schema.json      Note 1  by HEX TIME",
            "1 files: 1 published, 0 unpublished; 1 steps of 1 schemas hashed again",
            "cove: uncreated: Note.schema.json is version 2 of Note, and no file leads there: "
            "`cove migrate create Note`"])
        y.golden(["migrate", "up"], OK, [
            "nothing was published: see above",
            "cove: uncreated: Note.schema.json is version 2 of Note, and no file leads there: "
            "`cove migrate create Note`"])
        y.golden(["migrate", "create", "Note", "--note", "numbers"], OK, [
            "schema/migrations/STAMP_Note.json: Note 1 → 2",
            "`cove migrate plan` tries it, `cove migrate up` publishes it"])
        check("newly invalid: none" in y.run("migrate", "plan"), "plan")
        y.golden(["migrate", "drop", "--last"], OK, [
            "dropped schema/migrations/STAMP_Note.json: Note 1 → 2"])
        y.golden(["migrate", "drop", "--last"], DRIFT, [
            "cove: STAMP_Note.v1.schema.json: version 1 of Note is published, by device HEX on "
            "TIME UTC, and what is published stays; take it back with a later version: `cove "
            "migrate down Note`"])
        y.golden(["migrate", "drop"], USAGE, [
            "cove: migrate drop drops the last file: `cove migrate drop --last [NAME]`"])
        y.golden(["migrate", "drop", "--last", "Nope"], NOT_FOUND, [
            "cove: schema/migrations has no file of Nope"])
        y.run("migrate", "create", "Note", "--note", "numbers")
        y.golden(["migrate", "up", "--strict"], OK, [
            "published Note 2  HEX  STAMP_Note.json",
            "ran Note  completed: 1 of 1 documents, 1 migrated, 1 copies; 1 valid, 0 invalid"])
        check(y.node.fields(ident) == {"title": "a", "stars": 5}, y.node.fields(ident))
        check(y.node.json("get", ident, "--as", "1")["fields"]["stars"] == "5", "at version 1")
        y.golden(["migrate", "verify"], OK, [
            "published   STAMP_Note.v1.schema.json      Note 1  by HEX TIME",
            "published   STAMP_Note.json                Note 1 → 2  by HEX TIME",
            "2 files: 2 published, 0 unpublished; 2 steps of 1 schemas hashed again"])
        y.golden(["schema", "pull", "Note"], OK, ["schema/Note.schema.json is Note@2 already"])
        y.golden(["schema", "pull", "Note@1"], DESTRUCTIVE, [
            "cove: schema/Note.schema.json is there and differs from Note@1; -y overwrites it, "
            "-o FILE writes another"])
        y.golden(["schema", "pull", "Note@1", "-o", "v1.json"], OK, ["v1.json: Note@1"])
        check(json.loads((y.base / "v1.json").read_text()) == NOTE1, "pulled")
        y.golden(["schema", "pull", "-y", "Note@1"], OK, ["schema/Note.schema.json: Note@1"])
        check(y.json("schema", "pull", "Note@1")
              == {"file": "schema/Note.schema.json", "schema": "Note", "version": 1,
                  "written": False}, "--json")
        check("NOTE_VERSION 1" in y.json("schema", "generate", "Note@1")["header"], "--json")
        check(y.json("schema", "generate", "Note", "-o", "n.h")["file"] == "n.h", "--json")
        check(y.json("migrate", "bundle", "-o", "c.json")
              == {"schemas": 1, "migrations": 1, "file": "c.json"}, "--json")
        y.golden(["schema", "pull", "Nope"], NOT_FOUND, [
            "cove: no schema is called Nope here; `cove schema list` shows those there are, "
            "`cove schema put FILE` publishes one"])
        y.golden(["migrate", "bundle", "-o", "b.json"], OK, [
            f"b.json: 1 schemas, 1 migrations, {bundle_size(y)} bytes"])


def bundle_size(yard):
    """How large the bundle is that is about to be written."""
    return len(yard.run("migrate", "bundle").encode())


def what_was_made_by_hand_is_published_in_order(cove):
    """Without a manifest; written down by --write; one commit each."""
    with yard_of(cove) as y:
        y.files()
        check(y.problems(OK) == [], "files without a manifest")
        done = y.json("migrate", "up", "--to", "2")
        check([(p["schema"], p["version"]) for p in done["published"]]
              == [("Note", 1), ("Note", 2)], done)
        check(y.versions() == [1, 2], y.versions())
        y.run("migrate", "verify", "--write")
        manifest = json.loads((y.migrations / "manifest.json").read_text())["files"]
        check([(f["file"], f["from"], f["to"]) for f in manifest]
              == [("1_Note.v1.schema.json", 0, 1), ("2_Note.json", 1, 2), ("3_Note.json", 2, 3)],
              manifest)
        done = y.json("migrate", "up", "--strict")
        check([p["version"] for p in done["published"]] == [3], done)
        check(y.json("migrate", "up")["published"] == [], "again")
        # names in another order than versions: the versions decide
        for name in FILES:
            (y.migrations / name).unlink()
        (y.migrations / "manifest.json").unlink()
        for name, content in FILES.items():
            y.write(f"migrations/{9 - int(name[0])}_x.json", content)
        check(y.problems(OK) == [], "other names")
        states = [f["state"] for f in y.json("migrate", "verify")["files"]]
        check(states == ["published"] * 3, states)


def a_version_is_opened_by_its_number_step_or_schemas_hash(cove):
    """And what is none of them is not there."""
    with yard_of(cove) as y:
        y.files().run("migrate", "verify", "--write")
        y.run("migrate", "up")
        ident = y.node.new("Note@1", "title=x", "stars=7")
        two = y.json("schema", "show", "Note@2")
        for name in (2, two["step"], two["migration"]["schema"], two["migration"]["schema"][:8]):
            shown = y.json("get", ident, "--as", name)
            check((shown["version"], shown["fields"]["stars"]) == (2, 7), name, shown)
        for name in (two["migration"]["schema"][:7], "0123456789abcdef"):
            y.refused(["get", ident, "--as", name], NOT_FOUND, f"no version {name} here",
                      "held: 1, 2, 3")


def layout_is_no_change(cove):
    """Line ends, spaces, the order of members: neither edited nor drift."""
    with yard_of(cove) as y:
        y.files().run("migrate", "verify", "--write")
        y.run("migrate", "up")
        for name, content in FILES.items():
            turned = dict(reversed(content.items()))
            (y.migrations / name).write_text(
                json.dumps(turned, indent=3).replace("\n", "\r\n"), "utf-8")
        check(y.problems(OK) == [], "other layout")
        check(y.json("migrate", "up", "--strict")["published"] == [], "published again")
        # a schema laid out anew is the same version for schema put too
        again = y.node.json("schema", "put", y.write("again.json", json.dumps(NOTE1, indent=7)))
        check(again["existed"], again)


def a_file_that_cannot_be_read_is_named(cove):
    """Exit 9 with file, place and rule; nothing is published."""
    deep = "[" * 60 + "]" * 60
    for content, says in (
            ('{"schema": "Note",\n "from": }', ["2_Note.json", "2:"]),
            ("", ["2_Note.json"]),
            ("7", ["2_Note.json", "must be an object"]),
            (deep, ["2_Note.json"]),
            ({**TO2, "stepz": []}, ["2_Note.json", 'unknown member "stepz"']),
            ({k: v for k, v in TO2.items() if k != "steps"}, ['"steps" is missing']),
            ({k: v for k, v in TO2.items() if k != "schema"}, ['"schema" must name']),
            ({k: v for k, v in TO2.items() if k != "targetSchema"}, ['"targetSchema"']),
            ({**TO2, "targetSchema": {**NOTE2, "patern": "x"}}, ["targetSchema", "pattern"]),
            ({**TO2, "targetSchema": schema(2, stars=TEXT)}, ["does not lead to", '"stars"']),
            ({**TO2, "targetSchema": {**NOTE2, "title": "Other"}}, ['title "Other"']),
            ({**TO2, "steps": [{"hide": "nope"}]}, ["nope"]),
            ({**TO2, "steps": [{"hidee": "stars"}]}, ["hidee"]),
            ({**TO2, "steps": 7}, ["must be a list"]),
            ({**TO2, "hashes": 7}, ['"hashes" must be an object']),
            ({**TO2, "hashes": {"to": "x"}}, ["64 hex digits"]),
            ({**TO2, "from": "one"}, ['"from"']),
            ({**TO2, "to": 0}, ['"to"']),
            ({**NOTE2, "properties": {"a": {"type": "string", "patern": "x"}}}, ["patern"])):
        with yard_of(cove) as y:
            y.files(**{"2_Note.json": content, "3_Note.json": None})
            y.refused(["migrate", "verify"], INVALID, *says)
            y.refused(["migrate", "up"], INVALID, "nothing was published", *says)
            check(y.versions() == [], "something was published")


def a_file_that_is_none_is_named(cove):
    """A link, a directory, bytes that are no text; no directory at all."""
    with yard_of(cove) as y:
        y.files()
        other = y.write("elsewhere.txt", TO3)
        path = y.migrations / "3_Note.json"
        path.unlink()
        path.symlink_to(other)
        y.refused(["migrate", "verify"], INVALID, "schema/migrations/3_Note.json",
                  "a symbolic link")
        path.unlink()
        path.mkdir()
        y.refused(["migrate", "up"], INVALID, "schema/migrations/3_Note.json", "a directory")
        path.rmdir()
        path.write_bytes(b'{"schema":"\xff"}')
        y.refused(["migrate", "verify"], INVALID, "3_Note.json", "UTF-8")
        path.write_bytes(b'{"schema":\0}')
        y.refused(["migrate", "verify"], INVALID, "3_Note.json", "NUL")
        path.unlink()
        os.mkfifo(path)
        y.refused(["migrate", "verify"], INVALID, "3_Note.json", "no plain file")
        path.unlink()
        y.refused(["migrate", "verify", "nowhere"], NOT_FOUND, "nowhere", "--dir DIR")
        y.refused(["migrate", "up", "--dir", "nowhere"], NOT_FOUND, "nowhere")
        y.refused(["migrate", "create", "Note", "--dir", "nowhere"], NOT_FOUND, "nowhere")
        y.refused(["schema", "push", "nowhere"], NOT_FOUND, "nowhere")
        y.refused(["migrate", "verify", str(other)], INVALID, "elsewhere.txt")
        y.refused(["migrate", "create", "Nope"], NOT_FOUND, "no schema with the title Nope",
                  "cove schema pull Nope")
        shutil.rmtree(y.migrations)
        check(y.json("migrate", "verify")["files"] == [], "no migrations")
        y.write("Note.schema.json", '{"title": "Note",}')
        y.refused(["migrate", "verify"], INVALID, "Note.schema.json", "1:")
        y.refused(["migrate", "create", "Note"], INVALID, "Note.schema.json", "1:")


def a_manifest_that_is_none_is_named(cove):
    """Garbage: exit 9; --write makes it anew."""
    for garbage in ("{oops", "[]", '{"files": 7}', '{"files": [7]}',
                    '{"files": [{"file": "2_Note.json"}]}', ""):
        with yard_of(cove) as y:
            y.files().write("migrations/manifest.json", garbage)
            y.refused(["migrate", "verify"], INVALID, "manifest.json", "verify --write")
            y.refused(["migrate", "up"], INVALID, "manifest.json")
            check(y.versions() == [], "something was published")
            y.run("migrate", "verify", "--write")
            check(y.problems(OK) == [], "mended")


def a_manifest_that_cannot_be_read_is_not_replaced(cove):
    """As after a merge of two branches: create refuses, and leaves it."""
    with yard_of(cove) as y:
        y.write("Note.schema.json", NOTE1)
        y.run("migrate", "create", "Note")
        y.write("Note.schema.json", NOTE2)
        for garbage in ("<<<<<<< ours\n", '{"files": 7}', ""):
            y.write("migrations/manifest.json", garbage)
            y.refused(["migrate", "create", "Note"], INVALID, "manifest.json", "verify --write")
        y.run("migrate", "verify", "--write", code=DRIFT)
        y.run("migrate", "create", "Note")
        check(y.problems(OK) == [], "both are known")


def what_is_no_plain_file_is_not_written_over(cove):
    """A link, a directory, a pipe stay what they are."""
    with yard_of(cove) as y:
        y.files().run("migrate", "verify", "--write")
        y.run("migrate", "up")
        (y.base / "kept").write_text("kept", "utf-8")
        (y.base / "link").symlink_to("kept")
        (y.base / "dir").mkdir()
        os.mkfifo(y.base / "pipe")
        for name, kind in (("link", "symbolic link"), ("dir", "directory"),
                           ("pipe", "no plain file")):
            for words in (["migrate", "bundle"], ["schema", "generate", "Note"],
                          ["schema", "pull", "Note"]):
                y.refused([*words, "-o", name], ERROR, name, kind)
        check((y.base / "link").is_symlink() and (y.base / "pipe").is_fifo(), "replaced")
        check((y.base / "kept").read_text("utf-8") == "kept", "written through the link")


def two_migrations_of_one_version_are_named(cove):
    """The second is a conflict; what to do is said."""
    with yard_of(cove) as y:
        y.files(**{"2b_Note.json": {**TO2, "note": "another"}, "3_Note.json": None})
        check(y.problems() == [("pair", "2b_Note.json")], y.problems())
        y.refused(["migrate", "up"], DRIFT, "2_Note.json", "2b_Note.json",
                  "both lead to version 2 of Note", '"from": 2, "to": 3')
        y.files(**{"1b_Note.json": {**NOTE1, "description": "another"}})
        check(("pair", "1b_Note.json") in y.problems(), y.problems())


def a_missing_step_is_named(cove):
    """Neither the store nor a file has the version it starts from."""
    with yard_of(cove) as y:
        y.files(**{"2_Note.json": None})
        check(y.problems() == [("gap", "3_Note.json")], y.problems())
        y.refused(["migrate", "up"], DRIFT, "3_Note.json", "a step is missing",
                  "no version 2 here; held: 1")
        (y.migrations / "1_Note.v1.schema.json").unlink()
        y.refused(["migrate", "up"], DRIFT, "no version at all")
        y.write("migrations/9_Note.json", schema(9))
        check(("gap", "9_Note.json") in y.problems(), y.problems())


def a_cycle_is_named(cove):
    """A version that comes from itself, or from a later one."""
    for start, end in ((1, 1), (2, 1), (3, 2)):
        with yard_of(cove) as y:
            y.files(**{"2_Note.json": {**TO2, "from": start, "to": end}, "3_Note.json": None})
            check(y.problems(INVALID) == [("cycle", "2_Note.json")], y.problems(INVALID))
            y.refused(["migrate", "up"], INVALID, "2_Note.json", "only grows")


def an_edited_file_is_drift(cove):
    """Before publication the manifest knows it, then the store: who and when."""
    with yard_of(cove) as y:
        y.files().run("migrate", "verify", "--write")
        y.write("migrations/2_Note.json", {**TO2, "note": "edited"})
        check(y.problems() == [("edited", "2_Note.json")], y.problems())
        y.refused(["migrate", "up"], DRIFT, "2_Note.json was edited", "verify --write")
        y.run("migrate", "verify", "--write")
        y.run("migrate", "up")
        y.write("migrations/2_Note.json", TO2)
        check(y.problems() == [("drift", "2_Note.json")], y.problems())
        for words in (["migrate", "verify"], ["migrate", "up"], ["migrate", "up", "--strict"]):
            y.refused(words, DRIFT, "2_Note.json differs from version 2 of Note as published by "
                      f"device {y.node.key[:16]} on 20", "put the file back as it was",
                      "cove migrate create Note")
        problem = y.json("migrate", "verify", code=DRIFT)["problems"][0]
        check(problem["author"] == y.node.key and problem["time"] > 0, problem)
        # what drifted is not taken over into the manifest
        y.run("migrate", "verify", "--write", code=DRIFT)
        y.write("migrations/2_Note.json", {**TO2, "note": "edited"})
        check(y.problems(OK) == [], "put back")
        y.write("migrations/1_Note.v1.schema.json", schema(1, stars=TEXT, more=TEXT))
        check(("drift", "1_Note.v1.schema.json") in y.problems(), y.problems())


def a_deleted_file_is_named(cove):
    """In the manifest, or only in the store, between two others."""
    with yard_of(cove) as y:
        y.files().run("migrate", "verify", "--write")
        (y.migrations / "3_Note.json").unlink()
        check(y.problems() == [("deleted", "3_Note.json")], y.problems())
        y.refused(["migrate", "up"], DRIFT, "3_Note.json", "git checkout", "verify --write")
        y.files().run("migrate", "up")
        (y.migrations / "3_Note.json").unlink()
        y.refused(["migrate", "up"], DRIFT, "3_Note.json is gone", "version 3 of Note is published")
        y.files()
        (y.migrations / "manifest.json").unlink()
        (y.migrations / "2_Note.json").unlink()
        check(y.problems() == [("deleted", None)], y.problems())
        y.refused(["migrate", "verify"], DRIFT, "version 2 of Note is published, and its file")


def a_downgraded_app_is_told_that_the_store_is_ahead(cove):
    """Versions newer than the files: named, and nothing is taken back."""
    with yard_of(cove) as y:
        y.files().run("migrate", "up")
        (y.migrations / "3_Note.json").unlink()
        y.write("Note.schema.json", NOTE2)
        check([k for k, _ in y.problems()] == ["ahead", "ahead"], y.problems())
        done = y.refused(["migrate", "verify"], DRIFT,
                         "the store has version 3 of Note, the files end at 2",
                         "Note.schema.json is version 2 of Note, the newest is 3")
        check("newer app" in done.stderr, done.stderr)
        check(y.json("migrate", "up")["published"] == [], "an older app publishes nothing")
        y.refused(["migrate", "up", "--strict"], DRIFT, "the files end at 2")
        y.refused(["migrate", "create", "Note"], DRIFT, "older than the newest")
        check(y.versions() == [1, 2, 3], y.versions())


def schemas_that_a_problem_does_not_concern_go_on(cove):
    """--allow-drift; without it nothing is published."""
    with yard_of(cove) as y:
        y.files(**{"2_Note.json": {**TO2, "steps": []},
                   "5_Other.json": schema(1, title="Other", a=TEXT)})
        y.refused(["migrate", "up"], INVALID, "2_Note.json", "--allow-drift")
        y.refused(["migrate", "up", "--strict"], INVALID, "nothing was published")
        y.refused(["migrate", "up", "--strict", "--allow-drift"], USAGE, "exclude each other")
        done = y.json("migrate", "up", "--allow-drift")
        check([p["schema"] for p in done["published"]] == ["Other"], done)
        check(list(done["skipped"]) == ["Note"], done)
        check(y.versions() == [] and y.versions("Other") == [1], "published")


def up_stops_at_the_first_that_fails_and_says_how_far(cove):
    """The role is asked for at each file: what came before stays."""
    with nodes_of(cove, "a", "b") as (a, b):
        base = pathlib.Path(a.dir).parent
        group = a.json("new", "group", "--member", f"{b.key}=reader")["id"]
        y = Yard(cove, base, b)
        y.files(**{"2_Note.json": None, "3_Note.json": None})
        for name in ("1_Note.v1.schema.json",):
            a.run("schema", "put", y.migrations / name, "--owner", group)
        for node in (a, b):
            node.serve()
        link(a, b)
        a.wait(b)
        until("the reader has the schema", lambda: y.versions() == [1])
        b.stop()
        # all of it is here: a reader may say so at every start
        check(y.json("migrate", "up")["published"] == [], "a reader with nothing to publish")
        check(y.problems(OK) == [], "a reader verifies")
        y.files(**{"0_Mine.json": schema(1, title="Mine"), "3_Note.json": None})
        done = y.call("migrate", "up")
        check(done.returncode == ERROR, done.returncode, done.stderr)
        for part in ("publishing needs the role admin", "this device is reader",
                     "stopped at 2_Note.json: 1 of 2 are published, and stay",
                     "`cove migrate up` goes on there"):
            check(part in done.stderr, part, done.stderr)
        check(y.versions("Mine") == [1] and y.versions() == [1], "published")
        done = y.call("migrate", "up", "--wait", "--timeout", "0")
        check(done.returncode == ERROR, done.stderr)
        a.stop()


def waiting_for_peers_ends_with_the_time(cove):
    """Exit 3, with what is done and what is not."""
    with yard_of(cove) as y:
        y.files().node.run("peer", "add", "42" * 32)
        done = y.call("migrate", "up", "--wait", "--timeout", "1")
        check(done.returncode == CONDITION and "not every peer has it" in done.stderr, done.stderr)
        check(y.versions() == [1, 2, 3], y.versions())


def what_changed_must_be_answered(cove):
    """Renamed or dropped: 4; dropped without consent: 8; nothing is written."""
    with yard_of(cove) as y:
        y.files(**{"3_Note.json": None}).run("migrate", "up")
        y.write("Note.schema.json", schema(3, marks=INTEGER))
        y.refused(["migrate", "create", "Note"], DRIFT, '"stars" is gone', "--rename stars=marks")
        y.refused(["schema", "push", "-y"], DRIFT, "--rename stars=marks")
        y.write("Note.schema.json", schema(3))
        y.refused(["migrate", "create", "Note"], DESTRUCTIVE, "stars", "--accept-data-loss")
        y.refused(["migrate", "create", "Note", "--nope"], USAGE, "--nope")
        shown = y.run("migrate", "create", "Note", "--drop", "stars", "--accept-data-loss",
                      "--print")
        check(json.loads(shown)["steps"] == [{"remove": "stars"}], shown)
        check(sorted(os.listdir(y.migrations)) == sorted(["1_Note.v1.schema.json", "2_Note.json"]),
              "--print wrote")
        y.write("Note.schema.json", schema(3, marks=INTEGER))
        made = y.json("migrate", "create", "Note", "--rename", "stars=marks", "--note", "why")
        text = json.loads((y.migrations / made["file"]).read_text())
        check(text["steps"] == [{"rename": {"from": "stars", "to": "marks"}}]
              and text["down"] == [{"rename": {"from": "marks", "to": "stars"}}]
              and text["note"] == "why" and text["targetSchema"] == schema(3, marks=INTEGER)
              and set(text["hashes"]) == {"from", "to"}, text)
        # the schema goes on being edited: the file holds what it was made for
        y.write("Note.schema.json", schema(3, marks=INTEGER, more=TEXT))
        check(y.problems() == [("changed", "Note.schema.json")], y.problems())
        text["targetSchema"] = schema(3, marks=INTEGER, more=TEXT)
        text["steps"].append({"add": "more"})
        text["down"].append({"hide": "more"})
        y.write(f"migrations/{made['file']}", text)
        y.refused(["migrate", "up"], DRIFT, "hashes.to")


def a_schema_file_that_cannot_be_read_is_named(cove):
    """By up, which goes on, and by push and create, which do not."""
    with yard_of(cove) as y:
        y.write("Note.schema.json", NOTE1)
        y.run("migrate", "create", "Note")
        y.run("migrate", "up")
        for bad in ('{"title": "Note", "version": 2,', {**NOTE2, "title": "a@b"}):
            y.write("Note.schema.json", bad)
            text = y.run("migrate", "up")
            check("malformed: Note.schema.json" in text and "nothing to do" not in text, text)
            y.refused(["schema", "push", "-y"], INVALID if isinstance(bad, str) else USAGE,
                      "Note.schema.json")


def a_plan_without_words_is_of_the_directory(cove):
    """Where there is none, and where it is empty, that is said."""
    with yard_of(cove) as y:
        y.dir.rename(y.base / "elsewhere")
        y.golden(["migrate", "plan"], USAGE, [
            "cove: migrate plan needs a migration file, or a directory of them; there is no "
            "directory schema here"])
        (y.base / "elsewhere" / "Note.schema.json").write_text(json.dumps(NOTE1), "utf-8")
        check("`cove migrate up elsewhere`" in y.run(
            "migrate", "create", "Note", "--dir", "elsewhere"), "what helps names the directory")
        y.run("migrate", "up", "elsewhere")
        (y.base / "elsewhere" / "Note.schema.json").write_text(json.dumps(NOTE2), "utf-8")
        check("`cove migrate plan elsewhere`" in y.run(
            "migrate", "create", "Note", "--dir", "elsewhere"), "what helps names the directory")


def answers_of_the_wrong_kind_are_refused(cove):
    """Also where options add to what a file of answers has."""
    with yard_of(cove) as y:
        y.write("Note.schema.json", NOTE1)
        y.run("migrate", "create", "Note")
        y.write("Note.schema.json", NOTE2)
        more = ["--enum", "a:b=c", "--rename", "x=y", "--drop", "z", "--lossy", "q"]
        for answers in ({"enum": "x"}, {"enum": {"a": 3}}, {"rename": ["x"]}, {"drop": {}},
                        {"lossy": "x"}):
            path = y.base / "answers.json"
            path.write_text(json.dumps(answers), "utf-8")
            y.refused(["migrate", "create", "Note", "--answers", path, *more], USAGE,
                      "answers: write", list(answers)[0])


def a_file_beside_the_manifest_is_taken_over(cove):
    """As after a crash between the two: named, mended by --write."""
    with yard_of(cove) as y:
        y.files(**{"3_Note.json": None}).run("migrate", "verify", "--write")
        y.files()
        check(y.problems() == [("unlisted", "3_Note.json")], y.problems())
        y.refused(["migrate", "up", "--strict"], DRIFT, "3_Note.json is not in the manifest")
        y.run("migrate", "verify", "--write")
        check(y.problems(OK) == [], "taken over")
        check(not list(y.migrations.glob("*.new")), "a temporary file stayed")


def push_takes_all_schemas_or_none(cove):
    """In one transaction; --dry-run writes nothing."""
    with yard_of(cove) as y:
        note, other = schema(1, stars=TEXT), schema(1, title="Other", a=TEXT)
        y.write("Note.schema.json", note)
        y.write("Other.schema.json", other)
        y.refused(["schema", "push", "--dry-run"], OK)
        y.refused(["schema", "push"], CONDITION, "say -y")
        done = y.json("schema", "push", "-y")
        check([(p["schema"], p["version"]) for p in done["pushed"]]
              == [("Note", 1), ("Other", 1)], done)
        check(y.json("schema", "push", "-y")["pushed"] == [], "again")
        y.write("Note.schema.json", schema(2, stars=TEXT, more=TEXT))
        y.write("Other.schema.json", {**other, "properties": {**other["properties"], "b": TEXT}})
        y.refused(["schema", "push", "-y"], DRIFT, "Other", "still version 1", '"version": 2')
        y.write("Other.schema.json", '{"title": "Other", "version": 2, "patern": "x"}')
        y.refused(["schema", "push", "-y"], INVALID, "pattern")
        # one that does not say its version is the next at each push
        del other["version"]
        for version in (2, 3):
            other["properties"][f"f{version}"] = TEXT
            y.write("Other.schema.json", other)
            done = y.json("schema", "push", "-y")["pushed"]
            check(("Other", version) in [(p["schema"], p["version"]) for p in done], done)
        check(y.versions("Other") == [1, 2, 3] and y.versions() == [1, 2], "pushed")
        y.run("config", "profile=strict")
        y.write("Note.schema.json", schema(3, stars=TEXT, more=TEXT, again=TEXT))
        y.refused(["schema", "push", "-y", str(y.dir / "Note.schema.json")], ERROR,
                  "profile of this store is strict", "cove migrate create")
        y.refused(["schema", "push", "--dry-run", str(y.dir / "Note.schema.json")], OK)
        y.run("config", "profile=relaxed")
        y.refused(["schema", "push", "-y", str(y.dir / "Note.schema.json"),
                   str(y.dir / "Note.schema.json")], USAGE, "Note")


def unpublished_files_become_one(cove):
    """Their words one after the other, the same schema; published ones not."""
    notes = {"2_Note.json": {**TO2, "note": "two", "down": [
        {"hide": "stars"}, {"show": {"field": "stars", "type": "string"}}]},
             "3_Note.json": {**TO3, "note": "three", "down": [{"hide": "tags"}]}}
    with yard_of(cove) as y:
        y.files(**notes).run("migrate", "verify", "--write")
        y.refused(["migrate", "squash", "0..3"], USAGE, "is the first version of Note")
        y.refused(["migrate", "squash", "3..2"], USAGE, "FROM..TO")
        y.refused(["migrate", "squash", "2..3"], NOT_FOUND, "not two files of Note")
        y.refused(["migrate", "squash", "Nope", "1..3"], NOT_FOUND, "Nope")
        y.golden(["migrate", "squash", "1..3"], OK, [
            "schema/migrations/3_Note.json: Note 1 → 3, in place of 2 files"])
        check(sorted(os.listdir(y.migrations)) == ["1_Note.v1.schema.json", "3_Note.json",
                                                   "manifest.json"], os.listdir(y.migrations))
        made = json.loads((y.migrations / "3_Note.json").read_text())
        check(made["steps"] == TO2["steps"] + TO3["steps"] and made["note"] == "two; three"
              and made["down"] == notes["3_Note.json"]["down"] + notes["2_Note.json"]["down"]
              and made["targetSchema"] == NOTE3 and (made["from"], made["to"]) == (1, 3), made)
        check(y.problems(OK) == [], "squashed")
        y.run("migrate", "up", "--strict")
        check(y.versions() == [1, 3], y.versions())
        y.write("migrations/4_Note.json", {
            "schema": "Note", "from": 3, "to": 4, "steps": [{"hide": "tags"}],
            "targetSchema": {**NOTE2, "version": 4}})
        y.write("migrations/5_Note.json", {
            "schema": "Note", "from": 4, "to": 5, "steps": [{"show": "tags"}],
            "targetSchema": {**NOTE3, "version": 5}})
        y.refused(["migrate", "squash", "1..5"], DRIFT, "3_Note.json is published",
                  "squash what comes after version 3")
        y.refused(["migrate", "squash", "0..3"], DRIFT, "version 3 of Note is published",
                  "the oldest in use is 3", "cove migrate retire Note 3")
        y.golden(["migrate", "squash", "--to", "5"], OK, [
            "schema/migrations/5_Note.json: Note 3 → 5, in place of 2 files",
            'without "down": not every file had one'])
        y.run("migrate", "verify", "--write")
        y.run("migrate", "up", "--strict")
        # a word that cannot follow the other in one step
        y.write("migrations/6_Note.json", {
            "schema": "Note", "from": 5, "to": 6, "steps": [{"add": "a"}],
            "targetSchema": schema(6, stars=INTEGER, tags={"type": "array"}, a=TEXT)})
        y.write("migrations/7_Note.json", {
            "schema": "Note", "from": 6, "to": 7, "steps": [{"remove": "a"}],
            "targetSchema": {**NOTE3, "version": 7}})
        y.write("migrations/8_Note.json", {
            "schema": "Note", "from": 7, "to": 8, "steps": [{"add": "a"}],
            "targetSchema": schema(8, stars=INTEGER, tags={"type": "array"}, a=TEXT)})
        y.refused(["migrate", "squash", "5..8"], DRIFT, "as one file they do not do the same")


def files_that_nobody_speaks_any_longer_become_one(cove):
    """Byte by byte; the store knows them as before."""
    with yard_of(cove) as y:
        y.files().run("migrate", "verify", "--write")
        y.run("migrate", "up")
        before = {n: (y.migrations / n).read_text() for n in FILES}
        states = [(f["file"], f["state"], f["step"]) for f in y.json("migrate", "verify")["files"]]
        y.golden(["migrate", "squash", "0..2"], OK, [
            "schema/migrations/1_Note.bundle.json: Note 0 → 2, in place of 2 files"])
        check(sorted(os.listdir(y.migrations)) == ["1_Note.bundle.json", "3_Note.json",
                                                   "manifest.json"], os.listdir(y.migrations))
        held = json.loads((y.migrations / "1_Note.bundle.json").read_text())
        check({f["file"]: f["text"] for f in held["bundle"]}
              == {n: before[n] for n in list(FILES)[:2]}, held)
        verified = y.json("migrate", "verify")
        check([(f["file"], f["state"], f["step"]) for f in verified["files"]] == states, verified)
        check(verified["problems"] == [], verified)
        check(y.json("migrate", "up", "--strict")["published"] == [], "published again")
        # a version that is in use stays a file of its own
        y.node.json("new", "Note@2", "title=a")
        y.write("migrations/4_Note.json", {
            "schema": "Note", "from": 3, "to": 4, "steps": [{"hide": "tags"}],
            "targetSchema": {**NOTE2, "version": 4}})
        y.run("migrate", "verify", "--write")
        y.run("migrate", "up")
        y.refused(["migrate", "squash", "0..3"], DRIFT, "the oldest in use is 2")


def on_a_terminal_push_asks(cove):
    """[Y/n]: n changes nothing, Enter is yes."""
    with yard_of(cove) as y:
        y.write("Note.schema.json", NOTE1)
        for typed, code, versions in (("n\n", CONDITION, []), ("\n", OK, [1])):
            ours, theirs = terminal()
            with subprocess.Popen(y.node.command("schema", "push"), cwd=y.base, env=ENV,
                                  stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  encoding="utf-8") as process:
                os.write(ours, typed.encode())
                _, said = process.communicate(timeout=60)
            os.close(ours)
            os.close(theirs)
            check(process.returncode == code and "Push this? [Y/n]" in said, typed, said)
            check(y.versions() == versions, typed, y.versions())


def a_bundle_is_what_an_app_adds(cove):
    """Published from the bundle or from the files: the same steps."""
    with yard_of(cove) as y, tempfile.TemporaryDirectory() as base:
        y.files().run("migrate", "bundle", "-o", "bundle.json")
        bundle = json.loads((y.base / "bundle.json").read_text())
        check(bundle == {"schemas": [NOTE1], "migrations": [TO2, TO3]}, bundle)
        other = Yard(cove, base)
        other.write("migrations/all.json", bundle)
        done = other.json("migrate", "up")
        steps = {p["step"] for p in y.json("migrate", "up")["published"]}
        check({p["step"] for p in done["published"]} == steps, done)
        check(other.json("migrate", "verify")["problems"] == [], "verified")


def generated_constants_compile_in_c_and_in_cpp(cove):
    """Pedantic, without a warning, names that C does not take included."""
    odd = {"title": "1 odd-näme", "version": 1, "properties": {
        name: {"type": "string"} for name in
        ("maintainerName", "maintainer_name", "while", "9lives", "a-b", "a b", "ünï", '"q"\\',
         "what??/", "size2Big", "schema", "version", "epoch")}}
    with yard_of(cove) as y:
        y.node.run("schema", "put", y.write("odd.json", odd))
        y.run("schema", "generate", "1 odd-näme", "-o", "odd.h", "--prefix", "odd")
        y.run("schema", "generate", "1 odd-näme", "-o", "named.h")
        y.refused(["schema", "generate"], USAGE, "needs a schema's name")
        y.refused(["schema", "generate", "Nope"], NOT_FOUND, "Nope")
        fields = y.node.json("schema", "show", "1 odd-näme")
        header = (y.base / "odd.h").read_text("utf-8")
        words = re.findall(r"#define (ODD_FIELD_\w+) ", header)
        check(len(words) == len(set(words)) == len(odd["properties"]), words)
        main_c = y.base / "main.c"
        main_c.write_text(
            '#include "odd.h"\n#include "named.h"\n#include <stdio.h>\n'
            'int main(void)\n{\n    static const unsigned char bytes[] = ODD_EPOCH_BYTES;\n'
            + "".join(f'    printf("%s\\n", {w});\n' for w in words)
            + "".join(f'    printf("%s\\n", {w.replace("FIELD", "REGISTER", 1)});\n'
                      for w in words)
            + '    printf("%s %d %s %d %02x\\n", ODD_SCHEMA, ODD_VERSION, ODD_EPOCH,\n'
              '           (int)sizeof(bytes), (unsigned)bytes[0]);\n    return 0;\n}\n', "utf-8")
        made = 0
        for compiler, flags in (("gcc", ["-std=c11"]), ("g++", ["-x", "c++", "-std=c++17"])):
            if not shutil.which(compiler):
                continue
            subprocess.run([compiler, *flags, "-pedantic", "-Wall", "-Wextra", "-Werror",
                            str(main_c), "-o", str(y.base / "a.out")], check=True,
                           cwd=y.base, timeout=60)
            out = subprocess.run([str(y.base / "a.out")], capture_output=True, check=True,
                                 encoding="utf-8", timeout=60).stdout.splitlines()
            want = [r["name"] for r in fields["registers"]]
            check(out[:len(want)] == want, out, want)
            check(out[len(want):2 * len(want)] == [r["register"] for r in fields["registers"]],
                  out)
            check(out[-1] == f"1 odd-näme 1 {fields['step']} 32 {fields['step'][:2]}", out[-1])
            made += 1
        check(made > 0, "no compiler")


TESTS = [
    every_verb_says_what_it_did,
    what_was_made_by_hand_is_published_in_order,
    a_version_is_opened_by_its_number_step_or_schemas_hash,
    layout_is_no_change,
    a_file_that_cannot_be_read_is_named,
    a_file_that_is_none_is_named,
    a_manifest_that_is_none_is_named,
    a_manifest_that_cannot_be_read_is_not_replaced,
    what_is_no_plain_file_is_not_written_over,
    two_migrations_of_one_version_are_named,
    a_missing_step_is_named,
    a_cycle_is_named,
    an_edited_file_is_drift,
    a_deleted_file_is_named,
    a_downgraded_app_is_told_that_the_store_is_ahead,
    schemas_that_a_problem_does_not_concern_go_on,
    up_stops_at_the_first_that_fails_and_says_how_far,
    waiting_for_peers_ends_with_the_time,
    what_changed_must_be_answered,
    a_schema_file_that_cannot_be_read_is_named,
    a_plan_without_words_is_of_the_directory,
    answers_of_the_wrong_kind_are_refused,
    a_file_beside_the_manifest_is_taken_over,
    push_takes_all_schemas_or_none,
    on_a_terminal_push_asks,
    unpublished_files_become_one,
    files_that_nobody_speaks_any_longer_become_one,
    a_bundle_is_what_an_app_adds,
    generated_constants_compile_in_c_and_in_cpp,
]

if __name__ == "__main__":
    sys.exit(main(TESTS))
