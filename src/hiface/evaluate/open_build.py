"""Builds the open benchmark: draws its people and writes pictures, scans and truth; goes on after a stop."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from hiface.errors import AssetError, ConfigError
from hiface.evaluate.methods import Progress
from hiface.evaluate.open_benchmark import (
    SETS,
    ScanCutter,
    Truth,
    read_people,
    write_people,
    write_picture,
    write_scale,
    write_truth,
)
from hiface.evaluate.topologies import shipped
from hiface.face.model import FaceModel
from hiface.geometry.similarity import fit_rigid
from hiface.synth.assets import load_sources
from hiface.synth.benchmark import Portrait, Sitter, sit

_ROUNDS = 6
TEXELS = 512
"""Side of the skins: a face fills two thirds of a picture of 512."""


def build(
    root: Path, data: Path, identities: Path | None, heads: Path | None, people: int | None, side: int, seed: int,
    on_progress: Progress | None = None,
) -> None:  # fmt: skip
    """Everything under `root`; people that are there already are kept. Raises `ConfigError` without any people."""
    face = FaceModel.load()
    sitters = [*_known(face, identities, people), *_foreign(face, heads, people)]
    if not sitters:
        raise ConfigError("the open benchmark needs people: give --identities FILE.npy, --heads FILE.npz, or both")
    sitters = [Sitter(k, s.source, s.identity, s.offset) for k, s in enumerate(sitters, 1)]
    cutter, sources = ScanCutter(face, shipped("hiface")), None
    for name in SETS:
        write_scale(root / name / "scans", len(sitters))
    for done, sitter in enumerate(sitters, 1):
        if not all((root / name / "people" / f"{sitter.number}.json").is_file() for name in SETS):
            sources = sources or load_sources(data, face, "held out", TEXELS)
            _write(root, cutter, list(sit(sources, sitter, seed, side)), sitter.number)
        if on_progress:
            on_progress("drawing people", done, len(sitters), str(sitter.number))


def _write(root: Path, cutter: ScanCutter, portraits: list[Portrait], number: int) -> None:
    """One person's six pictures, two scans and two truths; the note of who it is comes last."""
    for name in SETS:
        chosen = [p for p in portraits if p.expressive == (name == "expressive")]
        for portrait in chosen:
            write_picture(root / name, portrait.name, portrait.picture)
        first = chosen[0]
        cutter.write(root / name / "scans", number, first.shape, first.displacement)
        write_truth(root / name / "truth", number, Truth(first.neutral, first.shape))
        facts = {p.name: {**p.facts, "landmarks68": p.points68.round(2).tolist()} for p in chosen}
        write_people(root / name / "people" / f"{number}.json", facts)


def facts_of(root: Path) -> dict[str, dict[str, object]]:
    """What is known of every picture of a set, by name."""
    facts: dict[str, dict[str, object]] = {}
    for path in sorted((root / "people").glob("*.json")):
        facts |= read_people(path)
    return facts


def _known(face: FaceModel, path: Path | None, count: int | None) -> Iterator[Sitter]:
    if path is None:
        return
    rows = _array(path)
    if rows.ndim != 2 or rows.shape[1] != face.identity_size:
        raise AssetError(f"{path}: expected rows of {face.identity_size} identity coefficients, found {rows.shape}")
    for row in rows[:count]:
        yield Sitter(0, path.stem, row.astype(np.float32))


def _foreign(face: FaceModel, path: Path | None, count: int | None) -> Iterator[Sitter]:
    """Heads of others in our topology: the nearest β, and what it leaves."""
    if path is None:
        return
    vertices = _array(path, "vertices")
    mean = face.mean.numpy()
    if vertices.ndim != 3 or vertices.shape[1:] != mean.shape:
        raise AssetError(f"{path}: expected `vertices` of shape (N, {len(mean)}, 3), mm, found {vertices.shape}")
    for shape in vertices[:count]:
        identity, laid = laid_on_model(face, shape)
        nearest = face.neutral(torch.from_numpy(identity)[None])[0].numpy()
        yield Sitter(0, path.stem, identity, (laid - nearest).astype(np.float32))


def laid_on_model(
    face: FaceModel, shape: Float[np.ndarray, "V 3"]
) -> tuple[Float[np.ndarray, "I"], Float[np.ndarray, "V 3"]]:
    """β of the model's head nearest to a head, and the head moved and turned to lie on it."""
    region, laid = face.region("face"), np.asarray(shape, np.float64)
    for _ in range(_ROUNDS):
        identity = nearest_identity(face, laid)
        nearest = face.neutral(torch.from_numpy(identity)[None])[0].numpy()
        laid = fit_rigid(laid[region], nearest[region].astype(np.float64)).apply(laid)
    return identity, laid


def nearest_identity(face: FaceModel, shape: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "I"]:
    """β whose head lies nearest to a shape as it stands, over the face region, the prior as a ridge."""
    region = face.region("face")
    modes = face.identity_basis[:, torch.from_numpy(region)].flatten(1).double().numpy()
    gram = modes @ modes.T + np.eye(len(modes))
    return np.asarray(np.linalg.solve(gram, modes @ (shape - face.mean.numpy())[region].reshape(-1)), np.float32)


def _array(path: Path, name: str | None = None) -> np.ndarray:
    try:
        loaded = np.load(path, allow_pickle=False)
        return np.asarray(loaded if name is None else loaded[name])
    except (OSError, ValueError, KeyError) as error:
        raise AssetError(f"{path}: cannot be read ({error}); expected NumPy arrays without objects") from error
