"""Source data of the generator made up in memory: the shipped face model, plain skins, brows and light, no files."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import scipy.sparse as sparse

from hiface.face.model import FaceModel
from hiface.synth.assets import SkinTexture, Sources, _growth, _roots
from hiface.synth.body import build_body
from hiface.synth.hair import STYLES, HairStyle, Scalp
from hiface.synth.props import build_neck
from hiface.synth.things import OPAQUE, WHITE
from hiface.synth.wrinkles import Wrinkles

SIDE = 64


def _scalp(model, body):
    weight = model.region("scalp")[: model.vertex_count("skin")].astype(np.float32)
    triangles = body.vertex_triangles[: body.skin_triangles()]
    chosen = np.ascontiguousarray(triangles[(weight[triangles] > 0.12).all(1)].astype(np.int32))
    ids, inverse = np.unique(chosen, return_inverse=True)
    return Scalp(weight, chosen, ids, inverse.reshape(-1, 3))


def _style(name, skin):
    offset = np.array([[-40, 120, 60], [40, 120, 60], [0, 60, 100]], np.float32)
    uv = np.zeros((3, 2), np.float32)
    return HairStyle(name, offset, sparse.csr_matrix((3, skin)), np.array([[0, 1, 2]], np.int32), uv, OPAQUE, WHITE)


@lru_cache(maxsize=1)
def made_sources() -> Sources:
    rng = np.random.default_rng(0)
    model = FaceModel.load()
    body = build_body(model)
    scalp = _scalp(model, body)
    face = np.full((SIDE, SIDE, 3), (0.4, 0.25, 0.18), np.float32) * rng.uniform(0.9, 1.1, (SIDE, SIDE, 1))
    skins = [
        SkinTexture(f"{age} {sex}", age, sex, 1.0, face.mean((0, 1)), face.astype(np.float32), face.astype(np.float32))
        for age in ("young", "middleage", "old")
        for sex in ("female", "male")
    ]
    brows = np.zeros((2, SIDE, SIDE), np.float32)
    for k, thick in enumerate((2, 4)):
        brows[k, 11 : 11 + thick, 14:29] = brows[k, 11 : 11 + thick, 35:50] = 0.8
    return Sources(
        model=model, body=body, skins=skins, brows=brows, brow_rows=slice(11, 15),
        eyes=[np.full((32, 32, 3), 0.3, np.float32)], brown_eyes=[0],
        environments=[rng.uniform(0.5, 1.5, (64, 128, 3)).astype(np.float32)],
        hair=[_style(name, len(scalp.weight)) for name in STYLES], scalp=scalp, growth=_growth(body, scalp),
        roots=_roots(body, scalp.weight, 500), beard=_roots(body, body.growth[: len(scalp.weight), 0], 200),
        neck=build_neck(body), wrinkles=Wrinkles(model), backgrounds=[],
        scores=rng.uniform(0, 0.5, (8, model.expression_size)).astype(np.float32),
    )  # fmt: skip
