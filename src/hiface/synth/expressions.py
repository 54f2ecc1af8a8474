"""Expressions that people make, as weights of a face model's units, drawn without photographs."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hiface.face.asset import ARKIT
from hiface.face.expression_prior import ExpressionPrior
from hiface.face.model import FaceModel
from hiface.synth.people import draw_expression, from_scores


def people_expressions(model: FaceModel, count: int, seed: int) -> Float[Tensor, "N E"]:
    """Weights with their correctives, of the shipped prior, as generated faces wear them."""
    rng, names = np.random.default_rng(seed), model.expression_names
    scores = np.zeros((count, len(names)), np.float32)
    scores[:, [names.index(n) for n in ARKIT]] = ExpressionPrior.load().draw(rng, count)
    scores = from_scores(scores, names)
    drawn = np.stack([draw_expression(rng, names, scores, mixed=False) for _ in range(count)])
    return model.with_correctives(torch.from_numpy(drawn))
