#!/usr/bin/env python3
"""Blobs from the command line: put, get, pipes, a put that was killed.

    blob.py COVE [TEST…]
"""
import hashlib
import os
import random
import stat
import subprocess
import sys
import time

from cli_kit import (
    OK, ERROR, USAGE, CONDITION, NOT_FOUND, DESTRUCTIVE, INVALID, desk_of, refused, same)
from node_kit import ENV, Node, check, main, terminal, until

MIB = 1 << 20


class Desk(Node):
    """A store, and files beside it."""

    def file(self, name, size, seed=1):
        """A file of random bytes."""
        path = self.base / name
        path.write_bytes(random.Random(seed).randbytes(size))
        return path

    def pipe(self, words, data):
        """A verb with bytes through a pipe: the finished process."""
        return subprocess.run(self.command(*words), input=data, env=ENV, capture_output=True,
                              check=False, timeout=120)

    def bytes(self, ident):
        """What a blob holds."""
        done = subprocess.run(self.command("blob", "get", ident, "-"), env=ENV,
                              capture_output=True, check=False, timeout=120)
        check(done.returncode == OK, done.stderr.decode())
        return done.stdout


def a_file_goes_in_and_comes_out(cove):
    """Empty, small, at the edge of a chunk, of several commits."""
    with desk_of(cove, Desk) as d:
        for size in (0, 1, 59999, 60000, 60001, 65536, 9 * MIB + 7):
            blob = d.new("blob")
            path = d.file("in", size, size)
            got = d.json("blob", "put", blob, path, "--mime", "application/x-test")
            same((got["bytes"], got["resumed"]), (size, 0))
            shown = d.json("blob", "show", blob)
            same((shown["name"], shown["mime"], shown["bytes"], shown["held"], shown["whole"]),
                 ("in", "application/x-test", size, size, True))
            same(d.json("get", blob)["hash"], shown["hash"])
            out = d.base / f"out{size}"
            d.run("blob", "get", blob, out)
            same(out.read_bytes() == path.read_bytes(), True, size)
            check(stat.S_IMODE(out.stat().st_mode) & 0o077 == 0o044 or os.umask(0o22) != 0o22,
                  oct(out.stat().st_mode))
            check(not list(d.base.glob("*.part")), "a part was left")


def what_comes_through_a_pipe_has_no_size_before_it_ends(cove):
    """And no name; both may be said."""
    with desk_of(cove, Desk) as d:
        data = random.Random(3).randbytes(5 * MIB)
        blob = d.new("blob")
        done = d.pipe(["blob", "put", blob, "-"], data)
        same(done.returncode, OK, done.stderr)
        shown = d.json("blob", "show", blob)
        same((shown["name"], shown["bytes"], shown["whole"]), (None, 5 * MIB, True))
        same(d.bytes(blob) == data, True)
        done = d.pipe(["blob", "put", blob, "-", "--bytes", "4", "--name", "four"], b"abc")
        same(done.returncode, CONDITION, done.stderr)
        check(b"3 bytes" in done.stderr, done.stderr)
        done = d.pipe(["blob", "put", blob, "-", "--bytes", "2", "--name", "two"], b"abc")
        same(done.returncode, CONDITION, done.stderr)
        same(d.bytes(blob) == data, True, "what is shown stays what it was")
        done = d.pipe(["blob", "put", blob, "-", "--bytes", "3", "--name", "three"], b"abc")
        same(done.returncode, OK, done.stderr)
        same(d.bytes(blob), b"abc")


def killed(d, words, feed=None):
    """Start a put, kill it when something of it is committed."""
    # pylint: disable-next=consider-using-with
    process = subprocess.Popen(d.command(*words), env=ENV, stdin=subprocess.PIPE,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    blob = words[2]
    if feed:
        process.stdin.write(feed)
        process.stdin.flush()

    def begun():
        done = d.call("--json", "blob", "show", blob)
        return done.returncode == OK or process.poll() is not None
    until("a first commit", begun, pause=0)
    process.kill()
    process.wait()
    process.stdin.close()


def a_put_that_was_killed_goes_on_where_it_was(cove):
    """kill -9 between two commits; the bytes are those of the file."""
    with desk_of(cove, Desk) as d:
        path = d.file("in", 64 * MIB)
        blob = d.new("blob")
        killed(d, ["blob", "put", blob, path])
        shown = d.json("blob", "show", blob)
        if shown["whole"]:
            return "this machine was too fast to be interrupted"
        check(0 < shown["held"] < 64 * MIB, shown)
        refused(d, ["blob", "get", blob, d.base / "out"], CONDITION, "is not whole here",
                str(shown["held"]))
        check(not (d.base / "out").exists(), "a file was made")
        got = d.json("blob", "put", blob, path)
        check(got["resumed"] >= shown["held"], got)
        same(got["bytes"], 64 * MIB)
        same(hashlib.sha256(d.bytes(blob)).digest(),
             hashlib.sha256(path.read_bytes()).digest())
    return None


def another_file_of_the_same_name_and_size_is_put_anew(cove):
    """What the killed put left is not mixed into it."""
    with desk_of(cove, Desk) as d:
        path = d.file("in", 48 * MIB)
        blob = d.new("blob")
        killed(d, ["blob", "put", blob, path])
        if d.json("blob", "show", blob)["whole"]:
            return "this machine was too fast to be interrupted"
        d.file("in", 48 * MIB, seed=2)
        d.run("blob", "put", blob, path)
        same(d.bytes(blob) == path.read_bytes(), True)
    return None


def a_pipe_that_was_cut_goes_on_when_that_is_said(cove):
    """Never by itself: nobody knows what comes through the next one."""
    with desk_of(cove, Desk) as d:
        data = random.Random(5).randbytes(20 * MIB)
        blob = d.new("blob")
        killed(d, ["blob", "put", blob, "-"], data[:9 * MIB])
        held = d.json("blob", "show", blob)["held"]
        check(0 < held < 9 * MIB, held)
        done = d.pipe(["blob", "put", blob, "-"], data)
        same(done.returncode, CONDITION, done.stderr)
        check(b"--resume" in done.stderr, done.stderr)
        done = d.pipe(["blob", "put", blob, "-", "--resume"], data[:100])
        same(done.returncode, INVALID, done.stderr)
        done = d.pipe(["blob", "put", blob, "-", "--resume"], data)
        same(done.returncode, OK, done.stderr)
        same(d.bytes(blob) == data, True)


def nothing_is_written_over(cove):
    """A file stays without -y, and while the new one is not whole."""
    with desk_of(cove, Desk) as d:
        blob, out = d.new("blob"), d.base / "out"
        refused(d, ["blob", "get", blob, out], NOT_FOUND, "no blob was written")
        d.run("blob", "put", blob, d.file("in", 1000))
        out.write_text("mine", "utf-8")
        refused(d, ["blob", "get", blob, out], DESTRUCTIVE, "-y")
        same(out.read_text("utf-8"), "mine")
        d.run("-y", "blob", "get", blob, out)
        same(out.read_bytes(), (d.base / "in").read_bytes())
        refused(d, ["blob", "get", blob, d.base], USAGE, "is a directory")
        refused(d, ["blob", "get", blob, "/no/such/place"], ERROR, "/no/such/place")
        refused(d, ["-y", "blob", "get", blob, "/dev/null"], USAGE, "no plain file")
        same(sorted(os.listdir(d.base)), ["in", "out", "store"])


def what_is_no_file_is_refused(cove):
    """A directory, nothing, another type."""
    with desk_of(cove, Desk) as d:
        blob = d.new("blob")
        refused(d, ["blob", "put", blob, d.base], USAGE, "is a directory")
        refused(d, ["blob", "put", blob, d.base / "none"], NOT_FOUND, "none")
        refused(d, ["blob", "put", blob], USAGE, "a file")
        refused(d, ["blob", "put"], USAGE, "ID")
        refused(d, ["blob", "put", d.new("text"), __file__], INVALID, "is a text")
        refused(d, ["blob", "put", blob, __file__, "--name", "n" * 70000], INVALID)
        refused(d, ["blob", "take", blob], USAGE, "put, get, show")
        refused(d, ["blob", "show", blob], NOT_FOUND, "no blob was written")


def a_terminal_gets_progress_and_no_bytes(cove):
    """A line that changes; a pipe gets whole lines, or none."""
    with desk_of(cove, Desk) as d:
        path, blob = d.file("in", 30 * MIB), d.new("blob")
        keeper, end = terminal()
        done = subprocess.run(d.command("blob", "put", blob, path), env=ENV, stderr=end,
                              stdout=subprocess.PIPE, check=False, timeout=120)
        same(done.returncode, OK)
        shown = os.read(keeper, 65536).decode()
        check("\r" in shown and "bytes" in shown and "a second" in shown, shown)
        done = subprocess.run(d.command("blob", "get", blob), env=ENV, stdout=end,
                              stderr=subprocess.PIPE, check=False, timeout=120)
        same(done.returncode, USAGE)
        check(b"name a file" in done.stderr, done.stderr)
        os.close(end)
        os.close(keeper)
        start = time.monotonic()
        done = d.call("blob", "get", blob, d.base / "out")
        check(time.monotonic() - start > 1 or done.stderr == "", done.stderr)


if __name__ == "__main__":
    sys.exit(main([a_file_goes_in_and_comes_out,
                   what_comes_through_a_pipe_has_no_size_before_it_ends,
                   a_put_that_was_killed_goes_on_where_it_was,
                   another_file_of_the_same_name_and_size_is_put_anew,
                   a_pipe_that_was_cut_goes_on_when_that_is_said, nothing_is_written_over,
                   what_is_no_file_is_refused, a_terminal_gets_progress_and_no_bytes]))
