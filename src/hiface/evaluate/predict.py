"""Our own meshes of a benchmark's images, in the forms that the benchmarks take.

Coarse and detailed keep the predicted expression, neutral has none; none is posed, since the protocols align rigidly.
All three are the whole head with its eyes, which closest points meet in the region round them: `coarse` and `neutral`
in the vertex order of `coarse.obj`, `detailed` with the skin subdivided and displaced as in `detail.obj`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float

from hiface.detail.displace import Displacer
from hiface.errors import HiFaceError, PhotoError
from hiface.evaluate.jobs import Problem
from hiface.evaluate.methods import Method, Progress, mean_face
from hiface.evaluate.now import NowOptions
from hiface.evaluate.now_inputs import listed_images
from hiface.evaluate.readers import read_mesh
from hiface.evaluate.realy_regions import SEVEN_KEYPOINTS
from hiface.evaluate.topologies import Topology, placed, shipped, topology
from hiface.evaluate.writers import write_landmarks, write_mesh_obj
from hiface.face.model import FaceModel
from hiface.geometry.surface import Mesh
from hiface.geometry.topology import triangulate
from hiface.model import FaceHint, HiFace, Reconstruction, load
from hiface.photo.read import find_photos, read_photo

Kind = Literal["coarse", "detailed", "neutral"]
KINDS: tuple[Kind, ...] = get_args(Kind)
LEVEL = 1
"""Subdivision of detailed meshes: each quad of the skin becomes 2 x 2. Closest points ask for no more, and text
files of the finer ones fill disks."""
_MIDDLE = 0.36
"""Half the side of the box that stands for a face the detector did not find, parts of the picture's smaller side: the
benchmarks' pictures are cropped round the face."""


@dataclass
class Meshes:
    """The three kinds of mesh of one face model, and their topologies."""

    face: FaceModel
    level: int = LEVEL

    def vertices(self, result: Reconstruction, kind: Kind) -> Float[np.ndarray, "V 3"]:
        """Millimetres, before pose."""
        shape = result.shape.neutral if kind == "neutral" else result.shape.expressive
        return self._fine(shape, result.detail.displacement) if kind == "detailed" else shape

    def topology(self, kind: Kind) -> Topology:
        """The template (of the mean face) and the 85 keypoints of a kind."""
        return self._detailed if kind == "detailed" else self._coarse

    @cached_property
    def _coarse(self) -> Topology:
        return topology(Mesh(self.face.mean.cpu().numpy(), triangulate(self.face.polygons)), shipped("hiface").table)

    @cached_property
    def _detailed(self) -> Topology:
        fine = Mesh(self._fine(self.face.mean.cpu().numpy(), None), triangulate(self._polygons))
        return placed(fine, self._coarse.anchors.on(self._coarse.template.vertices))

    @cached_property
    def _displacer(self) -> Displacer:
        skin = self.face.polygon_range("skin")
        return Displacer(self.face.polygons[skin], self.face.uv, self.face.uv_polygons[skin], self.level)

    @cached_property
    def _polygons(self) -> np.ndarray:
        """Of the finer skin, then of everything else as it is."""
        skin, fine = self.face.polygon_range("skin"), self._displacer.polygons
        others = np.delete(self.face.polygons, np.arange(skin.start, skin.stop), axis=0)
        shift = int(fine.max()) + 1 - self._displacer.vertex_count
        return np.concatenate([fine, np.where(others < 0, -1, others + shift)])

    def _fine(
        self, shape: Float[np.ndarray, "V 3"], displacement: Float[np.ndarray, "R R"] | None
    ) -> Float[np.ndarray, "N 3"]:
        skin = self._displacer(shape, displacement).vertices
        return np.concatenate([skin, shape[self._displacer.vertex_count :]])


def reconstruct_one(model: HiFace, image: Path) -> Reconstruction:
    """The largest face of a picture; where the detector finds none, what stands in the picture's middle."""
    try:
        return model.reconstruct(image)[0]
    except PhotoError:
        photo = read_photo(image)
        height, width = photo.pixels.shape[:2]
        half, middle = _MIDDLE * min(height, width), np.array([width / 2, height / 2])
        box = np.concatenate([middle - half, middle + half])
        return model.reconstruct(image, hint=FaceHint(box_xyxy=box))[0]


def predicted_methods(
    images: Mapping[str, Path], out: Path, kinds: Sequence[Kind], weights: str, progress: Progress | None = None
) -> tuple[list[Method], list[Problem]]:
    """Our meshes of folders of pictures by view (frontal, side), as methods for `compare`, the mean face first.

    Meshes go to `out`/predictions/<kind>/<view>/<picture>.obj. Pictures that cannot be read are problems.
    """
    model = load(weights)
    meshes, problems = Meshes(model.face), list[Problem]()
    place = {kind: {view: out / "predictions" / kind / view for view in images} for kind in kinds}
    for view, folder in images.items():
        report = None if progress is None else partial(progress, f"our meshes, {view}")
        problems += write_predictions(
            model, find_photos([folder]), {kind: place[kind][view] for kind in kinds}, meshes, report
        )
    methods = [mean_face(meshes.topology("coarse"), out / "topology")]
    for kind in kinds:
        pair = meshes.topology(kind).write(out / "topology", f"hiface_{kind}")
        methods.append(Method(f"HiFace {kind}", *pair, place[kind].get("frontal"), place[kind].get("side")))
    return methods, problems


def write_predictions(
    model: HiFace,
    images: Sequence[Path],
    folders: dict[Kind, Path],
    meshes: Meshes,
    on_progress: Callable[[int, int, str], None] | None = None,
    name: Callable[[Path], Path] = lambda image: Path(image.stem),
) -> list[Problem]:
    """One .obj a picture and kind, under `folders[kind] / name(image)`; meshes that are there already are kept.

    Returns the pictures that could not be read; nothing is left out silently.
    """
    problems = []
    for done, image in enumerate(images, 1):
        paths = {kind: folder / name(image).with_suffix(".obj") for kind, folder in folders.items()}
        try:
            if not all(path.is_file() for path in paths.values()):
                _write(reconstruct_one(model, image), paths, meshes)
        except HiFaceError as error:
            problems.append(Problem(image.name, str(error)))
        if on_progress:
            on_progress(done, len(images), image.name)
    return problems


def _write(result: Reconstruction, paths: dict[Kind, Path], meshes: Meshes) -> None:
    for kind, path in paths.items():
        triangles = meshes.topology(kind).template.triangles
        write_mesh_obj(path, Mesh(meshes.vertices(result, kind), triangles))


def write_now_predictions(
    dataset: Path, images: Path, out: Path, options: NowOptions, weights: str, progress: Progress | None = None
) -> list[Problem]:
    """Our neutral meshes of NoW's listed images under `out`, each with its seven landmarks (.npy) beside it.

    Meshes are plain `v x y z` lines in mm: the benchmark's own program misreads colours.
    """
    model = load(weights)
    meshes = Meshes(model.face)
    listed = [Path(*parts) for parts in listed_images(dataset, options.image_list, options.challenge)]
    report = None if progress is None else partial(progress, "our meshes")
    problems = write_predictions(
        model, [images / name for name in listed], {"neutral": out}, meshes, report,
        lambda image: image.relative_to(images),
    )  # fmt: skip
    anchors = meshes.topology("neutral").anchors
    for mesh in (out / name.with_suffix(".obj") for name in listed):
        if mesh.is_file():
            write_landmarks(mesh.with_suffix(".npy"), anchors.on(read_mesh(mesh).vertices)[list(SEVEN_KEYPOINTS)])
    return problems
