#!/usr/bin/env python3
"""A store that a former version wrote: copied, then taken over in place; and
what a full disk, a crash and two processes make of that.

    upgrade.py COVE GOLDEN [TEST…]

GOLDEN is a store of format 3, as the version before this format wrote it.
"""
import contextlib
import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tarfile
import tempfile

from cli_kit import OK, ERROR, CONDITION, same
from node_kit import ENV, STARTED, Node, check, finished, main

GOLDEN = sys.argv.pop(2)
DIGEST = "da7b8e7d16781ede809eaa194afbcac6248821a3343815648caf5e3a0c972a0b"
DEVICE = "0b3704d810a804f467f4bcbf43f37dde09b6a09fab6d79dd86c6db678869c8fc"


@contextlib.contextmanager
def former():
    """The store, in a directory of its own."""
    with tempfile.TemporaryDirectory(prefix="cove-upgrade-") as base:
        base = pathlib.Path(base)
        unpack(base / "s")
        yield base


def unpack(path):
    """The store as it was written."""
    path.mkdir(mode=0o700)
    with tarfile.open(GOLDEN) as tar:
        tar.extractall(path)


def cove_run(cove, *words, env=None, **more):
    """The finished process."""
    return finished([cove, *words], env={**ENV, **(env or {})}, **more)


def shows(cove, path):
    """What the store shows, all that it showed before included."""
    done = cove_run(cove, "-d", path, "--json", "status")
    check(done.returncode == OK, done.stderr)
    same(json.loads(done.stdout)["digest"], DIGEST, "digest")
    done = cove_run(cove, "-d", path, "--json", "check")
    same(json.loads(done.stdout)["damaged"], [], "check")
    return done


def data_of(path):
    """The bytes of the store's file."""
    return (path / "data.mdb").read_bytes()


# ----------------------------------------------------------------------------

def a_former_store_is_copied_and_taken_over(cove):
    """All documents are there, the copy is noted, and it happens once."""
    with former() as base:
        done = cove_run(cove, "-d", base / "s", "--json", "status")
        check(done.returncode == OK and "s.format-3-backup" in done.stderr and
              "taken over" in done.stderr, done.stderr)
        status = json.loads(done.stdout)
        same((status["digest"], status["documents"]), (DIGEST, 11), "status")
        done = cove_run(cove, "-d", base / "s", "status")
        same(done.stderr, "", "the second time")
        same(sorted(p.name for p in base.iterdir()), ["s", "s.format-3-backup"], "files")
        node = Node(cove, base, "s")
        same(node.key, DEVICE, "device")
        listed = node.json("backup", "list")["backups"]
        same([(b["path"], b["state"]) for b in listed],
             [(str((base / "s.format-3-backup").resolve()), "whole")], "list")
        verified = cove_run(cove, "--json", "backup", "verify", base / "s.format-3-backup")
        reply = json.loads(verified.stdout)
        check(verified.returncode == OK and reply["whole"] and reply["former"] and
              reply["format"] == 3, reply)
        said = cove_run(cove, "backup", "verify", base / "s.format-3-backup").stdout
        check("former" in said and "byte for byte" in said, said)
        node.new("later=1")
        same([m["name"] for m in node.json("mark")["marks"]], ["before"], "marks")


def the_copy_is_a_store_to_go_back_to(cove):
    """It is restored, and taken over then; without another copy."""
    with former() as base:
        cove_run(cove, "-d", base / "s", "status")
        shutil.rmtree(base / "s")
        done = cove_run(cove, "-d", base / "s", "backup", "restore", base / "s.format-3-backup")
        check(done.returncode == OK, done.stderr)
        shows(cove, base / "s")
        same(sorted(p.name for p in base.iterdir()), ["s", "s.format-3-backup"], "files")


def an_upgrade_can_be_refused_or_done_without_a_copy(cove):
    """As somebody wants who has too little room, or an older app beside it."""
    with former() as base:
        done = cove_run(cove, "-d", base / "s", "status", env={"COVE_UPGRADE": "no"})
        check(done.returncode == CONDITION and "format 3" in done.stderr, done.stderr)
        same([p.name for p in base.iterdir()], ["s"], "files")
        done = cove_run(cove, "-d", base / "s", "status", env={"COVE_UPGRADE": "no-backup"})
        same((done.returncode, done.stderr), (OK, ""), "no-backup")
        same([p.name for p in base.iterdir()], ["s"], "files")
        shows(cove, base / "s")


def without_room_for_the_copy_nothing_is_changed(cove):
    """Neither on a full disk, nor beside a directory that cannot be written."""
    with former() as base:
        def small():
            resource.setrlimit(resource.RLIMIT_FSIZE, (50000, 50000))

        done = subprocess.run(["env", "--ignore-signal=XFSZ", cove, "-d", str(base / "s"),
                               "status"], env=ENV, preexec_fn=small, capture_output=True,
                              encoding="utf-8", check=False)
        check(done.returncode == ERROR and "make room" in done.stderr, done.stderr)
        same([p.name for p in base.iterdir()], ["s"], "files")
        if os.geteuid() != 0:       # root may write anywhere
            base.chmod(0o500)
            done = cove_run(cove, "-d", base / "s", "status")
            base.chmod(0o700)
            check(done.returncode == ERROR and "backup" in done.stderr, done.stderr)
        done = cove_run(cove, "-d", base / "s", "status", env={"COVE_UPGRADE": "no"})
        check(done.returncode == CONDITION, "it was taken over")
        shows(cove, base / "s")


def what_a_crash_leaves_is_the_one_or_the_other(cove):
    """Killed at any moment, and opened again."""
    with former() as base:
        seen = set()
        for number in range(24):
            path = base / f"s{number}"
            unpack(path)
            # pylint: disable-next=consider-using-with
            process = subprocess.Popen([cove, "-d", str(path), "status"], env=ENV,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            STARTED.append(process)
            for _ in range(number * 4000):
                if process.poll() is not None:
                    break
            process.kill()
            process.wait()
            copies = [p.name for p in base.iterdir() if p.name.startswith(f"s{number}.")]
            seen.add(len(copies))
            done = cove_run(cove, "-d", path, "--json", "status", env={"COVE_UPGRADE": "no"})
            former_still = done.returncode == CONDITION
            check(former_still or f"s{number}.format-3-backup" in copies,
                  "taken over without a copy", copies)
            shows(cove, path)
            whole = base / f"s{number}.format-3-backup"
            done = cove_run(cove, "backup", "verify", whole)
            check(done.returncode == OK, done.stdout, done.stderr)
            for left in base.glob(f"s{number}*"):
                shutil.rmtree(left)
        check(seen, seen)


def a_copy_that_is_there_is_not_made_again(cove):
    """A crash behind it; but one of another past stays, and gets a neighbour."""
    with former() as base:
        cove_run(cove, "-d", base / "s", "status")
        copy = data_of(base / "s.format-3-backup")
        shutil.rmtree(base / "s")
        unpack(base / "s")
        shows(cove, base / "s")
        same(sorted(p.name for p in base.iterdir()), ["s", "s.format-3-backup"], "the same past")
        shutil.rmtree(base / "s")
        unpack(base / "s")
        manifest = base / "s.format-3-backup" / "backup.json"
        other = json.loads(manifest.read_text("utf-8"))
        other["sequence"] += 1
        manifest.write_text(json.dumps(other), "utf-8")
        shows(cove, base / "s")
        same(sorted(p.name for p in base.iterdir()),
             ["s", "s.format-3-backup", "s.format-3-backup-2"], "another past")
        same(data_of(base / "s.format-3-backup"), copy, "written over")
        same(data_of(base / "s.format-3-backup-2"), copy, "the copy")


def two_that_open_it_at_once_take_it_over_once(cove):
    """One copy stays, and both go on."""
    with former() as base:
        for number in range(5):
            path = base / f"s{number}"
            unpack(path)
            # pylint: disable-next=consider-using-with
            both = [subprocess.Popen([cove, "-d", str(path), "--json", "status"], env=ENV,
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                     encoding="utf-8") for _ in range(2)]
            STARTED.extend(both)
            for process in both:
                out, err = process.communicate(timeout=60)
                check(process.returncode == OK, err)
                same(json.loads(out)["digest"], DIGEST, number)
            same(sorted(p.name for p in base.iterdir() if p.name.startswith(f"s{number}.")),
                 [f"s{number}.format-3-backup"], "copies")


TESTS = [
    a_former_store_is_copied_and_taken_over,
    the_copy_is_a_store_to_go_back_to,
    an_upgrade_can_be_refused_or_done_without_a_copy,
    without_room_for_the_copy_nothing_is_changed,
    what_a_crash_leaves_is_the_one_or_the_other,
    a_copy_that_is_there_is_not_made_again,
    two_that_open_it_at_once_take_it_over_once,
]

if __name__ == "__main__":
    sys.exit(main(TESTS))
