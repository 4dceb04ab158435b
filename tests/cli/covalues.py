#!/usr/bin/env python3
"""Texts, lists, streams and counters from the command line: every verb, and
what wrong input gets: a named error, its exit code, nothing changed.

    covalues.py COVE [TEST…]
"""
import json
import pathlib
import subprocess
import sys

from cli_kit import ERROR, USAGE, NOT_FOUND, INVALID, desk_of, refused, same
from node_kit import Node, check, main, until


# --------------------------------------------------------------------- texts
def a_text_is_edited_by_place_and_as_a_whole(cove):
    """Each verb, in each unit; the output is the text, byte for byte."""
    with desk_of(cove) as d:
        text = d.new("text", "Hello wörld")
        d.run("text", text, "insert", "5", " dear")
        same(d.run("text", text), "Hello dear wörld")
        d.run("text", text, "delete", "0", "6")
        d.run("text", text, "replace", "0", "4", "my")
        same(d.run("text", text, "show"), "my wörld")
        same(d.run("text", text, "length"), "8\n")
        same(d.json("text", text, "length", "--unit", "bytes"),
             {"id": text, "length": 9, "unit": "bytes"})
        d.run("text", text, "insert", "end", "!")
        d.run("text", text, "delete", "2", "end")
        same(d.json("text", text), {"id": text, "text": "my"})
        d.run("text", text, "update", "me\n")
        same(d.run("text", text), "me\n")
        whole = "line one\nline two\n\n\U0001f469‍\U0001f4bb end"
        d.run("text", text, "update", "-", text=whole)
        same(d.run("text", text), whole)
        d.run("text", text, "update", text="from a pipe")
        same(d.json("get", text)["text"], "from a pipe")
        d.run("text", text, "--", "insert", "0", "-y ")
        same(d.run("text", text), "-y from a pipe")
        same(d.run("text", text, "update", ""), text + "\n")
        same(d.run("text", text), "")


def a_person_counts_graphemes(cove):
    """Where the build knows them."""
    with desk_of(cove) as d:
        text = d.new("text", "e\u0301 \U0001f469‍\U0001f4bb!")
        done = d.call("text", text, "length", "--unit", "graphemes")
        if done.returncode == ERROR and "utf8proc" in done.stderr:
            return "no utf8proc in this build"
        same(done.stdout, "4\n")
        refused(d, ["text", text, "delete", "2", "9", "--unit", "graphemes"], USAGE,
                "9 grapheme clusters from place 2 on go beyond the end: the text has 4")
        refused(d, ["text", text, "insert", "5", "x", "--unit", "graphemes"], USAGE,
                "place 5 is beyond the end: the text has 4 grapheme clusters")
        d.run("text", text, "delete", "2", "1", "--unit", "graphemes")
        same(d.run("text", text), "e\u0301 !")
    return None


def a_place_that_is_none_is_refused(cove):
    """Beyond the end, inside a code point, no number."""
    with desk_of(cove) as d:
        text = d.new("text", "wörld")
        refused(d, ["text", text, "insert", "6", "x"], USAGE,
                "place 6 is beyond the end: the text has 5 code points")
        refused(d, ["text", text, "insert", "7", "x", "--unit", "bytes"], USAGE,
                "place 7 is beyond the end: the text has 6 bytes")
        refused(d, ["text", text, "insert", "9", ""], USAGE, "place 9 is beyond the end")
        refused(d, ["text", text, "delete", "3", "9"], USAGE,
                "9 code points from place 3 on go beyond the end: the text has 5")
        refused(d, ["text", text, "insert", "2", "x", "--unit", "bytes"], USAGE,
                "byte 2 is inside a code point")
        refused(d, ["text", text, "insert", "2", "", "--unit", "bytes"], USAGE,
                "byte 2 is inside a code point")
        refused(d, ["text", text, "delete", "0", "2", "--unit", "bytes"], USAGE,
                "inside a code point")
        refused(d, ["text", text, "insert", "-1", "x"], USAGE, "-1")
        refused(d, ["text", text, "insert", "one", "x"], USAGE, "a whole number from 0")
        refused(d, ["text", text, "insert", "99999999999999999999999", "x"], USAGE, "number")
        refused(d, ["text", text, "insert", "0"], USAGE, "the text is missing")
        refused(d, ["text", text, "insert"], USAGE, "the place is missing")
        refused(d, ["text", text, "delete", "0"], USAGE, "how many is missing")
        refused(d, ["text", text, "length", "--unit", "letters"], USAGE, "graphemes")
        refused(d, ["text", text, "shout"], USAGE, '"shout"', "insert")
        refused(d, ["text", text, "insert", "0", "x", "y"], USAGE, '"y"')


def what_is_no_text_is_refused(cove):
    """Invalid UTF-8 and NUL in standard input and in arguments."""
    with desk_of(cove) as d:
        text = d.new("text", "stays")
        for raw, says in ((b"a\xff", "UTF-8"), (b"\xc3", "UTF-8"), (b"\xed\xa0\x80", "UTF-8"),
                          (b"a\0b", "NUL")):
            path = d.base / "raw"
            path.write_bytes(raw)
            with open(path, "rb") as file:
                done = d_call(d, ["text", text, "update", "-"], file)
            same(done.returncode, INVALID, raw, done.stderr)
            check(says in done.stderr, raw, done.stderr)
        done = d_call(d, ["text", text, "insert", "0", b"\xff"], None)
        same(done.returncode, USAGE, done.stderr)
        same(d.run("text", text), "stays")


def d_call(node, words, file):
    """A verb with bytes as arguments or standard input."""
    return subprocess.run(node.command() + words, stdin=file or subprocess.DEVNULL,
                          capture_output=True, check=False, timeout=60, text=True)


# --------------------------------------------------------------------- lists
def a_list_is_edited_by_place_and_as_a_whole(cove):
    """Each verb; values are texts, or JSON behind :=."""
    with desk_of(cove) as d:
        lst = d.new("list", '["a", {"b": 1}]')
        d.run("list", lst, "append", "c", ":=3", ':={"d":[null]}')
        same(items(d, lst), ["a", {"b": 1}, "c", 3, {"d": [None]}])
        d.run("list", lst, "insert", "1", "x", ":=true")
        d.run("list", lst, "set", "0", ":=1.5")
        d.run("list", lst, "delete", "3")
        same(items(d, lst), [1.5, "x", True, "c", 3, {"d": [None]}])
        d.run("list", lst, "delete", "4", "end")
        same(d.run("list", lst, "length"), "4\n")
        same(d.json("list", lst, "get", "3"), "c")
        same(d.run("list", lst, "get", "0"), "1.5\n")
        same(d.run("list", lst), "0  1.5\n1  x\n2  true\n3  c\n")
        d.run("list", lst, "update", '["x", "y", true, "z"]')
        same(items(d, lst), ["x", "y", True, "z"])
        d.run("list", lst, "update", text="[]")
        same(items(d, lst), [])
        d.run("list", lst, "append", "--", "--json", "")
        same(items(d, lst), ["--json", ""])


def items(node, ident):
    """The items of a list."""
    return node.json("list", ident)["items"]


def what_does_not_fit_a_list_is_refused(cove):
    """Places, JSON, several values for one place."""
    with desk_of(cove) as d:
        lst = d.new("list", '["a","b","c"]')
        refused(d, ["list", lst, "get", "3"], USAGE,
                "place 3 is beyond the end: the list has 3 items")
        refused(d, ["list", lst, "get", "end"], USAGE, "end is behind the last item")
        refused(d, ["list", lst, "set", "3", "x"], USAGE, "place 3 ", "3 items")
        refused(d, ["list", lst, "set", "end", "x"], USAGE, "end is behind the last item")
        refused(d, ["list", lst, "insert", "4", "x"], USAGE, "place 4 ", "3 items")
        refused(d, ["list", lst, "delete", "end"], USAGE, "place 3 ", "3 items")
        refused(d, ["list", lst, "delete", "2", "2"], USAGE,
                "2 items from place 2 on go beyond the end: the list has 3")
        refused(d, ["list", lst, "set", "0", "x", "y"], USAGE, "set writes one item")
        refused(d, ["list", lst, "append"], USAGE, "a value", "is missing")
        refused(d, ["list", lst, "append", ":=[1,"], INVALID, ":=[1,")
        refused(d, ["list", lst, "update", "{}"], INVALID, "a JSON array")
        check("line" not in d.call("list", lst, "update", "{}").stderr, "a line that is none")
        refused(d, ["list", lst, "update", "[1 2]"], INVALID, "line 1 column")
        refused(d, ["list", lst, "update", '[{"$ref":"co_z1"}]'], INVALID, "$ref")
        refused(d, ["list", lst, "append", "x" * 60001], INVALID, "60000")
        refused(d, ["list", lst, "sort"], USAGE, '"sort"')


# ------------------------------------------------------------------ counters
def a_counter_adds(cove):
    """Up and down; no further than 64 bits."""
    with desk_of(cove) as d:
        counter = d.new("counter", "5")
        same(d.run("counter", counter, "add"), "6\n")
        same(d.run("counter", counter, "add", "-8"), "-2\n")
        same(d.json("counter", counter), {"id": counter, "value": -2})
        same(d.json("get", counter)["value"], -2)
        refused(d, ["counter", counter, "add", "x"], USAGE, "a whole number")
        refused(d, ["counter", counter, "add", "1.5"], USAGE, "a whole number")
        refused(d, ["counter", counter, "add", "9223372036854775808"], INVALID, "64 bits")
        d.run("counter", counter, "add", "9223372036854775807")
        refused(d, ["counter", counter, "add", "3"], INVALID, "64 bits")
        same(d.json("counter", counter)["value"], 9223372036854775805)
        refused(d, ["counter", counter, "reset"], USAGE, '"reset"')


# ------------------------------------------------------------------- streams
def a_stream_is_read_once_from_a_position_on(cove):
    """Append, read in pages, by author, the newest."""
    with desk_of(cove) as d:
        stream = d.new("stream", '["zero"]')
        d.run("stream", stream, "append", "one", ":=2", ':={"three":3}')
        d.run("stream", stream, "append", "-", text="four\nfive\n")
        d.run("--jsonl", "stream", stream, "append", "-", text='{"six":6}\n7\n')
        values = ["zero", "one", 2, {"three": 3}, "four", "five", {"six": 6}, 7]
        page = d.json("stream", stream, "read", "--limit", "3")
        seen = [e["value"] for e in page["entries"]]
        while page["entries"]:
            page = d.json("stream", stream, "read", "--limit", "3", "--from", page["position"])
            seen += [e["value"] for e in page["entries"]]
        same(seen, values)
        d.run("stream", stream, "append", "late")
        page = d.json("stream", stream, "read", "--from", page["position"])
        same([e["value"] for e in page["entries"]], ["late"])
        same(page["entries"][0]["author"], d.key)
        tail = d.run("--json", "stream", stream, "tail", "--limit", "2").splitlines()
        same([json.loads(line)["value"] for line in tail], [7, "late"])
        own = d.json("stream", stream, "read", "--author", d.key[:8])["entries"]
        same(len(own), 9)
        other = "0" if d.key[0] != "0" else "1"
        same(d.json("stream", stream, "read", "--author", other)["entries"], [])
        got = d.json("get", stream, "--entries", "2")
        same(([e["value"] for e in got["entries"]], got["count"]), ([7, "late"], 9))
        refused(d, ["stream", stream, "read", "--from", "nowhere"], INVALID, "position")
        refused(d, ["stream", stream, "read", "--author", "Bob"], USAGE, "device key")
        refused(d, ["stream", stream, "append"], USAGE, "is missing")
        refused(d, ["stream", stream, "append", ":=x"], INVALID, ":=x")
        refused(d, ["--jsonl", "stream", stream, "append", "-"], INVALID, "line 2", text="1\n{\n")
        refused(d, ["stream", stream, "pop"], USAGE, '"pop"')


def who_follows_a_stream_sees_what_another_process_appends(cove):
    """Woken by the commit, not by looking again and again."""
    with desk_of(cove) as d:
        stream = d.new("stream", '["before"]')
        follower = d.start("--json", "stream", stream, "tail", "--follow")
        seen = [json.loads(follower.stdout.readline())["value"]]
        for i in range(3):
            d.run("stream", stream, "append", f":={i}")
            seen.append(json.loads(follower.stdout.readline())["value"])
        same(seen, ["before", 0, 1, 2])
        spent = pathlib.Path(f"/proc/{follower.pid}/stat")
        if spent.exists():
            ticks = spent.read_text("ascii").rsplit(")", 1)[1].split()[11:13]
            check(sum(map(int, ticks)) < 100, "it was busy:", ticks)
        follower.terminate()
        until("its end", lambda: follower.poll() is not None)


# ------------------------------------------------------------------ addresses
def a_field_has_a_child_from_the_first_write_on(cove):
    """ID.FIELD: made by a write, not by a read; shown by get."""
    with desk_of(cove) as d:
        note = d.new("title=Hello")
        refused(d, ["text", f"{note}.body"], NOT_FOUND, "body")
        body = d.json("text", f"{note}.body", "insert", "0", "Dear all")["id"]
        same(d.fields(note), {"title": "Hello", "body": {"$ref": body}})
        same(d.run("text", f"{note}.body"), "Dear all")
        d.run("list", f"{note[:12]}.tags", "append", "red")
        d.run("counter", f"{note}.votes", "add", "2")
        d.run("stream", f"{note}.log", "append", "made")
        got = d.json("get", note, "--depth", "1")
        same({doc["type"] for doc in got["documents"]},
             {"cotext", "colist", "cocounter", "costream"})
        same(d.json("get", f"{note}.body")["text"], "Dear all")
        same(d.json("get", f"{note}.body", "--header")["id"], body)
        same(d.json("log", f"{note}.body")["events"][0]["text"], "Dear all")
        for verb in ("get", "log"):
            refused(d, [verb, f"{note}.title"], INVALID, "holds a value", "`cove get`")
            refused(d, [verb, f"{note}.nothing"], NOT_FOUND, "nothing")
            refused(d, [verb, f"{note}."], USAGE, "no field")
        refused(d, ["text", f"{note}.title", "insert", "0", "x"], INVALID, "holds a value")
        refused(d, ["list", f"{note}.body", "append", "x"], INVALID, "is a text, not a list",
                "`cove text`")
        refused(d, ["text", note], INVALID, "is a map, not a text", "`cove set`")
        refused(d, ["text", f"{note}."], USAGE, "no field")
        refused(d, ["text", "co_z1111111.body"], NOT_FOUND, "co_z1111111")
        refused(d, ["text", "nonsense"], NOT_FOUND, "nonsense")
        refused(d, ["text"], USAGE, "ID.FIELD")
        away = Node(cove, d.base, "other").account
        d.run("set", note, f'gone:={{"$ref":"{away}"}}')
        refused(d, ["text", f"{note}.gone"], NOT_FOUND)


def a_text_that_nobody_made_yet_shows_what_the_field_held(cove):
    """A field that a version made a text shows what it held before; the first
    write makes the text, an empty one too."""
    recipe = pathlib.Path(__file__).resolve().parents[2] / "examples/recipes/text"
    with desk_of(cove) as d:
        d.run("schema", "put", recipe / "v1.schema.json")
        note = d.new("Note", "body=Take the train.")
        d.run("migrate", "publish", recipe / "v1-to-v2.json", "--schema",
              recipe / "v2.schema.json")
        same(d.run("text", f"{note}.body"), "Take the train.")
        d.run("text", f"{note}.body", "insert", "0", "")
        same(d.run("text", f"{note}.body"), "Take the train.")
        d.run("text", f"{note}.body", "insert", "9", "early ")
        same(d.json("status")["waiting"], {"documents": 0, "ops": 0})
        same(d.json("get", f"{note}.body")["text"], "Take the early train.")


def a_load_follows_references_to_a_depth(cove):
    """Each document once, circles end, what is not here stays a reference."""
    with desk_of(cove) as d:
        one = d.new("name=one")
        two = d.new("name=two", f'to:={{"$ref":"{one}"}}')
        three = d.new("name=three", f'to:={{"$ref":"{two}"}}')
        away = Node(cove, d.base, "other").account
        d.run("set", one, f'to:=[{{"$ref":"{three}"}},{{"a":{{"$ref":"{two}"}}}}]',
              f'away:={{"$ref":"{away}"}}', 'text={"$ref":"%s"}' % away)
        same("documents" in d.json("get", three), False)
        names = [x["fields"]["name"] for x in d.json("get", three, "--depth", "1")["documents"]]
        same(names, ["two"])
        names = [x["fields"]["name"] for x in d.json("get", three, "--depth", "9")["documents"]]
        same(names, ["two", "one"])
        check("one" in d.run("get", three, "--depth", "2"), "people see them, too")
        refused(d, ["get", three, "--depth", "x"], USAGE, "--depth")
        many = d.new("list")
        ids = d.import_records([{"n": i} for i in range(1010)])
        d.run("list", many, "update", text=json.dumps([{"$ref": i} for i in ids]))
        got = d.json("get", many, "--depth", "1")
        same((len(got["documents"]), got["leftOut"]), (1000, 10))


def new_makes_any_type(cove):
    """With content, for an owner; wrong content is named."""
    with desk_of(cove) as d:
        group = d.json("new", "group")["id"]
        for words, key, content in ((["text"], "text", ""), (["text", "x"], "text", "x"),
                                    (["list", "[1]"], "items", [1]), (["list"], "items", []),
                                    (["counter"], "value", 0), (["counter", "-7"], "value", -7),
                                    (["stream"], "count", 0), (["stream", "[1,2]"], "count", 2),
                                    (["blob"], "whole", False)):
            ident = d.new(*words[:1], "--owner", group, "--", *words[1:])
            doc = d.json("get", ident)
            same((doc[key], doc["owner"]), (content, group), words)
        same(d.json("get", d.json("new", "text", "-", text="piped")["id"])["text"], "piped")
        refused(d, ["new", "list", "{}"], INVALID, "a JSON array")
        refused(d, ["new", "list", "[1"], INVALID, "line 1 column")
        refused(d, ["new", "counter", "1.5"], INVALID, "a whole number")
        refused(d, ["new", "stream", "1"], INVALID, "a JSON array")
        refused(d, ["new", "blob", "x"], INVALID)
        refused(d, ["new", "text", "a", "b"], USAGE, '"b"')
        refused(d, ["new", "text", "--owner", "co_z11111111"], NOT_FOUND)


def another_type_is_named_with_what_is_for_it(cove):
    """Each verb on each document that is not its: exit 9, and the verb that is."""
    with desk_of(cove) as d:
        docs = {name: d.new(name) for name in ("text", "list", "counter", "stream", "blob")}
        for verb in docs:
            for name, ident in docs.items():
                if name != verb:
                    words = [verb, "show", ident] if verb == "blob" else [verb, ident]
                    refused(d, words, INVALID, f"is a {name}, not a {verb}", f"`cove {name}`")
        refused(d, ["counter", d.new("a=1"), "show"], INVALID, "is a map", "`cove set`")
        refused(d, ["set", docs["text"], "a=1"], INVALID, "a cotext is no map")
        refused(d, ["counter", docs["text"] + ".votes", "add", "1"], INVALID,
                "is a text, not a map", "cove_text_*")
        refused(d, ["edit", docs["blob"]], INVALID, "edit takes texts, lists and maps")


# ------------------------------------------------------------ export, import
def what_one_store_exports_another_imports(cove):
    """Every type, with the references between what comes along."""
    with desk_of(cove) as d:
        note = d.new("title=Hello")
        d.run("text", f"{note}.body", "insert", "0", "Dear\nall ✓")
        d.run("list", f"{note}.tags", "append", "red", ":=3", f':={{"$ref":"{note}"}}')
        d.run("counter", f"{note}.votes", "add", "-2")
        d.run("stream", f"{note}.log", "append", "one", ":=[2]")
        (d.base / "bytes").write_bytes(bytes(range(256)) * 300)
        d.run("blob", "put", f"{note}.photo", d.base / "bytes", "--mime", "image/x")
        (d.base / "large").write_bytes(b"cove" * 400000)
        d.run("blob", "put", d.new("blob"), d.base / "large")
        own = d.new("text", "by itself")
        d.run("set", note, f'other:={{"$ref":"{own}"}}')
        refused_blob = d.run("export")
        check("--blob-dir" in d.call("export").stderr, "what is left out is said")
        lines = d.run("export", "--blob-dir", d.base / "blobs")
        other = Node(cove, d.base, "other")
        done = other.call("import", "-", text=refused_blob)
        same(done.returncode, INVALID, done.stderr)
        check("--blob-dir" in done.stderr, done.stderr)
        made = other.json("import", "-", "--blob-dir", d.base / "blobs", text=lines)
        same(made["imported"], 8)
        same(meaning(other), meaning(d))
        check(own not in other.run("export"), "a reference went to the old text")
        again = other.run("export", "--blob-dir", d.base / "blobs2")
        third = Node(cove, d.base, "third")
        third.run("import", "-", "--blob-dir", d.base / "blobs2", text=again)
        same(meaning(third), meaning(d))


def meaning(node):
    """What a store holds, without ids, times and authors."""
    docs = {}
    lines = [json.loads(line) for line in node.run("export").splitlines()]
    for doc in lines:
        if doc["type"] in ("account", "group"):
            continue
        for key in ("owner", "state"):
            doc.pop(key, None)
        for entry in doc.get("entries", []):
            entry.pop("time")
            entry.pop("author")
        docs[doc.pop("id")] = doc

    def named(value, depth):
        if isinstance(value, list):
            return [named(v, depth) for v in value]
        if not isinstance(value, dict):
            return value
        if set(value) == {"$ref"} and value["$ref"] in docs and depth > 0:
            return named(docs[value["$ref"]], depth - 1)
        return {k: named(v, depth) for k, v in value.items() if k != "$ref"}
    return sorted(json.dumps(named(doc, 3), sort_keys=True) for doc in docs.values())


def help_has_every_verb(cove):
    """With examples, and in JSON."""
    with desk_of(cove) as d:
        names = {v["name"] for v in d.json("help")["verbs"]}
        for verb in ("text", "list", "edit", "counter", "stream", "blob", "undo", "redo",
                     "branch", "merge"):
            check(verb in names, verb)
            check(f"cove {verb}" in d.run("help", verb), verb)


if __name__ == "__main__":
    sys.exit(main([a_text_is_edited_by_place_and_as_a_whole, a_person_counts_graphemes,
                   a_place_that_is_none_is_refused, what_is_no_text_is_refused,
                   a_list_is_edited_by_place_and_as_a_whole, what_does_not_fit_a_list_is_refused,
                   a_counter_adds, a_stream_is_read_once_from_a_position_on,
                   who_follows_a_stream_sees_what_another_process_appends,
                   a_field_has_a_child_from_the_first_write_on,
                   a_text_that_nobody_made_yet_shows_what_the_field_held,
                   a_load_follows_references_to_a_depth, new_makes_any_type,
                   another_type_is_named_with_what_is_for_it,
                   what_one_store_exports_another_imports, help_has_every_verb]))
