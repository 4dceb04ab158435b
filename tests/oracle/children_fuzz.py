#!/usr/bin/env python3
"""Drives tests/conform_children and compares each answer with the oracle:
children_fuzz.py FIRST:END COMMAND [ARGUMENT…]. TAP; names the first seed that
differs."""
import json
import random
import subprocess
import sys

from children import ABSENT, Family, Invalid, Journal, NONE, child_id
from children_check import settle, shuffled
from children_histories import history


def wire(org):
    return [[r, None if x == NONE else list(x)] for r, x in org]


def copy(reg, v, org):
    return {"reg": reg, "origins": wire(org), **({} if v is ABSENT else {"value": v})}


def child(F, reg, c):
    if c["type"] == "text":
        return {"text": F.text(reg)}
    if c["type"] == "list":
        items = [[F.name(i), not isinstance(v, Invalid), v.raw if isinstance(v, Invalid) else v]
                 for i, v in F.list(reg)]
        return {"items": items, "due": [[e, copy(r, v, o)] for e, r, v, o in F.list_due(reg)]}
    good, bad = F.show(reg)
    return {"doc": good, "invalid": bad, "due": [copy(*x) for x in F.map_due(reg)]}


def family(J, docs, head):
    if head not in J.active:
        return {"error": "blocked"}
    F = Family(J, docs, head)
    good, bad = F.document_view()
    for name, reg in F.J.schema().items():
        if reg in F.fields.children:
            good.pop(name, None)
            bad.pop(name, None)
    children = sorted(F.fields.children.items())
    return {"doc": good, "invalid": bad, "due": {"copies": [copy(*x) for x in F.due()]},
            "ids": [child_id(c["type"], F.owner, F.document, r).hex() for r, c in children],
            "children": [[r, child(F, r, c)] for r, c in children]}


def kinds(steps):
    out = {"": "map"}
    for b in steps:
        for o in b["ops"]:
            if o["op"] == "x-child":
                out[o["reg"]] = o["type"]
    return out


def script(seed):
    """the lines of a history, each with the oracle's answer"""
    R = random.Random(seed)
    steps, heads, docs, _ = history(seed)
    kind = kinds(steps)
    ok = {"ok": True}
    yield {"do": "reset"}, ok
    events = [("step", b) for b in steps]
    events += [("op", (doc, o)) for doc, ops in shuffled(R, docs).items() for o in ops]
    R.shuffle(events)
    held_steps, held = [], {}

    def look(most):
        J = Journal(held_steps)
        for h in R.sample(heads, min(most, len(heads))):
            yield {"do": "family", "head": h}, family(J, held, h)

    for what, e in events:
        if what == "step":
            held_steps.append(e)
            yield {"do": "step", "body": e}, ok
        else:
            held.setdefault(e[0], []).append(e[1])
            yield {"do": "op", "doc": e[0], "kind": kind[e[0]], "op": e[1]}, ok
        if R.random() < .08:
            yield from look(1)
    yield from look(len(heads))
    J = Journal(held_steps)
    before = {d: len(ops) for d, ops in held.items()}
    settle(J, held, R.choice(sorted(J.active)), 5000, "m")
    for d, ops in held.items():
        for o in ops[before.get(d, 0):]:
            yield {"do": "op", "doc": d, "kind": kind[d], "op": o}, ok
    yield from look(len(heads))


def main():
    lo, hi = map(int, sys.argv[1].split(":"))
    p = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    print("TAP version 13\n1..1")
    count = 0
    for seed in range(lo, hi):
        for ask, want in script(seed):
            p.stdin.write(json.dumps(ask) + "\n")
            p.stdin.flush()
            got = p.stdout.readline()
            count += 1
            same = got and (json.dumps(json.loads(got), sort_keys=True)
                            == json.dumps(json.loads(json.dumps(want)), sort_keys=True))
            if not same:
                print(f"# seed {seed}: asked {json.dumps(ask)}\n# want {json.dumps(want)}\n# got  {got.strip()}")
                print("not ok 1 - the library answers as the oracle")
                return 1
    p.stdin.close()
    p.wait()
    print(f"ok 1 - the library answers as the oracle: {count} times")
    return 0 if p.returncode == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
