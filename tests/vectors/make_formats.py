#!/usr/bin/env python3
"""Make formats.json: golden bytes of docs/FORMAT.md, without using Cove.

Everything is built here a second time from the text of docs/FORMAT.md: the
CBOR encoder, the hashes (hashlib) and Ed25519 (RFC 8032, section 5.1, the
reference arithmetic; slow and not constant-time, for test keys only).

    make_formats.py              print formats.json
    make_formats.py --check F    exit 1 where F differs
    make_formats.py --doc NAME   print a worked example of docs/FORMAT.md
    make_formats.py --corpus D   write seeds for the fuzz targets to D
"""
import hashlib
import json
import os
import struct
import sys


# --- CBOR, only what deterministic encoding has

def head(major, n):
    if n < 24:
        return bytes([major << 5 | n])
    for code, form in ((24, ">B"), (25, ">H"), (26, ">I"), (27, ">Q")):
        if n < 1 << 8 * struct.calcsize(form):
            return bytes([major << 5 | code]) + struct.pack(form, n)
    raise ValueError(n)


def cbor(v):
    if v is None or v is True or v is False:
        return {None: b"\xf6", True: b"\xf5", False: b"\xf4"}[v]
    if isinstance(v, int):
        return head(0, v) if v >= 0 else head(1, -1 - v)
    if isinstance(v, float):
        for form, code in ((">e", 0xf9), (">f", 0xfa), (">d", 0xfb)):
            try:
                packed = struct.pack(form, v)
            except OverflowError:
                continue
            if struct.unpack(form, packed)[0] == v:
                return bytes([code]) + packed
        return b"\xf9\x7e\x00"
    if isinstance(v, bytes):
        return head(2, len(v)) + v
    if isinstance(v, str):
        b = v.encode()
        return head(3, len(b)) + b
    if isinstance(v, (list, tuple)):
        return head(4, len(v)) + b"".join(map(cbor, v))
    if isinstance(v, dict):
        pairs = sorted((cbor(k), cbor(x)) for k, x in v.items())
        return head(5, len(v)) + b"".join(k + x for k, x in pairs)
    raise TypeError(v)


def dump(v, depth=0):
    """Lines of (bytes, depth, what they say), in the order of the bytes."""
    b = cbor(v)
    if isinstance(v, (list, tuple)):
        out = [(head(4, len(v)), depth, "list of %d" % len(v))]
        for x in v:
            out += dump(x, depth + 1)
        return out
    if isinstance(v, dict):
        out = [(head(5, len(v)), depth, "map of %d" % len(v))]
        for k in sorted(v, key=cbor):
            out += dump(k, depth + 1) + dump(v[k], depth + 2)
        return out
    if isinstance(v, (bytes, str)):
        start = len(b) - len(v if isinstance(v, bytes) else v.encode())
        says = json.dumps(v, ensure_ascii=False) if isinstance(v, str) \
            else "%d bytes" % len(v)
        if len(b) - start <= 16:
            return [(b, depth, says)]
        out = [(b[:start], depth, says)]
        for i in range(start, len(b), 16):
            out.append((b[i:i + 16], depth + 1, ""))
        return out
    return [(b, depth, {None: "null", True: "true", False: "false"}.get(v)
             if v is None or isinstance(v, bool) else str(v))]


# --- hashes and signatures

def H(domain, *parts):
    return hashlib.blake2b(b"".join(parts), digest_size=32,
                           person=domain.encode().ljust(16, b"\0")).digest()


P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def edwards_add(p, q):
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * p[3] * q[3] * D % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def edwards_mul(n, p):
    q = (0, 1, 1, 0)
    while n:
        if n & 1:
            q = edwards_add(q, p)
        p = edwards_add(p, p)
        n >>= 1
    return q


def edwards_base():
    y = 4 * pow(5, P - 2, P) % P
    xx = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if (x * x - xx) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if x & 1:
        x = P - x
    return x, y, 1, x * y % P


BASE = edwards_base()


def edwards_pack(p):
    z = pow(p[2], P - 2, P)
    x, y = p[0] * z % P, p[1] * z % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def sha512_int(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little")


class Device:
    def __init__(self, seed):
        h = hashlib.sha512(seed).digest()
        a = int.from_bytes(h[:32], "little")
        self.a = a & ((1 << 254) - 8) | 1 << 254
        self.prefix = h[32:]
        self.seed = seed
        self.key = edwards_pack(edwards_mul(self.a, BASE))

    def sign(self, message):
        r = sha512_int(self.prefix, message) % L
        big_r = edwards_pack(edwards_mul(r, BASE))
        k = sha512_int(big_r, self.key, message) % L
        return big_r + ((r + k * self.a) % L).to_bytes(32, "little")


# --- the formats

def header_id(header):
    return H("cove/header", cbor(header))


def session_id(device, salt):
    return H("cove/session-id", device.key, salt)[:16]


def chain(document, session, device, txs):
    heads = [H("cove/session", document, session, device.key)]
    for tx in txs:
        heads.append(H("cove/session", heads[-1], tx))
    return heads


def head_message(document, session, end, h):
    return (b"cove/head".ljust(16, b"\0") + document + session +
            struct.pack(">Q", end) + h)


def group_message(leaves, root):
    return b"cove/group".ljust(16, b"\0") + struct.pack(">I", leaves) + root


def leaf(document, session, device, end, h):
    return H("cove/merkle", b"\0", document, session, device.key,
             struct.pack(">Q", end), h)


def split(n):
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def root(leaves):
    """RFC 9162, section 2.1.1, recursively."""
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return H("cove/merkle", b"\1", root(leaves[:k]), root(leaves[k:]))


def path(m, leaves):
    """RFC 9162, section 2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return path(m, leaves[:k]) + [root(leaves[k:])]
    return path(m - k, leaves[k:]) + [root(leaves[:k])]


def digest(document, rows):
    return H("cove/state", document,
             *(s + struct.pack(">Q", n) + h for s, n, h in sorted(rows)))


# --- the examples

def run(n, start=0):
    return bytes((start + i) % 256 for i in range(n))


def fill(n, byte):
    return bytes([byte]) * n


ALICE, BOB, CAROL = (Device(fill(32, n)) for n in (1, 2, 3))
MS = 1750000000000
HLC = MS << 16
NONCE = run(16)
GROUP = {"v": 0, "type": "group", "nonce": NONCE, "created": MS,
         "members": {ALICE.key: "admin", BOB.key: "writer",
                     CAROL.key: "reader"}}
OWNER = header_id(GROUP)
JOURNAL = {"v": 0, "type": "journal", "owner": OWNER, "nonce": NONCE,
           "root": fill(32, 0x22)}
SCHEMA = {"": header_id(JOURNAL)}
COMAP = {"v": 0, "type": "comap", "owner": OWNER, "nonce": NONCE,
         "created": MS, "meta": {"$schema": SCHEMA, "version": 1}}
DOC = header_id(COMAP)

HEADERS = {
    "group": GROUP,
    "journal": JOURNAL,
    "comap": COMAP,
    "bare": {"v": 0, "type": "comap", "owner": OWNER, "nonce": NONCE},
    "account": {"v": 0, "type": "account", "nonce": NONCE,
                "meta": {"name": "Alice"}, "members": {ALICE.key: "admin"}},
    "unique": {"v": 0, "type": "comap", "owner": OWNER,
               "unique": "schemata", "meta": {"$schema": SCHEMA}},
    "from": {"v": 0, "type": "comap", "owner": OWNER,
             "from": {"document": DOC, "rule": "address", "key": 7}},
    "unknown_type": {"v": 0, "type": "cosheet", "nonce": NONCE,
                     "sheets": 3},
    "unknown_field": {"v": 0, "type": "comap", "owner": OWNER,
                      "nonce": NONCE, "zone": [1, 2]},
    "newer": {"v": 1, "type": "comap", "nonce": NONCE},
}

SESSION = session_id(ALICE, run(16, 0x40))
BOB_SESSION = session_id(BOB, run(16, 0x50))
ROW_A = [HLC, ALICE.key, SESSION, 0, run(8, 0xa0)]
ROW_B = [HLC + 1, BOB.key, BOB_SESSION, 41, run(8, 0xb0)]
WRITE = [HLC + 2, BOB.key, BOB_SESSION, 41, 0]
PRIVATE = {"key": fill(32, 0x33), "nonce": fill(24, 0x44),
           "ops": fill(20, 0x55)}

TXS = {
    "first": [0, HLC, 0, b"", [], None, [[0, "name", "Ada"]]],
    "all": [0, HLC + 1, 0, fill(32, 0x22),
            [fill(32, 0x10), fill(32, 0x11)], fill(32, 0x66), [
                [0, "bool", True], [0, "bytes", b"\0\xff"],
                [0, "float", 1.5], [0, "int", -9223372036854775808],
                [0, "list", [1, [2.0, "zwei"], {}]],
                [0, "map", {"a": 1, "b": None, "aa": False}],
                [0, "null", None], [0, "ref", {"": DOC}],
                [0, "text", "tschüß"], [1, "text"], [0, "text", ""]]],
    "inherit": [0, HLC + 2, 0, None, None, None, [[1, "name"]]],
    "copy": [0, HLC + 3, 1, fill(32, 0x22), None, None, [
        [0, "size~aaaaaaaa", 120, [["size", 1, 7]]],
        [0, "full~bbbbbbbb", "Ada Lovelace",
         [["first", 0, 0], ["last", 0, 1], ["title"]]],
        [1, "gone~cccccccc", [["first", 0, 0], ["first", 0, 0]]]],
        {"origins": [ROW_A, ROW_B]}],
    "tombstone": [0, HLC + 6, 0, b"", [], fill(32, 0x66), [],
                  {"remove": {}}],
    "claim": [0, HLC + 4, 0, b"", None, None, [[0, "number", 17]],
              {"claim": fill(32, 0x77)}],
    "private": [0, HLC + 5, 0, None, None, None, [], {"private": PRIVATE}],
    "text": [0, HLC + 7, 0, None, None, None, [
        [2, 1, "tschüß", 0], [2, 0, "¡", 6, 0, 0], [2, 1, "!", 7, 1, 41]],
        {"agents": [BOB_SESSION]}],
    "items": [0, HLC + 8, 0, None, None, None, [
        [3, 1, [1, "zwei", None], "", 0],
        [3, 0, [{"": DOC}], "items~aaaaaaaa", 3, 0, 2]]],
    "remove": [0, HLC + 9, 0, None, None, None, [
        [4, 0, 5, 1], [4, 1, 0, 300], [4, 2, 0, 1]],
        {"agents": [BOB_SESSION, WRITE]}],
    "stream": [0, HLC + 10, 0, None, None, None, [[5, {"level": 3}]]],
    "chunk": [0, HLC + 11, 0, None, None, None, [
        [0, "mime", "image/png"], [6, 60000, b"\x89PNG"]]],
    "counter": [0, HLC + 12, 0, None, None, None, [[7, -3]]],
    "undo": [0, HLC + 13, 0, None, None, None, [[4, 0, 0, 6]],
             {"undo": [SESSION, 7]}],
    "branch": [0, HLC + 14, 0, b"", [], None, [], {
        "branch": {"id": fill(16, 0x99), "name": "trial",
                   "base": [[SESSION, 3], [BOB_SESSION, 1]]}}],
    "merge": [0, HLC + 15, 0, None, None, None, [], {
        "merge": {"id": fill(16, 0x99), "points": [[BOB_SESSION, 2]]}}],
    "ahead_version": [1, HLC + 6, "what a later version has here"],
    "ahead_kind": [0, HLC + 6, 2, None, None, None, [7, 8]],
    "ahead_op": [0, HLC + 6, 0, fill(32, 0x22), None, None,
                 [[0, "name", "Ada"], [9, "name", 1, 2]]],
    "ahead_extra": [0, HLC + 6, 0, None, None, None, [[0, "name", "Ada"]],
                    {"later": 1}],
}

LEAVES = [H("cove/merkle", b"\0", bytes([i])) for i in range(9)]


def batches(out):
    txs = [cbor(TXS["first"]), cbor(TXS["inherit"]), cbor(TXS["claim"])]
    heads = chain(DOC, SESSION, ALICE, txs)
    out["session.salt"] = run(16, 0x40)
    out["session.id"] = SESSION
    for i, h in enumerate(heads):
        out["chain.%d" % i] = h
    message = head_message(DOC, SESSION, 2, heads[2])
    out["head.message"] = message
    plain = ALICE.sign(message)
    first = [DOC, ALICE.key, SESSION, run(16, 0x40), 0, txs[:2], plain]
    message = head_message(DOC, SESSION, 3, heads[3])
    later = [DOC, ALICE.key, SESSION, None, 2, txs[2:], ALICE.sign(message)]
    for m in (2, 4):
        nodes = list(LEAVES[:5])
        nodes[m] = leaf(DOC, SESSION, ALICE, 2, heads[2])
        if m == 4:
            out["merkle.leaf"] = nodes[m]
            out["group.message"] = group_message(5, root(nodes))
        proof = [ALICE.sign(group_message(5, root(nodes))), m, 5,
                 path(m, nodes)]
        out["batch.group.%d" % m] = cbor(first[:6] + [proof])
        if m == 4:
            DOC_EXAMPLES["batch.group.4"] = first[:6] + [proof]
    nodes = [leaf(DOC, SESSION, ALICE, 2, heads[2])]
    out["batch.group.alone"] = cbor(
        first[:6] + [[ALICE.sign(group_message(1, nodes[0])), 0, 1, []]])
    out["batch.first"] = cbor(first)
    out["batch.later"] = cbor(later)
    DOC_EXAMPLES["batch.first"] = first
    rows = [(SESSION, 3, heads[3]), (BOB_SESSION, 1, fill(32, 0x88))]
    out["digest.none"] = digest(DOC, [])
    out["digest.two"] = digest(DOC, rows)
    out["digest.removed"] = H("cove/state", DOC + b"removed")


def varint(n):
    out = b""
    while n >= 0x80:
        out += bytes([n & 0x7f | 0x80])
        n >>= 7
    return out + bytes([n])


def frame(raw):
    """A zstd frame (RFC 8878) that holds up to 255 bytes as they are."""
    return bytes.fromhex("28b52ffd20") + bytes([len(raw)]) + \
        (len(raw) << 3 | 1).to_bytes(3, "little") + raw


def cuts(out):
    """The same two transactions cut off: the name is set, then deleted."""
    txs = [cbor(TXS["first"]), cbor(TXS["inherit"])]
    head_at = chain(DOC, SESSION, ALICE, txs)[2]
    hlc = TXS["inherit"][1]
    raw = varint(1) + H("cove/tx", txs[1])[:8] + varint(0)
    raw += varint(1) + b"\x01" + varint(4) + b"name"
    raw += varint(0) + SESSION + ALICE.key + varint(hlc) + varint(1)
    raw += varint(0) + varint(0) + varint(0) + varint(0)
    state = varint(len(raw)) + frame(raw)
    row = [SESSION, ALICE.key, run(16, 0x40), 2, head_at, hlc, None]
    cut = [DOC, ALICE.key, MS, [row], state]
    signed = H("cove/cut", head(4, 6) + b"".join(map(cbor, cut)))
    cut.append(ALICE.sign(signed))
    out["cut.state"] = raw
    out["cut.message"] = signed
    out["cut.first"] = cbor(cut)
    DOC_EXAMPLES["cut.first"] = cut


def block(before, kind, body):
    """A block that is not packed, and its sum."""
    head = kind + b"\0" + len(body).to_bytes(4, "big") * 2
    total = H("cove/dump", before, head, body)
    return head + body + total, total


def dumps(out):
    """A dump of one group and one document, two transactions long."""
    magic = b"covedmp\1"
    begin = cbor(["0.1.0", MS, ALICE.key, header_id(HEADERS["account"]),
                  run(16, 0x60), 0, ""])
    items = b"".join(
        bytes([kind]) + varint(len(b)) + b for kind, b in
        ((1, cbor(GROUP)), (1, cbor(COMAP)), (3, out["batch.first"])))
    total = H("cove/dump", magic)
    parts = [magic]
    for kind, body in ((b"B", begin), (b"D", items), (b"E", cbor([9, 2, 2]))):
        part, total = block(total, kind, body)
        parts.append(part)
    out["dump.begin"], out["dump.documents"], out["dump.end"] = parts[1:]
    out["dump.file"] = b"".join(parts)


DOC_EXAMPLES = {"header." + k: v for k, v in HEADERS.items()}
DOC_EXAMPLES.update({"tx." + k: v for k, v in TXS.items()})


def vectors():
    out = {}
    for name, device in (("alice", ALICE), ("bob", BOB), ("carol", CAROL)):
        out["device.%s.seed" % name] = device.seed
        out["device.%s.key" % name] = device.key
    for name, header in HEADERS.items():
        out["header." + name] = cbor(header)
        out["header.%s.id" % name] = header_id(header)
    for name, tx in TXS.items():
        out["tx." + name] = cbor(tx)
        out["tx.%s.hash" % name] = H("cove/tx", cbor(tx))
    out["bob.session.id"] = BOB_SESSION
    batches(out)
    cuts(out)
    dumps(out)
    for n in range(1, 10):
        out["merkle.root.%d" % n] = root(LEAVES[:n])
    for i, x in enumerate(LEAVES):
        out["merkle.input.%d" % i] = x
    return out


def main():
    out = vectors()
    if sys.argv[1:2] == ["--doc"]:
        for b, depth, says in dump(DOC_EXAMPLES[sys.argv[2]]):
            line = "  " * depth + b.hex(" ")
            print(("%-60s ; %s" % (line, says)) if says else line)
        return 0
    if sys.argv[1:2] == ["--corpus"]:
        for name, b in out.items():
            kind = name.split(".")[0]
            if kind in ("header", "tx", "batch") and b[0] >= 0x80 and \
                    not name.endswith((".id", ".hash")):
                folder = os.path.join(sys.argv[2], kind)
                os.makedirs(folder, exist_ok=True)
                with open(os.path.join(folder, name), "wb") as f:
                    f.write(b)
        return 0
    text = "{\n" + ",\n".join('  "%s": "%s"' % (k, v.hex())
                              for k, v in out.items()) + "\n}\n"
    if sys.argv[1:2] == ["--check"]:
        with open(sys.argv[2]) as f:
            return 0 if f.read() == text else 1
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
