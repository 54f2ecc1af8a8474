"""`hiface export`: the network and the models for other programs; the page that needs none."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

log = logging.getLogger(__name__)
app = App(name="export", help="The network as ONNX with what a client needs; the page that works in a browser alone.")


@app.command
def onnx(
    *,
    out: Annotated[Path, Parameter(alias="-o")],
    single: bool = False,
    weights: str = "hiface.safetensors",
) -> None:
    """Write the network as ONNX and the face model, detail, albedo and rules that a client without torch needs.

    Writes network.onnx, yunet.onnx (the detector), model.pack (arrays, gzip) and model.json (names, constants, and
    where each array lies in the pack); docs/browser.md describes them. Needs `pip install 'hiface[onnx]'`.

    Parameters
    ----------
    out
        Folder to write to.
    single
        Store weights as single floats, twice the size: for runtimes that cannot widen half floats.
    weights
        A weight file; the shipped one unless given.
    """
    from hiface.browser.site import write_models
    from hiface.model import load

    write_models(load(weights, "cpu"), out, half=not single)
    for path in sorted(out.iterdir()):
        log.info("%s  %.1f MB", path, path.stat().st_size / 1e6)


@app.command
def browser(
    *,
    out: Annotated[Path, Parameter(alias="-o")],
    ort: Path,
    weights: str = "hiface.safetensors",
) -> None:
    """Write the page that makes faces of photos in the browser alone, as a folder for any static server.

    It needs ONNX Runtime Web, which does not ship with HiFace: `npm pack onnxruntime-web` fetches it. Serve the folder,
    for instance by `python -m http.server -d FOLDER`; a page opened from disk may not read the files beside it.

    Parameters
    ----------
    out
        Folder to write to.
    ort
        onnxruntime-web-VERSION.tgz of `npm pack`, or node_modules/onnxruntime-web.
    weights
        A weight file; the shipped one unless given.
    """
    from hiface.browser.site import write_site
    from hiface.model import load

    sizes = write_site(load(weights, "cpu"), out, ort)
    log.info("%s: %.1f MB to fetch", out / "index.html", sum(sizes.values()) / 1e6)
