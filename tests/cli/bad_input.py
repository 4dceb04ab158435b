#!/usr/bin/env python3
"""Bad input: each gets a named error that says what to do, the exit code that
help promises, and changes nothing.

    bad_input.py COVE STORE_NEWER [TEST…]
"""
import contextlib
import json
import os
import pathlib
import re
import resource
import shutil
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "nodes"))
# pylint: disable-next=wrong-import-position
from node_kit import Failure, Node, check, finished, link, main, nodes_of, until  # noqa: E402

STORE_NEWER = None
OK, ERROR, USAGE, CONDITION, DRIFT, NOT_FOUND, BUSY, UNREACHABLE, _, INVALID = range(10)
VERBS = ("init key new get set del rm find edit text list counter stream blob diff undo redo branch "
         "merge import export log schema migrate index peer serve sync wait watch status check "
         "stats recover backup compact cut mark restore discard config version help").split()

NOTE = {"title": "Note", "version": 1, "type": "object", "required": ["title"],
        "properties": {"title": {"type": "string", "maxLength": 20},
                       "stars": {"type": "integer", "minimum": 0},
                       "tags": {"type": "array", "items": {"type": "string"}}},
        "additionalProperties": False}
NOTE2 = {**NOTE, "version": 2,
         "properties": {"title": NOTE["properties"]["title"],
                        "rank": NOTE["properties"]["stars"],
                        "tags": NOTE["properties"]["tags"]}}
RENAME = {"rename": {"from": "stars", "to": "rank"}}


def migration(*steps, **more):
    """A migration of Note from 1 to 2, or what `more` says."""
    return {"schema": "Note", "from": 1, "to": 2, "steps": list(steps), **more}


class Desk:
    """A store with a schema and documents, and files beside it."""

    def __init__(self, cove, base):
        self.base = pathlib.Path(base)
        self.node = Node(cove, base, "store")
        self.schema = self.file("note.v1.json", NOTE)
        self.schema2 = self.file("note.v2.json", NOTE2)
        self.node.run("schema", "put", self.schema)
        self.note = self.node.new("Note", "title=one", "stars:=1")
        self.free = self.node.new("any=thing")
        self.before = self.state()

    def file(self, name, content):
        """A file beside the store: a text, or a value as JSON."""
        path = self.base / name
        path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
        return str(path)

    def state(self):
        """What must not change: all documents, the files of the store."""
        return self.node.json("status")["digest"], sorted(os.listdir(self.node.dir))

    def refused(self, words, code, says, text=None, changes=False, **more):
        """A verb that must be refused so, with nothing changed."""
        done = finished(self.node.command(*words), text, **more)
        name = " ".join(map(str, words))
        check(done.returncode == code, f"cove {name}: exit {done.returncode}, not {code}:",
              done.stderr)
        for part in says:
            check(part in done.stderr, f"cove {name}: does not say {part!r}:", done.stderr)
        check(done.stderr.startswith("cove: ") and done.stderr.endswith("\n"),
              f"cove {name}: its message:", done.stderr)
        check(done.stdout == "", f"cove {name}: prints", done.stdout)
        if not changes:
            check(self.state() == self.before, f"cove {name}: changed the store")


@contextlib.contextmanager
def desk_of(cove):
    """A desk in a temporary directory."""
    with tempfile.TemporaryDirectory(prefix="cove-cli-") as base:
        yield Desk(cove, base)


def broken_json_is_named_by_line_and_column(cove):
    """In an argument, in lines, in a schema, in a migration."""
    with desk_of(cove) as d:
        two = '{"title":"a"}\n{"title":}\n'
        bad = d.file("bad.json", '{"title": "Note",\n "version": 1,\n oops}')
        plain = d.file("plain.jsonl", two)
        for words, says, text in (
                (["new", "--fields", '{"a":1,\n "b":}'], ["line 2 column 6"], None),
                (["new", "--fields", "-"], ["line 1 column 2"], "{a}"),
                (["new", "--fields", '{"a":1,"a":2}'], ["duplicate"], None),
                (["new", "--fields", "[1]"], ["no object"], None),
                (["new", "x:=nul"], ['"x:=nul"'], None),
                (["new", "x:=1e999"], ["x:=1e999", "overflow"], None),
                (["new", "x:=99999999999999999999"], ["too big integer"], None),
                (["import", plain], ["line 2 column 10", "--skip-invalid"], None),
                (["import", "-"], ["line 1 column"], '{"a"'),
                (["import", "-"], ["line 1"], "[1]\n"),
                (["import", "-"], ["NUL"], '{"a":\0}'),
                (["set", "--lines", "-"], ["line 1 column", "nothing was written"], '{"id"'),
                (["set", "--lines", "-"], ["a line is"], '{"id":"co_z"}'),
                (["schema", "put", bad], ["bad.json", "3:"], None),
                (["migrate", "publish", bad, "--schema", d.schema2], ["bad.json", "3:"], None),
                (["migrate", "plan", bad, "--schema", d.schema2], ["bad.json"], None)):
            d.refused(words, INVALID, says, text)
        d.refused(["new", "x:=" + "[" * 40 + "]" * 40], INVALID, ["32"])


def a_record_that_breaks_the_schema_is_named_by_path_and_rule(cove):
    """One at a time, and in an import, which is all or nothing."""
    with desk_of(cove) as d:
        for fields, path, rule in (
                (["title=x", "stars:=-1"], "/stars", "minimum 0"),
                (["stars:=1"], "/title", "required"),
                (["title=" + "x" * 21], "/title", "maxLength 20"),
                (["title=x", 'tags:=["a",1]'], "/tags/1", "type string"),
                (["title=x", "stars:=1.5"], "/stars", "type integer"),
                (["title=x", "nope=1"], "/nope", "it has: stars, tags, title")):
            d.refused(["new", "Note", *fields], INVALID, [path, rule])
        for words, says in ((["set", d.note, "title:=1"], ["/title", "type string"]),
                            (["set", d.note, "nope=1"], ["/nope", "it has: stars, tags, title"]),
                            (["del", d.note, "title"], ["/title", "required"]),
                            (["del", d.note, "nope"], ["/nope"])):
            d.refused(words, INVALID, says)
        lines = "".join(json.dumps(r) + "\n" for r in (
            {"title": "good"}, {"title": "bad", "stars": -1}, {"title": "good too"}))
        d.refused(["import", "-", "--schema", "Note"], INVALID,
                  ["line 2", "/stars", "minimum 0", "nothing was imported", "--skip-invalid"],
                  lines)
        # a line of many: the others are not written either
        d.refused(["set", "--lines", "-"], INVALID, ["/stars", "line 2", "nothing was written"],
                  "".join(json.dumps({"id": d.note, "set": s}) + "\n"
                          for s in ({"title": "other"}, {"stars": -1})))
        done = d.node.call("--json", "import", "-", "--schema", "Note", "--skip-invalid",
                           text=lines + "{oops}\n")
        report = json.loads(done.stdout)
        check(done.returncode == 0 and (report["imported"], report["skipped"]) == (2, 2)
              and len(report["ids"]) == 2, report)
        check("line 2" in done.stderr and "line 4" in done.stderr, done.stderr)


def what_is_not_there_is_exit_5(cove):
    """Documents, schemas, versions, fields, files, stores, peers."""
    with desk_of(cove) as d:
        for words, says in (
                (["get", "zzz"], ["zzz"]),
                (["get", "co_zzzz"], ["co_zzzz"]),
                (["set", "co_zzzz", "a=1"], ["co_zzzz"]),
                (["log", "co_zzzz"], ["co_zzzz"]),
                (["new", "--owner", "co_zzzz", "a=1"], ["co_zzzz"]),
                (["set", "--lines", "-"], ["line 1", "nothing was written"]),
                (["get", d.note, "nope"], ["nope"]),
                (["get", d.note, "--as", "9"], ["version 9", "held: 1"]),
                (["get", d.note, "--as", "x"], ["version x", "held: 1"]),
                (["set", d.note, "title=x", "--as", "9"], ["version 9"]),
                (["new", "Nope", "x=1"], ["Nope", "cove schema list"]),
                (["find", "Nope"], ["Nope", "cove schema list"]),
                (["status", "Nope"], ["Nope"]),
                (["schema", "show", "Nope"], ["Nope"]),
                (["schema", "show", "Note@9"], ["version 9"]),
                (["migrate", "run", "Nope"], ["Nope"]),
                (["migrate", "status", "Nope"], ["Nope"]),
                (["import", "nofile"], ["nofile"]),
                (["schema", "put", "nofile"], ["nofile"]),
                (["migrate", "plan", "nofile"], ["nofile"]),
                (["set", "--lines", "nofile"], ["nofile"]),
                (["find", "--ids", "nofile"], ["nofile"]),
                (["peer", "rm", "0" * 64], ["cove peer list"]),
                (["wait"], ["cove peer add"])):
            d.refused(words, NOT_FOUND, says,
                      '{"id":"co_zzzz","set":{"a":1}}\n' if "--lines" in words else None)
        gone = d.base / "none"
        d.refused(["-d", gone, "status"], NOT_FOUND, [str(gone), "init"])
        check(not gone.exists(), "a store was made by looking")


def an_ambiguous_prefix_is_named(cove):
    """Whole ids and prefixes that one document has go on."""
    with desk_of(cove) as d:
        ids = d.node.import_records([{"n": n} for n in range(60)])
        d.before = d.state()
        first = {}
        for ident in ids + [d.free, d.note]:
            first.setdefault(ident[:5], []).append(ident)
        prefix = next(p for p, all_of in first.items() if len(all_of) > 1)
        for words in (["get", prefix], ["set", prefix, "a=1"], ["del", prefix, "a"],
                      ["log", prefix], ["new", "--owner", prefix, "a=1"]):
            d.refused(words, USAGE, [prefix])
        check(d.node.fields(ids[7][:20]) == {"n": 7}, "a unique prefix is enough")


def wrong_usage_is_exit_2(cove):
    """And says which word it is about."""
    with desk_of(cove) as d:
        good = d.file("m.json", migration(RENAME))
        for words, says in (
                (["-x"], ["-x", "cove help"]), (["nope"], ["nope", "cove help"]),
                (["help", "nope"], ["nope"]), (["-d"], ["-d"]),
                (["get"], ["id"]), (["set"], ["id"]), (["del"], ["id"]), (["log"], ["id"]),
                (["set", d.note], ["FIELD"]), (["del", d.note], ["field"]),
                (["set", d.note, "=x"], ["=x"]), (["set", d.note, "word"], ["word"]),
                (["get", d.note, "title", "more"], ['"more"', "cove help get"]),
                (["get", d.note, "--nope"], ["--nope"]), (["get", d.note, "--as"], ["--as"]),
                (["find", "--limit", "x"], ["--limit x"]), (["find", "--mode", "x"], ['"x"']),
                (["find", "--limit", "-1"], ["--limit"]),
                (["import"], ["file"]), (["import", "-", "--schema", "Note", "--as", "x"], ["x"]),
                (["new", "group", "--member", "x=writer"], ["64 hex"]),
                (["new", "group", "--member", d.node.key + "=boss"], ["boss", "reader"]),
                (["schema"], ["put", "help schema"]), (["schema", "nope"], ["put"]),
                (["schema", "put"], ["file"]), (["schema", "show"], ["name"]),
                (["migrate"], ["publish"]), (["migrate", "run"], ["name"]),
                (["migrate", "run", "Note", "--batch", "x"], ["--batch x"]),
                (["migrate", "plan", good, "--schema", d.schema2, "--sample", "x"],
                 ["--sample x"]),
                (["peer"], ["add"]), (["peer", "add"], ["key"]),
                (["peer", "add", "zz"], ["zz", "64 hex"]),
                (["peer", "add", "0" * 64, "nowhere"], ["nowhere", "host:port"]),
                (["peer", "add", "0" * 64, "host:70000"], ["host:70000"]),
                (["peer", "add", d.node.key], ["own key"]),
                (["wait", "--timeout", "x"], ["--timeout x"]),
                (["wait", "--peer", "00"], ['"00"']),
                (["serve", "--listen", "nonsense"], ["nonsense", "host:port"]),
                (["status", "a", "b"], ['"b"', "cove help status"])):
            d.refused(words, USAGE, says)
        # `--` ends the options: what looks like one is a field
        ident = d.node.new("--", "-x=1", "--as=2")
        check(d.node.fields(ident) == {"-x": "1", "--as": "2"}, d.node.fields(ident))


def a_directory_that_is_no_usable_store_is_left_alone(cove):
    """Not a store, a newer store, no permission, a file."""
    with desk_of(cove) as d:
        other = d.base / "other"
        other.mkdir()
        (other / "data.mdb").write_text("something else", "utf-8")
        for verb in ("status", "init"):
            d.refused(["-d", other, verb], ERROR, [str(other), "no Cove store"])
        check(sorted(os.listdir(other)) == ["data.mdb"] and
              (other / "data.mdb").read_text("utf-8") == "something else", os.listdir(other))
        plain = d.file("plain", "text")
        d.refused(["-d", plain, "init"], ERROR, [plain])
        deep = d.base / "a" / "b" / "c"
        d.refused(["-d", deep, "init"], NOT_FOUND, [str(deep), "No such file"])
        empty = d.base / "empty"
        empty.mkdir()
        d.refused(["-d", empty, "status"], NOT_FOUND, [str(empty), "init"])
        check(os.listdir(empty) == [], os.listdir(empty))
        new = Node(cove, d.base, "newer")
        subprocess.run([STORE_NEWER, new.dir], check=True)
        was = (new.dir / "data.mdb").read_bytes()
        for verb in (["status"], ["init"], ["new", "a=1"]):
            d.refused(["-d", new.dir, *verb], ERROR, [str(new.dir), "99", "newer Cove"])
        check((new.dir / "data.mdb").read_bytes() == was, "a newer store was written to")
        # a store whose key is gone is not this device's any more
        lost = Node(cove, d.base, "lost")
        (lost.dir / "device.key").unlink()
        for verb in ("status", "init"):
            d.refused(["-d", lost.dir, verb], ERROR, ["device.key", "missing", "backup"])
        check(not (lost.dir / "device.key").exists(), "a second key was made")


def a_directory_without_permission_is_named(cove):
    """As another user where we are root."""
    with desk_of(cove) as d:
        as_nobody = []
        if os.geteuid() == 0:
            os.chmod(d.base, 0o755)
            as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
            probe = shutil.which("setpriv") and subprocess.run(
                [*as_nobody, cove, "version"], capture_output=True, check=False)
            if not probe or probe.returncode != 0:
                return "skipped: cannot run as another user here"
        else:
            os.chmod(d.node.dir, 0)
        for words in (["status"], ["new", "a=1"], ["init"]):
            done = subprocess.run([*as_nobody, *d.node.command(*words)], capture_output=True,
                                  encoding="utf-8", check=False)
            check(done.returncode == ERROR and str(d.node.dir) in done.stderr
                  and re.search("denied|permission", done.stderr, re.I), words, done.stderr)
        closed = d.base / "closed"
        closed.mkdir(0o700 if as_nobody else 0)
        done = subprocess.run([*as_nobody, cove, "-d", closed / "in", "init"],
                              capture_output=True, encoding="utf-8", check=False)
        check(done.returncode == ERROR and str(closed) in done.stderr, done.stderr)
        os.chmod(d.node.dir, 0o700)
        os.chmod(closed, 0o700)
        check(d.state() == d.before, "changed")
    return None


def a_full_disk_loses_nothing(cove):
    """As a file system says it, and as a limit on the size of files."""
    lines = "".join(json.dumps({"n": n, "text": "x" * 20000}) + "\n" for n in range(100))
    with desk_of(cove) as d:
        size = os.path.getsize(d.node.dir / "data.mdb") + 200000

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

        for _ in range(2):      # the store stays usable, and refuses again
            d.refused(["import", "-"], ERROR, [str(d.node.dir), "no space", "make room"], lines,
                      preexec_fn=limit, restore_signals=False)
        d.node.import_records([json.loads(line) for line in lines.splitlines()])
        if os.geteuid() != 0:
            return "a full file system: skipped, only root mounts one"
        disk = d.base / "disk"
        disk.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk],
                          capture_output=True, check=False).returncode != 0:
            return "a full file system: skipped, cannot mount one here"
        try:
            full = Node(cove, disk, "store")
            kept = full.new("kept=yes")
            was = full.digest(), full.json("status")["digest"]
            for _ in range(2):
                done = full.call("import", "-", text=lines)
                check(done.returncode == ERROR and "no space" in done.stderr
                      and "make room" in done.stderr, done.stderr)
            check((full.digest(), full.json("status")["digest"]) == was and full.has(kept),
                  "the full disk changed the store")
            check(not full.json("check")["damaged"], "damage")
            with open(disk / "filler", "wb", buffering=0) as filler:
                with contextlib.suppress(OSError):
                    while True:
                        filler.write(bytes(4096))
            done = subprocess.run([cove, "-d", disk / "new", "init"], capture_output=True,
                                  encoding="utf-8", check=False)
            check(done.returncode == ERROR and "no space" in done.stderr.lower(),
                  done.returncode, done.stderr)
            check(full.has(kept), "the full disk cannot be read")
        finally:
            subprocess.run(["umount", disk], check=True)
    return None


def migrations_that_cannot_be_are_refused_by_name(cove):
    """And leave nothing behind: not a step, not a part of one."""
    with desk_of(cove) as d:
        def publish(body, code, *says, schema=None, verb="publish"):
            path = d.file("m.json", body)
            d.refused(["migrate", verb, path, "--schema", schema or d.schema2], code, says)

        unknown = {"convert": {"field": "stars", "to": "rank", "forward": ["nosuch"], "back": []}}
        code_text = {"convert": {"field": "stars", "to": "rank",
                                 "forward": ["function (x) { return x }"], "back": []}}
        for verb in ("publish", "plan"):
            publish(migration({"renam": {}}), INVALID, "m.json", "renam", "rename", verb=verb)
            publish(migration(unknown), INVALID, "m.json", "nosuch", "int_of_text", verb=verb)
        publish(migration(code_text), INVALID, "m.json", "function")
        publish(migration(RENAME, **{"from": 7, "to": 8}), NOT_FOUND, "version 7", "held: 1",
                schema=d.file("v8.json", {**NOTE2, "version": 8}))
        # what would be a cycle: a version that comes from itself, or from a later one
        publish(migration(RENAME, **{"from": 1, "to": 1}), INVALID, "only grows")
        publish(migration(RENAME, **{"from": 2, "to": 1}), INVALID, "only grows")
        publish(migration({"rename": {"from": "tags", "to": "rank"}}), INVALID,
                '"rank"', '"stars"', "does not lead to")
        publish(migration(RENAME, schema="Nope"), NOT_FOUND, "Nope")
        publish(migration({"rename": {"from": "nope", "to": "rank"}}), NOT_FOUND, "nope",
                "there are: stars, tags, title")
        publish(NOTE, INVALID, "m.json", "unknown member")
        d.refused(["schema", "put", d.schema2], DRIFT, ["version 2", "cove migrate publish"])
        for bad, says in (({"patern": "a+"}, ['did you mean "pattern"']),
                          ({"pattern": "(a"}, ["/pattern", "ECMA-262"]),
                          ({"anyOf": []}, ["/anyOf", "at least one"]),
                          ({"$ref": "#/$defs/b"}, ["/$ref", "leads to no place"]),
                          ({"$ref": "#/properties/a"}, ["/$ref", "back to itself"])):
            path = d.file("keyword.json", {**NOTE, "title": "Other",
                                           "properties": {"a": {"type": "string", **bad}}})
            d.refused(["schema", "put", path], INVALID, [*says, "/properties/a"])
        path = d.file("far.json", {**NOTE, "title": "Other", "properties":
                                   {"a": {"$ref": "https://example.org/a.json"}}})
        d.refused(["schema", "put", path], NOT_FOUND, ["/properties/a/$ref", "is not here"])


def rules_of_several_fields_hold_at_each_edit(cove):
    """What one field alone does not say: a new document, and each edit of it."""
    with desk_of(cove) as d:
        path = d.file("pair.json", {
            "title": "Pair", "properties": {"from": {"type": "string"}, "to": {"type": "string"},
                                            "kind": {"type": "string"}},
            "dependentRequired": {"from": ["to"]},
            "if": {"properties": {"kind": {"const": "open"}}, "required": ["kind"]},
            "then": {"properties": {"to": False}}})
        d.node.json("schema", "put", path)
        d.before = d.state()
        d.refused(["new", "Pair", "from=a"], INVALID, ["dependentRequired", "/to"])
        pair = d.node.json("new", "Pair", "from=a", "to=b")["id"]
        d.before = d.state()
        d.refused(["set", pair, "kind=open"], INVALID, ["/then", "since the value fits"])
        d.refused(["del", pair, "to"], INVALID, ["/to breaks the rule", "dependentRequired"])
        d.node.json("set", pair, "from=c", "kind=shut")
        # what is broken already, by a build that does not know the rule, may be edited
        d.node.json("--validate", "off", "set", pair, "kind=open")
        d.node.json("set", pair, "from=d")
        d.before = d.state()


def a_published_version_never_changes(cove):
    """Two different steps of one version, an edited step: drift, exit 4."""
    with desk_of(cove) as d:
        path = d.file("m.json", migration(RENAME))
        first = d.node.json("migrate", "publish", path, "--schema", d.schema2)
        d.before = d.state()
        again = d.node.json("migrate", "publish", path, "--schema", d.schema2)
        check(again["existed"] and again["step"] == first["step"], again)
        check(d.state() == d.before, "publishing the same again wrote")
        d.file("m.json", migration(RENAME, note="edited"))
        for verb in ("publish",):
            d.refused(["migrate", verb, path, "--schema", d.schema2], DRIFT,
                      ["m.json", "version 2", "published by", d.node.key[:16],
                       "new version number"])
        edited = d.file("edited.json", {**NOTE, "required": []})
        d.refused(["schema", "put", edited], DRIFT, ["version 1", "published by"])
        other = d.file("m2.json", migration({"rename": {"from": "stars", "to": "rank"}},
                                            {"optional": "title"}))
        looser = d.file("looser.json", {**NOTE2, "required": []})
        d.refused(["migrate", "publish", other, "--schema", looser], DRIFT, ["version 2"])


def reserved_names_are_refused(cove):
    """As fields of a schema, as what a migration makes, inside a value."""
    with desk_of(cove) as d:
        for name in ("#x", "$x", ""):
            path = d.file("reserved.json", {**NOTE, "title": "Other", "required": [],
                                            "properties": {name: {"type": "string"}}})
            done = d.node.call("schema", "put", path)
            check(done.returncode in (USAGE, INVALID), name, done.returncode, done.stderr)
            check(d.state() == d.before, "a schema with a reserved name was published")
        for name in ("#x", "$x"):
            path = d.file("m.json", migration({"rename": {"from": "stars", "to": name}}))
            done = d.node.call("migrate", "publish", path, "--schema", d.schema2)
            check(done.returncode in (USAGE, INVALID) and name in done.stderr, done.stderr)
        d.refused(["new", 'x:={"":1}'], USAGE, ["reserved"])
        d.refused(["set", d.free, 'x:={"":1}'], USAGE, ["reserved"])
        check(d.state() == d.before, "changed")


def a_port_in_use_is_exit_6(cove):
    """The address is named; the store can be used at once."""
    with desk_of(cove) as d, socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        d.refused(["serve", "--listen", address], BUSY, [address, "in use"])


def a_peer_with_another_key_is_not_let_in(cove):
    """Both sides say so; nothing moves."""
    with nodes_of(cove, "a", "b") as (a, b):
        a.new("x=1")
        b.serve()
        wrong = "42" * 32
        a.run("peer", "add", wrong, b.address, "--name", "wrong")
        done = a.call("sync", "--timeout", "1")
        check(done.returncode == UNREACHABLE and "expected device" in done.stderr, done.stderr)
        a.serve()
        peer = until("the daemon says why", lambda: next(
            (p for p in a.json("peer", "list")["peers"] if p["error"]), None))
        check("expected device 4242" in peer["error"] and peer["state"] != "idle", peer)
        a.stop()
        # the right key, but b was never told of a
        a.run("peer", "rm", wrong)
        a.knows(b)
        done = a.call("sync", "--timeout", "1")
        check(done.returncode == UNREACHABLE and "does not know this device" in done.stderr
              and a.key in done.stderr, done.stderr)
        check(b.json("status")["documents"] == 1, b.json("status"))
        b.stop()
        done = a.call("sync", "--timeout", "1")
        check(done.returncode == UNREACHABLE and "refused" in done.stderr, done.stderr)
        # a peer without a name, waited for
        a.run("peer", "rm", b.key)
        a.run("peer", "add", b.key)
        done = a.call("wait", "--timeout", "0.1")
        check(done.returncode == CONDITION and f"peer {b.key[:16]} is " in done.stderr,
              done.returncode, done.stderr)


def a_reader_cannot_write_and_a_stranger_sees_nothing(cove):
    """Denied where it is written, by the reader's own store."""
    with nodes_of(cove, "a", "reader") as (a, reader):
        group = a.json("new", "group", "--member", f"{reader.key}=reader")["id"]
        a.run("schema", "put", pathlib.Path(a.dir).parent / "n.json", code=NOT_FOUND)
        ident = a.new("--owner", group, "x=1")
        for node in (a, reader):
            node.serve()
        link(a, reader)
        a.wait(reader)
        until("the reader has it", lambda: reader.has(ident))
        before = reader.digest()
        for words in (["set", ident, "x=2"], ["del", ident, "x"],
                      ["new", "--owner", group, "y=1"]):
            done = reader.call(*words)
            check(done.returncode == ERROR, words, done.returncode, done.stderr)
            check("right" in done.stderr or "may not" in done.stderr or "reader" in done.stderr,
                  done.stderr)
            check(reader.digest() == before, words, "changed the log")
        check(len(reader.json("log", ident)["events"]) == 1, reader.json("log", ident))
        check(a.fields(ident) == {"x": "1"}, a.fields(ident))


def two_versions_from_two_peers_are_a_fork_that_status_shows(cove):
    """Nobody is refused: both steps are kept, both peers say fork."""
    with nodes_of(cove, "a", "b") as (a, b):
        base = pathlib.Path(a.dir).parent

        def file(name, value):
            (base / name).write_text(json.dumps(value), "utf-8")
            return base / name

        group = a.json("new", "group", "--member", f"{b.key}=admin")["id"]
        a.run("schema", "put", file("v1.json", NOTE), "--owner", group)
        for node in (a, b):
            node.serve()
        link(a, b)
        until("b has the schema", lambda: b.call("schema", "show", "Note").returncode == 0)
        a.wait(b)
        b.stop()
        v2 = file("v2.json", NOTE2)
        a.run("migrate", "publish", file("ma.json", migration(RENAME)), "--schema", v2)
        b.run("migrate", "publish", file("mb.json", migration(RENAME, note="b's")),
              "--schema", v2)
        b.serve()
        a.wait(b)
        b.wait(a)
        for node in (a, b):
            status = until(f"{node.name} sees both", lambda node=node: next(
                (s for s in node.json("migrate", "status")["schemas"] if len(s["steps"]) == 3),
                None))
            check(status["forked"], status)
            steps = [s for s in status["steps"] if s["version"] == 2]
            check(len(steps) == 2 and steps[0]["step"] != steps[1]["step"], steps)
            shown = node.run("migrate", "status")
            check("FORK" in shown, shown)
            done = node.call("schema", "show", "Note@2")
            check(done.returncode != 0 and "step" in done.stderr, done.stderr)


def every_verb_has_json_and_help(cove):
    """--json before or behind the verb gives one JSON value."""
    with desk_of(cove) as d:
        path = d.file("m.json", migration(RENAME))
        for words in (
                ["init"], ["key"], ["new", "a=1"], ["new", "group"], ["get", d.note],
                ["get", d.note, "title"], ["get", d.note, "--raw"], ["get", d.note, "--header"],
                ["get", d.note, "--conflicts"], ["set", d.free, "b=2"], ["del", d.free, "b"],
                ["find"], ["find", "Note", "--invalid"], ["find", "Note", "--ids", "-"],
                ["import", "-"], ["log", d.note], ["log", d.note, "title"], ["schema", "list"],
                ["schema", "show", "Note"], ["schema", "put", d.schema],
                ["migrate", "plan", path, "--schema", d.schema2],
                ["migrate", "publish", path, "--schema", d.schema2], ["migrate", "status"],
                ["migrate", "run", "Note"], ["set", "--lines", "-"],
                ["peer", "add", "42" * 32], ["peer", "list"], ["peer", "rm", "42" * 32],
                ["status"], ["status", "Note"], ["check"], ["version"], ["help"],
                ["help", "get"], ["get", "--help"]):
            for order in (["--json", *words], [*words, "--json"]):
                out = d.node.run(*order, text="")
                try:
                    json.loads(out)
                except ValueError as error:
                    raise Failure(f"cove {' '.join(order)}: {error}: {out}") from error
                if words[0] in ("init", "publish", "peer"):
                    break
        for line in d.node.run("export").splitlines():
            json.loads(line)
        for verb in VERBS:
            text = d.node.run("help", verb)
            check(text.startswith(f"cove {verb}") and len(text) > 30, text)
            check(d.node.run(verb, "--help") == text, verb)
        listed = [v["name"] for v in d.node.json("help")["verbs"]]
        check(listed == VERBS, listed)


def nothing_printed_steers_the_terminal(cove):
    """A34: Names and values with control characters, as a hostile peer may send."""
    nasty = "a\x1b[31mred\x07\r\nline\x7f\x9b2J é 漢 😀"
    with desk_of(cove) as d:
        ident = d.node.json("new", "--fields", "-",
                            text=json.dumps({nasty: nasty, "list": [nasty]}))["id"]
        path = d.file("odd.json", {"title": "Odd", "version": 1, "properties": {nasty: {}}})
        d.node.run("schema", "put", path)
        check(d.node.call("schema", "put", d.file("name.json", {"title": nasty, "version": 1}))
              .returncode != 0, "a schema's name with control characters was taken")
        d.node.run("peer", "add", "42" * 32, "--name", nasty)
        shown = []
        for words in (["get", ident], ["get", ident, nasty], ["get", ident, "list"],
                      ["get", ident, "--raw"], ["log", ident], ["find"], ["schema", "list"],
                      ["schema", "show", nasty], ["schema", "show", "Odd"], ["migrate", "status"], ["peer", "list"],
                      ["status"], ["new", nasty + "=1", "2"], ["find", nasty + "x"],
                      ["get", ident, nasty + "x"], ["set", ident, "x:=" + nasty],
                      ["new", nasty, nasty + "x=1"], [nasty], ["get", nasty]):
            done = d.node.call(*words)
            shown.append(done.stdout + done.stderr)
            check(not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", shown[-1]), words, shown[-1])
            check(done.returncode >= 0, words, done.returncode)
        check("é 漢 😀" in shown[0] and "\\x1b[31m" in shown[0], shown[0])
        # JSON gives the value itself back
        check(d.node.fields(ident) == {nasty: nasty, "list": [nasty]}, d.node.fields(ident))


TESTS = [
    broken_json_is_named_by_line_and_column,
    a_record_that_breaks_the_schema_is_named_by_path_and_rule,
    what_is_not_there_is_exit_5,
    an_ambiguous_prefix_is_named,
    wrong_usage_is_exit_2,
    a_directory_that_is_no_usable_store_is_left_alone,
    a_directory_without_permission_is_named,
    a_full_disk_loses_nothing,
    migrations_that_cannot_be_are_refused_by_name,
    rules_of_several_fields_hold_at_each_edit,
    a_published_version_never_changes,
    reserved_names_are_refused,
    a_port_in_use_is_exit_6,
    a_peer_with_another_key_is_not_let_in,
    a_reader_cannot_write_and_a_stranger_sees_nothing,
    two_versions_from_two_peers_are_a_fork_that_status_shows,
    every_verb_has_json_and_help,
    nothing_printed_steers_the_terminal,
]

if __name__ == "__main__":
    STORE_NEWER = os.path.abspath(sys.argv.pop(2))
    sys.exit(main(TESTS))
