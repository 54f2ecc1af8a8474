"""Features of skin as families of modes: random people of each feature are drawn, their PCA gives the modes.

A family's map is scalar; its tint says what a unit of it adds to the density of red, green and blue.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float

from tools.albedo.fields import blob, field_at, lids, near_line, random_field, rise
from tools.albedo.tiles import Tiles, shrunk

SOFT, FINE, TINTED_HEAD = 80, 256, 64
"""Texels of the face's soft and fine maps, and of the head's."""

Pair = tuple[np.ndarray, np.ndarray]
"""A map in the face's tile and in the head's."""


@dataclass(frozen=True)
class Family:
    """Modes of one feature with unit deviation; maps within -1 and 1, tints hold their size."""

    name: str
    face: Float[np.ndarray, "N R R"]
    head: Float[np.ndarray, "N Rh Rh"]
    tints: Float[np.ndarray, "N 3"]
    mean: tuple[Float[np.ndarray, "R R 3"], Float[np.ndarray, "Rh Rh 3"]]
    """Density that the average person has of it."""
    explained: float
    """Share of the drawn people's variance that the kept modes hold."""


class Stage:
    """Places of the texels at a family's own size, and what every family asks of them."""

    def __init__(self, tiles: Tiles, side: int) -> None:
        self.tiles, self.side = tiles, side
        self.face = shrunk(tiles.face.place, side)
        self.head = shrunk(tiles.head.place, TINTED_HEAD)

    def both(self, make: Callable[[np.ndarray], np.ndarray]) -> Pair:
        """A function of place on both tiles."""
        return make(self.face), make(self.head)

    def vertex(self, field: Float[np.ndarray, "V"]) -> Pair:
        """A vertex field on both tiles."""
        return shrunk(self.tiles.face.bake(field), self.side), shrunk(self.tiles.head.bake(field), TINTED_HEAD)


def principal(
    name: str, samples: Iterator[Pair], count: int, tint: Float[np.ndarray, "3"], mean_share: float = 1.0
) -> Family:
    """The family whose modes are the principal ones of drawn people; `tint`: density per unit of the samples."""
    faces, heads = zip(*samples, strict=True)
    n, side, head = len(faces), faces[0].shape[-1], heads[0].shape[-1]
    flat = np.concatenate([np.stack(faces).reshape(n, -1), np.stack(heads).reshape(n, -1)], 1).astype(np.float32)
    mean = flat.mean(0)
    flat -= mean
    values, vectors = np.linalg.eigh(flat @ flat.T)
    values, vectors = values[::-1][:count], vectors[:, ::-1][:, :count]
    modes = (vectors.T @ flat) / np.sqrt(n)
    total = float((flat**2).sum())
    return _family(
        name, modes, side, head, np.tile(tint, (len(modes), 1)), mean * mean_share, tint, values.sum() / total
    )


def _family(
    name: str, modes: np.ndarray, side: int, head: int, tints: np.ndarray, mean: np.ndarray, mean_tint: np.ndarray,
    explained: float,
) -> Family:  # fmt: skip
    top = np.maximum(np.abs(modes).max(1), 1e-9)
    modes, tints, cut = modes / top[:, None], tints * top[:, None], side * side
    sign = np.sign(modes.sum(1))
    sign[sign == 0] = 1
    modes = modes * sign[:, None]
    means = (mean[:cut].reshape(side, side, 1) * mean_tint, mean[cut:].reshape(head, head, 1) * mean_tint)
    return Family(
        name, modes[:, :cut].reshape(-1, side, side), modes[:, cut:].reshape(-1, head, head),
        tints.astype(np.float32), means, float(explained),
    )  # fmt: skip


def joint(name: str, parts: list[Family]) -> Family:
    """Several families under one name, their modes one after another."""
    means = tuple(sum(p.mean[k] for p in parts) for k in range(2))
    return Family(
        name, np.concatenate([p.face for p in parts]), np.concatenate([p.head for p in parts]),
        np.concatenate([p.tints for p in parts]), means, min(p.explained for p in parts),
    )  # fmt: skip


def beard(stage: Stage, growth: Float[np.ndarray, "V"], rng: np.random.Generator, count: int) -> Family:
    """Shaven hair under the skin of jaw, chin, lip, cheeks and neck: half of all people have some."""
    where = stage.vertex(growth)

    def draw() -> Iterator[Pair]:
        for _ in range(500):
            amount = 0.0 if rng.random() < 0.45 else rng.uniform(0.2, 1.0)
            shares = rng.uniform(0.3, 1.0, 5)
            patchy = random_field(rng, float(rng.uniform(9, 22)))
            depth = rng.uniform(0.1, 0.35)

            def made(p: np.ndarray, s=shares, f=patchy, d=depth) -> np.ndarray:
                parts = (
                    s[0] * blob(p, (0, -18, 118), (24, 7, 20)) + s[1] * blob(p, (0, -62, 105), (24, 22, 30))
                    + s[2] * blob(p, (-52, -40, 60), (22, 34, 40)) + s[2] * blob(p, (52, -40, 60), (22, 34, 40))
                    + s[3] * blob(p, (0, -95, 60), (45, 14, 40)) + s[4] * blob(p, (0, -46, 115), (8, 5, 20))
                )  # fmt: skip
                return np.minimum(parts, 1.2) * (1 + d * field_at(f, p))

            face, head = stage.both(made)
            yield amount * face * where[0], amount * head * where[1]

    return principal("beard", draw(), count, np.array([1.05, 0.90, 0.72]))


_RED_PLACES = (
    ((-46, 2, 88), (17, 15, 25)), ((46, 2, 88), (17, 15, 25)), ((0, 0, 128), (11, 11, 14)),
    ((0, -72, 104), (16, 9, 20)), ((0, 72, 104), (34, 15, 25)), ((-74, 12, 25), (9, 26, 24)),
    ((74, 12, 25), (9, 26, 24)), ((-18, -8, 112), (6, 8, 12)), ((18, -8, 112), (6, 8, 12)),
    ((-36, 38, 92), (15, 7, 12)), ((36, 38, 92), (15, 7, 12)), ((0, -110, 45), (60, 25, 45)),
)  # fmt: skip


def redness(stage: Stage, haemoglobin: Float[np.ndarray, "3"], rng: np.random.Generator, count: int) -> Family:
    """Blood near the surface: cheeks, nose, chin, ears, lids, neck; flush and blotches."""
    spots = [stage.both(lambda p, c=c, r=r: blob(p, c, r)) for c, r in _RED_PLACES]

    def draw() -> Iterator[Pair]:
        for _ in range(500):
            flush = rng.lognormal(-1.2, 0.6)
            own = flush * rng.uniform(0.2, 1.4, len(spots))
            for left, right in ((0, 1), (5, 6), (7, 8), (9, 10)):
                own[right] = own[left] * rng.normal(1, 0.12)
            broken = random_field(rng, float(rng.uniform(5, 16)))
            depth = rng.uniform(0.15, 0.5)
            face, head = (
                sum(a * s[k] for a, s in zip(own, spots, strict=True)) * (1 + depth * field_at(broken, place))
                for k, place in enumerate((stage.face, stage.head))
            )
            yield face, head

    return principal("redness", draw(), count, 0.5 * haemoglobin)


def under_eye(stage: Stage, tint: Float[np.ndarray, "3"], rng: np.random.Generator, count: int) -> Family:
    """Dark rings: the crescent under each eye, its inner corner, the lid above."""
    lower = lids(stage.tiles, "lower")
    upper = lids(stage.tiles, "upper")

    def draw() -> Iterator[Pair]:
        for _ in range(300):
            amount, lid = rng.lognormal(-1.0, 0.6), rng.uniform(0, 0.6)
            drop, width, inner = rng.uniform(4, 9), rng.uniform(3.5, 6), rng.uniform(0, 1)
            sides = rng.normal(1, 0.1, 2)

            def made(p: np.ndarray, a=amount, lid=lid, d=drop, w=width, i=inner, sides=sides) -> np.ndarray:
                total = np.zeros(p.shape[:-1], np.float32)
                for k in range(2):
                    ring = lower[k] + np.array([0, -d, 0])
                    crescent = near_line(p, ring, w) + i * blob(p, lower[k][-1] + [0, -6, 0], (5, 6, 9))
                    total += sides[k] * a * (crescent + lid * near_line(p, upper[k] + np.array([0, 4, 0]), w))
                return total

            yield stage.both(made)

    return principal("under-eye", draw(), count, tint)


def uneven(stage: Stage, melanin: Float[np.ndarray, "3"], rng: np.random.Generator, count: int) -> Family:
    """Slow changes of pigment: sun on forehead, nose and cheeks, paler neck, patches."""

    def draw() -> Iterator[Pair]:
        for _ in range(500):
            tan, wide = rng.normal(0, 0.09), random_field(rng, float(rng.uniform(30, 60)))
            patch, speck = random_field(rng, float(rng.uniform(12, 25))), random_field(rng, float(rng.uniform(6, 10)))
            sizes = np.abs(rng.normal(0, [0.05, 0.035, 0.02]))

            def made(p: np.ndarray, t=tan, fs=(wide, patch, speck), s=sizes) -> np.ndarray:
                sun = rise(p[..., 2], 75, 60) - rise(-p[..., 1], 90, 40)
                return t * sun + sum(a * field_at(f, p) for a, f in zip(s, fs, strict=True))

            yield stage.both(made)

    return principal("uneven pigment", draw(), count, melanin / np.linalg.norm(melanin) * 1.7)


def lips(
    stage: Stage, cover: Float[np.ndarray, "V"], tints: list[np.ndarray], rng: np.random.Generator, each: int
) -> Family:
    """Own colour of the lips: blood, pigment, and how upper, lower, border and middle differ."""
    inside = stage.vertex(cover)

    def draw() -> Iterator[Pair]:
        for _ in range(300):
            whole, halves, edge = rng.normal(0, 1), rng.normal(0, 0.3, 2), rng.normal(0, 0.45)
            lines = random_field(rng, 1.6)
            depth = rng.uniform(0.05, 0.25)
            mask = inside[0]
            rim = np.clip(4 * mask * (1 - mask), 0, 1)
            height = rise(stage.face[..., 1], -33, 6)
            own = whole + halves[0] * height + halves[1] * (1 - height)
            stripes = field_at(lines, stage.face * np.array([1.0, 0.25, 0.5]))
            yield mask * own * (1 + depth * stripes) + edge * rim, np.zeros_like(inside[1])

    parts = [principal("lips", draw(), each, tint) for tint in tints]
    return joint("lips", parts)


def brows(stage: Stage, layers: Float[np.ndarray, "12 R R"], rng: np.random.Generator, count: int) -> Family:
    """Hair of the brows: twelve drawn pairs, moved, thinned, turned and mixed."""
    side = stage.side
    small = np.stack([shrunk(layer, side) for layer in layers])
    rows = slice(int(0.12 * side), int(0.4 * side))

    def draw() -> Iterator[Pair]:
        for _ in range(420):
            first, second = rng.integers(len(small), size=2)
            mix = rng.uniform(0, 1)
            layer = mix * small[first] + (1 - mix) * small[second]
            half = cv2.getRotationMatrix2D(
                (0.33 * side, 0.245 * side), float(rng.normal(0, 3.0)), float(rng.normal(1, 0.05))
            )
            half[1, 2] += rng.normal(0, 0.006) * side
            half[0, 2] += rng.normal(0, 0.006) * side
            left = cv2.warpAffine(layer, half, (side, side), flags=cv2.INTER_LINEAR)
            left[:, side // 2 :] = 0
            right = left[:, ::-1] * rng.normal(1, 0.06)
            full = np.zeros((side, side), np.float32)
            full[rows] = (left + right)[rows] * rng.uniform(0.25, 1.0)
            yield full, np.zeros((TINTED_HEAD, TINTED_HEAD), np.float32)

    return principal("brows", draw(), count, np.array([2.9, 2.6, 2.2]))


def lashes(stage: Stage, rng: np.random.Generator, count: int) -> Family:
    """Darkness of the lash lines, upper and lower."""
    lines = [(near, line) for near in ("upper", "lower") for line in lids(stage.tiles, near)]

    def draw() -> Iterator[Pair]:
        drawn = [[near_line(stage.face, line, w) for w in (0.7, 1.2, 1.9)] for _, line in lines]
        for _ in range(200):
            amount, low = rng.uniform(0.1, 1), rng.uniform(0.1, 0.7)
            total = np.zeros_like(drawn[0][0])
            thick = rng.dirichlet((2, 1, 1))
            for (near, _), widths in zip(lines, drawn, strict=True):
                share = amount * (1 if near == "upper" else low) * rng.normal(1, 0.06)
                total += share * sum(t * w for t, w in zip(thick, widths, strict=True))
            yield total, np.zeros((TINTED_HEAD, TINTED_HEAD), np.float32)

    return principal("lashes", draw(), count, np.array([1.0, 0.95, 0.85]))


def freckles(stage: Stage, tint: Float[np.ndarray, "3"], rng: np.random.Generator, count: int) -> Family:
    """Small spots, most on nose, cheeks and forehead; the first mode is how strong all of them are."""
    centres, sizes = _spots(stage, rng, 1100, (0.55, 1.5), freckled=True)
    strength = rng.lognormal(-0.3, 0.5, len(centres))
    face, head = _stamped(stage, centres, sizes)
    weights = [strength]
    for _ in range(count - 1):
        slow = field_at(random_field(rng, 18.0), centres)
        weights.append(strength * (0.75 * slow + 0.66 * rng.standard_normal(len(centres))) / np.sqrt(count - 1))
    stacked = np.stack(weights).astype(np.float32)
    modes = np.concatenate([stacked @ face, stacked @ head], 1)
    return _family(
        "freckles", 0.16 * modes, stage.side, TINTED_HEAD, np.tile(tint, (count, 1)), 0.16 * modes[0], tint, 1.0
    )


def moles(stage: Stage, tint: Float[np.ndarray, "3"], rng: np.random.Generator, count: int, each: int = 2) -> Family:
    """A few darker spots a mode; the mean holds some of each, so that few people have less than none."""
    centres, sizes = _spots(stage, rng, count * each, (0.9, 1.7), freckled=False)
    face, head = _stamped(stage, centres, sizes)
    shares = np.kron(np.eye(count), rng.uniform(0.5, 1.0, each)).astype(np.float32)
    modes = 0.2 * np.concatenate([shares @ face, shares @ head], 1)
    return _family("moles", modes, stage.side, TINTED_HEAD, np.tile(tint, (count, 1)), 0.4 * modes.sum(0), tint, 1.0)


def _spots(
    stage: Stage, rng: np.random.Generator, count: int, radii: tuple[float, float], freckled: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Centres (N, 3) on the skin of both tiles away from lips and eyes, and radii in mm."""
    inside = [
        shrunk(t.inside.astype(np.float32), len(p)) > 0.9
        for t, p in zip((stage.tiles.face, stage.tiles.head), (stage.face, stage.head), strict=True)
    ]
    away = stage.vertex(np.asarray(stage.tiles.model.region("lips") | stage.tiles.model.region("eyes"), np.float32))
    chances, places = [], []
    for place, mask, avoid in zip((stage.face, stage.head), inside, away, strict=True):
        area = np.linalg.norm(np.cross(np.gradient(place, axis=0), np.gradient(place, axis=1)), axis=-1)
        dense = (
            0.02 + blob(place, (0, 20, 100), (55, 38, 45))
            if freckled
            else 0.25 + blob(place, (0, 10, 80), (70, 70, 60))
        )
        chance = np.minimum(area, np.percentile(area, 98)) * mask * (avoid < 0.05) * dense
        chances.append(chance.ravel())
        places.append(place.reshape(-1, 3))
    chance = np.concatenate(chances)
    chosen = rng.choice(len(chance), count, p=chance / chance.sum(), replace=False)
    return np.concatenate(places)[chosen], rng.uniform(*radii, count)


def _stamped(stage: Stage, centres: np.ndarray, sizes: np.ndarray) -> Pair:
    """(N, texels) round spots on both tiles."""
    found = []
    for place, least in ((stage.face, 0.5), (stage.head, 2.0)):
        flat = place.reshape(-1, 3).astype(np.float32)
        rows = np.zeros((len(centres), len(flat)), np.float32)
        for k, (centre, size) in enumerate(zip(centres.astype(np.float32), sizes, strict=True)):
            radius = max(size, least)
            close = np.flatnonzero((np.abs(flat - centre) < 3 * radius).all(1))
            apart = ((flat[close] - centre) ** 2).sum(1) / radius**2
            rows[k, close] = np.exp(-0.5 * apart**1.5) * (size / radius) ** 2
        found.append(rows)
    return found[0], found[1]


def make_up(stage: Stage, lip_cover: Float[np.ndarray, "V"], rng: np.random.Generator) -> Family:
    """Lipstick in three tints, shadow in three, liner, blush, contour: each its own colour, 14 modes."""
    upper, lower = lids(stage.tiles, "upper"), lids(stage.tiles, "lower")
    lip = stage.vertex(lip_cover)[0] ** 1.5
    none = np.zeros((TINTED_HEAD, TINTED_HEAD), np.float32)

    def shadow(drop: float, width: float) -> np.ndarray:
        return sum(near_line(stage.face, line + np.array([0, drop, 0]), width) for line in upper)

    outer = sum(blob(stage.face, line[0] + [0, 4, 0], (9, 6, 12)) for line in upper)
    blush = sum(blob(stage.face, (s * 50, 6, 82), (18, 11, 25)) for s in (-1, 1))
    contour = sum(blob(stage.face, (s * 58, -18, 62), (13, 16, 25)) for s in (-1, 1))
    liner = sum(near_line(stage.face, line, 0.9) for line in upper)
    below = sum(near_line(stage.face, line, 0.8) for line in lower)
    maps = [
        (lip, (0.07, 0.13, 0.10)), (lip, (0.10, 0.12, 0.09)), (lip, (0.02, 0.05, 0.01)),
        (shadow(4, 3.5), (0.16, 0.19, 0.16)), (shadow(4, 3.5), (0.05, 0.09, 0.06)),
        (shadow(5, 4.0), (0.08, 0.05, 0.01)), (shadow(8, 3.0), (0.06, 0.10, 0.12)),
        (outer, (0.12, 0.14, 0.12)), (liner, (0.5, 0.5, 0.45)),
        (below, (0.28, 0.28, 0.26)), (blush, (0.0, 0.08, 0.05)), (blush, (0.01, 0.05, 0.06)),
        (contour, (0.08, 0.10, 0.12)), (lip * rise(stage.face[..., 1], -33, 6), (0.02, 0.08, 0.05)),
    ]  # fmt: skip
    faces = np.stack([m for m, _ in maps])
    top = faces.max((1, 2))
    tints = 1.4 * np.array([t for _, t in maps]) * top[:, None]
    nothing = (np.zeros((stage.side, stage.side, 3)), np.zeros((TINTED_HEAD, TINTED_HEAD, 3)))
    return Family(
        "make-up", faces / top[:, None, None], np.stack([none] * len(maps)), tints.astype(np.float32), nothing, 1.0
    )


def all_families(
    tiles: Tiles, layers: np.ndarray, growth: np.ndarray, axes: dict[str, np.ndarray], seed: int
) -> list[Family]:
    """The soft families, then the fine ones, in the order of the coefficients."""
    rng = np.random.default_rng(seed)
    soft, fine = Stage(tiles, SOFT), Stage(tiles, FINE)
    melanin, blood = (axes[k] / np.linalg.norm(axes[k]) for k in ("melanin", "haemoglobin"))
    freckle = axes["thin melanin"]
    ring = 0.62 * (0.7 * melanin + 0.5 * blood)
    return [
        beard(soft, growth[:, 0], rng, 40),
        redness(soft, blood, rng, 40),
        under_eye(soft, ring, rng, 20),
        uneven(soft, melanin, rng, 50),
        lips(fine, growth[:, 1], [0.24 * blood, 0.20 * melanin, np.array([-0.05, 0.03, 0.03])], rng, 4),
        brows(fine, layers, rng, 26),
        lashes(fine, rng, 8),
        freckles(fine, freckle, rng, 26),
        moles(fine, 1.5 * melanin, rng, 24),
        make_up(fine, growth[:, 1], rng),
    ]


SOFT_FAMILIES = ("beard", "redness", "under-eye", "uneven pigment")
