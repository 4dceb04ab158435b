#!/usr/bin/env python3
"""Turns recorded editing sessions into what bench/texts reads: per edit place,
removed and length of what is inserted as 32-bit little-endian numbers, then its
bytes; behind the edits 32 bits all ones, and the text that must come out.

    bench/trace.py FILE.json.gz OUT

The format of the sessions: https://github.com/josephg/editing-traces
"""
import gzip
import json
import struct
import sys


def main():
    trace = json.load(gzip.open(sys.argv[1]))
    with open(sys.argv[2], "wb") as out:
        if trace["startContent"]:
            text = trace["startContent"].encode()
            out.write(struct.pack("<III", 0, 0, len(text)) + text)
        for txn in trace["txns"]:
            for place, removed, inserted in txn["patches"]:
                text = inserted.encode()
                out.write(struct.pack("<III", place, removed, len(text)) + text)
        out.write(struct.pack("<I", 0xFFFFFFFF) + trace["endContent"].encode())


if __name__ == "__main__":
    main()
