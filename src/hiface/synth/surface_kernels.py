"""The compiled loops of normals and albedo: what is seen at every sample, before any light falls on it."""

from __future__ import annotations

from typing import no_type_check

from hiface.synth.body import EYE, NECK, SKIN
from hiface.synth.kernels import bilinear, bilinear2, blend3, compiled, corner_weights, f32, unit
from hiface.synth.shade import eye_colour, grown, plain_material, rough_normal


@compiled
@no_type_check
def body_surface(face_id, screen, points, normals, triangles, material, uv, growth, look, normal, albedo):
    """Fills unit normals, with the relief of the skin, and linear albedo of every sample that sees the body."""
    height, width = face_id.shape
    count = triangles.shape[0]
    for y in range(height):
        for x in range(width):
            t = face_id[y, x]
            if t < 0 or t >= count:
                continue
            i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            m = material[t]
            w0, w1, w2 = corner_weights(screen, i, j, k, f32(x), f32(y))
            u = uv[i, 0] * w0 + uv[j, 0] * w1 + uv[k, 0] * w2
            v = uv[i, 1] * w0 + uv[j, 1] * w1 + uv[k, 1] * w2
            nx, ny, nz = blend3(normals, i, j, k, w0, w1, w2)
            nx, ny, nz = unit(nx, ny, nz)
            gloss = f32(0)
            if m <= NECK:
                beard, lips, scalp = blend3(growth, i, j, k, w0, w1, w2)
                if m == SKIN:
                    r, g, b = bilinear(look.face, u, v)
                    su, sv = bilinear2(look.slopes, u, v)
                    nx, ny, nz = rough_normal(points, uv, i, j, k, su, sv, nx, ny, nz)
                else:
                    r, g, b = bilinear(look.head, u, v)
                r, g, b, gloss = grown(look, r, g, b, gloss, beard, lips, scalp, u, v)
            elif m == EYE:
                r, g, b = eye_colour(look, u, v)
            else:
                r, g, b, gloss, _ = plain_material(look, m)
            normal[y, x, 0], normal[y, x, 1], normal[y, x, 2] = nx, ny, nz
            albedo[y, x, 0], albedo[y, x, 1], albedo[y, x, 2] = r, g, b


@compiled
@no_type_check
def thing_surface(face_id, first_id, screen, points, normals, triangles, uv, texture, colour, normal, albedo):
    """As `body_surface`, of a thing's samples; normals look towards the camera, as a thing is seen from either side."""
    height, width = face_id.shape
    count = triangles.shape[0]
    for y in range(height):
        for x in range(width):
            t = face_id[y, x] - first_id
            if t < 0 or t >= count:
                continue
            i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            w0, w1, w2 = corner_weights(screen, i, j, k, f32(x), f32(y))
            nx, ny, nz = blend3(normals, i, j, k, w0, w1, w2)
            nx, ny, nz = unit(nx, ny, nz)
            px, py, pz = blend3(points, i, j, k, w0, w1, w2)
            if nx * px + ny * py + nz * pz > 0:
                nx, ny, nz = -nx, -ny, -nz
            u = uv[i, 0] * w0 + uv[j, 0] * w1 + uv[k, 0] * w2
            v = uv[i, 1] * w0 + uv[j, 1] * w1 + uv[k, 1] * w2
            row = min(max(int((1 - v) * texture.shape[0]), 0), texture.shape[0] - 1)
            column = min(max(int(u * texture.shape[1]), 0), texture.shape[1] - 1)
            normal[y, x, 0], normal[y, x, 1], normal[y, x, 2] = nx, ny, nz
            for c in range(3):
                albedo[y, x, c] = texture[row, column, c] * colour[c]
