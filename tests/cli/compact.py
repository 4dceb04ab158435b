#!/usr/bin/env python3
"""Compaction and removal, as people use them, and what wrong input gets.

    compact.py COVE [TEST…]
"""
import json
import os
import sys

from cli_kit import DESTRUCTIVE, NOT_FOUND, USAGE, desk_of, refused, same
from node_kit import check, converge, link, main, nodes_of, until

NOTE = {"title": "Note", "version": 1, "type": "object",
        "properties": {"title": {"type": "string"}, "body": {"type": "string", "x-type": "text"},
                       "stars": {"type": "integer"}}}
PLAIN = {"title": "Note", "version": 1, "type": "object",
         "properties": {"title": {"type": "string"}, "stars": {"type": "integer"}}}


def grown(node, writes=80):
    """A document with a long history: its id."""
    ident = node.new("title=one")
    for part in range(0, writes, 20):
        node.set_lines([{"id": ident, "set": {"title": "the same words " * 20 + str(part + i)}}
                        for i in range(20)])
    return ident


def seen(node, ident):
    """All that anybody can see of a document."""
    return node.json("get", ident), node.json("log", ident), node.digest()


def file_size(node):
    """Bytes of the store's file."""
    return os.path.getsize(node.dir / "data.mdb")


# ------------------------------------------------------------------ compact

def compact_makes_the_store_smaller_and_changes_nothing(cove):
    """Packed once; a second time there is nothing to do."""
    with desk_of(cove) as d:
        ident = grown(d)
        before, size = seen(d, ident), file_size(d)
        done = d.json("compact")
        check(done["chunks"] > 0 and done["after"] < done["before"], done)
        check(done["file"]["done"] and done["file"]["after"] < size, done, size)
        same(file_size(d), done["file"]["after"], "the file")
        same(seen(d, ident), before, "after compact")
        same(d.json("check")["damaged"], [], "check")
        again = d.json("compact")
        check(again["chunks"] == 0 and again["packs"] == 0, again)
        d.run("set", ident, "title=more")
        same(d.fields(ident), {"title": "more"}, "it goes on")
        sessions = {e["session"] for e in d.json("log", ident)["events"]}
        same(len(sessions), 1, "sessions: the store is the one it was")
        check("pieces of logs" in d.run("compact"), "for people")


def compact_of_one_document_leaves_the_others_and_the_file(cove):
    """By id, by schema, and by age."""
    with desk_of(cove) as d:
        one, two = grown(d), grown(d)
        check(d.json("compact", "--days", 1)["chunks"] == 0, "they are not a day old")
        done = d.json("compact", one)
        check(done["documents"] >= 1 and done["chunks"] > 0 and "file" not in done, done)
        check(d.json("compact", one)["chunks"] == 0, "again")
        check(d.json("compact", two, "--no-file")["chunks"] > 0, "the other was left")
        refused(d, ["compact", "--schema", "Note"], NOT_FOUND, "Note")
        refused(d, ["compact", one, "--all"], USAGE, "one of them")
        refused(d, ["compact", "--days"], USAGE)
        refused(d, ["compact", "co_znothing"], NOT_FOUND)


def beside_a_daemon_the_file_stays_and_it_is_said(cove):
    """Logs are packed all the same."""
    with desk_of(cove) as d:
        ident = grown(d)
        d.serve()
        before = seen(d, ident)
        done = d.json("compact")
        check(done["chunks"] > 0 and not done["file"]["done"], done)
        check("another process" in done["file"]["why"], done)
        check("as it was" in d.run("compact"), "for people")
        same(seen(d, ident), before, "after compact")
        d.stop()
        check(d.json("compact")["file"]["done"], "alone")
        same(seen(d, ident), before, "after the file was made anew")


def serve_leaves_what_is_younger_than_the_config_says(cove):
    """And packs nothing by itself where that is not set."""
    with desk_of(cove) as d:
        grown(d)
        same(d.json("config")["compactDays"], 0, "the default")
        same(d.json("config", "compactDays=30")["compactDays"], 30, "set")
        refused(d, ["config", "compactDays=never"], USAGE, "days")
        d.serve()
        check(d.json("compact", "--no-file")["chunks"] > 0, "it was not packed yet")
        d.stop()


def kill_during_compact_loses_nothing(cove):
    """Again and again, at any moment."""
    with desk_of(cove) as d:
        ids = [grown(d, 40) for _ in range(3)]
        before = [seen(d, i)[:2] for i in ids]
        for delay in range(5):
            process = d.start("compact")
            try:
                process.wait(0.004 * delay)
            except Exception:  # pylint: disable=broad-except
                process.kill()
            process.communicate()
            same([seen(d, i)[:2] for i in ids], before, "after a kill")
        same(d.json("check")["damaged"], [], "check")
        d.run("compact")
        same([seen(d, i)[:2] for i in ids], before, "at last")
        check(not (d.dir / "compact.new").exists(), "something is left")
        sessions = {e["session"] for e in d.json("log", ids[0])["events"]}
        d.run("set", ids[0], "title=more")
        same({e["session"] for e in d.json("log", ids[0])["events"]}, sessions,
             "a new session was begun")


# ------------------------------------------------------------------- remove

def a_document_is_removed_for_good(cove):
    """Only with -y; reads say by whom, the log says when."""
    with desk_of(cove) as d:
        ident, other = d.new("title=one"), d.new("title=two")
        refused(d, ["rm", ident], DESTRUCTIVE, "1 document", "-y")
        refused(d, ["rm", ident, other], DESTRUCTIVE, "2 documents")
        refused(d, ["rm"], USAGE, "cove del")
        refused(d, ["-y", "rm", d.account], 1, "account", "stays")
        same(d.json("-y", "rm", ident), {"removed": [ident], "children": 0}, "rm")
        for words in (["get", ident], ["set", ident, "title=x"], ["-y", "rm", ident]):
            done = d.call(*words)
            check(done.returncode == NOT_FOUND and "was removed by" in done.stderr, words,
                  done.returncode, done.stderr)
        events = d.json("log", ident)["events"]
        check(len(events) == 1 and events[0]["removes"] and events[0]["author"] == d.key, events)
        check("removes" in d.run("log", ident), "for people")
        check(ident not in d.run("find"), "find shows it")
        same(d.fields(other), {"title": "two"}, "the other")
        same(d.json("check")["damaged"], [], "check")
        check("unseen" not in d.run("status"), d.run("status"))


def a_child_goes_with_its_document(cove):
    """A field that is a text of its own."""
    with desk_of(cove) as d:
        (d.base / "v1.json").write_text(json.dumps(NOTE), "utf-8")
        d.run("schema", "put", d.base / "v1.json")
        ident = d.new("Note", "title=one")
        d.run("text", f"{ident}.body", "insert", 0, "hello")
        child = d.document(ident)["fields"]["body"]["$ref"]
        same(d.json("get", child)["text"], "hello", "the child")
        same(d.json("-y", "rm", ident)["children"], 1, "children")
        same(d.json("find", "Note")["documents"], [], "find")
        check("was removed" in d.call("get", child).stderr, "the child is there")


def who_watches_is_told_of_a_removal(cove):
    """By `cove watch`, in another process."""
    with desk_of(cove) as d:
        ident = d.new("title=one")
        watch = d.start("watch", ident)
        check("ready" in watch.stdout.readline(), "it did not begin")
        d.run("-y", "rm", ident)
        line = watch.stdout.readline()
        while line and "removed" not in line:
            line = watch.stdout.readline()
        check(ident in line, line)
        watch.terminate()
        watch.communicate()


def require_backup_holds_for_rm(cove):
    """And --no-backup goes without."""
    with desk_of(cove) as d:
        ident = d.new("title=one")
        d.run("config", "requireBackup=true")
        refused(d, ["-y", "rm", ident], DESTRUCTIVE, "backup")
        d.run("-y", "rm", ident, "--no-backup")


def others_hear_of_it_and_late_writers_are_told(cove):
    """bob writes while he is away; alice removes meanwhile."""
    with nodes_of(cove, "alice", "bob") as (a, b):
        group = a.json("new", "group", "--member", f"{b.key}=writer")["id"]
        ident, other = (a.new("title=one", "--owner", group) for _ in range(2))
        a.serve(), b.serve()
        link(a, b, both=True)
        until("bob has them", lambda: b.has(ident) and b.has(other))
        converge([a, b])
        a.run("-y", "rm", other)
        until("bob hears of it", lambda: not b.has(other))
        b.stop()
        b.run("set", ident, "title=late")
        a.run("-y", "rm", ident)
        b.serve()
        until("bob hears of this, too", lambda: not b.has(ident))
        converge([a, b])
        status = b.json("status")["removed"]
        check(status["unseenCount"] == 1 and status["unseen"][0]["id"] == ident
              and status["unseen"][0]["author"] == a.key, status)
        check("had not seen" in b.run("status"), b.run("status"))
        check(a.json("status")["removed"]["unseenCount"] == 0, "alice lost nothing")
        for node in (a, b):
            same(node.json("log", ident)["events"][0]["author"], a.key, node.name)


if __name__ == "__main__":
    sys.exit(main([
        compact_makes_the_store_smaller_and_changes_nothing,
        compact_of_one_document_leaves_the_others_and_the_file,
        beside_a_daemon_the_file_stays_and_it_is_said,
        serve_leaves_what_is_younger_than_the_config_says,
        kill_during_compact_loses_nothing,
        a_document_is_removed_for_good,
        a_child_goes_with_its_document,
        who_watches_is_told_of_a_removal,
        require_backup_holds_for_rm,
        others_hear_of_it_and_late_writers_are_told]))
