"""The compiled loops of the renderer, one image each: rasterise, interpolate, and its gradient.

Imported only when a call needs them, since importing numba costs half a second. All arithmetic is in double
precision without fast-math: rasterise.py repeats it operation by operation in torch, and both must agree to
the last bit. They take arrays of one image: screen (V, 3), inverse_w (V), triangles (T, 3), face_id (H, W).
"""

from __future__ import annotations

from typing import no_type_check

import numpy as np

from hiface.render.compiled import compiled


@compiled
@no_type_check
def _corner(screen, i, x, y):
    """Corner i relative to the point (x, y)."""
    return np.float64(screen[i, 0]) - x, np.float64(screen[i, 1]) - y


@compiled
@no_type_check
def _first_and_last(x, size):
    """The first pixel whose centre is not below x, and the last one not above it, cut at the borders."""
    return min(max(np.ceil(x - 0.5), 0.0), size), max(min(np.floor(x - 0.5), size - 1.0), -1.0)


@compiled
@no_type_check
def _prepare(screen, inverse_w, height, width, points, boxes):
    """Per vertex x, y, z, 1/w in double precision, and the pixels beside it."""
    for i in range(len(screen)):
        points[i, 0], points[i, 1] = screen[i, 0], screen[i, 1]
        points[i, 2], points[i, 3] = screen[i, 2], inverse_w[i]
        boxes[i, 0], boxes[i, 1] = _first_and_last(points[i, 0], width)
        boxes[i, 2], boxes[i, 3] = _first_and_last(points[i, 1], height)


@compiled
@no_type_check
def rasterise_image(screen, inverse_w, triangles, face_id, depth):
    """Fills face_id with the nearest triangle's index or -1, depth (float32) with its depth or infinity."""
    height, width = face_id.shape
    face_id[:] = -1
    depth[:] = np.inf
    points, boxes = np.zeros((len(screen), 4)), np.zeros((len(screen), 4), np.int32)
    _prepare(screen, inverse_w, height, width, points, boxes)
    for t in range(len(triangles)):
        i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        x0, x1 = min(boxes[i, 0], boxes[j, 0], boxes[k, 0]), max(boxes[i, 1], boxes[j, 1], boxes[k, 1])
        y0, y1 = min(boxes[i, 2], boxes[j, 2], boxes[k, 2]), max(boxes[i, 3], boxes[j, 3], boxes[k, 3])
        if x1 < x0 or y1 < y0:
            continue
        ax, ay, za, qa = points[i]
        bx, by, zb, qb = points[j]
        cx, cy, zc, qc = points[k]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if not (0.0 < abs(area) < np.inf and qa > 0.0 and qb > 0.0 and qc > 0.0):
            continue
        if area < 0.0:
            bx, by, zb, qb, cx, cy, zc, qc = cx, cy, zc, qc, bx, by, zb, qb
        nearest = min(za, zb, zc)  # nothing can be won where the picture is nearer: saves a quarter of the time
        for y in range(y0, y1 + 1):
            ry, sy, ty = ay - (y + 0.5), by - (y + 0.5), cy - (y + 0.5)
            for x in range(x0, x1 + 1):
                if depth[y, x] < nearest:
                    continue
                rx, sx, tx = ax - (x + 0.5), bx - (x + 0.5), cx - (x + 0.5)
                e0, e1, e2 = sx * ty - tx * sy, tx * ry - rx * ty, rx * sy - sx * ry
                if min(e0, e1, e2) >= 0.0:
                    w0, w1, w2 = e0 * qa, e1 * qb, e2 * qc
                    z = np.float32((w0 * za + w1 * zb + w2 * zc) / (w0 + w1 + w2))
                    if z < depth[y, x]:
                        depth[y, x], face_id[y, x] = z, t


@compiled
@no_type_check
def _weights(screen, inverse_w, i, j, k, x, y):
    """Perspective-correct weights of three corners at the centre of a pixel."""
    ax, ay = _corner(screen, i, x + 0.5, y + 0.5)
    bx, by = _corner(screen, j, x + 0.5, y + 0.5)
    cx, cy = _corner(screen, k, x + 0.5, y + 0.5)
    w0 = (bx * cy - cx * by) * inverse_w[i]
    w1 = (cx * ay - ax * cy) * inverse_w[j]
    w2 = (ax * by - bx * ay) * inverse_w[k]
    s = 1.0 / (w0 + w1 + w2)
    return w0 * s, w1 * s, w2 * s


@compiled
@no_type_check
def weigh_image(screen, inverse_w, triangles, face_id, weights):
    """Fills weights (H, W, 3) where a triangle is seen, and leaves the rest."""
    height, width = face_id.shape
    for y in range(height):
        for x in range(width):
            t = face_id[y, x]
            if t >= 0:
                w = _weights(screen, inverse_w, triangles[t, 0], triangles[t, 1], triangles[t, 2], x, y)
                weights[y, x, 0], weights[y, x, 1], weights[y, x, 2] = w


@compiled
@no_type_check
def interpolate_image(screen, inverse_w, triangles, attributes, attribute_triangles, face_id, values):
    """Fills values (H, W, Q) where a triangle is seen, and leaves the rest."""
    height, width = face_id.shape
    for y in range(height):
        for x in range(width):
            t = face_id[y, x]
            if t < 0:
                continue
            w0, w1, w2 = _weights(screen, inverse_w, triangles[t, 0], triangles[t, 1], triangles[t, 2], x, y)
            l, m, n = attribute_triangles[t, 0], attribute_triangles[t, 1], attribute_triangles[t, 2]
            for q in range(attributes.shape[1]):
                values[y, x, q] = w0 * attributes[l, q] + w1 * attributes[m, q] + w2 * attributes[n, q]


@compiled
@no_type_check
def _height(ax, ay, bx, by, cx, cy):
    """The least height of a triangle."""
    longest = max((bx - ax) ** 2 + (by - ay) ** 2, (cx - bx) ** 2 + (cy - by) ** 2, (ax - cx) ** 2 + (ay - cy) ** 2)
    return abs((bx - ax) * (cy - ay) - (by - ay) * (cx - ax)) / np.sqrt(longest)


@compiled
@no_type_check
def interpolate_image_backward(
    screen,
    inverse_w,
    triangles,
    attributes,
    attribute_triangles,
    face_id,
    values,
    grad,
    thin,
    grad_screen,
    grad_w,
    grad_attributes,
):
    """Adds the gradients of `interpolate_image`; a gradient array of length 0 is not wanted.

    thin: the height in pixels below which a triangle's pull on its corners is damped.
    """
    height, width = face_id.shape
    for y in range(height):
        for x in range(width):
            t = face_id[y, x]
            if t < 0:
                continue
            i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            ax, ay = _corner(screen, i, x + 0.5, y + 0.5)
            bx, by = _corner(screen, j, x + 0.5, y + 0.5)
            cx, cy = _corner(screen, k, x + 0.5, y + 0.5)
            e0, e1, e2 = bx * cy - cx * by, cx * ay - ax * cy, ax * by - bx * ay
            w0, w1, w2 = e0 * inverse_w[i], e1 * inverse_w[j], e2 * inverse_w[k]
            s = 1.0 / (w0 + w1 + w2)
            l, m, n = attribute_triangles[t, 0], attribute_triangles[t, 1], attribute_triangles[t, 2]
            g0, g1, g2 = 0.0, 0.0, 0.0
            for q in range(attributes.shape[1]):
                g, value = grad[y, x, q] * s, values[y, x, q]
                if len(grad_attributes) > 0:
                    grad_attributes[l, q] += g * w0
                    grad_attributes[m, q] += g * w1
                    grad_attributes[n, q] += g * w2
                g0 += g * (attributes[l, q] - value)
                g1 += g * (attributes[m, q] - value)
                g2 += g * (attributes[n, q] - value)
            if len(grad_w) > 0:
                grad_w[i] += g0 * e0
                grad_w[j] += g1 * e1
                grad_w[k] += g2 * e2
            if len(grad_screen) > 0:
                share = min(_height(ax, ay, bx, by, cx, cy) / thin, 1.0)
                h0, h1, h2 = share * g0 * inverse_w[i], share * g1 * inverse_w[j], share * g2 * inverse_w[k]
                grad_screen[i, 0] += h2 * by - h1 * cy
                grad_screen[i, 1] += h1 * cx - h2 * bx
                grad_screen[j, 0] += h0 * cy - h2 * ay
                grad_screen[j, 1] += h2 * ax - h0 * cx
                grad_screen[k, 0] += h1 * ay - h0 * by
                grad_screen[k, 1] += h0 * bx - h1 * ax
