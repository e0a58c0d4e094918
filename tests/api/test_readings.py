"""Readings over HTTP: pages, buckets, units, CSV."""

from __future__ import annotations

import csv
import io
import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from api.readings import CSV_ROWS, csv_line
from devices.units import convert
from store.series import open_series
from tests.api.conftest import NOON, add_readings

if TYPE_CHECKING:
    from psycopg_pool import AsyncConnectionPool

    from tests.api.conftest import Asker

MINUTE = timedelta(minutes=1)
Row = tuple[datetime, float, int]


def rows(count: int, *, start: datetime = NOON, step: timedelta = 5 * MINUTE, seed: int = 1) -> list[Row]:
    rng = np.random.default_rng(seed)
    values, flags = rng.normal(20, 5, count), rng.integers(1, 5, count)
    return [(start + step * i, float(values[i]), int(flags[i])) for i in range(count)]


async def pages(ask: Asker, url: str, kind: str = "readings", **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        answer = await ask("GET", url, params=query)
        assert answer.status == 200, answer.text
        found += answer.data[kind]
        if answer.data["next"] is None:
            return found
        query["cursor"] = answer.data["next"]


def url(ask: Asker) -> str:
    return f"/api/v1/series/{ask.world.series['shihoro-1']}/readings"


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("limit", [1, 7, 20, 21])
async def test_pages_give_every_reading_once_in_order(
    ask: Asker, pool: AsyncConnectionPool, order: str, limit: int
) -> None:
    stored = rows(20, step=4 * timedelta(days=1))  # over many chunks
    await add_readings(pool, ask.world.series["shihoro-1"], stored)
    found = await pages(ask, url(ask), limit=limit, order=order)
    expected = [(at, value, flag) for at, value, flag in stored][:: 1 if order == "asc" else -1]
    assert [(datetime.fromisoformat(r["at"]), r["value"], r["quality"]) for r in found] == expected
    assert {r["at"][-6:] for r in found} == {"+09:00"}


async def test_pages_are_stable_while_readings_arrive(ask: Asker, pool: AsyncConnectionPool) -> None:
    """What was there is shown once, whatever is inserted before, between and behind meanwhile."""
    series, stored = ask.world.series["shihoro-1"], rows(60)
    await add_readings(pool, series, stored)
    rng, seen, query = random.Random(3), [], {"limit": 7}
    while True:
        answer = await ask("GET", url(ask), params=query)
        seen += [datetime.fromisoformat(reading["at"]) for reading in answer.data["readings"]]
        if answer.data["next"] is None:
            break
        query["cursor"] = answer.data["next"]
        late = NOON + timedelta(seconds=rng.uniform(-3_600, 60 * 300))
        await add_readings(pool, series, [(late, 1.0, 1)])
    assert seen == sorted(set(seen))
    assert {at for at, _, _ in stored} <= set(seen)


async def test_span_quality_and_empty(ask: Asker, pool: AsyncConnectionPool) -> None:
    stored = rows(50)
    await add_readings(pool, ask.world.series["shihoro-1"], stored)
    begin, end = stored[10][0], stored[20][0]
    found = await pages(ask, url(ask), **{"from": begin.isoformat(), "to": end.isoformat()})
    assert len(found) == 10  # from is included, to is not
    found = await pages(ask, url(ask), quality=2)
    assert [r["quality"] for r in found] == [flag for _, _, flag in stored if flag <= 2]
    assert await pages(ask, url(ask), **{"from": "2030-01-01"}) == []
    assert await pages(ask, url(ask), "buckets", **{"from": "2030-01-01", "every": "1d"}) == []


async def test_a_date_is_the_first_moment_of_the_day_in_the_zone(
    ask: Asker, pool: AsyncConnectionPool
) -> None:
    midnight = datetime(2026, 6, 30, 15, tzinfo=UTC)
    await add_readings(pool, ask.world.series["shihoro-1"], [(midnight - MINUTE, 1.0, 1), (midnight, 2.0, 1)])
    day = {"from": "2026-07-01", "to": "2026-07-02"}
    assert [r["value"] for r in await pages(ask, url(ask), **day)] == [2.0]
    assert [r["value"] for r in await pages(ask, url(ask), tz="UTC", **day)] == []


@pytest.mark.parametrize(
    ("site_zone", "start"),
    [
        (None, "2026-07-01T00:00:00+09:00"),
        ("Asia/Tokyo", "2026-07-01T00:00:00+09:00"),
        ("America/Sao_Paulo", "2026-06-30T00:00:00-03:00"),
    ],
)
async def test_buckets_begin_by_the_sites_clock_or_else_tokyos(
    ask: Asker, pool: AsyncConnectionPool, site_zone: str | None, start: str
) -> None:
    await add_readings(pool, ask.world.series["shihoro-1"], [(datetime(2026, 6, 30, 23, tzinfo=UTC), 1.0, 1)])
    async with pool.connection() as conn:
        if site_zone is None:
            await conn.execute("UPDATE devices SET site_id = NULL")
        else:
            await conn.execute("UPDATE sites SET timezone = %s", [site_zone])
    page = (await ask("GET", url(ask), params={"every": "1d"})).data
    assert (page["timezone"], page["buckets"][0]["start"]) == (site_zone or "Asia/Tokyo", start)


def oracle(stored: list[Row], zone: ZoneInfo, key: Any) -> list[tuple[Any, int, float, float, float, int]]:
    groups: dict[Any, list[Row]] = {}
    for row in stored:
        groups.setdefault(key(row[0].astimezone(zone)), []).append(row)
    return [
        (
            start,
            len(group),
            float(np.mean([value for _, value, _ in group])),
            min(value for _, value, _ in group),
            max(value for _, value, _ in group),
            max(flag for _, _, flag in group),
        )
        for start, group in sorted(groups.items())
    ]


def hour_of(local: datetime) -> datetime:
    """Start of the hour as an instant: the repeated hour is two."""
    utc = local.astimezone(UTC)
    return utc.replace(minute=0, second=0, microsecond=0)


@pytest.mark.parametrize(
    ("every", "key"),
    [
        ("1h", hour_of),
        ("1d", lambda local: local.date()),
        ("1w", lambda local: local.date() - timedelta(days=local.weekday())),
        ("1mo", lambda local: local.date().replace(day=1)),
    ],
)
@pytest.mark.parametrize(
    ("zone", "start"),
    [
        ("Asia/Tokyo", "2026-06-29T10:00:00+00:00"),
        ("Europe/Rome", "2026-03-27T10:00:00+00:00"),
        ("Europe/Rome", "2026-10-23T10:00:00+00:00"),
    ],
)
@pytest.mark.parametrize("way", [{"order": "asc"}, {"order": "desc", "limit": 3}], ids=str)
async def test_buckets_against_numpy(
    ask: Asker,
    pool: AsyncConnectionPool,
    *,
    every: str,
    key: Any,
    zone: str,
    start: str,
    way: dict[str, Any],
) -> None:
    stored = rows(320, start=datetime.fromisoformat(start), step=17 * MINUTE)
    stored = [row for i, row in enumerate(stored) if not 100 < i < 160]  # a gap
    await add_readings(pool, ask.world.series["shihoro-1"], stored)
    found = await pages(ask, url(ask), "buckets", every=every, tz=zone, **way)
    expected = oracle(stored, ZoneInfo(zone), key)[:: 1 if way["order"] == "asc" else -1]
    assert [bucket["count"] for bucket in found] == [row[1] for row in expected]
    for bucket, (begin, _, mean, least, greatest, worst) in zip(found, expected, strict=True):
        shown = datetime.fromisoformat(bucket["start"])
        assert shown == begin if every == "1h" else (shown.date(), shown.hour) == (begin, 0)
        assert bucket["mean"] == pytest.approx(mean, rel=1e-12)
        assert (bucket["min"], bucket["max"], bucket["worst_quality"]) == (least, greatest, worst)


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_pages_of_buckets_are_full_where_readings_are_rare(
    ask: Asker, pool: AsyncConnectionPool, order: str
) -> None:
    """Hourly readings in buckets of a minute, some hours with two: no page for each."""
    stored = [(NOON + i * 60 * MINUTE + j * MINUTE, float(i), 1) for i in range(40) for j in range(1 + i % 2)]
    await add_readings(pool, ask.world.series["shihoro-1"], stored)
    query = {"every": "1m", "limit": 20, "order": order}
    found: list[Any] = []
    calls = 0
    while "cursor" not in query or query["cursor"] is not None:
        page = (await ask("GET", url(ask), params=query)).data
        found += page["buckets"]
        query["cursor"] = page["next"]
        calls += 1
    assert [datetime.fromisoformat(bucket["start"]) for bucket in found] == [at for at, _, _ in stored][
        :: 1 if order == "asc" else -1
    ]
    assert calls == 3
    sparse = await pages(ask, url(ask), "buckets", every="40m", limit=7, order=order)
    whole = await pages(ask, url(ask), "buckets", every="40m", limit=5000, order=order)
    assert sparse == whole


async def test_values_at_the_end_of_floats_do_not_break_a_bucket(
    ask: Asker, pool: AsyncConnectionPool
) -> None:
    values = [1.7e308, 1.7e308, 1.6e308, -5e-324, 1e-300]
    stored = [(NOON + MINUTE * i, value, 4) for i, value in enumerate(values)]
    await add_readings(pool, ask.world.series["shihoro-1"], stored)
    (bucket,) = await pages(ask, url(ask), "buckets", every="1d")
    assert bucket["mean"] == pytest.approx(1e308, rel=1e-9)
    assert [r["value"] for r in await pages(ask, url(ask))] == values


async def test_units(ask: Asker, pool: AsyncConnectionPool) -> None:
    async with pool.connection() as conn:
        device = ask.world.devices["shihoro-1"]
        old = await open_series(conn, device, "soil_temperature", "10cm", "degF")
        new = await open_series(conn, device, "soil_temperature", "10cm", "degC")
    await add_readings(pool, old.id, [(NOON, 50.0, 1), (NOON + MINUTE, 68.0, 3)])
    await add_readings(pool, new.id, [(NOON + MINUTE / 2, 12.5, 1), (NOON + 2 * MINUTE, 30.0, 1)])
    base = "/api/v1/devices/shihoro-1/readings"
    query = {"quantity": "soil_temperature", "position": "10cm"}
    found = await pages(ask, base, limit=1, **query)
    assert [r["value"] for r in found] == pytest.approx([10.0, 12.5, 20.0, 30.0])
    (bucket,) = await pages(ask, base, "buckets", every="1h", **query)
    assert [bucket[k] for k in ("count", "mean", "min", "max", "worst_quality")] == [4, 18.125, 10.0, 30.0, 3]
    raw = await ask("GET", f"/api/v1/series/{old.id}/readings", params={"unit": "raw"})
    assert (raw.data["unit"], [r["value"] for r in raw.data["readings"]]) == ("degF", [50.0, 68.0])
    mixed = await ask("GET", base, params=query | {"unit": "raw"})
    assert (mixed.status, mixed.data["errors"][0]["field"]) == (400, "unit")
    latest = await ask("GET", "/api/v1/devices/shihoro-1/latest")
    shown = {item["series"]["id"]: item["newest"] for item in latest.data["items"]}
    assert shown[old.id]["value"] == pytest.approx(convert(68.0, "degF", "degC"))


async def test_a_quantity_without_series_is_an_empty_list(ask: Asker) -> None:
    answer = await ask("GET", "/api/v1/devices/shihoro-1/readings?quantity=wind_speed")
    assert (answer.status, answer.data["readings"], answer.data["unit"]) == (200, [], "m/s")
    answer = await ask("GET", "/api/v1/devices/shihoro-1/readings?quantity=happiness")
    assert (answer.status, answer.data["errors"][0]["field"]) == (400, "quantity")


async def test_cursors_belong_to_their_question(ask: Asker, pool: AsyncConnectionPool) -> None:
    await add_readings(pool, ask.world.series["shihoro-1"], rows(5))
    cursor = (await ask("GET", url(ask), params={"limit": 2})).data["next"]
    for other in ({"order": "desc"}, {"every": "1h"}):
        answer = await ask("GET", url(ask), params={"cursor": cursor} | other)
        assert (answer.status, answer.data["errors"][0]["field"]) == (400, "cursor")
    answer = await ask("GET", url(ask), params={"cursor": cursor, "format": "csv"})
    assert answer.status == 400


async def test_csv(ask: Asker, pool: AsyncConnectionPool) -> None:
    stored = rows(CSV_ROWS + 5)
    await add_readings(pool, ask.world.series["shihoro-1"], stored)
    answer = await ask("GET", url(ask), params={"format": "csv"})
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="shihoro-1-air_temperature.csv"'
    table = list(csv.reader(io.StringIO(answer.text, newline="")))
    assert table[0] == ["at", "received_at", "air_temperature [degC]", "quality", "simulated"]
    read = [(datetime.fromisoformat(at), float(value), int(flag)) for at, _, value, flag, _ in table[1:]]
    assert read == stored
    assert answer.text.count("\r\n") == len(table)
    head = await ask("HEAD", url(ask), params={"format": "csv"})
    assert (head.status, head.headers["Content-Type"], head.text) == (200, "text/csv; charset=utf-8", "")
    short = await ask("GET", url(ask), params={"format": "csv", "limit": 3, "order": "desc"})
    assert len(short.text.splitlines()) == 4
    empty = await ask("GET", url(ask), params={"format": "csv", "from": "2030-01-01"})
    assert empty.text == "at,received_at,air_temperature [degC],quality,simulated\r\n"


async def test_csv_of_buckets_equals_json(ask: Asker, pool: AsyncConnectionPool) -> None:
    await add_readings(pool, ask.world.series["shihoro-1"], rows(900, step=60 * MINUTE))
    text = (await ask("GET", url(ask), params={"format": "csv", "every": "1h"})).text
    table = list(csv.DictReader(io.StringIO(text, newline="")))
    found = await pages(ask, url(ask), "buckets", every="1h")
    assert len(table) == len(found) == 900
    assert [row["start"] for row in table] == [bucket["start"] for bucket in found]
    assert [float(row["mean air_temperature [degC]"]) for row in table] == [b["mean"] for b in found]


@pytest.mark.parametrize(
    ("cells", "line"),
    [
        (["a", "b"], "a,b"),
        (['a"b', "c,d"], '"a""b","c,d"'),
        (["=1+1", "@x", "-1"], "'=1+1,'@x,'-1"),
        (["a\nb"], '"a\nb"'),
    ],
)
def test_csv_line(cells: list[str], line: str) -> None:
    assert csv_line(cells) == line + "\r\n"


async def test_a_csv_that_breaks_off_is_not_taken_for_whole(
    ask: Asker, pool: AsyncConnectionPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    import aiohttp

    import api.readings

    await add_readings(pool, ask.world.series["shihoro-1"], rows(2 * CSV_ROWS))
    whole = api.readings.read_rows
    calls = 0

    async def fail_later(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise RuntimeError("the disk is on fire")
        return await whole(*args)

    monkeypatch.setattr(api.readings, "read_rows", fail_later)
    with pytest.raises((aiohttp.ClientPayloadError, aiohttp.ClientConnectionError, ConnectionResetError)):
        await ask("GET", url(ask), params={"format": "csv"})
    calls = 1
    first = await ask("GET", url(ask), params={"format": "csv"})
    assert (first.status, first.data["code"]) == (500, "internal")
