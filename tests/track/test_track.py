"""Tracking on clips: motion survives the change of frame, smoothing does what it says, a kill loses nothing."""

import csv
import json
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pygltflib
import pytest
import torch

import hiface
from hiface.errors import NoFaceError, PhotoError
from hiface.export.gltf_animation import quaternions, steady
from hiface.face.asset import ARKIT
from hiface.geometry.rotation import matrix_from_axis_angle, matrix_from_euler
from hiface.photo.crop import CropBox
from hiface.reconstructor import NetworkConfig, Reconstructor
from hiface.track import observe as observing
from hiface.track.clip import Film, open_clip, record
from hiface.track.motion import Motion, coefficients_of, motion_of
from hiface.track.observe import Observed, Store, box_of, observe
from hiface.track.person import MOST_FRAMES, surest, weights
from hiface.track.smooth import one_euro, smoothed, trembling, whittaker
from hiface.track.tables import LIVE_LINK, angles, header, timecode
from hiface.track.track import follow, write_all
from hiface.types import Coefficients
from tiny import albedo_model, detail_basis, face_model

PHOTO = Path(__file__).parents[2] / "examples" / "astronaut.jpg"
SIDE, FRAMES = 224, 9
BLANK = (4,)
"""Frames of the clip without a face."""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("assets")
    torch.manual_seed(0)
    config = NetworkConfig(width=0.125, crop=32, mix=16, points_width=16, detail_width=8)
    return Reconstructor(config, face_model(folder), albedo_model(folder), detail_basis()).eval()


@pytest.fixture(scope="module")
def model():
    return hiface.load(device="cpu")


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A photo that moves and grows, with a grey frame in its middle."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    photo = cv2.imread(str(PHOTO))[..., ::-1]
    with Film(path, 24.0, SIDE, SIDE) as film:
        for k in range(FRAMES):
            matrix = cv2.getRotationMatrix2D((222.0, 110.0), 2.0 * k, 1.0 + 0.02 * k)
            matrix[:, 2] += [SIDE / 2 - 222 + 2 * k, SIDE / 2 - 110]
            picture = cv2.warpAffine(photo, matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
            film.add(np.full_like(picture, 120) if k in BLANK else picture)
    return open_clip(path)


@pytest.fixture(scope="module")
def tracked(model, clip, tmp_path_factory):
    return follow(model, clip, tmp_path_factory.mktemp("frames"), "none")


@pytest.fixture(scope="module")
def written(model, clip, tracked, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    write_all(model, clip, tracked, out)
    return out


def some_coefficients(model, count=3):
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape):
        return torch.randn(count, *shape, generator=generator)

    turn = 0.2 * drawn(1, 3)
    expression = drawn(model.face.expression_size).sigmoid()
    rotation = torch.cat([0.3 * turn, 0.7 * turn, model.face.gaze(expression)], 1)
    translation = drawn(3) * torch.tensor([5.0, 5.0, 0.0])
    identity = drawn(1, model.face.identity_size)[:1, 0].expand(count, -1)
    static = drawn(model.detail_model.basis.sizes["static"])
    return Coefficients(
        identity,
        expression,
        drawn(model.albedo.size),
        static,
        rotation,
        translation,
        0.004 * drawn().exp(),
        drawn(9, 3),
    )


def screen(model, c, box):
    """The 478 points in the picture, pixels."""
    from hiface.geometry.camera import apply_affine
    from hiface.photo.crop import photo_from_crop

    (points,) = model.points(c, 1.0, ("mediapipe478",))
    return apply_affine(torch.from_numpy(photo_from_crop(box, 1)), points[..., :2].double())


def moved_points(model, c, boxes):
    """How far the points move in the picture, pixels, when each crop gives way to the whole picture."""
    motion = motion_of(model, c, boxes, torch.ones(len(c)))
    whole = CropBox((160.0, 120.0), 320.0, 0.0)
    back = coefficients_of(model, motion, c[0], whole)
    pairs = [(screen(model, back[k], whole), screen(model, c[k], box_of(boxes[k]))) for k in range(len(c))]
    return torch.stack([(a - b).norm(dim=-1)[0] for a, b in pairs])


def test_motion_is_the_same_face_without_its_crop(tiny):
    """Points in the picture stay where they are, whatever upright crop they were seen in."""
    boxes = torch.tensor([[120.0, 90.0, 160.0, 0.0], [60.0, 70.0, 90.0, 0.0], [100.0, 100.0, 200.0, 0.0]])
    assert float(moved_points(tiny, some_coefficients(tiny), boxes).max()) < 0.01


def test_and_without_the_lean_of_its_crop(model):
    """A crop leans with the neck's foot, the head leans about its neck: the face itself stays where it is."""
    network = model.reconstructor
    c = some_coefficients(network)
    c = replace(c, identity=0.3 * c.identity, expression=0.2 * c.expression)
    boxes = torch.tensor([[120.0, 90.0, 160.0, 0.2], [160.0, 170.0, 190.0, -0.4], [100.0, 100.0, 200.0, 0.1]])
    moved = moved_points(network, c, boxes)[:, :468] / boxes[:, 2:3]
    assert float(moved.median()) < 0.002
    assert float(moved.max()) < 0.03


def test_smoothing_leaves_a_steady_motion_and_calms_noise():
    at = np.arange(80.0)
    line = np.stack([0.3 * at, 5 - at], 1)
    cuts = np.full(2, 0.2)
    np.testing.assert_allclose(whittaker(line, np.ones(80), cuts), line, atol=1e-9)
    noisy = line + np.random.default_rng(0).normal(0, 1, line.shape)
    assert np.abs(whittaker(noisy, np.ones(80), cuts) - line).mean() < 0.75 * np.abs(noisy - line).mean()


def test_half_of_the_cut_frequency_passes():
    at = np.arange(400)
    for cut in (0.05, 0.12, 0.3):
        wave = np.cos(2 * np.pi * cut * at)[:, None]
        middle = whittaker(wave, np.ones(400), np.array([cut]))[100:300]
        np.testing.assert_allclose(middle, 0.5 * wave[100:300], atol=0.01)


def test_the_minimum_is_one():
    """No small change of the smoothed values lowers what they minimise."""
    rng = np.random.default_rng(1)
    values, weight = rng.normal(0, 1, (12, 1)), rng.uniform(0.2, 2, 12)
    strength = (2 * np.sin(np.pi * 0.1)) ** -4.0

    def cost(x):
        return (weight * (x - values)[:, 0] ** 2).sum() + strength * (np.diff(x[:, 0], 2) ** 2).sum()

    best = whittaker(values, weight, np.array([0.1]))
    for k in range(12):
        for step in (-1e-3, 1e-3):
            moved = best.copy()
            moved[k] += step
            assert cost(moved) > cost(best)


def test_one_euro_rests_and_follows():
    rest = one_euro(np.full((30, 1), 0.4), 30.0, 1.0)
    np.testing.assert_allclose(rest, 0.4)
    noise = np.random.default_rng(2).normal(0, 0.01, (300, 1))
    assert one_euro(noise, 30.0, 1.0)[50:].std() < 0.5 * noise[50:].std()
    step = one_euro(np.repeat([0.0, 1.0], 30)[:, None], 30.0, 1.0)
    assert step[35, 0] > 0.9


def test_trembling_is_the_deviation_of_white_noise():
    noise = np.random.default_rng(3).normal(0, 0.2, (4000, 1))
    assert abs(trembling(noise, np.ones(4000, bool)) - 0.2) < 0.01
    assert trembling(np.arange(9.0)[:, None], np.ones(9, bool)) < 1e-12
    assert trembling(noise[:2], np.ones(2, bool)) == 0


def test_lost_frames_are_interpolated(tiny):
    count = 7
    ramp = torch.linspace(0, 0.6, count)
    motion = Motion(
        ramp[:, None].repeat(1, tiny.face.expression_size), ramp[:, None].repeat(1, 3), ramp,
        100 * ramp[:, None].repeat(1, 2), torch.full((count,), 0.01),
    )  # fmt: skip
    hidden = replace(motion, error=motion.error.clone(), expression=motion.expression.clone())
    hidden.error[3], hidden.expression[3] = torch.inf, 1.0
    for way in ("none", "optimal"):
        found = smoothed(hidden, 25.0, way)
        torch.testing.assert_close(found.expression[3], motion.expression[3], atol=1e-3, rtol=0)
        assert found.found.tolist() == [True, True, True, False, True, True, True]


def test_the_table_has_the_columns_of_the_app():
    names = header()
    assert len(names) == 63
    assert names[:4] == ["Timecode", "BlendshapeCount", "EyeBlinkLeft", "EyeLookDownLeft"]
    assert names[16:20] == ["JawForward", "JawRight", "JawLeft", "JawOpen"]
    assert names[53:57] == ["TongueOut", "HeadYaw", "HeadPitch", "HeadRoll"]
    assert sorted(LIVE_LINK) == sorted(ARKIT)
    assert timecode(0, 25) == "00:00:00:00.000"
    assert timecode(3723 * 30 + 7, 29.97) == "01:02:03:07.000"


def test_angles_are_those_of_the_rotation():
    drawn = 0.6 * torch.randn(20, 3, generator=torch.Generator().manual_seed(4))
    turn = matrix_from_euler(*drawn.unbind(-1))
    from hiface.geometry.rotation import axis_angle_from_matrix

    rotation = torch.zeros(20, 4, 3)
    rotation[:, 1], rotation[:, 2] = axis_angle_from_matrix(turn), torch.tensor([0.0, 0.3, 0.0])
    empty = torch.zeros(20, 1)
    c = Coefficients(empty, empty, empty, empty, rotation, torch.zeros(20, 3), torch.ones(20), torch.zeros(20, 9, 3))
    found = angles(c)
    np.testing.assert_allclose(found[:, 0], drawn.numpy(), atol=1e-4)
    np.testing.assert_allclose(found[:, 1], [[0.3, 0, 0]] * 20, atol=1e-6)


def test_tracks_take_the_short_way():
    vectors = np.linspace(0, 6.0, 50)[:, None, None] * [0.0, 1.0, 0.0]
    turns = steady(quaternions(vectors))
    assert ((turns[1:] * turns[:-1]).sum(-1) > 0.99).all()
    np.testing.assert_allclose(np.linalg.norm(turns, axis=-1), 1)


def test_a_clip_is_followed(clip, tracked):
    assert (clip.rate, clip.count) == (24.0, FRAMES)
    motion = tracked.motion
    assert len(motion) == FRAMES
    assert np.flatnonzero(~motion.found).tolist() == list(BLANK)
    found = torch.from_numpy(motion.found)
    steps = motion.centre[found][:, 0].diff()
    assert ((steps > 1) & (steps < 6)).all()  # two pixels a frame, four across the grey one
    assert torch.isfinite(motion.expression).all()
    size = motion.log_size[found]
    assert 0.08 < float(size[-1] - size[0]) < 0.24  # 1.16 times as large in the end
    lean = matrix_from_axis_angle(motion.turn)
    roll = torch.rad2deg(torch.atan2(lean[:, 1, 0], lean[:, 0, 0]))
    assert 10 < float(roll[-1] - roll[0]) < 22  # turned by 16 degrees, anticlockwise


def test_one_person_in_all_frames(tracked):
    c = tracked.coefficients
    for name in ("identity", "albedo", "static"):
        values = getattr(c, name)
        assert torch.equal(values, values[:1].expand_as(values)), name


def test_a_stopped_run_goes_on_and_ends_the_same(model, clip, tracked, tmp_path, monkeypatch):
    monkeypatch.setattr(observing, "CHUNK", 3)
    looks = []

    def stop(done):
        looks.append(done)
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        observe(model, clip, Store(tmp_path, clip, model.weights_id), stop)
    again = follow(model, clip, tmp_path, "none", lambda what, done: looks.append(done) if what == "looking" else None)
    assert looks[:5] == [0, 1, 2, 3, 4]
    assert looks[6:8] == [3, 4]  # the chunk that was whole is not looked at again
    torch.testing.assert_close(again.motion.expression, tracked.motion.expression, atol=5e-5, rtol=0)
    torch.testing.assert_close(again.motion.centre, tracked.motion.centre, atol=1e-3, rtol=0)
    store = Store(tmp_path, clip, "other weights")
    assert store.chunks() == []
    store.clear()
    assert not tmp_path.exists()


def test_the_files(model, clip, tracked, written):
    assert {p.name for p in written.iterdir()} == {
        "overlay.mp4", "livelink.csv", "weights.json", "face.glb", "face", "track.json",
    }  # fmt: skip
    film = open_clip(written / "overlay.mp4")
    assert (film.rate, film.count, film.width) == (24.0, FRAMES, SIDE)
    changed = [np.abs(a.astype(int) - b).mean() for a, b in zip(film.frames(), clip.frames(), strict=True)]
    assert min(changed) > 3
    rows = list(csv.reader((written / "livelink.csv").open()))
    assert [len(r) for r in rows] == [63] * (FRAMES + 1)
    told = json.loads((written / "weights.json").read_text())
    jaw = np.array([f["weights"][ARKIT.index("jawOpen")] for f in told["frames"]])
    np.testing.assert_allclose([float(r[rows[0].index("JawOpen")]) for r in rows[1:]], jaw, atol=1e-4)
    assert [f["interpolated"] for f in told["frames"]] == [k in BLANK for k in range(FRAMES)]
    assert json.loads((written / "track.json").read_text())["frames_without_face"] == list(BLANK)
    assert (written / "face" / "reconstruction.json").is_file()


def test_the_animation_of_the_glb(tracked, written):
    document = pygltflib.GLTF2().load(str(written / "face.glb"))
    (animation,) = document.animations
    paths = [(document.nodes[c.target.node].name, c.target.path) for c in animation.channels]
    assert paths == [("face", "weights"), ("neck", "rotation"), ("head", "rotation")]
    blob = document.binary_blob()

    def values(k):
        a = document.accessors[k]
        view = document.bufferViews[a.bufferView]
        return np.frombuffer(blob, np.float32, a.count * {"SCALAR": 1, "VEC4": 4}[a.type], view.byteOffset or 0)

    times = values(animation.samplers[0].input)
    np.testing.assert_allclose(times, np.arange(FRAMES) / 24, atol=1e-6)
    names = document.meshes[0].extras["targetNames"]
    weights = values(animation.samplers[0].output).reshape(FRAMES, len(names))
    jaw = tracked.coefficients.expression[:, ARKIT.index("jawOpen")].numpy()
    np.testing.assert_allclose(weights[:, names.index("jawOpen")], jaw, atol=1e-6)
    assert len(document.meshes[0].primitives[0].targets) == len(names)


def test_a_camera_is_recorded_at_the_rate_that_it_keeps(clip, tmp_path):
    pictures = []
    recorded = record(str(clip.path), tmp_path / "camera.mp4", None, lambda: pictures.append(time.sleep(0.02)))
    assert (recorded.count, len(pictures), recorded.width) == (FRAMES, FRAMES, SIDE)
    assert 5 < recorded.rate < 50  # 20 ms a picture and more: not the 24 that the source says, but what came
    with pytest.raises(PhotoError, match="gives no picture"):
        record(str(tmp_path / "none.mp4"), tmp_path / "x.mp4", None, print)


def test_the_person_is_made_of_few_frames(model, clip, tmp_path):
    store = Store(tmp_path, clip, model.weights_id)
    count = observe(model, clip, store, lambda done: None)
    assert count == FRAMES
    chunks = [Observed.cat([part] * 40) for part in store.read()]
    assert len(surest(chunks, 40 * FRAMES)) <= MOST_FRAMES
    weight = weights(torch.tensor([0.005, 0.01, 0.02]))
    assert float(weight.sum()) == pytest.approx(1)
    assert weight[0] > weight[1] > weight[2]


def test_what_is_no_clip(model, tmp_path):
    (tmp_path / "notes.mp4").write_text("no video")
    with pytest.raises(PhotoError, match="not a video"):
        open_clip(tmp_path / "notes.mp4")
    with pytest.raises(PhotoError, match="no such file"):
        open_clip(tmp_path / "none.mp4")
    with Film(tmp_path / "grey.mp4", 10.0, 64, 64) as film:
        film.add(np.full((64, 64, 3), 90, np.uint8))
    with pytest.raises(NoFaceError, match="no face found in any frame"):
        follow(model, open_clip(tmp_path / "grey.mp4"), tmp_path / "frames")
