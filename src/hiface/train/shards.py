"""Random access to synthetic samples in tar shards (WebDataset layout: KEY.jpg, KEY.mask.png, KEY.safetensors).

A shard's headers are read once; a sample is then one seek away. So any step of a run can be built from its number,
which makes resuming exact, and epochs need no shuffling buffer.
"""

from __future__ import annotations

import copy
import json
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8
from safetensors.numpy import load

from hiface.errors import ConfigError

SUFFIXES = ("jpg", "mask.png", "safetensors")


@dataclass(frozen=True)
class Sample:
    """One synthetic picture and its truth."""

    picture: UInt8[np.ndarray, "H W 3"]
    mask: UInt8[np.ndarray, "H W"]
    """255 where skin of face and neck is seen."""
    truth: dict[str, np.ndarray]
    """As written by the generator; see `hiface.synth.shards`."""


class ShardSet:
    """All samples of a folder of shards, in the order of shard and key."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.paths: list[Path] = []
        self._spans: list[tuple[int, dict[str, tuple[int, int]]]] = []
        self._files: dict[int, int] = {}
        self.refresh()
        if not self.paths:
            raise ConfigError(f"{folder}: no .tar shards; make some with `hiface synth --out {folder}`")

    def refresh(self) -> None:
        """Append the samples of shards that have appeared since; what was there keeps its index."""
        whole = (p for p in self.folder.glob("*.tar") if not p.name.startswith("."))  # others are being written
        for path in sorted(set(whole) - set(self.paths)):
            self.paths.append(path)
            self._spans += [(len(self.paths) - 1, members) for _, members in sorted(_index(path).items())]

    def part(self, rank: int, world: int) -> Int[np.ndarray, "N"]:
        """The samples of process `rank` of `world`: whole shards in turn, or single samples where shards are few."""
        shard = np.array([number for number, _ in self._spans])
        turn = shard if len(self.paths) >= world else np.arange(len(shard))
        found = np.flatnonzero(turn % world == rank)
        if not len(found):
            raise ConfigError(f"{self.folder}: {len(self)} samples are too few for {world} processes; draw more")
        return found

    def beginning(self, share: float) -> ShardSet:
        """The first `share` of the samples, as a set of its own."""
        other = copy.copy(self)
        other._spans, other._files = self._spans[: max(1, round(share * len(self)))], {}
        return other

    def __len__(self) -> int:
        return len(self._spans)

    def __getitem__(self, index: int) -> Sample:
        number, members = self._spans[index]
        parts = {suffix: self._read(number, *members[suffix]) for suffix in SUFFIXES}
        picture = decoded(parts["jpg"])
        mask = decoded(parts["mask.png"], cv2.IMREAD_GRAYSCALE)
        return Sample(picture, mask, load(parts["safetensors"]))

    def parts(self, index: int) -> tuple[UInt8[np.ndarray, "H W 3"], UInt8[np.ndarray, "H W"]]:
        """Picture and part map of one sample. Raises `ConfigError` where the set was drawn without part maps."""
        number, members = self._spans[index]
        if "parts.png" not in members:
            raise ConfigError(f"{self.paths[number]}: holds no part maps; draw a set with `hiface synth --truth parts`")
        parts = decoded(self._read(number, *members["parts.png"]), cv2.IMREAD_GRAYSCALE)
        return decoded(self._read(number, *members["jpg"])), parts

    def truth(self, index: int, name: str) -> Float[np.ndarray, "*N"]:
        """One field of one sample, without decoding its picture."""
        number, members = self._spans[index]
        return load(self._read(number, *members["safetensors"]))[name]

    def face_model(self) -> str | None:
        """Content hash of the face model that drew the faces; None where the set does not say."""
        path = self.folder / "manifest.json"
        try:
            return json.loads(path.read_text()).get("face_model") if path.is_file() else None
        except (OSError, ValueError) as error:
            raise ConfigError(f"{path}: not a readable manifest ({error}); run `hiface synth` again") from error

    def _read(self, number: int, offset: int, size: int) -> bytes:
        if number not in self._files:
            self._files[number] = os.open(self.paths[number], os.O_RDONLY)
        return os.pread(self._files[number], size, offset)

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_files": {}}  # file descriptors belong to one process


def decoded(data: bytes, flags: int | None = None) -> UInt8[np.ndarray, "H W *C"]:
    """The picture of encoded bytes, RGB unless `flags` of OpenCV say otherwise."""
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR if flags is None else flags)
    if picture is None:
        raise ConfigError("a picture in the training data cannot be decoded; delete its shard or pack and get it again")
    return picture if flags is not None else np.ascontiguousarray(picture[..., ::-1])


def _index(path: Path) -> dict[str, dict[str, tuple[int, int]]]:
    """Offset and size of each complete sample's members."""
    found: dict[str, dict[str, tuple[int, int]]] = {}
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                key, _, suffix = member.name.partition(".")
                found.setdefault(key, {})[suffix] = (member.offset_data, member.size)
    except tarfile.TarError as error:
        raise ConfigError(f"{path}: not a whole shard ({error}); delete it and generate it again") from error
    broken = [key for key, members in found.items() if not set(SUFFIXES) <= set(members)]
    if broken:
        raise ConfigError(f"{path}: sample {broken[0]} lacks one of {SUFFIXES}; delete the shard and generate it again")
    return found
