#!/usr/bin/env python3
"""Documents judged by schemas, from the command: schema check, stores that
report what they let pass, find --invalid; and what is wrong with the asking.

    validate.py COVE [TEST…]
"""
import json
import os
import sys

from cli_kit import INVALID, NOT_FOUND, OK, USAGE, check, desk_of, refused, same
from node_kit import ENV, finished, main

NOTE = {"title": "Note", "version": 1, "type": "object", "required": ["title"],
        "properties": {"title": {"type": "string", "maxLength": 5},
                       "stars": {"type": "integer", "minimum": 0}}}


def write(desk, name, value):
    """A file beside the store: a text, bytes, or a value as JSON."""
    path = desk.base / name
    text = value if isinstance(value, (str, bytes)) else json.dumps(value)
    path.write_bytes(text.encode("utf-8") if isinstance(text, str) else text)
    return path


def outside(cove, desk, *words, text=None, env=None):
    """The command without a store: what is run, and that none is made."""
    done = finished([cove, "-d", str(desk.base / "nowhere"), *map(str, words)], text, 60,
                    env={**ENV, **(env or {})})
    check(not (desk.base / "nowhere").exists(), "a store was made by", *words)
    return done


def errors(done):
    """What --json lists: path and rule of each."""
    return [(e.get("line"), e["path"], e["rule"]) for e in json.loads(done.stdout)["errors"]]


def a_file_is_checked_by_a_file_and_no_store_is_needed(cove):
    """Valid, invalid, from a file and from standard input."""
    with desk_of(cove) as desk:
        schema = write(desk, "note.json", NOTE)
        good = write(desk, "good.json", {"title": "one", "stars": 2})
        bad = write(desk, "bad.json", {"stars": -1, "nick": 1})
        done = outside(cove, desk, "schema", "check", schema, good)
        same((done.returncode, done.stdout, done.stderr), (OK, "valid\n", ""))
        done = outside(cove, desk, "--json", "schema", "check", schema, bad)
        same(done.returncode, INVALID, done.stderr)
        same(errors(done), [(None, "/nick", "field"), (None, "/stars", "minimum 0"),
                            (None, "/title", "required")])
        done = outside(cove, desk, "schema", "check", schema, "-", text='{"title": "too long"}')
        same((done.returncode, done.stdout),
             (INVALID, 'standard input: /title breaks the rule "maxLength 5": the text has 8 '
                       'characters\ninvalid\n'))
        done = outside(cove, desk, "-q", "schema", "check", schema, bad)
        same((done.returncode, done.stdout, done.stderr), (INVALID, "", ""))


def a_schema_without_a_title_judges_any_value(cove):
    """As the standard has it: no fields, no defaults, true and false too."""
    with desk_of(cove) as desk:
        rows = [({"type": "integer"}, "3", OK), ({"type": "integer"}, '"3"', INVALID),
                ({"properties": {"a": {}}}, '{"b": 1}', OK),
                ({"items": {"enum": [1]}}, "[1, 2]", INVALID),
                ("true", "null", OK), ("false", "null", INVALID)]
        for schema, document, code in rows:
            done = outside(cove, desk, "schema", "check", write(desk, "s.json", schema), "-",
                           text=document)
            same(done.returncode, code, schema, document, done.stdout, done.stderr)


def formats_are_a_rule_where_that_is_asked_for(cove):
    """A note otherwise, of a file and of a schema of the store."""
    with desk_of(cove) as desk:
        when = {"title": "Day", "version": 1, "properties": {
            "on": {"type": "string", "format": "date"}}}
        schema = write(desk, "day.json", when)
        desk.run("schema", "put", schema)
        bad = write(desk, "bad.json", {"on": "tomorrow"})
        for name in (schema, "Day"):
            desk.run("schema", "check", name, bad)
            said = desk.run("schema", "check", "--formats", name, bad, code=INVALID)
            check("/on" in said and "format" in said, said)
            desk.run("schema", "check", "--formats", name, write(desk, "g.json", {"on": "2026-11-30"}))


def of_many_lines_each_is_judged(cove):
    """20,000 lines through a pipe, some wrong, some no JSON, some no text."""
    with desk_of(cove) as desk:
        schema = write(desk, "note.json", NOTE)
        lines = [b'{"title":"a","stars":%d}\n' % (n % 7 if n % 1000 else -1)
                 for n in range(1, 20001)]
        lines[4] = b'{"title":"\xff"}\n'
        lines[5] = b"{\n"
        lines[6] = b"\n"
        lines[7] = b'{"title":"a","title":"b"}\n'
        many = write(desk, "many.jsonl", b"".join(lines))
        done = outside(cove, desk, "--json", "schema", "check", schema, many)
        reply = json.loads(done.stdout)
        same((done.returncode, reply["documents"], reply["invalid"]), (INVALID, 19999, 23))
        same(errors(done)[:4], [(5, "", "json"), (6, "", "json"), (8, "", "json"),
                                (1000, "/stars", "minimum 0")])
        done = outside(cove, desk, "--jsonl", "schema", "check", schema, many)
        same([json.loads(line)["line"] for line in done.stdout.splitlines()][3:6],
             [1000, 2000, 3000])
        done = outside(cove, desk, "schema", "check", schema, many)
        check("many.jsonl:8: " in done.stdout and "duplicate" in done.stdout, done.stdout)
        check(done.stdout.endswith("23 of 19999 documents are invalid\n"), done.stdout)
        done = outside(cove, desk, "--jsonl", "schema", "check", schema, "-", text="")
        same((done.returncode, done.stdout, done.stderr), (OK, "", ""))


def a_schema_of_the_store_judges_by_its_version(cove):
    """NAME, NAME@VERSION; a file, and a document that is there."""
    with desk_of(cove) as desk:
        v2 = {**NOTE, "version": 2, "properties": {
            **NOTE["properties"], "stars": {"type": "integer", "minimum": 3}}}
        desk.run("schema", "put", write(desk, "v1.json", NOTE))
        ident = desk.new("Note", "title=one", "stars:=1")
        desk.run("migrate", "publish", write(desk, "m.json", {
            "schema": "Note", "from": 1, "to": 2, "steps": []}), "--schema",
            write(desk, "v2.json", v2))
        doc = write(desk, "doc.json", {"title": "one", "stars": 1})
        for word in (doc, ident):
            desk.run("schema", "check", "Note@1", word)
            said = desk.run("schema", "check", "Note", word, code=INVALID)
            check('/stars breaks the rule "minimum 3": the value is 1' in said, said)
        same(desk.run("find", "Note", "--as", 1, "--invalid", "--count"), "0\n")
        same(desk.run("find", "Note", "--as", 2, "--invalid", "--count"), "1\n")
        check("minimum 3" in desk.run("get", ident, "--as", 2), "get does not say")
        check("invalid    1 documents" in desk.run("status", "Note@2"), "status does not say")


def a_store_may_report_what_it_writes_or_not_look(cove):
    """--validate and COVE_VALIDATE: strict, report, off."""
    with desk_of(cove) as desk:
        desk.run("schema", "put", write(desk, "v1.json", NOTE))
        refused(desk, ["new", "Note", "title=one", "stars:=-1"], INVALID, "minimum 0")
        done = desk.call("--validate", "report", "new", "Note", "title=one", "stars:=-1")
        ident = done.stdout.split()[0]
        same(done.returncode, OK)
        same(done.stderr, f'cove: invalid, and written: {ident}: /stars breaks the rule "minimum '
                          '0": the value is -1\n')
        done = desk.call("--validate", "off", "set", ident, "title=much too long")
        same((done.returncode, done.stderr), (OK, ""))
        done = finished(desk.command("set", ident, "title=longer still"), None, 60,
                        env={**ENV, "COVE_VALIDATE": "report"})
        check(done.returncode == OK and "maxLength 5" in done.stderr, done.stderr)
        found = desk.json("find", "Note", "--invalid")["documents"][0]
        same([b["path"] for b in found["broken"]], ["/stars", "/title"])
        same([(w["field"], w["version"], w["author"]) for w in found["writes"]],
             [("stars", 1, desk.key), ("title", 1, desk.key)])
        shown = desk.run("find", "Note", "--invalid")
        check("written at version 1 by " + desk.key[:16] in shown, shown)
        same(desk.json("status", "--scan")["invalid"], 1)
        refused(desk, ["--validate", "off", "set", ident, "nick=x"], INVALID, "no such field")
        desk.run("set", ident, "title=ok", "stars:=1")
        same(desk.json("find", "Note", "--invalid")["documents"], [])


def an_import_of_what_breaks_rules_is_told_and_counted(cove):
    """A line a commit, and all that was let pass is listed."""
    with desk_of(cove) as desk:
        desk.run("schema", "put", write(desk, "v1.json", NOTE))
        records = write(desk, "r.jsonl", "".join(
            json.dumps({"title": "x", "stars": n - 5}) + "\n" for n in range(10)))
        done = desk.call("--validate", "report", "import", records, "--schema", "Note")
        same(done.returncode, OK, done.stderr)
        check("(and 4 more in this commit)" in done.stderr, done.stderr)
        same(desk.run("find", "Note", "--invalid", "--count"), "5\n")


def what_is_asked_wrongly_is_named(cove):
    """Each with its exit code and what to do."""
    with desk_of(cove) as desk:
        schema = write(desk, "note.json", NOTE)
        desk.run("schema", "put", schema)
        ident = desk.new("Note", "title=one")
        rows = [
            (["schema", "check"], USAGE, "needs a schema"),
            (["schema", "check", schema], USAGE, "what to judge"),
            (["schema", "check", "-", "-"], USAGE, "standard input"),
            (["schema", "check", schema, schema, "more"], USAGE, "more"),
            (["schema", "check", schema, schema, "--strict-mode"], USAGE, "--strict-mode"),
            (["schema", "check", "gone.json", schema], NOT_FOUND, "gone.json"),
            (["schema", "check", schema, "gone.json"], NOT_FOUND, "gone.json"),
            (["schema", "check", "Gone", schema], NOT_FOUND, "Gone"),
            (["schema", "check", "Note@9", schema], NOT_FOUND, "9"),
            (["schema", "check", schema, ident], USAGE, "NAME"),
            (["schema", "check", "Note", "co_zzz"], NOT_FOUND, "co_zzz"),
            (["schema", "check", write(desk, "b.json", "{"), schema], INVALID, "b.json:1:"),
            (["schema", "check", write(desk, "k.json", {"type": 3}), schema], INVALID, "k.json"),
            (["schema", "check", schema, write(desk, "e.json", " \n")], INVALID, "empty"),
            (["schema", "check", schema, write(desk, "n.json", b"{\0}")], INVALID, "NUL"),
            (["schema", "check", schema, write(desk, "u.json", b'"\xff"')], INVALID, "UTF-8"),
            (["schema", "check", schema, write(desk, "d.json", '{"a":1,\n"a":2}')], INVALID,
             "duplicate"),
            (["schema", "check", schema, write(desk, "t.json", "{} {}")], INVALID, "t.json:1:"),
            (["--validate", "maybe", "status"], USAGE, '"strict", "report" or "off"'),
            (["--validate"], USAGE, '"strict", "report" or "off"'),
        ]
        for words, code, says in rows:
            refused(desk, words, code, says)
        done = finished(desk.command("status"), None, 60, env={**ENV, "COVE_VALIDATE": "no"})
        check(done.returncode == USAGE and "COVE_VALIDATE" in done.stderr, done.stderr)


def a_file_of_many_megabytes_is_judged_or_refused_by_name(cove):
    """One document of megabytes, one value that is too long, one too deep."""
    with desk_of(cove) as desk:
        schema = write(desk, "any.json", {"items": {"type": "integer"}})
        big = write(desk, "big.json", "[" + "1," * 500_000 + '"x"]')
        done = outside(cove, desk, "schema", "check", schema, big)
        check(done.returncode == INVALID and "/500000 breaks" in done.stdout, done.stdout[:300],
              done.stderr[:300])
        write(desk, "big.json", "[" + "1," * 2_000_000 + "1]")
        done = outside(cove, desk, "schema", "check", schema, big)
        check(done.returncode == INVALID and "steps" in done.stdout, done.stdout[:300],
              done.stderr[:300])
        os.remove(big)
        deep = write(desk, "deep.json", "[" * 5000 + "]" * 5000)
        done = outside(cove, desk, "schema", "check", schema, deep)
        check(done.returncode == INVALID and "deep.json" in done.stderr, done.stderr[:300])


if __name__ == "__main__":
    sys.exit(main([
        a_file_is_checked_by_a_file_and_no_store_is_needed,
        a_schema_without_a_title_judges_any_value,
        formats_are_a_rule_where_that_is_asked_for,
        of_many_lines_each_is_judged,
        a_schema_of_the_store_judges_by_its_version,
        a_store_may_report_what_it_writes_or_not_look,
        an_import_of_what_breaks_rules_is_told_and_counted,
        what_is_asked_wrongly_is_named,
        a_file_of_many_megabytes_is_judged_or_refused_by_name]))
