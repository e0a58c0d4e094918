"""What is told of a sorting unit: how good it is, how far its probabilities hold, what its charts say."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime  # noqa: TC003 - who decodes it looks the type up
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """One measure with its 95 % interval; without a value, `reason` says why."""

    value: float | None
    low: float | None
    high: float | None
    fish: float
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassQuality:
    """How well one class is told.

    Attributes
    ----------
    recall : Number
        Share of the fish truly of the class that are called so.
    precision : Number
        Share of the fish called so that are.
    """

    name: str
    recall: Number
    precision: Number
    f1: Number


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitQuality:
    """How good the classifier is, corrected for how the checked fish were chosen.

    Attributes
    ----------
    checked, left_out : int
        Fish it rests on; fish checked under another model of the classifier.
    ess : float
        What they are worth, given how they were chosen.
    counts, matrix : tuple[tuple[float, ...], ...]
        Checked fish, and corrected shares of all fish, by true class (rows) and called class.
    accuracy_as_checked : float | None
        Share of the checked fish that was called right: no estimate where doubtful fish were chosen.
    refused : str
        Why no quality can be told; empty where it can.
    """

    checked: int
    left_out: int
    ess: float
    counts: tuple[tuple[float, ...], ...]
    matrix: tuple[tuple[float, ...], ...]
    accuracy_as_checked: float | None
    accuracy: Number | None
    kappa: Number | None
    balanced_accuracy: Number | None
    classes: tuple[ClassQuality, ...]
    refused: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """How often a class was true at each probability that it was given; a row a bin."""

    name: str
    said: tuple[float, ...]
    found: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    fish: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """How far probabilities mean what they say; 0 is best.

    Attributes
    ----------
    calibration_error, calibration_error_debiased : float
        Mean distance of the called class's probability from how often it was right; the second is near 0
        for a perfect unit however few fish were checked.
    """

    log_loss: float
    brier: float
    calibration_error: float
    calibration_error_debiased: float
    curves: tuple[Reliability, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartState:
    """Where a control chart stands.

    Attributes
    ----------
    waiting_for : str
        What it still needs before it watches; empty: it watches.
    seen, start_fish : int
        Fish it has seen, and fish from which it learnt what is usual.
    run_length : float
        Fish from one false alarm to the next, on average, if nothing changes.
    level, limit : float | None
        The highest of its sums, and where it alarms.
    """

    chart: str
    waiting_for: str
    seen: int
    start_fish: int
    run_length: float
    level: float | None
    limit: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitResult:
    """All that is told of a unit and product.

    Attributes
    ----------
    raw, calibrated : Scores | None
        Of the probabilities as they came, and as they are corrected; None without enough checked fish.
    calibration : int | None
        The version in use; None: raw probabilities are.
    calibration_kept : str
        Why there is no newer one.
    checks_until : datetime | None
        When the last of the checked fish was sorted.
    """

    quality: UnitQuality
    raw: Scores | None
    calibrated: Scores | None
    calibration: int | None
    calibration_kept: str
    checks_until: datetime | None
    charts: tuple[ChartState, ...]

    def as_body(self) -> dict[str, Any]:
        """Give what JSON can hold."""
        body = asdict(self)
        body["checks_until"] = None if self.checks_until is None else self.checks_until.isoformat()
        return body
