"""Figures of photos: Figs. 1, 5, 6 and 7 of the paper with our reconstructions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import torch

from hiface.animation import animate
from hiface.export.sculpture import Frame, over_photo, sculpture
from hiface.fit.given import GivenPoints
from hiface.fit.photos import FitOptions, fit
from hiface.gallery.photos import Shot
from hiface.gallery.sculptor import weights_of
from hiface.gallery.sheets import Picture, sheet
from hiface.model import HiFace, Reconstruction
from hiface.photo.crop import crop_pixels, photo_from_crop, transform_points

MOODS = ("smile", "frown")


def animated(model: HiFace, shots: Sequence[Shot], side: int = 300) -> Picture:
    """Fig. 1: photo, coarse, detailed, and the detailed face under other expressions."""
    rows = []
    for shot in shots:
        face = _face(model, shot)
        moods = [_with_expression(face, mood) for mood in MOODS]
        rows.append([_photo(face, side), _clay(face, side, False), *(_clay(f, side) for f in (face, *moods))])
    return sheet(rows, ("photo", "coarse", "with detail", *(f"animated: {m}" for m in MOODS)))


def reconstructed(model: HiFace, shots: Sequence[Shot], side: int = 300) -> Picture:
    """Fig. 5: photo, coarse shape over it, coarse and detailed."""
    rows = []
    for shot in shots:
        face = _face(model, shot)
        posed, frame = face.shape.posed, _frame(face)
        over = over_photo(model.face, posed, frame, crop_pixels(face.photo.pixels, face.box, side))
        rows.append([_photo(face, side), over, _clay(face, side, False), _clay(face, side)])
    return sheet(rows, ("photo", "overlay", "coarse", "with detail"))


def decorated(model: HiFace, shots: Sequence[Shot], side: int = 340) -> Picture:
    """Fig. 6: identity and expression fitted to landmarks by an optimiser that starts from the mean face, then
    SD-DeTail on them: static detail as the network sees it in the photo, dynamic detail from both."""
    rows = []
    for shot in shots:
        assert shot.points478 is not None
        given = [GivenPoints(shot.points478)]
        fitted = fit(model, [_of(shot)], given, FitOptions(network=False, photometric=False))[0]
        static = _face(model, shot).coefficients.static
        metric = fitted.millimetre_factor, fitted.metric_assumption
        full = model.assemble(fitted.photo, fitted.box, replace(fitted.coefficients, static=static), metric)
        rows.append([_with_points(fitted, given[0], side), _clay(fitted, side, False), _clay(full, side)])
    return sheet(rows, ("photo and landmarks", "fitted without the network", "with SD-DeTail"))


def transferred(model: HiFace, source: Shot, drivers: Sequence[Shot], side: int = 270) -> Picture:
    """Fig. 7: the source given a driver's expression, its static detail, or both."""
    face = _face(model, source)
    rows = []
    for shot in drivers:
        driver = _face(model, shot)
        given = [animate(face, driver, way) for way in ("dynamic", "static", "both")]
        rows.append(
            [_photo(face, side), _clay(face, side), _photo(driver, side), _clay(driver, side)]
            + [_clay(f, side) for f in given]
        )
    titles = ("source", "", "driver", "", "its expression", "its static detail", "both")
    return sheet(rows, titles)


def _of(shot: Shot) -> str | bytes:
    return shot.photo if isinstance(shot.photo, bytes) else str(shot.photo)


def _face(model: HiFace, shot: Shot) -> Reconstruction:
    return model.reconstruct(_of(shot))[0]


def _frame(face: Reconstruction) -> Frame:
    """The crop's."""
    return Frame((0.0, 0.0), face.millimetre_factor / float(face.coefficients.scale[0]))


def _photo(face: Reconstruction, side: int) -> Picture:
    return crop_pixels(face.photo.pixels, face.box, side)


def _with_points(face: Reconstruction, given: GivenPoints, side: int) -> Picture:
    """The photo with the landmarks that were given, as dots."""
    into = np.linalg.inv(photo_from_crop(face.box, side))
    picture = np.ascontiguousarray(_photo(face, side))
    for x, y in transform_points(into, np.asarray(given.xy, np.float64)):
        cv2.circle(picture, (round(16 * x), round(16 * y)), 16, (120, 240, 200), -1, cv2.LINE_AA, 4)
    return picture


def _clay(face: Reconstruction, side: int, detailed: bool = True) -> Picture:
    relief = face.detail.displacement if detailed else None
    return sculpture(face.face, face.shape.posed, relief, _frame(face), side)


def _with_expression(face: Reconstruction, name: str) -> Reconstruction:
    """The face under one of the gallery's expressions, looking ahead."""
    rotation = face.coefficients.rotation.clone()
    rotation[:, 2:] = 0
    weights = weights_of(face.face, name).to(torch.float32)
    coefficients = replace(face.coefficients, expression=weights, rotation=rotation)
    return face.model.assemble(face.photo, face.box, coefficients, (face.millimetre_factor, face.metric_assumption))
