"""Tables on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table


def show(title: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Rows of figures, printed; the column `group` names the rows."""
    table = Table(title=title)
    for name in rows[0]:
        table.add_column(name, justify="left" if name == "group" else "right")
    for row in rows:
        table.add_row(*(str(v) for v in row.values()))
    Console().print(table)
