"""The greenhouse loggers' history by ``./chiiki import``: the same rows as over MQTT, from any shape."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from devices.credentials import hash_password
from store.devices import add_device
from tests.e2e.loggers import CHANNELS, FILE, GOOD, Logger, read_loggers
from tests.e2e.system import CHECKOUT, KINDS

if TYPE_CHECKING:
    from pathlib import Path

    from psycopg_pool import AsyncConnectionPool

pytestmark = pytest.mark.skipif(
    not FILE.exists() and "CI" not in os.environ,  # in CI its absence is a failure
    reason=f"the field data {FILE} is not beside this checkout",
)

# Between them: NaN, empty cells, conflicting repeats, the hour that Rome skips, the hour that it sees twice.
LONG = ["g1-micro-1", "g2-micro-1"]
WIDE = ["g2-temp-4ch-1", "g2-trh-3", "g2-ref-par"]
LARGEST = "g1-temp-4ch-1"
MAPPED = [f"--map={column}={channel}" for column, channel in CHANNELS.items()]
COMMON = ["--tz", "Europe/Rome", "--repeated", "earliest", "--json"]
STORED = """
SELECT s.quantity || CASE s.position WHEN '' THEN '' ELSE '@' || s.position END, r.at, r.value
FROM readings r JOIN series s ON s.id = r.series_id JOIN devices d ON d.id = s.device_id WHERE d.name = %s
"""
ENDS = ("received", "committed", "duplicate", "conflicting", "quarantined")
ACCOUNT = f"""
SELECT {", ".join(f"coalesce(sum({end}), 0)::int8" for end in ENDS)}
FROM ledger l JOIN devices d ON d.id = l.device_id WHERE d.name = %s
"""
KEPT = """
SELECT reason, count(*), sum(readings)
FROM quarantine q JOIN devices d ON d.id = q.device_id WHERE d.name = %s GROUP BY 1 ORDER BY 1
"""


@pytest.fixture(scope="module")
def loggers() -> dict[str, Logger]:
    return {logger.name: logger for logger in read_loggers()}


@dataclass
class Importer:
    """``./chiiki import`` on a database of its own."""

    database_url: str

    @property
    def environ(self) -> dict[str, str]:
        return {**os.environ, "CHIIKI_DATABASE_URL": self.database_url, "CHIIKI_KINDS_DIR": str(KINDS)}

    def command(self, file: Path, device: str, *options: str) -> list[str]:
        return [sys.executable, "-m", "deploy", "import", str(file), "--device", device, *COMMON, *options]

    def run(self, file: Path, device: str, *options: str) -> dict[str, Any]:
        done = subprocess.run(
            self.command(file, device, *options), cwd=CHECKOUT, env=self.environ,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    def query(self, sql: str, device: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database_url) as conn:
            return conn.execute(sql, (device,)).fetchall()

    def stored(self, device: str) -> pl.DataFrame:
        columns = {"channel": pl.String, "at": pl.Datetime("us", "UTC"), "value": pl.Float64}
        rows = pl.DataFrame(self.query(STORED, device), columns, orient="row")
        return rows.sort("channel", "at")

    def account(self, device: str) -> dict[str, int]:
        return dict(zip(ENDS, self.query(ACCOUNT, device)[0], strict=True))


@pytest.fixture
async def importer(database_url: str, pool: AsyncConnectionPool) -> Importer:
    async with pool.connection() as conn:
        for name in (*LONG, *WIDE, LARGEST):
            await add_device(
                conn, name=name, lab="shihoro", kind="greenhouse-logger", password_hash=hash_password("x")
            )
    parts = conninfo_to_dict(database_url)
    return Importer("postgresql://{user}:{password}@{host}:{port}/{dbname}".format_map(parts))


def write_long(name: str) -> tuple[Path, list[str]]:
    """Take the file as it is, all loggers in one; the rows of this one are chosen by two columns."""
    names = pl.scan_parquet(FILE).select(pl.col("logger").unique()).collect()["logger"].to_list()
    (logger,) = [one for one in names if one.lower().replace("_", "-") == name[3:]]
    where = ["--where", f"greenhouse={name[1]}", "--where", f"logger={logger}"]
    return FILE, ["--long", "variable,value", *where, *MAPPED]


def write_wide(logger: Logger, folder: Path) -> tuple[Path, list[str]]:
    """Write the logger's rows as people do: a column a channel, local times without offset."""
    heads = {channel: f"Probe {number} ({channel})" for number, channel in enumerate(channels(logger))}
    table = logger.rows.with_columns(pl.col("channel").replace_strict(heads)).pivot(
        "channel", index=["n", "local"], values="value", maintain_order=True
    )
    table = table.rename({"local": "Date, time"}).with_columns(note=pl.lit("ok, checked")).drop("n")
    path = folder / f"{logger.name}.csv"
    table.write_csv(path)
    named = [f"--map={head}={channel}" for channel, head in heads.items()]
    return path, ["--time", "Date, time", "--map=note=", *named]


def channels(logger: Logger) -> list[str]:
    return logger.rows["channel"].unique(maintain_order=True).to_list()


def account_for(logger: Logger) -> dict[str, int]:
    """What must become of the file's values; an empty cell is none."""
    good = logger.rows.filter(GOOD)
    first = pl.col("value").first().over("channel", "at")
    other = good.select((pl.col("value") != first).sum()).item()
    stored = logger.stored().height
    some = logger.rows.filter(pl.col("value").is_not_null()).height
    return {
        "received": some,
        "committed": stored,
        "duplicate": good.height - stored - other,
        "conflicting": other,
        "quarantined": some - good.height,
    }


@pytest.mark.parametrize("name", [*LONG, *WIDE])
def test_an_import_gives_exactly_the_rows_of_the_file_once(
    importer: Importer, loggers: dict[str, Logger], tmp_path: Path, name: str
) -> None:
    logger = loggers[name]
    file, options = write_long(name) if name in LONG else write_wide(logger, tmp_path)
    expected, account = logger.stored().sort("channel", "at"), account_for(logger)

    told = importer.run(file, name, *options)

    assert importer.stored(name).equals(expected)
    assert importer.account(name) == account
    assert {key: told[key] for key in account if key != "received"} | {
        "received": told["readings"]
    } == account
    kept = importer.query(KEPT, name)

    again = importer.run(file, name, *options)

    assert (again["again"], again["committed"]) == (1, 0)
    assert again["duplicate"] == account["committed"] + account["duplicate"]
    assert importer.stored(name).equals(expected)
    assert importer.query(KEPT, name) == kept, "the second import quarantined something else"
    twice = importer.account(name)
    assert twice["received"] == 2 * account["received"] == sum(twice.values()) - twice["received"]
    assert twice["committed"] == account["committed"]


def test_an_import_that_is_killed_in_the_middle_completes_when_run_again(
    importer: Importer, loggers: dict[str, Logger]
) -> None:
    file, options = write_long(LARGEST)
    expected, account = loggers[LARGEST].stored().sort("channel", "at"), account_for(loggers[LARGEST])
    running = subprocess.Popen(
        importer.command(file, LARGEST, *options),
        cwd=CHECKOUT,
        env=importer.environ,
        stdout=subprocess.DEVNULL,
    )
    end_at = time.monotonic() + 60
    while not (committed := importer.account(LARGEST)["committed"]):
        assert running.poll() is None, "it ended before it committed anything"
        assert time.monotonic() < end_at
        time.sleep(0.005)
    running.kill()
    assert running.wait(10) == -signal.SIGKILL
    assert 0 < committed < account["committed"], "the kill came too late to be in the middle"

    told = importer.run(file, LARGEST, *options)

    assert importer.stored(LARGEST).equals(expected)
    assert told["again"] == 0, "the killed import counts as one"
    assert told["committed"] + told["duplicate"] == account["committed"] + account["duplicate"]
    assert told["committed"] > 0
    assert importer.account(LARGEST)["committed"] == account["committed"]
