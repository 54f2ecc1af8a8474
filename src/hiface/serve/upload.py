"""Receiving a photo from somebody who may be slow, mistaken or hostile."""

from __future__ import annotations

import io
import re
import socket
import tempfile
import threading
import time
from dataclasses import dataclass
from http import HTTPStatus
from io import BufferedIOBase
from typing import IO

from hiface.errors import HiFaceError, PhotoError
from hiface.photo.header import kind_of, read_header
from hiface.photo.read import MOST_PIXELS, checked_header

_CHUNK = 1 << 16
_START = 32
"""Bytes that tell the kind of a file."""
_CHECKS = threading.BoundedSemaphore(2)
"""A header is checked with the whole file in memory; not by everybody at once."""


@dataclass(frozen=True)
class Limits:
    """What one client may cost."""

    megabytes: float = 20.0
    idle_s: float = 15.0
    """Longest wait for the next bytes."""
    head_s: float = 15.0
    """For the request line and the header."""
    body_s: float = 120.0
    """For a photo, and for sending a page."""

    @property
    def most(self) -> int:
        """Bytes of a photo."""
        return int(self.megabytes * 1e6)


class RefusedError(HiFaceError):
    """A request is not served; `status` is 4xx or 5xx."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class TimedReader(io.RawIOBase):
    """A socket's bytes until a moment; raises `TimeoutError` after it, however steadily single bytes drip in."""

    def __init__(self, connection: socket.socket, idle_s: float, seconds: float) -> None:
        self._connection, self._idle_s = connection, idle_s
        self.allow(seconds)

    def allow(self, seconds: float) -> None:
        """Count anew from now."""
        self._until = time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the request took too long")
        self._connection.settimeout(min(self._idle_s, left))
        return self._connection.recv_into(buffer)


def body_length(length: str | None, encoding: str | None, limits: Limits) -> int:
    """The bytes that a request announces. Raises `RefusedError` for none, nonsense, and too many."""
    if encoding is not None:
        raise RefusedError(HTTPStatus.LENGTH_REQUIRED, "Transfer-Encoding is not taken; send a Content-Length")
    if length is None:
        raise RefusedError(HTTPStatus.LENGTH_REQUIRED, "a Content-Length is missing")
    if not re.fullmatch(r"[0-9]{1,19}", length):
        raise RefusedError(HTTPStatus.BAD_REQUEST, "the Content-Length is not a number")
    if int(length) == 0:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "the photo is empty (0 bytes)")
    if int(length) > limits.most:
        size = f"{int(length) / 1e6:.1f} MB are above the limit of {limits.megabytes:g} MB"
        raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"{size}; scale the photo down")
    return int(length)


def received(source: BufferedIOBase, length: int) -> IO[bytes]:
    """The photo as a file without a name, its header checked and nothing decoded; raises `RefusedError`."""
    file = tempfile.TemporaryFile(prefix="hiface-")  # noqa: SIM115 (the caller's)
    try:
        start = _some(source, min(_START, length))
        if kind_of(start) is None:
            raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, _message(start))
        file.write(start)
        left = length - len(start)
        while left:
            piece = _some(source, min(_CHUNK, left))
            file.write(piece)
            left -= len(piece)
        with _CHECKS:
            _check(file)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def _some(source: BufferedIOBase, count: int) -> bytes:
    """`count` bytes."""
    try:
        piece = source.read(count)
    except TimeoutError as error:
        raise RefusedError(HTTPStatus.REQUEST_TIMEOUT, "the photo came too slowly") from error
    except OSError as error:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "the connection broke") from error
    if len(piece) < count:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "fewer bytes came than the Content-Length says")
    return piece


def _check(file: IO[bytes]) -> None:
    file.seek(0)
    data = file.read()
    header = read_header(data)
    message = _message(data)
    if header is None:
        raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, message)
    if header.width * header.height > MOST_PIXELS:
        raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)
    if message:
        raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, message)


def _message(data: bytes) -> str:
    """What is wrong with a photo, in the words of `read_photo`; empty where nothing is."""
    try:
        checked_header(data, "the photo")
    except PhotoError as error:
        text = str(error).removeprefix("the photo: ")
        return f"the file {text}" if text.startswith("is ") else text
    return ""
