"""What the processes of the test's cluster run: a sampler and a reconstruction that are killed once, in the middle."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from hiface.assets.format import write_atomically
from hiface.cluster.faces import face_maker
from hiface.errors import PhotoError


def die_once(marker: Path) -> None:
    """Kill this process, unless it has been done."""
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)


def sampler(options):
    def files(index):
        if index == 5:  # the second sample of its shard
            die_once(options.data / "killed")
        return {"jpg": b"picture %d of %d" % (index, options.seed), "safetensors": bytes(range(index))}

    return files


def deadly_faces(wanted):
    """`face_maker`, but only coefficients are written, and the process is killed between the files of photo b."""
    from hiface.export.folder import write_coefficients
    from hiface.model import Reconstruction

    def save(result, folder):
        write_coefficients(result.coefficients, folder / "coefficients.safetensors")
        if folder.name == "b":
            die_once(wanted.out / "killed")
        return write_atomically(folder / "reconstruction.json", lambda path: path.write_text("{}")).parent

    Reconstruction.save = save
    return face_maker(wanted)


def always_dying(_):
    def tool(job):
        if job == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if job == 2:
            raise PhotoError("no face in 2")
        return 10 * job

    return tool
