"""Is it alive, is it ready, what does it count, and how is it described."""

import asyncio
import logging
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from api.beats import beat_lines
from api.house import House
from api.metrics import MEDIA, family
from api.operations import Call, Document, Routes, Text, Unready
from api.wire import At, Nothing
from store.errors import DatabaseError, StoreError, StoreUnavailable
from store.heartbeats import Heartbeat, list_beats
from store.migrate import check

log = logging.getLogger(__name__)

routes = Routes("health", prefix="")


class Alive(msgspec.Struct, frozen=True, kw_only=True):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Gateway(msgspec.Struct, frozen=True, kw_only=True):
    """The last word of a gateway."""

    process: Annotated[str, Meta(examples=["gateway-1"])]
    beat_at: At
    age_s: Annotated[float, Meta(examples=[1.2])]
    alive: bool


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """Whether calls can be answered with current data; `missing` says what to see to."""

    ready: bool
    missing: list[str]
    database: bool
    migrations_pending: list[str]
    gateways: list[Gateway]


@routes.get("/health", least=None, ja="稼働確認", needs_store=False)
async def get_health(call: Call[Nothing, Nothing, Nothing]) -> Alive:  # noqa: ARG001
    """Tell that the process is alive; the database is not asked."""
    return Alive()


@routes.get("/ready", least=None, ja="準備状態", needs_store=False)
async def get_ready(call: Call[Nothing, Nothing, Nothing]) -> Ready | Unready[Ready]:
    """Tell whether the database answers, its schema is current, and a gateway has reported lately."""
    state = await _state(call.house)
    return state if state.ready else Unready(state)


_AWAY: Final = "it does not answer; this process's log says why"
"""All that a caller without a token is told: what the driver says names hosts and users."""


async def _state(house: House) -> Ready:
    settings = house.settings
    try:
        beats = await _beats(house)
        schema = await asyncio.to_thread(check, settings.database_url)
    except (DatabaseError, StoreUnavailable, TimeoutError) as error:
        log.warning("not ready: %s", _line(error))
        return _report([f"database: {_AWAY}"], database=False)
    except StoreError as error:
        return _report([f"database: {_line(error)}"], database=False)
    missing = [f"migration {name}: run ./chiiki migrate" for name in schema.pending]
    gateways = [_gateway(beat, settings.gateway_stale_s) for beat in beats]
    if settings.gateway_needed and not any(gateway.alive for gateway in gateways):
        missing.append(
            f"gateway: none has reported within {settings.gateway_stale_s:g} s; start ./chiiki gateway"
        )
    return _report(missing, database=True, pending=schema.pending, gateways=gateways)


def _report(
    missing: list[str],
    *,
    database: bool,
    pending: list[str] | None = None,
    gateways: list[Gateway] | None = None,
) -> Ready:
    return Ready(
        ready=not missing,
        missing=missing,
        database=database,
        migrations_pending=pending or [],
        gateways=gateways or [],
    )


def _gateway(beat: Heartbeat, stale_s: float) -> Gateway:
    return Gateway(process=beat.process, beat_at=beat.beat_at, age_s=beat.age_s, alive=beat.age_s <= stale_s)


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


async def _beats(house: House) -> list[Heartbeat]:
    async with house.connection() as conn:
        return await list_beats(conn)


@routes.get("/metrics", least=None, ja="Prometheus指標", needs_store=False)
async def get_metrics(call: Call[Nothing, Nothing, Nothing]) -> Text:
    """Show the counts of this process, and what the others last reported, for Prometheus."""
    house = call.house
    lines = [*house.tally.lines(), *_pool_lines(house)]
    try:
        beats = await _beats(house)
    except (DatabaseError, StoreError, TimeoutError):
        lines += family("chiiki_database_up", "gauge", "Whether the database answers.", [({}, 0)])
    else:
        lines += family("chiiki_database_up", "gauge", "Whether the database answers.", [({}, 1)])
        lines += beat_lines(beats, house.settings.gateway_stale_s)
    return Text("\n".join(lines) + "\n", MEDIA)


_POOL: Final = {
    "pool_size": "Connections to the database.",
    "pool_available": "Connections to the database that are free.",
    "requests_waiting": "Requests that wait for a connection.",
}


def _pool_lines(house: House) -> list[str]:
    stats = house.pool.get_stats()
    return [
        line
        for name, explanation in _POOL.items()
        for line in family(f"chiiki_api_{name}", "gauge", explanation, [({}, float(stats.get(name, 0)))])
    ]


@routes.get("/api/v1/openapi.json", least=None, ja="このAPIの記述（OpenAPI 3.1）", needs_store=False)
async def get_openapi(call: Call[Nothing, Nothing, Nothing]) -> Document:
    """Describe all of this (OpenAPI 3.1)."""
    return Document(call.house.description)
