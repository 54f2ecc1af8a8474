"""Samples: sample i of a seed is the same picture and the same truth, whatever was made before it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from safetensors.numpy import save as safetensors_bytes

from hiface.detail.people import DetailCoefficients
from hiface.synth import lens, overlays, truth
from hiface.synth.assets import Sources
from hiface.synth.backgrounds import draw_background
from hiface.synth.camera import orthographic
from hiface.synth.canvas import Drawn, draw
from hiface.synth.kernels import pool_radiance
from hiface.synth.kinds import Ingredient, Truth
from hiface.synth.light import total_harmonics
from hiface.synth.parts import part_map, part_samples
from hiface.synth.people import Figures, Person, draw_expression, draw_person, shapes
from hiface.synth.scene import Scene, draw_scene
from hiface.synth.surface import Surface, surface_of
from hiface.synth.things import Wearer
from hiface.synth.without import stripped

SIDE = 192
"""Pixels of a stored picture."""
CHUNK = 20
"""People whose shapes are computed together; part of what makes a sample exact, so never change it within a set."""
HANDS, PATCHES, FRAMES = 0.06, 0.06, 0.06
_JPEG_QUALITY = 92
POINT_SETS = ("dense669", "mediapipe478")
_PERSON, _SCENE, _LENS, _DETAIL, _EXPRESSION = range(5)
"""Independent streams of random numbers of one sample."""


@dataclass(frozen=True)
class Sample:
    """A picture and what is known of it."""

    picture: UInt8[np.ndarray, "S S 3"]
    skin: Bool[np.ndarray, "S S"]
    """Visible skin of face, head and neck, with brows, beard and lips; no eyes, mouth, hair, things, hands."""
    tensors: dict[str, np.ndarray]
    """Fields as in `docs/shards.md`."""
    facts: dict[str, object]
    """Plain JSON values."""
    parts: UInt8[np.ndarray, "S S"] | None = None
    """Classes of `hiface.face.parts`; with truth `parts` or `full`."""
    surface: Surface | None = None
    """With truth `full`."""
    maps: dict[str, Float[np.ndarray, "R R"]] = field(default_factory=dict)
    """Detail maps of the face tile; with truth `full`."""

    def files(self) -> dict[str, bytes]:
        """What goes into a shard, by extension."""
        quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
        jpeg = cv2.imencode(".jpg", cv2.cvtColor(self.picture, cv2.COLOR_RGB2BGR), quality)[1]
        mask = cv2.imencode(".png", self.skin.astype(np.uint8) * 255, [cv2.IMWRITE_PNG_BILEVEL, 1])[1]
        maps, ranges = _map_files(self.maps)
        header = {"sample": json.dumps(self.facts, sort_keys=True)} | ranges
        # safetensors writes the buffer under a view, not the view
        contiguous = {k: np.ascontiguousarray(v) for k, v in self.tensors.items()}
        return {
            "jpg": jpeg.tobytes(),
            "mask.png": mask.tobytes(),
            "safetensors": safetensors_bytes(contiguous, metadata=header),
            **({} if self.parts is None else {"parts.png": truth.png(self.parts)}),
            **({} if self.surface is None else self.surface.files()),
            **maps,
        }


@dataclass
class Generator:
    """Draws samples by index; neighbours share the work on shapes."""

    sources: Sources
    seed: int
    side: int = SIDE
    identities: Float[np.ndarray, "N I"] | None = None
    """β of the people, in turn; None draws them."""
    series: int = 1
    """Samples in a row that show one person in one scene, each with an expression of its own."""
    truth: Truth = "mask"
    """What is recorded beside picture, skin mask and fields; the picture is the same."""
    without: frozenset[Ingredient] = frozenset()
    """Ingredients that are drawn and left out: everything else of a sample stays."""
    _chunk: int = -1
    _people: list[Person] = field(default_factory=list)
    _figures: Figures | None = None
    _details: list[DetailCoefficients] = field(default_factory=list)
    _slopes: Float[np.ndarray, "B R R 2"] = field(default_factory=lambda: np.zeros((0, 2, 2, 2), np.float32))

    def sample(self, index: int) -> Sample:
        """Sample `index`, the same in whatever order samples are asked for."""
        person, figures, row = self._person(index)
        rng = self._stream(index, _SCENE)
        wearer = self._wearer(figures, row)
        posed = figures.posed[row]
        model = self.sources.model
        points = {name: landmarks(model.landmark_weights(name), posed) for name in POINT_SETS}
        points68 = landmarks(model.landmark_weights("mediapipe68"), posed)
        scene = draw_scene(rng, self.sources, person, wearer, posed, points68, self._slopes[row], self.side)
        scene = stripped(scene, self.without)
        drawn = draw(scene, self.sources.body, self.sources.growth, self.side)
        return self._finish(index, person, figures, row, scene, drawn, points, points68)

    def _stream(self, index: int, which: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, index if which == _EXPRESSION else index // self.series, which])

    def _person(self, index: int) -> tuple[Person, Figures, int]:
        chunk, row = divmod(index, CHUNK)
        if chunk != self._chunk or self._figures is None:
            model = self.sources.model
            names, size = model.expression_names, model.identity_size
            streams = (self._stream(i, _PERSON) for i in range(chunk * CHUNK, (chunk + 1) * CHUNK))
            self._people = [draw_person(rng, names, size, self.sources.scores, model.people) for rng in streams]
            if self.identities is not None:
                turns = np.arange(chunk * CHUNK, (chunk + 1) * CHUNK) // self.series
                rows = self.identities[turns % len(self.identities)]
                self._people = [replace(p, identity=row) for p, row in zip(self._people, rows, strict=True)]
            if self.series > 1:
                streams = (self._stream(i, _EXPRESSION) for i in range(chunk * CHUNK, (chunk + 1) * CHUNK))
                drawn = (draw_expression(rng, names, self.sources.scores) for rng in streams)
                self._people = [replace(p, expression=e) for p, e in zip(self._people, drawn, strict=True)]
            self._figures = figures = shapes(model, self._people)
            wrinkles = self.sources.wrinkles
            streams = (self._stream(i, _DETAIL) for i in range(chunk * CHUNK, (chunk + 1) * CHUNK))
            self._details = [wrinkles.draw(rng, person.age) for rng, person in zip(streams, self._people, strict=True)]
            self._slopes = wrinkles.slopes(figures.neutral, figures.expressive, self._details)
            self._chunk = chunk
        return self._people[row], self._figures, row

    def _wearer(self, figures: Figures, row: int) -> Wearer:
        skin = figures.neutral.shape[1]
        return Wearer(
            figures.expressive[row, :skin],
            figures.posed[row, :skin],
            figures.head_turn[row],
            figures.head_shift[row],
        )

    def _finish(
        self, index: int, person: Person, figures: Figures, row: int, scene: Scene, drawn: Drawn,
        points: dict[str, Float[np.ndarray, "L 3"]], points68: Float[np.ndarray, "68 3"],
    ) -> Sample:  # fmt: skip
        """From radiance to a stored picture, and the truth beside it."""
        side, camera = self.side, scene.camera
        rng = self._stream(index, _LENS)
        exposure = exposure_of(rng, drawn, scene)
        behind = draw_background(rng, self.sources.backgrounds, self.sources.environments, side)
        picture = compose(rng, behind, drawn, exposure)
        screen68 = camera.project(points68)
        skin = truth.pooled(drawn.skin, side)
        covered, hidden = _draw_overlays(rng, self.sources, scene, picture, skin, screen68[:, :2])
        if "occluders" in self.without:
            covered, hidden = picture, np.zeros_like(hidden)
        skin &= ~hidden
        worn = "degradation" not in self.without
        picture = lens.expose(rng, covered, greys=worn)
        frame = lens.draw_frame(rng, side) if rng.random() < FRAMES else np.zeros((side, side), bool)
        picture[frame] = 0
        seen: dict[str, np.ndarray] = {}
        for name, places in points.items():
            screen = camera.project(places)
            flags = truth.hidden_flags(screen, drawn.nearest_body, drawn.nearest, side)
            flags = truth.cover_points(flags, screen, hidden, truth.HIDDEN_BY_THING)
            flags = truth.cover_points(flags, screen, frame, truth.OUTSIDE)
            seen |= {
                name: np.ascontiguousarray(screen[:, :2]),
                f"{name}_hidden": flags,
                f"{name}_visible": (flags == 0).astype(np.uint8),
            }
        tensors = seen | self._coefficients(person, figures, row, scene, exposure)
        facts = self._facts(index, person, scene, bool(hidden.any()), bool(frame.any()))
        final = lens.degrade(rng, picture) if worn else lens.as_it_is(picture)
        sample = Sample(final, skin & ~frame, tensors, facts)
        return sample if self.truth == "mask" else self._with_truth(sample, figures, row, scene, drawn, hidden, frame)

    def _with_truth(
        self, sample: Sample, figures: Figures, row: int, scene: Scene, drawn: Drawn,
        hidden: Bool[np.ndarray, "S S"], frame: Bool[np.ndarray, "S S"],
    ) -> Sample:  # fmt: skip
        samples = part_samples(scene, drawn, self.sources)
        sample = replace(sample, parts=part_map(samples, hidden, frame))
        if self.truth != "full":
            return sample
        maps = self.sources.wrinkles.maps(figures.neutral[row], figures.expressive[row], self._details[row])
        return replace(sample, surface=surface_of(scene, drawn, self.sources, samples), maps=maps)

    def _coefficients(
        self, person: Person, figures: Figures, row: int, scene: Scene, exposure: float
    ) -> dict[str, np.ndarray]:
        body = self.sources.body
        narrow = figures.posed[row][body.narrow]
        return {
            "identity": person.identity,
            "expression": figures.weights[row],
            "rotation": figures.rotation[row],
            "camera": scene.camera.vector(),
            "orthographic": orthographic(narrow, scene.camera.project(narrow)[:, :2]),
            "light": total_harmonics(scene.light, exposure),
            "albedo_mean": scene.skin_facts.mean,
            **{n: getattr(self._details[row], n) for n in ("static", "compressed", "stretched")},
        }

    def _facts(self, index: int, person: Person, scene: Scene, overlaid: bool, framed: bool) -> dict[str, object]:
        names = {t.name for t in scene.things}
        facts = {
            "seed": self.seed,
            "index": index,
            "age": person.age,
            "sex": person.sex,
            "tone": person.tone,
            "skins": scene.skin_facts.names,
            "skin_mix": scene.skin_facts.mix,
            "hair": scene.hair,
            "glasses": "frame" in names,
            "dark_glasses": "lens" in names,
            "hat": "hat" in names,
            "mask": "mask" in names,
            "overlaid": overlaid,
            "framed": framed,
        }
        return dict(truth.plain(facts))


def compose(
    rng: np.random.Generator, behind: Float[np.ndarray, "S S 3"], drawn: Drawn, exposure: float
) -> Float[np.ndarray, "S S 3"]:
    """The person before a background, display values, at the background's size."""
    side = len(behind)
    picture, share = np.zeros((side, side, 3), np.float32), np.zeros((side, side, 1), np.float32)
    pool_radiance(drawn.radiance, drawn.cover, picture, share[..., 0])
    shown = lens.tone_curve(picture * np.float32(exposure), rng.uniform(0, 1))
    return np.asarray(behind + (shown - behind) * share, np.float32)


def landmarks(weights: tuple[torch.Tensor, torch.Tensor], posed: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "L 3"]:
    index, weight = weights[0].numpy(), weights[1].numpy()
    return np.asarray(np.einsum("lnc,ln->lc", posed[index], weight), np.float32)


def exposure_of(rng: np.random.Generator, drawn: Drawn, scene: Scene) -> float:
    """A factor that brings the median skin to where a camera's meter would put skin of that lightness."""
    luminance = np.array([0.3, 0.6, 0.1], np.float32)
    own = drawn.radiance[::3, ::3][drawn.skin[::3, ::3]] @ luminance  # a ninth of them tells
    median = float(np.median(own)) if own.size else 0.2
    lightness = float(scene.skin_facts.mean @ luminance)
    target = 0.27 * (max(lightness, 0.02) / 0.35) ** 0.65 * float(np.exp(rng.normal(0, 0.3)))
    return float(np.float32(target / max(median, 1e-4)))


def _map_files(maps: dict[str, Float[np.ndarray, "R R"]]) -> tuple[dict[str, bytes], dict[str, str]]:
    """16-bit PNGs over each map's own range, and the ranges, least and greatest value."""
    files, ranges = {}, {}
    for name, values in maps.items():
        low, high = float(values.min()), float(values.max())
        step = (high - low) / 65535 or 1.0
        files[f"{name}.png"] = truth.png(np.round((values - low) / step).astype(np.uint16))
        ranges[name] = [low, high]
    return files, {"maps": json.dumps(ranges, sort_keys=True)} if ranges else {}


def _draw_overlays(
    rng: np.random.Generator, sources: Sources, scene: Scene, picture: Float[np.ndarray, "S S 3"],
    skin: Bool[np.ndarray, "S S"], points68: Float[np.ndarray, "68 2"],
) -> tuple[Float[np.ndarray, "S S 3"], Bool[np.ndarray, "S S"]]:  # fmt: skip
    """Hands and patches before the face, and where they are."""
    hidden = np.zeros(picture.shape[:2], bool)
    if rng.random() < HANDS:
        colour = np.median(picture[skin], 0) * 1.15 if skin.any() else np.full(3, 0.5)
        picture, cover = overlays.hand(rng, picture, points68, colour, scene.light.direction)
        hidden |= cover > 0.5
    if rng.random() < PATCHES and sources.backgrounds:
        picture, cover = overlays.patch(rng, picture, points68, sources.backgrounds)
        hidden |= cover > 0.5
    return picture, hidden
