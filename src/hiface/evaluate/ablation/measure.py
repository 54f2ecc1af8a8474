"""Figures of one trained network: shape, surface and detail maps on drawn faces, landmarks on photos."""

from __future__ import annotations

import numpy as np
import torch

from hiface.reconstructor import Reconstructor
from hiface.train.assemble import dataset
from hiface.train.config import TrainConfig
from hiface.train.drawn import MAPS, REGIONS, DrawnErrors, drawn_errors
from hiface.train.photos import PhotoSet
from hiface.train.shards import ShardSet
from hiface.train.validate import photo_errors, summary

NO_DETAIL = "none_"
"""Before the name of a map: what a face without any detail is wrong by."""


@torch.no_grad()
def figures(model: Reconstructor, faces: ShardSet, count: int, photos: PhotoSet | None) -> dict[str, float]:
    """Means over the first `count` drawn faces, mm, and landmark errors on `photos`, percent; what a network does
    not have is left out. The coefficients are the network's own, without `refine`."""
    config = TrainConfig(network=model.config)
    found = of_drawn(drawn_errors(model, dataset(config, model, faces, None), count))
    if photos is not None:
        mesh, seen = photo_errors(model, dataset(config, model, None, photos))
        found |= {f"photos_{k}": v for k, v in summary(mesh).items()}
        if model.point_head is not None:
            found |= {f"photos_seen_{k}": v for k, v in summary(seen).items()}
    return {k: v for k, v in found.items() if np.isfinite(v)}


def of_drawn(errors: DrawnErrors) -> dict[str, float]:
    """Means over faces; the surface also by region."""
    found = {
        name: float(getattr(errors, name).mean()) for name in ("shape", "rigid", "mean_shape", "expression", "rotation")
    }
    found["points_median"] = float(np.median(errors.points))
    for kind in ("coarse", "detailed"):
        each = getattr(errors, kind).mean(0)
        found[kind] = float(each.mean())
        found |= {f"{kind}_{r.removeprefix('realy_')}": float(v) for r, v in zip(REGIONS, each, strict=True)}
    found |= {f"map_{name}": float(v) for name, v in zip(MAPS, errors.maps.mean(0), strict=True)}
    return found | {f"{NO_DETAIL}{name}": float(v) for name, v in zip(MAPS, errors.no_maps.mean(0), strict=True)}
