"""Tar shards of synthetic faces (WebDataset layout), made by several processes, resumable, byte for byte repeatable.

A shard `000012.tar` holds samples 12 · 500 to 12 · 500 + 499 as `KEY.jpg`, `KEY.mask.png`, `KEY.safetensors`, with
KEY the sample's number. It is written under a temporary name and renamed when whole, so a cut run goes on where
it stopped. `manifest.json` names seed, side and the SHA-256 of each shard. Processes on several machines may share a
set: each makes its own shards, and whoever finishes last writes the manifest.

Fields of `KEY.safetensors` (I identity modes, E expressions, pixels of the stored picture):

| field | shape | meaning |
|---|---|---|
| identity, expression | (I), (E) | β in standard deviations, ξ in 0 to 1 |
| rotation | (4, 3) | θ as in `Coefficients`, in the stored picture's frame: neck 0.3 r, head 0.7 r, eyes from ξ |
| orthographic | (3) | pixels per mm and the origin's x, y: the orthographic camera nearest to the narrow face |
| camera | (6) | the true perspective one: translation mm, focal, centre (see `hiface.synth.camera`) |
| dense669, mediapipe478 | (L, 2) | points, pixels |
| …_hidden, …_visible | (L) uint8 | bits of `hiface.synth.truth` (1 face, 2 thing, 4 outside); 1 where none is set |
| light | (9, 3) | γ of Eq. 3 (render.lighting), before the camera's curve and colour, in the stored picture's frame |
| albedo_mean | (3) | mean linear albedo of the middle of the face |
| static, compressed, stretched | (K), (C), (D) | φ, φ_com, φ_str in standard deviations |

Beside them: with truth `parts` or `full` `KEY.parts.png`, 8-bit classes of `hiface.face.parts`; with `full` also

| file | what |
|---|---|
| depth.png | 16 bit, tenths of a mm along the camera's axis; 0 where nobody is |
| normals.png | 16 bit RGB, (n + 1) · 32767, with the skin's relief; +x right, +y up, +z towards the camera |
| albedo.png | 8 bit sRGB of the linear albedo |
| static, compressed, stretched, tension, displacement .png | 16 bit, 128², face tile; `maps` in the metadata: range |

A pixel of depth, normals and albedo is the mean of its samples that show the pixel's part. Hands and patches are laid
over the picture: those three show what is behind them, the part map says where they are. `hiface.synth.recipe` gives
neutral and posed vertices and detail maps of any sample from its fields.

The metadata entry `sample` is JSON: seed, index, age, sex, tone, skins, hair, glasses, dark_glasses, hat, mask, ...
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import logging
import multiprocessing
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from jaxtyping import Float

from hiface.assets.format import json_text, read_asset, write_atomically
from hiface.assets.store import locate
from hiface.errors import ConfigError
from hiface.face.asset import SCHEMA
from hiface.synth.kinds import Ingredient, Truth
from hiface.synth.ranks import Rank

SHARD = 500
FORMAT = "hiface.shards"
VERSION = 1
_log = logging.getLogger(__name__)


class Sampler(Protocol):
    """Something that makes the files of sample `index`, by extension."""

    def __call__(self, index: int) -> dict[str, bytes]: ...


@dataclass(frozen=True)
class ShardOptions:
    """What to make and where."""

    count: int
    """Samples; the last shard may be shorter."""
    out: Path
    """Folder of the shards; made where missing."""
    data: Path
    """Folder of the generator's source data."""
    seed: int = 1
    workers: int = 1
    side: int = 192
    """Pixels of a stored picture."""
    identities: Path | None = None
    """A .npy file of rows of β, standard deviations: sample i shows row i modulo their number; None draws them."""
    series: int = 1
    """Samples in a row that show one person in one scene, each with an expression of its own."""
    truth: Truth = "mask"
    """What goes beside picture, skin mask and fields: nothing, the part map, or all that is known."""
    without: frozenset[Ingredient] = frozenset()
    """Ingredients that are left out; all else of a sample stays as it is."""
    shard: int = SHARD
    """Samples in a shard."""
    rank: Rank = field(default=Rank(), compare=False)
    """Which of the set's shards are this process's to make."""
    make_sampler: Callable[[ShardOptions], Sampler] | None = field(default=None, compare=False)
    """For tests: what makes the samples instead of the generator. Must be a module's function."""

    def __post_init__(self) -> None:
        if min(self.count, self.workers, self.shard, self.series) < 1:
            raise ConfigError(
                f"count {self.count}, workers {self.workers}, series {self.series}, samples a shard {self.shard}:"
                " all must be at least 1"
            )


Spread = Callable[[ShardOptions, list[int]], None]
"""What makes shards by their numbers."""


def generate_shards(options: ShardOptions, spread: Spread | None = None) -> Path | None:
    """Make this process's shards that are missing; returns the manifest's path, or None while others' are missing.

    `spread` makes shards by their numbers; without it `options.workers` processes of this machine do.
    Raises `ConfigError` where the folder holds shards of another seed, side or shard size.
    """
    _check_folder(options)
    total = -(-options.count // options.shard)
    missing = [n for n in range(total) if options.rank.mine(n) and not _is_done(options, n)]
    mine = sum(options.rank.mine(n) for n in range(total))
    _log.info("%d of %d shards to make in %s%s", len(missing), mine, options.out, _told(options.rank))
    (spread or _processes)(options, missing)
    rest = [n for n in range(total) if not options.rank.mine(n) and not _is_done(options, n)]
    if rest:
        _log.info("%d shards of other processes are missing; the last to finish writes the manifest", len(rest))
        return None
    return write_manifest(options, total)


def _told(rank: Rank) -> str:
    return f" (rank {rank.rank} of {rank.world})" if rank.world > 1 else ""


def _processes(options: ShardOptions, missing: list[int]) -> None:
    if options.workers == 1 or len(missing) < 2:
        make_shards(options, missing)
        return
    context = multiprocessing.get_context("spawn")  # a fork would share locks of torch and numba
    parts = [missing[k :: options.workers] for k in range(options.workers)]
    with context.Pool(options.workers) as pool:
        pool.starmap(make_shards, [(options, part) for part in parts if part], chunksize=1)


def make_shards(options: ShardOptions, numbers: list[int]) -> None:
    """Make the given shards, one after another, in this process."""
    if not numbers:
        return
    sampler = sampler_of(options)
    for number in numbers:
        write_shard(options, number, sampler)
        _log.info("shard %06d of %s is whole", number, options.out)


def sampler_of(options: ShardOptions) -> Sampler:
    """What makes the samples: the generator, unless the options say otherwise."""
    return (options.make_sampler or generator_sampler)(options)


def generator_sampler(options: ShardOptions) -> Sampler:
    """The generator on the options' source data, on one thread."""
    import cv2
    import torch

    from hiface.synth.assets import load_sources
    from hiface.synth.generate import Generator

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    sources = load_sources(options.data)
    identities = (
        None if options.identities is None else read_identities(options.identities, sources.model.identity_size)
    )
    generator = Generator(
        sources, options.seed, options.side, identities, options.series, options.truth, options.without
    )
    return lambda index: generator.sample(index).files()


def read_identities(path: Path, size: int) -> Float[np.ndarray, "N I"]:
    """Rows of β from a .npy file; never unpickles."""
    try:
        rows = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: not a readable .npy file of numbers ({error})") from error
    if rows.ndim != 2 or rows.shape[1] != size or not len(rows) or not np.isfinite(rows).all():
        raise ConfigError(f"{path}: holds {rows.dtype} {rows.shape}, expected finite rows of {size} coefficients")
    return rows.astype(np.float32)


def shard_path(options: ShardOptions, number: int) -> Path:
    return options.out / f"{number:06d}.tar"


def shard_range(options: ShardOptions, number: int) -> range:
    """Samples of a shard."""
    return range(number * options.shard, min((number + 1) * options.shard, options.count))


def write_shard(options: ShardOptions, number: int, sampler: Sampler) -> Path:
    """Write one shard; a reader sees all of it or nothing. Times and owners are fixed, so bytes repeat."""

    def write(temporary: Path) -> None:
        with tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as archive:
            for index in shard_range(options, number):
                for suffix, data in sorted(sampler(index).items()):
                    member = tarfile.TarInfo(f"{index:08d}.{suffix}")
                    member.size, member.mode = len(data), 0o644
                    archive.addfile(member, io.BytesIO(data))

    return write_atomically(shard_path(options, number), write)


def _is_done(options: ShardOptions, number: int) -> bool:
    """Whether a shard is there with as many samples as it should have; it was renamed whole, so its size tells."""
    path = shard_path(options, number)
    if not path.is_file():
        return False
    with tarfile.open(path) as archive:
        keys = {name.partition(".")[0] for name in archive.getnames()}
    return keys == {f"{i:08d}" for i in shard_range(options, number)}


def _identity(options: ShardOptions) -> dict[str, int | str | list[str]]:
    fixed: dict[str, int | str | list[str]] = (
        {} if options.identities is None else {"identities": _digest(options.identities)}
    )
    if options.series > 1:
        fixed["series"] = options.series
    if options.truth != "mask":
        fixed["truth"] = options.truth
    if options.without:
        fixed["without"] = sorted(options.without)
    return {
        **fixed,
        "format": FORMAT,
        "version": VERSION,
        "seed": options.seed,
        "side": options.side,
        "shard": options.shard,
    }


def _check_folder(options: ShardOptions) -> None:
    """Refuse to mix sets in a folder; the identity is written before the first shard."""
    path = options.out / "set.json"
    own = _identity(options)
    if path.is_file():
        found = json.loads(path.read_text())
        if found != own:
            raise ConfigError(f"{path}: holds {found}, asked for {own}; choose another folder or the same options")
        return
    write_atomically(path, lambda p: p.write_text(json_text(own)))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _face_model() -> str:
    """Content hash of the face model that faces are drawn with."""
    return read_asset(locate("face_model.safetensors"), SCHEMA, verify=False).hash


def write_manifest(options: ShardOptions, total: int) -> Path:
    """List every shard with its SHA-256 and size; what killed processes left of shards that are whole is removed."""
    for rest in options.out.glob(".[0-9]*.tar"):
        rest.unlink(missing_ok=True)
    shards = {}
    for number in range(total):
        path = shard_path(options, number)
        samples = len(shard_range(options, number))
        shards[path.name] = {"sha256": _digest(path), "bytes": path.stat().st_size, "samples": samples}
    value = {**_identity(options), "face_model": _face_model(), "count": options.count, "shards": shards}
    return write_atomically(options.out / "manifest.json", lambda p: p.write_text(json_text(value)))


def main() -> None:
    """`python -m hiface.synth.shards --count N --seed S --out DIR --data DATA --workers W`"""
    parser = argparse.ArgumentParser(prog="python -m hiface.synth.shards", description=main.__doc__)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--side", type=int, default=192)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    generate_shards(ShardOptions(**vars(args)))


if __name__ == "__main__":
    main()
