from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from store.devices import add_device
from store.errors import StoreMissing
from store.series import open_series
from store.series_readings import (
    Reading,
    Span,
    find_series,
    first_at,
    list_latest,
    page,
    series_of,
    summarise,
)
from store.sites import add_site

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from psycopg import AsyncConnection
    from psycopg_pool import AsyncConnectionPool

START = datetime(2026, 6, 1, tzinfo=UTC)
END = START + timedelta(days=400)
HOUR = timedelta(hours=1)


@pytest.fixture
async def conn(pool: AsyncConnectionPool) -> AsyncIterator[AsyncConnection]:
    async with pool.connection() as conn:
        await add_site(conn, lab="shihoro", slug="farm", name_ja="農", name_en="Farm", timezone="Europe/Rome")
        for name, site in (("shihoro-1", "farm"), ("shihoro-2", None)):
            await add_device(
                conn, name=name, lab="shihoro", kind="farm-station", site=site, password_hash="x"
            )
        yield conn


async def new_series(conn: AsyncConnection, quantity: str = "air_temperature", unit: str = "degC") -> int:
    cursor = await conn.execute("SELECT id FROM devices WHERE name = 'shihoro-1'")
    (device_id,) = await cursor.fetchone() or (0,)
    return (await open_series(conn, device_id, quantity, "", unit)).id


async def put(conn: AsyncConnection, series: int, at: datetime, value: float = 1.0, quality: int = 1) -> None:
    await conn.execute(
        "INSERT INTO readings VALUES (%s, %s, %s, %s, %s)", [series, at, at + HOUR, value, quality]
    )


def span(*series: int, **other: object) -> Span:
    return Span(**{"series": series, "begin": START, "end": END, **other})  # type: ignore[arg-type]


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("limit", [1, 2, 3, 50])
async def test_pages_of_two_series_with_equal_instants(
    conn: AsyncConnection, newest_first: bool, limit: int
) -> None:
    a, b = await new_series(conn), await new_series(conn, unit="degF")
    for i in range(12):
        await put(conn, a, START + i * 5 * timedelta(days=1), i)
        if i % 3:
            await put(conn, b, START + i * 5 * timedelta(days=1), 100 + i)
    found: list[Reading] = []
    while part := await page(
        conn,
        span(a, b),
        limit=limit,
        after=(found[-1].at, found[-1].series_id) if found else None,
        newest_first=newest_first,
    ):
        assert len(part) <= limit
        found += part
    keys = [(reading.at, reading.series_id) for reading in found]
    assert keys == sorted(set(keys), reverse=newest_first)
    assert len(keys) == 12 + 8


async def test_span_is_half_open_and_quality_a_threshold(conn: AsyncConnection) -> None:
    series = await new_series(conn)
    for i in range(4):
        await put(conn, series, START + i * HOUR, i, quality=i + 1)
    part = await page(conn, span(series, begin=START + HOUR, end=START + 3 * HOUR), limit=9)
    assert [reading.value for reading in part] == [1, 2]
    part = await page(conn, span(series, worst=2), limit=9)
    assert [reading.value for reading in part] == [0, 1]
    assert await first_at(conn, span(series, worst=2), newest_first=True) == START + HOUR
    assert await first_at(conn, span(series, begin=START + 9 * HOUR)) is None
    assert await page(conn, span(), limit=9) == []


async def test_summaries_against_numpy(conn: AsyncConnection) -> None:
    a, b = await new_series(conn), await new_series(conn, unit="degF")
    rng = np.random.default_rng(7)
    edges = [START + timedelta(hours=hours) for hours in (0, 1, 5, 6, 30, 31)]
    stored = []
    for i in range(200):
        series = a if i % 2 else b
        at, value, quality = START + i * timedelta(minutes=13), float(rng.normal()), int(rng.integers(1, 5))
        stored.append((series, at, value, quality))
        await put(conn, series, at, value, quality)
    found = await summarise(conn, span(a, b), edges)
    expected = 0
    for summary in found:
        begin, end = edges[summary.bucket - 1], edges[summary.bucket]
        part = [row for row in stored if row[0] == summary.series_id and begin <= row[1] < end]
        values = [row[2] for row in part]
        expected += len(part)
        assert summary.number == len(part)
        assert summary.mean() == pytest.approx(np.mean(values), rel=1e-12)
        assert (summary.least, summary.greatest) == (min(values), max(values))
        assert summary.worst == max(row[3] for row in part)
    assert expected == len([row for row in stored if row[1] < edges[-1]])
    assert len({(summary.bucket, summary.series_id) for summary in found}) == len(found)


@pytest.mark.parametrize(
    "values", [[1.7e308] * 9, [1e200, -1e200, 3e200], [5e-324, 1e-310], [-1.7e308, 1.7e308]]
)
async def test_mean_of_extreme_values(conn: AsyncConnection, values: list[float]) -> None:
    series = await new_series(conn)
    for i, value in enumerate(values):
        await put(conn, series, START + i * HOUR, value)
    (summary,) = await summarise(conn, span(series), [START, END])
    exact = float(sum(map(int, values)) // len(values)) if abs(values[0]) > 1 else sum(values) / len(values)
    assert summary.mean() == pytest.approx(exact, rel=1e-12)


async def test_latest(conn: AsyncConnection) -> None:
    a, b = await new_series(conn), await new_series(conn, "soil_temperature")
    await put(conn, a, START, 1)
    await put(conn, a, START + 60 * timedelta(days=1), 2)
    await conn.execute("INSERT INTO series_latest VALUES (%s, %s, %s, 1, 1)", [a, START, END])
    first, second = await list_latest(conn, lab="shihoro", limit=9)
    assert first.newest is not None
    assert first.received is not None
    assert (first.newest.value, first.received.value, first.received.received_at) == (2, 1, END)
    assert (second.series.id, second.newest, second.received) == (b, None, None)
    assert [latest.series.id for latest in await list_latest(conn, after=a, limit=9)] == [b]
    assert await list_latest(conn, lab="sendai", limit=9) == []
    assert await list_latest(conn, device="shihoro-2", limit=9) == []


async def test_series_are_held_to_a_lab(conn: AsyncConnection) -> None:
    series = await new_series(conn)
    found = await find_series(conn, series, "shihoro")
    assert (found.device, found.timezone, found.unit) == ("shihoro-1", "Europe/Rome", "degC")
    with pytest.raises(StoreMissing):
        await find_series(conn, series, "sendai")
    assert [view.id for view in await series_of(conn, "shihoro-1", lab="shihoro", position="")] == [series]
    assert await series_of(conn, "shihoro-1", lab="sendai") == []
    assert await series_of(conn, "shihoro-1", position="10cm") == []
