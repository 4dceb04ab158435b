#!/usr/bin/env python3
"""Writes evolution.jsonl.gz: random histories and what the reference model
answers, so that the view engine is held to the model where the model is not
at hand.

    make_evolution.py MODEL_DIRECTORY [HISTORIES]

MODEL_DIRECTORY holds evolution.py, gen.py and fuzz.py. Half of the histories
are the model's own, half are those of histories.py. One JSON object a line:
{"ask": …, "want": …}, in the forms of the line protocol. The same model gives
the same bytes.
"""
import gzip
import io
import json
import os
import sys


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.dont_write_bytecode = True
    sys.path.insert(0, sys.argv[1])
    import fuzz
    import histories

    count = int(sys.argv[2]) if len(sys.argv) > 2 else 500
    told = [fuzz.script(seed) for seed in range(count // 2)]
    told += [lines for lines in map(histories.script, range(count // 2))
             if histories.unambiguous(lines)]
    lines = io.StringIO()
    for ask, want in (pair for history in told for pair in history):
        json.dump({"ask": ask, "want": want}, lines, ensure_ascii=False,
                  separators=(",", ":"))
        lines.write("\n")
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "evolution.jsonl.gz"), "wb") as raw:
        with gzip.GzipFile("", "wb", 9, raw, mtime=0) as out:
            out.write(lines.getvalue().encode())


if __name__ == "__main__":
    main()
