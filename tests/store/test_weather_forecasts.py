from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from store.errors import StoreConflict, StoreMissing
from store.sites import find_site
from store.weather_forecasts import ForecastDay, add_weather_forecast, newest_weather_forecast

if TYPE_CHECKING:
    from tests.store.farm import Farm

ISSUED_AT = datetime(2026, 6, 1, 21, tzinfo=UTC)
DAYS = [
    ForecastDay(date(2026, 6, 2), 8.0, 21.5, 0.0, 22.5),
    ForecastDay(date(2026, 6, 3), 9.5, 17.0, None, None),
]


async def add(farm: Farm, issued_at: datetime = ISSUED_AT, **more: Any) -> Any:
    given: dict[str, Any] = {"lab": "shihoro", "site": "farm", "source": "jma", "days": DAYS} | more
    return await farm.do(add_weather_forecast, issued_at=issued_at, **given)


async def test_an_issue_comes_back_as_it_was_given_and_twice_is_once(farm: Farm):
    issue = await add(farm, days=DAYS[::-1])
    assert (issue.source, issue.issued_at, issue.days) == ("jma", ISSUED_AT, DAYS)
    assert await add(farm) == issue
    site = await farm.do(find_site, "shihoro", "farm")
    assert await farm.do(newest_weather_forecast, site.id) == issue
    await farm.plant()
    await farm.settle_all()
    await add(farm)
    assert await farm.due() == {}, "nothing new came"


async def test_other_numbers_or_days_under_the_same_issue_are_refused(farm: Farm):
    issue = await add(farm)
    for days in (
        [DAYS[0]._replace(tmax_c=22.0), DAYS[1]],
        DAYS[:1],
        [*DAYS, DAYS[1]._replace(day=date(2026, 6, 4))],
    ):
        with pytest.raises(StoreConflict, match="jma 2026-06-01T21:00Z"):
            await add(farm, days=days)
    assert await farm.do(newest_weather_forecast, issue.site_id) == issue
    with pytest.raises(psycopg.errors.CheckViolation):
        await add(farm, days=[ForecastDay(date(2026, 6, 2), 20.0, 10.0)], source="other")
    with pytest.raises(StoreMissing):
        await add(farm, site="barn")


async def test_the_newest_is_the_last_issued_that_was_known(farm: Farm):
    first = await add(farm)
    later = await add(farm, ISSUED_AT + timedelta(hours=6))
    other = await add(farm, ISSUED_AT + timedelta(hours=3), source="model")
    newest = await farm.do(newest_weather_forecast, first.site_id)
    assert newest == later
    assert await farm.do(newest_weather_forecast, first.site_id, as_of=first.noted_at) == first
    assert await farm.do(newest_weather_forecast, first.site_id, as_of=other.noted_at) == later
    before = first.noted_at - timedelta(seconds=1)
    assert await farm.do(newest_weather_forecast, first.site_id, as_of=before) is None


async def test_an_empty_issue_is_nothing(farm: Farm):
    with pytest.raises(ValueError, match="no days"):
        await add(farm, days=[])
