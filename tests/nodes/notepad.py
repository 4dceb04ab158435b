#!/usr/bin/env python3
"""examples/notepad in two processes: both type at once, both end with one text.

    notepad.py COVE NOTEPAD [TEST…]
"""
import random
import subprocess
import sys
import threading

from node_kit import DEADLINE, ENV, STARTED, check, main, nodes_of, until

NOTEPAD = sys.argv.pop(2)


class Pad:
    """A notepad on a node's store."""

    def __init__(self, node, text):
        self.shown = ""
        # pylint: disable-next=consider-using-with
        self.process = subprocess.Popen(
            [NOTEPAD, str(node.dir), text] + ([node.address] if node.address else []), env=ENV,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")
        STARTED.append(self.process)
        threading.Thread(target=self.watch, daemon=True).start()

    def watch(self):
        """Keep what was printed last."""
        text = ""
        for line in self.process.stdout:
            if line == "----\n":
                self.shown, text = text[:-1], ""
            else:
                text += line

    def type(self, line):
        """An edit."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def end(self):
        """The end of its input ends it."""
        self.process.stdin.close()
        check(self.process.wait(DEADLINE) == 0, "it failed")


def two_who_type_at_once_end_with_one_text(cove):
    """Each letter of both is there, and each one's words are in one piece."""
    with nodes_of(cove, "alice", "bob") as (alice, bob):
        group = alice.json("new", "group", "--member", f"{bob.key}=writer")["id"]
        text = alice.json("new", "text", "--owner", group)["id"]
        alice.address = f"127.0.0.1:{random.randrange(20000, 32000)}"
        alice.run("peer", "add", bob.key)
        bob.run("peer", "add", alice.key, alice.address)
        pads = Pad(alice, text), Pad(bob, text)
        words = {0: "the quick brown fox ", 1: "jumps over a lazy dog "}
        until("the text at bob", lambda: bob.call("get", text).returncode == 0)
        for i in range(40):
            for who, pad in enumerate(pads):
                word = words[who]
                pad.type(f"+{i % len(word) if i < len(word) else 0} {word[i % len(word)]}")
        pads[0].type("a line of alice's")
        pads[1].type("a line of bob's")
        total = 80 + len("a line of alice's\n") + len("a line of bob's\n")
        try:
            until("one text", lambda: pads[0].shown == pads[1].shown and
                  len(pads[0].shown) == total)
        except Exception:
            print("#", repr(pads[0].shown), repr(pads[1].shown))
            raise
        check("a line of alice's\n" in pads[0].shown, pads[0].shown)
        check("a line of bob's\n" in pads[0].shown, pads[0].shown)
        pads[1].type("-0 60")
        until("what bob removed", lambda: len(pads[0].shown) == total - 60)
        for pad in pads:
            pad.end()
        check(alice.run("text", text) == bob.run("text", text), "they differ")


if __name__ == "__main__":
    sys.exit(main([two_who_type_at_once_end_with_one_text]))
