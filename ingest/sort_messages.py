"""What messages of sorting units hold: events, verifications and images, each checked by itself.

Of an event must be there what makes it count: number, time, lot, class and the full probability vector. What
else cannot be read (a weight that is no number) does not cost the fish: it stays beside it, as it came.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ingest.samples import Contents, reject_all
from ingest.shown import show
from ingest.sort_fields import Fields, digest_of, read_chance, read_vector, to_ulid
from ingest.sort_frames import read_frame
from ingest.topics import EVENTS, FRAMES
from store.checks_sent import CheckSent
from store.sort_rows import SortEvent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devices.model import Product
    from ingest.registry import Sender
    from store.sort_batch import Item

SUM_TOLERANCE: Final = 0.01
METHODS: Final = ("cut", "palpation", "dna", "other")
_REASON: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")

# What the parts can show; it bounds what fits the database's single precision, not what is likely.
_MOST_WEIGHT_G: Final = 1e6
_MOST_LENGTH_MM: Final = 1e5
_MOST_LATENCY_MS: Final = 1e9


def walk_sorting(kind: str, sender: Sender, message: object, received_us: int) -> Contents:
    """Take a decoded message of a sorting unit apart.

    Parameters
    ----------
    kind : str
        Of the topic.
    message : object
        What `ingest.codecs.decode` made of the payload.
    received_us : int
        When it arrived, µs since 1970.
    """
    product = None if sender.kind is None else sender.kind.product
    if product is None:
        return reject_all("no_product", f"the kind {sender.kind_name} says of no product that it sorts it")
    bodies = message if isinstance(message, list) and kind != FRAMES else [message]
    if not bodies:
        return reject_all("bad_shape", f"the list of {kind} is empty")
    contents = Contents(total=len(bodies))
    for index, body in enumerate(bodies):
        if not isinstance(body, dict):
            contents.reject("bad_shape", f"one of the {kind} is {show(body)}, not an object", index)
            continue
        fields = Fields(body)
        item = _read(kind, fields, sender.id, product, received_us)
        _note_seq(fields, body, contents)
        if fields.fault is not None:
            contents.reject(*fields.fault, index)
        else:
            contents.items.append((index, item))
    return contents


def _read(kind: str, fields: Fields, device_id: int, product: Product, received_us: int) -> Item:
    if kind == EVENTS:
        return _read_event(fields, device_id, product, received_us)
    if kind == FRAMES:
        return read_frame(fields, device_id, received_us)
    return _read_check(fields, device_id, product, received_us)


def _note_seq(fields: Fields, body: Mapping[str, object], contents: Contents) -> None:
    """Keep the number, also of what is rejected: it is kept, and the device need not send it again."""
    if body.get("boot") is None or body.get("seq") is None:
        return
    mine = Fields(body)
    boot, seq = mine.sequence()
    if mine.fault is None:
        contents.seqs.append((boot, seq))
    elif fields.fault is None:
        fields.complain(*mine.fault)


def _read_event(fields: Fields, device_id: int, product: Product, received_us: int) -> SortEvent:
    boot, seq = fields.sequence()
    names = product.names
    cls = _read_class(fields, product)
    vector = read_vector(fields.get("probabilities"), names, SUM_TOLERANCE)
    if isinstance(vector, str):
        fields.complain("bad_probabilities", vector)
        vector = ()
    event = SortEvent(
        device_id=device_id,
        boot=boot,
        seq=seq,
        at=fields.at(received_us),
        received=received_us,
        lot=fields.text("lot", needed=True),
        product=product.name,
        species=product.species_ja,
        classes=names,
        cls=cls,
        probabilities=vector,
        model=fields.text("model"),
        calibration=fields.text("calibration"),
        digest=0,
        fish=fields.whole("fish"),
        coupling=fields.number("coupling", 0, 1),
        weight_g=fields.number("weight_g", 0, _MOST_WEIGHT_G),
        fork_length_mm=fields.number("fork_length_mm", 0, _MOST_LENGTH_MM),
        spine_ratio=fields.number("spine_ratio", 0, 1),
        latency_ms=fields.number("latency_ms", 0, _MOST_LATENCY_MS),
        bin_commanded=fields.tag("bin_commanded"),
        bin_confirmed=fields.tag("bin_confirmed"),
        frame=fields.sha256("frame"),
        id=fields.ulid("id"),
        more=fields.rest(),
    )
    if fields.fault is None:
        event.digest = _digest_event(event)
    return event


def _read_class(fields: Fields, product: Product) -> int:
    value = fields.get("class")
    if value not in product.names:
        known = ", ".join(product.names)
        fields.complain("unknown_class", f"class is {show(value)}; {product.name} has {known}")
        return 0
    return product.names.index(str(value))


def _digest_event(event: SortEvent) -> int:
    named = dict(zip(event.classes, event.probabilities, strict=True))
    sizes = (event.coupling, event.weight_g, event.fork_length_mm, event.spine_ratio, event.latency_ms)
    marks = (event.bin_commanded, event.bin_confirmed, event.frame, event.id, event.more)
    who = (event.lot, event.fish, event.model, event.calibration, event.classes[event.cls])
    return digest_of((event.at, who, named, sizes, marks))


def _read_check(fields: Fields, device_id: int, product: Product, received_us: int) -> CheckSent:
    boot, seq = fields.sequence()
    event_boot, event_seq, event_id = _read_reference(fields)
    cls = product.names[_read_class(fields, product)]
    chance = read_chance(fields.get("selection_probability"))
    if chance is None:
        fields.complain("bad_field", "selection_probability must be a number above 0 and at most 1")
    at = fields.at(received_us)
    method, reason = fields.text("method", needed=True), fields.text("reason", needed=True)
    if method not in METHODS:
        fields.complain("bad_field", f"method is {show(method)}; choose one of {', '.join(METHODS)}")
    if not _REASON.fullmatch(reason):
        fields.complain("bad_field", f"reason is {show(reason)}: send a word such as random or doubtful")
    which = (event_boot, event_seq, event_id)
    operator, note, more = fields.text("operator"), fields.text("note", most=1000), fields.rest()
    return CheckSent(
        device_id=device_id,
        boot=boot,
        seq=seq,
        at=at,
        received=received_us,
        event_boot=event_boot,
        event_seq=event_seq,
        event_id=event_id,
        cls=cls,
        method=method,
        operator=operator,
        selection_probability=chance or 1.0,
        reason=reason,
        note=note,
        more=more,
        digest=digest_of((at, which, cls, method, operator, chance, reason, note, more)),
    )


def _read_reference(fields: Fields) -> tuple[str | None, int | None, bytes | None]:
    """Read which fish is meant: boot and number of its event, or its ULID."""
    value = fields.get("event")
    if isinstance(value, dict):
        of_event = Fields(value)
        boot, seq = of_event.sequence()
        if of_event.fault is None:
            return boot, seq, None
        fields.complain("bad_sequence", f"in event, {of_event.fault[1]}")
    ulid = to_ulid(value)
    if ulid is None:
        fields.complain("bad_field", f'event is {show(value)}: send {{"boot": …, "seq": …}} or its ULID')
    return None, None, ulid
