"""What a stage already seen in another cultivar on the same site in the same year does to a forecast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analytics.farm.calibration.pooling import take_all

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analytics.farm.calibration.stage_forecasts import Fitted, Forecasts
    from analytics.farm.calibration.trials import Trials

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """A trial, and one beside it; p pairs.

    Attributes
    ----------
    of, beside : int64[p]
        Places among the forecasts.
    """

    of: Whole
    beside: Whole

    def __len__(self) -> int:
        return len(self.of)

    def take(self, which: NDArray[np.bool_] | Whole) -> Pairs:
        """Give some of them."""
        return Pairs(of=self.of[which], beside=self.beside[which])


def all_pairs(trials: Trials) -> Pairs:
    """List every trial with every other cultivar on its site in its year.

    Examples
    --------
    >>> from analytics.farm.calibration.trials import Trials
    >>> three = Trials(site=np.array([0, 0, 1]), year=np.array([2001] * 3), cultivar=np.array([0, 1, 0]),
    ...     start=np.array([5, 5, 9]), seen=np.array([200.0, 202.0, 204.0]))
    >>> all_pairs(three).of.tolist(), all_pairs(three).beside.tolist()
    ([0, 1], [1, 0])
    """
    same = (trials.site[:, None] == trials.site) & (trials.year[:, None] == trials.year)
    of, beside = np.nonzero(same & (trials.cultivar[:, None] != trials.cultivar))
    return Pairs(of=of, beside=beside)


def draw_pairs(pairs: Pairs, rng: np.random.Generator) -> Pairs:
    """Draw one pair of each trial that has any."""
    order = rng.permutation(len(pairs))
    _, first = np.unique(pairs.of[order], return_index=True)
    return pairs.take(order[first])


def nearest_pairs(pairs: Pairs, expected: Floats) -> Pairs:
    """Choose for each trial the one beside it that is expected at the nearest time.

    What is expected is known before either is seen: a farm can tell which of its fields to watch.

    Parameters
    ----------
    expected : float64[m], day index
        Of the forecasts that the pairs' places mean.

    Examples
    --------
    >>> pairs = Pairs(of=np.array([0, 0, 1]), beside=np.array([1, 2, 0]))
    >>> nearest_pairs(pairs, np.array([150.0, 153.0, 151.0])).beside.tolist()
    [2, 0]
    """
    apart = np.abs(expected[pairs.of] - expected[pairs.beside])
    order = np.lexsort((apart, pairs.of))
    _, first = np.unique(pairs.of[order], return_index=True)
    return pairs.take(order[first])


@dataclass(frozen=True, slots=True, kw_only=True)
class Updated:
    """Forecasts after one neighbour was seen: mean float64[p], day index; sd float64[p], d."""

    mean: Floats
    sd: Floats


def update(
    fitted: Fitted,
    which: Whole,
    forecasts: Forecasts,
    seen: Floats,
    pairs: Pairs,
    *,
    day_of: Forecasts | None = None,
) -> Updated:
    r"""Move forecasts by what a neighbour's stage tells.

    .. math:: m' = m + K (y_b - m_b), \quad K = c / (v_b + \sigma^2), \quad v' = v - K c

    with variances and the covariance of the two forecasts, of which the weather to come is part: both fields
    share it.

    Parameters
    ----------
    which : int64[m]
        Places of the trials that were forecast.
    forecasts : Forecasts
        Of these m.
    seen : float64[m], day index
    pairs : Pairs
        Places among the m.
    day_of : Forecasts, optional
        Of the m on the day on which each one's stage was seen: the forecast is made on the neighbour's.
    """
    factors = take_all(fitted.factors, which)
    noise, level = fitted.spread.noise_sd_d**2, fitted.pool.mean(factors)
    variance = fitted.pool.variance(factors)
    known, at = (forecasts, pairs.of) if day_of is None else (day_of, pairs.beside)
    weather, simulated = known.weather_variance[at], (known.mean - level)[at]
    together = fitted.pool.between(factors, pairs.of, pairs.beside) + weather
    gain = together / (variance[pairs.beside] + weather + noise)
    mean = simulated + level[pairs.of] + gain * (seen[pairs.beside] - simulated - level[pairs.beside])
    left = variance[pairs.of] + weather - gain * together
    return Updated(mean=mean, sd=np.sqrt(np.maximum(left, 0.0) + noise))
