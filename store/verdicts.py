"""What became of one event, verification or image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from store.readings import Fate

CONFLICTING: Final = "conflicting"
PRODUCT_CHANGED: Final = "product_changed"
DATABASE_REFUSED: Final = "database_refused"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A fate; with reason and detail where it was not taken."""

    fate: Fate
    reason: str = ""
    detail: str = ""


COMMITTED: Final = Verdict(Fate.COMMITTED)
DUPLICATE: Final = Verdict(Fate.DUPLICATE)
