"""A sorting unit's messages for the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.ingest.desk import NOW_MS

if TYPE_CHECKING:
    from ingest.write import Written
    from tests.ingest.desk import Desk

VECTOR = {"milt": 0.9, "roe": 0.08, "other": 0.02}


def event(seq: int, **more: Any) -> dict[str, Any]:
    """One cod, called milt; a field that is given as None is left out."""
    body: dict[str, Any] = {
        "boot": "b1",
        "seq": seq,
        "at": NOW_MS - 60_000 + seq,
        "lot": "2026-11-23-01",
        "fish": seq,
        "model": "echo-7",
        "calibration": "c3",
        "class": "milt",
        "probabilities": VECTOR,
        "coupling": 0.92,
        "weight_g": 2450.0,
        "fork_length_mm": 610,
        "latency_ms": 180,
        "bin_commanded": "A",
        "bin_confirmed": "A",
    }
    return {key: value for key, value in (body | more).items() if value is not None}


def check(seq: int, of: Any, **more: Any) -> dict[str, Any]:
    """A verification: of is the number of an event, or what stands for it."""
    body = {
        "boot": "b1",
        "seq": seq,
        "at": NOW_MS,
        "event": {"boot": "b1", "seq": of} if isinstance(of, int) else of,
        "class": "milt",
        "method": "cut",
        "operator": "佐藤",
        "selection_probability": 0.1,
        "reason": "random",
    }
    return {key: value for key, value in (body | more).items() if value is not None}


async def send(desk: Desk, kind: str, *bodies: Any, device: str = "echo-1", **more: Any) -> Written:
    """Send bodies on ``up/kind``, each a message."""
    return await desk.send(*bodies, topic=f"chiiki/v1/{device}/up/{kind}", **more)
