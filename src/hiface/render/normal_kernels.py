"""The compiled loops of normals.py, one image each; imported only when a call needs them.

Vectors travel as tuples of three, which the compiler keeps in registers.
"""

from __future__ import annotations

from typing import no_type_check

import numpy as np

from hiface.render.compiled import compiled


@compiled
@no_type_check
def _at(array, i):
    return np.float64(array[i, 0]), np.float64(array[i, 1]), np.float64(array[i, 2])


@compiled
@no_type_check
def _add(array, i, v, sign):
    array[i, 0] += sign * v[0]
    array[i, 1] += sign * v[1]
    array[i, 2] += sign * v[2]


@compiled
@no_type_check
def _minus(a, b):
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


@compiled
@no_type_check
def _times(s, a):
    return s * a[0], s * a[1], s * a[2]


@compiled
@no_type_check
def _mix(s, a, t, b):
    """s a + t b."""
    return s * a[0] + t * b[0], s * a[1] + t * b[1], s * a[2] + t * b[2]


@compiled
@no_type_check
def _cross(a, b):
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


@compiled
@no_type_check
def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@compiled
@no_type_check
def _unit(a):
    """The unit vector and 1 / length; zeros for a vector without length."""
    square = _dot(a, a)
    inverse = 1.0 / np.sqrt(square) if square > 1e-24 else 0.0
    return _times(inverse, a), inverse


@compiled
@no_type_check
def _unit_backward(unit, inverse, g):
    """The gradient of a vector whose unit vector has gradient g."""
    along = _dot(unit, g)
    return _mix(inverse, g, -along * inverse, unit)


@compiled
@no_type_check
def vertex_normals_image(vertices, triangles, normals):
    """Fills normals (V, 3): unit, weighted by triangle area."""
    total = np.zeros((len(vertices), 3))
    for t in range(len(triangles)):
        i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        a = _at(vertices, i)
        n = _cross(_minus(_at(vertices, j), a), _minus(_at(vertices, k), a))
        _add(total, i, n, 1.0)
        _add(total, j, n, 1.0)
        _add(total, k, n, 1.0)
    for v in range(len(vertices)):
        _add(normals, v, _unit(_at(total, v))[0], 1.0)
    return total


@compiled
@no_type_check
def vertex_normals_image_backward(vertices, triangles, total, grad, grad_vertices):
    """Adds the gradient of `vertex_normals_image`; total (V, 3) is what that returned."""
    pull = np.zeros((len(vertices), 3))
    for v in range(len(vertices)):
        unit, inverse = _unit(_at(total, v))
        _add(pull, v, _unit_backward(unit, inverse, _at(grad, v)), 1.0)
    for t in range(len(triangles)):
        i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        a = _at(vertices, i)
        g = _mix(1.0, _mix(1.0, _at(pull, i), 1.0, _at(pull, j)), 1.0, _at(pull, k))
        grad_b = _cross(_minus(_at(vertices, k), a), g)
        grad_c = _cross(g, _minus(_at(vertices, j), a))
        _add(grad_vertices, j, grad_b, 1.0)
        _add(grad_vertices, k, grad_c, 1.0)
        _add(grad_vertices, i, _mix(1.0, grad_b, 1.0, grad_c), -1.0)


@compiled
@no_type_check
def _rises(uv, uv_triangles, t, slope_u, slope_v):
    """How much the displacement rises along the two sides that leave a triangle's first corner, mm."""
    p, q, r = uv_triangles[t, 0], uv_triangles[t, 1], uv_triangles[t, 2]
    along_b = slope_u * (uv[q, 0] - uv[p, 0]) + slope_v * (uv[q, 1] - uv[p, 1])
    along_c = slope_u * (uv[r, 0] - uv[p, 0]) + slope_v * (uv[r, 1] - uv[p, 1])
    return along_b, along_c


@compiled
@no_type_check
def _relief(b, c, n, rise_b, rise_c):
    """The gradient over a triangle of a value that rises so along its sides b and c, and 1 / |n|²; n = b x c."""
    square = _dot(n, n)
    inverse = 1.0 / square if square > 0.0 else 0.0
    return _mix(rise_b * inverse, _cross(c, n), rise_c * inverse, _cross(n, b)), inverse


@compiled
@no_type_check
def pixel_normals_image(normals, slopes, vertices, triangles, uv, uv_triangles, face_id, out):
    """Fills out (H, W, 3) with unit normals, raised by the slopes (H, W, 2); slopes of length 0: none."""
    for y in range(face_id.shape[0]):
        for x in range(face_id.shape[1]):
            t = face_id[y, x]
            if t < 0:
                continue
            unit, _ = _unit(_at(normals[y], x))
            if len(slopes) > 0:
                a = _at(vertices, triangles[t, 0])
                b, c = _minus(_at(vertices, triangles[t, 1]), a), _minus(_at(vertices, triangles[t, 2]), a)
                rise_b, rise_c = _rises(uv, uv_triangles, t, slopes[y, x, 0], slopes[y, x, 1])
                relief, _ = _relief(b, c, _cross(b, c), rise_b, rise_c)
                unit, _ = _unit(_minus(unit, relief))
            out[y, x, 0], out[y, x, 1], out[y, x, 2] = unit


@compiled
@no_type_check
def pixel_normals_image_backward(
    normals,
    slopes,
    vertices,
    triangles,
    uv,
    uv_triangles,
    face_id,
    grad,
    grad_normals,
    grad_slopes,
    grad_vertices,
):
    """Adds the gradients of `pixel_normals_image`; a gradient array of length 0 is not wanted."""
    for y in range(face_id.shape[0]):
        for x in range(face_id.shape[1]):
            t = face_id[y, x]
            if t < 0:
                continue
            smooth, inverse = _unit(_at(normals[y], x))
            g = _at(grad[y], x)
            if len(slopes) > 0:
                i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
                a = _at(vertices, i)
                b, c = _minus(_at(vertices, j), a), _minus(_at(vertices, k), a)
                n = _cross(b, c)
                rise_b, rise_c = _rises(uv, uv_triangles, t, slopes[y, x, 0], slopes[y, x, 1])
                relief, scale = _relief(b, c, n, rise_b, rise_c)
                raised, raised_inverse = _unit(_minus(smooth, relief))
                g = _unit_backward(raised, raised_inverse, g)
                if len(grad_slopes) > 0:
                    down = _times(-scale, g)
                    pull_b, pull_c = _dot(down, _cross(c, n)), _dot(down, _cross(n, b))
                    p, q, r = uv_triangles[t, 0], uv_triangles[t, 1], uv_triangles[t, 2]
                    for axis in range(2):
                        grad_slopes[y, x, axis] += pull_b * (uv[q, axis] - uv[p, axis])
                        grad_slopes[y, x, axis] += pull_c * (uv[r, axis] - uv[p, axis])
                if len(grad_vertices) > 0:
                    grad_b, grad_c = _relief_backward(b, c, n, rise_b, rise_c, relief, scale, g)
                    _add(grad_vertices, j, grad_b, -1.0)
                    _add(grad_vertices, k, grad_c, -1.0)
                    _add(grad_vertices, i, _mix(1.0, grad_b, 1.0, grad_c), 1.0)
            if len(grad_normals) > 0:
                _add(grad_normals[y], x, _unit_backward(smooth, inverse, g), 1.0)


@compiled
@no_type_check
def _relief_backward(b, c, n, rise_b, rise_c, relief, scale, g):
    """The gradients of the sides b and c when that of `_relief` is g."""
    scaled = _times(scale, g)
    through_n = _mix(rise_b, _cross(scaled, c), rise_c, _cross(b, scaled))
    through_n = _mix(1.0, through_n, -2.0 * scale * _dot(g, relief), n)
    grad_b = _mix(rise_c, _cross(scaled, n), 1.0, _cross(c, through_n))
    grad_c = _mix(rise_b, _cross(n, scaled), 1.0, _cross(through_n, b))
    return grad_b, grad_c
