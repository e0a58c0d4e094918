"""Levels, sums and reasons: what is not known is never none."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.farm.risks.model import Level, RiskSeries, accumulate, grade

values = st.lists(st.one_of(st.just(float("nan")), st.floats(0.0, 9.0)), min_size=1, max_size=40).map(
    np.array
)


def series(value: list[float], *, note: str = "") -> RiskSeries:
    got = np.array(value)
    total = accumulate(got, 1)
    return RiskSeries(
        risk="frost",
        first_day=date(2024, 5, 30),
        value=got,
        unit="deg C",
        coverage=np.ones(got.size),
        level=grade(got, (1.0, 2.0, 3.0)),
        accumulated=total,
        threshold=5.0,
        reached=total >= 5.0,
        note=note,
    )


def test_a_series_tells_its_words_reasons_and_when_the_threshold_was_reached() -> None:
    got = series([4.0, 0.5, float("nan"), 2.5, 3.0])
    assert got.words() == ["high", "none", "unknown", "moderate", "high"]
    assert got.reasons() == ["frost.high", "frost.none", "data_missing", "frost.moderate", "frost.reached"]
    assert got.since == date(2024, 6, 3)
    assert (got.days, got.unknown_days) == (5, 1)
    assert series([1.0, 1.0]).since is None


def test_a_note_is_the_reason_of_every_day() -> None:
    assert series([1.0, float("nan")], note="stage_missing").reasons() == ["stage_missing"] * 2


@given(value=values)
def test_only_what_is_not_a_number_is_unknown(value: np.ndarray) -> None:
    assert ((grade(value, (1.0, 3.0, 5.0)) == Level.UNKNOWN) == np.isnan(value)).all()


@given(value=values, start=st.integers(0, 45))
def test_sums_begin_with_their_first_day(value: np.ndarray, start: int) -> None:
    total = accumulate(value, start)
    assert np.isnan(total[:start]).all()
    assert total[start:] == pytest.approx(np.cumsum(np.nan_to_num(value[start:])))


def test_sums_begin_anew_after_each_reset() -> None:
    got = accumulate(np.ones(8), 1, (3, 5, 99, -1))
    assert got[1:].tolist() == [1.0, 2.0, 3.0, 1.0, 2.0, 1.0, 2.0]
