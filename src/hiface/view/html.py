"""The page as one file: template, style, script and data put together, with nothing left to fetch."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from functools import lru_cache
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

import hiface
from hiface.assets.format import write_atomically
from hiface.errors import OutputError
from hiface.export.texture import FaceTexture
from hiface.view.face_data import PageData, page_data
from hiface.view.pack import packed

if TYPE_CHECKING:
    from hiface.model import Reconstruction

SOURCES = Path(__file__).parent / "page"
LIBRARY, FIRST = "three.min.js", "main.js"
"""The one foreign script, which defines THREE, and the module that starts the page."""
_NOTE = "This file holds a photo and asks nothing of a network."
_IMPORT = re.compile(r'^import (\{[^}]*\}|\* as \w+) from "\./([\w.]+)";\n', re.M)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const) (\w+))", re.M)


def write_page(
    path: str | Path, result: Reconstruction, title: str | None = None, texture: FaceTexture | None = None
) -> Path:
    """Write the page of a face; returns the path. Raises `OutputError` where it cannot be written.

    title: what to call the face, the photo's file name unless given. texture: of
    `hiface.export.folder.face_texture`, where the caller has it already.
    """
    text = page_text(page_data(result, texture), title or Path(result.photo.name).name)
    return write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def page_text(data: PageData, title: str) -> str:
    """The whole page. Its own policy forbids the browser every request, and every script but this one."""
    pictures = {f"picture.{name}": picture for name, picture in data.pictures.items()}
    body, table = packed({**data.arrays, **pictures})
    script, style = linked_script(), _source("page.css")
    return Template(_source("page.html")).substitute(
        policy=_policy(script, style),
        version=hiface.__version__,
        title=html.escape(title),
        body=page_body(html.escape(title), html.escape(data.meta["metric_assumption"])),
        style=style,
        script=script,
        meta=_json_in_html({**data.meta, "arrays": table}),
        data=body,
    )


def page_body(title: str, size: str, note: str = _NOTE, tools: str = "") -> str:
    """Stage and panel, as HTML. What is put in is HTML already; `tools` stands at the head of the panel."""
    return Template(_source("body.html")).substitute(title=title, size=size, note=note, tools=tools)


def _policy(script: str, style: str) -> str:
    hashes = [base64.b64encode(hashlib.sha256(part.encode()).digest()).decode() for part in (script, style)]
    return (
        f"default-src 'none'; script-src 'sha256-{hashes[0]}'; style-src 'sha256-{hashes[1]}'; img-src blob:;"
        " base-uri 'none'; form-action 'none'"
    )


def _json_in_html(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


@lru_cache(maxsize=1)
def linked_script() -> str:
    """The library and all modules that `main.js` needs, each in a scope of its own, as one script.

    Browsers do not let a page from disk import modules beside it, so imports become constants here.
    """
    done: dict[str, str] = {}
    _link(FIRST, done)
    script = "\n".join([_source(LIBRARY), '"use strict";', *done.values()])
    if "</script" in script.lower():
        raise OutputError("the page's script holds the end of a script; it would end there")
    return script


def _link(name: str, done: dict[str, str]) -> None:
    """Add a module and what it imports to `done`, imports first."""
    source = _source(name)
    brought = []
    for names, module in _IMPORT.findall(source):
        if module == LIBRARY:
            continue
        if module not in done:
            _link(module, done)
        brought.append(f"const {names} = {_scope(module)};")
    exported = _EXPORT.findall(source)
    body = _EXPORT.sub("", _IMPORT.sub("", source))
    head = "\n".join(brought)
    done[name] = f"const {_scope(name)} = (() => {{\n{head}\n{body}\nreturn {{ {', '.join(exported)} }};\n}})();"


def _scope(module: str) -> str:
    return module.removesuffix(".js") + "_js"


def _source(name: str) -> str:
    return (SOURCES / name).read_text(encoding="utf-8")
