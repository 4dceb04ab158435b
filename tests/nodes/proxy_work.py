"""What users do while faults are, and what must be seen in the end (faults.py): a
work writes something first, then in steps, by several at once, and knows all
that was acknowledged."""
import json
import pathlib

from node_kit import check, until

PACKAGE = pathlib.Path(__file__).resolve().parents[2] / "examples" / "package"


class Work:
    """Nothing yet."""
    wishes = None           # said before anybody calls

    def __init__(self, world):
        self.world = world

    def meet(self):
        """Let the daemons know each other."""
        self.world.meet(self.wishes)

    def equals(self):
        """Who holds the same while faults are."""
        return self.world.nodes

    def heal(self):
        """The faults are over, and all has to become equal."""


class Maps(Work):
    """Records, and fields of them that all write at once; each writes its own, too."""
    first, more = 30, 6

    def __init__(self, world):
        super().__init__(world)
        self.group, self.ledger = world.group, {}

    def make(self, node, records, *words):
        """New documents, acknowledged."""
        made = node.import_records(records, "--owner", self.group, *words)
        self.ledger.update(zip(made, map(dict, records)))
        return made

    def begin(self):
        """In front of all."""
        self.shared = self.make(self.world.a, [{"n": n} for n in range(self.first)])

    def step(self, turn, nodes):
        """These write."""
        def write(node):
            self.make(node, [{"by": node.name, "turn": turn, "k": k} for k in range(self.more)])
            mark = f"{node.name}{turn}"
            done = node.set_lines([{"id": i, "set": {mark: turn, "last": node.name}}
                                   for i in self.shared[turn % 3::3]])
            check(done == len(self.shared[turn % 3::3]), f"{node.name} wrote {done}")
            return mark
        for mark in self.world.each(write, nodes):
            for ident in self.shared[turn % 3::3]:
                self.ledger[ident][mark] = turn

    def seen(self, docs, name):
        """What was acknowledged is there."""
        for ident, fields in self.ledger.items():
            shown = docs.get(ident, {}).get("fields", {})
            check(fields.items() <= shown.items(), f"{name} lost of {ident}:", fields, shown)


class Many(Maps):
    """As many as make several messages."""
    first, more = 900, 60


class Texts(Work):
    """A text and a list that all edit at the same places, a counter, a stream."""

    def __init__(self, world):
        super().__init__(world)
        self.words, self.sum = [], 0

    def begin(self):
        """In front of all."""
        a, owner = self.world.a, ("--owner", self.world.group)
        self.text, self.list = a.new("text", "begin", *owner), a.new("list", '["begin"]', *owner)
        self.counter, self.stream = a.new("counter", *owner), a.new("stream", *owner)

    def step(self, turn, nodes):
        """These write."""
        def write(node):
            word = f"<{node.name}{turn}>"
            node.run("text", self.text, "insert", 0 if turn % 2 else "end", word)
            node.run("list", self.list, "append", word)
            node.run("counter", self.counter, "add", turn + 1)
            node.run("stream", self.stream, "append", word)
            return word
        self.words += self.world.each(write, nodes)
        self.sum += len(nodes) * (turn + 1)

    def seen(self, docs, name):
        """Each edit is there, once and whole."""
        text, items = docs[self.text]["text"], docs[self.list]["items"]
        entries = [e["value"] for e in docs[self.stream]["entries"]]
        for word in self.words:
            check(text.count(word) == 1, f"{name}: {word} in", text)
            check(items.count(word) == 1, f"{name}: {word} in", items)
            check(entries.count(word) == 1, f"{name}: {word} in", entries)
        check(docs[self.counter]["value"] == self.sum, name, docs[self.counter], self.sum)
        check(len(text) == len("begin") + sum(map(len, self.words)), name, text)


class Blobs(Work):
    """Files, larger than what is under way at once."""
    sizes = 700_000, 90_000, 300_000

    def __init__(self, world):
        super().__init__(world)
        self.files = {}

    def put(self, node, number):
        """A blob of random bytes: its id, and where they are."""
        size = self.sizes[number % len(self.sizes)]
        path = self.world.base / f"{node.name}-{number}.bin"
        path.write_bytes(self.world.chance(node.name, number).randbytes(size))
        ident = node.new("blob", "--owner", self.world.group)
        node.run("blob", "put", ident, path)
        return ident, path

    def begin(self):
        """In front of all."""
        self.files.update([self.put(self.world.a, 0)])

    def step(self, turn, nodes):
        """These write."""
        self.files.update(self.world.each(lambda node: self.put(node, turn + 1), nodes))

    def seen(self, docs, name):
        """Every byte of each."""
        node = self.world.by_name[name]
        for ident, path in self.files.items():
            check(docs[ident]["whole"], f"{name}: a blob is not whole", docs[ident]["bytes"])
            got = self.world.base / f"{name}.got"
            node.run("blob", "get", ident, got, "-y")
            check(got.read_bytes() == path.read_bytes(), f"{name}: {path.name} is another")
            got.unlink()


class Removed(Maps):
    """Documents that some remove and others write to."""

    def begin(self):
        super().begin()
        self.victims = self.make(self.world.a, [{"victim": n} for n in range(20)])
        self.gone = []

    def step(self, turn, nodes):
        super().step(turn, nodes)
        if turn == 0:
            self.written = self.world.each(lambda node: node.set_lines(
                [{"id": i, "set": {f"late-{node.name}": 1}} for i in self.victims[:6]]), nodes)
        batch = self.victims[2 * turn:2 * turn + 2]
        if batch:
            nodes[turn % len(nodes)].run("rm", *batch, "-y")
            self.gone += batch

    def seen(self, docs, name):
        for ident in self.gone:
            self.ledger.pop(ident, None)
            check(ident not in docs, f"{name}: {ident} is here again")
        super().seen(docs, name)


class Packages(Work):
    """Documents of a schema. The first writer publishes a version while faults are,
    and writes by it; the others still write by the old one."""
    count = 24

    def begin(self):
        """In front of all."""
        a, owner = self.world.a, ("--owner", self.world.group)
        a.run("schema", "put", PACKAGE / "package.v1.schema.json", *owner)
        self.ids = a.import_records(
            [{"name": f"p{n}", "version": "1", "maintainer": "A <a@b>", "installedSize": str(n),
              "section": "net", "depends": "b, c", "description": "d"}
             for n in range(self.count)], "--schema", "Package")
        self.ledger = {i: {"installedSize": n} for n, i in enumerate(self.ids)}
        self.told = {}

    def step(self, turn, nodes):
        """These write, each to documents of its own."""
        if turn == 0:
            self.world.a.run("migrate", "publish", PACKAGE / "package.v1-to-v2.json",
                             "--schema", PACKAGE / "package.v2.schema.json")

        def write(node):
            new = node is self.world.a
            mine = self.ids[nodes.index(node)::len(nodes)]
            size = 100 + turn
            lines = [{"id": i, "set": {"installedSize": size if new else str(size),
                                       **({} if new else {"description": f"{node.name}{turn}"})}}
                     for i in mine]
            node.set_lines(lines, "--as", 2 if new else 1)
            return mine, {"installedSize": size}, None if new else f"{node.name}{turn}"
        for mine, fields, text in self.world.each(write, nodes):
            for ident in mine:
                self.ledger[ident].update(fields)
                if text:
                    self.told[ident] = text

    def seen(self, docs, name):
        """By both versions."""
        node = self.world.by_name[name]
        old = {d["id"]: d["fields"] for d in node.json("find", "Package", "--as", 1)["documents"]}
        for ident, fields in self.ledger.items():
            shown = docs[ident]["fields"]
            check(docs[ident]["version"] == 2 and shown["depends"] == ["b", "c"], name, docs[ident])
            check(shown["installedSize"] == fields["installedSize"], name, fields, docs[ident])
            check(old[ident]["installedSize"] == str(fields["installedSize"])
                  and old[ident]["description"] == self.told.get(ident, "d"), name, old[ident])


class Wanted(Maps):
    """The last one wants the documents of one group only, until the faults are over."""

    def begin(self):
        super().begin()
        self.other, self.wanting = Maps(self.world), self.world.nodes[-1]
        if self.wanting not in self.world.writers:
            self.wanting = self.world.writers[-1]
        self.other.group = self.world.new_group()
        self.other.begin()
        self.peers = self.world.neighbours(self.wanting)

    def equals(self):
        return [n for n in self.world.nodes if n is not self.wanting]

    def wishes(self):
        """Said before anybody calls."""
        for peer in self.peers:
            self.wanting.run("peer", "want", peer.key, "--group", self.group)

    def step(self, turn, nodes):
        super().step(turn, nodes)
        self.other.step(turn, [n for n in nodes if n is not self.wanting])

    def heal(self):
        """It has what it wanted, and no more; then it wants all."""
        def look():
            held = self.world.exported(self.wanting)
            check(not held.keys() & self.other.ledger.keys(), "more came than was wanted")
            return all(fields.items() <= held.get(i, {}).get("fields", {}).items()
                       for i, fields in self.ledger.items())
        until("what is wanted is there", look, pause=0.2)
        for peer in self.peers:
            self.wanting.run("peer", "want", peer.key, "--all")

    def seen(self, docs, name):
        super().seen(docs, name)
        self.other.seen(docs, name)


class Invited(Maps):
    """Who calls comes by an invite, which is used once whatever happens to the call."""

    def meet(self):
        for caller, called in self.world.pairs:
            line = self.world.by_name[called].run(
                "peer", "invite", "--address", self.world.links[caller + called].address)
            self.world.by_name[caller].run("peer", "join", "-", text=line)

    def seen(self, docs, name):
        super().seen(docs, name)
        for one in self.world.by_name[name].json("peer", "invite", "--list")["invites"]:
            check(one["state"] == "used" and len(one["devices"]) == 1, name, one)
