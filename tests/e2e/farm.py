"""A lab with one farm on a running system, under a made-up weather that fits whatever day it is today."""

from __future__ import annotations

import itertools
import json
import time
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np

from analytics.farm.forecast.season import SEASON_DAYS, Planting, daylengths
from analytics.farm.phenology.simulation import simulate
from analytics.library import crop
from devices.credentials import new_token, token_digest
from store.labs import add_lab
from store.pool import open_pool
from store.tokens import add_token
from tests.e2e.installation import ask, wait_for
from tests.e2e.publisher import Publisher

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from tests.e2e.system import System

ZONE = ZoneInfo("Asia/Tokyo")
SITE, CROP, CULTIVAR = "farm", "wheat", "kitahonami"
MEASURED_DAYS = 150
PAST_YEARS = 9
COOL_C, WARM_C, SWING_C = 6.0, 15.0, 4.0
SAMPLES = 600
_numbers = itertools.count(1)


def today() -> date:
    return datetime.now(ZONE).date()


def latitude(day: date) -> float:
    """Where days were long in the months before."""
    return 50.0 if date(day.year, 4, 10) <= day <= date(day.year, 10, 10) else -50.0


@dataclass(frozen=True)
class Weather:
    """Cool for two thirds of a year, and warm from a day on, counted from today; the same in each year."""

    today: date
    warm_from: int
    seed: int = 1

    def mean(self, days: NDArray[np.int64]) -> NDArray[np.float64]:
        """Without noise; `days` from today."""
        phase = (days + 200) % 365 - 200
        edges = [-200, -190, self.warm_from, self.warm_from + 12, 155, 165]
        course: NDArray[np.float64] = np.interp(phase, edges, [COOL_C] * 3 + [WARM_C] * 2 + [COOL_C])
        return course

    def days(self, first: int, count: int) -> NDArray[np.float64]:
        """Daily means as they were: each year is a little warmer or colder than the others."""
        days = np.arange(first, first + count)
        whole = np.random.default_rng(self.seed).standard_normal(2 * 365 * (PAST_YEARS + 4))
        by_year = 0.7 * whole[(days // 365) % 97]
        return np.round(self.mean(days) + by_year + 1.2 * whole[days + 365 * (PAST_YEARS + 2)], 2)


def heading(weather: Weather, sown: int) -> float:
    """When wheat heads by the model, in days from today."""
    wheat, days = crop(CROP), np.arange(sown, sown + SEASON_DAYS)
    mean = weather.mean(days)[None, None]
    planting = Planting(
        id=0,
        field="",
        site="",
        station="",
        cultivar=CULTIVAR,
        sown_on=weather.today + timedelta(days=sown),
    )
    found = simulate(
        wheat,
        start=np.zeros(1, np.int64),
        tmin=mean - SWING_C,
        tmax=mean + SWING_C,
        daylength_h=daylengths(wheat, planting, latitude(weather.today))[None],
        cultivar=CULTIVAR,
    )
    return float(found.stage_day[0, 0, wheat.stage_names.index("heading")] + sown)


def weather_with_heading(day: date, sown: int, ahead: float) -> Weather:
    """Find the weather under which what was sown then heads so many days ahead."""
    choices = [Weather(day, warm_from) for warm_from in range(-100, 0, 2)]
    return min(choices, key=lambda weather: abs(heading(weather, sown) - ahead))


@dataclass
class Farm:
    """A lab with a site, a station and tokens; everything is asked for over HTTP, as its users do."""

    system: System
    url: str
    weather: Weather
    lab: str
    tokens: dict[str, str]
    fields: list[str] = field(default_factory=list)

    @classmethod
    async def make(cls, system: System, url: str, weather: Weather) -> Farm:
        lab = f"lab-{next(_numbers)}"
        tokens = {}
        pool = await open_pool(system.postgres.url, process="test")
        async with pool.connection() as conn:
            await add_lab(conn, slug=lab, name_ja="試験", name_en="Test")
            for role in ("staff", "team"):
                tokens[role] = token = new_token()
                await add_token(conn, digest=token_digest(token), hint="test", lab=lab, role=role)
        await pool.close()
        farm = cls(system, url, weather, lab, tokens)
        place = {"latitude": latitude(weather.today), "longitude": 143.2}
        farm.post(f"labs/{lab}/sites", {"slug": SITE, "name_ja": "農場", "name_en": "Farm", **place}, "staff")
        await system.register([farm.station], kind="farm-station", lab=lab, site=SITE)
        return farm

    @property
    def station(self) -> str:
        return f"{self.lab}-station"

    def get(self, path: str) -> Any:
        status, answer = ask(f"{self.url}/api/v1/{path}", self.tokens["team"])
        assert status == 200, answer
        return answer

    def post(self, path: str, body: dict[str, Any], role: str = "team") -> Any:
        status, answer = ask(f"{self.url}/api/v1/{path}", self.tokens[role], post=body)
        assert status in {200, 201}, answer
        return answer

    def remember(self) -> dict[str, int]:
        """Bring past years, up to the days that the station measures."""
        days = 365 * PAST_YEARS
        mean = self.weather.days(-MEASURED_DAYS - days, days)
        first = self.weather.today - timedelta(days=MEASURED_DAYS + days)
        past = {"tmin_c": (mean - SWING_C).round(1).tolist(), "tmax_c": (mean + SWING_C).round(1).tolist()}
        path = f"labs/{self.lab}/sites/{SITE}/past-weather"
        taken: dict[str, int] = self.post(path, {"first_day": str(first), **past}, "staff")
        return taken

    async def measure(self, days: Iterable[int]) -> None:
        """Publish hourly temperatures of days, counted from today, in columns; wait until they are stored."""
        chosen = list(days)
        before = self._stored()
        begin = datetime.combine(self.weather.today, datetime.min.time(), ZONE)
        at = [
            int((begin + timedelta(days=day, hours=hour)).timestamp()) * 1000
            for day in chosen
            for hour in range(24)
        ]
        wave = -np.cos(2 * np.pi * (np.arange(24) - 3) / 24)
        means = self.weather.days(-MEASURED_DAYS, MEASURED_DAYS)[np.array(chosen) + MEASURED_DAYS]
        values = (means[:, None] + SWING_C * wave).ravel().round(2).tolist()
        publisher = Publisher(self.system.broker.port, self.station, self.system.passwords[self.station])
        publisher.publish(
            [
                json.dumps(
                    {"at": at[n : n + SAMPLES], "values": {"air_temperature": values[n : n + SAMPLES]}}
                ).encode()
                for n in range(0, len(at), SAMPLES)
            ]
        )
        publisher.close()
        wait_for(lambda: self._stored() == before + len(at), 30, "the readings were not stored")

    def _stored(self) -> int:
        accounts = self.system.accounts()
        return accounts[self.station]["committed"] if self.station in accounts else 0

    def plant(self, sown: int, **more: Any) -> int:
        """Register wheat in a field of its own, sown so many days from today (negative: before it)."""
        slug = f"field-{len(self.fields)}"
        self.fields.append(slug)
        self.post(f"labs/{self.lab}/sites/{SITE}/fields", {"slug": slug, "name_ja": "畑", "name_en": "Field"})
        sown_on = str(self.weather.today + timedelta(days=sown))
        planting = {"site": SITE, "field": slug, "crop": CROP, "cultivar": CULTIVAR, "sown_on": sown_on}
        number: int = self.post(f"labs/{self.lab}/plantings", planting | more)["id"]
        return number

    def see(self, planting: int, bbch: int, day: date) -> None:
        self.post(
            f"plantings/{planting}/observations",
            {"bbch": bbch, "observed_on": str(day), "observer": "2年A組"},
        )

    def forecast(self, planting: int, as_of: datetime | None = None) -> dict[str, Any]:
        """What the API shows of a planting's forecast."""
        asked = "" if as_of is None else f"?as_of={as_of.astimezone(UTC).strftime('%Y-%m-%dT%H:%M:%S.%fZ')}"
        shown: dict[str, Any] = self.get(f"plantings/{planting}/forecast{asked}")
        return shown

    def history(self, planting: int) -> list[dict[str, Any]]:
        """The forecasts of a planting, newest first."""
        lines: list[dict[str, Any]] = self.get(f"plantings/{planting}/history")["items"]
        return lines

    def next_forecast(self, planting: int, after: int = 0, within_s: float = 30.0) -> dict[str, Any]:
        """Wait for a forecast later than that of the number given."""

        def newer() -> dict[str, Any] | None:
            newest: dict[str, Any] | None = self.forecast(planting)["newest"]
            return newest if newest is not None and newest["id"] > after else None

        found: dict[str, Any] = wait_for(newer, within_s, self.complaints)
        return found

    def complaints(self) -> str:
        """What the workers logged: for the message of a test that fails."""
        return "\n".join(
            process.log.read_text()[-3000:]
            for process in self.system.workers.values()
            if process.log.exists()
        )

    def wait_idle(self, within_s: float = 60.0) -> None:
        """Wait until nothing is due or in the queue."""
        jobs = "SELECT count(*) AS n FROM jobs.procrastinate_jobs WHERE status IN ('todo', 'doing')"
        dues = "SELECT count(*) AS n FROM planting_dues WHERE noted > done"

        def idle() -> bool:
            return all(self.system.query(query)[0]["n"] == 0 for query in (dues, jobs, dues))

        wait_for(idle, within_s, self.complaints)


def stage(forecast: dict[str, Any], name: str) -> dict[str, Any]:
    """A stage of a forecast that the API showed."""
    return next(each for each in forecast["forecast"]["stages"] if each["stage"] == name)


def interval(of: dict[str, Any], level: int) -> tuple[date, date]:
    """Begin and end of an interval of a stage."""
    shown = next(each for each in of["intervals"] if each["level"] == level)
    return date.fromisoformat(shown["first"]), date.fromisoformat(shown["last"])


def seconds_since(began_s: float) -> float:
    return time.monotonic() - began_s
