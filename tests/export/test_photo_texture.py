"""The texture is the photo where it sees the skin, and goes on without a seam where it does not."""

import cv2
import numpy as np
import pytest
from shipped_face import SIDE, on_photo, posed, shipped

from hiface.errors import MeshError
from hiface.export.blend import fill_smoothly, logarithm, with_gain
from hiface.export.corners import pieces
from hiface.export.texture import photo_texture
from hiface.face.parts import Part
from hiface.photo.crop import CropBox
from hiface.photo.parse import ParsedFace

R = 256
SKIN = (190, 140, 120)
ALBEDO = np.array([0.5, 0.3, 0.22], np.float32)


def texture_of(photo, yaw=0.0, **changes):
    points = posed(yaw)
    flat = np.broadcast_to(ALBEDO, (64, 64, 3))
    return photo_texture(photo, changes.get("points", on_photo(points)), points, shipped(), flat, flat, R)


def plain(colour=SKIN):
    return np.full((SIDE, SIDE, 3), colour, np.uint8)


def covered():
    """Texels whose centre lies in a triangle, well away from the outline."""
    face = pieces(shipped())[0]
    mask = np.zeros((R, R), np.uint8)
    for corners in face.uv[face.triangles]:
        cv2.fillConvexPoly(mask, np.int32(np.c_[corners[:, 0], 1 - corners[:, 1]] * R), 1)
    return cv2.erode(mask, np.ones((3, 3), np.uint8)) > 0


@pytest.mark.parametrize("yaw", [0.0, 0.9])
def test_a_face_of_one_colour_becomes_a_texture_of_one_colour(yaw):
    """Whatever is seen, mirrored or filled: no seam, no black, head and neck too."""
    result = texture_of(plain(), yaw)
    for picture in (result.colour, result.head):
        assert np.abs(picture.astype(int) - SKIN).max() <= 3


def test_seen_texels_are_the_photos_own_pixels():
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    photo = np.stack([110 + 70 * x / SIDE, 90 + 80 * y / SIDE, np.full_like(x, 120)], -1).round().astype(np.uint8)
    result = texture_of(photo)
    seen = result.seen > 0.99
    assert seen[covered()].mean() > 0.2
    face = pieces(shipped())[0]
    where = on_photo(posed())[face.source]
    row, column = np.int64((1 - face.uv[:, 1]) * R), np.int64(face.uv[:, 0] * R)
    chosen = seen[row, column]
    wanted = np.stack([110 + 70 * where[:, 0] / SIDE, 90 + 80 * where[:, 1] / SIDE], 1)[chosen]
    assert np.abs(result.colour[row, column, :2][chosen] - wanted).max() < 4


def test_the_side_that_turns_away_comes_from_the_other():
    """A mole on the seen cheek appears on the hidden one."""
    yaw = 0.8  # the subject's left comes to the front
    face = pieces(shipped())[0]
    vertex = int(np.argmin(np.linalg.norm(shipped().mean.numpy()[:9409] - (-45, -10, 85), axis=1)))
    places = {side: vertex if side == "right" else int(shipped().symmetry[vertex]) for side in ("left", "right")}
    facing = {side: face.surface.normals(posed(yaw))[v, 2] for side, v in places.items()}
    near, far = sorted(places, key=facing.__getitem__, reverse=True)
    assert facing[near] > 0.6 > 0.1 > facing[far]
    photo = plain()
    centre = on_photo(posed(yaw))[places[near]]
    cv2.circle(photo, tuple(int(c) for c in centre), 4, (90, 50, 40), -1)
    result = texture_of(photo, yaw)
    for side in (near, far):
        uv = face.uv[np.flatnonzero(face.source == places[side])[0]]
        row, column = int((1 - uv[1]) * R), int(uv[0] * R)
        assert result.colour[row - 2 : row + 3, column - 2 : column + 3, 0].mean() < 130, side
        assert (result.seen[row, column] > 0.5) == (side == near)


def test_nothing_is_seen_through_the_nose_or_from_behind():
    yaw = 0.8
    face = pieces(shipped())[0]
    away = face.surface.normals(posed(yaw))[face.source, 2] < 0.1
    row, column = np.int64((1 - face.uv[:, 1]) * R), np.int64(face.uv[:, 0] * R)
    weight = texture_of(plain(), yaw).seen[row, column][away]
    assert np.quantile(weight, 0.99) < 0.05  # at the lids' edges a texel is wider than the surface


def test_hair_over_the_forehead_is_left_out():
    photo = plain()
    brow = on_photo(shipped().landmarks(shipped().mean[None], "mediapipe68")[0].numpy())[17:27, 1].min()
    photo[: int(brow) - 12] = (30, 22, 18)
    result = texture_of(photo)
    assert result.colour[covered()].min(0).astype(int) @ [1, 1, 1] > 0.8 * sum(SKIN)


def parsed_as(part, rows):
    """A parser's answer: face everywhere but in rows of the crop, which is the whole photo."""
    shares = np.zeros((len(Part), SIDE, SIDE), np.float32)
    shares[Part.SKIN] = 1
    shares[Part.SKIN, rows], shares[part, rows] = 0, 1
    return ParsedFace(shares, CropBox((SIDE / 2, SIDE / 2), SIDE, 0.0))


def test_what_the_parser_calls_a_hand_is_left_out_though_it_looks_like_skin():
    eyes = int(on_photo(shipped().landmarks(shipped().mean[None], "mediapipe68")[0].numpy())[36:48, 1].mean())
    rows = slice(eyes - 8, eyes + 8)
    photo = plain()
    photo[rows] = (200, 120, 100)
    points, flat = posed(), np.broadcast_to(ALBEDO, (64, 64, 3))
    with_parser = photo_texture(
        photo, on_photo(points), points, shipped(), flat, flat, R, parsed_as(Part.OTHER, rows)
    )  # fmt: skip
    assert (texture_of(photo).colour[covered()][:, 1] < 130).any()
    assert np.abs(with_parser.colour[covered()].astype(int) - SKIN).max() <= 6


def test_a_parser_that_sees_only_skin_trusts_what_colour_would_doubt():
    """A painted forehead, whose colour is no skin's."""
    photo = plain()
    brow = on_photo(shipped().landmarks(shipped().mean[None], "mediapipe68")[0].numpy())[17:27, 1].min()
    photo[: int(brow) - 8] = (30, 160, 60)
    points, flat = posed(), np.broadcast_to(ALBEDO, (64, 64, 3))
    parsed = parsed_as(Part.SKIN, slice(0, 0))
    painted = photo_texture(photo, on_photo(points), points, shipped(), flat, flat, R, parsed)
    assert painted.seen.sum() > 1.05 * texture_of(photo).seen.sum()


def test_brows_and_beard_stay():
    photo = plain()
    points = on_photo(shipped().landmarks(shipped().mean[None], "mediapipe68")[0].numpy())
    chin = tuple(int(c) for c in points[8] - (0, 6))
    cv2.circle(photo, chin, 5, (40, 30, 25), -1)
    darkest = texture_of(photo).colour[covered()].astype(int).sum(1).min()
    assert darkest < 130


def test_a_face_cut_by_the_photos_border_is_completed():
    half = on_photo(posed()) - (SIDE / 2, 0)
    result = texture_of(plain()[:, : SIDE // 2], points=half)
    assert np.abs(result.colour.astype(int) - SKIN).max() <= 3
    assert 0.1 < (result.seen > 0.5)[covered()].mean() < 0.3


def test_head_and_face_meet_in_one_colour():
    """Light from one side: along the border, and at the head's own UV seams, no step is left."""
    photo = plain()
    photo = np.uint8(photo * np.linspace(0.5, 1.3, SIDE)[None, :, None])
    result = texture_of(photo, 0.2)
    found = {p.name: p for p in pieces(shipped())}
    colours = {}
    for name, picture in (("face", result.colour), ("head", result.head)):
        uv, source = found[name].uv, found[name].source
        side = len(picture)
        row, column = (np.clip(np.int64(x), 0, side - 1) for x in ((1 - uv[:, 1]) * side, uv[:, 0] * side))
        for vertex, colour in zip(source, picture[row, column].astype(float), strict=True):
            colours.setdefault((name, int(vertex)), []).append(colour)
    common = np.intersect1d(found["face"].source, found["head"].source)
    steps = [np.ptp(colours["face", v] + colours["head", v], axis=0).max() for v in common.tolist()]
    assert len(steps) > 150
    assert np.median(steps) < 3
    assert np.quantile(steps, 0.95) < 10
    own = [np.ptp(c, axis=0).max() for (name, _), c in colours.items() if name == "head" and len(c) > 1]
    assert len(own) > 20
    assert np.quantile(own, 0.95) < 4


def test_arrays_of_another_model_are_refused():
    with pytest.raises(MeshError, match="vertices"):
        texture_of(plain(), points=np.zeros((7, 2)))


def test_filling_keeps_what_is_known_and_continues_it():
    known = np.zeros((64, 64), np.float32)
    known[:, :20] = 1
    ramp = np.broadcast_to(np.linspace(0, 1, 64, dtype=np.float32)[:, None, None], (64, 64, 2))
    filled = fill_smoothly(ramp, known)
    np.testing.assert_allclose(filled[:, :20], ramp[:, :20], atol=1e-6)
    assert np.isfinite(filled).all()
    assert filled.min() >= -1e-6
    assert filled.max() <= 1 + 1e-6
    assert np.abs(np.diff(filled[:, :, 0], axis=1)).max() < 0.2
    assert not fill_smoothly(ramp, 0 * known).any()


def test_gains_undo_differences():
    rng = np.random.default_rng(0)
    first, second = (rng.integers(20, 200, (32, 32, 3)).astype(np.uint8) for _ in range(2))
    np.testing.assert_allclose(with_gain(first, logarithm(second) - logarithm(first)), second, atol=1e-3)
