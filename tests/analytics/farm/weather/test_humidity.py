"""Vapour: FAO-56's own examples, inverses that invert, and the tables growers use."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.farm.weather import humidity

TEMPERATURES = st.floats(-30.0, 50.0)
HUMIDITIES = st.floats(1.0, 100.0)


@pytest.mark.parametrize(("temperature", "pressure"), [(15.0, 1.70535), (24.5, 3.07465)])
def test_saturation_is_that_of_faos_example_3(temperature: float, pressure: float) -> None:
    assert humidity.saturation_vapour_pressure(temperature) == pytest.approx(pressure, abs=5e-6)


@given(TEMPERATURES)
def test_the_slope_is_the_derivative(temperature: float) -> None:
    h = 1e-4
    rise = humidity.saturation_vapour_pressure(temperature + h) - humidity.saturation_vapour_pressure(
        temperature - h
    )
    assert humidity.saturation_slope(temperature) == pytest.approx(rise / (2 * h), rel=1e-4)


@given(TEMPERATURES, HUMIDITIES)
def test_the_dew_point_inverts(temperature: float, relative: float) -> None:
    pressure = humidity.vapour_pressure(temperature, relative)
    dew = humidity.dew_point(pressure)
    assert dew <= temperature + 1e-9
    assert humidity.saturation_vapour_pressure(dew) == pytest.approx(float(pressure), rel=1e-12)


@given(TEMPERATURES, HUMIDITIES, st.floats(60.0, 105.0))
def test_the_wet_bulb_solves_its_equation(temperature: float, relative: float, air: float) -> None:
    wet = humidity.wet_bulb(temperature, relative, air)
    pressure = humidity.vapour_pressure(temperature, relative)
    assert humidity.dew_point(pressure) - 1e-9 <= wet <= temperature + 1e-9
    cooled = humidity.saturation_vapour_pressure(wet) - 0.000662 * air * (temperature - wet)
    assert cooled == pytest.approx(float(pressure), abs=1e-12)


def test_psychrometer_of_faos_example_4() -> None:
    # Tdry 25.6, Twet 19.5 at 1,200 m: ea 1.91 kPa.
    relative = 100.0 * 1.91 / humidity.saturation_vapour_pressure(25.6)
    assert humidity.wet_bulb(25.6, relative, 87.9) == pytest.approx(19.5, abs=0.03)


@pytest.mark.parametrize(
    ("temperature", "relative", "grams"),
    [(10.0, 80.0, 1.9), (20.0, 70.0, 5.2), (25.0, 60.0, 9.2), (30.0, 90.0, 3.0)],
)
def test_the_deficit_in_grams_is_that_of_growers_tables(
    temperature: float, relative: float, grams: float
) -> None:
    # 飽差表: 217 × 6.1078 × 10^(7.5 T / (T + 237.3)) / (T + 273.15) × (100 - RH) / 100, to a tenth of a gram.
    assert humidity.humidity_deficit(temperature, relative) == pytest.approx(grams, abs=0.06)


@given(TEMPERATURES)
def test_saturated_air_lacks_nothing(temperature: float) -> None:
    assert humidity.vapour_pressure_deficit(temperature, 100.0) == pytest.approx(0.0, abs=1e-12)
    assert humidity.humidity_deficit(temperature, 100.0) == pytest.approx(0.0, abs=1e-9)
    assert humidity.wet_bulb(temperature, 100.0) == pytest.approx(temperature, abs=1e-9)


@given(TEMPERATURES, st.floats(0.0, 30.0), HUMIDITIES)
def test_a_days_pressure_from_equal_humidities(minimum: float, span: float, relative: float) -> None:
    both = humidity.vapour_pressure_from_extremes(minimum, minimum + span, relative, relative)
    mean = humidity.vapour_pressure_from_mean(minimum, minimum + span, relative)
    assert both == pytest.approx(float(mean), rel=1e-12)
    saturated = humidity.mean_saturation_vapour_pressure(minimum, minimum + span)
    assert both <= saturated * (1 + 1e-12)


def test_arrays_keep_their_shape_and_their_holes() -> None:
    temperature = np.array([[20.0, np.nan], [0.0, -5.0]])
    for function in (humidity.vapour_pressure, humidity.humidity_deficit, humidity.wet_bulb):
        got = function(temperature, 50.0)
        assert got.shape == (2, 2)
        assert np.isnan(got).tolist() == [[False, True], [False, False]]
    assert np.isnan(humidity.dew_point([0.0, -1.0, np.nan])).all()
