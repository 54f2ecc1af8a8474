"""The page that works without a server's help, as a folder of plain files for any static server."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from string import Template

import hiface
from hiface.assets.format import json_text, write_atomically
from hiface.assets.store import locate
from hiface.browser.constants import write_client_data
from hiface.browser.runtime import runtime_files
from hiface.export.onnx import write_network
from hiface.model import HiFace
from hiface.view.html import FIRST, LIBRARY, page_body
from hiface.view.html import SOURCES as SHARED

SOURCES = Path(__file__).parent / "page"
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; connect-src 'self';"
    " style-src 'self'; img-src blob: data:; base-uri 'none'; form-action 'none'"
)
"""Requests go to where the page came from and nowhere else; WebAssembly may run, strings may not."""
HEADERS = f"""/*
  Cross-Origin-Opener-Policy: same-origin
  Cross-Origin-Embedder-Policy: require-corp
  Content-Security-Policy: {POLICY}
"""
"""For hosts that read `_headers`: the first two let the network use several threads, the third binds those as well."""
_USED = re.compile(r"THREE\.(\w+)")


def write_models(model: HiFace, folder: Path, half: bool = True) -> None:
    """Write the networks and the constants: `network.onnx`, `yunet.onnx`, `model.pack`, `model.json`."""
    write_network(model.reconstructor, folder / "network.onnx", half, {"weights": model.weights_id})
    write_client_data(model, folder)
    write_atomically(folder / "yunet.onnx", lambda path: shutil.copyfile(locate("yunet.onnx"), path))


def write_site(model: HiFace, folder: Path, runtime: Path) -> dict[str, int]:
    """Write the whole site; returns the files that a visit fetches and their bytes.

    runtime: ONNX Runtime Web (`hiface.browser.runtime`). A client of one's own may import the modules as they are.
    """
    files = runtime_files(runtime)
    write_models(model, folder / "model")
    for name, data in files.items():
        _write(folder / "ort" / name, data)
    modules = scripts()
    for name, text in {**modules, **_texts()}.items():
        _write(folder / name, text.encode())
    _write(folder / LIBRARY, library(modules).encode())
    _write(folder / "_headers", HEADERS.encode())
    sizes = {str(path.relative_to(folder).as_posix()): path.stat().st_size for path in _fetched(folder)}
    _write(folder / "sizes.json", json_text(sizes).encode())
    return sizes


def scripts() -> dict[str, str]:
    """The modules, by name: those of `hiface view` but its start, and the page's own."""
    paths = [path for path in SHARED.glob("*.js") if path.name not in (FIRST, LIBRARY)]
    return {path.name: path.read_text(encoding="utf-8") for path in [*paths, *SOURCES.glob("*.js")]}


def library(modules: dict[str, str]) -> str:
    """three.js as a module: the script that defines THREE, and what the modules take of it as exports."""
    names = sorted({name for text in modules.values() for name in _USED.findall(text)})
    script = (SHARED / LIBRARY).read_text(encoding="utf-8")
    return f"{script}\nexport const {{ {', '.join(names)} }} = THREE;\n"


def _texts() -> dict[str, str]:
    tools = (SOURCES / "tools.html").read_text(encoding="utf-8")
    body = page_body(
        '<span id="title"></span>', '<span id="size"></span>', "The photo stays in this page: nothing is sent.", tools
    )
    page = Template((SOURCES / "index.html").read_text(encoding="utf-8"))
    return {
        "index.html": page.substitute(policy=POLICY, version=hiface.__version__, body=body),
        "page.css": (SHARED / "page.css").read_text(encoding="utf-8"),
        "app.css": (SOURCES / "app.css").read_text(encoding="utf-8"),
    }


def _fetched(folder: Path) -> list[Path]:
    """All but what only a host or a reader looks at."""
    unread = ("_headers", "sizes.json", "LICENSE.txt")
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in unread)


def _write(path: Path, data: bytes) -> None:
    write_atomically(path, lambda temporary: temporary.write_bytes(data))
