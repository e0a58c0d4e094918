"""Counts of this process, and Prometheus' text format (version 0.0.4).

Written by hand: three metric types and one escape rule are less than a dependency whose registry is global.
"""

import math
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

MEDIA: Final = "text/plain; version=0.0.4; charset=utf-8"

_EXACT: Final = 2**53
LATENCY_BOUNDS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(slots=True)
class Histogram:
    """Counts of durations per bound, not yet summed up."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(LATENCY_BOUNDS_S) + 1))
    sum_s: float = 0.0

    def add(self, took_s: float) -> None:
        """Count one duration."""
        self.counts[bisect_left(LATENCY_BOUNDS_S, took_s)] += 1
        self.sum_s += took_s


@dataclass(slots=True)
class Tally:
    """Calls by method, address and status, and how long they took."""

    calls: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    latency: defaultdict[str, Histogram] = field(default_factory=lambda: defaultdict(Histogram))
    under_way: int = 0

    def add(self, method: str, address: str, status: int, took_s: float) -> None:
        """Count one call that has been answered."""
        self.calls[method, address, status] += 1
        self.latency[address].add(took_s)

    def lines(self) -> Iterator[str]:
        """Write the counts as text."""
        yield from family(
            "chiiki_api_requests_total",
            "counter",
            "Requests answered.",
            (
                ({"method": method, "route": address, "status": str(status)}, count)
                for (method, address, status), count in sorted(self.calls.items())
            ),
        )
        yield from family("chiiki_api_requests_under_way", "gauge", "Requests begun.", [({}, self.under_way)])
        yield from family("chiiki_api_request_seconds", "histogram", "How long answers took.", ())
        for address in sorted(self.latency):
            yield from _histogram_lines("chiiki_api_request_seconds", address, self.latency[address])


def family(
    name: str, sort: str, explanation: str, samples: Iterable[tuple[Mapping[str, str], float]]
) -> Iterator[str]:
    """Write one metric with all its samples."""
    yield f"# HELP {name} {explanation}"
    yield f"# TYPE {name} {sort}"
    for labels, value in samples:
        yield sample(name, labels, value)


def sample(name: str, labels: Mapping[str, str], value: float) -> str:
    """Write one line, e.g. ``chiiki_up{process="api"} 1``."""
    inner = ",".join(f'{key}="{_escape(text)}"' for key, text in labels.items())
    return f"{name}{{{inner}}} {_number(value)}" if inner else f"{name} {_number(value)}"


def _histogram_lines(name: str, address: str, histogram: Histogram) -> Iterator[str]:
    total = 0
    for bound, count in zip((*LATENCY_BOUNDS_S, math.inf), histogram.counts, strict=True):
        total += count
        yield sample(f"{name}_bucket", {"route": address, "le": _number(bound)}, total)
    yield sample(f"{name}_sum", {"route": address}, histogram.sum_s)
    yield sample(f"{name}_count", {"route": address}, total)


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    value = float(value)
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if math.isnan(value):
        return "NaN"
    return str(int(value)) if value.is_integer() and abs(value) < _EXACT else repr(value)
