"""The compiled shading of skin, eyes and mouth: harmonics, main light with shadow, gloss, light within the skin.

Screens are drawn twice as large as pictures. Where all four samples of a block are skin, one is shaded for all.
"""

from __future__ import annotations

import math
from typing import no_type_check

import numpy as np

from hiface.synth.body import EYE, GUMS, LASH, MOUTH, NECK, SKIN, SOCKET, TEETH
from hiface.synth.kernels import (
    bilinear,
    bilinear2,
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

HAIRY = 100
IRIS = 0.0778
"""Radius of the iris in the eyeball's azimuthal UV: 28 degrees."""
_IRIS_IN_PICTURE, _PUPIL_IN_PICTURE, _WHITE_IN_PICTURE = 0.114, 0.036, 0.26
_EYE_IN_PICTURE = (0.706, 0.297)


@inlined
@no_type_check
def _grain(u, v):
    """A random number from 0 to 1 that sticks to a place on the skin."""
    h = int(u * 500) * 374761393 + int(v * 500) * 668265263
    h = (h ^ (h >> 13)) * 1274126177
    return f32(((h ^ (h >> 16)) >> 3) & 1023) / f32(1024)


@inlined
@no_type_check
def rough_normal(points, uv, i, j, k, slope_u, slope_v, nx, ny, nz):
    """The normal after displacement with the given slopes, through the gradients of u and v on the triangle."""
    e1x, e1y, e1z = points[j, 0] - points[i, 0], points[j, 1] - points[i, 1], points[j, 2] - points[i, 2]
    e2x, e2y, e2z = points[k, 0] - points[i, 0], points[k, 1] - points[i, 1], points[k, 2] - points[i, 2]
    tx, ty, tz = e1y * e2z - e1z * e2y, e1z * e2x - e1x * e2z, e1x * e2y - e1y * e2x
    inverse = f32(1) / (tx * tx + ty * ty + tz * tz + f32(1e-12))
    h1 = slope_u * (uv[j, 0] - uv[i, 0]) + slope_v * (uv[j, 1] - uv[i, 1])
    h2 = slope_u * (uv[k, 0] - uv[i, 0]) + slope_v * (uv[k, 1] - uv[i, 1])
    gx = (h1 * (e2y * tz - e2z * ty) + h2 * (ty * e1z - tz * e1y)) * inverse
    gy = (h1 * (e2z * tx - e2x * tz) + h2 * (tz * e1x - tx * e1z)) * inverse
    gz = (h1 * (e2x * ty - e2y * tx) + h2 * (tx * e1y - ty * e1x)) * inverse
    limit = f32(1) / max(f32(1), math.sqrt(gx * gx + gy * gy + gz * gz))
    return unit(nx - gx * limit, ny - gy * limit, nz - gz * limit)


@inlined
@no_type_check
def eye_colour(look, u, v):
    """Iris, pupil and white from the eye picture, by the angle from the eye's axis."""
    x, y = u - f32(0.5), v - f32(0.5)
    radius = math.sqrt(x * x + y * y)
    if radius < f32(IRIS):
        inner = f32(IRIS * _PUPIL_IN_PICTURE / _IRIS_IN_PICTURE) * f32(look.pupil)
        if radius < inner:
            place = radius / inner * f32(_PUPIL_IN_PICTURE)
        else:
            share = (radius - inner) / (f32(IRIS) - inner)
            place = f32(_PUPIL_IN_PICTURE) + share * f32(_IRIS_IN_PICTURE - _PUPIL_IN_PICTURE)
    else:
        place = min(f32(_IRIS_IN_PICTURE) + (radius - f32(IRIS)) * f32(0.85), f32(_WHITE_IN_PICTURE))
    place = place / (radius + f32(1e-6))
    side = look.eye.shape[0]
    column = min(max(int((f32(_EYE_IN_PICTURE[0]) + x * place) * side), 0), side - 1)
    row = min(max(int((f32(_EYE_IN_PICTURE[1]) - y * place) * side), 0), side - 1)
    return look.eye[row, column, 0], look.eye[row, column, 1], look.eye[row, column, 2]


@inlined
@no_type_check
def grown(look, r, g, b, gloss, beard, lips, scalp, u, v):
    """Beard, hair roots and lips over the skin's colour."""
    if beard > 0 or scalp > 0:
        grain = f32(0.75) + f32(0.5) * _grain(u, v)
        share = min(max(beard * f32(look.beard), scalp * f32(look.scalp)) * grain, f32(0.93))
        r += (look.hair[0] - r) * share
        g += (look.hair[1] - g) * share
        b += (look.hair[2] - b) * share
        gloss *= 1 - f32(0.7) * share
    if lips > 0:
        share = lips * look.lips[3]
        r *= 1 + share * (look.lips[0] - 1)
        g *= 1 + share * (look.lips[1] - 1)
        b *= 1 + share * (look.lips[2] - 1)
        gloss *= 1 + lips
    return r, g, b, gloss


@inlined
@no_type_check
def plain_material(look, material):
    """Colour, gloss and its power of what has no texture."""
    if material == TEETH:
        t = f32(look.teeth)
        return t, t * f32(0.9), t * f32(0.74), f32(0.5), f32(80)
    if material == GUMS:
        return f32(0.24), f32(0.07), f32(0.07), f32(0.3), f32(60)
    if material == LASH:
        return f32(0.012), f32(0.010), f32(0.008), f32(0), f32(10)
    if material == SOCKET:
        return f32(0.35), f32(0.13), f32(0.11), f32(0.3), f32(40)
    return f32(0.10), f32(0.022), f32(0.022), f32(0.05), f32(20)


@inlined
@no_type_check
def _openness(material, baked, cavity, under_hair, look):
    """How much of the surrounding light reaches a sample."""
    if material <= NECK:
        return baked * under_hair
    if material == EYE:
        return f32(0.5) + f32(0.5) * cavity
    if material in (TEETH, GUMS):
        return cavity * f32(look.mouth_light)
    if material == MOUTH:
        return cavity * f32(0.3)
    if material == SOCKET:
        return f32(0.35) + f32(0.4) * cavity
    return cavity


@inlined
@no_type_check
def _light_skin(light, colour, smooth_normal, normal, view, gloss, power, fresnel, open_share, lit, living, eye, out):
    """Writes the radiance of one sample: light bleeds through `living` skin, red the farthest."""
    nx, ny, nz = smooth_normal
    qx, qy, qz = normal
    vx, vy, vz = view
    lx, ly, lz = light.direction
    facing, smooth_facing = qx * lx + qy * ly + qz * lz, nx * lx + ny * ly + nz * lz
    hx, hy, hz = unit(lx + vx, ly + vy, lz + vz)
    half = max(f32(0), qx * hx + qy * hy + qz * hz)
    seen = max(f32(0), qx * vx + qy * vy + qz * vz)
    grazing = (1 - seen) ** 5
    spark = gloss * (power + 8) * f32(0.04) * half**power * max(facing, f32(0)) * lit * fresnel
    rx, ry, rz = 2 * seen * qx - vx, 2 * seen * qy - vy, 2 * seen * qz - vz
    mirror = gloss * (fresnel + (f32(0.2) if eye else f32(0.13)) * grazing) * open_share
    if eye:
        mirror *= f32(0.55)
    red_share = math.sqrt(open_share * math.sqrt(open_share))  # occlusion is warm: red light gets in deeper
    row, column = environment_texel(light.soft.shape[0], light.soft.shape[1], rx, ry, rz)
    for c in range(3):
        if living:
            softer = f32(0.7) if c == 0 else (f32(0.4) if c == 1 else f32(0.25))
            wrap = f32(0.28) if c == 0 else (f32(0.12) if c == 1 else f32(0.06))
            filled = red_share if c == 0 else open_share
        else:
            softer, wrap, filled = f32(0), f32(0), open_share
        s, t = softer, 1 - softer
        around = max(irradiance(light.harmonics, nx * s + qx * t, ny * s + qy * t, nz * s + qz * t, c), f32(0))
        direct = max(f32(0), (smooth_facing * s + facing * t + wrap) / (1 + wrap))
        direct *= (lit + (1 - lit) * wrap * f32(0.25)) * min(f32(1), open_share + f32(0.3))
        mirrored = light.sharp[row, column, c] if eye else light.soft[row, column, c]
        out[c] = colour[c] * (around * filled + light.key[c] * direct) + spark * light.key[c] + mirror * mirrored


@inlined
@no_type_check
def _shade_sample(
    t,
    x,
    y,
    screen,
    points,
    normals,
    triangles,
    material,
    uv,
    openness,
    growth,
    look,
    light,
    cavity,
    under_hair,
    out,
):
    """Radiance of triangle t at a place on the screen. Returns whether hair roots colour the skin there."""
    i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
    m = material[t]
    w0, w1, w2 = corner_weights(screen, i, j, k, x, y)
    u = uv[i, 0] * w0 + uv[j, 0] * w1 + uv[k, 0] * w2
    v = uv[i, 1] * w0 + uv[j, 1] * w1 + uv[k, 1] * w2
    nx, ny, nz = blend3(normals, i, j, k, w0, w1, w2)
    nx, ny, nz = unit(nx, ny, nz)
    px, py, pz = blend3(points, i, j, k, w0, w1, w2)
    view = unit(-px, -py, -pz)
    qx, qy, qz = nx, ny, nz
    hairy = False
    gloss, power, fresnel = f32(look.gloss), f32(look.power), f32(0.03)
    if m <= NECK:
        beard, lips, scalp = blend3(growth, i, j, k, w0, w1, w2)
        if m == SKIN:
            r, g, b = bilinear(look.face, u, v)
            su, sv = bilinear2(look.slopes, u, v)
            qx, qy, qz = rough_normal(points, uv, i, j, k, su, sv, nx, ny, nz)
        else:
            r, g, b = bilinear(look.head, u, v)
        r, g, b, gloss = grown(look, r, g, b, gloss, beard, lips, scalp, u, v)
        hairy = scalp * f32(look.scalp) > f32(0.3)
    elif m == EYE:
        r, g, b = eye_colour(look, u, v)
        gloss, power, fresnel = f32(1.4), f32(700), f32(0.05)
    else:
        r, g, b, gloss, power = plain_material(look, m)
    baked = min(max(openness[i] * w0 + openness[j] * w1 + openness[k] * w2, f32(0.05)), f32(1))
    open_share = _openness(m, baked, cavity, under_hair, look)
    if light.key[0] < f32(0.01):
        lit = f32(0)
    elif m <= NECK or m == EYE:
        lit = lit_share(light.shadow, light.shadow_from_camera, f32(light.softness), px, py, pz)
    else:
        lit = open_share * f32(0.6)
    _light_skin(
        light,
        (r, g, b),
        (nx, ny, nz),
        (qx, qy, qz),
        view,
        gloss,
        power,
        fresnel,
        open_share,
        lit,
        m <= NECK,
        m == EYE,
        out,
    )
    return hairy


@compiled
@no_type_check
def shade_body(
    face_id,
    screen,
    points,
    normals,
    triangles,
    material,
    uv,
    openness,
    growth,
    look,
    light,
    cavity,
    under_hair,
    out,
    seen,
):
    """Fills `out` (linear) and `seen` from the ids of the body's triangles.

    `seen` is the material + 1, `HAIRY` where hair roots colour the scalp, 0 where the body is not seen.
    """
    height, width = face_id.shape
    count = triangles.shape[0]
    colour = np.zeros(3, np.float32)
    for by in range(0, height, 2):
        for bx in range(0, width, 2):
            whole = True
            for s in range(4):
                t = face_id[by + (s >> 1), bx + (s & 1)]
                if t < 0 or t >= count or material[t] > NECK:
                    whole = False
            for s in range(4):
                y, x = by + (s >> 1), bx + (s & 1)
                t = face_id[y, x]
                if t < 0 or t >= count:
                    continue
                if whole and s > 0:
                    for c in range(3):
                        out[y, x, c] = colour[c]
                    seen[y, x] = seen[by, bx]
                    continue
                half = f32(0.5) if whole else f32(0)
                hairy = _shade_sample(
                    t,
                    x + half,
                    y + half,
                    screen,
                    points,
                    normals,
                    triangles,
                    material,
                    uv,
                    openness,
                    growth,
                    look,
                    light,
                    cavity[y, x],
                    under_hair[y, x],
                    colour,
                )
                seen[y, x] = HAIRY if hairy else material[t] + 1
                for c in range(3):
                    out[y, x, c] = colour[c]
