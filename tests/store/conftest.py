from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.store.farm import Farm
from tests.store.market import Market

if TYPE_CHECKING:
    from psycopg_pool import AsyncConnectionPool


@pytest.fixture
async def farm(pool: AsyncConnectionPool) -> Farm:
    """A farm of Shihoro's with the fields north and south; nothing is sown."""
    farm = Farm(pool)
    await farm.site()
    return farm


@pytest.fixture
async def market(pool: AsyncConnectionPool) -> Market:
    """A market of Sendai's with the cod units echo-1 and echo-2; nothing is sorted."""
    market = Market(pool)
    await market.unit("echo-1")
    await market.unit("echo-2")
    return market
