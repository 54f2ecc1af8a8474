"""A local Ray cluster of two processes: one is killed in the middle, and the results are those of a single process."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from hiface.cluster.faces import Wanted, is_done, jobs_of, stamp_of
from hiface.cluster.jobs import Failure, in_turn
from hiface.model import Reconstruction
from hiface.synth.shards import ShardOptions, generate_shards

ray = pytest.importorskip("ray", reason="the extra `ray` is not installed")

import ray_jobs  # noqa: E402 (after the skip)

from hiface.cluster import ray_engine  # noqa: E402
from hiface.cluster.drawing import ray_shards  # noqa: E402
from hiface.cluster.ray_engine import on_ray  # noqa: E402

PHOTO = Path(__file__).parents[2] / "examples" / "astronaut.jpg"
pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own


@pytest.fixture(scope="module")
def cluster():
    """Two processes that find the same modules as this one."""
    former = signal.getsignal(signal.SIGTERM)  # Ray puts its own handler there and leaves it
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
        patch.setenv("RAY_worker_niceness", "0")
        ray.init(
            address="local", num_cpus=2, include_dashboard=False, log_to_driver=False,
            object_store_memory=ray_engine._STORE,
        )  # fmt: skip
        yield
        ray.shutdown()
    signal.signal(signal.SIGTERM, former)


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_killed_process_loses_no_shard(cluster, tmp_path):
    def options(name):
        return ShardOptions(
            count=10, out=tmp_path / name, data=tmp_path, seed=3, shard=2, make_sampler=ray_jobs.sampler
        )

    generate_shards(options("ray"), ray_shards)
    assert (tmp_path / "killed").exists()
    generate_shards(options("one"))
    assert contents(tmp_path / "ray") == contents(tmp_path / "one")


def test_a_job_that_kills_every_process_is_given_up_and_no_other(cluster, monkeypatch):
    monkeypatch.setattr(ray_engine, "RETRIES", 1)
    found = dict(on_ray(ray_jobs.always_dying, None, range(4), workers=2))
    assert isinstance(found[1], Failure)
    assert "lost 2 times" in found[1].message
    assert found[2] == Failure("no face in 2")
    assert (found[0], found[3]) == (0, 30)


@pytest.mark.slow
def test_a_killed_process_loses_no_photo(cluster, tmp_path, monkeypatch):
    """And coefficients are those of one process, number for number, at the same number of threads."""
    monkeypatch.setattr(Reconstruction, "save", Reconstruction.save)  # `deadly_faces` replaces it in this process too
    photo = cv2.imread(str(PHOTO))
    for name, left in (("a", 0), ("b", 25)):
        cv2.imwrite(str(tmp_path / f"{name}.png"), photo[:, left:])
    jobs = jobs_of([tmp_path / "a.png", tmp_path / "b.png"])
    there, here = (Wanted(tmp_path / name, device="cpu", threads=1) for name in ("ray", "one"))
    outcomes = dict(on_ray(ray_jobs.deadly_faces, there, jobs))
    assert outcomes == {job: [there.out / job.name] for job in jobs}
    assert (there.out / "killed").exists()
    assert all(is_done(there, job, stamp_of(there)) for job in jobs)

    here.out.mkdir()
    (here.out / "killed").touch()
    threads = torch.get_num_threads()
    dict(in_turn(ray_jobs.deadly_faces, here, jobs))
    torch.set_num_threads(threads)
    for job in jobs:
        own, other = (load_file(w.out / job.name / "coefficients.safetensors") for w in (here, there))
        for field, values in own.items():
            assert np.array_equal(values, other[field]), f"{job.name}: {field}"
