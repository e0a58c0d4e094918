"""The work of a recipe on the calendar."""

from __future__ import annotations

from datetime import date, timedelta

from analytics import library
from analytics.farm.recipes.model import Work
from analytics.farm.recipes.work import StageDate, next_work
from tests.analytics.farm.recipes.kitchen import WORDS, recipe, stage


def known(bbch: float, day: date, spread: int = 0, *, observed: bool = True) -> StageDate:
    wide = timedelta(days=spread)
    return StageDate(bbch=bbch, day=day, earliest=day - wide, latest=day + wide, observed=observed)


def work(name: str, at: str | float, from_day: int, to_day: int) -> Work:
    return Work(name=name, text=WORDS, at=at, from_day=from_day, to_day=to_day)  # type: ignore[arg-type]


RECIPE = recipe(
    stage("young", 0, 10, work=(work("sow", "start", -2, 3), work("hoe", "end", -1, 1))),
    stage("old", 10, 30, work=(work("spray", 20, 0, 2), work("cut", "end", 0, 5))),
)
DATES = [
    known(0, date(2026, 5, 1)),
    known(10, date(2026, 5, 21)),
    known(20, date(2026, 6, 20), 4, observed=False),
]


def test_what_is_overdue_due_upcoming_and_unknown() -> None:
    tasks = next_work(RECIPE, DATES, date(2026, 5, 21))
    assert [(task.key, task.status) for task in tasks] == [
        ("young/sow", "overdue"),
        ("young/hoe", "due"),
        ("old/spray", "upcoming"),
        ("old/cut", "unknown"),
    ]
    spray = tasks[2]
    assert (spray.first, spray.last) == (date(2026, 6, 20), date(2026, 6, 22))
    assert (spray.earliest, spray.latest) == (date(2026, 6, 16), date(2026, 6, 26))
    assert [task.observed for task in tasks] == [True, True, False, False]
    assert tasks[3].first is None


def test_the_order_of_the_dates_does_not_matter() -> None:
    today = date(2026, 5, 21)
    assert next_work(RECIPE, DATES[::-1], today) == next_work(RECIPE, DATES, today)


def test_the_edges_of_due() -> None:
    for day, status in ((19, "upcoming"), (20, "due"), (22, "due"), (23, "overdue")):
        (hoe,) = (task for task in next_work(RECIPE, DATES, date(2026, 5, day)) if task.key == "young/hoe")
        assert hoe.status == status


def test_what_is_done_or_long_past_is_not_asked_for() -> None:
    keys = [task.key for task in next_work(RECIPE, DATES, date(2026, 5, 21), done={"young/sow"})]
    assert keys == ["young/hoe", "old/spray", "old/cut"]
    assert "young/sow" in {task.key for task in next_work(RECIPE, DATES, date(2026, 6, 3))}
    assert "young/sow" not in {task.key for task in next_work(RECIPE, DATES, date(2026, 6, 4))}


def test_a_code_between_two_dates_lies_between_them() -> None:
    dates = [known(0, date(2026, 5, 1)), known(40, date(2026, 6, 10), 8, observed=False)]
    hoe, spray = (
        next(task for task in next_work(RECIPE, dates, date(2026, 5, 1)) if task.key == key)
        for key in ("young/hoe", "old/spray")
    )
    assert hoe.first == date(2026, 5, 10)
    assert spray.first == date(2026, 5, 21)
    assert spray.earliest == date(2026, 5, 17)
    assert not spray.observed


def test_without_dates_all_is_unknown() -> None:
    assert {task.status for task in next_work(RECIPE, [], date(2026, 5, 1))} == {"unknown"}


def test_the_wheat_recipe_asks_to_spray_at_the_begin_of_flowering() -> None:
    dates = [known(0, date(2025, 9, 22)), known(55, date(2026, 6, 3)), known(65, date(2026, 6, 13))]
    tasks = next_work(library.recipe("wheat"), dates, date(2026, 6, 9))
    assert [task.key for task in tasks if task.status == "due"] == ["heading-flowering/fusarium"]
