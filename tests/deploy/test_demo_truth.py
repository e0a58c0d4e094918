"""What grows on the demonstration's farm: believable, the same at each start, and something on any day."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from deploy.demo_truth import PAST_SEASONS, WHEAT, grow, sky, sowings

WINTER, SUMMER = date(2026, 11, 23), date(2027, 7, 1)


@pytest.mark.parametrize("today", [WINTER, SUMMER])
def test_each_plan_has_its_seasons_up_to_today(today: date) -> None:
    seasons: dict[object, list[date]] = {}
    for plan, sown_on in sowings(today):
        seasons.setdefault(plan, []).append(sown_on)
    assert all(len(days) == plan.past + 1 and days == sorted(days) for plan, days in seasons.items())
    assert all(days[-1] <= today < days[-1] + timedelta(days=370) for days in seasons.values())
    wheat = [days for plan, days in seasons.items() if plan.crop == "wheat"]
    assert [len(days) for days in wheat] == [PAST_SEASONS + 1] * 2
    assert all(22 <= day.day <= 26 for days in wheat for day in days)


def test_wheat_grows_as_it_does_in_tokachi() -> None:
    ended = [grow(plan, day, WINTER) for plan, day in sowings(WINTER) if plan is WHEAT][:-1]
    for each in ended:
        assert list(each.seen) == [10, 21, 31, 39, 55, 65, 89]
        assert list(each.seen.values()) == sorted(each.seen.values())
        assert (5, 15) < (each.seen[55].month, each.seen[55].day) < (6, 25)
        assert each.ended_on is not None
        assert each.ended_on.month in {7, 8}
        assert each.yield_t_ha is not None
    assert len({(each.seen[55] - each.sown_on).days for each in ended}) > 3, "seasons do not differ"


def test_the_story_goes_on_where_it_was_left() -> None:
    sown_on = sowings(SUMMER)[PAST_SEASONS][1]
    early, late = grow(WHEAT, sown_on, SUMMER - timedelta(days=60)), grow(WHEAT, sown_on, SUMMER)
    assert early.seen.items() < late.seen.items()
    assert max(late.seen.values()) <= SUMMER
    assert grow(WHEAT, sown_on, SUMMER) == late


def test_something_grows_at_the_turn_of_the_seasons() -> None:
    for day in range(10, 28):
        today = date(2028, 9, day)
        growing = [plan for plan, sown_on in sowings(today)[::-1] if sown_on.year == 2028]
        assert any(grow(plan, _last(plan, today), today).ended_on is None for plan in growing), today


def _last(plan: object, today: date) -> date:
    return max(sown_on for each, sown_on in sowings(today) if each is plan)


def test_the_sky_is_known_until_today() -> None:
    tmin, tmax = sky(date(2026, 12, 30), 10, until=date(2027, 1, 3))
    assert np.isfinite(tmin[:5]).all()
    assert np.isnan(tmin[5:]).all()
    assert (tmin[:5] < tmax[:5]).all()
    whole, _ = sky(date(2026, 12, 1), 60, until=date(2027, 3, 1))
    assert whole[29:34].tolist() == tmin[:5].tolist()
