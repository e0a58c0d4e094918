"""Every example in a docstring of the pure analytics runs, and every public function there has one."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import pkgutil
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import analytics.farm
import analytics.series

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[2]
REFERENCES = ROOT / "analytics" / "REFERENCES.md"
MODULES = [
    found.name
    for package in (analytics.series, analytics.farm)
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
]
KEY = re.compile(r"\[([A-Z][A-Za-z]*\d{4}[a-z]?|FAO56|WMO8|IERS)\]")


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str) -> None:
    results = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert results.failed == 0, f"{results.failed} of {results.attempted} examples of {name} failed"


def test_there_are_modules() -> None:
    assert {"analytics.series.daily", "analytics.farm.weather.humidity"} <= set(MODULES)


OF_THE_WEATHER = [
    *(f"analytics.series.{name}" for name in ("climatology", "coverage", "daily", "days", "gaps", "hourly")),
    *(name for name in MODULES if name.startswith("analytics.farm.weather.")),
]


@pytest.mark.parametrize("name", OF_THE_WEATHER)
def test_every_function_of_the_weather_has_an_example(name: str) -> None:
    module = importlib.import_module(name)
    assert [function for function in public_functions(module) if not has_example(function)] == []


def public_functions(module: ModuleType) -> list[object]:
    return [
        thing
        for called, thing in vars(module).items()
        if inspect.isfunction(thing) and thing.__module__ == module.__name__ and not called.startswith("_")
    ]


def has_example(function: object) -> bool:
    return ">>> " in (inspect.getdoc(function) or "")


def docstrings(path: Path) -> str:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return "\n".join(
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def test_every_key_is_a_reference() -> None:
    listed = set(re.findall(r"^- \*\*\[(\w+)\]\*\*", REFERENCES.read_text(encoding="utf-8"), re.MULTILINE))
    unknown = {
        f"{path.relative_to(ROOT).as_posix()}: {key}"
        for path in (ROOT / "analytics").rglob("*.py")
        for key in KEY.findall(docstrings(path))
        if key not in listed
    }
    assert unknown == set()
