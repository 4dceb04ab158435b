"""What the functions of migration steps do, a second time and slow: whole
values, exact numbers, no index and no cleverness. Written from
docs/MIGRATIONS.md, apart from the library, which is compared with it
(functions_fuzz.py). Values are Python's: None, bool, int, float, str, bytes,
list, dict; a reference to a document is the dict {"": bytes}.
"""
import math
import re
import struct
from fractions import Fraction


class Bad(Exception):
    """The value does not convert."""


# ------------------------------------------------------------ deterministic CBOR
def head(major, n):
    if n < 24:
        return bytes([major << 5 | n])
    for code, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if n < 1 << 8 * size:
            return bytes([major << 5 | code]) + n.to_bytes(size, "big")
    raise ValueError(n)


def cbor(v):
    if v is None:
        return b"\xf6"
    if v is True or v is False:
        return b"\xf5" if v else b"\xf4"
    if isinstance(v, int):
        return head(0, v) if v >= 0 else head(1, -1 - v)
    if isinstance(v, float):
        if v != v:
            return b"\xf9\x7e\x00"
        for form, tag in ((">e", b"\xf9"), (">f", b"\xfa"), (">d", b"\xfb")):
            try:
                packed = struct.pack(form, v)
            except OverflowError:
                continue
            if struct.unpack(form, packed)[0] == v:
                return tag + packed
    if isinstance(v, bytes):
        return head(2, len(v)) + v
    if isinstance(v, str):
        return head(3, len(v.encode())) + v.encode()
    if isinstance(v, list):
        return head(4, len(v)) + b"".join(map(cbor, v))
    pairs = sorted((cbor(k), cbor(x)) for k, x in v.items())
    return head(5, len(pairs)) + b"".join(k + x for k, x in pairs)


# -------------------------------------------------------------------- values
LOW, HIGH = -(1 << 63), (1 << 63) - 1


def is_int(v):
    return isinstance(v, int) and not isinstance(v, bool)


def is_number(v):
    return is_int(v) or (isinstance(v, float) and v == v)


def is_ref(v):
    return isinstance(v, dict) and list(v) == [""]


def need(holds):
    if not holds:
        raise Bad


def text(v):
    need(isinstance(v, str))
    return v


def integer(v):
    need(is_int(v))
    return v


def listed(v):
    need(isinstance(v, list))
    return v


def members(v):
    need(isinstance(v, dict) and not is_ref(v))
    return v


def ranged(n):
    need(LOW <= n <= HIGH)
    return n


def same(a, b):
    return cbor(a) == cbor(b)


def exact(v):
    """A number as what can be compared exactly; infinities stay."""
    return v if is_int(v) or math.isinf(v) else Fraction(v)


def follow(v, path):
    """The value at a path, in a list of one; an empty list where there is none."""
    for at in path:
        if isinstance(at, str):
            if not isinstance(v, dict) or is_ref(v) or at not in v:
                return []
            v = v[at]
        else:
            if not isinstance(v, list) or not -len(v) <= at < len(v):
                return []
            v = v[at]
    return [v]


def fits(v, depth=24):
    if isinstance(v, str):
        return len(v.encode()) <= 60000
    if isinstance(v, (list, dict)):
        inside = v if isinstance(v, list) else v.values()
        return (depth > 0 and all(fits(x, depth - 1) for x in inside)
                and (depth < 24 or len(cbor(v)) <= 64000))
    return True


# --------------------------------------------------------------------- times
def leap(year):
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def month_days(year):
    return [31, 29 if leap(year) else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]


DAYS_BEFORE = [0]  # of each year from 0000, counted one by one
for _year in range(10000):
    DAYS_BEFORE.append(DAYS_BEFORE[-1] + sum(month_days(_year)))
EPOCH = DAYS_BEFORE[1970]
DAY = 86400000


def digits(t, count):
    need(len(t) == count and all(c in "0123456789" for c in t))
    return int(t)


def days_of(t):
    need(len(t) == 10 and t[4] == "-" and t[7] == "-")
    year, month, day = digits(t[:4], 4), digits(t[5:7], 2), digits(t[8:], 2)
    need(1 <= month <= 12 and 1 <= day <= month_days(year)[month - 1])
    return DAYS_BEFORE[year] + sum(month_days(year)[:month - 1]) + day - 1 - EPOCH


def date_of(days):
    days += EPOCH
    need(0 <= days < DAYS_BEFORE[10000])
    year = 0
    while DAYS_BEFORE[year + 1] <= days:
        year += 1
    days -= DAYS_BEFORE[year]
    month = 0
    while days >= month_days(year)[month]:
        days -= month_days(year)[month]
        month += 1
    return f"{year:04}-{month + 1:02}-{days + 1:02}"


def ms_of_date(v):
    return days_of(text(v)) * DAY


def date_of_ms(v):
    need(integer(v) % DAY == 0)
    return date_of(v // DAY)


def iso_of_ms(v):
    ms = integer(v) % DAY
    clock = f"{ms // 3600000:02}:{ms // 60000 % 60:02}:{ms // 1000 % 60:02}.{ms % 1000:03}"
    return f"{date_of(v // DAY)}T{clock}Z"


def ms_of_iso(v):
    t = text(v)
    need(len(t) > 10 and t[10] == "T")
    days, t = days_of(t[:10]), t[11:]
    if t.endswith("Z"):
        t, offset = t[:-1], 0
    else:
        need(len(t) > 6 and t[-6] in "+-" and t[-3] == ":")
        hours, minutes = digits(t[-5:-3], 2), digits(t[-2:], 2)
        need(hours < 24 and minutes < 60)
        offset = (hours * 60 + minutes) * 60000 * (1 if t[-6] == "+" else -1)
        t = t[:-6]
    need(len(t) >= 8 and t[2] == ":" and t[5] == ":")
    hour, minute, second = digits(t[:2], 2), digits(t[3:5], 2), digits(t[6:8], 2)
    need(hour < 24 and minute < 60 and second < 60)
    ms = Fraction(0)
    if t[8:]:
        need(t[8] == "." and len(t) > 9)
        ms = Fraction(digits(t[9:], len(t) - 9), 10 ** (len(t) - 9)) * 1000
    need(ms.denominator == 1)
    at = days * DAY + ((hour * 60 + minute) * 60 + second) * 1000 + int(ms) - offset
    need(-EPOCH * DAY <= at < (DAYS_BEFORE[10000] - EPOCH) * DAY)
    return at


# ------------------------------------------------------------------- numbers
def int_of_text(v):
    need(re.fullmatch("0|-?[1-9][0-9]{0,18}", text(v)))
    return ranged(int(v))


def float_of_int(v):
    try:
        f = float(integer(v))
    except OverflowError:
        raise Bad from None
    need(Fraction(f) == v)
    return f


def whole(v):
    need(isinstance(v, float) and math.isfinite(v))
    return Fraction(v)


def int_of_float(v):
    need(whole(v).denominator == 1 and str(v) != "-0.0")
    return ranged(int(whole(v)))


def floor(v):
    return ranged(v if is_int(v) else math.floor(whole(v)))


def round_(v):
    if is_int(v):
        return ranged(v)
    f = whole(v)
    need(LOW <= f <= HIGH)
    return ranged(math.floor(abs(f) + Fraction(1, 2)) * (1 if f > 0 else -1))


def int_of_decimal(v, places):
    t = text(v)
    body = t[1:] if t.startswith("-") else t
    before, point, behind = body.partition(".")
    need(before != "" and all(c in "0123456789" for c in before + behind))
    need(before == "0" or before[0] != "0")
    need(point == "" or behind != "")
    n = Fraction(int(before + behind), 10 ** len(behind)) * 10 ** places
    need(n.denominator == 1 and not (t.startswith("-") and n == 0))
    return ranged(-int(n) if t.startswith("-") else int(n))


def decimal_of_int(v, places):
    n = abs(integer(v))
    sign = "-" if v < 0 else ""
    if places == 0:
        return f"{sign}{n}"
    return f"{sign}{n // 10 ** places}.{n % 10 ** places:0{places}}"


def sum_(v):
    return ranged(sum(integer(x) for x in listed(v)))


def product(v):
    out = 1
    for x in listed(v):
        out *= integer(x)
    return ranged(out)


# --------------------------------------------------------------------- texts
def ascii_case(v, low, high, by):
    return "".join(chr(ord(c) + by) if low <= c <= high else c for c in text(v))


def slice_(v, arg):
    need(isinstance(v, (str, list)))
    return v[arg[0]:arg[1]] if len(arg) == 2 else v[arg[0]:]


def cut(v, lit, last, before):
    t = text(v)
    at = t.rfind(lit) if last else t.find(lit)
    need(at >= 0)
    return t[:at] if before else t[at + len(lit):]


def pad(v, arg):
    return arg[1] * max(0, arg[0] - len(text(v))) + v


def pieces(template):
    """[(is a field, text)]; Bad where it is no template."""
    out, i = [], 0
    while i < len(template):
        c = template[i]
        if c in "{}" and template[i:i + 2] == c * 2:
            out.append((False, c))
            i += 2
        elif c == "{":
            end = i + 1
            while end < len(template) and template[end] not in "{}":
                end += 1
            need(end < len(template) and template[end] == "}")
            out.append((True, template[i + 1:end]))
            i = end + 1
        else:
            need(c != "}")
            out.append((False, c))
            i += 1
    return out


def template(v, arg):
    def shown(x):
        need(isinstance(x, str) or is_int(x))
        return str(x)
    out = ""
    for field, t in pieces(arg):
        if not field:
            out += t
        elif t == "":
            out += shown(v)
        elif members(v).get(t) is not None:
            out += shown(v[t])
    return out


# ------------------------------------------------------------ lists and objects
def length(v):
    need(isinstance(v, (str, list, dict)) and not is_ref(v))
    return len(v)


def sorted_by(items, keys):
    need(all(isinstance(k, str) for k in keys) or all(is_number(k) for k in keys))
    order = [k.encode() if isinstance(k, str) else exact(k) for k in keys]
    return [items[i] for i in sorted(range(len(items)), key=lambda i: order[i])]


def sort_by(v, path):
    keys = [follow(x, path) for x in listed(v)]
    need(all(keys))
    return sorted_by(v, [k[0] for k in keys])


def unique(v):
    seen, out = set(), []
    for x in listed(v):
        if cbor(x) not in seen:
            seen.add(cbor(x))
            out.append(x)
    return out


def concat(v):
    return [x for part in [listed(p) for p in listed(v)] for x in part]


def split_list(v, sep):
    return text(v).split(sep) if v != "" else []


def join_list(v, sep):
    need(all(isinstance(x, str) and x != "" and sep not in x for x in listed(v)))
    return sep.join(v)


def pick(v, key):
    need(isinstance(v, dict) and key in v)
    return v[key]


def table(v, rows):
    for a, b in rows:
        if same(a, v):
            return b
    raise Bad


def first(found):
    need(found)
    return found[0]


def put(v, path, new):
    """v with another value at a path that is there."""
    if not path:
        return new
    if isinstance(v, list):
        at = path[0] % len(v)
        return v[:at] + [put(v[at], path[1:], new)] + v[at + 1:]
    return {k: put(x, path[1:], new) if k == path[0] else x for k, x in v.items()}


def rename(v, arg):
    need(arg[1] not in members(v))
    return {arg[1] if k == arg[0] else k: x for k, x in v.items()}


def bool_of_int(v):
    need(integer(v) in (0, 1))
    return v == 1


def int_of_bool(v):
    need(isinstance(v, bool))
    return int(v)


def div(v, by):
    need(integer(v) % by == 0)
    return v // by


PLAIN = {
    "int_of_text": int_of_text, "text_of_int": lambda v: str(integer(v)),
    "int_of_bool": int_of_bool, "bool_of_int": bool_of_int,
    "lower": lambda v: ascii_case(v, "A", "Z", 32), "upper": lambda v: ascii_case(v, "a", "z", -32),
    "trim": lambda v: text(v).strip(" \t\r\n"),
    "float_of_int": float_of_int, "int_of_float": int_of_float, "floor": floor, "round": round_,
    "iso_of_ms": iso_of_ms, "ms_of_iso": ms_of_iso, "date_of_ms": date_of_ms, "ms_of_date": ms_of_date,
    "sum": sum_, "product": product, "length": length, "unique": unique, "concat": concat,
    "sort": lambda v: sorted_by(v, listed(v)), "reverse": lambda v: listed(v)[::-1],
}
WITH = {
    "table": table, "add": lambda v, n: ranged(integer(v) + n), "mul": lambda v, n: ranged(integer(v) * n),
    "div": div, "split_list": split_list, "join_list": join_list, "pick": pick,
    "wrap": lambda v, key: {key: v}, "const": lambda v, c: c,
    "int_of_decimal": int_of_decimal, "decimal_of_int": decimal_of_int, "slice": slice_,
    "before": lambda v, t: cut(v, t, False, True), "after": lambda v, t: cut(v, t, False, False),
    "before_last": lambda v, t: cut(v, t, True, True), "after_last": lambda v, t: cut(v, t, True, False),
    "replace": lambda v, arg: text(v).replace(*arg), "pad": pad, "template": template,
    "prefix": lambda v, t: t + text(v), "suffix": lambda v, t: text(v) + t,
    "drop_prefix": lambda v, t: text(v)[len(t):] if text(v).startswith(t) else first([]),
    "drop_suffix": lambda v, t: text(v)[:-len(t)] if text(v).endswith(t) else first([]),
    "map_or": lambda v, arg: next((b for a, b in arg[0] if same(a, v)), arg[1]),
    "sort_by": sort_by, "get": lambda v, path: first(follow(v, path)),
    "get_or": lambda v, arg: (follow(v, arg[0]) or [arg[1]])[0],
    "pick_keys": lambda v, keys: {k: x for k, x in members(v).items() if k in keys},
    "omit": lambda v, keys: {k: x for k, x in members(v).items() if k not in keys},
    "merge": lambda v, arg: {**members(v), **arg}, "defaults": lambda v, arg: {**arg, **members(v)},
    "rename": rename,
}


# ------------------------------------------------- pipelines, and what runs them
class Run:
    """One call: what is done inside functions is counted."""

    def __init__(self):
        self.left = 262144

    def pay(self, size):
        cost = 1 + size // 64
        if cost > self.left:
            self.left = 0
            raise Bad
        self.left -= cost

    def function(self, item, v):
        if isinstance(item, str):
            return PLAIN[item](v)
        (name, arg), = item.items()
        if name in WITH:
            return WITH[name](v, arg)
        return getattr(self, "f_" + name)(v, arg)

    def pipe(self, pipe, v, inside):
        for item in pipe:
            if inside:
                self.pay(len(cbor(v)) + len(cbor(item)))
            v = self.function(item, v)
            need(fits(v))
        return v

    def branch(self, pipe, v):
        self.pay(len(cbor(v)))
        return self.pipe(pipe, v, True)

    def inner(self, pipe, v):
        if v is None:
            self.pay(1)
            return None
        return self.branch(pipe, v)

    def f_each(self, v, pipe):
        out, size = [], len(head(4, len(listed(v))))
        for x in v:
            out.append(self.inner(pipe, x))
            size += len(cbor(out[-1]))
            need(size <= 64000)
        return out

    def f_list(self, v, pipes):
        return [self.inner(p, v) for p in pipes]

    def f_object(self, v, arg):
        keys = sorted(arg, key=cbor)
        return {k: self.inner(arg[k], v) for k in keys}

    def f_set(self, v, arg):
        return {**members(v), arg[0]: self.inner(arg[1], v)}

    def f_update(self, v, arg):
        need(isinstance(v, list) or (isinstance(v, dict) and not is_ref(v)))
        found = follow(v, arg[0])
        return put(v, arg[0], self.inner(arg[1], found[0])) if found else v

    def f_filter(self, v, condition):
        return [x for x in listed(v) if self.holds(condition, x)]

    def f_is(self, v, condition):
        return self.holds(condition, v)

    def f_when(self, v, rows):
        for condition, pipe in rows:
            if condition == "else" or self.holds(condition, v):
                return self.branch(pipe, v)
        raise Bad

    def holds(self, condition, v):
        self.pay(len(cbor(v)) + len(cbor(condition)))
        (name, arg), = condition.items()
        if name in ("all", "any"):
            return (all if name == "all" else any)(self.holds(c, v) for c in arg)
        if name == "not":
            return not self.holds(arg, v)
        if name == "at":
            found = follow(v, arg[0])
            return bool(found) and self.holds(arg[1], found[0])
        return CONDITIONS[name](v, arg)


def type_of(v):
    for name, types in (("null", type(None)), ("bool", bool), ("int", int), ("float", float), ("text", str),
                        ("bytes", bytes), ("list", list)):
        if isinstance(v, types):
            return name
    return "ref" if is_ref(v) else "object"


CONDITIONS = {
    "eq": same, "in": lambda v, arg: any(same(v, x) for x in arg),
    "type": lambda v, arg: type_of(v) == arg or (arg == "number" and type_of(v) in ("int", "float")),
    "lt": lambda v, arg: is_number(v) and exact(v) < exact(arg),
    "gt": lambda v, arg: is_number(v) and exact(v) > exact(arg),
    "has": lambda v, arg: isinstance(v, dict) and not is_ref(v) and arg in v,
    "starts": lambda v, arg: isinstance(v, str) and v.startswith(arg),
    "ends": lambda v, arg: isinstance(v, str) and v.endswith(arg),
    "contains": lambda v, arg: isinstance(v, str) and arg in v,
}


# ---------------------------------------------------------------- what is known
def some(v):
    return isinstance(v, str) and v != ""


def int64(v):
    return is_int(v) and LOW <= v <= HIGH


def pair(v):
    return isinstance(v, list) and len(v) == 2


def rows(v):
    return isinstance(v, list) and all(pair(r) for r in v)


def path(v):
    return isinstance(v, list) and 1 <= len(v) <= 24 and all(some(x) or int64(x) for x in v)


def keys(v):
    return isinstance(v, list) and len(v) <= 256 and all(map(some, v))


def keyed(v):
    return isinstance(v, dict) and all(map(some, v))


def is_template(v):
    try:
        return isinstance(v, str) and sum(f for f, _ in pieces(v)) <= 64
    except Bad:
        return False


FORMS = {
    "table": rows, "add": int64, "mul": int64, "div": lambda a: int64(a) and a != 0, "split_list": some,
    "join_list": some, "pick": some, "wrap": some, "const": lambda a: True,
    "int_of_decimal": lambda a: int64(a) and 0 <= a <= 18, "decimal_of_int": lambda a: int64(a) and 0 <= a <= 18,
    "slice": lambda a: isinstance(a, list) and 1 <= len(a) <= 2 and all(map(int64, a)),
    "before": some, "after": some, "before_last": some, "after_last": some, "prefix": some, "suffix": some,
    "drop_prefix": some, "drop_suffix": some,
    "replace": lambda a: pair(a) and some(a[0]) and isinstance(a[1], str),
    "pad": lambda a: pair(a) and int64(a[0]) and 1 <= a[0] <= 1000 and isinstance(a[1], str) and len(a[1]) == 1,
    "template": is_template, "map_or": lambda a: pair(a) and rows(a[0]), "sort_by": path, "get": path,
    "get_or": lambda a: pair(a) and path(a[0]), "pick_keys": keys, "omit": keys, "merge": keyed,
    "defaults": keyed, "rename": lambda a: pair(a) and some(a[0]) and some(a[1]) and a[0] != a[1],
}


def known_condition(c, depth):
    if depth >= 8 or not isinstance(c, dict) or len(c) != 1:
        return False
    (name, arg), = c.items()
    if name in ("all", "any"):
        return isinstance(arg, list) and arg != [] and all(known_condition(x, depth + 1) for x in arg)
    if name == "not":
        return known_condition(arg, depth + 1)
    if name == "at":
        return pair(arg) and path(arg[0]) and known_condition(arg[1], depth + 1)
    return {"eq": lambda a: True, "in": lambda a: isinstance(a, list),
            "type": lambda a: a in ("null", "bool", "int", "float", "number", "text", "bytes", "list", "object", "ref"),
            "lt": is_number, "gt": is_number}.get(name, some)(arg) if name in CONDITIONS else False


def known_item(item, depth):
    if isinstance(item, str):
        return item in PLAIN
    if not isinstance(item, dict) or len(item) != 1:
        return False
    (name, arg), = item.items()
    if name in FORMS:
        return FORMS[name](arg)
    return {
        "each": lambda a: known(a, depth), "filter": lambda a: known_condition(a, depth),
        "is": lambda a: known_condition(a, depth),
        "list": lambda a: isinstance(a, list) and a != [] and all(known(p, depth) for p in a),
        "object": lambda a: keyed(a) and all(known(p, depth) for p in a.values()),
        "set": lambda a: pair(a) and some(a[0]) and known(a[1], depth),
        "update": lambda a: pair(a) and path(a[0]) and known(a[1], depth),
        "when": lambda a: isinstance(a, list) and a != [] and all(
            pair(r) and known(r[1], depth) and (r[0] == "else" and i == len(a) - 1 or known_condition(r[0], depth))
            for i, r in enumerate(a)),
    }.get(name, lambda a: False)(arg)


def known(pipe, depth=0):
    return depth < 8 and isinstance(pipe, list) and all(known_item(i, depth + 1) for i in pipe)


def call(pipe, v):
    """The result; Bad where there is none."""
    return None if v is None else Run().pipe(pipe, v, False)
