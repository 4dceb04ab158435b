#!/usr/bin/env python3
"""Stores that are copied, moved, put back and opened beside each other: a
session is never written by two, whoever did what to the files.

    clones.py COVE [TEST…]
"""
import os
import shutil
import sys

from cli_kit import desk_of, same
from node_kit import Node, check, converge, link, main, nodes_of


def sessions(node, ident):
    """Those that a document was written in."""
    return {e["session"] for e in node.json("log", ident)["events"]}


def apart(ident, *nodes):
    """Each writes, and none in a session of another."""
    before = sessions(nodes[0], ident)
    mine = []
    for number, node in enumerate(nodes):
        node.run("set", ident, f"by{number}:=1")
        mine.append(sessions(node, ident) - before or before)
    for i, one in enumerate(mine):
        for other in mine[i + 1:]:
            check(not one & other, "one session, two stores:", one & other)


def a_copied_directory_begins_a_session(cove):
    """A14: the nonce is copied along; the file is another."""
    with desk_of(cove) as d:
        ident = d.new("n=1")
        shutil.copytree(d.dir, d.base / "copy")
        apart(ident, d, Node(cove, d.base, "copy"))


def a_moved_directory_goes_on_with_its_session(cove):
    """It is the same file, and there is but one."""
    with desk_of(cove) as d:
        ident = d.new("n=1")
        os.rename(d.dir, d.base / "moved")
        moved = Node(cove, d.base, "moved")
        moved.run("set", ident, "n=2")
        same(len(sessions(moved, ident)), 1, "sessions")


def a_lost_side_file_ends_the_session(cove):
    """Nobody knows then whether it is the same store."""
    with desk_of(cove) as d:
        ident = d.new("n=1")
        (d.dir / "nonce").unlink()
        d.run("set", ident, "n=2")
        same(len(sessions(d, ident)), 2, "sessions")
        d.run("set", ident, "n=3")
        same(len(sessions(d, ident)), 2, "sessions once there is one again")
        for spoilt in ("", "x", (d.dir / "nonce").read_text("utf-8")[1:]):
            (d.dir / "nonce").write_text(spoilt, "utf-8")
            before = len(sessions(d, ident))
            d.run("set", ident, "n=4")
            same(len(sessions(d, ident)), before + 1, "sessions", spoilt)


def a_backup_put_in_place_by_hand_begins_a_session(cove):
    """Into the very file, so that machine, device and inode are the same."""
    with desk_of(cove) as d:
        ident = d.new("n=1")
        d.run("backup", d.base / "b")
        d.run("set", ident, "lost=1")
        lost = sessions(d, ident)
        inode = (d.dir / "data.mdb").stat().st_ino
        with open(d.dir / "data.mdb", "r+b") as file:
            file.write((d.base / "b" / "data.mdb").read_bytes())
            file.truncate()
        same((d.dir / "data.mdb").stat().st_ino, inode, "inode")
        check("lost" not in d.fields(ident), "it is not the backup")
        d.run("set", ident, "n=2")
        same(len(sessions(d, ident) - lost), 1, "sessions")


def an_inode_that_is_used_again_is_no_proof(cove):
    """The file of another store of this device, in the place of one that was
    removed."""
    with desk_of(cove) as d:
        ident = d.new("n=1")
        d.run("backup", d.base / "other")
        other = Node(cove, d.base, "other")
        other.run("set", ident, "other=1")
        known = sessions(d, ident) | sessions(other, ident)
        with open(d.dir / "data.mdb", "r+b") as file:
            file.write((other.dir / "data.mdb").read_bytes())
            file.truncate()
        d.run("set", ident, "n=2")
        same(len(sessions(d, ident) - known), 1, "sessions")


def a_clone_beside_the_original_and_both_with_a_third(cove):
    """A14: all three have everything, and there is no fork."""
    with nodes_of(cove, "alice", "bob") as (alice, bob):
        base = alice.dir.parent
        group = alice.new("group", "--member", f"{bob.key}=writer")
        ident = alice.new("--owner", group, "n:=1")
        shutil.copytree(alice.dir, base / "clone")
        clone = Node(cove, base, "clone")
        apart(ident, alice, clone)
        for node in (alice, bob):
            node.serve()
        link(bob, alice)
        converge([alice, bob])
        alice.stop()
        clone.serve()
        link(bob, clone)
        converge([clone, bob])
        clone.stop()
        alice.serve()
        link(bob, alice)
        converge([alice, bob])
        bob.stop()
        alice.stop()
        for node in (alice, bob, clone):
            same(node.fields(ident), {"n": 1, "by0": 1, "by1": 1}, node.name)
            same(node.json("check")["damaged"], [], node.name)
        same(len(sessions(bob, ident)), 2, "sessions")


def an_old_state_put_back_whole_meets_its_peer_without_a_fork(cove):
    """A14: every file of the directory as it was, in place: the peer knows more."""
    with nodes_of(cove, "alice", "bob") as (alice, bob):
        group = alice.new("group", "--member", f"{bob.key}=writer")
        ident = alice.new("--owner", group, "n:=1")
        kept = {p.name: p.read_bytes() for p in alice.dir.iterdir() if p.is_file()}
        alice.run("set", ident, "n:=2")
        for node in (alice, bob):
            node.serve()
        link(bob, alice)
        converge([alice, bob])
        alice.stop()
        for name in ("data.mdb", "nonce"):
            with open(alice.dir / name, "r+b") as file:
                file.write(kept[name])
                file.truncate()
        same(alice.fields(ident), {"n": 1}, "as it was")
        alice.serve()
        link(bob, alice)
        converge([alice, bob])
        alice.run("set", ident, "n:=3")
        converge([alice, bob])
        bob.stop()
        alice.stop()
        for node in (alice, bob):
            same(node.fields(ident), {"n": 3}, node.name)
            same(node.json("check")["damaged"], [], node.name)
        same(len(sessions(bob, ident)), 2, "sessions")


TESTS = [
    a_copied_directory_begins_a_session,
    a_moved_directory_goes_on_with_its_session,
    a_lost_side_file_ends_the_session,
    a_backup_put_in_place_by_hand_begins_a_session,
    an_inode_that_is_used_again_is_no_proof,
    a_clone_beside_the_original_and_both_with_a_third,
    an_old_state_put_back_whole_meets_its_peer_without_a_fork,
]

if __name__ == "__main__":
    sys.exit(main(TESTS))
