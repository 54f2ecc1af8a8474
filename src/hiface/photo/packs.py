"""Labelled photo packs: a zip of pictures beside an npz of MediaPipe's points, scores, pose, age, gender and race."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from hiface.errors import ConfigError


@dataclass(frozen=True)
class Pack:
    """Photos whose face MediaPipe found and is the labelled one, in the pack's order."""

    encoded: list[bytes]
    fractions: Float[np.ndarray, "N 478 2"]
    """MediaPipe's points as fractions of width and height."""
    scores: Float[np.ndarray, "N 52"]
    """MediaPipe's expression scores in the order of the ARKit units; tongueOut is 0."""
    age: np.ndarray
    """Age group's name, '' unknown."""
    years: Float[np.ndarray, "N"]
    """NaN unknown."""
    yaw: Float[np.ndarray, "N"]
    """Degrees."""
    gender: np.ndarray
    race: np.ndarray
    source: np.ndarray
    person: np.ndarray
    name: np.ndarray
    hand189: Float[np.ndarray, "N 189 2"]
    """Points that people placed (the 189 of PsychoMorph), as fractions; NaN where there are none."""

    def __len__(self) -> int:
        return len(self.encoded)

    def take(self, rows: Int[np.ndarray, "M"]) -> Pack:
        """The chosen photos, in the order given."""
        arrays = {f.name: getattr(self, f.name)[rows] for f in fields(self) if f.name != "encoded"}
        return Pack(encoded=[self.encoded[i] for i in rows], **arrays)

    @classmethod
    def cat(cls, packs: Sequence[Pack]) -> Pack:
        """Packs as one."""
        arrays = {f.name: np.concatenate([getattr(p, f.name) for p in packs]) for f in fields(cls)[1:]}
        return cls(encoded=[data for p in packs for data in p.encoded], **arrays)

    def photos(self) -> Iterator[tuple[bytes, Float[np.ndarray, "478 2"]]]:
        yield from zip(self.encoded, self.fractions, strict=True)


def read_pack(folder: str | Path, part: str) -> Pack:
    """The found faces of a pack's part, "train" or "val"."""
    folder = Path(folder)
    labels_file, archive = folder / f"labels_{part}.npz", folder / f"{part}.zip"
    if not labels_file.is_file() or not archive.is_file():
        raise ConfigError(f"{folder}: expected labels_{part}.npz and {part}.zip of a labelled photo pack")
    labels = np.load(labels_file, allow_pickle=False)
    chosen = np.flatnonzero(labels["found"] == 1)
    with zipfile.ZipFile(archive) as file:
        members = file.namelist()
        encoded = [file.read(members[i]) for i in chosen]
    texts = {name: labels[name][chosen] for name in ("age", "gender", "race", "source", "person")}
    return Pack(
        encoded=encoded,
        fractions=labels["landmarks_i16"][chosen, :, :2].astype(np.float64) / 8192,
        scores=_scores(labels["blendshapes"][chosen]),
        years=labels["years"][chosen].astype(np.float32),
        yaw=labels["yaw_pitch_roll"][chosen, 0].astype(np.float32),
        name=labels["id"][chosen],
        hand189=_hand_placed(labels, chosen),
        **texts,
    )


def _hand_placed(labels: Mapping[str, np.ndarray], chosen: np.ndarray) -> np.ndarray:
    if "psychomorph189_i16" not in labels:
        return np.full((len(chosen), 189, 2), np.nan)
    integers = labels["psychomorph189_i16"][chosen]
    return np.where(integers == -32768, np.nan, integers.astype(np.float64) / 8192)


def _scores(mediapipe: np.ndarray) -> np.ndarray:
    """MediaPipe's 52 without `_neutral`, which comes first, and with `tongueOut`, which it lacks, last."""
    return np.concatenate([mediapipe[:, 1:], np.zeros_like(mediapipe[:, :1])], axis=1).astype(np.float32)
