#!/usr/bin/env python3
"""Feeds recorded questions to a program that speaks the line protocol and
compares its answers: replay.py VECTORS.jsonl.gz COMMAND [ARGUMENT…]. TAP."""
import gzip
import json
import subprocess
import sys


def form(text):
    """one text for equal values; 1, 1.0 and true stay different"""
    return json.dumps(json.loads(text), sort_keys=True)


def main():
    with gzip.open(sys.argv[1], "rt", encoding="utf-8") as vectors:
        pairs = [json.loads(line) for line in vectors]
    asks = "".join(json.dumps(p["ask"]) + "\n" for p in pairs)
    done = subprocess.run(sys.argv[2:], input=asks, stdout=subprocess.PIPE,
                          text=True, check=False)
    got = done.stdout.splitlines()
    failed = 0
    print("TAP version 13\n1..1")
    for pair, answer in zip(pairs, got):
        if form(answer) != form(json.dumps(pair["want"])):
            failed += 1
            if failed <= 3:
                print(f"# asked {json.dumps(pair['ask'])}")
                print(f"# want {json.dumps(pair['want'])}\n# got {answer}")
    if done.returncode != 0 or len(got) != len(pairs):
        failed += 1
        print(f"# {len(got)} answers to {len(pairs)} questions,"
              f" status {done.returncode}")
    verdict = "not ok" if failed else "ok"
    print(f"{verdict} 1 - {len(pairs)} answers are the model's")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
