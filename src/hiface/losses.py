"""The losses of the paper, Eqs. 10 to 14, one function each; weights and sums are in `train/objective.py`.

"‖·‖₂" leaves the normalisation open: here every norm is a root mean square over the elements that count (masked
texels, vertices, coordinates), averaged over the batch, so that its unit is that of its argument and its size does
not change with the resolution.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

_TINY = 1e-8  # inside square roots: their gradient at zero is infinite


def detail_loss(
    maps: Float[Tensor, "B R R"],
    truth: Float[Tensor, "B R R"],
    mask: Float[Tensor, "R R"],
    rows: Float[Tensor, "B"] | None = None,
) -> Float[Tensor, ""]:
    """One term of L_detail (Eq. 10): ‖M_detail ⊙ (D − D̂)‖, mm; `rows` weighs the faces of the batch."""
    square = ((maps - truth) ** 2 * mask).sum((1, 2)) / mask.sum().clamp(min=1)
    return _mean_over(rows, (square + _TINY).sqrt())


def vertex_loss(
    vertices: Float[Tensor, "B V 3"], truth: Float[Tensor, "B V 3"], mask: Float[Tensor, "V"]
) -> Float[Tensor, ""]:
    """L_ver (Eq. 11): ‖M_ver ⊙ (S − Ŝ)‖, mm per vertex."""
    square = ((vertices - truth) ** 2).sum(-1) * mask
    return (square.sum(1) / mask.sum().clamp(min=1) + _TINY).sqrt().mean()


def modes_loss(
    coefficients: Float[Tensor, "B N"],
    truth: Float[Tensor, "B N"],
    gram: Float[Tensor, "N N"],
    rows: Float[Tensor, "B"] | None = None,
) -> Float[Tensor, ""]:
    """`detail_loss` or `vertex_loss` of two linear combinations of the same modes, without evaluating them.

    `gram` is the modes' masked inner products over the number of elements (`gram_of`): then
    ‖M ⊙ B(c − ĉ)‖² = (c − ĉ)ᵀ G (c − ĉ), exactly.
    """
    delta = coefficients - truth
    square = ((delta @ gram) * delta).sum(1)
    return _mean_over(rows, (square.clamp(min=0) + _TINY).sqrt())


def _mean_over(rows: Float[Tensor, "B"] | None, values: Float[Tensor, "B"]) -> Float[Tensor, ""]:
    return values.mean() if rows is None else (rows * values).sum() / rows.sum().clamp(min=1)


def gram_of(modes: Float[Tensor, "N P"], count: int) -> Float[Tensor, "N N"]:
    """Inner products of modes over `count` elements, in double precision."""
    return ((modes.double() @ modes.double().T) / count).float()


def identity_divergence(identity: Float[Tensor, "B I"], truth: Float[Tensor, "B I"]) -> Float[Tensor, ""]:
    """L_kl (Eq. 12): ρ(β)(log ρ(β) − log ρ(β̂)), ρ = softmax, β the truth; summed over modes."""
    target, logits = truth.log_softmax(1), identity.log_softmax(1)
    return (target.exp() * (target - logits)).sum(1).mean()


def photometric_loss(
    rendered: Float[Tensor, "B S S 3"], photo: Float[Tensor, "B S S 3"], mask: Float[Tensor, "B S S"]
) -> Float[Tensor, ""]:
    """L_pho: mean length of the colour difference inside the skin mask; faces without a visible pixel weigh nothing."""
    distance = (((rendered - photo) ** 2).sum(-1) + _TINY).sqrt() * mask
    area = mask.sum((1, 2))
    each = distance.sum((1, 2)) / area.clamp(min=1)
    return (each * (area > 0)).sum() / (area > 0).sum().clamp(min=1)


def perceptual_loss(embedding: Float[Tensor, "B N"], truth: Float[Tensor, "B N"]) -> Float[Tensor, ""]:
    """L_id: 1 − cosine of the recognition embeddings of render and photo."""
    return (1 - torch.nn.functional.cosine_similarity(embedding, truth, dim=1)).mean()


def uncertain_points_loss(
    points: Float[Tensor, "B L 2"],
    truth: Float[Tensor, "B L 2"],
    log_sigma: Float[Tensor, "B L"],
    weight: Float[Tensor, "B L"],
) -> Float[Tensor, ""]:
    """L_lmk of dense points with a predicted uncertainty: negative log likelihood of an isotropic Gaussian, times σ.

    Coordinates in crop sides; Σ w σ (|d|² / 2σ² + 2 log σ) / Σ w with the leading σ held constant (β-NLL at β = ½,
    Seitzer et al., ICLR 2022). The minimum stays where it was, and a point pulls with d/σ instead of d/σ²: without
    it the easy points of easy pictures drown every other term.
    """
    square = ((points - truth) ** 2).sum(-1)
    each = 0.5 * square * torch.exp(-2 * log_sigma) + 2 * log_sigma
    return (each * log_sigma.detach().exp() * weight).sum() / weight.sum().clamp(min=1)


def points_loss(
    points: Float[Tensor, "B L 2"],
    truth: Float[Tensor, "B L 2"],
    weight: Float[Tensor, "B L"],
    knee: float = 0.01,
) -> Float[Tensor, ""]:
    """L_lmk of points without an uncertainty: distance beyond `knee`, square below it (crop sides), weighted mean."""
    distance = (((points - truth) ** 2).sum(-1) + _TINY).sqrt()
    each = torch.where(distance < knee, distance**2 / (2 * knee), distance - knee / 2)
    return (each * weight).sum() / weight.sum().clamp(min=1)


def age_loss(
    teacher: Float[Tensor, "B N"], log_age: Float[Tensor, "B N"], known: Float[Tensor, "B"]
) -> Float[Tensor, ""]:
    """L_kd (Eq. 14): Γ_age(I)(log Γ_age(I) − log p̂_age), over the faces whose teacher answered."""
    each = (teacher * (teacher.clamp(min=1e-6).log() - log_age)).sum(1)
    return (each * known).sum() / known.sum().clamp(min=1)


def prior_loss(*coefficients: Float[Tensor, "B _"]) -> Float[Tensor, ""]:
    """L_reg: mean square of each group of coefficients (standard deviations), summed over the groups."""
    return torch.stack([(c**2).mean() for c in coefficients]).sum()


def rotation_loss(turn: Float[Tensor, "B 3 3"], truth: Float[Tensor, "B 3 3"]) -> Float[Tensor, ""]:
    """Chordal distance of two rotations: ‖R − R̂‖ over √8, so 1 is half a turn; on synthetic images."""
    return ((((turn - truth) ** 2).sum((1, 2)) + _TINY).sqrt() / 8**0.5).mean()
