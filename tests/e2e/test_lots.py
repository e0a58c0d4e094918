"""Fifty lots of known truth over real MQTT: none is lost, and the intervals hold what they promise."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.stats import binom

from devices.simulator.trades import COD
from tests.e2e.installation import wait_for
from tests.e2e.market import KINDS, LOTS, Market, Unit
from tests.e2e.system import System

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from deploy.embedded.provision import Programs

pytestmark = pytest.mark.timeout(300)

LEVEL, LEAST = 95, 0.88
GAP = 11
"""Number of the message that a unit never sends."""


@pytest.fixture(scope="module")
def selling(programs: Programs, services_dir: Path) -> Iterator[tuple[System, str]]:
    """A system with gateway, worker and API, and the API's address."""
    folder = services_dir / "selling"
    folder.mkdir(mode=0o755)
    system = System(folder, programs)
    try:
        system.start()
        yield system, system.start_api()
    finally:
        system.stop()
        shutil.rmtree(folder)


@pytest.fixture
async def market(selling: tuple[System, str]) -> AsyncIterator[Market]:
    """The market's lab; its units leave with the test."""
    market = await Market.make(*selling)
    yield market
    market.close()


def held(composition: dict[str, Any], truth: dict[str, int]) -> list[bool]:
    """Whether each class's interval holds the truth."""
    fish = sum(truth.values())
    found = []
    for part in composition["classes"]:
        limits = next(one for one in part["intervals"] if one["level"] == LEVEL)
        share = truth[part["name"]] / fish
        found.append(limits["low"] - 1e-9 <= share <= limits["high"] + 1e-9)
    return found


def width(composition: dict[str, Any], name: str) -> float:
    part = next(one for one in composition["classes"] if one["name"] == name)
    limits = next(one for one in part["intervals"] if one["level"] == LEVEL)
    return float(limits["high"] - limits["low"])


async def test_fifty_lots_of_known_truth(market: Market, capsys: Any) -> None:
    system = market.system
    units: list[Unit] = []
    began_s = time.monotonic()
    for seed, (name, (kind, trade)) in enumerate(KINDS.items(), start=11):
        unit, device = await market.open(name, kind, trade, seed)
        units.append(unit)
        for message in unit.messages():
            device.record(message.body, message.topic)
    fish = {(unit.name, lot.code): lot.true.size for unit in units for lot in unit.lots()}
    assert len(fish) == 2 * LOTS
    total = sum(fish.values())
    system.start_gateway()
    system.start_worker()
    await market.wait_stored(total // 10)
    system.broker.kill()
    before = sum(count for count, _ in market.events().values())
    assert before < total, "the broker was killed too late"
    system.broker.start()
    described = "SELECT count(*) AS n FROM lot_descriptions"
    wait_for(lambda: system.query(described)[0]["n"] > 0, 30, market.complaints)
    system.workers["worker-1"].kill()
    assert market.due() > 0, "the worker was killed too late"
    system.start_worker()
    await market.wait_stored(total)
    arrived_s = time.monotonic() - began_s
    wait_for(lambda: all(device.held == 0 for device in market.devices), 30, "the units still keep messages")
    market.wait_described()

    assert all(device.connections >= 2 for device in market.devices)
    assert market.events() == {lot: (count, count) for lot, count in fish.items()}
    sent = [message for unit in units for message in unit.messages()]
    totals = system.totals()
    assert totals["committed"] == len(sent)
    assert totals["conflicting"] == totals["quarantined"] == 0
    assert totals["received"] == totals["committed"] + totals["duplicate"]
    for table, topic in (("verifications", "verifications"), ("frames", "frames")):
        stored = system.query(f"SELECT count(*) AS n FROM {table}")[0]["n"]
        assert stored == sum(message.topic == topic for message in sent)

    told = [
        (composition, lot.counts)
        for unit in units
        for lot, composition in zip(unit.lots(), _compositions(market, unit), strict=True)
    ]
    assert [composition["fish"] for composition, _ in told] == list(fish.values())
    kept = [one for composition, counts in told for one in held(composition, counts)]
    widths = [width(composition, name) for composition, counts in told for name in counts]
    coverage = sum(kept) / len(kept)
    chance = float(binom.cdf(sum(kept), len(kept), LEVEL / 100))
    with capsys.disabled():
        print(
            f"\n    broker killed after {before} of {total} fish, a worker while it described;"
            f" all of {len(fish)} lots stored after {arrived_s:.1f} s, described after"
            f" {time.monotonic() - began_s:.1f} s; {sum(kept)} of {len(kept)} intervals hold the truth"
            f" ({coverage:.3f}; so few or fewer with probability {chance:.2f} if they held 95 %),"
            f" {100 * float(np.mean(widths)):.0f} points wide on average; {totals['duplicate']} came twice"
        )
    assert coverage >= LEAST


def _compositions(market: Market, unit: Unit) -> list[dict[str, Any]]:
    lots = market.lots(unit.name)
    return [market.composition(lots[lot.code]["id"]) for lot in unit.lots()]


async def test_a_check_by_hand_narrows_the_interval(market: Market) -> None:
    unit, device = await market.open(
        "market-unknown", "echo-unit", replace(COD, lots_a_day=1, fish=(80, 90), checks=0, frames=0), 21
    )
    before_all = sum(count for count, _ in market.events().values())
    for message in unit.messages():
        device.record(message.body, message.topic)
    (lot,) = unit.lots()
    _serve(market)
    await market.wait_stored(before_all + lot.true.size)
    market.wait_described()
    number = market.lots(unit.name)[lot.code]["id"]
    before = market.composition(number)

    asked = market.get(f"units/{unit.name}/check-next?lot={number}&count=15")["fish"]
    assert len(asked) >= 15
    for one in asked:
        true = unit.sorting.trade.classes[lot.true[one["fish"] - 1]]
        found = {"fish": one["fish"], "true": true, "method": "cut", "operator": "佐藤"}
        noted = market.post(f"lots/{number}/verifications", found)
        assert noted["selection_probability"] == one["selection_probability"], "the chance is known"
    market.wait_described()
    after = market.composition(number)
    assert (before["checked"], after["checked"]) == (0, len(asked))
    for name in ("milt", "roe"):
        assert width(after, name) < width(before, name)
    assert all(held(after, lot.counts))


async def test_a_number_that_never_came_is_told(market: Market) -> None:
    unit, device = await market.open("market-gap", "echo-unit", replace(COD, lots_a_day=1, fish=(30, 31)), 31)
    before_all = sum(count for count, _ in market.events().values())
    sent = [message for message in unit.messages() if message.body["seq"] != GAP]
    for message in sent:
        device.record(message.body, message.topic)
    _serve(market)
    await market.wait_stored(before_all + sum(message.topic == "events" for message in sent))
    told = market.get(f"units/{unit.name}/missing")["items"]
    assert [(one["boot"], one["missing"], one["ranges"]) for one in told] == [
        (unit.sorting.boot(unit.day), 1, [[GAP, GAP]])
    ]


def _serve(market: Market) -> None:
    if "gateway-1" not in market.system.gateways:
        market.system.start_gateway()
    if "worker-1" not in market.system.workers:
        market.system.start_worker()
