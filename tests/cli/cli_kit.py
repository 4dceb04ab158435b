"""What the tests of the command share: its exit codes, a store to try it on,
and words for what must be so. Brings node_kit within reach of an import.
"""
import contextlib
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "nodes"))
# pylint: disable-next=wrong-import-position
from node_kit import Node, check  # noqa: E402

OK, ERROR, USAGE, CONDITION, DRIFT, NOT_FOUND, BUSY, UNREACHABLE, DESTRUCTIVE, INVALID = range(10)


@contextlib.contextmanager
def desk_of(cove, make=Node):
    """A store in a directory of its own, `base`, that has room for files."""
    with tempfile.TemporaryDirectory(prefix="cove-cli-") as base:
        node = make(cove, base, "store")
        node.base = pathlib.Path(base)
        yield node


def refused(node, words, code, *says, text=None):
    """A verb that must be refused so, with all documents as they were."""
    before = node.json("status")["digest"]
    done = node.call(*words, text=text)
    name = " ".join(map(str, words))
    check(done.returncode == code, f"cove {name}: exit {done.returncode}, not {code}:",
          done.stderr)
    for part in says:
        check(part in done.stderr, f"cove {name}: does not say {part!r}:", done.stderr)
    check(done.stderr.startswith("cove: "), f"cove {name}: its message:", done.stderr)
    check(done.stdout == "", f"cove {name}: prints", done.stdout)
    check(node.json("status")["digest"] == before, f"cove {name}: changed the store")


def same(got, wanted, *detail):
    """Fail where two values differ."""
    check(got == wanted, *detail, f"gave {str(got)[:2000]!r}, not {str(wanted)[:2000]!r}")
