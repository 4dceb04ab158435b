#!/usr/bin/env python3
"""Compares the functions of migration steps with their slow twin
(functions.py): functions_fuzz.py FIRST:END COMMAND. First every vector of
tests/vectors/functions.json, then random pipelines, known and unknown, on
random values; a seed is 100 of them. TAP; names the first that differs."""
import json
import pathlib
import random
import subprocess
import sys

from functions import Bad, CONDITIONS, FORMS, PLAIN, call, cbor, known

VECTORS = pathlib.Path(__file__).resolve().parent.parent / "vectors" / "functions.json"
WORDS = ["", "a", "Ada", "ADA", " x ", "a,b", "a, b,, c", "Ada Byron", "{a}", "#7", "7", "-12", "007", "-0", "1.50",
         "-0.05", "12.345", "0.000", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "Ünï",
         "日本語", "a😀b", "e\u0301", "2024-05-01", "2023-02-29", "2024-05-01T10:30:00Z", "2024-05-01T10:30:00.123Z",
         "2024-05-01T12:30:00.1230+02:00", "2024-05-01T24:00:00Z", "1969-12-31T23:59:59.999Z",
         "0000-01-01T00:00:00+00:01", "9999-12-31T23:59:59.999-23:59", "\t\n", "done", "todo"]
INTS = [0, 1, -1, 2, 3, 7, 10, 100, 250, 86400000, -86400000, 1714559400000, -62167219200000, -62167219200001,
        253402300799999, 253402300800000, (1 << 53) + 1, 1 << 62, (1 << 63) - 1, -(1 << 63)]
FLOATS = [0.0, -0.0, 0.5, 1.5, -1.5, 2.0, 3.0, 0.49999999999999994, 2.0 ** 53, 2.0 ** 63, -(2.0 ** 63), 1e300, 1e-300,
          float("inf"), float("-inf"), float("nan"), 12.34]
KEYS = ["a", "b", "cc", "n", "Ada", "zz", "é", "tags"]
TYPES = ["null", "bool", "int", "float", "number", "text", "bytes", "list", "object", "ref"]


class Maker:
    def __init__(self, seed):
        self.r = random.Random(seed)

    def pick(self, items):
        return self.r.choice(items)

    def text(self):
        k = self.r.random()
        if k < .7:
            return self.pick(WORDS)
        if k < .8:
            return self.pick(WORDS) + self.pick([" ", ",", "-", "."]) + self.pick(WORDS)
        if k < .9:
            return self.iso()
        return "".join(self.pick("ab ,-#{}é日😀0") for _ in range(self.r.randint(0, 12)))

    def iso(self):
        r = self.r
        t = "%04d-%02d-%02d" % (r.choice([0, 1, 1600, 1900, 1970, 2000, 2024, 9999, r.randint(0, 9999)]),
                                r.randint(0 if r.random() < .05 else 1, 12), r.choice([1, 28, 29, 30, 31, r.randint(1, 31)]))
        if r.random() < .3:
            return t
        t += "T%02d:%02d:%02d" % (r.randint(0, 24 if r.random() < .1 else 23), r.randint(0, 59), r.randint(0, 60 if r.random() < .1 else 59))
        if r.random() < .5:
            t += "." + "".join(r.choice("0123459") for _ in range(r.randint(0, 3))) + "0" * r.randint(0, 3)
        return t + r.choice(["Z", "Z", "+02:00", "-05:30", "+00:00", "-23:59", "+24:00", "", "z"])

    def number(self):
        k = self.r.random()
        if k < .5:
            return self.pick(INTS)
        if k < .65:
            return self.pick(FLOATS)
        if k < .8:
            return self.r.randint(-300, 300)
        if k < .9:
            return self.r.randint(-62167219200000, 253402300799999)
        return self.r.randint(-2000, 2000) / self.pick([1, 2, 4, 10])

    def value(self, depth=3):
        k = self.r.random()
        if depth == 0 or k < .3:
            return self.text()
        if k < .55:
            return self.number()
        if k < .62:
            return self.pick([None, True, False, b"\x01\x02", {"": bytes(32)}])
        if k < .8:
            kind = self.pick([self.text, self.number, lambda: self.value(depth - 1), lambda: self.object(depth - 1),
                              lambda: self.r.randint(-9, 9), lambda: [self.r.randint(0, 5) for _ in range(self.r.randint(0, 3))]])
            return [kind() for _ in range(self.r.randint(0, 5))]
        return self.object(depth)

    def object(self, depth):
        return {k: self.value(max(depth - 1, 0)) for k in self.r.sample(KEYS, self.r.randint(0, 5))}

    def path(self):
        return [self.pick(KEYS) if self.r.random() < .6 else self.pick([0, 1, -1, 2, -3]) for _ in range(self.r.randint(1, 2))]

    def condition(self, depth):
        name = self.pick(list(CONDITIONS) + ["not", "all", "any", "at"] if depth > 0 else list(CONDITIONS))
        return {name: self.condition_arg(name, depth)}

    def condition_arg(self, name, depth):
        if name in ("all", "any"):
            return [self.condition(depth - 1) for _ in range(self.r.randint(1, 3))]
        if name == "not":
            return self.condition(depth - 1)
        if name == "at":
            return [self.path(), self.condition(depth - 1)]
        if name == "in":
            return [self.value(1) for _ in range(self.r.randint(0, 3))]
        if name == "type":
            return self.pick(TYPES)
        return {"eq": lambda: self.value(1), "lt": self.number, "gt": self.number,
                "has": lambda: self.pick(KEYS)}.get(name, lambda: self.pick(["a", "A", " ", "Ada", "b", "#"]))()

    def template(self):
        return "".join(self.pick(["{a}", "{b}", "{n}", "{Ada}", "{}", "x", " ", "{{", "}}", "é"]) for _ in range(self.r.randint(0, 5)))

    def table(self):
        return [[self.value(1), self.value(1)] for _ in range(self.r.randint(0, 3))] + [["done", True], ["todo", False], [1, "one"]]

    def arg(self, name, depth):
        sep = self.pick([",", ", ", " ", "a", "-", "#", "T", ".", "日"])
        small = self.pick([0, 1, 2, -1, -2, 3, 9, -9, 100])
        keys = self.r.sample(KEYS, self.r.randint(0, 4))
        forms = {
            "table": self.table, "add": lambda: self.pick(INTS), "mul": lambda: self.pick(INTS),
            "div": lambda: self.pick([n for n in INTS if n]), "pick": lambda: self.pick(KEYS), "wrap": lambda: self.pick(KEYS),
            "const": lambda: self.value(1), "int_of_decimal": lambda: self.r.randint(0, 18),
            "decimal_of_int": lambda: self.r.randint(0, 18), "replace": lambda: [sep, self.pick(["", "b", "aa", "é"])],
            "slice": lambda: self.pick([[small], [small, self.pick([0, 1, 2, 5, -1, 99])]]),
            "pad": lambda: [self.r.randint(1, 9), self.pick("0 é")], "template": self.template,
            "map_or": lambda: [self.table(), self.value(1)], "sort_by": self.path, "get": self.path,
            "get_or": lambda: [self.path(), self.value(1)], "pick_keys": lambda: keys, "omit": lambda: keys,
            "merge": lambda: self.object(1), "defaults": lambda: self.object(1), "rename": lambda: self.r.sample(KEYS, 2),
            "each": lambda: self.pipe(depth - 1), "filter": lambda: self.condition(2), "is": lambda: self.condition(2),
            "list": lambda: [self.pipe(depth - 1) for _ in range(self.r.randint(1, 3))],
            "object": lambda: {k: self.pipe(depth - 1) for k in keys}, "set": lambda: [self.pick(KEYS), self.pipe(depth - 1)],
            "update": lambda: [self.path(), self.pipe(depth - 1)],
            "when": lambda: [[self.condition(2), self.pipe(depth - 1)] for _ in range(self.r.randint(1, 2))]
            + self.pick([[], [["else", self.pipe(depth - 1)]]]),
        }
        return forms.get(name, lambda: sep)()

    def function(self, depth):
        inner = ["each", "filter", "is", "list", "object", "set", "update", "when"] if depth > 0 else ["is", "filter"]
        name = self.pick(list(PLAIN) + list(FORMS) + inner * 2)
        return name if name in PLAIN else {name: self.arg(name, depth)}

    def pipe(self, depth=3):
        return [self.function(depth) for _ in range(self.pick([0, 1, 1, 1, 2, 2, 3, 5]))]

    def spoiled(self, v):
        """v with something in it exchanged: mostly no pipeline any more."""
        if isinstance(v, list) and v and self.r.random() < .8:
            at = self.r.randrange(len(v))
            return v[:at] + [self.spoiled(v[at])] + v[at + 1:]
        if isinstance(v, dict) and v and self.r.random() < .8:
            k = self.pick(list(v))
            return {x: self.spoiled(y) if x == k else y for x, y in v.items()}
        return self.value(1)

    def suited(self, pipe):
        """A value that the first function may be about."""
        name = pipe[0] if pipe and isinstance(pipe[0], str) else next(iter(pipe[0])) if pipe else ""
        if name in ("iso_of_ms", "date_of_ms", "decimal_of_int", "float_of_int", "text_of_int", "add", "mul", "div"):
            return self.pick([self.number(), self.pick(INTS)])
        if name in ("int_of_float", "floor", "round"):
            return self.pick(FLOATS + [self.number()])
        if name in ("ms_of_iso", "ms_of_date"):
            return self.iso()
        if name in ("sum", "product"):
            return [self.pick(INTS[:9]) for _ in range(self.r.randint(0, 4))]
        if name in ("sort", "unique", "reverse"):
            kind = self.pick([self.text, self.number])
            return [kind() for _ in range(self.r.randint(0, 6))]
        if name == "concat":
            return [[self.value(1) for _ in range(self.r.randint(0, 2))] for _ in range(self.r.randint(0, 3))]
        if name in ("each", "filter", "sort_by"):
            kind = self.pick([self.text, self.number, lambda: self.object(1)])
            return [kind() for _ in range(self.r.randint(0, 4))]
        if name in ("get", "get_or", "pick", "pick_keys", "omit", "merge", "defaults", "set", "update", "rename", "template",
                    "object", "list"):
            return self.object(2)
        return self.value() if name in ("when", "is", "const", "wrap", "map_or", "table", "length", "slice") else self.text()


def large(seed):
    """Values and nests near the limits of work and size."""
    r = random.Random(seed)
    n = r.randint(1000, 30000)
    pipe = [{"each": ["round"] * r.randint(0, 30)}]
    if r.random() < .3:
        pipe = [{"each": [{"list": [[]] * r.randint(1, 12)}]}]
    if r.random() < .2:
        pipe = [{"filter": {"any": [{"eq": k} for k in range(2, r.randint(3, 20))]}}]
    return pipe, [r.randint(0, 23)] * n


def cases(seed):
    m = Maker(seed)
    for _ in range(100):
        pipe = m.pipe()
        if m.r.random() < .15:
            pipe = m.spoiled(pipe)
        yield pipe, m.suited(pipe) if isinstance(pipe, list) and m.r.random() < .75 and known(pipe) else m.value()
    if seed % 10 == 0:
        yield large(seed)


def answer(pipe, v):
    if not known(pipe):
        return "unknown"
    try:
        return cbor(call(pipe, v)).hex()
    except Bad:
        return "bad"


def read(v):
    """A value of the vectors, where some are written as objects."""
    if isinstance(v, dict) and list(v) == ["$float"]:
        return float(v["$float"])
    if isinstance(v, dict) and list(v) == ["$ref"]:
        return {"": bytes(range(1, 33))}
    if isinstance(v, dict):
        return {k: read(x) for k, x in v.items()}
    return [read(x) for x in v] if isinstance(v, list) else v


def vectors():
    for name, rows in json.loads(VECTORS.read_text()).items():
        for row in rows:
            pipe, v = read(row[0]), read(row[1])
            want = cbor(read(row[2])).hex() if len(row) == 3 else "bad"
            if answer(pipe, v) != want:
                return f"{name}: {json.dumps(row)}: the twin says {answer(pipe, v)}"
    return None


def fuzz(lo, hi, command):
    """None, or what differs; and how often the answer was what."""
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    tally = {"unknown": 0, "bad": 0, "value": 0}
    fault = None
    for seed in range(lo, hi):
        asked = list(cases(seed))
        for pipe, v in asked:
            child.stdin.write(f"{cbor(pipe).hex()} {cbor(v).hex()}\n")
            child.stdin.flush()
            got, want = child.stdout.readline().strip(), answer(pipe, v)
            tally[want if want in tally else "value"] += 1
            if got != want:
                fault = f"seed {seed}: {pipe!r} of {v!r}: {got[:400]}, the twin says {want[:400]}"
                break
        if fault:
            break
    child.stdin.close()
    child.wait()
    return fault or (None if child.returncode == 0 else "the command failed"), tally


def main():
    lo, hi = map(int, sys.argv[1].split(":"))
    print("1..2")
    fault = vectors()
    print(("not ok" if fault else "ok") + " 1 - the twin gives every vector" + (f" # {fault}" if fault else ""))
    found, tally = fuzz(lo, hi, sys.argv[2:])
    print(("not ok" if found else "ok") + f" 2 - the library answers as the twin: {sum(tally.values())} answers, "
          f"{tally['value']} values, {tally['bad']} bad, {tally['unknown']} unknown" + (f" # {found}" if found else ""))
    return 1 if fault or found else 0


if __name__ == "__main__":
    sys.exit(main())
