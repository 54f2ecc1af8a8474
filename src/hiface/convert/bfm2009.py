"""Basel Face Model 2009 from `01_MorphableModel.mat` (Paysan et al., AVSS 2009).

`shapeMU` (3V, 1), `shapePC` (3V, 199) of unit length, `shapeEV` (199, 1), which are standard deviations, and `tl`
(T, 3) counted from 1 and wound inwards. Micrometres; no expressions, no eyeballs apart from the skin, no UV.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hiface.convert.reading import read_arrays, require
from hiface.convert.source import SKIN, SourceModel, Units, facing_out, triangles_as_polygons
from hiface.errors import AssetError

KEYS = ("shapeMU", "shapePC", "shapeEV", "tl")
MM_PER_UNIT = 1e-3


def read(path: str | Path) -> SourceModel:
    """The model of a file that holds `KEYS`; its colours are not taken."""
    arrays = read_arrays(path)
    require(arrays, KEYS, path, "BFM 2009")
    flat, modes = arrays["shapeMU"].astype(np.float64).ravel(), arrays["shapePC"].astype(np.float64)
    deviation = arrays["shapeEV"].astype(np.float64).ravel()
    if len(flat) % 3 or modes.shape != (len(flat), len(deviation)):
        raise AssetError(
            f"{path}: shapeMU {flat.shape}, shapePC {modes.shape} and shapeEV {deviation.shape} do not belong together;"
            " expected (3V), (3V, N) and (N)"
        )
    mean = MM_PER_UNIT * flat.reshape(-1, 3)
    polygons = facing_out(triangles_as_polygons(arrays["tl"].astype(np.int64) - 1), mean)
    return SourceModel(
        kind="bfm2009",
        mean=mean,
        polygons=polygons,
        identity=MM_PER_UNIT * (modes * deviation).T.reshape(len(deviation), -1, 3),
        units=Units.named({}, len(mean)),
        licence="BFM 2009: the licence you signed for the source holds for this file",
        part_of_polygon=np.full(len(polygons), SKIN),
    )
