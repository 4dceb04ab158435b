"""The scenarios of faults.py."""
import dataclasses
import random

from proxy_work import Blobs, Invited, Many, Maps, Packages, Removed, Texts, Wanted


@dataclasses.dataclass
class Row:
    """A scenario. `faults`: of each link, those of its connections in their order."""
    name: str
    topology: str
    work: type
    faults: dict = dataclasses.field(default_factory=dict)
    first: bool = True              # all are equal before the faults begin
    steps: int = 3                  # at least so often all write
    do: tuple = ()                  # what happens to daemons and links, before each step
    meanwhile: tuple = ()           # the daemons of each become equal while faults last
    strikes: int = 0                # so many faults at least, where not all can come
    heard: tuple = ()               # these words are in some daemon's log
    end_in_it: bool = False         # all daemons end, and begin again, in the fault
    by_itself: bool = False         # the faults stay; what ends them is a limit of time
    nudge: bool = True              # calls are made at once, whatever the pause
    short: bool = False             # in tools/test, too


CHANGED = "does not authenticate"
LOST = "ended without a goodbye"
# The handshake has 270 bytes each way: the preamble ends at 16, where who called sends
# a message up to 50 and its last from there on. Then come records, a hello first.
HANDSHAKE = 0, 1, 15, 16, 17, 49, 50, 51, 52, 160, 269, 270, 271, 300
RECORDS = 270
IN_FRONT = dict(first=False)        # the faults meet the first sync

PREAMBLE = 0, 4, 5, 6, 7, 8, 15


# All but c go on a month later.
A_MONTH = "; ".join(f"{what} {name}" for what in ("end", "later", "start") for name in "abr")


def whatever(seed, pairs, count=4):
    """Faults at random, the same in each run."""
    chance = random.Random(seed)
    ends = [lambda way: f"cut {way} {chance.randrange(1500)}",
            lambda way: f"reset {way} {chance.randrange(1500)}",
            lambda way: f"half {way} {chance.randrange(1500)}",
            lambda way: f"flip {way} {chance.randrange(420, 1500)}",
            lambda way: f"lose {way} {chance.randrange(420, 1500)} {chance.randrange(1, 60)}",
            lambda way: f"double {way} {chance.randrange(420, 1500)} {chance.randrange(1, 60)}",
            lambda way: "slam"]
    paces = "", "drip both and ", "chop both and ", "merge both 5 and ", "delay both 5 and "
    return {pair: [chance.choice(paces) + chance.choice(ends)(chance.choice(("up", "down")))
                   for _ in range(count)] for pair in pairs.split()}


PAIRS = [
    Row("the handshake is cut in each part, from here", "pair", Maps,
        {"ab": [f"cut up {n}" for n in HANDSHAKE]}, **IN_FRONT, short=True),
    Row("the handshake is cut in each part, from there", "pair", Maps,
        {"ab": [f"cut down {n}" for n in HANDSHAKE]}, **IN_FRONT),
    Row("the handshake is reset in each part", "pair", Maps,
        {"ab": [f"reset {way} {n}" for n in HANDSHAKE for way in ("up", "down")]}, **IN_FRONT),
    Row("a bit of the preamble is flipped", "pair", Maps,
        {"ab": [f"flip {way} {n}" for n in PREAMBLE for way in ("up", "down")]}, **IN_FRONT),
    Row("a bit of the handshake is flipped", "pair", Maps,
        {"ab": [f"flip up {n}" for n in (20, 45, 60, 100, 170, 220)]
         + [f"flip down {n}" for n in (20, 60, 100, 170, 220)]},
        heard=("the handshake does not authenticate",), **IN_FRONT),
    Row("the first sync comes a byte at a time", "pair", Texts, {"ab": ["drip both"]},
        **IN_FRONT, short=True),
    Row("the first sync comes in pieces of any length", "pair", Many, {"ab": ["chop both"]},
        **IN_FRONT),
    Row("the first sync comes in lumps", "pair", Many, {"ab": ["merge both 20"]}, **IN_FRONT),
    Row("the first sync comes late", "pair", Many, {"ab": ["delay both 50"]}, **IN_FRONT),
    Row("the first sync comes slowly", "pair", Maps, {"ab": ["throttle both 20000"]},
        **IN_FRONT),
    Row("the first sync is cut twelve times, each time later", "pair", Many,
        {"ab": [f"cut up {n}" for n in range(500, 84500, 7000)]}, **IN_FRONT),
    Row("the first sync is cut twelve times, and who lacks it calls", "pair, called", Many,
        {"ba": [f"cut down {n}" for n in range(500, 84500, 7000)]}, **IN_FRONT, short=True),
    Row("the acknowledgements are cut", "pair", Many,
        {"ab": [f"cut down {n}" for n in range(300, 660, 30)]}, **IN_FRONT),
    Row("a byte at a time, and cut", "pair, called", Texts,
        {"ba": [f"drip both and cut down {n}" for n in range(400, 2400, 250)]}, **IN_FRONT),
    Row("nobody takes the call", "pair", Maps, {"ab": ["slam"] * 5}, **IN_FRONT),
    Row("nobody listens for a while, and the call comes by itself", "pair", Maps,
        do=("refuse ab", "", "listen ab"), nudge=False),
    Row("a long file is cut again and again and goes on where it was", "pair", Blobs,
        {"ab": [f"cut up {n}" for n in (90_000, 300_000, 300_000, 300_000, 500_000)]},
        **IN_FRONT),
    Row("one way ends, the other goes on", "pair", Maps,
        {"ab": ["half up 30", "half down 30", "half up 290", "half down 290", "half up 800",
                "half down 700"]}, heard=(LOST,), short=True),
    Row("one way stands still, then goes on", "pair", Texts, {"ab": ["stall up 700"]}),
    Row("the other way stands still, then goes on", "pair", Many, {"ab": ["stall down 700"]},
        **IN_FRONT),
    Row("a long file stands still, then goes on", "pair", Blobs, {"ab": ["stall up 200000"]},
        **IN_FRONT),
    Row("what is sent vanishes", "pair", Maps, {"ab": ["hole up 600"]}),
    Row("what is answered vanishes", "pair", Texts, {"ab": ["hole down 500"]}),
    Row("the daemons end while one way stands still", "pair", Maps, {"ab": ["stall up 700"]},
        end_in_it=True, short=True),
    Row("the daemons end while all vanishes", "pair", Maps, {"ab": ["hole both 500"]},
        end_in_it=True),
    Row("the daemons end while a long file stands still", "pair", Blobs,
        {"ab": ["stall up 200000"]}, end_in_it=True, **IN_FRONT),
    Row("a bit is flipped in a record", "pair", Maps,
        {"ab": ["flip up 520", "flip up 700", "flip down 520", "flip down 560"]},
        heard=(CHANGED,), short=True),
    Row("a bit is flipped in a long file", "pair", Blobs,
        {"ab": ["flip up 50000", "flip up 150000", "flip up 260000"]}, heard=(CHANGED,),
        **IN_FRONT),
    Row("some bytes come twice", "pair", Maps,
        {"ab": ["double up 600 40", "double down 500 40", "double up 700 1"]}, heard=(CHANGED,)),
    Row("some bytes change places", "pair", Many,
        {"ab": ["swap up 600 40", "swap up 9000 1400", "swap up 700 3"]}, heard=(CHANGED,),
        **IN_FRONT, short=True),
    Row("some bytes are missing", "pair", Maps,
        {"ab": ["lose up 600 40", "lose down 500 40", "lose up 700 1"]}, heard=(CHANGED,)),
    Row("some bytes are more", "pair", Maps,
        {"ab": ["junk up 600 40", "junk down 500 40", "junk up 700 1"]}, heard=(CHANGED,)),
    Row("a live session is cut at many places", "pair", Texts,
        {"ab": [f"cut {way} {n}" for n in range(420, 900, 40) for way in ("up", "down")]}),
    Row("documents are removed while it is cut", "pair", Removed,
        {"ab": ["cut up 700", "cut down 600", "reset up 1200", "cut up 2000"]}),
    Row("a version is published while it is cut", "pair", Packages,
        {"ab": ["cut up 600", "cut up 900", "cut down 600", "cut up 1500"]}, short=True),
    Row("a version is published while the other is away", "pair", Packages,
        do=("end b", "", "start b")),
    Row("one wants a part, and is cut", "pair", Wanted,
        {"ab": ["cut up 500", "cut up 900", "reset down 500", "cut up 1800"]}, **IN_FRONT),
    Row("an invite is cut in each part of the handshake", "pair, called", Invited,
        {"ba": [f"cut {way} {n}" for n in HANDSHAKE[2:] for way in ("up", "down")]},
        **IN_FRONT, short=True),
    Row("an invite is changed on the way", "pair, called", Invited,
        {"ba": [f"flip up {n}" for n in (60, 240, 270, 290, 300)]}, **IN_FRONT),
    Row("the receiver is killed again and again", "pair", Blobs,
        do=("again b", "again b", "again b", "again b"), steps=4),
    Row("the sender is killed again and again", "pair", Many,
        do=("again a", "again a", "again a", "again a"), steps=4),
    Row("who sends is killed in the middle of a first sync", "pair", Blobs,
        {"ab": ["stall up 150000", "stall up 350000"]}, do=("", "again a", "again a"),
        **IN_FRONT),
    Row("each is killed while the other writes", "pair", Removed,
        do=("kill b", "start b", "kill a", "start a"), steps=4),
    Row("one syncs without a daemon, is cut, and calls again", "pair", Maps,
        {"ab": ["", "cut up 700", "", "slam", "flip up 600", "half down 500"]},
        do=("end a", "sync a", "sync a", "sync a"), steps=4),
    Row("both call, and are cut in turn", "pair, both call", Maps,
        {"ab": [f"cut up {n}" for n in range(300, 900, 150)],
         "ba": [f"cut up {n}" for n in range(350, 950, 150)]}, strikes=4, **IN_FRONT),
    Row("both call, and all comes late", "pair, both call", Texts,
        {"ab": ["delay both 40"] * 3, "ba": ["delay both 60"] * 3}, **IN_FRONT),
    Row("both call, a byte at a time", "pair, both call", Maps,
        {"ab": ["drip both"] * 2, "ba": ["drip both"] * 2}, **IN_FRONT),
]

RELAYS = [
    Row("all comes late", "star", Texts,
        {"ar": ["delay both 20"], "br": ["delay both 40"], "cr": ["merge both 30"]}),
    Row("a leg in a black hole holds up nobody", "star", Maps, {"cr": ["hole both 500"]},
        meanwhile=("abr",), short=True),
    Row("a leg that comes a byte at a time holds up nobody", "star", Texts,
        {"cr": ["drip both and stall down 1500"]}, meanwhile=("abr",)),
    Row("the relay is killed again and again", "star", Maps,
        do=("again r", "again r", "again r", "again r"), steps=4),
    Row("the relay ends, all write, it begins again", "star", Texts,
        do=("end r", "", "start r")),
    Row("each leg is cut", "star", Texts,
        {"ar": ["cut up 700", "cut down 500"], "br": ["cut up 900"], "cr": ["reset down 600"]}),
    Row("documents are removed while a leg is cut", "star", Removed,
        {"br": ["cut up 600", "cut down 600"], "cr": ["reset down 600", "half down 700"]}),
    Row("a version is published while a leg stands still", "star", Packages,
        {"cr": ["stall down 600"]}, meanwhile=("abr",)),
    Row("one wants a part, and is cut", "star", Wanted,
        {"ar": ["cut up 700"], "cr": ["cut up 500", "cut down 900"]}, first=False),
    Row("a long file through a slow leg", "star", Blobs, {"cr": ["throttle down 900000"]},
        steps=1),
    Row("each comes by an invite, and is cut", "star", Invited,
        {"ar": ["cut up 290", "cut down 290"], "br": ["cut up 200"], "cr": ["cut down 300"]},
        **IN_FRONT),
    Row("one was away for long: many changes, packed, removed", "star", Removed,
        do=("end c", "", "", "", "", "", "compact r", "compact a", "start c"), steps=9),
    Row("one was away for a month", "star", Removed,
        do=("end c", "", f"{A_MONTH}; later c", "", "start c"), steps=5),
    Row("one was away for a month, and a version came", "star", Packages,
        do=("end c", "", f"{A_MONTH}; later c", "", "start c"), steps=5),
    Row("one has a clock that is a month behind, and is put right", "star", Maps,
        do=("", A_MONTH, "", "end c; later c; start c"), steps=4, heard=("certificate is refused",)),
    Row("one was away, a version came, and it is cut when it comes back", "star", Packages,
        {"cr": ["", "cut down 900", "cut down 2000"]},
        do=("", "end c", "", "compact r", "start c"), steps=5),
    Row("the link between relays is cut at many places", "two relays", Texts,
        {"rs": [f"cut {way} {n}" for n in range(420, 900, 80) for way in ("up", "down")]}),
    Row("a relay is killed, and then the other", "two relays", Maps,
        do=("again r", "again s", "again r", "again s"), steps=4),
    Row("a bit is flipped between relays", "two relays", Maps,
        {"rs": ["flip up 700", "flip down 520", "flip up 900"]}, heard=(CHANGED,)),
    Row("whatever, seed 1", "two relays", Removed, whatever(1, "ar br rs cs")),
]

LINES = [
    Row("the one in the middle is killed", "chain of 3", Maps,
        do=("again b", "again b", "kill b", "start b"), steps=4, short=True),
    Row("documents are removed while a link stands still", "chain of 3", Removed,
        {"bc": ["stall up 600"]}, meanwhile=("ab",)),
    Row("the end was away when a version came", "chain of 3", Packages,
        do=("end c", "", "start c")),
    Row("a long file is cut on both links", "chain of 3", Blobs,
        {"ab": ["cut up 70000", "cut up 500000"], "bc": ["cut up 90000", "cut up 300000"]}),
    Row("each link is cut", "chain of 4", Texts,
        {"ab": ["cut up 600"], "bc": ["cut up 700", "half down 600"], "cd": ["reset down 600"]}),
    Row("all comes late", "chain of 4", Maps,
        {"ab": ["delay both 20"], "bc": ["delay both 30"], "cd": ["merge both 30"]}, **IN_FRONT),
    Row("the middle comes a byte at a time", "chain of 4", Texts, {"bc": ["drip both"]}),
    Row("each is killed in turn", "chain of 4", Maps,
        do=("again a", "again b", "again c", "again d"), steps=4),
    Row("whatever, seed 2", "chain of 4", Maps, whatever(2, "ab bc cd")),
]

RINGS = [
    Row("a link that nobody answers: all goes the other way round", "ring of 3", Maps,
        do=("refuse ab",), meanwhile=("abc",), short=True),
    Row("the faster of two ways breaks when the other is found spare", "ring of 3", Maps,
        do=("", "", "refuse ca"), steps=4, meanwhile=("abc",)),
    Row("a link in a black hole: all goes the other way round", "ring of 4", Texts,
        {"bc": ["hole both 500"]}, meanwhile=("abcd",)),
    Row("parted in two, and joined", "ring of 4", Maps, do=("refuse bc", "refuse da"),
        meanwhile=("ab", "cd")),
    Row("all links are cut", "ring of 3", Texts,
        {"ab": ["cut up 600", "cut down 700"], "bc": ["half up 800"], "ca": ["reset down 600"]}),
    Row("each is killed in turn", "ring of 3", Removed,
        do=("again a", "again b", "again c"), steps=3),
    Row("a version is published while links are cut", "ring of 3", Packages,
        {"ab": ["cut up 600"], "bc": ["cut down 700"], "ca": ["cut up 700", "cut up 900"]}),
    Row("each link at its own pace", "ring of 4", Maps,
        {"ab": ["drip both"], "bc": ["delay both 20"], "cd": ["chop both"],
         "da": ["merge both 20"]}),
    Row("changed on every link", "ring of 4", Removed,
        {"ab": ["flip up 600"], "bc": ["swap up 600 20"], "cd": ["lose down 500 9"],
         "da": ["double down 500 30"]}, heard=(CHANGED,)),
    Row("all links flap", "ring of 3", Maps,
        {pair: [f"reset {way} {n}" for n in range(450, 1250, 100) for way in ("up", "down")]
         for pair in ("ab", "bc", "ca")}),
    Row("a long file, and links are cut", "ring of 3", Blobs,
        {"ab": ["cut up 100000"], "ca": ["cut down 200000"]}),
    Row("whatever, seed 3", "ring of 3", Texts, whatever(3, "ab bc ca")),
    Row("whatever, seed 4", "ring of 4", Packages, whatever(4, "ab bc cd da")),
]

# In these a limit of time passes: half a minute, or a minute and a half.
SLOW = [
    Row("all vanishes, until the connection counts as lost", "pair", Maps,
        do=("", "vanish ab"), heard=("nothing was heard for long",), by_itself=True),
    Row("a record is said to be longer than it is, and never whole", "pair", Maps,
        {"ab": [f"flip up {RECORDS} 7"]}, heard=("was not whole within 30 s",), by_itself=True),
    Row("a long file stands still, until it is given up", "pair", Blobs,
        {"ab": ["stall up 200000"]}, heard=("was not whole within 30 s",), by_itself=True,
        **IN_FRONT),
]

ROWS = SLOW + PAIRS + RELAYS + LINES + RINGS
