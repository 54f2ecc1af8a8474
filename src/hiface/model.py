"""Photos in, faces out: the detector and the crop rule before the network, the files after it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy.typing import NDArray

from hiface.detail.basis import DetailBasis
from hiface.detail.compose import Parts, shown
from hiface.detail.sddetail import BASES
from hiface.errors import ConfigError, NoFaceError
from hiface.face.albedo import AlbedoModel
from hiface.face.landmarks import IBUG68_OF_MEDIAPIPE
from hiface.face.model import FaceModel
from hiface.geometry.camera import apply_affine
from hiface.geometry.tension import TensionKind
from hiface.network.age import AGE_GROUPS
from hiface.network.parser import FaceParser, load_parser, shipped_parser
from hiface.photo.crop import (
    CropBox,
    crop_from_box,
    crop_from_landmarks,
    crop_from_landmarks478,
    crop_from_points5,
    crop_pixels,
    photo_from_crop,
)
from hiface.photo.detect import FaceDetector
from hiface.photo.parse import ParsedFace, parse_face
from hiface.photo.read import Photo, read_photo
from hiface.reconstructor import Prediction, Reconstructor, load_reconstructor
from hiface.refine import refine
from hiface.types import Coefficients, DecodedMaps, Detail, Shape

PhotoLike = str | Path | bytes | NDArray[np.uint8]
FaceChoice = Literal["largest", "all"]

IPD_MM = (43.0, 51.0, 59.0, 62.5, 63.0, 63.0, 63.0, 63.0, 63.0)
"""Distance between the pupils that stands in for the size one photo does not show, mm, by age group.

Rounded means of adults (about 63) and children; they vary by about 4 mm from person to person.
"""


MOST_REFINEMENTS = 4
"""Passes after which the crop is taken as it is; from a detector's box the first is nearly always enough."""
SETTLED = 0.06
"""A crop has settled when neither its centre nor its side moves by more than this part of the side."""


DOUBT = 0.02
"""Expected error of the points, crop sides, above which the network looks again, from crops beside this one. On faces
it knows it expects 0.006 to 0.01; where it is lost, 0.03 and more."""
BESIDE = ((0.8, 0, 0, 0), (1.25, 0, 0, 0), (1, 0.07, 0, 0), (1, -0.07, 0, 0), (1, 0, 0.07, 0), (1, 0, -0.07, 0),
           (1.1, 0, 0, 0.25), (1.1, 0, 0, -0.25))  # fmt: skip
"""Side, shift right and down in sides, and roll of the crops beside a crop."""


def crops_beside(box: CropBox) -> list[CropBox]:
    """Other squares round the same face."""
    x, y = box.centre
    return [
        CropBox((x + right * box.side, y + down * box.side), box.side * size, box.roll + roll)
        for size, right, down, roll in BESIDE
    ]


def _settled(before: CropBox, after: CropBox) -> bool:
    moved = np.hypot(before.centre[0] - after.centre[0], before.centre[1] - after.centre[1])
    return bool(max(moved, abs(before.side - after.side)) < SETTLED * after.side)


@dataclass(frozen=True)
class FaceHint:
    """Where a face is, from the caller, in place of the detector: a box, 68 or 478 landmarks, or a box and five
    points (eyes, nose tip, mouth corners, the subject's right first). Photo pixels."""

    box_xyxy: Float[np.ndarray, "4"] | None = None
    points5: Float[np.ndarray, "5 2"] | None = None
    landmarks68: Float[np.ndarray, "68 2"] | None = None
    landmarks478: Float[np.ndarray, "478 2"] | None = None

    def crop_box(self) -> CropBox:
        """The crop that the hint means; raises `ConfigError` for a hint that says nothing or too much."""
        if self.points5 is not None and self.box_xyxy is not None:
            return crop_from_points5(np.asarray(self.points5, np.float64), np.asarray(self.box_xyxy, np.float64))
        if (self.box_xyxy is None) + (self.landmarks68 is None) + (self.landmarks478 is None) != 2:
            raise ConfigError("a face hint needs one of box_xyxy (points5 may go with it), landmarks68, landmarks478")
        if self.landmarks68 is not None:
            return crop_from_landmarks(np.asarray(self.landmarks68, np.float64))
        if self.landmarks478 is not None:
            return crop_from_landmarks478(np.asarray(self.landmarks478, np.float64))
        return crop_from_box(np.asarray(self.box_xyxy, np.float64))


@dataclass(frozen=True)
class FaceShape:
    """Vertices of the whole face model, NumPy, millimetres; metric size as `metric_assumption` says."""

    neutral: Float[np.ndarray, "V 3"]
    expressive: Float[np.ndarray, "V 3"]
    posed: Float[np.ndarray, "V 3"]
    """In the crop's frame: +x right in the crop, +y up, +z towards the camera, the optical axis through the origin."""


@dataclass(frozen=True)
class FaceDetail:
    """Detail maps of the face tile, NumPy, mm (`tension` has no unit); row 0 is v = 1."""

    displacement: Float[np.ndarray, "R R"]
    static: Float[np.ndarray, "R R"]
    compressed: Float[np.ndarray, "R R"]
    stretched: Float[np.ndarray, "R R"]
    tension: Float[np.ndarray, "R R"]


@dataclass(frozen=True)
class Reconstruction:
    """One face of one photo."""

    photo: Photo
    box: CropBox
    """The crop, as centre, side and roll in the photo."""
    crop_side: int
    """S, pixels: the side that the network saw."""
    coefficients: Coefficients
    """Batch of one, CPU; frame of the crop."""
    shape: FaceShape
    detail: FaceDetail
    landmarks68: Float[np.ndarray, "68 2"]
    """Pixels of the photo, EXIF orientation applied; iBUG order."""
    landmark_sigma: float
    """What the network expects its dense points to be off by, photo pixels, median; NaN where it was not asked."""
    arkit: dict[str, float]
    """The 52 weights by name."""
    millimetre_factor: float
    """By what the model's shape was scaled to meet the assumed or given inter-pupillary distance."""
    metric_assumption: str
    timings_ms: dict[str, float]
    face: FaceModel = field(repr=False)
    model: HiFace = field(repr=False)

    @property
    def photo_from_crop(self) -> Float[np.ndarray, "3 3"]:
        """Crop pixels to photo pixels, EXIF orientation applied."""
        return photo_from_crop(self.box, self.crop_side)

    def save(self, folder: str | Path) -> Path:
        """Write every file of this face under `folder` (README, "What you get"); returns the folder."""
        from hiface.export.folder import (
            write_folder,
        )  # pulls in the writers, which loading a model does not need

        return write_folder(self, folder)


class HiFace:
    """A loaded model; `reconstruct` is all that most users need."""

    def __init__(
        self, reconstructor: Reconstructor, meta: dict[str, Any], device: torch.device, parser: FaceParser | None = None
    ) -> None:
        self.reconstructor = reconstructor.to(device).eval()
        self.meta, self.device = meta, device
        self.weights_id: str = meta["weights_id"]
        self.detector = FaceDetector()
        self.parser = None if parser is None else parser.to(device).eval()

    @property
    def face(self) -> FaceModel:
        return self.reconstructor.face

    def parse(self, photo: Photo, box: CropBox) -> ParsedFace | None:
        """Which parts a photo shows in a face's crop; None without a parser."""
        return None if self.parser is None else parse_face(self.parser, photo.pixels, box)

    @overload
    def reconstruct(
        self, photo: PhotoLike, faces: FaceChoice = ..., hint: FaceHint | None = ..., ipd_mm: float | None = ...
    ) -> list[Reconstruction]: ...

    @overload
    def reconstruct(
        self, photo: list[PhotoLike], faces: FaceChoice = ..., hint: None = ..., ipd_mm: float | None = ...
    ) -> list[list[Reconstruction]]: ...

    def reconstruct(
        self,
        photo: PhotoLike | list[PhotoLike],
        faces: FaceChoice = "largest",
        hint: FaceHint | None = None,
        ipd_mm: float | None = None,
    ) -> list[Reconstruction] | list[list[Reconstruction]]:
        """The faces of a photo, largest first; of a list of photos, a list for each.

        `photo` is a path, encoded bytes or an RGB array (H, W, 3) uint8. `hint` says where the one face is.
        `ipd_mm` sets the person's inter-pupillary distance and so the metric size. Raises `PhotoError` for a
        photo that cannot be read and `NoFaceError` for one without a face.
        """
        if isinstance(photo, list):
            return [self.reconstruct(p, faces, None, ipd_mm) for p in photo]
        started = time.perf_counter()
        picture = read_photo(photo)
        read_done = time.perf_counter()
        boxes = [hint.crop_box()] if hint else self._find(picture, faces)
        found = time.perf_counter()
        timings = {"read": read_done - started, "detect": found - read_done}
        return self._from_boxes(picture, boxes, ipd_mm, timings)

    def _find(self, photo: Photo, faces: FaceChoice) -> list[CropBox]:
        if faces not in ("largest", "all"):
            raise ConfigError(f"faces: expected 'largest' or 'all', got {faces!r}")
        detected = self.detector.detect(photo)
        if not detected:
            raise NoFaceError(
                f"{photo.name}: no face found; crop closer to the face, or say where it is with a box or landmarks"
            )
        area = [(f.box_xyxy[2] - f.box_xyxy[0]) * (f.box_xyxy[3] - f.box_xyxy[1]) for f in detected]
        order = np.argsort(area)[::-1][: 1 if faces == "largest" else None]
        return [crop_from_points5(detected[k].points5, detected[k].box_xyxy) for k in order]

    def _from_boxes(
        self, photo: Photo, boxes: list[CropBox], ipd_mm: float | None, timings: dict[str, float]
    ) -> list[Reconstruction]:
        started = time.perf_counter()
        refined = boxes
        for _ in range(MOST_REFINEMENTS):
            before, prediction = self._sure(photo, refined)
            refined = [crop_from_landmarks(p) for p in self._photo_points(prediction, before)]
            if all(_settled(a, b) for a, b in zip(before, refined, strict=True)):
                break
        refined, prediction = self._sure(photo, refined, twice=True)
        prediction = self._fitted(prediction)
        timings = timings | {"network": time.perf_counter() - started}
        return [self._face(photo, prediction, k, box, ipd_mm, timings) for k, box in enumerate(refined)]

    @torch.no_grad()
    def predict(
        self, photo: Photo, boxes: list[CropBox], twice: bool = False
    ) -> tuple[Prediction, UInt8[np.ndarray, "B S S 3"]]:
        """One pass of the network over crops of a photo; `twice`: and over their mirror images."""
        side = self.reconstructor.config.crop
        crops = np.stack([crop_pixels(photo.pixels, box, side) for box in boxes])
        tensor = torch.from_numpy(crops).to(self.device).permute(0, 3, 1, 2).float() / 255
        return self.reconstructor(tensor, twice=twice), crops

    def _sure(self, photo: Photo, boxes: list[CropBox], twice: bool = False) -> tuple[list[CropBox], Prediction]:
        """One pass over the crops; where the network is in doubt, over the crop beside of which it is surest."""
        prediction, _ = self.predict(photo, boxes, twice)
        doubtful = [k for k, error in enumerate(_expected_errors(prediction)) if error > DOUBT]
        if not doubtful:
            return boxes, prediction
        boxes = list(boxes)
        for k in doubtful:
            looks = [boxes[k], *crops_beside(boxes[k])]
            boxes[k] = looks[int(np.argmin(_expected_errors(self.predict(photo, looks)[0])))]
        return boxes, self.predict(photo, boxes, twice)[0]

    def _fitted(self, prediction: Prediction) -> Prediction:
        """The coefficients moved to meet the points that the network saw, where it sees points."""
        if prediction.seen is None:
            return prediction
        return replace(prediction, coefficients=refine(self.reconstructor, prediction.coefficients, prediction.seen))

    @torch.no_grad()
    def _photo_points(self, prediction: Prediction, boxes: list[CropBox]) -> Float[np.ndarray, "B 68 2"]:
        side = self.reconstructor.config.crop
        if prediction.seen is not None:
            points = side * prediction.seen.xy[:, list(IBUG68_OF_MEDIAPIPE)]
        else:
            (points,) = self.reconstructor.points(prediction.coefficients, side, ("mediapipe68",))
        matrices = torch.from_numpy(np.stack([photo_from_crop(b, side) for b in boxes]))
        return apply_affine(matrices, points[..., :2].double().cpu()).numpy()

    def _face(
        self, photo: Photo, prediction: Prediction, k: int, box: CropBox,
        ipd_mm: float | None, timings: dict[str, float],
    ) -> Reconstruction:  # fmt: skip
        coefficients = prediction.coefficients[k]
        log_sigma = prediction.log_sigma if prediction.seen is None else prediction.seen.log_sigma
        sigma = float(log_sigma[k].exp().median()) * box.side
        decoded = prediction.decoded[k : k + 1]
        metric = self._metric(coefficients, ipd_mm)
        return self.assemble(photo, box, coefficients, metric, timings, sigma, decoded=decoded)

    @torch.no_grad()
    def assemble(
        self, photo: Photo, box: CropBox, coefficients: Coefficients, metric: tuple[float, str],
        timings: dict[str, float] | None = None, landmark_sigma: float = float("nan"), parts: Parts = "both",
        decoded: DecodedMaps = BASES,
    ) -> Reconstruction:  # fmt: skip
        """The face of given coefficients (batch of one) in a crop of a photo.

        `metric`: factor on the model's millimetres and what it rests on. `parts`: which of the network's detail is
        displaced. `decoded`: maps of the `Prediction`, where the network has a decoder.
        """
        started = time.perf_counter()
        model, side = self.reconstructor, self.reconstructor.config.crop
        coefficients = coefficients.to(self.device)
        shape = model.shape(coefficients, "all")
        detail = model.detail(coefficients, shape, decoded)
        detail = detail if parts == "both" else shown(detail, parts)
        (screen,) = model.points(coefficients, side, ("mediapipe68",))
        to_photo = torch.from_numpy(photo_from_crop(box, side))
        weights = coefficients.expression[0, :52].cpu().tolist()
        names = model.face.expression_names[:52]
        factor, assumption = metric
        return Reconstruction(
            photo=photo,
            box=box,
            crop_side=side,
            coefficients=coefficients.to("cpu"),
            shape=_numpy_shape(shape, factor),
            detail=_numpy_detail(detail),
            landmarks68=apply_affine(to_photo, screen[0, :, :2].double().cpu()).numpy(),
            landmark_sigma=landmark_sigma,
            arkit={name: round(float(w), 4) for name, w in zip(names, weights, strict=True)},
            millimetre_factor=factor,
            metric_assumption=assumption,
            timings_ms={
                **{name: 1e3 * t for name, t in (timings or {}).items()},
                "mesh": 1e3 * (time.perf_counter() - started),
            },
            face=model.face,
            model=self,
        )

    @torch.no_grad()
    def _metric(self, coefficients: Coefficients, ipd_mm: float | None) -> tuple[float, str]:
        """Factor to the assumed or given inter-pupillary distance, and what to tell the user."""
        joints = self.face.joints(coefficients.identity)
        own = float((joints[0, 2] - joints[0, 3]).norm())
        if ipd_mm is not None:
            if not 20 <= ipd_mm <= 100:
                raise ConfigError(f"inter-pupillary distance {ipd_mm:g} mm: expected 20 to 100 (adults: 54 to 74)")
            return ipd_mm / own, f"inter-pupillary distance of {ipd_mm:g} mm, given by the user"
        group = int(self.reconstructor.age(coefficients)[0].argmax())
        assumed = IPD_MM[group]
        text = f"inter-pupillary distance of {assumed:g} mm, assumed for the age group {AGE_GROUPS[group]}"
        return assumed / own, f"{text} that the static detail suggests; one photo does not show size"


def _expected_errors(prediction: Prediction) -> Float[np.ndarray, "B"]:
    """The median over the points of the error that the network expects, crop sides."""
    log_sigma = prediction.log_sigma if prediction.seen is None else prediction.seen.log_sigma
    return np.asarray(log_sigma.exp().median(1).values.cpu().numpy())


def load(
    weights: str | Path = "hiface.safetensors",
    device: str = "auto",
    *,
    face_model: str | Path = "face_model.safetensors",
    detail_basis: str | Path = "detail_basis.safetensors",
    albedo: str | Path = "albedo.safetensors",
    tension: TensionKind | None = None,
    parser: str | Path | None = None,
) -> HiFace:
    """A model from a weight file (the shipped one unless named) on "cpu", "cuda" or whichever there is ("auto").

    Weights that were trained on assets of the user's need the same assets here. tension: "plain" (Eq. 8) or "oriented"
    in place of what the weights say (docs/detail_tension.md). parser: weights of a face parser (docs/parser.md); None
    takes the shipped one, where there is one.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError(f"device {device!r}: this machine or this build of torch has no CUDA; use cpu or auto")
    assets = FaceModel.load(face_model), AlbedoModel.load(albedo), DetailBasis.load(detail_basis)
    reconstructor, meta = load_reconstructor(weights, *assets, tension=tension)
    parsing = shipped_parser() if parser is None else load_parser(parser)
    return HiFace(reconstructor, meta, torch.device(device), parsing)


def _numpy_shape(shape: Shape, factor: float) -> FaceShape:
    return FaceShape(*((getattr(shape, f)[0].cpu().numpy() * factor) for f in ("neutral", "expressive", "posed")))


def _numpy_detail(detail: Detail) -> FaceDetail:
    return FaceDetail(**{f: getattr(detail, f)[0].cpu().numpy() for f in FaceDetail.__dataclass_fields__})
