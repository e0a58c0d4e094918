"""Counters of a gateway, as its heartbeat tells them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from store.readings import Fate

if TYPE_CHECKING:
    from ingest.link import LinkStats
    from ingest.write import Written

GAUGES: Final = frozenset({"slowest_commit_s", "link_connected", "link_in_flight", "link_last_error"})

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(slots=True)
class Metrics:
    """Counts since the process began; `commit_s` is the time spent in transactions."""

    messages: int = 0
    received: int = 0
    committed: int = 0
    duplicate: int = 0
    conflicting: int = 0
    quarantined: int = 0
    batches: int = 0
    commit_s: float = 0.0
    slowest_commit_s: float = 0.0
    notices: int = 0
    notices_dropped: int = 0
    replayed: int = 0

    def note(self, written: Written, took_s: float) -> None:
        """Count a committed batch."""
        counts = written.counts.tolist()
        self.messages += written.messages
        self.committed += counts[Fate.COMMITTED]
        self.duplicate += counts[Fate.DUPLICATE]
        self.conflicting += counts[Fate.CONFLICTING]
        self.quarantined += written.quarantined
        self.received += sum(counts[: Fate.REFUSED]) + written.quarantined
        self.batches += 1
        self.commit_s += took_s
        self.slowest_commit_s = max(self.slowest_commit_s, took_s)

    def tell(self, link: LinkStats) -> dict[str, Any]:
        """Give all counters, named ``…_total``, and gauges."""
        counts = {name: getattr(self, name) for name in self.__slots__}
        counts |= {f"link_{name}": getattr(link, name) for name in link.__slots__}
        told = {name if name in GAUGES else f"{name}_total": count for name, count in counts.items()}
        return told | {"rss_bytes": resident_bytes()}


def resident_bytes() -> int:
    """Give the memory of this process that is in RAM, in bytes."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES
