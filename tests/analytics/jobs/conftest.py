from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.analytics.jobs.farm import Farm

if TYPE_CHECKING:
    from store.pool import AsyncConnectionPool


@pytest.fixture
async def farm(pool: AsyncConnectionPool, database_url: str) -> Farm:
    return await Farm.make(pool, database_url)
