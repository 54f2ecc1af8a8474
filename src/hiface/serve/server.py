"""HTTP in front of the desk: five addresses, each exact.

GET    /                     the upload page
POST   /faces                a photo as the body; 202 and {"id", "url"}
GET    /faces/ID             how far it is: {"state", "step", "ahead", "error", "pages"}
GET    /faces/ID/K.html      the page of face K, from 1
DELETE /faces/ID             forget it now
"""

from __future__ import annotations

import contextlib
import io
import ipaddress
import json
import logging
import re
import socket
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from hiface.errors import ConfigError
from hiface.serve.desk import BusyError, Desk, Job, Page
from hiface.serve.index import Index
from hiface.serve.upload import Limits, RefusedError, TimedReader, body_length, received

log = logging.getLogger(__name__)

CONNECTIONS = 64
"""Open at a time; more are turned away."""
LINGER_S = 3.0
"""For how long the rest of a refused photo is read and thrown away: who is still sending would not hear why."""
_JOB = re.compile(r"/faces/([A-Za-z0-9_-]{22})")
_PAGE = re.compile(r"/faces/([A-Za-z0-9_-]{22})/([1-9][0-9]?)\.html")
_METHODS = {"/": "GET", "/faces": "POST"}
_HEADERS = {
    "Cache-Control": "no-store",
    "Connection": "close",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_PAGE_POLICY = "frame-ancestors 'self'"
"""On top of the page's own policy, which forbids every request."""


def is_local(host: str) -> bool:
    """Whether nobody but this machine can reach an address."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ConfigError(f"--host {host}: not an address of this machine; try 127.0.0.1") from error
    return all(ipaddress.ip_address(str(entry[4][0]).split("%")[0]).is_loopback for entry in found)


class FaceServer(ThreadingHTTPServer):
    """The server; `serve_forever` runs it, port 0 takes any free one."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host: str, port: int, desk: Desk, index: Index, limits: Limits) -> None:
        self.desk, self.index, self.limits = desk, index, limits
        self.local = is_local(host)
        self._free = threading.BoundedSemaphore(CONNECTIONS)
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            super().__init__((host, port), Handler)
        except (OSError, OverflowError) as error:
            raise ConfigError(f"{host}:{port}: cannot listen there ({error}); choose another --port") from error
        self.names = {"localhost", "127.0.0.1", "[::1]", host, f"[{host}]"}

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            with contextlib.suppress(OSError):
                request.sendall(b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("a connection broke", exc_info=True)


class Handler(BaseHTTPRequestHandler):
    """One request; every connection serves one and is closed."""

    server: FaceServer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "HiFace", ""

    def setup(self) -> None:
        super().setup()
        self.rfile.close()
        limits = self.server.limits
        self._reader = TimedReader(self.connection, limits.idle_s, limits.head_s)
        self.rfile = io.BufferedReader(self._reader)

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_POST(self) -> None:
        self._answer(self._post)

    def do_DELETE(self) -> None:
        self._answer(self._delete)

    def handle_expect_100(self) -> bool:
        """Say what is wrong before the photo is sent."""
        try:
            self._check_client()
            body_length(self.headers["Content-Length"], self.headers["Transfer-Encoding"], self.server.limits)
        except RefusedError as error:
            self.send_error(error.status, str(error))
            return False
        return super().handle_expect_100()

    def _answer(self, serve: Any) -> None:
        self.close_connection = True
        try:
            self._check_client()
            serve()
        except RefusedError as error:
            self.send_error(error.status, str(error))
            if self.command == "POST":
                self._linger()
        except BusyError as error:
            self.send_error(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
            self._linger()

    def _check_client(self) -> None:
        """A page of another site must not use the browser of somebody who runs this server to reach it."""
        host = self.headers.get("Host", "")
        name = re.sub(r":[0-9]+$", "", host).lower()
        if self.server.local and name not in self.server.names:
            raise RefusedError(HTTPStatus.MISDIRECTED_REQUEST, "this server answers to its local address only")
        origin = self.headers.get("Origin")
        if self.command != "GET" and origin is not None and origin.partition("://")[2] != host:
            raise RefusedError(HTTPStatus.FORBIDDEN, "the request comes from another site's page")

    def _get(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/":
            index = self.server.index
            self._send(HTTPStatus.OK, index.text, "text/html; charset=utf-8", index.policy)
        elif found := _PAGE.fullmatch(path):
            self._send_page(self._page(found))
        elif found := _JOB.fullmatch(path):
            self._send_json(HTTPStatus.OK, self._state(self._job(found)))
        else:
            self._nothing(path)

    def _post(self) -> None:
        path = self.path.partition("?")[0]
        if path != "/faces":
            self._nothing(path)
        length = body_length(self.headers["Content-Length"], self.headers["Transfer-Encoding"], self.server.limits)
        if self.server.desk.full():
            raise BusyError("too many photos are waiting; try again in a minute")
        self._reader.allow(self.server.limits.body_s)
        photo = received(self.rfile, length)
        try:
            job = self.server.desk.submit(photo)
        except BusyError:
            photo.close()
            raise
        self._send_json(HTTPStatus.ACCEPTED, {"id": job.id, "url": f"/faces/{job.id}"})

    def _delete(self) -> None:
        found = _JOB.fullmatch(self.path)
        if found is None:
            self._nothing(self.path)
        elif not self.server.desk.drop(found[1]):
            self._gone()
        else:
            self._send_json(HTTPStatus.OK, {"forgotten": True})

    def _nothing(self, path: str) -> None:
        if path in _METHODS or _JOB.fullmatch(path) or _PAGE.fullmatch(path):
            raise RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, "this address has no such method")
        raise RefusedError(HTTPStatus.NOT_FOUND, "no such address")

    def _gone(self) -> None:
        raise RefusedError(HTTPStatus.NOT_FOUND, "no such photo; results are held for some minutes only")

    def _job(self, found: re.Match[str]) -> Job:
        job = self.server.desk.job(found[1])
        if job is None:
            self._gone()
            raise AssertionError
        return job

    def _page(self, found: re.Match[str]) -> Page:
        pages = self._job(found).pages
        if int(found[2]) > len(pages):
            self._gone()
        return pages[int(found[2]) - 1]

    def _state(self, job: Job) -> dict[str, object]:
        state, step, ahead = (
            job.state,
            job.step,
            self.server.desk.ahead(job),
        )  # before the pages: done means all of them
        pages = [f"/faces/{job.id}/{k + 1}.html" for k in range(len(job.pages))]
        return {"state": state, "step": step, "ahead": ahead, "error": job.error, "pages": pages}

    def _send(self, status: HTTPStatus, body: bytes, kind: str, policy: str = "default-src 'none'") -> None:
        self._start(status, len(body), kind, policy)
        self._write(body)

    def _send_json(self, status: HTTPStatus, value: dict[str, object]) -> None:
        self._send(status, json.dumps(value).encode(), "application/json")

    def _send_page(self, page: Page) -> None:
        self._start(HTTPStatus.OK, page.size, "text/html; charset=utf-8", _PAGE_POLICY)
        until = time.monotonic() + self.server.limits.body_s
        try:
            for piece in page.chunks():
                if time.monotonic() > until:
                    return
                self._write(piece)
        except (ValueError, OSError):  # dropped while it was sent, or nobody is there any more
            return

    def _start(self, status: HTTPStatus, length: int, kind: str, policy: str) -> None:
        self.request_version = self.protocol_version  # what is no request has none, and would get no header
        self.send_response(status)
        fixed = {"Content-Type": kind, "Content-Length": str(length), "Content-Security-Policy": policy, **_HEADERS}
        for name, value in fixed.items():
            self.send_header(name, value)
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            self.send_header("Retry-After", "30")
        self.end_headers()

    def _write(self, data: bytes) -> None:
        self.connection.settimeout(self.server.limits.idle_s)
        self.wfile.write(data)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Every refusal as JSON, those of the base class too; nothing of the request is repeated."""
        self.close_connection = True
        status = HTTPStatus.METHOD_NOT_ALLOWED if code == HTTPStatus.NOT_IMPLEMENTED else HTTPStatus(code)
        own = message if message and code != HTTPStatus.NOT_IMPLEMENTED else status.phrase
        text = own if status < HTTPStatus.INTERNAL_SERVER_ERROR or message else status.phrase
        if status == HTTPStatus.BAD_REQUEST and text.startswith("Bad "):
            text = "not a request that is understood"
        with contextlib.suppress(OSError):
            self._send_json(status, {"error": text})

    def _linger(self) -> None:
        """Read on and throw away, so that a client which is still sending gets the answer and no broken pipe."""
        with contextlib.suppress(OSError, ValueError):
            self.connection.shutdown(socket.SHUT_WR)
            self._reader.allow(LINGER_S)
            left = 4 * self.server.limits.most
            while left > 0 and (piece := self.rfile.read1(1 << 16)):
                left -= len(piece)

    def log_message(self, format: str, *args: Any) -> None:
        """Who asked for what is nobody's business; only those who debug see it."""
        log.debug(format, *args)
