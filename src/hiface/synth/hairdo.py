"""Grown hair and beards of many kinds: how long, combed where, how curly, thinned where, and the strands' textures."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from hiface.synth.people import Person
from hiface.synth.strands import CENTRE, Comb, Field, Roots, grow, ribbons
from hiface.synth.things import TEXTURED, Thing, Wearer

KINDS = ("crop", "side", "back", "bob", "long", "curls", "afro", "tied")
_MALE = np.array([0.34, 0.22, 0.12, 0.04, 0.05, 0.11, 0.11, 0.01])
_FEMALE = np.array([0.04, 0.06, 0.05, 0.21, 0.30, 0.13, 0.06, 0.15])
ATLAS = 8
"""Strand pictures side by side in a texture."""


@dataclass(frozen=True)
class Hairdo:
    """A style, before it is grown on a head. Lengths in mm."""

    kind: str
    count: int
    steps: int
    length: tuple[float, float]
    width: tuple[float, float]
    lift: float
    """How far from the skin strands start: 0 flat, 1 straight up."""
    stand: float
    """Largest distance that strands keep from the skin."""
    comb: Comb


def draw_hairdo(rng: np.random.Generator, kind: str) -> Hairdo:
    """A style of a kind, with its own numbers."""
    u = rng.uniform
    aside = u(1.0, 1.8) if rng.random() < 0.85 else u(0.1, 0.6)  # a few let it hang into the face
    if kind == "crop":
        length = u(8, 30)
        up = u(0.5, 1.2) if rng.random() < 0.2 else u(0.05, 0.35)
        return Hairdo(kind, 700, 4, (length * 0.8, length * 1.2), (8, 13), up, u(2, 7),
                      Comb(0.05, u(0.3, 0.8), 0.0, 30, 0.18, 0.5, 0.0),
                      )  # fmt: skip
    if kind == "side":
        length = u(40, 95)
        return Hairdo(
            kind,
            560,
            8,
            (length * 0.75, length * 1.15),
            (10, 16),
            u(0.05, 0.5),
            u(5, 16),
            Comb(u(0.15, 0.35), u(0.4, 0.8), u(0, 2), u(30, 60), u(0.04, 0.14), u(0.6, 1.4), 0.3),
        )
    if kind == "back":
        length = u(60, 130)
        return Hairdo(kind, 520, 9, (length * 0.8, length * 1.1), (10, 16), u(0.1, 0.6), u(4, 16),
                      Comb(u(0.05, 0.2), u(0.6, 1.0), u(0, 2), u(40, 80), u(0.03, 0.1), u(0.7, 1.4), 0.5),
                      )  # fmt: skip
    if kind == "bob":
        length = u(130, 230)
        return Hairdo(
            kind,
            480,
            14,
            (length * 0.92, length * 1.06),
            (12, 20),
            u(0, 0.25),
            u(5, 18),
            Comb(u(0.5, 0.9), u(0.25, 0.5), u(0, 4), u(50, 120), u(0.02, 0.1), u(0.8, 1.6), aside),
        )
    if kind == "long":
        length = u(240, 420)
        return Hairdo(
            kind,
            440,
            18,
            (length * 0.85, length * 1.05),
            (13, 22),
            u(0, 0.25),
            u(4, 18),
            Comb(u(0.5, 0.9), u(0.25, 0.5), u(0, 7), u(60, 160), u(0.02, 0.1), u(0.8, 1.6), aside),
        )
    if kind == "curls":
        length = u(60, 320)
        return Hairdo(kind, 480, 16, (length * 0.75, length * 1.1), (11, 17), u(0.2, 0.7), u(8, 26),
                      Comb(u(0.3, 0.6), u(0.2, 0.5), u(3, 9), u(25, 60), u(0.1, 0.25), u(0.5, 1.2), aside),
                      )  # fmt: skip
    if kind == "afro":
        length = u(12, 85)
        return Hairdo(kind, 760, 6, (length * 0.9, length * 1.08), (11, 18), 1.5, length * 0.5,
                      Comb(0.0, u(0.5, 1.0), u(1, 4), u(10, 25), u(0.2, 0.45), 0.0, 0.0),
                      )  # fmt: skip
    return Hairdo("tied", 470, 10, (0.92, 1.03), (10, 16), u(0, 0.1), u(2, 6),
                  Comb(0.02, u(0.9, 1.3), 0.0, 30, 0.02, 1.2, 0.0))  # fmt: skip


def choose_kind(rng: np.random.Generator, person: Person) -> str:
    """A kind of hairdo, by sex."""
    shares = _MALE if person.sex == "male" else _FEMALE
    return str(rng.choice(KINDS, p=shares / shares.sum()))


def grown_hair(
    rng: np.random.Generator, roots: Roots, person: Person, wearer: Wearer, field: Field,
    colour: Float[np.ndarray, "3"], pressed: bool,
) -> tuple[Thing, str, float]:  # fmt: skip
    """Hair of a random kind on the wearer, the kind's name, and how densely roots colour the whole scalp."""
    kind = choose_kind(rng, person)
    balding = person.sex == "male" and rng.random() < np.clip((person.age - 28) / 45, 0, 0.7)
    if balding or (pressed and kind in ("afro", "curls", "back")):
        kind = "crop"
    hairdo = draw_hairdo(rng, kind)
    if balding:  # what is left is short and fine
        hairdo = replace(hairdo, count=1500, length=(5.0, 12.0), width=(4.0, 7.0), lift=0.1)
    chosen = _choose_roots(rng, roots, person, hairdo, balding)
    if pressed:  # what a hat covers need not grow
        chosen = chosen[roots.places[chosen, 1] < 75]
    cover = float(rng.uniform(0, 0.25) if balding else rng.uniform(0.75, 1))
    at = roots.on(wearer.skin, chosen)
    out = (at - CENTRE) / np.linalg.norm(at - CENTRE, axis=1, keepdims=True)
    pulls, lengths = _combed(rng, hairdo, roots.places[chosen], at, out, float(rng.uniform(-32, 32)))
    stand = hairdo.stand * (0.3 if pressed else 1.0)
    path = _grown(rng, hairdo, field, at, out, pulls, lengths, stand)
    if kind == "tied":
        path = np.concatenate([path, _tail(rng, field, path)])
    thing = _ribbon_thing(rng, "hair", path, hairdo.width, field, wearer, colour, person.age)
    return thing, f"grown {kind}", cover


def grown_beard(
    rng: np.random.Generator, roots: Roots, wearer: Wearer, field: Field, colour: Float[np.ndarray, "3"], age: float
) -> Thing:
    """A beard long enough to hide the chin."""
    length = rng.uniform(8, 45)
    hairdo = Hairdo("beard", 620, 4, (length * 0.5, length), (8, 13), 0.8, 3.0, Comb(0.5, 0.3, 1.0, 20, 0.25, 0.5, 0.0))
    chosen = rng.choice(len(roots.density), min(hairdo.count, len(roots.density)), replace=False)
    at = roots.on(wearer.skin, chosen)
    out = (at - CENTRE) / np.linalg.norm(at - CENTRE, axis=1, keepdims=True)
    pulls = _tangent(np.array([0.0, -1.0, 0.25]) + 0 * out, out) + 0.6 * out
    moustache = roots.places[chosen, 1] > -45
    lengths = rng.uniform(*hairdo.length, len(chosen)) * np.where(moustache, 0.35, 1.0)
    path = _grown(rng, hairdo, field, at, out, pulls, lengths, 3.0)
    return _ribbon_thing(rng, "beard", path, hairdo.width, field, wearer, colour, age)


def _choose_roots(
    rng: np.random.Generator, roots: Roots, person: Person, hairdo: Hairdo, balding: bool
) -> Int[np.ndarray, "N"]:
    """Roots of one head: a hairline of its own, bald places, shaved sides."""
    x, y, z = roots.places.T
    line = roots.density + rng.normal(0, 0.06, len(y)) > rng.uniform(0.12, 0.45)
    keep = line | (y < 60)
    if balding:
        keep &= _balding(rng, x, y, z)
    if hairdo.kind in ("crop", "side", "afro") and person.sex == "male" and rng.random() < 0.4:
        keep &= y > rng.uniform(55, 90)  # shaved sides
    chosen = np.flatnonzero(keep)
    count = min(len(chosen), int(hairdo.count * keep.mean()) + 1)
    return np.asarray(rng.choice(chosen, count, replace=False))


def _balding(
    rng: np.random.Generator, x: Float[np.ndarray, "K"], y: Float[np.ndarray, "K"], z: Float[np.ndarray, "K"]
) -> Bool[np.ndarray, "K"]:
    """Where hair is left: temples recede, then the front and the crown."""
    amount = rng.uniform(0, 1)
    temples = (np.abs(x) > 28) & (z > 50 - 50 * amount) & (y > 70)
    front = (z > 95 - 75 * amount) & (np.abs(x) < 60)
    crown = (np.hypot(x, z + 35) < 20 + 55 * amount) & (y > 100)
    gone = temples | front if amount < 0.6 else temples | front | crown
    return np.asarray(~gone)


def _tangent(way: Float[np.ndarray, "N 3"], out: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 3"]:
    flat = way - (way * out).sum(1, keepdims=True) * out
    return np.asarray(flat / (np.linalg.norm(flat, axis=1, keepdims=True) + 1e-6))


def _combed(
    rng: np.random.Generator, hairdo: Hairdo, places: Float[np.ndarray, "N 3"], at: Float[np.ndarray, "N 3"],
    out: Float[np.ndarray, "N 3"], part: float,
) -> tuple[Float[np.ndarray, "N 3"], Float[np.ndarray, "N"]]:  # fmt: skip
    """Direction in which each root is combed, and its strand's length."""
    x, y, z = places.T
    aside = np.tanh((x - part) / 9)
    lengths = rng.uniform(*hairdo.length, len(x))
    if hairdo.kind == "afro":
        way = out + rng.normal(0, 0.25, out.shape)
        return way / np.linalg.norm(way, axis=1, keepdims=True), lengths
    if hairdo.kind == "tied":
        knot = np.array([0, rng.uniform(15, 115), rng.uniform(-85, -60)])
        lengths = np.linalg.norm(knot - at, axis=1) * rng.uniform(*hairdo.length, len(x)) * 1.25
        return _tangent(knot - at, out), lengths
    backward = rng.uniform(0.6, 1.4) if hairdo.kind == "back" else rng.uniform(-0.6, 0.5)
    sideward = 0.25 if hairdo.kind == "back" else 1.0
    if hairdo.kind == "crop":
        sideward, backward = rng.uniform(0, 0.6), rng.uniform(-1, 0.8)
    way = np.stack([sideward * aside, np.full_like(x, -0.15), np.full_like(x, -backward)], 1)
    if hairdo.kind not in ("back", "crop") and rng.random() < 0.35:  # a fringe
        front = (z > 62 + rng.uniform(-5, 20)) & (y > 70)
        lean = rng.uniform(-0.6, 0.6)
        way[front] = np.array([lean, -0.2, 1.0])
        lengths = np.where(front, np.minimum(lengths, np.maximum(y - 52 + rng.uniform(-8, 12), 10) * 1.5), lengths)
    return _tangent(way + rng.normal(0, 0.12, way.shape), out) + hairdo.lift * 0.4 * out, lengths


def _grown(
    rng: np.random.Generator, hairdo: Hairdo, field: Field, at: Float[np.ndarray, "N 3"],
    out: Float[np.ndarray, "N 3"], pulls: Float[np.ndarray, "N 3"], lengths: Float[np.ndarray, "N"], stand: float,
) -> Float[np.ndarray, "N S 3"]:  # fmt: skip
    starts = pulls + hairdo.lift * out
    path = np.zeros((len(at), hairdo.steps, 3), np.float32)
    noise = rng.standard_normal((len(at), hairdo.steps, 3), np.float32)
    stands = (1 + stand * rng.random(len(at)) ** 1.5).astype(np.float32)
    phases = rng.uniform(0, 2 * np.pi, len(at)).astype(np.float32)
    floats = (np.ascontiguousarray(a, np.float32) for a in (at, starts, pulls, lengths))
    grow(field, hairdo.comb, *floats, stands, phases, noise, path)
    return path


def _tail(rng: np.random.Generator, field: Field, path: Float[np.ndarray, "N S 3"]) -> Float[np.ndarray, "M S 3"]:
    """A ponytail or a bun where the strands meet."""
    knot = path[:, -1].mean(0)
    out = (knot - CENTRE) / np.linalg.norm(knot - CENTRE)
    knot = knot + 6 * out
    count, steps = 70, path.shape[1]
    bun = rng.random() < 0.4
    at = (knot + rng.normal(0, 5, (count, 3))).astype(np.float32)
    ways = np.tile(out, (count, 1)) + rng.normal(0, 0.9 if bun else 0.25, (count, 3))
    length = rng.uniform(45, 75) if bun else rng.uniform(110, 330)
    comb = Comb(0.0, 0.4, 16.0, 60, 0.3, 0.0, 0.0) if bun else Comb(0.6, 0.15, rng.uniform(0, 6), 90, 0.06, 0.0, 0.5)
    hairdo = Hairdo("tail", count, steps, (length * 0.8, length), (10, 15), 0.6, 8.0, comb)
    lengths = rng.uniform(*hairdo.length, count)
    return _grown(rng, hairdo, field, at, ways / np.linalg.norm(ways, axis=1, keepdims=True), ways, lengths, 8.0)


def _ribbon_thing(
    rng: np.random.Generator, name: str, path: Float[np.ndarray, "N S 3"], width: tuple[float, float], field: Field,
    wearer: Wearer, colour: Float[np.ndarray, "3"], age: float,
) -> Thing:  # fmt: skip
    count, steps, _ = path.shape
    points, normals, tangents = (np.zeros((count * steps * 2, 3), np.float32) for _ in range(3))
    uv = np.zeros((count * steps * 2, 2), np.float32)
    triangles = np.zeros((count * (steps - 1) * 2, 3), np.int32)
    widths = np.asarray(rng.uniform(width[0], width[1], count), np.float32)
    columns = rng.integers(0, ATLAS, count)
    ribbons(field, path, widths, columns, np.float32(ATLAS), points, normals, tangents, uv, triangles)
    full = 0.5 if steps < 9 else 0.0  # short locks must cover with less overlap
    alpha, texture = strand_texture(
        rng, float(np.clip((age - 35) / 40, 0, 1)) * rng.random(), full, float(colour.mean())
    )
    turned = (np.ascontiguousarray(v @ wearer.turn.T, np.float32) for v in (normals, tangents))
    gloss = float(rng.uniform(0.3, 1.6))
    return Thing(name, wearer.place(points), triangles, colour, gloss, 22.0, uv, alpha, texture, TEXTURED, *turned)


def strand_texture(
    rng: np.random.Generator, grey: float, full: float, brightness: float
) -> tuple[UInt8[np.ndarray, "H W"], Float[np.ndarray, "H W 3"]]:
    """Alpha and brightness of `ATLAS` locks side by side, roots at the top: fraying tips, some locks grey;
    `full` makes them denser, `brightness` is the colour's own."""
    height, width = 64, 16 * ATLAS
    slow = cv2.resize(
        rng.standard_normal((5, width)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
    )
    slow = cv2.GaussianBlur(slow, (0, 0), 0.8)
    along = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    across = np.abs((np.arange(width) % 16 - 7.5) / 7.5).astype(np.float32)[None]
    fullness = full + rng.uniform(0.9, 1.4) - 0.9 * along**3 - 0.6 * across**3 + 0.7 * slow
    alpha = np.clip(fullness * 255, 0, 255).astype(np.uint8)
    lock = rng.uniform(0.65, 1.3, ATLAS).repeat(16)[None]
    shade = (0.55 + 0.55 * np.sqrt(along)) * (1 + 0.3 * slow) * lock
    shade = np.clip(shade, 0.2, 2.2)[..., None].repeat(3, 2)
    white = (rng.random(ATLAS) < grey).repeat(16)
    shade[:, white] *= np.clip(rng.uniform(0.15, 0.32) / brightness, 1, 8)
    return alpha, np.ascontiguousarray(shade, np.float32)
