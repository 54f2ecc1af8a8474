"""`hiface track`: a clip to one person in motion, and its files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from hiface.assets.format import json_text, write_atomically
from hiface.export.folder import write_animated_glb
from hiface.export.gltf_animation import Animation
from hiface.model import HiFace, Reconstruction
from hiface.photo.read import read_photo
from hiface.track.clip import Clip, Film
from hiface.track.motion import Motion, coefficients_of, whole_picture
from hiface.track.observe import Observed, Store, box_of, observe
from hiface.track.overlay import Overlay
from hiface.track.person import all_moved, person_of, surest
from hiface.track.smooth import Smoothing, smoothed, trembling
from hiface.track.tables import write_csv, write_json
from hiface.types import Coefficients

FRAMES = "frames"
"""Folder of the first pass; removed when all is written."""
Report = Callable[[str, int], None]
"""What is being done, and how many frames of it are."""


@dataclass(frozen=True)
class Jitter:
    """`trembling` of what moves."""

    expression_mm: float
    """Root mean square over 468 points of the face, head held."""
    turn_degrees: float
    position_pixels: float


@dataclass(frozen=True)
class Tracked:
    """A clip's person and motion."""

    person: Coefficients
    """Batch of one, neutral."""
    motion: Motion
    """Smoothed."""
    coefficients: Coefficients
    """F frames in the upright square about the whole picture."""
    before: Jitter
    """Person held, frame by frame."""
    after: Jitter
    best: Observed
    """The frame that shows the person best."""
    best_frame: int


def follow(
    model: HiFace, clip: Clip, folder: Path, smoothing: Smoothing = "optimal", report: Report = lambda *_: None
) -> Tracked:
    """The person and the motion of a clip; `folder` keeps the first pass, which goes on where it was stopped.

    Raises `NoFaceError` for a clip in which no frame shows a face.
    """
    store = Store(folder, clip, model.weights_id)
    count = observe(model, clip, store, lambda done: report("looking", done))
    network = model.reconstructor
    frames = surest(store.read(), count)
    person = person_of(network, frames)
    done = 0

    def add(more: int) -> None:
        nonlocal done
        done += more
        report("fitting", done)

    raw = all_moved(network, store.read(), person, add)
    motion = smoothed(raw, clip.rate, smoothing)
    box = whole_picture(clip.width, clip.height)
    best, number = _best(store)
    return Tracked(
        person, motion, coefficients_of(network, motion, person, box), jitter(model, raw), jitter(model, motion, raw),
        best, number,
    )  # fmt: skip


def jitter(model: HiFace, motion: Motion, seen: Motion | None = None) -> Jitter:
    """How much a motion trembles, over the frames in which a face was found (in `seen`, if given)."""
    found = (motion if seen is None else seen).found
    points = model.reconstructor.points_model
    effect = []
    for part in motion.expression.split(64):  # the whole clip's points would not fit
        e = part.to(model.device)
        bare = e.new_zeros(len(e), points.identity_basis.shape[0])
        posed = points(bare, e, e.new_zeros(len(e), 4, 3))
        effect.append(points.points(posed, "mediapipe478")[:, :468].cpu())
    return Jitter(
        round(trembling(torch.cat(effect).double().numpy(), found), 4),
        round(float(np.degrees(trembling(motion.turn.double().numpy(), found))), 4),
        round(trembling(motion.centre.double().numpy(), found), 4),
    )


def _best(store: Store) -> tuple[Observed, int]:
    """The frame with the smallest expected error, and its number."""
    best, where, start = None, 0, 0
    for chunk in store.read():
        k = int(chunk.error.argmin())
        if best is None or chunk.error[k] < best.error[0]:
            best, where = chunk[k : k + 1], start + k
        start += len(chunk)
    assert best is not None
    return best, where


def write_all(model: HiFace, clip: Clip, tracked: Tracked, out: Path, report: Report = lambda *_: None) -> None:
    """overlay.mp4, livelink.csv, weights.json, face.glb, track.json, and the person's own folder `face`."""
    found, c = tracked.motion.found, tracked.coefficients
    c = c[: len(found)]
    overlay = Overlay(model.reconstructor, whole_picture(clip.width, clip.height))
    with Film(out / "overlay.mp4", clip.rate, clip.width, clip.height) as film:
        for k, picture in enumerate(clip.frames()):
            if k == len(c):
                break
            film.add(overlay(picture, c[k], bool(found[k])))
            report("drawing", k + 1)
    write_csv(out / "livelink.csv", c, clip.rate)
    write_json(out / "weights.json", c, clip.rate, found, model.face.expression_names)
    face = portrait(model, clip, tracked)
    face.save(out / "face")
    turn = c.rotation[:, :2].numpy()
    write_animated_glb(face, out / "face.glb", Animation(np.arange(len(c)) / clip.rate, c.expression.numpy(), turn))
    told = {
        "video": clip.path.name,
        "frames": len(c),
        "rate": clip.rate,
        "frames_without_face": np.flatnonzero(~found).tolist(),
        "jitter_before": asdict(tracked.before),
        "jitter_after": asdict(tracked.after),
        "millimetre_factor": face.millimetre_factor,
        "metric_assumption": face.metric_assumption,
        "weights": model.weights_id,
    }
    write_atomically(out / "track.json", lambda path: path.write_text(json_text(told), encoding="utf-8"))


def portrait(model: HiFace, clip: Clip, tracked: Tracked) -> Reconstruction:
    """The person in the clip's surest frame: identity, albedo and static map of the whole clip."""
    pixels = next(clip.frames(tracked.best_frame))
    photo = replace(read_photo(pixels), name=f"{clip.path.name}, frame {tracked.best_frame}")
    box = box_of(tracked.best.boxes[0])
    upright = replace(box, roll=0.0)
    motion = tracked.motion[tracked.best_frame : tracked.best_frame + 1]
    c = coefficients_of(model.reconstructor, motion, tracked.person, upright)
    sigma = float(tracked.best.error[0]) * box.side
    return model.assemble(photo, upright, c, model._metric(c, None), landmark_sigma=sigma)
