#!/usr/bin/env python3
"""Migration stories over real daemons: two devices, the versions and the late
writes of each row, then sync until settled. Every device at every version still
works, no edit of a user is lost, `plan` foretold what shows, and loading again
writes nothing."""
import contextlib
import json
import pathlib
import sys

from node_kit import check, converge, link, main, nodes_of, until


class Story:
    """alice, who publishes, and bob, who is away when she does."""

    def __init__(self, nodes, properties, role="writer", **more):
        self.a, self.b = nodes
        self.base = pathlib.Path(self.a.dir).parent
        self.schema = {"title": "Thing", "version": 1, "type": "object",
                       "properties": properties, **more}
        self.group = self.a.json("new", "group", "--member", f"{self.b.key}={role}")["id"]
        self.a.run("schema", "put", self.file("v1.json", self.schema), "--owner", self.group)

    def file(self, name, value):
        """A JSON file beside the stores."""
        (self.base / name).write_text(json.dumps(value), "utf-8")
        return self.base / name

    def begin(self, *records):
        """alice's documents reach bob, who then goes away: their ids."""
        ids = self.a.import_records(records, "--schema", "Thing", "--as", 1)
        self.a.serve()
        self.b.serve()
        link(self.a, self.b)
        converge([self.a, self.b])
        self.b.stop()
        return ids if len(ids) > 1 else ids[0]

    def migrate(self, steps, properties, version=2, **more):
        """Publish a version; what plan showed before is what shows then."""
        schema = {**self.schema, "version": version, "properties": properties, **more}
        migration = {"schema": "Thing", "from": version - 1, "to": version, "steps": steps}
        words = [self.file(f"m{version}.json", migration), "--schema",
                 self.file(f"v{version}.json", schema)]
        before = self.a.digest()
        plan = self.a.json("migrate", "plan", *words)
        check(self.a.digest() == before, "plan wrote something")
        self.a.run("migrate", "publish", *words)
        check(plan["examples"], plan)
        for example in plan["examples"]:
            shown = self.a.document(example["id"], version)
            check(shown["fields"] == example["after"].get("fields", example["after"]),
                  "plan foretold", example, "but it shows", shown)

    def settle(self, *versions):
        """bob comes back; both load everything at each version; all is equal,
        and loading again writes nothing."""
        if not self.b.alive():
            self.b.serve()
        converge([self.a, self.b])
        until("bob has the schema", lambda: all(
            self.b.call("schema", "show", f"Thing@{v}").returncode == 0 for v in versions))
        for _ in range(2):      # what one writes may be due at the other
            self.load(*versions)
            converge([self.a, self.b])
        before = self.a.digest()
        for _ in range(3):
            self.load(*versions)
        check(self.a.digest() == before == self.b.digest(), "loading again wrote something")

    def load(self, *versions):
        """Read everything at these versions, writing back what is due."""
        for node in (self.a, self.b):
            for version in versions:
                node.run("find", "Thing", "--as", version, "--mode", "migrate")

    def shows(self, ident, version, fields, invalid=None):
        """On both devices."""
        for node in (self.a, self.b):
            doc = node.document(ident, version)
            check(doc["fields"] == fields and doc.get("invalid", {}) == (invalid or {}),
                  f"{node.name} at {version}: want", fields, invalid, "got", doc)


@contextlib.contextmanager
def story(cove, properties, **more):
    """A story with its two devices."""
    with nodes_of(cove, "alice", "bob") as nodes:
        yield Story(nodes, properties, **more)


TEXT, INTEGER = {"type": "string"}, {"type": "integer"}


def s3_defaults_and_required_do_not_touch_what_is_false_zero_empty_or_null(cove):
    """v2 gives defaults to other fields and requires these; 1,000 loads."""
    v1 = {"subscribed": {"type": "boolean"}, "credits": INTEGER, "bio": TEXT,
          "nick": {"type": ["string", "null"]}}
    flags = {"subscribed": False, "credits": 0, "bio": "", "nick": None}
    with story(cove, v1) as s:
        ids = s.begin(*[flags] * 20)
        s.migrate([{"require": name} for name in v1] + [{"add": "lang"}],
                  {**v1, "lang": {**TEXT, "default": "en"}}, required=list(v1))
        s.a.run("find", "Thing", "--as", 2, "--mode", "migrate")
        before = s.a.json("status")
        for _ in range(50):         # 50 times 20 documents
            s.a.run("find", "Thing", "--as", 2, "--mode", "migrate")
        after = s.a.json("status")
        check((before["digest"], before["copies"]) == (after["digest"], after["copies"]),
              before, after)
        s.settle(1, 2)
        for ident in ids[::7]:
            s.shows(ident, 1, flags)
            s.shows(ident, 2, {**flags, "lang": "en"})


def s5_a_late_write_that_is_older_loses_under_both_names(cove):
    """first becomes givenName; Grace, written before Ada, arrives after."""
    with story(cove, {"first": TEXT}) as s:
        ident = s.begin({"first": "Eve"})
        s.b.run("set", ident, "first=Grace", "--as", 1)
        s.migrate([{"rename": {"from": "first", "to": "givenName"}}], {"givenName": TEXT})
        s.a.run("set", ident, "givenName=Ada", "--as", 2)
        s.settle(1, 2)
        s.shows(ident, 1, {"first": "Ada"})
        s.shows(ident, 2, {"givenName": "Ada"})
        values = {e.get("value") for e in s.a.json("log", ident)["events"]}
        check({"Eve", "Grace", "Ada"} <= values, "an edit is gone", values)


def s8_what_does_not_divide_is_invalid_at_version_1(cove):
    """Euros become cents; somebody sets 250 cents, then 300."""
    with story(cove, {"price": INTEGER}) as s:
        ident = s.begin({"price": 2})
        s.migrate([{"convert": {"field": "price", "to": {"type": "integer"},
                                "forward": [{"mul": 100}], "back": [{"div": 100}]}}],
                  {"price": INTEGER})
        check(s.a.fields(ident, 2) == {"price": 200}, s.a.fields(ident, 2))
        s.a.run("set", ident, "price:=250", "--as", 2)
        s.settle(1, 2)
        s.shows(ident, 1, {}, {"price": 250})
        s.shows(ident, 2, {"price": 250})
        check(s.b.call("get", ident, "price", "--as", "1").returncode == 9, "exit code")
        s.b.run("set", ident, "price:=3", "--as", 1)
        s.settle(1, 2)
        s.shows(ident, 1, {"price": 3})
        s.shows(ident, 2, {"price": 300})


def s9_a_late_text_that_is_no_number_is_shown_raw_and_never_as_the_old_one(cove):
    """"120" becomes 120; then "about 150" arrives."""
    with story(cove, {"size": TEXT}) as s:
        ident = s.begin({"size": "120"})
        s.migrate([{"convert": {"field": "size", "to": {"type": "integer"},
                                "forward": ["int_of_text"], "back": ["text_of_int"]}}],
                  {"size": INTEGER})
        s.a.run("get", ident, "--as", 2)        # migrates: 120 is written
        check(s.a.fields(ident, 2) == {"size": 120}, s.a.fields(ident, 2))
        s.b.run("set", ident, "size=about 150", "--as", 1)
        s.settle(1, 2)
        s.shows(ident, 1, {"size": "about 150"})
        s.shows(ident, 2, {}, {"size": "about 150"})
        for node in (s.a, s.b):
            found = node.json("find", "Thing", "--as", 2, "--invalid")["documents"]
            check([d["id"] for d in found] == [ident], found)


def s12_a_lenient_split_keeps_every_name(cove):
    """"Cher" has one part; "Mary Ann Lee" comes late."""
    with story(cove, {"name": TEXT}) as s:
        cher, mary = s.begin({"name": "Cher"}, {"name": "Mary Lee"})
        s.migrate([{"split": {"field": "name", "into": ["first", "last"],
                              "pattern": ["", " ", ""], "lenient": True}}],
                  {"first": TEXT, "last": TEXT})
        s.b.run("set", mary, "name=Mary Ann Lee", "--as", 1)
        s.settle(1, 2)
        s.shows(cher, 1, {"name": "Cher"})
        s.shows(cher, 2, {"first": "Cher", "last": ""})
        s.shows(mary, 1, {"name": "Mary Ann Lee"})
        s.shows(mary, 2, {"first": "Mary", "last": "Ann Lee"})


def s20_a_device_jumps_from_version_1_to_3(cove):
    """v2 and v3 come at once, with a late write of version 1."""
    convert = {"convert": {"field": "size", "to": {"type": "integer"},
                           "forward": ["int_of_text"], "back": ["text_of_int"]}}
    with story(cove, {"size": TEXT, "note": TEXT}) as s:
        ident = s.begin({"size": "120", "note": "n"})
        s.migrate([convert], {"size": INTEGER, "note": TEXT})
        s.migrate([{"rename": {"from": "size", "to": "kib"}}, {"hide": "note"}],
                  {"kib": INTEGER}, version=3)
        s.b.run("set", ident, "size=130", "note=late", "--as", 1)
        s.settle(1, 3)
        s.shows(ident, 1, {"size": "130", "note": "late"})
        s.shows(ident, 2, {"size": 130, "note": "late"})
        s.shows(ident, 3, {"kib": 130})


def s25_a_reader_sees_version_2_and_writes_nothing(cove):
    """Ten loads by a member who may only read."""
    with story(cove, {"size": TEXT}, role="reader") as s:
        ident = s.begin({"size": "120"})
        s.migrate([{"convert": {"field": "size", "to": {"type": "integer"},
                                "forward": ["int_of_text"], "back": ["text_of_int"]}}],
                  {"size": INTEGER})
        s.b.serve()
        converge([s.a, s.b])
        before = s.b.json("check"), s.b.digest()
        for _ in range(10):
            doc = s.b.document(ident, 2, mode=None)
            check(doc["fields"] == {"size": 120} and doc["state"] == "local-only", doc)
        check((s.b.json("check"), s.b.digest()) == before, "the reader wrote")
        check(s.b.json("status", "Thing")["copies"] == 0, s.b.json("status", "Thing"))


if __name__ == "__main__":
    sys.exit(main([
        s3_defaults_and_required_do_not_touch_what_is_false_zero_empty_or_null,
        s5_a_late_write_that_is_older_loses_under_both_names,
        s8_what_does_not_divide_is_invalid_at_version_1,
        s9_a_late_text_that_is_no_number_is_shown_raw_and_never_as_the_old_one,
        s12_a_lenient_split_keeps_every_name,
        s20_a_device_jumps_from_version_1_to_3,
        s25_a_reader_sees_version_2_and_writes_nothing]))
