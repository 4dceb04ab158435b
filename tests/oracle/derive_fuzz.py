#!/usr/bin/env python3
"""Random histories as the reference model has them, in which fields are derived
by functions (the op `derive`) and conversions use all functions; the model,
taught both (functions.py), against the library: derive_fuzz.py FIRST:END
COMMAND. A derive is to be as a calc in everything but its value, so here it is
the model's calc with another way of making one."""
import json
import math
import pathlib
import random
import sys

import functions
from functions_fuzz import Maker

# The public model lies beside the repository, and is no part of it.
MODEL = pathlib.Path(__file__).resolve().parents[2].parent / "shared" / "model"
if not MODEL.is_dir():
    print("skipped: no public model")
    sys.exit(77)
sys.path.insert(0, str(MODEL))
import evolution  # noqa: E402
import fuzz  # noqa: E402
from evolution import ABSENT, Invalid, cbor, step_id  # noqa: E402
from gen import history  # noqa: E402

MEMBERS = {"op", "out", "deps", "names", "fn"}
# What a history's fields are likely to be turned into.
FUNCTIONS = [
    [{"pick": "a"}], [{"get_or": [["b"], "none"]}, "trim"], [], ["length"], [{"template": "{a}/{b}"}],
    [{"list": [[{"get_or": [["a"], 0]}], [{"get_or": [["b"], 1]}]]}, "product"],
    [{"object": {"x": [{"get_or": [["b"], None]}], "n": ["length"]}}],
    [{"when": [[{"has": "b"}, [{"pick": "b"}]], ["else", [{"const": "no b"}]]]}], [{"set": ["a", [{"const": 1}]]}],
    [{"get_or": [["a"], None]}], [{"list": [[], ["length"]]}], ["length", "text_of_int", {"prefix": "#"}],
    [{"filter": {"has": "a"}}], [{"when": [[{"at": [["a"], {"type": "text"}]}, [{"update": [["a"], ["upper"]]}]], ["else", []]]}],
    [{"defaults": {"a": "-"}}, {"get": ["a"]}], [{"omit": ["a"]}], [{"is": {"at": [["a"], {"type": "text"}]}}],
]
PIPES = [[{"prefix": "#"}], ["length"], [{"map_or": [[["done", 1], ["todo", 0]], 2]}], [{"slice": [0, 2]}],
         [{"int_of_decimal": 2}], [{"decimal_of_int": 2}], ["float_of_int"], ["round"], [{"split_list": ","}, {"each": ["trim"]}],
         [{"when": [[{"type": "text"}, ["upper"]], ["else", []]]}], ["iso_of_ms"], [{"before": " "}], ["unique", "sort"]]


class Derive:
    """How the value is made, in the place of a calc's literals."""

    def __init__(self, op):
        self.names, self.fn = op["names"], op["fn"]


def call(pipe, x):
    if x is ABSENT or x is None or isinstance(x, Invalid):
        return x
    try:
        return Invalid(x) if pipe is None else functions.call(pipe, x)
    except functions.Bad:
        return Invalid(x)


def well_formed(body):
    if len(cbor(body)) > 60000:
        return False
    if not isinstance(body, dict) or not isinstance(body.get("ops"), list):
        return model_well_formed(body)
    ops = []
    for op in body["ops"]:
        if isinstance(op, dict) and op.get("op") == "derive":
            names, deps = op.get("names"), op.get("deps")
            if (set(op) != MEMBERS or not isinstance(names, list) or not isinstance(deps, list)
                    or len(names) != len(deps) or not all(map(functions.some, names))
                    or len(set(names)) < len(names) or not functions.known(op["fn"])):
                return False
            op = {"op": "calc", "out": op["out"], "deps": deps, "lits": [""] * (len(deps) + 1)}
        ops.append(op)
    return model_well_formed({**body, "ops": ops})


def apply(plan, op, mine, clock):
    if op["op"] == "derive":
        op = {"op": "calc", "out": op["out"], "deps": op["deps"], "lits": Derive(op)}
    return model_apply(plan, op, mine, clock)


def read(view, reg):
    how = view.J.calc.get(reg, (None, None))[1]
    if not isinstance(how, Derive) or not view.calc_due(reg):
        return model_read(view, reg)
    values = [view.read(d) for d in view.J.calc[reg][0]]
    if any(isinstance(v, Invalid) for v in values):
        return Invalid([None if v is ABSENT else v.raw if isinstance(v, Invalid) else v for v in values])
    inputs = {n: v for n, v in zip(how.names, values) if v is not ABSENT}
    if not functions.fits(inputs):
        return Invalid(None)
    return view.J.typed(reg, call(how.fn, inputs))


def plain(v):
    """Can the line protocol say it?"""
    if isinstance(v, dict):
        return all(k != "" and not k.startswith("$") for k in v) and all(map(plain, v.values()))
    if isinstance(v, list):
        return all(map(plain, v))
    return not isinstance(v, bytes) and (not isinstance(v, float) or math.isfinite(v))


def pipe_of(maker, pool):
    for _ in range(3):
        pipe = maker.pipe(2)
        if plain(pipe) and len(json.dumps(pipe)) < 2000 and maker.r.random() < .15:
            return pipe
    return maker.pick(pool)


def changed(maker, op):
    """The op as it is, or with functions of here in it."""
    if not isinstance(op, dict):
        return op
    if op.get("op") == "calc" and maker.r.random() < .8:
        made = {"op": "derive", "out": op["out"], "deps": op["deps"], "names": ["a", "b", "cc", "n"][:len(op["deps"])],
                "fn": pipe_of(maker, FUNCTIONS)}
        if maker.r.random() < .04:
            made[maker.pick(["names", "fn"])] = maker.pick([["a", "a"], ["", "b"], [], ["nosuch"], None, "trim"])
        return made
    if op.get("op") == "conv" and maker.r.random() < .3:
        return {**op, "fwd": pipe_of(maker, PIPES), "bwd": maker.pick([None, [], pipe_of(maker, PIPES)])}
    return op


def retold(seed):
    """A history of the model, its steps changed and linked anew."""
    steps, heads, writes = history(seed)
    maker, ids, out = Maker(seed), {}, []
    types = random.Random(seed)
    left = sorted(steps, key=step_id)
    while left:
        body = next(b for b in left if all(p in ids for p in b["parents"]))
        left.remove(body)
        derived = {o["out"] for o in body["ops"] if isinstance(o, dict) and o.get("op") == "calc"}
        ops = [{**o, "type": types.choice(["any"] * 6 + ["text", "int", "object"])}
               if isinstance(o, dict) and o.get("op") == "add" and o.get("reg") in derived and "type" in o else o
               for o in body["ops"]]
        made = {**body, "parents": [ids[p] for p in body["parents"]], "ops": [changed(maker, o) for o in ops]}
        ids[step_id(body)] = step_id(made)
        out.append(made)
    return out, [ids[h] for h in heads], [{**w, "epoch": ids[w["epoch"]]} for w in writes]


model_well_formed, model_apply, model_read = evolution.well_formed, evolution.Plan._apply, evolution.View.read
evolution.well_formed, evolution.known_fn, evolution.call = well_formed, functions.known, call
evolution.Plan._apply, evolution.View.read = apply, read
fuzz.history = retold

if __name__ == "__main__":
    sys.argv[1:1] = ["--seeds"]
    sys.exit(fuzz.main())
