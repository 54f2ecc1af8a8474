"""`hiface synth`: synthetic faces with their ground truth."""

from __future__ import annotations

from pathlib import Path
from typing import Literal


def synth(
    *,
    out: Path,
    data: Path,
    count: int = 1000,
    seed: int = 1,
    workers: int = 1,
    identities: Path | None = None,
    series: int = 1,
    side: int = 192,
    truth: Literal["mask", "parts", "full"] = "mask",
    without: list[Literal["hair", "occluders", "hdri", "degradation"]] | None = None,
    preview: str | None = None,
    show: list[Literal["picture", "parts", "depth", "normals", "albedo"]] | None = None,
) -> None:
    """Draw synthetic faces into tar shards (WebDataset layout) with full ground truth.

    A run that was stopped goes on where it was; the same seed gives the same bytes.

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
        Processes.
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
    show
        With --preview: a layer to show of each sample; may be given several times.
    """
    from hiface.synth.contact import write_sheet
    from hiface.synth.shards import ShardOptions, generate_shards

    left_out = frozenset(without or ())
    if preview is None:
        generate_shards(
            ShardOptions(
                count=count,
                seed=seed,
                out=out,
                data=data,
                workers=workers,
                identities=identities,
                series=series,
                side=side,
                truth=truth,
                without=left_out,
            )
        )
    else:
        write_sheet(out, data, preview, seed, show or ("picture",), left_out)
