"""What all calls share for as long as the process lives."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from api.metrics import Tally
from api.settings import ApiSettings
from devices.model import Kind
from store.pool import AsyncConnectionPool


@dataclass(slots=True, kw_only=True)
class House:
    """Pool, settings, kinds of device, the description of the API, and counts."""

    pool: AsyncConnectionPool
    settings: ApiSettings
    kinds: Mapping[str, Kind]
    description: bytes
    """The OpenAPI description, as JSON."""
    tally: Tally = field(default_factory=Tally)


CONNECTION_WAIT_S: Final = 5.0
"""How long a call waits for a free connection before it is told to come back."""

HOUSE = web.AppKey("house", House)
