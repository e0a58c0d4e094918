"""The responses of the stage models: their formulas at known points, and their bounds."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.farm.phenology import responses, thermal_time, wofost
from analytics.farm.phenology import simulation as phenology
from analytics.farm.phenology.responses import streck_factor, yan_hunt
from analytics.farm.phenology.stage_models import MODELS, rate, response_of
from analytics.farm.phenology.wofost import vernalisation_rate
from analytics.farm.weather.vernalisation import streck_response, wofost_vernalisation
from analytics.library import crop, crops

TEMPERATURES = np.linspace(-20.0, 45.0, 261)


@pytest.mark.parametrize("module", [phenology, responses, thermal_time, wofost])
def test_the_examples_run(module: object) -> None:
    failed, tried = doctest.testmod(module, extraglobs={"np": np})  # type: ignore[arg-type]
    assert (failed, tried > 0) == (0, True)


@given(st.floats(10.0, 30.0), st.floats(1.0, 20.0))
def test_yan_and_hunt_s_response_is_highest_at_its_optimum(optimum: float, above: float) -> None:
    found = yan_hunt(TEMPERATURES, optimum, optimum + above)
    assert ((found >= 0) & (found <= 1 + 1e-12)).all()
    assert (found[(TEMPERATURES <= 0) | (optimum + above <= TEMPERATURES)] == 0).all()
    assert yan_hunt(np.array([optimum]), optimum, optimum + above)[0] == pytest.approx(1.0)
    assert (np.diff(found[(TEMPERATURES >= 0) & (optimum >= TEMPERATURES)]) >= 0).all()


def test_the_files_numbers_give_the_textbook_s_curves() -> None:
    """What wheat's file says is the curve that the derived series of a field use."""
    values = crop("wheat").phases[1].values()
    corners = [
        values[f"vernalisation_{name}"] for name in ("cold_zero", "cold_full", "warm_full", "warm_zero")
    ]
    np.testing.assert_allclose(vernalisation_rate(TEMPERATURES, *corners), wofost_vernalisation(TEMPERATURES))
    days = np.linspace(0.0, 90.0, 91)
    np.testing.assert_allclose(streck_factor(days, 22.5, 5.0), streck_response(days))


def test_short_days_slow_every_model_down() -> None:
    for one in crops().values():
        for phase in one.phases:
            values = phase.values()
            warm = np.array([15.0, 15.0])
            daily = rate(MODELS[phase.model], values, warm, np.array([8.5, 20.0]))
            assert (daily[0] < daily[1]) == ("daylength_critical" in values)


def test_phases_share_a_response_only_if_it_is_the_same() -> None:
    emergence, heading, flowering, maturity = map(response_of, crop("wheat").phases)
    assert emergence == flowering == maturity != heading
    assert len({response_of(phase) for phase in crop("potato").phases}) == 2
