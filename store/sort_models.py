"""The classifiers of units, with their calibrations, as numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from psycopg import AsyncConnection

Model = tuple[str, str]
"""Model and calibration, as units name them."""

_FIND_MODELS = """
SELECT m.model, m.calibration, m.id
FROM sort_models m JOIN unnest(%s::text[], %s::text[]) AS came (model, calibration) USING (model, calibration)
"""
_OPEN_MODELS = """
INSERT INTO sort_models (model, calibration)
SELECT * FROM unnest(%s::text[], %s::text[]) AS came (model, calibration) ORDER BY 1, 2
ON CONFLICT (model, calibration) DO NOTHING
"""


async def open_models(conn: AsyncConnection, models: Collection[Model]) -> dict[Model, int]:
    """Give the numbers of models; those that are new get one."""
    columns = ([model for model, _ in models], [calibration for _, calibration in models])
    found = await _find_models(conn, columns)
    if len(found) < len(set(models)):
        await conn.execute(_OPEN_MODELS, columns)
        found = await _find_models(conn, columns)
    return found


async def _find_models(conn: AsyncConnection, columns: tuple[list[str], list[str]]) -> dict[Model, int]:
    cursor = await conn.execute(_FIND_MODELS, columns)
    return {(model, calibration): number for model, calibration, number in await cursor.fetchall()}
