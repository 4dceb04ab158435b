#!/usr/bin/env python3
"""Migration stories over real daemons: fields added, renamed, required, removed.
Each test is named after its row; `story_kit` asks of every story what holds for
all: every device at every version works, no edit is lost, loads write nothing."""
import sys

from node_kit import check, main
from story_kit import BOOLEAN, INTEGER, TEXT, story


def s1_an_added_field_reads_null_and_writes_nothing(cove):
    """v2 adds age, default null."""
    with story(cove, {"name": TEXT}) as s:
        ident = s.begin({"name": "Ada"})
        s.publish([{"add": "age"}],
                  {"name": TEXT, "age": {"type": ["integer", "null"], "default": None}})
        s.settle(1, 2)
        s.shows(ident, 1, {"name": "Ada"})
        s.shows(ident, 2, {"name": "Ada", "age": None})
        check(s.copies() == [0, 0] and len(s.events(ident)) == 1,
              "something was written", s.events(ident))


def s2_a_default_never_beats_a_value_that_syncs_later(cove):
    """age 0 by default; alice sets 30; bob, offline, loads, and syncs last."""
    with story(cove, {"name": TEXT}) as s:
        ident = s.begin({"name": "Ada"})
        s.publish([{"add": "age"}], {"name": TEXT, "age": {**INTEGER, "default": 0}})
        s.meet()
        s.part()
        s.write(s.a, ident, 2, age=30)
        s.load(2, nodes=[s.b])
        s.shows(ident, 2, {"name": "Ada", "age": 0}, nodes=[s.b])
        s.settle(1, 2)
        s.shows(ident, 1, {"name": "Ada"})
        s.shows(ident, 2, {"name": "Ada", "age": 30})


def s3_defaults_and_required_do_not_touch_what_is_false_zero_empty_or_null(cove):
    """v2 gives defaults to other fields and requires these; 1,000 loads."""
    v1 = {"subscribed": BOOLEAN, "credits": INTEGER, "bio": TEXT,
          "nick": {"type": ["string", "null"]}}
    flags = {"subscribed": False, "credits": 0, "bio": "", "nick": None}
    with story(cove, v1) as s:
        ids = s.begin(*[flags] * 20)
        s.publish([{"require": name} for name in v1] + [{"add": "lang"}],
                  {**v1, "lang": {**TEXT, "default": "en"}}, required=list(v1))
        s.load(2, nodes=[s.a])
        before = s.a.json("status")
        for _ in range(50):         # 50 times 20 documents
            s.load(2, nodes=[s.a])
        after = s.a.json("status")
        check((before["digest"], before["copies"]) == (after["digest"], after["copies"]),
              before, after)
        s.settle(1, 2)
        for ident in ids[::7]:
            s.shows(ident, 1, flags)
            s.shows(ident, 2, {**flags, "lang": "en"})


def s4_a_late_write_that_is_newer_wins_under_both_names(cove):
    """first becomes givenName; Grace, written after Ada, arrives after."""
    with story(cove, {"first": TEXT}) as s:
        ident = s.begin({"first": "Eve"})
        s.publish([{"rename": {"from": "first", "to": "givenName"}}], {"givenName": TEXT})
        s.write(s.a, ident, 2, givenName="Ada")
        s.write(s.b, ident, 1, first="Grace")
        s.settle(1, 2)
        s.shows(ident, 1, {"first": "Grace"})
        s.shows(ident, 2, {"givenName": "Grace"})


def s5_a_late_write_that_is_older_loses_under_both_names(cove):
    """first becomes givenName; Grace, written before Ada, arrives after."""
    with story(cove, {"first": TEXT}) as s:
        ident = s.begin({"first": "Eve"})
        s.write(s.b, ident, 1, first="Grace")
        s.publish([{"rename": {"from": "first", "to": "givenName"}}], {"givenName": TEXT})
        s.write(s.a, ident, 2, givenName="Ada")
        s.settle(1, 2)
        s.shows(ident, 1, {"first": "Ada"})
        s.shows(ident, 2, {"givenName": "Ada"})


def s6_a_new_field_of_an_old_name_never_gets_the_old_fields_writes(cove):
    """a becomes b; version 3 has another a; the old a is written late."""
    with story(cove, {"a": TEXT}) as s:
        ident = s.begin({"a": "first"})
        s.publish([{"rename": {"from": "a", "to": "b"}}], {"b": TEXT})
        s.publish([{"add": "a"}], {"a": TEXT, "b": TEXT}, version=3)
        s.write(s.a, ident, 3, a="another")
        s.write(s.b, ident, 1, a="late")
        s.settle(1, 2, 3)
        s.shows(ident, 1, {"a": "late"})
        s.shows(ident, 2, {"b": "late"})
        s.shows(ident, 3, {"a": "another", "b": "late"})


def s17_what_is_removed_is_kept_for_who_still_reads_it(cove):
    """secret is removed; version 1 writes it late; down brings it back."""
    with story(cove, {"notes": TEXT, "secret": TEXT}) as s:
        ident = s.begin({"notes": "n", "secret": "old"})
        s.publish([{"remove": "secret"}], {"notes": TEXT})
        s.write(s.a, ident, 2, notes="newer")
        s.write(s.b, ident, 1, secret="new")
        s.settle(1, 2)
        s.shows(ident, 1, {"notes": "newer", "secret": "new"})
        s.shows(ident, 2, {"notes": "newer"})
        check(s.down("--to", 1) == 3, "down")
        s.settle(1, 2, 3)
        s.shows(ident, 3, {"notes": "newer", "secret": "new"})
        s.shows(ident, 2, {"notes": "newer"})


def s18_a_required_field_with_a_default_needs_no_data_job(cove):
    """status becomes required, "active" by default; half have none."""
    with story(cove, {"name": TEXT, "status": TEXT}) as s:
        ids = s.begin(*[{"name": str(i), **({"status": "gone"} if i % 2 else {})}
                        for i in range(10)])
        plan = s.publish([{"require": {"field": "status", "default": "active"}}],
                         {"name": TEXT, "status": {**TEXT, "default": "active"}},
                         required=["status"])
        check((plan["newlyInvalidDocuments"], plan["copies"]) == (0, 0), plan)
        s.settle(1, 2)
        check(s.copies() == [0, 0], "copies", s.copies())
        s.shows(ids[0], 1, {"name": "0"})
        s.shows(ids[0], 2, {"name": "0", "status": "active"})
        s.shows(ids[1], 1, {"name": "1", "status": "gone"})
        s.shows(ids[1], 2, {"name": "1", "status": "gone"})


def s19_an_enum_that_not_all_keep_to_hides_nothing(cove):
    """colour was any text, and becomes red or green; some have "blu"."""
    enum = {**TEXT, "enum": ["red", "green"]}
    with story(cove, {"colour": TEXT}) as s:
        red, blu, late = s.begin({"colour": "red"}, {"colour": "blu"}, {"colour": "green"})
        plan = s.publish([], {"colour": enum})
        check(plan["newlyInvalidDocuments"] == 1, plan)
        s.write(s.a, red, 2, colour="green")
        s.write(s.b, late, 1, colour="teal")
        s.settle(1, 2)
        check(s.copies() == [0, 0], "copies", s.copies())
        for ident, colour in ((red, "green"), (blu, "blu"), (late, "teal")):
            s.shows(ident, 1, {"colour": colour})
            s.shows(ident, 2, {"colour": colour})
        for node in s.nodes:
            broken_at(node, 1, {})
            broken_at(node, 2, {blu: "/colour", late: "/colour"})
        s.write(s.b, late, 2, colour="red")
        s.settle(1, 2)
        for node in s.nodes:
            broken_at(node, 2, {blu: "/colour"})


def s19_what_a_narrower_enum_leaves_out_reads_as_it_is_mended(cove):
    """The same, and the step says that blu is blue: so version 2 sees, and
    version 1 what was written."""
    enum = {**TEXT, "enum": ["red", "blue"]}
    mend = {"mend": {"field": "colour", "map": [["blu", "blue"]]}}
    with story(cove, {"colour": TEXT}) as s:
        red, blu, late = s.begin({"colour": "red"}, {"colour": "blu"}, {"colour": "red"})
        plan = s.publish([mend], {"colour": enum})
        check((plan["newlyInvalidDocuments"], plan["mendedByStep"]) == (0, 1), plan)
        s.write(s.b, late, 1, colour="blu")
        s.write(s.a, red, 2, colour="blue")
        s.settle(1, 2)
        for ident, old, new in ((red, "blue", "blue"), (blu, "blu", "blue"), (late, "blu", "blue")):
            s.shows(ident, 1, {"colour": old})
            s.shows(ident, 2, {"colour": new})
        s.write(s.b, late, 1, colour="teal")
        s.settle(1, 2)
        s.shows(late, 1, {"colour": "teal"})
        s.shows(late, 2, {}, {"colour": "teal"})
        for node in s.nodes:
            broken_at(node, 1, {})
            broken_at(node, 2, {late: "/colour"})


def broken_at(node, version, wanted):
    """What is listed as invalid, and where, counted and marked alike."""
    found = node.json("find", "Thing", "--as", version, "--invalid")["documents"]
    paths = {d["id"]: " ".join(b["path"] for b in d["broken"]) for d in found}
    check(paths == wanted, f"{node.name} at {version}: invalid", paths, "not", wanted)
    counted = node.json("find", "Thing", "--as", version, "--invalid", "--count")["count"]
    status = node.json("status", f"Thing@{version}")["invalid"]
    check(counted == status == len(wanted), f"{node.name} at {version}:", counted, status)
    for ident in wanted:
        marked = node.document(ident, version).get("broken")
        check(marked, f"{node.name} at {version}: get does not mark", ident)


def s33_two_fields_that_meant_the_same_are_one_value(cove):
    """mail and email were both written; they are declared the same."""
    both = {"mail": TEXT, "email": TEXT}
    with story(cove, both) as s:
        one, two = s.begin({"mail": "a@old", "email": "a@new"}, {"mail": "b@only"})
        s.publish([{"same": {"field": "mail", "as": "email"}}, {"hide": "mail"}],
                  {"email": TEXT})
        s.write(s.a, one, 2, email="a@2")
        s.write(s.b, one, 1, mail="a@1")
        s.settle(1, 2)
        s.shows(one, 1, {"mail": "a@1", "email": "a@1"})
        s.shows(one, 2, {"email": "a@1"})
        s.shows(two, 1, {"mail": "b@only", "email": "b@only"})
        s.shows(two, 2, {"email": "b@only"})


def s39_what_a_newer_app_added_survives_a_save_by_an_older_one(cove):
    """version 2 has a field, and a member of an object, that version 1 lacks."""
    v1 = {"name": TEXT, "address": {"type": "object"}}
    with story(cove, v1) as s:
        ident = s.begin({"name": "Ada", "address": {"city": "London"}})
        s.publish([{"add": "phone"}], {**v1, "phone": TEXT})
        s.write(s.a, ident, 2, phone="555")
        s.meet()
        s.part()
        seen = s.b.fields(ident, 1)     # the old app reads, edits, saves all
        check(seen == {"name": "Ada", "address": {"city": "London"}}, seen)
        s.write(s.b, ident, 1, **{**seen, "name": "Grace"})
        s.settle(1, 2)
        s.shows(ident, 1, {"name": "Grace", "address": {"city": "London"}})
        s.shows(ident, 2, {"name": "Grace", "address": {"city": "London"}, "phone": "555"})


if __name__ == "__main__":
    sys.exit(main([
        s1_an_added_field_reads_null_and_writes_nothing,
        s2_a_default_never_beats_a_value_that_syncs_later,
        s3_defaults_and_required_do_not_touch_what_is_false_zero_empty_or_null,
        s4_a_late_write_that_is_newer_wins_under_both_names,
        s5_a_late_write_that_is_older_loses_under_both_names,
        s6_a_new_field_of_an_old_name_never_gets_the_old_fields_writes,
        s17_what_is_removed_is_kept_for_who_still_reads_it,
        s18_a_required_field_with_a_default_needs_no_data_job,
        s19_an_enum_that_not_all_keep_to_hides_nothing,
        s19_what_a_narrower_enum_leaves_out_reads_as_it_is_mended,
        s33_two_fields_that_meant_the_same_are_one_value,
        s39_what_a_newer_app_added_survives_a_save_by_an_older_one]))
