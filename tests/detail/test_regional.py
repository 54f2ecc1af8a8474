"""Tension by region: a case whose answer is known, and the facts that an engine relies on."""

import numpy as np

from hiface.detail.regional import fit_rule
from hiface.detail.squeeze import UNITS
from hiface.geometry.tension import CEILING

NAMES = [f"{unit}{side}" for unit in UNITS for side in ("Left", "Right")]


def case(seed=0):
    """Two windows that do not touch, each with a pattern of its own that every unit moves by some amount."""
    rng = np.random.default_rng(seed)
    windows = np.zeros((2, 30), np.float32)
    windows[0, :12], windows[1, 14:28] = 1, 1
    patterns = windows * rng.uniform(0.2, 1, windows.shape)
    patterns /= patterns.max(1, keepdims=True)
    amounts = rng.uniform(0.1, 0.4, (2, len(NAMES)))
    return (amounts.T @ patterns).astype(np.float32), windows, patterns, amounts


def test_what_is_a_product_of_patterns_and_amounts_is_found_again():
    tension, windows, patterns, amounts = case()
    rule = fit_rule(tension, NAMES, windows, np.ones(30, np.float32))
    np.testing.assert_allclose(rule.masks, patterns, atol=0.02)  # the top is a quantile
    np.testing.assert_allclose(rule.coefficients, amounts, rtol=0.03)
    np.testing.assert_allclose(rule.coefficients.T @ rule.masks, tension, atol=0.01)


def test_masks_keep_to_their_windows_and_sums_to_one():
    tension, _, _, _ = case()
    rng = np.random.default_rng(1)
    windows = rng.uniform(0, 1, (3, 30)).astype(np.float32)
    windows[:, :5] = 0
    windows /= np.maximum(1, windows.sum(0))
    rule = fit_rule(tension - 0.5, NAMES, windows, rng.uniform(0, 1, 30).astype(np.float32))
    assert (rule.masks >= 0).all()
    assert (rule.masks <= windows + 1e-6).all()
    assert rule.masks.sum(0).max() <= 1 + 1e-6


def test_no_weights_no_tension_and_never_beyond_the_limit():
    tension, windows, _, _ = case()
    rule = fit_rule(tension, NAMES, windows, np.ones(30, np.float32))
    assert (rule.tension(np.zeros(len(NAMES))) == 0).all()
    assert (rule.tension_map(np.zeros(len(NAMES))) == 0).all()
    full = np.ones(len(NAMES))
    assert (rule.tension(100 * full) == CEILING).all()
    small = 1e-3 * full
    np.testing.assert_allclose(rule.tension(2 * small), 2 * rule.tension(small), rtol=1e-6)


def test_a_window_that_holds_no_vertex_does_no_harm():
    tension, windows, _, _ = case()
    windows[1] = 0
    rule = fit_rule(tension, NAMES, windows, np.ones(30, np.float32))
    assert np.isfinite(rule.coefficients).all()
    assert (rule.coefficients[1] == 0).all()
    assert (rule.masks[1] == 0).all()
