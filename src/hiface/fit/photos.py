"""Faces of photos by optimisation, from the network's answer or from landmarks alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hiface.errors import ConfigError
from hiface.fit.given import GivenPoints
from hiface.fit.photometric import SIDE, Pixels, coefficients_of, meet_pixels
from hiface.fit.points import PointField
from hiface.fit.solve import Gaussian, Solution, View, solve
from hiface.fit.start import Start, start_alone, start_of_network
from hiface.model import HiFace, PhotoLike, Reconstruction
from hiface.photo.crop import crop_pixels, photo_from_crop, transform_points
from hiface.photo.read import read_photo
from hiface.refine import MESH_POINTS, Trust
from hiface.types import Coefficients

Progress = Callable[[int, int, float], None]
"""Step, steps at most, objective."""

SEEN = Trust(identity=0.5)
"""For points of the network's own head, whose errors hang together."""
GIVEN = Trust(identity=0.9, expression=0.2, turn=0.1, log_scale=0.1, shift=0.05, sharing=3.0)
"""For points that the caller vouches for."""
GIVEN_TOGETHER = replace(GIVEN, sharing=30.0)
"""Perspective, which the camera lacks, bends all photos alike: trusted as one photo is, the points spoil the shape."""
ALONE = Trust(identity=1.0, expression=0.3, turn=1.0, log_scale=0.5, shift=0.5, sharing=3.0)
"""Without the network: about the mean face at rest."""
SIGMA = 0.004
"""Standard deviation of given points that say none, crop sides: about 0.9 mm."""


@dataclass(frozen=True)
class FitOptions:
    """How faces are fitted."""

    together: bool = False
    """The photos show one person: identity, albedo and static detail are shared."""
    network: bool = True
    """Start from the network; False: from the mean face and the landmarks, which must be given."""
    photometric: bool = True
    steps: int = 60
    """Steps of the photometric part at most."""
    trust: Trust | None = None
    """None: `SEEN`, `GIVEN`, `GIVEN_TOGETHER` or `ALONE`, as the points and the start are."""
    pixels: Pixels = field(default_factory=Pixels)


def fit(
    model: HiFace,
    photos: Sequence[PhotoLike],
    landmarks: Sequence[GivenPoints] | None = None,
    options: FitOptions | None = None,
    ipd_mm: float | None = None,
    on_progress: Progress | None = None,
) -> list[Reconstruction]:
    """The largest face of each photo, its coefficients moved to meet points and pixels.

    `landmarks` are of the caller's (photo pixels), one set a photo; without them the network's own points are met.
    Raises `ConfigError` for options that contradict each other, `PhotoError` and `NoFaceError` as
    `HiFace.reconstruct` does.
    """
    options = options or FitOptions()
    if not options.network and landmarks is None:
        raise ConfigError("without the network a fit needs landmarks; give a file of them")
    if landmarks is not None and len(landmarks) != len(photos):
        raise ConfigError(f"landmarks of {len(landmarks)} photos, but {len(photos)} photos")
    if not photos:
        raise ConfigError("no photo to fit")
    began = time.perf_counter()
    given = list(landmarks) if landmarks is not None else [None] * len(photos)
    starts = [_start(model, p, g, options.network) for p, g in zip(photos, given, strict=True)]
    groups = [list(range(len(starts)))] if options.together else [[k] for k in range(len(starts))]
    results: list[Reconstruction] = []
    for group in groups:
        chosen = [starts[k] for k in group]
        found = _fit_one(model, chosen, [given[k] for k in group], options, on_progress)
        metric = model._metric(found[0], ipd_mm)
        timings = {"fit": time.perf_counter() - began}
        results += [
            model.assemble(s.photo, s.box, c, metric, timings, s.landmark_sigma)
            for s, c in zip(chosen, found, strict=True)
        ]
        began = time.perf_counter()
    return results


def _start(model: HiFace, photo: PhotoLike, given: GivenPoints | None, network: bool) -> Start:
    if network:
        return start_of_network(model, photo, given)
    assert given is not None
    return start_alone(model, read_photo(photo), given)


def _fit_one(
    model: HiFace, starts: list[Start], given: list[GivenPoints | None], options: FitOptions,
    on_progress: Progress | None,
) -> list[Coefficients]:  # fmt: skip
    """The coefficients of one person's photos."""
    trust = options.trust or _usual_trust(options.network, given)
    views = [view_of(model, s, g, trust) for s, g in zip(starts, given, strict=True)]
    prior = identity_prior(starts, trust)
    found = solve(views, prior, (prior.mean, [v.prior.mean for v in views]))
    first = _shared(starts)
    if not options.photometric:
        return _assembled(model, first, found)
    crops = torch.stack([_pixels(model, s) for s in starts])
    done = iter(range(options.steps + 1))

    def on_step(objective: float) -> None:
        if on_progress:
            on_progress(next(done), options.steps, objective)

    coefficients, _ = meet_pixels(
        model.reconstructor, crops, views, prior, found, first, options.steps, options.pixels, on_step
    )
    return coefficients


def _usual_trust(network: bool, given: list[GivenPoints | None]) -> Trust:
    if not network:
        return ALONE
    if given[0] is None:
        return SEEN
    return GIVEN if len(given) == 1 else GIVEN_TOGETHER


def view_of(model: HiFace, start: Start, given: GivenPoints | None, trust: Trust) -> View:
    """The points of a photo and what its start says of expression, pose and camera."""
    face, xy, sigma = model.face, start.seen_xy, start.seen_sigma
    name = "mediapipe478"
    if given is not None:
        into = np.linalg.inv(photo_from_crop(start.box, 1))
        name, xy = given.name, torch.from_numpy(transform_points(into, np.asarray(given.xy, np.float64)))
        own = np.full(len(xy), SIGMA) if given.sigma is None else np.asarray(given.sigma) / start.box.side
        sigma = torch.from_numpy(own)
    count = min(len(xy), MESH_POINTS) if name == "mediapipe478" else len(xy)  # irises follow the gaze, which is coarse
    xy, sigma = xy[:count].double().to(model.device), sigma[:count].double().to(model.device)
    known = torch.isfinite(xy).all(1) & torch.isfinite(sigma)
    weight = torch.where(known, sigma, torch.ones_like(sigma)) ** -2 * known * (MESH_POINTS / count / trust.sharing)
    rest = start.rest()
    deviations = [trust.expression] * face.expression_size + [trust.turn] * 3 + [trust.log_scale] + [trust.shift] * 2
    precision = rest.new_tensor(deviations) ** -2
    points = torch.where(known[:, None], xy, torch.zeros_like(xy))
    return View(PointField.of(face, name, count), points, weight, Gaussian(rest, precision))


def identity_prior(starts: list[Start], trust: Trust) -> Gaussian:
    """β of all starts, the surer the heavier. Several answers about one face share most of their error."""
    answers = torch.stack([s.coefficients.identity[0] for s in starts]).double()
    mean = (_weights(starts)[:, None].to(answers) * answers).sum(0)
    return Gaussian(mean, torch.full_like(mean, trust.identity**-2))


def _weights(starts: list[Start]) -> Float[Tensor, "B"]:
    """Shares of the starts in what they have in common: inverse to the square of the error that each expects."""
    sure = torch.tensor([s.landmark_sigma / s.box.side for s in starts], dtype=torch.float64) ** -2
    sure = torch.where(torch.isfinite(sure), sure, torch.ones_like(sure))
    return sure / sure.sum()


def _shared(starts: list[Start]) -> list[Coefficients]:
    """The starts' coefficients with one albedo and one static detail for all."""
    weights = _weights(starts)

    def common(name: str) -> Tensor:
        values = torch.cat([getattr(s.coefficients, name) for s in starts])
        return (weights[:, None].to(values) * values).sum(0, keepdim=True)

    albedo, static = common("albedo"), common("static")
    return [replace(s.coefficients, albedo=albedo, static=static) for s in starts]


def _assembled(model: HiFace, first: list[Coefficients], found: Solution) -> list[Coefficients]:
    own = zip(first, found.rest, strict=True)
    return [coefficients_of(model.reconstructor, c, found.identity, rest) for c, rest in own]


def _pixels(model: HiFace, start: Start) -> Float[Tensor, "S S 3"]:
    crop = crop_pixels(start.photo.pixels, start.box, SIDE)
    return torch.from_numpy(crop).to(model.device).float() / 255
