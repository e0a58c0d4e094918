"""Spans of any length and number, with none, one or many readings."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.series.spans import amounts, count, extremes, mean_by_time

SECOND = 1_000_000
READINGS = st.lists(
    st.tuples(st.integers(-20, 120), st.floats(-50, 50)), max_size=40, unique_by=lambda r: r[0]
)
EDGES = st.lists(st.integers(0, 100), min_size=1, max_size=12).map(
    lambda edges: np.array(sorted(edges)) * SECOND
)


@given(READINGS, EDGES)
def test_spans_are_like_loops(rows: list[tuple[int, float]], edges: np.ndarray) -> None:
    rows = sorted(rows)
    at = np.array([row[0] for row in rows], np.int64) * SECOND
    value = np.array([row[1] for row in rows], np.float64)
    low, high = extremes("air_temperature", at, value, edges)
    sums, counted = amounts(at, value, edges), count(at, edges)
    for span, (begin, end) in enumerate(pairwise(edges)):
        inside = value[(at >= begin) & (at < end)]
        assert counted[span] == len(inside)
        assert low[span] == pytest.approx(inside.min() if len(inside) else np.nan, nan_ok=True)
        assert high[span] == pytest.approx(inside.max() if len(inside) else np.nan, nan_ok=True)
        assert sums[span] == pytest.approx(value[(at > begin) & (at <= end)].sum(), abs=1e-9)
    assert len(low) == len(high) == len(sums) == len(counted) == len(edges) - 1


@given(READINGS, EDGES)
def test_the_mean_is_that_of_a_fine_grid(rows: list[tuple[int, float]], edges: np.ndarray) -> None:
    rows = sorted(rows)
    at = np.array([row[0] for row in rows], np.int64) * SECOND
    value = np.array([row[1] for row in rows], np.float64)
    got = mean_by_time("air_temperature", at, value, edges)
    for span, (begin, end) in enumerate(pairwise(edges)):
        first, last = (max(begin, at[0]), min(end, at[-1])) if len(at) else (0, 0)
        if last <= first:
            assert np.isnan(got[span])
            continue
        grid = first + (np.arange(4_000) + 0.5) * (last - first) / 4_000
        assert got[span] == pytest.approx(np.interp(grid, at, value).mean(), abs=0.05)


def test_what_is_too_far_apart_is_not_bridged() -> None:
    hour = 3_600 * SECOND
    at = np.array([0, 3, 6, 10]) * hour
    got = mean_by_time("air_temperature", at, np.array([1.0, 1.0, 1.0, 99.0]), np.array([0, 10, 20]) * hour)
    assert got[0] == pytest.approx(1.0)
    assert np.isnan(got[1])
