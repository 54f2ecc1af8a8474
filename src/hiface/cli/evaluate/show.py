"""Tables, progress bars and problems on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from hiface.evaluate.jobs import Problem
from hiface.evaluate.methods import Progress as Report


def show(title: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Rows of figures, printed; the column `group` names the rows."""
    table = Table(title=title)
    for name in rows[0]:
        table.add_column(name, justify="left" if name == "group" else "right")
    for row in rows:
        table.add_row(*(str(v) for v in row.values()))
    Console().print(table)


@contextmanager
def bars() -> Iterator[Report]:
    """Progress bars, one for each title that is reported."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        tasks: dict[str, TaskID] = {}

        def report(title: str, done: int, total: int, name: str) -> None:
            if title not in tasks:
                tasks[title] = progress.add_task(title, total=total)
            progress.update(tasks[title], completed=done, total=total)

        yield report


def finish(table: Path, problems: Sequence[Problem], shown: int = 20) -> int:
    """Prints a Markdown table and the problems; the exit status: 1 where there are problems."""
    console = Console()
    console.print(Markdown(table.read_text(encoding="utf-8")))
    console.print(f"{table.parent}", highlight=False)
    for problem in problems[:shown]:
        console.print(f"{problem.name}: {problem.message}", style="red", markup=False, highlight=False, soft_wrap=True)
    if len(problems) > shown:
        console.print(f"... and {len(problems) - shown} more, in the summaries under {table.parent}", style="red")
    return 1 if problems else 0
