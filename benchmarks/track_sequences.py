"""`hiface track` on drawn clips whose truth is known, beside frame-by-frame inference.

python -m benchmarks.track_sequences DATA OUT [PEOPLE] [FRAMES]

One person a clip: identity, skin, hair, light, camera and background stay, expression and pose vary smoothly, with
blinks. Clips and truth are kept in OUT and drawn once.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

import hiface
from hiface.evaluate.distances import narrow_neutral, rms_aligned
from hiface.geometry.rotation import angle_between, matrix_from_axis_angle
from hiface.model import HiFace
from hiface.synth.assets import Sources, load_sources
from hiface.synth.backgrounds import photo_behind
from hiface.synth.benchmark import Sitter, _dressed, _expression
from hiface.synth.camera import draw_camera
from hiface.synth.canvas import draw
from hiface.synth.generate import compose, exposure_of, landmarks
from hiface.synth.kernels import vertex_normals
from hiface.synth.light import draw_light
from hiface.synth.people import Person, axis_angle, shapes, turn
from hiface.synth.scene import Scene, mouth_is_open
from hiface.synth.things import Wearer
from hiface.track.clip import Clip, Film, open_clip
from hiface.track.motion import Motion, motion_of
from hiface.track.observe import Store
from hiface.track.smooth import trembling
from hiface.track.track import Tracked, follow

SIDE, RATE = 384, 25.0
_POSE_S, _BLINK_S = 0.7, 0.16
_SWAY_DEGREES, _SWAY_MM = (18.0, 7.0, 6.0), (25.0, 12.0, 15.0)


def course(rng: np.random.Generator, sources: Sources, frames: int) -> np.ndarray:
    """Expressions (F, E): from one held-out expression to the next, with blinks between."""
    names, seconds = sources.model.expression_names, np.arange(frames) / RATE
    poses = [_expression(rng, names, sources.scores) if k % 2 else np.zeros(len(names)) for k in range(99)]
    part, at = np.modf(seconds / _POSE_S)
    ease = (1 - np.cos(np.pi * part)) / 2
    weights = np.stack([(1 - e) * poses[int(k)] + e * poses[int(k) + 1] for e, k in zip(ease, at, strict=True)])
    for start in np.cumsum(rng.uniform(0.8, 2.0, 20)):
        lid = np.clip(1 - np.abs(seconds - start) / _BLINK_S, 0, 1)
        for side in ("Left", "Right"):
            column = names.index(f"eyeBlink{side}")
            weights[:, column] = np.maximum(weights[:, column], lid)
    return weights.astype(np.float32)


def sway(rng: np.random.Generator, frames: int, sizes: tuple[float, ...]) -> np.ndarray:
    """Slow movement to and fro (F, 3)."""
    seconds = np.arange(frames) / RATE
    rate, start = rng.uniform(0.15, 0.45, (2, 3)), rng.uniform(0, 2 * np.pi, (2, 3))
    waves = np.sin(2 * np.pi * rate[:, None] * seconds[None, :, None] + start[:, None])
    return np.asarray(waves.mean(0) * sizes)


def draw_clip(sources: Sources, number: int, frames: int, path: Path) -> None:
    """A clip and, beside it, its truth."""
    rng = np.random.default_rng([77, number])
    identity = rng.normal(0, 1, sources.model.identity_size).astype(np.float32)
    sitter = Sitter(number, "drawn", identity)
    age, sex, tone = float(rng.uniform(20, 70)), "male" if rng.random() < 0.5 else "female", float(rng.random())
    expressions, shifts = course(rng, sources, frames), sway(rng, frames, _SWAY_MM)
    turns = [axis_angle(turn(*np.radians(degrees))).astype(np.float32) for degrees in sway(rng, frames, _SWAY_DEGREES)]
    detail = sources.wrinkles.draw(rng, age)
    camera = exposure = None
    truth: dict[str, list[np.ndarray]] = {"points68": []}
    with Film(path, RATE, SIDE, SIDE) as film:
        for k in range(frames):
            person = Person(sitter.identity, expressions[k], turns[k], age, sex, tone)
            figures = shapes(sources.model, [person])
            posed, skin = figures.posed[0], figures.neutral.shape[1]
            wearer = Wearer(figures.expressive[0, :skin], posed[:skin], figures.head_turn[0], figures.head_shift[0])
            points68 = landmarks(sources.model.landmark_weights("mediapipe68"), posed)
            slopes = sources.wrinkles.slopes(figures.neutral, figures.expressive, [detail])[0]
            fixed = np.random.default_rng([78, number])  # the same light, camera and background in every frame
            if camera is None:
                camera = draw_camera(fixed, points68, SIDE)
                camera = replace(camera, focal=camera.focal * 0.85, centre=SIDE / 2 + (camera.centre - SIDE / 2) * 0.85)
            fixed = np.random.default_rng([79, number])
            here = replace(camera, translation=camera.translation + shifts[k])
            points = (posed + here.translation).astype(np.float32)
            normals = np.zeros(points.shape, np.float32)
            vertex_normals(points, sources.body.vertex_triangles, normals)
            look, facts, things, style = _dressed(sources, person, wearer, slopes, [80, number])
            light = draw_light(fixed, sources.environments, points[:skin].mean(0))
            open_mouth = mouth_is_open(sources.body, posed)
            scene = Scene(points, normals, here, things, look, facts, light, open_mouth, style)
            drawn = draw(scene, sources.body, sources.growth, SIDE)
            behind = photo_behind(np.random.default_rng([81, number]), sources.backgrounds, SIDE)
            exposure = exposure_of(fixed, drawn, scene) if exposure is None else exposure
            picture = compose(np.random.default_rng([82, number]), behind, drawn, exposure)
            noisy = picture + np.random.default_rng([83, number, k]).normal(0, 0.006, picture.shape)
            film.add(np.clip(noisy * 255 + 0.5, 0, 255).astype(np.uint8))
            truth["points68"].append(here.project(points68)[:, :2])
    np.savez(path.with_suffix(".npz"), identity=identity, expression=expressions, turn=np.stack(turns),
             **{name: np.stack(rows) for name, rows in truth.items()})  # fmt: skip


def frame_by_frame(model: HiFace, clip: Clip) -> tuple[Motion, torch.Tensor]:
    """What `reconstruct` says of each frame alone: motion, and identities."""
    coefficients, boxes = [], []
    for pixels in clip.frames():
        face = model.reconstruct(pixels)[0]
        coefficients.append(face.coefficients)
        boxes.append([*face.box.centre, face.box.side, face.box.roll])
    c = type(coefficients[0]).cat(coefficients)
    return motion_of(model.reconstructor, c, torch.tensor(boxes), torch.ones(len(c))), c.identity


def figures(model: HiFace, motion: Motion, identity: torch.Tensor, truth: dict[str, np.ndarray]) -> dict[str, float]:
    """Errors and trembling of a motion with one identity, or one a frame."""
    real = torch.from_numpy(truth["expression"])
    points = model.reconstructor.points_model

    def effect(e: torch.Tensor) -> torch.Tensor:
        none = e.new_zeros(len(e), points.identity_basis.shape[0])
        posed = points(none, e, e.new_zeros(len(e), 4, 3))
        return points.points(posed, "mediapipe478")[:, :468]

    own, wanted = effect(motion.expression), effect(real)
    found = motion.found
    away = angle_between(matrix_from_axis_angle(motion.turn), matrix_from_axis_angle(torch.from_numpy(truth["turn"])))
    shapes_mm = narrow_neutral(model.face, identity)
    true_mm = narrow_neutral(model.face, torch.from_numpy(truth["identity"])[None])
    return {
        "identity spread mm": float((shapes_mm - shapes_mm.mean(0)).square().sum(-1).mean().sqrt()),
        "neutral shape mm": float(rms_aligned(shapes_mm, true_mm).mean()),
        "expression, mean |weight|": float((motion.expression[:, :52] - real[:, :52]).abs().mean()),
        "expression mm": float((own - wanted).square().sum(-1).mean().sqrt()),
        "head turn deg": float(torch.rad2deg(away).mean()),
        "jitter expression mm": trembling(own.double().numpy(), found),
        "jitter turn deg": float(np.degrees(trembling(motion.turn.double().numpy(), found))),
        "jitter position px": trembling(motion.centre.double().numpy(), found),
    }


def true_motion(model: HiFace, truth: dict[str, np.ndarray]) -> Motion:
    count = len(truth["turn"])
    centre = torch.from_numpy(truth["points68"].mean(1)).float()
    return Motion(torch.from_numpy(truth["expression"]), torch.from_numpy(truth["turn"]), torch.zeros(count), centre,
                  torch.ones(count))  # fmt: skip


def main(data: Path, out: Path, people: int, frames: int) -> None:
    out.mkdir(parents=True, exist_ok=True)
    model, sources = hiface.load(device="cpu"), None
    rows: dict[str, list[dict[str, float]]] = {}
    for number in range(people):
        path = out / f"{number}.mp4"
        if not path.with_suffix(".npz").is_file():
            sources = sources or load_sources(data, part="held out")
            started = time.perf_counter()
            draw_clip(sources, number, frames, path)
            print(f"clip {number}: drawn in {time.perf_counter() - started:.0f} s", flush=True)
        clip, truth = open_clip(path), dict(np.load(path.with_suffix(".npz")))
        results = {"truth": (true_motion(model, truth), torch.from_numpy(truth["identity"])[None])}
        started = time.process_time()
        results["frame by frame"] = frame_by_frame(model, clip)
        alone = time.process_time() - started
        store = Store(out / f"{number}.frames", clip, model.weights_id)
        store.clear()
        for way in ("none", "one-euro", "optimal"):
            started = time.process_time()
            tracked: Tracked = follow(model, clip, out / f"{number}.frames", way)
            if way == "none":
                print(f"clip {number}: {clip.count / alone:.1f} frames a processor second alone, "
                      f"{clip.count / (time.process_time() - started):.1f} tracked", flush=True)  # fmt: skip
            results[f"track, {way}"] = tracked.motion, tracked.person.identity
        for name, (motion, identity) in results.items():
            rows.setdefault(name, []).append(figures(model, motion, identity, truth))
    for name, found in rows.items():
        means = {key: np.mean([row[key] for row in found]) for key in found[0]}
        print(name, {key: round(float(value), 4) for key, value in means.items()}, flush=True)


if __name__ == "__main__":
    numbers = [int(x) for x in sys.argv[3:]] + [2, 60][len(sys.argv) - 3 :]
    main(Path(sys.argv[1]), Path(sys.argv[2]), numbers[0], numbers[1])
