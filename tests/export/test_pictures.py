"""Pictures show the face where it is, lit as it is turned, with the relief of its displacement map."""

from functools import lru_cache

import cv2
import numpy as np
import pytest
import torch
from shipped_face import SCALE, posed, shipped

from hiface.errors import AssetError, ConfigError
from hiface.export.clay import KEY, key_shadow, openness, shaded
from hiface.export.corners import pieces
from hiface.export.eye_colour import eye_look
from hiface.export.eyes import IRIS_RADIUS, PUPIL_RADIUS, EyeTextures
from hiface.export.lashes import lash_cover
from hiface.export.overview import overview, row_of
from hiface.export.pictures import FacePictures, face_pictures, textured
from hiface.export.seen import FINER, look_at, with_relief
from hiface.export.texture import FaceTexture
from hiface.geometry.uv import sample_uv

S = 96
SKIN = (180, 130, 110)


@lru_cache(maxsize=1)
def seen():
    return look_at(shipped(), posed(), SCALE, S)


@lru_cache(maxsize=1)
def eyes():
    return EyeTextures.load()


def plain_texture(colour=SKIN):
    flat = np.full((64, 64, 3), colour, np.uint8)
    return FaceTexture(flat, np.ones((64, 64), np.float32), flat)


def pictures(displacement, crop=None):
    crop = np.full((S, S, 3), (20, 90, 200), np.uint8) if crop is None else crop
    return face_pictures(
        crop, posed(), SCALE, shipped(), displacement, plain_texture(), eyes().map("blue", 256), np.full(3, 0.7)
    )  # fmt: skip


def pooled(mask):
    """Pixels all of whose samples are in the mask."""
    return mask.reshape(S, FINER, S, FINER).all((1, 3))


def test_a_picture_sees_every_piece_where_the_model_has_it():
    view = seen()
    assert view.mm == pytest.approx(1 / (SCALE * S * FINER))
    nose = int(shipped().mean[:9409, 2].argmax())
    x, y, z = view.project(posed()[nose][None])[0]
    assert view.depth[int(y), int(x)] == pytest.approx(z, abs=1.0)
    assert view.normal[2, int(y), int(x)] > 0.8
    rows, columns = np.nonzero(view.of("eyes"))
    centre = view.project(shipped().joint_mean[2:].numpy())
    assert columns.min() < centre[:, 0].min() < centre[:, 0].max() < columns.max()
    assert abs(rows.mean() - centre[:, 1].mean()) * view.mm < 4
    np.testing.assert_allclose(np.linalg.norm(view.normal, axis=0)[view.mask], 1, atol=1e-5)
    assert not view.normal[:, ~view.mask].any()


def test_no_displacement_is_no_relief():
    view = seen()
    np.testing.assert_allclose(with_relief(view, shipped(), np.zeros((32, 32))), view.normal, atol=1e-6)
    done = pictures(np.zeros((32, 32), np.float32))
    np.testing.assert_array_equal(done.coarse, done.detailed)


def test_relief_is_that_of_the_displaced_mesh():
    view, face = seen(), pieces(shipped())[0]
    v, u = np.mgrid[:128, :128] / 128
    bumps = (4 * np.sin(9 * u) * np.cos(7 * v)).astype(np.float32)
    points = posed().copy()
    height = sample_uv(torch.from_numpy(bumps)[None, ..., None], torch.from_numpy(face.uv))[0, :, 0].numpy()
    points[face.source] += face.surface.normals(points)[face.source] * height[:, None]
    moved = look_at(shipped(), points, SCALE, S)
    inside = view.of("face") & moved.of("face") & (view.normal[2] > 0.6)
    inside = cv2.erode(inside.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    with_bumps = np.einsum("xn,xn->n", with_relief(view, shipped(), bumps)[:, inside], moved.normal[:, inside])
    without = np.einsum("xn,xn->n", view.normal[:, inside], moved.normal[:, inside])
    angle, before = (np.degrees(np.median(np.arccos(np.clip(c, -1, 1)))) for c in (with_bumps, without))
    assert before > 3.0
    assert angle < 0.35 * before


def test_hollows_are_darker_than_the_open():
    view = seen()
    share = openness(view)
    assert 0 < share.min() < share.max() <= 1.001
    inner, forehead = view.of("eyes", "sockets"), view.of("face") & (view.normal[2] > 0.9) & (view.normal[1] > 0.2)
    forehead[np.nonzero(inner)[0].min() - 20 :] = False
    assert share[inner].mean() < 0.85 * share[view.of("face")].mean()
    assert share[forehead].mean() > 0.95


def test_the_key_light_reaches_what_faces_it():
    view = seen()
    lit, facing = key_shadow(view), np.einsum("x,xhw->hw", KEY, view.normal)
    assert lit[view.mask & (facing > 0.6)].mean() > 0.9
    assert lit[view.mask & (facing < -0.1)].mean() < 0.25
    ones = np.ones_like(lit)
    light, _ = shaded(view, view.normal, ones, lit)
    assert light[:, view.mask & (facing > 0.8)].mean() > 2 * light[:, view.mask & (facing < 0)].mean()
    assert not light[:, ~view.mask].any()


def test_skin_shows_its_texture_and_nothing_else():
    view = seen()
    picture = textured(view, plain_texture(), eyes().map("brown", 128), np.ones_like(view.depth), np.ones(3))
    skin = view.of("face", "head")
    np.testing.assert_array_equal(picture[skin], np.broadcast_to(SKIN, (skin.sum(), 3)))
    assert np.abs(picture[view.of("eyes")].astype(int) - SKIN).sum(1).min() > 10


def test_pictures_of_a_face():
    crop = np.random.default_rng(0).integers(0, 255, (S, S, 3), np.uint8)
    v = np.mgrid[:64, :64][0] / 64
    done = pictures((0.6 * np.sin(60 * v)).astype(np.float32), crop)
    face, nothing = pooled(seen().of("face")), pooled(~seen().mask)
    assert np.abs(done.overlay[nothing].astype(int) - crop[nothing]).max() <= 1
    assert np.abs(done.overlay[face].astype(float) - crop[face]).mean() > 20
    changed = (done.coarse != done.detailed).any(-1)
    assert changed[face].mean() > 0.9
    assert not changed[~cv2.dilate(seen().of("face")[::2, ::2].astype(np.uint8), np.ones((5, 5))).astype(bool)].any()
    assert done.textured[nothing].max() < 60
    for picture in (done.overlay, done.coarse, done.detailed, done.textured):
        assert picture.shape == (S, S, 3)
        assert picture.dtype == np.uint8


def test_lashes_lie_round_the_eyes():
    cover = lash_cover(seen(), shipped(), posed())
    assert cover.min() >= 0
    assert 0.3 < cover.max() <= 1
    around = cv2.dilate(seen().of("eyes").astype(np.uint8), np.ones((15, 15), np.uint8)) > 0
    assert not cover[~around].any()


def test_overview_is_one_row_of_all():
    tiles = [np.full((200, 200, 3), value, np.uint8) for value in (250, 60, 90, 120, 150)]
    sheet = overview(tiles[0], FacePictures(*tiles[1:]))
    columns = [sheet[110, x, 0] for x in range(sheet.shape[1])]
    order = [c for k, c in enumerate(columns) if c != 24 and (k == 0 or columns[k - 1] != c)]
    assert order == [250, 60, 90, 120, 150]
    ink = np.flatnonzero((sheet[:, :, 0] != 24).any(1))
    below = ink[ink >= 10 + 200]  # the margin and the pictures
    assert 3 < len(below) < 17
    with pytest.raises(ConfigError, match="caption"):
        row_of(tiles, ["one"])
    with pytest.raises(ConfigError, match="shape"):
        row_of([tiles[0], tiles[1][:40]], ["a", "b"])


@pytest.mark.parametrize("side", [64, 256, 512])
def test_eye_textures_have_pupil_iris_and_white_in_place(side):
    axis = (np.arange(side) + 0.5) / side - 0.5
    radius = np.hypot(*np.meshgrid(axis, axis))
    for colour in eyes().colours:
        picture = eyes().map(colour, side).astype(float).mean(2)
        pupil = picture[radius < 0.8 * PUPIL_RADIUS].mean() if side > 64 else 5.0
        iris = picture[(radius > 0.45 * IRIS_RADIUS) & (radius < 0.85 * IRIS_RADIUS)].mean()
        white = picture[(radius > 1.2 * IRIS_RADIUS) & (radius < 1.5 * IRIS_RADIUS)].mean()
        assert pupil < 15 < iris < 0.85 * white
        assert np.ptp(eyes().map(colour, side)[radius > 0.3], axis=0).max() == 0
    with pytest.raises(AssetError, match="blue"):
        eyes().map("violet")


@pytest.mark.parametrize("colour", ["brown", "dark brown", "blue", "green", "grey"])
@pytest.mark.parametrize("light", [(0.7, 0.7, 0.7), (0.5, 0.42, 0.36)])
def test_an_eye_drawn_in_a_colour_is_found_to_have_it(colour, light):
    """Under white and under warm light; through the same picture that shows the face."""
    side = 256
    view = look_at(shipped(), posed(), SCALE, side)
    drawn = textured(view, plain_texture(), eyes().map(colour, 512), np.ones_like(view.depth), np.array(light))
    crop = cv2.resize(drawn, (side, side), interpolation=cv2.INTER_AREA)
    look = eye_look(crop, view, eyes(), np.full(3, 0.3))
    assert look.colour == colour
    np.testing.assert_allclose(look.brightness.mean(), np.mean(light), rtol=0.25)


def test_closed_eyes_say_nothing():
    view = look_at(shipped(), posed(), SCALE / 12, S)
    look = eye_look(np.full((S, S, 3), 90, np.uint8), view, eyes(), np.full(3, 0.2))
    assert look.colour == "brown"
    assert np.ptp(look.brightness) == 0
