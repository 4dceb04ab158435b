#!/usr/bin/env python3
"""Migration stories over real daemons: runs over many documents, that fail in
part, are canceled, killed, and done by two devices. Each test is named after its
row; `story_kit` asks of every story what holds for all.

    stories_runs.py COVE [--documents N] [TEST…]
"""
import signal
import sys
import time

from node_kit import check, main, until
from story_kit import INTEGER, TEXT, int_of_text, story

DOCUMENTS = 2000
CONDITION, BUSY, INVALID = 3, 6, 9


def run_of(node):
    """The run of Thing as it stands."""
    return node.json("migrate", "status", "Thing")["schemas"][0].get("run", {})


def past(node, process, done):
    """Wait until the run that a process works on has done so many."""
    def look():
        run = run_of(node)
        return process.poll() is not None or (run.get("state") == "running" and
                                              run["done"] >= done)
    until(f"{node.name}: {done} documents done", look, pause=0.005)


def pace(node, seconds):
    """Words that make a run take about so long, in at least 40 batches; and so
    long that it can be looked at 40 times, however slow this build is."""
    begun = time.monotonic()
    run_of(node)
    seconds = max(seconds, 40 * (time.monotonic() - begun))
    return ["--rate", max(int(DOCUMENTS / seconds), 1), "--batch", max(DOCUMENTS // 80, 16)]


def stage(s, failing=0):
    """Documents of which so many do not convert, on both devices, and version 2:
    their ids, and of those that do not."""
    every = DOCUMENTS // max(failing, 1)
    worse = set(range(every // 2, DOCUMENTS, every)) if failing else set()
    ids = s.begin(*[{"size": f"about {i}" if i in worse else str(i)} for i in range(DOCUMENTS)])
    bad = [ids[i] for i in worse]
    s.edits = {i: s.edits[i] for i in (ids[0], ids[every // 2], ids[-1])}
    plan = s.publish([int_of_text()], {"size": INTEGER})
    check(plan["newlyInvalidDocuments"] == len(bad), "plan", plan["newlyInvalidDocuments"])
    return ids, bad


def s28_a_run_with_failures_is_canceled_resumed_and_ends(cove):
    """3 in 1,000 fail: more than one threshold allows, and less than another."""
    with story(cove, {"size": TEXT}, large=True) as s:
        _, bad = stage(s, failing=DOCUMENTS * 3 // 1000)
        done = s.a.call("--json", "migrate", "run", "Thing", "--threshold", 0.1)
        run = run_of(s.a)
        check(done.returncode == INVALID and run["state"] == "failed"
              and run["done"] < DOCUMENTS and DOCUMENTS // 1000 < run["quarantined"] < len(bad)
              and "0.1" in done.stderr, "the threshold is not obeyed", run, done.stderr)
        process = s.a.start("migrate", "resume", "Thing", "--threshold", 1, *pace(s.a, 1.5))
        past(s.a, process, max(DOCUMENTS * 3 // 10, run["done"] + DOCUMENTS // 20))
        middle = run_of(s.a)
        check(middle["state"] == "running" and middle["left"] == DOCUMENTS - middle["done"]
              and middle["rate"] > 0 and middle["valid"] + middle["invalid"] == middle["done"],
              "how far it is", middle)
        s.a.run("migrate", "cancel", "Thing")
        process.communicate(timeout=60)
        run = run_of(s.a)
        check(process.returncode == CONDITION and run["state"] == "canceled"
              and DOCUMENTS * 3 // 10 <= run["done"] < DOCUMENTS, "not canceled", run)
        run = s.a.json("migrate", "resume", "Thing")
        check((run["state"], run["done"], run["quarantined"], run["valid"]) ==
              ("completed", DOCUMENTS, len(bad), DOCUMENTS - len(bad)), run)
        for node in (s.a, s.b):
            s.meet()
            found = node.json("find", "Thing", "--as", 2, "--invalid")["documents"]
            check({d["id"] for d in found} == set(bad) and
                  all("size" in d["why"] and "did not convert" in d["why"] for d in found),
                  node.name, "invalid:", found[:3])
        log = [e for e in s.a.json("migrate", "log", "Thing")["entries"] if e["what"] == "run"]
        check([e["state"] for e in log] == ["failed", "canceled", "completed"], log)
        check(s.a.json("migrate", "run", "Thing")["state"] == "noop", "something was due")


def s29_a_run_killed_ten_times_ends_as_one_that_was_not(cove):
    """alice runs it through; bob's process is killed with kill -9, again and
    again."""
    with story(cove, {"size": TEXT}, large=True) as s:
        stage(s)
        s.meet()
        for node in s.nodes:
            node.stop()
        run = s.a.json("migrate", "run", "Thing")
        check((run["state"], run["migrated"]) == ("completed", DOCUMENTS), run)
        kills, verb = 0, "run"
        while kills < 10:
            process = s.b.start("migrate", verb, "Thing", *pace(s.b, 1.0))
            past(s.b, process, run_of(s.b).get("done", 0) + DOCUMENTS // 25)
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=60)
            check(process.returncode == -signal.SIGKILL, "it ended by itself", run_of(s.b))
            kills += 1
            if kills == 1:      # the dead one holds its lease, and that is said
                done = s.b.call("migrate", "run", "Thing")
                check(done.returncode == BUSY and "cove migrate pause" in done.stderr, done.stderr)
            s.b.run("migrate", "pause", "Thing")
            verb = "resume"
        check(run_of(s.b)["done"] < DOCUMENTS, "nothing was left after ten kills")
        run = s.b.json("migrate", "resume", "Thing")
        check((run["state"], run["done"], run["migrated"]) ==
              ("completed", DOCUMENTS, DOCUMENTS), run)
        for words in (["--as", 1], ["--as", 2]):
            seen = [sorted(n.run("export", "Thing", *words).splitlines()) for n in s.nodes]
            check(seen[0] == seen[1] and len(seen[0]) == DOCUMENTS, words, "differ")
        s.meet()
        check(s.a.digest() == s.b.digest(), "digests differ")


def s30_two_devices_that_run_it_count_copies_once(cove):
    """Both run the migration, apart; then they meet."""
    with story(cove, {"size": TEXT}, large=True) as s:
        ids, _ = stage(s)
        s.meet()
        for node in s.nodes:
            node.stop()
        runs = [n.json("migrate", "run", "Thing") for n in s.nodes]
        check([(r["state"], r["done"], r["migrated"]) for r in runs] ==
              [("completed", DOCUMENTS, DOCUMENTS)] * 2, runs)
        s.meet()
        for ident in s.edits:
            wrote = [e["author"] for e in s.events(ident) if e["kind"] == "copy"]
            check(1 <= len(wrote) == len(set(wrote)) <= 2, "once a device", s.events(ident))
        before, digest = s.copies(), s.a.digest()
        again = [n.json("migrate", "run", "Thing") for n in s.nodes]
        check([(r["state"], r["copies"]) for r in again] == [("noop", 0)] * 2, again)
        check((s.copies(), s.a.digest()) == (before, digest), "the second run wrote")
        s.shows(ids[7], 1, {"size": "7"})
        s.shows(ids[7], 2, {"size": 7})


def s36_a_change_that_was_made_once_is_not_made_again(cove):
    """priority=medium where it is missing; bob adds one of his own, then both
    ask again."""
    once = ["migrate", "once", "backfill", "Thing", "--set", "priority=medium", "--where",
            "!priority"]
    with story(cove, {"name": TEXT, "priority": TEXT}) as s:
        one, two = s.begin({"name": "one"}, {"name": "two", "priority": "high"})
        done = s.a.json(*once)
        check((done["matched"], done["changed"], done["failed"]) == (1, 1, 0), done)
        s.edits[one].append("medium")
        late = s.new(s.b, 1, {"name": "late"})
        s.meet()
        before = s.a.digest()
        for node in s.nodes:
            again = node.json(*once)
            check(again["state"] == "noop" and again["author"] == s.a.key, node.name, again)
            check("already run at" in node.run(*once), "it is not said")
        check([n.digest() for n in s.nodes] == [before] * 2, "the second time wrote")
        s.shows(one, 1, {"name": "one", "priority": "medium"})
        s.shows(two, 1, {"name": "two", "priority": "high"})
        s.shows(late, 1, {"name": "late"})


if __name__ == "__main__":
    if "--documents" in sys.argv:
        AT = sys.argv.index("--documents")
        DOCUMENTS = int(sys.argv[AT + 1])
        del sys.argv[AT:AT + 2]
    sys.exit(main([
        s28_a_run_with_failures_is_canceled_resumed_and_ends,
        s29_a_run_killed_ten_times_ends_as_one_that_was_not,
        s30_two_devices_that_run_it_count_copies_once,
        s36_a_change_that_was_made_once_is_not_made_again]))
