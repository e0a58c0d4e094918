from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from api.beats import flatten
from api.metrics import LATENCY_BOUNDS_S, Tally, sample
from store.migrate import read_migrations
from tests.api.exposition import LINE, parse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from psycopg_pool import AsyncConnectionPool

    from tests.api.conftest import Asker

LAST = read_migrations()[-1].name


async def test_own_counts_and_those_of_gateways(ask: Asker) -> None:
    await ask("GET", "/api/v1/devices/shihoro-1")
    await ask("GET", "/api/v1/devices/nobody-1")
    await ask("GET", "/made/up/address")
    answer = await ask("GET", "/metrics", role=None)
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = parse(answer.text)
    route = 'route="/api/v1/devices/{device}"'
    assert found[f'chiiki_api_requests_total{{method="GET",{route},status="200"}}'] == 1
    assert found[f'chiiki_api_requests_total{{method="GET",{route},status="404"}}'] == 1
    assert found['chiiki_api_requests_total{method="GET",route="unknown",status="404"}'] == 1
    assert found[f'chiiki_api_request_seconds_bucket{{{route},le="+Inf"}}'] == 2
    assert found[f"chiiki_api_request_seconds_count{{{route}}}"] == 2
    assert found['chiiki_gateway_committed_total{process="gateway-1"}'] == 12
    assert found['chiiki_gateway_link_in_flight{process="gateway-1"}'] == 3
    assert 0 <= found['chiiki_gateway_beat_age_seconds{process="gateway-1"}'] < 60
    assert found['chiiki_gateway_up{process="gateway-1"}'] == 1
    assert found["chiiki_database_up"] == 1
    assert found["chiiki_api_pool_size"] >= 1
    assert "# TYPE chiiki_gateway_committed_total counter" in answer.text


def test_histogram_is_cumulative() -> None:
    tally = Tally()
    for took_s in (0.001, 0.005, 0.2, 99.0):
        tally.add("GET", "/x", 200, took_s)
    found = parse("\n".join(tally.lines()) + "\n")
    buckets = [value for name, value in found.items() if "_bucket" in name]
    assert len(buckets) == len(LATENCY_BOUNDS_S) + 1
    assert (buckets[0], buckets[5], buckets[-2], buckets[-1]) == (2, 3, 3, 4)
    assert found['chiiki_api_request_seconds_sum{route="/x"}'] == pytest.approx(99.206)


def test_labels_are_escaped() -> None:
    line = sample("x", {"a": 'q"\\\n'}, 1.5)
    assert line == 'x{a="q\\"\\\\\\n"} 1.5'
    assert LINE.fullmatch(line)


def test_flatten_takes_numbers_only() -> None:
    found = dict(flatten({"a": 1, "b": {"c-d": 2.5, "e": True}, "f": "x", "g": [1], "h": None}, "p_"))
    assert found == {"p_a": 1.0, "p_b_c_d": 2.5, "p_b_e": 1.0}


def test_units_are_spelled_out() -> None:
    told = {"commit_s_total": 1, "slowest_commit_s": 2, "rss_bytes": 3, "s": 4, "link": {"wait_ms": 5}}
    assert [name for name, _ in flatten(told)] == [
        "commit_seconds_total",
        "slowest_commit_seconds",
        "rss_bytes",
        "s",
        "link_wait_milliseconds",
    ]


async def test_what_a_process_reported_long_ago_is_not_shown(ask: Asker, pool: AsyncConnectionPool) -> None:
    async with pool.connection() as conn:
        await conn.execute("UPDATE heartbeats SET beat_at = now() - interval '1 minute'")
    found = parse((await ask("GET", "/metrics", role=None)).text)
    assert found['chiiki_gateway_beat_age_seconds{process="gateway-1"}'] > 59
    assert found['chiiki_gateway_up{process="gateway-1"}'] == 0
    assert not [name for name in found if name.startswith("chiiki_gateway_committed")]


async def test_ready_wants_a_gateway_that_reported_lately(
    ask: Asker, pool: AsyncConnectionPool, make_client: Callable[..., Awaitable[Any]]
) -> None:
    assert (await ask("GET", "/ready", role=None)).data["ready"] is True
    async with pool.connection() as conn:
        await conn.execute("UPDATE heartbeats SET beat_at = now() - interval '1 minute'")
    answer = await ask("GET", "/ready", role=None)
    assert (answer.status, answer.data["gateways"][0]["alive"]) == (503, False)
    assert "start ./chiiki gateway" in answer.data["missing"][0]
    client = await make_client(gateway_needed=False)
    assert (await client.get("/ready")).status == 200
    await client.close()


async def test_any_name_of_a_gateway_will_do(ask: Asker, pool: AsyncConnectionPool) -> None:
    async with pool.connection() as conn:
        await conn.execute("UPDATE heartbeats SET process = 'tokyo \"2\"'")
    assert (await ask("GET", "/ready", role=None)).data["ready"] is True
    found = parse((await ask("GET", "/metrics", role=None)).text)
    assert found['chiiki_gateway_committed_total{process="tokyo \\"2\\""}'] == 12


async def test_ready_wants_all_migrations(ask: Asker, pool: AsyncConnectionPool) -> None:
    async with pool.connection() as conn:
        await conn.execute("DELETE FROM schema_migrations WHERE name = %s", [LAST])
    answer = await ask("GET", "/ready", role=None)
    assert (answer.status, answer.data["database"]) == (503, True)
    assert answer.data["migrations_pending"] == [LAST]
