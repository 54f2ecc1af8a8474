"""The compiled loops of silhouettes.py, one image each; imported only when a call needs them."""

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
def _slopes(screen, inverse_w, triangles, face_id, slopes):
    """Fills slopes (H, W, 2) with ∂z/∂x and ∂z/∂y of the planes that are seen."""
    for y in range(face_id.shape[0]):
        for x in range(face_id.shape[1]):
            t = face_id[y, x]
            if t < 0:
                continue
            i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            ax, ay = _corner(screen, i, x + 0.5, y + 0.5)
            bx, by = _corner(screen, j, x + 0.5, y + 0.5)
            cx, cy = _corner(screen, k, x + 0.5, y + 0.5)
            qa, qb, qc = np.float64(inverse_w[i]), np.float64(inverse_w[j]), np.float64(inverse_w[k])
            wa, wb, wc = (bx * cy - cx * by) * qa, (cx * ay - ax * cy) * qb, (ax * by - bx * ay) * qc
            za, zb, zc = np.float64(screen[i, 2]), np.float64(screen[j, 2]), np.float64(screen[k, 2])
            total = wa + wb + wc
            z = (wa * za + wb * zb + wc * zc) / total
            za, zb, zc = (za - z) * qa / total, (zb - z) * qb / total, (zc - z) * qc / total
            slopes[y, x, 0] = za * (by - cy) + zb * (cy - ay) + zc * (ay - by)
            slopes[y, x, 1] = za * (cx - bx) + zb * (ax - cx) + zc * (bx - ax)


@compiled
@no_type_check
def _nearer(face_a, face_b, depth_a, depth_b, slope_a, slope_b, slack, slope_share):
    """Which of two neighbours hides the other: 1 the first, 2 the second, 0 neither."""
    if face_a == face_b:
        return 0
    if face_b < 0:
        return 1
    if face_a < 0:
        return 2
    step = np.float64(depth_b) - np.float64(depth_a)
    allowed = slope_share * (abs(slope_a) + abs(slope_b)) + slack
    if abs(step - slope_a) < allowed or abs(step - slope_b) < allowed:
        return 0
    return 1 if step >= 0.0 else 2


@compiled
@no_type_check
def pull_image(grad, image, screen, inverse_w, triangles, face_id, depth, slack, slope_share, grad_screen):
    """Adds to grad_screen (V, 3) what each pair of pixels across a step in depth pulls at the nearer one."""
    height, width = face_id.shape
    slopes, pull = np.zeros((height, width, 2)), np.zeros((height, width, 2))
    _slopes(screen, inverse_w, triangles, face_id, slopes)
    for y in range(height):
        for x in range(width):
            for axis in range(2):
                v, u = y + axis, x + 1 - axis
                if v == height or u == width:
                    continue
                side = _nearer(
                    face_id[y, x],
                    face_id[v, u],
                    depth[y, x],
                    depth[v, u],
                    slopes[y, x, axis],
                    slopes[v, u, axis],
                    slack,
                    slope_share,
                )
                if side == 0:
                    continue
                force = 0.0
                for q in range(image.shape[2]):
                    force += 0.5 * (grad[y, x, q] + grad[v, u, q]) * (image[y, x, q] - image[v, u, q])
                if side == 1:
                    pull[y, x, axis] += force
                else:
                    pull[v, u, axis] += force
    _spread(screen, triangles, face_id, pull, grad_screen)


@compiled
@no_type_check
def _spread(screen, triangles, face_id, pull, grad_screen):
    """Hands the pull at each pixel to the corners of its triangle, by weights on the screen."""
    for y in range(face_id.shape[0]):
        for x in range(face_id.shape[1]):
            if pull[y, x, 0] == 0.0 and pull[y, x, 1] == 0.0:
                continue
            t = face_id[y, x]
            i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            ax, ay = _corner(screen, i, x + 0.5, y + 0.5)
            bx, by = _corner(screen, j, x + 0.5, y + 0.5)
            cx, cy = _corner(screen, k, x + 0.5, y + 0.5)
            wa, wb, wc = bx * cy - cx * by, cx * ay - ax * cy, ax * by - bx * ay
            total = wa + wb + wc
            for axis in range(2):
                grad_screen[i, axis] += wa / total * pull[y, x, axis]
                grad_screen[j, axis] += wb / total * pull[y, x, axis]
                grad_screen[k, axis] += wc / total * pull[y, x, axis]
