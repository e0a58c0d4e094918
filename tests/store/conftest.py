from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.store.farm import Farm

if TYPE_CHECKING:
    from psycopg_pool import AsyncConnectionPool


@pytest.fixture
async def farm(pool: AsyncConnectionPool) -> Farm:
    """A farm of Shihoro's with the fields north and south; nothing is sown."""
    farm = Farm(pool)
    await farm.site()
    return farm
