from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from store.risks import Risk, list_risks, replace_risks

if TYPE_CHECKING:
    from tests.store.farm import Farm

FIRST = date(2026, 6, 1)


def risk(day: int, value: float | None = 3.0, name: str = "wallin") -> Risk:
    return Risk(
        risk=name,
        day=FIRST + timedelta(day),
        value=value,
        accumulated=None if value is None else 18.0,
        level="none" if value is None else "alarm",
        coverage=0.0 if value is None else 1.0,
        reason="湿度の値なし" if value is None else "",
    )


async def test_risks_take_the_place_of_those_of_their_span(farm: Farm):
    planting = await farm.plant()
    first = [risk(n, None if n == 1 else 2.0, name) for name in ("frost", "wallin") for n in range(4)]
    span = {"first_day": FIRST, "last_day": FIRST + timedelta(3)}
    await farm.do(replace_risks, planting.id, *span.values(), first)
    assert await farm.do(list_risks, planting.id, lab="shihoro") == first
    for _ in range(2):
        await farm.do(replace_risks, planting.id, FIRST + timedelta(2), FIRST + timedelta(3), [risk(3)])
    found = await farm.do(list_risks, planting.id)
    assert found == [*first[:2], *first[4:6], risk(3)]
    assert await farm.do(list_risks, planting.id, first_day=FIRST + timedelta(2)) == [risk(3)]
    assert await farm.do(list_risks, planting.id, last_day=FIRST) == [first[0], first[4]]
    assert await farm.do(list_risks, planting.id, lab="kaga") == []
