"""A headless Chromium for tests of the page: W3C WebDriver by hand, which spares a dependency."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
MISSING = "needs Chromium and its driver (Debian packages chromium and chromium-driver)"

_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic",
    "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist", "--force-device-scale-factor=1",
)  # fmt: skip


class Browser:
    def __init__(self, base, session):
        self.base, self.session = base, session

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.base}/session/{self.session}{path}", data, method=method)
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            with error:
                raise RuntimeError(json.load(error)["value"]["message"]) from None

    def open(self, url):
        self.call("POST", "/url", {"url": url})

    def run(self, script, *arguments):
        """What a function body returns; a promise is waited for."""
        body = (
            "const [a, done] = [arguments, arguments[arguments.length - 1]];"
            f"(async (...args) => {{ {script} }})(...[...a].slice(0, -1))"
            ".then((value) => done({ value }), (error) => done({ error: String(error?.stack ?? error) }));"
        )
        answer = self.call("POST", "/execute/async", {"script": body, "args": list(arguments)})
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer.get("value")

    def size(self, width, height):
        """Of the page itself."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("POST", "/goog/cdp/execute", {"cmd": "Emulation.setDeviceMetricsOverride", "params": metrics})

    def picture(self):
        """The window as RGB."""
        data = base64.b64decode(self.call("GET", "/screenshot"))
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]

    def log(self, kind):
        return self.call("POST", "/se/log", {"type": kind})

    def requests(self):
        """Addresses that the page asked for since the last call."""
        messages = [json.loads(entry["message"])["message"] for entry in self.log("performance")]
        return [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]


@contextmanager
def browser(width=1280, height=800, flags=()):
    process = subprocess.Popen([DRIVER, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        port = next(line.split()[-1].rstrip(".") for line in process.stdout if "started successfully on port" in line)
        base = f"http://127.0.0.1:{port}"
        options = {"binary": CHROMIUM, "args": [*_FLAGS, *flags, f"--window-size={width},{height}"]}
        logs = {"browser": "ALL", "performance": "ALL"}
        wanted = {"timeouts": {"script": 120000}, "goog:chromeOptions": options, "goog:loggingPrefs": logs}
        request = urllib.request.Request(
            f"{base}/session", json.dumps({"capabilities": {"alwaysMatch": wanted}}).encode(), method="POST"
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            session = json.load(answer)["value"]["sessionId"]
        found = Browser(base, session)
        found.size(width, height)
        try:
            yield found
        finally:
            found.call("DELETE", "")
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


def processor_seconds(root: int) -> float:
    """User and system time of a process and all its children."""
    ticks, parents = {}, {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        parents[int(entry.name)] = int(fields[1])
        ticks[int(entry.name)] = int(fields[11]) + int(fields[12])
    mine = {root}
    while more := {pid for pid, parent in parents.items() if parent in mine} - mine:
        mine |= more
    return sum(ticks.get(pid, 0) for pid in mine) / os.sysconf("SC_CLK_TCK")


def wait_until(condition, seconds=30.0):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("the page did not get ready")
        time.sleep(0.1)
