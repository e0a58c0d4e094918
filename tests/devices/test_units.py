"""Conversion is exact where the factor is, checked for dimension, and reversible."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import DimensionError, UnknownUnitError
from devices.units import UNITS, convert, linear

PAIRS = [(a, b) for a in UNITS for b in UNITS if UNITS[a].dimension == UNITS[b].dimension]


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        (32.0, "degF", "degC", 0.0),
        (212.0, "degF", "degC", 100.0),
        (-40.0, "degC", "degF", -40.0),
        (300.0, "K", "degC", 26.85),
        (0.0, "degC", "K", 273.15),
        (25.3, "%", "m3/m3", 0.253),
        (101.325, "kPa", "hPa", 1013.25),
        (1.7, "mS/cm", "dS/m", 1.7),
        (1700.0, "uS/cm", "mS/cm", 1.7),
        (65.0, "klx", "lx", 65_000.0),
        (36.0, "km/h", "m/s", 10.0),
        (86.4, "MJ/m2/d", "W/m2", 1000.0),
        (300.0, "1/min", "1/s", 5.0),
        (420.0, "ppm", "%", 0.042),
    ],
)
def test_known_conversions_are_exact(value: float, source: str, target: str, expected: float) -> None:
    assert convert(value, source, target) == expected


@given(st.sampled_from(PAIRS), st.floats(-1e9, 1e9))
def test_there_and_back_is_the_same(pair: tuple[str, str], value: float) -> None:
    source, target = pair
    back = convert(convert(value, source, target), target, source)
    assert back == pytest.approx(value, rel=1e-12, abs=1e-9)


@given(st.sampled_from(PAIRS), st.lists(st.floats(-1e9, 1e9), max_size=5))
def test_arrays_convert_like_their_elements(pair: tuple[str, str], values: list[float]) -> None:
    array = np.array(values, dtype=np.float64)
    before = array.copy()
    converted = convert(array, *pair)
    assert converted.dtype == np.float64
    assert converted.tolist() == [convert(value, *pair) for value in values]
    assert not np.shares_memory(converted, array)
    assert np.array_equal(array, before)


@given(st.sampled_from(PAIRS), st.floats(-1e6, 1e6))
def test_linear_says_what_convert_does(pair: tuple[str, str], value: float) -> None:
    factor, offset = linear(*pair)
    expected = factor * value + offset
    assert convert(value, *pair) == pytest.approx(expected, rel=1e-9, abs=1e-9 * max(1.0, abs(offset)))


@given(st.floats(allow_nan=False), st.sampled_from(sorted(UNITS)))
def test_the_same_unit_changes_nothing(value: float, unit: str) -> None:
    assert convert(value, unit, unit) == value


def test_not_a_number_stays_one() -> None:
    assert np.isnan(convert(float("nan"), "degC", "degF"))


def test_another_dimension_is_refused() -> None:
    with pytest.raises(DimensionError, match=r"'lx' \(illuminance\) to 'W/m2' \(irradiance\)") as caught:
        convert(1.0, "lx", "W/m2")
    assert (caught.value.source, caught.value.target) == ("lx", "W/m2")


@pytest.mark.parametrize("pair", [("furlong", "m"), ("m", "furlong")])
def test_an_unknown_unit_is_named(pair: tuple[str, str]) -> None:
    with pytest.raises(UnknownUnitError, match="furlong"):
        linear(*pair)
