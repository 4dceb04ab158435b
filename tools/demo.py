#!/usr/bin/env python3
"""The main job of Cove, end to end, with an oracle of its own.

Alice and bob are two stores, two daemons and a TCP connection. Everything is
done through the command `cove`; what each version must show is worked out here
a second time, in Python, from nothing but the list of edits in the order in
which they were made. Exit status 1 where the two disagree.
"""
import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "examples" / "package"
FULL = 2000                 # from so many records on, the later counts are whole
ABSENT = object()


class Failure(Exception):
    """A check that did not hold."""


# ------------------------------------------------------------------ records
def stanzas(lines):
    """The paragraphs of a Debian control file as dicts."""
    fields, last = {}, None
    for line in lines:
        line = line.rstrip("\n")
        if not line:
            if fields:
                yield fields
            fields, last = {}, None
        elif line[0] in " \t":
            if last:
                fields[last] += "\n" + line.strip()
        else:
            last, _, text = line.partition(":")
            fields[last] = text.strip()
    if fields:
        yield fields


def record(stanza):
    """A package as a document of version 1, or None where a part is missing."""
    names = {"name": "Package", "version": "Version", "maintainer": "Maintainer",
             "installedSize": "Installed-Size", "section": "Section",
             "depends": "Depends", "homepage": "Homepage",
             "description": "Description"}
    out = {k: stanza[v] for k, v in names.items() if v in stanza}
    out.setdefault("depends", "")
    if "Description" not in stanza and "Description-en" in stanza:
        out["description"] = stanza["Description-en"]
    need = set(names) - {"homepage"}
    if not need <= set(out) or any(len(v.encode()) > 20000 for v in out.values()):
        return None
    return out


def records(want, path):
    """(list of records, where they came from)"""
    if path:
        with open(path, encoding="utf-8") as file:
            return [json.loads(x) for x in file if x.strip()][:want], path
    source = None
    if shutil.which("apt-cache"):
        text = subprocess.run(["apt-cache", "dumpavail"], capture_output=True,
                              check=False).stdout.decode("utf-8", "replace")
        source = "apt-cache dumpavail"
    if not source or not text.strip():
        status = pathlib.Path("/var/lib/dpkg/status")
        if not status.exists():
            sys.exit("demo: no apt and no /var/lib/dpkg/status here; give your own"
                     " records of version 1 as JSON lines: --input FILE.jsonl")
        text, source = status.read_text("utf-8", "replace"), str(status)
    seen, out = set(), []
    for stanza in stanzas(text.splitlines()):
        found = record(stanza)
        if found and found["name"] not in seen:
            seen.add(found["name"])
            out.append(found)
            if len(out) == want:
                break
    return out, source


# -------------------------------------------------------------------- peers
class Peer:
    """One store, and the daemon on it while it runs."""

    def __init__(self, cove, base, name):
        self.cove, self.name, self.dir = cove, name, base / name
        self.daemon, self.address, self.log = None, None, base / f"{name}.log"
        self.run("init")
        self.key = self.json("key")["device"]

    def run(self, *words, text=None, check=True):
        """Run one command; its standard output."""
        done = subprocess.run([self.cove, "-d", str(self.dir), *map(str, words)],
                              input=text, capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise Failure(f"{self.name}: cove {' '.join(map(str, words))}: exit "
                          f"{done.returncode}\n{done.stderr.strip()}")
        return done.stdout

    def json(self, *words, **more):
        """Run one command with --json and parse its answer."""
        return json.loads(self.run("--json", *words, **more))

    def documents(self, version, mode, ids=None, limit=None):
        """{id: document} of the Packages as a version sees them."""
        words = ["find", "Package", "--as", version, "--mode", mode]
        if limit:
            words += ["--limit", limit]
        text = None
        if ids is not None:
            words += ["--ids", "-"]
            text = "".join(i + "\n" for i in ids)
        out = self.run("--jsonl", *words, text=text)
        return {d["id"]: d for d in map(json.loads, out.splitlines())}

    def serve(self):
        """Start the daemon; it prints its address first."""
        with open(self.log, "a", encoding="utf-8") as log:
            # pylint: disable-next=consider-using-with
            self.daemon = subprocess.Popen(
                [self.cove, "-d", str(self.dir), "serve", "--listen",
                 self.address or "127.0.0.1:0"],
                stdout=subprocess.PIPE, stderr=log, text=True)
        line = self.daemon.stdout.readline()
        if "listening on " not in line:
            raise Failure(f"{self.name}: the daemon did not start:\n"
                          + self.log.read_text("utf-8")[-2000:])
        self.address = line.split("listening on ")[1].split()[0]

    def stop(self):
        """End the daemon with a goodbye."""
        if self.daemon:
            self.daemon.send_signal(signal.SIGTERM)
            try:
                self.daemon.wait(20)
            finally:
                self.daemon.stdout.close()
                self.daemon = None


def settle(alice, bob):
    """Both have durably what the other has."""
    for peer, other in ((alice, bob), (bob, alice), (alice, bob)):
        peer.run("wait", "--peer", other.key, "--timeout", 120)


# ------------------------------------------------------------------- oracle
class Expect:
    """What both versions must show of one package, edit by edit."""

    def __init__(self, fields):
        self.v1 = dict(fields)
        self.bad1, self.bad2 = {}, {}
        self.v2 = {k: fields[k] for k in ("name", "version", "homepage") if k in fields}
        self.v2["priority"] = "optional"
        for key in ("section", "maintainer", "installedSize", "depends"):
            if key in fields:
                self.old(key, fields[key])

    @staticmethod
    def split(text):
        """maintainer "Name <address>", leniently"""
        name, found, rest = text.partition(" <")
        return (name, rest[:-1]) if found and rest.endswith(">") else (text, "")

    def old(self, key, value):
        """a write at version 1"""
        self.v1[key] = value
        if key == "section":
            self.v2["category"] = value
        elif key == "maintainer":
            self.v2["maintainerName"], self.v2["maintainerAddress"] = self.split(value)
        elif key == "installedSize":
            self.bad2.pop(key, None)
            self.v2.pop(key, None)
            number = value.isascii() and value.isdigit() and str(int(value)) == value
            if number and int(value) < 1 << 63:
                self.v2[key] = int(value)
            else:
                self.bad2[key] = value
        elif key == "depends":
            self.v2[key] = value.split(", ") if value else []

    def new(self, key, value):
        """a write at version 2"""
        self.v2[key] = value
        self.bad2.pop(key, None)
        if key == "category":
            self.v1["section"] = value
        elif key in ("maintainerName", "maintainerAddress"):
            name, address = self.v2["maintainerName"], self.v2["maintainerAddress"]
            self.v1["maintainer"] = f"{name} <{address}>" if address else name
        elif key == "installedSize":
            self.v1[key] = str(value)
        elif key == "depends":
            self.v1[key] = ", ".join(value)


def bob_edit(index, number, fields, odd):
    """(field, value) of bob's edit `number`; `odd` of each kind do not convert"""
    key = ("section", "maintainer", "installedSize", "depends", "description")[number % 5]
    turn = number // 5
    if key == "section":
        return key, f"bob/{fields['section']}"
    if key == "maintainer":
        return key, (f"Team {index} of bob" if turn < odd else f"Bob {index} <bob{index}@example.org>")
    if key == "installedSize":
        return key, f"about {index}" if turn < odd else str(1000000 + index)
    if key == "depends":
        return key, f"libbob{index}, libc6 (>= 2.36)"
    return key, f"Bob's words on {fields['name']}"


def alice_edit(index, bobs_key):
    """alice's edit at version 2 of what bob edits in the same document"""
    return {"section": ("category", f"alice-{index}"),
            "maintainer": ("maintainerAddress", f"alice{index}@example.net"),
            "installedSize": ("installedSize", 2000000 + index),
            "depends": ("depends", [f"libalice{index}", "zlib1g"]),
            "description": ("priority", "important")}[bobs_key]


# --------------------------------------------------------------------- demo
class Demo:
    """The story, step by step."""

    def __init__(self, options, base):
        self.options, self.base = options, base
        self.started = time.monotonic()
        self.alice = self.bob = None
        self.expect, self.checked, self.share = {}, 0, 1.0

    def say(self, text):
        """One line of the story, with the time."""
        print(f"[{time.monotonic() - self.started:5.1f} s] {text}", flush=True)

    def part(self, whole):
        """A count of the full story, in proportion where there are few records."""
        return max(1, round(whole * self.share))

    def check(self, what, good, detail=""):
        """Count one assertion."""
        self.checked += 1
        if not good:
            raise Failure(f"{what}{': ' + detail if detail else ''}")

    def compare(self, peer, version, ids):
        """What a peer shows of these documents is what the edits say."""
        shown = peer.documents(version, "view", ids)
        for i in ids:
            want = self.expect[i]
            good, bad = ((want.v1, want.bad1) if version == 1 else (want.v2, want.bad2))
            got = shown.get(i, {})
            self.check(f"{peer.name} sees {i} at version {version}",
                       got.get("fields") == good and (got.get("invalid") or {}) == bad,
                       f"\n  want {json.dumps(good)} invalid {json.dumps(bad)}"
                       f"\n  got  {json.dumps(got)}")
        return sum(len(d.get("invalid") or {}) for d in shown.values())

    def table(self):
        """One column a peer."""
        status = {p.name: p.json("status", "Package") for p in (self.alice, self.bob)}
        states = [s for s in status["alice"]["states"]
                  if any(x["states"].get(s) for x in status.values())]
        rows = [("documents", lambda s: s["documents"])]
        rows += [("  " + x, lambda s, x=x: s["states"].get(x, 0)) for x in states]
        rows += [("copies written", lambda s: s["copies"]),
                 ("unsent", lambda s: sum(s["unsent"].values())),
                 ("digest", lambda s: s["digests"][self.group][:16])]
        print(f"\n    {'':<16}{'alice':>18}{'bob':>18}")
        for name, value in rows:
            print(f"    {name:<16}{value(status['alice']):>18}{value(status['bob']):>18}")
        print(flush=True)
        return status

    def begin(self):
        """1 and 2: records, peers, schema, import."""
        found, source = records(self.options.records, self.options.input)
        if len(found) < 300:
            raise Failure(f"{len(found)} records from {source}; the demo needs 300: "
                          "give more with --input FILE.jsonl")
        fewer = "" if len(found) == self.options.records else f" (asked for {self.options.records:,})"
        self.say(f"{len(found):,} records from {source}{fewer}")
        if len(found) < FULL:
            self.share = len(found) / FULL
            self.say(f"fewer than {FULL:,}: every later count shrinks to "
                     f"{100 * self.share:.0f} %")
        self.alice = Peer(self.options.cove, self.base, "alice")
        self.bob = Peer(self.options.cove, self.base, "bob")
        self.group = self.alice.json(
            "new", "group", "--member", f"{self.bob.key}=writer")["id"]
        self.alice.run("schema", "put", PACKAGE / "package.v1.schema.json",
                       "--owner", self.group)
        self.say("alice published Package version 1 and made a group with bob as writer")
        lines, start = self.base / "records.jsonl", time.monotonic()
        lines.write_text("".join(json.dumps(r) + "\n" for r in found), "utf-8")
        report = self.alice.json("import", lines, "--schema", "Package", "--as", 1)
        took = time.monotonic() - start
        self.check("all records imported", report["imported"] == len(found), str(report))
        self.say(f"alice imported {len(found):,} documents in {took:.1f} s: "
                 f"{len(found) / took:,.0f} a second")
        for i, fields in zip(report["ids"], found):
            self.expect[i] = Expect(fields)
        self.ids = report["ids"]

    def first_sync(self):
        """3: bob's daemon; both sync; bob goes offline."""
        self.bob.serve()
        self.alice.run("peer", "add", self.bob.key, self.bob.address, "--name", "bob")
        self.bob.run("peer", "add", self.alice.key, "--name", "alice")
        start = time.monotonic()
        self.alice.serve()
        settle(self.alice, self.bob)
        took = time.monotonic() - start
        peer = self.alice.json("peer", "list")["peers"][0]
        n, size = peer["documentsOut"], peer["bytesOut"]
        self.say(f"synced {n:,} documents, {size:,} bytes over TCP in {took:.1f} s: "
                 f"{n / took:,.0f} a second, {size / max(n, 1):.0f} bytes each")
        self.table()
        self.bob.stop()
        self.say("bob goes offline; his app still speaks version 1")

    def edits(self):
        """4 and bob's part of 3: version 2, and 1,300 edits by two people."""
        self.alice.run("migrate", "publish", PACKAGE / "package.v1-to-v2.json",
                       "--schema", PACKAGE / "package.v2.schema.json")
        self.say("alice published version 2 and its migration")
        count, odd = self.part(1000), self.part(30)
        step = len(self.ids) / count
        chosen = [self.ids[int(k * step)] for k in range(count)]
        bobs = [(i, *bob_edit(self.ids.index(i) if k < 3 else int(k * step), k,
                              self.expect[i].v1, odd)) for k, i in enumerate(chosen)]
        both = self.part(300)
        picked = [int(k * count / both) for k in range(both)]
        alices = [(chosen[k], *alice_edit(k, bobs[k][1])) for k in picked]
        half = both // 2
        # every second one before bob's edit, so that each field has both orders
        before = [a for k, a in enumerate(alices) if (k // 5) % 2 == 0][:half]
        after = [a for a in alices if a not in before]
        self.write(self.alice, 2, before)
        self.write(self.bob, 1, bobs)
        self.write(self.alice, 2, after)
        self.say(f"bob, offline at version 1: {len(bobs):,} edits; alice at version 2: "
                 f"{len(before)} before his, {len(after)} after")
        self.edited, self.odd = chosen, odd

    def write(self, peer, version, edits):
        """One command, one line a document; the oracle sees the same."""
        lines = "".join(json.dumps({"id": i, "set": {k: v}}) + "\n" for i, k, v in edits)
        report = peer.json("set", "--lines", "-", "--as", version, text=lines)
        self.check(f"{peer.name} wrote all", report["written"] == len(edits), str(report))
        for i, key, value in edits:
            (self.expect[i].old if version == 1 else self.expect[i].new)(key, value)

    def migrate(self):
        """5: alice reads 500, bob comes back, everything settles."""
        count = self.part(500)
        untouched = set(self.ids) - set(self.edited)
        some = [i for i in self.ids if i in untouched][:count - count // 5]
        some += self.edited[:count // 5]
        read = self.alice.documents(2, "migrate", some)
        self.check("alice read them", len(read) == count)
        self.say(f"alice read {count} documents at version 2; these migrated, the rest did not")
        status = self.table()["alice"]["states"]
        self.check("the rest stays untouched", status.get("due", 0) >= len(self.ids) - count - 300,
                   json.dumps(status))
        self.bob.serve()
        settle(self.alice, self.bob)
        self.say("bob came back: schema, migration and alice's migrated documents reached him")
        raw = self.bob.documents(2, "raw", some)
        shown = self.alice.json("schema", "show", "Package@2")
        want = {r["register"] for r in shown["registers"] if r["name"] in
                ("maintainerName", "maintainerAddress", "installedSize", "depends")}
        for i in some:
            # a copy with its origins, or what alice wrote at version 2 herself
            there = {r for r, w in raw[i]["registers"].items()
                     if w.get("origins") or w.get("epoch") == shown["step"]}
            self.check(f"bob holds version-2 registers of {i} before he reads at version 2",
                       want <= there, json.dumps(raw[i]))
        self.say(f"before bob reads anything at version 2, his store has the version-2 registers "
                 f"of these {count}, with their origins")
        invalid = self.compare(self.alice, 2, self.edited)
        self.say(f"bob's late version-1 edits are in alice's version-2 view; {invalid} values "
                 "do not convert and say so")
        start = time.monotonic()
        read = self.bob.documents(2, "migrate")
        took = time.monotonic() - start
        self.check("bob read all", len(read) == len(self.ids))
        settle(self.alice, self.bob)
        self.say(f"bob read all {len(read):,} at version 2 in {took:.1f} s "
                 f"({len(read) / took:,.0f} a second); what was due is synced back")

    def end(self):
        """6: one package three ways, the tables, the assertions."""
        one = self.edited[1]
        for title, doc in (("version 1", self.alice.documents(1, "view", [one])[one]),
                           ("version 2", self.alice.documents(2, "view", [one])[one])):
            print(f"\n    one package as {title} sees it:")
            for key, value in doc["fields"].items():
                print(f"      {key:<18} {short(value)}")
        print("\n    and raw:")
        for reg, w in self.alice.documents(2, "raw", [one])[one]["registers"].items():
            mark = "copy of " + ", ".join(r.split("~")[0] for r, _ in w["origins"]) if w.get("origins") else "written"
            print(f"      {reg:<28} {short(w.get('value')):<44} {mark}")
        status = self.table()
        bad = {}
        for peer in (self.alice, self.bob):
            self.compare(peer, 1, self.ids)
            bad[peer.name] = self.compare(peer, 2, self.ids)
        natural = sum(len(e.bad2) for e in self.expect.values())
        self.check("count of invalid values", set(bad.values()) == {natural}, str(bad))
        alice, bob = (status[x]["digests"][self.group] for x in ("alice", "bob"))
        self.check("equal digests", alice == bob, f"{alice} {bob}")
        self.check("nothing is due", all(s["states"].get("due", 0) == 0 for s in status.values()),
                   json.dumps({n: s["states"] for n, s in status.items()}))
        self.check("nothing is unsent", all(sum(s["unsent"].values()) == 0 for s in status.values()))
        self.say(f"{self.checked:,} checks hold: every winner of {len(self.edited) + self.part(300):,} "
                 f"edits at both versions on both peers, {natural} invalid values, equal digests")

    def run(self):
        """All of it."""
        try:
            self.begin()
            self.first_sync()
            self.edits()
            self.migrate()
            self.end()
        finally:
            for peer in (self.alice, self.bob):
                if peer:
                    peer.stop()


def short(value):
    """A value on one short line."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 42 else text[:41] + "…"


def main():
    parser = argparse.ArgumentParser(prog="tools/demo", description=__doc__.split("\n")[0])
    parser.add_argument("--records", type=int, default=20000, metavar="N")
    parser.add_argument("--input", metavar="FILE.jsonl", help="own records of version 1, one JSON object a line")
    parser.add_argument("--keep", metavar="DIR", help="keep the stores there")
    parser.add_argument("--cove", default=str(ROOT / "build" / "cli" / "cove"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.cove = os.path.abspath(options.cove)
    if options.records < 300:
        parser.error("--records: 300 are the least that show anything")
    if options.keep:
        base = pathlib.Path(options.keep).absolute()
        if base.exists() and any(base.iterdir()):
            parser.error(f"--keep {base}: the directory is not empty")
        base.mkdir(parents=True, exist_ok=True)
    else:
        base = pathlib.Path(tempfile.mkdtemp(prefix="cove-demo-"))
    status = 0
    demo = Demo(options, base)
    try:
        demo.run()
    except Failure as failure:
        print(f"\ndemo: FAILED: {failure}", file=sys.stderr)
        status = 1
    except KeyboardInterrupt:
        print("\ndemo: stopped", file=sys.stderr)
        status = 130
    if options.keep:
        here = os.path.relpath(options.cove)
        print(f"\nthe stores are kept in {base}; try next:\n"
              f"    {here} -d {base}/alice find Package --as 2 --limit 3\n"
              f"    {here} -d {base}/alice status Package\n"
              f"    {here} -d {base}/bob migrate status Package")
    else:
        shutil.rmtree(base, ignore_errors=True)
        if status == 0:
            print("\ntry next:\n    tools/demo --keep /tmp/cove-demo     keeps both stores to look around in\n"
                  "    build/cli/cove help                  every command, with examples\n"
                  "    README.md, \"By hand\"                 the same with your own JSON, in two terminals")
    return status


if __name__ == "__main__":
    sys.exit(main())
