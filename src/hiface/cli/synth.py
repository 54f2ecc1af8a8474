"""`hiface synth`: synthetic faces with their ground truth."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal


def synth(
    *,
    out: Path,
    data: Path,
    count: int = 1000,
    seed: int = 1,
    workers: int | None = None,
    identities: Path | None = None,
    series: int = 1,
    side: int = 192,
    truth: Literal["mask", "parts", "full"] = "mask",
    without: list[Literal["hair", "occluders", "hdri", "degradation"]] | None = None,
    preview: str | None = None,
    rank: int | None = None,
    world: int | None = None,
    engine: Literal["local", "ray"] = "local",
    show: list[Literal["picture", "parts", "depth", "normals", "albedo"]] | None = None,
) -> None:
    """Draw synthetic faces into tar shards (WebDataset layout) with full ground truth.

    A run that was stopped goes on where it was; the same seed gives the same bytes, whoever draws them. Several
    machines that share OUT: --rank and --world on each, or torchrun, or srun; or one command with --engine ray
    (docs/scale.md).

    Parameters
    ----------
    out
        Folder for the shards; with --preview, the picture to write.
    data
        Folder with skins, hair, eyes, environment maps and background photos (docs/synth.md).
    count
        Samples.
    seed
        Another seed, other people.
    workers
        Processes: one unless given; with --engine ray as many as the cluster has room for.
    identities
        .npy file with a row of identity coefficients a person, to draw those people in turn.
    series
        Samples in a row that show one person in one scene, each with an expression of its own.
    side
        Pixels of a picture, which shows 1.45 crop sides.
    truth
        What is written beside picture, skin mask and fields: nothing more; `parts`, the part map; or `full`, also
        depth, normals, albedo and detail maps. The pictures are the same.
    without
        An ingredient to leave out, all else staying the same; may be given several times. `hair`: hair of the head.
        `occluders`: glasses, hats, masks, hands, patches. `hdri`: environment light, in place of which comes plain grey
        light beside the main one. `degradation`: low resolution, blur, noise, JPEG, grey.
    preview
        ROWSxCOLUMNS: write a contact sheet instead of shards.
    rank
        Draw only every WORLD-th shard, from this one on; counted from 0. torchrun and srun say it themselves.
    world
        Processes that share the set.
    engine
        "local": processes of this machine. "ray": a task for each shard on a Ray cluster, the one that RAY_ADDRESS or
        `ray start` names, or processes of this machine (extra `ray`).
    show
        With --preview: a layer to show of each sample; may be given several times.
    """
    from hiface.synth.contact import write_sheet
    from hiface.synth.ranks import rank_of
    from hiface.synth.shards import ShardOptions, generate_shards

    left_out = frozenset(without or ())
    if preview is None:
        spread = None
        if engine == "ray":
            from hiface.cluster.drawing import ray_shards

            spread = partial(ray_shards, workers=workers)
        generate_shards(
            ShardOptions(
                count=count,
                seed=seed,
                out=out,
                data=data,
                workers=workers or 1,
                identities=identities,
                series=series,
                side=side,
                truth=truth,
                without=left_out,
                rank=rank_of(rank, world),
            ),
            spread,
        )
    else:
        write_sheet(out, data, preview, seed, show or ("picture",), left_out)
