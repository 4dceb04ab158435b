#!/usr/bin/env python3
"""Histories that are cut off, as people do it: what goes, what stays, whom it
waits for, and what backups, dumps and recovery make of it.

    cut.py COVE [TEST…]
"""
import contextlib
import json
import os
import subprocess
import sys

from cli_kit import CONDITION, DESTRUCTIVE, ERROR, NOT_FOUND, OK, USAGE, desk_of, refused, same
from node_kit import ENV, check, converge, finished, link, main, nodes_of, terminal, until

NOTE = {"title": "Note", "version": 1, "type": "object",
        "properties": {"title": {"type": "string"}, "stars": {"type": "integer"}}}


def grown(node, *words, writes=120):
    """A document with a history of some 9,000 bytes: its id."""
    ident = node.new("title=one", *words)
    grow(node, ident, writes)
    return ident


def grow(node, ident, writes=120):
    """More of it."""
    node.set_lines([{"id": ident, "set": {"title": f"the words of it {i}", "stars": i}}
                    for i in range(writes)])


def seen(node, *idents):
    """What documents show, and the digest of all."""
    return [node.document(i) for i in idents], node.json("status")["digest"]


# --------------------------------------------------------------- what is said

def nothing_shown_changes_and_the_log_says_what_went(cove):
    """A dry run counts the same; afterwards there is nothing to do."""
    with desk_of(cove) as d:
        ident, other = grown(d), d.new("title=short")
        before = seen(d, ident, other)
        plan = d.json("cut", "--keep", "1K", "--dry-run")
        check(plan["dry"] and plan["documents"] == 1 and plan["bytes"] > 4096, plan)
        check("would go" in d.run("cut", "--keep", "1K", "--dry-run"), "for people")
        check("cut" not in d.json("log", ident), "it was only looked at")
        done = d.json("-y", "cut", "--keep", "1K")
        check(not done["dry"], done)
        same({**done, "dry": True}, plan, "what was planned")
        same(seen(d, ident, other), before, "after it")
        log = d.json("log", ident)
        same(log["cut"]["author"], d.key, "who did it")
        same(log["cut"]["transactions"], plan["transactions"], "how many")
        check(log["cut"]["until"] < log["events"][0]["time"] + 1, log["cut"])
        for words in (["log", ident], ["log", "-p", ident, "--all"]):
            last = d.run(*words).splitlines()[-1]
            check("were cut off on" in last and d.key[:16] in last, last)
        check("cut off" not in d.run("log", other), "the other")
        same(d.json("-y", "cut", "--keep", "1K")["documents"], 0, "again")
        grow(d, ident)
        check(d.json("-y", "cut", "--keep", "1K")["documents"] == 1, "and again, later")
        same(d.json("check", "--deep")["damaged"], [], "check")
        d.run("compact")
        same(d.json("check", "--deep")["damaged"], [], "packed")


def without_consent_nothing_is_cut(cove):
    """Exit 8 with the count; on a terminal it asks."""
    with desk_of(cove) as d:
        ident = grown(d)
        refused(d, ["cut", "--keep", "0"], DESTRUCTIVE, "121 transactions of 1 document ", "-y")
        for answer, code in (("n\n", DESTRUCTIVE), ("\n", DESTRUCTIVE), ("y\n", OK)):
            keeper, program = terminal()
            with contextlib.ExitStack() as stack:
                stack.callback(os.close, keeper)
                with subprocess.Popen(d.command("cut", "--keep", "0"), env=ENV, stdin=program,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                      encoding="utf-8") as process:
                    os.close(program)
                    os.write(keeper, answer.encode())
                    out, err = process.communicate(timeout=60)
            same(process.returncode, code, answer, out, err)
            check("would go" in out and "[y/N]" in err, out, err)
            same("cut" in d.json("log", ident), code == OK, answer)
        refused(d, ["config", "historyDays=never"], USAGE, "days, up to 36500")
        d.run("config", "requireBackup=true")
        grow(d, ident)
        refused(d, ["-y", "cut", "--keep", "0"], DESTRUCTIVE, "backup")
        same(d.json("-y", "cut", "--keep", "0", "--no-backup")["documents"], 1, "--no-backup")


def what_cannot_be_cut_is_named(cove):
    """One by id is an error; among others it is counted."""
    with desk_of(cove) as d:
        ident, short, branched = grown(d), d.new("title=x"), grown(d)
        stream = d.new("stream")
        d.run("branch", branched, "draft")
        refused(d, ["-y", "cut", "--keep", "0", short], CONDITION, short, "from 4096 on")
        refused(d, ["-y", "cut", "--keep", "0", stream], ERROR, "costream")
        refused(d, ["-y", "cut", "--keep", "0", branched], ERROR, "branches")
        refused(d, ["-y", "cut", "--keep", "0", ident, short], CONDITION, short)
        check("cut" not in d.json("log", ident), "one of two was refused, and the other was cut")
        refused(d, ["-y", "cut", "--keep", "0", "co_znothing"], NOT_FOUND)
        left = d.json("-y", "cut", "--keep", "0")["left"]
        check(left["type"] == 1 and left["state"] == 1 and left["less"] >= 1, left)
        said = d.run("-y", "cut", "--keep", "0")
        check("branches" in said and "less than 4,096 bytes" in said, said)
        for words, says in ((["--days", "-3"], "from 0"), (["--days", "0"], "1 to 36500"),
                            (["--days", "3x"], "--days 3x"), (["--keep", "5Q"], "64K"),
                            (["--keep", "-1"], "64K"), (["--keep"], "needs a value"),
                            (["--days", "3", "--before", "1000"], "not both"),
                            (["--before", "yesterday"], "no time"), ([], "what is to be cut off"),
                            (["--keep", "1", ident, "--schema", "Note"], "not both"),
                            (["--keep", "1", "--hours", "3"], "--hours")):
            refused(d, ["-y", "cut", *words], USAGE, says)


def the_past_begins_at_the_cut(cove):
    """Text, list, counter and map: what is asked before it is refused by name, what came since
    is taken back."""
    with desk_of(cove) as d:
        text, items, counter = (d.new(kind) for kind in ("text", "list", "counter"))
        fields = grown(d)
        d.run("text", text, "update", "a" * 5000)
        for i in range(4):
            d.run("text", text, "insert", "end", f" and {i}")
        d.run("list", items, "update", json.dumps(["the item " + "x" * 50] * 90))
        for i in range(6):
            d.run("--level", "group", "counter", counter, "add", i)
        early = d.json("log", text)["events"][0]["time"]
        idents = [fields, text, items]
        before = seen(d, *idents)
        d.run("-y", "cut", "--keep", "0", *idents)
        same(seen(d, *idents), before, "after it")
        d.run("set", fields, "title=since")
        d.run("text", text, "insert", "0", "since ")
        d.run("list", items, "append", "since")
        since = seen(d, *idents)
        for ident in idents:
            for words in (["get", ident, "--at", early - 1000], ["diff", ident, early - 1000],
                          ["-y", "restore", ident, "--to", early - 1000]):
                done = d.call(*words)
                check(done.returncode == ERROR and "was cut off" in done.stderr, words,
                      done.returncode, done.stderr)
            d.run("undo", ident)
            done = d.call("undo", ident)
            check(done.returncode == ERROR and "was cut off" in done.stderr, done.stderr)
        same(seen(d, *idents)[0], before[0], "taken back")
        for ident in idents:
            d.run("redo", ident)
            d.run("branch", ident, "draft")
        same(seen(d, *idents)[0], since[0], "and done again")
        refused(d, ["-y", "cut", "--keep", "0", counter], CONDITION, "from 4096 on")
        d.run("set", fields, "--branch", "draft", "title=there")
        d.run("merge", fields, "draft")
        same(d.fields(fields)["title"], "there", "merged")
        same(d.json("check", "--deep")["damaged"], [], "check")


# ------------------------------------------------------------------ elsewhere

def backups_dumps_and_recovery_keep_what_it_came_to(cove):
    """And the log there says the same."""
    with nodes_of(cove, "alice", "bob") as (a, b):
        group = a.json("new", "group", "--member", f"{b.key}=writer")["id"]
        a.dir.with_suffix(".json").write_text(json.dumps(NOTE), "utf-8")
        a.run("schema", "put", a.dir.with_suffix(".json"), "--owner", group)
        ident = a.json("new", "Note", "title=one", "--owner", group)["id"]
        grow(a, ident)
        a.run("-y", "cut", "--keep", "2K", ident)
        grow(a, ident, 3)
        shown, log = a.document(ident), a.json("log", ident)
        base = a.dir.parent
        a.run("backup", base / "saved")
        whole = a.json("backup", "verify", base / "saved")
        check(whole["whole"] and whole["sameBytes"], whole)
        a.run("recover", a.dir, base / "rescued")
        for path in ("saved", "rescued"):
            def there(*words, path=path):
                return json.loads(finished([cove, "-d", base / path, "--json", *words]).stdout)
            same(there("get", ident, "--view"), shown, path)
            same(there("log", ident), log, path)
            same(there("check", "--deep")["lost"], 0, path)
        a.run("export", "--exact", base / "all.dump")
        done = b.json("import", "--exact", base / "all.dump")
        check(done["refused"] == 0 and done["documents"] >= 2, done)
        same(b.document(ident), shown, "imported")
        same(b.json("log", ident)["cut"], log["cut"], "imported")
        same(b.json("check", "--deep")["damaged"], [], "imported")


def it_is_cut_while_others_write_and_read(cove):
    """Another process writes all the time; nothing of it is lost."""
    with desk_of(cove) as d:
        ident, other = grown(d), grown(d)
        lines = "".join(json.dumps({"id": other, "set": {"stars": i}}) + "\n" for i in range(60))
        writers = [d.start("set", "--lines", "-") for _ in range(3)]
        for process in writers:
            process.stdin.write(lines)
            process.stdin.close()
        cuts = [d.start("-y", "cut", "--keep", "0") for _ in range(2)]
        for process in (*writers, *cuts):
            process.stdin = None
            _, err = process.communicate(timeout=60)
            same(process.returncode, 0, err)
        same(d.fields(other)["stars"], 59, "what was written")
        same(d.fields(ident)["stars"], 119, "what was not")
        same(d.json("check", "--deep")["damaged"], [], "check")


def kill_during_a_cut_leaves_each_as_it_was_or_cut(cove):
    """Again and again, at any moment."""
    with desk_of(cove) as d:
        idents = [grown(d, writes=80) for _ in range(4)]
        before = seen(d, *idents)
        for delay in range(6):
            process = d.start("-y", "cut", "--keep", "0")
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.004 * delay)
            process.kill()
            process.communicate()
            same(seen(d, *idents), before, "after a kill")
            same(d.json("check", "--deep")["lost"], 0, "check")
        d.run("-y", "cut", "--keep", "0")
        same(seen(d, *idents), before, "at last")
        check(all("cut" in d.json("log", i) for i in idents), "all are cut")


def serve_cuts_what_the_settings_say_and_nothing_by_itself(cove):
    """When it is idle, beside a reader."""
    with desk_of(cove) as d:
        ident = grown(d)
        same([d.json("config")[k] for k in ("historyDays", "historyBytes")], [0, 0], "defaults")
        d.serve()
        d.stop()
        check("cut" not in d.json("log", ident), "it was cut")
        d.run("config", "historyDays=90")
        d.serve()
        d.stop()
        check("cut" not in d.json("log", ident), "it is younger")
        before = seen(d, ident)
        d.run("config", "historyBytes=1000")
        d.serve()
        until("it is cut", lambda: "cut" in d.json("log", ident))
        d.stop()
        same(seen(d, ident), before, "after it")
        until("the log says so", lambda: "event=cut" in d.log.read_text("utf-8"))
        d.run("config", "historyBytes=")
        grow(d, ident)
        d.flags = ["--history-bytes", "2000"]
        at = d.json("log", ident)["cut"]["time"]
        d.serve()
        until("it is cut again", lambda: d.json("log", ident)["cut"]["time"] != at)
        d.stop()


def who_lacks_a_part_is_waited_for(cove):
    """Until bob has it all; --force does not wait."""
    with nodes_of(cove, "alice", "bob") as (a, b):
        group = a.json("new", "group", "--member", f"{b.key}=writer")["id"]
        ident = grown(a, "--owner", group)
        check(a.json("cut", "--keep", "0", "--dry-run", ident)["documents"] == 1,
              "nobody is known")
        a.serve(), b.serve()
        link(a, b, both=True)
        converge([a, b])
        b.stop()
        grow(a, ident, 10)
        refused(a, ["-y", "cut", "--keep", "0", ident], CONDITION, "the peer bob has not", "--force")
        plan = a.json("cut", "--keep", "0", "--dry-run")
        same([plan["documents"], plan["left"]["peers"], plan["behind"]],
             [0, 1, [{"key": b.key, "name": "bob", "documents": 1}]], "bob lacks something")
        check("waiting  for bob, of 1 document" in a.run("cut", "--keep", "0", "--dry-run"),
              "for people")
        b.serve()
        converge([a, b])
        same(a.json("-y", "cut", "--keep", "0")["documents"], 1, "bob has it")
        done = b.call("-y", "cut", "--keep", "0", ident)
        check(done.returncode == ERROR and "only an admin" in done.stderr, done.stderr)
        same(b.json("cut", "--keep", "0", "--dry-run")["left"]["right"], 1, "bob may not")
        grow(b, ident, 5)
        converge([a, b])
        same(a.document(ident), b.document(ident), "both")
        b.stop()
        grow(a, ident)
        same(a.json("-y", "cut", "--keep", "0", "--force", ident)["documents"], 1, "--force")


def two_admins_cut_at_places_of_their_own(cove):
    """Each once the other has all; what they write then fits."""
    with nodes_of(cove, "alice", "bob") as (a, b):
        group = a.json("new", "group", "--member", f"{b.key}=admin")["id"]
        ident = grown(a, "--owner", group)
        a.serve(), b.serve()
        link(a, b, both=True)
        converge([a, b])
        grow(b, ident, 60)
        converge([a, b])
        same(a.json("-y", "cut", "--keep", "0", ident)["documents"], 1, "alice")
        same(b.json("-y", "cut", "--keep", "3K", ident)["documents"], 1, "bob")
        gone = [n.json("log", ident)["cut"]["transactions"] for n in (a, b)]
        check(gone[0] > gone[1], "they are other places", gone)
        for node in (a, b, a):
            grow(node, ident, 5)
            converge([a, b])
            same(a.document(ident), b.document(ident), "both")
        for node in (a, b):
            node.stop()
            same(node.json("check", "--deep")["damaged"], [], node.name)
            check("document-refused" not in node.log.read_text("utf-8"), node.tail())


if __name__ == "__main__":
    sys.exit(main([
        nothing_shown_changes_and_the_log_says_what_went,
        without_consent_nothing_is_cut,
        what_cannot_be_cut_is_named,
        the_past_begins_at_the_cut,
        backups_dumps_and_recovery_keep_what_it_came_to,
        it_is_cut_while_others_write_and_read,
        kill_during_a_cut_leaves_each_as_it_was_or_cut,
        serve_cuts_what_the_settings_say_and_nothing_by_itself,
        who_lacks_a_part_is_waited_for,
        two_admins_cut_at_places_of_their_own]))
