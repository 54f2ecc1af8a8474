"""What the model says of photos under each hardship: landmarks, shape, and whether the face is still found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from hiface.evaluate import disturbances, hardship_things, hardships
from hiface.evaluate.answers import AnswerCache, Answers, Progress, Row, answers_of, asked, face_near, row_of
from hiface.evaluate.hardships import SERIES, Hardship, hardened
from hiface.evaluate.jobs import digest
from hiface.face.landmarks import IBUG68_OF_MEDIAPIPE, normalised_errors
from hiface.model import HiFace
from hiface.photo.packs import Pack
from hiface.photo.read import read_photo
from hiface.synth import overlays

_68 = list(IBUG68_OF_MEDIAPIPE)


@dataclass(frozen=True)
class HardAnswers:
    """Of N photos under D hardships; the first is none."""

    answers: Answers
    nme: Float[np.ndarray, "N D"]
    """Mean error of the 68 points against MediaPipe's on the clean photo, % of the outer eye corners' distance."""


def hard_answers(
    model: HiFace,
    pack: Pack,
    cache: AnswerCache,
    series: Sequence[Hardship] = SERIES,
    on_progress: Progress | None = None,
) -> HardAnswers:
    """Each photo through the whole path, detector first, under each hardship."""

    def ask(i: int) -> Row:
        pixels = read_photo(pack.encoded[i]).pixels
        rows = [_asked(model, pixels, pack.fractions[i], h, seed_of(pack.encoded[i])) for h in series]
        return {name: np.stack([r[name] for r in rows]) for name in rows[0]}

    program = [Path(m.__file__) for m in (disturbances, hardship_things, hardships, overlays) if m.__file__]
    told = digest([Path(__file__), *program], repr(tuple(series)))
    rows = cache.rows(f"hardship {told[:16]}", asked(pack), ask, on_progress)
    return HardAnswers(answers_of(rows), rows["nme"])


def seed_of(encoded: bytes) -> int:
    """Of what is drawn over a photo: its own, in whatever order photos come."""
    return int.from_bytes(encoded[-64:], "little") % (1 << 32)


def _asked(model: HiFace, pixels: np.ndarray, fractions: Float[np.ndarray, "478 2"], h: Hardship, seed: int) -> Row:
    hard = hardened(pixels, fractions * _size(pixels), h, seed)
    truth = fractions * _size(hard)
    face, found = face_near(model, hard, np.concatenate([truth.min(0), truth.max(0)]))
    error = normalised_errors(face.landmarks68[None], truth[None, _68]).mean()
    return row_of(face, found) | {"nme": np.array(error)}


def _size(pixels: np.ndarray) -> Float[np.ndarray, "2"]:
    return np.array(pixels.shape[1::-1], np.float64)
