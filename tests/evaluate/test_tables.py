"""Statistics, tables and colours; and that the whole ruler works where torch is not."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from hiface.errors import ConfigError
from hiface.evaluate.realy_regions import REGIONS
from hiface.evaluate.realy_tables import RealyRow, realy_table, summarise
from hiface.evaluate.report import (
    Table,
    colour_scale,
    comma_separated,
    curve_csv,
    error_colours,
    latex,
    markdown,
    write_table,
)
from hiface.evaluate.statistics import (
    Bootstrap,
    bootstrap_mean,
    bootstrap_median,
    cumulative_curve,
    summarise_means,
    summarise_pool,
)


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def test_the_two_protocols_standard_deviations():
    values = [1.0, 2.0, 4.0]
    assert summarise_means(values, list("abc"), Bootstrap()).sd == pytest.approx(np.std(values, ddof=1))
    pooled = summarise_pool([np.array(values[:2]), np.array(values[2:])], list("ab"), Bootstrap())
    assert pooled.sd == pytest.approx(np.std(values))
    assert pooled.mean == pytest.approx(np.mean(values))
    assert pooled.median == 2.0


def test_one_value_has_no_spread():
    summary = summarise_means([1.5], ["a"], Bootstrap())
    assert (summary.mean, summary.sd, summary.interval.low, summary.interval.high) == (1.5, 0.0, 1.5, 1.5)


def test_the_interval_of_a_mean_covers_as_often_as_it_says(rng):
    covered = 0
    for trial in range(200):
        interval = bootstrap_mean(rng.normal(size=40), range(40), Bootstrap(400, trial))
        covered += interval.low <= 0.0 <= interval.high
    assert 0.88 < covered / 200 < 0.99


def test_views_of_a_subject_are_drawn_together(rng):
    """Copies of one value tell nothing new: the interval is that of the subjects, and not narrower."""
    means = rng.normal(size=20)
    alone = bootstrap_mean(means, range(20), Bootstrap())
    copied = bootstrap_mean(np.repeat(means, 4), np.repeat(np.arange(20), 4).tolist(), Bootstrap())
    naive = bootstrap_mean(np.repeat(means, 4), range(80), Bootstrap())
    assert (copied.low, copied.high) == pytest.approx((alone.low, alone.high))
    assert naive.high - naive.low < 0.7 * (alone.high - alone.low)


def test_the_interval_of_a_median_is_that_of_drawn_pools(rng):
    distances = [np.abs(rng.normal(size=400)) + 0.3 * k for k in range(5)]
    found = bootstrap_median(distances, range(5), Bootstrap(500, 1))
    counts = np.random.default_rng(1).multinomial(5, np.full(5, 0.2), 500)
    pools = (np.concatenate([d for d, n in zip(distances, row, strict=True) for _ in range(n)]) for row in counts)
    low, high = np.percentile([np.median(pool) for pool in pools], [2.5, 97.5])
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.01)


def test_the_same_seed_gives_the_same_interval(rng):
    values = rng.normal(size=30)
    assert bootstrap_mean(values, range(30), Bootstrap()) == bootstrap_mean(values, range(30), Bootstrap())


def test_the_curve_counts_what_lies_below(rng):
    pools = [np.abs(rng.normal(size=300)), np.array([2.0, 2.0, 9.5])]
    curve = cumulative_curve(pools)
    pool = np.concatenate(pools)
    wanted = [100 * np.mean(pool < x) for x in curve.threshold_mm]
    np.testing.assert_allclose(curve.percent, wanted)
    assert (np.diff(curve.percent) >= 0).all()
    assert (curve.threshold_mm[0], curve.threshold_mm[-1]) == (0.0, 8.0)
    assert curve.percent[0] == 0.0
    assert curve.percent[-1] < 100.0
    assert len(curve_csv(curve).splitlines()) == len(curve.percent) + 1


TABLE = Table("50 % & more", ("method", "a_b"), (("x|y", "1.0 ± 0.1"), ("#2 {z}", "–")), ("Why.",))


def test_markdown_has_a_cell_for_each_column():
    lines = markdown(TABLE).splitlines()
    assert lines[2:] == [
        "| method | a_b |",
        "|---|---:|",
        r"| x\|y | 1.0 ± 0.1 |",
        "| #2 {z} | – |",
        "",
        "Why.",
    ]


def test_latex_escapes_what_latex_would_eat():
    text = latex(TABLE)
    assert r"\caption{50 \% \& more}" in text
    assert r"x|y & 1.0 $\pm$ 0.1 \\" in text
    assert r"\#2 \{z\} & -- \\" in text
    assert r"method & a\_b \\" in text
    assert text.count(r"\\") == 3
    assert "% Why." in text


def test_csv_is_read_back():
    rows = [("a,b", 0.1 + 0.2), ('"c"', 1e-9)]
    again = list(csv.reader(io.StringIO(comma_separated(("name", "mm"), rows))))
    assert again[0] == ["name", "mm"]
    assert [(name, float(mm)) for name, mm in again[1:]] == rows


def test_a_table_is_written_in_three_forms(tmp_path):
    write_table(tmp_path / "new", "table", TABLE)
    assert {p.name for p in (tmp_path / "new").iterdir()} == {"table.csv", "table.md", "table.tex"}


def test_a_ragged_table_is_refused():
    with pytest.raises(ConfigError, match="2 columns, but row"):
        Table("t", ("a", "b"), (("1",),))


def realy_summary(shift: float, incomplete: bool = False):
    columns = {region: [1.0 + k + shift, 2.0 + k + shift] for k, region in enumerate(REGIONS)}
    return summarise(columns, [1, 2], incomplete, Bootstrap())


def test_the_realy_table_is_laid_out_as_the_papers():
    summary = realy_summary(0.0)
    assert summary.all_mm == pytest.approx(3.0)
    assert summary.of("cheek").mean == pytest.approx(4.5)
    table = realy_table([RealyRow("ours", summary, realy_summary(1.0)), RealyRow("mean face", summary, None)])
    sides = [f"{view} {name}" for view in ("frontal", "side") for name in (*REGIONS, "all")]
    assert table.columns == ("method", *sides)
    assert table.rows[0][1] == "1.500 ± 0.707"
    assert table.rows[0][5].startswith("3.000 (")
    assert table.rows[0][10].startswith("4.000 (")
    assert table.rows[1][6:] == ("–",) * 5
    frontal_only = realy_table([RealyRow("ours", summary, None)])
    assert len(frontal_only.columns) == 6


def test_an_incomplete_run_is_said_below_the_table():
    rows = [RealyRow("ours", replace(realy_summary(0.0), incomplete=True), realy_summary(0.0))]
    (note,) = [note for note in realy_table(rows).notes if "Incomplete" in note]
    assert "ours, frontal: 2 meshes, 2 subjects" in note


def test_colours_run_from_zero_to_the_top_and_stay_there():
    colours = error_colours(np.array([0.0, 1.0, 2.0, 7.0]), 2.0)
    assert colours.shape == (4, 3)
    assert ((colours >= 0) & (colours <= 1)).all()
    np.testing.assert_array_equal(colours[2], colours[3])
    assert colours[0, 2] > colours[0, 0]
    assert colours[2, 0] > colours[2, 2]
    legend = colour_scale(2.0)
    np.testing.assert_array_equal(legend.strip[[0, -1]], colours[[0, 2]])
    assert legend.ticks_mm == (0.0, 0.5, 1.0, 1.5, 2.0)


def test_neighbouring_errors_have_neighbouring_colours_and_far_ones_differ():
    strip = colour_scale(1.0).strip
    assert np.abs(np.diff(strip, axis=0)).max() < 0.02
    apart = np.linalg.norm(strip[:, None] - strip[None], axis=-1)
    far = np.abs(np.subtract.outer(np.arange(256), np.arange(256))) > 40
    assert apart[far].min() > 0.15


def test_a_colour_scale_needs_a_top():
    with pytest.raises(ConfigError, match="must be positive"):
        error_colours(np.zeros(3), 0.0)


@pytest.mark.slow
def test_the_ruler_needs_no_torch():
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import hiface.evaluate.realy, hiface.evaluate.now, hiface.evaluate.report, hiface.geometry.surface"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
