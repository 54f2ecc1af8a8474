"""Tables and progress on the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

if TYPE_CHECKING:
    from hiface.evaluate.rulers import Section


def show(sections: Sequence[Section]) -> None:
    """A ruler's tables, printed with their notes."""
    for section in sections:
        show_rows(section.title, section.rows)
        for note in section.notes:
            Console().print(note, style="dim")


def show_rows(title: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Rows of figures, printed; the column `group` names the rows."""
    table = Table(title=title)
    for name in rows[0]:
        table.add_column(name, justify="left" if name == "group" else "right")
    for row in rows:
        table.add_row(*("–" if v is None else str(v) for v in row.values()))
    Console().print(table)


@contextmanager
def progress() -> Iterator[Callable[[int, int, str], None]]:
    """A function that is told (done, total, what) and shows a bar for each `what`."""
    with Progress(console=Console(stderr=True), transient=True) as bars:
        tasks = {}

        def told(done: int, total: int, what: str) -> None:
            if (what, total) not in tasks:
                tasks[what, total] = bars.add_task(what, total=total)
            bars.update(tasks[what, total], completed=done)

        yield told
