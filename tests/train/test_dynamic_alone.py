"""Eq. 6 trained by itself: φ as networks see it, what is learnt and measured, and what stays in the weight file."""

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

import hiface
from hiface.cli.train_dynamic import train_dynamic as train_verb
from hiface.detail.basis import NAMES, DetailBasis, write_basis
from hiface.detail.dynamic import DynamicCoefficients
from hiface.errors import ConfigError
from hiface.reconstructor import NetworkConfig, Reconstructor, load_reconstructor, save_weights
from hiface.train.dynamic import (
    PREFIX,
    DynamicOptions,
    NetworkFaces,
    begin,
    dynamic_error,
    replace_dynamic,
    train_dynamic,
)
from hiface.train.dynamic_faces import network_faces
from hiface.train.dynamic_people import DetailPeople, MapNorms, as_people, drawn_people, halves, kept
from hiface.train.seen_detail import EXACT, as_seen, wiener
from tiny import albedo_model, captures, detail_basis, face_model
from world import make_world

ENERGY = torch.tensor([1e-2, 1e-3, 1e-4, 1e-5, 1e-6])


def test_what_is_seen_badly_shrinks_so_that_its_expectation_stays():
    truth = torch.randn(20000, 5, generator=torch.Generator().manual_seed(0))
    seen = wiener(truth, ENERGY, 1e-4, torch.Generator().manual_seed(1))
    share = ENERGY / (ENERGY + 1e-4)
    slope = (seen * truth).mean(0) / seen.square().mean(0)  # of the truth on what is seen
    torch.testing.assert_close(slope[:3], torch.ones(3), rtol=0.05, atol=0)
    torch.testing.assert_close(seen.var(0), share, rtol=0.05, atol=2e-3)
    torch.testing.assert_close(wiener(truth, ENERGY, 0.0, torch.Generator()), truth)


def test_some_people_are_seen_exactly_and_none_of_the_truth_is_scaled():
    truth = torch.randn(4000, 5)
    seen = as_seen(truth, ENERGY, torch.Generator().manual_seed(0))
    exact = (seen == truth).all(1).float().mean()
    assert abs(float(exact) - EXACT) < 0.03
    again = as_seen(truth, ENERGY, torch.Generator().manual_seed(0))
    torch.testing.assert_close(again, seen, rtol=0, atol=0)
    assert seen.std() < truth.std()


def test_halves_share_nobody_and_both_have_all_ages():
    fitted, held = halves(captures())
    assert len(fitted) + len(held) == 40
    assert not set(fitted.age) & set(held.age)
    assert held.age.min() < 20
    assert held.age.max() > 75
    with pytest.raises(ConfigError, match="hold some out"):
        halves(captures(6))


class Fixed(torch.nn.Module):
    """Answers that are known beforehand."""

    def __init__(self, *answers):
        super().__init__()
        self.answers = answers

    def forward(self, expression, static):
        return self.answers


def test_the_truth_keeps_all_and_its_mean_nothing():
    truth, norms = as_people(captures()), MapNorms.of(detail_basis())
    none = torch.zeros(len(truth), 1)
    own = kept(Fixed(truth.compressed, truth.stretched), truth.static, truth, none, norms)
    mean = (x.mean(0).expand_as(x) for x in (truth.compressed, truth.stretched))
    usual = kept(Fixed(*mean), truth.static, truth, none, norms)
    for name in ("compressed", "stretched"):
        assert own[name].share == pytest.approx(1)
        assert own[name].spread == pytest.approx(1)
        assert usual[name].share == pytest.approx(0, abs=1e-6)
        assert usual[name].spread == pytest.approx(0, abs=1e-6)


def test_the_error_is_that_of_the_maps():
    basis, truth = detail_basis(), as_people(captures())
    norms = MapNorms.of(basis)
    answers = truth.compressed + 0.3, truth.stretched - 0.1
    expected = 0.0
    for name, answer in zip(("compressed", "stretched"), answers, strict=True):
        draw, modes = getattr(basis, name), basis.get_buffer(f"{name}_modes")
        square = (draw(answer) - draw(getattr(truth, name))).flatten(1)[:, basis.texels].square().mean()
        expected += float(square / modes.square().mean(1).sum())
    assert float(dynamic_error(answers, truth, norms)) == pytest.approx(expected, rel=1e-4)


def learnt(steps=300, faces=None):
    people, norms = drawn_people(captures(), 400, seed=0), MapNorms.of(detail_basis())
    module, expressions = DynamicCoefficients(7, 5, 3, 3, width=32), torch.rand(50, 7)
    train_dynamic(module, people, expressions, norms, DynamicOptions(steps=steps, batch=64), faces)
    return module, people, expressions, norms


def test_it_learns_what_the_captures_share_and_ignores_the_expression():
    module, people, expressions, norms = learnt()
    fresh = DynamicCoefficients(7, 5, 3, 3, width=32)
    begin(fresh)
    worn = expressions[torch.arange(len(people)) % 50]
    before, after = (kept(m, people.static, people, worn, norms) for m in (fresh, module))
    other = kept(module, people.static, people, worn.flip(0), norms)
    for name in ("compressed", "stretched"):
        assert before[name].share < 0.05
        assert after[name].share > 0.5
        assert other[name].share == pytest.approx(after[name].share, abs=0.05)


def test_the_same_seed_gives_the_same_module():
    torch.manual_seed(5)
    first = learnt(20)[0].state_dict()
    torch.manual_seed(5)
    again = learnt(20)[0].state_dict()
    assert all(torch.equal(first[k], again[k]) for k in first)


def test_where_nothing_is_seen_the_answer_is_the_mean():
    """Faces whose φ̂ says nothing about them: the conditional expectation is the mean of their truths."""
    generator = torch.Generator().manual_seed(0)
    truth = DetailPeople(torch.zeros(400, 5), *(1 + torch.randn(400, 3, generator=generator) for _ in range(2)))
    faces = NetworkFaces(torch.randn(400, 5, generator=generator), truth, torch.rand(400, 7, generator=generator))
    module = DynamicCoefficients(7, 5, 3, 3, width=8)
    options = DynamicOptions(steps=400, batch=128, network_share=1.0)
    train_dynamic(module, truth, torch.rand(50, 7), MapNorms.of(detail_basis()), options, faces)
    with torch.no_grad():
        answers = torch.cat(module(torch.rand(200, 7), torch.randn(200, 5)), 1)
    assert abs(float(answers.mean()) - 1) < 0.1
    assert float(answers.std(0).mean()) < 0.45


def test_everything_else_in_the_weight_file_stays_bit_for_bit(tmp_path):
    assets = face_model(tmp_path), albedo_model(tmp_path), detail_basis()
    network = Reconstructor(NetworkConfig(width=0.125, crop=32, mix=16, detail_width=8), *assets)
    save_weights(network, tmp_path / "old.safetensors", {"licence": "Apache-2.0"})
    module = network.detail_model.dynamic
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter)
    digest = replace_dynamic(tmp_path / "old.safetensors", tmp_path / "new.safetensors", module, {"steps": 1})
    old, new = (load_file(tmp_path / f"{name}.safetensors") for name in ("old", "new"))
    assert set(old) == set(new)
    for name in old:
        assert np.array_equal(old[name], new[name]) != name.startswith(PREFIX), name
        assert old[name].dtype == new[name].dtype
    read, meta = load_reconstructor(tmp_path / "new.safetensors", *assets)
    assert meta["dynamic"] == {"steps": 1}
    assert meta["licence"] == "Apache-2.0"
    assert meta["weights_id"] == digest
    torch.testing.assert_close(read.detail_model.dynamic.style[-1].bias, module.style[-1].bias, rtol=1e-3, atol=1e-3)


def test_faces_of_shards_bring_their_truth(tmp_path):
    shards, assets = make_world(tmp_path)[:2]
    network = Reconstructor(NetworkConfig(width=0.125, crop=32, mix=16, detail_width=8), *assets).eval()
    faces = network_faces(network, shards, 3)
    assert len(faces) == 3
    assert faces.seen.shape == faces.truth.static.shape
    assert not torch.equal(faces.seen, faces.truth.static)
    assert faces.expression.shape == (3, network.face.expression_size)


@pytest.fixture
def files(tmp_path):
    """Assets and weights of the tiny face as files, and shards."""
    shards, assets = make_world(tmp_path)[:2]
    basis, known = detail_basis(), captures()
    arrays = {n: (basis.get_buffer(f"{n}_mean").numpy(), basis.get_buffer(f"{n}_modes").numpy()) for n in NAMES}
    extra = {"capture_age": known.age.astype(np.float32)}
    extra |= {f"capture_{n}": getattr(known, n).astype(np.float16) for n in NAMES}
    means, modes = ({n: pair[k] for n, pair in arrays.items()} for k in (0, 1))
    write_basis(tmp_path / "basis.safetensors", basis.mask.numpy(), means, modes, {}, extra)
    stored = assets[0], assets[1], DetailBasis.load(tmp_path / "basis.safetensors")
    network = Reconstructor(NetworkConfig(width=0.125, crop=32, mix=16, detail_width=8), *stored)
    save_weights(network, tmp_path / "old.safetensors", {})
    paths = {"face_model": "face", "albedo": "albedo", "detail_basis": "basis", "weights": "old"}
    return shards, {name: str(tmp_path / f"{stem}.safetensors") for name, stem in paths.items()}


def test_the_verb_prints_what_is_kept_and_writes_a_file_that_loads(files, tmp_path, monkeypatch, capsys):
    shards, paths = files
    monkeypatch.setattr("hiface.cli.train_dynamic.PEOPLE", 50)
    monkeypatch.setattr("hiface.cli.train_dynamic.EXPRESSIONS", 20)
    threads = torch.get_num_threads()
    train_verb(out=tmp_path / "new.safetensors", shards=shards, count=5, steps=10, **paths)
    torch.set_num_threads(threads)
    told = capsys.readouterr().out
    assert "exact" in told
    assert "→" in told
    loaded = hiface.load(**(paths | {"weights": str(tmp_path / "new.safetensors")}), device="cpu")
    assert [row["group"] for row in loaded.meta["dynamic"]["held_out"]][-1] == "φ of the network, drawn faces"
    with pytest.raises(ConfigError, match="fewer than 10"):
        train_verb(out=tmp_path / "none.safetensors", steps=3)
