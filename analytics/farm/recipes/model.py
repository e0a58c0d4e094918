"""The nouns of a cultivation recipe (栽培レシピ)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from devices.model import Quantity
from devices.quantities import QUANTITIES

FORMAT = 1
"""Version of the file format; a file of another one is refused."""

Certainty = Literal["measured", "published", "secondary", "assumed"]
TimeOfDay = Literal["any", "day", "night"]
Window = Literal["hour", "day_mean", "day_minimum", "day_maximum", "days_mean"]
Anchor = Literal["start", "end"]

CERTAINTIES: tuple[Certainty, ...] = ("measured", "published", "secondary", "assumed")
TIMES_OF_DAY: tuple[TimeOfDay, ...] = ("any", "day", "night")
WINDOWS: tuple[Window, ...] = ("hour", "day_mean", "day_minimum", "day_maximum", "days_mean")
ANCHORS: tuple[Anchor, ...] = ("start", "end")

DERIVED: dict[str, Quantity] = {
    "daily_light_integral": Quantity(
        name="daily_light_integral",
        unit="mol/m2/d",
        label_ja="日積算光量（DLI）",
        label_en="daily light integral",
    ),
}
"""What a recipe may name besides the measured quantities; the day's mean photon flux, in mol/m²/d."""

RECIPE_QUANTITIES: dict[str, Quantity] = QUANTITIES | DERIVED
"""Every quantity that a recipe may name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """The same words in Japanese and English."""

    ja: str
    en: str


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Channel:
    """What is compared: a quantity at a place, at a time of day, over a window.

    Attributes
    ----------
    quantity : str
        A key of `RECIPE_QUANTITIES`, with the position where there is one: ``soil_temperature@10cm``.
    when : "any" | "day" | "night"
        Which hours count.
    window : "hour" | "day_mean" | "day_minimum" | "day_maximum" | "days_mean"
        The hour's value, a value of the local calendar day, or the mean of the last `days` days' means.
    days : int
        Length of the window ``days_mean``, else 1.
    """

    quantity: str
    when: TimeOfDay = "any"
    window: Window = "hour"
    days: int = 1

    @property
    def name(self) -> str:
        """The quantity without its position."""
        return self.quantity.partition("@")[0]

    @property
    def canonical_unit(self) -> str:
        """The unit of arrays and depths (a key of `devices.units.UNITS`)."""
        return RECIPE_QUANTITIES[self.name].unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """What is favourable, tolerable and harmful of one channel at one stage.

    ::

        harmful | tolerable | favourable | tolerable | harmful
                ^           ^            ^           ^
        harmful_below  favourable_from  favourable_to  harmful_above

    A limit that is not given does not exist: without ``harmful_below`` nothing is too low to be
    tolerable; without ``favourable_from`` all above ``harmful_below`` is favourable. The limits themselves
    belong to the better side.

    Attributes
    ----------
    unit : str
        Of the four limits; of the same dimension as the quantity's.
    low, high : Text | None
        What it means and what to do where the value is below or above.
    source : str
        Where the numbers come from; keys of ``analytics/REFERENCES.md`` in square brackets.
    n_hours : int | None
        Hours it was learned from.
    coverage : float | None
        Share of the stage's hours that had a value when it was learned.
    """

    channel: Channel
    unit: str
    harmful_below: float | None = None
    favourable_from: float | None = None
    favourable_to: float | None = None
    harmful_above: float | None = None
    source: str
    certainty: Certainty
    low: Text | None = None
    high: Text | None = None
    n_hours: int | None = None
    coverage: float | None = None

    @property
    def limits(self) -> tuple[float | None, float | None, float | None, float | None]:
        """The four limits in ascending order, in `unit`."""
        return self.harmful_below, self.favourable_from, self.favourable_to, self.harmful_above


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Something to do at a stage.

    Attributes
    ----------
    name : str
        Unique within the stage, e.g. ``top-dressing``.
    at : "start" | "end" | float
        The stage's begin or end, or a BBCH code within it.
    from_day, to_day : int
        First and last day on which to do it, relative to `at`.
    checklist : tuple[Text, ...]
        Steps to tick off.
    """

    name: str
    text: Text
    at: Anchor | float = "start"
    from_day: int = 0
    to_day: int = 7
    checklist: tuple[Text, ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A part of the crop's life, from one BBCH code up to (not including) another."""

    name: str
    bbch_from: float
    bbch_to: float
    label: Text
    ranges: tuple[Range, ...] = ()
    work: tuple[Work, ...] = ()
    warnings: tuple[Text, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a recipe comes from.

    Attributes
    ----------
    how : "written" | "learned"
        By a person, or by `analytics.farm.recipes.learn`.
    simulated : bool
        It rests on simulated data and tells nothing about a real field.
    farm : str
        Whose it is, as people call it.
    seasons : tuple[str, ...]
        From which seasons it was learned.
    parent : str
        Name, version and digest of the recipe it was made from.
    """

    how: Literal["written", "learned"]
    simulated: bool = False
    farm: str = ""
    seasons: tuple[str, ...] = ()
    parent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A cultivation recipe.

    Attributes
    ----------
    version : str
        Three numbers, ``major.minor.patch``; see `analytics.farm.recipes.revision`.
    cultivars : tuple[str, ...]
        For which it was made; empty for any.
    stamp : str
        The digest found in the file it was read from, empty where there was none; not part of what the
        recipe is, and so left out when two are compared.
    """

    name: str
    version: str
    crop: str
    cultivars: tuple[str, ...] = ()
    title: Text
    note: Text | None = None
    author: str
    licence: str
    origin: Origin
    stages: tuple[Stage, ...]
    stamp: str = field(default="", compare=False)
