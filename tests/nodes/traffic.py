#!/usr/bin/env python3
"""What crosses each link, measured at a proxy in the middle of it: each transaction
once, whatever the topology, and not many more bytes than it has."""
import os
import sys

from node_kit import check, main, until
from proxy_work import Maps
from proxy_world import world_of

COUNT = 40          # documents that each who writes makes, and then edits
COMMITS = 4
NEW_RATIO, EDIT_BYTES = 1.9, 450    # bytes on all links, by the crossings that are needed
CLOCK_BYTES = 400    # of two questions and two answers
LEARNING = 3


class Measure:
    """A world at rest, and what crosses its links when somebody writes."""

    def __init__(self, world):
        self.world, self.work = world, Maps(world)
        self.work.begin()
        world.serve()
        self.work.meet()
        world.settle()

    def crossed(self):
        """How many documents crossed each link so far, both ways."""
        return {pair: sum(c["documentsIn"] + c["documentsOut"]
                          for c in self.world.daemon_state(self.world.by_name[pair[0]])["connections"]
                          if c.get("peer") == self.world.by_name[pair[1]].key)
                for pair in self.world.pairs}

    def bytes(self):
        """… and how many bytes."""
        return {pair: sum(link.bytes) for pair, link in self.world.links.items()}

    def signed(self):
        """The size of all documents and transactions, as they were signed."""
        dump = self.world.base / "dump"
        dump.unlink(missing_ok=True)
        self.world.a.run("export", "--exact", dump, "--plain")
        return os.path.getsize(dump)

    def needed(self, write):
        """Let somebody write: how many bytes that is, once each."""
        before = self.signed()
        write()
        self.world.settle()
        return self.signed() - before

    def writes(self, nodes, edit):
        """Each of these makes documents, or edits those that all have."""
        def write():
            for turn in range(COMMITS):
                self.world.each(lambda node, turn=turn: one(node, turn), nodes)

        def one(node, turn):
            size = COUNT // COMMITS
            if not edit:
                self.work.make(node, [{"by": node.name, "n": n} for n in range(size)])
                return
            mine = [i for i, f in self.work.ledger.items() if f.get("by") == node.name]
            node.set_lines([{"id": i, "set": {"text": f"edited by {node.name}"}}
                            for i in mine[turn * size:][:size]])
        return write

    def run(self, nodes, edit, crossings, spare=0, ratio=NEW_RATIO):
        """Write: each document crosses the links so often in all, and a few more times
        where two ways have to be found out. How often and by how many bytes it did."""
        documents, size = self.crossed(), self.bytes()
        needed = self.needed(self.writes(nodes, edit))
        count = COUNT * len(nodes)

        def look():
            now = self.crossed()
            return {p: now[p] - documents[p] for p in now} if sum(
                now[p] - documents[p] for p in now) >= count * crossings else None
        crossed = until("all have crossed", look)
        size = {pair: n - size[pair] for pair, n in self.bytes().items()}
        check(sum(crossed.values()) <= count * crossings + spare,
              "documents crossed more often:", crossed, count)
        self.rests()
        each = sum(size.values()) / count / crossings
        # An edit is signed with those before it: what it adds to a log is less than
        # what somebody needs to judge it alone.
        most = EDIT_BYTES if edit else ratio * needed / count
        check(each < most, "too many bytes:", size, needed)
        what = "edit" if edit else f"new document, {each * count / needed:.2f} times its own"
        return (f"crossed {sum(crossed.values()) / count / crossings:.2f} times "
                f"(by link {', '.join(map(str, crossed.values()))} of {count}), "
                f"{each:.0f} bytes a link and {what}")

    def rests(self):
        """Nothing goes round; but both ends may ask once what the other's clock shows."""
        before, documents = self.bytes(), self.crossed()
        self.world.verify(self.work)
        after = self.bytes()
        check(all(after[pair] - before[pair] <= CLOCK_BYTES for pair in after) and
              self.crossed() == documents, "bytes go on to cross:", before, after)


def tree(cove, topology):
    """Each document crosses each link once."""
    with world_of(cove, topology) as world:
        measure, links = Measure(world), len(world.pairs)
        notes = [measure.run([world.a], edit, links) for edit in (False, True)]
        notes.append("by all: " + measure.run(world.writers, False, links))
        world.stop()
    return "; ".join(notes)


def ring(cove, topology):
    """All but one link, once they know that there are two ways; that one has digests."""
    with world_of(cove, topology) as world:
        measure, links = Measure(world), len(world.pairs) - 1
        notes = ["at first " + measure.run([world.a], False, links, COUNT, LEARNING)]
        notes += [measure.run([world.a], edit, links, COUNT // 2) for edit in (False, True)]
        world.stop()
    return "; ".join(notes)


def in_a_pair_each_document_crosses_once(cove):
    """One link."""
    return tree(cove, "pair")


def in_a_star_each_document_crosses_each_leg_once(cove):
    """Three legs."""
    return tree(cove, "star")


def in_a_chain_each_document_crosses_each_link_once(cove):
    """Three links."""
    return tree(cove, "chain of 4")


def in_a_ring_of_three_each_document_crosses_two_links(cove):
    """The third has digests only."""
    return ring(cove, "ring of 3")


def in_a_ring_of_four_each_document_crosses_three_links(cove):
    """The fourth has digests only."""
    return ring(cove, "ring of 4")


if __name__ == "__main__":
    sys.exit(main([
        in_a_pair_each_document_crosses_once,
        in_a_star_each_document_crosses_each_leg_once,
        in_a_chain_each_document_crosses_each_link_once,
        in_a_ring_of_three_each_document_crosses_two_links,
        in_a_ring_of_four_each_document_crosses_three_links,
    ]))
