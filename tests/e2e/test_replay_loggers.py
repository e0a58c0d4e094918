"""The main job on real input: 886,105 values of 23 greenhouse loggers, over MQTT, every one accounted for."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import polars as pl
import psycopg
import pytest

from tests.e2e.loggers import FILE, Logger, read_loggers
from tests.e2e.publisher import Publisher

if TYPE_CHECKING:
    from tests.e2e.system import System

pytestmark = pytest.mark.skipif(
    not FILE.exists() and "CI" not in os.environ,  # in CI its absence is a failure
    reason=f"the field data {FILE} is not beside this checkout",
)

STORED = """
SELECT s.quantity || CASE s.position WHEN '' THEN '' ELSE '@' || s.position END, r.at, r.value
FROM readings r JOIN series s ON s.id = r.series_id JOIN devices d ON d.id = s.device_id WHERE d.name = %s
"""


def publish(system: System, logger: Logger) -> int:
    payloads = logger.messages()
    publisher = Publisher(system.broker.port, logger.name, system.passwords[logger.name])
    publisher.publish(payloads)
    publisher.close()
    return len(payloads)


def stored(system: System, name: str) -> pl.DataFrame:
    with psycopg.connect(system.postgres.url) as conn:
        rows = conn.execute(STORED, (name,)).fetchall()
    zone = pl.Datetime("us", "UTC")
    return pl.DataFrame(rows, {"channel": pl.String, "at": zone, "value": pl.Float64}, orient="row")


async def replay(system: System, loggers: list[Logger]) -> int:
    with ThreadPoolExecutor(8) as threads:
        counts = [asyncio.wrap_future(threads.submit(publish, system, logger)) for logger in loggers]
        return sum(await asyncio.gather(*counts))


async def test_every_value_of_the_loggers_is_accounted_for(system: System) -> None:
    loggers = read_loggers()
    assert sum(logger.rows.height for logger in loggers) == 886_105
    await system.register([logger.name for logger in loggers], kind="greenhouse-logger")
    system.start_gateway()

    messages = await replay(system, loggers)
    totals = await system.wait_received(886_105, deadline_s=200)

    assert totals["received"] == 886_105
    assert totals["messages"] == messages
    accounts = system.accounts()
    for logger in loggers:
        account, expected = accounts[logger.name], logger.stored()
        ended = account["committed"] + account["duplicate"] + account["conflicting"] + account["quarantined"]
        assert account["received"] == logger.rows.height == ended, logger.name
        assert account["committed"] == expected.height, logger.name
        order = ["channel", "at"]
        assert stored(system, logger.name).sort(order).equals(expected.sort(order)), logger.name
    refused = totals["quarantined"]
    assert refused == sum(logger.refused() for logger in loggers)
    kept = system.query(
        "SELECT sum(readings * pending)::int AS n"
        " FROM quarantine JOIN quarantine_sightings ON quarantine_id = id"
    )
    assert kept[0]["n"] == refused + totals["conflicting"]
