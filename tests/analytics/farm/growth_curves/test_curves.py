"""The curves' slopes are their derivatives, and both curves rise to A."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.farm.growth_curves import CURVES, growth
from analytics.farm.growth_curves.curves import growth_and_slopes

parameters = st.tuples(st.floats(0.0, 4.0), st.floats(-5.0, -1.0), st.floats(20.0, 200.0)).map(np.array)
TIME = np.linspace(0.0, 250.0, 26)


@pytest.mark.parametrize("curve", CURVES)
@given(at=parameters)
def test_slopes_are_derivatives(curve: str, at: np.ndarray) -> None:
    slopes = growth_and_slopes(curve, at, TIME)[1]
    for number in range(3):
        step = np.zeros(3)
        step[number] = 1e-5
        difference = (growth(curve, at + step, TIME) - growth(curve, at - step, TIME)) / 2e-5
        assert slopes[:, number] == pytest.approx(difference, abs=1e-4 * float(np.exp(at[0])))


@pytest.mark.parametrize("curve", CURVES)
@given(at=parameters)
def test_growth_rises_to_its_asymptote(curve: str, at: np.ndarray) -> None:
    mass = growth(curve, at, TIME)
    assert np.all(np.diff(mass) >= 0.0)
    assert growth(curve, at, np.array([1e6]))[0] == pytest.approx(np.exp(at[0]))


def test_an_unknown_curve_is_named() -> None:
    with pytest.raises(ValueError, match="'richards': use one of logistic, gompertz"):
        growth("richards", np.zeros(3), TIME)
