"""Serves a folder of `hiface export browser` on this machine, isolated, so that the network may use several threads.

python examples/browser/serve.py FOLDER [PORT]
"""

import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer


class Isolated(SimpleHTTPRequestHandler):
    """Two headers beside the files: without them browsers give a page no shared memory, and so no threads."""

    def end_headers(self) -> None:
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()


Isolated.extensions_map = {**SimpleHTTPRequestHandler.extensions_map, ".mjs": "text/javascript"}

if __name__ == "__main__":
    folder, port = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 8080
    server = ThreadingHTTPServer(("127.0.0.1", port), partial(Isolated, directory=folder))
    sys.stderr.write(f"http://127.0.0.1:{port}/\n")
    server.serve_forever()
