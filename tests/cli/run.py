#!/usr/bin/env python3
"""Runs as people meet them: what each verb prints, its exit code, and two
processes at one run.

    run.py COVE [TEST…]
"""
import contextlib
import json
import pathlib
import re
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "nodes"))
# pylint: disable-next=wrong-import-position
from node_kit import Node, check, finished, main, until  # noqa: E402

OK, ERROR, USAGE, CONDITION, DRIFT, NOT_FOUND, BUSY, UNREACHABLE, DESTRUCTIVE, INVALID = range(10)

NOTE1 = {"title": "Note", "version": 1, "type": "object",
         "properties": {"size": {"type": "string"}}}
NOTE2 = {"title": "Note", "version": 2, "type": "object",
         "properties": {"size": {"type": "integer"}}}
TO2 = {"schema": "Note", "from": 1, "to": 2, "targetSchema": NOTE2,
       "steps": [{"convert": {"field": "size", "to": {"type": "integer"},
                              "forward": ["int_of_text"]}}]}


def plain(text):
    """What differs from run to run by a word: keys, times, durations."""
    text = re.sub(r"co_z[1-9A-HJ-NP-Za-km-z]{8,}", "ID", text)
    text = re.sub(r"\b[0-9a-f]{16,}\b", "HEX", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?", "TIME", text)
    text = re.sub(r"\bms=\d+", "ms=N", text)
    return re.sub(r"process \d+", "process N", text)


class Desk:
    """A store with Notes of version 1, and version 2 published."""

    def __init__(self, cove, base, sizes):
        base = pathlib.Path(base)
        self.node = Node(cove, base, "store")
        for name, content in (("v1.json", NOTE1), ("to2.json", TO2)):
            (base / name).write_text(json.dumps(content), "utf-8")
        self.node.run("schema", "put", base / "v1.json")
        self.node.import_records([{"size": s} for s in sizes], "--schema", "Note")
        self.node.run("migrate", "publish", base / "to2.json")

    def call(self, *words):
        """Run a verb: exit code, and what it printed both ways."""
        done = finished(self.node.command(*words))
        return done.returncode, plain(done.stdout + done.stderr)

    def golden(self, words, code, *lines):
        """A verb's exit code and whole output."""
        got, text = self.call(*words)
        want = "".join(line + "\n" for line in lines)
        check((got, text) == (code, want),
              f"cove {' '.join(map(str, words))}: exit {got}\n{text}--- not {code}\n{want}")

    def run(self):
        """The run as it stands."""
        return self.node.json("migrate", "status", "Note")["schemas"][0].get("run")


@contextlib.contextmanager
def desk_of(cove, sizes):
    """A desk in a temporary directory."""
    with tempfile.TemporaryDirectory(prefix="cove-run-") as base:
        yield Desk(cove, base, sizes)


def every_verb_says_what_it_did(cove):
    """Golden outputs, from the first run to the last."""
    with desk_of(cove, ["1"] * 9 + ["x"]) as d:
        run = ["migrate", "run", "Note"]
        quarantined = ("1 quarantined; `cove migrate retry` does them again:",
                       "  ID  /size: the value did not convert to this version")
        d.golden(["migrate", "pause", "Note"], NOT_FOUND,
                 "cove: no run of this schema was ever begun here; `cove migrate run` begins one")
        d.golden([*run, "--dry-run"], OK,
                 "dry_run: 10 of 10 documents, 9 migrated, 9 copies; 9 valid, 1 invalid",
                 "1 quarantined:", "  ID  values do not convert")
        d.golden([*run, "--atomic"], INVALID,
                 "failed: 0 of 10 documents, 0 migrated, 0 copies; 0 valid, 0 invalid",
                 "cove: the run failed: all or nothing, and this one does not convert: ID: /size: "
                 "the value did not convert to this version; nothing was written")
        d.golden([*run, "--queue"], OK,
                 "queued: 0 of 10 documents, 0 migrated, 0 copies; 0 valid, 0 invalid")
        d.golden(["migrate", "pause", "Note"], OK,
                 "paused: 0 of 10 documents, 0 migrated, 0 copies; 0 valid, 0 invalid")
        d.golden(run, CONDITION,
                 "cove: its run is paused at 0 of 10 documents; `cove migrate resume` goes on, "
                 "`cove migrate cancel` ends it")
        d.golden(["migrate", "pause", "Note"], OK,
                 "nothing to do: "
                 "paused: 0 of 10 documents, 0 migrated, 0 copies; 0 valid, 0 invalid")
        d.golden(["migrate", "resume", "Note"], OK,
                 "completed: 10 of 10 documents, 9 migrated, 9 copies; 9 valid, 1 invalid",
                 *quarantined)
        d.golden(["migrate", "cancel", "Note"], CONDITION,
                 "cove: there is nothing to cancel: the run is completed at 10 of 10 documents")
        d.golden(["migrate", "retry", "Note"], OK,
                 "noop: 1 of 1 documents, 0 migrated, 0 copies; 0 valid, 1 invalid", *quarantined)
        d.golden([*run, "--threshold", "0"], INVALID,
                 "failed: 10 of 10 documents, 0 migrated, 0 copies; 9 valid, 1 invalid",
                 *quarantined,
                 "cove: the run failed: 1 of 10 documents do not convert, more than the threshold "
                 "of 0 %; the first is ID: /size: the value did not convert to this version")
        code, text = d.call("migrate", "status", "Note")
        check(code == OK and "\n    1 of 10 documents do not convert, more than" in text, text)
        for threshold in ("nan", "inf", "-1", "101", "x", ""):
            d.golden([*run, "--threshold", threshold], USAGE, f"cove: --threshold {threshold}: "
                     "a percentage is wanted, 0 to 100")
        code, text = d.call("migrate", "log", "Note")
        check(code == OK and [line.split()[2:4] for line in text.splitlines()]
              == [["publish", "Note"]] * 2 + [["run", "Note"]] * 4, text)


def a_run_that_another_process_cancels_stops_between_batches(cove):
    """And what it did stays; a third is told who works on it."""
    with desk_of(cove, ["1"] * 400) as d:
        worker = d.node.start("migrate", "run", "Note", "--rate", "50")
        until("a first batch", lambda: (d.run() or {}).get("done", 0) > 0)
        code, text = d.call("migrate", "run", "Note")
        check(code == BUSY and f"process {worker.pid}" not in text and "process N" in text
              and "cove migrate pause" in text, code, text)
        check(d.run()["process"] == worker.pid and d.run()["state"] == "running", d.run())
        code, text = d.call("migrate", "cancel", "Note")
        check(code == OK and text.startswith("canceled: "), code, text)
        out, err = worker.communicate(timeout=30)
        check(worker.returncode == CONDITION and "canceled: " in out
              and "cove migrate resume" in err, out, err)
        run = d.run()
        check(0 < run["done"] == run["migrated"] < 400 and run["state"] == "canceled", run)
        code, text = d.call("migrate", "resume", "Note", "--rate", "0")
        check(code == OK and text.startswith("completed: 400 of 400 documents, 400 migrated"),
              code, text)


def a_run_whose_time_is_over_is_paused(cove):
    """Exit 3; it goes on where it was."""
    with desk_of(cove, ["1"] * 300) as d:
        code, text = d.call("-q", "migrate", "run", "Note", "--rate", "20", "--timeout", "1")
        check(code == CONDITION and "cove migrate resume Note" in text, code, text)
        check(d.run()["state"] == "paused" and 0 < d.run()["done"] < 300, d.run())
        code, text = d.call("migrate", "resume", "Note", "--rate", "0")
        check(code == OK and "300 of 300" in text, code, text)


def a_daemon_works_off_what_is_queued(cove):
    """And who waits sees it end."""
    with desk_of(cove, ["1"] * 200) as d:
        d.node.serve()
        code, text = d.call("migrate", "run", "Note", "--queue", "--wait", "--timeout", "30")
        check(code == OK and text.startswith("completed: 200 of 200 documents, 200 migrated"),
              code, text)
        d.node.stop()


def once_is_once(cove):
    """Also on a second call; other fields, conditions and refusals."""
    with desk_of(cove, [str(n) for n in range(20)]) as d:
        words = ["migrate", "once", "tidy", "Note", "--set", "size:=0", "--where", "size<10"]
        d.golden(words, OK, "completed: 20 documents, 10 matched, 9 changed, 0 refused")
        d.golden(words, OK, "noop: already run at TIME by HEX")
        d.golden(["migrate", "once", "odd", "Note", "--set", "size=ten", "--where", "size=19"], OK,
                 "completed: 20 documents, 0 matched, 0 changed, 0 refused")
        d.golden(["migrate", "once", "bad", "Note", "--set", "size=ten", "--where", "size:=19"],
                 INVALID, "completed: 20 documents, 1 matched, 0 changed, 1 refused",
                 'the first that was refused: /size breaks the rule "type integer": the value is '
                 'a text')
        d.golden(["migrate", "once", "gone", "Note", "--delete", "size", "--where", "size:=18"],
                 OK, "completed: 20 documents, 1 matched, 1 changed, 0 refused")
        d.golden(["migrate", "once", "no", "Note", "--set", "nope=1"], NOT_FOUND,
                 'cove: the version has no field "nope"; `cove schema show` lists those it has')
        code, text = d.call("migrate", "once", "no", "Note")
        check(code == USAGE and "--set" in text, code, text)


def settings_stand_over_the_profile(cove):
    """The profile, its settings, and what they refuse."""
    with desk_of(cove, ["1"]) as d:
        d.golden(["config"], OK, "profile       relaxed", "batch         0  (it adapts)",
                 "rate          10000", "threshold     1", "atomicLimit   10000",
                 "requireBackup false", "compactDays   0", "scrub         20",
                 "historyDays   0", "historyBytes  0")
        d.golden(["config", "profile=strict"], OK, "profile       strict  (set)",
                 "batch         0  (it adapts)", "rate          5000", "threshold     1",
                 "atomicLimit   10000", "requireBackup true", "compactDays   0", "scrub         20",
                 "historyDays   0", "historyBytes  0")
        d.golden(["config", "threshold=0.25"], OK, "profile       strict  (set)",
                 "batch         0  (it adapts)", "rate          5000", "threshold     0.25  (set)",
                 "atomicLimit   10000", "requireBackup true", "compactDays   0", "scrub         20",
                 "historyDays   0", "historyBytes  0")
        d.golden(["config", "threshold"], OK, "0.25")
        d.golden(["config", "threshold=200"], USAGE, "cove: threshold is a percentage, 0 to 100")
        d.golden(["config", "nope"], NOT_FOUND,
                 "cove: there is no setting nope; `cove config` shows them all")
        code, _ = d.call("config", "atomicLimit=0")
        check(code == OK, "atomicLimit")
        d.golden(["migrate", "run", "Note", "--atomic"], INVALID,
                 "cove: 1 documents in one commit; 0 are the most: run it in batches, or raise the "
                 "limit (`cove config atomicLimit=N`)")
        d.golden(["migrate", "run", "Note"], OK,
                 "completed: 1 of 1 documents, 1 migrated, 1 copies; 1 valid, 0 invalid")


def what_loses_values_wants_a_backup_where_it_is_required(cove):
    """Of the documents as they are: a run, a push, a down and a reset."""
    gone = {"title": "Note", "version": 3, "type": "object", "properties": {"state": {}}}
    to3 = {"schema": "Note", "from": 2, "to": 3, "targetSchema": gone,
           "steps": [{"add": "state"}, {"remove": "size"}]}
    with desk_of(cove, ["1", "2"]) as d:
        base = d.node.dir.parent
        run, down = ["migrate", "run", "Note"], ["migrate", "down", "Note", "--steps", "1"]

        def asks(*words, says):
            code, text = d.call(*words)
            check(code == DESTRUCTIVE and "cove backup DIR" in text and says in text, words, code,
                  text)

        d.node.run("config", "profile=strict")
        d.golden(run, OK, "completed: 2 of 2 documents, 2 migrated, 2 copies; 2 valid, 0 invalid")
        (base / "to3.json").write_text(json.dumps(to3), "utf-8")
        d.node.run("migrate", "publish", base / "to3.json")
        for how in ([], ["--queue"], ["--atomic"]):
            asks(*run, *how, says='version 3 removes "size"')
        check(d.run()["number"] == 1, "a run was begun")
        check(d.call(*run, "--dry-run")[0] == OK, "a dry run")
        check(d.node.json("backup", base / "b1")["noted"] is True, "the backup is not known")
        d.node.new("Note@1", "size=3")
        asks(*run, says="newer than the last change")
        d.node.run("backup", base / "b2")
        d.golden(run, OK, "noop: 3 of 3 documents, 0 migrated, 0 copies; 3 valid, 0 invalid")
        d.node.new("Note@1", "size=4")
        check(d.call(*run)[0] == OK, "a run over no further step that loses anything")
        asks("migrate", "reset", "Note", "--name", "Note", "-y", says="documents out for good")
        d.node.run("config", "profile=relaxed")
        d.node.run("config", "requireBackup=true")
        odd = {**gone, "version": 4, "properties": {}}
        (base / "odd.json").write_text(json.dumps(odd), "utf-8")
        push = ["schema", "push", base / "odd.json", "--drop", "state", "--accept-data-loss", "-y"]
        asks(*push, says='version 4 removes "state"')
        check(len(d.node.json("schema", "show", "Note")["registers"]) == 1, "it was pushed")
        check(d.call(*push, "--no-backup")[0] == OK, "without")
        check(d.call(*down)[0] == OK, "what comes back")
        check(d.call("migrate", "reset", "Note", "--name", "Note", "-y", "--no-backup")[0] == OK,
              "a reset without")


def a_down_that_loses_values_wants_a_backup(cove):
    """Not one that shows what was hidden."""
    with desk_of(cove, ["1"]) as d:
        base = d.node.dir.parent
        text = {"title": "Note", "version": 3, "type": "object",
                "properties": {"size": {"type": "string"}}}
        to3 = {"schema": "Note", "from": 2, "to": 3, "targetSchema": text,
               "steps": [{"convert": {"field": "size", "to": {"type": "string"},
                                      "forward": ["text_of_int"], "back": None}}]}
        (base / "to3.json").write_text(json.dumps(to3), "utf-8")
        d.node.run("migrate", "publish", base / "to3.json")
        d.node.run("config", "requireBackup=true")
        down = ["migrate", "down", "Note", "--steps", "1"]
        code, said = d.call(*down)
        check(code == DESTRUCTIVE and "--accept-data-loss" in said, code, said)
        code, said = d.call(*down, "--accept-data-loss")
        check(code == DESTRUCTIVE and "cove backup DIR" in said
              and 'version 3 has no way back for "size"' in said, code, said)
        code, said = d.call("migrate", "run", "Note")
        check(code == DESTRUCTIVE and 'version 3 has no way back for "size"' in said, code, said)
        d.node.run("backup", base / "b")
        check(d.call(*down, "--accept-data-loss")[0] == OK, "with a backup")


TESTS = [
    every_verb_says_what_it_did,
    a_run_that_another_process_cancels_stops_between_batches,
    a_run_whose_time_is_over_is_paused,
    a_daemon_works_off_what_is_queued,
    once_is_once,
    settings_stand_over_the_profile,
    what_loses_values_wants_a_backup_where_it_is_required,
    a_down_that_loses_values_wants_a_backup,
]

if __name__ == "__main__":
    sys.exit(main(TESTS))
