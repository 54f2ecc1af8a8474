"""What the model says of a face under each disturbance."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8

from hiface.evaluate import disturbances
from hiface.evaluate.answers import (
    AnswerCache,
    Answers,
    Progress,
    Row,
    answers_of,
    asked,
    face_near,
    labelled_box,
    row_of,
)
from hiface.evaluate.disturbances import (
    SERIES,
    Disturbance,
    box_in_disturbed,
    displaced,
    displaced_points,
    disturbed_photo,
    in_disturbed,
)
from hiface.evaluate.jobs import digest
from hiface.model import FaceHint, HiFace, Reconstruction
from hiface.photo.crop import CropBox, crop_pixels
from hiface.photo.packs import Pack
from hiface.photo.read import Photo, read_photo
from hiface.refine import refine


def jitter_answers(
    model: HiFace,
    pack: Pack,
    cache: AnswerCache,
    series: Sequence[Disturbance] = SERIES,
    on_progress: Progress | None = None,
) -> Answers:
    """Answers (N, D) of each photo under each disturbance; the first of the series must be none."""

    def ask(i: int) -> Row:
        photo = read_photo(pack.encoded[i])
        face, found = face_near(model, pack.encoded[i], labelled_box(pack.fractions[i], photo.pixels))
        still = [d for d in series if d.way == "network"]
        first = dict(zip(still, _through_network(model, photo, face, found, still), strict=True))
        rows = [first[d] if d in first else _through_path(model, photo, face, d) for d in series]
        return {name: np.stack([r[name] for r in rows]) for name in rows[0]}

    told = digest([Path(__file__), Path(disturbances.__file__)], repr(tuple(series)))
    return answers_of(cache.rows(f"jitter {told[:16]}", asked(pack), ask, on_progress))


@torch.no_grad()
def _through_network(
    model: HiFace, photo: Photo, face: Reconstruction, found: bool, series: Sequence[Disturbance]
) -> list[Row]:
    """One pass over each disturbed crop of the face, and the fit to the points; crops do not settle."""
    views = [_view(photo.pixels, face.box, d) for d in series]
    side = model.reconstructor.config.crop
    crops = torch.from_numpy(np.stack([crop_pixels(pixels, box, side) for pixels, box in views]))
    prediction = model.reconstructor(crops.to(model.device).permute(0, 3, 1, 2).float() / 255, twice=True)
    c, log_sigma = prediction.coefficients, prediction.log_sigma
    if prediction.seen is not None:
        c, log_sigma = refine(model.reconstructor, c, prediction.seen), prediction.seen.log_sigma
    expected = log_sigma.exp().median(1).values.cpu().numpy()
    return [
        {name: value[k].cpu().numpy() for name, value in vars(c).items()}
        | {"box": np.array([*box.centre, box.side, box.roll]), "sigma": np.array(float(expected[k]) * box.side)}
        | {"found": np.array(found)}
        for k, (_, box) in enumerate(views)
    ]


def _view(
    pixels: UInt8[np.ndarray, "H W 3"], box: CropBox, d: Disturbance
) -> tuple[UInt8[np.ndarray, "h w 3"], CropBox]:
    """The disturbed photo and the disturbed crop in it."""
    spoilt = disturbed_photo(pixels, box, d) if d.of_photo else pixels
    return spoilt, displaced(box_in_disturbed(box, _size(pixels), _size(spoilt), d), d)


def _through_path(model: HiFace, photo: Photo, face: Reconstruction, d: Disturbance) -> Row:
    """The whole path: from a crop so displaced, or from the detector on the photo so spoilt."""
    if not d.of_photo:
        start = displaced_points(face.landmarks68, face.box, d)
        return row_of(model.reconstruct(photo.pixels, hint=FaceHint(landmarks68=start))[0], True)
    pixels = disturbed_photo(photo.pixels, face.box, d)
    corners = np.array([face.landmarks68.min(0), face.landmarks68.max(0)])
    moved = in_disturbed(corners, _size(photo.pixels), _size(pixels), d)
    return row_of(*face_near(model, pixels, np.concatenate([moved.min(0), moved.max(0)])))


def _size(pixels: UInt8[np.ndarray, "H W 3"]) -> tuple[int, int]:
    return pixels.shape[1], pixels.shape[0]
