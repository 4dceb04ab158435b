#!/usr/bin/env python3
"""Migration stories over real daemons: values converted, split and joined. Each
test is named after its row; `story_kit` asks of every story what holds for all:
every device at every version works, no edit is lost, loads write nothing."""
import sys

from node_kit import check, main
from story_kit import BOOLEAN, INTEGER, TEXT, convert, int_of_text, story

CENTS = convert("price", "integer", [{"mul": 100}], [{"div": 100}])
DONE = [[True, "done"], [False, "todo"]]
NAME = {"split": {"field": "name", "into": ["first", "last"], "pattern": ["", " ", ""],
                  "lenient": True}}
FULL = {"join": {"fields": ["first", "last"], "into": "fullName", "pattern": ["", " ", ""]}}
WHO = {"split": {"field": "maintainer", "into": ["name", "address"], "pattern": ["", " <", ">"],
                 "lenient": True}}
DEPENDS = convert("depends", "array", [{"split_list": ", "}])


def status_of_done(back):
    """done becomes status, with this table back."""
    return convert("done", "string", [{"table": DONE}], [{"table": back}], name="status")


def s7_a_price_becomes_cents_once_however_many_load_it(cove):
    """Five devices, each alone, load five times at once."""
    with story(cove, {"price": INTEGER}, names=("alice", "bob", "carol", "dan", "eve")) as s:
        ids = s.begin({"price": 2}, {"price": 3})
        s.publish([CENTS], {"price": INTEGER})
        s.meet()
        for node in s.nodes:
            node.stop()
        for _ in range(5):
            loads = [n.start("find", "Thing", "--as", "2", "--mode", "migrate") for n in s.nodes]
            for load in loads:
                load.communicate(timeout=60)
                check(load.returncode == 0, "a load failed")
        s.settle(1, 2)
        s.shows(ids[0], 1, {"price": 2})
        s.shows(ids[0], 2, {"price": 200})
        s.shows(ids[1], 2, {"price": 300})
        copies = [e for e in s.events(ids[0]) if e["kind"] == "copy"]
        check(1 <= len(copies) <= 5 and {e["value"] for e in copies} == {200}, copies)


def s8_what_does_not_divide_is_invalid_at_version_1(cove):
    """Euros become cents; somebody sets 250 cents, then 300."""
    with story(cove, {"price": INTEGER}) as s:
        ident = s.begin({"price": 2})
        s.publish([CENTS], {"price": INTEGER})
        check(s.a.fields(ident, 2) == {"price": 200}, s.a.fields(ident, 2))
        s.write(s.a, ident, 2, price=250)
        s.settle(1, 2)
        s.shows(ident, 1, {}, {"price": 250})
        s.shows(ident, 2, {"price": 250})
        check(s.b.call("get", ident, "price", "--as", "1").returncode == 9, "exit code")
        s.write(s.b, ident, 1, price=3)
        s.settle(1, 2)
        s.shows(ident, 1, {"price": 3})
        s.shows(ident, 2, {"price": 300})


def s9_a_late_text_that_is_no_number_is_shown_raw_and_never_as_the_old_one(cove):
    """"120" becomes 120; then "about 150" arrives."""
    with story(cove, {"size": TEXT}) as s:
        ident = s.begin({"size": "120"})
        s.publish([int_of_text()], {"size": INTEGER})
        s.load(2, nodes=[s.a])      # migrates: 120 is written
        check(s.a.fields(ident, 2) == {"size": 120}, s.a.fields(ident, 2))
        s.write(s.b, ident, 1, size="about 150")
        s.settle(1, 2)
        s.shows(ident, 1, {"size": "about 150"})
        s.shows(ident, 2, {}, {"size": "about 150"})
        for node in s.nodes:
            found = node.json("find", "Thing", "--as", 2, "--invalid")["documents"]
            check([d["id"] for d in found] == [ident], found)


def s10_a_boolean_becomes_one_of_three_words(cove):
    """Version 2 sets "doing"; version 1 sets true, later."""
    with story(cove, {"done": BOOLEAN}) as s:
        ident = s.begin({"done": False})
        s.publish([status_of_done([["done", True], ["todo", False]])],
                  {"status": {**TEXT, "enum": ["todo", "doing", "done"]}})
        s.shows(ident, 2, {"status": "todo"}, nodes=[s.a])
        s.write(s.a, ident, 2, status="doing")
        s.write(s.b, ident, 1, done=True)
        s.settle(1, 2)
        s.shows(ident, 1, {"done": True})
        s.shows(ident, 2, {"status": "done"})


def s11_a_word_that_version_1_lacks_is_invalid_there_and_raw(cove):
    """Version 2 sets "doing"; version 1 writes nothing."""
    with story(cove, {"done": BOOLEAN}) as s:
        ident = s.begin({"done": False})
        s.publish([status_of_done([["done", True], ["todo", False]])], {"status": TEXT})
        s.write(s.a, ident, 2, status="doing")
        s.settle(1, 2)
        s.shows(ident, 1, {}, {"done": "doing"})
        s.shows(ident, 2, {"status": "doing"})


def s11_a_word_that_version_1_lacks_is_what_the_table_says(cove):
    """The same with a row that says what "doing" is to version 1."""
    with story(cove, {"done": BOOLEAN}) as s:
        ident = s.begin({"done": True})
        s.publish([status_of_done([["done", True], ["todo", False], ["doing", False]])],
                  {"status": TEXT})
        s.write(s.a, ident, 2, status="doing")
        s.settle(1, 2)
        s.shows(ident, 1, {"done": False})
        s.shows(ident, 2, {"status": "doing"})


def s12_a_lenient_split_keeps_every_name(cove):
    """"Cher" has one part; "Mary Ann Lee" comes late."""
    with story(cove, {"name": TEXT}) as s:
        cher, mary = s.begin({"name": "Cher"}, {"name": "Mary Lee"})
        s.publish([NAME], {"first": TEXT, "last": TEXT})
        s.write(s.b, mary, 1, name="Mary Ann Lee")
        s.settle(1, 2)
        s.shows(cher, 1, {"name": "Cher"})
        s.shows(cher, 2, {"first": "Cher", "last": ""})
        s.shows(mary, 1, {"name": "Mary Ann Lee"})
        s.shows(mary, 2, {"first": "Mary", "last": "Ann Lee"})


def s13_a_new_last_name_stays_beside_an_earlier_whole_name(cove):
    """Version 1 writes the name; later version 2 writes only the last."""
    with story(cove, {"name": TEXT}) as s:
        ident = s.begin({"name": "Ada King"})
        s.write(s.b, ident, 1, name="Augusta Noel")
        s.publish([NAME], {"first": TEXT, "last": TEXT})
        s.write(s.a, ident, 2, last="Byron")
        s.settle(1, 2)
        s.shows(ident, 1, {"name": "Augusta Byron"})
        s.shows(ident, 2, {"first": "Augusta", "last": "Byron"})


def s14_a_part_that_is_newer_than_the_joined_name_is_in_it(cove):
    """Version 2 writes the full name; later version 1 writes the first."""
    with story(cove, {"first": TEXT, "last": TEXT}) as s:
        ident = s.begin({"first": "Ada", "last": "King"})
        s.publish([FULL], {"fullName": TEXT})
        s.write(s.a, ident, 2, fullName="Augusta Byron")
        s.write(s.b, ident, 1, first="Grace")
        s.settle(1, 2)
        s.shows(ident, 1, {"first": "Grace", "last": "Byron"})
        s.shows(ident, 2, {"fullName": "Grace Byron"})


def s15_maintainers_are_split_and_one_in_a_hundred_has_no_address(cove):
    """200 records as a package index has them."""
    people = [f"Team {i}, Packaging <team-{i}@lists.example.org>" if i % 100 else f"Nobody {i}"
              for i in range(200)]
    with story(cove, {"package": TEXT, "maintainer": TEXT}) as s:
        ids = s.begin(*[{"package": f"lib{i}-dev", "maintainer": who}
                        for i, who in enumerate(people)])
        s.publish([WHO], {"package": TEXT, "name": TEXT, "address": TEXT})
        s.edits = {i: s.edits[i] for i in ids[1::50]}       # these logs are enough
        s.write(s.b, ids[1], 1, maintainer="Nobody at all")
        s.settle(1, 2)
        for node in s.nodes:
            old, new = ({d["id"]: d["fields"] for d in node.json("find", "Thing", "--as", v)
                         ["documents"]} for v in (1, 2))
            check(len(old) == len(new) == 200, len(old), len(new))
            for i, ident in enumerate(ids):
                who = "Nobody at all" if i == 1 else people[i]
                name, _, address = who.partition(" <")
                check(old[ident]["maintainer"] == who, old[ident])
                check((new[ident]["name"], new[ident]["address"]) == (name, address[:-1]),
                      who, new[ident])


def s16_a_text_of_dependencies_becomes_a_list(cove):
    """Version 2 replaces the list; later version 1 edits the text."""
    with story(cove, {"package": TEXT, "depends": TEXT}) as s:
        one, two = s.begin(
            {"package": "libuv1-dev", "depends": "libuv1 (= 1.44.2-1), libc6-dev | libc-dev"},
            {"package": "hello", "depends": ""})
        s.publish([DEPENDS], {"package": TEXT, "depends": {"type": "array", "items": TEXT}})
        s.shows(one, 2, {"package": "libuv1-dev",
                         "depends": ["libuv1 (= 1.44.2-1)", "libc6-dev | libc-dev"]}, nodes=[s.a])
        s.write(s.a, one, 2, depends=["libuv1"])
        s.write(s.b, one, 1, depends="libuv1 (= 1.44.3-1), libc6-dev")
        s.write(s.a, two, 2, depends=["libc6 (>= 2.34)", "sgml-base"])
        s.settle(1, 2)
        s.shows(one, 1, {"package": "libuv1-dev", "depends": "libuv1 (= 1.44.3-1), libc6-dev"})
        s.shows(one, 2, {"package": "libuv1-dev", "depends": ["libuv1 (= 1.44.3-1)", "libc6-dev"]})
        s.shows(two, 1, {"package": "hello", "depends": "libc6 (>= 2.34), sgml-base"})


def s27_a_write_without_a_way_back_is_invalid_for_the_old_app(cove):
    """kind becomes one of two groups, one-way; both versions write."""
    table = [["cat", "pet"], ["dog", "pet"], ["cow", "farm"]]
    with story(cove, {"kind": TEXT}) as s:
        one, two = s.begin({"kind": "cat"}, {"kind": "cow"})
        s.publish([convert("kind", "string", [{"table": table}], None, name="group")],
                  {"group": TEXT})
        s.write(s.a, one, 2, group="farm")
        s.write(s.a, two, 2, group="wild")
        s.settle(1, 2)
        s.shows(one, 1, {}, {"kind": "farm"})
        s.shows(one, 2, {"group": "farm"})
        s.write(s.b, two, 1, kind="dog")        # the old app still counts
        s.settle(1, 2)
        s.shows(two, 1, {"kind": "dog"})
        s.shows(two, 2, {"group": "pet"})


if __name__ == "__main__":
    sys.exit(main([
        s7_a_price_becomes_cents_once_however_many_load_it,
        s8_what_does_not_divide_is_invalid_at_version_1,
        s9_a_late_text_that_is_no_number_is_shown_raw_and_never_as_the_old_one,
        s10_a_boolean_becomes_one_of_three_words,
        s11_a_word_that_version_1_lacks_is_invalid_there_and_raw,
        s11_a_word_that_version_1_lacks_is_what_the_table_says,
        s12_a_lenient_split_keeps_every_name,
        s13_a_new_last_name_stays_beside_an_earlier_whole_name,
        s14_a_part_that_is_newer_than_the_joined_name_is_in_it,
        s15_maintainers_are_split_and_one_in_a_hundred_has_no_address,
        s16_a_text_of_dependencies_becomes_a_list,
        s27_a_write_without_a_way_back_is_invalid_for_the_old_app]))
