"""What can be wrong with a lot's fish.

::

    FishError
    └── ScoresError      probabilities, classes or counts that are not what they should be
"""

from __future__ import annotations

from analytics.errors import AnalyticsError


class FishError(AnalyticsError):
    """Any of the errors of sorting statistics."""


class ScoresError(FishError):
    """Probabilities, classes or counts that are not what they should be.

    Attributes
    ----------
    name, reason : str
        Which input, and what is wrong with it.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason
