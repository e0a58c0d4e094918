"""An application on a real database, two labs, and a client that holds answers against the description."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from jsonschema import Draft202012Validator
from multidict import CIMultiDict

from analytics.farm.forecast.result import no_model
from analytics.farm.recipes.render import render_recipe
from analytics.library import recipes
from api.app import ApiSettings, make_app
from devices.credentials import hash_password, new_token, token_digest
from store.devices import add_device
from store.fields import add_field
from store.forecasts import add_forecast
from store.frames import FrameSent
from store.heartbeats import beat
from store.lots import list_lots
from store.observations import add_observation
from store.plantings import add_planting
from store.quarantine import Refusal, add_refusals
from store.recipes import add_recipe
from store.requests import add_request
from store.series import open_series
from store.sites import add_site
from store.sort_batch import add_items
from store.sort_pages import page_of_lot
from store.sort_rows import SortEvent
from store.tokens import add_token
from store.unit_charts import add_alarm, list_alarms
from store.verifications import add_verification
from tests.api.described import DESCRIPTION

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from psycopg import AsyncConnection
    from psycopg_pool import AsyncConnectionPool

SOWN = date(2025, 9, 24)
NOON = datetime(2026, 7, 1, 3, tzinfo=UTC)
HOUR = timedelta(hours=1)


@dataclass
class World:
    """Two labs, shihoro and sendai, each with a site, device, series, planting and tokens of every role."""

    tokens: dict[str, str] = field(default_factory=dict)
    series: dict[str, int] = field(default_factory=dict)
    devices: dict[str, int] = field(default_factory=dict)
    token_ids: dict[str, int] = field(default_factory=dict)
    grown: dict[str, int] = field(default_factory=dict)
    """Numbers of each lab's planting, observation, forecast, recipe, lot, verification and alarm, as
    ``shihoro planting``."""
    frames: dict[str, str] = field(default_factory=dict)
    """SHA-256 of each lab's image."""


@dataclass
class Answer:
    status: int
    headers: CIMultiDict[str]
    text: str

    @property
    def data(self) -> Any:
        return json.loads(self.text)


def check_described(operation: dict[str, Any], answer: Answer) -> None:
    """Hold an answer against the description of its operation."""
    described = operation["responses"][str(answer.status)]
    if "$ref" in described:
        described = DESCRIPTION["components"]["responses"][described["$ref"].rsplit("/", 1)[1]]
    media = answer.headers["Content-Type"].split(";")[0]
    if media.endswith("json"):
        schema = described["content"][media]["schema"] | {"components": DESCRIPTION["components"]}
        Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(answer.data)
    else:
        assert media in described["content"]


@dataclass
class Asker:
    client: TestClient[Any, Any]
    world: World

    async def __call__(
        self, method: str, url: str, *, role: str | None = "operator", **options: Any
    ) -> Answer:
        """Ask with the token of a role, ``staff`` of shihoro or ``sendai-staff``; check the answer."""
        headers = dict(options.pop("headers", {}))
        if role is not None:
            headers["Authorization"] = f"Bearer {self.world.tokens[role]}"
        async with self.client.request(
            method, url, headers=headers, allow_redirects=False, **options
        ) as response:
            answer = Answer(response.status, CIMultiDict(response.headers), await response.text())
            resource = response.request_info.url.path
        operation = self._operation(method, resource)
        if operation is not None and answer.status not in {304, 405} and method != "HEAD":
            check_described(operation, answer)
        return answer

    def _operation(self, method: str, path: str) -> dict[str, Any] | None:
        for address, methods in DESCRIPTION["paths"].items():
            parts, asked = address.split("/"), path.split("/")
            same = len(parts) == len(asked) and all(
                p == a or p[:1] == "{" for p, a in zip(parts, asked, strict=True)
            )
            if same and method.lower() in methods:
                return methods[method.lower()]
        return None


@pytest.fixture
async def world(pool: AsyncConnectionPool) -> World:
    world = World()
    async with pool.connection() as conn:
        await _add_token(conn, world, "operator", None)
        for lab in ("shihoro", "sendai"):
            prefix = "" if lab == "shihoro" else "sendai-"
            await add_site(conn, lab=lab, slug="farm", name_ja="農場", name_en="Farm")
            name = f"{lab}-1"
            device = await add_device(
                conn, name=name, lab=lab, kind="farm-station", site="farm", password_hash=hash_password("x")
            )
            world.devices[name] = device.id
            series = await open_series(conn, device.id, "air_temperature", "", "degC")
            world.series[name] = series.id
            for role in ("staff", "team", "viewer"):
                await _add_token(conn, world, role, lab, prefix)
            await _add_planting(conn, world, lab)
            await _add_lot(conn, world, lab)
            await add_quarantined(conn, device.id, b"{}", "bad_shape")
            await add_request(conn, verb="replay", argument={}, lab=lab)
        await beat(conn, "gateway-1", 17, NOON, {"committed_total": 12, "link": {"in_flight": 3}})
    return world


async def _add_planting(conn: AsyncConnection, world: World, lab: str) -> None:
    await add_field(conn, lab=lab, site="farm", slug="north", name_ja="北の畑", name_en="North field")
    planting = await add_planting(
        conn, lab=lab, site="farm", field="north", crop="wheat", cultivar="kitahonami", sown_on=SOWN
    )
    seen = await add_observation(conn, planting.id, bbch=10, observed_on=SOWN + timedelta(days=9))
    forecast, _ = await add_forecast(
        conn,
        planting.id,
        issued_on=SOWN,
        model="none",
        model_version="0",
        data_end=None,
        inputs_digest=b"0",
        body=no_model(planting.id, "wheat", "kitahonami", "farm", SOWN).as_body(),
    )
    recipe = await add_recipe(
        conn,
        lab=lab,
        slug=f"{lab}-wheat",
        version="1.0.0",
        crop="wheat",
        title_ja="小麦",
        title_en="Wheat",
        body=render_recipe(recipes()["wheat"]),
        origin={},
    )
    numbers = (planting.id, seen.id, forecast.id, recipe.id)
    nouns = ("planting", "observation", "forecast", "recipe")
    world.grown |= {f"{lab} {noun}": number for noun, number in zip(nouns, numbers, strict=True)}


async def _add_lot(conn: AsyncConnection, world: World, lab: str) -> None:
    device_id = world.devices[f"{lab}-1"]
    image = frame_of(device_id, f"image of {lab}".encode())
    await add_items(conn, [*fish_of(device_id, 30), image])
    (lot,) = await list_lots(conn, lab=lab)
    (first,) = await page_of_lot(conn, lot.id, limit=1)
    seen = await add_verification(
        conn,
        boot_id=first.boot_id,
        seq=first.seq,
        cls="roe",
        method="cut",
        selection_probability=0.1,
        reason="random",
    )
    told = {"chart": "mistakes", "moved": "mistakes_up", "cls": "", "size": 0.3}
    await add_alarm(conn, device_id, lot.product, told | {"since": NOON, "opened_at": NOON})
    (alarm,) = await list_alarms(conn, device_id)
    world.grown |= {f"{lab} lot": lot.id, f"{lab} verification": seen.id, f"{lab} alarm": alarm.id}
    world.frames[lab] = image.sha256.hex()


def fish_of(device_id: int, count: int, *, lot: str = "lot-1", first: int = 1) -> list[SortEvent]:
    """Fish of a unit, half of them milt; weights and two bins are told of each."""
    at = int(NOON.timestamp() * 1e6)
    sure = (0.9, 0.08, 0.02)
    return [
        SortEvent(
            device_id=device_id,
            boot="b1",
            seq=number,
            at=at + number * 200_000,
            received=at + number * 200_000,
            lot=lot,
            product="cod-sex",
            species="cod",
            classes=("milt", "roe", "other"),
            cls=number % 2,
            probabilities=sure if number % 2 == 0 else (sure[1], sure[0], sure[2]),
            model="m1",
            calibration="",
            digest=number,
            fish=number,
            weight_g=3000.0 + number,
            bin_commanded="a",
            bin_confirmed="a",
        )
        for number in range(first, first + count)
    ]


def frame_of(device_id: int, data: bytes) -> FrameSent:
    """An image; its bytes need not be one."""
    at = int(NOON.timestamp() * 1e6)
    return FrameSent(
        device_id=device_id,
        at=at,
        received=at,
        sha256=hashlib.sha256(data).digest(),
        format="png",
        header='{"dtype": "uint8", "shape": [4, 4]}',
        data=data,
        digest=1,
    )


async def _add_token(conn: Any, world: World, role: Any, lab: str | None, prefix: str = "") -> None:
    token = new_token()
    added = await add_token(conn, digest=token_digest(token), hint=token[:8], lab=lab, role=role)
    world.tokens[prefix + role] = token
    world.token_ids[prefix + role] = added.id


@pytest.fixture
def make_client(
    pool: AsyncConnectionPool, database_url: str
) -> Callable[..., Awaitable[TestClient[Any, Any]]]:
    async def make(over: AsyncConnectionPool | None = None, **settings: Any) -> TestClient[Any, Any]:
        app = make_app(over or pool, ApiSettings(**{"database_url": database_url, **settings}))
        client = TestClient(TestServer(app))
        await client.start_server()
        return client

    return make


@pytest.fixture
async def ask(
    make_client: Callable[..., Awaitable[TestClient[Any, Any]]], world: World
) -> AsyncIterator[Asker]:
    client = await make_client()
    yield Asker(client, world)
    await client.close()


async def add_readings(
    pool: AsyncConnectionPool, series_id: int, rows: Sequence[tuple[datetime, float, int]]
) -> None:
    """Store readings (at, value, quality), received a minute later."""
    query = "COPY readings (series_id, at, received_at, value, quality) FROM STDIN"
    async with pool.connection() as conn, conn.cursor() as cursor, cursor.copy(query) as copy:
        for at, value, quality in rows:
            await copy.write_row((series_id, at, at + timedelta(minutes=1), value, quality))


async def add_quarantined(conn: AsyncConnection, device_id: int, payload: bytes, reason: str) -> int:
    """Keep a message as the gateway would, and return its number."""
    refusal = Refusal(
        digest=hashlib.sha256(b"%d %s %s" % (device_id, reason.encode(), payload)).digest(),
        device_id=device_id,
        topic="chiiki/v1/some-device/up/readings",
        payload=payload,
        reason=reason,
        detail="Mend it.",
        rejected=None,
        readings=1,
        received_at=NOON,
        hour=NOON,
    )
    await add_refusals(conn, [refusal])
    cursor = await conn.execute("SELECT max(id) FROM quarantine")
    return int((await cursor.fetchone() or (0,))[0])
