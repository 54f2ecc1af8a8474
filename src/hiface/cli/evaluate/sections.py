"""Rulers on the terminal: their tables with notes, and a bar for each thing that is asked of photos."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress, TaskID

from hiface.cli.evaluate.show import show

if TYPE_CHECKING:
    from hiface.evaluate.rulers import Section


def show_sections(sections: Sequence[Section]) -> None:
    """A ruler's tables, printed with their notes."""
    for section in sections:
        show(section.title, [{k: "–" if v is None else v for k, v in row.items()} for row in section.rows])
        for note in section.notes:
            Console().print(note, style="dim")


@contextmanager
def progress() -> Iterator[Callable[[int, int, str], None]]:
    """A function that is told (done, total, what) and shows a bar for each `what`."""
    with Progress(console=Console(stderr=True), transient=True) as bars:
        tasks: dict[tuple[str, int], TaskID] = {}

        def told(done: int, total: int, what: str) -> None:
            if (what, total) not in tasks:
                tasks[what, total] = bars.add_task(what, total=total)
            bars.update(tasks[what, total], completed=done)

        yield told
