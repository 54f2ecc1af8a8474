"""The network as ONNX: for browsers, and for whoever runs it without torch.

The file answers what the network answers, before pose and camera become absolute (`Reconstructor.absolute`): that, the
face model and the detail are left to the client. Needs the packages of `hiface[onnx]`.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hiface.assets.format import write_atomically
from hiface.errors import ConfigError, HiFaceError
from hiface.reconstructor import Reconstructor

OPSET = 18
INPUT = "crops"
OUTPUTS = (
    "identity", "expression", "albedo", "static", "turn", "log_scale", "shift", "light", "log_sigma", "log_age",
)  # fmt: skip
SEEN = ("seen_xy", "seen_log_sigma")
"""Of networks with a head for points."""
_SMALLEST = 1024
"""Numbers from which on a tensor is stored as half floats: what is smaller saves nothing."""


class RawAnswers(nn.Module):
    """What the network says of crops, as a tuple in the order of `names`."""

    def __init__(self, model: Reconstructor) -> None:
        super().__init__()
        if model.decoder is not None:
            raise ConfigError(
                f"a network with detail = {model.config.detail!r} draws maps; ONNX takes one with detail = 'bases'"
            )
        self.model = model
        self.names = OUTPUTS if model.point_head is None else OUTPUTS + SEEN

    def forward(self, crops: Float[Tensor, "B 3 S S"]) -> tuple[Tensor, ...]:
        """crops: sRGB, 0 to 1."""
        model = self.model
        features = model.backbone((crops - model._mean) / model._deviation)
        raw = model.head(features)
        answers = [getattr(raw, name) for name in OUTPUTS[:-1]]
        answers.append(model.age_head(raw.static))
        if model.point_head is not None:
            seen = model.point_head(features)
            answers += [seen.xy, seen.log_sigma]
        return tuple(answers)


def write_network(
    model: Reconstructor, path: str | Path, half: bool = False, meta: dict[str, Any] | None = None
) -> Path:
    """Write the network as ONNX; returns the path.

    Input `crops` (B, 3, S, S), sRGB, 0 to 1; outputs as `RawCoefficients` and `SeenPoints` name them, and `log_age`,
    the logarithms of the age groups' probabilities. `half`: weights (normalisation folded in) are stored as half floats
    and widened when they are read; all sums stay single. `meta` joins the configuration in the file's properties.
    Raises `ConfigError` for a network with a decoder, `HiFaceError` where a package is missing.
    """
    onnx = _package("onnx")
    _package("onnxscript")
    proto = _exported(model)
    if half:
        _halve(onnx, proto)
    told = {"config": asdict(model.config), "asset_ids": model.asset_ids(), **(meta or {})}
    onnx.helper.set_model_props(proto, {"hiface": json.dumps(told, sort_keys=True)})
    onnx.checker.check_model(proto)
    return write_atomically(path, lambda temporary: temporary.write_bytes(proto.SerializeToString()))


def _package(name: str) -> Any:
    try:
        return __import__(name)
    except ImportError as error:
        raise HiFaceError(f"ONNX needs the package {name}: pip install 'hiface[onnx]'") from error


def _exported(model: Reconstructor) -> Any:
    answers = RawAnswers(model).eval()
    side = model.config.crop
    crops = torch.zeros(2, 3, side, side, device=model.device)
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            answers, (crops,), dynamo=True, opset_version=OPSET, verbose=False,
            input_names=[INPUT], output_names=list(answers.names),
            dynamic_shapes=({0: torch.export.Dim("faces", min=1, max=64)},),
        )  # fmt: skip
    assert program is not None
    return program.model_proto


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter tells of every node that it merges and warns of its own making; tests compare what comes out."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _halve(onnx: Any, proto: Any) -> None:
    """Weights of single floats as half floats, each behind a node that widens it."""
    graph, casts = proto.graph, []
    for tensor in graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype != "float32" or values.size < _SMALLEST:
            continue
        name = tensor.name
        tensor.CopyFrom(onnx.numpy_helper.from_array(values.astype("float16"), f"{name}.half"))
        casts.append(
            onnx.helper.make_node("Cast", [f"{name}.half"], [name], f"widen {name}", to=onnx.TensorProto.FLOAT)
        )
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend([*casts, *nodes])
