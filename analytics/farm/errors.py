"""What can be wrong with weather, crops, recipes and risks.

::

    FarmError
    ├── RecipeError          a cultivation recipe: which key, what is wrong, what is allowed
    ├── WeatherError         thresholds or temperatures that contradict each other
    ├── CropError            a crop's parameter file: which key, what is wrong
    ├── PlantingError        plantings that cannot be simulated: which ones, why
    ├── RiskTableError       a risk's table: which file, what is wrong
    └── TooFewSeasonsError   a growth curve's pool: how many environments, how many it needs
"""

from __future__ import annotations

from analytics.errors import AnalyticsError


class FarmError(AnalyticsError):
    """Any of the errors of the farm."""


class WeatherError(FarmError):
    """Thresholds or weather that contradict each other; the text says which."""


class RecipeError(FarmError):
    """A recipe cannot be read, or not be applied to what was given.

    Attributes
    ----------
    key : str
        Where in the recipe, e.g. ``stages[2].ranges[0].unit``; empty for the whole.
    reason : str
        What is wrong and what is allowed.
    """

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"{key}: {reason}" if key else reason)
        self.key = key
        self.reason = reason


class CropError(FarmError):
    """A crop's parameters are not valid, or a name that the crop does not have."""

    def __init__(self, crop: str, key: str, reason: str) -> None:
        super().__init__(f"{crop}: {key}: {reason}" if key else f"{crop}: {reason}")
        self.crop = crop
        self.key = key
        self.reason = reason


class PlantingError(FarmError):
    """Plantings, weather and observations that do not fit together."""

    def __init__(self, reason: str, plantings: list[int] | None = None) -> None:
        where = f" (plantings {', '.join(map(str, (plantings or [])[:5]))})" if plantings else ""
        super().__init__(reason + where)
        self.reason = reason
        self.plantings = plantings or []


class RiskTableError(FarmError):
    """A table that a risk rests on cannot be read.

    Attributes
    ----------
    table, reason : str
    """

    def __init__(self, table: str, reason: str) -> None:
        super().__init__(f"{table}.toml: {reason}")
        self.table = table
        self.reason = reason


class TooFewSeasonsError(FarmError):
    """Finished seasons from too few environments to tell how they differ.

    Attributes
    ----------
    found, needed : int
    """

    def __init__(self, found: int, needed: int) -> None:
        super().__init__(f"{found} environments (sites and seasons) are too few to pool: {needed} are needed")
        self.found = found
        self.needed = needed
