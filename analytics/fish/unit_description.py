"""Describe a unit by its verified fish: quality, calibration, reliability."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from analytics.fish.quality import Measure, Quality, Refused, assess
from analytics.fish.reliability import brier, calibration_error, curve, log_loss
from analytics.fish.unit_result import ClassQuality, Number, Reliability, Scores, UnitQuality

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analytics.fish.events import FloatArray
    from analytics.fish.unit_past import CheckedFish

# Fewer checked fish tell nothing of probabilities.
LEAST_FOR_SCORES = 10


def unit_quality(
    fish: CheckedFish, names: Sequence[str], called_fish: FloatArray, *, left_out: int = 0
) -> UnitQuality:
    """Tell how good a unit is.

    Parameters
    ----------
    fish : CheckedFish
    names : K of them
    called_fish : float64[K]
        All fish that were called each class, checked or not.
    left_out : int
        Of `UnitQuality`.

    Examples
    --------
    >>> from analytics.fish.unit_past import no_checks
    >>> unit_quality(no_checks(2), ["milt", "roe"], np.array([5.0, 5.0])).refused
    'no fish was checked'
    """
    told = assess(fish.true, fish.said, names, chance=fish.chance, called_fish=called_fish)
    if isinstance(told, Refused):
        return _refused(fish, told, left_out)
    return UnitQuality(
        checked=told.checked,
        left_out=left_out,
        ess=told.ess,
        counts=_rows(told.counts),
        matrix=_rows(told.matrix),
        accuracy_as_checked=told.accuracy_as_checked,
        accuracy=_number(told.accuracy),
        kappa=_number(told.kappa),
        balanced_accuracy=_number(told.balanced_accuracy),
        classes=_classes(told, names),
        refused="",
    )


def _refused(fish: CheckedFish, told: Refused, left_out: int) -> UnitQuality:
    return UnitQuality(
        checked=len(fish.true),
        left_out=left_out,
        ess=0.0,
        counts=(),
        matrix=(),
        accuracy_as_checked=float((fish.true == fish.said).mean()) if len(fish.true) else None,
        accuracy=None,
        kappa=None,
        balanced_accuracy=None,
        classes=(),
        refused=told.reason,
    )


def _classes(told: Quality, names: Sequence[str]) -> tuple[ClassQuality, ...]:
    return tuple(
        ClassQuality(name=name, recall=_number(r), precision=_number(p), f1=_number(f))
        for name, r, p, f in zip(names, told.recall, told.precision, told.f1, strict=True)
    )


def _number(measure: Measure) -> Number:
    value, low, high = (
        one if math.isfinite(one) else None for one in (measure.value, measure.low, measure.high)
    )
    return Number(value=value, low=low, high=high, fish=measure.fish, reason=measure.reason)


def _rows(matrix: FloatArray) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in matrix.tolist())


def scores(probabilities: FloatArray, fish: CheckedFish, names: Sequence[str]) -> Scores | None:
    """Tell how far probabilities of checked fish mean what they say; None for too few fish.

    Parameters
    ----------
    probabilities : float64[n, K]
        Of these fish, raw or corrected.

    Examples
    --------
    >>> from analytics.fish.unit_past import no_checks
    >>> scores(np.zeros((0, 2)), no_checks(2), ["milt", "roe"]) is None
    True
    """
    if len(fish.true) < LEAST_FOR_SCORES:
        return None
    weight = 1 / fish.chance
    plain, debiased = calibration_error(probabilities, fish.true, weight=weight)
    return Scores(
        log_loss=log_loss(probabilities, fish.true, weight=weight),
        brier=brier(probabilities, fish.true, weight=weight).score,
        calibration_error=plain,
        calibration_error_debiased=debiased,
        curves=tuple(_reliability(probabilities, fish, weight, k, name) for k, name in enumerate(names)),
    )


def _reliability(
    probabilities: FloatArray, fish: CheckedFish, weight: FloatArray, k: int, name: str
) -> Reliability:
    drawn = curve(probabilities, fish.true, k, weight=weight)
    columns = (drawn.said, drawn.found, drawn.low, drawn.high, drawn.fish)
    said, found, low, high, effective = (tuple(np.asarray(one).tolist()) for one in columns)
    return Reliability(name=name, said=said, found=found, low=low, high=high, fish=effective)
