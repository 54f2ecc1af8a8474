"""What lies behind the skin and follows it: eyeballs, sockets, lashes, teeth, gums and the mouth's lining.

Everything here is linear in the skin's displacement, so that it holds for heads and for modes alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree

from tools.face_model.carry import FACE, SKIN, graph_laplacian
from tools.face_model.eyes import RADIUS_MM, SIDES, steps_from
from tools.face_model.source import Source

CONTACT_MM = 2.0
"""Lids this near to the ball are held to it; those that stand off (at the corners) are free."""
HELD_STEPS, FREE_STEPS = 2, 9
"""Edges from the lid's border within which contact is held fully, and beyond which not at all."""
EYE_GROWTH = 0.35
"""How much of the change of the lids' length the eyeball takes part in: eyes grow less than faces."""


def affine_of(points: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(4, N): the weighted least-squares affine map of displacements at `points`, to be multiplied with them."""
    system = np.c_[points, np.ones(len(points))]
    return np.linalg.solve((system * weight[:, None]).T @ system, (system * weight[:, None]).T)


@dataclass
class Eye:
    """One eyeball and the skin round it."""

    ball: np.ndarray
    centre: np.ndarray
    border: np.ndarray
    """Vertices of the lids' inner border, a loop."""
    near: np.ndarray
    """Skin that may be held to the ball, with its outward directions and how firmly it is held."""
    outward: np.ndarray
    hold: np.ndarray
    corners: tuple[int, int]
    socket: np.ndarray
    socket_share: np.ndarray
    """How far each vertex of the socket goes with the ball rather than with the lids."""
    lids: sparse.csr_matrix
    """What the lids' border hands on to the socket."""
    mean_corners: np.ndarray
    mean_border: np.ndarray

    def motion(self, skin: np.ndarray) -> tuple[np.ndarray, float]:
        """Shift of the ball and its growth: seated in the lids as on the mean face."""
        a, b = self.corners
        across = self.mean_corners[0] - self.mean_corners[1]
        growth = EYE_GROWTH * float((skin[a] - skin[b]) @ across / (across @ across))
        wanted = skin[self.near] - growth * RADIUS_MM * self.outward
        loop = skin[self.border] - growth * (self.mean_border - self.centre)
        normal = np.einsum("n,ni,nj->ij", self.hold, self.outward, self.outward) / self.hold.sum()
        right = np.einsum("n,ni,nj,nj->i", self.hold, self.outward, self.outward, wanted) / self.hold.sum()
        soft = np.diag([0.5, 0.5, 0.02])
        return np.linalg.solve(normal + soft, right + soft @ loop.mean(0)), growth


class Inner:
    """Extends a displacement of the skin to all vertices, and seats the eyes."""

    def __init__(self, source: Source, centres: dict[str, np.ndarray]) -> None:
        self.source = source
        self.mean = source.vertices
        self.eyes = {side: _eye(source, side, centres[side]) for side in SIDES}
        skin = source.polygons[: source.parts["head_neck"]["polygons"][1]]
        self.spread = (sparse.identity(SKIN) - graph_laplacian(skin, SKIN)).tocsr()
        """Each skin vertex's mean of its neighbours."""
        self._mouth()
        self._lashes()

    def seated(self, skin: np.ndarray) -> np.ndarray:
        """The skin's displacement with the lids kept at their distance from the ball, to first order."""
        skin = skin.copy()
        for eye in self.eyes.values():
            shift, growth = eye.motion(skin)
            stand_off = (skin[eye.near] - shift - growth * RADIUS_MM * eye.outward) * eye.outward
            skin[eye.near] -= (eye.hold * stand_off.sum(1))[:, None] * eye.outward
        return skin

    def extended(self, skin: np.ndarray, own: np.ndarray | None = None) -> np.ndarray:
        """(V, 3) from (11248, 3). `own` holds displacements of teeth, gums and lining where a source knows them."""
        skin = self.seated(skin)
        whole = np.zeros_like(self.mean)
        whole[:SKIN] = skin
        for eye in self.eyes.values():
            shift, growth = eye.motion(skin)
            with_ball = shift + growth * (self.mean - eye.centre)
            whole[eye.ball] = with_ball[eye.ball]
            share = eye.socket_share[:, None]
            whole[eye.socket] = (1 - share) * (eye.lids @ skin) + share * with_ball[eye.socket]
        whole[self.lashes] = self.lash_weights @ skin
        if own is None:
            affine = self.mouth_affine @ skin[self.mouth_skin]
            whole[self.deep] = np.c_[self.mean[self.deep], np.ones(len(self.deep))] @ affine
            whole[self.lining] = self.lined(skin, affine)
        else:
            for rows in (self.deep, self.lining):
                whole[rows] = own[rows]
        return whole

    def _mouth(self) -> None:
        """Teeth, gums and tongue follow the mouth's surroundings as one; the lining joins them to the lips."""
        parts = self.source.parts
        self.deep = np.r_[tuple(np.arange(*parts[p]["vertices"]) for p in ("gums_tongue", "teeth"))]
        self.lining = np.arange(*parts["mouth_socket"]["vertices"])
        face = self.mean[:FACE]
        mouth = np.array([0.0, -35.0, 95.0])
        self.mouth_skin = np.flatnonzero(np.linalg.norm(face - mouth, axis=1) < 60)
        distance = np.linalg.norm(face[self.mouth_skin] - mouth, axis=1)
        self.mouth_affine = affine_of(face[self.mouth_skin], np.exp(-((distance / 22) ** 2)))
        polygons = self.source.polygons[self.source.polygon_slice("mouth_socket")]
        laplacian = graph_laplacian(polygons, len(self.mean)).tocsr()
        border = np.setdiff1d(np.unique(polygons[polygons >= 0]), self.lining)
        steps = steps_from(polygons, border, len(self.mean))[self.lining]
        pull = np.where(steps > 6, 0.05, 0.0)
        rows = laplacian[self.lining]
        self._lining = splu((rows[:, self.lining].T @ rows[:, self.lining] + sparse.diags(pull + 1e-9)).tocsc())
        self._lining_rows, self._lining_border, self._pull = rows, border, pull

    def lined(self, skin: np.ndarray, affine: np.ndarray) -> np.ndarray:
        inner = self._lining_rows[:, self.lining]
        known = self._lining_rows[:, self._lining_border] @ skin[self._lining_border]
        deep = np.c_[self.mean[self.lining], np.ones(len(self.lining))] @ affine
        return self._lining.solve(-(inner.T @ known) + self._pull[:, None] * deep)

    def _lashes(self) -> None:
        parts = self.source.parts
        self.lashes = np.r_[tuple(np.arange(*parts[f"eyelashes_{s}"]["vertices"]) for s in SIDES)]
        near = np.concatenate([e.near for e in self.eyes.values()])
        self.lash_weights = nearest_weights(self.mean[self.lashes], self.mean, near, 4, SKIN)


def nearest_weights(points: np.ndarray, mean: np.ndarray, on: np.ndarray, count: int, width: int) -> sparse.csr_matrix:
    """(len(points), width): inverse-distance weights on the `count` nearest vertices of `on`."""
    distance, k = cKDTree(mean[on]).query(points, count)
    weight = 1 / (distance + 0.3) ** 2
    weight /= weight.sum(1, keepdims=True)
    rows = np.repeat(np.arange(len(points)), count)
    return sparse.csr_matrix((weight.ravel(), (rows, on[k].ravel())), shape=(len(points), width))


def _eye(source: Source, side: str, centre: np.ndarray) -> Eye:
    mean = source.vertices
    polygons = source.polygons[source.polygon_slice(f"eye_socket_{side}")]
    ball = np.arange(*source.parts[f"eyeball_{side}"]["vertices"])
    socket = np.arange(*source.parts[f"eye_socket_{side}"]["vertices"])
    border = np.setdiff1d(np.unique(polygons[polygons >= 0]), socket)
    face = source.polygons[source.polygon_slice("face")]
    steps = steps_from(face, border, len(mean))
    near = np.flatnonzero(steps[:FACE] < FREE_STEPS)
    offset = mean[near] - centre
    distance = np.linalg.norm(offset, axis=1)
    outward = offset / distance[:, None]
    ring = np.clip((FREE_STEPS - steps[near]) / (FREE_STEPS - HELD_STEPS), 0, 1)
    gap = np.maximum(distance - RADIUS_MM, 0)
    hold = ring**2 * (3 - 2 * ring) * np.exp(-((gap / (CONTACT_MM + 0.35 * steps[near])) ** 2))
    inside = steps_from(polygons, border, len(mean))[socket]
    corners = int(border[mean[border, 0].argmax()]), int(border[mean[border, 0].argmin()])
    return Eye(
        ball, centre, border, near, outward, hold, corners, socket, np.clip(inside / 3.0, 0, 1),
        nearest_weights(mean[socket], mean, border, 4, SKIN), mean[list(corners)], mean[border],
    )  # fmt: skip
