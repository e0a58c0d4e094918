"""The database for commands that need it for a moment: the running one, else one for the duration."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy import state
from deploy.embedded.postgres import DATABASE, OWNER, EmbeddedPostgres, address
from deploy.embedded.provision import provide
from deploy.errors import ServiceError
from deploy.progress import Reporter
from deploy.schema import prepare_database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from deploy.settings import Settings

STARTING_S = 60.0


@dataclass(frozen=True, slots=True)
class Services:
    """What a command may use.

    Attributes
    ----------
    mqtt_url : str | None
        The broker's address; None when no broker runs.
    """

    database_url: str
    mqtt_url: str | None


@contextlib.asynccontextmanager
async def running_services(settings: Settings, *, migrated: bool = True) -> AsyncIterator[Services]:
    """Give the database, and the broker if one runs; what is started here ends with the block.

    Parameters
    ----------
    migrated : bool
        Bring the schema of a database that is started here to this version first.

    Examples
    --------
    ``async with running_services(settings) as services: … services.database_url``
    """
    if settings.database_url is not None:
        yield Services(settings.database_url, settings.mqtt_url)
    elif state.is_held(settings.state_dir):
        yield await _of_running(settings)
    else:
        with state.hold(settings.state_dir):
            server = start_postgres(settings)
            try:
                if migrated:
                    await asyncio.to_thread(prepare_database, server.url)
                yield Services(server.url, settings.mqtt_url)
            finally:
                server.stop()


def start_postgres(settings: Settings) -> EmbeddedPostgres:
    """Start the embedded database below the state directory, and wait for it."""
    with Reporter() as report:
        programs = provide(report)
    server = EmbeddedPostgres(settings.state_dir, programs, port=settings.postgres_port)
    server.start()
    return server


async def _of_running(settings: Settings) -> Services:
    for _ in range(int(STARTING_S / 0.1)):
        status = state.read_status(settings.state_dir)
        if status.get("state") == "running":
            port = int(status["postgres_port"])
            url = address(settings.state_dir.resolve() / "postgres", OWNER, DATABASE, port)
            return Services(url, status.get("mqtt_url"))
        if not state.is_held(settings.state_dir):
            raise ServiceError("what held the state directory has just ended: try again")
        await asyncio.sleep(0.1)
    raise ServiceError(f"another chiiki command holds {settings.state_dir}: wait for it or ./chiiki stop")
