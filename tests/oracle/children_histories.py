"""Random journals with children of every kind, and histories of what several
apps at several versions do to a document and its children."""
import random

from children import step_id

WORDS = ["Ada", "x", "", "7", "-12", "a, b", "Ünï", "to do", "0", "Grace Hopper"]
FORWARD = {"text": [(["int_of_text"], ["text_of_int"], "int"), (["trim"], [], "text"),
                    ([{"wrap": "v"}], [{"pick": "v"}], "object"), ([], [], "text")],
           "int": [(["text_of_int"], ["int_of_text"], "text"),
                   ([{"mul": 100}], [{"div": 100}], "int")],
           "object": [([{"pick": "v"}], [{"wrap": "v"}], "any")]}
SESSIONS = "abc"


def value(R, t):
    if R.random() < .1:
        return R.choice([None, True, 3, "odd", [1, "a"], {"v": 1}, 1.5])
    if t == "int":
        return R.choice([0, 1, -1, 7, 700])
    if t == "object":
        return R.choice([{"v": "x"}, {"v": 7}, {"w": 1}])
    return R.choice(WORDS)


class Maker:
    """steps in which fields become lists, texts and documents"""
    def __init__(s, R):
        s.R, s.n = R, 0
        ops = []
        at = {"scalars": {}, "lists": {}, "texts": [], "maps": {}}
        for f, t in [("title", "text"), ("tag", "text"), ("count", "int"), ("note", "text")]:
            ops.append({"op": "add", "reg": f, "name": f, "type": t})
            at["scalars"][f] = t
        s.list(ops, at, "items", R.choice(["text", "int"]))
        if R.random() < .5:
            ops += [{"op": "add", "reg": "body", "name": "body", "type": "any"},
                    {"op": "x-child", "reg": "body", "type": "text"}]
            at["texts"].append("body")
        base = {"parents": [], "ops": ops}
        s.steps, s.heads, s.at = [base], [step_id(base)], {step_id(base): at}

    def list(s, ops, at, field, t):
        ops += [{"op": "add", "reg": field, "name": field, "type": "any"},
                {"op": "add", "reg": field + "[]", "name": field + "[]", "type": t},
                {"op": "hide", "reg": field + "[]"},
                {"op": "x-child", "reg": field, "type": "list", "item": field + "[]"}]
        at["lists"][field] = (field + "[]", t)

    def new(s, name):
        s.n += 1
        return f"{name}~{s.n}"

    def step(s):
        R, heads = s.R, s.heads
        parents = [heads[-1] if R.random() < .7 else R.choice(heads)]
        if R.random() < .2 and len(heads) > 2:
            parents = sorted(set(parents) | {R.choice(heads)})
        at = {"scalars": {}, "lists": {}, "texts": [], "maps": {}}
        for p in parents:
            q = s.at[p]
            at["scalars"].update(q["scalars"])
            at["lists"].update(q["lists"])
            at["texts"] = sorted(set(at["texts"]) | set(q["texts"]))
            at["maps"].update(q["maps"])
        ops = []
        for _ in range(R.randint(1, 2)):
            R.choice([s.each, s.to_list, s.to_text, s.extract, s.convert, s.split])(ops, at)
        if not ops:
            return
        body = {"parents": parents, "ops": ops}
        i = step_id(body)
        if i not in s.at:
            s.steps.append(body)
            heads.append(i)
            s.at[i] = at

    def scalar(s, at, types=("text", "int", "object")):
        known = sorted(f for f, t in at["scalars"].items() if t in types)
        return s.R.choice(known) if known else None

    def each(s, ops, at):
        if not at["lists"]:
            return
        f = s.R.choice(sorted(at["lists"]))
        item, t = at["lists"][f]
        if t not in FORWARD:
            return
        fwd, bwd, to = s.R.choice(FORWARD[t])
        new = s.new(f + "[]")
        ops += [{"op": "add", "reg": new, "name": f + "[]", "type": to},
                {"op": "hide", "reg": new},
                {"op": "conv", "from": item, "to": new, "fwd": fwd,
                 "bwd": None if s.R.random() < .1 else bwd},
                {"op": "x-child", "reg": f, "type": "list", "item": new}]
        at["lists"][f] = (new, to)

    def to_list(s, ops, at):
        f = s.scalar(at)
        if f is None:
            return
        t = at["scalars"].pop(f)
        fwd, bwd, to = s.R.choice(FORWARD[t] + [([], [], t)])
        new = s.new(f)
        s.list(ops, at, new, to)
        ops += [{"op": "conv", "from": f, "to": new + "[]", "fwd": fwd, "bwd": bwd},
                {"op": "x-seed", "from": f, "to": new, "how": "list"},
                {"op": "hide", "reg": f}]

    def to_text(s, ops, at):
        f = s.scalar(at, ("text",))
        if f is None:
            return
        at["scalars"].pop(f)
        new = s.new(f)
        ops += [{"op": "add", "reg": new, "name": f, "type": "any"},
                {"op": "x-child", "reg": new, "type": "text"},
                {"op": "x-seed", "from": f, "to": new, "how": "text"},
                {"op": "hide", "reg": f}]
        at["texts"].append(new)

    def extract(s, ops, at):
        known = sorted(at["scalars"])
        if len(known) < 2:
            return
        new, fields = s.new("doc"), {}
        ops.append({"op": "add", "reg": new, "name": new, "type": "any"})
        for f in s.R.sample(known, s.R.randint(1, 2)):
            t = at["scalars"].pop(f)
            reg = f"{new}/{f}"
            ops += [{"op": "add", "reg": reg, "name": reg, "type": t},
                    {"op": "hide", "reg": reg},
                    {"op": "conv", "from": f, "to": reg, "fwd": [], "bwd": []},
                    {"op": "hide", "reg": f}]
            fields[f] = reg
        ops.append({"op": "x-child", "reg": new, "type": "map", "fields": fields})
        at["maps"][new] = {r: "text" for r in fields.values()}

    def convert(s, ops, at):
        f = s.scalar(at)
        if f is None:
            return
        fwd, bwd, to = s.R.choice(FORWARD[at["scalars"].pop(f)])
        new = s.new(f)
        ops += [{"op": "add", "reg": new, "name": new, "type": to},
                {"op": "conv", "from": f, "to": new, "fwd": fwd, "bwd": bwd},
                {"op": "hide", "reg": f}]
        at["scalars"][new] = to

    def split(s, ops, at):
        f = s.scalar(at, ("text",))
        if f is None:
            return
        at["scalars"].pop(f)
        parts = [s.new(f), s.new(f)]
        ops += [{"op": "add", "reg": p, "name": p, "type": "text"} for p in parts]
        ops += [{"op": "comp", "whole": f, "parts": parts, "lits": ["", " ", ""], "lenient": True},
                {"op": "hide", "reg": f}]
        at["scalars"].update({p: "text" for p in parts})


class Writer:
    """ops of several sessions; each knows its own numbers"""
    def __init__(s, R, maker):
        s.R, s.maker, s.tx, s.n = R, maker, {}, {}
        s.docs, s.refs, s.written = {"": []}, {}, []

    def id(s, doc):
        c = s.R.choice(SESSIONS)
        s.tx[c] = s.tx.get(c, -1) + 1
        # of one session times differ, everywhere
        return [s.R.randint(1, 9) * 100 + s.tx[c], c, s.tx[c], 0]

    def op(s, doc, o):
        s.docs.setdefault(doc, []).append(o)

    def write(s):
        R = s.R
        e = R.choice(s.maker.heads)
        at = s.maker.at[e]
        kind = R.choice(["", "", "list", "list", "text", "text", "map"])
        if kind == "list" and at["lists"]:
            f = R.choice(sorted(at["lists"]))
            return s.element(f, e, at["lists"][f])
        if kind == "text" and at["texts"]:
            return s.element(R.choice(at["texts"]), e, None)
        if kind == "map" and at["maps"]:
            f = R.choice(sorted(at["maps"]))
            r = R.choice(sorted(at["maps"][f]))
            return s.register(f, e, r, at["maps"][f][r])
        if at["scalars"]:
            r = R.choice(sorted(at["scalars"]))
            return s.register("", e, r, at["scalars"][r])
        return None

    def register(s, doc, e, r, t):
        i = s.id(doc)
        o = {"id": i, "epoch": e}
        o.update({"del": r} if s.R.random() < .1 else {"set": [r, value(s.R, t)]})
        s.op(doc, o)
        s.written.append((i, r))

    def ref(s, doc):
        """an element that may be known: a native or a seed, or nothing"""
        R, known = s.R, s.refs.setdefault(doc, [])
        if known and R.random() < .75:
            return R.choice(known)
        if s.written and R.random() < .8:
            return [R.choice(s.written)[0], R.choice([0, 0, 0, 1, 2, 5, 70000])]
        return ["z", 3] if R.random() < .05 else None

    def element(s, doc, e, item):
        R, i = s.R, s.id(doc)
        k, ref = R.random(), s.ref(doc)
        if ref is not None and k < .2:
            s.op(doc, {"id": i, "epoch": e, "remove": [ref, R.choice([1, 1, 2, 3])]})
        elif ref is not None and item and k < .45:
            s.op(doc, {"id": i, "epoch": e, "over": [ref, item[0], value(R, item[1])]})
        else:
            n = s.n.get((doc, i[1]), 0)
            count = R.randint(1, 3)
            s.n[(doc, i[1])] = n + count
            ins = {"n": n, "parent": ref, "side": R.choice("RRRL")}
            if ref is None:
                ins["side"] = "R"
            if item:
                ins["type"] = "" if R.random() < .05 else item[0]
                ins["values"] = [value(R, item[1]) for _ in range(count)]
            else:
                ins["values"] = [R.choice("abcdé €") for _ in range(count)]
            s.op(doc, {"id": i, "epoch": e, "ins": ins})
            s.refs[doc] += [[i[1], n + k] for k in range(count)]


def history(seed, steps=5, ops=24):
    """(steps, heads, {document: ops}, the maker)"""
    R = random.Random(seed)
    maker = Maker(R)
    for _ in range(R.randint(1, steps)):
        maker.step()
    writer = Writer(R, maker)
    for _ in range(R.randint(3, ops)):
        writer.write()
    return maker.steps, maker.heads, writer.docs, maker
