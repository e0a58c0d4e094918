"""What a lot holds, with intervals, and what that rests on."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from analytics.farm.recipes.model import Text
from analytics.fish.lot_result import (
    Beside,
    Caution,
    ClassPart,
    LotResult,
    Measured,
    Presence,
    ShareInterval,
    Wanted,
)
from api.auth import Role
from api.instants import LATEST, read_instant, read_zone
from api.lot_words import NOT_YET, advice, labels, presence, warning
from api.operations import Call, Routes
from api.routes.forecasts import AsOfQuery
from api.routes.lots import ClassName, LotPath, Share, result_of
from api.wire import At, Count, Id4, Nothing
from store.lot_descriptions import Description, newest_description
from store.lots import Lot, get_lot

routes = Routes("lots")

State = Annotated[
    Literal["empty", "waiting", "described"],
    Meta(description="empty: no fish yet; waiting: the first description follows within seconds."),
]


class PartView(msgspec.Struct, frozen=True, kw_only=True):
    """A class's part of the lot. `said` is the unit's raw count, which is no estimate."""

    name: ClassName
    label: Text
    share: Share
    intervals: list[ShareInterval]
    fish: Annotated[float, Meta(description="Fish of the class in this lot.", examples=[138.2])]
    fish_low: Annotated[int, Meta(description="Begin of its 95 % interval.", examples=[121])]
    fish_high: Annotated[int, Meta(examples=[155])]
    none: Annotated[float, Meta(ge=0, le=1, description="Probability that there is none.", examples=[0.0])]
    presence: Presence
    presence_text: Text
    said: Count
    checked: Annotated[int, Meta(ge=0, description="Found so by hand.", examples=[9])]
    weight_g: Annotated[Measured | None, Meta(description="Of fish that the unit called so.")]
    length_mm: Measured | None


class DoubtView(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader must know."""

    doubt: Annotated[str, Meta(examples=["no_checks"])]
    facts: dict[str, float]
    text: Text


class CompositionView(msgspec.Struct, frozen=True, kw_only=True):
    """What a lot holds.

    Shares are those of this lot's fish, hand-checked ones exact. `beside`: what other methods say, for
    comparison; raw counts are among them, and are off by points. `wanted`: how many more fish to check.
    """

    made_at: At
    model_version: Annotated[str, Meta(examples=["1"])]
    fish: Count
    checked: Annotated[int, Meta(ge=0, examples=[20])]
    carried: Annotated[
        int, Meta(ge=0, description="The last fish, which are only counted so far.", examples=[0])
    ]
    history_fish: Annotated[int, Meta(description="Checked fish of the unit's other lots.", examples=[150])]
    history_days: Annotated[int, Meta(description="On how many days.", examples=[6])]
    method: Annotated[str, Meta(examples=["score mixture, importance sampling"])]
    ess: Annotated[float, Meta(description="Effective number of draws.", examples=[604.0])]
    shift_sd: Annotated[float, Meta(description="How far today is held to be from the history, log-odds.")]
    fit: Annotated[
        float | None, Meta(description="Probability of scores so unlike the history's; null: no history.")
    ]
    classes: list[PartView]
    beside: list[Beside]
    wanted: list[Wanted]
    misplaced: Annotated[
        int, Meta(ge=0, description="Fish confirmed in another bin than commanded.", examples=[2])
    ]
    placed: Annotated[int, Meta(ge=0, description="Fish of which both bins are known.", examples=[297])]
    per_hour: Annotated[float | None, Meta(description="Fish an hour.", examples=[1710.0])]
    warnings: list[DoubtView]
    advice: Text


class NewestComposition(msgspec.Struct, frozen=True, kw_only=True):
    """The newest composition of a lot; null before the first."""

    lot_id: Id4
    state: State
    text: Annotated[Text | None, Meta(description="Why there is none.")]
    composition: CompositionView | None


@routes.get("/lots/{lot}/composition", least=Role.VIEWER, ja="ロットの組成（区間つき）")
async def get_composition(call: Call[LotPath, AsOfQuery, Nothing]) -> NewestComposition:
    """Show what a lot really holds, how sure that is, and how many more fish to check.

    With `as_of`, the last of each hour's descriptions that was made until that instant.
    """
    lot = await get_lot(call.conn, call.path.lot, call.principal.lab)
    zone = read_zone(lot.timezone or "Asia/Tokyo")
    as_of = call.query.as_of and read_instant("as_of", call.query.as_of, zone, LATEST)
    found = await newest_description(call.conn, lot.id, as_of=as_of or None)
    if found is None:
        return NewestComposition(lot_id=lot.id, state=_state(lot, found), text=NOT_YET, composition=None)
    shown = _composition(labels(call.house, lot), found, result_of(found))
    return NewestComposition(lot_id=lot.id, state="described", text=None, composition=shown)


def _state(lot: Lot, found: Description | None) -> Literal["empty", "waiting", "described"]:
    return "described" if found else "waiting" if lot.events else "empty"


def _composition(named: dict[str, Text], found: Description, result: LotResult) -> CompositionView:
    alike = {name: getattr(result, name) for name in LotResult.__slots__}
    return CompositionView(
        **alike
        | {
            "classes": [_part(named[part.name], part) for part in result.classes],
            "beside": list(result.beside),
            "wanted": list(result.wanted),
            "warnings": [_doubt(caution) for caution in result.warnings],
        },
        made_at=found.made_at,
        model_version=found.model_version,
        advice=advice(result),
    )


def _part(label: Text, part: ClassPart) -> PartView:
    alike = {name: getattr(part, name) for name in ClassPart.__slots__}
    return PartView(
        **alike | {"intervals": list(part.intervals)}, label=label, presence_text=presence(part.presence)
    )


def _doubt(caution: Caution) -> DoubtView:
    return DoubtView(doubt=caution.doubt, facts=caution.facts, text=warning(caution))
