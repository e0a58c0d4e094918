"""The examples in the docstrings of growth curves run."""

from __future__ import annotations

import doctest
import importlib

import pytest


@pytest.mark.parametrize("module", ["curves", "series", "pool", "posterior", "forecast", "backtest"])
def test_examples(module: str) -> None:
    assert doctest.testmod(importlib.import_module(f"analytics.farm.growth_curves.{module}")).failed == 0
