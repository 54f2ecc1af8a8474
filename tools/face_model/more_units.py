"""Units beyond ARKit's 52: halves, parts of the face, MakeHuman's own, and correctives; chosen so that none repeats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hiface.face.asset import ARKIT
from tools.face_model.carry import SKIN, Carrier
from tools.face_model.lids import MOST_OVERLAP_MM
from tools.face_model.makehuman import MakeHuman
from tools.face_model.units import LIPS_AT_REST_MM, Mender, Units, crosswise

TOTAL = 233
SAME = 0.9
"""Units whose displacements of the skin have a larger cosine say the same."""
CENTRAL = ("mouthClose", "mouthFunnel", "mouthPucker", "mouthRollLower", "mouthRollUpper", "mouthShrugLower",
           "mouthShrugUpper")  # fmt: skip
HALFWAY_MM = 0.25
"""Clearance added halfway through a blink: lids are thicker there on some faces than on the mean one."""
LEAST = 0.06
"""A part of a unit is one of its own if it holds this share of the unit's square, and the rest does too."""
LEAST_MM = 0.6


@dataclass(frozen=True)
class Corrective:
    """A unit whose weight follows from others': their product, or 4 w (1 - w) of one that must bend on its way."""

    name: str
    of: tuple[str, ...]
    between: bool
    """Whether it belongs to the middle of the way of its single unit."""
    share: float = 1.0
    """What the product is multiplied with: one unit may serve several combinations."""


def windows(vertices: np.ndarray, mender: Mender) -> dict[str, np.ndarray]:
    """Name → (11248,) share of the skin in each part of the face; they sum to 1."""
    x, y = vertices[:SKIN, :2].T
    step = lambda v, a, b: (lambda t: t * t * (3 - 2 * t))(np.clip((v - a) / (b - a), 0, 1))  # noqa: E731
    brow = step(y, 44, 56)
    eye = (1 - brow) * step(y, 14, 26)
    lower = 1 - brow - eye
    nose = lower * (1 - step(np.abs(x), 14, 26)) * step(y, -20, -10)
    cheek = (lower - nose) * step(np.abs(x), 22, 46) * step(y, -62, -22)
    rest = lower - nose - cheek
    top = np.zeros(SKIN)
    top[mender.lips.near] = mender.lips.upper
    side = np.where(np.isin(np.arange(SKIN), mender.lips.near), top, step(y, -36, -32))
    return {"Brow": brow, "Eye": eye, "Nose": nose, "Cheek": cheek, "Upper": rest * side, "Lower": rest * (1 - side)}


def cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(A, B) of rows of displacements."""
    a, b = a.reshape(len(a), -1).astype(np.float64), b.reshape(len(b), -1).astype(np.float64)
    return (a @ b.T) / (np.linalg.norm(a, axis=1)[:, None] * np.linalg.norm(b, axis=1)[None] + 1e-12)


def halves(units: Units, mender: Mender, names: tuple[str, ...]) -> list[tuple[str, np.ndarray]]:
    """The left half of units that move both sides; the right is the whole less the left."""
    left = crosswise(mender.skin)
    whole = np.zeros(SKIN)
    whole[: len(left)] = left
    whole[len(left) :] = np.clip(mender.skin[len(left) :, 0] / 24 + 0.5, 0, 1)
    return [(f"{n}Left", _masked(units[n], whole, mender)) for n in names]


def _masked(field: np.ndarray, share: np.ndarray, mender: Mender) -> np.ndarray:
    """Part of a unit: its skin by the share, what lies behind following."""
    return mender.following(field[:SKIN] * share[:, None])


def parts(units: Units, mender: Mender, names: list[str]) -> list[tuple[str, np.ndarray]]:
    """What a unit does in one part of the face, for each part but the one where it does most."""
    found = []
    shares = windows(mender.skin, mender)
    for name in names:
        field = units[name][:SKIN]
        power = {k: float((field**2 * s[:, None]).sum()) for k, s in shares.items()}
        total, most = sum(power.values()), max(power, key=power.get)  # type: ignore[arg-type]
        for k, share in shares.items():
            if k != most and power[k] > LEAST * total:
                part = field * share[:, None]
                if np.linalg.norm(part, axis=1).max() > LEAST_MM:
                    found.append((power[k], f"{name}{k}", _masked(units[name], share, mender)))
    found.sort(key=lambda item: -item[0])
    return [(name, field) for _, name, field in found]


def sculpted(units: Units, mender: Mender, carrier: Carrier, makehuman: MakeHuman) -> list[tuple[str, np.ndarray]]:
    """MakeHuman's ARKit actions and its own expression units, carried to our skin; the jaw takes the teeth along.

    What lies behind the skin does as ICT's units that explain the skin best.
    """
    known = units.fields[: len(ARKIT), :SKIN].reshape(len(ARKIT), -1).astype(np.float64)
    gram = known @ known.T
    gram += 1e-3 * np.trace(gram) / len(gram) * np.eye(len(gram))
    inside = np.concatenate([mender.inner.deep, mender.inner.lining])
    out = []
    for name, offsets in _offsets(makehuman):
        skin = carrier.displacement(offsets.astype(np.float64))
        if np.linalg.norm(skin, axis=1).max() < LEAST_MM:
            continue
        whole = mender.following(skin)
        weights = np.linalg.solve(gram, known @ skin.ravel())
        whole[inside] = np.tensordot(weights, units.fields[: len(ARKIT), inside], 1)
        out.append((name, whole))
    return out


def _offsets(makehuman: MakeHuman) -> list[tuple[str, np.ndarray]]:
    actions = [(f"sculpted{n[0].upper()}{n[1:]}", makehuman.action(n)) for n in ARKIT if n != "tongueOut"]
    words = lambda name: "".join(w.capitalize() for w in name.split("-"))  # noqa: E731
    return actions + [(f"unit{words(n)}", makehuman.unit(n)) for n in makehuman.unit_names]


def correctives(units: Units, mender: Mender) -> list[tuple[Corrective, np.ndarray]]:
    """What to add where units together do what neither should."""
    found = []
    for side, lids in mender.lids.items():
        s = side.capitalize()
        blink = f"eyeBlink{s}"
        half = mender.skin + 0.5 * mender.unit(units, blink)
        clear = lids.guarded(half, mender.inner, HALFWAY_MM)
        found.append((Corrective(f"{blink}Between", (blink,), True), clear - half))
        for other in (f"eyeSquint{s}", f"eyeLookDown{s}", f"eyeWide{s}", f"cheekSquint{s}", f"browDown{s}"):
            both = mender.skin + mender.unit(units, blink, other)
            shut = lids.closed(both, mender.inner, MOST_OVERLAP_MM)
            found.append((Corrective(f"{blink}With{other[0].upper()}{other[1:]}", (blink, other), False), shut - both))
        smile = f"mouthSmile{s}"
        for other, share in (("jawOpen", 0.3), ("mouthPucker", 0.5), ("mouthFunnel", 0.4)):
            found.append((Corrective(f"{smile}With{other[0].upper()}{other[1:]}", (smile, other), False),
                          -share * _sideways(mender, mender.unit(units, smile))))  # fmt: skip
    for other, share in (("mouthPucker", 0.45), ("mouthFunnel", 0.3)):
        both = mender.skin + mender.unit(units, "jawOpen", other)
        less = mender.lips.opened(both, -share * np.maximum(mender.lips.gap(both) - LIPS_AT_REST_MM, 0))
        found.append((Corrective(f"jawOpenWith{other[0].upper()}{other[1:]}", ("jawOpen", other), False), less - both))
    both = mender.skin + mender.unit(units, "mouthRollLower", "mouthRollUpper")
    meet = mender.lips.opened(both, LIPS_AT_REST_MM - mender.lips.gap(both))
    found.append((Corrective("mouthRollBoth", ("mouthRollLower", "mouthRollUpper"), False), meet - both))
    return [(c, mender.following(field)) for c, field in found if np.linalg.norm(field, axis=1).max() > 0.15]


def _sideways(mender: Mender, field: np.ndarray) -> np.ndarray:
    """The outward part of a displacement: what widens the mouth."""
    out = np.zeros_like(field)
    out[:, 0] = field[:, 0]
    return out


def chosen(base: Units, candidates: list[tuple[str, np.ndarray]], total: int) -> Units:
    """The base and, in order, every candidate that is unlike all before it, up to `total`."""
    names, fields = list(base.names), [*base.fields]
    moved = [n for n, f in zip(names, fields, strict=True) if np.abs(f[:SKIN]).max() > 0]
    skins = np.stack([f[:SKIN] for n, f in zip(names, fields, strict=True) if n in moved])
    unit = _unit(skins)
    for name, field in candidates:
        if len(names) == total:
            break
        row = _unit(field[None, :SKIN])
        if np.abs(unit @ row[0]).max() < SAME:
            names.append(name)
            fields.append(field)
            unit = np.concatenate([unit, row])
    return Units(names, np.stack(fields).astype(np.float32))


def _unit(skins: np.ndarray) -> np.ndarray:
    flat = skins.reshape(len(skins), -1).astype(np.float32)
    return flat / (np.linalg.norm(flat, axis=1, keepdims=True) + 1e-12)


def all_units(
    units: Units, mender: Mender, carrier: Carrier, makehuman: MakeHuman
) -> tuple[Units, list[Corrective], dict[str, int]]:
    """233 units: the mended 52, ICT's others, correctives, then the rest; the correctives; what each kind gave."""
    keep = [n for n in units.names if n in ARKIT or not n.endswith("Right") or n.startswith("cheekRaiser")]
    base = Units(keep, np.stack([units[n] for n in keep]))
    fixes = correctives(units, mender)
    carved = sculpted(units, mender, carrier, makehuman)
    both = tuple(n for n, f in carved if not ("Left" in n or "Right" in n) and _even(f, mender))
    carved_units = Units([n for n, _ in carved], np.stack([f for _, f in carved]))
    groups = {
        "correctives": [(c.name, f) for c, f in fixes],
        "halves": halves(base, mender, CENTRAL),
        "MakeHuman's": carved,
        "halves of MakeHuman's": halves(carved_units, mender, both),
        "parts": parts(base, mender, [n for n in base.names if n in ARKIT]),
        "parts of MakeHuman's": parts(carved_units, mender, carved_units.names),
    }
    candidates = [item for group in groups.values() for item in group]
    result = chosen(base, candidates, TOTAL)
    counts = {"ARKit": len(ARKIT), "ICT's others": len(base.names) - len(ARKIT)}
    counts |= {k: sum(n in result.names for n, _ in group) for k, group in groups.items()}
    return result, _served(result, fixes), counts


def _served(units: Units, fixes: list[tuple[Corrective, np.ndarray]]) -> list[Corrective]:
    """Every corrective with the unit that serves it: its own, or a like one times a share."""
    own = [c.name for c, _ in fixes if c.name in units.names]
    out = []
    for fix, field in fixes:
        if fix.name in own:
            out.append(fix)
            continue
        like = cosine(field[None, :SKIN], np.stack([units[n][:SKIN] for n in own]))[0]
        name = own[int(like.argmax())]
        served = units[name][:SKIN].astype(np.float64)
        if like.max() > SAME:
            share = float((field[:SKIN] * served).sum() / (served**2).sum())
            out.append(Corrective(name, fix.of, fix.between, round(share, 4)))
    return out


def _even(field: np.ndarray, mender: Mender) -> bool:
    """Whether a displacement moves both sides."""
    left = mender.skin[:, 0] > 0
    power = (field[:SKIN] ** 2).sum(1)
    return bool(0.3 < power[left].sum() / power.sum() < 0.7)
