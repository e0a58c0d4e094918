"""The demonstration: a school farm in Shihoro and a fish market in Sendai, simulated and marked as such."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from deploy import demo_fish, state
from deploy.demo_history import first_missing
from deploy.errors import ServiceError
from deploy.parts import PythonPart
from deploy.privilege import give
from deploy.probe import ask
from devices.credentials import hash_password, new_password, new_token, token_digest
from devices.simulator.run import Config, DeviceConfig
from store.devices import add_device, restore_device, rotate_device
from store.errors import StoreConflict
from store.pool import open_pool
from store.sites import add_site
from store.tokens import add_token, find_token

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.supervisor import Supervisor
    from devices.simulator.sorting_scores import FaultName
    from store.pool import AsyncConnection

HISTORY_DAYS = 120
FARM, LATITUDE, LONGITUDE = "school-farm", 43.168, 143.241
MARKET = "fish-market"
VISIBLE_S = 90.0
CONFIG = "demo-simulator.json"
TOKENS = "demo-tokens.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoDevice:
    """A simulated device of the demonstration; `role` is its kind too."""

    name: str
    lab: str
    site: str
    role: Literal["farm-station", "echo-unit", "fish-sorter"]
    label: str
    seed: int


SITES: list[dict[str, Any]] = [
    {
        "lab": "shihoro",
        "slug": FARM,
        "name_ja": "高校の農場(模擬)",
        "name_en": "High-school farm (simulated)",
        "latitude": LATITUDE,
        "longitude": LONGITUDE,
        "elevation_m": 190.0,
    },
    {
        "lab": "sendai",
        "slug": MARKET,
        "name_ja": "魚市場(模擬)",
        "name_en": "Fish market (simulated)",
        "latitude": 38.258,
        "longitude": 140.921,
        "elevation_m": 5.0,
    },
]
DEVICES = [
    DemoDevice(name="shihoro-farm-1", lab="shihoro", site=FARM, role="farm-station", label="北の畑", seed=1),
    DemoDevice(name="shihoro-farm-2", lab="shihoro", site=FARM, role="farm-station", label="南の畑", seed=2),
    DemoDevice(name="sendai-echo-1", lab="sendai", site=MARKET, role="echo-unit", label="マダラ", seed=3),
    DemoDevice(name="sendai-sorter-1", lab="sendai", site=MARKET, role="fish-sorter", label="サバ", seed=4),
]
FARM_STATIONS = frozenset(device.name for device in DEVICES if device.site == FARM)


async def play(supervisor: Supervisor, *, fault: FaultName | None = None) -> dict[str, str]:
    """Register the demonstration's sites and devices, let them send, and wait until readings can be seen.

    Parameters
    ----------
    fault : FaultName | None
        What goes wrong with the echo unit.

    Returns
    -------
    dict[str, str]
        By lab, a token to look with.
    """
    folder = supervisor.settings.state_dir
    pool = await open_pool(supervisor.database_url, process="demo", max_size=1)
    try:
        async with pool.connection() as connection:
            passwords = await register(connection)
            tokens = await viewer_tokens(connection, folder / TOKENS)
            devices = [
                await _simulated(connection, device, passwords[device.name], fault) for device in DEVICES
            ]
    finally:
        await pool.close()
    config = Config(mqtt_url=supervisor.mqtt_url, devices=devices)
    state.write_secret(folder / CONFIG, msgspec.json.encode(config).decode())
    give(folder / CONFIG, supervisor.user)
    arguments = ["-m", "devices.simulator", str(folder / CONFIG)]
    simulator = PythonPart("simulator", arguments, state_dir=folder, environ={}, user=supervisor.user)
    await supervisor.add("simulator", simulator)
    await wait_visible(supervisor.settings.http_url, tokens)
    return tokens


async def register(connection: AsyncConnection) -> dict[str, str]:
    """Make what is not there yet; each device gets a new password. Returns the passwords by device."""
    for site in SITES:
        try:
            async with connection.transaction():
                await add_site(connection, **site)
        except StoreConflict:
            continue
    return {device.name: await _register(connection, device) for device in DEVICES}


async def _register(connection: AsyncConnection, device: DemoDevice) -> str:
    password = new_password()
    line = hash_password(password)
    try:
        async with connection.transaction():
            await add_device(
                connection,
                name=device.name,
                lab=device.lab,
                kind=device.role,
                site=device.site,
                label=device.label,
                simulated=True,
                password_hash=line,
            )
    except StoreConflict:
        await restore_device(connection, device.name)
        await rotate_device(connection, device.name, line)
    return password


async def viewer_tokens(connection: AsyncConnection, path: Path) -> dict[str, str]:
    """Return a token for looking at each of the labs; made once, and again when it was revoked."""
    kept = _kept_tokens(path)
    tokens = {lab: token for lab, token in kept.items() if await find_token(connection, token_digest(token))}
    for lab in sorted({device.lab for device in DEVICES} - tokens.keys()):
        token = tokens[lab] = new_token()
        await add_token(
            connection, digest=token_digest(token), hint=token[:8], lab=lab, role="viewer", label="demo"
        )
    state.write_secret(path, json.dumps(tokens))
    return tokens


def _kept_tokens(path: Path) -> dict[str, str]:
    try:
        tokens: dict[str, str] = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return tokens


async def _simulated(
    connection: AsyncConnection, device: DemoDevice, password: str, fault: FaultName | None
) -> DeviceConfig:
    """Tell the simulator what the device is, and from when on the database lacks its samples and its fish."""
    config = DeviceConfig(
        name=device.name, password=password, role=device.role, seed=device.seed, site=device.site
    )
    now = time.time()
    missing_from = await first_missing(connection, config, history_days=HISTORY_DAYS, now=now)
    fault = fault if device.role == "echo-unit" else None
    lots = await demo_fish.lots_to_send(connection, device, now=now, fault=fault)
    return msgspec.structs.replace(config, history_from=missing_from, lots=lots)


async def wait_visible(url: str, tokens: dict[str, str]) -> None:
    """Wait until the API shows readings of every lab."""
    end_at = time.monotonic() + VISIBLE_S
    waiting = dict(tokens)
    while waiting:
        for lab, token in list(waiting.items()):
            answer = await asyncio.to_thread(ask, f"{url}/api/v1/labs/{lab}/latest", token)
            if answer and any(item.get("newest") for item in answer.get("items", [])):
                del waiting[lab]
        if time.monotonic() > end_at:
            raise ServiceError(
                f"no readings of {' and '.join(waiting)} after {VISIBLE_S:.0f} s: see the logs"
            )
        await asyncio.sleep(0.2)


async def grow(supervisor: Supervisor, token: str) -> None:
    """Bring the farm up to today, tell when its first forecast stands, and go on with it each morning."""
    # Here, since the start need not wait until the models are loaded.
    from deploy import demo_farm  # noqa: PLC0415

    pool = await open_pool(supervisor.database_url, process="demo farm", max_size=1)
    try:
        plantings = await demo_farm.settle(pool, measured_days=HISTORY_DAYS)
        if plantings:
            _tell_forecast(supervisor, token, await demo_farm.first_forecast(pool, plantings))
        await demo_farm.go_on(pool)
    finally:
        await pool.close()


def _tell_forecast(supervisor: Supervisor, token: str, planting: int | None) -> None:
    if planting is None:
        supervisor.say(f"No forecast stands yet: see {supervisor.settings.state_dir}/logs/worker.log")
        return
    url = f"{supervisor.settings.http_url}/api/v1/plantings/{planting}/forecast"
    supervisor.say(f"The first growth forecast stands:\n  curl -H 'Authorization: Bearer {token}' {url}")


async def sell(supervisor: Supervisor) -> None:
    """Keep the market's lots, and tell what they were estimated to hold and what they hold."""
    pool = await open_pool(supervisor.database_url, process="demo fish", max_size=1)
    try:
        await demo_fish.keep(supervisor, pool, [device for device in DEVICES if device.site == MARKET])
    finally:
        await pool.close()
