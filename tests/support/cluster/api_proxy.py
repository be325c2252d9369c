"""A proxy between one client and an API server, which counts requests and breaks those that a test names.

Clients come with a token, since a certificate cannot be passed on. Faults in an object store's answers are the matter
of `support.fault_proxy`.
"""

import json
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from http.client import HTTPException, HTTPResponse, HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, urlencode, urlsplit

from support.cluster.certificates import Authority
from support.cluster.kubeconfig import reached, token, write_kubeconfig
from support.fault_proxy import HOP_BY_HOP, reset, serving

NOT_PASSED_ON = HOP_BY_HOP | {"accept-encoding"}  # answers are read here
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
REASONS = {403: "Forbidden", 404: "NotFound", 409: "Conflict", 410: "Expired", 429: "TooManyRequests"}
UPSTREAM_SECONDS = 3600
"""As long as the longest watch."""


@dataclass(frozen=True)
class Request:
    """One request as it came in."""

    number: int
    """Its place among all requests, from 1."""
    write: int
    """Its place among those that change something, from 1; 0 for those that do not."""
    method: str
    target: str
    """Path and query."""
    body: bytes = field(repr=False)

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @cached_property
    def query(self) -> dict[str, str]:
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.target).query).items()}

    @property
    def watches(self) -> bool:
        return self.query.get("watch") in {"true", "1"}


Event = dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """What happens to a request instead of being passed on, in the order of the fields."""

    delay_seconds: float = 0
    call: Callable[[], None] | None = None
    """Called when the cut is due: to kill the client, say. Without a cut, before the request is passed on."""
    cut: Literal["before", "after"] | None = None
    """The connection breaks before the server sees the request, or after it has answered."""
    status: int | None = None
    """The proxy's own answer, such as 503."""
    retry_after_seconds: int | None = None
    revisions_back: int = 0
    """A list as it was that many revisions of the store ago, where that is still known."""
    events: Callable[[Event], float | Event | None] | None = None
    """For each event of a watch: the seconds that it and those after it are held back, or another in its place, or None
    to drop it."""


def none(_: Request) -> Fault | None:
    return None


class ApiProxy(ThreadingHTTPServer):
    """Listens on a free port; `intercept` may be set anew at any time."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        """Stand before the server of a kubeconfig."""
        super().__init__(("127.0.0.1", 0), _Relay)
        server, authority = reached(kubeconfig)
        self.upstream = urlsplit(server)
        self.trusted = ssl.create_default_context(cadata=authority.decode())
        self.intercept: Callable[[Request], Fault | None] = none
        self.requests: list[Request] = []
        self._written = 0
        self.closing = threading.Event()
        self._folder = folder
        self._lock = threading.Lock()
        self._relays: set[_Relay] = set()
        self._authority = Authority(folder / "proxy")
        self._authority.create()
        pair = self._authority.issue("proxy", "proxy", hosts=("127.0.0.1",))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.certificate, pair.key)
        # The handshake is left to each connection's thread: one slow client must not hold up the others.
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def kubeconfig(self, of: Path) -> Path:
        """A file like another, for the same user, whose requests pass through here."""
        shown = token(of)
        assert shown, f"{of} shows no token, and nothing else can be passed on"
        port = self.server_address[1]
        path = self._folder / f"through-{port}-{of.name}"
        authority = self._authority.pair.certificate.read_bytes()
        return write_kubeconfig(path, f"https://127.0.0.1:{port}", authority, {"token": shown})

    @property
    def writes(self) -> list[Request]:
        return [request for request in self.requests if request.write]

    def forget(self) -> None:
        """Count from the beginning."""
        with self._lock:
            self.requests.clear()
            self._written = 0

    def cut_all(self) -> None:
        """Break every open connection, watches above all."""
        with self._lock:
            relays = list(self._relays)
        for relay in relays:
            relay.cut()

    def watched(self) -> set[str]:
        """What clients watch at this moment, by its plural."""
        with self._lock:
            return {relay.watching for relay in self._relays if relay.watching and not relay.left()}

    def received(self, method: str, target: str, body: bytes) -> Request:
        """Number a request and keep it."""
        with self._lock:
            self._written += method in WRITES
            write = self._written if method in WRITES else 0
            request = Request(len(self.requests) + 1, write, method, target, body)
            self.requests.append(request)
        return request

    def opened(self, relay: "_Relay") -> None:
        with self._lock:
            self._relays.add(relay)

    def closed(self, relay: "_Relay") -> None:
        with self._lock:
            self._relays.discard(relay)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: connections break here on purpose."""


@contextmanager
def proxied(kubeconfig: Path, folder: Path) -> Iterator[ApiProxy]:
    """A proxy that answers until the block ends."""
    with ApiProxy(kubeconfig, folder) as proxy, serving(proxy):
        try:
            yield proxy
        finally:
            proxy.closing.set()
            proxy.cut_all()


class _Relay(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: ApiProxy
    connection: ssl.SSLSocket
    watching = ""
    """The plural of what the client watches at this moment."""

    def setup(self) -> None:
        super().setup()
        upstream = self.server.upstream
        self.upstream = HTTPSConnection(
            upstream.hostname or "", upstream.port, context=self.server.trusted, timeout=UPSTREAM_SECONDS
        )
        self.server.opened(self)

    def finish(self) -> None:
        self.server.closed(self)
        self.upstream.close()
        super().finish()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is the base class's
        pass

    def relay(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = self.server.received(self.command, self.path, body)
        fault = self.server.intercept(request) or Fault()
        self.server.closing.wait(fault.delay_seconds)
        if fault.call and fault.cut != "after":
            fault.call()
        if fault.cut == "before":
            self.reset()
        elif fault.status:
            self.refuse(fault.status, fault.retry_after_seconds)
        else:
            self.forward(request, fault)

    do_DELETE = do_GET = do_HEAD = do_PATCH = do_POST = do_PUT = relay  # noqa: N815  the base class looks for these

    def refuse(self, status: int, retry_after_seconds: int | None) -> None:
        """The Status that an API server would send."""
        said = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status, "message": "injected"}
        content = json.dumps(said | {"reason": REASONS.get(status, "InternalError")}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if retry_after_seconds is not None:
            self.send_header("Retry-After", str(retry_after_seconds))
        self.send_content(content)

    def forward(self, request: Request, fault: Fault) -> None:
        try:
            answer = self.ask(request.target, request.body)
            if request.watches and answer.status == 200:
                self.pass_on_events(request, answer, fault)
                return
            content = answer.read()
            if fault.revisions_back and answer.status == 200:
                answer, content = self.older(request, fault.revisions_back, answer, content)
        except (HTTPException, OSError):
            self.reset()
            return
        if fault.cut == "after":
            if fault.call:
                fault.call()
            self.reset()
            return
        self.send_head(answer)
        self.send_content(content)

    def ask(self, target: str, body: bytes) -> HTTPResponse:
        self.upstream.putrequest(self.command, target, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in NOT_PASSED_ON:
                self.upstream.putheader(name, value)
        self.upstream.putheader("Content-Length", str(len(body)))
        self.upstream.endheaders(body)
        return self.upstream.getresponse()

    def older(
        self, request: Request, revisions: int, answer: HTTPResponse, content: bytes
    ) -> tuple[HTTPResponse, bytes]:
        """A list at an earlier revision, or the answer as it is where there is none."""
        revision = int(json.loads(content)["metadata"]["resourceVersion"]) - revisions
        query = request.query | {"resourceVersion": str(revision), "resourceVersionMatch": "Exact"}
        earlier = self.ask(f"{request.path}?{urlencode(query)}", b"")
        found = earlier.read()
        return (earlier, found) if earlier.status == 200 else (answer, content)

    def pass_on_events(self, request: Request, answer: HTTPResponse, fault: Fault) -> None:
        self.watching = request.path.rpartition("/")[2]
        self.send_head(answer)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        held = b""
        while part := answer.read1(65536):
            if fault.events is None:
                self.send_chunk(part)
                continue
            *lines, held = (held + part).split(b"\n")
            for line in lines:
                self.pass_on_event(line, fault.events)
        self.wfile.write(b"0\r\n\r\n")
        self.watching = ""

    def pass_on_event(self, line: bytes, decide: Callable[[Event], float | Event | None]) -> None:
        decided = decide(json.loads(line))
        if isinstance(decided, dict):
            self.send_chunk(json.dumps(decided).encode() + b"\n")
        elif decided is not None:
            self.server.closing.wait(decided)
            self.send_chunk(line + b"\n")

    def left(self) -> bool:
        """Whether the client is gone, which is not noticed while there is nothing to send."""
        number = self.connection.fileno()
        if number < 0:
            return True
        asked = select.poll()
        asked.register(number, select.POLLRDHUP)
        return bool(asked.poll(0))

    def send_head(self, answer: HTTPResponse) -> None:
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)

    def send_content(self, content: bytes) -> None:
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def send_chunk(self, part: bytes) -> None:
        self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        self.wfile.flush()

    def cut(self) -> None:
        """End both connections from another thread, which then fails."""
        for connection in (self.connection, self.upstream.sock):
            if connection is not None:
                with suppress(OSError):  # it has ended by itself
                    connection.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        self.close_connection = True
        reset(self.connection)
