"""The examples in the docstrings of a unit's statistics run, and each public function there has one."""

from __future__ import annotations

import doctest
import importlib
import inspect

import pytest

NAMES = (
    *(
        "calibration",
        "charts",
        "comparison",
        "confidence",
        "confusion",
        "decision",
        "drift",
        "faults",
        "hybrids",
        "images",
    ),
    *(
        "proportions",
        "quality",
        "recalibration",
        "reliability",
        "risk_adjusted",
        "run_lengths",
        "sampling",
        "sizes",
    ),
    "throughput",
)


@pytest.mark.parametrize("name", NAMES)
def test_examples_run(name: str) -> None:
    module = importlib.import_module(f"analytics.fish.{name}")
    results = doctest.testmod(module)
    assert results.attempted > 0
    assert results.failed == 0
    functions = [
        thing
        for called, thing in vars(module).items()
        if inspect.isfunction(thing) and thing.__module__ == module.__name__ and not called.startswith("_")
    ]
    assert [thing.__name__ for thing in functions if ">>> " not in (inspect.getdoc(thing) or "")] == []
