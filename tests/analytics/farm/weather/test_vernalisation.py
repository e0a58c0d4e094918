"""Cold counts between its cardinal temperatures and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.farm.errors import WeatherError
from analytics.farm.weather.vernalisation import (
    STRECK_CARDINALS,
    streck_response,
    wang_engel,
    wofost_vernalisation,
)


def test_wofosts_table() -> None:
    t = np.array([-30.0, -4.0, -2.25, 3.0, 7.0, 10.0, 12.0, 17.0, 40.0, np.nan])
    expected = [0.0, 0.0, 0.25, 1.0, 1.0, 1.0, 5 / 7, 0.0, 0.0, np.nan]
    assert wofost_vernalisation(t) == pytest.approx(expected, nan_ok=True)


@given(st.floats(-60.0, 60.0))
def test_the_beta_function_stays_between_nothing_and_one(temperature: float) -> None:
    rate = wang_engel(temperature)
    assert 0.0 <= rate <= 1.0
    assert (rate > 0.0) <= (STRECK_CARDINALS[0] < temperature < STRECK_CARDINALS[2])


@given(st.floats(-10.0, 5.0), st.floats(1.0, 20.0), st.floats(1.0, 20.0))
def test_the_best_temperature_is_the_best(least: float, up: float, further: float) -> None:
    cardinals = (least, least + up, least + up + further)
    around = np.linspace(cardinals[0], cardinals[2], 501)
    assert wang_engel(cardinals[1], cardinals) == pytest.approx(1.0)
    assert np.abs(around[np.argmax(wang_engel(around, cardinals))] - cardinals[1]) <= around[1] - around[0]


def test_missing_days_stay_missing() -> None:
    assert np.isnan(wang_engel([np.nan])).all()


@given(st.floats(0.0, 200.0), st.floats(0.0, 10.0))
def test_more_cold_never_means_less_freedom(days: float, more: float) -> None:
    assert 0.0 <= streck_response(days) <= streck_response(days + more) < 1.0 + 1e-12


def test_cardinals_must_rise() -> None:
    with pytest.raises(WeatherError, match="must rise, these are 5, 4, 20"):
        wang_engel(1.0, (5.0, 4.0, 20.0))
