"""What the tests of the daemon itself share: its log as records, its HTTP port,
its socket, and a service manager that listens."""
import contextlib
import http.client
import json
import re
import signal
import socket
import time

from node_kit import DEADLINE, check, until

HTTP_DEADLINE = 20


def serve(node, *flags, **env):
    """Start the daemon with these flags and variables: the lines that it prints
    behind the first."""
    node.flags, node.env = list(flags), env
    node.log.write_text("")
    node.serve()
    return node


def http_port(node):
    """The port of /metrics, from what the daemon prints."""
    line = ""
    while not line.startswith("http on "):
        line = node.daemon.stdout.readline()
        check(line, "no line about http:", node.tail())
    return int(line.rsplit(":", 1)[1])


def records(node):
    """The daemon's log: a dictionary a line; `json` or logfmt."""
    found = []
    for line in node.log.read_text("utf-8", "strict").splitlines():
        if line.startswith("{"):
            found.append(json.loads(line))
        elif line.startswith("ts="):
            found.append({key: json.loads(value) if value.startswith('"') else value
                          for key, value in re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|[^ "]+)',
                                                       line)})
    return found


def logged(node, event, words="", **members):
    """Wait for a line of this event that has these words: that."""
    def look():
        for record in records(node):
            if (record.get("event") == event and words in record["msg"]
                    and all(record.get(key) == value for key, value in members.items())):
                return record
        return None
    return until(f"{node.name} logs {event} {words} {members}{node.tail()}", look)


def get(port, path, method="GET", host=None, body=None, **headers):
    """A request: status, text."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=HTTP_DEADLINE)
    with contextlib.closing(connection):
        connection.putrequest(method, path, skip_host=True)
        if host != "":
            connection.putheader("Host", host or f"127.0.0.1:{port}")
        for key, value in headers.items():
            connection.putheader(key, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8")


def raw(port, *parts, pause=None):
    """Send bytes as they are: all that comes back until the end."""
    got = b""
    with socket.create_connection(("127.0.0.1", port), timeout=HTTP_DEADLINE) as sock:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for part in parts:
                sock.sendall(part)
                if pause:
                    time.sleep(pause)
        with contextlib.suppress(ConnectionResetError):
            while part := sock.recv(65536):
                got += part
    return got


def frozen(node):
    """Let a daemon stand still, as a machine that sleeps: nobody hears it go."""
    @contextlib.contextmanager
    def stopped():
        node.daemon.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            node.daemon.send_signal(signal.SIGCONT)
    return stopped()


class Ask:
    """A connection to the daemon's socket."""

    def __init__(self, node):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(node.dir / "serve.sock"))     # waits for room
        self.sock.settimeout(HTTP_DEADLINE)

    def __call__(self, line):
        with self.sock, contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.sock.sendall(line)
            return self.rest()
        return b""

    def rest(self):
        """All that comes."""
        got = b""
        with contextlib.suppress(ConnectionResetError):
            while part := self.sock.recv(65536):
                got += part
        return got


class Manager:
    """A service manager's end of the notification socket."""

    def __init__(self, path):
        self.path, self.heard, self.queue = str(path), [], []
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind("\0" + self.path[1:] if self.path[0] == "@" else self.path)

    def until(self, word):
        """Hear messages until one has a line that begins so: that line."""
        end = time.monotonic() + DEADLINE
        while True:
            while self.queue:
                self.heard.append(self.queue.pop(0))
                if self.heard[-1].startswith(word):
                    return self.heard[-1]
            self.sock.settimeout(max(0.01, end - time.monotonic()))
            self.queue += self.sock.recv(4096).decode().splitlines()
