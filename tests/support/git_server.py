"""A git server on 127.0.0.1: git's own `http-backend` behind Python's HTTP server, and paths that only misbehave.

`python git_server.py FOLDER PORT CERTIFICATE KEY` serves a folder over HTTPS on every address, as it does in a pod of a
test cluster.
"""

import base64
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit


class GitServer:
    """Serves the repositories below a folder at `<url>/<name>`, a bare status at `<url>/status/<number>`, and at
    `<url>/complaint` nothing but a complaint in git's protocol."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.requests: list[str] = []
        """Paths asked for, in order."""
        self.authorizations: set[str] = set()
        """Passwords that were shown, as HTTP's Basic; empty for a request without."""
        self.token = ""
        """The password without which every path is refused; empty to ask for none."""
        self.redirect_to = ""
        """Where `<url>/redirect` leads."""
        self.complaint = b""


@contextmanager
def git_server(folder: Path) -> Iterator[GitServer]:
    """Serve until the block ends."""
    http, server = _bound(folder, ("127.0.0.1", 0))
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def _bound(folder: Path, address: tuple[str, int]) -> tuple[ThreadingHTTPServer, GitServer]:
    http = ThreadingHTTPServer(address, _Handler)
    http.daemon_threads = True
    server = GitServer(f"http://127.0.0.1:{http.server_port}")
    http.folder, http.git_server = folder, server  # type: ignore[attr-defined] - how a handler finds its server
    return http, server


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self._body())

    def _body(self) -> bytes:
        """The request's body; git sends a long one in chunks."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, body: bytes) -> None:
        server: GitServer = self.server.git_server  # type: ignore[attr-defined] - set in git_server
        server.requests.append(self.path)
        password = _password(self.headers.get("Authorization", ""))
        server.authorizations.add(password)
        path = urlsplit(self.path).path
        if server.token and password != server.token:
            self.send_response(401)
            self.send_header("WWW-Authenticate", "Basic")
            self.end_headers()
        elif path.startswith("/status/"):
            self.send_error(int(path.split("/")[2]))
        elif path.startswith("/redirect"):
            self.send_response(301)
            self.send_header("Location", server.redirect_to + self.path.removeprefix("/redirect"))
            self.end_headers()
        elif path.startswith("/complaint"):
            self.send_response(200)
            self.send_header("Content-Type", "application/x-git-upload-pack-advertisement")
            self.end_headers()
            self.wfile.write(_line(b"# service=git-upload-pack\n") + b"0000" + _line(b"ERR " + server.complaint))
        else:
            self._backend(path, body)

    def _backend(self, path: str, body: bytes) -> None:
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROJECT_ROOT": str(self.server.folder),  # type: ignore[attr-defined] - set in git_server
            "PATH_INFO": path,
            "QUERY_STRING": urlsplit(self.path).query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
        }
        done = subprocess.run(
            ["git", "http-backend"], env=environment, input=body, stdout=subprocess.PIPE, check=False
        ).stdout
        head, _, content = done.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        # Over TLS an end without a length looks like a connection that was cut.
        for name, value in (headers | {"Content-Length": str(len(content))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing: a test that fails shows the requests."""


def _password(authorization: str) -> str:
    kind, _, login = authorization.partition(" ")
    return base64.b64decode(login).decode().partition(":")[2] if kind == "Basic" else ""


def _line(text: bytes) -> bytes:
    """A line of git's protocol: its length in hexadecimal, itself included, comes first."""
    return b"%04x" % (len(text) + 4) + text


def _serve_for_ever(folder: Path, port: int, certificate: str, key: str) -> None:
    http, _ = _bound(folder, ("", port))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    # The handshake is left to each connection's thread: one that says nothing must not hold up the others.
    http.socket = context.wrap_socket(http.socket, server_side=True, do_handshake_on_connect=False)
    http.serve_forever()


if __name__ == "__main__":
    _serve_for_ever(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:5])
