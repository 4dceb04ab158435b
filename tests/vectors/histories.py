"""Histories that are rougher than a user's: every function and every type,
empty and awkward names, malformed steps, cells in cells, rings, calculations
on calculations, forged copies, duplicates, and writes that never came.

script(seed) gives the lines of one history with the model's answer to each;
the model (evolution.py, fuzz.py) has to be importable.
"""
import json
import random

from evolution import (ABSENT, ATOMIC, TYPES, WITH_ARG, Journal, View, cbor,
                       step_id)
from fuzz import doc, due, status, wire

MAX, MIN = (1 << 63) - 1, -(1 << 63)
VALUES = [None, True, False, 0, 1, -1, 7, 700, MAX, MIN, 1.5, -0.0, 1e300, "",
          "Ada", "a b", "a,b", "a, b", "7", "-12", "0", "-0", "007", "done",
          " x ", "A<B>", "(a-b-c)", "ÜnÏ", [], ["a"], ["a", "b"], ["a", ""],
          [1, "x"], [None], {}, {"k": 1}, {"v": "x"}, {"v": {"v": 1}},
          "x" * 50, "-", "  ", str(MAX), str(MAX + 1), str(MIN)]
LITERALS = ["", "", " ", ", ", "<", ">", "-", "ab"]
SEPARATORS = [",", " ", ", ", "a"]
REGISTERS = [f"r{i}" for i in range(12)] + ["", "ü", "zz"]
BAD_OPS = [
    {"op": "add", "reg": "a" * 65, "name": "q", "type": "text"},
    {"op": "add", "reg": "a", "name": "q", "type": "texts"},
    {"op": "name", "reg": "r0", "name": "#q"},
    {"op": "hide"}, {"op": "hide", "reg": "r0", "x": 1}, {"op": 5}, 5,
    {"op": "comp", "whole": "r0", "parts": ["r1", "r1"],
     "lits": ["", "a", ""]},
    {"op": "comp", "whole": "r0", "parts": ["r1", "r2"], "lits": ["", "", ""]},
    {"op": "comp", "whole": "r0", "parts": ["r1", "r2"], "lits": ["", ""]},
    {"op": "comp", "whole": "r0", "parts": [], "lits": [""]},
    {"op": "limit", "reg": "r0", "required": 1},
    {"op": "calc", "out": "r0", "deps": ["r1"], "lits": ["", "", ""]},
    {"op": "conv", "from": "r0", "to": "r1", "fwd": None, "bwd": None},
    {"op": "conv", "from": "r0", "to": "r1", "fwd": [{"table": [[1]]}],
     "bwd": None},
    {"op": "conv", "from": "r0", "to": "r1", "fwd": [{"add": 1.5}],
     "bwd": None},
    {"op": "conv", "from": "r0", "to": "r1", "fwd": [{"wrap": ""}],
     "bwd": None},
    {"op": "conv", "from": "r0", "to": "r1", "fwd": [{"div": 0}],
     "bwd": None},
    {"op": "conv", "from": "r0", "to": "r1", "fwd": ["nosuch"], "bwd": None}]
BAD_MEMBERS = [{"version": 1.5}, {"version": True}, {"name": 5}, {"extra": 1},
               {"ops": 5}, {"parents": "x"}, {"parents": [1]}]
BAD_BODIES = [5, [], None, "x", {}, {"parents": []}]


def function(r):
    if r.random() < .45:
        return r.choice(sorted(ATOMIC))
    name = r.choice(sorted(WITH_ARG))
    return {name: {
        "table": [[r.choice(VALUES), r.choice(VALUES)]
                  for _ in range(r.randint(0, 4))],
        "add": r.choice([0, 1, -3, MAX]), "mul": r.choice([0, 1, -1, 100]),
        "div": r.choice([1, 100, -7, 2, -2]),
        "split_list": r.choice(SEPARATORS), "join_list": r.choice(SEPARATORS),
        "pick": r.choice("kv"), "wrap": r.choice("kv"),
        "const": r.choice(VALUES)}[name]}


def pipeline(r):
    return [function(r) for _ in range(r.choice([0, 1, 1, 1, 2, 3]))]


def literals(r, count, inner):
    return ([r.choice(LITERALS)] + [r.choice(inner) for _ in range(count - 1)]
            + [r.choice(LITERALS)])


def operation(r):
    kind, reg = r.random(), r.choice(REGISTERS)
    if r.random() < .01:
        reg = "unknown"
    if kind < .06:
        return {"op": "name", "reg": reg, "name": r.choice(["n", "m", reg])}
    if kind < .12:
        return {"op": r.choice(["hide", "show"]), "reg": reg}
    if kind < .2:
        op = {"op": "limit", "reg": reg}
        if r.random() < .6:
            op["default"] = r.choice(VALUES)
        if r.random() < .6:
            op["required"] = r.random() < .5
        return op
    if kind < .3:
        return {"op": "alias", "from": reg, "to": r.choice(REGISTERS)}
    if kind < .5:
        return {"op": "conv", "from": reg, "to": r.choice(REGISTERS),
                "fwd": pipeline(r),
                "bwd": None if r.random() < .15 else pipeline(r)}
    if kind < .78:
        parts = r.sample(REGISTERS, r.choice([1, 2, 2, 3]))
        op = {"op": "comp", "whole": reg, "parts": parts,
              "lits": literals(r, len(parts), LITERALS[2:])}
        if r.random() < .6:
            op["lenient"] = r.random() < .7
        return op
    if kind < .97:
        deps = [r.choice(REGISTERS) for _ in range(r.choice([1, 2, 2, 3]))]
        return {"op": "calc", "out": reg, "deps": deps,
                "lits": literals(r, len(deps), LITERALS)}
    return {"op": "x-note", "reg": 5}


def body(r, ids, types):
    parents = []
    if ids and r.random() > .1:
        count = min(len(ids), r.choice([1, 1, 1, 2, 3]))
        parents = sorted(set(r.sample(ids, count)))
    if r.random() < .05:
        parents.append(r.choice(["", "nope", "A" * 64, "0" * 64]))
    ops, added = [], []
    if not ids or r.random() < .4:
        added = r.sample(REGISTERS, r.randint(1, len(REGISTERS)))
    for reg in REGISTERS if not ids and r.random() < .8 else added:
        kind = types[reg] if r.random() < .95 else r.choice(sorted(TYPES))
        ops.append({"op": "add", "reg": reg, "type": kind,
                    "name": r.choice([reg, reg, "n", "m", ""])})
    ops += [operation(r) for _ in range(r.randint(0, 8))]
    if r.random() < .05:
        ops.append(r.choice(BAD_OPS))
    made = {"parents": parents, "ops": ops}
    if r.random() < .05:
        made.update(r.choice([{"note": "x"}, {"version": 1 << 40},
                              {"schema": "ab"}, {"name": "Thing"}]))
    if r.random() < .05:
        made.update(r.choice(BAD_MEMBERS + [{"parents": parents * 2}]))
    return r.choice(BAD_BODIES) if r.random() < .02 else made


class History:
    """what has been told, and the answers to it"""

    def __init__(self, seed):
        self.r, self.lines = random.Random(seed), []
        self.steps, self.ids, self.held, self.ops = [], [], [], []
        self.copies = 0
        self.tell({"do": "reset"}, {"ok": True})

    def tell(self, ask, want):
        self.lines.append((ask, want))

    def step(self, step):
        self.held.append(step)
        self.tell({"do": "step", "body": step}, {"id": step_id(step)})

    def op(self, op):
        self.ops.append(op)
        self.tell({"do": "op", **op}, {"ok": True})

    def copy(self, time, who, origins, reg, value):
        self.op({"id": [time, who, self.copies, 0], "epoch": None,
                 "origins": origins,
                 **({"del": reg} if value is ABSENT else
                    {"set": [reg, value]})})
        self.copies += 1

    def look(self):
        journal, r = Journal(self.held), self.r
        active = [h for h in self.ids if h in journal.active]
        heads = active if len(active) < 3 else r.sample(active, 2)
        for head in heads + r.sample(self.ids, 1):
            for do, answer in (("status", status(journal, head)),
                               ("view", doc(journal, self.ops, head)),
                               ("due", due(journal, self.ops, head))):
                self.tell({"do": do, "head": head}, answer)
        return journal, active

    def migrate(self, journal, heads):
        for head in heads:
            for reg, value, origins in View(journal, self.ops, head).due():
                self.copy(50, "m", wire(origins), reg, value)

    def forge(self, written):
        r = self.r
        ids = [None, [3, "q", 1, 1]] + [o["id"] for o in written]
        origins = [[r.choice(REGISTERS), r.choice(ids)]
                   for _ in range(r.randint(0, 3))]
        value = ABSENT if r.random() < .1 else r.choice(VALUES)
        self.copy(r.choice([2, 60]), "f", origins, r.choice(REGISTERS), value)

    def again(self, ops):
        """everything anew, in another order, with these ops"""
        self.ops = []
        self.tell({"do": "reset"}, {"ok": True})
        held, self.held = self.held, []
        for step in self.r.sample(held, len(held)):
            self.step(step)
        for op in ops:
            self.op(op)


def writes(r, ids):
    out = []
    for j in range(r.randint(1, 18)):
        epoch = "f" * 64 if r.random() < .02 else r.choice(ids)
        reg = r.choice(REGISTERS)
        change = ({"del": reg} if r.random() < .15 else
                  {"set": [reg, r.choice(VALUES)]})
        out.append({"id": [r.randint(1, 9), r.choice(["a", "b", "ab"]), j,
                           r.randint(0, 2)], "epoch": epoch, **change})
    return out


def script(seed):
    h = History(seed)
    r = h.r
    types = {reg: r.choice(sorted(TYPES) if r.random() < .4 else
                           ["text", "any"]) for reg in REGISTERS}
    for _ in range(r.randint(1, 7)):
        made = body(r, h.ids, types)
        if step_id(made) not in h.ids:
            h.steps.append(made)
            h.ids.append(step_id(made))
    written = writes(r, h.ids)
    events = [(h.step, s) for s in h.steps] + [(h.op, o) for o in written]
    r.shuffle(events)
    for put, what in events:
        put(what)
        if r.random() < .12:
            journal, active = h.look()
            h.migrate(journal, active[:2])
        if r.random() < .1:
            h.forge(written)
        if r.random() < .03 and h.ops:
            h.op(r.choice(h.ops))
    journal, active = h.look()
    for _ in range(2):                   # and once more with less of it held
        h.migrate(journal, active if r.random() < .8 else [])
        kept = [o for o in h.ops if "origins" in o or r.random() < .5]
        r.shuffle(kept)
        h.again(kept)
        journal, active = h.look()
    return h.lines


def unambiguous(lines):
    """Does the model answer the same in another order of arrival?  Of two
    copies that differ only in that one is invalid it takes the first."""
    steps, ops = [], []
    for ask, want in lines:
        if ask["do"] == "reset":
            steps, ops = [], []
        elif ask["do"] == "step":
            steps.append(ask["body"])
        elif ask["do"] == "op":
            ops.append({k: v for k, v in ask.items() if k != "do"})
        elif ask["do"] != "status":
            answer = doc if ask["do"] == "view" else due
            if cbor(answer(Journal(steps), ops[::-1], ask["head"])) != \
                    cbor(json.loads(json.dumps(want))):
                return False
    return True
