"""What the simulated devices say is what their kinds allow, and the same at every asking."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from devices.kinds import load_kinds
from devices.registry import split_channel
from devices.simulator.farm import FarmStation
from devices.simulator.feed import Feed, normal, uniform
from devices.simulator.fish import EchoUnit, FishSorter, working

START = int(datetime(2026, 1, 5, tzinfo=UTC).timestamp())
DAY_S = 86_400
FEEDS = {
    "farm-station": FarmStation("shihoro", 1),
    "echo-unit": EchoUnit(2),
    "fish-sorter": FishSorter(3),
}


@pytest.mark.parametrize("role", FEEDS)
def test_readings_keep_to_the_kind(role: str) -> None:
    kind, feed = load_kinds()[role], FEEDS[role]
    assert feed.period_s == kind.period_s
    columns = feed.columns(START, START + 360 * DAY_S)
    assert columns.at_s.size > 10_000
    assert len(columns.values) <= kind.max_series
    for key, values in columns.values.items():
        quantity, position = split_channel(key)
        channel = kind.quantities[quantity]
        assert channel.positions == "any" or position in channel.positions
        assert values.shape == columns.at_s.shape
        assert np.isfinite(values).all()
        if channel.limits:
            assert channel.limits[0] <= values.min(), key
            assert values.max() <= channel.limits[1], key
        if channel.usual:
            usual = (channel.usual[0] <= values) & (values <= channel.usual[1])
            assert usual.mean() > 0.98, key


@pytest.mark.parametrize("feed", FEEDS.values(), ids=FEEDS)
def test_a_window_in_two_parts_is_the_whole(feed: Feed) -> None:
    whole = feed.columns(START, START + DAY_S)
    cut = START + 9 * 3_600 + 17
    parts = [feed.columns(START, cut), feed.columns(cut, START + DAY_S)]
    assert np.array_equal(np.concatenate([part.at_s for part in parts]), whole.at_s)
    for key, values in whole.values.items():
        assert np.array_equal(np.concatenate([part.values[key] for part in parts]), values), key


def test_two_stations_of_a_site_share_the_sky_and_not_the_sensors() -> None:
    first, second, far = (
        FarmStation(site, seed).columns(START, START + 30 * DAY_S)
        for site, seed in (("shihoro", 1), ("shihoro", 2), ("otofuke", 1))
    )
    near = first.values["air_temperature"] - second.values["air_temperature"]
    assert 0 < np.abs(near).mean() < 1
    assert np.abs(first.values["air_temperature"] - far.values["air_temperature"]).mean() > 1


def test_the_market_works_on_its_days_and_hours() -> None:
    def at(day: int, hour: int, minute: int) -> int:
        return int(datetime(2026, 1, day, hour, minute, tzinfo=UTC).timestamp()) - 9 * 3_600

    instants = [
        at(5, 3, 29),
        at(5, 3, 30),
        at(5, 9, 59),
        at(5, 10, 0),
        at(7, 6, 0),
        at(11, 6, 0),
        at(10, 6, 0),
    ]
    expected = [False, True, True, False, False, False, True]  # 5 January 2026 is a Monday
    assert working(np.array(instants)).tolist() == expected


def test_noise_belongs_to_its_instant() -> None:
    at_s = np.arange(START, START + 100_000)
    noise = normal(1, 2, at_s)
    assert np.array_equal(noise[500:600], normal(1, 2, at_s[500:600]))
    assert noise.mean() == pytest.approx(0, abs=0.02)
    assert noise.std() == pytest.approx(1, abs=0.02)
    assert abs(np.corrcoef(noise, normal(1, 3, at_s))[0, 1]) < 0.02
    assert abs(np.corrcoef(noise[1:], noise[:-1])[0, 1]) < 0.02
    assert uniform(7, 0, at_s).mean() == pytest.approx(0.5, abs=0.01)
