#!/usr/bin/env python3
"""Stories of scripts over real daemons: a step that is code, and the two things
that want other documents: each by a query, which is right at once, and by a
change made once, which is right as of its run."""
import json
import sys

from node_kit import check, link, main, nodes_of, converge
from story_kit import INTEGER, TEXT, convert, story

NAME_OF_AUTHOR = """
function migrateOne(doc, ctx)
    if not doc.author then return end
    local author = ctx.load(doc.author)
    if not author then error("the author is not here") end
    return {authorName = author.name}
end
"""
PROJECTS = """
local count = COUNTS
function migrateOne(doc, ctx)
    return {projects = count[ctx.id] or 0}
end
"""


def met(nodes):
    """All equal."""
    converge(nodes, [(nodes[0], nodes[1]), (nodes[1], nodes[0])])


def schema(title, properties):
    """A first version."""
    return {"title": title, "version": 1, "properties": properties}


def reference(ident):
    """A value that names a document."""
    return json.dumps({"$ref": ident})


def stage(nodes, *schemas):
    """Two daemons of one group that have these schemas."""
    one, two = nodes
    group = one.json("new", "group", "--member", f"{two.key}=writer")["id"]
    for each in schemas:
        one.call("schema", "put", "-", "--owner", group, text=json.dumps(each))
    for node in nodes:
        node.serve()
    link(one, two, both=True)
    met(nodes)


def script(node, text):
    """A script in a file beside the store."""
    path = f"{node.dir}.lua"
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def a_script_converts_on_every_device_and_late_writes_come_through(cove):
    """v2 has the size in grams, of texts in two units; bob writes at v1, away."""
    grams = {"lua": ["local n, unit = value:find(' ')",
                     "if not n then error('no unit') end",
                     "local per = {kg = 1000, g = 1}",
                     "local factor = per[value:sub(n + 1)] or error('which unit?')",
                     "return tonumber(value:sub(1, n - 1)) * factor"]}
    back = {"lua": "return value .. ' g'"}
    with story(cove, {"size": TEXT}) as s:
        one, two = s.begin({"size": "2 kg"}, {"size": "7 g"})
        words = convert("size", "integer", [grams], [back])
        words["convert"]["lossy"] = True
        s.publish([words], {"size": INTEGER})
        s.write(s.b, one, 1, size="3 kg")
        s.write(s.a, two, 2, size=12)
        s.settle(1, 2)
        s.shows(one, 1, {"size": "3 kg"})
        s.shows(one, 2, {"size": 3000})
        s.shows(two, 1, {"size": "12 g"})
        s.shows(two, 2, {"size": 12})
        status = s.a.json("migrate", "status")["schemas"][0]["steps"]
        check([step.get("class") for step in status] == [None, "SCRIPT"], status)


def memory_is_no_verdict_and_a_later_version_mends_it(cove):
    """v2 has the length of a text; for "large" it takes more than it may."""
    def length(memory):
        return convert("size", "integer", [{"lua": {"memory": memory, "source": [
            "local t = {}",
            "if value == 'large' then for i = 1, 3000 do t[i] = {} end end",
            "return value:len()"]}}])

    v1 = {"size": TEXT, "title": TEXT}
    with nodes_of(cove, "alice") as (alice,):
        def file(name, value):
            path = f"{alice.dir}.{name}"
            with open(path, "w", encoding="utf-8") as out:
                json.dump(value, out)
            return path

        def publish(version, properties, steps):
            alice.run("migrate", "publish", file("m.json", {
                "schema": "Thing", "from": version - 1, "to": version, "steps": steps}),
                "--schema", file("v.json", {**schema("Thing", properties),
                                            "version": version}))

        alice.run("schema", "put", file("v1.json", schema("Thing", v1)))
        large, small = (alice.new("Thing", f"size={n}", "title=t") for n in ("large", "abc"))
        back = {"back": [{"lua": "return text.rep('x', value)"}], "lossy": True}
        first = length(65536)
        first["convert"].update(back)
        publish(2, {**v1, "size": INTEGER}, [first])
        for _ in range(3):              # nothing is settled by looking
            doc = alice.document(large, 2, mode=None)
            check((doc["state"], doc["fields"], doc["invalid"]) ==
                  ("due", {"title": "t"}, {"size": None}), doc)
        check(alice.document(small, 2, mode=None)["fields"] == {"size": 3, "title": "t"}, small)
        done = alice.call("get", large, "size", "--as", "2")
        check(done.returncode != 0 and "more memory than the step" in done.stderr, done)
        check(alice.json("status")["copies"] == 1, "that of the small one")
        again = length(4 << 20)
        again["convert"].update(back)
        publish(3, {**v1, "size": INTEGER},
                [{"hide": "size"}, {"show": {"field": "size", "type": "string"}}, again])
        doc = alice.document(large, 3, mode=None)
        check((doc["state"], doc["fields"]) == ("current", {"size": 5, "title": "t"}), doc)


def s34_how_many_projects_a_customer_has(cove):
    """Counted by a query: right at once. Counted once: as of the run."""
    with nodes_of(cove, "alice", "bob") as nodes:
        alice, bob = nodes
        stage(nodes, schema("Customer", {"name": TEXT, "projects": INTEGER}),
              schema("Project", {"name": TEXT, "customer": {
                  "type": "object", "x-ref": "Customer", "x-index": True}}))
        acme, idle = (alice.json("new", "Customer", f"name={n}")["id"] for n in ("Acme", "Idle"))
        met(nodes)

        def new(node, name):
            node.run("new", "Project", f"name={name}", f"customer:={reference(acme)}")

        def asked(node, ident):
            return node.json("find", "Project", "--count",
                             "--where", f"customer:={reference(ident)}")["count"]

        new(alice, "one")
        new(bob, "two")
        check(asked(bob, acme) >= 1, "the own one, at once")
        met(nodes)
        check([asked(n, i) for n in nodes for i in (acme, idle)] == [2, 0, 2, 0], "asked")
        counts = {i: asked(alice, i) for i in (acme, idle)}
        table = "{" + ", ".join(f"{k} = {v}" for k, v in counts.items()) + "}"
        path = script(alice, PROJECTS.replace("COUNTS", table))
        did = alice.json("migrate", "once", "count-projects", "Customer", "--lua", path)
        check((did["matched"], did["changed"]) == (2, 2), did)
        new(bob, "three")
        met(nodes)
        check(asked(alice, acme) == asked(bob, acme) == 3, "asked, at once")
        for node in nodes:                      # as of its run
            check(node.fields(acme) == {"name": "Acme", "projects": 2}, node.fields(acme))
            check(node.fields(idle) == {"name": "Idle", "projects": 0}, node.fields(idle))


def s35_the_name_of_an_author(cove):
    """Followed at read: the new name. Written once: the name at the run."""
    with nodes_of(cove, "alice", "bob") as nodes:
        alice, bob = nodes
        stage(nodes, schema("Author", {"name": TEXT}),
              schema("Post", {"title": TEXT, "authorName": TEXT,
                              "author": {"type": "object", "x-ref": "Author"}}))
        ada = alice.json("new", "Author", "name=Ada")["id"]
        post = alice.json("new", "Post", "title=Notes", f"author:={reference(ada)}")["id"]
        alice.run("new", "Post", "title=Nobody's")
        met(nodes)

        def followed(node):
            found = node.json("get", post, "--depth", 1)["documents"]
            return [d["fields"]["name"] for d in found]

        path = script(alice, NAME_OF_AUTHOR)
        dry = alice.json("migrate", "once", "author-names", "Post", "--lua", path, "--dry-run")
        check(dry["patches"] == [{"id": post, "set": {"authorName": "Ada"}}], dry)
        check("authorName" not in alice.fields(post), "a dry run wrote")
        done = alice.json("migrate", "once", "author-names", "Post", "--lua", path)
        check((done["matched"], done["changed"], done["failed"]) == (2, 1, 0), done)
        bob.run("set", ada, "name=Ada Lovelace")
        met(nodes)
        for node in nodes:
            check(followed(node) == ["Ada Lovelace"], followed(node))
            check(node.fields(post)["authorName"] == "Ada", node.fields(post))
        entry = [e for e in bob.json("migrate", "log", "Post")["entries"] if e["what"] == "once"]
        check(entry[0]["reads"]["count"] == 1, entry)
        again = bob.json("migrate", "once", "author-names", "Post", "--lua", path)
        check(again["state"] == "noop", again)


if __name__ == "__main__":
    sys.exit(main([
        a_script_converts_on_every_device_and_late_writes_come_through,
        memory_is_no_verdict_and_a_later_version_mends_it,
        s34_how_many_projects_a_customer_has,
        s35_the_name_of_an_author]))
