#!/usr/bin/env python3
"""Migration stories over real daemons: what a developer's files are refused
for. Each test is named after its row; `story_kit` asks of every story what holds
for all: every device at every version works, no edit is lost, loads write
nothing."""
import json
import sys

from node_kit import check, main
from story_kit import INTEGER, TEXT, convert, story

CONDITION, DRIFT = 3, 4


def s31_a_step_that_claims_to_lose_nothing_and_does_is_refused(cove):
    """lower, with itself as the way back, loses "Ada"."""
    with story(cove, {"name": TEXT}) as s:
        ident = s.begin({"name": "Ada"})
        lower = convert("name", "string", ["lower"], [])
        schema = s.file("v2.json", s.of_version(2, {"name": TEXT}, {}))
        words = [s.file("m2.json", {"schema": "Thing", "from": 1, "to": 2, "steps": [lower]}),
                 "--schema", schema]
        before = s.a.digest()
        for verb in ("plan", "publish"):
            done = s.a.call("migrate", verb, *words)
            check(done.returncode == CONDITION and '"name": lower is not lossless: "Ada" becomes '
                  '"ada" and comes back as "ada"' in done.stderr, done.returncode, done.stderr)
        check(s.a.digest() == before, "something was published")
        lower["convert"]["lossy"] = True        # meant so
        s.publish([lower], {"name": TEXT})
        s.settle(1, 2)
        s.shows(ident, 1, {"name": "Ada"})
        s.shows(ident, 2, {"name": "ada"})


def s32_a_file_edited_after_publication_is_drift(cove):
    """verify and up say who published it and when, and change nothing."""
    with story(cove, {"size": TEXT}, role="admin") as s:
        ident = s.begin({"size": "120"})
        home = s.base / "schema"
        home.mkdir()
        s.schemas[2] = s.of_version(2, {"size": INTEGER}, {})
        (home / "Thing.schema.json").write_text(json.dumps(s.schemas[2]), "utf-8")
        s.a.run("migrate", "create", "Thing", "--dir", home)
        s.a.run("migrate", "up", home)
        s.meet()
        for node in s.nodes:
            node.run("migrate", "verify", home)
        before = s.a.digest()
        path = next(p for p in (home / "migrations").glob("*.json")
                    if '"convert"' in p.read_text("utf-8"))
        text = path.read_text("utf-8")
        path.write_text(text.replace('"int_of_text"', '"trim","int_of_text"'), "utf-8")
        for node in s.nodes:
            for verb in ("verify", "up"):
                done = node.call("migrate", verb, home)
                said = done.stdout + done.stderr
                check(done.returncode == DRIFT, node.name, verb, done.returncode, said)
                for part in (path.name, s.a.key[:16], " on 20", "differs from version 2",
                             "cove migrate create Thing"):
                    check(part in said, node.name, verb, "does not say", part, said)
        check([n.digest() for n in s.nodes] == [before] * 2, "something was written")
        path.write_text(text, "utf-8")          # put back, all is well
        for node in s.nodes:
            node.run("migrate", "verify", home)
            node.run("migrate", "up", home)
        s.settle(1, 2)
        s.shows(ident, 2, {"size": 120})


if __name__ == "__main__":
    sys.exit(main([
        s31_a_step_that_claims_to_lose_nothing_and_does_is_refused,
        s32_a_file_edited_after_publication_is_drift]))
