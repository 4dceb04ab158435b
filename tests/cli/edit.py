#!/usr/bin/env python3
"""`cove edit`: a text, list or map in an editor, while others write.

    edit.py COVE [TEST…]

The editors here are scripts: "$EDITOR FILE" is all that the command knows.
"""
import contextlib
import json
import os
import pathlib
import stat
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "nodes"))
# pylint: disable-next=wrong-import-position
from node_kit import ENV, Node, check, finished, main  # noqa: E402

OK, ERROR, USAGE, NOT_FOUND, INVALID = 0, 1, 2, 5, 9


class Desk(Node):
    """A store, and editors beside it."""

    def __init__(self, cove, base):
        super().__init__(cove, base, "store")
        self.base = pathlib.Path(base)
        self.temp = self.base / "tmp"
        self.temp.mkdir()

    def editor(self, script):
        """A shell script that gets the file as $1."""
        path = self.base / "editor"
        path.write_text("#!/bin/sh\n" + script + "\n", "utf-8")
        path.chmod(0o755)
        return str(path)

    def edit(self, script, *words, code=OK, **env):
        """`cove edit` with that editor: the finished process."""
        clean = {k: v for k, v in ENV.items() if k != "VISUAL"}
        env = {**clean, "TMPDIR": str(self.temp), "EDITOR": self.editor(script), **env}
        done = finished(self.command("edit", *words), "", env=env)
        check(done.returncode == code, f"edit {words}: exit {done.returncode}, not {code}:",
              done.stderr)
        return done

    def cove_word(self, *words):
        """A verb on this store, for a script."""
        return " ".join(f"'{w}'" for w in self.command(*words))

    def left(self):
        """Files that editing left behind."""
        return sorted(os.listdir(self.temp))


@contextlib.contextmanager
def desk_of(cove):
    """A desk in a directory of its own."""
    with tempfile.TemporaryDirectory(prefix="cove-edit-") as base:
        yield Desk(cove, base)


def same(got, wanted, *detail):
    """Fail where two values differ."""
    check(got == wanted, *detail, f"gave {got!r}, not {wanted!r}")


def what_was_typed_is_written(cove):
    """A text; the file is only the user's, and gone afterwards."""
    with desk_of(cove) as d:
        text = d.new("text", "one two three\n")
        done = d.edit(f'stat -c %a "$1" > {d.base}/mode; sed -i s/two/2/ "$1"', text)
        same(done.stdout.strip(), text)
        same(d.run("text", text), "one 2 three\n")
        same((d.base / "mode").read_text("ascii").strip(), "600")
        same(d.left(), [])


def what_was_not_changed_writes_nothing(cove):
    """And says so."""
    with desk_of(cove) as d:
        text = d.new("text", "one")
        before = d.json("status")["digest"]
        same(d.edit("exit 0", text).stdout, "unchanged\n")
        same(d.edit('echo >> "$1"', text).stdout, "unchanged\n")
        done = d.edit("exit 0", "--json", text)
        same(json.loads(done.stdout), {"id": text, "changed": False})
        same(d.json("status")["digest"], before)


def an_editor_that_fails_writes_nothing(cove):
    """Whatever it left in the file; nor one that is not there, nor none."""
    with desk_of(cove) as d:
        text = d.new("text", "one")
        before = d.json("status")["digest"]
        done = d.edit('echo two > "$1"; exit 3', text, code=ERROR)
        check("failed; nothing was written" in done.stderr, done.stderr)
        d.edit('kill -9 $$', text, code=ERROR)
        done = d.edit("", text, code=ERROR, VISUAL="/no/such/editor")
        check("/no/such/editor" in done.stderr, done.stderr)
        done = d.edit("", text, code=USAGE, EDITOR="")
        check("set VISUAL or EDITOR" in done.stderr, done.stderr)
        same(d.json("status")["digest"], before)
        same(d.left(), [])


def what_others_write_meanwhile_stays(cove):
    """A text, a list and a map, each edited by another while the editor is
    open: insertions, deletions and changes of both are there."""
    with desk_of(cove) as d:
        text = d.new("text", "The quick brown fox\njumps over\nthe lazy dog\n")
        d.edit(f"""{d.cove_word("text", text, "replace", "4", "5", "slow")} >/dev/null
                   {d.cove_word("text", text, "insert", "end", "Really.")} >/dev/null
                   sed -i 's/lazy/sleepy/; s/brown fox/brown fox,/' "$1" """, text)
        same(d.run("text", text),
             "The slow brown fox,\njumps over\nthe sleepy dog\nReally.")

        lst = d.new("list", '["a","b","c","d"]')
        d.edit(f"""{d.cove_word("list", lst, "insert", "0", "first")} >/dev/null
                   {d.cove_word("list", lst, "delete", "3")} >/dev/null
                   sed -i 's/"b",/"B", {{"new": 1}},/' "$1" """, lst)
        same(d.json("list", lst)["items"], ["first", "a", "B", {"new": 1}, "d"])

        note = d.new("title=one", "stars:=1", "gone=yes", "kept=x")
        d.edit(f"""{d.cove_word("set", note, "stars:=2", "other=new")} >/dev/null
                   sed -i 's/"one"/"two"/; /"gone"/d' "$1" """, note)
        same(d.fields(note), {"title": "two", "stars": 2, "other": "new", "kept": "x"})
        same(d.left(), [])


def what_both_removed_is_gone_once(cove):
    """And what one removed stays removed where the other wrote beside it."""
    with desk_of(cove) as d:
        text = d.new("text", "abcdef")
        d.edit(f"""{d.cove_word("text", text, "delete", "1", "3")} >/dev/null
                   printf 'aXef' > "$1" """, text)
        same(d.run("text", text), "aXef")
        d.edit(f"""{d.cove_word("text", text, "update", "")} >/dev/null
                   printf 'aXef and more' > "$1" """, text)
        same(d.run("text", text), " and more")


def what_cannot_be_taken_is_kept(cove):
    """Broken JSON, what is no text, a lost right: with the file's name."""
    with desk_of(cove) as d:
        lst = d.new("list", '["a"]')
        done = d.edit('printf "[1,\\n oops" > "$1"', lst, code=INVALID)
        check("line 2 column" in done.stderr, done.stderr)
        kept = d.left()
        same(len(kept), 1)
        check(kept[0] in done.stderr, done.stderr)
        same((d.temp / kept[0]).read_text("utf-8"), "[1,\n oops")
        same(stat.S_IMODE((d.temp / kept[0]).stat().st_mode), 0o600)
        done = d.edit('printf "{}" > "$1"', lst, code=INVALID)
        check("a list is a JSON array" in done.stderr, done.stderr)
        text = d.new("text", "x")
        done = d.edit("printf '\\377' > \"$1\"", text, code=INVALID)
        check("UTF-8" in done.stderr, done.stderr)
        done = d.edit("rm \"$1\"", text, code=NOT_FOUND)
        same(d.run("text", text), "x")
        same(d.json("list", lst)["items"], ["a"])


def what_has_no_form_for_an_editor_is_refused(cove):
    """Counters, streams, blobs; what is not here."""
    with desk_of(cove) as d:
        for kind in ("counter", "stream", "blob"):
            done = d.edit("exit 0", d.new(kind), code=INVALID)
            check(f"is a {kind}" in done.stderr, done.stderr)
        d.edit("exit 0", "co_z1111111", code=NOT_FOUND)
        d.edit("exit 0", code=USAGE)


def a_long_text_is_edited_where_it_was_changed(cove):
    """Ten thousand lines, a few of them changed on both sides."""
    with desk_of(cove) as d:
        lines = [f"line {i}: the quick brown fox" for i in range(10000)]
        text = d.json("new", "text", "-", text="\n".join(lines))["id"]
        mine, theirs = list(lines), list(lines)
        for i in range(0, 10000, 500):
            mine[i] += " jumps"
        for i in range(250, 10000, 500):
            theirs[i] = theirs[i].replace("fox", "cat")
        (d.base / "mine").write_text("\n".join(mine), "utf-8")
        (d.base / "theirs").write_text("\n".join(theirs), "utf-8")
        d.edit(f"""{d.cove_word("text", text, "update", "-")} < {d.base}/theirs >/dev/null
                   cp {d.base}/mine "$1" """, text)
        both = [m if m != line else t for line, m, t in zip(lines, mine, theirs)]
        same(d.run("text", text), "\n".join(both))


if __name__ == "__main__":
    sys.exit(main([what_was_typed_is_written, what_was_not_changed_writes_nothing,
                   an_editor_that_fails_writes_nothing, what_others_write_meanwhile_stays,
                   what_both_removed_is_gone_once, what_cannot_be_taken_is_kept,
                   what_has_no_form_for_an_editor_is_refused,
                   a_long_text_is_edited_where_it_was_changed]))
