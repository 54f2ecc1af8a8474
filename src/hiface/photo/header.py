"""What a picture file says about itself before it is decoded: size, turn, frames, and whether it is whole.

OpenCV decodes; this module looks first, for three things that OpenCV does not say. The size, so that a huge
picture is refused before it takes the memory. The EXIF orientation, which `IMREAD_UNCHANGED` (the only way to
keep alpha and 16 bits) leaves alone. And the end: several versions of OpenCV fill the missing part of a
truncated file with grey and call it a success.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_JPEG_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")
_JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_TIFF_UNITS = {1: "B", 3: "H", 4: "I"}


@dataclass(frozen=True)
class Header:
    """A picture file's own words."""

    kind: str
    """JPEG, PNG, WebP, GIF, BMP or TIFF."""
    width: int
    """As stored, before any EXIF turn; 0 where the file does not get as far as saying it."""
    height: int
    orientation: int = 1
    """EXIF orientation 1 to 8 that is still to be applied (OpenCV applies TIFF's own itself: 1)."""
    frames: int = 1
    """Pictures in the file; 2 stands for any number above 1."""
    damage: str | None = None
    """What is missing or wrong, or None where the file is whole."""


def read_header(data: bytes) -> Header | None:
    """The header of a picture file, or None where `data` begins like none of the known kinds."""
    kind = kind_of(data)
    if kind is None or kind not in _READERS:
        return None
    try:
        return _READERS[kind](data)
    except (struct.error, IndexError, KeyError):
        return Header(kind, 0, 0, damage="it ends inside its header")


def kind_of(data: bytes) -> str | None:
    """The kind of file by its first bytes; `HEIC or AVIF` is known by name but not read."""
    for start, kind in _SIGNATURES:
        if data.startswith(start):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    return "HEIC or AVIF" if data[4:8] == b"ftyp" and data[8:11] in _HEIF_BRANDS else None


def _jpeg(data: bytes) -> Header:
    size, orientation, position = (0, 0), 1, 2
    while found := _JPEG_MARKER.search(data, position):
        marker, start = data[found.end() - 1], found.end()
        if marker == 0xD9:
            return Header("JPEG", *size, orientation)
        (length,) = struct.unpack_from(">H", data, start)
        body = data[start + 2 : start + length]
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", body, 1)
            size = (width, height)
        elif marker == 0xE1 and body.startswith(b"Exif\0\0"):
            orientation = _exif_orientation(body)
        position = start + length
    return Header("JPEG", *size, orientation, damage="it ends before its end marker")


def _png(data: bytes) -> Header:
    width, height = struct.unpack_from(">II", data, 16)
    orientation, frames, damage = 1, 1, "it ends before its last chunk"
    for name, body, stored_crc in _png_chunks(data):
        critical = not name[0] & 0x20
        if critical and zlib.crc32(body, zlib.crc32(name)) != stored_crc:
            damage = f"its chunk {name.decode('latin-1')} fails its checksum"
            break
        if name == b"eXIf":
            orientation = _exif_orientation(body)
        if name == b"acTL":
            frames = struct.unpack_from(">I", body)[0]
        if name == b"IEND":
            return Header("PNG", width, height, orientation, min(frames, 2))
    return Header("PNG", width, height, orientation, min(frames, 2), damage)


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes, int]]:
    position = 8
    while position + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        end = position + 8 + length
        if end + 4 > len(data):
            return
        yield name, data[position + 8 : end], struct.unpack_from(">I", data, end)[0]
        position = end + 4


def _webp(data: bytes) -> Header:
    size, orientation, frames = (0, 0), 1, 1
    (length,) = struct.unpack_from("<I", data, 4)
    damage = "it is shorter than it says" if len(data) < length + 8 else None
    position = 12
    while position + 8 <= min(len(data), length + 8):
        name, chunk = struct.unpack_from("<4sI", data, position)
        body = data[position + 8 : position + 8 + chunk]
        if name in (b"VP8 ", b"VP8L", b"VP8X") and size == (0, 0):
            size = _webp_size(name, body)
        if name == b"VP8X":
            frames += bool(body[0] & 2)
        if name == b"EXIF":
            orientation = _exif_orientation(body)
        position += 8 + chunk + (chunk & 1)
    return Header("WebP", *size, orientation, frames, damage)


def _webp_size(name: bytes, body: bytes) -> tuple[int, int]:
    if name == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if name == b"VP8L":
        (bits,) = struct.unpack_from("<I", body, 1)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", body, 6)
    return width & 0x3FFF, height & 0x3FFF


def _gif(data: bytes) -> Header:
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    position, frames = 13 + _gif_table(flags), 0
    while position < len(data) and data[position] != 0x3B:
        if data[position] == 0x2C:
            frames += 1
            position += 11 + _gif_table(data[position + 9])
        else:
            position += 2
        while length := data[position]:
            position += 1 + length
        position += 1
    damage = None if position < len(data) and frames else "it ends before its end marker"
    return Header("GIF", width, height, frames=min(frames, 2), damage=damage)


def _gif_table(flags: int) -> int:
    return 3 << 1 + (flags & 7) if flags & 0x80 else 0


def _bmp(data: bytes) -> Header:
    offset, header = struct.unpack_from("<II", data, 10)
    if header == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        compression = 0
    else:
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
    width, height = abs(width), abs(height)
    plain = compression in (0, 3, 6)  # the others are run-length codes or whole JPEGs: no fixed length
    short = plain and len(data) < offset + (width * bits + 31) // 32 * 4 * height
    return Header("BMP", width, height, damage="it is shorter than its size asks" if short else None)


def _tiff(data: bytes) -> Header:
    tags, next_directory = _directory(data)
    width, height = tags[256][0], tags[257][0]
    offsets, counts = tags.get(273, tags.get(324, ())), tags.get(279, tags.get(325, ()))
    whole = offsets and all(o + n <= len(data) for o, n in zip(offsets, counts, strict=False))
    damage = None if whole else "its strips reach beyond its end"
    return Header("TIFF", width, height, frames=1 + bool(next_directory), damage=damage)


def _directory(data: bytes) -> tuple[dict[int, tuple[int, ...]], int]:
    """The unsigned integer fields of a TIFF's first directory, and the offset of the second."""
    order = "<" if data[:2] == b"II" else ">"
    (position,) = struct.unpack_from(order + "I", data, 4)
    (entries,) = struct.unpack_from(order + "H", data, position)
    tags: dict[int, tuple[int, ...]] = {}
    for at in range(position + 2, position + 2 + 12 * entries, 12):
        tag, unit, count = struct.unpack_from(order + "HHI", data, at)
        if unit in _TIFF_UNITS and count <= len(data):
            layout = f"{order}{count}{_TIFF_UNITS[unit]}"
            inside = struct.calcsize(layout) <= 4
            where = at + 8 if inside else struct.unpack_from(order + "I", data, at + 8)[0]
            tags[tag] = struct.unpack_from(layout, data, where)
    return tags, struct.unpack_from(order + "I", data, position + 2 + 12 * entries)[0]


def _exif_orientation(body: bytes) -> int:
    """1 to 8; a broken EXIF block is no reason to refuse a photo, so it counts as upright."""
    try:
        tags, _ = _directory(body.removeprefix(b"Exif\0\0"))
    except (struct.error, IndexError):
        return 1
    value = tags.get(274, (1,))[0]
    return value if 1 <= value <= 8 else 1


_SIGNATURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
)
_HEIF_BRANDS = (b"hei", b"hev", b"mif", b"msf", b"avi")
_READERS: dict[str, Callable[[bytes], Header]] = {
    "JPEG": _jpeg,
    "PNG": _png,
    "WebP": _webp,
    "GIF": _gif,
    "BMP": _bmp,
    "TIFF": _tiff,
}
