"""The compiled loops of the generator's drawing: normals, rasterisation with cut-outs, and look-ups of light and maps.

Arrays are float32 and of one picture. Pixel (0, 0) is the top-left one; here, unlike elsewhere in the package, its
centre lies at (0, 0), and `Camera` shifts by half a pixel at the border. A screen point holds x, y and 1 / depth,
which is linear on the screen and larger when nearer.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar, cast, no_type_check

import numba
import numpy as np

f32 = np.float32
_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(function: _Function) -> _Function:
    """The function compiled at its first call and kept on disk; sums may be reordered."""
    return cast(_Function, numba.njit(fastmath=True, cache=True, nogil=True, error_model="numpy")(function))


def inlined(function: _Function) -> _Function:
    """As `compiled`, but copied into its callers: passing many arrays costs more than these functions do."""
    options = {"fastmath": True, "cache": True, "inline": "always", "error_model": "numpy"}
    return cast(_Function, numba.njit(**options)(function))


@compiled
@no_type_check
def vertex_normals(points, triangles, normals):
    """Fills `normals` with area-weighted unit normals; a vertex without area keeps zero."""
    normals[:] = 0
    for t in range(triangles.shape[0]):
        i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, az = points[j, 0] - points[i, 0], points[j, 1] - points[i, 1], points[j, 2] - points[i, 2]
        bx, by, bz = points[k, 0] - points[i, 0], points[k, 1] - points[i, 1], points[k, 2] - points[i, 2]
        x, y, z = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
        for v in (i, j, k):
            normals[v, 0] += x
            normals[v, 1] += y
            normals[v, 2] += z
    for v in range(normals.shape[0]):
        square = normals[v, 0] ** 2 + normals[v, 1] ** 2 + normals[v, 2] ** 2
        scale = f32(1) / math.sqrt(square + f32(1e-12))
        for c in range(3):
            normals[v, c] *= scale


@inlined
@no_type_check
def coverage(cover, u, v, alpha):
    """How opaque a triangle is at a UV position, 0 to 255: its constant, or for 0 the texture's value there."""
    if cover != 0:
        return f32(cover)
    height, width = alpha.shape
    row = min(max(int((1 - v) * height), 0), height - 1)
    column = min(max(int(u * width), 0), width - 1)
    return f32(alpha[row, column])


@inlined
@no_type_check
def threshold(x, y):
    """Ordered thresholds of a 2×2 block, 0 to 255: averaging the block gives four levels of transparency."""
    step = (x & 1) * 2 + (y & 1) * 3
    return (f32(1 if step == 5 else step) + f32(0.5)) * f32(64)


@inlined
@no_type_check
def _inner(start, slope, low, high):
    """The part of low to high in which start + slope · x is not negative."""
    if slope > 0:
        low = max(low, -start / slope)
    elif slope < 0:
        high = min(high, -start / slope)
    return low, high


@compiled
@no_type_check
def rasterise(screen, triangles, cover, uv, alpha, first_id, culled, face_id, depth):
    """Draws triangles into `face_id` and `depth` (1 / depth, 0 where empty) where they are nearer than what is there.

    `cover`: 255 opaque, 0 the alpha texture's value, else a constant. `culled`: 1 skips triangles that run clockwise
    in the plane of x and y, -1 those that run the other way, 0 none.
    """
    height, width = face_id.shape
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, bx, by = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1]
        cx, cy = screen[c, 0], screen[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0 or area * culled > 0:
            continue
        x0 = max(0, math.ceil(min(ax, bx, cx)))
        x1 = min(width - 1, math.floor(max(ax, bx, cx)))
        y0 = max(0, math.ceil(min(ay, by, cy)))
        y1 = min(height - 1, math.floor(max(ay, by, cy)))
        if x1 < x0 or y1 < y0:
            continue
        inverse = f32(1) / area
        w1x, w1y = (cy - ay) * inverse, (ax - cx) * inverse
        w2x, w2y = (ay - by) * inverse, (bx - ax) * inverse
        w0x = -w1x - w2x
        za = screen[a, 2]
        zb, zc = screen[b, 2] - za, screen[c, 2] - za
        for y in range(y0, y1 + 1):
            e1 = (y - ay) * w1y - ax * w1x
            e2 = (y - ay) * w2y - ax * w2x
            first, last = x0, x1
            if x1 - x0 > 3:  # only where it saves more than it costs
                low, high = _inner(e1, w1x, f32(x0), f32(x1))
                low, high = _inner(e2, w2x, low, high)
                low, high = _inner(1 - e1 - e2, w0x, low, high)
                first, last = int(low), min(x1, int(high) + 1)
            for x in range(first, last + 1):
                w1, w2 = e1 + x * w1x, e2 + x * w2x
                if w1 < 0 or w2 < 0 or w1 + w2 > 1:
                    continue
                z = za + w1 * zb + w2 * zc
                if z <= depth[y, x]:
                    continue
                if cover[t] != 255:
                    w0 = 1 - w1 - w2
                    u = uv[a, 0] * w0 + uv[b, 0] * w1 + uv[c, 0] * w2
                    v = uv[a, 1] * w0 + uv[b, 1] * w1 + uv[c, 1] * w2
                    if coverage(cover[t], u, v, alpha) < threshold(x, y):
                        continue
                depth[y, x] = z
                face_id[y, x] = first_id + t


@inlined
@no_type_check
def corner_weights(screen, i, j, k, x, y):
    """Perspective-correct weights of a triangle's corners at a pixel."""
    ax, ay = screen[i, 0] - x, screen[i, 1] - y
    bx, by = screen[j, 0] - x, screen[j, 1] - y
    cx, cy = screen[k, 0] - x, screen[k, 1] - y
    w0 = (bx * cy - cx * by) * screen[i, 2]
    w1 = (cx * ay - ax * cy) * screen[j, 2]
    w2 = (ax * by - bx * ay) * screen[k, 2]
    scale = f32(1) / (w0 + w1 + w2)
    return w0 * scale, w1 * scale, w2 * scale


@inlined
@no_type_check
def blend3(values, i, j, k, w0, w1, w2):
    """A vertex field of three components inside a triangle."""
    return (
        values[i, 0] * w0 + values[j, 0] * w1 + values[k, 0] * w2,
        values[i, 1] * w0 + values[j, 1] * w1 + values[k, 1] * w2,
        values[i, 2] * w0 + values[j, 2] * w1 + values[k, 2] * w2,
    )


@inlined
@no_type_check
def unit(x, y, z):
    """The vector with length 1; zero stays."""
    scale = f32(1) / math.sqrt(x * x + y * y + z * z + f32(1e-12))
    return x * scale, y * scale, z * scale


@inlined
@no_type_check
def irradiance(light, x, y, z, channel):
    """Light that falls on a surface with a unit normal, divided by π; see `light.py` for the nine polynomials."""
    c = channel
    return (
        light[0, c] + light[1, c] * y + light[2, c] * z + light[3, c] * x
        + light[4, c] * x * y + light[5, c] * y * z + light[6, c] * (3 * z * z - 1)
        + light[7, c] * x * z + light[8, c] * (x * x - y * y)
    )  # fmt: skip


@inlined
@no_type_check
def environment_texel(height, width, x, y, z):
    """Row and column of an equirectangular map in a unit direction; column 0 looks along -z."""
    across = (math.atan2(x, z) / f32(2 * math.pi) + f32(0.5)) * width
    down = math.acos(min(max(y, f32(-1)), f32(1))) / f32(math.pi) * height
    return min(int(down), height - 1), int(across) % width


@inlined
@no_type_check
def bilinear(texture, u, v):
    """Three components of a square texture, v up, clamped at the border."""
    side = texture.shape[0]
    x = min(max(u * side - f32(0.5), f32(0)), f32(side - 1.01))
    y = min(max((1 - v) * side - f32(0.5), f32(0)), f32(side - 1.01))
    column, row = int(x), int(y)
    x, y = x - column, y - row
    a, b, c, d = (1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y
    upper, lower, right = texture[row, column], texture[row + 1, column], texture[row, column + 1]
    corner = texture[row + 1, column + 1]
    return (
        upper[0] * a + right[0] * b + lower[0] * c + corner[0] * d,
        upper[1] * a + right[1] * b + lower[1] * c + corner[1] * d,
        upper[2] * a + right[2] * b + lower[2] * c + corner[2] * d,
    )  # fmt: skip


@inlined
@no_type_check
def bilinear2(texture, u, v):
    """As `bilinear`, of two components."""
    side = texture.shape[0]
    x = min(max(u * side - f32(0.5), f32(0)), f32(side - 1.01))
    y = min(max((1 - v) * side - f32(0.5), f32(0)), f32(side - 1.01))
    i, j = int(x), int(y)
    x, y = x - i, y - j
    a, b, c, d = (1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y
    first = texture[j, i, 0] * a + texture[j, i + 1, 0] * b + texture[j + 1, i, 0] * c + texture[j + 1, i + 1, 0] * d
    second = texture[j, i, 1] * a + texture[j, i + 1, 1] * b + texture[j + 1, i, 1] * c + texture[j + 1, i + 1, 1] * d
    return first, second


@inlined
@no_type_check
def lit_share(shadow, matrix, softness, x, y, z):
    """Share of the main light that reaches a point: a 4×4 percentage-closer look-up in the shadow map."""
    side = shadow.shape[0]
    px = matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2] * z + matrix[0, 3]
    py = matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2] * z + matrix[1, 3]
    near = matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2] * z + f32(4.5)  # mm of slack against shadow acne
    share = f32(0)
    for j in range(-1, 3):
        row = min(max(int(py + (j - f32(0.5)) * softness + f32(0.5)), 0), side - 1)
        for i in range(-1, 3):
            column = min(max(int(px + (i - f32(0.5)) * softness + f32(0.5)), 0), side - 1)
            if shadow[row, column] < near:
                share += f32(0.0625)
    return share


@compiled
@no_type_check
def screen_maps(face_id, material, share, first_inside, last_inside, inside, hidden):
    """Fills two maps of half the size: how much of a 2×2 block lies inside eyes and mouth, and behind things.

    `material` of the body's triangles, `share` of each later triangle: how much light it keeps from skin around it.
    """
    count = material.shape[0]
    for row in range(inside.shape[0]):
        for column in range(inside.shape[1]):
            a, b = f32(0), f32(0)
            for s in range(4):
                t = face_id[2 * row + (s >> 1), 2 * column + (s & 1)]
                if t >= count:
                    b += share[t - count]
                elif t >= 0 and first_inside <= material[t] <= last_inside:
                    a += f32(1)
            inside[row, column] = a * f32(0.25)
            hidden[row, column] = b * f32(0.25)


@compiled
@no_type_check
def pool_radiance(radiance, cover, picture, share):
    """Means of 2×2 blocks: of the covered samples' radiance, and of the cover itself."""
    for row in range(picture.shape[0]):
        for column in range(picture.shape[1]):
            count = f32(0)
            r, g, b = f32(0), f32(0), f32(0)
            for s in range(4):
                y, x = 2 * row + (s >> 1), 2 * column + (s & 1)
                if cover[y, x]:
                    count += f32(1)
                    r += radiance[y, x, 0]
                    g += radiance[y, x, 1]
                    b += radiance[y, x, 2]
            scale = f32(1) / max(count, f32(1))
            picture[row, column, 0] = r * scale
            picture[row, column, 1] = g * scale
            picture[row, column, 2] = b * scale
            share[row, column] = count * f32(0.25)


@compiled
@no_type_check
def mix_textures(first, second, gain_a, gain_b, slow, out):
    """`out` = first · gain_a + second · gain_b, times 1 + the slowly changing map `slow`, within 0.002 and 0.9."""
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            for c in range(3):
                value = first[row, column, c] * gain_a[c] + second[row, column, c] * gain_b[c]
                value *= 1 + slow[row, column, c]
                out[row, column, c] = min(max(value, f32(0.002)), f32(0.9))
