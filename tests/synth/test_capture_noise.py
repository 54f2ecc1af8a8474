"""Noise of the captures: bounded, smooth, metric, the same for a seed."""

import numpy as np

from hiface.synth.captures.noise import along_flow, cells, value_noise


def line(length: float, count: int) -> np.ndarray:
    """Points along a slanted line in space."""
    return np.linspace(0, length, count)[:, None] * np.array([0.6, 0.64, 0.48])


def test_value_noise_is_bounded_smooth_and_repeatable():
    points = line(50, 5000)
    noise = value_noise(points, 2.0, 3)
    assert np.abs(noise).max() <= 1
    assert np.abs(np.diff(noise)).max() < 0.05
    np.testing.assert_array_equal(noise, value_noise(points, 2.0, 3))
    assert np.abs(noise - value_noise(points, 2.0, 4)).max() > 0.5


def test_value_noise_has_its_size_in_millimetres():
    def crossings(cell: float) -> int:
        return int((np.diff(np.sign(value_noise(line(400, 20000), cell, 1))) != 0).sum())

    assert 1.5 < crossings(2.0) / crossings(4.0) < 2.6


def test_cells_agree_with_a_search_through_all_their_points():
    """Distances to random points obey: nearest ≤ second, change no faster than one walks, and reach zero
    nowhere else."""
    points = line(20, 4000)
    found = cells(points, 1.5, 2)
    assert (found.nearest <= found.second).all()
    step = 20 / 3999
    assert np.abs(np.diff(found.nearest)).max() <= step * 1.001
    assert found.nearest.max() < 1.5 * np.sqrt(3)
    same = np.diff(found.identity) == 0
    walls = (found.second - found.nearest)[1:][~same]
    assert walls.max() < 2.1 * step  # the owner changes only where both points are equally far


def test_smearing_along_a_flow_keeps_stripes_along_it_and_blurs_those_across():
    rng = np.random.default_rng(0)
    side = 64
    flow = np.zeros((side, side, 2))
    flow[..., 0] = 1 / side  # a texel of u per mm
    along, across = (
        np.tile(rng.normal(size=(side, 1)), (1, side)),
        np.tile(rng.normal(size=(1, side)), (side, 1)),
    )
    middle = (slice(16, -16), slice(16, -16))
    kept, blurred = (along_flow(x, flow, 8, 1.0)[middle] for x in (along, across))
    assert np.corrcoef(kept.ravel(), along[middle].ravel())[0, 1] > 0.999
    assert blurred.std() < 0.5 * kept.std()
