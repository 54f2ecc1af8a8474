"""The command line: one file a verb, each body one library call. Errors are one line and a non-zero exit."""

from __future__ import annotations

import logging
import sys

from cyclopts import App
from rich.console import Console
from rich.logging import RichHandler

import hiface
from hiface.errors import HiFaceError

app = App(
    name="hiface",
    version=hiface.__version__,
    help="One photo in, a detailed, animatable 3D face out.",
)

# The verbs' modules are imported by name when they are called for, so that `hiface --help` is quick.
app.command("hiface.cli.reconstruct:reconstruct")
app.command("hiface.cli.fit:fit")
app.command("hiface.cli.detail:detail")
app.command("hiface.cli.correspond:correspond")
app.command("hiface.cli.animate:animate")
app.command("hiface.cli.view:view")
app.command("hiface.cli.serve:serve")
app.command("hiface.cli.track:track")
app.command("hiface.cli.gallery:gallery")
app.command("hiface.cli.look:sample")
app.command("hiface.cli.look:modes")
app.command("hiface.cli.synth:synth")
app.command("hiface.cli.train:train")
app.command("hiface.cli.train:train_teacher")
app.command("hiface.cli.train:train_parser")
app.command("hiface.cli.train_dynamic:train_dynamic")
app.command("hiface.cli.convert:convert_model")
app.command("hiface.cli.evaluate:app", name="evaluate")
app.command("hiface.cli.build:app", name="build")
app.command("hiface.cli.export:app", name="export")


def main() -> None:
    """Entry point of the `hiface` command."""
    logging.basicConfig(
        level=logging.INFO,
        format="%(message)s",
        handlers=[RichHandler(console=Console(stderr=True), show_path=False, show_time=False)],
    )
    try:
        result = app(exit_on_error=True)
    except HiFaceError as error:
        Console(stderr=True).print(f"[red]hiface:[/red] {error}", soft_wrap=True, markup=True, highlight=False)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(result if isinstance(result, int) else 0)
