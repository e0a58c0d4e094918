"""What a lot is worth, and the sizes of its fish."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta

from analytics.farm.recipes.model import Text
from analytics.fish.decision import Value, lot_value
from analytics.fish.sizes import Sizes, sizes
from analytics.fish.throughput import throughput
from api.auth import Role
from api.lot_words import labels
from api.operations import Call, Routes
from api.problems import invalid_parameter
from api.routes.composition import State
from api.routes.lots import ClassName, LotPath, YenPerKg
from api.wire import At, Count, Id4, Nothing
from store.lot_descriptions import Description, newest_description
from store.lots import Lot, get_lot
from store.sort_columns import EventColumns, read_lot

routes = Routes("lots")

GRAMS = 1000.0
SURE_ENOUGH = 0.1
"""A class whose mean weight has a larger relative error is taken to weigh what all measured fish do."""
Yen = Annotated[float, Meta(examples=[412_000.0])]
ByClass = Annotated[
    str,
    Meta(
        pattern=r"^[a-z][a-z0-9_]*:[0-9]{1,7}(\.[0-9]{1,3})?(,[a-z][a-z0-9_]*:[0-9]{1,7}(\.[0-9]{1,3})?)*$(?!\n)",
        max_length=500,
        examples=["milt:600,roe:250"],
    ),
]


class ValueQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """At which prices, instead of the lot's."""

    prices: Annotated[ByClass | None, Meta(description="Yen/kg by class; others keep the lot's.")] = None
    weights_g: Annotated[
        ByClass | None, Meta(description="Mean weight of a fish by class, where none was measured.")
    ] = None


class ClassValue(msgspec.Struct, frozen=True, kw_only=True):
    """A class's part of the value."""

    name: ClassName
    label: Text
    price_yen_per_kg: YenPerKg | None
    weight_g: Annotated[float | None, Meta(description="Mean weight of a fish.", examples=[3012.0])]
    weight_from: Annotated[
        Literal["measured", "given", "all fish", "none"],
        Meta(description="`all fish`: the mean of all measured fish, since too few are of this class."),
    ]
    yen: Yen | None


class ValueView(msgspec.Struct, frozen=True, kw_only=True):
    """What a lot is worth if each fish is sold for what it is; null where something is missing."""

    lot_id: Id4
    state: State
    yen: Yen | None
    low: Annotated[Yen | None, Meta(description="Begin of the 95 % interval.")]
    high: Yen | None
    classes: list[ClassValue]
    missing: Annotated[list[str], Meta(description="prices, weights or description.", examples=[[]])]


class SizeView(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes of a class; each fish counts for it as probable as it is of the class."""

    name: ClassName
    label: Text
    fish: Annotated[float, Meta(description="Expected number of measured fish.", examples=[131.5])]
    mean: Annotated[float | None, Meta(examples=[3012.0])]
    low: Annotated[float | None, Meta(description="Begin of the 95 % interval of the mean.")]
    high: float | None
    quantiles: Annotated[list[float], Meta(description="5, 25, 50, 75 and 95 %.", examples=[[2510.0]])]


class HourView(msgspec.Struct, frozen=True, kw_only=True):
    """What the unit did in an hour of the lot."""

    hour: At
    fish: Count
    running_s: Annotated[float, Meta(examples=[3400.0])]
    waiting_s: float
    stopped_s: float


class DistributionView(msgspec.Struct, frozen=True, kw_only=True):
    """Weights and lengths by class, and the course of the lot."""

    lot_id: Id4
    weight_g: list[SizeView]
    length_mm: list[SizeView]
    hours: list[HourView]


QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@routes.get("/lots/{lot}/value", least=Role.VIEWER, ja="ロットの価値（区間つき）")
async def get_value(call: Call[LotPath, ValueQuery, Nothing]) -> ValueView:
    """Show what a lot is worth, with the interval that its composition and its weights leave.

    Prices are those of the query, else the lot's, else the product's.
    """
    lot = await get_lot(call.conn, call.path.lot, call.principal.lab)
    prices = _prices(call, lot)
    given = _by_class("weights_g", call.query.weights_g, lot)
    found = await newest_description(call.conn, lot.id)
    if found is None:
        return _no_value(call, lot, prices, ["description"])
    fish = await read_lot(call.conn, lot.id)
    return await asyncio.to_thread(_value, call, lot, found, fish, prices, given)


def _prices(call: Call[LotPath, ValueQuery, Nothing], lot: Lot) -> dict[str, float]:
    product = call.house.product(lot.product)
    usual = {} if product is None else {one.name: one.price_yen_per_kg for one in product.classes}
    known = {name: price for name, price in usual.items() if price is not None and name in lot.classes}
    return known | lot.prices | _by_class("prices", call.query.prices, lot)


def _by_class(field: str, text: str | None, lot: Lot) -> dict[str, float]:
    """Read ``milt:600,roe:250``."""
    found: dict[str, float] = {}
    for part in (text or "").split(",") if text else ():
        name, _, number = part.partition(":")
        if name not in lot.classes or name in found:
            raise invalid_parameter(field, f"name each class once, of {', '.join(lot.classes)}; not {name!r}")
        found[name] = float(number)
    return found


def _no_value(call: Call[Any, Any, Any], lot: Lot, prices: dict[str, float], missing: list[str]) -> ValueView:
    return ValueView(
        lot_id=lot.id,
        state="waiting" if lot.events else "empty",
        yen=None,
        low=None,
        high=None,
        classes=[
            ClassValue(
                name=name,
                label=label,
                price_yen_per_kg=prices.get(name),
                weight_g=None,
                weight_from="none",
                yen=None,
            )
            for name, label in labels(call.house, lot).items()
        ],
        missing=missing,
    )


def _value(  # noqa: PLR0917
    call: Call[Any, Any, Any],
    lot: Lot,
    found: Description,
    fish: EventColumns,
    prices: dict[str, float],
    given: dict[str, float],
) -> ValueView:
    weights = _weights(lot, found, fish, given)
    known = all(weight is not None and weight > 0 for weight, _, _ in weights)
    missing = [name for name, so in (("prices", bool(prices)), ("weights", known)) if not so]
    value = None if missing else _worth(lot, found, weights, prices)
    return ValueView(
        lot_id=lot.id,
        state="described",
        yen=None if value is None else value.mean,
        low=None if value is None else value.low,
        high=None if value is None else value.high,
        classes=[
            ClassValue(
                name=name,
                label=label,
                price_yen_per_kg=prices.get(name),
                weight_g=weight,
                weight_from=origin,
                yen=None if value is None else float(value.of_class[k]),
            )
            for k, ((name, label), (weight, _, origin)) in enumerate(
                zip(labels(call.house, lot).items(), weights, strict=True)
            )
        ],
        missing=missing,
    )


Weight = tuple[float | None, float, Literal["measured", "given", "all fish", "none"]]


def _weights(lot: Lot, found: Description, fish: EventColumns, given: dict[str, float]) -> list[Weight]:
    """Give each class's mean weight, its standard error, and where it is from."""
    told = sizes(fish.weight_g, _belonging(fish, found, len(lot.classes)))
    weighed = fish.weight_g[np.isfinite(fish.weight_g)]
    made: list[Weight] = []
    for k, name in enumerate(lot.classes):
        if name in given:
            made.append((given[name], 0.0, "given"))
        elif told.se[k] <= SURE_ENOUGH * told.mean[k]:
            made.append((float(told.mean[k]), float(told.se[k]), "measured"))
        elif len(weighed):
            made.append((float(weighed.mean()), float(weighed.std()), "all fish"))
        else:
            made.append((None, 0.0, "none"))
    return made


def _belonging(fish: EventColumns, found: Description, classes: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Give each fish's probability of each class, scaled until they add up to what the lot holds."""
    share = found.counts(classes).mean(axis=0) + 1e-9
    share = share / share.sum()
    belongs = np.asarray(fish.probabilities, np.float64)
    for _ in range(50):
        belongs = belongs * (share / belongs.mean(axis=0))
        belongs = belongs / belongs.sum(axis=1, keepdims=True)
    return belongs


def _worth(lot: Lot, found: Description, weights: list[Weight], prices: dict[str, float]) -> Value:
    counts = found.counts(len(lot.classes)).astype(np.float64)
    fish = int(counts[0].sum())
    return lot_value(
        counts / fish,
        fish,
        weight_kg=[(weight or 0.0) / GRAMS for weight, _, _ in weights],
        weight_se=[error / GRAMS for _, error, _ in weights],
        price=[prices.get(name, 0.0) for name in lot.classes],
        seed=lot.id,
    )


@routes.get("/lots/{lot}/distributions", least=Role.VIEWER, ja="ロットの体重・体長の分布と処理の経過")
async def get_distributions(call: Call[LotPath, Nothing, Nothing]) -> DistributionView:
    """Show weights and lengths by class, and fish an hour.

    A fish counts for each class as probable as it is of it: counted whole for the class it was called, the
    classes' sizes would mix.
    """
    lot = await get_lot(call.conn, call.path.lot, call.principal.lab)
    found = await newest_description(call.conn, lot.id)
    if found is None:
        return DistributionView(lot_id=lot.id, weight_g=[], length_mm=[], hours=[])
    fish = await read_lot(call.conn, lot.id)
    return await asyncio.to_thread(_distributions, labels(call.house, lot), lot, found, fish)


def _distributions(
    named: dict[str, Text], lot: Lot, found: Description, fish: EventColumns
) -> DistributionView:
    belongs = _belonging(fish, found, len(lot.classes))
    weight, length = (
        _sizes(named, sizes(values, belongs, quantiles=QUANTILES))
        for values in (fish.weight_g, fish.fork_length_mm)
    )
    course = throughput(fish.at / 1e6)
    columns = (course.hour_s, course.fish, course.running_s, course.waiting_s, course.stopped_s)
    hours = [
        HourView(
            hour=datetime.fromtimestamp(at, UTC), fish=count, running_s=run, waiting_s=wait, stopped_s=stop
        )
        for at, count, run, wait, stop in zip(*(column.tolist() for column in columns), strict=True)
    ]
    return DistributionView(lot_id=lot.id, weight_g=weight, length_mm=length, hours=hours)


def _sizes(named: dict[str, Text], told: Sizes) -> list[SizeView]:
    columns = (told.fish, told.mean, told.low, told.high, told.quantiles)
    return [
        SizeView(
            name=name,
            label=label,
            fish=fish,
            mean=_finite(mean),
            low=_finite(low),
            high=_finite(high),
            quantiles=[one for one in quantiles if np.isfinite(one)],
        )
        for (name, label), fish, mean, low, high, quantiles in zip(
            named.items(), *(column.tolist() for column in columns), strict=True
        )
    ]


def _finite(number: float) -> float | None:
    return number if np.isfinite(number) else None
