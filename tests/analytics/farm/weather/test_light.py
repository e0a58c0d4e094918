"""Photons and energy agree with each other and with what is published."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.farm.weather import light


def test_the_factor_lies_among_the_published_ones() -> None:
    assert 2.02 <= light.PHOTONS_PER_JOULE <= 2.1


def test_the_integral_of_the_flux_is_that_of_the_radiation() -> None:
    watts = np.array([0.0, 150.0, 320.0])
    by_flux = light.daily_light_integral(light.photon_flux(watts))
    assert by_flux == pytest.approx(light.light_integral_from_radiation(watts * 0.0864))


def test_par_is_less_than_half_of_the_energy() -> None:
    assert light.par_energy([10.0, np.nan]) == pytest.approx([4.5, np.nan], nan_ok=True)


def test_a_short_day_has_less_light() -> None:
    assert light.daily_light_integral(100.0, 82_800.0) == pytest.approx(8.28)
