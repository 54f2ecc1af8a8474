"""The one forward path: crops to coefficients, coefficients to shape, detail, points and albedo.

Inference, training, evaluation and the fit all come through here. Photos and files lie outside.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hiface.assets.format import Schema, read_asset, unknown_name, write_asset
from hiface.assets.store import locate
from hiface.detail.basis import DetailBasis
from hiface.detail.compose import Parts
from hiface.detail.decoder import DECODED, SHARPEST, MapDecoder, Variant
from hiface.detail.dynamic import Form
from hiface.detail.sddetail import BASES, SDDetail
from hiface.errors import AssetError, ConfigError
from hiface.face.albedo import AlbedoModel
from hiface.face.mirror import FaceMirror
from hiface.face.model import FaceModel, Part
from hiface.face.points import PointModel
from hiface.geometry.camera import project
from hiface.geometry.tension import TensionKind
from hiface.network.age import AgeHead
from hiface.network.backbone import ResNet
from hiface.network.head import CoefficientHead, HeadSizes, RawCoefficients
from hiface.network.points import PointHead, SeenPoints
from hiface.network.twice import mean_of_both, points_of_both
from hiface.types import Coefficients, DecodedMaps, Detail, Points, Shape

USUAL_SCALE = 1 / 220.0
"""Crop sides per millimetre of a face framed by the crop rule; what log_scale = 0 means."""

NECK_SHARE = 0.3
"""Part of the head's turn that the neck takes; both turn about the same axis, so the head's own turn is exact."""

_MEAN, _DEVIATION = (
    (0.485, 0.456, 0.406),
    (0.229, 0.224, 0.225),
)  # ImageNet's: foreign backbone weights expect them


@dataclass(frozen=True)
class NetworkConfig:
    """What a weight file must say for its network to be built again."""

    backbone: str = "resnet18"
    """resnet18, resnet34 or resnet50."""
    width: float = 1.0
    """Factor on the backbone's channels."""
    crop: int = 224
    """S, the side of the crops it was trained on, pixels."""
    mix: int = 512
    """Width of the head's hidden layer."""
    dropout: float = 0.0
    pooled: int = 4
    """Side of the feature map that the heads flatten."""
    points_width: int = 0
    """Width of the hidden layer of the head that sees points directly; 0 leaves it out."""
    detail_width: int = 256
    """Width of the hidden layers of Eq. 6."""
    detail_form: Form = "printed"
    """Eq. 6 as the paper prints it, or "standard" AdaIN."""
    detail: Variant = "bases"
    """SD-DeTail, or a row of the ablation in which a decoder draws maps: sd1 D_dyn, sd2 D_com and D_str, sd3 D_sta."""
    detail_parts: Parts = "both"
    """What D consists of; "static" and "dynamic" are the ablation's rows "w/o dynamic" and "w/o static"."""
    tension: TensionKind = "plain"
    """Eq. 8, or "oriented": edges weighed by their angle to the direction in which skin is squeezed."""
    decoder_width: int = 16
    """Channels of the decoder's finest level."""

    @property
    def asks_dynamic(self) -> bool:
        """Whether φ_com and φ_str (Eq. 6) take part in the detail."""
        return self.detail not in ("sd1", "sd2") and self.detail_parts != "static"


@dataclass(frozen=True)
class Prediction:
    """What one pass of the network gives for a batch of crops."""

    coefficients: Coefficients
    log_sigma: Float[Tensor, "B L"]
    """Natural logarithm of the expected error of each dense point, crop sides."""
    seen: SeenPoints | None = None
    """Points straight from the picture, where the network has a head for them."""
    decoded: DecodedMaps = BASES
    """Maps straight from the picture, where the network has a decoder for them."""


SCHEMA = Schema(
    "network",
    1,
    {},
    {},
    "use the shipped hiface.safetensors or train one with `hiface train`",
    any_fields=True,
)
TRAINED = ("backbone.", "head.", "point_head.", "detail_model.dynamic.", "age_head.", "decoder.")


class Reconstructor(nn.Module):
    """Network, face model, albedo and SD-DeTail in one module."""

    _mean: Float[Tensor, "3 1 1"]
    _deviation: Float[Tensor, "3 1 1"]

    def __init__(self, config: NetworkConfig, face: FaceModel, albedo: AlbedoModel, basis: DetailBasis) -> None:
        super().__init__()
        check_layouts(face, albedo, basis)
        self.config, self.face, self.albedo = config, face, albedo
        self.points_model = PointModel(face)
        self.backbone = ResNet(config.backbone, config.width)
        sizes = HeadSizes(
            identity=face.identity_size,
            expression=face.expression_size,
            albedo=albedo.size,
            static=basis.sizes["static"],
            points=len(face.landmark_weights("dense669")[0]),
        )
        self.head = CoefficientHead(
            self.backbone.channels, sizes, config.mix, config.dropout, config.pooled, face.expression_range
        )
        self.point_head = None
        if config.points_width:
            self.point_head = PointHead(
                self.backbone.channels, self._usual_points(), config.points_width, config.pooled
            )
        self.detail_model = SDDetail.of_face(
            face, basis, config.detail_form, config.detail_parts, config.detail_width, config.tension
        )
        self.detail_model.dynamic.requires_grad_(config.asks_dynamic)
        self.age_head = AgeHead(basis.sizes["static"])
        self.decoder = self._decoder(basis)
        self.register_buffer("_mean", torch.tensor(_MEAN)[:, None, None], persistent=False)
        self.register_buffer("_deviation", torch.tensor(_DEVIATION)[:, None, None], persistent=False)

    def _decoder(self, basis: DetailBasis) -> MapDecoder | None:
        config = self.config
        if config.detail not in DECODED:
            raise ConfigError(unknown_name(config.detail, DECODED, "detail"))
        if not DECODED[config.detail]:
            return None
        atlas = self.face.atlas(max(1, basis.side // SHARPEST))
        features = self.backbone.channels * config.pooled**2
        return MapDecoder(config.detail, basis, atlas, self.backbone.widths, features, config.decoder_width)

    @property
    def device(self) -> torch.device:
        """Where the assets lie, and so the network."""
        return self._mean.device

    def _usual_points(self) -> Float[Tensor, "478 2"]:
        """MediaPipe's points of the mean face in the middle of a crop, crop sides."""
        mean = self.points_model.mean[None]
        points, middle = (self.points_model.points(mean, n) for n in ("mediapipe478", "mediapipe68"))
        return project(points - middle.mean(1, keepdim=True), torch.tensor([USUAL_SCALE]), 1.0)[0, :, :2]

    @cached_property
    def mirror(self) -> FaceMirror | None:
        """The face model's mirror, where it has one."""
        return FaceMirror.of(self.face)

    def forward(
        self, crops: Float[Tensor, "B 3 S S"], autocast: torch.dtype | None = None, twice: bool = False
    ) -> Prediction:
        """Coefficients of crops in sRGB, 0 to 1. `autocast` runs the backbone in that type; `twice` asks for the mirror
        image as well, where the face model has a mirror, and answers with the mean."""
        mirror = self.mirror if twice else None
        normalised = (crops - self._mean) / self._deviation
        looks = normalised if mirror is None else torch.cat([normalised, normalised.flip(-1)])
        with torch.autocast(crops.device.type, autocast, enabled=autocast is not None):
            stages = self.backbone.pyramid(looks)
        features = stages[-1].float()
        raw = self.head(features)
        seen = None if self.point_head is None else self.point_head(features)
        if mirror is not None:
            raw, stages = mean_of_both(raw, mirror), [stage[: len(crops)] for stage in stages]
            seen = None if seen is None else points_of_both(seen, mirror)
        coefficients = self.absolute(raw)
        with torch.autocast(crops.device.type, autocast, enabled=autocast is not None):
            decoded = self._decode(normalised, stages, coefficients)
        return Prediction(coefficients, raw.log_sigma, seen, decoded)

    def _decode(self, crops: Tensor, stages: list[Tensor], coefficients: Coefficients) -> DecodedMaps:
        if self.decoder is None:
            return BASES
        with torch.no_grad(), torch.autocast(crops.device.type, enabled=False):
            posed = self.shape(coefficients).posed
        flat = nn.functional.adaptive_avg_pool2d(stages[-1], self.config.pooled).flatten(1)
        decoded: DecodedMaps = self.decoder(crops, stages, flat, posed, coefficients.scale)
        return decoded

    def absolute(self, raw: RawCoefficients) -> Coefficients:
        """Pose and camera of what the head says: the turn shared by neck and head, the gaze from the eyeLook
        weights, and the translation that puts the centre of the 68 points where the head saw it."""
        gaze = self.face.gaze(raw.expression)
        turn = raw.turn[:, None]
        rotation = torch.cat([NECK_SHARE * turn, (1 - NECK_SHARE) * turn, gaze], 1)
        scale = USUAL_SCALE * raw.log_scale.clamp(-1.5, 1.5).exp()
        posed = self.points_model(raw.identity, raw.expression, rotation)
        centre = self.points_model.points(posed, "mediapipe68").mean(1)[:, :2]
        shift = raw.shift / scale[:, None] - centre
        translation = torch.cat([shift, torch.zeros_like(shift[:, :1])], 1)
        return Coefficients(
            raw.identity, raw.expression, raw.albedo, raw.static, rotation, translation, scale, raw.light
        )

    def shape(self, coefficients: Coefficients, part: Part = "skin") -> Shape:
        """Eqs. 1 and 2, mm."""
        c = coefficients
        shape: Shape = self.face(c.identity, c.expression, c.rotation, c.translation, part)
        return shape

    def points(
        self, coefficients: Coefficients, side: float, names: tuple[str, ...] = ("mediapipe68",)
    ) -> list[Float[Tensor, "B L 3"]]:
        """Landmark sets on the screen: x and y in pixels of a crop of `side`, z depth in mm."""
        c = coefficients
        posed = self.points_model(c.identity, c.expression, c.rotation) + c.translation[:, None]
        return [project(self.points_model.points(posed, name), c.scale, side) for name in names]

    def dense_points(self, prediction: Prediction, side: float) -> Points:
        """The 669 dense points with the network's own uncertainty."""
        (screen,) = self.points(prediction.coefficients, side, ("dense669",))
        return Points(screen[..., :2], prediction.log_sigma)

    def detail(self, coefficients: Coefficients, shape: Shape, decoded: DecodedMaps = BASES) -> Detail:
        """Eqs. 4 to 9, mm. A network with a decoder needs the maps `decoded` from the picture: those of the
        `Prediction`."""
        if decoded.names != DECODED[self.config.detail]:
            raise ConfigError(
                f"a network with detail = {self.config.detail!r} draws its detail from the picture; coefficients alone"
                " (a saved face, another's expression) need one with detail = 'bases', as the shipped one"
            )
        detail: Detail = self.detail_model(
            shape.neutral, shape.expressive, coefficients.expression, coefficients.static, decoded
        )
        return detail

    def age(self, coefficients: Coefficients) -> Float[Tensor, "B 9"]:
        """p̂_age of Eq. 14: probabilities of the age groups (`network.age.AGE_GROUPS`), from static detail alone."""
        log_age: Tensor = self.age_head(coefficients.static)
        return log_age.exp()

    def trained(self) -> dict[str, Tensor]:
        """The parameters and statistics that training changes, by name; assets are not among them."""
        return {k: v for k, v in self.state_dict().items() if k.startswith(TRAINED)}

    def asset_ids(self) -> dict[str, str]:
        """Content hashes of the assets that the weights belong to."""
        return {
            "face_model": self.face.hash,
            "albedo": self.albedo.hash,
            "detail_basis": self.detail_model.basis.hash,
        }


def check_layouts(face: FaceModel, albedo: AlbedoModel, basis: DetailBasis) -> None:
    """Maps mean something on one UV layout only. Raises `AssetError` for maps of another than the face's."""
    for what, option, found in (
        ("albedo", "--albedo", albedo.uv_layout),
        ("detail basis", "--detail-basis", basis.uv_layout),
    ):
        if found != face.uv_layout:
            raise AssetError(
                f"{face.path}: its UV layout is {face.uv_layout}, the {what}'s is {found}; convert the model with"
                f" --uv ours, or have its maps written by `hiface convert-model ... {option} FILE` and give them here"
            )


def save_weights(reconstructor: Reconstructor, path: str | Path, meta: dict[str, Any]) -> str:
    """Write the trained part as half floats (statistics of normalisation in full); returns the content hash.

    `meta` (training configuration, figures, licence) joins the network's configuration and the asset hashes.
    """
    tensors = {}
    for name, tensor in reconstructor.trained().items():
        half = tensor.is_floating_point() and "running_" not in name
        tensors[name] = tensor.detach().cpu().to(torch.float16 if half else tensor.dtype).numpy()
    meta = {**meta, "config": asdict(reconstructor.config), "asset_ids": reconstructor.asset_ids()}
    return write_asset(path, SCHEMA, tensors, meta)


def start_from(reconstructor: Reconstructor, weights: str | Path) -> list[str]:
    """Copy what fits from a weight file, whatever assets it belongs to; returns the names that were left alone."""
    asset = read_asset(locate(weights), SCHEMA)
    own = reconstructor.trained()
    fits = {k: v for k, v in asset.tensors.items() if k in own and own[k].shape == v.shape}
    if not fits:
        raise AssetError(f"{weights}: nothing in it fits this network; compare its configuration")
    reconstructor.load_state_dict({k: torch.from_numpy(v).to(own[k].dtype) for k, v in fits.items()}, strict=False)
    return sorted(set(own) - set(fits))


def load_reconstructor(
    weights: str | Path = "hiface.safetensors",
    face: FaceModel | None = None,
    albedo: AlbedoModel | None = None,
    basis: DetailBasis | None = None,
    tension: TensionKind | None = None,
) -> tuple[Reconstructor, dict[str, Any]]:
    """The network of a weight file with its assets (the shipped ones unless given), in evaluation mode, and its meta.

    tension: in place of the one that the weights were trained with (a file from before the option: "plain").

    Raises `AssetError` if the weights belong to other assets, or do not fit their own configuration.
    """
    asset = read_asset(locate(weights), SCHEMA)
    config = NetworkConfig(**(asset.meta["config"] | ({} if tension is None else {"tension": tension})))
    model = Reconstructor(config, face or FaceModel.load(), albedo or AlbedoModel.load(), basis or DetailBasis.load())
    for kind, wanted in asset.meta["asset_ids"].items():
        found = model.asset_ids()[kind]
        if found != wanted:
            raise AssetError(
                f"{weights}: these weights belong to {kind} {wanted[:12]}, but {found[:12]} is loaded;"
                " give the asset they were trained with, or train again"
            )
    own = model.trained()
    wrong = [k for k in own if k not in asset.tensors or asset.tensors[k].shape != tuple(own[k].shape)]
    if wrong or len(own) != len(asset.tensors):
        raise AssetError(f"{weights}: does not fit its own configuration (first: {wrong[:2]}); {SCHEMA.how_to_get}")
    state = {k: torch.from_numpy(v).to(own[k].dtype) for k, v in asset.tensors.items()}
    model.load_state_dict(state, strict=False)
    return model.eval(), {**asset.meta, "weights_id": asset.hash}
