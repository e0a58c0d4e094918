"""What all calls share for as long as the process lives."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web

from api.metrics import Tally
from api.settings import ApiSettings
from devices.model import Kind
from store.pool import AsyncConnectionPool


@dataclass(slots=True, kw_only=True)
class House:
    """Pool, settings, kinds of device and counts."""

    pool: AsyncConnectionPool
    settings: ApiSettings
    kinds: Mapping[str, Kind]
    tally: Tally = field(default_factory=Tally)
    constant: dict[str, bytes] = field(default_factory=dict)
    """Documents that change only with the program, by name."""


HOUSE = web.AppKey("house", House)
