#!/usr/bin/env python3
"""schema diff as people meet it: its output word by word (golden/NAME.txt), its
exit codes, and its questions at a terminal.

    author.py COVE [TEST…]

GOLDEN_WRITE=1 writes the golden files anew.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "nodes"))
# pylint: disable-next=wrong-import-position
from node_kit import Node, check, finished, main, terminal  # noqa: E402

OK, ERROR, USAGE, CONDITION, OPEN, NOT_FOUND, _, _, DESTRUCTIVE, INVALID = range(10)

TEXT, INTEGER = {"type": "string"}, {"type": "integer"}


def schema(version, required=(), title="Note", **properties):
    """A schema of these fields."""
    return {"title": title, "version": version, "properties": properties,
            "required": list(required)}


ONE = schema(1, ["first"], first=TEXT, size=TEXT, secret=TEXT, tags=TEXT,
             status={"type": "string", "enum": ["todo", "done"]})
TWO = schema(2, ["givenName", "prio"], givenName=TEXT, size=INTEGER, tags={"type": "array"},
             status={"type": "string", "enum": ["open", "done"]},
             prio={"type": "integer", "default": 0})
HOW = {"convert": {"tags": {"forward": [{"split_list": ", "}]}}}
NAMES = ("--rename", "first=givenName", "--enum", "status:todo=open")


class Desk:
    """A store, and a directory of files beside it."""

    def __init__(self, cove, base):
        self.base = pathlib.Path(base)
        self.cove = cove
        self.node = Node(cove, base, "store")
        self.one = self.file("note.v1.schema.json", ONE)
        self.two = self.file("note.v2.schema.json", TWO)
        self.how = self.file("how.json", HOW)

    def file(self, name, value):
        """A file beside the store."""
        path = self.base / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(value if isinstance(value, str) else json.dumps(value), "utf-8")
        return str(path)

    def diff(self, *words, code=OK, options=()):
        """schema diff; what it prints, and what it complains of."""
        done = finished(self.node.command(*options, "schema", "diff", *words), "")
        check(done.returncode == code, f"schema diff {' '.join(words)}: exit",
              done.returncode, "not", code, done.stdout, done.stderr)
        return done.stdout, done.stderr

    def golden(self, name, *words, code=OK):
        """The same, compared with what it printed when people last read it."""
        out, err = self.diff(*words, code=code)
        text = (out + "--\n" + err).replace(str(self.base), "DIR")
        path = HERE / "golden" / f"{name}.txt"
        if os.environ.get("GOLDEN_WRITE"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")
        check(path.read_text("utf-8") == text, f"{name}: is", text)

    def json(self, *words, code=OK):
        """The reply."""
        return json.loads(self.diff(*words, code=code, options=["--json"])[0])

    def asked(self, answers, *words):
        """schema diff at a terminal, where somebody types these lines."""
        keeper, program = terminal()
        with subprocess.Popen(self.node.command("schema", "diff", *words), stdin=program,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              encoding="utf-8") as done:
            os.close(program)
            os.write(keeper, "".join(a + "\n" for a in answers).encode())
            out, err = done.communicate(timeout=60)
        os.close(keeper)
        return done.returncode, out, err


def desk(test):
    """Run a test with a desk of its own."""
    def run(cove):
        with tempfile.TemporaryDirectory(prefix="cove-author-") as base:
            return test(Desk(cove, base))
    run.__name__ = test.__name__
    return run


@desk
def a_removal_beside_an_addition_is_ambiguous(d):
    """Exit 4: each open change is named, with what to say."""
    d.golden("diff_ambiguous", d.one, d.two, code=OPEN)
    d.golden("diff_ambiguous", d.one, d.two, "--strict", code=OPEN)


@desk
def a_removal_needs_consent(d):
    """Exit 8 without it, and the words with it."""
    words = (d.one, d.two, "--answers", d.how, *NAMES, "--drop", "secret")
    d.golden("diff_destructive", *words, code=DESTRUCTIVE)
    d.golden("diff_answered", *words, "--accept-data-loss")
    d.diff(*words, "--accept-data-loss", "--exit-code", code=CONDITION)


@desk
def what_the_words_say_can_be_published(d):
    """diff → migration file → publish → nothing differs any more."""
    d.node.run("schema", "put", d.one)
    reply = d.json(d.two, "--answers", d.how, *NAMES, "--hide", "secret")
    check(reply["from"] == 1 and reply["to"] == 2, reply)
    path = d.file("m.json", {"schema": "Note", "from": 1, "to": 2, "steps": reply["words"],
                             "down": reply["down"]})
    d.node.run("migrate", "publish", path, "--schema", d.two)
    d.golden("diff_nothing", d.two)
    check(d.json("Note@1", "Note@2", "--answers", d.how, *NAMES, "--hide", "secret")["words"]
          == reply["words"], "the store's versions differ otherwise")
    d.diff(d.two, "--exit-code")


@desk
def a_schema_that_is_new_is_an_add(d):
    """Nothing of the name is in the store."""
    d.golden("diff_new", d.one)


@desk
def a_directory_is_compared_with_the_store(d):
    """Every schema of both; the later version of a title counts."""
    d.node.run("schema", "put", d.one)
    d.node.run("schema", "put", d.file("g.schema.json", schema(1, title="Gone", a=TEXT, b=TEXT)))
    d.node.run("schema", "put", d.file("k.schema.json", schema(1, title="Kept", z=INTEGER)))
    os.remove(d.base / "k.schema.json")
    d.file("g.schema.json", schema(1, title="Here", a=TEXT, b=TEXT))
    d.file("how.json", {**HOW, "rename": {"Note.first": "givenName"}})
    words = (str(d.base), "--answers", d.how, "--enum", "status:todo=open", "--hide",
             "Note.secret")
    d.golden("diff_directory_open", *words, code=OPEN)
    d.golden("diff_directory", *words, "--rename", "Gone=Here")
    other = d.base / "other"
    other.mkdir()
    d.diff(str(d.base), str(other), code=NOT_FOUND)
    d.file("other/here.schema.json", schema(1, title="Here", a=TEXT, b=INTEGER))
    check(d.json(str(d.base), str(other))["class"] == "LOSSY", "of two directories")


@desk
def a_terminal_is_asked(d):
    """One question after the other; the answers count like options."""
    before = d.file("a.json", schema(1, first=TEXT, secret=TEXT,
                                     status={"type": "string", "enum": ["todo", "done"]}))
    after = d.file("b.json", schema(2, givenName=TEXT,
                                    status={"type": "string", "enum": ["open", "done"]}))
    code, out, err = d.asked(["what?", "1", "1"], before, after)
    check(code == DESTRUCTIVE, code, out, err) # secret is alone now, and not consented
    check("it is called \"givenName\" now" in err and "Which?" in err, err)
    code, out, err = d.asked(["1", "1"], before, after, "--hide", "secret")
    check(code == OK and '{"rename": {"to": "givenName", "from": "first"}}' in out, out, err)
    check('[["todo", "open"], ["done", "done"]]' in out, out)
    code, out, err = d.asked(["d", "h", "d"], before, after)
    check(code == OK and '{"remove": "first"}' in out and '{"hide": "secret"}' in out, out, err)
    code, out, err = d.asked(["1"], before, after, "--strict")
    check(code == OPEN and "Which?" not in err, out, err)
    code, out, err = d.asked(["\x04"], before, after) # the end of input
    check(code == OPEN, code, out, err)


@desk
def s31_what_says_lossless_and_is_not_is_refused(d):
    """With the value that shows it, unless it is marked."""
    one = d.file("s.v1.json", schema(1, name=TEXT))
    two = d.file("s.v2.json", schema(2, name=TEXT))
    lower = {"convert": {"field": "name", "forward": ["lower"], "back": []}}
    d.node.run("schema", "put", one)
    migration = {"schema": "Note", "from": 1, "to": 2, "steps": [lower]}
    path = d.file("m.json", migration)
    for verb in "plan", "publish":
        done = d.node.call("migrate", verb, path, "--schema", two)
        check(done.returncode == CONDITION and
              "\"name\": lower is not lossless: \"Ada\" becomes \"ada\" and comes back as "
              "\"ada\"; mark it lossy" in done.stderr, done.stderr)
    lower["convert"]["lossy"] = True
    d.file("m.json", migration)
    d.node.run("migrate", "publish", path, "--schema", two)


@desk
def wrong_usage_is_named(d):
    """Exit 2, 5, 9; nothing is printed."""
    for words, code, says in [
            ((), USAGE, "schema diff needs a schema file"),
            ((d.one, str(d.base)), USAGE, "two files or two directories"),
            ((d.one, d.two, d.one), USAGE, "is not expected here"),
            ((d.one, d.two, "--rename", "first"), USAGE, "write OLD=NEW"),
            ((d.one, d.two, "--enum", "status=open"), USAGE, "write FIELD:OLD=NEW"),
            ((d.one, d.two, "--rename", "no=givenName"), USAGE, "the first is not gone"),
            ((d.one, d.two, "--drop", "size", "--drop", "nix"), USAGE, "drop \"nix\""),
            ((d.one, d.base / "none.json"), NOT_FOUND, "none.json"),
            (("Note@7",), NOT_FOUND, "Note"),
            ((d.one, d.file("x.json", "{")), INVALID, "x.json:1:"),
            ((d.one, d.two, "--answers", d.file("y.json", "[]")), INVALID, "must be an object"),
            ((d.one, d.two, "--answers", d.file("z.json", {"x": 1})), USAGE, "unknown member")]:
        out, err = d.diff(*map(str, words), code=code)
        check(out == "" and says in err, words, out, err)


@desk
def files_that_a_schema_refers_to_are_brought_along(d):
    """What is published stands for itself, whatever becomes of the files."""
    text = {"$defs": {"short": {"type": "string", "maxLength": 5}}}
    d.file("parts/text.json", text)
    d.file("parts/address.json", {
        "$id": "https://example.org/address", "type": "object",
        "properties": {"city": {"$ref": "text.json#/$defs/short"}, "in": {"$ref": "#"}}})
    shared = schema(1, title="Person", name={"$ref": "./parts/text.json#/$defs/short"},
                    home={"$ref": "parts/address.json"})
    path = d.file("person.schema.json", shared)
    d.node.json("schema", "put", path)
    out, _ = d.diff("Person@1", path)
    check("no change" in out, out)
    d.file("parts/text.json", {"$defs": {"short": {"type": "string", "maxLength": 9}}})
    out, _ = d.diff("Person@1", path)
    check("/$defs/parts~1text.json/$defs/short/maxLength was 5, is 9" in out, out)
    ana = d.node.json("new", "Person", "name=Ana", 'home:={"in":{"city":"Paris"}}')["id"]
    done = d.node.call("set", ana, "name=Anastasia")
    check(done.returncode == INVALID and "(/properties/name/$ref/maxLength)" in done.stderr,
          done.stderr)
    fields = {f["name"]: f["type"] for f in d.node.json("schema", "show", "Person")["registers"]}
    check(fields == {"name": "text", "home": "object"}, fields)
    for ref, code, says in (("../x.json", INVALID, "leads out of the schema's directory"),
                            ("none.json#/a", NOT_FOUND, "there is no such file"),
                            ("bad.json", INVALID, "bad.json:1:"),
                            ("seven.json", INVALID, "must be a schema"),
                            ("https://x/y", NOT_FOUND, "the network is never asked")):
        d.file("bad.json", "{")
        d.file("seven.json", "7")
        path = d.file("other.schema.json", schema(1, title="Other", a={"$ref": ref}))
        done = d.node.call("schema", "put", path)
        check(done.returncode == code and says in done.stderr, ref, done.stderr)


TESTS = [
    files_that_a_schema_refers_to_are_brought_along,
    a_removal_beside_an_addition_is_ambiguous,
    a_removal_needs_consent,
    what_the_words_say_can_be_published,
    a_schema_that_is_new_is_an_add,
    a_directory_is_compared_with_the_store,
    a_terminal_is_asked,
    s31_what_says_lossless_and_is_not_is_refused,
    wrong_usage_is_named,
]

if __name__ == "__main__":
    sys.exit(main(TESTS))
