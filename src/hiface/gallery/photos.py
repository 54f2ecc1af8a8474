"""Whose photos the gallery shows: chosen open portraits, or the user's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from hiface.errors import ConfigError
from hiface.photo.packs import Pack, read_pack
from hiface.photo.read import read_photo

LONDON = (
    "Face Research Lab London Set, L. DeBruine and B. Jones (2017), doi 10.6084/m9.figshare.5047666, CC BY 4.0; cropped"
)
OFFICIAL = "official portraits of the United States Congress, public domain; cropped"
_CREDITS = {"london": LONDON, "us_house": OFFICIAL, "us_senate": OFFICIAL}

FACES = ("lon_138_neutral", "lon_099_smiling", "lon_107_smiling", "off_bill-johnson", "off_jack-bergman")
"""Fig. 5: several people. All are of the validation part: no training has seen them."""
ANIMATED = ("off_mike-doyle", "lon_131_neutral")
"""Fig. 1."""
FITTED = ("lon_144_smiling", "off_john-cornyn")
"""Fig. 6."""
SOURCE, DRIVERS = "lon_012_neutral", ("lon_107_smiling", "off_jack-bergman")
"""Fig. 7."""


@dataclass(frozen=True)
class Shot:
    """One photo of the gallery."""

    name: str
    photo: bytes | Path
    credit: str = ""
    points478: Float[np.ndarray, "478 2"] | None = None
    """MediaPipe's points, photo pixels, where they are known."""


@dataclass(frozen=True)
class Cast:
    """Who appears in which figure; an empty figure is left out."""

    animated: tuple[Shot, ...]
    faces: tuple[Shot, ...]
    fitted: tuple[Shot, ...]
    source: Shot | None
    drivers: tuple[Shot, ...]

    @property
    def credits(self) -> list[str]:
        """Of everybody who appears, each once."""
        source = () if self.source is None else (self.source,)
        return list(dict.fromkeys(s.credit for s in (*self.animated, *self.faces, *self.fitted, *source) if s.credit))


def cast_of_data(data: Path) -> Cast:
    """The chosen portraits of the pack `portraits`."""
    pack = read_pack(data / "portraits", "val")

    def shots(*names: str) -> tuple[Shot, ...]:
        return tuple(_shot(pack, n) for n in names)

    return Cast(shots(*ANIMATED), shots(*FACES), shots(*FITTED), _shot(pack, SOURCE), shots(*DRIVERS))


def cast_of_photos(photos: Sequence[Path]) -> Cast:
    """The user's photos: all are reconstructed, the first is animated, and by the others where there are any."""
    shots = tuple(Shot(p.stem, p) for p in photos)
    if not shots:
        raise ConfigError("the gallery needs photos, or --data with the pack portraits")
    return Cast(shots[:2], shots[:5], (), shots[0] if len(shots) > 1 else None, shots[1:4])


def _shot(pack: Pack, name: str) -> Shot:
    rows = np.flatnonzero(pack.name == name)
    if not len(rows):
        raise ConfigError(f"the pack portraits has no photo {name!r}; give photos of your own instead of --data")
    row = int(rows[0])
    height, width = read_photo(pack.encoded[row]).pixels.shape[:2]
    credit = next((c for k, c in _CREDITS.items() if str(pack.source[row]).startswith(k)), "")
    return Shot(name, pack.encoded[row], credit, pack.fractions[row] * [width, height])
