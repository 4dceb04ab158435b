#!/usr/bin/env python3
"""Every bug that is planted in sync (core/planted.h) is found by the test that is
said to find it; without one, those tests pass.

    planted.py BUILD [BUG…]       BUILD: made with -Dplanted=true, and in it
                                  tests/sim/sim_sync and the tests named below
    planted.py --targets          what that is, for ninja
"""
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORLDS = "0:300"  # the first that does not hold ends it

# The bug, and what finds it: a test of tests/unit, "sim", or "sim FIRST:END" where it
# takes a rarer world. sim_sync is named where both do: it knows nothing of the place
# where the bug is.
FOUND_BY = {
    "aborted-is-held": "engine",
    "ack-before-commit": "engine",
    "answer-cut-short": "sim",
    "anybody-admitted": "engine",
    "classes-mixed": "engine",
    "credit-counted-twice": "sim",
    "credit-kept": "sim",
    "credit-not-asked": "engine_hostile",
    "credit-not-counted": "sim",
    "cut-left-out": "sim",
    "cut-sent-again": "engine_history",
    "differ-bits-shifted": "engine_sums",
    "each-connection-tells": "sim",
    "echo-to-giver": "engine",
    "end-is-goodbye": "engine",
    "fork-blamed": "engine_hostile",
    "gap-taken": "sim",
    "head-not-compared": "engine",
    "interest-from-now": "sim",
    "interest-not-said": "sim",
    "late-hello-believed": "sim 775:776",
    "older-store-unseen": "engine",
    "orphans-left": "engine",
    "other-store-unseen": "sim",
    "own-changes-assumed": "engine",
    "position-before-answers": "sim",
    "position-of-former-store": "sim",
    "position-past-refused": "engine_hostile",
    "push-to-giver": "engine",
    "reconnect-from-now": "sim",
    "refused-forgotten": "engine_hostile",
    "resume-from-announced": "sim",
    "role-of-another": "sim",
    "round-one-too-far": "sim",
    "sent-is-held": "sim",
    "sum-keeps-the-gone": "sums",
    "sum-keeps-what-was": "sums",
    "told-meanwhile-forgotten": "engine",
    "unsent-of-former-store": "engine",
    "unsent-of-old-interest": "sim",
    "unsent-without-refused": "engine",
    "wish-told-once": "sim",
}


def targets():
    units = sorted({test for test in FOUND_BY.values() if not test.startswith("sim")})
    return ["tests/sim/sim_sync"] + [f"tests/unit/test_{name}" for name in units]


def planted():
    """What the source has."""
    names = set()
    for layer in ("core", "crdt", "sync"):
        for path in (ROOT / layer).glob("*.c"):
            names |= set(re.findall(r'COVE_PLANTED\(\s*"([^"]+)"', path.read_text("utf-8")))
    return names


def run(build, test, bug):
    """Does the test hold? And what it says where it does not."""
    env = dict(os.environ, CK_FORK="no", COVE_PLANTED=bug)
    words = [f"{build}/tests/unit/test_{test}"]
    if test.startswith("sim"):
        words = [f"{build}/tests/sim/sim_sync", "--until", test[4:] or WORLDS]
    try:
        done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=300,
                              errors="replace")
    except subprocess.TimeoutExpired:
        return False, "it did not end"
    said = re.findall(r"^(?:# seed .*|not ok.*)$", done.stdout, re.M)
    return done.returncode == 0, (said or [f"exit {done.returncode}"])[0][:100]


def main(args):
    if args == ["--targets"]:
        print(" ".join(targets()))
        return 0
    if not args:
        print(__doc__, file=sys.stderr)
        return 2
    build, bugs = args[0], args[1:] or sorted(FOUND_BY)
    failed = 0
    if planted() != set(FOUND_BY):
        failed += 1
        print("FAIL  planted and not listed, or the other way round:",
              " ".join(sorted(planted() ^ set(FOUND_BY))))
    for test in sorted({FOUND_BY[bug] for bug in bugs}):
        held, said = run(build, test, "")
        if not held:
            failed += 1
            print(f"FAIL  {test} without a bug: {said}")
    for bug in bugs:
        held, said = run(build, FOUND_BY[bug], bug)
        failed += held
        print(f"{'FAIL ' if held else 'found'} {bug:<26} {FOUND_BY[bug]}: {said}", flush=True)
    print(f"{len(bugs) - failed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
