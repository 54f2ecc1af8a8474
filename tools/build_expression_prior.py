"""Fit `expression_prior.safetensors` to a face tracker's scores on labelled training photos, and compare it.

python -m tools.build_expression_prior DATA OUT.safetensors

DATA holds the packs whose `labels_train.npz` and `labels_val.npz` carry MediaPipe's scores. Only statistics of
the scores are stored. The comparison is on the validation photos, which the fit has not seen.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import ndtr, ndtri

from hiface.assets.format import write_asset
from hiface.face.asset import ARKIT
from hiface.face.expression_prior import SCHEMA, ExpressionPrior

PACKS = ("fairface", "more", "portraits", "wild")
COMPONENTS = (1, 4, 8, 12, 16)
SHRINK = 0.06
KNOTS = np.linspace(-3.0, 3.0, 37)


def scores(data: Path, which: str) -> np.ndarray:
    """(N, 52) in ARKit's order; `tongueOut`, which the tracker lacks, is zero."""
    order = json.loads((data / "mediapipe/arkit52.json").read_text())["mediapipe_order"]
    rows = []
    for pack in PACKS:
        with np.load(data / pack / f"labels_{which}.npz") as labels:
            rows.append(labels["blendshapes"][labels["found"] == 1].astype(np.float64))
    found = np.concatenate(rows)
    out = np.zeros((len(found), len(ARKIT)))
    for column, name in enumerate(order):
        if name in ARKIT:
            out[:, ARKIT.index(name)] = found[:, column]
    return out


def mirrored(values: np.ndarray) -> np.ndarray:
    """Left and right exchanged: faces are no more often crooked to one side."""
    swap = {n: n.replace("Left", "#").replace("Right", "Left").replace("#", "Right") for n in ARKIT}
    swap["jawLeft"], swap["jawRight"] = "jawRight", "jawLeft"
    return values[:, [ARKIT.index(swap[n]) for n in ARKIT]]


def normal_scores(values: np.ndarray, curves: np.ndarray) -> np.ndarray:
    """z of scores by the curves; flat stretches give their middle."""
    rows = []
    for column, curve in zip(values.T, curves, strict=True):
        steep = np.maximum.accumulate(curve + 1e-7 * np.arange(len(curve)))
        rows.append(np.interp(column, steep, KNOTS))
    return np.stack(rows, 1)


def curves_of(values: np.ndarray) -> np.ndarray:
    """(52, Q) quantiles at the knots."""
    ranks = (np.arange(len(values)) + 0.5) / len(values)
    return np.stack([np.interp(KNOTS, ndtri(ranks), np.sort(column)) for column in values.T])


def log_densities(z: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """(N, M) of a mixture's components."""
    out = []
    for m, c in zip(mean, covariance, strict=True):
        factor = np.linalg.cholesky(c)
        white = np.linalg.solve(factor, (z - m).T)
        out.append(-0.5 * (white**2).sum(0) - np.log(np.diag(factor)).sum() - 0.5 * len(m) * np.log(2 * np.pi))
    return np.stack(out, 1)


def fit_mixture(z: np.ndarray, count: int, seed: int = 0, rounds: int = 80) -> tuple[np.ndarray, ...]:
    """Share, mean and covariance by expectation maximisation; covariances shrink towards their diagonals."""
    rng = np.random.default_rng(seed)
    axis = np.linalg.svd(z - z.mean(0), full_matrices=False)[2][: max(1, count // 2)]
    key = (z @ axis.T) @ rng.standard_normal(len(axis))
    weight = np.eye(count)[np.searchsorted(np.quantile(key, np.linspace(0, 1, count + 1)[1:-1]), key)]
    for _ in range(rounds):
        share = weight.mean(0)
        mean = (weight.T @ z) / weight.sum(0)[:, None]
        covariance = []
        for k in range(count):
            away = z - mean[k]
            c = (away * weight[:, k, None]).T @ away / weight[:, k].sum()
            covariance.append((1 - SHRINK) * c + SHRINK * np.diag(np.diag(c)) + 1e-3 * np.eye(len(c)))
        density = log_densities(z, mean, np.array(covariance)) + np.log(share)
        weight = np.exp(density - density.max(1, keepdims=True))
        weight /= weight.sum(1, keepdims=True)
    return share, mean, np.array(covariance)


def likelihood(z: np.ndarray, share: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> float:
    """Mean log density."""
    density = log_densities(z, mean, covariance) + np.log(share)
    top = density.max(1, keepdims=True)
    return float((top[:, 0] + np.log(np.exp(density - top).sum(1))).mean())


def energy_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Zero if and only if both come from one distribution (in the limit)."""
    within = [cdist(x, x).sum() / (len(x) * (len(x) - 1)) for x in (a, b)]
    return float(2 * cdist(a, b).mean() - sum(within))


def told_apart(a: np.ndarray, b: np.ndarray, k: int = 5) -> float:
    """Share of nearest neighbours from one's own set; ½ where the two sets of equal size look the same."""
    both, own = np.concatenate([a, b]), np.r_[np.zeros(len(a)), np.ones(len(b))]
    near = np.argsort(cdist(both, both) + np.diag(np.full(len(both), np.inf)), 1)[:, :k]
    return float((own[near] == own[:, None]).mean())


def compare(prior: ExpressionPrior, train: np.ndarray, held: np.ndarray, prior_one: ExpressionPrior) -> list[str]:
    """Lines: how far samples of each way of drawing lie from held-out photos."""
    from hiface.synth.people import draw_expression

    rng = np.random.default_rng(3)
    n = len(held)
    ways = {
        "training photos themselves": train[rng.choice(len(train), n, replace=False)],
        "this prior": prior.draw(rng, n),
        "one Gaussian copula": prior_one.draw(rng, n),
        "units independent": np.stack([rng.permutation(c)[:n] for c in train.T], 1),
        "photos mixed, scaled and struck": np.stack([draw_expression(rng, ARKIT, train) for _ in range(n)]),
        "this prior struck": np.stack([draw_expression(rng, ARKIT, s[None], mixed=False) for s in prior.draw(rng, n)]),
    }
    return [f"| {k} | {energy_distance(v, held):.4f} | {told_apart(v, held):.3f} |" for k, v in ways.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    train, held = scores(args.data, "train"), scores(args.data, "val")
    both = np.concatenate([train, mirrored(train)])
    curves = curves_of(both)
    z, unseen = normal_scores(both, curves), normal_scores(held, curves)
    fits = {m: fit_mixture(z, m) for m in COMPONENTS}
    found = {m: likelihood(unseen, *f) for m, f in fits.items()}
    best = max(found, key=lambda m: found[m])
    print("log density of validation photos by components:", {m: round(v, 2) for m, v in found.items()}, "→", best)
    priors = {m: _prior(fits[m], both) for m in (1, best)}
    print("\n".join(compare(priors[best], train, held, priors[1])))
    tensors = {k: getattr(priors[best], k).astype(np.float32) for k in SCHEMA.required}
    meta = {
        "units": list(ARKIT),
        "source": f"statistics of MediaPipe's scores on {len(train)} training photos and their mirror images",
        "licence": "Apache-2.0",
    }
    digest = write_asset(args.out, SCHEMA, tensors, meta)
    print(f"{args.out}: {args.out.stat().st_size / 2**10:.0f} KiB, {digest[:12]}")


def _prior(fit: tuple[np.ndarray, ...], values: np.ndarray) -> ExpressionPrior:
    """The mixture with curves that give each unit the photos' own distribution under the mixture's marginals."""
    share, mean, covariance = fit
    deviation = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    below = np.einsum("m,meq->eq", share, ndtr((KNOTS - mean[..., None]) / deviation[..., None]))
    ranks = (np.arange(len(values)) + 0.5) / len(values)
    curves = np.stack([np.interp(p, ranks, np.sort(column)) for p, column in zip(below, values.T, strict=True)])
    return ExpressionPrior(share, mean, np.stack([np.linalg.cholesky(c) for c in covariance]), KNOTS, curves)


if __name__ == "__main__":
    main()
