"""Figures by group of people: how sure each is, how far the best and the worst group lie apart, and if by chance."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from hiface.errors import ConfigError
from hiface.evaluate.statistics import USUAL, Bootstrap, Interval

_Array = np.ndarray[Any, np.dtype[Any]]

FEW = 20
"""A group of fewer subjects is shown, marked, and left out of gaps."""
Statistic = Literal["median", "mean"]


@dataclass(frozen=True)
class Measured:
    """One figure of each of N photos or people, and which groups they belong to."""

    title: str
    unit: str
    values: Float[np.ndarray, "N"]
    subjects: np.ndarray
    """Who is seen: photos of one person are drawn together. '' is a person of its own."""
    groups: Mapping[str, np.ndarray]
    """Group names by attribute; '' unknown."""
    statistic: Statistic = "median"

    def __post_init__(self) -> None:
        if not len(self.values) or not np.isfinite(self.values).all():
            raise ConfigError(f"{self.title}: expected finite figures, found {self.values}")


@dataclass(frozen=True)
class GroupFigure:
    """A group's figure with its bootstrap interval of 95 %."""

    attribute: str
    group: str
    subjects: int
    value: float
    interval: Interval

    @property
    def few(self) -> bool:
        return self.subjects < FEW


@dataclass(frozen=True)
class Gap:
    """The largest difference between two groups of an attribute."""

    attribute: str
    high: str
    low: str
    gap: float
    interval: Interval
    """Bootstrap, of these two groups' difference. They were picked because they differ most, so it flatters the gap."""
    chance: float
    """The largest gap that people shuffled between the groups show in 95 of 100 shuffles."""

    @property
    def excludes_zero(self) -> bool:
        return self.interval.low > 0 or self.interval.high < 0

    @property
    def beyond_chance(self) -> bool:
        """Whether interval and shuffling agree that the gap is real."""
        return self.excludes_zero and self.gap > self.chance


def figures(measured: Measured, bootstrap: Bootstrap = USUAL) -> list[GroupFigure]:
    """The figure of all, then of each group of each attribute."""
    everyone = np.ones(len(measured.values), bool)
    found = [_figure(measured, "all", "all", everyone, bootstrap)]
    for attribute, names in measured.groups.items():
        for name in sorted(set(names.tolist()), key=in_order):
            found.append(_figure(measured, attribute, name or "unknown", names == name, bootstrap))
    return found


def in_order(name: str) -> tuple[float, str]:
    """Sorts group names by the number they begin with, then by letter: 3-9 before 10-19."""
    digits = re.match(r"\d+", name)
    return (float(digits.group()) if digits else -1.0, name)


def largest_gap(measured: Measured, attribute: str, bootstrap: Bootstrap = USUAL) -> Gap | None:
    """The largest gap among the known groups of `FEW` subjects and more; None where there are not two."""
    names, units = measured.groups[attribute], _units(measured.subjects)
    known = [g for g in sorted(set(names.tolist())) if g and len(set(units[names == g].tolist())) >= FEW]
    if len(known) < 2:
        return None
    values = {g: _statistic(measured.values[names == g], measured.statistic) for g in known}
    high, low = max(known, key=values.__getitem__), min(reversed(known), key=values.__getitem__)
    drawn = [
        drawn_statistics(measured.values[names == g], units[names == g], measured.statistic, b)
        for g, b in ((high, bootstrap), (low, Bootstrap(bootstrap.draws, bootstrap.seed + 1)))
    ]
    bounds = np.percentile(drawn[0] - drawn[1], [2.5, 97.5])
    inside = np.isin(names, known)
    chance = _chance(measured.values[inside], names[inside], units[inside], measured.statistic, bootstrap)
    return Gap(attribute, high, low, values[high] - values[low], Interval(*map(float, bounds)), chance)


def interval(
    values: Float[np.ndarray, "N"], subjects: np.ndarray, statistic: Statistic, bootstrap: Bootstrap = USUAL
) -> Interval:
    """The percentile interval of 95 % over subjects drawn with replacement."""
    low, high = np.percentile(drawn_statistics(values, _units(subjects), statistic, bootstrap), [2.5, 97.5])
    return Interval(float(low), float(high))


def drawn_statistics(
    values: Float[np.ndarray, "N"], units: np.ndarray, statistic: Statistic, bootstrap: Bootstrap
) -> Float[np.ndarray, "draws"]:
    """The statistic in each bootstrap draw of subjects."""
    _, unit = np.unique(units, return_inverse=True)
    count = int(unit.max()) + 1
    rng = np.random.default_rng(bootstrap.seed)
    weights = rng.multinomial(count, np.full(count, 1 / count), bootstrap.draws)[:, unit].astype(np.float64)
    if statistic == "mean":
        return np.asarray(weights @ values / weights.sum(1))
    order = np.argsort(values)
    ranked, summed = values[order], np.cumsum(weights[:, order], 1)
    half = summed[:, -1:] / 2
    # The mean of the two middle values where a half falls between them, as np.median has it.
    return np.asarray((ranked[(summed >= half).argmax(1)] + ranked[(summed > half).argmax(1)]) / 2)


def _figure(measured: Measured, attribute: str, name: str, rows: _Array, bootstrap: Bootstrap) -> GroupFigure:
    values, units = measured.values[rows], _units(measured.subjects)[rows]
    bounds = interval(values, units, measured.statistic, bootstrap)
    value = _statistic(values, measured.statistic)
    return GroupFigure(attribute, name, len(set(units.tolist())), value, bounds)


def _statistic(values: _Array, statistic: Statistic) -> float:
    return float(np.median(values) if statistic == "median" else values.mean())


def _units(subjects: np.ndarray) -> _Array:
    """A name for each subject; a nameless photo is a subject of its own."""
    return np.array([s or f"photo {i}" for i, s in enumerate(subjects.tolist())])


def _chance(values: _Array, names: _Array, units: _Array, statistic: Statistic, bootstrap: Bootstrap) -> float:
    """The 95th percentile of the largest gap when whole people are shuffled between the groups."""
    _, first, person = np.unique(units, return_index=True, return_inverse=True)
    label_of_person = np.unique(names[first], return_inverse=True)[1]
    rng, gaps = np.random.default_rng(bootstrap.seed), []
    for _ in range(min(bootstrap.draws, 1000)):
        shuffled = rng.permutation(label_of_person)[person]
        of_group = [_statistic(values[shuffled == g], statistic) for g in range(int(label_of_person.max()) + 1)]
        gaps.append(max(of_group) - min(of_group))
    return float(np.percentile(gaps, 95))
