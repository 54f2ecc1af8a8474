"""Every row of the budget (README of this folder) as a line: median of several runs, with the machine named.

python -m benchmarks
"""

from __future__ import annotations

import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

import hiface
from hiface.evaluate.open_benchmark import ScanCutter, write_scale
from hiface.evaluate.predict import Meshes
from hiface.evaluate.realy_inputs import open_benchmark
from hiface.evaluate.realy_regions import evaluate_pair
from hiface.evaluate.topologies import shipped
from hiface.geometry.camera import project
from hiface.model import HiFace
from hiface.render.rasterise import rasterise

PHOTO = Path(__file__).parents[1] / "examples" / "astronaut.jpg"


def median_ms(run: Callable[[], object], times: int = 7) -> float:
    """Median of several runs after one that warms up."""
    run()
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        run()
        taken.append(1e3 * (time.perf_counter() - started))
    return statistics.median(taken)


def network_to_mesh(model: HiFace) -> float:
    """Photo in memory to coefficients, detailed shape and maps."""
    data = PHOTO.read_bytes()
    return median_ms(lambda: model.reconstruct(data))


def all_files(model: HiFace) -> float:
    with tempfile.TemporaryDirectory() as folder:
        return median_ms(lambda: model.reconstruct(PHOTO)[0].save(folder), times=3)


def rasterise_one(model: HiFace) -> float:
    face = model.face
    triangles = torch.from_numpy(face.part_triangles("skin"))
    screen = project(face.mean[None, :11248], torch.tensor([1 / 230]), 224)
    return median_ms(lambda: rasterise(screen, triangles, 224, 224), times=30)


def face_model_batch(model: HiFace) -> float:
    face = model.face
    coefficients = torch.randn(32, face.identity_size), torch.rand(32, face.expression_size)
    pose = torch.zeros(32, 4, 3), torch.zeros(32, 3)
    with torch.inference_mode():
        return median_ms(lambda: face(*coefficients, *pose, "skin"))


def realy_pair(model: HiFace) -> float:
    """The mean face, detailed, against the scan of another person: 20,300 scan vertices."""
    meshes = Meshes(model.face)
    topology, other = meshes.topology("detailed"), torch.randn(1, model.face.identity_size)
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        scans = Path(folder)
        ScanCutter(model.face, shipped("hiface")).write(
            scans, 1, model.face.neutral(other)[0].numpy(), np.zeros((2, 2))
        )
        write_scale(scans, 1)
        scan = open_benchmark(scans).read(1)
    return median_ms(lambda: evaluate_pair(topology.template, topology.anchors, scan), times=3)


def process_to_first_result() -> float:
    code = f"import hiface; hiface.load(device='cpu').reconstruct({str(PHOTO)!r})"
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return 1e3 * (time.perf_counter() - started)


def main() -> None:
    model = hiface.load(device="cpu")
    rows = [
        ("photo to coefficients and detailed mesh, warm", 300, network_to_mesh(model)),
        ("photo to all files, warm", 2500, all_files(model)),
        ("process start to first result", 8000, process_to_first_result()),
        ("ids and depth of 22,288 triangles, 224 px, one image", 1.5, rasterise_one(model)),
        ("face model, skin, batch of 32", 30, face_model_batch(model)),
        ("REALY, one detailed mesh against one scan", 10_000, realy_pair(model)),
    ]
    print(f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    for name, budget, taken in rows:
        print(f"{name:55s} {taken:9.1f} ms   budget {budget:7.1f} ms   {'ok' if taken <= budget else 'over'}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{'peak memory of this process':55s} {peak:9.2f} GiB  budget {1.5:7.2f} GiB  {'ok' if peak <= 1.5 else 'over'}"
    )


if __name__ == "__main__":
    main()
