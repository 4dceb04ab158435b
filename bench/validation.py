#!/usr/bin/env python3
"""How many small documents a second a compiled schema judges, beside Debian's
python3-jsonschema on the same documents in the same run.

    bench/validation.py BUILD/tests/conform_schema

The limits: 200,000 documents a second, and 20 times the library.
"""
import json
import subprocess
import sys
import time

sys.path.append("/usr/lib/python3/dist-packages")
from jsonschema import Draft202012Validator  # noqa: E402

SCHEMA = {
    "title": "Package", "type": "object",
    "required": ["name", "version", "size"],
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 80},
        "version": {"type": "string", "pattern": "^\\d+\\.\\d+"},
        "size": {"$ref": "#/$defs/bytes"},
        "maintainer": {"type": "string"},
        "tags": {"type": "array", "uniqueItems": True, "items": {"type": "string"}},
        "state": {"enum": ["new", "kept", "gone"]},
        "rating": {"type": ["number", "null"], "minimum": 0, "maximum": 5},
        "home": {"anyOf": [{"type": "null"}, {"type": "string", "minLength": 8}]},
    },
    "additionalProperties": False,
    "$defs": {"bytes": {"type": "integer", "minimum": 0}},
}
DOCUMENTS = [
    {"name": f"package-{i}", "version": f"{i}.{i % 7}", "size": i * 1024,
     "maintainer": "Ana <ana@example.org>", "tags": ["net", "libs", f"t{i}"],
     "state": ["new", "kept", "gone"][i % 3], "rating": i % 6 if i % 4 else None,
     "home": "https://example.org/" if i % 2 else None}
    for i in range(100)
]


def cove(conform, rounds):
    line = json.dumps({"schema": SCHEMA, "values": DOCUMENTS, "rounds": rounds})
    done = subprocess.run([conform], input=line + "\n", capture_output=True, text=True,
                          check=True)
    judged, ns = map(int, done.stdout.split())
    return judged / ns * 1e9


def library(rounds):
    judge = Draft202012Validator(SCHEMA)
    begin = time.perf_counter()
    for _ in range(rounds):
        for document in DOCUMENTS:
            assert judge.is_valid(document)
    return rounds * len(DOCUMENTS) / (time.perf_counter() - begin)


def main(conform):
    best, theirs = 0, 0
    for _ in range(5):  # by turns: the machine is shared
        best = max(best, cove(conform, 2000))
        theirs = max(theirs, library(5))
    print(f"validation        {best:12,.0f} documents/s   limit 200,000")
    print(f"python3-jsonschema {theirs:11,.0f} documents/s")
    print(f"times             {best / theirs:12,.0f}               limit 20")
    return 0 if best >= 200000 and best >= 20 * theirs else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
