"""Measures the face detector on whole photos with reference boxes, and shows what it misses and finds beyond.

    python tools/check_detector.py PHOTOS.zip PHOTOS.json --sheets FOLDER

The reference is a list with, per photo, `id` (member of the zip without `.jpg`), `w`, `h` and `yunet`:
boxes [x, y, width, height, score] as fractions of the photo. A contact sheet holds every missed and every
extra face; extra ones are for people to judge, since the reference itself is a detector's.
"""

from __future__ import annotations

import argparse
import json
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from hiface.photo.detect import Face, FaceDetector, overlap
from hiface.photo.read import Photo, read_photo

TILE = 160


@dataclass(frozen=True)
class Verdict:
    """One photo compared with its reference."""

    photo: Photo
    references: list[np.ndarray]
    """Boxes of at least the smallest size, photo pixels."""
    missed: list[np.ndarray]
    faces: list[Face]
    extra: list[Face]
    """Found where the reference, of any size, has nothing."""
    seconds: float


def judge(photo: Photo, boxes: list[np.ndarray], smallest: float, detector: FaceDetector) -> Verdict:
    start = time.perf_counter()
    faces = detector.detect(photo)
    seconds = time.perf_counter() - start
    large = [box for box in boxes if np.sqrt(np.prod(box[2:] - box[:2])) >= smallest]
    missed = [box for box in large if not any(overlap(box, f.box_xyxy) >= 0.5 for f in faces)]
    extra = [f for f in faces if not any(overlap(box, f.box_xyxy) >= 0.3 for box in boxes)]
    return Verdict(photo, large, missed, faces, extra, seconds)


def reference_boxes(entry: dict) -> list[np.ndarray]:
    size = np.array([entry["w"], entry["h"]], float)
    return [np.concatenate([b[:2] * size, (b[:2] + b[2:4]) * size]) for b in map(np.array, entry["yunet"])]


def tile(photo: Photo, box: np.ndarray, text: str) -> np.ndarray:
    """A square around a box, twice its size, with the box drawn."""
    side = 2.2 * max(box[2:] - box[:2])
    left_top = (box[:2] + box[2:]) / 2 - side / 2
    matrix = np.array([[side / TILE, 0, left_top[0]], [0, side / TILE, left_top[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    picture = cv2.warpAffine(photo.pixels, matrix, (TILE, TILE), flags=flags)
    corners = np.round((box.reshape(2, 2) - left_top) / side * TILE).astype(int)
    cv2.rectangle(picture, corners[0].tolist(), corners[1].tolist(), (0, 255, 0), 1)
    cv2.putText(picture, text, (3, TILE - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.32, (255, 255, 0), 1, cv2.LINE_AA)
    return picture


def write_sheet(path: Path, tiles: list[np.ndarray], columns: int = 10) -> None:
    if not tiles:
        return
    blank = [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    rows = [np.hstack(row) for row in np.array(tiles + blank).reshape(-1, columns, TILE, TILE, 3)]
    cv2.imwrite(str(path), cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR))
    print(f"wrote {path}")


def main() -> None:
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    parser.add_argument("photos", type=Path)
    parser.add_argument("reference", type=Path)
    parser.add_argument("--smallest", type=float, default=48.0, help="square root of the box's area, pixels")
    parser.add_argument("--sheets", type=Path, help="folder for the contact sheets")
    options = parser.parse_args()
    detector, verdicts = FaceDetector(), []
    with zipfile.ZipFile(options.photos) as archive:
        for entry in json.loads(options.reference.read_text()):
            photo = read_photo(archive.read(entry["id"] + ".jpg"))
            photo = Photo(photo.pixels, entry["id"], None, photo.original_wh)
            verdicts.append(judge(photo, reference_boxes(entry), options.smallest, detector))
    report(verdicts, options.smallest)
    if options.sheets:
        options.sheets.mkdir(parents=True, exist_ok=True)
        write_sheets(verdicts, options.sheets)


def report(verdicts: list[Verdict], smallest: float) -> None:
    references, missed = (sum(len(getattr(v, n)) for v in verdicts) for n in ("references", "missed"))
    faces = [f for v in verdicts for f in v.faces]
    extra = [f for v in verdicts for f in v.extra]
    large, large_extra = (sum(f.size >= smallest for f in some) for some in (faces, extra))
    print(f"{references - missed} of {references} reference faces found ({1 - missed / references:.1%})")
    print(f"beyond the reference: {len(extra)} of {len(faces)} faces, {large_extra} of {large} large")
    print(f"median {1e3 * np.median([v.seconds for v in verdicts]):.0f} ms a photo")
    for v in verdicts:
        for kind, boxes in (("missed", v.missed), ("extra", [f.box_xyxy for f in v.extra])):
            for box in boxes:
                print(f"  {v.photo.name}: {kind} {np.round(box).astype(int).tolist()}")


def write_sheets(verdicts: list[Verdict], folder: Path) -> None:
    for kind in ("missed", "extra", "faces"):
        tiles = []
        for v in verdicts:
            for item in getattr(v, kind):
                box = item.box_xyxy if isinstance(item, Face) else item
                score = f"{item.score:.2f} " if isinstance(item, Face) else ""
                tiles.append(tile(v.photo, box, f"{score}{v.photo.name[-14:]}"))
        write_sheet(folder / f"{kind}.png", tiles)


if __name__ == "__main__":
    main()
