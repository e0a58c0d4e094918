"""What simulated units sort: species and their sizes, the classifier, the habits of the people at the unit.

The classifiers' accuracies are those that users of such units told of: cod by sex .894 by an echo image,
mackerel by species .98 by cameras, of whose fish about one in ten overlaps another and ends in a wrong bin.
All else (sizes, pace, how often fish are checked) is assumed, within what is usual.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Method = Literal["cut", "palpation", "dna", "other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """What a kind of unit sorts; tuples without another name are by class.

    Attributes
    ----------
    spread : tuple[float, ...]
        Of the Dirichlet distribution of a lot's shares; the smaller, the more lots differ.
    rare : tuple[float, ...]
        Shares that are the same in every lot; the others share what is left.
    lots_a_day : int
    fish : tuple[int, int]
        Fewest and most of a lot.
    a_minute : float
        Fish while a lot is sorted.
    hurry : float
        How far the time from fish to fish strays, as a share of it.
    centres : tuple[tuple[float, ...], ...]
        What the classifier sees of a class's mean fish; around it each fish is N(0, 1) on every axis.
    prior : tuple[float, ...]
        Shares of the classes among the fish that it was trained on.
    weight_g : tuple[tuple[float, float], ...]
        Mean and standard deviation.
    condition : float
        Fulton's factor, 100 g/cm³: length follows from weight.
    spine : tuple[tuple[float, float], ...]
        Mean and standard deviation of the dorsal spines' base over fork length; empty: not measured.
    has_probe : bool
        Whether a hand presses it on the fish, so that the echo couples well or badly.
    latency_ms : float
        Median.
    misplaced : float | None
        Share of fish that end in another bin than commanded; None: the bin is not confirmed.
    checks : int
        Fish of a lot that are checked by hand, about.
    frames : int
        Fish of a lot whose image is kept.
    """

    product: str
    classes: tuple[str, ...]
    spread: tuple[float, ...]
    rare: tuple[float, ...]
    lots_a_day: int
    fish: tuple[int, int]
    a_minute: float
    hurry: float
    centres: tuple[tuple[float, ...], ...]
    prior: tuple[float, ...]
    weight_g: tuple[tuple[float, float], ...]
    condition: float
    spine: tuple[tuple[float, float], ...] = ()
    has_probe: bool = False
    latency_ms: float
    misplaced: float | None = None
    model: str
    calibration: str
    method: Method
    checks: int = 20
    frames: int = 3
    places: tuple[str, ...]
    prices: tuple[float, ...]


APART_OF_THREE: Final = 2.186
"""Of one axis a class, where the largest of three is right 894 times in 1,000: ∫ φ(z) Φ(z + d)² dz = .894."""

APART_OF_TWO: Final = 2.054
"""Half the distance of two classes that are told apart 98 times in 100: Φ(d) = .98."""

COD: Final = Trade(
    product="cod-sex",
    classes=("milt", "roe", "other"),
    spread=(5.0, 5.5, 1.5),
    rare=(0.0, 0.0, 0.0),
    lots_a_day=6,
    fish=(50, 400),
    a_minute=9.0,
    hurry=0.5,
    centres=((APART_OF_THREE, 0.0, 0.0), (0.0, APART_OF_THREE, 0.0), (0.0, 0.0, APART_OF_THREE)),
    prior=(1 / 3, 1 / 3, 1 / 3),
    weight_g=((3_200.0, 700.0), (3_700.0, 800.0), (2_500.0, 600.0)),
    condition=1.0,
    has_probe=True,
    latency_ms=180.0,
    model="echo-sim-1",
    calibration="bench-1",
    method="cut",
    places=("石巻", "塩竈", "気仙沼"),
    prices=(600.0, 330.0, 250.0),
)
MACKEREL: Final = Trade(
    product="mackerel",
    classes=("masaba", "gomasaba", "hybrid"),
    spread=(2.5, 2.5, 0.0),
    rare=(0.0, 0.0, 0.001),
    lots_a_day=3,
    fish=(300, 2_000),
    a_minute=240.0,
    hurry=0.15,
    centres=((APART_OF_TWO,), (-APART_OF_TWO,), (0.0,)),
    prior=(0.495, 0.495, 0.01),
    weight_g=((480.0, 90.0), (420.0, 70.0), (450.0, 80.0)),
    condition=1.2,
    spine=((0.134, 0.007), (0.106, 0.007), (0.120, 0.007)),
    latency_ms=38.0,
    misplaced=0.10,
    model="camera-sim-1",
    calibration="bench-1",
    method="other",
    checks=30,
    places=("石巻", "女川", "塩竈"),
    prices=(280.0, 160.0, 100.0),
)
TRADES: Final = {"echo-unit": COD, "fish-sorter": MACKEREL}
"""By the kind of the unit."""
