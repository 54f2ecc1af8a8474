"""What can be seen of a face model's lids, lips and teeth: pixels, clearances, mirror images, cosines."""

from __future__ import annotations

import numpy as np
import torch

from hiface.face.asset import ARKIT
from hiface.face.model import FaceModel
from hiface.geometry.camera import project
from hiface.geometry.topology import triangulate
from hiface.render.rasterise import rasterise

SIDE, SPAN_MM = 512, 230.0
EYES, MOUTH = ("eyeball_left", "eyeball_right"), ("teeth", "gums_tongue", "mouth_socket")
CASES: dict[str, tuple[dict[str, float], tuple[str, ...]]] = {
    "eyes open": ({}, EYES),
    "blink": ({"eyeBlink": 1.0}, EYES),
    "blink and frown": ({"eyeBlink": 1.0, "browDown": 1.0}, EYES),
    "blink and squint": ({"eyeBlink": 1.0, "eyeSquint": 1.0}, EYES),
    "mouth at rest": ({}, MOUTH),
    "smile": ({"mouthSmile": 1.0}, MOUTH),
    "press": ({"mouthPress": 1.0}, MOUTH),
    "pucker": ({"mouthPucker": 1.0}, MOUTH),
    "jaw open, lips closed": ({"jawOpen": 0.5, "mouthClose": 0.5}, MOUTH),
}


def weights(face: FaceModel, units: dict[str, float]) -> torch.Tensor:
    """(1, E) with both sides of each unit, and the correctives that follow."""
    row = torch.zeros(1, face.expression_size)
    for name, weight in units.items():
        for own in (name, f"{name}Left", f"{name}Right"):
            if own in ARKIT:
                row[0, face.expression_names.index(own)] = weight
    return face.with_correctives(row)


def pixels(face: FaceModel, vertices: torch.Tensor, parts: tuple[str, ...]) -> int:
    """How many pixels of a front view show the parts; lashes are left out."""
    lashes = face.polygon_range("eyelashes_left").start
    triangles = torch.from_numpy(triangulate(face.polygons[:lashes]))
    raster = rasterise(project(vertices, torch.tensor([1 / SPAN_MM]), SIDE), triangles, SIDE, SIDE)
    seen = 0
    for part in parts:
        polygons = face.polygon_range(part)
        first, end = (len(triangulate(face.polygons[:k])) for k in (polygons.start, polygons.stop))
        seen += int(((raster.face_id >= first) & (raster.face_id < end)).sum())
    return seen


def clearance(ball: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(P,) mm of points from a ball given by its vertices, along its radius; negative inside."""
    from scipy.spatial import cKDTree

    centre = (ball.min(0) + ball.max(0)) / 2
    rays, away = ball - centre, points - centre
    radii, length = np.linalg.norm(rays, axis=1), np.linalg.norm(away, axis=1)
    distance, k = cKDTree(rays / radii[:, None]).query(away / length[:, None], 3)
    share = 1 / (distance + 1e-6)
    return np.asarray(length - (radii[k] * share).sum(1) / share.sum(1))


def contact(face: FaceModel, count: int, seed: int) -> dict[str, object]:
    """Case → pixels seen over random identities of unit deviation: mean, median, 95th percentile, share of the open."""
    drawn = torch.randn(count, face.identity_size, generator=torch.Generator().manual_seed(seed))
    found: dict[str, object] = {}
    for name, (units, parts) in CASES.items():
        offset = face.expression_offset(weights(face, units))
        seen = np.array([pixels(face, face.neutral(z[None]) + offset, parts) for z in drawn])
        found[name] = {"mean": round(float(seen.mean()), 1), "median": float(np.median(seen)),
                       "p95": round(float(np.quantile(seen, 0.95)), 1),
                       "faces_over_1_percent": round(float((seen > 16).mean()), 3)}  # fmt: skip
    found["lid clearance, mm, by weight of blink"] = lid_clearance(face, drawn)
    return found


def lid_clearance(face: FaceModel, drawn: torch.Tensor) -> dict[str, list[float]]:
    """Least clearance of the lids' visible edge from the ball on the way of a blink: median and 5th percentile."""
    socket = face.polygons[face.polygon_range("eye_socket_left")]
    border = np.setdiff1d(np.unique(socket[socket >= 0]), np.arange(*face.parts["eye_socket_left"].vertices))
    part = face.polygons[face.polygon_range("face")]
    edge = set(border.tolist())
    for _ in range(2):  # the border lies behind; the edge that is seen is two rings further
        edge |= set(part[np.isin(part, list(edge)).any(1)].ravel().tolist()) - {-1}
    rim = np.array(sorted(edge - set(border.tolist())))
    out = {}
    for weight in (0.0, 0.25, 0.5, 0.75, 1.0):
        offset = face.expression_offset(weights(face, {"eyeBlink": weight}))
        least = []
        for z in drawn:
            shape = (face.neutral(z[None]) + offset)[0].numpy()
            ball = face.neutral(z[None])[0].numpy()[face.vertex_range("eyeball_left")]
            least.append(clearance(ball, shape[rim]).min())
        out[str(weight)] = [round(float(np.median(least)), 2), round(float(np.quantile(least, 0.05)), 2)]
    return out


def mirror_error(face: FaceModel) -> float:
    """Largest distance, mm, between an ARKit unit's skin and the mirror image of its partner's."""
    skin, partner = face.vertex_count("skin"), face.symmetry
    if partner is None:
        return float("nan")
    worst = 0.0
    for name in ARKIT:
        other = name.replace("Left", "#").replace("Right", "Left").replace("#", "Right")
        own, image = (face.expression_basis[face.expression_names.index(n), :skin].numpy() for n in (name, other))
        worst = max(worst, float(np.linalg.norm(own[partner[:skin]] * [-1, 1, 1] - image, axis=1).max()))
    return round(worst, 4)


def largest_cosine(face: FaceModel) -> list[object]:
    """The two units most alike over the skin, either sign; and the largest cosine of any unit beyond ARKit's."""
    skin = face.vertex_count("skin")
    flat = face.expression_basis[:, :skin].flatten(1)
    moving = torch.where(flat.norm(dim=1) > 0)[0]
    unit = flat[moving] / flat[moving].norm(dim=1, keepdim=True)
    gram = (unit @ unit.T).abs()
    gram.fill_diagonal_(0)
    at = divmod(int(gram.argmax()), len(gram))
    names = [face.expression_names[int(moving[k])] for k in at]
    own = [k for k, m in enumerate(moving.tolist()) if face.expression_names[m] not in ARKIT]
    return [round(float(gram.max()), 3), *names, round(float(gram[own].max()), 3) if own else None]
