"""The rulers on a tiny model and tiny packs: identities of each figure, files of each report, and going on."""

import json
import zipfile
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from hiface.errors import ConfigError
from hiface.evaluate import wrinkle_sheet, wrinkles_report
from hiface.evaluate.answers import AnswerCache, Answers, answers_of, asked, pack_answers, photo_points
from hiface.evaluate.consistency import consistency, pairs, ratio
from hiface.evaluate.consistency_report import consistency_report, london
from hiface.evaluate.decoupling import Drawn, quantities, spreads, swapped
from hiface.evaluate.decoupling_report import decoupling_report
from hiface.evaluate.disturbances import Disturbance
from hiface.evaluate.fairness import fairness_report
from hiface.evaluate.jitter import in_photo, spread
from hiface.evaluate.jitter_answers import jitter_answers
from hiface.evaluate.jitter_report import jitter_report
from hiface.evaluate.landmarks import error_curve
from hiface.evaluate.landmarks_report import landmark_report
from hiface.evaluate.statistics import Bootstrap
from hiface.evaluate.wrinkles_report import wrinkle_report
from hiface.geometry.rotation import matrix_from_axis_angle
from hiface.model import HiFace
from hiface.photo.packs import Pack, read_pack
from hiface.reconstructor import NetworkConfig, Reconstructor
from hiface.types import Coefficients
from tiny import albedo_model, captures, detail_basis, face_model
from world import points_on_picture

RNG = np.random.default_rng(0)
SERIES = (
    Disturbance(), Disturbance("none", "again"), Disturbance("shift", "a bit", shift=(0.05, 0)),
    Disturbance("mirror", mirror=True), Disturbance("mirror", way="path", mirror=True),
    Disturbance("jpeg", quality=30),
)  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("assets")
    torch.manual_seed(0)
    config = NetworkConfig(width=0.125, crop=32, mix=16, points_width=16, detail_width=8)
    network = Reconstructor(config, face_model(folder), albedo_model(folder), detail_basis())
    return HiFace(network, {"weights_id": "tiny"}, torch.device("cpu"))


def write_pack(folder, part, sources, people):
    folder.mkdir(parents=True, exist_ok=True)
    n, points = len(sources), np.stack([points_on_picture(RNG) / 64 for _ in sources])
    hand = np.where(np.char.endswith(sources, "neutral")[:, None, None], RNG.uniform(0.3, 0.7, (n, 189, 2)), -4)
    labels = {
        "found": np.ones(n, np.int8), "age": np.array(["20-29", "30-39"] * n)[:n], "gender": np.array(["Female"] * n),
        "race": np.array([""] * n), "source": np.array(sources), "person": np.array(people),
        "landmarks_i16": np.concatenate([points, points[..., :1]], 2) * 8192, "blendshapes": np.zeros((n, 52)),
        "years": RNG.uniform(20, 80, n).astype(np.float32), "yaw_pitch_roll": RNG.uniform(-40, 40, (n, 3)),
        "id": np.array([f"{folder.name}_{part}_{k}" for k in range(n)]),
        "psychomorph189_i16": (hand * 8192).astype(np.int16),
    }  # fmt: skip
    np.savez(folder / f"labels_{part}.npz", **labels)
    with zipfile.ZipFile(folder / f"{part}.zip", "w") as archive:
        for k in range(n):
            picture = cv2.GaussianBlur(RNG.integers(0, 255, (64, 64, 3), np.uint8), (0, 0), 2)
            archive.writestr(f"{k}.png", cv2.imencode(".png", picture)[1].tobytes())


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for name in ("fairface", "more"):
        write_pack(folder / name, "val", ["fairface_val"] * 2, ["", ""])
    for part, count in (("train", 6), ("val", 2)):
        people = [f"{part}{k}" for k in range(count)]
        write_pack(
            folder / "portraits", part, ["london_neutral", "london_smiling"] * count, np.repeat(people, 2).tolist()
        )
    return folder


@pytest.fixture(scope="module")
def cache(model, tmp_path_factory):
    return AnswerCache.of(model, tmp_path_factory.mktemp("answers"))


@pytest.fixture(scope="module")
def pack(data):
    return read_pack(data / "portraits", "train")


def test_answers_are_kept_and_belong_to_photos(model, pack, tmp_path):
    cache = AnswerCache.of(model, tmp_path)
    first = pack_answers(model, pack, cache)
    questions = []
    again = cache.rows("photo", asked(pack), lambda i: questions.append(i))
    assert not questions
    torch.testing.assert_close(answers_of(again).coefficients.identity, first.coefficients.identity)
    turned = pack.take(np.arange(len(pack))[::-1])
    other = pack_answers(model, turned, cache)
    np.testing.assert_allclose(other.box[::-1], first.box, atol=1e-3)
    assert len(list(tmp_path.iterdir())) == 2
    other_program = AnswerCache(tmp_path, "other")
    with pytest.raises(ZeroDivisionError):
        other_program.rows("photo", asked(pack), lambda i: 1 // 0)


def test_a_damaged_answer_is_asked_again(tmp_path):
    cache = AnswerCache(tmp_path, "stamp")
    cache.rows("q", [b"photo"], lambda i: {"x": np.ones(2)})
    (file,) = tmp_path.iterdir()
    file.write_bytes(b"half")
    assert cache.rows("q", [b"photo"], lambda i: {"x": np.full(2, 7.0)})["x"].tolist() == [[7.0, 7.0]]


def test_points_of_answers_are_those_of_reconstructions(model, pack, cache):
    answers = pack_answers(model, pack, cache)
    face = model.reconstruct(pack.encoded[1], hint=None if answers.found[1] else _hint(pack, 1))[0]
    np.testing.assert_allclose(photo_points(model, answers)[1], face.landmarks68, atol=1e-2)


def _hint(pack, i):
    from hiface.evaluate.answers import labelled_box
    from hiface.model import FaceHint
    from hiface.photo.read import read_photo

    return FaceHint(box_xyxy=labelled_box(pack.fractions[i], read_photo(pack.encoded[i]).pixels))


def test_packs_join_and_divide(pack):
    rows = np.array([3, 0])
    assert pack.take(rows).name.tolist() == [pack.name[3], pack.name[0]]
    both = Pack.cat([pack.take(rows), pack])
    assert len(both) == len(pack) + 2
    assert both.encoded[2] == pack.encoded[0]


def test_no_disturbance_moves_nothing_and_a_mirror_is_laid_back(model, pack, tmp_path):
    answers = jitter_answers(model, pack.take(np.arange(2)), AnswerCache.of(model, tmp_path), SERIES)
    assert answers.box.shape == (2, len(SERIES), 4)
    found = spread(model, answers, SERIES)
    for values in vars(found).values():
        assert np.abs(values[:, 0]).max() < 0.05  # the arc cosine near one is coarse
        np.testing.assert_allclose(values[:, 1], values[:, 0], atol=1e-3)
        assert np.isfinite(values).all()
    assert (found.shape[:, 2:] > 0).all()
    assert (found.raw >= found.shape - 1e-3).all()


def test_an_answer_in_a_mirror_is_no_spread(model, cache, pack):
    """Coefficients of the mirrored face: its identity modes have no mirror, so only the turn is made by hand."""
    turn = torch.tensor([[0.1, 0.5, -0.2]])
    rotation = torch.zeros(2, 4, 3)
    rotation[:, 1] = torch.cat([turn, turn * torch.tensor([1.0, -1.0, -1.0])])
    roll = np.array([0.3, -0.3])
    turns = in_photo(rotation, roll, torch.tensor([False, True]))
    torch.testing.assert_close(turns[1], turns[0])


def test_a_turned_crop_is_no_turn_of_the_head_in_the_photo():
    head = matrix_from_axis_angle(torch.tensor([[0.2, 0.4, 0.1]]))
    angle = 0.5  # the crop's x axis points along (cos, sin) with y down: in it, the head is turned by +angle
    seen = matrix_from_axis_angle(torch.tensor([[0.0, 0.0, angle]])) @ head
    from hiface.geometry.rotation import axis_angle_from_matrix

    rotation = torch.zeros(2, 4, 3)
    rotation[:, 1] = axis_angle_from_matrix(torch.cat([head, seen]))
    turns = in_photo(rotation, np.array([0.0, angle]), torch.tensor([False, False]))
    torch.testing.assert_close(turns[1], turns[0], atol=1e-5, rtol=0)


def test_distances_to_oneself_are_none(model, pack, cache):
    answers, found = pack_answers(model, pack, cache), pairs(pack)
    assert pack.person[found.neutral].tolist() == pack.person[found.smiling].tolist()
    same = consistency(model, answers, replace(found, smiling=found.neutral))
    for distances in (same.shape, same.raw, same.static):
        assert np.diag(distances).max() < 2e-3
    assert same.shift == 0
    assert ratio(same.shape, Bootstrap(20)).ratio < 0.01
    with pytest.raises(ConfigError, match="portraits"):
        pairs(pack.take(np.array([0, 1])))


def test_different_people_twice_are_no_more_alike_than_others():
    points = RNG.normal(0, 1, (60, 1)), RNG.normal(0, 1, (60, 1))
    found = ratio(np.abs(points[0] - points[1].T), Bootstrap(200))
    assert found.interval.low < 1 < found.interval.high


def test_spreads_are_those_of_the_model_of_variance():
    person = np.repeat(np.arange(300), 4)
    values = 3 * RNG.normal(0, 1, (300, 5))[person] + RNG.normal(0, 1, (1200, 5))
    found = spreads(values, person, bootstrap=Bootstrap(50))
    assert found.within == pytest.approx(1, rel=0.06)
    assert found.between == pytest.approx(3, rel=0.06)
    assert found.share == pytest.approx(0.9, abs=0.02)
    assert spreads(values, person, 5, Bootstrap(2)).within == pytest.approx(found.within * 5**0.5)
    assert spreads(values[person * 4], person, bootstrap=Bootstrap(2)).share == 1
    with pytest.raises(ConfigError, match="two of each"):
        spreads(values[:4], np.arange(4))


def test_swaps_move_what_they_should_and_nothing_else(model, pack, cache):
    moved = swapped(model, pack_answers(model, pack, cache).coefficients)
    expression, static, identity = moved.values()
    assert expression.neutral.max() == expression.static.max() == 0
    assert (expression.expression > 0).all()
    assert (expression.dynamic > 0).all()
    assert static.neutral.max() == static.expression.max() == 0
    assert (static.static > 0).all()
    assert identity.static.max() == identity.expression.max() == 0
    assert (identity.neutral > 0).all()


def test_quantities_are_of_their_coefficients(model, pack, cache):
    c = pack_answers(model, pack, cache).coefficients
    found = quantities(model, replace(c, expression=torch.zeros_like(c.expression)))
    assert np.abs(found["expression"]).max() == 0
    assert np.abs(found["dynamic map"]).max() < 1e-4  # no expression, no tension
    assert np.ptp(found["static map"], axis=0).max() > 0


def test_error_curves_rise_to_the_end():
    each = RNG.gamma(3, 1, (50, 68))
    curve = error_curve(each, 30)
    assert (np.diff(curve.percent) >= 0).all()
    assert curve.percent[0] == 0
    assert curve.percent[-1] == 100


def drawn_people(model, people=3, each=2):
    identity = torch.randn(people, model.face.identity_size).repeat_interleave(each, 0)
    n = len(identity)
    truth = Coefficients(
        identity, torch.rand(n, model.face.expression_size), torch.zeros(n, 3), torch.randn(n, 5),
        torch.zeros(n, 4, 3), torch.zeros(n, 3), torch.ones(n), torch.zeros(n, 9, 3),
    )  # fmt: skip
    return Drawn(
        [RNG.integers(0, 255, (64, 64, 3), np.uint8) for _ in range(n)],
        np.stack([points_on_picture(RNG) for _ in range(n)]), truth,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["landmarks", "jitter", "consistency", "decoupling", "fairness", "wrinkles"])
def test_every_report_writes_its_files(name, model, data, cache, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(wrinkle_sheet, "SIDE", 48)
    for count in ("PEOPLE", "KEPT_PEOPLE"):
        monkeypatch.setattr(wrinkles_report, count, 12)
    report = {
        "landmarks": lambda: landmark_report(model, data, tmp_path, cache),
        "jitter": lambda: jitter_report(model, data, tmp_path, cache, 2),
        "consistency": lambda: consistency_report(model, data, tmp_path, cache),
        "decoupling": lambda: decoupling_report(model, data, drawn_people(model), tmp_path, cache),
        "fairness": lambda: fairness_report(model, data, tmp_path, cache, 2),
        "wrinkles": lambda: wrinkle_report(model, captures(), data, tmp_path, cache),
    }
    sections = report[name]()
    told = json.loads((tmp_path / f"{name}.json").read_text())
    assert told["weights"] == "tiny"
    assert set(told["tables"]) == {s.title for s in sections}
    for suffix in (".csv", ".md", ".tex"):
        assert len(list(tmp_path.glob(f"{name}_*{suffix}"))) >= len(sections)
    for picture in (*tmp_path.glob("*.png"), *tmp_path.glob("*.jpg")):
        assert cv2.imread(str(picture)) is not None
    assert len(list(tmp_path.glob(f"{name}*.[pj][np]g"))) >= 1 or name == "decoupling"


def test_one_photo_has_nobody_to_be_compared_with(model, data, cache, tmp_path):
    with pytest.raises(ConfigError, match="2 or more"):
        jitter_report(model, data, tmp_path, cache, 1)


def test_london_alone_is_taken(data):
    assert set(london(data, "val").source.tolist()) == {"london_neutral", "london_smiling"}


def test_a_row_of_answers(model, pack, cache):
    answers = pack_answers(model, pack, cache)
    one = answers[np.array([2])]
    assert isinstance(one, Answers)
    assert len(one) == 1
    np.testing.assert_array_equal(one.box[0], answers.box[2])
