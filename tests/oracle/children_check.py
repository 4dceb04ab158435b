#!/usr/bin/env python3
"""The model of children against its own promises: children_check.py [SEEDS].
TAP; ends with 1 where a history breaks one, and names its seed."""
import random
import sys

from children import (ABSENT, Family, Invalid, Journal, NONE, cbor, child_id,
                      oid, same)
from children_histories import history


def plain(v):
    """a value, or what does not convert, as something to compare"""
    if isinstance(v, Invalid):
        return ("invalid", cbor(v.raw))
    return ("absent",) if v is ABSENT else ("value", cbor(v))


def seen(J, docs, head):
    """everything that one head sees, comparable"""
    F = Family(J, docs, head)
    good, bad = F.document_view()
    out = {"": (cbor(good), cbor(bad))}
    for reg, c in F.fields.children.items():
        v = F.show(reg)
        if c["type"] == "list":
            v = [(F.name(i), plain(x)) for i, x in F.list(reg)]
        elif c["type"] == "map":
            v = (cbor(v[0]), cbor(v[1]))
        out[reg] = v
    return out


def all_seen(steps, docs):
    J = Journal(steps)
    return {h: seen(J, docs, h) for h in sorted(J.active)}


def shuffled(R, docs):
    out = {}
    for reg, ops in docs.items():
        out[reg] = ops + R.choices(ops, k=3) if ops else []
        R.shuffle(out[reg])
    return out


class Promise(Exception):
    pass


def need(ok, what):
    if not ok:
        raise Promise(what)


# --- each takes a history: (R, steps, docs)

def order(R, steps, docs):
    """I1: equal ops and steps give equal views, in any order, however often"""
    other = R.sample(steps, len(steps))
    need(all_seen(steps, docs) == all_seen(other, shuffled(R, docs)), "order")


def settle(J, docs, head, clock, session):
    """write back what a load at that head would; how much it was"""
    F, n = Family(J, docs, head), 0
    for reg, v, org in F.due():
        n += 1
        c = {"id": [clock, session, n, 0], "epoch": None,
             "origins": [[r, None if x == NONE else list(x)] for r, x in org]}
        c.update({"del": reg} if v is ABSENT else {"set": [reg, v]})
        docs.setdefault("", []).append(c)
    for reg, c in F.fields.children.items():
        for r, v, org in F.map_due(reg) if c["type"] == "map" else []:
            n += 1
            c2 = {"id": [clock, session, n, 0], "epoch": None,
                  "origins": [[r2, None if x == NONE else list(x)] for r2, x in org]}
            c2.update({"del": r} if v is ABSENT else {"set": [r, v]})
            docs.setdefault(reg, []).append(c2)
        if c["type"] != "list":
            continue
        for elem, item, v, org in F.list_due(reg):
            n += 1
            docs.setdefault(reg, []).append(
                {"id": [clock, session, n, 0], "epoch": None, "over": [elem, item, v],
                 "origins": [[r, None if x == NONE else list(x)] for r, x in org]})
    return n


def written_back(R, steps, docs):
    """I2, I3, H4, H25: writing back changes no view; again writes nothing; two
    devices that do it at once do it once"""
    J = Journal(steps)
    before = all_seen(steps, docs)
    docs = {reg: list(ops) for reg, ops in docs.items()}
    head = R.choice(sorted(J.active))
    two = {reg: list(ops) for reg, ops in docs.items()}
    settle(J, docs, head, 5000, "m")
    settle(J, two, head, 5001, "n")
    need(all_seen(steps, docs) == before, "a view moved by writing back")
    need(settle(J, docs, head, 5002, "m") == 0, "written back twice")
    both = {r: docs.get(r, []) + [o for o in two.get(r, []) if o["id"][1] == "n"]
            for r in set(docs) | set(two)}
    need(all_seen(steps, both) == before, "two migrators moved a view")
    need(settle(J, both, head, 5003, "m") == 0, "two migrators fight")


def natives_stay(R, steps, docs):
    """I5: what users inserted shows until a user removes it, whatever is
    written in the parent and published since"""
    J = Journal(steps)
    head = R.choice(sorted(J.active))
    F = Family(J, docs, head)
    bare = {**docs, "": []}
    for reg, c in F.fields.children.items():
        if c["type"] in ("list", "text"):
            how = c["type"]
            now = [i for i in F.elements(reg, how)[0].visible() if i[3] == 0]
            then = [i for i in Family(J, bare, head).elements(reg, how)[0].visible() if i[3] == 0]
            need(now == then, "natives moved by the parent")


def late_writes(R, steps, docs):
    """I9: a late write of the scalar by an old app appears in the new version"""
    J = Journal(steps)
    for head in sorted(J.active):
        F = Family(J, docs, head)
        for reg, (f, how) in F.fields.seeds.items():
            if f not in F.J.type or how != F.fields.children.get(reg, {}).get("type"):
                continue
            late = {"id": [9000, "a", 900, 0], "epoch": F.fields.adder(f), "set": [f, "late"]}
            G = Family(J, {**docs, "": docs[""] + [late]}, head)
            v = G.base.read(f)
            if how == "text" and isinstance(v, str):
                shown = [i for i in G.elements(reg, how)[0].visible() if i[3] > 0]
                need("".join(G.elements(reg, how)[0].seeds[i] for i in shown) == v, "late text")
            if how == "list":
                got = [x for i, x in G.list(reg) if i[3] > 0]
                need(len(got) == 1, "a late item")


def one_value(R, steps, docs):
    """I4: the scalar reads what the text shows, at every version"""
    J = Journal(steps)
    head = R.choice(sorted(J.active))
    F = Family(J, docs, head)
    V = F.view()
    sources = [f for f, _ in F.fields.seeds.values()]
    for reg, (f, how) in F.fields.seeds.items():
        cells = [set(V.J.atoms(g)) for g in sources if g != f]
        if any({c for c, _ in x} & {c for c, _ in V.J.atoms(f)} for x in cells) or sources.count(f) > 1:
            continue
        v = V.read(f)
        if how == "text" and F.touched(reg, how):
            need(v == F.text(reg), f"text {v!r} {F.text(reg)!r}")
        elif how == "text":
            need(same(v, F.base.read(f)), "untouched")
        elif F.touched(reg, how):
            e, _ = F.elements(reg, how)
            any_left = any(i in e.seeds or F.known(reg, e, i) for i in e.visible())
            need(any_left or v is ABSENT, "an empty list reads as something")


def length(R, steps, docs):
    """H25: a list has as many items at every version that has it"""
    J = Journal(steps)
    got = {}
    for head in sorted(J.active):
        F = Family(J, docs, head)
        for reg, c in F.fields.children.items():
            if c["type"] == "list" and c["item"]:
                got.setdefault(reg, {})[head] = [F.name(i) for i, _ in F.list(reg) if i[3] == 0]
    for reg, at in got.items():
        need(len({str(x) for x in at.values()}) == 1, f"items of {reg} differ: {at}")


def extracted(R, steps, docs):
    """H26, I13: one child; the old field and the child's read one winner"""
    J = Journal(steps)
    for head in sorted(J.active):
        F = Family(J, docs, head)
        V = F.view()
        good, _ = F.document_view()
        for name, reg in F.J.schema().items():
            if reg in F.fields.children:
                kind = F.fields.children[reg]["type"]
                need(good[name] == {"": child_id(kind, F.owner, F.document, reg).hex()}, "reference")
        for reg, c in F.fields.children.items():
            for r in c["fields"].values():
                old = [a for a, b, f, g in F.J.edges if b == r and f == [] and g == []]
                for o in old:
                    a, b = V.read(o), V.read(r)
                    need(same(a, b) or isinstance(a, Invalid) or isinstance(b, Invalid), "extract")


def beside(R, steps, docs):
    """H24: edits of two fields of one extracted document both stand"""
    J = Journal(steps)
    head = R.choice(sorted(J.active))
    F = Family(J, docs, head)
    for reg, c in F.fields.children.items():
        rs = sorted(c["fields"].values())
        if len(rs) == 2 and not set(F.J.atoms(rs[0])) & set(F.J.atoms(rs[1])):
            before = F.base.read(rs[1])
            more = {"id": [9000, "c", 901, 0], "epoch": F.fields.adder(rs[0]), "set": [rs[0], "one"]}
            G = Family(J, {**docs, reg: docs.get(reg, []) + [more]}, head)
            apart = {x for x, _ in F.J.atoms(rs[0])}.isdisjoint({x for x, _ in F.J.atoms(rs[1])})
            need(not apart or same(G.base.read(rs[1]), before), "a field beside it")


def later_step(R, steps, docs):
    """I18: a version that nobody wrote at changes no older view"""
    J = Journal(steps)
    wrote = {o["epoch"] for ops in docs.values() for o in ops}
    parents = {p for b in steps for p in b["parents"]}
    leaves = [i for i in J.active if i not in parents and i not in wrote]
    for leaf in leaves:
        less = [b for i, b in J.steps.items() if i != leaf]
        K = Journal(less)
        if len(J.steps[leaf]["parents"]) > 1:
            continue            # a merge may link what was apart
        for head in sorted(K.active):
            a, b = seen(J, docs, head), seen(K, docs, head)
            need(a[""] == b[""] and {r: a[r] for r in b} == b, "an unused version moved a view")


PROMISES = [order, written_back, natives_stay, late_writes, one_value, length,
            extracted, beside, later_step]


def main():
    lo, hi = 0, int(sys.argv[1]) if len(sys.argv) > 1 else 300
    print(f"TAP version 13\n1..{len(PROMISES)}")
    failed = 0
    for n, promise in enumerate(PROMISES):
        why = ""
        for seed in range(lo, hi):
            steps, _, docs, _ = history(seed)
            try:
                promise(random.Random(seed), steps, docs)
            except Promise as e:
                why = f"# seed {seed}: {e}\n"
                break
        failed += bool(why)
        what = " ".join(promise.__doc__.split())
        print(f"{why}{'not ok' if why else 'ok'} {n + 1} - {what.replace('#', 'no. ')}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
