"""Throughput and where the hours went."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.fish.errors import ScoresError
from analytics.fish.throughput import throughput


@given(st.lists(st.floats(0, 50_000), min_size=1, max_size=60))
def test_no_second_and_no_fish_is_lost(at: list[float]) -> None:
    told = throughput(at)
    total = told.running_s.sum() + told.waiting_s.sum() + told.stopped_s.sum()
    assert total == pytest.approx(max(at) - min(at), abs=1e-6)
    assert told.fish.sum() == len(at)
    assert (told.running_s + told.waiting_s + told.stopped_s <= 3600 + 1e-6).all()
    assert (np.diff(told.hour_s) == 3600).all()


def test_a_day_with_a_crate_change_and_a_noon_break() -> None:
    at = np.concatenate([np.arange(0, 3000, 0.2), np.arange(3120, 7200, 0.2), np.arange(14_400, 18_000, 0.2)])
    told = throughput(at + 1_760_000_400)
    assert (1_760_000_400 - told.hour_s[0]) % 3600 == 400 % 3600 or told.hour_s[0] % 3600 == 0
    assert told.waiting_s.sum() == pytest.approx(120.2, abs=0.01)
    assert told.stopped_s.sum() == pytest.approx(7200.2, abs=0.01)
    assert told.longest_gap_s == pytest.approx(7200.2, abs=0.01)
    assert np.nanmedian(told.per_minute()) == pytest.approx(300, abs=2)
    assert np.isnan(told.per_minute()).sum() >= 1


def test_no_fish_make_no_hours() -> None:
    told = throughput([])
    assert told.hour_s.size == told.fish.size == told.per_minute().size == 0


def test_order_makes_no_difference() -> None:
    assert throughput([5.0, 1.0, 3.0]).running_s.tolist() == [4.0]


@pytest.mark.parametrize("named", [{"waiting_s": 0.0}, {"waiting_s": 20.0, "stopped_s": 10.0}])
def test_gaps_must_be_in_order(named: dict) -> None:
    with pytest.raises(ScoresError, match="waiting"):
        throughput([1.0], **named)
    with pytest.raises(ScoresError, match="finite"):
        throughput([np.nan])
