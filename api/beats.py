"""What gateways last said of themselves, as Prometheus metrics."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from api.metrics import family
from store.heartbeats import Heartbeat

PREFIX: Final = "chiiki_gateway_"

EXPLAINED: Final[Mapping[str, str]] = {
    "messages_total": "Messages taken in.",
    "received_total": "Readings received: committed, duplicate, conflicting and quarantined.",
    "committed_total": "Readings committed.",
    "duplicate_total": "Readings that had been committed before.",
    "conflicting_total": "Readings whose series and time were taken by another value.",
    "quarantined_total": "Readings that could not be stored.",
    "batches_total": "Batches committed.",
    "commit_seconds_total": "Time spent in transactions that write batches.",
    "slowest_commit_seconds": "The longest transaction since the process began.",
    "notices_total": "Committed notices sent to devices.",
    "notices_dropped_total": "Committed notices not sent, since too many were waiting.",
    "replayed_total": "Quarantined messages replayed.",
    "link_connected": "Whether the broker is connected.",
    "link_reconnects_total": "Connections to the broker after the first.",
    "link_sessions_lost_total": "Reconnects at which the broker had forgotten the session.",
    "link_received_total": "Messages received from the broker.",
    "link_acknowledged_total": "Messages acknowledged to the broker.",
    "link_in_flight": "Messages received and not acknowledged yet.",
    "link_published_total": "Messages published to the broker.",
    "link_publish_dropped_total": "Messages not published, since too many were waiting.",
    "rss_bytes": "Memory of the process in RAM.",
}
"""What is said of a number; of one that is not here only where it comes from."""

_UNITS: Final = {"s": "seconds", "ms": "milliseconds"}


def beat_lines(beats: Iterable[Heartbeat], stale_s: float) -> Iterator[str]:
    """Write of every gateway whether and since when it is up, and its own numbers while they are fresh.

    Numbers of a gateway that is gone are left out, so that none is taken for today's; its age tells of it.
    """
    beats = list(beats)
    about: list[tuple[str, str, list[float]]] = [
        ("up", "Whether a gateway has reported lately.", [beat.age_s <= stale_s for beat in beats]),
        ("beat_age_seconds", "Since a gateway last reported.", [beat.age_s for beat in beats]),
        ("start_time_seconds", "When it began, Unix time.", [beat.started_at.timestamp() for beat in beats]),
    ]
    for name, explanation, values in about:
        samples = [({"process": beat.process}, value) for beat, value in zip(beats, values, strict=True)]
        yield from family(PREFIX + name, "gauge", explanation, samples)
    yield from _own_lines(beat for beat in beats if beat.age_s <= stale_s)


def _own_lines(beats: Iterable[Heartbeat]) -> Iterator[str]:
    samples: dict[str, list[tuple[dict[str, str], float]]] = {}
    for beat in beats:
        for name, value in dict(flatten(beat.metrics)).items():
            samples.setdefault(name, []).append(({"process": beat.process}, value))
    for name in sorted(samples):
        sort = "counter" if name.endswith("_total") else "gauge"
        explanation = EXPLAINED.get(name, "As its heartbeat has it.")
        yield from family(PREFIX + name, sort, explanation, samples[name])


def flatten(metrics: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Walk what a process reports and give every number in it under a name Prometheus allows."""
    for key, value in metrics.items():
        name = prefix + "".join(c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in key)
        if isinstance(value, Mapping):
            yield from flatten(value, f"{name}_")
        elif isinstance(value, bool | int | float):
            yield _spell_out(name), float(value)


def _spell_out(name: str) -> str:
    """Write the unit as Prometheus does: ``commit_seconds_total`` for ``commit_s_total``."""
    stem, total, _ = name.partition("_total") if name.endswith("_total") else (name, "", "")
    rest, _, unit = stem.rpartition("_")
    return f"{rest}_{_UNITS[unit]}{total}" if rest and unit in _UNITS else name
