"""From a file, bytes or an array to the pixels of a photo: upright, opaque, 8-bit sRGB.

OpenCV decodes. Colour profiles are not applied: a wide-gamut photo (Display P3 of recent phones) is read as
if it were sRGB, which makes it slightly pale. CMYK is converted by the plain formula, without ink profiles.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8

from hiface.errors import PhotoError
from hiface.photo.header import Header, kind_of, read_header

Array = np.ndarray[Any, np.dtype[Any]]

SUFFIXES = (".bmp", ".gif", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
SHORTEST_SIDE = 32
"""Pixels; a face in a smaller picture has nothing to reconstruct from."""
MOST_PIXELS = 100_000_000
"""Pixels; 300 MB decoded, with as much again while the channels are put in order."""

_KINDS = "JPEG, PNG, WebP, GIF, BMP or TIFF"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Photo:
    """A photo as its viewer sees it: upright, opaque, 8-bit sRGB."""

    pixels: UInt8[np.ndarray, "H W 3"]
    """RGB, row 0 at the top, C-contiguous."""
    name: str
    """Path or `<bytes>` or `<array>`: what messages call it."""
    path: Path | None
    """The file, where there is one."""
    original_wh: tuple[int, int]
    """Width and height as stored, before the EXIF turn."""


def read_photo(source: str | Path | bytes | Array | Photo) -> Photo:
    """The photo behind a path, the bytes of a file, or an RGB array; a `Photo` is returned as it is.

    EXIF orientation is applied; transparent parts turn white; 16 bits and greys become 8-bit RGB; of several
    frames the first is taken, with a warning. An array is (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), in RGB
    order, uint8, uint16 or float within 0 to 1, and is used without copying where it already fits.
    Raises `PhotoError`, one line that names the photo and the cure, for everything that is not a whole photo
    with sides of at least 32 px and at most 100 megapixels.
    """
    if isinstance(source, Photo):
        return source
    if isinstance(source, np.ndarray):
        image = _checked_array(source)
        return _photo(image, "<array>", None, Header("array", image.shape[1], image.shape[0]))
    if isinstance(source, bytes | bytearray | memoryview):
        data, name, path = bytes(source), "<bytes>", None
    elif isinstance(source, str | Path):
        name, path = str(source), Path(source)
        data = _file_bytes(path)
    else:
        given = type(source).__name__
        raise PhotoError(f"<{given}>: not a photo; give a path, the bytes of a file or an RGB array")
    header = checked_header(data, name)
    return _photo(_decode(data, name, header), name, path, header)


def find_photos(paths: Iterable[str | Path]) -> list[Path]:
    """The photos behind files and folders, in the order given, each once.

    A folder gives its files with a known suffix, sorted by name, without hidden ones and without subfolders;
    a file is taken whatever its suffix. Raises `PhotoError` for a missing path and a folder without photos.
    """
    found: dict[Path, None] = {}
    for path in map(Path, paths):
        found.update(dict.fromkeys(_folder_photos(path) if path.is_dir() else [_existing(path)]))
    return list(found)


def _folder_photos(folder: Path) -> list[Path]:
    try:
        inside = sorted(filter(_looks_like_photo, folder.iterdir()))
    except PermissionError as error:
        raise PhotoError(f"{folder}: no permission to read this folder; change its permissions") from error
    if not inside:
        raise PhotoError(f"{folder}: no photos in this folder; give one with {', '.join(SUFFIXES)} files")
    return inside


def _looks_like_photo(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


def _existing(path: Path) -> Path:
    if not path.exists():
        raise PhotoError(f"{path}: no such file or folder; check the path")
    return path


def _file_bytes(path: Path) -> bytes:
    if path.is_dir():
        raise PhotoError(f"{path}: is a folder; name a photo in it")
    if not _existing(path).is_file():
        raise PhotoError(f"{path}: is not a regular file; name a photo")
    try:
        with path.open("rb") as file:
            start = file.read(32)
            # The rest only if it begins like a picture: a film or a disk image would fill the memory.
            return start + file.read() if kind_of(start) else start
    except PermissionError as error:
        raise PhotoError(f"{path}: no permission to read it; change its permissions or copy it") from error
    except OSError as error:
        raise PhotoError(f"{path}: cannot be read ({error.strerror}); copy it anew") from error


def checked_header(data: bytes, name: str) -> Header:
    """The header of a whole photo that may be decoded; nothing is decoded yet. Raises `PhotoError`."""
    if not data:
        raise PhotoError(f"{name}: is empty (0 bytes); copy it anew")
    header = read_header(data)
    if header is None:
        kind = kind_of(data)
        what = f"is {kind}, which is not read" if kind else "is not a picture of a known kind"
        raise PhotoError(f"{name}: {what}; save it as {_KINDS}")
    if header.width * header.height > 0:  # a truncated header does not say its size
        _check_size(header.width, header.height, name)
    if header.damage or not header.width * header.height:
        damage = header.damage or "its header gives no size"
        raise PhotoError(f"{name}: this {header.kind} is damaged or cut off ({damage}); copy or save it anew")
    if header.frames > 1:
        _log.warning("%s: this %s holds several pictures; the first one is used", name, header.kind)
    return header


def _check_size(width: int, height: int, name: str) -> None:
    size = f"{name}: {width} x {height} px"
    if min(width, height) < SHORTEST_SIDE:
        raise PhotoError(f"{size} is too small, each side needs {SHORTEST_SIDE} or more; use a larger photo")
    if width * height > MOST_PIXELS:
        above = f"above the limit of {MOST_PIXELS // 1_000_000} megapixels"
        raise PhotoError(f"{size} is {above}; scale it down or cut out the part with the face")


def _decode(data: bytes, name: str, header: Header) -> Array:
    """RGB or grey in file order and depth, alpha kept."""
    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except (cv2.error, MemoryError):
        decoded = None
    if decoded is None:
        raise PhotoError(f"{name}: this {header.kind} cannot be decoded; save it as JPEG or PNG")
    image: Array = decoded
    if image.dtype not in (np.uint8, np.uint16) or image.ndim not in (2, 3):
        raise PhotoError(f"{name}: has {image.dtype} pixels; save it with 8 or 16 bits a channel")
    _check_size(image.shape[1], image.shape[0], name)
    if image.ndim == 3 and image.shape[2] >= 3:
        code = cv2.COLOR_BGR2RGB if image.shape[2] == 3 else cv2.COLOR_BGRA2RGBA
        cv2.cvtColor(image, code, dst=image)
    return image


def _checked_array(array: Array) -> Array:
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or channels not in (1, 3, 4):
        raise PhotoError(f"<array>: expected shape (H, W, 3), got {array.shape}; give RGB with channels last")
    _check_size(array.shape[1], array.shape[0], "<array>")
    if array.dtype in (np.uint8, np.uint16):
        return array
    if array.dtype.kind != "f" or not (array.min() >= 0 and array.max() <= 1):  # false for NaN too
        raise PhotoError("<array>: expected uint8, uint16 or float within 0 to 1; convert it")
    return np.round(array * np.float32(65535)).astype(np.uint16)


def _photo(image: Array, name: str, path: Path | None, header: Header) -> Photo:
    opaque = _over_white(_eight_bits(image))
    pixels = np.ascontiguousarray(_turned(opaque, header.orientation))
    return Photo(pixels, name, path, (header.width, header.height))


def _eight_bits(image: Array) -> Array:
    if image.dtype == np.uint8:
        return image
    rounded: Array = cv2.convertScaleAbs(image, alpha=1 / 257)  # no halves to round: 257 is odd
    return rounded


def _over_white(image: Array) -> Array:
    """RGB without alpha, transparent parts white.

    White, because that is what pages and viewers put behind a cut-out and what its soft hair edges were made
    for; black would leave a bright fringe, and the colours stored under full transparency are arbitrary.
    """
    if image.ndim == 2:
        return np.repeat(image[:, :, None], 3, axis=2)
    if image.shape[2] == 1:
        return np.repeat(image, 3, axis=2)
    if image.shape[2] == 3:
        return image
    alpha = image[:, :, 3:].astype(np.uint16)
    blend = image[:, :, :3] * alpha + 255 * (255 - alpha)  # at most 255 * 255, so 127 more still fits 16 bits
    return ((blend + 127) // 255).astype(np.uint8)


def _turned(image: Array, orientation: int) -> Array:
    """`image` as EXIF orientation 1 to 8 wants it shown."""
    if orientation >= 5:
        image = image.swapaxes(0, 1)
    rows = -1 if orientation in (3, 4, 7, 8) else 1
    columns = -1 if orientation in (2, 3, 6, 7) else 1
    return image[::rows, ::columns]
