"""The page that takes photos, as one text, with the policy that it is served under."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from string import Template

import hiface
from hiface.photo.read import MOST_PIXELS

_SOURCES = Path(__file__).parent / "page"


@dataclass(frozen=True)
class Index:
    """The page and its Content-Security-Policy."""

    text: bytes
    policy: str


def index(megabytes: float, keep_s: float) -> Index:
    """The upload page for these limits. It may run its own script alone, and ask its own server alone."""
    script, style = _source("upload.js"), _source("upload.css")
    limits = json.dumps({"most": int(megabytes * 1e6)})
    text = Template(_source("upload.html")).substitute(
        version=hiface.__version__,
        megabytes=f"{megabytes:g}",
        megapixels=MOST_PIXELS // 1_000_000,
        minutes=f"{keep_s / 60:.0f}",
        limits=limits,
        script=script,
        style=style,
    )
    hashes = [base64.b64encode(hashlib.sha256(part.encode()).digest()).decode() for part in (script, style)]
    policy = (
        f"default-src 'none'; script-src 'sha256-{hashes[0]}'; style-src 'sha256-{hashes[1]}'; img-src blob: data:;"
        " connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return Index(text.encode(), policy)


def _source(name: str) -> str:
    return (_SOURCES / name).read_text(encoding="utf-8")
