"""A proxy between two daemons that does to their bytes what networks do.

A `Proxy` listens beside the daemon that it stands for. Each connection takes the
next *fault* of the plan, and is let through as it is where there is none left. Where
one ends before the fault's place came, the next one takes the fault. That is said in
words: what, which way (`up`: from who called; `down`: to it), at which byte of that
way, and how much:

    cut up 60          both ends are closed once 60 bytes have passed
    reset down 300     the same by RST
    half up 500        this way ends, the other goes on
    stall up 500       this way stands still until `heal`
    hole both 400      from there on bytes vanish, until `heal`
    flip down 300      one bit of that byte is another; `flip down 300 8`: the highest
    double up 400 30   30 bytes come twice
    swap up 400 30     30 bytes and the 30 behind them change places
    lose up 400 5      5 bytes are missing
    junk up 400 5      5 bytes more
    slam               RST at once

or how bytes come, from first to last, which may stand in front of one of those with
`and` between:

    drip both          one at a time
    chop both          in pieces of any length
    merge both 20      what comes within 20 ms in one piece
    delay both 30      30 ms late
    throttle up 40000  so many bytes a second

Where a fault strikes depends on the stream alone, so it is the same in each run.
"""
import asyncio
import contextlib
import random
import socket
import struct
import threading

UP, DOWN = 0, 1
PACES = ("drip", "chop", "merge", "delay", "throttle")
ENDS = ("cut", "reset")
READ = 65536


class Cut(Exception):
    """The connection ends here: by RST, or without."""

    def __init__(self, reset):
        super().__init__()
        self.reset = reset


class Fault:
    """One thing that happens to a connection."""

    def __init__(self, words):
        kind, *rest = words.split()
        ways = {"up": (UP,), "down": (DOWN,), "both": (UP, DOWN)}[rest.pop(0)] if rest else ()
        self.words, self.kind, self.ways = words, kind, ways
        self.numbers = [int(x) for x in rest] + [0, 0]

    @property
    def strikes(self):
        """Does it happen at one place?"""
        return self.kind not in PACES


class Pipe:
    """One way of a connection."""

    def __init__(self, connection, way, source, sink):
        self.connection, self.way, self.source, self.sink = connection, way, source, sink
        self.proxy, self.loop = connection.proxy, asyncio.get_running_loop()
        self.faults = [f for f in connection.faults if way in f.ways]
        self.strike = next((f for f in self.faults if f.strikes), None)
        self.pace = next((f for f in self.faults if not f.strikes), None)
        self.seen = 0

    async def read(self):
        """What comes next, b"" at the end."""
        data = await self.loop.sock_recv(self.source, READ)
        if self.pace and self.pace.kind == "merge":
            await asyncio.sleep(self.pace.numbers[0] / 1000)
            with contextlib.suppress(BlockingIOError):
                data += self.source.recv(READ)
        self.proxy.bytes[self.way] += len(data)
        return data

    async def send(self, data):
        """Pass bytes on, at this connection's pace."""
        kind, number = (self.pace.kind, self.pace.numbers[0]) if self.pace else (None, 0)
        if kind == "delay":
            await asyncio.sleep(number / 1000)
        while data:
            size = {"drip": 1, "chop": self.proxy.chance.randint(1, 40),
                    "throttle": max(1, number // 50)}.get(kind, len(data))
            await self.loop.sock_sendall(self.sink, data[:size])
            data = data[size:]
            if kind:
                await asyncio.sleep(0.02 if kind == "throttle" else 0)

    async def run(self):
        """Carry bytes until the end of the stream, and then the end."""
        while data := await self.read():
            if self.connection.vanished:
                await self.swallow(False)
            fault, at = self.strike, self.seen
            self.seen += len(data)
            if fault and self.seen > fault.numbers[0]:
                place = max(0, fault.numbers[0] - at)
                await self.send(data[:place])
                self.strike = None
                data = await self.struck(fault, data[place:])
            await self.send(data)
        with contextlib.suppress(OSError):
            self.sink.shutdown(socket.SHUT_WR)

    async def at_least(self, data, size):
        """These bytes and more, until there are so many."""
        while len(data) < size:
            more = await self.read()
            if not more:
                break
            data, self.seen = data + more, self.seen + len(more)
        return data

    async def struck(self, fault, data):
        """The fault's place is here: what is passed on in place of `data`."""
        self.connection.strikes()
        size = fault.numbers[1]
        if fault.kind in ENDS:
            raise Cut(fault.kind == "reset")
        if fault.kind in ("half", "hole"):
            await self.swallow(fault.kind == "half")
            return b""
        if fault.kind == "stall":
            await self.connection.healed.wait()
        if fault.kind == "flip":
            bit = size - 1 if size else self.proxy.chance.randrange(8)
            return bytes([data[0] ^ 1 << bit]) + data[1:]
        if fault.kind == "junk":
            return self.proxy.chance.randbytes(size) + data
        if fault.kind == "lose":
            return (await self.at_least(data, size))[size:]
        if fault.kind == "double":
            data = await self.at_least(data, size)
            return data[:size] + data
        if fault.kind == "swap":
            data = await self.at_least(data, 2 * size)
            return data[size:2 * size] + data[:size] + data[2 * size:]
        return data

    async def swallow(self, end):
        """Bytes vanish; of a hole nothing else is heard, until it heals: by RST."""
        async def drain():
            with contextlib.suppress(OSError):
                while await self.read():
                    pass
        if end:
            self.sink.shutdown(socket.SHUT_WR)
            await drain()
            return
        draining = self.loop.create_task(drain())
        try:
            await self.connection.healed.wait()
        finally:
            draining.cancel()
        raise Cut(True)


class Connection:
    """One that was accepted, and the call that stands for it."""

    def __init__(self, proxy, sock):
        self.proxy, self.near, self.far = proxy, sock, None
        self.words = proxy.plans.pop(0) if proxy.plans else ""
        self.faults = [Fault(one) for one in self.words.split(" and ") if one]
        self.due = any(f.strikes for f in self.faults)
        self.healed, self.vanished = asyncio.Event(), False

    def strikes(self):
        """The fault's place is here."""
        self.due = False
        self.proxy.struck += 1

    async def run(self):
        """From the call to the end."""
        reset = True            # as one end had it, the other gets it; also when dropped
        try:
            if any(f.kind == "slam" for f in self.faults):
                self.strikes()
                raise Cut(True)
            self.far = socket.socket()
            self.far.setblocking(False)
            await asyncio.get_running_loop().sock_connect(self.far, self.proxy.target)
            for sock in (self.near, self.far):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with asyncio.TaskGroup() as both:
                both.create_task(Pipe(self, UP, self.near, self.far).run())
                both.create_task(Pipe(self, DOWN, self.far, self.near).run())
            reset = False
        except* Cut as cut:
            reset = any(one.reset for one in cut.exceptions)
        except* OSError:
            pass
        finally:
            if self.due and not self.proxy.over:    # it ended too early: the next one's
                self.proxy.plans.insert(0, self.words)
            for sock in filter(None, (self.near, self.far)):
                if reset:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                sock.close()


class Proxy:
    """Stands for the daemon at `target`."""
    loop, lock = None, threading.Lock()

    def __init__(self, target, seed=0):
        host, port = target.rsplit(":", 1)
        self.target, self.chance = (host, int(port)), random.Random(seed)
        self.plans, self.struck, self.calls, self.bytes = [], 0, 0, [0, 0]
        self.live, self.listener, self.accepting, self.port = {}, None, None, 0
        self.over = False
        with Proxy.lock:
            if Proxy.loop is None:
                Proxy.loop = asyncio.new_event_loop()
                threading.Thread(target=Proxy.loop.run_forever, daemon=True).start()
        self.listen()

    @property
    def address(self):
        """Where to call."""
        return f"127.0.0.1:{self.port}"

    def ask(self, what):
        """Run a coroutine on the loop: what it gives."""
        return asyncio.run_coroutine_threadsafe(what, self.loop).result(60)

    # ------------------------------------------------------ on the test's thread
    def plan(self, *words):
        """What happens to the next connections, one each."""
        self.plans.extend(words)

    def listen(self):
        """Take calls from now on, on the port that it had before. A first one is
        below those that the system gives to connections."""
        async def begin():
            for _ in range(50):
                sock = socket.socket()
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                with contextlib.suppress(OSError):
                    sock.bind(("127.0.0.1", self.port or random.randrange(20000, 32000)))
                    break
                sock.close()
            sock.listen(64)
            sock.setblocking(False)
            self.listener, self.port = sock, sock.getsockname()[1]
            self.accepting = self.loop.create_task(self.accept(sock))
        self.ask(begin())

    def refuse(self):
        """Nobody listens here any more, and connections are reset."""
        async def end():
            self.accepting.cancel()
            self.listener.close()
        self.ask(end())
        self.drop()

    def drop(self):
        """Reset all connections."""
        async def end():
            for task in self.live.values():
                task.cancel()
            if self.live:
                await asyncio.wait(list(self.live.values()))
        self.ask(end())

    def vanish(self):
        """From now on nothing of what is sent comes through, on the connections
        there are."""
        for connection in list(self.live):
            connection.vanished = True

    def heal(self):
        """Let go on what stands still, forget the plan."""
        self.plans.clear()
        self.over = True

        async def go():
            for connection in self.live:
                connection.healed.set()
        self.ask(go())

    def close(self):
        """The end."""
        self.refuse()

    # -------------------------------------------------------------- on the loop
    async def accept(self, sock):
        """Take calls."""
        while True:
            near, _ = await self.loop.sock_accept(sock)
            near.setblocking(False)
            self.calls += 1
            connection = Connection(self, near)
            task = self.loop.create_task(connection.run())
            self.live[connection] = task
            task.add_done_callback(lambda _, c=connection: self.live.pop(c, None))
