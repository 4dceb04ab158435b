"""Real daemons for tests: `cove serve` processes on loopback, each with a store
in a temporary directory, and the commands beside them.

A test is a function whose name is the sentence it proves; `main` runs those of
a file and prints TAP. Nothing here sleeps and hopes: what is waited for is
polled, with a deadline, and the deadline's message says what was missing.
"""
import atexit
import contextlib
import json
import os
import pathlib
import pty
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

# Generous: other tests share the machine.
DEADLINE = float(os.environ.get("NODES_DEADLINE", "60"))
ENV = {**os.environ, "LC_ALL": "C.UTF-8"}
ENV.pop("COVE_DIR", None)
STARTED = []                # every process that a test started


class Failure(Exception):
    """What a test says that did not hold."""


class Skipped(Exception):
    """What this machine lacks for a test."""


def terminal():
    """Both ends of a terminal: the keeper's, and the program's."""
    try:
        return pty.openpty()
    except OSError as why:      # a tree without /dev/pts
        raise Skipped(why) from why


def check(good, *detail):
    """Fail with the details where `good` is false."""
    if not good:
        raise Failure(" ".join(x if isinstance(x, str) else json.dumps(x, default=str)
                               for x in detail))


def until(what, look, deadline=DEADLINE, pause=0.02):
    """Call `look` until it gives something true; that."""
    end = time.monotonic() + deadline
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise Failure(f"{what}: not within {deadline:.0f} s")
        time.sleep(pause)


@atexit.register
def reap():
    """Leave no process of ours behind."""
    for process in STARTED:
        if process.poll() is None:
            process.kill()
            process.wait()


class Again:
    """`cove`, started once and run again and again (cove_again.c), where the
    build has one: with sanitizers a start costs ten times what a command does."""
    ends = None                 # of the socket to it: ours, and its own
    lock, env = threading.Lock(), ENV

    @classmethod
    def socket(cls):
        """The end to send commands to."""
        with cls.lock:
            if cls.ends is None:
                cls.ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                # pylint: disable-next=consider-using-with
                STARTED.append(subprocess.Popen([os.environ["COVE_AGAIN"]], env=cls.env,
                                                stdin=cls.ends[1], close_fds=True))
            return cls.ends[0]

    def __init__(self, words, text, cwd, env):
        """Start a command."""
        more = [f"{name}={value}" for name, value in env.items() if self.env.get(name) != value]
        words = [os.path.abspath(cwd or "."), *more, *words]
        with contextlib.ExitStack() as stack:
            def kept(name):
                return stack.enter_context(os.fdopen(os.memfd_create(name), "r+b"))
            vector, self.out, self.err = kept("words"), kept("out"), kept("err")
            vector.write(b"".join(os.fsencode(word) + b"\0" for word in words))
            vector.flush()
            source, sink = os.pipe() if text is not None else (0, None)
            self.answer, told = os.pipe()
            socket.send_fds(self.socket(), [b"."], [f if isinstance(f, int) else f.fileno() for f in
                                                    (vector, source, self.out, self.err, told)])
            os.close(told)
            if text is not None:
                os.close(source)
                with contextlib.suppress(BrokenPipeError), os.fdopen(sink, "wb") as whole:
                    whole.write(text.encode())
            stack.pop_all()

    def told(self, end):
        """One number from its keeper; None where it is too late for it."""
        ready, _, _ = select.select([self.answer], [], [], max(0, end - time.monotonic()))
        return int.from_bytes(os.read(self.answer, 4), sys.byteorder) if ready else None

    def wait(self, words, timeout):
        """Wait for its end: the finished process."""
        end = time.monotonic() + timeout
        try:
            pid = self.told(end)
            status = self.told(end)
            if status is None:
                os.kill(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(words, timeout)
            return subprocess.CompletedProcess(words, os.waitstatus_to_exitcode(status),
                                               *map(self.shown, (self.out, self.err)))
        finally:
            for one in (self.out, self.err):
                one.close()
            os.close(self.answer)

    @staticmethod
    def shown(file):
        """What it printed."""
        file.seek(0)
        return file.read().decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")


def finished(words, text=None, timeout=DEADLINE, cwd=None, env=None, **more):
    """Run `cove` with these words, whatever it says: the finished process."""
    words, env = list(map(str, words)), env or ENV
    if ("COVE_AGAIN" in os.environ and Again.env.items() <= env.items() and not more
            and "LD_PRELOAD" not in env):
        return Again(words, text, cwd, env).wait(words, timeout)
    return subprocess.run(words, input=text, env=env, cwd=cwd, timeout=timeout,
                          capture_output=True, encoding="utf-8", check=False, **more)


class Node:
    """One store, and the daemon on it while it runs."""

    def __init__(self, cove, base, name):
        self.cove, self.name, self.dir = cove, name, pathlib.Path(base) / name
        self.daemon, self.address = None, None
        self.flags, self.env = [], {}       # of the daemon
        self.clock = {}                     # of it and of commands: faults.py
        self.log = pathlib.Path(base) / f"{name}.log"
        made = self.json("init")
        self.key, self.account = made["device"], made["account"]

    # ------------------------------------------------------------- commands
    def command(self, *words):
        """The argument vector of a verb on this store."""
        return [self.cove, "-d", str(self.dir), *map(str, words)]

    def call(self, *words, text=None, timeout=DEADLINE):
        """Run a verb, whatever it says: the finished process."""
        return finished(self.command(*words), text, timeout, env={**ENV, **self.clock})

    def run(self, *words, code=0, **more):
        """Run a verb that must end with `code`: its standard output."""
        done = self.call(*words, **more)
        check(done.returncode == code, f"{self.name}: cove", " ".join(map(str, words)),
              f"gave exit {done.returncode}, not {code}:", done.stderr.strip(), self.tail())
        return done.stdout

    def json(self, *words, **more):
        """The same with --json: what it prints, parsed."""
        return json.loads(self.run("--json", *words, **more))

    def start(self, *words):
        """Start a verb and do not wait for it."""
        # pylint: disable-next=consider-using-with
        process = subprocess.Popen(self.command(*words), env=ENV, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   encoding="utf-8")
        STARTED.append(process)
        return process

    # ------------------------------------------------- what verbs give, short
    def new(self, *words):
        """A new document's id."""
        return self.json("new", *words)["id"]

    def digest(self):
        """A hash for each owner of documents here, but for the own account:
        that concerns nobody else."""
        held = self.json("status")["digests"]
        held.pop(self.account, None)
        return json.dumps(held, sort_keys=True)

    def fields(self, ident, version=None, mode="--view"):
        """The fields of a document as a version sees them."""
        doc = self.document(ident, version, mode)
        return doc.get("fields", {})

    def document(self, ident, version=None, mode="--view"):
        """A document as a version sees it."""
        words = ["get", ident] + ([mode] if mode else [])
        return self.json(*words, *(["--as", version] if version else []))

    def has(self, ident, field=None, value=None):
        """Does the store hold the document, and this value in it?"""
        done = self.call("--json", "get", ident, "--view")
        if done.returncode != 0:
            return False
        return field is None or json.loads(done.stdout)["fields"].get(field) == value

    def set_lines(self, lines, *words):
        """Several documents in one commit."""
        text = "".join(json.dumps(line) + "\n" for line in lines)
        return self.json("set", "--lines", "-", *words, text=text)["written"]

    def import_records(self, records, *words):
        """A document of each record: their ids."""
        text = "".join(json.dumps(record) + "\n" for record in records)
        return self.json("import", "-", *words, text=text)["ids"]

    # --------------------------------------------------------------- daemon
    def serve(self):
        """Start the daemon, on the address it had before. A first one is below
        the ports that the system gives to connections: those could take it
        while this daemon is away."""
        tries = [self.address] if self.address else [
            f"127.0.0.1:{random.randrange(20000, 32000)}" for _ in range(20)]
        line = ""
        while tries and "listening on " not in line:
            line = self.listen(tries.pop())
        check("listening on " in line, f"{self.name}: the daemon did not start:", self.tail())
        self.address = line.split("listening on ")[1].split()[0]
        return self

    def listen(self, address):
        """Start the daemon there: its first line."""
        with open(self.log, "a", encoding="utf-8") as log:
            # pylint: disable-next=consider-using-with
            self.daemon = subprocess.Popen(
                self.command("serve", "--listen", address, *self.flags),
                env={**ENV, **self.clock, **self.env}, stdout=subprocess.PIPE, stderr=log,
                encoding="utf-8")
        STARTED.append(self.daemon)
        ready, _, _ = select.select([self.daemon.stdout], [], [], DEADLINE)
        return self.daemon.stdout.readline() if ready else ""

    def tail(self):
        """The end of the daemon's log."""
        if not self.log.exists():
            return ""
        return "\n" + self.log.read_text("utf-8", "replace")[-1500:]

    def kill(self):
        """kill -9, as a power cut of the process."""
        self.daemon.kill()
        self.gone()

    def stop(self):
        """End the daemon as its user would; it must end well."""
        if self.daemon:
            self.daemon.send_signal(signal.SIGTERM)
            code = self.gone()
            check(code == 0, f"{self.name}: the daemon ended with {code}:", self.tail())

    def gone(self):
        """Wait for the end of the daemon: its exit code."""
        code = self.daemon.wait(DEADLINE)
        self.daemon.stdout.close()
        self.daemon = None
        return code

    def alive(self):
        """Is the daemon still there?"""
        return self.daemon is not None and self.daemon.poll() is None

    # ---------------------------------------------------------------- peers
    def knows(self, other, dial=True):
        """Remember a peer, to dial it or only to let it in."""
        address = [other.address] if dial else []
        self.run("peer", "add", other.key, *address, "--name", other.name)

    def peer(self, other):
        """What is known of a peer."""
        for peer in self.json("peer", "list")["peers"]:
            if peer["key"] == other.key:
                return peer
        raise Failure(f"{self.name} does not know {other.name}")

    def wait(self, other, timeout=DEADLINE):
        """Until the other has acknowledged all that is here."""
        self.run("wait", "--peer", other.key, "--timeout", timeout, timeout=timeout + 30)


def link(one, other, both=False):
    """Two nodes that know each other; the first dials, or `both` do: then one
    that was away comes back without the other's back-off. Both must serve."""
    one.knows(other)
    other.knows(one, dial=both)


def converge(nodes, pairs=None):
    """Every pair waits for the other until all stores are equal.

    In a line a hop at a time: what came to the middle moves on afterwards, so
    all wait again until nothing changes.
    """
    pairs = pairs or [(a, b) for a in nodes for b in nodes if a is not b]
    end = time.monotonic() + DEADLINE
    while True:
        for one, other in pairs:
            one.wait(other)
        if len({node.digest() for node in nodes}) == 1:
            return
        check(time.monotonic() < end, "stores differ:",
              {n.name: n.json("status")["digests"] for n in nodes})


@contextlib.contextmanager
def nodes_of(cove, *names):
    """Nodes in a temporary directory; their daemons end well, or else."""
    base = tempfile.mkdtemp(prefix="cove-nodes-")
    nodes = [Node(cove, base, name) for name in names]
    try:
        yield nodes
        for node in nodes:
            node.stop()
    finally:
        for node in nodes:
            if node.alive():
                node.kill()
        shutil.rmtree(base, ignore_errors=True)


def main(tests):
    """Run the tests named on the command line, or all: TAP."""
    cove, wanted = os.path.abspath(sys.argv[1]), sys.argv[2:]
    chosen = [t for t in tests if not wanted or t.__name__ in wanted]
    failed = 0
    print(f"1..{len(chosen)}", flush=True)
    for number, test in enumerate(chosen, 1):
        start, note, good = time.monotonic(), None, True
        try:
            note = test(cove)
        except Skipped as why:
            note = f"skipped: {why}"
        except (Failure, subprocess.TimeoutExpired, OSError, KeyError, ValueError):
            good, failed = False, failed + 1
            for line in traceback.format_exc().splitlines():
                print("#", line)
        if note:
            print("#", note)
        print("ok" if good else "not ok", number, "-", test.__name__,
              f"# {time.monotonic() - start:.1f} s", flush=True)
    return 1 if failed else 0
