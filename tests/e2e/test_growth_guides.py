"""The guides for farm teams and for lab staff, done to the letter."""

from __future__ import annotations

import json
import re
import shutil
import sys
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from analytics.farm.forecast.result import Cause, Doubt, Status, Verdict
from tests.e2e.farm import today
from tests.e2e.installation import CHECKOUT, Installation, wait_for
from tests.e2e.test_guide import run_shell

if TYPE_CHECKING:
    from collections.abc import Callable
    from enum import StrEnum
    from pathlib import Path

GUIDES = CHECKOUT / "docs/guides"
TEAMS, STAFF = ((GUIDES / f"{name}.md").read_text() for name in ("farm-teams", "lab-staff"))
FIRST_PAST = date(2019, 1, 1)


def blocks(guide: str) -> list[str]:
    """The guide's commands in order, but for those that only set names."""
    return [block for block in re.findall(r"```sh\n(.*?)```", guide, re.DOTALL) if "export " not in block]


@pytest.fixture(scope="module")
def runner(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    folder = tmp_path_factory.mktemp("guides")

    def run(block: str, role: str) -> Any:
        environ = {
            "API": f"http://127.0.0.1:{installation.http_port}/api/v1",
            "TOKEN": installation.token(role, "shihoro"),
        }
        said = run_shell(installation, block.replace("python ", f"{sys.executable} "), folder, **environ)
        return json.loads(said) if said.startswith("{") else said

    run.folder = folder  # type: ignore[attr-defined]
    return run


def write_past(folder: Path) -> int:
    """A file as the staff would make it, up to yesterday, with a hole; returns its days."""
    days = (today() - FIRST_PAST).days
    mean = 7 - 13 * np.cos(2 * np.pi * (np.arange(days) - 20) / 365.25)
    mean += np.random.default_rng(1).normal(0, 2, days)
    lines = [f"{FIRST_PAST + timedelta(days=n)},{mean[n] - 5:.1f},{mean[n] + 5:.1f}" for n in range(days)]
    lines[40] = f"{FIRST_PAST + timedelta(days=40)},-3.0,"
    (folder / "past.csv").write_text("\ufeff" + "\r\n".join(["day,tmin,tmax", *lines]))
    return days


@pytest.fixture(scope="module")
def staffed(runner: Any) -> list[Any]:
    """What the commands of the staff's guide answered."""
    shutil.copy(GUIDES / "examples/past_weather.py", runner.folder)
    write_past(runner.folder)
    return [runner(block, "staff") for block in blocks(STAFF)]


def test_the_staffs_commands_work_as_shown(staffed: list[Any], installation: Installation) -> None:
    token, site, file, few, outlook = staffed
    assert "ck_" in token
    assert site["slug"] == "school-farm"
    sent = [json.loads(line.split(" ", 1)[1].replace("'", '"')) for line in file.splitlines()]
    assert sum(part["changed"] for part in sent) == (today() - FIRST_PAST).days - 1
    assert few == {"days": 2, "kept": 0, "changed": 1}
    assert outlook["source"] == "気象庁 週間予報"
    path = "/api/v1/labs/shihoro/sites/school-farm/weather-forecast"
    assert installation.get(path, installation.operator)["newest"] == outlook


def test_the_teams_commands_work_as_shown(
    staffed: list[Any], runner: Any, installation: Installation
) -> None:
    assert staffed
    field, crop, planted, seen, forecast, history, advice, recipes, taken, ended = blocks(TEAMS)
    assert runner(field, "team")["slug"] == "team-north"
    assert {stage["bbch"] for stage in runner(crop, "team")["stages"]} >= {10, 55, 89}
    number = runner(planted, "team")["id"]

    def run(block: str) -> Any:
        return runner(block.replace("plantings/3", f"plantings/{number}"), "team")

    assert run(seen)["observer"] == "2年A組 佐藤"
    newest = wait_for(lambda: _current(run(forecast)), 30, "there is no forecast of what was planted")
    emergence = newest["forecast"]["stages"][0]
    assert (emergence["status"], emergence["seen_on"]) == ("seen", "2025-10-04")
    assert run(history)["items"][0]["id"] >= newest["id"]
    assert {"work", "deviations", "risks"} <= run(advice).keys()

    listed = "/api/v1/labs/shihoro/recipes?crop=wheat"
    (wheat,) = [one for one in installation.get(listed, installation.operator)["items"] if one["lab"] is None]
    run(recipes.replace("recipes/1/export", f"recipes/{wheat['id']}/export"))
    own = run(taken)
    assert (own["lab"], own["crop"], own["version"]) == ("shihoro", "wheat", wheat["version"])
    assert run(ended)["yield_t_ha"] == 6.8


def _current(shown: dict[str, Any]) -> dict[str, Any] | None:
    """The newest forecast, once it knows of the emergence."""
    newest: dict[str, Any] | None = shown["newest"]
    if newest is None or newest["forecast"]["stages"][0]["status"] != "seen":
        return None
    return newest


@pytest.mark.parametrize("words", [Status, Cause, Doubt, Verdict], ids=lambda words: words.__name__)
def test_every_word_of_a_forecast_is_explained(words: type[StrEnum]) -> None:
    assert [word.value for word in words if f"`{word.value}`" not in TEAMS] == []


@pytest.mark.parametrize("guide", [TEAMS, STAFF], ids=["farm-teams", "lab-staff"])
def test_both_languages_have_the_same_parts(guide: str) -> None:
    japanese, english = guide.split("\n---\n")
    assert re.search(r"[ぁ-ん]", japanese)
    numbers = set(re.findall(r"^## (\d)\.", japanese, re.MULTILINE))
    assert set(re.findall(r"^(?:\*\*)?(\d)\. ?", english, re.MULTILINE)) == numbers
