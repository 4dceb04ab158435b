"""The stage of the migration stories: alice, who publishes, and one or more
devices that are away when she does, each with a daemon and apps at several
versions.

However a story ends, the same is asked of it in the end (`Story.finish`): every
device at every version still works, no edit of a user is lost, and loading
again writes nothing. That `plan` foretold the result is asked where a step is
published (`Story.migrate`).
"""
import contextlib
import json
import pathlib

from node_kit import check, converge, link, nodes_of, until

TEXT, INTEGER, BOOLEAN = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
SAMPLES = {"string": "sample", "integer": 7, "number": 1.5, "boolean": True, "array": [],
           "object": {}, "null": None}


def sample(schema):
    """A value that a property's schema takes."""
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "string")
    return SAMPLES[kind[0] if isinstance(kind, list) else kind]


def convert(field, kind, forward, back=False, **more):
    """A step that converts a field; without `back`, as forward is undone."""
    words = {"field": field, "to": {"type": kind, **more}, "forward": forward}
    return {"convert": words if back is False else {**words, "back": back}}


def int_of_text(field="size"):
    """A step that makes an integer of a text."""
    return convert(field, "integer", ["int_of_text"])


class Story:
    """The devices of a group, and the versions of one schema, Thing."""

    def __init__(self, nodes, properties, role="writer", large=False, **more):
        self.nodes, self.a, self.b = nodes, nodes[0], nodes[1]
        self.some = ["--limit", 500] if large else []       # documents to load
        self.base = pathlib.Path(self.a.dir).parent
        self.schemas = {}       # version (or a step's hex) → the schema
        self.writers = nodes if role != "reader" else nodes[:1]
        self.edits = {}         # document → the values that users wrote
        self.tips = {}          # device → the step that it published last
        self.linked = False
        words = [w for n in nodes[1:] for w in ("--member", f"{n.key}={role}")]
        self.group = self.a.json("new", "group", *words)["id"]
        schema = self.of_version(1, properties, more)
        self.a.run("schema", "put", self.file("v1.json", schema), "--owner", self.group)
        self.schemas[1] = schema

    # -------------------------------------------------------------- files
    def file(self, name, value):
        """A JSON file beside the stores."""
        (self.base / name).write_text(json.dumps(value), "utf-8")
        return self.base / name

    @staticmethod
    def of_version(version, properties, more):
        """The schema of a version."""
        return {"title": "Thing", "version": version, "type": "object",
                "properties": properties, **more}

    # ------------------------------------------------------------ devices
    @property
    def others(self):
        """All but alice."""
        return self.nodes[1:]

    def meet(self):
        """All devices come back, and sync until all is equal."""
        for node in self.nodes:
            if not node.alive():
                node.serve()
        if not self.linked:
            for node in self.others:
                link(self.a, node, both=True)
            self.linked = True
        converge(self.nodes, [p for n in self.others for p in ((self.a, n), (n, self.a))])

    def part(self):
        """All but alice go away."""
        for node in self.others:
            node.stop()

    def begin(self, *records):
        """alice's documents reach the others, who then go away: their ids."""
        ids = self.a.import_records(records, "--schema", "Thing", "--as", 1)
        for ident, record in zip(ids, records):
            self.edits[ident] = list(record.values())
        self.meet()
        self.part()
        return ids if len(ids) > 1 else ids[0]

    # -------------------------------------------------------------- users
    def new(self, node, version, fields):
        """A user makes a document in an app of a version."""
        ident = node.new(f"Thing@{version}", "--fields", json.dumps(fields))
        self.edits[ident] = list(fields.values())
        return ident

    def write(self, node, ident, version, **fields):
        """A user writes in an app of a version."""
        words = [f"{name}:={json.dumps(value)}" for name, value in fields.items()]
        node.run("set", ident, *words, "--as", version)
        self.edits[ident] += fields.values()

    def load(self, *versions, nodes=None):
        """Read everything at these versions, writing back what is due."""
        for node in nodes or self.nodes:
            for version in versions:
                node.run("find", "Thing", "--as", version, "--mode", "migrate", *self.some)

    # ---------------------------------------------------------- versions
    def publish(self, steps, properties, version=2, node=None, start=None, **more):
        """Publish a version; what plan shows before is what shows then. The
        plan."""
        node, start = node or self.a, start or version - 1
        schema = self.of_version(version, properties, more)
        migration = {"schema": "Thing", "from": start, "to": version, "steps": steps}
        words = [self.file(f"m{version}.{node.name}.json", migration), "--schema",
                 self.file(f"v{version}.{node.name}.json", schema)]
        before = node.digest()
        plan = node.json("migrate", "plan", *words)
        check(node.digest() == before, "plan wrote something")
        step = node.json("migrate", "publish", *words)["step"]
        self.tips[node.name] = step
        check(plan["step"] == step, "plan named another step", plan["step"], step)
        check(plan["examples"] or not plan["documents"], "plan has no example", plan)
        for example in plan["examples"]:
            shown = node.document(example["id"], step)
            seen = {**shown["fields"],
                    **{n: {"$invalid": v} for n, v in shown.get("invalid", {}).items()}}
            check(seen == example["after"], "plan foretold", example, "but it shows", shown)
        found = node.json("find", "Thing", "--as", step, "--invalid")["documents"]
        check(len(found) == plan["newlyInvalidDocuments"] + plan["invalidBefore"]["count"]
              - plan["mended"], "plan foretold", plan, "but invalid are", found)
        self.schemas[version if version not in self.schemas else step] = schema
        return plan

    def tip(self, node):
        """The step that a device published last."""
        return self.tips[node.name]

    def down(self, *words):
        """alice takes a version back, or brings it back: the new version. What
        --dry-run shows is what is done."""
        before = self.a.digest()
        plan = self.a.json("migrate", "down", "Thing", *words, "--dry-run")
        check(self.a.digest() == before and "journal" not in plan, "--dry-run wrote", plan)
        done = self.a.json("migrate", "down", "Thing", *words)
        check(done == {**plan, "journal": done["journal"], "existed": False}, "foretold", plan, "but it did", done)
        self.schemas[done["version"]] = {**self.schemas[done["to"]], "version": done["version"]}
        return done["version"]

    # ------------------------------------------------------- what is seen
    def shows(self, ident, version, fields, invalid=None, nodes=None):
        """What the devices show of a document."""
        for node in nodes or self.nodes:
            doc = node.document(ident, version)
            check(doc["fields"] == fields and doc.get("invalid", {}) == (invalid or {}),
                  f"{node.name} at {version}: want", fields, invalid, "got", doc)

    def events(self, ident):
        """The writes in a document's log at alice, of users and migrations."""
        return self.a.json("log", ident)["events"]

    def copies(self):
        """Documents' copies at each device."""
        return [node.json("status", "Thing")["copies"] for node in self.nodes]

    def settle(self, *versions):
        """All come back and load everything at each version; all is equal, and
        loading again writes nothing."""
        versions = versions or list(self.schemas)
        self.meet()
        for node in self.nodes:
            until(f"{node.name} has the schema", lambda node=node: all(
                node.call("schema", "show", f"Thing@{v}").returncode == 0 for v in versions))
        for _ in range(2):      # what one writes may be due at the other
            self.load(*versions)
            self.meet()
        before = [node.digest() for node in self.nodes]
        for _ in range(2):
            self.load(*versions)
        check([node.digest() for node in self.nodes] == before == before[:1] * len(before),
              "loading again wrote something")

    def kept(self):
        """Every value that a user wrote is in the log, on every device."""
        for ident, values in self.edits.items():
            for node in self.nodes:
                logged = [e.get("value") for e in node.json("log", ident)["events"]
                          if e["kind"] == "native"]
                gone = [v for v in values if v not in logged]
                check(not gone, f"{node.name}: edits of {ident} are gone:", gone, logged)

    def works(self):
        """On every device, an app of every version makes a document, another
        device edits it at that version, and all show it alike at all."""
        made, edited = [], []
        for version, schema in self.schemas.items():
            for node in self.writers:
                fields = {n: sample(p) for n, p in schema["properties"].items()}
                made.append((self.new(node, version, fields), version, fields))
        self.meet()
        for number, (ident, version, fields) in enumerate(made):
            self.shows(ident, version, fields)
            name = next((n for n, v in fields.items() if v == "sample"), None)
            if name:
                self.write(self.writers[(number + 1) % len(self.writers)], ident, version,
                           **{name: "edited"})
                edited.append((ident, version, name))
        self.meet()
        for ident, version, name in edited:
            for node in self.nodes:
                seen = node.fields(ident, version)
                check(seen.get(name) == "edited", f"{node.name} at {version}:", name, seen)
        for version in self.schemas:
            seen = [sorted(n.json("find", "Thing", "--as", version)["documents"],
                           key=lambda d: d["id"]) for n in self.nodes]
            for found in seen:
                for doc in found:       # local-only on a reader, current elsewhere
                    doc.pop("state")
            check(seen[:1] * len(seen) == seen, f"at {version} they see", seen)
            check({d["id"] for d in seen[0]} >= set(self.edits), f"at {version} some are gone")

    def finish(self):
        """What every story ends with."""
        self.settle()
        self.works()
        self.kept()


@contextlib.contextmanager
def story(cove, properties, names=("alice", "bob"), **more):
    """A story with its devices, which must end well."""
    with nodes_of(cove, *names) as nodes:
        stage = Story(nodes, properties, **more)
        yield stage
        stage.finish()
