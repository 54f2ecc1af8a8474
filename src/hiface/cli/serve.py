"""`hiface serve`: the page with an upload."""

from __future__ import annotations

import logging
import signal
import webbrowser
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from hiface.errors import ConfigError
from hiface.model import load
from hiface.serve.desk import Desk, DeskLimits
from hiface.serve.index import index
from hiface.serve.pages import page_maker
from hiface.serve.server import FaceServer
from hiface.serve.upload import Limits

log = logging.getLogger(__name__)


def serve(
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    max_mb: float = 20.0,
    keep: float = 10.0,
    workers: int = 1,
    open_page: Annotated[bool, Parameter(name="--open")] = False,
    device: str = "auto",
    weights: str = "hiface.safetensors",
) -> None:
    """Take photos in a browser and show their faces as pages. Nothing is kept.

    Photos and pages lie in nameless temporary files, which are freed some minutes after they were made, and at the
    latest when the server ends.

    Parameters
    ----------
    host
        Address to listen on. 127.0.0.1 is reached from this machine alone; any other lets others in, unencrypted and
        without a password.
    port
        Port to listen on; 0 takes a free one.
    max_mb
        Largest photo, MB.
    keep
        Minutes for which a result is held.
    workers
        Photos worked on at a time. One uses all cores already; more help only where there are many.
    open_page
        Open the page in the browser.
    device
        "auto", "cpu" or "cuda".
    weights
        A weight file; the shipped one unless given.
    """
    if not 0 < max_mb <= 1000 or keep <= 0 or not 1 <= workers <= 64:
        raise ConfigError("expected --max-mb above 0 and up to 1000, --keep above 0, --workers from 1 to 64")
    limits, held = Limits(megabytes=max_mb), DeskLimits(keep_s=60 * keep)
    with Desk(page_maker(load(weights, device)), held, workers) as desk:
        server = FaceServer(host, port, desk, index(max_mb, held.keep_s), limits)
        signal.signal(signal.SIGTERM, _end)
        address = f"http://{f'[{host}]' if ':' in host else host}:{server.port}/"
        log.info("%s (Ctrl+C ends it)", address)
        if not server.local:
            Console(stderr=True).print(
                f"[yellow]warning:[/yellow] {host} lets other machines in: photos travel unencrypted and anybody may"
                " upload. Use 127.0.0.1, or put a server with TLS and a password in front.",
                soft_wrap=True,
            )
        if open_page:
            webbrowser.open(address)
        with server:
            server.serve_forever()


def _end(*_: object) -> None:
    raise KeyboardInterrupt
