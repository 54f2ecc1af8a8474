"""The upload page in a headless browser, before a stand-in for the model."""

import pytest

from serve.test_server import picture, running
from view.browser import CHROMIUM, DRIVER, MISSING, browser

pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason=MISSING)

DROP = """
const made = (bytes, name, type) => new File([new Uint8Array(bytes)], name, { type });
const dropped = new DataTransfer();
dropped.items.add(made(args[0], "<b>me</b>.png", "image/png"));
dropped.items.add(made([104, 101, 108, 108, 111], "notes.txt", "text/plain"));
dropped.items.add(made(new ArrayBuffer(1500000), "large.tif", "image/tiff"));
dispatchEvent(new DragEvent("drop", { dataTransfer: dropped }));
const told = () => Object.fromEntries([...document.querySelectorAll("li")].map((card) =>
  [card.querySelector(".name").textContent, card.querySelector(".said").textContent]));
for (let k = 0; k < 100 && Object.values(told()).some((text) => /wait|send|shap/.test(text)); k += 1)
  await new Promise((done) => setTimeout(done, 100));
return told();
"""
SEE = """
document.querySelector(".faces button").click();
const frame = document.getElementById("face");
await new Promise((done) => frame.addEventListener("load", done, { once: true }));
return frame.contentDocument.body.textContent;
"""
REMOVE = """
document.querySelector("dialog button").click();
document.querySelectorAll(".remove").forEach((button) => button.click());
await new Promise((done) => setTimeout(done, 400));
return document.querySelectorAll("li").length;
"""


def test_photos_are_dropped_seen_and_removed():
    with running() as server, browser() as page:
        page.open(f"http://127.0.0.1:{server.port}/")
        told = page.run(DROP, list(picture()))
        assert told["<b>me</b>.png"] == "2 faces"
        assert "known kind" in told["notes.txt"]
        assert "above the limit of 1 MB" in told["large.tif"]
        assert page.run(SEE) == f"{len(picture())}"
        assert page.run(REMOVE) == 0
        assert len(server.desk) == 0
        assert all(f"127.0.0.1:{server.port}" in url or url.startswith(("blob:", "data:")) for url in page.requests())
        wrong = [entry["message"] for entry in page.log("browser") if "415" not in entry["message"]]
        assert wrong == []
