"""`hiface evaluate parser`: what a face parser is worth."""

from __future__ import annotations

from pathlib import Path

from hiface.errors import ConfigError


def parser(
    *,
    shards: Path | None = None,
    photos: Path | None = None,
    parser: str = "parser.safetensors",
    count: int = 300,
    sheet: Path | None = None,
    tiles: int = 48,
) -> None:
    """Overlap with the truth of drawn faces; on photos, which have none, the face's share of the landmarks' oval.

    Parameters
    ----------
    shards
        Folder of `hiface synth --truth parts`; the last COUNT faces are measured on.
    photos
        Folder that holds the labelled packs; their validation photos are parsed.
    parser
        Weights; the shipped ones unless given.
    count
        Drawn faces.
    sheet
        With --photos: a picture to write, of photos beside their parts.
    tiles
        Photos on it.
    """
    import cv2
    import numpy as np
    import torch
    from rich import print as show

    from hiface.export.maps import write_png8
    from hiface.network.parser import load_parser
    from hiface.train.parser_batches import load_faces
    from hiface.train.parser_report import by_group, face_share, intersections, overlay_sheet, photo_parts, table
    from hiface.train.photos import load_packs
    from hiface.train.shards import ShardSet

    if shards is None and photos is None:
        raise ConfigError("nothing to measure on: give --shards, --photos or both")
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    network = load_parser(parser)
    if shards is not None:
        drawn = ShardSet(shards)
        show(table(intersections(network, load_faces(drawn, range(max(0, len(drawn) - count), len(drawn))))))
    if photos is not None:
        packs = load_packs(photos, ("fairface", "more", "portraits"), "val")
        crops, parts, points = photo_parts(network, packs)
        show(by_group(face_share(parts, points), packs.race))
        if sheet is not None:
            chosen = np.random.default_rng(0).permutation(len(crops))[:tiles]
            write_png8(sheet, overlay_sheet(crops[chosen], parts[chosen]))
