"""What is measured on labelled photos during training: landmarks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float

from hiface.face.landmarks import IBUG68_OF_MEDIAPIPE, INNER51, normalised_errors
from hiface.reconstructor import Reconstructor
from hiface.train.batches import StepDataset

_68 = list(IBUG68_OF_MEDIAPIPE)


@torch.no_grad()
def photo_errors(
    model: Reconstructor, data: StepDataset, autocast: torch.dtype | None = None
) -> tuple[Float[np.ndarray, "N 68"], Float[np.ndarray, "N 68"]]:
    """Errors of the 68 points on every photo of `data`, percent: of the mesh, and of the points seen directly.

    The latter are NaN where the network has no head for them. The crops are the rule's own.
    """
    assert data.photos is not None
    errors: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for rows in groups_of(range(len(data.photos)), 64):
        items = [data.photo_row(i, None) for i in rows]
        crops = torch.from_numpy(np.stack([r["crops"] for r in items])).float().to(model.device) / 255
        prediction = model(crops, autocast)
        (screen,) = model.points(prediction.coefficients, 1.0, ("mediapipe68",))
        truth = np.stack([r["points478"][_68] for r in items])
        errors[0].append(normalised_errors(screen[..., :2].cpu().numpy(), truth))
        seen = np.full_like(truth, np.nan) if prediction.seen is None else prediction.seen.xy[:, _68].cpu().numpy()
        errors[1].append(normalised_errors(seen, truth))
    return np.concatenate(errors[0]), np.concatenate(errors[1])


def summary(errors: Float[np.ndarray, "N 68"]) -> dict[str, float]:
    """Median, mean and 90th percentile over images, of 68 and of the inner 51 points."""
    figures: dict[str, float] = {}
    for name, columns in (("68", list(range(68))), ("51", list(INNER51))):
        each = errors[:, columns].mean(1)
        figures |= {f"median{name}": float(np.median(each)), f"mean{name}": float(each.mean())}
        figures[f"p90_{name}"] = float(np.percentile(each, 90))
    return figures


def groups_of(indices: range, size: int) -> Iterator[range]:
    """Runs of `size` indices, the last one shorter."""
    for first in range(0, len(indices), size):
        yield indices[first : first + size]
