"""HiFace: one photo in, a detailed, animatable 3D face out.

    import hiface

    model = hiface.load()
    faces = model.reconstruct("photo.jpg")
    faces[0].save("out")

The public names below are imported when they are first asked for, so that `import hiface` is light. All else may
change between versions.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hiface.animation import animate
    from hiface.detail.sddetail import SDDetail
    from hiface.errors import HiFaceError
    from hiface.face.model import FaceModel
    from hiface.fit.photos import fit
    from hiface.model import FaceHint, HiFace, Reconstruction, load
    from hiface.render.renderer import Renderer
    from hiface.types import Coefficients

__version__ = "0.1.0"

_HOMES = {
    "animate": "animation",
    "fit": "fit.photos",
    "Coefficients": "types",
    "FaceHint": "model",
    "FaceModel": "face.model",
    "HiFace": "model",
    "HiFaceError": "errors",
    "Reconstruction": "model",
    "Renderer": "render.renderer",
    "SDDetail": "detail.sddetail",
    "load": "model",
}

__all__ = [
    "Coefficients", "FaceHint", "FaceModel", "HiFace", "HiFaceError", "Reconstruction", "Renderer", "SDDetail",
    "animate", "fit", "load",
]  # fmt: skip


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'hiface' has no attribute {name!r}; public names: {', '.join(__all__)}")
    value = getattr(import_module(f"hiface.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
