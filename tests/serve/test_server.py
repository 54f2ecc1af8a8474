"""The server with a stand-in for the model: what it takes, what it refuses, and that nothing stays."""

import contextlib
import http.client
import json
import os
import re
import socket
import struct
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from hiface.errors import ConfigError, NoFaceError
from hiface.serve.desk import Desk, DeskLimits
from hiface.serve.index import index
from hiface.serve.server import FaceServer, is_local
from hiface.serve.upload import Limits

HELD, SMALL = DeskLimits(), Limits(megabytes=1)
POST = b"POST /faces HTTP/1.1\r\nHost: localhost\r\n"
JPEG = {"Content-Type": "image/jpeg"}


def picture(side=64, kind=".png"):
    pixels = np.random.default_rng(0).integers(0, 255, (side, side, 3), np.uint8)
    return cv2.imencode(kind, pixels)[1].tobytes()


def huge_png(width=40_000, height=40_000):
    """A header that asks for 1.6 gigapixels, in a few bytes."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"0" * 99)) + chunk(b"IEND", b"")


def make(data, step):
    step("shaping")
    if len(data) % 5 == 3:
        raise NoFaceError("<bytes>: no face found")
    yield b"<p>%d" % len(data)
    yield b"<p>second"


@contextlib.contextmanager
def running(maker=make, held=HELD, limits=SMALL, workers=1, host="127.0.0.1"):
    with Desk(maker, held, workers) as desk:
        server = FaceServer(host, 0, desk, index(limits.megabytes, held.keep_s), limits)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


@pytest.fixture(scope="module")
def server():
    with running() as it:
        yield it


def ask(server, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        data = answer.read()
    finally:
        connection.close()
    told = json.loads(data) if answer.headers["Content-Type"] == "application/json" else data
    return answer, told


def spoken(server, *pieces, wait=0.0):
    """The answer to bytes that are no proper request."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as raw:
        for piece in pieces:
            raw.sendall(piece)
            time.sleep(wait)
        raw.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            return b"".join(iter(lambda: raw.recv(4096), b""))
    return b""


def finished(server, url):
    for _ in range(400):
        _, told = ask(server, "GET", url)
        if told["state"] in ("done", "failed"):
            return told
        time.sleep(0.02)
    raise AssertionError(told)


def post(length, host=b"localhost"):
    return b"POST /faces HTTP/1.1\r\nHost: %s\r\nContent-Length: %s\r\n\r\n" % (host, length)


def open_files():
    """Temporary files of this process that have no name."""
    links = (
        os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd") if os.path.lexists(f"/proc/self/fd/{n}")
    )
    return sum("(deleted)" in link for link in links)


def test_a_photo_becomes_pages(server):
    answer, told = ask(server, "POST", "/faces", picture(), JPEG)
    assert answer.status == 202
    state = finished(server, told["url"])
    assert (state["state"], state["error"], len(state["pages"])) == ("done", None, 2)
    answer, page = ask(server, "GET", state["pages"][0])
    assert page == b"<p>%d" % len(picture())
    assert answer.headers["Cache-Control"] == "no-store"
    assert ask(server, "GET", told["url"] + "/3.html")[0].status == 404
    assert ask(server, "DELETE", told["url"])[0].status == 200
    for gone in (told["url"], state["pages"][0]):
        assert ask(server, "GET", gone)[0].status == 404


def test_the_upload_page_may_run_nothing_but_its_own_script(server):
    answer, text = ask(server, "GET", "/")
    assert answer.status == 200
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert b"$" not in re.sub(rb"<script>.*</script>", b"", text, flags=re.S)
    assert not re.search(rb"(src|href)=\"?(https?:)?//", text)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400), (b"not a picture at all, but some text", 415), (b"%PDF-1.7 and so on and so on and so on", 415),
        (b"\0\0\0\x18ftypheic" + b"\0" * 90, 415), (b"<svg xmlns='http://www.w3.org/2000/svg'></svg>  ", 415),
        (huge_png(), 413), (huge_png(8, 8), 422), (picture()[:900], 422), (picture(kind=".jpg")[:700], 422),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, 422), (b"\xff\xd8\xff", 422), (bytes(1_000_001), 413),
    ],
)  # fmt: skip
def test_what_is_no_photo_is_refused_at_once(server, body, status):
    answer, told = ask(server, "POST", "/faces", body)
    assert answer.status == status
    assert len(told["error"]) > 10


def test_a_photo_without_a_face_says_so(server):
    body = picture()
    body += b"\0" * ((3 - len(body)) % 5)
    _, told = ask(server, "POST", "/faces", body)
    state = finished(server, told["url"])
    assert (state["state"], state["error"], state["pages"]) == ("failed", "no face found", [])


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd", "/faces/../../etc/passwd", "/faces/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "//etc/passwd",
        "/faces/..%5c..%5cwin.ini", "/faces/" + "A" * 22 + "/../../1.html", "/faces/" + "A" * 22, "/faces/",
        "/faces/" + "A" * 22 + "/0.html", "/faces/" + "A" * 22 + "/1.html%00.png", "/upload.js", "/~root", "http://x/",
    ],
)  # fmt: skip
def test_path_tricks_find_nothing(server, path):
    for method in ("GET", "DELETE", "POST"):
        answer, told = ask(server, method, path, picture() if method == "POST" else None)
        assert answer.status in (404, 405, 421)
        assert "etc" not in json.dumps(told)


def test_other_methods(server):
    for method, path in (
        ("PUT", "/faces"),
        ("DELETE", "/"),
        ("POST", "/"),
        ("GET", "/faces"),
        ("TRACE", "/"),
        ("X", "/"),
    ):
        assert ask(server, method, path)[0].status == 405, (method, path)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (POST + b"\r\n", b"411"),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", b"411"),
        (post(b"-5"), b"400"), (post(b"1e3"), b"400"), (post(b"9" * 30), b"400"), (post(b"+7"), b"400"),
        (post(b"12000000000"), b"413"), (post(b"500") + b"\xff\xd8\xff only this", b"400"),
        (b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", b"421"), (b"GET / HTTP/1.1\r\n\r\n", b"421"),
        (POST + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\nhello", b"100"),
        (post(b"99000000").replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"), b"413"),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"A: b\r\n" * 200 + b"\r\n", b"431"),
    ],
)  # fmt: skip
def test_requests_that_lie(server, head, status):
    answer = spoken(server, head)
    assert answer.split()[1] == status, answer[:200]


def test_more_than_announced_is_ignored(server):
    body = picture()
    answer = spoken(server, post(b"%d" % len(body)) + body + b"GET /faces HTTP/1.1\r\n\r\n" * 50)
    assert answer.split()[1] == b"202"
    assert answer.count(b"HTTP/1.1") == 1


def test_pages_of_other_sites_are_kept_out(server):
    for origin in ("https://evil.example", "null", f"http://localhost:{server.port + 1}"):
        answer, _ = ask(server, "POST", "/faces", picture(), {"Origin": origin, "Host": f"localhost:{server.port}"})
        assert answer.status == 403
    own = {"Origin": f"http://localhost:{server.port}", "Host": f"localhost:{server.port}"}
    assert ask(server, "POST", "/faces", picture(), own)[0].status == 202


def test_who_is_too_slow_is_left():
    with running(limits=Limits(megabytes=1, idle_s=0.3, head_s=0.6, body_s=0.8)) as server:
        started = time.monotonic()
        with socket.create_connection(("127.0.0.1", server.port)) as raw:  # says nothing
            assert raw.recv(100) == b""
        with socket.create_connection(("127.0.0.1", server.port)) as raw:  # stops in its photo
            raw.sendall(post(b"5000") + b"\xff\xd8\xff")
            assert raw.recv(4096).split()[1] == b"408"
        for start in (b"GET / HT", post(b"5000") + picture()[:100]):  # one byte now and then
            with socket.create_connection(("127.0.0.1", server.port), timeout=5) as raw, contextlib.suppress(OSError):
                raw.sendall(start)
                for _ in range(40):
                    raw.sendall(b"x")
                    time.sleep(0.1)
                pytest.fail("still listening")
        assert time.monotonic() - started < 10
        assert ask(server, "GET", "/")[0].status == 200


def test_a_full_queue_turns_away_and_recovers():
    gate = threading.Event()

    def slow(data, step):
        gate.wait(20)
        yield b"page"

    with running(slow, DeskLimits(waiting=2)) as server:
        first = ask(server, "POST", "/faces", picture())[1]
        while server.desk.job(first["id"]).state == "waiting":
            time.sleep(0.01)
        others = [ask(server, "POST", "/faces", picture()) for _ in range(3)]
        assert [a.status for a, _ in others] == [202, 202, 503]
        assert others[2][0].headers["Retry-After"] == "30"
        _, told = ask(server, "GET", others[1][1]["url"])
        assert (told["state"], told["ahead"]) == ("waiting", 1)
        assert ask(server, "DELETE", others[0][1]["url"])[0].status == 200  # leaves the queue
        gate.set()
        assert finished(server, others[1][1]["url"])["state"] == "done"


def test_results_go_after_their_time_and_when_there_are_too_many():
    with running(held=DeskLimits(keep_s=0.4)) as server:
        url = ask(server, "POST", "/faces", picture())[1]["url"]
        finished(server, url)
        time.sleep(1)
        assert ask(server, "GET", url)[0].status == 404
    with running(held=DeskLimits(results=2, keep_s=2)) as server:
        urls = [ask(server, "POST", "/faces", picture())[1]["url"] for _ in range(4)]
        finished(server, urls[3])
        time.sleep(0.8)
        assert [ask(server, "GET", u)[0].status for u in urls] == [404, 404, 200, 200]


def test_a_fault_stays_with_its_photo():
    def faulty(data, step):
        if len(data) % 2:
            raise RuntimeError("a bug")
        yield b"page"

    with running(faulty) as server:
        even = picture() + b"\0" * (len(picture()) % 2)
        states = [finished(server, ask(server, "POST", "/faces", b)[1]["url"]) for b in (even + b"\0", even)]
        assert [s["state"] for s in states] == ["failed", "done"]
        assert "a bug" not in states[0]["error"]


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts open files by /proc")
def test_a_crowd_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = open_files()
    bodies = [picture(), b"text" * 20, huge_png(), picture(128)[:500], bytes(2_000_000)]
    with running(workers=2) as server:

        def visit(k):
            answer, told = ask(server, "POST", "/faces", bodies[k % 5])
            if answer.status == 202:
                assert finished(server, told["url"])["state"] == "done"
            return answer.status

        with ThreadPoolExecutor(8) as crowd:
            statuses = list(crowd.map(visit, range(60)))
        assert statuses == [202, 415, 413, 422, 413] * 12
        assert list(tmp_path.iterdir()) == []  # nothing has a name, even while it is held
        assert len(server.desk) == 12
    assert open_files() == before


def test_addresses():
    assert is_local("127.0.0.1")
    assert is_local("::1")
    assert not is_local("0.0.0.0")
    with pytest.raises(ConfigError, match="not an address"):
        is_local("no.such.host.invalid")
    with running() as server, pytest.raises(ConfigError, match="--port"):
        FaceServer("127.0.0.1", server.port, server.desk, server.index, server.limits)
