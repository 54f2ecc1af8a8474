"""Serves a folder of `hiface export browser` on this machine, with the headers that its file `_headers` names.

    python examples/browser/serve.py FOLDER [PORT]

Two of them isolate the page: without them browsers give it no shared memory, and so no threads.
"""

import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Isolated(SimpleHTTPRequestHandler):
    """Files, and the folder's headers."""

    headers_of_all: tuple[tuple[str, str], ...] = ()

    def end_headers(self) -> None:
        for name, value in self.headers_of_all:
            self.send_header(name, value)
        super().end_headers()


Isolated.extensions_map = {**SimpleHTTPRequestHandler.extensions_map, ".mjs": "text/javascript"}


def serve(folder: Path, port: int) -> ThreadingHTTPServer:
    """The server, not yet running."""
    lines = (folder / "_headers").read_text(encoding="utf-8").splitlines()[1:]
    parts = [line.strip().partition(": ") for line in lines]
    Isolated.headers_of_all = tuple((name, value) for name, _, value in parts)
    return ThreadingHTTPServer(("127.0.0.1", port), partial(Isolated, directory=str(folder)))


if __name__ == "__main__":
    server = serve(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 8080)
    sys.stderr.write(f"http://127.0.0.1:{server.server_port}/\n")
    server.serve_forever()
