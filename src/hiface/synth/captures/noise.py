"""Noise in space and along a flow: value noise, cells, line integral convolution. Compiled loops."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numba import njit

_AWAY = 500.3  # mm-scale offset that keeps all cells at positive integers


@njit(cache=True)
def _hash(i, j, k, seed):  # type: ignore[no-untyped-def]
    h = np.uint32(i * 374761393 + j * 668265263 + k * 1274126177 + seed * 974634533)
    h = (h ^ (h >> np.uint32(13))) * np.uint32(1274126177)
    h = h ^ (h >> np.uint32(16))
    return (h & np.uint32(0xFFFFFF)) / 16777215.0


@njit(cache=True)
def _fade(x):  # type: ignore[no-untyped-def]
    return x * x * x * (x * (x * 6 - 15) + 10)


@njit(cache=True, fastmath=True)
def _value_noise(points, cell, seed, out):  # type: ignore[no-untyped-def]
    for q in range(points.shape[0]):
        x, y, z = points[q, 0] / cell + _AWAY, points[q, 1] / cell + _AWAY, points[q, 2] / cell + _AWAY
        i, j, k = int(x), int(y), int(z)
        fx, fy, fz = _fade(x - i), _fade(y - j), _fade(z - k)
        total = 0.0
        for a in range(2):
            for b in range(2):
                for c in range(2):
                    weight = (fx if a else 1 - fx) * (fy if b else 1 - fy) * (fz if c else 1 - fz)
                    total += weight * _hash(i + a, j + b, k + c, seed)
        out[q] = 2 * total - 1


def value_noise(points: Float[np.ndarray, "*N 3"], cell_mm: float, seed: int) -> Float[np.ndarray, "*N"]:
    """Smooth noise in [−1, 1] at points in space, with cells of `cell_mm`."""
    flat = np.ascontiguousarray(points.reshape(-1, 3))
    out = np.zeros(len(flat))
    _value_noise(flat, cell_mm, seed, out)
    return out.reshape(points.shape[:-1])


@njit(cache=True, fastmath=True)
def _cells(points, cell, seed, nearest, second, identity):  # type: ignore[no-untyped-def]
    for q in range(points.shape[0]):
        x, y, z = points[q, 0] / cell + _AWAY, points[q, 1] / cell + _AWAY, points[q, 2] / cell + _AWAY
        i, j, k = int(x), int(y), int(z)
        best, next_best = 9.0, 9.0
        for a in range(-1, 2):
            for b in range(-1, 2):
                for c in range(-1, 2):
                    dx = i + a + _hash(i + a, j + b, k + c, seed) - x
                    dy = j + b + _hash(i + a, j + b, k + c, seed + 1) - y
                    dz = k + c + _hash(i + a, j + b, k + c, seed + 2) - z
                    square = dx * dx + dy * dy + dz * dz
                    if square < best:
                        best, next_best = square, best
                        identity[q] = _hash(i + a, j + b, k + c, seed + 3)
                    elif square < next_best:
                        next_best = square
        nearest[q], second[q] = np.sqrt(best) * cell, np.sqrt(next_best) * cell


@dataclass(frozen=True)
class Cells:
    """One random point in each cell of space, seen from many places."""

    nearest: Float[np.ndarray, "*N"]
    """Distance to the nearest point, mm."""
    second: Float[np.ndarray, "*N"]
    """Distance to the second nearest, mm; where both are alike lies a wall between two points."""
    identity: Float[np.ndarray, "*N"]
    """A number in [0, 1] that belongs to the nearest point."""


def cells(points: Float[np.ndarray, "*N 3"], cell_mm: float, seed: int) -> Cells:
    """Distances to random points, one in each cube of `cell_mm`."""
    flat = np.ascontiguousarray(points.reshape(-1, 3))
    found = [np.zeros(len(flat)) for _ in range(3)]
    _cells(flat, cell_mm, seed, *found)
    return Cells(*(values.reshape(points.shape[:-1]) for values in found))


@njit(cache=True, fastmath=True)
def _follow(noise, flow, row, column, sign, step, count):  # type: ignore[no-untyped-def]
    """Weighted sum of the noise along the flow one way from a texel, and the sum of the weights."""
    side = noise.shape[0]
    x, y, before_u, before_v, total, weights = column + 0.0, row + 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(count):
        i, j = min(max(int(y + 0.5), 0), side - 1), min(max(int(x + 0.5), 0), side - 1)
        du, dv = flow[i, j, 0], flow[i, j, 1]
        turn = sign if k == 0 else (1.0 if du * before_u + dv * before_v >= 0 else -1.0)
        du, dv = du * turn, dv * turn
        before_u, before_v = du, dv
        x, y = x + du * side * step, y - dv * side * step
        if x < 0 or y < 0 or x > side - 2 or y > side - 2:
            break
        xi, yi = int(x), int(y)
        fx, fy = x - xi, y - yi
        above = noise[yi, xi] * (1 - fx) + noise[yi, xi + 1] * fx
        below = noise[yi + 1, xi] * (1 - fx) + noise[yi + 1, xi + 1] * fx
        weight = 0.5 + 0.5 * np.cos(np.pi * (k + 1) / (count + 1))
        total += weight * (above * (1 - fy) + below * fy)
        weights += weight
    return total, weights


@njit(cache=True, fastmath=True)
def _convolve(noise, flow, step, count, out):  # type: ignore[no-untyped-def]
    for i in range(noise.shape[0]):
        for j in range(noise.shape[0]):
            ahead, weight_ahead = _follow(noise, flow, i, j, 1.0, step, count)
            behind, weight_behind = _follow(noise, flow, i, j, -1.0, step, count)
            out[i, j] = (noise[i, j] + ahead + behind) / np.sqrt(1 + weight_ahead + weight_behind)


def along_flow(
    noise: Float[np.ndarray, "R R"], flow: Float[np.ndarray, "R R 2"], half_length_mm: float, step_mm: float
) -> Float[np.ndarray, "R R"]:
    """Line integral convolution: `noise` smeared over ±`half_length_mm` along `flow` (UV per mm, sign
    free)."""
    out = np.zeros_like(noise)
    _convolve(noise, flow, step_mm, int(half_length_mm / step_mm), out)
    return out
