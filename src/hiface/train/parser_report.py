"""What a face parser is worth: overlap with the truth of drawn faces, skin found in photos by group, and a sheet."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8

from hiface.face.landmarks import FACE_OVAL, IBUG68_OF_MEDIAPIPE
from hiface.face.parts import OF_THE_FACE, PART_NAMES, painted
from hiface.network.parser import FaceParser, parse_crops
from hiface.photo.crop import crop_from_landmarks
from hiface.train.augment import crop_and_matrix
from hiface.train.parser_batches import ParserFaces, cut
from hiface.train.photos import PhotoSet

_68 = list(IBUG68_OF_MEDIAPIPE)


@dataclass(frozen=True)
class Overlap:
    """Pixels of held-out drawn faces, under the crop rule."""

    both: Int[np.ndarray, "C"]
    """Of the class in truth and answer."""
    either: Int[np.ndarray, "C"]

    def iou(self) -> Float[np.ndarray, "C"]:
        """Intersection over union of each class; NaN where none is seen."""
        return np.where(self.either > 0, self.both / np.maximum(self.either, 1), np.nan)


def intersections(parser: FaceParser, faces: ParserFaces) -> Overlap:
    """Answers against the truth of drawn faces."""
    side, classes = parser.config.crop, len(PART_NAMES)
    both, either = np.zeros(classes, np.int64), np.zeros(classes, np.int64)
    for first in range(0, len(faces), 16):
        rows = range(first, min(first + 16, len(faces)))
        pairs = [cut(faces, i, crop_from_landmarks(faces.points68[i].astype(np.float64)), side, side) for i in rows]
        answers = parse_crops(parser, np.stack([p[0] for p in pairs])).argmax(1)
        truth = np.stack([p[1] for p in pairs])
        own = np.bincount(answers.ravel(), minlength=classes) + np.bincount(truth.ravel(), minlength=classes)
        same = np.bincount(truth[truth == answers], minlength=classes)
        both, either = both + same, either + own - same
    return Overlap(both, either)


def table(overlap: Overlap) -> str:
    """A line a class, then the mean."""
    iou = overlap.iou()
    lines = [f"{name:11s} {100 * value:5.1f} %" for name, value in zip(PART_NAMES, iou, strict=True)]
    return "\n".join(["IoU on held-out drawn faces", *lines, f"{'mean':11s} {100 * np.nanmean(iou):5.1f} %"])


def photo_parts(
    parser: FaceParser, photos: PhotoSet
) -> tuple[UInt8[np.ndarray, "N S S 3"], UInt8[np.ndarray, "N S S"], Float[np.ndarray, "N 478 2"]]:
    """Crops of photos, their parts, and MediaPipe's points in crop pixels."""
    side = parser.config.crop
    crops, points = [], []
    for picture, found in zip(photos.pictures, photos.points.astype(np.float64), strict=True):
        crop, matrix = crop_and_matrix(picture, crop_from_landmarks(found[_68]), side)
        crops.append(crop)
        points.append((found @ matrix[:2, :2].T + matrix[:2, 2]) * side)
    stacked = np.stack(crops)
    return stacked, parse_crops(parser, stacked).argmax(1).astype(np.uint8), np.stack(points)


def face_share(parts: UInt8[np.ndarray, "N S S"], points: Float[np.ndarray, "N 478 2"]) -> Float[np.ndarray, "N"]:
    """Share of the landmarks' oval that the parser takes for the face itself: skin, features, beard."""
    shares = []
    for own, found in zip(parts, points, strict=True):
        oval = np.zeros(own.shape, np.uint8)
        cv2.fillPoly(oval, [np.round((found[list(FACE_OVAL)] - 0.5) * 16).astype(np.int32)], 1, shift=4)
        shares.append(float(np.isin(own, [int(p) for p in OF_THE_FACE])[oval == 1].mean()))
    return np.array(shares)


def by_group(shares: Float[np.ndarray, "N"], groups: np.ndarray) -> str:
    """Mean, standard error and number for each group."""
    lines = ["share of the landmarks' oval taken for the face"]
    for name in sorted(set(groups.tolist())):
        own = shares[groups == name]
        error = own.std() / np.sqrt(len(own))
        lines.append(f"{name or 'unknown':20s} {100 * own.mean():5.1f} ± {100 * error:3.1f} %  n = {len(own)}")
    return "\n".join(lines)


def overlay_sheet(
    crops: UInt8[np.ndarray, "N S S 3"], parts: UInt8[np.ndarray, "N S S"], columns: int = 6
) -> UInt8[np.ndarray, "H W 3"]:
    """Each crop beside itself with its parts in colour."""
    mixed = (crops * 0.4 + painted(parts) * 0.6).astype(np.uint8)
    tiles = list(np.concatenate([crops, mixed], 2))
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    return np.vstack([np.hstack(tiles[k : k + columns]) for k in range(0, len(tiles), columns)])
