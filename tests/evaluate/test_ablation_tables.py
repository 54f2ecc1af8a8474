"""Means, spreads and paired differences of the tables."""

import pytest

from hiface.evaluate.ablation.rows import Facts, Row
from hiface.evaluate.ablation.tables import COLUMNS, COMPARED, Results, group_table, long_csv
from hiface.train.config import TrainConfig

ROWS = [
    Row("full", Facts("full", "coarse"), TrainConfig()),
    Row("other", Facts("w/o it", "coarse", "full"), TrainConfig()),
    Row("waiting", Facts("not yet", "coarse", "full"), TrainConfig()),
]
OF = {
    "full": {1: {"shape": 1.0, "detailed": 0.5}, 2: {"shape": 3.0, "detailed": 0.7}},
    "other": {1: {"shape": 1.2, "detailed": 0.4}, 2: {"shape": 3.4, "detailed": 0.5}, 3: {"shape": 9.0, "detailed": 0}},
    "waiting": {},
}
RESULTS = Results(ROWS, OF, 9)


def cell(table, row, column):
    return next(r for r in table.rows if r[0] == row)[table.columns.index(column)]


def test_cells_are_mean_and_spread_over_seeds():
    table = group_table(RESULTS, "coarse")
    assert cell(table, "full", "neutral shape") == "2.0000 ± 1.4142"
    assert cell(table, "w/o it", "detailed") == "0.3000 ± 0.2646"


def test_changes_are_paired_by_seed():
    """The third seed, which the reference lacks, plays no part; what a seed does to both falls out."""
    table = group_table(RESULTS, "coarse")
    assert cell(table, "w/o it", "neutral shape: change") == "+0.3000 ± 0.1414"
    assert cell(table, "w/o it", "detailed: change") == "-0.1500 ± 0.0707"
    assert cell(table, "full", "detailed: change") == "–"


def test_unfinished_rows_and_unmeasured_columns_are_left_out_and_counted():
    table = group_table(RESULTS, "coarse")
    assert [r[0] for r in table.rows] == ["full", "w/o it"]
    assert "photos, %" not in table.columns
    assert table.notes[0].startswith("5 of 9 runs")


def test_one_seed_has_no_spread():
    single = Results(ROWS, {n: {s: f for s, f in of.items() if s == 1} for n, of in OF.items()}, 3)
    assert cell(group_table(single, "coarse"), "full", "neutral shape") == "1.0000"


def test_every_figure_of_every_run_is_in_the_csv():
    lines = long_csv(RESULTS).splitlines()
    assert lines[0] == "groups,row,title,seed,figure,value"
    assert len(lines) == 1 + 10
    assert "coarse,other,w/o it,2,shape,3.4" in lines


@pytest.mark.parametrize("group", COLUMNS)
def test_compared_figures_have_a_column(group):
    assert set(COMPARED[group]) <= {f for _, f in COLUMNS[group]}
