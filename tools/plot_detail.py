"""Figures of docs/wrinkles.md: depth by site and age, and how much of unseen captures a basis reproduces.

    python tools/plot_detail.py depth CAPTURES --out FIGURE.png
    python tools/plot_detail.py bases REPORT.json --out FIGURE.png

REPORT.json is what `hiface build detail-bases --report` wrote. Needs matplotlib.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import matplotlib
import numpy as np

from hiface.detail.basis import NAMES
from hiface.face.model import FaceModel
from hiface.synth.captures.bases import LineFilter
from hiface.synth.captures.folder import Subject, read_subjects
from hiface.synth.captures.surface import Surface

matplotlib.use("Agg")

SITES = {
    "forehead": (0, 86, 38, 16, False),
    "glabella": (0, 57, 10, 12, False),
    "eye corner": (54, 32, 9, 13, True),
    "lower lid": (30, 22, 14, 5, True),
    "nasolabial": (28, -20, 7, 17, True),
    "upper lip": (0, -20, 17, 8, False),
    "marionette": (29, -50, 6, 13, True),
    "outer cheek": (50, -10, 9, 16, True),
}
"""Centre x and y, half width and height in the front chart, mm; whether there is one on each side."""
BINS = np.arange(5, 95, 10)
SIDE = 256


def depth(folder: Path, out: Path) -> None:
    """Relief of lines (95th less 5th percentile in a site, structure below about 15 mm), by age."""
    from matplotlib import pyplot

    surface = Surface.of_face(FaceModel.load(), SIDE)
    mask = surface.mask
    lines = LineFilter(mask, surface)
    inside = {name: (surface.blob(*place[:4], paired=place[4], power=6) > 0.5)[mask] for name, place in SITES.items()}
    ages, sexes, relief = [], [], []
    for subject in read_subjects(folder, SIDE):
        if not isinstance(subject, Subject):
            continue
        kinds = np.stack([getattr(subject.capture, k)[mask] for k in ("neutral", "compressed", "stretched")])
        fine = lines(kinds.astype(np.float32))
        relief.append([[np.ptp(np.percentile(row[i], (5, 95))) for i in inside.values()] for row in fine])
        ages.append(subject.age)
        sexes.append(json.loads((folder / subject.name / "subject.json").read_text())["sex"] == "male")
    values, age, men = np.array(relief), np.array(ages), np.array(sexes)
    figure, axes = pyplot.subplots(2, 4, figsize=(13, 6), sharex=True)
    for k, (name, axis) in enumerate(zip(SITES, axes.flat, strict=True)):
        for kind, label, colour in ((0, "neutral", "C0"), (1, "compressed", "C3"), (2, "stretched", "C2")):
            axis.plot(age, values[:, kind, k], ".", ms=2, color=colour, alpha=0.35)
            axis.plot(*_means(age, values[:, kind, k]), color=colour, label=label)
        axis.plot(*_means(age[men], values[men, 0, k]), "--", lw=0.8, color="C0", label="neutral, men")
        axis.plot(*_means(age[~men], values[~men, 0, k]), ":", lw=1.1, color="C0", label="neutral, women")
        axis.set_title(f"{name}", fontsize=10)
        axis.set_ylim(0)
        print(name, [round(float(v), 2) for v in _means(age, values[:, 0, k])[1]])
        print("  compressed", [round(float(v), 2) for v in _means(age, values[:, 1, k])[1]])
    axes[0, 0].legend(fontsize=7)
    for axis in axes[1]:
        axis.set_xlabel("age, years")
    for axis in axes[:, 0]:
        axis.set_ylabel("relief of lines, mm")
    figure.tight_layout()
    figure.savefig(out, dpi=110)


def _means(ages: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    which = np.digitize(ages, BINS)
    found = [n for n in np.unique(which) if (which == n).sum() > 2]
    return np.array([ages[which == n].mean() for n in found]), np.array([values[which == n].mean() for n in found])


def bases(report: Path, out: Path) -> None:
    """Share of the variance by number of modes: in the fit, of people left out, and of their lines alone."""
    from matplotlib import pyplot

    measured = json.loads(report.read_text())["shares"]
    figure, axes = pyplot.subplots(1, 3, figsize=(13, 3.8), sharey=True)
    for name, axis in zip(NAMES, axes, strict=True):
        for key, label in (("fitted", "fitted"), ("held_out", "held out"), ("held_out_lines", "held out, lines alone")):
            shares = {int(n): s for n, s in measured[name][key].items()}
            axis.plot(list(shares), list(shares.values()), "o-", ms=3, label=label)
        axis.set_title(name)
        axis.set_xlabel("modes")
        axis.set_ylim(0, 1)
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("share of variance reproduced")
    axes[0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(out, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figure", choices=("depth", "bases"))
    parser.add_argument("source", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    {"depth": depth, "bases": bases}[options.figure](options.source, options.out)


if __name__ == "__main__":
    main()
