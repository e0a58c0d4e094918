"""The weather to come: the same calendar days of past years, joined to the season so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from analytics.series.climatology import fit_climatology
from analytics.series.errors import ClimatologyError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from analytics.series.climatology import Climatology

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]
    Days = NDArray[np.datetime64]

YEAR_D: Final = 365.2425
"""Mean length of a Gregorian year, days [Meeus1998]: shifting by it keeps the sun's height within a day."""
LEAST_YEARS: Final = 3
"""Of past years, below which members are drawn from the climatology: two do not tell how years differ."""
DRAWN: Final = 20
_GONE: Final = 1e-3
"""Of today's departure, below which nothing of it is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Daily extremes at one place, without gaps.

    Attributes
    ----------
    first_day : datetime64[D]
    tmin, tmax : float64[D], deg C
    """

    first_day: np.datetime64
    tmin: Floats
    tmax: Floats

    @property
    def days(self) -> Days:
        """The days of the record."""
        return self.first_day + np.arange(len(self.tmin))


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """Courses that the weather may take.

    Attributes
    ----------
    tmin, tmax : float64[n, M, N], deg C
        The known days are the same in all members.
    years : tuple[int, ...]
        How many years back, or ahead in a back-test, each member is from; empty where members were drawn.
    """

    tmin: Floats
    tmax: Floats
    years: tuple[int, ...]


def fit_persistence(record: Record, allowed: NDArray[np.bool_]) -> float:
    """Correlate a day's departure from normal with the next day's; 0 where there are too few days.

    Parameters
    ----------
    allowed : bool[D]
        Days that may be learnt from.
    """
    mean = np.where(allowed, (record.tmin + record.tmax) / 2, np.nan)
    try:
        return fit_climatology(record.days, mean).persistence
    except ClimatologyError:
        return 0.0


def spread_members(
    record: Record,
    *,
    start: Whole,
    known: Whole,
    length: int,
    years: Sequence[int],
    persistence: float,
    outlook: tuple[Floats, Floats] | None = None,
) -> Members:
    r"""Continue seasons with the weather of other years, each begun where the season stands.

    .. math:: T_m(d + j) = T_{past}(d + j) + \varphi^j [T(d) - T_{past}(d)]

    with d the last known day: what a departure that fades like red noise leaves of today's [Hasselmann1976].

    Parameters
    ----------
    record : Record
    start : int64[n], day index
        First day of each course.
    known : int64[n], day index
        First day that is not known.
    length : int
        N, days of a course.
    years : Sequence[int]
        By how many years each member is shifted: -1 is last year. What must not be seen is left out.
    persistence : float, 0…1
        φ, from `fit_persistence`.
    outlook : two float64[n, N], deg C, optional
        Somebody's forecast of minimum and maximum, not-a-number where it says nothing; taken after `known`.

    Returns
    -------
    Members
        Not-a-number where a past year has no days.

    Examples
    --------
    >>> warm = np.r_[np.full(365, 10.0), np.full(365, 14.0)]
    >>> record = Record(first_day=np.datetime64("2021-01-01"), tmin=warm, tmax=warm)
    >>> one = spread_members(record, start=np.array([365]), known=np.array([366]), length=4, years=[-1],
    ...     persistence=0.5)
    >>> one.tmin[0, 0].tolist()
    [14.0, 12.0, 11.0, 10.5]
    """
    day = start[:, None] + np.arange(length)
    ahead = day - (known[:, None] - 1)
    joined = []
    for which, values in enumerate((record.tmin, record.tmax)):
        season = _at(values, day)
        if outlook is not None:
            season = np.where(
                ahead > 0, np.where(np.isfinite(outlook[which]), outlook[which], np.nan), season
            )
        told = ahead <= 0 if outlook is None else np.isfinite(season)
        joined.append(_join(values, season, told, day=day, years=years, persistence=persistence))
    return Members(tmin=joined[0], tmax=joined[1], years=tuple(years))


def _join(
    values: Floats,
    season: Floats,
    told: NDArray[np.bool_],
    *,
    day: Whole,
    years: Sequence[int],
    persistence: float,
) -> Floats:
    rows, length = np.arange(len(day)), day.shape[1]
    last = np.where(told.any(axis=1), length - 1 - np.argmax(told[:, ::-1], axis=1), -1)
    since = np.arange(length) - last[:, None]
    left = np.where((since > 0) & (last[:, None] >= 0), persistence ** np.clip(since, 0, None), 0.0)
    left[left < _GONE] = 0.0
    found = np.empty((len(day), len(years), length))
    for place, back in enumerate(years):
        past = _at(values, day + round(back * YEAR_D))
        apart = np.nan_to_num(season[rows, last] - past[rows, last])
        found[:, place] = np.where(told, season, past + left * apart[:, None])
    return found


def _at(values: Floats, day: Whole) -> Floats:
    inside = (day >= 0) & (day < len(values))
    return np.where(inside, values[np.clip(day, 0, len(values) - 1)], np.nan)


def draw_members(
    normals: tuple[Climatology, Climatology], days: Days, *, seed: int, count: int = DRAWN
) -> tuple[Floats, Floats]:
    """Draw courses about the normals, where too few past years are known [Hasselmann1976].

    Years that are warm or cold as a whole are not among them: such an ensemble is too sure of itself.

    Parameters
    ----------
    normals : Climatology of minimum and of maximum
    days : datetime64[N]

    Returns
    -------
    tmin, tmax : float64[count, N], deg C
    """
    persistence = float(np.mean([each.persistence for each in normals]))
    noise = np.random.default_rng(seed).standard_normal((count, len(days)))
    noise[:, 1:] *= np.sqrt(1.0 - persistence**2)
    for day in range(1, len(days)):
        noise[:, day] += persistence * noise[:, day - 1]
    low, high = (each.normal(days) + each.deviation(days) * noise for each in normals)
    return np.minimum(low, high), np.maximum(low, high)
