"""The compiled shading of hair and of things that are worn."""

from __future__ import annotations

import math
from typing import no_type_check

import numpy as np

from hiface.synth.kernels import (
    blend3,
    compiled,
    corner_weights,
    environment_texel,
    f32,
    inlined,
    irradiance,
    lit_share,
    unit,
)


@inlined
@no_type_check
def _shade_cloth(t, x, y, screen, points, normals, tangents, triangles, uv, texture, colour, gloss, power, light, out):
    """Radiance of a thing's triangle t at a place on the screen, seen from either side."""
    i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
    w0, w1, w2 = corner_weights(screen, i, j, k, x, y)
    nx, ny, nz = blend3(normals, i, j, k, w0, w1, w2)
    nx, ny, nz = unit(nx, ny, nz)
    px, py, pz = blend3(points, i, j, k, w0, w1, w2)
    vx, vy, vz = unit(-px, -py, -pz)
    lx, ly, lz = light.direction[0], light.direction[1], light.direction[2]
    seen = nx * vx + ny * vy + nz * vz
    if seen < 0:
        nx, ny, nz, seen = -nx, -ny, -nz, -seen
    u = uv[i, 0] * w0 + uv[j, 0] * w1 + uv[k, 0] * w2
    v = uv[i, 1] * w0 + uv[j, 1] * w1 + uv[k, 1] * w2
    row = min(max(int((1 - v) * texture.shape[0]), 0), texture.shape[0] - 1)
    column = min(max(int(u * texture.shape[1]), 0), texture.shape[1] - 1)
    facing = max(f32(0), nx * lx + ny * ly + nz * lz)
    lit = f32(0)
    if facing > 0 and light.key[0] > f32(0.01):
        lit = lit_share(light.shadow, light.shadow_from_camera, f32(light.softness), px, py, pz)
    hx, hy, hz = unit(lx + vx, ly + vy, lz + vz)
    if tangents.shape[0] > 1:  # strands shine in rings: Kajiya and Kay's cylinder
        tx, ty, tz = blend3(tangents, i, j, k, w0, w1, w2)
        tx, ty, tz = unit(tx, ty, tz)
        along = tx * hx + ty * hy + tz * hz
        half = math.sqrt(max(f32(0), 1 - along * along)) * min(f32(1), f32(0.3) + facing)
    else:
        half = max(f32(0), nx * hx + ny * hy + nz * hz)
    spark = gloss * (power + 8) * f32(0.0016) * half**power * lit * facing
    rx, ry, rz = 2 * seen * nx - vx, 2 * seen * ny - vy, 2 * seen * nz - vz
    er, ec = environment_texel(light.soft.shape[0], light.soft.shape[1], rx, ry, rz)
    mirror = gloss * (f32(0.012) + f32(0.06) * (1 - seen) ** 5)
    for c in range(3):
        around = max(irradiance(light.harmonics, nx, ny, nz, c), f32(0))
        own = texture[row, column, c] * colour[c]
        direct = light.key[c] * facing * lit
        out[c] = own * (around + direct) + spark * light.key[c] + mirror * light.soft[er, ec, c]


@compiled
@no_type_check
def shade_thing(
    face_id,
    first_id,
    fine,
    screen,
    points,
    normals,
    tangents,
    triangles,
    uv,
    texture,
    colour,
    gloss,
    power,
    light,
    out,
    mask,
):
    """Hair and other things: texture times colour; marks their samples in `mask`. One row of `tangents`: none.

    Unless `fine`, a block of four samples that are all of the thing is shaded once.
    """
    height, width = face_id.shape
    count = triangles.shape[0]
    own = np.zeros(3, np.float32)
    for by in range(0, height, 2):
        for bx in range(0, width, 2):
            whole = not fine
            for s in range(4):
                t = face_id[by + (s >> 1), bx + (s & 1)] - first_id
                if t < 0 or t >= count:
                    whole = False
            for s in range(4):
                y, x = by + (s >> 1), bx + (s & 1)
                t = face_id[y, x] - first_id
                if t < 0 or t >= count:
                    continue
                mask[y, x] = 1
                if not (whole and s > 0):
                    half = f32(0.5) if whole else f32(0)
                    _shade_cloth(
                        t, x + half, y + half, screen, points, normals, tangents, triangles, uv, texture, colour,
                        gloss, power, light, own,
                    )  # fmt: skip
                for c in range(3):
                    out[y, x, c] = own[c]
