"""Which device speaks, and of what: ``chiiki/v1/{device}/up/{kind}``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

READINGS: Final = "readings"
STATUS: Final = "status"
EVENTS: Final = "events"
VERIFICATIONS: Final = "verifications"
FRAMES: Final = "frames"
SORTING: Final = frozenset({EVENTS, VERIFICATIONS, FRAMES})
"""Kinds of message of units that sort fish."""

_KINDS: Final = frozenset({READINGS, STATUS}) | SORTING
_LEVELS: Final = 5


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic taken apart; `kind` is ``""`` where it is not one of ours, `device` where it names none."""

    device: str
    kind: str


def parse_topic(topic: str) -> Topic:
    """Take a topic apart.

    Examples
    --------
    >>> parse_topic("chiiki/v1/north-1/up/readings")
    Topic(device='north-1', kind='readings')
    """
    levels = topic.split("/")
    if len(levels) < _LEVELS or levels[:2] != ["chiiki", "v1"] or levels[3] != "up":
        return Topic("", "")
    kind = "/".join(levels[4:])
    return Topic(levels[2], kind if kind in _KINDS else "")


def committed_topic(device: str) -> str:
    """Where a device hears what is committed."""
    return f"chiiki/v1/{device}/down/committed"


def readings_topic(device: str) -> str:
    """Where a device publishes its readings."""
    return f"chiiki/v1/{device}/up/readings"
