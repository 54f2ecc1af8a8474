"""The parts of a face in a photo: the parser's answer in the face's crop, and where it lies in the photo."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from hiface.face.parts import Part
from hiface.network.parser import FaceParser, parse_crops
from hiface.photo.crop import CropBox, crop_pixels, photo_from_crop, transform_points


@dataclass(frozen=True)
class ParsedFace:
    """Probabilities of the parts in a crop."""

    shares: Float[np.ndarray, "C S S"]
    box: CropBox

    def of(self, parts: tuple[Part, ...]) -> Float[np.ndarray, "S S"]:
        """Probability that a pixel shows one of the parts."""
        return np.asarray(self.shares[list(parts)].sum(0), np.float32)

    def places(self, points: Float[np.ndarray, "N 2"]) -> Float[np.ndarray, "N 2"]:
        """Points of the photo in pixels of the crop of side S, centres at one half."""
        return transform_points(np.linalg.inv(photo_from_crop(self.box, self.shares.shape[1])), points)


def parse_face(parser: FaceParser, pixels: UInt8[np.ndarray, "H W 3"], box: CropBox) -> ParsedFace:
    """Which parts a photo shows in the crop of a face."""
    return ParsedFace(parse_crops(parser, crop_pixels(pixels, box, parser.config.crop)[None])[0], box)


def sampled(
    values: Float[np.ndarray, "S S"], places: Float[np.ndarray, "H W 2"], beyond: float
) -> Float[np.ndarray, "H W"]:
    """A map of a crop at places in its pixels, bilinear; `beyond` outside of the crop."""
    where = np.ascontiguousarray(places - 0.5, np.float32)
    return np.asarray(
        cv2.remap(values, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=beyond)
    )
