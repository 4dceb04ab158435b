"""A second opinion on JSON Schema: random schemas and values, judged by Cove and
by Debian's python3-jsonschema (4.10), which nobody here wrote.

    schema_check.py CONFORM_SCHEMA [PAIRS [SEED]]

Every difference must have one of the reasons below, and is looked at again with
that one place of the library mended: only if the two then agree does the reason
count. The figure of each is printed; any other difference fails.
"""
import json
import random
import re
import subprocess
import sys
from fractions import Fraction

for path in ("/usr/lib/python3/dist-packages",):  # of Debian's own interpreter
    if path not in sys.path:
        sys.path.append(path)
try:
    from jsonschema import Draft202012Validator, validators
    from jsonschema.exceptions import ValidationError
except ImportError as why:
    print(f"1..0 # SKIP no python3-jsonschema: {why}")
    sys.exit(0)

# --- random schemas and values --------------------------------------------

NAMES = ["a", "b", "c", "ab", "x1"]
TEXTS = ["", "a", "b", "ab", "aab", "x1", "é", "😀", "a😀", "foo", "A"]
NUMBERS = [0, 1, 2, 3, -1, 10, 7, 1.0, 2.0, 0.5, 1.5, -0.5, 0.1, 0.3, 2.5, 1e3,
           9007199254740993, 9007199254740992.0, 1e300, -0.0, 4.35]
MULTIPLES = [1, 2, 3, 0.5, 0.1, 0.01, 1.5, 2.0]
PATTERNS = ["^a", "b$", "^a+b$", "[0-9]", "^.$", "^[^a]*$", "a|b", "^x\\d$", "é", "^$"]
TYPES = ["null", "boolean", "integer", "number", "string", "array", "object"]


class Maker:
    def __init__(self, seed):
        self.r = random.Random(seed)

    def value(self, depth):
        r = self.r
        kind = r.random()
        if depth == 0 or kind < 0.45:
            return r.choice([r.choice(NUMBERS), r.choice(TEXTS), None, True, False,
                             r.choice(NUMBERS), r.choice(TEXTS)])
        if kind < 0.7:
            return [self.value(depth - 1) for _ in range(r.randrange(4))]
        return {n: self.value(depth - 1) for n in r.sample(NAMES, r.randrange(4))}

    def some(self, make, least=1, most=3):
        return [make() for _ in range(self.r.randint(least, most))]

    def schema(self, depth, level, defs):
        """level: definitions from there on may be referred to for the same value."""
        r = self.r
        if depth == 0 or r.random() < 0.08:
            return r.choice([True, False, {}, {"type": r.choice(TYPES)},
                             {"const": self.value(1)}])
        sub = lambda: self.schema(depth - 1, level, defs)       # the same value
        inner = lambda: self.schema(depth - 1, 0, defs)         # one inside it
        words = {
            "type": lambda: (r.choice(TYPES) if r.random() < 0.6 else
                             r.sample(TYPES, r.randint(1, 4))),
            "enum": lambda: self.some(lambda: self.value(2), 1, 4),
            "const": lambda: self.value(2),
            "minimum": lambda: r.choice(NUMBERS), "maximum": lambda: r.choice(NUMBERS),
            "exclusiveMinimum": lambda: r.choice(NUMBERS),
            "exclusiveMaximum": lambda: r.choice(NUMBERS),
            "multipleOf": lambda: r.choice(MULTIPLES),
            "minLength": lambda: r.randrange(3), "maxLength": lambda: r.randrange(4),
            "pattern": lambda: r.choice(PATTERNS),
            "minItems": lambda: r.randrange(3), "maxItems": lambda: r.randrange(4),
            "uniqueItems": lambda: r.random() < 0.8,
            "items": inner, "prefixItems": lambda: self.some(inner),
            "contains": inner,
            "minContains": lambda: r.randrange(3), "maxContains": lambda: r.randrange(3),
            "unevaluatedItems": inner,
            "properties": lambda: {n: inner() for n in r.sample(NAMES, r.randint(1, 3))},
            "patternProperties": lambda: {p: inner() for p in r.sample(PATTERNS, 1)},
            "additionalProperties": inner, "propertyNames": inner,
            "required": lambda: r.sample(NAMES, r.randint(1, 2)),
            "minProperties": lambda: r.randrange(3),
            "maxProperties": lambda: r.randrange(4),
            "dependentRequired": lambda: {r.choice(NAMES): r.sample(NAMES, 1)},
            "dependentSchemas": lambda: {r.choice(NAMES): sub()},
            "unevaluatedProperties": inner,
            "allOf": lambda: self.some(sub), "anyOf": lambda: self.some(sub),
            "oneOf": lambda: self.some(sub), "not": sub,
            "if": sub, "then": sub, "else": sub,
            "$ref": lambda: f"#/$defs/d{r.randrange(level, defs)}",
        }
        weights = {"unevaluatedItems": 2, "unevaluatedProperties": 3, "properties": 3,
                   "allOf": 2, "anyOf": 2, "if": 2, "then": 2, "else": 2, "$ref": 3}
        if level == defs:
            del words["$ref"]
        names = list(words)
        picked = r.choices(names, [weights.get(n, 1) for n in names], k=r.randint(1, 4))
        return {name: words[name]() for name in sorted(set(picked))}

    def document(self):
        defs = self.r.randrange(3)
        top = self.schema(3, 0, defs)
        if not isinstance(top, dict):
            return top
        if defs:
            # each may refer, for the same value, to later ones only: no circles
            top["$defs"] = {f"d{i}": self.schema(2, i + 1, defs) for i in range(defs)}
        return top


# --- the library, and where it differs ------------------------------------

def exact_multiple(validator, divisor, instance, schema):
    """The library divides doubles: 4.35 / 0.01 is 434.99999999999994. Here a
    number is the decimal that was written."""
    if validator.is_type(instance, "number") and \
            Fraction(repr(instance)) % Fraction(repr(divisor)) != 0:
        yield ValidationError("multipleOf")




def same(a, b):
    """Equality in JSON: 1 is 1.0, and true is not 1, however deep they stand."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return a == b
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return type(a) is type(b) and a == b


def deep_enum(validator, values, instance, schema):
    """The library compares what stands inside lists and objects by Python's ==,
    for which true is 1."""
    if not any(same(v, instance) for v in values):
        yield ValidationError("enum")


def deep_const(validator, value, instance, schema):
    return deep_enum(validator, [value], instance, schema)


def deep_unique(validator, unique, instance, schema):
    if unique and validator.is_type(instance, "array") and any(
            same(a, b) for i, a in enumerate(instance) for b in instance[:i]):
        yield ValidationError("uniqueItems")


def applied(validator, schema, instance):
    """The places of a list or an object that some schema was applied to, by the
    words of the standard (Core, sections 10 and 11): those of every schema for
    the same value that the value fits."""
    if not isinstance(schema, dict):
        return set()
    fits = lambda s, i=instance: validator.evolve(schema=s).is_valid(i)
    places = set()
    beside = []
    if "$ref" in schema:
        with validator.resolver.resolving(schema["$ref"]) as target:
            beside.append(target)
    for word in ("allOf", "anyOf", "oneOf"):
        beside += schema.get(word, [])
    if "if" in schema:
        beside.append(schema["if"])
        beside.append(schema.get("then" if fits(schema["if"]) else "else", True))
    if isinstance(instance, dict):
        beside += [s for n, s in schema.get("dependentSchemas", {}).items() if n in instance]
        known = schema.get("properties", {})
        patterns = schema.get("patternProperties", {})
        hit = {n for n in instance if n in known or any(re.search(p, n) for p in patterns)}
        places |= hit
        if "additionalProperties" in schema or "unevaluatedProperties" in schema:
            places |= set(instance)
    if isinstance(instance, list):
        places |= set(range(min(len(schema.get("prefixItems", [])), len(instance))))
        if "items" in schema or "unevaluatedItems" in schema:
            places |= set(range(len(instance)))
        if "contains" in schema:
            places |= {i for i, item in enumerate(instance) if fits(schema["contains"], item)}
    for other in beside:
        if fits(other):
            places |= applied(validator, other, instance)
    return places


def rest_properties(validator, rest, instance, schema):
    """What the library counts as evaluated leaves out, or counts in, what the
    standard does not: see rest_items."""
    if validator.is_type(instance, "object"):
        others = {k: v for k, v in schema.items() if k != "unevaluatedProperties"}
        for name in instance.keys() - applied(validator, others, instance):
            yield from validator.descend(instance[name], rest)


def rest_items(validator, rest, instance, schema):
    """The library knows items by their value's place only up to the end of a
    prefix, takes items of branches that do not fit, and forgets contains."""
    if validator.is_type(instance, "array"):
        others = {k: v for k, v in schema.items() if k != "unevaluatedItems"}
        for index in set(range(len(instance))) - applied(validator, others, instance):
            yield from validator.descend(instance[index], rest)


REASONS = [
    ("multiples of doubles", {"multipleOf": exact_multiple}),
    ("true is 1 inside lists and objects",
     {"enum": deep_enum, "const": deep_const, "uniqueItems": deep_unique}),
    ("what counts as evaluated", {"unevaluatedProperties": rest_properties,
                                  "unevaluatedItems": rest_items}),
]
REASONS.append(("several of them", {k: f for _, fs in REASONS for k, f in fs.items()}))
MENDED = [(name, validators.extend(Draft202012Validator, words)) for name, words in REASONS]


def judge(cls, schema, value):
    return "v" if cls(schema).is_valid(value) else "x"


def reason_of(schema, value, ours):
    for name, cls in MENDED:
        try:
            if judge(cls, schema, value) == ours:
                return name
        except Exception:  # of the library; the last reason mends all
            pass
    return None


def main(conform, pairs="3000", seed="1"):
    cove = subprocess.Popen([conform], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            text=True, encoding="utf-8")
    make = Maker(int(seed))
    done, refused, reasons, wrong, valid = 0, 0, {}, [], 0
    while done < int(pairs):
        schema = make.document()
        values = [make.value(3) for _ in range(6)]
        cove.stdin.write(json.dumps({"schema": schema, "values": values}) + "\n")
        cove.stdin.flush()
        ours = cove.stdout.readline().strip()
        if ours.startswith("!"):
            wrong.append((schema, None, ours))
            break
        for value, mine in zip(values, ours, strict=True):
            done += 1
            try:
                theirs = judge(Draft202012Validator, schema, value)
            except Exception as why:  # what breaks there is a difference too
                theirs = type(why).__name__
            valid += mine == "v"
            if mine == theirs:
                continue
            name = reason_of(schema, value, mine)
            reasons[name] = reasons.get(name, 0) + 1
            if name is None:
                wrong.append((schema, value, f"here {mine}, there {theirs}"))
        if len(wrong) > 3:
            break
    for schema, value, what in wrong[:4]:
        print(f"# {what}\n#   {json.dumps(schema)}\n#   {json.dumps(value)}")
    for name, count in sorted(reasons.items(), key=str):
        print(f"# {count} differ: {name}")
    print(f"# {done} pairs of schema and value, {valid} valid; seed {seed}")
    print("1..1")
    print(f"{'not ok' if wrong else 'ok'} 1 - python3-jsonschema agrees, or is known not to")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
