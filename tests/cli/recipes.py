#!/usr/bin/env python3
"""The recipes of docs/RECIPES.md, each run as a developer would: put the first
schema, import the records, plan, publish, and see what each version sees.

    recipes.py COVE DIRECTORY PAGE [TEST…]

A recipe is a folder: v1.schema.json, records.jsonl, v2.schema.json and
v1-to-v2.json where it has a second version, and expected.json:

    devices  who takes part; the first publishes, the others are away then
    plan     what `cove migrate plan` says, of its counts
    then     what happens: {as: VERSION, sees: [fields of each record]}, a
             field that is a document of its own being {"$document": true},
             {run: a command line, times?: so often, exit?: its code, says?: a
             part of what it prints}, {meet: true}: all come back and sync. `$1` is the first
             record's document, `on` another device than the first.
"""
import json
import os
import pathlib
import re
import shlex
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "nodes"))
# pylint: disable-next=wrong-import-position
from node_kit import check, converge, link, main, nodes_of  # noqa: E402

ROOT, PAGE = map(pathlib.Path, sys.argv[2:4])


def plain(value):
    """A field's value; which document a reference names is not told."""
    return {"$document": True} if isinstance(value, dict) and list(value) == ["$ref"] else value


class Kitchen:
    """The devices of a recipe, in a copy of its folder."""

    def __init__(self, nodes, folder):
        self.nodes = {node.name: node for node in nodes}
        self.first, self.others = nodes[0], nodes[1:]
        self.folder = pathlib.Path(nodes[0].dir).parent / "recipe"
        shutil.copytree(folder, self.folder)
        self.expected = json.loads((self.folder / "expected.json").read_text("utf-8"))
        self.name = json.loads((self.folder / "v1.schema.json").read_text("utf-8"))["title"]
        self.ids = []

    def cook(self):
        """Version 1 and its records everywhere, version 2 at the first."""
        words = [w for n in self.others for w in ("--member", f"{n.key}=admin")]
        owner = ["--owner", self.first.json("new", "group", *words)["id"]]
        self.first.run("schema", "put", self.folder / "v1.schema.json", *owner)
        records = (self.folder / "records.jsonl").read_text("utf-8").splitlines()
        self.ids = self.first.import_records(map(json.loads, records), "--schema", self.name,
                                             "--as", 1)
        if self.others:
            for node in self.nodes.values():
                node.serve()
            for node in self.others:
                link(self.first, node, both=True)
            self.meet()
            for node in self.others:
                node.stop()
        if (self.folder / "v1-to-v2.json").exists():
            self.publish()
        for number, event in enumerate(self.expected["then"], 1):
            self.happens(event, f"event {number}")
        for node in self.nodes.values():
            check(node.json("check")["damaged"] == [], "damage")

    def publish(self):
        """What plan counts is what the recipe says, and nothing is written."""
        words = [self.folder / "v1-to-v2.json", "--schema", self.folder / "v2.schema.json"]
        before = self.first.json("status")["digest"]
        plan = self.first.json("migrate", "plan", *words)
        check(self.first.json("status")["digest"] == before, "plan wrote something")
        counts = {key: plan[key] for key in self.expected["plan"]}
        check(counts == self.expected["plan"], "plan says", counts)
        self.first.run("migrate", "publish", *words)

    def meet(self):
        """All come back and sync until all is equal."""
        for node in self.nodes.values():
            if not node.alive():
                node.serve()
        converge(list(self.nodes.values()))

    def happens(self, event, where):
        """One event of `then`."""
        node = self.nodes[event["on"]] if "on" in event else self.first
        if "run" in event:
            words = shlex.split(re.sub(r"\$(\d+)", lambda m: self.ids[int(m[1]) - 1],
                                       event["run"]))
            for _ in range(event.get("times", 1)):
                done = node.call(*[self.folder / w if (self.folder / w).exists() else w
                                   for w in words[1:]])
            said = done.stdout + done.stderr
            check(done.returncode == event.get("exit", 0) and event.get("says", "") in said,
                  where, event, "exit", done.returncode, said)
        elif "sees" in event:
            docs = [node.document(i, event["as"], mode=None) for i in self.ids]
            seen = [{**{n: plain(v) for n, v in d["fields"].items()}, **{n: {"$invalid": v} for n, v in
                                       d.get("invalid", {}).items()}} for d in docs]
            check(seen == event["sees"], where, node.name, "at", event["as"], "sees", seen)
        else:
            check(event == {"meet": True}, where, "is no event:", event)
            self.meet()


def can_be_cooked(folder):
    """Those with scripts need Lua."""
    lua = any("lua" in file.read_text("utf-8") for file in folder.iterdir())
    return not lua or os.environ.get("COVE_SCRIPTS") != "0"


def recipe_test(folder):
    """The test of a folder."""
    def test(cove):
        names = json.loads((folder / "expected.json").read_text("utf-8")).get("devices", ["here"])
        with nodes_of(cove, *names) as nodes:
            Kitchen(nodes, folder).cook()
    test.__name__ = folder.name
    return test


def the_page_shows_the_files_as_they_are(_):
    """Each section of the page names its folder; its JSON is in its files."""
    sections = re.split(r"^## ", PAGE.read_text("utf-8"), flags=re.M)[1:]
    shown = set()
    for section in sections:
        names = re.findall(r"\(\.\./examples/recipes/([\w-]+)\)", section)
        held = [json.loads(f.read_text("utf-8")) for n in names
                for f in (ROOT / n).glob("*.json")]
        check(held or not names, "no such recipes:", names)
        steps = [s for m in held for part in ("steps", "down") for s in m.get(part, [])]
        for block in re.findall(r"^```json\n(.*?)^```", section, flags=re.M | re.S):
            check(json.loads(block) in held + steps, "no recipe of", names, "has", block)
        shown |= set(names)
    missing = {f.name for f in ROOT.iterdir()} - shown
    check(not missing, "the page does not show", sorted(missing))


if __name__ == "__main__":
    tests = [recipe_test(f) for f in sorted(ROOT.iterdir()) if can_be_cooked(f)]
    del sys.argv[2:4]
    sys.exit(main(tests + [the_page_shows_the_files_as_they_are]))
