from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.ingest.desk import Desk

if TYPE_CHECKING:
    from psycopg_pool import AsyncConnectionPool


@pytest.fixture
async def desk(pool: AsyncConnectionPool) -> Desk:
    """A desk with one registered farm station, north-1."""
    desk = Desk(pool)
    await desk.register()
    return desk
