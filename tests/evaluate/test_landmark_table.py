"""The landmark table: groups partition the photos, figures are those of the errors."""

import numpy as np
import pytest

from hiface.evaluate.landmarks import LandmarkErrors, table


def test_groups_partition_the_photos():
    rng = np.random.default_rng(0)
    each = rng.uniform(1, 5, (40, 68))
    errors = LandmarkErrors(
        each, np.array(["20-29", "60-69"] * 20), np.array(["Female"] * 15 + ["Male"] * 25), np.array([""] * 40),
        rng.uniform(-80, 80, 40), np.array([""] * 40), 0,
    )  # fmt: skip
    rows = {row["group"]: row for row in table(errors)}
    assert rows["all"]["median 68"] == pytest.approx(np.median(each.mean(1)), abs=0.006)
    assert rows["all"]["mean 51"] == pytest.approx(each[:, 17:].mean(), abs=0.006)
    for title in ("age", "gender", "race", "yaw"):
        assert sum(row["photos"] for name, row in rows.items() if name.startswith(title)) == 40
    female = each[:15].mean(1)
    assert rows["gender: Female"]["90 % 68"] == pytest.approx(np.percentile(female, 90), abs=0.006)
    assert "race: unknown" in rows
