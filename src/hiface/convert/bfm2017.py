"""Basel Face Model 2017 and 2019 from their HDF5 files (Gerig et al., FG 2018).

`shape/model/{mean, pcaBasis, pcaVariance}` with a basis of unit length, `shape/representer/cells` (3, T) and the same
under `expression/`. Millimetres. The neutral face is the mean of the shape; the mean of the expression model, which
is not zero, becomes the unit `bfm_expression_mean` with weights 0 to 1. `metadata/landmarks/json` names points of the
mean face; those with a counterpart among the 68 guide the registration.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial import cKDTree

from hiface.convert.reading import Array, Arrays, read_arrays, require
from hiface.convert.source import SKIN, KnownPoints, SourceModel, Units, facing_out, triangles_as_polygons
from hiface.errors import AssetError

_MODEL = ("mean", "pcaBasis", "pcaVariance")
KEYS = (*(f"{m}/model/{k}" for m in ("shape", "expression") for k in _MODEL), "shape/representer/cells")
LANDMARKS = "metadata/landmarks/json"
IBUG_OF_NAME = {
    "center.chin.tip": 8, "center.nose.tip": 30, "center.nose.attachement_to_philtrum": 33,
    "right.eye.corner_outer": 36, "right.eye.corner_inner": 39,
    "left.eye.corner_inner": 42, "left.eye.corner_outer": 45,
    "right.lips.corner": 48, "center.lips.upper.outer": 51, "left.lips.corner": 54, "center.lips.lower.outer": 57,
    "center.lips.upper.inner": 62, "center.lips.lower.inner": 66,
}  # fmt: skip
"""Which of the 68 each named point of the file is."""


def read(path: str | Path, kind: str = "bfm2017") -> SourceModel:
    """The model of a file that holds `KEYS`; its colours are not taken."""
    arrays = read_arrays(path)
    require(arrays, KEYS, path, kind)
    mean = arrays["shape/model/mean"].astype(np.float64).reshape(-1, 3)
    cells = arrays["shape/representer/cells"].astype(np.int64)
    triangles = cells.T if cells.shape[0] == 3 and cells.shape[1] != 3 else cells
    polygons = facing_out(triangles_as_polygons(triangles), mean)
    neutral_to_mean = {"bfm_expression_mean": arrays["expression/model/mean"].astype(np.float64).reshape(-1, 3)}
    units = Units.named(neutral_to_mean, len(mean))
    return SourceModel(
        kind=kind,
        mean=mean,
        polygons=polygons,
        identity=_modes(arrays, "shape", len(mean), path),
        units=units.joined(Units.modes("bfm_expression_", _modes(arrays, "expression", len(mean), path))),
        licence=f"{kind.upper()}: the licence you signed for the source holds for this file",
        part_of_polygon=np.full(len(polygons), SKIN),
        points=_points(arrays, mean, path),
    )


def _modes(arrays: Arrays, model: str, count: int, path: str | Path) -> Float[np.ndarray, "N V 3"]:
    basis = arrays[f"{model}/model/pcaBasis"].astype(np.float64)
    deviation = np.sqrt(arrays[f"{model}/model/pcaVariance"].astype(np.float64).ravel())
    if basis.shape != (3 * count, len(deviation)):
        raise AssetError(
            f"{path}: {model}/model/pcaBasis has shape {basis.shape}, expected {(3 * count, len(deviation))}"
            " for its mean and variances"
        )
    return np.asarray((basis * deviation).T.reshape(len(deviation), count, 3))


def _points(arrays: Arrays, mean: Float[np.ndarray, "V 3"], path: str | Path) -> tuple[KnownPoints, ...]:
    """The named points at their nearest vertices."""
    if LANDMARKS not in arrays:
        return ()
    places = {IBUG_OF_NAME[n]: p for n, p in _named_places(arrays[LANDMARKS], path) if n in IBUG_OF_NAME}
    if not places:
        return ()
    index = cKDTree(mean).query(np.array(list(places.values()), np.float64))[1]
    number = np.array(list(places))
    return (KnownPoints("ibug68", number, np.asarray(index)[:, None], np.ones((len(number), 1))),)


def _named_places(stored: Array, path: str | Path) -> list[tuple[str, list[float]]]:
    """Names and coordinates: a list of records with `id` and `coordinates`, or a table by name."""
    value = stored.ravel()[0] if stored.dtype.kind == "O" else stored.tobytes()
    text = value.decode() if isinstance(value, bytes) else str(value)
    try:
        table = json.loads(text.rstrip("\0"))
        if isinstance(table, dict):
            return [(str(k), v) for k, v in table.items()]
        return [(str(row["id"]), row["coordinates"]) for row in table]
    except (ValueError, KeyError, TypeError) as error:
        raise AssetError(f"{path}: {LANDMARKS} is not the JSON that BFM files hold ({error})") from error
