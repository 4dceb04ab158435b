#!/usr/bin/env python3
"""Three real daemons, in a line and in a triangle, and one that comes late."""
import json
import pathlib
import sys

from node_kit import check, converge, link, main, nodes_of, until

PACKAGE = pathlib.Path(__file__).resolve().parents[2] / "examples" / "package"
NOTE = {"title": "Note", "version": 1, "type": "object",
        "properties": {"text": {"type": "string"}, "stars": {"type": "integer"}}}


def group_of(founder, *writers):
    """A group of the founder with the others as writers."""
    words = [w for n in writers for w in ("--member", f"{n.key}=writer")]
    return founder.json("new", "group", *words)["id"]


def three_daemons_in_a_line_become_equal(cove):
    """a - b - c: what a writes reaches c through b, and the other way round."""
    with nodes_of(cove, "a", "b", "c") as (a, b, c):
        group = group_of(a, b, c)
        for node in (a, b, c):
            node.serve()
        link(a, b)
        link(b, c)
        ids = a.import_records([{"from": "a", "n": n} for n in range(50)], "--owner", group)
        until("c has what a wrote", lambda: c.has(ids[-1], "n", 49))
        ids += c.import_records([{"from": "c", "n": n} for n in range(50)], "--owner", group)
        # the same fields, by all three, at once
        for node in (a, b, c):
            until(f"{node.name} has all", lambda node=node: node.has(ids[-1]))
            node.set_lines([{"id": i, "set": {"by": node.name, node.name: k}}
                            for k, i in enumerate(ids)])
        pairs = [(a, b), (b, a), (b, c), (c, b)]
        converge([a, b, c], pairs)
        docs = {json.dumps([n.fields(i) for i in ids[::10]], sort_keys=True) for n in (a, b, c)}
        check(len(docs) == 1, "the documents differ", docs)
        for k, i in list(enumerate(ids))[::10]:
            shown = b.fields(i)
            check(all(shown[n] == k for n in "abc"), "a written value is missing", shown)
            check(shown["by"] in "abc", shown)
        for node in (a, b, c):
            check(not node.json("check")["damaged"], node.name)


def three_daemons_in_a_triangle_become_equal(cove):
    """Every one dials the next: each document may arrive twice, and stands once."""
    with nodes_of(cove, "a", "b", "c") as (a, b, c):
        group = group_of(a, b, c)
        for node in (a, b, c):
            node.serve()
        for one, other in ((a, b), (b, c), (c, a)):
            link(one, other)
        a.new("--owner", group, "first=1")      # so that all get the group
        converge([a, b, c])
        written = {}
        for node in (a, b, c):
            records = [{"from": node.name, "n": n} for n in range(40)]
            written.update(zip(node.import_records(records, "--owner", group), records))
        converge([a, b, c])
        for node in (a, b, c):
            shown = {d["id"]: d["fields"] for d in node.json("find")["documents"]}
            for i, record in written.items():
                check(shown.get(i) == record, f"{node.name}: {i}", record, shown.get(i))


def two_that_dial_each_other_at_once_settle(cove):
    """Two connections come up at one time and one goes: what was acknowledged
    on either stays so, whatever the other's hello still said."""
    for _ in range(8):
        with nodes_of(cove, "a", "b") as (a, b):
            group = group_of(a, b)
            a.serve()
            b.serve()
            for process in (a.start("peer", "add", b.key, b.address),
                            b.start("peer", "add", a.key, a.address)):
                process.communicate(timeout=60)
            ident = a.new("--owner", group, "n:=1")
            a.wait(b, 10)
            b.wait(a, 10)
            check(b.has(ident, "n", 1), "not there")


def a_late_joiner_gets_schema_and_journal_before_the_data(cove):
    """Whatever it holds while it catches up, it can read."""
    with nodes_of(cove, "a", "late") as (a, late):
        group = group_of(a, late)
        a.run("schema", "put", PACKAGE / "package.v1.schema.json", "--owner", group)
        package = {"name": "x", "version": "1", "maintainer": "A <a@b>", "installedSize": "120",
                   "section": "net", "depends": "b, c", "description": "d"}
        a.import_records([{**package, "name": f"x{n}"} for n in range(600)],
                         "--schema", "Package")
        a.run("migrate", "publish", PACKAGE / "package.v1-to-v2.json",
              "--schema", PACKAGE / "package.v2.schema.json")
        a.serve()
        late.serve()
        link(late, a)
        looks = 0
        while True:
            states = late.json("status")["states"]
            for state in ("blocked", "ahead", "quarantined"):
                check(states[state] == 0, "a document came before its journal:", states)
            looks += 1
            done = late.call("--json", "status", "Package")
            if done.returncode == 0 and json.loads(done.stdout)["documents"] == 600:
                break
        converge([a, late])
        shown = late.json("find", "Package", "--as", 2, "--limit", 5)["documents"]
        check(len(shown) == 5, shown)
        for doc in shown:
            check(doc["fields"]["installedSize"] == 120 and
                  doc["fields"]["depends"] == ["b", "c"], doc)
        versions = late.json("schema", "list")["schemas"][0]["versions"]
        check(versions == [1, 2], versions)
        return f"looked {looks} times while it caught up"


if __name__ == "__main__":
    sys.exit(main([three_daemons_in_a_line_become_equal,
                   three_daemons_in_a_triangle_become_equal,
                   two_that_dial_each_other_at_once_settle,
                   a_late_joiner_gets_schema_and_journal_before_the_data]))
