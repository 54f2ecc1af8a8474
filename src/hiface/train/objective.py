"""Eq. 15: the weighted sum of the losses on one batch, every term by name."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hiface import losses
from hiface.face.albedo import BRIGHTEST
from hiface.face.asset import ARKIT
from hiface.geometry.rotation import matrix_from_axis_angle
from hiface.reconstructor import Prediction, Reconstructor
from hiface.train.batches import Batch
from hiface.train.config import TrainConfig
from hiface.train.detail_loss import DetailLoss

Photometric = Callable[[Prediction, Batch], dict[str, Tensor]]


class Objective(nn.Module):
    """Terms of a batch, unweighted, and their sum. Vertex and map norms are exact through Gram matrices."""

    vertex_gram: Float[Tensor, "I I"]
    shape_gram: Float[Tensor, "I I"]
    expression_gram: Float[Tensor, "E E"]
    skin_density: Float[Tensor, "3"]
    skin_modes: Float[Tensor, "A 3"]

    def __init__(self, model: Reconstructor, config: TrainConfig) -> None:
        super().__init__()
        self.config = config
        self._model = [model]  # not a submodule: its parameters are not the objective's
        face = model.face
        chosen = torch.from_numpy(face.region("face"))
        count = int(chosen.sum())
        identity = face.identity_basis[:, chosen]
        self._keep("vertex_gram", losses.gram_of(identity.flatten(1), count))
        self._keep("shape_gram", losses.gram_of(without_similarity(identity, face.mean[chosen]).flatten(1), count))
        self._keep("expression_gram", losses.gram_of(face.expression_basis[:, chosen].flatten(1), count))
        density, modes = model.albedo.middle()
        self._keep("skin_density", density)
        self._keep("skin_modes", modes)
        self.detail_loss = DetailLoss(model)

    def _keep(self, name: str, tensor: Tensor) -> None:
        self.register_buffer(name, tensor, persistent=False)

    @property
    def model(self) -> Reconstructor:
        return self._model[0]

    def forward(
        self, prediction: Prediction, batch: Batch, photometric: Photometric | None = None
    ) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
        """The weighted sum and every term before weighting."""
        terms = self.point_terms(prediction, batch)
        if batch.synthetic:
            terms |= self.synthetic_terms(prediction, batch)
        if batch.synthetic < len(batch.crops):
            terms |= self.photo_terms(prediction, batch)
        if photometric is not None:
            terms |= photometric(prediction, batch)
        weights = self.term_weights()
        total = sum((weights[name] * value for name, value in terms.items()), prediction.log_sigma.new_zeros(()))
        return total, terms

    def point_terms(self, prediction: Prediction, batch: Batch) -> dict[str, Tensor]:
        names = ("mediapipe478", "dense669")
        screen478, dense = self.model.points(prediction.coefficients, 1.0, names)
        # The irises follow the gaze; the 468 others lie on the skin. All count alike.
        terms = {"points478": losses.points_loss(screen478[..., :2], batch.points478, batch.weight478)}
        if prediction.seen is not None:
            terms["seen"] = losses.uncertain_points_loss(
                prediction.seen.xy, batch.points478, prediction.seen.log_sigma, batch.weight478
            )
        n = batch.synthetic
        if n:
            terms["points"] = losses.uncertain_points_loss(
                dense[:n, :, :2], batch.dense, prediction.log_sigma[:n], batch.dense_weight
            )
        return terms

    def synthetic_terms(self, prediction: Prediction, batch: Batch) -> dict[str, Tensor]:
        n, c = batch.synthetic, prediction.coefficients
        if not self.config.use_synthetic_truth:
            own = self._modes(c.expression[:n])
            return {"prior": losses.prior_loss(c.albedo[:n], c.identity[:n], c.static[:n], *own)}
        dynamic = self.detail_loss.dynamic(c.static[:n], batch)
        detail = self.detail_loss(c.static[:n], dynamic, prediction.decoded[:n], batch)
        turn = matrix_from_axis_angle(c.rotation[:n, 0] + c.rotation[:n, 1])
        return {
            "vertex": losses.modes_loss(c.identity[:n], batch.identity, self.vertex_gram),
            "shape": losses.modes_loss(c.identity[:n], batch.identity, self.shape_gram),
            "divergence": losses.identity_divergence(c.identity[:n], batch.identity),
            "expression": losses.modes_loss(c.expression[:n], batch.expression, self.expression_gram)
            + 0.5 * (c.expression[:n] - batch.expression).abs().mean(),
            "rotation": losses.rotation_loss(turn, batch.turn),
            "detail": detail,
            "light": (c.light[:n] - batch.light).abs().mean(),
            "albedo": self._skin_colour_loss(c.albedo[:n], batch.albedo_mean),
            "prior": losses.prior_loss(
                c.albedo[:n], c.identity[:n], c.static[:n], *dynamic, *self._modes(c.expression[:n])
            ),
        }

    def _skin_colour_loss(self, albedo: Float[Tensor, "N A"], colour: Float[Tensor, "N 3"]) -> Float[Tensor, ""]:
        """Difference of the mid-face's mean colour, as a logarithm: a tenth too bright is a tenth, dark or light."""
        own = BRIGHTEST * torch.sigmoid(-(self.skin_density + albedo @ self.skin_modes))
        return (own.log() - colour.clamp(min=0.005).log()).abs().mean()

    def photo_terms(self, prediction: Prediction, batch: Batch) -> dict[str, Tensor]:
        n, c = batch.synthetic, prediction.coefficients
        known = (batch.age.sum(1) > 0).float()
        scored = c.expression[n:, : batch.scores.shape[1]]
        return {
            "scores": (scored - batch.scores).abs().mean(),
            "unnamed": self._unnamed(c.expression[n:]),
            "age": losses.age_loss(batch.age, self.model.age_head(c.static[n:]), known),
            "prior_photos": losses.prior_loss(c.albedo[n:], c.identity[n:], *self._modes(c.expression[n:])),
            "prior_static": losses.prior_loss(c.static[n:]),
        }

    def _unnamed(self, expression: Float[Tensor, "M E"]) -> Float[Tensor, ""]:
        """Sum of the weights of units that no score names, correctives apart: on photos points alone would tell of
        them, and two hundred units bend a few hundred points any way they like."""
        named = torch.arange(expression.shape[1], device=expression.device) < len(ARKIT)
        named = named | self.model.face.signed
        named[[fix.unit for fix in self.model.face.correctives]] = True
        return expression[:, ~named].clamp(min=0).sum(1).mean()

    def _modes(self, expression: Float[Tensor, "B E"]) -> list[Float[Tensor, "B _"]]:
        """Expressions in standard deviations, which a prior holds as it holds identity; weights need none."""
        return [expression[:, self.model.face.signed]] if bool(self.model.face.signed.any()) else []

    def term_weights(self) -> dict[str, float]:
        return {k: float(v) for k, v in vars(self.config.weights).items()}


def without_similarity(modes: Float[Tensor, "N V 3"], mean: Float[Tensor, "V 3"]) -> Float[Tensor, "N V 3"]:
    """`modes` with every infinitesimal shift, turn and change of size of `mean` projected out."""
    centred = (mean - mean.mean(0)).double()
    axes = torch.eye(3, dtype=torch.float64, device=mean.device)
    moves = [axis.expand_as(centred) for axis in axes]
    moves += [torch.linalg.cross(axis.expand_as(centred), centred) for axis in axes]
    moves.append(centred)
    basis, _ = torch.linalg.qr(torch.stack([m.flatten() for m in moves], 1))
    flat = modes.double().flatten(1)
    return (flat - flat @ basis @ basis.T).float().reshape(modes.shape)
