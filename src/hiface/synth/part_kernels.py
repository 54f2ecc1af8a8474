"""The compiled loops of part maps: the class of every sample, the class of a pixel, and means over its own samples."""

from __future__ import annotations

from typing import no_type_check

from hiface.face.parts import Part
from hiface.synth.body import EYE, LASH, NECK, SKIN, SOCKET
from hiface.synth.kernels import blend3, compiled, corner_weights, f32, inlined

_SKIN, _BROWS, _EYES, _LIPS, _MOUTH, _EARS, _NECK, _HAIR, _BEARD = (int(part) for part in list(Part)[1:10])
ROOTS, STUBBLE, BROW = 0.2, 0.4, 0.15
"""Shares of colour from which hair roots are hair and stubble is a beard; of a brow's smoothed cover."""


@compiled
@no_type_check
def body_parts(face_id, screen, triangles, material, uv, growth, regions, brow, beard, scalp, out):
    """Fills `out` (uint8) with the class of every sample that sees the body.

    `growth`: beard, lips, scalp per corner; `regions`: ears, neck; `brow`: smoothed cover of the brows, face tile.
    """
    height, width = face_id.shape
    count = triangles.shape[0]
    side = brow.shape[0]
    for y in range(height):
        for x in range(width):
            t = face_id[y, x]
            if t < 0 or t >= count:
                continue
            m = material[t]
            if m > NECK:
                out[y, x] = _EYES if m in (EYE, SOCKET, LASH) else _MOUTH
                continue
            i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            w0, w1, w2 = corner_weights(screen, i, j, k, f32(x), f32(y))
            hairy, lips, roots = blend3(growth, i, j, k, w0, w1, w2)
            part = _SKIN
            if regions[i, 1] * w0 + regions[j, 1] * w1 + regions[k, 1] * w2 > f32(0.5):
                part = _NECK
            if regions[i, 0] * w0 + regions[j, 0] * w1 + regions[k, 0] * w2 > f32(0.5):
                part = _EARS
            if hairy * beard > f32(STUBBLE):
                part = _BEARD
            if lips > f32(0.5):
                part = _LIPS
            if m == SKIN:
                u = uv[i, 0] * w0 + uv[j, 0] * w1 + uv[k, 0] * w2
                v = uv[i, 1] * w0 + uv[j, 1] * w1 + uv[k, 1] * w2
                column, row = min(max(int(u * side), 0), side - 1), min(max(int((1 - v) * side), 0), side - 1)
                if brow[row, column] > f32(BROW):
                    part = _BROWS
            if roots * scalp > f32(ROOTS):
                part = _HAIR
            out[y, x] = part


@inlined
@no_type_check
def _most(fine, row, column):
    """The class of most of a pixel's four samples, of equally many the later one, and how many they are."""
    best, most = 0, 0
    for s in range(4):
        part = fine[2 * row + (s >> 1), 2 * column + (s & 1)]
        same = 0
        for q in range(4):
            if fine[2 * row + (q >> 1), 2 * column + (q & 1)] == part:
                same += 1
        if same > most or (same == most and part > best):
            best, most = part, same
    return best, most


@compiled
@no_type_check
def pool_parts(fine, out):
    """The class of most of a pixel's four samples; of equally many, the later class."""
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            out[row, column] = _most(fine, row, column)[0]


@compiled
@no_type_check
def pool_of_part(values, fine, out):
    """Means of `values` (H, W, C) over those samples of a pixel that are of its class, as `pool_parts` says."""
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            best, most = _most(fine, row, column)
            for c in range(values.shape[2]):
                total = f32(0)
                for s in range(4):
                    y, x = 2 * row + (s >> 1), 2 * column + (s & 1)
                    if fine[y, x] == best:
                        total += values[y, x, c]
                out[row, column, c] = total / f32(most)
