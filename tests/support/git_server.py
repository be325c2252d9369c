"""A git server on 127.0.0.1: git's own `http-backend` behind Python's HTTP server, and paths that only misbehave."""

import os
import subprocess
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
        self.redirect_to = ""
        """Where `<url>/redirect` leads."""
        self.complaint = b""


@contextmanager
def git_server(folder: Path) -> Iterator[GitServer]:
    """Serve until the block ends."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    http.daemon_threads = True
    server = GitServer(f"http://127.0.0.1:{http.server_port}")
    http.folder, http.git_server = folder, server  # type: ignore[attr-defined] - how a handler finds its server
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


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
        path = urlsplit(self.path).path
        if path.startswith("/status/"):
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
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing: a test that fails shows the requests."""


def _line(text: bytes) -> bytes:
    """A line of git's protocol: its length in hexadecimal, itself included, comes first."""
    return b"%04x" % (len(text) + 4) + text
