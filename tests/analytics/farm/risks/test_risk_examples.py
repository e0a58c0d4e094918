"""The examples in the docstrings of risks run."""

from __future__ import annotations

import doctest
import importlib

import pytest


@pytest.mark.parametrize(
    "module",
    ["model", "hours", "wetness", "late_blight", "fusarium", "temperature", "flabs", "tables", "registry"],
)
def test_examples(module: str) -> None:
    assert doctest.testmod(importlib.import_module(f"analytics.farm.risks.{module}")).failed == 0
