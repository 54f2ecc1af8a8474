"""The page that makes a face of a photo, in a real browser: nothing leaves it, and it finds what Python finds.

Needs ONNX Runtime Web as `npm pack onnxruntime-web` or `npm install` gives it: HIFACE_ORT names it. HIFACE_SITE names a
folder of `hiface export browser` to look at instead of a new one. Figures of parity and time are properties of the
tests (`pytest --junit-xml FILE` writes them).
"""

import base64
import json
import os
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest

import hiface
from hiface.face.asset import ARKIT
from view.browser import CHROMIUM, DRIVER, MISSING, browser, processor_seconds, wait_until

ROOT = Path(__file__).parents[2]
PHOTO = ROOT / "examples" / "astronaut.jpg"
SITE = os.environ.get("HIFACE_SITE")
RUNTIME = Path(os.environ.get("HIFACE_ORT", ROOT / "node_modules" / "onnxruntime-web"))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason=MISSING),
    pytest.mark.skipif(not (SITE or RUNTIME.exists()), reason="needs ONNX Runtime Web: HIFACE_ORT"),
]

GIVE = """
const bytes = Uint8Array.from(atob(args[1]), (c) => c.charCodeAt(0));
return app.reconstruct(new File([bytes], args[0], { type: 'image/jpeg' }));
"""
FOUND = """
const { faces, box, first, coefficients: c, size } = app.result, { reconstructor, head } = await app.model;
const plain = (c) => Object.fromEntries(Object.entries(c).map(([k, v]) => [k, v.buffer ? [...v] : v]));
return { faces, box, size, first: plain(first), coefficients: plain(c), landmarks: reconstructor.landmarks(c, box),
  times: app.times, posed: [...hiface.face.posed], static: [...hiface.face.arrays.static_map] };
"""


@dataclass
class Visit:
    """What happened while the browser was open."""

    found: dict = field(default_factory=dict)
    accepted: list = field(default_factory=list)
    told: dict = field(default_factory=dict)
    served: list = field(default_factory=list)
    after: list = field(default_factory=list)
    pictures: dict = field(default_factory=dict)
    names: list = field(default_factory=list)
    units: list = field(default_factory=list)
    width: int = 0
    processor: float = 0.0
    log: list = field(default_factory=list)
    asked: list = field(default_factory=list)


@contextmanager
def serving(folder, isolated, served):
    class Handler(SimpleHTTPRequestHandler):
        extensions_map = {**SimpleHTTPRequestHandler.extensions_map, ".mjs": "text/javascript"}  # noqa: RUF012

        def end_headers(self):
            if isolated:
                self.send_header("Cross-Origin-Opener-Policy", "same-origin")
                self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
            super().end_headers()

        def log_message(self, *_):
            served.append(f"{self.command} {self.path}")

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def model():
    return hiface.load(device="cpu")


@pytest.fixture(scope="module")
def site(request, tmp_path_factory):
    if SITE:
        return Path(SITE)
    pytest.importorskip("onnxscript")
    from hiface.browser.site import write_site  # torch, which a site that is there does not need

    folder = tmp_path_factory.mktemp("site")
    write_site(request.getfixturevalue("model"), folder, RUNTIME)
    return folder


@pytest.fixture(scope="module")
def visit(site, tmp_path_factory):
    seen, netlog = Visit(), tmp_path_factory.mktemp("log") / "net.json"
    with serving(site, False, seen.served) as address, browser(1364, 640, (f"--log-net-log={netlog}",)) as window:
        window.open(address + "/")
        wait_until(lambda: window.run("return document.getElementById('start')?.dataset.state === 'ready'"), 120)
        seen.pictures["start"] = window.picture()
        before = len(seen.served)
        give(window, seen, "grey.jpg", encoded(np.full((200, 300, 3), 128, np.uint8)))
        seen.pictures["no face"] = window.picture()
        give(window, seen, "notes.txt", b"hello")
        spent = processor_seconds(os.getpid())
        give(window, seen, PHOTO.name, PHOTO.read_bytes())
        seen.processor = processor_seconds(os.getpid()) - spent
        seen.found = window.run(FOUND)
        seen.pictures["face"] = window.picture()
        window.run(
            "hiface.state.weights = hiface.state.weightsOf({ jawOpen: 0.8 }); hiface.state.tell(); hiface.draw()"
        )
        seen.pictures["open"] = window.picture()
        tree = window.call("POST", "/goog/cdp/execute", {"cmd": "Accessibility.getFullAXTree", "params": {}})["nodes"]
        seen.names = [(n["role"]["value"], n["name"]["value"]) for n in tree if not n["ignored"] and "name" in n]
        seen.units = window.run("return [...document.querySelectorAll('#groups input')].map((x) => x.id.slice(5))")
        window.size(390, 844)
        seen.width = window.run("return document.documentElement.scrollWidth")
        seen.after = seen.served[before:]
        seen.log = window.log("browser")
        seen.told["fetch"] = window.run("return fetch('https://example.org/').then(() => 'open', () => 'shut')")
    seen.asked = requests_of(netlog, address)
    return seen


def give(window, seen, name, data):
    seen.accepted.append(window.run(GIVE, name, base64.b64encode(data).decode()))
    seen.told[name] = window.run("return document.getElementById('wrong').textContent")


def encoded(picture):
    return cv2.imencode(".jpg", picture)[1].tobytes()


def requests_of(netlog, origin):
    """Addresses that the page or its workers asked the network for: as the browser's own record has them."""
    text = netlog.read_text()
    events = json.loads(text if text.rstrip().endswith("}") else text.rstrip().rstrip(",") + "]}")["events"]
    params = [event["params"] for event in events if "url" in event.get("params", {})]
    return {p["url"] for p in params if p.get("initiator") == origin and urlsplit(p["url"]).scheme != "blob"}, origin


@pytest.fixture(scope="module")
def face(model):
    return model.reconstruct(PHOTO)[0]


def test_a_face_is_found_and_shown(visit):
    assert visit.accepted == [False, False, True]
    assert not visit.told[PHOTO.name]
    start, shown = (visit.pictures[name].astype(int) for name in ("start", "face"))
    assert np.abs(shown - start).mean() > 20


def test_what_is_no_face_is_told(visit):
    assert visit.told["grey.jpg"].startswith("No face found")
    assert visit.told["notes.txt"].startswith("notes.txt: this browser cannot read it")


def test_nothing_leaves_the_machine(visit):
    """By the browser's record of its network, the server's, and an attempt."""
    urls, origin = visit.asked
    assert urls
    assert not [url for url in urls if not url.startswith(origin) and "example.org" not in url]
    assert not [url for url in urls if "example.org" in url]
    assert all(line.startswith("GET ") for line in visit.served)
    assert visit.after == []  # from the photo on, not even of its own server
    assert visit.told["fetch"] == "shut"


def test_the_console_is_quiet(visit):
    assert not [entry["message"] for entry in visit.log if entry["level"] == "SEVERE"]


def worst(much):
    return f"median {np.median(much):.2e}, max {much.max():.2e}"


def test_it_agrees_with_python(visit, face, record_property):
    found, c = visit.found, face.coefficients
    off = {}
    for name in ("identity", "expression", "albedo", "static", "rotation"):
        off[name] = np.abs(np.ravel(found["coefficients"][name]) - getattr(c, name)[0].numpy().ravel())
    off["landmarks68, photo pixels"] = np.linalg.norm(np.array(found["landmarks"]) - face.landmarks68, axis=1)
    posed = np.array(found["posed"]).reshape(-1, 3)
    off["vertices, mm"] = np.linalg.norm(posed - face.shape.posed, axis=1)
    mask = face.model.reconstructor.detail_model.basis.mask.numpy()
    off["static detail, mm"] = np.abs(np.array(found["static"]) - face.detail.static[mask])
    off["crop, pixels"] = np.abs(
        [*(np.array(found["box"]["centre"]) - face.box.centre), found["box"]["side"] - face.box.side]
    )
    for name, much in off.items():
        record_property(name, worst(much))
    record_property("seconds of the processor, drawing without a card included", round(visit.processor, 1))
    record_property("seconds", json.dumps({k: round(v / 1e3, 2) for k, v in found["times"].items() if k != "threads"}))
    assert off["landmarks68, photo pixels"].max() < 0.02 * face.box.side
    assert np.median(off["vertices, mm"]) < 0.5
    assert np.median(off["identity"]) < 0.1
    assert np.median(off["expression"]) < 0.02


def test_before_refinement_too(visit, model, record_property):
    """The same crop through the network alone: what is left is decoding, cropping and half floats."""
    box = visit.found["box"]
    from hiface.photo.crop import CropBox
    from hiface.photo.read import read_photo

    crop = CropBox(tuple(box["centre"]), box["side"], box["roll"])
    prediction, _ = model.predict(read_photo(PHOTO), [crop], twice=True)
    for name in ("identity", "expression"):
        off = np.abs(np.array(visit.found["first"][name]) - getattr(prediction.coefficients, name)[0].numpy())
        record_property(f"{name}, same crop", worst(off))
        assert np.median(off) < 0.02


def test_everything_has_a_name(visit):
    roles = {"slider", "checkbox", "radio", "button", "searchbox", "switch", "image", "radiogroup"}
    assert not [role for role, name in visit.names if role in roles and not name.strip()]
    assert any("Another photo" in name for _, name in visit.names)
    assert set(ARKIT) <= set(visit.units)


def test_it_fits_a_phone(visit):
    assert visit.width <= 390
