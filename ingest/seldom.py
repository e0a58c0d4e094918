"""Keeping a flood of bad messages from becoming a flood of lines in the log."""

from __future__ import annotations

import logging
import time
from typing import Final

EVERY_S: Final = 10.0
AT_MOST: Final = 5


class Seldom(logging.Filter):
    """Lets each kind of line through a few times in ten seconds, and tells how many were left out."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """See `logging.Filter`; lines are of one kind if they have the same text before the facts."""
        kind = str(record.msg)
        since_s, count = self._seen.get(kind, (-EVERY_S, 0))
        now_s = time.monotonic()
        if now_s - since_s < EVERY_S:
            self._seen[kind] = since_s, count + 1
            return count < AT_MOST
        self._seen[kind] = now_s, 1
        if count > AT_MOST:
            record.msg = f"{kind} ({count - AT_MOST} more such lines were left out)"
        return True
