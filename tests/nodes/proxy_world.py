"""Daemons in a topology, each link of it through a proxy (proxy_kit.py), and what
has to hold of them when all faults are over.

A topology is its links, two letters each: who calls, whom. `r` and `s` are relays:
they may read and do not write.
"""
import concurrent.futures
import contextlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import tempfile
import time

from daemon_kit import Ask
from node_kit import DEADLINE, Node, check, until
from proxy_kit import Proxy

TOPOLOGIES = {
    "pair": "ab",
    "pair, called": "ba",           # who has nothing calls
    "pair, both call": "ab ba",
    "star": "ar br cr",
    "two relays": "ar br rs cs",
    "chain of 3": "ab bc",
    "chain of 4": "ab bc cd",
    "ring of 3": "ab bc ca",
    "ring of 4": "ab bc cd da",
}
# For SIGTERM. A sanitizer (its builds have COVE_AGAIN) looks for leaks behind that.
END_SECONDS = 10 if "COVE_AGAIN" in os.environ else 2
SETTLE_SECONDS = max(DEADLINE, 150)  # behind a connection that counts as lost after 90


class World:
    """The daemons of a topology."""

    def __init__(self, cove, base, topology, seed=0):
        self.pairs = TOPOLOGIES[topology].split()
        self.base = pathlib.Path(base)
        names = sorted(set("".join(self.pairs)))
        self.pool = concurrent.futures.ThreadPoolExecutor(len(names))
        self.nodes = list(self.pool.map(lambda name: Node(cove, base, name), names))
        self.by_name = dict(zip(names, self.nodes))
        self.writers = [n for n in self.nodes if n.name not in "rs"]
        self.a, self.seed, self.links, self.ends = self.writers[0], seed, {}, []
        self.group = self.new_group()

    def new_group(self):
        """A group of all: the relays read."""
        words = [f"{n.key}={'writer' if n in self.writers else 'reader'}"
                 for n in self.nodes if n is not self.a]
        return self.a.json("new", "group", *[w for m in words for w in ("--member", m)])["id"]

    def chance(self, *words):
        """Random numbers, the same in each run."""
        return random.Random(f"{self.seed} {words}")

    def file(self, name, value):
        """A JSON file beside the stores."""
        path = self.base / name
        path.write_text(json.dumps(value), "utf-8")
        return path

    def each(self, what, nodes=None):
        """Do it with all at once: what it gave, in their order."""
        return list(self.pool.map(what, nodes or self.nodes))

    # --------------------------------------------------------------- links
    def serve(self):
        """Start the daemons, and the proxies in front of them."""
        self.each(Node.serve)
        for number, pair in enumerate(self.pairs):
            self.links[pair] = Proxy(self.by_name[pair[1]].address, 100 * self.seed + number)

    def meet(self, wishes=None):
        """Let the daemons of all links know each other; `wishes` are said before
        anybody calls."""
        for caller, called in self.pairs:
            one, other = self.by_name[caller], self.by_name[called]
            if called + caller not in self.pairs:
                other.knows(one, dial=False)
            if wishes:
                one.knows(other, dial=False)
        if wishes:
            wishes()
        for caller, called in self.pairs:
            other = self.by_name[called]
            self.by_name[caller].run("peer", "add", other.key, self.links[caller + called].address,
                                     "--name", other.name)

    def plan(self, faults):
        """Faults for the next connections of each link."""
        for pair, words in faults.items():
            self.links[pair].plan(*words)

    def nudge(self):
        """Whoever is away is called now, whatever the pause."""
        for node in self.nodes:
            if node.alive():
                with contextlib.suppress(OSError):
                    Ask(node)(b'{"do":"redial"}\n')

    def drop(self):
        """Reset all connections, and let them come again."""
        for link in self.links.values():
            link.drop()
        self.nudge()

    def struck(self):
        """How many faults were."""
        return sum(link.struck for link in self.links.values())

    # ------------------------------------------------------------- the end
    def heal(self):
        """No more faults."""
        for link in self.links.values():
            link.heal()

    def neighbours(self, node):
        """Who is linked with it."""
        return [self.by_name[(set(pair) - {node.name}).pop()]
                for pair in self.pairs if node.name in pair]

    def calm(self):
        """Do the daemons say that all links are up, and in sync?"""
        return all({n.key for n in self.neighbours(node)}
                   <= {c["peer"] for c in self.daemon_state(node).get("connections", [])
                       if c["inSync"]} for node in self.nodes)

    @staticmethod
    def daemon_state(node):
        """How a daemon says it is."""
        try:
            return json.loads(Ask(node)(b'{"do":"state"}\n') or "{}")
        except OSError:
            return {}

    def settle(self, nudge=True, nodes=None):
        """Until all stores, or these, hold the same and everybody knows of everybody
        that it does."""
        def look():
            if nudge:
                self.nudge()
            if not self.calm():     # costs less than to ask the stores
                return False
            states = self.each(lambda node: node.json("status"), nodes)
            for node, state in zip(nodes or self.nodes, states):
                state["digests"].pop(node.account, None)
            return (all(s["digests"] == states[0]["digests"] for s in states)
                    and not any(n for s in states for n in s["unsent"].values()))
        with self.told():
            until("all stores are equal, and all is sent", look, SETTLE_SECONDS, 0.1)

    @contextlib.contextmanager
    def told(self):
        """Whatever fails, what the daemons logged is said."""
        try:
            yield
        except Exception as why:
            why.add_note("".join(f"\n--- {n.name}{n.tail()}" for n in self.nodes))
            raise

    def exported(self, node):
        """All documents by id, but for the accounts; how each reader stands to them
        (`state`) is its own affair."""
        docs = {}
        for line in node.run("export").splitlines():
            doc = json.loads(line)
            doc.pop("state")
            if doc["type"] != "account":
                docs[doc["id"]] = doc
        return docs

    def verify(self, work):
        """Nothing is lost, all are equal, nothing is damaged."""
        shown = self.each(self.exported)
        for node, docs in zip(self.nodes, shown):
            check(docs == shown[0], f"{self.nodes[0].name} and {node.name} differ:",
                  *[[shown[0].get(i), docs.get(i)] for i in {**docs, **shown[0]}
                    if shown[0].get(i) != docs.get(i)][:4])
            work.seen(docs, node.name)
        for node, found in zip(self.nodes, self.each(lambda n: n.json("check"))):
            check(not found["damaged"], f"{node.name}: damage", found)

    def stop(self, more=0):
        """End all daemons at once: in time, with 0. Where a peer does not answer it may
        take so much more."""
        def end(node):
            start = time.monotonic()
            node.daemon.send_signal(signal.SIGTERM)
            code = node.gone()
            return code, time.monotonic() - start
        with self.told():
            for node, (code, took) in zip(self.nodes, self.each(end)):
                self.ends.append(took)
                check(code == 0, f"{node.name} ended with {code}")
                check(took < END_SECONDS + more, f"{node.name} took {took:.2f} s to end")
                said = re.findall(r"ended in (\d+) ms", node.log.read_text("utf-8"))
                check(said and int(said[-1]) < 2000, f"{node.name} says it took", said)

    def close(self):
        """Leave nothing."""
        for link in self.links.values():
            link.close()
        for node in self.nodes:
            if node.alive():
                node.kill()
        self.pool.shutdown()


@contextlib.contextmanager
def world_of(cove, topology, seed=0):
    """A world in a temporary directory."""
    base = tempfile.mkdtemp(prefix="cove-proxy-")
    world = World(cove, base, topology, seed)
    try:
        yield world
    finally:
        world.close()
        shutil.rmtree(base, ignore_errors=True)
