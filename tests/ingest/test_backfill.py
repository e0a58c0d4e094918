"""History from files: read, checked, stored once, whatever is rejected kept with its row."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from devices.kinds import load_kinds
from ingest.backfill import Backfill, Imported
from ingest.errors import ImportRefused
from ingest.history import History, Layout
from store.errors import StoreMissing

if TYPE_CHECKING:
    from pathlib import Path

    from tests.ingest.desk import Desk


async def take_in(desk: Desk, path: Path, device: str = "north-1", **layout: Any) -> Imported:
    backfill = Backfill(desk.pool, load_kinds(), device, path.name)
    history = History(path, Layout(**layout))
    history.check_channels(await backfill.meet())
    return await backfill.take_in(history.pieces(), hashlib.sha256(str(path).encode()).digest())


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


async def stored(desk: Desk) -> list[tuple[str, float]]:
    rows = await desk.rows("SELECT at, value FROM readings ORDER BY at, value")
    return [(f"{row['at']:%Y-%m-%d %H:%M}", row["value"]) for row in rows]


WIDE = """time,Air,air_temperature@canopy,notes
2025-01-01 09:00,1.5,2.5,fine
2025/1/1 9:10,,3.5,
2025-01-01T09:20:00,x,4.5,
2025-01-01T00:30:00Z,5.5,NaN,
soon,6.5,7.5,
"""


async def test_a_wide_csv(desk: Desk, tmp_path):
    path = write(tmp_path / "farm.csv", WIDE)
    layout = {"zone": "Asia/Tokyo", "keys": {"Air": "air_temperature", "notes": ""}}
    done = await take_in(desk, path, **layout)
    assert (done.readings, done.committed, done.quarantined, done.again) == (9, 5, 4, 0)
    assert done.reasons == {"not_a_number": 1, "not_finite": 1, "bad_time": 2}
    assert await desk.values() == {"air_temperature": [1.5, 5.5], "air_temperature@canopy": [2.5, 3.5, 4.5]}
    assert (await stored(desk))[0] == ("2025-01-01 00:00", 1.5)
    rows = {row.reason: row for row in await desk.quarantine()}
    assert 'farm.csv, row 3: air_temperature is "x"' in rows["not_a_number"].detail
    assert "row 4" in rows["not_finite"].detail
    assert "row 5" in rows["bad_time"].detail
    assert {row.origin for row in rows.values()} == {"import"}
    kept = json.loads(rows["bad_time"].payload)
    assert [kept[place] for place in rows["bad_time"].rejected or []] == [
        {"at": "soon", "values": {"air_temperature": 6.5}, "row": 5},
        {"at": "soon", "values": {"air_temperature@canopy": 7.5}, "row": 5},
    ]
    assert await desk.ledger() == {"messages": 1, "received": 9, "committed": 5, "quarantined": 4}
    assert (await desk.rows("SELECT min_delay_ms FROM ledger"))[0]["min_delay_ms"] is None

    again = await take_in(desk, path, **layout)
    assert (again.committed, again.duplicate, again.quarantined, again.again) == (0, 5, 4, 1)
    assert [row.sightings for row in await desk.quarantine()] == [2, 2, 2]
    expected = {"messages": 2, "received": 18, "committed": 5, "duplicate": 5, "quarantined": 8}
    assert await desk.ledger() == expected
    (first, _) = await desk.rows("SELECT file_name, outcome, ended_at FROM imports ORDER BY id")
    assert (first["file_name"], first["outcome"]["committed"]) == ("farm.csv", 5)
    await desk.replay()
    assert await desk.ledger() == expected


async def test_a_long_parquet_of_many_pieces(desk: Desk, tmp_path, monkeypatch):
    monkeypatch.setattr("ingest.history.READINGS_A_PIECE", 1000)
    start = datetime(2024, 3, 1)  # noqa: DTZ001
    frame = pl.DataFrame(
        {
            "logger": ["a"] * 2500 + ["b"] * 10,
            "variable": ["Temp"] * 1250 + ["humidity", "Moon"] * 625 + ["Temp"] * 10,
            "timestamp": [start] * 2510,
            "value": [float(number) for number in range(2510)],
        }
    ).with_columns(pl.col("timestamp") + pl.duration(minutes=pl.int_range(2510)))
    path = tmp_path / "loggers.parquet"
    frame.write_parquet(path)
    done = await take_in(
        desk,
        path,
        zone="Asia/Tokyo",
        long=("variable", "value"),
        where={"logger": "a"},
        keys={"Temp": "air_temperature", "humidity": "relative_humidity"},
    )
    assert (done.readings, done.committed, done.quarantined) == (2500, 1875, 625)
    assert done.reasons == {"unknown_quantity": 625}
    values = await desk.values()
    assert values["air_temperature"] == [float(number) for number in range(1250)]
    assert values["relative_humidity"] == [float(number) for number in range(1250, 2500, 2)]
    rows = await desk.quarantine(limit=100)
    assert sum(row.readings for row in rows) == 625
    assert await desk.ledger() == {"messages": 25, "received": 2500, "committed": 1875, "quarantined": 625}


@pytest.mark.parametrize(("repeated", "hours"), [("reject", []), ("earliest", [0]), ("latest", [1])])
async def test_times_that_clocks_showed_twice_or_not_at_all(desk: Desk, tmp_path, repeated, hours):
    path = write(
        tmp_path / "dst.csv",
        "time,air_temperature\n2025-10-26 02:30,1\n2025-03-30 02:30,2\n2025-06-01 00:00,3\n",
    )
    await take_in(desk, path, zone="Europe/Berlin", repeated=repeated)
    found = {value: at for at, value in await stored(desk)}
    assert found.pop(3.0) == "2025-05-31 22:00"
    assert list(found.values()) == [f"2025-10-26 0{hour}:30" for hour in hours]
    (row,) = await desk.quarantine()
    assert row.readings == 2 - len(hours)
    assert "twice or not at all" in row.detail


async def test_conflicts_within_and_with_what_is_stored(desk: Desk, tmp_path):
    path = write(
        tmp_path / "a.csv", "at,air_temperature\n1760000000000,1\n1760000000000,2\n1760000000000,1\n"
    )
    done = await take_in(desk, path)
    assert (done.committed, done.duplicate, done.conflicting) == (1, 1, 1)
    (row,) = await desk.quarantine()
    assert (row.reason, row.rejected, row.origin) == ("conflicting", [1], "import")
    assert json.loads(row.payload)[1] == {
        "at": "2025-10-09T08:53:20.000000Z",
        "values": {"air_temperature": 2.0},
        "row": 2,
    }


async def test_times_out_of_range_and_missing_values(desk: Desk, tmp_path):
    path = write(
        tmp_path / "a.csv",
        "at,air_temperature\n1760000000,1\n9999999999999999,2\n1760000000000,-9999\n1760000000001,5\n",
    )
    done = await take_in(desk, path, missing=("-9999",))
    assert (done.readings, done.committed, done.reasons["bad_time"]) == (3, 1, 2)
    done = await take_in(desk, write(tmp_path / "b.csv", "at,air_temperature\n1760000000,1\n"), unit="s")
    assert done.committed == 1


@pytest.mark.parametrize(
    ("text", "layout", "told"),
    [
        ("a,b\n1,2\n", {}, "name the column of times; there are a, b"),
        ("at,b\n1,2\n", {"zone": "Asia/Kyoto"}, "no time zone 'Asia/Kyoto'"),
        ("at,b\n1,2\n", {"time": "c"}, "no column 'c'; there are at, b"),
        ("at,b\n1,2\n", {"keys": {"c": "x"}}, "no column 'c'"),
        ("at,b\n1,2\n", {}, "column 'b': the kind farm-station has no b; map it as b=QUANTITY"),
        ("", {}, "cannot be read"),
    ],
)
async def test_a_layout_that_does_not_fit_changes_nothing(desk: Desk, tmp_path, text, layout, told):
    with pytest.raises(ImportRefused, match=told):
        await take_in(desk, write(tmp_path / "a.csv", text), **layout)
    assert await desk.rows("SELECT * FROM imports") == []


async def test_a_file_with_a_broken_row_may_be_mended_and_taken_in_again(desk: Desk, tmp_path):
    text = "at,air_temperature\n1760000000000,1\n1760000000001,2,3,4\n"
    with pytest.raises(ImportRefused, match="mend it"):
        await take_in(desk, write(tmp_path / "a.csv", text))
    done = await take_in(desk, write(tmp_path / "a.csv", text.replace(",3,4", "")))
    assert (done.readings, done.again) == (2, 0)


async def test_a_device_must_be_registered(desk: Desk, tmp_path):
    with pytest.raises(StoreMissing):
        await take_in(desk, write(tmp_path / "a.csv", "at,air_temperature\n"), device="nobody")
