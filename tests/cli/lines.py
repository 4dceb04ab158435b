#!/usr/bin/env python3
"""Documents as JSON lines, in pieces: what was cut goes on, what was killed is
imported once, and what is wrong is named by its line.

    lines.py COVE [TEST…]
"""
import json
import resource
import subprocess
import sys

from cli_kit import OK, ERROR, USAGE, CONDITION, NOT_FOUND, INVALID, desk_of, refused, same
from node_kit import ENV, Node, check, main, until

NOTE = {"title": "Note", "version": 1, "type": "object", "required": ["title"],
        "properties": {"title": {"type": "string"}, "n": {"type": "integer"}, "body": {"type": "string"}}}


def publish(node):
    """The schema Note."""
    path = node.base / "note.json"
    path.write_text(json.dumps(NOTE), "utf-8")
    node.run("schema", "put", path)


def parsed(text):
    """The documents of an export's whole lines."""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def user(docs):
    """Those that are no groups, accounts, journals or registries."""
    return [d for d in docs if d.get("schema") == "Note" or d["type"] not in
            ("comap", "group", "account", "journal")]


def records(count, **more):
    """Lines of records."""
    return "".join(json.dumps({"title": f"n{i}", "n": i, **more}) + "\n" for i in range(count))


# --------------------------------------------------------------------- export

def an_export_that_was_cut_goes_on_behind_its_last_document(cove):
    """Each document once, wherever it was cut."""
    with desk_of(cove) as d:
        publish(d)
        d.import_records([{"title": f"n{i}", "n": i} for i in range(2500)], "--schema", "Note")
        for words in ([], ["Note"]):
            whole = d.run("export", *words)
            ids = [x["id"] for x in parsed(whole)]
            for cut in (100, 4000, len(whole) // 2, len(whole) - 3, len(whole)):
                first = [x["id"] for x in parsed(whole[:cut])]
                if not first:
                    continue
                rest = [x["id"] for x in parsed(d.run("export", "--after", first[-1], *words))]
                same(first + rest, ids, words, cut)
        refused(d, ["export", "--after", "co_zzzzzzzzzzzzzzzz"], NOT_FOUND, "co_zzzzzzzzzzzzzzzz")
        refused(d, ["export", "--after"], USAGE, "--after")


def an_export_ends_though_documents_are_made(cove):
    """What was there at its beginning is in it."""
    with desk_of(cove) as d:
        publish(d)
        ids = set(d.import_records([{"title": f"n{i}", "n": i} for i in range(3000)],
                                   "--schema", "Note"))
        exporter = d.start("export", "Note")
        first = exporter.stdout.readline()
        d.import_records([{"title": "late"} for _ in range(3000)], "--schema", "Note")
        rest = exporter.stdout.read()
        same(exporter.wait(60), OK, "exit")
        got = [x["id"] for x in parsed(first + rest)]
        check(ids <= set(got) and len(got) == len(set(got)) and len(got) <= 4000, len(got))


def a_full_disk_says_up_to_where_an_export_is_whole(cove):
    """The rest goes to another file."""
    with desk_of(cove) as d:
        publish(d)
        d.import_records([{"title": "x" * 50, "n": i} for i in range(5000)], "--schema", "Note")
        whole = [x["id"] for x in parsed(d.run("export"))]

        def small():
            resource.setrlimit(resource.RLIMIT_FSIZE, (900000, 900000))

        with open(d.base / "one", "wb") as out:
            done = subprocess.run(["env", "--ignore-signal=XFSZ", *d.command("export")], env=ENV,
                                  stdout=out, stderr=subprocess.PIPE, preexec_fn=small,
                                  encoding="utf-8", check=False)
        check(done.returncode == ERROR and "cannot be written" in done.stderr, done.stderr)
        after = done.stderr.split("--after ")[1].split()[0]
        first = [x["id"] for x in parsed((d.base / "one").read_text("utf-8"))]
        check(after in first, after)
        first = first[:first.index(after) + 1]
        same(first + [x["id"] for x in parsed(d.run("export", "--after", after))], whole, "both")


# --------------------------------------------------------------------- import

def an_import_that_was_killed_makes_each_document_once(cove):
    """A38: Killed again and again, in any of its commits."""
    with desk_of(cove) as d:
        publish(d)
        path = d.base / "notes.jsonl"
        path.write_text(records(11000), "utf-8")
        log = d.base / "notes.jsonl.import"
        for stop in (1, 2, 4):
            process = d.start("-q", "import", path, "--schema", "Note", "--resume")
            until("a slice", lambda: process.poll() is not None or log.exists() and
                  len(log.read_bytes().splitlines()) >= stop, pause=0)
            process.kill()
            process.wait()
        reply = d.json("import", path, "--schema", "Note", "--resume")
        check(reply["imported"] == len(reply["ids"]) == 11000 and reply["resumedAt"] > 0,
              reply["imported"], reply["resumedAt"])
        found = d.json("find", "Note", "--limit", "20000")["documents"]
        same(sorted(f["fields"]["n"] for f in found), list(range(11000)), "documents")
        check(not log.exists(), "the log is there")
        same(d.json("check")["damaged"], [], "check")


def all_types_are_imported_once_with_what_refers_to_them(cove):
    """Over a log that ends with a commit that did not come to pass."""
    with desk_of(cove) as d:
        publish(d)
        text = d.new("text", "hello")
        stream = d.new("stream", "[1,2]")
        d.new("list", json.dumps([{"$ref": text}, 2]))
        d.new("counter", "7")
        maps = [d.new(f'to:={json.dumps({"$ref": text})}', f'also:={json.dumps({"$ref": stream})}',
                      f"n:={i}") for i in range(3)]
        path = d.base / "all.jsonl"
        path.write_text(d.run("export"), "utf-8")
        plain, resumed = (Node(cove, d.base, n) for n in ("plain", "resumed"))
        publish_at = d.base / "note.json"
        for node in (plain, resumed):
            node.run("schema", "put", publish_at)
        plain.run("import", path)
        # One whose commit failed leaves a line that nothing came of.
        log = d.base / "all.jsonl.import"
        log.write_text(json.dumps({"pass": 3, "line": 99, "at": 0, "hash": "0", "imported": 9,
                                   "skipped": 0, "leftOut": 0, "made": {}, "parents": {},
                                   "ids": [maps[0]]}) + '\n{"pass":', "utf-8")
        resumed.run("import", path, "--resume")

        def shape(node):
            docs = parsed(node.run("export"))
            kept = user(docs) + [x for x in docs if "to" in x.get("fields", {})]
            return sorted(str([x["type"], x.get("text"), len(x.get("items", [])),
                               x.get("value"), x.get("count")]) for x in kept)
        same(shape(resumed), shape(plain), "what was imported")
        for node in (plain, resumed):
            fields = [x["fields"] for x in parsed(node.run("export"))
                      if "to" in x.get("fields", {})]
            same(len(fields), 3, node.name)
            same(node.run("text", fields[0]["to"]["$ref"]), "hello", node.name)


def a_wrong_line_is_named_and_gone_on_with_when_it_is_right(cove):
    """What is before it stays; a line that was imported must not change."""
    with desk_of(cove) as d:
        publish(d)
        path = d.base / "notes.jsonl"
        lines = records(2500).splitlines(keepends=True)
        wrong = [*lines[:2300], '{"title":5}\n', *lines[2301:]]
        path.write_text("".join(wrong), "utf-8")
        done = d.call("import", path, "--schema", "Note", "--resume")
        check(done.returncode == INVALID and "line 2301" in done.stderr and
              "--resume goes on" in done.stderr, done.stderr)
        same(len(d.json("find", "Note", "--limit", "9999")["documents"]), 2300, "before it")
        path.write_text("".join(["{}\n", *lines[1:]]), "utf-8")
        refused(d, ["import", path, "--schema", "Note", "--resume"], CONDITION, "2300",
                "notes.jsonl.import")
        path.write_text("".join(lines), "utf-8")
        reply = d.json("import", path, "--schema", "Note", "--resume")
        same((reply["imported"], reply["resumedAt"]), (2500, 2300), "reply")
        found = d.json("find", "Note", "--limit", "9999")["documents"]
        same(sorted(f["fields"]["n"] for f in found), list(range(2500)), "documents")
        path.write_text("".join(wrong), "utf-8")
        reply = d.json("import", path, "--schema", "Note", "--resume", "--skip-invalid")
        same((reply["imported"], reply["skipped"]), (2499, 1), "skipped")
        refused(d, ["import", "-", "--resume"], USAGE, "pipe", text="{}\n")


def an_input_that_ends_within_a_line_says_so(cove):
    """All or nothing, or what is before it."""
    with desk_of(cove) as d:
        publish(d)
        path = d.base / "notes.jsonl"
        whole = records(10)
        path.write_text(whole[:-8], "utf-8")
        refused(d, ["import", path, "--schema", "Note"], INVALID, "line 10",
                "cut in the middle", "nothing was imported")
        done = d.call("--json", "import", path, "--schema", "Note", "--skip-invalid")
        check(done.returncode == INVALID and "cut in the middle" in done.stderr, done.stderr)
        same(json.loads(done.stdout)["imported"], 9, "before it")
        done = d.call("import", path, "--schema", "Note", "--resume")
        check(done.returncode == INVALID and "cut in the middle" in done.stderr, done.stderr)
        path.write_text(whole, "utf-8")
        same(d.json("import", path, "--schema", "Note", "--resume")["resumedAt"], 9, "resumed")
        # A last line that is whole needs no end.
        path.write_text(whole[:-1], "utf-8")
        same(d.json("import", path, "--schema", "Note")["imported"], 10, "whole")


def a_cut_input_is_gone_on_with_though_wrong_lines_are_skipped(cove):
    """The line that was cut is none of them: the rest of it may come."""
    with desk_of(cove) as d:
        publish(d)
        path, log = d.base / "notes.jsonl", d.base / "notes.jsonl.import"
        lines = records(10).splitlines(keepends=True)
        lines[2] = '{"title":5}\n'
        whole = "".join(lines)
        words = ["import", path, "--schema", "Note", "--resume", "--skip-invalid"]
        path.write_text(whole[:-8], "utf-8")
        for _ in range(2):
            done = d.call(*words)
            check(done.returncode == INVALID and "line 10" in done.stderr and
                  "cut in the middle" in done.stderr and "--resume goes on" in done.stderr and
                  "behind it" not in done.stderr, done.returncode, done.stderr)
            check(log.exists(), "how far it came is forgotten")
        path.write_text(whole, "utf-8")
        reply = d.json(*words)
        same((reply["imported"], reply["skipped"], reply["resumedAt"]), (9, 1, 9), "resumed")
        found = d.json("find", "Note")["documents"]
        same(sorted(f["fields"]["n"] for f in found), [0, 1, *range(3, 10)], "documents")
        check(not log.exists(), "the log is there")


# ------------------------------------------------------------------- --unique

def a_second_import_by_a_field_writes_only_what_differs(cove):
    """New ones are made, changed ones changed, and the rest is left alone."""
    with desk_of(cove) as d:
        publish(d)
        words = ["import", "-", "--schema", "Note", "--unique", "title"]
        done = d.json(*words, text=records(300))
        same((done["imported"], done["updated"], done["unchanged"]), (300, 0, 0), "first")
        ids, before = done["ids"], d.json("status")["digest"]
        done = d.json(*words, text=records(300))
        same((done["imported"], done["updated"], done["unchanged"]), (0, 0, 300), "again")
        same(d.json("status")["digest"], before, "what was as it is was written")
        d.run("set", ids[7], "n:=-7")
        d.run("set", ids[8], "body=kept")
        lines = records(302).replace('"n": 9}', '"n": 90}')
        done = d.json(*words, text=lines)
        same((done["imported"], done["updated"], done["unchanged"]), (2, 2, 298), "changed")
        same([len(d.json("log", i)["events"]) for i in (ids[7], ids[8], ids[9], ids[10])],
             [len(d.json("log", ids[10])["events"]) + more for more in (2, 1, 1, 0)], "logs")
        same([d.fields(ids[i]) for i in (7, 8, 9)],
             [{"title": "n7", "n": 7}, {"title": "n8", "n": 8, "body": "kept"},
              {"title": "n9", "n": 90}], "fields")
        said = d.run(*words, text='{"title":"n7"}\n')
        same(said, "0 documents imported, 0 updated, 1 as they were\n", "said")
        same(d.fields(ids[7])["n"], 7, "what a record leaves out stays")
        words[-1] = "n"                     # an integer names a document too
        done = d.json(*words, text='{"title":"other","n":7}\n{"title":"new","n":7000}\n')
        same((done["imported"], done["updated"]), (1, 1), "by a number")
        same(d.fields(ids[7])["title"], "other", "by a number")


def a_record_that_names_no_document_is_refused_by_its_line(cove):
    """Without the field, with one that cannot name, twice, or of two documents."""
    with desk_of(cove) as d:
        publish(d)
        twins = d.import_records([{"title": "twin"}] * 2, "--schema", "Note")
        words = ["import", "-", "--schema", "Note", "--unique", "title"]
        one = '{"title":"a","n":1}\n'
        for wrong, *says in (
                ('{"n":1}\n', 'line 2: it has no "title"'),
                ('{"title":["a"]}\n', 'line 2: "title" is neither a text nor an integer'),
                ('{"title":null}\n', 'line 2: "title" is neither a text nor an integer'),
                ('{"title":"a"}\n', 'line 2: "title" is "a" on line 1 already'),
                ('{"title":"twin"}\n', 'line 2: "title" is "twin" in 2 documents', *twins),
                ('{"title":"b","n":"x"}\n', "line 2:", "n"),
                ('{"title":"b",\n', "line 2 column"),
                ("[1]\n", "line 2")):
            refused(d, words, INVALID, *says, text=one + wrong)
            done = d.json(*words, "--skip-invalid", text='{"title":"a"}\n' + wrong)
            same((done["skipped"], done["imported"] + done["unchanged"]), (1, 1), wrong)
        found = d.json("find", "Note")["documents"]
        same(sorted(x["fields"]["title"] for x in found), ["a", "twin", "twin"], "documents")
        # One that is refused is left as it was, in whole.
        done = d.json(*words, "--skip-invalid", text='{"title":"a","n":"x","body":"new"}\n')
        same((done["skipped"], done["updated"]), (1, 0), "refused")
        same([x["fields"] for x in d.json("find", "Note", "--where", "title=a")["documents"]],
             [{"title": "a"}], "in part")
        refused(d, [*words[:2], "--unique", "title"], USAGE, "--schema", text=one)
        refused(d, [*words, "--resume"], USAGE, "--resume", text=one)
        refused(d, words, USAGE, "a line of `cove export`",
                text=d.run("export", "Note").splitlines()[0] + "\n")


TESTS = [
    an_export_that_was_cut_goes_on_behind_its_last_document,
    an_export_ends_though_documents_are_made,
    a_full_disk_says_up_to_where_an_export_is_whole,
    an_import_that_was_killed_makes_each_document_once,
    all_types_are_imported_once_with_what_refers_to_them,
    a_wrong_line_is_named_and_gone_on_with_when_it_is_right,
    an_input_that_ends_within_a_line_says_so,
    a_cut_input_is_gone_on_with_though_wrong_lines_are_skipped,
    a_second_import_by_a_field_writes_only_what_differs,
    a_record_that_names_no_document_is_refused_by_its_line,
]

if __name__ == "__main__":
    sys.exit(main(TESTS))
