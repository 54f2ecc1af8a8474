"""Frames a second of a page of `hiface view`, in Chromium without a graphics card.

python -m benchmarks.page_frames FACE.html

A turned frame is the camera moved, a slider frame one expression unit moved. Beside frames a second of the clock
stands the processor time of all of Chromium's processes a frame: on a busy machine that is the figure to go by.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from view.browser import Browser, browser, processor_seconds, wait_until

FRAMES = 10
TURN = "hiface.stage.turn(0.01 * (k % 2 ? 1 : -1), 0)"
SLIDER = "hiface.state.set('{unit}', 0.2 + 0.02 * k)"
DRAW = """
const gl = hiface.stage.renderer.getContext(), pixel = new Uint8Array(4), started = performance.now();
for (let k = 0; k < args[0]; k++) {{
  {act};
  hiface.draw(performance.now(), {quick});
  gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);  // waits until it is drawn
}}
return performance.now() - started;
"""
PARTS = """
const { face, state } = hiface, told = {};
const time = (name, act) => {
  const started = performance.now();
  for (let k = 0; k < 10; k++) act();
  told[name] = (performance.now() - started) / 10;
};
const update = () => face.update(state.weights, state.turn);
time("processor's part of a slider", () => { state.set("jawOpen", Math.random()); update(); });
time("processor's part of a turn of the head", () => { state.setTurn(1, Math.random() / 3); update(); });
return told;
"""


def measured(page: Browser, act: str, quick: str) -> tuple[float, float]:
    """Seconds of the clock and of the processor a frame."""
    script = DRAW.format(act=act, quick=quick)
    page.run(script, 2)
    before, started = processor_seconds(os.getpid()), time.perf_counter()
    page.run(script, FRAMES)
    return (time.perf_counter() - started) / FRAMES, (processor_seconds(os.getpid()) - before) / FRAMES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path)
    parser.add_argument("--side", type=int, default=512)
    given = parser.parse_args()
    print(f"page: {given.page.stat().st_size / 1e6:.1f} MB")
    with browser(given.side + 340, given.side) as page:
        page.open(given.page.resolve().as_uri())
        wait_until(lambda: page.run("return document.body.classList.contains('ready')"), 240)
        page.run("document.getElementById('beside').click(); hiface.draw()")
        wait_until(lambda: page.run("return hiface.stage.canvas.clientWidth") == given.side)
        for name, act in (("turned", TURN), ("a slider moved", SLIDER.format(unit="browInnerUp"))):
            for look, quick in (("as in motion", "hiface.face.software"), ("with shadows", "false")):
                clock, processor = measured(page, act, quick)
                print(f"{name}, {look}: {1 / clock:.1f} frames/s, {1e3 * processor:.0f} ms of the processor a frame")
        for name, much in page.run(PARTS).items():
            print(f"  {name}: {much:.1f} ms")


if __name__ == "__main__":
    main()
