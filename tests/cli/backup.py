#!/usr/bin/env python3
"""Backups as people use them: made while the store is in use, listed, verified,
restored, and what damage, a full disk and wrong places get.

    backup.py COVE [TEST…]
"""
import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys

from cli_kit import OK, USAGE, NOT_FOUND, BUSY, DESTRUCTIVE, INVALID, ERROR, desk_of, refused, same
from node_kit import ENV, Node, check, converge, finished, link, main, nodes_of


def words(cove, *more, code=OK, **options):
    """A verb that needs no store; what it prints."""
    done = finished([cove, *more], **options)
    check(done.returncode == code, f"exit {done.returncode}, not {code}:", done.stderr)
    return done


def without_store(cove, *more, code=OK):
    """The same with --json: what it prints, parsed."""
    return json.loads(words(cove, "--json", *more, code=code).stdout)


def tree(path):
    """Each file below, and its bytes."""
    return {str(p.relative_to(path)): p.read_bytes() for p in sorted(path.rglob("*"))
            if p.is_file()}


def filled(node, count=40):
    """Some documents of several kinds."""
    ids = node.import_records([{"n": i, "text": "x" * (i % 50)} for i in range(count)])
    node.new("text", "hello")
    node.new("list", "[1,2,3]")
    return ids


def sessions(node, ident):
    """Those that a document was written in."""
    return {e["session"] for e in node.json("log", ident)["events"]}


# ------------------------------------------------------------- list, manifest

def a_backup_says_what_it_holds(cove):
    """In backup.json, and the store's own digests agree."""
    with desk_of(cove) as d:
        filled(d)
        made = d.json("backup", d.base / "b")
        status = d.json("status")
        said = json.loads((d.base / "b" / "backup.json").read_text("utf-8"))
        same(said["digests"], status["digests"], "digests")
        same(said["digest"], status["digest"], "digest")
        same((said["documents"], said["device"], said["bytes"], said["backup"]),
             (status["documents"], d.key, (d.base / "b" / "data.mdb").stat().st_size, 1), "counts")
        same((made["documents"], made["time"], made["sequence"], made["noted"]),
             (said["documents"], said["time"], said["sequence"], True), "reply")
        check(said["version"] and said["storeFormat"] >= 3 and said["transactions"] > 0, said)
        same(sorted(os.listdir(d.base / "b")), ["backup.json", "data.mdb", "device.key"], "files")


def backups_are_listed_with_what_became_of_them(cove):
    """Whole, gone, opened, damaged, replaced; from the store and from a directory."""
    with desk_of(cove) as d:
        filled(d)
        kinds = ("whole", "gone", "opened", "damaged", "replaced")
        for kind in kinds:
            d.run("backup", d.base / kind)
            d.new("more=1")
        shutil.rmtree(d.base / "gone")
        Node(cove, d.base, "opened").import_records([{"much": "y" * 3000} for _ in range(200)])
        with open(d.base / "damaged" / "data.mdb", "r+b") as file:
            file.truncate(8192)
        shutil.rmtree(d.base / "replaced")
        shutil.copytree(d.base / "whole", d.base / "replaced")
        listed = d.json("backup", "list")["backups"]
        same([(pathlib.Path(b["path"]).name, b["state"]) for b in listed],
             [(k, k) for k in kinds], "list")
        check(all(b["noted"] and b["documents"] > 40 and b["sequence"] and b["time"]
                  for b in listed), listed)
        said = d.run("backup", "list")
        check(all(k in said for k in kinds) and "documents" in said, said)
        found = without_store(cove, "backup", "list", d.base)["backups"]
        same([(pathlib.Path(b["path"]).name, b["state"]) for b in found],
             [("damaged", "damaged"), ("opened", "opened"), ("replaced", "whole"),
              ("whole", "whole")], "list PARENT")
        done = words(cove, "backup", "list", d.base / "nowhere", code=NOT_FOUND)
        check("cannot be listed" in done.stderr, done.stderr)


# --------------------------------------------------------------------- verify

def a_backup_that_is_verified_stays_as_it_was(cove):
    """Not a byte, not a file more; also on a medium that is not written."""
    with desk_of(cove) as d:
        filled(d)
        path = d.base / "b"
        d.run("backup", path)
        before = tree(path)
        path.chmod(0o500)
        try:
            reply = without_store(cove, "backup", "verify", path)
        finally:
            path.chmod(0o700)
        check(reply["whole"] and reply["sameBytes"] and reply["asMade"], reply)
        same((reply["damaged"], reply["differs"], reply["digest"]),
             ([], [], d.json("status")["digest"]), "verify")
        same(tree(path), before, "files")
        check("whole" in words(cove, "backup", "verify", path).stdout, "text")


def each_damaged_byte_of_a_backup_is_found(cove):
    """Any page of it, and what it is that is damaged where that can be told."""
    with desk_of(cove) as d:
        filled(d, 300)
        path = d.base / "b"
        d.run("backup", path)
        whole = (path / "data.mdb").read_bytes()
        named = 0
        for at in range(4096 * 2 + 2000, len(whole), max(4096, len(whole) // 24 // 4096 * 4096)):
            (path / "data.mdb").write_bytes(
                whole[:at] + bytes([whole[at] ^ 0x40]) + whole[at + 1:])
            done = finished([cove, "--json", "backup", "verify", path])
            check(done.returncode in (OK, INVALID), at, done.returncode, done.stderr)
            reply = json.loads(done.stdout)
            check(reply["sameBytes"] is False, at)
            named += bool(reply["damaged"])
        check(named > 0, "no damage was named")
        (path / "data.mdb").write_bytes(whole[:len(whole) // 2])
        done = words(cove, "backup", "verify", path, code=INVALID)
        check("damaged" in done.stdout, done.stdout)


def a_signature_that_is_not_right_is_named(cove):
    """With its document; the log reads, and does not verify."""
    with desk_of(cove) as d:
        ident = d.new("secret=abcdefghijkl")
        path = d.base / "b"
        d.run("backup", path)
        data = (path / "data.mdb").read_bytes()
        check(data.count(b"abcdefghijkl") == 1, "the value is not there once")
        (path / "data.mdb").write_bytes(data.replace(b"abcdefghijkl", b"abcdefghijkx"))
        reply = without_store(cove, "backup", "verify", path, code=INVALID)
        same([x["id"] for x in reply["damaged"]], [ident], "damaged")
        check("signature" in reply["damaged"][0]["why"], reply["damaged"])
        said = words(cove, "backup", "verify", path, code=INVALID).stdout
        check(ident in said and "signature" in said, said)
        done = d.call("backup", "restore", path, "--to", d.base / "new")
        check(done.returncode == ERROR and ident in done.stderr and "recover" in done.stderr,
              done.stderr)
        same(sorted(p.name for p in d.base.iterdir()), ["b", "store"], "what is left")


def a_backup_that_was_opened_is_whole_and_says_so(cove):
    """Another session began in it: other bytes, the same documents."""
    with desk_of(cove) as d:
        filled(d)
        d.run("backup", d.base / "b")
        copy = Node(cove, d.base, "b")
        reply = without_store(cove, "backup", "verify", d.base / "b")
        check(reply["whole"] and not reply["sameBytes"] and reply["asMade"], reply)
        check("opened since" in words(cove, "backup", "verify", d.base / "b").stdout, "text")
        copy.new("more=1")
        reply = without_store(cove, "backup", "verify", d.base / "b", code=INVALID)
        check(not reply["whole"] and reply["differs"] == [d.account] and not reply["damaged"],
              reply)


def a_backup_without_its_manifest_or_key_is_named(cove):
    """What is missing, and that nobody knows then whether it is all."""
    with desk_of(cove) as d:
        filled(d)
        path = d.base / "b"
        d.run("backup", path)
        manifest = (path / "backup.json").read_text("utf-8")
        (path / "backup.json").unlink()
        done = words(cove, "backup", "verify", path, code=INVALID)
        check("missing" in done.stdout and "not known" in done.stdout, done.stdout)
        for bad in ("", "{", "[]", "{}", manifest.replace('"hash":"', '"hash":"zz')):
            (path / "backup.json").write_text(bad, "utf-8")
            check(without_store(cove, "backup", "verify", path, code=INVALID)["manifest"]
                  not in ("read", "missing"), bad)
        (path / "backup.json").write_text(manifest.replace('"backup":1', '"backup":2'), "utf-8")
        done = words(cove, "backup", "verify", path, code=INVALID)
        check("newer" in done.stdout, done.stdout)
        (path / "backup.json").write_text(manifest, "utf-8")
        (path / "device.key").unlink()
        done = words(cove, "backup", "verify", path, code=INVALID)
        check("device.key" in done.stdout, done.stdout)
        done = d.call("backup", "restore", path, "--to", d.base / "new")
        check(done.returncode != OK and "device.key" in done.stderr, done.stderr)
        words(cove, "backup", "verify", d.base / "nowhere", code=NOT_FOUND)


# -------------------------------------------------------------------- restore

def a_restored_store_is_the_backup_with_a_session_of_its_own(cove):
    """In a new directory, or an empty one; the backup stays."""
    with desk_of(cove) as d:
        ids = filled(d)
        d.run("backup", d.base / "b")
        before = tree(d.base / "b")
        (d.base / "two").mkdir()
        for name in ("one", "two/"):
            reply = d.json("backup", "restore", d.base / "b", "--to", f"{d.base}/{name}")
            check(reply["device"] == d.key and "replaced" not in reply, reply)
            copy = Node(cove, d.base, name.rstrip("/"))
            same(copy.json("status")["digest"], d.json("status")["digest"], name)
            copy.run("set", ids[0], "n:=100")
            same(copy.json("check")["damaged"], [], name)
        d.run("set", ids[0], "n:=200")
        every = [sessions(Node(cove, d.base, n), ids[0]) for n in ("one", "two", "store")]
        same(len(set().union(*every)), 3, "sessions")
        same(tree(d.base / "b"), before, "the backup changed")
        same([pathlib.Path(b["path"]).name for b in
              Node(cove, d.base, "one").json("backup", "list")["backups"]], ["b"], "noted")


def a_restore_in_place_keeps_what_was_there(cove):
    """With -y only, under a name with the date."""
    with desk_of(cove) as d:
        ids = filled(d)
        d.run("backup", d.base / "b")
        early = d.json("status")["digest"]
        d.run("set", ids[0], "n:=100")
        late = d.json("status")["digest"]
        refused(d, ["backup", "restore", d.base / "b"], DESTRUCTIVE, "-y", ".replaced-", "--to")
        reply = d.json("backup", "restore", d.base / "b", "-y")
        same(d.json("status")["digest"], early, "restored")
        old = pathlib.Path(reply["replaced"])
        check(old.parent == d.base and old.name.startswith("store.replaced-20"), old)
        same(Node(cove, d.base, old.name).json("status")["digest"], late, "kept")
        again = d.json("backup", "restore", d.base / "b", "-y")
        check(again["replaced"] != reply["replaced"], again)
        same(len([p for p in d.base.iterdir() if ".replaced-" in p.name]), 2, "kept both")
        check(not list(d.base.glob("*.restore")) and not list(d.base.glob("*.part")), "left")


def a_store_that_is_dead_is_restored_over(cove):
    """What does not open any more, or is no longer there, is no hindrance."""
    with desk_of(cove) as d:
        filled(d)
        d.run("backup", d.base / "b")
        digest = d.json("status")["digest"]
        data = d.dir / "data.mdb"
        data.write_bytes(b"\0" * 9000)
        check(d.call("status").returncode != OK, "it opens")
        d.run("backup", "restore", d.base / "b", "-y")
        same(d.json("status")["digest"], digest, "restored")
        shutil.rmtree(d.dir)
        d.run("backup", "restore", d.base / "b")
        same(d.json("status")["digest"], digest, "restored to nothing")


def a_store_in_use_is_not_restored_over(cove):
    """Who has it open is named."""
    with desk_of(cove) as d:
        filled(d)
        d.run("backup", d.base / "b")
        d.serve()
        refused(d, ["backup", "restore", d.base / "b", "-y"], BUSY, str(d.daemon.pid), "stop it")
        d.stop()
        d.run("backup", "restore", d.base / "b", "-y")


def a_restored_device_and_its_peers_meet_without_a_fork(cove):
    """A14: what the peer had since comes back; both sides go on."""
    with nodes_of(cove, "alice", "bob") as (alice, bob):
        base = alice.dir.parent
        group = alice.new("group", "--member", f"{bob.key}=writer")
        ident = alice.new("--owner", group, "n:=1")
        alice.serve()
        bob.serve()
        link(bob, alice)
        converge([alice, bob])
        alice.run("backup", base / "b")
        alice.run("set", ident, "n:=2")             # lost here, and held by bob
        converge([alice, bob])
        alice.stop()
        alice.run("backup", "restore", base / "b", "-y")
        same(alice.fields(ident), {"n": 1}, "as of the backup")
        alice.run("set", ident, "m:=3")
        alice.serve()
        link(bob, alice)
        converge([alice, bob])
        for node in (alice, bob):
            same(node.fields(ident), {"n": 2, "m": 3}, node.name)
            check("fork" not in json.dumps(node.json("check")), node.name)
            same(node.json("check")["damaged"], [], node.name)
        same(len(sessions(bob, ident)), 2, "sessions")


# --------------------------------------------------------------- wrong places

def nothing_is_made_in_a_wrong_place(cove):
    """Onto itself, the store, what exists, what another left."""
    with desk_of(cove) as d:
        filled(d)
        d.run("backup", d.base / "b")
        (d.base / "file").write_text("x", "utf-8")
        (d.base / "full").mkdir()
        (d.base / "full" / "x").write_text("x", "utf-8")
        (d.base / "c.part").mkdir()
        (d.base / "e.restore").mkdir()
        before = tree(d.base)
        for words_, code, *says in (
                (["backup", d.dir], INVALID, "new directory"),
                (["backup", d.base / "b"], INVALID, "new directory"),
                (["backup", f"{d.base}/b/"], INVALID, "new directory"),
                (["backup", d.dir / "inside"], USAGE, "own directory"),
                (["backup", d.base / "c"], INVALID, "c.part", "remove it"),
                (["backup", ""], USAGE, "empty"),
                (["backup", d.base / "no" / "where"], NOT_FOUND, "above it"),
                (["backup", "restore", d.base / "full", "--to", d.base / "x"], NOT_FOUND,
                 "no backup", "backup list"),
                (["backup", "restore", d.base / "b", "--to", d.base / "full"], INVALID,
                 "no store"),
                (["backup", "restore", d.base / "b", "--to", d.base / "file"], INVALID,
                 "no store"),
                (["backup", "restore", d.base / "b", "--to", d.dir], DESTRUCTIVE, "--to"),
                (["backup", "restore", d.base / "b", "--to", d.base / "b"], USAGE, "itself"),
                (["backup", "restore", d.base / "b", "--to", d.base / "e"], INVALID, "e.restore"),
                (["backup", "restore", d.base / "b", "--to", d.base / "no" / "where"], NOT_FOUND,
                 "cannot be made"),
                (["backup", "restore"], USAGE, "directory"),
                (["backup", "verify"], USAGE, "directory"),
                (["backup", "restore", d.base / "b", "--to"], USAGE, "--to")):
            refused(d, words_, code, *says)
        after = tree(d.base)
        for name in ("store/data.mdb", "store/lock.mdb", "store/changed"):
            before.pop(name, None)
            after.pop(name, None)
        same(sorted(after), sorted(before), "files")


def a_full_disk_leaves_no_half_backup(cove):
    """Nor a half restored store; what is there stays."""
    with desk_of(cove) as d:
        filled(d, 2000)
        d.run("backup", d.base / "b")
        digest = d.json("status")["digest"]

        def small():
            resource.setrlimit(resource.RLIMIT_FSIZE, (200000, 200000))

        for more in (["backup", d.base / "c"], ["backup", "restore", d.base / "b", "-y"],
                     ["backup", "restore", d.base / "b", "--to", d.base / "new"]):
            done = subprocess.run(
                ["env", "--ignore-signal=XFSZ", *d.command(*more)], env=ENV, preexec_fn=small,
                capture_output=True, encoding="utf-8", check=False)
            check(done.returncode == ERROR and "nothing was left" in done.stderr or
                  "no copy was left" in done.stderr, more, done.returncode, done.stderr)
            same(sorted(p.name for p in d.base.iterdir()), ["b", "store"], "what is left")
        same(d.json("status")["digest"], digest, "the store")


TESTS = [
    a_backup_says_what_it_holds,
    backups_are_listed_with_what_became_of_them,
    a_backup_that_is_verified_stays_as_it_was,
    each_damaged_byte_of_a_backup_is_found,
    a_signature_that_is_not_right_is_named,
    a_backup_that_was_opened_is_whole_and_says_so,
    a_backup_without_its_manifest_or_key_is_named,
    a_restored_store_is_the_backup_with_a_session_of_its_own,
    a_restore_in_place_keeps_what_was_there,
    a_store_that_is_dead_is_restored_over,
    a_store_in_use_is_not_restored_over,
    a_restored_device_and_its_peers_meet_without_a_fork,
    nothing_is_made_in_a_wrong_place,
    a_full_disk_leaves_no_half_backup,
]

if __name__ == "__main__":
    sys.exit(main(TESTS))
