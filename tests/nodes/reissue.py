#!/usr/bin/env python3
"""A device that wrote with a clock that was ahead, between real daemons: what
others see, and `cove recover --reissue` once the clock is right."""
import os
import subprocess
import sys

from daemon_kit import logged
from node_kit import check, converge, link, main, nodes_of, until

TASK = '{"title": "Task", "version": 1, "properties": {"n": {"type": "integer"}}}'


def ahead(node, hours, ident, number):
    """The device writes this, so many hours too early."""
    subprocess.run([os.environ["STORE_AHEAD"], str(node.dir), str(hours), ident, str(number)],
                   check=True)


def recover(node, *flags):
    """The store is made anew, and stands where it was: what it says."""
    new = node.dir.parent / f"{node.name}-saved"
    said = node.json("recover", *flags, node.dir, new)
    node.dir.rename(node.dir.parent / f"{node.name}-was-{len(list(node.dir.parent.iterdir()))}")
    new.rename(node.dir)
    return said


def world(a, b):
    """Documents that both have: of no schema, of one, a counter, and one more."""
    group = a.json("new", "group", "--member", f"{b.key}=writer")["id"]
    schema = a.dir.parent / "task.json"
    schema.write_text(TASK)
    a.run("schema", "put", schema, "--owner", group)
    plain = a.new("--owner", group, "n:=1")
    task = a.new("Task", "--owner", group, "n:=1")
    count = a.new("counter", "--owner", group)
    a.run("counter", count, "add", "5")
    soon = a.new("--owner", group, "n:=1")
    a.serve()
    b.serve()
    link(a, b)
    converge([a, b])
    a.stop()
    return plain, task, count, soon


def value(node, count):
    """Of a counter."""
    return node.document(count)["value"]


def what_was_written_ahead_is_written_again_now(cove):
    """Fields, of whatever version; what adds waits for its time and is named."""
    with nodes_of(cove, "a", "b") as (a, b):
        plain, task, count, soon = world(a, b)
        ahead(a, 2, soon, 9)
        ahead(a, 48, plain, 7)
        ahead(a, 48, task, 8)
        ahead(a, 48, count, 3)
        said = a.call("set", plain, "n:=2")
        check(said.returncode == 1 and "clock stands" in said.stderr, said.stderr)
        a.serve()
        logged(b, "document-refused", "clock is", document=plain)
        check(b.has(plain, "n", 1) and b.has(task, "n", 1) and value(b, count) == 5, "b waits")
        check(b.has(soon, "n", 1), "held, and not shown")
        a.stop()
        said = recover(a, "--reissue")["reissued"]
        check(said["fields"] == 3 and said["documents"] == 3, said)
        check([one["id"] for one in said["left"]] == [count] and said["leftCount"] == 1, said)
        check(a.fields(plain)["n"] == 7 and a.fields(task)["n"] == 8
              and a.fields(soon)["n"] == 9 and value(a, count) == 5, "shown at the present")
        a.run("set", plain, "n:=10")            # and it can be written
        check(a.fields(plain)["n"] == 10, "the newest write")
        a.serve()
        until("b has all", lambda: b.has(plain, "n", 10) and b.has(task, "n", 8)
              and b.has(soon, "n", 9))
        check(value(b, count) == 5, "once, when its time has come")
        b.run("set", plain, "n:=11")
        until("a has b's", lambda: a.has(plain, "n", 11))
        check(a.json("check", "--deep")["damaged"] == [], "whole")
        a.stop()
        said = recover(a, "--reissue")["reissued"]
        check(said["fields"] == 0 and said["leftCount"] == 0, "done already", said)
        check(a.fields(plain)["n"] == 11, "and nobody's later write is undone")


def without_the_flag_nothing_is_written(cove):
    """But the new store may be written again; people are told what stays."""
    with nodes_of(cove, "a", "b") as (a, b):
        plain, _, count, _ = world(a, b)
        ahead(a, 48, plain, 7)
        said = recover(a)
        check("reissued" not in said and a.fields(plain)["n"] == 1, said)
        a.run("set", plain, "n:=2")
        ahead(a, 48, count, 3)
        new = a.dir.parent / "told"
        text = a.run("recover", "--reissue", a.dir, new)
        check(f"stays {count}, written " in text and "1 fields of 1 documents written again, "
              "1 documents with something that waits" in text, text)


if __name__ == "__main__":
    sys.exit(main([
        what_was_written_ahead_is_written_again_now,
        without_the_flag_nothing_is_written,
    ]))
