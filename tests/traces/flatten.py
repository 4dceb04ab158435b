#!/usr/bin/env python3
"""Editing traces as seq_trace reads them.

    flatten.py TRACE.json.gz… DIR       writes DIR/NAME.trace for each

Little-endian: b"trace" and a byte for the kind; u32 length and the end content.
Sequential (0): for each patch u32 position, u32 deleted, u32 length, inserted.
Concurrent (1): u32 agents, u32 transactions; for each u32 agent, u32 count and
parents, u32 count and patches as above. Positions count code points.
"""
import gzip
import json
import pathlib
import struct
import sys


def u32(*numbers):
    return struct.pack("<%dI" % len(numbers), *numbers)


def text(value):
    raw = value.encode()
    return u32(len(raw)) + raw


def patches(many):
    return b"".join(u32(at, gone) + text(ins) for at, gone, ins in many)


def flatten(trace):
    concurrent = trace.get("kind") == "concurrent"
    out = [b"trace", bytes([concurrent]), text(trace["endContent"])]
    if concurrent:
        out.append(u32(trace["numAgents"], len(trace["txns"])))
    for txn in trace["txns"]:
        if concurrent:
            parents = txn["parents"]
            out.append(u32(txn["agent"], len(parents), *parents,
                           len(txn["patches"])))
        out.append(patches(txn["patches"]))
    return b"".join(out)


def main():
    *names, folder = sys.argv[1:]
    for name in names:
        path = pathlib.Path(name)
        with gzip.open(path) as source:
            trace = json.load(source)
        if trace.get("startContent"):
            trace["txns"].insert(0, {"patches": [[0, 0, trace["startContent"]]]})
        target = pathlib.Path(folder) / (path.name.split(".")[0] + ".trace")
        target.write_bytes(flatten(trace))


if __name__ == "__main__":
    main()
