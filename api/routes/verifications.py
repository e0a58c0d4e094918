"""What people find single fish to be: which to check next, noted, taken back; what was noted stays."""

import asyncio
import secrets
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal

import msgspec
import numpy as np
from msgspec import Meta

from analytics.farm.recipes.model import Text
from analytics.fish.sampling import choose
from api.auth import Role
from api.instants import EARLIEST
from api.lot_words import NOT_YET, advice
from api.operations import PREFIX, Call, Created, Routes
from api.problems import FieldError, Problem, invalid_parameter
from api.routes.lots import ClassName, LotPath, Note, result_of
from api.routes.sort_events import Boot, FishNumber, Probability, Seq
from api.wire import At, DeviceName, DevicePath, Id4, Id8, Line, Nothing, Page
from store.devices import get_device
from store.lot_descriptions import newest_description
from store.lot_samples import Draw, Sampled, add_samples, last_sample, lock_samples, open_samples
from store.lots import Lot, get_lot, list_lots
from store.pool import AsyncConnection
from store.sort_columns import EventColumns, read_lot
from store.sort_pages import EventView, find_boot_event, find_fish
from store.verifications import (
    Verification,
    add_verification,
    get_verification,
    list_verifications,
    restore_verification,
    withdraw_verification,
)
from store.verified import Verified, verified_of_lot

routes = Routes("verifications")

ASKED_FOR: Final = timedelta(hours=2)
"""For how long a fish is asked for: then others are, since it may be gone."""
REASON: Final = "stratified_random"
AHEAD: Final = timedelta(minutes=5)
Chance = Annotated[float, Meta(gt=0, le=1, examples=[0.1])]
Reason = Annotated[
    str,
    Meta(
        pattern=r"^[a-z][a-z0-9_]{0,31}$(?!\n)", description="Why this fish was chosen.", examples=["random"]
    ),
]
Method = Annotated[
    Literal["cut", "palpation", "dna", "other"], Meta(description="How it was found out.", examples=["cut"])
]


class VerificationPath(msgspec.Struct, frozen=True):
    """A verification in an address."""

    verification: Annotated[
        int, Meta(ge=1, le=2**63 - 1, description="Number of a verification.", examples=[9])
    ]


class VerificationQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which verifications."""

    withdrawn: Annotated[
        bool, Meta(description="Also those taken back, or replaced by later ones.", examples=[False])
    ] = False


class VerificationView(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody found a fish to be. `true`: that; `said`: what the unit had said."""

    id: Id8
    device: DeviceName
    lot_id: Id4 | None
    seq: Seq | None
    fish: FishNumber | None
    event_at: At | None
    true: ClassName
    said: ClassName | None
    method: Method
    operator: Line
    selection_probability: Chance
    reason: Reason
    note: Note
    at: At
    received_at: At
    noted_by: Annotated[
        str | None, Meta(description="Label of the token; null: the unit.", examples=["市場"])
    ]
    withdrawn_at: At | None
    current: Annotated[bool, Meta(description="Whether it holds.", examples=[True])]


class VerificationNew(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a fish was found to be: named by its number within the lot, or by boot and number."""

    true: ClassName
    method: Method
    fish: Annotated[FishNumber | None, Meta(examples=[1])] = None
    boot: Boot | None = None
    seq: Seq | None = None
    operator: Annotated[Line, Meta(examples=["佐藤"])] = ""
    selection_probability: Annotated[
        Chance | None,
        Meta(
            description="With which this fish was chosen. Left out: what /units/{device}/check-next said.",
            examples=[0.1],
        ),
    ] = None
    reason: Annotated[
        Reason | None, Meta(description="Left out: what check-next said, or random.", examples=["random"])
    ] = None
    note: Note = ""
    at: Annotated[At | None, Meta(description="When it was found out; left out: now.")] = None


class SampleView(msgspec.Struct, frozen=True, kw_only=True):
    """A fish to check."""

    boot: Boot
    seq: Seq
    fish: FishNumber | None
    at: At
    said: ClassName
    confidence: Probability
    selection_probability: Chance
    reason: Reason
    asked_at: At


class SamplesView(msgspec.Struct, frozen=True, kw_only=True):
    """Fish to check by hand, chosen at random, and how many more are wanted."""

    lot_id: Id4 | None
    fish: list[SampleView]
    text: Text


class SamplesQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of which lot, and how many."""

    lot: Annotated[Id4 | None, Meta(description="Left out: the unit's newest open lot.")] = None
    count: Annotated[int, Meta(ge=1, le=200, description="How many fish, at least.", examples=[10])] = 10


def view(found: Verification) -> VerificationView:
    """Return what is shown of a verification."""
    alike = {
        name: getattr(found, name) for name in VerificationView.__struct_fields__ if hasattr(found, name)
    }
    return VerificationView(**alike, true=found.cls)


@routes.get("/lots/{lot}/verifications", least=Role.VIEWER, ja="確認した魚の一覧")
async def get_verifications(call: Call[LotPath, VerificationQuery, Nothing]) -> Page[VerificationView]:
    """List what was found out of a lot's fish, each fish once unless all are asked for."""
    lot = await get_lot(call.conn, call.path.lot, call.principal.lab)
    rows = await list_verifications(call.conn, lot.id, everything=call.query.withdrawn)
    return Page(items=[view(row) for row in rows], next=None)


@routes.post("/lots/{lot}/verifications", least=Role.TEAM, ja="魚を確かめた結果を記録する")
async def note_verification(call: Call[LotPath, Nothing, VerificationNew]) -> Created[VerificationView]:
    """Note what a fish was found to be; the lot is computed again within seconds.

    A later verification of the same fish takes the place of this one.
    """
    body = call.body
    lot = await get_lot(call.conn, call.path.lot, call.principal.lab)
    if body.true not in lot.classes:
        raise _invalid("true", f"the lot has no class {body.true!r}: one of {', '.join(lot.classes)}")
    if body.at is not None and not EARLIEST <= body.at <= datetime.now(UTC) + AHEAD:
        raise _invalid("at", f"must lie between {EARLIEST.year} and now")
    event = await _event(call, lot)
    chance, reason = await _chance(call, event)
    added = await add_verification(
        call.conn,
        boot_id=event.boot_id,
        seq=event.seq,
        cls=body.true,
        method=body.method,
        operator=body.operator,
        selection_probability=chance,
        reason=reason,
        note=body.note,
        at=body.at,
        by=call.principal.token_id,
    )
    return Created(view(added), f"{PREFIX}/verifications/{added.id}")


async def _event(call: Call[LotPath, Nothing, VerificationNew], lot: Lot) -> EventView:
    """Find the fish that is meant."""
    body = call.body
    by_number, by_boot = body.fish is not None, body.boot is not None and body.seq is not None
    if by_number == by_boot:
        raise _invalid("fish", "name the fish by `fish`, or by `boot` and `seq`")
    if body.fish is not None:
        found = await find_fish(call.conn, lot.id, body.fish)
        if len(found) > 1:
            raise _invalid("fish", f"the unit gave the number {body.fish} twice; name `boot` and `seq`")
    else:
        found = await find_boot_event(call.conn, lot.id, body.boot or "", body.seq or 0)
    if not found:
        name = f"fish {body.fish}" if by_number else f"fish {body.seq} of boot {body.boot!r}"
        raise _invalid("fish", f"the lot has no {name} so far")
    return found[0]


async def _chance(call: Call[LotPath, Nothing, VerificationNew], event: EventView) -> tuple[float, str]:
    """Find out by which chance a fish was chosen: told, or known since we asked for it; never guessed."""
    body = call.body
    if body.selection_probability is not None:
        return body.selection_probability, body.reason or "random"
    asked = await last_sample(call.conn, event.boot_id, event.seq)
    if asked is None:
        raise _invalid(
            "selection_probability",
            "say with which probability this fish was chosen (1 if all were checked), or ask for fish to "
            "check with /units/{device}/check-next",
        )
    return asked.selection_probability, body.reason or asked.reason


@routes.get("/verifications/{verification}", least=Role.VIEWER, ja="確認の記録")
async def get_one_verification(call: Call[VerificationPath, Nothing, Nothing]) -> VerificationView:
    """Show a verification."""
    return view(await get_verification(call.conn, call.path.verification, call.principal.lab))


@routes.post("/verifications/{verification}/withdraw", least=Role.TEAM, ja="確認の記録を取り消す")
async def take_back_verification(call: Call[VerificationPath, Nothing, Nothing]) -> VerificationView:
    """Take a verification back: the one before it holds again, and lots are computed anew."""
    return view(await withdraw_verification(call.conn, call.path.verification, call.principal.lab))


@routes.post("/verifications/{verification}/restore", least=Role.TEAM, ja="確認の取り消しを元に戻す")
async def bring_back_verification(call: Call[VerificationPath, Nothing, Nothing]) -> VerificationView:
    """Undo taking it back."""
    return view(await restore_verification(call.conn, call.path.verification, call.principal.lab))


@routes.get("/units/{device}/check-next", least=Role.TEAM, ja="次に確かめる魚（無作為、確率つき）")
async def get_check_next(call: Call[DevicePath, SamplesQuery, Nothing]) -> SamplesView:
    """Ask for fish to check by hand: chosen at random, each with a known probability above zero.

    Some of every called class and confidence, more where a check tells most. What was asked for and is not
    checked is asked for again, for two hours. The probabilities are kept: a verification need not say them.
    """
    device = await get_device(call.conn, call.path.device, call.principal.lab)
    lot = await _lot(call, device.name)
    if lot is None or not lot.events:
        return SamplesView(lot_id=None if lot is None else lot.id, fish=[], text=NOT_YET)
    since = datetime.now(UTC) - ASKED_FOR
    asked = await lock_samples(call.conn, lot.id)
    waiting = await open_samples(call.conn, lot.id, since)
    if len(waiting) < call.query.count:
        fish, checked = await read_lot(call.conn, lot.id), await verified_of_lot(call.conn, lot.id)
        draws = await asyncio.to_thread(_draw, fish, checked, asked, call.query.count - len(waiting))
        await add_samples(call.conn, lot.id, draws, by=call.principal.token_id)
        waiting = await open_samples(call.conn, lot.id, since)
    return SamplesView(
        lot_id=lot.id, fish=[_sample(one, lot) for one in waiting], text=await _advice(call.conn, lot)
    )


async def _lot(call: Call[DevicePath, SamplesQuery, Nothing], device: str) -> Lot | None:
    if call.query.lot is None:
        found = await list_lots(call.conn, device=device, closed=False, limit=1)
        return found[0] if found else None
    lot = await get_lot(call.conn, call.query.lot, call.principal.lab)
    if lot.device != device:
        raise invalid_parameter("lot", f"lot {lot.id} was sorted by {lot.device!r}")
    return lot


def _draw(fish: EventColumns, checked: Verified, asked: set[tuple[int, int]], count: int) -> list[Draw]:
    """Choose from the fish that were neither asked for nor checked."""
    gone = asked | set(zip(checked.boot_id.tolist(), checked.seq.tolist(), strict=True))
    keys = list(zip(fish.boot_id.tolist(), fish.seq.tolist(), strict=True))
    left = np.flatnonzero(np.array([key not in gone for key in keys], bool))
    confidence = fish.probabilities[left, fish.cls[left]].astype(np.float64)
    classes = fish.probabilities.shape[1]
    seed = secrets.randbits(64)
    chosen = choose(fish.cls[left].astype(np.int64), confidence.clip(0, 1), count, classes=classes, seed=seed)
    return [
        Draw(
            boot_id=keys[left[place]][0],
            seq=keys[left[place]][1],
            selection_probability=chance,
            reason=REASON,
        )
        for place, chance in zip(chosen.index.tolist(), chosen.chance.tolist(), strict=True)
    ]


def _sample(one: Sampled, lot: Lot) -> SampleView:
    return SampleView(
        boot=one.boot,
        seq=one.seq,
        fish=one.fish,
        at=one.at,
        said=lot.classes[one.said],
        confidence=one.probabilities[one.said],
        selection_probability=one.selection_probability,
        reason=one.reason,
        asked_at=one.drawn_at,
    )


async def _advice(conn: AsyncConnection, lot: Lot) -> Text:
    newest = await newest_description(conn, lot.id)
    return NOT_YET if newest is None else advice(result_of(newest))


def _invalid(field: str, detail: str) -> Problem:
    return Problem("invalid-body", f"{field}: {detail}.", errors=[FieldError(field, detail)])
