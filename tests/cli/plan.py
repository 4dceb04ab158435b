#!/usr/bin/env python3
"""Trying: `migrate plan` and `migrate explain` as people and programs read
them, what they refuse, and that they write nothing.

    plan.py COVE [TEST…]
"""
import contextlib
import hashlib
import json
import pathlib
import re
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "nodes"))
# pylint: disable-next=wrong-import-position
from node_kit import Node, check, converge, link, main, nodes_of  # noqa: E402

ERROR, USAGE, DRIFT, NOT_FOUND, INVALID = 1, 2, 4, 5, 9
TEXT, INTEGER = {"type": "string"}, {"type": "integer"}

V1 = {"title": "Note", "version": 1,
      "properties": {"size": TEXT, "section": TEXT, "n": {**INTEGER, "minimum": 3}}}
V2 = {"title": "Note", "version": 2,
      "properties": {"size": INTEGER, "category": TEXT, "n": {**INTEGER, "minimum": 3}}}
TO2 = {"schema": "Note", "from": 1, "to": 2, "steps": [
    {"convert": {"field": "size", "to": INTEGER, "forward": ["int_of_text"],
                 "back": ["text_of_int"]}},
    {"rename": {"from": "section", "to": "category"}}]}
V3 = {"title": "Note", "version": 3,
      "properties": {"size": {**INTEGER, "maximum": 100}, "kind": TEXT,
                     "n": {**INTEGER, "minimum": 3}}}
TO3 = {"schema": "Note", "from": 2, "to": 3,
       "steps": [{"rename": {"from": "category", "to": "kind"}}]}


def plain(text):
    """What differs from run to run, named."""
    text = re.sub(r"co_z\w+", "ID", text)
    text = re.sub(r"\b[0-9a-f]{16,64}\b", "HEX", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}", "TIME", text)
    text = re.sub(r"\d+ ms", "N ms", text)
    return re.sub(r"about \d+ bytes", "about N bytes", text)


class Desk:
    """A store with a schema, and files beside it."""

    def __init__(self, cove, base):
        self.base = pathlib.Path(base)
        self.node = Node(cove, base, "store")
        self.files = {name: self.file(name + ".json", content) for name, content in (
            ("v1", V1), ("v2", V2), ("v3", V3), ("to2", TO2), ("to3", TO3))}
        self.node.run("schema", "put", self.files["v1"])

    def file(self, name, content):
        """A file beside the store: a text, or a value as JSON."""
        path = self.base / name
        path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
        return str(path)

    def plan(self, *words):
        """The words of a plan to version 2."""
        return ["migrate", "plan", self.files["to2"], "--schema", self.files["v2"], *words]

    def bytes(self):
        """A hash of the store's data file: whatever is written changes it."""
        return hashlib.sha256((self.node.dir / "data.mdb").read_bytes()).hexdigest()

    def digest(self):
        """A hash of all documents, those of the own account too."""
        return self.node.json("status")["digest"]

    def golden(self, words, want):
        """The exact output for people, and nothing written."""
        before = self.digest(), self.bytes()
        got = plain(self.node.run(*words))
        check(got == want, f"cove {' '.join(words)} prints\n{got}\nnot\n{want}")
        check((self.digest(), self.bytes()) == before, "it wrote something")


@contextlib.contextmanager
def desk_of(cove):
    """A desk in a temporary directory."""
    with tempfile.TemporaryDirectory(prefix="cove-plan-") as base:
        yield Desk(cove, base)


def plan_shows_documents_before_and_after_and_writes_nothing(cove):
    """The whole output; the data file is the same byte for byte."""
    with desk_of(cove) as d:
        d.node.new("Note", "size=120", "section=libs", "n:=5")
        d.golden(d.plan(), """\
newly invalid: none
version 2, step HEX, 4 operations
1 documents; in 1 of them 1 copies to write, about N bytes
looked at in N ms; a run would take about N ms

ID
  before {"n": 5, "section": "libs", "size": "120"}
  after  {"n": 5, "size": 120, "category": "libs"}

nothing was written
""".replace('{"n": 5, "size": 120, "category": "libs"}',
            '{"category": "libs", "n": 5, "size": 120}'))
        reply = d.node.json(*d.plan())
        d.node.run("migrate", "publish", d.files["to2"], "--schema", d.files["v2"])
        for example in reply["examples"]:
            check(d.node.fields(example["id"], 2) == example["after"], reply)
        check(d.node.json(*d.plan())["existed"], "it is published now")


def what_was_invalid_before_comes_first_and_what_becomes_so_by_reason(cove):
    """Documents of an app that wrote what the schema forbids, by version 1."""
    with desk_of(cove) as d:
        loose = {**V1, "title": "Loose", "properties": {"size": TEXT, "n": INTEGER}}
        tight = {"title": "Loose", "version": 2,
                 "properties": {"size": TEXT, "n": {**INTEGER, "minimum": 3}}}
        free = {"title": "Loose", "version": 3, "properties": {"size": INTEGER, "n": INTEGER}}
        narrow = {"schema": "Loose", "from": 1, "to": 2, "steps": []}
        widen = {"schema": "Loose", "from": 2, "to": 3, "steps": [
            {"convert": {"field": "size", "to": INTEGER, "forward": ["int_of_text"],
                         "back": ["text_of_int"]}}]}
        d.node.run("schema", "put", d.file("loose.json", loose))
        ids = d.node.import_records(
            [{"size": "1", "n": 1}, {"size": "x", "n": 2}, {"size": "2", "n": 3},
             {"size": "y", "n": 4}, {"size": "z", "n": 5}], "--schema", "Loose")
        words = ["migrate", "plan", d.file("narrow.json", narrow), "--schema",
                 d.file("tight.json", tight)]
        reply = d.node.json(*words)
        check(reply["invalidBefore"]["count"] == 0, reply)
        check([(r["field"], r["reason"], r["count"]) for r in reply["newlyInvalid"]] ==
              [("n", 'breaks the rule "minimum 3"', 2)], reply)
        d.node.run("migrate", "publish", *words[2:])
        words = ["migrate", "plan", d.file("widen.json", widen), "--schema",
                 d.file("free.json", free), "--examples", "0"]
        d.golden(words, """\
2 invalid before any of this:
  ID  /n breaks the rule "minimum 3": the value is 1
  ID  /n breaks the rule "minimum 3": the value is 2
newly invalid: 2
  2  size: the value did not convert to this version
    ID  ID
version 3, step HEX, 3 operations
5 documents; in 3 of them 3 copies to write, about N bytes
looked at in N ms; a run would take about N ms

nothing was written
""".replace("in 3 of them 3 copies", "in 2 of them 2 copies"))
        reply = d.node.json(*words)
        check([e["id"] for e in reply["invalidBefore"]["documents"]] == ids[:2], reply)
        check(reply["newlyInvalid"][0]["examples"] == ids[3:], reply)
        check(reply["newlyInvalidDocuments"] == 2 and reply["mended"] == 1, reply)
        check(list(reply)[0] == "invalidBefore", "it is not first:", list(reply))


def several_files_are_one_way_and_a_sample_is_spread_over_documents(cove):
    """Two migrations, a condition, a sample: all at the first version."""
    with desk_of(cove) as d:
        ids = d.node.import_records(
            [{"size": str(20 * i), "section": "even" if i % 2 == 0 else "odd", "n": 3 + i}
             for i in range(10)], "--schema", "Note")
        words = ["migrate", "plan", d.files["to2"], d.files["to3"], "--schema", d.files["v3"],
                 "--schema", d.files["v2"]]
        reply = d.node.json(*words)
        check([s["version"] for s in reply["steps"]] == [2, 3] and reply["version"] == 3, reply)
        check(reply["examples"][0]["after"] == {"size": 0, "kind": "even", "n": 3}, reply)
        check(reply["newlyInvalid"][0]["count"] == 4, reply)       # 120, 140, 160, 180
        reply = d.node.json(*words, "--where", "section=even", "--examples", 9)
        check([e["id"] for e in reply["examples"]] == ids[::2], reply)
        check((reply["documents"], reply["matching"], reply["evaluated"]) == (10, 5, 5), reply)
        reply = d.node.json(*words, "--sample", 3, "--examples", 9)
        check([ids.index(e["id"]) for e in reply["examples"]] == [3, 6, 9], reply)
        reply = d.node.json(*words, "--where", "n>=5", "--where", "section=odd", "--sample", 99)
        check(reply["evaluated"] == 4, reply)


def a_directory_is_planned_as_one_way(cove):
    """Two migrations beside the schemas they lead to; other things lie there
    too, and one of them is published meanwhile."""
    with desk_of(cove) as d:
        d.node.new("Note", "size=120", "section=libs", "n:=5")
        below = d.base / "schema" / "migrations"
        below.mkdir(parents=True)
        for name, content in (("1.json", {**TO2, "targetSchema": V2}),
                              ("2.json", {**TO3, "targetSchema": V3})):
            (below / name).write_text(json.dumps(content), "utf-8")
        words = ["migrate", "plan", str(below.parent)]
        reply = d.node.json(*words)
        check([s["version"] for s in reply["steps"]] == [2, 3], reply)
        check(reply["examples"][0]["before"] == {"size": "120", "section": "libs", "n": 5}, reply)
        d.node.run("migrate", "publish", d.files["to2"], "--schema", d.files["v2"])
        reply = d.node.json(*words)
        check([s["existed"] for s in reply["steps"]] == [True, False], reply)
        check(reply["examples"][0]["before"] == {"size": 120, "category": "libs", "n": 5}, reply)
        (below / "3.json").write_text(json.dumps(
            {"schema": "Other", "from": 1, "to": 2, "steps": [],
             "targetSchema": {"title": "Other", "version": 2, "properties": {}}}), "utf-8")
        done = d.node.call(*words)
        check(done.returncode == USAGE and "Other" in done.stderr, done.stderr)
        check(len(d.node.json(*words, "Note")["steps"]) == 2, "the schema that was named")


def find_takes_conditions_in_every_form(cove):
    """Short forms for a shell, and the library's own; several are joined."""
    with desk_of(cove) as d:
        ids = d.node.import_records(
            [{"size": "120", "section": "libs", "n": 5}, {"size": "abc", "n": 7},
             {"size": "12", "section": "a=b", "n": 9}], "--schema", "Note")
        one, two, three = ids
        for words, want in (
                (["size=120"], [one]), (["size!=120"], [two, three]), (["n:=7"], [two]),
                (["n>=7"], [two, three]), (["n>7"], [three]), (["n<7"], [one]),
                (["n<=7"], [one, two]), (['size<"2"'], [one, three]), (["section"], [one, three]),
                (["!section"], [two]), (["section=a=b"], [three]), (["size>=x"], []),
                (['{"n": {"$in": [5, 9]}}'], [one, three]), (["n>5", "section"], [three]),
                (['{"$or": [{"n": 5}, {"size": {"$beginsWith": "ab"}}]}', "n<9"], [one, two]),
                (['{"$not": {"section": {"$exists": true}}}'], [two])):
            options = [o for word in words for o in ("--where", word)]
            found = d.node.json("find", "Note", *options)["documents"]
            check([doc["id"] for doc in found] == want, words, "gives", found)
        found = d.node.json("find", "Note", "--where", "n>5", "--limit", 1)["documents"]
        check([doc["id"] for doc in found] == [two], "the limit counts what is found", found)
        found = d.node.json("find", "--where", "n>5")["documents"]
        check([doc["id"] for doc in found] == [two, three], "without a schema", found)
        done = d.node.call("find", "Note", "--where", "size<2")
        check(done.returncode != 0 and "of type text" in done.stderr, "a text is no number", done.stderr)
        for word in ("=1", "n:=[", "!n=1", "", "n:="):
            done = d.node.call("find", "Note", "--where", word)
            check(done.returncode == USAGE and "FIELD" in done.stderr, word, done.stderr)
        d.node.run("migrate", "publish", d.files["to2"], "--schema", d.files["v2"])
        before = d.digest()
        d.node.run("find", "Note", "--where", "size>=1000", "--mode", "migrate")
        check(d.digest() == before, "a document that was not asked for was migrated")
        d.node.run("find", "Note", "--where", "size=120", "--mode", "migrate")
        check(d.digest() == before, "a text is no integer")
        d.node.run("find", "Note", "--where", "size>=100", "--mode", "migrate")
        check(d.digest() != before, "the one that was found was not migrated")


def what_cannot_be_planned_is_refused_by_name(cove):
    """Exit codes, and the words that say what was wrong."""
    with desk_of(cove) as d:
        ident = d.node.new("Note", "size=1", "n:=3")
        other = d.file("other.json", {**TO2, "steps": TO2["steps"][:1]})
        gap = d.files["to3"]
        for words, code, says in (
                (["migrate", "plan", "nowhere.json"], NOT_FOUND, ["nowhere.json"]),
                (["migrate", "plan", d.files["to2"]], USAGE, ["--schema"]),
                (d.plan("--where", "sise=1"), NOT_FOUND, ['"sise"', "size"]),
                (d.plan("--where", "category=x"), NOT_FOUND, ['"category"', "section"]),
                (d.plan("--where", '{"n": {"$near": 1}}'), USAGE, ["$near", "$gte"]),
                (d.plan("--where", "{"), USAGE, ["JSON"]),
                (d.plan("--sample", "some"), USAGE, ["--sample some"]),
                (["migrate", "plan", gap, "--schema", d.files["v3"]], NOT_FOUND, ["version 2"]),
                (["migrate", "plan", other, "--schema", d.files["v2"]], INVALID, ["category"]),
                (["migrate", "explain"], USAGE, ["id"]),
                (["migrate", "explain", "co_zNone"], NOT_FOUND, ["co_zNone"]),
                (["migrate", "explain", ident, "--as", "7"], NOT_FOUND, ["version 7"]),
                (["migrate", "explain", d.node.new("any=thing")], USAGE, ["schema"])):
            done = d.node.call(*words)
            name = " ".join(map(str, words))
            check(done.returncode == code, f"cove {name}: exit {done.returncode}", done.stderr)
            for part in says:
                check(part in done.stderr, f"cove {name}: does not say {part!r}:", done.stderr)
        d.node.run("migrate", "publish", d.files["to2"], "--schema", d.files["v2"])
        late = d.file("late.json", {**V2, "properties": {**V2["properties"], "more": TEXT}})
        more = d.file("more.json", {**TO2, "steps": [*TO2["steps"], {"add": "more"}]})
        done = d.node.call("migrate", "plan", more, "--schema", late)
        check(done.returncode == DRIFT and "published" in done.stderr, done.stderr)


def a_reader_plans_what_he_may_not_publish(cove):
    """bob has the documents and no right; while his daemon runs."""
    with nodes_of(cove, "alice", "bob") as (alice, bob):
        base = alice.dir.parent
        files = {}
        for name, content in (("v1", V1), ("v2", V2), ("to2", TO2)):
            files[name] = base / f"{name}.json"
            files[name].write_text(json.dumps(content), "utf-8")
        group = alice.new("group", "--member", f"{bob.key}=reader", "--member",
                          f"{alice.key}=admin")
        alice.run("schema", "put", files["v1"], "--owner", group)
        alice.new("Note", "size=120", "n:=3")
        alice.serve()
        bob.serve()
        link(alice, bob)
        converge([alice, bob])
        before = bob.digest()
        words = [files["to2"], "--schema", files["v2"]]
        reply = bob.json("migrate", "plan", *words)
        check(reply["examples"][0]["after"] == {"size": 120, "n": 3}, reply)
        done = bob.call("migrate", "publish", *words)
        check(done.returncode == ERROR and "admin" in done.stderr, done.stderr)
        check(bob.digest() == before == alice.digest(), "plan wrote something")
        versions = bob.json("schema", "list")["schemas"][0]["versions"]
        check(versions == [1], "the step was kept:", versions)


def plan_and_a_writer_are_not_in_each_others_way(cove):
    """Plans go on while another process writes, and what it changes is left
    out and counted."""
    with desk_of(cove) as d:
        ids = d.node.import_records([{"size": str(i), "n": 3} for i in range(3000)],
                                    "--schema", "Note")
        writer = d.node.start("set", "--lines", "-")
        lines = "".join(json.dumps({"id": ident, "set": {"section": "new"}}) + "\n"
                        for ident in ids[::2])
        writer.stdin.write(lines[:len(lines) // 2])
        writer.stdin.flush()
        during = d.node.json(*d.plan("--examples", 0))
        check(during["documents"] == 3000, during)
        check(during["evaluated"] + during["moved"] == 3000, during)
        writer.stdin.write(lines[len(lines) // 2:])
        writer.stdin.close()
        plans = [during]
        while writer.poll() is None:
            plans.append(d.node.json(*d.plan("--examples", 0)))
        check(writer.returncode == 0, writer.stderr.read())
        for reply in plans:
            check(reply["evaluated"] + reply["moved"] == reply["documents"] == 3000, reply)
        check(d.node.json("schema", "list")["schemas"][0]["versions"] == [1], "published?")


def explain_names_the_writes_their_way_and_what_lost(cove):
    """A document that two versions wrote to."""
    with desk_of(cove) as d:
        ident = d.node.new("Note", "size=120", "section=libs")
        d.node.run("migrate", "publish", d.files["to2"], "--schema", d.files["v2"])
        d.node.run("set", ident, "category=net", "--as", 2)
        d.node.run("set", ident, "section=web", "--as", 1)
        d.golden(["migrate", "explain", ident], """\
ID  Note@2
  category  "web"
    set to "web" by HEX, TIME, at version 1 (section)
    section ─rename (version 2)→ category  "web"
    lost: "net" by HEX, TIME, at version 2 (category); the other is later
    lost: "libs" by HEX, TIME, at version 1 (section); the other is later
  n  (missing)
  size  120
    set to "120" by HEX, TIME, at version 1 (size)
    size ─convert (version 2) ["int_of_text"]→ size  120
""")
        d.golden(["migrate", "explain", ident, "--as", "1"], """\
ID  Note@1
  n  (missing)
  section  "web"
    set to "web" by HEX, TIME, at version 1 (section)
    lost: "net" by HEX, TIME, at version 2 (category); the other is later
    lost: "libs" by HEX, TIME, at version 1 (section); the other is later
  size  "120"
    set to "120" by HEX, TIME, at version 1 (size)
""")
        d.node.run("set", ident, "size:=7", "--as", 2)
        reply = d.node.json("migrate", "explain", ident, "--as", 1)
        size = reply["fields"][2]
        check(size["value"] == "7" and size["writes"][0]["value"] == 7, size)
        check([(h["kind"], h["back"], h["value"]) for h in size["writes"][0]["path"]] ==
              [("convert", True, "7")], size)
        check(size["lostCount"] == 1 and size["lost"][0]["concurrent"] is False, size)
        d.node.run("get", ident)        # writes the copies
        stored = d.node.json("migrate", "explain", ident, "--as", 1)["fields"][2]
        check(stored["writes"] == size["writes"], "a copy changed what is behind it")


def explain_shows_what_did_not_convert_and_what_is_made_of_others(cove):
    """Invalid, split, joined, calculated, default, deleted."""
    with desk_of(cove) as d:
        one = {"title": "Box", "version": 1,
               "properties": {"size": TEXT, "name": TEXT, "tag": TEXT}}
        two = {"title": "Box", "version": 2, "properties": {
            "w": TEXT, "h": TEXT, "name": {**TEXT, "default": "none"}, "tag": TEXT,
            "label": TEXT}}
        step = {"schema": "Box", "from": 1, "to": 2, "steps": [
            {"split": {"field": "size", "into": ["w", "h"], "pattern": ["", "x", ""]}},
            {"default": {"field": "name", "value": "none"}},
            {"compute": {"field": "label", "from": ["w", "tag"], "pattern": ["", "/", ""]}}]}
        d.node.run("schema", "put", d.file("box1.json", one))
        good = d.node.new("Box", "size=3x4", "tag=t")
        bad = d.node.new("Box", "size=huge", "tag=t")
        d.node.run("del", bad, "tag", "--as", 1)
        d.node.run("migrate", "publish", d.file("m.json", step), "--schema",
                   d.file("box2.json", two))
        d.node.run("set", good, "h=5", "--as", 2)
        d.golden(["migrate", "explain", good, "--as", "1"], """\
ID  Box@1
  name  (missing)
  size  "3x5"
    set to "5" by HEX, TIME, at version 2 (h)
    h ─join (version 2)→ size  "3x5"
    set to "3x4" by HEX, TIME, at version 1 (size)
    size ─split (version 2)→ w  "3"
    w ─join (version 2)→ size  "3x5"
  tag  "t"
    set to "t" by HEX, TIME, at version 1 (tag)
""")
        shown = plain(d.node.run("migrate", "explain", good))
        check('label  "3/t"  calculated' in shown and "─calculate (version 2)→ label" in shown,
              shown)
        check('name  "none"  default' in shown, shown)
        shown = plain(d.node.run("migrate", "explain", bad))
        check('h  invalid, "huge"' in shown, shown)
        check("tag  (deleted)\n    set to (deleted) by HEX" in shown, shown)


TESTS = [
    plan_shows_documents_before_and_after_and_writes_nothing,
    what_was_invalid_before_comes_first_and_what_becomes_so_by_reason,
    several_files_are_one_way_and_a_sample_is_spread_over_documents,
    a_directory_is_planned_as_one_way,
    find_takes_conditions_in_every_form,
    what_cannot_be_planned_is_refused_by_name,
    a_reader_plans_what_he_may_not_publish,
    plan_and_a_writer_are_not_in_each_others_way,
    explain_names_the_writes_their_way_and_what_lost,
    explain_shows_what_did_not_convert_and_what_is_made_of_others,
]

if __name__ == "__main__":
    sys.exit(main(TESTS))
