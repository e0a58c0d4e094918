"""Growth forecasts from end to end: real broker, gateway, database, workers and API under made-up weather."""

from __future__ import annotations

import asyncio
import shutil
import signal
import time
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.farm import (
    MEASURED_DAYS,
    Farm,
    heading,
    interval,
    seconds_since,
    stage,
    today,
    weather_with_heading,
)
from tests.e2e.installation import wait_for
from tests.e2e.system import System

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from deploy.embedded.provision import Programs

SOWN, SOWN_LATER, AHEAD = -120, -117, 4.0
FIRST_S = 20.0
"""From a planting's registration to its forecast; 3 s on a quiet machine, tests share theirs."""
LATE_S = 30.0
"""From late readings to the forecast made anew: ten seconds after the last of them, and the minute is not
waited for."""
LEVELS = [50, 80, 95]
WORDS = {"skill", "some", "no skill", "unknown"}


@pytest.fixture(scope="module")
def growing(programs: Programs, services_dir: Path) -> Iterator[tuple[System, str]]:
    """A system with gateway, worker and API, and the API's address."""
    folder = services_dir / "growing"
    folder.mkdir(mode=0o755)
    system = System(folder, programs)
    try:
        system.start()
        yield system, system.start_api()
    finally:
        system.stop()
        shutil.rmtree(folder)


@pytest.fixture
async def make_farm(growing: tuple[System, str]) -> Callable[..., Awaitable[Farm]]:
    """Makes a lab whose wheat heads `AHEAD` days from now; with its past years and its season, if wanted."""
    system, url = growing

    async def make(*, without: tuple[int, ...] = ()) -> Farm:
        farm = await Farm.make(system, url, weather_with_heading(today(), SOWN, AHEAD))
        if "gateway-1" not in system.gateways:
            system.start_gateway()
        if "worker-1" not in system.workers:
            system.start_worker()
        farm.remember()
        await farm.measure(day for day in range(-MEASURED_DAYS, 0) if day not in without)
        return farm

    return make


def width(of: dict[str, Any], level: int = 80) -> int:
    first, last = interval(of, level)
    return (last - first).days


async def test_from_the_station_to_the_forecast(make_farm: Any, capsys: Any) -> None:
    farm = await make_farm()
    began_s = time.monotonic()
    planting = farm.plant(SOWN)
    newest = farm.next_forecast(planting)
    took_s = seconds_since(began_s)
    with capsys.disabled():
        print(f"\n    from the planting's registration to its forecast: {took_s:.1f} s")
    assert took_s < FIRST_S

    coming = stage(newest, "heading")
    assert coming["status"] == "coming"
    assert [each["level"] for each in coming["intervals"]] == LEVELS
    narrow, wide, widest = (interval(coming, level) for level in LEVELS)
    assert widest[0] <= wide[0] <= narrow[0] <= date.fromisoformat(coming["median"]) <= narrow[1]
    assert narrow[1] <= wide[1] <= widest[1]
    computed = farm.weather.today + timedelta(days=heading(farm.weather, SOWN))
    assert abs((date.fromisoformat(coming["median"]) - computed).days) <= 3
    assert {each["skill"]["verdict"] for each in newest["forecast"]["stages"]} <= WORDS
    basis = newest["forecast"]["basis"]
    assert basis["weather_to_come"] == "past_years"
    assert basis["members"] >= 7
    assert basis["data_end"] == str(farm.weather.today - timedelta(days=1))
    assert newest["model_version"]
    assert newest["supersedes"] is None


async def test_a_heading_seen_in_one_field_narrows_the_neighbours(make_farm: Any, capsys: Any) -> None:
    farm = await make_farm()
    seen, neighbour = farm.plant(SOWN), farm.plant(SOWN_LATER)
    farm.wait_idle()
    before = farm.next_forecast(neighbour)
    in_own = farm.next_forecast(seen)

    began_s = time.monotonic()
    day = farm.weather.today - timedelta(days=1)
    farm.see(seen, 55, day)
    after = farm.next_forecast(neighbour, after=before["id"])
    with capsys.disabled():
        print(
            f"\n    a heading seen next door: forecast after {seconds_since(began_s):.1f} s, 80 % interval"
            f" {width(stage(before, 'heading'))} -> {width(stage(after, 'heading'))} days, median"
            f" {stage(before, 'heading')['median']} -> {stage(after, 'heading')['median']}"
        )

    was, became = stage(before, "heading"), stage(after, "heading")
    assert width(became) < width(was)
    surprise = day - date.fromisoformat(stage(in_own, "heading")["median"])
    assert surprise.days < 0, "the heading came earlier than expected"
    assert became["median"] < was["median"]
    assert (
        became["change_d"] == (date.fromisoformat(became["median"]) - date.fromisoformat(was["median"])).days
    )
    (moved,) = [each for each in became["drivers"] if each["cause"] == "neighbours"]
    assert moved["days"] < 0
    assert stage(farm.next_forecast(seen, after=in_own["id"]), "heading")["seen_on"] == str(day)

    lines = farm.history(neighbour)
    assert [line["id"] for line in lines[:2]] == [after["id"], before["id"]]
    assert after["supersedes"] == before["id"]
    assert farm.get(f"forecasts/{before['id']}")["forecast"] == before["forecast"], "an old forecast changed"


async def test_a_day_that_comes_late_is_told_and_forecast_anew(make_farm: Any, capsys: Any) -> None:
    missing = -20
    farm = await make_farm(without=(missing,))
    planting = farm.plant(SOWN)
    before = farm.next_forecast(planting)
    farm.wait_idle()
    assert sum(before["forecast"]["basis"]["days_filled"].values()) == -SOWN
    assert before["forecast"]["basis"]["days_filled"]["measured"] == -SOWN - 1
    then = datetime.now(UTC)

    began_s = time.monotonic()
    await farm.measure([missing])
    after = farm.next_forecast(planting, after=before["id"], within_s=LATE_S)
    with capsys.disabled():
        print(f"\n    a day that came late: new forecast after {seconds_since(began_s):.1f} s")

    assert after["forecast"]["basis"]["days_filled"] == {"measured": -SOWN}
    old = farm.forecast(planting, as_of=then)["newest"]
    assert old["id"] == before["id"]
    assert old["forecast"] == before["forecast"]
    assert (old["revised_reason"], old["revised_at"] is not None) == ("late_data", True)
    assert [(line["id"], line["revised_reason"]) for line in farm.history(planting)] == [
        (after["id"], None),
        (before["id"], "late_data"),
    ]


async def test_two_workers_make_no_forecast_twice(make_farm: Any) -> None:
    farm = await make_farm()
    second = farm.system.start_worker("worker-2")
    try:
        plantings = [farm.plant(SOWN + number) for number in range(6)]
        for number, planting in enumerate(plantings):
            farm.see(planting, 31, farm.weather.today - timedelta(days=30 - number))
        farm.wait_idle()
    finally:
        second.stop()
        del farm.system.workers["worker-2"]
    made = farm.system.query(
        "SELECT planting_id, count(*)::int AS n, count(DISTINCT inputs_digest)::int AS different,"
        " max((body->'basis'->>'observations')::int) AS seen"
        " FROM forecasts WHERE planting_id = ANY(%s) GROUP BY 1",
        plantings,
    )
    assert {row["planting_id"] for row in made} == set(plantings)
    assert all(row["n"] == row["different"] for row in made), "a forecast was made twice"
    last = [farm.forecast(planting) for planting in plantings]
    assert all(stage(each["newest"], "stem_elongation")["status"] == "seen" for each in last)
    assert {each["state"] for each in last} == {"current"}


async def test_a_killed_worker_leaves_one_forecast(make_farm: Any, capsys: Any) -> None:
    farm = await make_farm()
    system = farm.system
    doing = "SELECT count(*) AS n FROM jobs.procrastinate_jobs WHERE status = 'doing'"
    planting = farm.plant(SOWN)
    wait_for(lambda: system.query(doing)[0]["n"], 10, "the worker did not begin")
    system.workers["worker-1"].kill()
    assert system.workers["worker-1"].ended() == -signal.SIGKILL
    made = farm.history(planting)

    began_s = time.monotonic()
    system.start_worker()
    newest = farm.next_forecast(planting, within_s=60)
    farm.wait_idle()
    with capsys.disabled():
        when = (
            "after the kill had come too late"
            if made
            else f"{seconds_since(began_s):.1f} s after its restart"
        )
        print(f"\n    a worker killed in the middle of a forecast: it stands {when}")
    assert [line["id"] for line in farm.history(planting)] == [newest["id"]]
    assert not made, "the kill came too late to be in the middle"


async def test_the_database_goes_away_and_the_worker_comes_back_by_itself(make_farm: Any) -> None:
    farm = await make_farm()
    system = farm.system
    planting = farm.plant(SOWN)
    before = farm.next_forecast(planting)
    farm.wait_idle()
    worker = system.workers["worker-1"]

    system.postgres.stop()
    await asyncio.sleep(4)
    system.postgres.start()
    status = wait_for(lambda: _noted(farm, planting), 30, "the API does not come back")

    assert status
    after = farm.next_forecast(planting, after=before["id"], within_s=30)
    assert stage(after, "tillering")["status"] == "seen"
    assert worker.ended() is None, f"the worker was lost: {worker.last_words()}"


def _noted(farm: Farm, planting: int) -> bool:
    try:
        farm.see(planting, 21, farm.weather.today - timedelta(days=60))
    except AssertionError:
        return False
    return True


@pytest.mark.parametrize("month_and_day", [(3, 21), (4, 12), (6, 21), (10, 8), (12, 21)])
def test_the_weather_can_be_made_for_any_day_of_the_year(month_and_day: tuple[int, int]) -> None:
    weather = weather_with_heading(date(2027, *month_and_day), SOWN, AHEAD)
    assert heading(weather, SOWN) == pytest.approx(AHEAD, abs=2)
    assert heading(weather, SOWN) <= heading(weather, SOWN_LATER) < heading(weather, SOWN) + 8
