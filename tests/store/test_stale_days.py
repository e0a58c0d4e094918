"""Marks of late data: which days, by whom they are cleared, and that two writers do not deadlock."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.batches import transaction
from store.readings import Fate, Fates, Rows
from store.stale_days import (
    DAY_US,
    LATE_US,
    clear_stale_days,
    late_days,
    list_stale_sites,
    note_late,
    take_stale_days,
)

if TYPE_CHECKING:
    from tests.store.farm import Farm

NOON = datetime(2026, 6, 10, 12, tzinfo=UTC)
NOON_US = int(NOON.timestamp()) * 1_000_000
HOUR_US = 3_600_000_000


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the writers' clock stand still."""
    monkeypatch.setattr("store.stale_days.time.time_ns", lambda: NOON_US * 1000)


def rows(*pairs: tuple[int, float]) -> Rows:
    """Series and hours before noon, as a writer has them: sorted."""
    keys = sorted((series, NOON_US - int(hours * HOUR_US)) for series, hours in pairs)
    return Rows(
        series=np.array([series for series, _ in keys], np.int32),
        at=np.array([at for _, at in keys], np.int64),
        received=np.full(len(keys), NOON_US),
        value=np.zeros(len(keys)),
        quality=np.ones(len(keys), np.int16),
    )


async def mark(farm: Farm, given: Rows) -> int:
    async with transaction(farm.pool) as conn:
        return await note_late(conn, given, Fates.all_committed(given))


async def site_id(farm: Farm) -> int:
    number: int = await farm.one("SELECT id FROM sites WHERE slug = 'farm'")
    return number


async def days(farm: Farm) -> list[tuple[int, date]]:
    taken = await farm.do(take_stale_days, await site_id(farm))
    return [(item.series_id, item.day) for item in taken]


def test_only_days_of_late_and_committed_readings_are_found():
    given = rows((1, 0), (1, 3.9), (1, 4.1), (1, 4.2), (1, 30), (2, 13), (3, 50))
    fates = Fates(code=np.array([0, 0, 0, 0, 0, 0, Fate.DUPLICATE], np.int8), stored=given.value)
    series, day = late_days(given, fates, NOON_US)
    today = NOON_US // DAY_US
    assert list(zip(series.tolist(), day.tolist(), strict=True)) == [
        (1, today - 1),
        (1, today),
        (2, today - 1),
    ]


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(-10, 100)), max_size=40))
def test_late_days_are_those_of_a_plain_count(pairs: list[tuple[int, int]]):
    given_rows = rows(*pairs)
    expected = sorted({(s, (NOON_US - h * HOUR_US) // DAY_US) for s, h in pairs if h * HOUR_US > LATE_US})
    found = late_days(given_rows, Fates.all_committed(given_rows), NOON_US)
    assert list(zip(*(column.tolist() for column in found), strict=True)) == expected


async def test_days_are_marked_for_devices_at_a_site_only(farm: Farm):
    here, loose = await farm.station("north-1"), await farm.station("loose-1", None)
    assert await mark(farm, rows((here.id, 0), (loose.id, 1))) == 0
    assert await days(farm) == []
    assert await mark(farm, rows((here.id, 24), (here.id, 24.5), (here.id, 48), (loose.id, 48))) == 3
    assert await days(farm) == [(here.id, date(2026, 6, 8)), (here.id, date(2026, 6, 9))]
    assert await farm.one("SELECT count(*) FROM stale_days") == 2


async def test_what_is_marked_again_meanwhile_is_not_cleared(farm: Farm):
    series = await farm.station("north-1")
    await mark(farm, rows((series.id, 24), (series.id, 48)))
    taken = await farm.do(take_stale_days, await site_id(farm))
    assert [(item.quantity, item.position) for item in taken] == [("air_temperature", "")] * 2
    await mark(farm, rows((series.id, 24)))
    assert await farm.do(clear_stale_days, taken) == 1
    assert await days(farm) == [(series.id, date(2026, 6, 9))]
    assert await farm.do(clear_stale_days, taken) == 0


async def test_a_mark_after_a_clearance_is_another_mark(farm: Farm):
    series = await farm.station("north-1")
    await mark(farm, rows((series.id, 24)))
    first = await farm.do(take_stale_days, await site_id(farm))
    await farm.do(clear_stale_days, first)
    await mark(farm, rows((series.id, 24)))
    assert await farm.do(clear_stale_days, first) == 0, "a slow worker must not take the new one for its own"
    assert len(await days(farm)) == 1


async def test_whoever_clears_does_not_wait_for_a_writer(farm: Farm):
    series = await farm.station("north-1")
    await mark(farm, rows((series.id, 24), (series.id, 48)))
    taken = await farm.do(take_stale_days, await site_id(farm))
    async with transaction(farm.pool) as conn:
        again = rows((series.id, 24))
        await note_late(conn, again, Fates.all_committed(again))
        assert await asyncio.wait_for(farm.do(clear_stale_days, taken), 2) == 1
    assert await days(farm) == [(series.id, date(2026, 6, 9))]


async def test_sites_are_listed_once_nothing_comes_any_more(farm: Farm):
    await farm.site("kaga", "bay", "f")
    north, kaga = await farm.station("north-1"), await farm.station("kaga-1", "bay", "kaga")
    await mark(farm, rows((north.id, 24), (north.id, 48)))
    await mark(farm, rows((kaga.id, 24)))
    assert await farm.do(list_stale_sites, quiet_s=60, longest_s=60) == []
    found = await farm.do(list_stale_sites, quiet_s=0)
    assert [(site.lab, site.days, site.timezone) for site in found] == [
        ("shihoro", 2, "Asia/Tokyo"),
        ("kaga", 1, "Asia/Tokyo"),
    ]
    assert found[0].since <= found[0].noted_at <= datetime.now(UTC) + timedelta(seconds=1)
    assert len(await farm.do(list_stale_sites, quiet_s=60, longest_s=0)) == 2


async def test_two_writers_of_the_same_days_and_a_worker_do_not_deadlock(farm: Farm):
    series = [await farm.station(f"north-{n}") for n in range(1, 5)]
    batch = rows(*((one.id, 24 * day) for one in series for day in range(1, 40)))
    halves = [batch, batch.take(slice(None, None, 2)), batch.take(slice(40, None))]

    async def write(given_rows: Rows) -> None:
        for _ in range(30):
            await mark(farm, given_rows)

    async def clear(stop: asyncio.Event) -> int:
        done = 0
        while not stop.is_set():
            taken: Any = await farm.do(take_stale_days, site)
            done += await farm.do(clear_stale_days, taken)
        return done

    site, stop = await site_id(farm), asyncio.Event()
    worker = asyncio.create_task(clear(stop))
    await asyncio.wait_for(asyncio.gather(*(write(half) for half in halves)), 60)
    stop.set()
    assert await worker > 0
    await farm.do(clear_stale_days, await farm.do(take_stale_days, site))
    assert await days(farm) == []
