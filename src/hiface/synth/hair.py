"""Hair: MakeHuman's styles carried by the scalp, and layered shells for cropped and curly hair."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import scipy.sparse as sparse
from jaxtyping import Float, Int, UInt8
from scipy.spatial import cKDTree
from scipy.special import ndtr

from hiface.geometry.topology import smooth, triangulate
from hiface.synth.body import Body
from hiface.synth.kernels import vertex_normals
from hiface.synth.things import TEXTURED, Thing, Wearer

STYLES = ("short01", "short02", "short03", "short04", "bob02", "long01", "ponytail01", "braid01")
STYLE_SHARES = (0.2, 0.2, 0.2, 0.12, 0.05, 0.13, 0.05, 0.05)
_NEIGHBOURS = 24
_TEXTURE_SIDE = 512


@dataclass(frozen=True)
class HairStyle:
    """A hair mesh that follows the skin: points = offset + carry @ skin."""

    name: str
    offset: Float[np.ndarray, "N 3"]
    carry: sparse.csr_matrix
    triangles: Int[np.ndarray, "T 3"]
    uv: Float[np.ndarray, "N 2"]
    alpha: UInt8[np.ndarray, "R R"]
    shade: Float[np.ndarray, "R R 3"]
    """Brightness relative to the hair's colour."""


@dataclass(frozen=True)
class Scalp:
    """Where hair grows, for shells."""

    weight: Float[np.ndarray, "V"]
    """0 to 1 per skin vertex."""
    triangles: Int[np.ndarray, "T 3"]
    """Skin vertices."""
    ids: Int[np.ndarray, "N"]
    """The vertices that the triangles use."""
    own_triangles: Int[np.ndarray, "T 3"]
    """The triangles by their places in `ids`."""


def _fitted(folder: Path, name: str, head: Float[np.ndarray, "N 3"]) -> tuple[Float[np.ndarray, "N 3"], ...]:
    """A proxy's vertices on MakeHuman's neutral head, its corners' vertices, UVs and triangles."""
    with np.load(folder / f"proxies/{name}.npz") as d:
        scale = np.array([abs(head[int(a), i] - head[int(b), i]) / r for i, (a, b, r) in enumerate(d["fit_scale"])])
        points = np.einsum("nk,nkc->nc", d["fit_weight"], head[d["fit_ref"]]) + d["fit_offset"] * scale
        faces, uv_faces, uv = d["faces"], d["uv_faces"], d["uv"]
    pairs = np.stack([triangulate(faces), triangulate(np.where(faces < 0, -1, uv_faces))], -1)
    corners, inverse = np.unique(pairs.reshape(-1, 2), axis=0, return_inverse=True)
    return points[corners[:, 0]], uv[corners[:, 1]], inverse.reshape(-1, 3)


def load_styles(folder: Path) -> list[HairStyle]:
    """MakeHuman's hair on the skin of ICT's topology, carried by the nearest vertices of the registered head."""
    with np.load(folder / "ict_on_hm08.npz") as registration:
        head, skin = registration["hm08_neutral_mm"].astype(np.float64), registration["registered_mm"]
    tree = cKDTree(skin)
    styles = []
    for name in STYLES:
        points, uv, triangles = _fitted(folder, name, head)
        distance, index = tree.query(points, k=_NEIGHBOURS)
        weight = np.exp(-0.5 * (distance / (distance[:, :1] + 8)) ** 2)
        weight = (weight / weight.sum(1, keepdims=True)).astype(np.float32)
        rows = np.arange(0, len(points) * _NEIGHBOURS + 1, _NEIGHBOURS)
        carry = sparse.csr_matrix((weight.ravel(), index.ravel(), rows), (len(points), len(skin)))
        alpha, shade = _hair_texture(folder / f"proxies/textures/{name}.webp")
        offset = (points - carry @ skin).astype(np.float32)
        styles.append(HairStyle(name, offset, carry, triangles.astype(np.int32), uv.astype(np.float32), alpha, shade))
    return styles


def _hair_texture(path: Path) -> tuple[UInt8[np.ndarray, "R R"], Float[np.ndarray, "R R 3"]]:
    """Alpha, and brightness over the opaque part's mean."""
    texture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    texture = cv2.resize(texture, (_TEXTURE_SIDE, _TEXTURE_SIDE), interpolation=cv2.INTER_AREA)
    grey = ((texture[..., :3].astype(np.float32) / 255) ** 2.2).mean(2)
    alpha = np.ascontiguousarray(texture[..., 3])
    grey = np.clip(grey / max(float(grey[alpha > 128].mean()), 1e-4), 0.2, 2.2) ** 0.8
    return alpha, np.repeat(grey[..., None], 3, 2).astype(np.float32)


def load_scalp(folder: Path, body: Body) -> Scalp:
    """Weights of hair growth: under the short styles, above the ears' height, smooth at the hairline."""
    with np.load(folder / "ict_on_hm08.npz") as registration:
        head, skin = registration["hm08_neutral_mm"].astype(np.float64), registration["registered_mm"]
    covered = np.concatenate([_fitted(folder, name, head)[0] for name in ("short02", "short04")])
    gap = cKDTree(covered).query(skin)[0]
    y, z = body.neutral[: len(skin), 1], body.neutral[: len(skin), 2]
    line = 1 / (1 + np.exp(np.clip(-(y - 82 + 0.35 * np.maximum(0, 60 - z)) / 4, -30, 30)))
    weight = np.clip((16 - gap) / 6, 0, 1) * (y > 20) * line
    triangles = body.vertex_triangles[: body.skin_triangles()]
    edges = np.unique(np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), 1), axis=0)
    weight = smooth(weight, edges, 8, 0.6)
    grown = (weight[triangles] > 0.12).all(1)
    chosen = np.ascontiguousarray(triangles[grown].astype(np.int32))
    ids, inverse = np.unique(chosen, return_inverse=True)
    return Scalp(weight.astype(np.float32), chosen, ids, inverse.reshape(-1, 3))


def styled_hair(
    rng: np.random.Generator, style: HairStyle, wearer: Wearer, colour: Float[np.ndarray, "3"], pressed: bool
) -> Thing:
    """A MakeHuman style on the wearer, sometimes mirrored and bent; `pressed` under a hat."""
    skin = wearer.skin
    points = style.offset + style.carry @ skin
    centre = skin[_head_rows(skin)].mean(0) + np.array([0, 40, 0])
    points = (points - centre) * rng.uniform(1.0, 1.07, 3) + centre + rng.normal(0, 1.2, 3)
    triangles = style.triangles
    if rng.random() < 0.5:  # the parting on the other side
        points = (points - [centre[0], 0, 0]) * [-1, 1, 1] + [centre[0], 0, 0]
        triangles = np.ascontiguousarray(triangles[:, ::-1])
    if rng.random() < 0.5:
        waves = np.sin(points / rng.uniform(15, 40) @ rng.standard_normal((3, 3)) + rng.uniform(0, 6, 3))
        points = points + 2.5 * waves
    if pressed:
        points = press(points)
    placed = wearer.place(points)
    return Thing(
        "hair", placed, triangles, colour, float(rng.uniform(0.2, 1.0)), 14.0, style.uv, style.alpha, style.shade,
        TEXTURED, hair_normals(placed, triangles, wearer.place(centre[None])[0]),
    )  # fmt: skip


def _head_rows(skin: Float[np.ndarray, "V 3"]) -> slice:
    return slice(9409, len(skin))


def press(points: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 3"]:
    """Hair that a hat holds down: drawn in above the ears."""
    middle = np.array([0, 40, 10])
    share = np.clip((points[:, 1:2] - 55) / 15, 0, 1)
    return np.asarray(middle + (points - middle) * (1 - 0.13 * share))


def hair_normals(
    points: Float[np.ndarray, "N 3"], triangles: Int[np.ndarray, "T 3"], centre: Float[np.ndarray, "3"]
) -> Float[np.ndarray, "N 3"]:
    """Normals that mostly lead away from the head: cards of hair lit by their own would flicker."""
    normals = np.zeros(points.shape, np.float32)
    vertex_normals(points, triangles, normals)
    away = points - centre
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    normals = np.where((normals * away).sum(1, keepdims=True) < 0, -normals, normals)
    return np.asarray(normals * 0.5 + away * 0.8, np.float32)


SHELL_LAYERS = 6


def shell_hair(
    rng: np.random.Generator, scalp: Scalp, wearer: Wearer, colour: Float[np.ndarray, "3"], pressed: bool
) -> Thing:
    """Cropped, curly or standing hair: layers over the scalp that thin out towards the tips."""
    ids, triangles = scalp.ids, scalp.own_triangles
    skin = wearer.skin
    normals = np.zeros(skin.shape, np.float32)
    vertex_normals(skin, scalp.triangles, normals)
    length = rng.choice([3.0, 7.0, 14.0, 28.0], p=[0.35, 0.3, 0.2, 0.15]) * rng.uniform(0.7, 1.3)
    grown = np.clip((scalp.weight[ids] - 0.1) / 0.9, 0, 1) ** 0.8
    lumps = _lumps(rng, skin[ids] / rng.uniform(6, 16))
    height = grown * length * (1 + 0.35 * lumps)
    base = skin[ids] + normals[ids]
    up = normals[ids] + np.array([0, 0.3, 0])
    layers = [base + up * (height * (k + 1) / SHELL_LAYERS)[:, None] for k in range(SHELL_LAYERS)]
    points = np.concatenate(layers).astype(np.float32)
    if pressed:
        points = press(points).astype(np.float32)
    around = np.arctan2(skin[ids, 0], skin[ids, 2] - 10) / 6.3 + 0.5
    flat = np.stack([around, (skin[ids, 1] + 60) / 220], 1)
    uv = np.concatenate([np.stack([flat[:, 0], (flat[:, 1] + k) / SHELL_LAYERS], 1) for k in range(SHELL_LAYERS)])
    faces = np.concatenate([triangles + k * len(ids) for k in range(SHELL_LAYERS)])
    alpha, shade = _shell_texture(rng, length)
    placed = wearer.place(points)
    centre = wearer.place(skin[_head_rows(skin)].mean(0)[None] + np.array([0, 40, 0]))[0]
    faces = np.ascontiguousarray(faces.astype(np.int32))
    return Thing(
        "hair", placed, faces, colour, float(rng.uniform(0.1, 0.6)), 10.0, uv.astype(np.float32), alpha, shade,
        TEXTURED, hair_normals(placed, faces, centre),
    )  # fmt: skip


def _lumps(rng: np.random.Generator, places: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N"]:
    waves = [np.sin(places @ rng.standard_normal(3) + rng.uniform(0, 6)) for _ in range(5)]
    return np.asarray(sum(waves) / 5)


def _shell_texture(
    rng: np.random.Generator, length: float
) -> tuple[UInt8[np.ndarray, "H W"], Float[np.ndarray, "H W 3"]]:
    """Alpha and brightness of all layers, one below the other: the outer, the sparser and the lighter."""
    side = 256
    stretch = rng.choice([1.0, 1.0, 3.0])
    noise = cv2.GaussianBlur(
        rng.standard_normal((side, side)).astype(np.float32),
        (0, 0),
        rng.uniform(0.9, 2.2),
        sigmaY=rng.uniform(0.9, 2.2) * stretch,
    )
    rank = ndtr(noise / noise.std()).astype(np.float32)
    alphas, shades = [], []
    for layer in reversed(range(SHELL_LAYERS)):  # v grows upwards, rows downwards
        height = layer / (SHELL_LAYERS - 1)
        alphas.append(np.where(rank > 0.9 * height**0.7, 255, 0))
        shades.append((0.45 + 0.75 * height) * (0.75 + 0.5 * rank))
    alpha = np.concatenate(alphas).astype(np.uint8)
    shade = np.repeat(np.concatenate(shades)[..., None], 3, 2).astype(np.float32)
    return np.ascontiguousarray(alpha), np.ascontiguousarray(shade)
