"""What all calls share for as long as the process lives."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from aiohttp import web

from api.metrics import Tally
from api.settings import ApiSettings
from devices.model import Kind, Product
from store.pool import AsyncConnection, AsyncConnectionPool


@dataclass(slots=True, kw_only=True)
class House:
    """Pool, settings, kinds of device, the description of the API, and counts."""

    pool: AsyncConnectionPool
    settings: ApiSettings
    kinds: Mapping[str, Kind]
    description: bytes
    """The OpenAPI description, as JSON."""
    tally: Tally = field(default_factory=Tally)

    def product(self, name: str) -> Product | None:
        """Find what some kind of device sorts; None: no file of it is left."""
        found = (kind.product for kind in self.kinds.values() if kind.product is not None)
        return next((product for product in found if product.name == name), None)

    def connection(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Return a connection to enter, one transaction long; raises what `problems` answers with 503."""
        return self.pool.connection(self.settings.connection_wait_s)


HOUSE = web.AppKey("house", House)
