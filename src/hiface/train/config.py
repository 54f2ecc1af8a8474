"""What a training run is, as frozen dataclasses; a TOML file states only its differences from the defaults."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from hiface.assets.format import unknown_name
from hiface.errors import ConfigError
from hiface.reconstructor import NetworkConfig

_T = TypeVar("_T")
Images = Literal["both", "synthetic", "photos"]
IMAGES: tuple[Images, ...] = ("both", "synthetic", "photos")


@dataclass(frozen=True)
class LossWeights:
    """λ of Eq. 15, times a factor of ours where the normalisation of "‖·‖₂" differs from the paper's."""

    detail: float = 4.0
    """λ_detail. The paper has 10 on a sum; ours is a root mean square in mm, five times larger on our maps."""
    vertex: float = 0.3
    """λ_shp on L_ver, raw: per mm. What one photo cannot know (size) stays in, at a low weight."""
    shape: float = 2.0
    """λ_shp on L_ver after rigid motion and size are projected out: per mm."""
    divergence: float = 0.05
    """λ_shp on L_kl, which is a sum over modes."""
    expression: float = 0.6
    """L_ver of the expression's own offset, per mm."""
    photometric: float = 1.0
    """λ_self on L_pho."""
    identity: float = 0.0
    """λ_self λ_id on L_id; 0 unless a recognition teacher is given (docs/decisions.md)."""
    points: float = 6.0
    """λ_self λ_lmk on dense points with uncertainty."""
    points478: float = 40.0
    """λ_self λ_lmk on MediaPipe's points, in crop sides."""
    seen: float = 20.0
    """λ_self λ_lmk on the points that the network sees directly, where it has a head for them."""
    rotation: float = 2.0
    """On the chordal distance of head rotations; synthetic images."""
    scores: float = 0.3
    """On MediaPipe's expression scores of photos, a weak teacher: mean absolute difference."""
    unnamed: float = 0.03
    """On the weights of a photo's units beyond those that have scores."""
    age: float = 0.1
    """λ_kd."""
    light: float = 0.05
    """On the light's coefficients; synthetic images."""
    albedo: float = 0.6
    """On the logarithm of the mid-face's mean colour; synthetic images."""
    prior: float = 1e-3
    """λ_reg."""
    prior_photos: float = 1e-2
    """λ_reg on photos, which have nothing else to hold identity and albedo."""
    prior_static: float = 2e-3
    """λ_reg on static detail of photos. Held as tightly as identity, all people got nearly one map."""


@dataclass(frozen=True)
class TrainConfig:
    """One run. Everything that changes the result is here and is stored with the weights."""

    network: NetworkConfig = field(default_factory=lambda: NetworkConfig(width=0.5, crop=128))
    weights: LossWeights = field(default_factory=LossWeights)
    seed: int = 1
    steps: int = 20_000
    synthetic_batch: int = 40
    photo_batch: int = 24
    photos_from: int = 0
    """First step at which photos join; before it a step has synthetic faces only, as many as both together."""
    learning_rate: float = 1e-3
    warmup: int = 500
    weight_decay: float = 0.02
    gradient_clip: float = 10.0
    average: float = 0.999
    """Decay of the running average of the weights; the average is what is validated and shipped."""
    photometric_every: int = 4
    """Steps between photometric ones; 0 leaves L_pho out."""
    photometric_batch: int = 16
    photometric_side: int = 64
    photometric_from: int = 1500
    """First photometric step: before it the mesh does not lie on the face yet."""
    validate_every: int = 1000
    precision: str = "auto"
    """Type of the backbone's arithmetic: bf16, fp32, or auto: bf16 where the processor multiplies it natively."""
    threads: int = 1
    """Compute threads; one when anything else runs on the machine."""
    loaders: int = 1
    """Worker processes that prepare batches."""
    resident: int = 0
    """Room for so many drawn faces decoded on the device, where crops are then cut and spoilt: for GPUs, which
    loaders cannot feed. 215 kB a face of 232 pixels. 0: loaders."""
    mirror: bool = True
    """Half of the drawn faces are mirrored, where the face model has a mirror; by loaders only, not with `resident`."""
    use_synthetic_truth: bool = True
    """False: synthetic pictures give points and colours only, as photos do."""
    images: Images = "both"
    """"photos" and "synthetic" fill a step with one kind alone: rows "w/o Syn. Data" and "synthetic only" of the
    ablation."""
    still_stages: int = 0
    """So many of the backbone's four stages, and its stem, stay as they start, statistics included: a sixth of a
    step's cost for the first, in which weights that have seen a million faces learn little more."""
    freeze_coarse: bool = False
    """Only what detail alone depends on learns (`frozen.DETAIL`); the coarse face stays the start's, bit for
    bit: the ablation's rows of detail."""

    def __post_init__(self) -> None:
        if self.images not in IMAGES:
            raise ConfigError(unknown_name(self.images, IMAGES, "kind of images"))


def from_toml(path: str | Path, base: TrainConfig | None = None) -> TrainConfig:
    """The configuration that a TOML file's differences make of `base`; unknown keys are errors."""
    try:
        table = tomllib.loads(Path(path).read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: not a readable TOML file ({error})") from error
    return merge(base or TrainConfig(), table, str(path))


def merge(config: _T, table: dict[str, Any], where: str) -> _T:
    """`config` with the entries of `table`, nested tables into nested dataclasses."""
    known = {f.name: f for f in fields(config)}  # type: ignore[arg-type]
    changes: dict[str, Any] = {}
    for name, value in table.items():
        if name not in known:
            raise ConfigError(f"{where}: " + unknown_name(name, known, "setting"))
        current = getattr(config, name)
        if isinstance(value, dict):
            changes[name] = merge(current, value, f"{where}: {name}")
        elif isinstance(current, float) and isinstance(value, int) and not isinstance(value, bool):
            changes[name] = float(value)
        elif type(value) is not type(current):
            expected = type(current).__name__
            raise ConfigError(f"{where}: {name} is {value!r}, expected a value of type {expected}")
        else:
            changes[name] = value
    return replace(config, **changes)  # type: ignore[type-var]


def as_table(config: TrainConfig) -> dict[str, Any]:
    """The whole configuration as plain values, for a weight file's metadata."""
    return asdict(config)
