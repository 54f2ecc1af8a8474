"""What a ruler writes: one JSON of everything, and each table as CSV, Markdown and LaTeX."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hiface.assets.format import json_text
from hiface.evaluate.report import Table, write_table, write_text

Rows = Sequence[Mapping[str, object]]


@dataclass(frozen=True)
class Section:
    """A table of a ruler's figures; the column `group` names the rows, and all rows have the same columns."""

    title: str
    rows: Rows
    notes: tuple[str, ...] = ()

    def table(self) -> Table:
        columns = tuple(self.rows[0])
        rows = tuple(tuple(_cell(row[c]) for c in columns) for row in self.rows)
        return Table(self.title, columns, rows, self.notes)


def write_ruler(folder: str | Path, name: str, facts: Mapping[str, object], sections: Sequence[Section]) -> Path:
    """`name`.json and `name`_<table>.csv, .md, .tex; `facts` say which weights and data were measured."""
    for section in sections:
        write_table(folder, f"{name}_{_stem(section.title)}", section.table())
    tables = {s.title: {"rows": list(s.rows), "notes": s.notes} for s in sections}
    text = json_text(json.loads(json.dumps({**facts, "tables": tables})))
    return write_text(Path(folder) / f"{name}.json", text)


def _stem(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")[:60]


def _cell(value: object) -> str:
    return "–" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
