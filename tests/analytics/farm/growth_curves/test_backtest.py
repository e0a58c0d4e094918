"""Tuber dry mass 30 days ahead on the DSSAT potato trials: the figures that are told of it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from analytics.farm.errors import TooFewSeasonsError
from analytics.farm.growth_curves import GrowthSeries, backtest_growth, backtest_tuber_mass

DATA = Path(__file__).parents[5] / "shared/data/potato_dssat"
field_data = pytest.mark.skipif(
    not DATA.exists() and "CI" not in os.environ,  # in CI its absence is a failure
    reason=f"no field data in {DATA}",
)


@field_data
def test_tuber_mass_thirty_days_ahead() -> None:
    growth, phenology = (
        pl.read_csv(DATA / f"{name}.csv", try_parse_dates=True) for name in ("growth", "phenology")
    )
    got = backtest_tuber_mass(growth, phenology)
    assert (got.n, got.environments, got.refused) == (43, 10, 0)
    assert got.mean == pytest.approx(16.5, abs=0.01)
    assert got.naive_rmse == pytest.approx(4.01, abs=0.01)
    assert got.rmse <= 3.7
    assert abs(got.bias) <= 1.0
    assert got.mae <= got.rmse
    assert 0.7 <= got.coverage_80 <= 0.9
    assert 3.0 <= got.half_width_80 <= 6.0


def rising(environment: str, most: float, *, days: int = 101) -> GrowthSeries:
    time = np.arange(40.0, 40.0 + days, 10.0)
    return GrowthSeries(time=time, mass=most / (1 + np.exp(-0.1 * (time - 90.0))), environment=environment)


def test_the_left_out_environment_teaches_nothing() -> None:
    seasons = [rising(name, most) for name, most in (("a", 10.0), ("b", 12.0), ("c", 14.0), ("d", 16.0))]
    later = seasons[3].time > seasons[3].time[-1] - 30.0
    hailed = GrowthSeries(
        time=seasons[3].time, mass=np.where(later, 1.0, seasons[3].mass), environment=seasons[3].environment
    )
    before, after = (
        backtest_growth(each, curve="logistic", lead_d=30.0) for each in (seasons, [*seasons[:3], hailed])
    )
    assert before.environment == after.environment == ("a", "b", "c", "d")
    assert before.forecast == pytest.approx(before.observed, rel=0.05)
    assert after.observed[3] == 1.0
    assert after.forecast[3] == before.forecast[3]
    assert after.naive[3] == before.naive[3] == pytest.approx(np.mean(before.observed[:3]))


def test_series_far_longer_than_the_pool_are_refused_and_counted() -> None:
    seasons = [rising(name, 12.0) for name in "abc"]
    got = backtest_growth([*seasons, rising("long", 12.0, days=201)], curve="logistic", lead_d=30.0)
    assert (got.n, got.refused) == (3, 1)
    assert "long" not in got.environment


def test_three_environments_cannot_be_left_out_in_turn() -> None:
    with pytest.raises(TooFewSeasonsError):
        backtest_growth([rising(name, 12.0) for name in "abc"], curve="logistic", lead_d=30.0)
