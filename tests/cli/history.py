#!/usr/bin/env python3
"""The past of documents from the command line: log -p, diff, restore, undo,
redo, branches; and what wrong input gets.

    history.py COVE [TEST…]
"""
import json
import pathlib
import sys

from cli_kit import (
    OK, ERROR, USAGE, CONDITION, NOT_FOUND, DESTRUCTIVE, INVALID, desk_of, refused, same)
from node_kit import check, converge, link, main, nodes_of, until

RECIPES = pathlib.Path(__file__).resolve().parent.parent.parent / "examples" / "recipes"


def ops(change):
    """What a transaction did, short."""
    return [(op["what"], op.get("text", op.get("items", op.get("value", op.get("amount")))))
            for op in change["ops"]]


# ------------------------------------------------------------------- log -p
def the_log_says_what_each_transaction_changed(cove):
    """Of every type, the newest first, what was removed too."""
    with desk_of(cove) as d:
        text = d.new("text", "Hello world")
        d.run("text", text, "insert", "5", " dear")
        d.run("text", text, "delete", "0", "6")
        changes = d.json("log", "-p", text)["changes"]
        same([c["tx"] for c in changes], [2, 1, 0])
        same([set(ops(c)) for c in changes],
             [{("remove", "Hello"), ("remove", " ")}, {("insert", " dear")},
              {("insert", "Hello world")}])
        check(all(c["author"] == d.key and c["shown"] for c in changes), changes)
        shown = d.run("log", "-p", text)
        check('  - "Hello"' in shown and '  + " dear"' in shown, shown)
        check("\033" not in shown, "colours without a terminal")
        lst = d.new("list", '[1,{"a":2}]')
        d.run("list", lst, "set", "0", "one")
        d.run("list", lst, "delete", "1")
        same([ops(c) for c in d.json("log", "-p", lst)["changes"]],
             [[("remove", [{"a": 2}])], [("set", "one")], [("insert", [1, {"a": 2}])]])
        counter = d.new("counter", "3")
        d.run("counter", counter, "add", "-5")
        same([ops(c) for c in d.json("log", "-p", counter)["changes"]],
             [[("add", -5)], [("add", 3)]])
        stream = d.new("stream", '["x"]')
        same(ops(d.json("log", "-p", stream)["changes"][0]), [("append", "x")])
        note = d.new("a=1")
        d.run("set", note, "a=2", "b:=3")
        same(ops(d.json("log", "-p", note)["changes"][0]), [("set", "2"), ("set", 3)])


def the_log_comes_in_pages(cove):
    """Each transaction once."""
    with desk_of(cove) as d:
        text = d.new("text")
        for i in range(25):
            d.run("text", text, "insert", "end", f"{i:02}")
        seen, page = [], d.json("log", "-p", text, "--limit", "10")
        while True:
            seen += page["changes"]
            if "next" not in page:
                break
            page = d.json("log", "-p", text, "--limit", "10", "--before", page["next"])
        same([c["tx"] for c in seen], list(range(24, -1, -1)))
        lines = d.run("--jsonl", "log", "-p", text, "--all").splitlines()
        same([json.loads(line)["tx"] for line in lines], list(range(24, -1, -1)))
        refused(d, ["log", "-p", text, "--limit", "0"], USAGE, "--limit")
        refused(d, ["log", "-p", text, "--before", "x"], USAGE, "before")
        refused(d, ["log", "-p", "co_z1111111"], NOT_FOUND)
        refused(d, ["log", "-p"], USAGE, "ID")


# --------------------------------------------------------------------- diff
def a_diff_shows_what_changed_between_two_points(cove):
    """A text by lines and words, a list, a map, a counter, a stream."""
    with desk_of(cove) as d:
        note = d.new("title=one", "stars:=1")
        d.run("text", f"{note}.body", "update", "Dear all,\n\nwe meet at noon.\nBring cake.\n")
        d.run("list", f"{note}.tags", "append", "a", "b")
        d.run("counter", f"{note}.votes", "add", "2")
        d.run("stream", f"{note}.log", "append", "made")
        d.run("mark", "before")
        d.run("text", f"{note}.body", "update", "Dear all,\n\nwe meet at one.\nBring cake.\n")
        d.run("set", note, "stars:=2", "new=x")
        d.run("list", f"{note}.tags", "set", "1", "B")
        d.run("counter", f"{note}.votes", "add", "5")
        d.run("stream", f"{note}.log", "append", "sold")
        same(d.run("diff", f"{note}.body", "before"),
             " Dear all,\n \n-we meet at noon.\n+we meet at one.\n Bring cake.\n")
        same(d.run("diff", f"{note}.body", "before", "--words"),
             "Dear all,\n\nwe meet at [-noon.-]{+one.+}\nBring cake.\n")
        same(d.run("diff", f"{note}.body", "now", "before", "--words").count("[-one.-]"), 1)
        same(d.run("diff", f"{note}.tags", "before"), ' "a"\n-"b"\n+"B"\n')
        same(d.run("diff", f"{note}.votes", "before"), "-value  2\n+value  7\n")
        same(d.run("diff", f"{note}.log", "before"), ' "made"\n+"sold"\n')
        shown = d.run("diff", note, "before")
        check("-stars  1" in shown and "+stars  2" in shown and '+new  "x"' in shown, shown)
        same(d.run("diff", note, "before", "before"), "")
        same(d.call("diff", note, "before", "--exit-code").returncode, CONDITION)
        same(d.call("diff", note, "before", "before", "--exit-code").returncode, OK)
        changes = d.json("diff", f"{note}.body", "before")["changes"]
        check(changes and all("at" in c for c in changes), changes)
        same(d.json("get", d.json("get", note, "body")["$ref"], "--at", "before")["text"],
             "Dear all,\n\nwe meet at noon.\nBring cake.\n")
        refused(d, ["diff", note, "no-such-mark"], NOT_FOUND, "no-such-mark")
        refused(d, ["diff", note], USAGE, "point")
        refused(d, ["diff"], USAGE, "ID")


# ------------------------------------------------------------------ restore
def a_document_of_any_type_goes_back_to_a_point(cove):
    """As new writes: what came in between stays in the log."""
    with desk_of(cove) as d:
        text, lst = d.new("text", "as it was"), d.new("list", "[1,2,3]")
        counter = d.new("counter", "5")
        d.run("mark", "good")
        d.run("text", text, "update", "all wrong now")
        d.run("list", lst, "update", "[9,2]")
        d.run("counter", counter, "add", "-7")
        refused(d, ["restore", text, "--mark", "good"], DESTRUCTIVE, "-y")
        dry = d.json("restore", text, "--mark", "good", "--dry-run")
        same(dry["changed"], 1)
        same(d.run("text", text), "all wrong now")
        for ident in (text, lst, counter):
            d.run("-y", "restore", ident, "--mark", "good")
        same(d.run("text", text), "as it was")
        same(d.json("list", lst)["items"], [1, 2, 3])
        same(d.json("counter", counter)["value"], 5)
        same(d.json("-y", "restore", text, "--mark", "good")["changed"], 0)
        check(len(d.json("log", "-p", text)["changes"]) >= 3, "the log")


# --------------------------------------------------------------- undo, redo
def note_of(d, recipe="text", *words):
    """A document that a recipe's migration found, as a rule a note, and the
    note's body."""
    path = RECIPES / recipe
    d.run("schema", "put", path / "v1.schema.json")
    note = d.new(*(words or ["Note", "body=Take the train."]))
    d.run("migrate", "publish", path / "v1-to-v2.json", "--schema", path / "v2.schema.json")
    return note, f"{note}.body"


def a_text_that_was_a_field_has_its_past(cove):
    """What a migration lends it is no change, and comes back when it went."""
    with desk_of(cove) as d:
        body = note_of(d)[1]
        d.run("text", body, "insert", "15", " Early.")
        d.run("mark", "before")
        d.run("text", body, "delete", "5", "4")
        same(d.run("text", body), "Take train. Early.")
        same([ops(c) for c in d.json("log", "-p", body)["changes"]],
             [[("remove", "the ")], [("insert", " Early.")]])
        same(d.json("diff", body, "before")["changes"],
             [{"at": 5, "newAt": 5, "removed": "the "}])
        d.run("undo", body)
        same(d.run("text", body), "Take the train. Early.")
        d.run("redo", body)
        same(d.run("text", body), "Take train. Early.")
        same(d.run("diff", body, "before", "before"), "")
        same(d.run("diff", body, "before", "--words"), "Take [-the -]train. Early.\n")
        d.run("-y", "restore", body, "--mark", "before")
        same(d.run("text", body), "Take the train. Early.")
        same(d.json("-y", "restore", body, "--mark", "before")["changed"], 0)


def a_list_that_was_a_field_has_its_past(cove):
    """The item that the field was is removed, and put back."""
    with desk_of(cove) as d:
        items = note_of(d, "to-list", "Package", "tag=red")[0] + ".tags"
        d.run("list", items, "append", "blue")
        d.run("mark", "before")
        d.run("list", items, "delete", "0")
        same(ops(d.json("log", "-p", items)["changes"][0]), [("remove", ["red"])])
        same(d.json("diff", items, "before")["changes"],
             [{"at": 0, "newAt": 0, "removed": ["red"]}])
        d.run("undo", items)
        same(d.run("list", items), "0  red\n1  blue\n")
        d.run("redo", items)
        d.run("-y", "restore", items, "--mark", "before")
        same(d.run("list", items), "0  red\n1  blue\n")
        d.run("list", items, "set", "1", "black")
        d.run("mark", "set")
        d.run("list", items, "set", "1", "white")
        d.run("-y", "restore", items, "--mark", "set")
        same(d.run("list", items), "0  red\n1  black\n")


def what_a_field_said_before_is_not_made_up(cove):
    """Where another value wins since: a count, and nothing that comes again."""
    with desk_of(cove) as d:
        note, body = note_of(d)
        d.run("text", body, "delete", "5", "4")
        d.run("set", note, "body=Take the bus.", "--as", "1")
        same(d.run("text", body), "Take the bus.")
        same([ops(c) for c in d.json("log", "-p", body)["changes"]], [[("remove", None)]])
        d.run("undo", body)
        same(d.run("text", body), "Take the bus.")


def the_last_write_is_taken_back_and_done_again(cove):
    """Text, list, counter, map; to the beginning, and no further."""
    with desk_of(cove) as d:
        text = d.new("text", "one")
        d.run("text", text, "insert", "end", " two")
        d.run("text", text, "delete", "0", "1")
        same(d.run("text", text), "ne two")
        d.run("undo", text)
        same(d.run("text", text), "one two")
        d.run("undo", text)
        same(d.run("text", text), "one")
        d.run("redo", text)
        same(d.run("text", text), "one two")
        d.run("redo", text)
        same(d.run("text", text), "ne two")
        refused(d, ["redo", text], CONDITION)
        for _ in range(3):
            d.run("undo", text)
        same(d.run("text", text), "")
        refused(d, ["undo", text], CONDITION)
        note = d.new("title=one")
        d.run("set", note, "title=two")
        same(d.run("undo", note), note + "\n")
        same(d.fields(note), {"title": "one"})
        counter = d.new("counter", "5")
        d.run("counter", counter, "add", "2")
        d.run("undo", counter)
        same(d.json("counter", counter)["value"], 5)
        lst = d.new("list", "[1]")
        d.run("list", lst, "set", "0", ":=2")
        d.run("undo", lst)
        same(d.json("list", lst)["items"], [1])
        stream = d.new("stream", '["x"]')
        refused(d, ["undo", stream], ERROR)
        refused(d, ["undo"], USAGE, "ID")
        refused(d, ["undo", "co_z1111111"], NOT_FOUND)
        refused(d, ["undo", text, "twice"], USAGE, '"twice"')


def undo_leaves_what_others_wrote(cove):
    """After it arrived, around and inside what is taken back."""
    with nodes_of(cove, "alice", "bob") as (alice, bob):
        both = (alice.serve(), bob.serve())
        link(alice, bob)
        group = alice.json("new", "group", "--member", f"{bob.key}=writer")["id"]
        text = alice.json("new", "text", "start ", "--owner", group)["id"]
        alice.run("text", text, "insert", "end", "alice's words")
        until("the text at bob", lambda: bob.has(text) and
              "words" in bob.run("text", text))
        bob.run("text", text, "insert", bob.run("text", text).index("words"), "BOB ")
        converge(both)
        same(alice.run("text", text), "start alice's BOB words")
        alice.run("undo", text)
        converge(both)
        same(bob.run("text", text), "start BOB ")
        bob.run("undo", text)
        converge(both)
        same(alice.run("text", text), "start ")
        alice.run("redo", text)
        converge(both)
        same(bob.run("text", text), "start alice's words")
        refused(bob, ["undo", text], CONDITION)


# ------------------------------------------------------------------ branches
def a_branch_shares_the_past_and_comes_back_by_a_merge(cove):
    """Text and map; what the document did meanwhile stays."""
    with desk_of(cove) as d:
        text = d.new("text", "The cat sat.")
        d.run("branch", text, "draft")
        d.run("text", text, "replace", "4", "3", "dog", "--branch", "draft")
        d.run("text", text, "insert", "end", " Happily.", "--branch", "draft")
        d.run("text", text, "replace", "8", "3", "lay")
        same(d.run("text", text), "The cat lay.")
        same(d.run("text", text, "--branch", "draft"), "The dog sat. Happily.")
        same(d.json("get", text, "--branch", "draft")["text"], "The dog sat. Happily.")
        listed = d.json("branch", text, "--list")["branches"]
        same([(b["name"], b["ahead"], b["behind"]) for b in listed], [("draft", 2, 1)])
        check("draft" in d.run("branch", text), "people see it, too")
        check("cat" in d.run("diff", text, "now", "draft"), "a branch is a point")
        d.run("merge", text, "draft")
        same(d.run("text", text), "The dog lay. Happily.")
        d.run("text", text, "insert", "end", " Twice.", "--branch", "draft")
        same(d.run("text", text), "The dog lay. Happily.")
        d.run("merge", text, "draft")
        same(d.run("text", text), "The dog lay. Happily. Twice.")
        d.run("merge", text, "--main", "--branch", "draft")
        same(d.run("text", text, "--branch", "draft"), "The dog lay. Happily. Twice.")
        note = d.new("title=one")
        d.run("branch", note, "try")
        d.run("set", note, "title=two", "--branch", "try")
        same(d.fields(note), {"title": "one"})
        d.run("merge", note, "try")
        same(d.fields(note), {"title": "two"})


def what_is_no_branch_is_refused(cove):
    """A name that is taken, empty or unknown."""
    with desk_of(cove) as d:
        text = d.new("text", "x")
        d.run("branch", text, "draft")
        refused(d, ["branch", text, "draft"], INVALID, "draft")
        refused(d, ["branch", text, ""], USAGE)
        refused(d, ["branch", text, "a\nb"], USAGE)
        refused(d, ["merge", text, "other"], NOT_FOUND, "other")
        refused(d, ["text", text, "--branch", "other"], NOT_FOUND, "other")
        refused(d, ["text", text, "insert", "0", "y", "--branch", "other"], NOT_FOUND, "other")
        refused(d, ["merge", text], USAGE, "branch")
        refused(d, ["merge", text, "--main"], USAGE, "--branch")
        refused(d, ["branch"], USAGE, "ID")


def a_branch_travels_with_its_document(cove):
    """Made by one, written by both, merged by the other."""
    with nodes_of(cove, "alice", "bob") as (alice, bob):
        both = (alice.serve(), bob.serve())
        link(alice, bob)
        group = alice.json("new", "group", "--member", f"{bob.key}=writer")["id"]
        text = alice.json("new", "text", "shared", "--owner", group)["id"]
        alice.run("branch", text, "draft")
        alice.run("text", text, "insert", "end", " by alice", "--branch", "draft")
        alice.wait(bob)
        bob.run("text", text, "insert", "0", "bob: ", "--branch", "draft")
        same(bob.run("text", text), "shared")
        bob.run("merge", text, "draft")
        converge(both)
        same(alice.run("text", text), "bob: shared by alice")


if __name__ == "__main__":
    sys.exit(main([the_log_says_what_each_transaction_changed, the_log_comes_in_pages,
                   a_diff_shows_what_changed_between_two_points,
                   a_document_of_any_type_goes_back_to_a_point,
                   a_text_that_was_a_field_has_its_past,
                   a_list_that_was_a_field_has_its_past,
                   what_a_field_said_before_is_not_made_up,
                   the_last_write_is_taken_back_and_done_again, undo_leaves_what_others_wrote,
                   a_branch_shares_the_past_and_comes_back_by_a_merge,
                   what_is_no_branch_is_refused, a_branch_travels_with_its_document]))
