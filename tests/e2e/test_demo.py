"""What a stranger does first: ``./chiiki demo``, a look round, an end, and the same again."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from deploy.embedded.ports import is_open
from tests.e2e.installation import READY, Installation, at_work_for, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.embedded.provision import Programs

HISTORY_DAYS = 120
DEVICES = {
    "shihoro": {"shihoro-farm-1", "shihoro-farm-2"},
    "sendai": {"sendai-echo-1", "sendai-sorter-1"},
}
LISTENING = {"postgres", "broker", "api"}
SILENT = {"supervisor", "gateway", "simulator", "worker"}
STOPPED_S = 15.0
# 5 s on a quiet machine; tests share theirs with others.
AGAIN_S = 20.0
FORECAST_S = 60.0
PAST_SEASONS = 6


@pytest.fixture(scope="module")
def demo(programs: Programs) -> Iterator[Installation]:
    """The demo on disk, as users have it."""
    folder = Path(tempfile.mkdtemp(prefix="chiiki-demo-"))
    folder.chmod(0o755)  # the services' user passes through it
    demo = Installation("demo", folder)
    try:
        demo.start()
        yield demo
    finally:
        demo.stop()
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def tokens(demo: Installation) -> dict[str, str]:
    """The tokens that the demo prints once it is ready."""
    wait_for(lambda: "Stop with" in demo.said, 5, "the demo said only that it is ready")
    shihoro = re.search(r"curl -H 'Authorization: Bearer (ck_\S+)'", demo.said)
    sendai = re.search(r"Sendai's token: (ck_\S+)", demo.said)
    assert shihoro
    assert sendai, demo.said
    return {"shihoro": shihoro[1], "sendai": sendai[1]}


def test_status_names_every_process(demo: Installation) -> None:
    named = demo.processes()

    assert named.keys() == LISTENING | SILENT
    for name, process in named.items():
        assert process["state"] == "running", name
        assert Path(f"/proc/{process['pid']}").exists(), name
        assert (process["port"] is not None) == (name in LISTENING), name
    assert named["api"]["port"] == demo.http_port
    assert named["broker"]["port"] == demo.mqtt_port
    pids = {process["pid"] for process in named.values()}
    strays = {pid for pid, parent in at_work_for(demo.state_dir).items() if not {pid, parent} & pids}
    assert not strays, "processes that status does not name"


def test_the_lines_to_try_work_as_printed(demo: Installation) -> None:
    wait_for(lambda: "Stop with" in demo.said, 5, "the demo said only that it is ready")
    wait_for(lambda: "forecast stands" in demo.said, FORECAST_S, "it does not tell of a forecast")
    tried = re.findall(r"curl -H 'Authorization: Bearer (\S+)' (\S+)", demo.said)

    assert len(tried) == 4
    for token, url in tried:
        assert demo.get(url, token)


@pytest.mark.parametrize("lab", DEVICES)
def test_both_labs_have_their_devices_marked_as_simulated(
    demo: Installation, tokens: dict[str, str], lab: str
) -> None:
    devices = demo.get("/api/v1/devices", tokens[lab])["items"]

    assert {device["name"] for device in devices} == DEVICES[lab]
    assert all(device["simulated"] for device in devices)
    assert all(device["site"] for device in devices)


@pytest.mark.parametrize("lab", DEVICES)
def test_every_series_has_a_latest_value(demo: Installation, tokens: dict[str, str], lab: str) -> None:
    def series() -> set[int]:
        pages = [demo.get(f"/api/v1/devices/{name}/series", tokens[lab]) for name in DEVICES[lab]]
        return {one["id"] for page in pages for one in page["items"]}

    def latest() -> set[int]:
        page = demo.get(f"/api/v1/labs/{lab}/latest", tokens[lab])
        return {one["series"]["id"] for one in page["items"] if one["newest"] and one["last_received"]}

    wait_for(lambda: latest() == series(), 10, f"{lab} has series without a latest value")
    assert len(latest()) >= 2 * len(DEVICES[lab])


def daily(demo: Installation, token: str) -> list[dict[str, Any]]:
    found = demo.get("/api/v1/devices/shihoro-farm-1/series", token)["items"]
    number = next(one["id"] for one in found if one["quantity"] == "air_temperature")
    page = demo.get(f"/api/v1/series/{number}/readings?every=1d&limit=1000", token)
    assert page["timezone"] == "Asia/Tokyo"
    return list(page["buckets"])


def test_there_is_a_history_to_look_at(demo: Installation, tokens: dict[str, str]) -> None:
    token = tokens["shihoro"]
    wait_for(lambda: len(daily(demo, token)) >= HISTORY_DAYS, 60, "the history did not come")
    whole = daily(demo, token)[1:-1]

    assert {day["count"] for day in whole} == {144}, "a station sends every ten minutes"
    assert all(day["min"] < day["mean"] < day["max"] for day in whole)
    assert all(day["start"].endswith("T00:00:00+09:00") for day in whole)


@pytest.mark.parametrize("lab", DEVICES)
def test_every_devices_ledger_balances(demo: Installation, tokens: dict[str, str], lab: str) -> None:
    for name in DEVICES[lab]:
        ledger = demo.get(f"/api/v1/devices/{name}/ledger?every=1d", tokens[lab])
        assert ledger["balances"] is True
        assert ledger["total"]["committed"] > 10_000, name
        assert ledger["total"]["conflicting"] == ledger["total"]["quarantined"] == 0, name


def test_nothing_is_in_quarantine_and_metrics_have_the_gateway(demo: Installation) -> None:
    assert demo.get("/api/v1/quarantine", demo.operator)["items"] == []

    def committed() -> int:
        found = re.search(
            r'chiiki_gateway_committed_total\{process="gateway-1"\} (\d+)', demo.get("/metrics")
        )
        assert found
        return int(found[1])

    # The gateway tells its counts every five seconds.
    wait_for(lambda: committed() > 0, 15, "the gateway counts nothing")


def test_a_lab_does_not_see_the_other(demo: Installation, tokens: dict[str, str]) -> None:
    assert demo.ask("/api/v1/devices/sendai-echo-1", tokens["shihoro"])[0] == 404
    assert demo.ask("/api/v1/devices/sendai-echo-1")[0] == 401


def shown(demo: Installation, token: str) -> list[dict[str, Any]]:
    """The newest forecasts of what grows now, once each planting has one."""
    growing = demo.get("/api/v1/labs/shihoro/plantings?ended=false", token)["items"]
    answers = [demo.get(f"/api/v1/plantings/{planting['id']}/forecast", token) for planting in growing]
    return [answer["newest"] for answer in answers] if all(answer["newest"] for answer in answers) else []


def test_the_farm_has_forecasts(demo: Installation, tokens: dict[str, str]) -> None:
    token = tokens["shihoro"]
    forecasts = wait_for(lambda: shown(demo, token), FORECAST_S, "there are no forecasts")

    for newest in forecasts:
        told = newest["forecast"]
        assert told["basis"]["weather_to_come"] == "past_years"
        assert told["basis"]["members"] >= 12
        assert told["basis"]["data_end"] is not None
        assert told["warnings"] == []
        assert all(each["intervals"] for each in told["stages"] if each["status"] == "coming")
        assert {each["status"] for each in told["stages"]} <= {"seen", "coming", "overdue", "not_expected"}


def test_all_that_grew_is_marked_as_simulated(demo: Installation, tokens: dict[str, str]) -> None:
    token = tokens["shihoro"]
    wait_for(lambda: shown(demo, token), FORECAST_S, "there are no forecasts")
    plantings = demo.get("/api/v1/labs/shihoro/plantings?limit=500", token)["items"]
    fields = demo.get("/api/v1/labs/shihoro/fields", token)["items"]

    assert all(planting["simulated"] for planting in plantings)
    assert {field["slug"] for field in fields} == {"north", "south"}
    assert all("模擬" in field["name_ja"] and field["polygon"] for field in fields)
    for crop in ("wheat", "potato"):
        ended = [each for each in plantings if each["crop"] == crop and each["ended_on"] is not None]
        assert len({each["sown_on"][:4] for each in ended}) >= PAST_SEASONS
        assert all(each["yield_t_ha"] > 0 for each in ended)
    assert {"garlic", "carrot"} <= {planting["crop"] for planting in plantings}


def test_it_ends_whole_and_starts_again_quickly(demo: Installation, capsys: Any) -> None:
    before = wait_for(lambda: shown(demo, demo.operator), FORECAST_S, "there are no forecasts")
    held = [port for port in (p["port"] for p in demo.processes().values()) if port]
    assert demo.stop() < STOPPED_S

    assert demo.process.ended() == 0, demo.said
    wait_for(lambda: not at_work_for(demo.state_dir), 2, "processes are left")
    assert [port for port in held if is_open("127.0.0.1", port)] == []
    assert demo.command("status").returncode == 3

    again_s = demo.start()

    with capsys.disabled():
        print(f"\n    second start of the demo: ready after {again_s:.1f} s")
    assert again_s < AGAIN_S
    assert READY in demo.said
    assert demo.processes().keys() == LISTENING | SILENT
    forecasts = [newest["id"] for newest in before]
    assert [newest["id"] for newest in shown(demo, demo.operator)] == forecasts, "forecasts were made twice"
    ledger = demo.get("/api/v1/devices/shihoro-farm-1/ledger", demo.operator)
    assert ledger["balances"] is True
    assert ledger["total"]["conflicting"] == ledger["total"]["quarantined"] == 0
