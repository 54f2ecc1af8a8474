"""Many people at the server at once: photos and files that are none, 200 in all, 8 at a time.

python -m benchmarks.server_load [FOLDER_OF_PHOTOS] [COUNT]

Starts `hiface serve` as a process of its own and prints what was answered, how long photos took, the process's memory
before and after, and what it left in the temporary folder.
"""

from __future__ import annotations

import collections
import http.client
import json
import os
import re
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PHOTO = Path(__file__).parents[1] / "examples" / "astronaut.jpg"
AT_ONCE = 8


def bad_files() -> dict[str, bytes]:
    """What people and others send in place of photos."""
    photo = PHOTO.read_bytes()
    return {
        "empty": b"",
        "text": b"this is no picture, it is a note\n" * 9,
        "pdf": b"%PDF-1.7\n" + bytes(5000),
        "heic": b"\0\0\0\x18ftypheic" + bytes(5000),
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>",
        "zip": b"PK\x03\x04" + bytes(3000),
        "cut off": photo[: len(photo) // 2],
        "wrong inside": photo[:3000] + os.urandom(len(photo) - 3002) + b"\xff\xd9",
        "huge": _png(40_000, 40_000),
        "many pixels, few bytes": _png(9_000, 9_000),
        "tiny": _png(8, 8),
        "no face": _png(640, 480),
        "too many bytes": bytes(25_000_000),
    }


def _png(width: int, height: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = zlib.compressobj(9)
    row = b"\0" + bytes(width)
    body = b"".join(rows.compress(row) for _ in range(height if width < 20_000 else 1)) + rows.flush()
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def ask(port: int, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def visit(port: int, body: bytes) -> tuple[str, float]:
    """Upload, wait, fetch all pages; what came of it, and the seconds."""
    started = time.perf_counter()
    status, data = ask(port, "POST", "/faces", body)
    told = json.loads(data)
    if status != 202:
        return f"{status}", time.perf_counter() - started
    while True:
        _, data = ask(port, "GET", told["url"])
        state = json.loads(data)
        if state["state"] in ("done", "failed"):
            break
        time.sleep(0.3)
    for page in state["pages"]:
        status, data = ask(port, "GET", page)
        assert status == 200
        assert data.rstrip().endswith(b"</html>")
    faces = f"{len(state['pages'])} pages" if state["state"] == "done" else f"failed: {state['error'][:40]}"
    return faces, time.perf_counter() - started


def resident_mb(pid: int) -> float:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024  # type: ignore[index]


def main(folder: Path | None, count: int) -> None:
    photos = [PHOTO.read_bytes()]
    if folder is not None:
        photos = [path.read_bytes() for path in sorted(folder.glob("*.jpg"))]
    bad = bad_files()
    with tempfile.TemporaryDirectory() as temporary:
        command = [sys.executable, "-m", "hiface", "serve", "--port", "0", "--keep", "1"]
        told = Path(temporary) / "told"
        with told.open("w") as log:
            process = subprocess.Popen(command, stderr=log, env=os.environ | {"TMPDIR": temporary, "COLUMNS": "200"})
        try:
            while not (found := re.search(r"http://127.0.0.1:(\d+)/", told.read_text())):
                time.sleep(0.5)
            port = int(found[1])
            for body in photos[:2]:
                visit(port, body)
            report(process.pid, "before")
            kinds = list(bad)
            jobs = [
                ("photo", photos[k // 2 % len(photos)])
                if k % 2
                else (kinds[k // 2 % len(kinds)], bad[kinds[k // 2 % len(kinds)]])
                for k in range(count)
            ]
            with ThreadPoolExecutor(AT_ONCE) as crowd:
                results = []
                for k, result in enumerate(crowd.map(lambda job: (job[0], *visit(port, job[1])), jobs), 1):
                    results.append(result)
                    if k % 50 == 0:
                        report(process.pid, f"after {k}")
            table = collections.Counter((kind, came) for kind, came, _ in results)
            for (kind, came), times in sorted(table.items()):
                print(f"{times:4d}  {kind}: {came}")
            waits = [seconds for kind, _, seconds in results if kind == "photo"]
            print(f"a photo: {statistics.median(waits):.1f} s median, {max(waits):.1f} s at most, waiting included")
            time.sleep(75)
            report(process.pid, "a minute later, all results dropped")
            print("still running:", process.poll() is None)
            print("named files left:", sorted(p.name for p in Path(temporary).rglob("*") if p != told))
        finally:
            process.send_signal(signal.SIGTERM)
            print("ended with", process.wait(60))
            print("the log:", told.read_text().strip())


def report(pid: int, when: str) -> None:
    deleted = sum("(deleted)" in os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink())
    print(f"{when}: {resident_mb(pid):.0f} MB resident, {deleted} nameless files open", flush=True)


if __name__ == "__main__":
    arguments = sys.argv[1:]
    main(Path(arguments[0]) if arguments else None, int(arguments[1]) if len(arguments) > 1 else 200)
