"""A proxy before an S3 server that breaks some of the requests, the same ones for the same seed.

What it does to a request depends on the seed, the method, the path and how often that was asked before; not on the
clock, nor on the order in which threads come.
"""

import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FAULTS = ("500", "503", "held", "reset", "lost", "truncated", "unsized")
"""Two error answers; no answer until long after the client gave up; the connection reset before and after the server
did what was asked; half of a body, with and without its length announced."""

ERROR = "<?xml version='1.0' encoding='UTF-8'?><Error><Code>{}</Code><Message>injected</Message></Error>"
HOP_BY_HOP = frozenset({"connection", "content-length", "expect", "keep-alive", "transfer-encoding"})


class FaultProxy(ThreadingHTTPServer):
    """Listens on a free port and passes requests to another port of this machine."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int, *, seed: int = 0, rate: float = 0, faults: tuple[str, ...] = FAULTS) -> None:
        super().__init__(("127.0.0.1", 0), _Relay)
        self.upstream = port
        self.seed = seed
        self.rate = rate
        self.faults = faults
        self.injected: Counter[str] = Counter()
        self.closing = threading.Event()
        self._asked: Counter[str] = Counter()
        self._lock = threading.Lock()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def fault(self, method: str, path: str) -> str | None:
        """What to do to this request."""
        asked = f"{self.seed} {method} {path.partition('?')[0]}"
        with self._lock:
            self._asked[asked] += 1
            chance = random.Random(f"{asked} {self._asked[asked]}")
            fault = chance.choice(self.faults) if chance.random() < self.rate else None
            if fault:
                self.injected[fault] += 1
        return fault

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: connections break here on purpose."""


@contextmanager
def faulty(port: int, *, seed: int = 0, rate: float = 0, faults: tuple[str, ...] = FAULTS) -> Iterator[FaultProxy]:
    """A proxy that answers until the block ends."""
    with FaultProxy(port, seed=seed, rate=rate, faults=faults) as proxy, serving(proxy):
        try:
            yield proxy
        finally:
            proxy.closing.set()


@contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[None]:
    """Let a server answer, in a thread of its own, until the block ends."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


def reset(connection: socket.socket) -> None:
    """Break a connection so that its other end cannot take it for an end of the answer."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class _Relay(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: FaultProxy

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is the base class's
        pass

    def relay(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.server.fault(self.command, self.path)
        if fault in {"500", "503"}:
            self.refuse(int(fault), "InternalError" if fault == "500" else "SlowDown")
        elif fault in {"held", "reset"}:
            self.server.closing.wait(3 if fault == "held" else 0)
            self.reset()
        else:
            self.forward(body, fault)

    do_DELETE = do_GET = do_HEAD = do_POST = do_PUT = relay  # noqa: N815  the base class looks for these names

    def refuse(self, status: int, code: str) -> None:
        content = b"" if self.command == "HEAD" else ERROR.format(code).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def forward(self, body: bytes, fault: str | None) -> None:
        upstream = HTTPConnection("127.0.0.1", self.server.upstream, timeout=60)
        try:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in HOP_BY_HOP:
                    upstream.putheader(name, value)
            upstream.putheader("Content-Length", str(len(body)))
            upstream.endheaders(body)
            answer = upstream.getresponse()
            content = answer.read()
        finally:
            upstream.close()
        if fault == "lost":
            self.reset()
            return
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        length = answer.getheader("Content-Length", str(len(content)))
        self.answer(content, length, fault)

    def answer(self, content: bytes, length: str, fault: str | None) -> None:
        """Send the body whole, or half of it and hang up."""
        if fault == "unsized":
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if fault else content)
        self.close_connection = fault is not None

    def reset(self) -> None:
        self.close_connection = True
        reset(self.connection)
