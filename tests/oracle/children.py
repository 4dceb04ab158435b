"""What fields that are documents of their own show: lists, texts and maps
behind a field of a schema. Slow on purpose, and apart from the library: it
stands on the reference model only (evolution.py, sequence.py), and the library
is compared with it (children_fuzz.py). The choices that the model leaves open:

Children. A head's field may be a document of its own:
  {"op":"x-child","reg":R,"type":"list|text|stream|blob|counter|map",
   "item"?:REG,"fields"?:{name:REG}}
  beside the add of R (type any), so that builds without this see an absent
  field. It says something about the head's own shape, like a name: of the
  head's own history the last one counts. The child's header is
  {v, type, owner, from:{document, rule:"field", key:R}}: no time and no
  randomness, so two devices make one document. The field reads as the
  reference to it, always; what was ever written to R itself is not shown.

Items. An element carries the register of its item (its type). At a head it is
  a document of its own: the inserted value is a write to its type, with the
  element's time and session and transaction 0, op 0 (a later set of the same
  item is newer always); sets in place ("over") are writes to theirs; the
  head's item register is read. So `each` is a conv between item registers, an
  override is never a delete and an insert, and a list has as many items, at
  the same places, at every version. An element whose type no active step adds
  is invalid, with the raw value, and so is one whose type does not lead to the
  head's item register. The type "" stands for the head's own item
  register. Where the head has none, the newest write is shown raw. A delete is
  no op of an item. The inserted value needs no epoch, its type says enough;
  a set has one, as any write. Copies never speak: the element is held.

Seeds. {"op":"x-seed","from":F,"to":R,"how":"text"|"list"} links like a conv, at
  every head; the first one to R counts. The child R then shows, as elements, the
  winning write of F: as a text its code points, as a list itself, alone (null
  and absent: nothing; what does not convert: one invalid item). Their author
  is that write, their numbers 0, 1, …; they hang on the root, on the right,
  each on the one before. Where F has several origins (a joined whole) the
  newest of them is the author. Elements that users hung on or removed of a
  write that does not win are there as tombstones. So natives show always, and
  a late write of F by an old app shows in the new version. A seed's number is
  below 65,536 (text), 0 (list); beyond it what hangs there waits for ever. A
  default of F is no write and gives no seeds.
  Order of siblings: time, session, then the write's transaction and op plus
  one (a native's are 0), then the number.

Back. While the child holds shown ops of users (an element of theirs is visible,
  a seed that would show is removed or was set in place), F and all that is made
  of it read, at every head, what the child has: the text, or the first item's
  writes (as F has them; absent where the list is empty). A new write to F then
  seeds anew: natives stay beside it, and F reads both.
  That trades this: an old app that overwrites the text does not take away what
  others typed in the new version, and so may read more than it wrote; nothing
  that a user wrote is lost (I5), every version shows one text (I4). Where
  several children are made of one F, the one with the newest element speaks.
  For calculations, the child's text is as new as the newest of F's winner and
  the visible natives. What a child says gets no copy in the parent (its
  origins are not held there): a reader without the engine sees the scalar as
  it was last written (I7 does not reach across documents).

Extract. Fields of the parent become fields of a map child: registers of the
  same journal, each joined to the old one by a conv. Parent and map children
  are viewed as one set of ops; so each cell has one winner, whichever document
  it was written in. Copies are written in a document for origins of its own
  only.
"""
import json
import pathlib
import sys

# The public model lies beside the repository, and is no part of it.
MODEL = pathlib.Path(__file__).resolve().parents[2].parent / "shared" / "model"
if not MODEL.is_dir():
    print("1..0 # SKIP skipped: no public model")
    sys.exit(0)
sys.path.insert(0, str(MODEL))
from evolution import (ABSENT, H, Invalid, Journal, NONE, View,  # noqa: E402
                       cbor, oid, same, step_id)
from sequence import Sequence  # noqa: E402

KINDS = {"list": "colist", "text": "cotext", "stream": "costream",
         "blob": "cobinary", "counter": "cocounter", "map": "comap"}
LAST = 2 ** 32 - 1      # op index of what stands for a whole child: of the
                        # first one by register; each has its own
SEEDS_MAX = 65536


def child_header(kind, owner, document, reg):
    return {"v": 0, "type": KINDS[kind], "owner": owner,
            "from": {"document": document, "rule": "field", "key": reg}}


def child_id(kind, owner, document, reg):
    return H("cove/header", cbor(child_header(kind, owner, document, reg)))


# --- what the x- ops of a plan say

class Fields:
    """children and seeds as one head has them"""
    def __init__(s, journal, head):
        s.journal, s.J = journal, journal.at(head)
        s.children, s.seeds = {}, {}
        J = s.J
        order = (J._order(J.history, set())
                 + J._order(journal.active - J.history, J.history))
        for i in order:
            for o in journal.steps[i]["ops"]:
                if o["op"] == "x-child" and i in J.history:
                    s._child(o)
                if o["op"] == "x-seed":
                    s._seed(o)

    def _known(s, r):
        return isinstance(r, str) and r in s.J.type

    def _child(s, o):
        if not s._known(o.get("reg")) or o.get("type") not in list(KINDS):
            return
        fields = o.get("fields", {}) if isinstance(o.get("fields", {}), dict) else {}
        s.children[o["reg"]] = {
            "type": o["type"],
            "item": o["item"] if s._known(o.get("item")) else None,
            "fields": {n: r for n, r in fields.items() if s._known(r)}}

    def _seed(s, o):
        f, t = o.get("from"), o.get("to")
        if (s._known(f) and s._known(t) and f != t
                and o.get("how") in ("text", "list") and t not in s.seeds):
            s.seeds[t] = (f, o["how"])

    def adder(s, reg):
        """a step at which a write to this register is known"""
        return min(i for i in s.journal.active
                   if any(o["op"] == "add" and o["reg"] == reg
                          for o in s.journal.steps[i]["ops"]))


# --- views in which a register's writes come from elsewhere

class Shown(View):
    """a view, with overlays [(register, writes, beside)]: what the register's
    atoms have comes from these writes, and from nothing else or beside its
    own"""
    def __init__(s, journal, ops, head, overlays=(), foreign=()):
        super().__init__(journal, ops, head)
        s.foreign, s.masked = {oid(i) for i in foreign}, set()
        for reg, writes, beside in overlays:
            s._overlay(reg, writes, beside)

    def _overlay(s, reg, writes, beside):
        masked = {c for c, _ in s.J.atoms(reg)}
        if not beside:
            s._mask(masked)
        for o in writes:
            r = s._reg(o)
            if r not in s.J.type:
                continue
            i = oid(o["id"])
            s.native[i] = o
            s.held.add(i)
            s.foreign.add(i)
            for c, r, v, _ in s.J.leaves(r, s._val(o)):
                if c in masked:
                    s.rep.setdefault((c, i), {})[r] = (0, b"", v)
                    if i > s.win.get(c, NONE):
                        s.win[c] = i

    def _mask(s, masked):
        s.rep = {k: v for k, v in s.rep.items() if k[0] not in masked}
        s.win = {c: i for c, i in s.win.items() if c not in masked}
        s.masked |= masked

    def due_of(s, reg):
        """as View.due has it, of one register, own origins only"""
        org = s.origins(reg)
        ids = {x for _, x in org}
        if ids == {NONE} or not ids <= s.held | {NONE} or ids & s.foreign:
            return None
        if any(s.J.find(r) in s.masked for r, _ in org):
            return None
        own = [o for o in list(s.native.values()) + s.copies
               if s._reg(o) == reg and oid(o["id"]) not in s.foreign]
        w = max(own, key=s._stored_key) if own else None
        if w is not None and "origins" not in w and ids == {oid(w["id"])}:
            return None
        v = s.read(reg)
        if isinstance(v, Invalid):
            return None
        if w is not None:
            mine, theirs = s._rank([x for _, x in org]), s._stored_key(w)[0]
            if mine < theirs or (mine == theirs and same(v, s._val(w))):
                return None
        return (reg, v, sorted(org))


# --- sequences with seeds

class Elements:
    """The elements of a list or text child. Its ops, beside id and epoch:
      "ins": {"n":N,"parent":REF|null,"side":"L"|"R","values":[…],"type":REG}
      "remove": [REF, count]      "over": [REF, REG, value]
    REF: [session, n], or [write id, n] of a seed."""
    def __init__(s, ops, author, content, limit):
        s.ops = list({json.dumps(o, sort_keys=True): o for o in ops}.values())
        s.limit, s.at, s.items, ghosts = limit, {}, {}, {}
        for o in s.ops:
            if "ins" in o:
                for k in range(len(o["ins"]["values"])):
                    s.at[(o["id"][1], o["ins"]["n"] + k)] = o["id"][0]
        for o in s.ops:
            ref = o["ins"]["parent"] if "ins" in o else None
            if ref is not None and isinstance(ref[0], (list, tuple)) and ref[1] < limit:
                ghosts[tuple(ref[0])] = max(ghosts.get(tuple(ref[0]), -1), ref[1])
        if author is not None:
            ghosts[author] = max(ghosts.get(author, -1), len(content) - 1)
        seq = []
        for w, last in ghosts.items():
            for n in range(last + 1):
                seq.append(s._ins(s.seed(w, n), s.seed(w, n - 1) if n else None, "R"))
        for o in s.ops:
            if "ins" in o:
                s._insert(seq, o)
        s.seeds = ({s.seed(author, n): v for n, v in enumerate(content)}
                   if author is not None else {})
        s.dead = set()
        for o in s.ops:
            if "remove" in o:
                (a, n), count = o["remove"]
                s.dead |= {s.ref([a, n + k]) for k in range(min(count, SEEDS_MAX))}
        s.order = Sequence(seq).walk()

    @staticmethod
    def _ins(i, parent, side):
        return {"id": i, "ins": {"parent": parent, "side": side, "value": None}}

    @staticmethod
    def seed(w, n):
        return (w[0], w[1], w[2], w[3] + 1, n)

    def ref(s, r):
        if isinstance(r[0], (list, tuple)):
            return s.seed(tuple(r[0]), r[1])
        if (r[0], r[1]) in s.at:
            return (s.at[(r[0], r[1])], r[0], 0, 0, r[1])
        return ("?", r[0], r[1])

    def _insert(s, seq, o):
        n, values = o["ins"]["n"], o["ins"]["values"]
        for k, v in enumerate(values):
            i = s.ref([o["id"][1], n + k])
            if k:
                parent, side = s.ref([o["id"][1], n + k - 1]), "R"
            else:
                p = o["ins"]["parent"]
                parent, side = (None if p is None else s.ref(p)), o["ins"]["side"]
            if i not in s.items:
                s.items[i] = (v, o["ins"].get("type", ""))
                seq.append(s._ins(i, parent, side))

    def visible(s):
        return [i for i in s.order if i not in s.dead
                and (i in s.items or i in s.seeds)]

    def overs(s, elem):
        return [o for o in s.ops if "over" in o and s.ref(o["over"][0]) == elem]

    @staticmethod
    def name(i):
        return [i[1], i[4]] if i[3] == 0 else [[i[0], i[1], i[2], i[3] - 1], i[4]]


# --- a document and its children

class Family:
    """one document with what is held of its children, at one head.
    docs: {"": ops of the document, REG: ops of the child of that field}"""
    def __init__(s, journal, docs, head, owner=b"o" * 32, document=b"d" * 32):
        s.journal, s.docs, s.head = journal, docs, head
        s.owner, s.document = owner, document
        s.fields = Fields(journal, head)
        s.J = s.fields.J
        s.maps = {r for r, c in s.fields.children.items() if c["type"] == "map"}
        s.maps |= {r for i in journal.active for o in journal.steps[i]["ops"]
                   if o["op"] == "x-child" and o.get("type") == "map"
                   for r in [o.get("reg")] if isinstance(r, str)}
        s.union = sum((s.docs.get(r, []) for r in [""] + sorted(s.maps)), [])
        s.base = Shown(journal, s.union, head)
        s.made = {}

    # seeds
    def elements(s, reg, how):
        """the child's elements, with the seeds that win"""
        if reg not in s.made:
            w, content, limit = None, [], SEEDS_MAX if how == "text" else 1
            if reg in s.fields.seeds and s.fields.seeds[reg][1] == how:
                f = s.fields.seeds[reg][0]
                w = max(x for _, x in s.base.origins(f))
                v = s.base.read(f)
                if how == "text":
                    content = list(v) if isinstance(v, str) else []
                else:
                    content = [] if v is ABSENT or v is None else [v]
                w = None if w == NONE else w
            s.made[reg] = (Elements(s.docs.get(reg, []), w, content, limit), w)
        return s.made[reg]

    def known(s, reg, e, elem):
        """is the type of what was inserted one that an active step adds?"""
        t = e.items[elem][1] or s.fields.children.get(reg, {}).get("item")
        return t in s.J.type

    def natives(s, reg, how):
        e, _ = s.elements(reg, how)
        return [i for i in e.visible() if i in e.items
                and (how == "text" or s.known(reg, e, i))]

    def touched(s, reg, how):
        """does it show anything that users did to the child itself?"""
        e, _ = s.elements(reg, how)
        return bool(s.natives(reg, how) or set(e.seeds) & e.dead
                    or (how == "list" and any(s.writes(reg, how, i) for i in e.visible()
                                              if i in e.seeds)))

    # items
    def sets(s, e, elem):
        """the native sets of an item, as writes to its types"""
        out = []
        for o in e.overs(elem):
            _, t, v = o["over"]
            c = {k: o[k] for k in ("id", "epoch", "origins") if k in o}
            out.append({**c, "set": [t, v]})
        return [o for o in out if "origins" not in o
                and (o["set"][0] in s.J.type or o["set"][0] == "")]

    def writes(s, reg, how, elem):
        """an item's writes; those of a seed are the document's own, and its
        sets"""
        e, _ = s.elements(reg, how)
        item = s.fields.children.get(reg, {}).get("item")
        sets, first = s.sets(e, elem), None
        if elem in e.items:
            v, t = e.items[elem]
            first = {"id": [elem[0], elem[1], 0, 0], "set": [t, v]}
            sets = [first] + sets
        out = []
        for o in sets:
            t, v = o["set"]
            t = item if t == "" and item else t
            if t not in s.J.type:
                continue
            if o is first or s.journal.knows(o["epoch"], t):
                out.append({**o, "epoch": s.fields.adder(t), "set": [t, v]})
        return out

    def item(s, reg, elem):
        """a value, or Invalid"""
        e, _ = s.elements(reg, "list")
        item = s.fields.children.get(reg, {}).get("item")
        if not item:
            return s.raw_item(reg, e, elem)
        if elem in e.items and not s.known(reg, e, elem):
            return Invalid(e.items[elem][0])
        ws = s.writes(reg, "list", elem)
        v = Shown(s.journal, ws + ([] if elem in e.items else s.union), s.head).read(item)
        if v is ABSENT:
            newest = max(ws, key=lambda o: oid(o["id"]), default=None)
            raw = e.seeds.get(elem) if newest is None else newest["set"][1]
            return Invalid(raw.raw if isinstance(raw, Invalid) else raw)
        return v

    def raw_item(s, reg, e, elem):
        ws = [(oid(o["id"]), o["over"][2]) for o in e.overs(elem) if "origins" not in o]
        if elem in e.items:
            ws.append(((elem[0], elem[1], 0, 0), e.items[elem][0]))
        if not ws:
            return e.seeds[elem]
        return max(ws, key=lambda x: x[0])[1]

    # what shows
    def text(s, reg):
        e, _ = s.elements(reg, "text")
        return "".join(e.items[i][0] if i in e.items else e.seeds[i] for i in e.visible())

    def list(s, reg):
        e, _ = s.elements(reg, "list")
        return [(i, s.item(reg, i)) for i in e.visible()]

    def overlay(s, reg):
        """(how new, (source, writes, beside)) of a child that speaks for its
        source, or None"""
        f, how = s.fields.seeds[reg]
        if not s.touched(reg, how):
            return None
        e, w = s.elements(reg, how)
        last = LAST - sorted(s.fields.seeds).index(reg)
        newest = max([(i[0], i[1], 0, last) for i in s.natives(reg, how)]
                     + ([] if w is None else [(w[0], w[1], w[2], last)]))
        if how == "text":
            ws = [{"id": list(newest), "epoch": s.fields.adder(f), "set": [f, s.text(reg)]}]
        else:
            first = next((i for i in e.visible()
                          if i in e.seeds or s.known(reg, e, i)), None)
            ws = [] if first is None else s.writes(reg, how, first)
        return (newest, (f, ws, how == "list" and first in e.seeds))

    def view(s):
        over = sorted(filter(None, map(s.overlay, sorted(s.fields.seeds))), key=lambda x: x[0])
        return Shown(s.journal, s.union, s.head, [x[1] for x in over])

    def show(s, reg):
        c = s.fields.children.get(reg)
        if c is None:
            return None
        if c["type"] == "text":
            return s.text(reg)
        if c["type"] == "list":
            return [v for _, v in s.list(reg)]
        if c["type"] == "map":
            return s.named(s.view(), c["fields"])
        return None

    @staticmethod
    def named(V, names):
        good, bad = {}, {}
        for name, reg in names.items():
            v, l = V.read(reg), V.J.limits.get(reg, {})
            if v is ABSENT and "default" in l and (l.get("required") or all(x == NONE for _, x in V.origins(reg))):
                v = l["default"]
            if isinstance(v, Invalid):
                bad[name] = v.raw
            elif v is not ABSENT:
                good[name] = v
        return good, bad

    def document_view(s):
        good, bad = s.view().document()
        for name, reg in s.J.schema().items():
            if reg in s.fields.children:
                bad.pop(name, None)
                kind = s.fields.children[reg]["type"]
                good[name] = {"": child_id(kind, s.owner, s.document, reg).hex()}
        return good, bad

    # copies
    def due(s):
        """of the document itself: [(register, value, origins)]"""
        V = s.view()
        V.foreign |= {oid(o["id"]) for r in s.maps for o in s.docs.get(r, [])}
        regs = sorted(set(s.J.schema().values()) - set(s.fields.children))
        return [x for x in map(V.due_of, regs) if x]

    def map_due(s, reg):
        """the same of a map child"""
        V = s.view()
        V.foreign |= {oid(o["id"]) for r in [""] + sorted(s.maps) if r != reg
                      for o in s.docs.get(r, [])}
        regs = sorted(set(s.fields.children[reg]["fields"].values()))
        return [x for x in map(V.due_of, regs) if x]

    def list_due(s, reg):
        """of a list child: [(element, register, value, origins)]"""
        e, _ = s.elements(reg, "list")
        item, out = s.fields.children[reg].get("item"), []
        for i in e.visible():
            if not item or i not in e.items or not s.known(reg, e, i):
                continue
            ws = s.writes(reg, "list", i)
            copies = [{"id": o["id"], "epoch": None, "origins": o["origins"], "set": o["over"][1:]}
                      for o in e.overs(i) if "origins" in o and o["over"][1] in s.J.type]
            got = Shown(s.journal, ws + copies, s.head).due_of(item)
            if got and got[1] is not ABSENT:
                out.append((s.name(i),) + got)
        return out
    name = staticmethod(Elements.name)
