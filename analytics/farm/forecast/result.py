"""What a forecast says: dates with intervals, and beside each number what it rests on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final

LEVELS: Final = (50, 80, 95)
"""Per cent; the intervals that are given."""


class Status(StrEnum):
    """What is known of a stage."""

    SEEN = "seen"
    PASSED = "passed"
    """A later stage was seen; nobody noted when this one came."""
    COMING = "coming"
    OVERDUE = "overdue"
    """By the forecast it has most likely come; nobody noted it."""
    NOT_EXPECTED = "not_expected"
    """Less than half of the years reach it within the season."""
    UNKNOWN = "unknown"
    """It cannot be forecast; the warnings say why."""


class Cause(StrEnum):
    """What moves a date."""

    TEMPERATURE = "temperature"
    """The season so far against normal temperatures."""
    WEATHER_FORECAST = "weather_forecast"
    EARLIER_SEASONS = "earlier_seasons"
    """How the lab's fields departed from the model in earlier seasons."""
    OWN_STAGE = "own_stage"
    """Stages seen in this field."""
    NEIGHBOURS = "neighbours"
    """Stages seen this season in the lab's other fields."""


class Doubt(StrEnum):
    """What a forecast warns of."""

    NO_PLACE = "no_place"
    """The site has no coordinates: day lengths, and with them stages, cannot be computed."""
    NO_TEMPERATURES = "no_temperatures"
    """No day of the season has a temperature."""
    OLD_TEMPERATURES = "old_temperatures"
    """The last one is some days old."""
    FILLED_DAYS = "filled_days"
    """Temperatures of some days were not measured here."""
    NO_WEATHER_TO_COME = "no_weather_to_come"
    """Less than a year of days is known: nobody can tell which weather is usual."""
    DRAWN_WEATHER = "drawn_weather"
    """The weather to come is drawn from normals, without warm or cold years: the intervals are too narrow."""
    FEW_YEARS = "few_years"
    """The weather to come rests on few years."""
    WEATHER_FROM_ELSEWHERE = "weather_from_elsewhere"
    """The past years are another station's."""
    CULTIVAR_UNKNOWN = "cultivar_unknown"
    """The crop's file does not have the cultivar: it is taken for an average one, in Hokkaido for one from
    there where the file has that."""
    SIGHTINGS_CONTRADICT = "sightings_contradict"
    """Stages were noted that cannot be true together, or not with today's date: some are left out."""
    CROP_UNKNOWN = "crop_unknown"
    """There is no model of the crop."""
    STAGE_NOT_IN_MODEL = "stage_not_in_model"
    """A stage was seen that the model does not have: it is shown and moves nothing."""


class Verdict(StrEnum):
    """How good forecasts of a stage have been, against the mean date."""

    SKILL = "skill"
    SOME = "some"
    NONE = "no skill"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """The days between which a stage comes with a chance of `level` per cent, both included."""

    level: int
    first: date
    last: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """By how many days a cause moves the median; negative: earlier."""

    cause: Cause
    days: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Skill:
    """How good forecasts of this stage have been.

    Attributes
    ----------
    measured_here : bool
        On this lab's own earlier seasons; else elsewhere, as `data` says.
    seasons, n : int
        Seasons and stages seen that it was measured on.
    rmse_d, naive_rmse_d : float | None, d
        Of the forecast, and of the mean date.
    coverage : float | None, 0…1
        Share of the stages that fell into the 80 % interval, before intervals were widened.
    widened : float, 1
        By how much intervals are widened, so that in the back-test they would have held what they promise,
        season by season; 1 where there are too few seasons to tell.
    """

    verdict: Verdict
    measured_here: bool
    data: str
    source: str
    n: int
    seasons: int | None = None
    rmse_d: float | None = None
    naive_rmse_d: float | None = None
    coverage: float | None = None
    widened: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StageForecast:
    """One stage of the crop.

    Attributes
    ----------
    median : date | None
        None where the stage was seen or is not expected.
    spread_d : float | None, d
        Standard deviation of the model's own error; the weather to come is in the intervals besides.
    probability : float | None, 0…1
        Share of the years to come that reach it within the season.
    change_d : float | None, d
        Of the median against the previous forecast; negative: earlier.
    """

    stage: str
    bbch: int
    label_ja: str
    label_en: str
    status: Status
    seen_on: date | None = None
    median: date | None = None
    intervals: tuple[Interval, ...] = ()
    probability: float | None = None
    spread_d: float | None = None
    drivers: tuple[Driver, ...] = ()
    change_d: float | None = None
    skill: Skill | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the crop is.

    Attributes
    ----------
    stage, next_stage : str | None
        The last stage that is behind it, seen or computed, and the one ahead.
    computed : bool
        Whether the stage was computed, not seen.
    share : float | None, 0…1
        Of the development between the two.
    degree_days, normal_degree_days : float | None, degC d
        Sum above `base_c` from sowing until the data end, and its mean over `normal_years` earlier years.
    """

    stage: str | None
    next_stage: str | None
    computed: bool
    share: float | None
    base_c: float
    degree_days: float | None
    normal_degree_days: float | None
    normal_years: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What a forecast rests on.

    Attributes
    ----------
    data_end : date | None
        The last day whose measured temperatures were used.
    days_filled : dict[str, int]
        Days of the season so far, by how their temperatures came about; ``brought``: by the lab,
        from elsewhere.
    weather_to_come : str
        ``past_years`` | ``past_years_elsewhere`` | ``climatology`` | ``none``.
    weather_station : str | None
        Whose past years they are.
    members : int
        Courses that the weather to come may take.
    years : tuple[int, ...]
        The years they are taken from.
    outlook : str | None
        Source and day of a weather forecast that was used.
    observations : int
        Stages seen, here and in the lab's other fields, that moved the forecast.
    seasons : tuple[int, ...]
        The seasons they are from.
    parameter_sets : int
        Plausible ones of the model, over which computed days are averaged; 1: the crop file's alone.
    """

    station: str
    data_end: date | None
    days_filled: dict[str, int]
    weather_to_come: str
    weather_station: str | None
    members: int
    years: tuple[int, ...]
    outlook: str | None
    observations: int
    seasons: tuple[int, ...]
    parameter_sets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Caution:
    """A doubt and its facts, e.g. how many days."""

    doubt: Doubt
    facts: dict[str, int | float | str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantingForecast:
    """All that is forecast for one planting."""

    planting_id: int
    crop: str
    cultivar: str
    model: str
    model_version: str
    issued_on: date
    stages: tuple[StageForecast, ...]
    progress: Progress
    basis: Basis
    seen_besides: tuple[tuple[int, date], ...] = ()
    warnings: tuple[Caution, ...] = ()

    def as_body(self) -> dict[str, Any]:
        """Give what JSON can hold: days as ISO dates.

        Examples
        --------
        >>> _plain({"on": date(2026, 6, 1), "levels": (50,)})
        {'on': '2026-06-01', 'levels': [50]}
        """
        body: dict[str, Any] = _plain(asdict(self))
        return body


def no_model(planting_id: int, crop: str, cultivar: str, station: str, issued_on: date) -> PlantingForecast:
    """Answer for a crop of which there is no model."""
    return PlantingForecast(
        planting_id=planting_id,
        crop=crop,
        cultivar=cultivar,
        model="none",
        model_version="",
        issued_on=issued_on,
        stages=(),
        progress=NO_PROGRESS,
        basis=no_basis(station),
        warnings=(Caution(doubt=Doubt.CROP_UNKNOWN, facts={"crop": crop}),),
    )


def no_basis(station: str) -> Basis:
    """Say that a forecast rests on nothing."""
    return Basis(
        station=station,
        data_end=None,
        days_filled={},
        weather_to_come="none",
        weather_station=None,
        members=0,
        years=(),
        outlook=None,
        observations=0,
        seasons=(),
        parameter_sets=0,
    )


NO_PROGRESS: Final = Progress(
    stage=None,
    next_stage=None,
    computed=False,
    share=None,
    base_c=0.0,
    degree_days=None,
    normal_degree_days=None,
    normal_years=0,
)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value
