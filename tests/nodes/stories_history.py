#!/usr/bin/env python3
"""Migration stories over real daemons: versions that come in chains, late, in
pieces, twice, wrong. Each test is named after its row; `story_kit` asks of every
story what holds for all: every device at every version works, no edit is lost,
loads write nothing."""
import os
import subprocess
import sys

from node_kit import check, converge, main, until
from story_kit import INTEGER, TEXT, convert, int_of_text, story

NOT_FOUND = 5


def s20_a_device_jumps_from_version_1_to_3(cove):
    """v2 and v3 come at once, with a late write of version 1."""
    with story(cove, {"size": TEXT, "note": TEXT}) as s:
        ident = s.begin({"size": "120", "note": "n"})
        s.publish([int_of_text()], {"size": INTEGER, "note": TEXT})
        s.publish([{"rename": {"from": "size", "to": "kib"}}, {"hide": "note"}],
                  {"kib": INTEGER}, version=3)
        s.write(s.b, ident, 1, size="130", note="late")
        s.settle(1, 3)
        s.shows(ident, 1, {"size": "130", "note": "late"})
        s.shows(ident, 2, {"size": 130, "note": "late"})
        s.shows(ident, 3, {"kib": 130})


def s21_a_device_waits_at_version_2_until_the_step_to_3_is_there(cove):
    """bob has version 2; his new app expects 3."""
    with story(cove, {"size": TEXT}) as s:
        ident = s.begin({"size": "120"})
        s.publish([int_of_text()], {"size": INTEGER})
        s.meet()
        s.part()
        s.publish([convert("size", "integer", [{"mul": 1024}], name="bytes")],
                  {"bytes": INTEGER}, version=3)
        done = s.b.call("find", "Thing", "--as", 3)
        check(done.returncode == NOT_FOUND and "no version 3" in done.stderr
              and "held: " in done.stderr, done.returncode, done.stderr)
        s.shows(ident, 2, {"size": 120}, nodes=[s.b])
        check(s.b.document(ident)["fields"] == {"size": 120}, "the newest held")
        s.write(s.b, ident, 2, size=121)
        s.settle(1, 2, 3)
        s.shows(ident, 1, {"size": "121"})
        s.shows(ident, 3, {"bytes": 121 * 1024})


def s22_two_second_versions_are_a_fork_and_a_merge_loses_nothing(cove):
    """alice and bob, apart, publish different versions 2, and write at both."""
    with story(cove, {"name": TEXT}, role="admin") as s:
        ident = s.begin({"name": "Ada King"})
        s.publish([{"add": "mail"}], {"name": TEXT, "mail": TEXT})
        s.publish([{"add": "phone"}, {"rename": {"from": "name", "to": "who"}}],
                  {"who": TEXT, "phone": TEXT}, node=s.b)
        one, other = (s.tip(n) for n in s.nodes)
        s.schemas = {1: s.schemas[1], one: s.schemas[2], other: s.schemas[other]}
        s.write(s.a, ident, one, mail="a@b")
        s.write(s.b, ident, other, who="Ada Byron", phone="555")
        s.meet()
        for node in s.nodes:
            status = node.json("migrate", "status", "Thing")["schemas"][0]
            check(status["forked"] is True, "no fork is shown", status)
            done = node.call("find", "Thing", "--as", 2)
            check(done.returncode != 0 and one[:8] in done.stderr and other[:8] in done.stderr,
                  "2 is not ambiguous", done.stderr)
        s.settle()
        s.shows(ident, one, {"name": "Ada Byron", "mail": "a@b"})
        s.shows(ident, other, {"who": "Ada Byron", "phone": "555"})
        s.publish([], {"who": TEXT, "mail": TEXT, "phone": TEXT}, version=3,
                  start=[one[:16], other[:16]])
        s.meet()
        status = s.b.json("migrate", "status", "Thing")["schemas"][0]
        check(status["forked"] is False, "still a fork", status)
        s.shows(ident, 3, {"who": "Ada Byron", "mail": "a@b", "phone": "555"})
        s.shows(ident, 1, {"name": "Ada Byron"})


def s23_a_wrong_version_is_corrected_by_the_next(cove):
    """Version 2 multiplied by 10 for cents; documents were written at it."""
    with story(cove, {"euros": INTEGER}) as s:
        ident = s.begin({"euros": 2})
        s.publish([convert("euros", "integer", [{"mul": 10}], name="cents")], {"cents": INTEGER})
        made = s.new(s.a, 2, {"cents": 70})
        s.publish([{"hide": "cents"}, {"show": "euros"},
                   convert("euros", "integer", [{"mul": 100}], name="cents")],
                  {"cents": INTEGER}, version=3)
        s.write(s.b, ident, 1, euros=3)
        s.settle(1, 2, 3)
        s.shows(ident, 1, {"euros": 3})
        s.shows(ident, 2, {"cents": 30})
        s.shows(ident, 3, {"cents": 300})
        s.shows(made, 1, {"euros": 7})
        s.shows(made, 2, {"cents": 70})
        s.shows(made, 3, {"cents": 700})


def s24_down_and_undo_lose_no_edit_of_either_version(cove):
    """Version 2 is taken back, edited at both, and brought back again."""
    with story(cove, {"size": TEXT, "note": TEXT}) as s:
        one, two = s.begin({"size": "120", "note": "a"}, {"size": "7", "note": "b"})
        s.publish([int_of_text(), {"hide": "note"}], {"size": INTEGER})
        s.meet()
        s.part()
        s.write(s.a, one, 2, size=130)
        s.down("--steps", 1)
        s.write(s.b, one, 1, note="late")
        s.write(s.b, two, 2, size=8)            # bob has not heard of it
        s.write(s.a, two, 3, note="after")
        s.settle(1, 2, 3)
        for version in (1, 3):
            s.shows(one, version, {"size": "130", "note": "late"})
            s.shows(two, version, {"size": "8", "note": "after"})
        s.shows(one, 2, {"size": 130})
        s.down("--undo")
        s.write(s.b, one, 3, size="131")
        s.settle(1, 2, 3, 4)
        for version in (2, 4):
            s.shows(one, version, {"size": 131})
            s.shows(two, version, {"size": 8})
        s.shows(one, 1, {"size": "131", "note": "late"})


def s25_a_reader_sees_version_2_and_writes_nothing(cove):
    """Ten loads by a member who may only read."""
    with story(cove, {"size": TEXT}, role="reader") as s:
        ident = s.begin({"size": "120"})
        s.publish([int_of_text()], {"size": INTEGER})
        s.b.serve()
        converge([s.a, s.b])
        before = s.b.json("check"), s.b.digest()
        for _ in range(10):
            doc = s.b.document(ident, 2, mode=None)
            check(doc["fields"] == {"size": 120} and doc["state"] == "local-only", doc)
        check((s.b.json("check"), s.b.digest()) == before, "the reader wrote")
        check(s.copies()[1] == 0, "copies", s.copies())


def s26_an_app_that_expects_what_is_not_here_opens_and_catches_up(cove):
    """bob was away at publication; his updated app asks for version 2."""
    with story(cove, {"size": TEXT}) as s:
        ident = s.begin({"size": "120"})
        s.publish([int_of_text()], {"size": INTEGER})
        for words in (("get", ident, "--as", 2), ("find", "Thing", "--as", 2),
                      ("set", ident, "size:=1", "--as", 2), ("migrate", "run", "Thing", "--to", 2)):
            done = s.b.call(*words)
            check(done.returncode == NOT_FOUND and "Thing has no version 2 here; held: 1"
                  in done.stderr, words, done.returncode, done.stderr)
        s.shows(ident, 1, {"size": "120"}, nodes=[s.b])     # it opens, at what is there
        s.write(s.b, ident, 1, size="121")
        s.b.serve()
        until("bob sees version 2", lambda: s.b.call("get", ident, "--as", 2).returncode == 0)
        s.settle(1, 2)
        s.shows(ident, 1, {"size": "121"})
        s.shows(ident, 2, {"size": 121})


def s38_what_was_invalid_before_is_listed_before_and_left_alone(cove):
    """A broken importer wrote a text where version 1 has a number."""
    with story(cove, {"stars": INTEGER, "name": TEXT}) as s:
        good, bad = s.begin({"stars": 5, "name": "good"}, {"stars": 4, "name": "bad"})
        version = s.a.json("schema", "show", "Thing@1")
        reg = next(r["register"] for r in version["registers"] if r["name"] == "stars")
        subprocess.run([os.environ["STORE_BROKEN"], s.a.dir, bad, version["step"], reg, "many"],
                       check=True)
        s.shows(bad, 1, {"name": "bad"}, {"stars": "many"}, nodes=[s.a])
        before = s.events(bad)
        plan = s.publish([convert("stars", "integer", [{"mul": 20}], name="score")],
                         {"score": INTEGER, "name": TEXT})
        check([d["id"] for d in plan["invalidBefore"]["documents"]] == [bad]
              and plan["newlyInvalid"] == [] and "stars" in
              plan["invalidBefore"]["documents"][0]["why"], plan)
        s.settle(1, 2)
        check(s.events(bad) == before, "it was touched", s.events(bad))
        s.shows(bad, 1, {"name": "bad"}, {"stars": "many"})
        s.shows(bad, 2, {"name": "bad"}, {"score": "many"})
        s.shows(good, 2, {"score": 100, "name": "good"})


def late_writes_land(s, one, two):
    """Bob, away so far, wrote at version 1, which is retired."""
    s.write(s.b, one, 1, size="130", note="late")
    s.write(s.b, two, 1, note="late, too")
    s.schemas.pop(1)                        # nobody is to write at it any more
    s.settle(2)
    s.shows(one, 2, {"size": 130})          # the newest wins
    s.shows(two, 2, {"size": 119})
    for node in s.nodes:
        check("late" in [e.get("value") for e in node.json("log", one)["events"]],
              f"{node.name} lost the note")


def s40_writes_at_a_retired_version_land_after_compaction(cove):
    """Version 1 is retired and alice compacts; bob, away since, wrote at it."""
    with story(cove, {"size": TEXT, "note": TEXT}) as s:
        one, two = s.begin({"size": "120", "note": "a"}, {"size": "7", "note": "b"})
        s.publish([int_of_text(), {"remove": "note"}], {"size": INTEGER})
        for start in range(0, 120, 10):         # a log that is worth packing
            s.a.set_lines([{"id": d, "set": {"size": start + i}}
                           for i in range(10) for d in (one, two)], "--as", 2)
        s.a.run("-y", "migrate", "retire", "Thing", 1)
        s.a.stop()
        before = s.events(one), s.a.document(one, 2), s.a.digest()
        done = s.a.json("compact")
        check(done["chunks"] > 0 and done["file"]["done"], done)
        check((s.events(one), s.a.document(one, 2), s.a.digest()) == before,
              "compaction changed what is seen")
        late_writes_land(s, one, two)
        for node in s.nodes:
            node.run("check")


def s40_writes_at_a_retired_version_land_after_the_history_is_cut_off(cove):
    """Version 1 is retired and alice cuts the history off, what bob has not
    heard of, too; bob, away since, wrote at version 1; carol is new."""
    with story(cove, {"size": TEXT, "note": TEXT}) as s:
        one, two = s.begin({"size": "120", "note": "a"}, {"size": "7", "note": "b"})
        s.publish([int_of_text(), {"remove": "note"}], {"size": INTEGER})
        for start in range(0, 120, 10):         # a log that is worth cutting
            s.a.set_lines([{"id": d, "set": {"size": start + i}}
                           for i in range(10) for d in (one, two)], "--as", 2)
        s.a.run("-y", "migrate", "retire", "Thing", 1)
        s.a.stop()
        before = s.a.document(one, 2), s.a.digest()
        cut = s.a.json("-y", "cut", "--schema", "Thing", "--keep", 1, "--force")
        check(cut["documents"] == 2 and s.events(one) == s.events(two) == [], cut)
        check((s.a.document(one, 2), s.a.digest()) == before, "a cut changed what is seen")
        s.edits = {one: [], two: []}            # of what is in the log
        late_writes_land(s, one, two)
        for node in s.nodes:
            check("document-refused" not in node.log.read_text("utf-8"), node.name)
            node.run("check")


if __name__ == "__main__":
    sys.exit(main([
        s20_a_device_jumps_from_version_1_to_3,
        s21_a_device_waits_at_version_2_until_the_step_to_3_is_there,
        s22_two_second_versions_are_a_fork_and_a_merge_loses_nothing,
        s23_a_wrong_version_is_corrected_by_the_next,
        s24_down_and_undo_lose_no_edit_of_either_version,
        s25_a_reader_sees_version_2_and_writes_nothing,
        s26_an_app_that_expects_what_is_not_here_opens_and_catches_up,
        s38_what_was_invalid_before_is_listed_before_and_left_alone,
        s40_writes_at_a_retired_version_land_after_compaction,
        s40_writes_at_a_retired_version_land_after_the_history_is_cut_off]))
