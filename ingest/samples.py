"""What a message of readings holds: its exact rules, one reading at a time.

The usual messages never come here: `ingest.tape` reads them by the columnful. What it cannot take is walked
here, so that of a message which is partly bad the good readings are kept and each bad one has its reason.

The readings of a message are counted in its own order: sample by sample; of one sample in the order of
``values``; of columns one quantity after the other. What cannot be told apart counts as one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from ingest.moments import EARLIEST_MS, LATEST_MS, read_at
from ingest.shown import clean, show

if TYPE_CHECKING:
    from collections.abc import Mapping

    from store.sort_batch import Item

MAX_SEQ: Final = 2**53
MAX_BOOT: Final = 64

At = Annotated[int, msgspec.Meta(ge=EARLIEST_MS, le=LATEST_MS)]
Seq = Annotated[int, msgspec.Meta(ge=1, le=MAX_SEQ)]
Boot = (
    Annotated[int, msgspec.Meta(ge=-MAX_SEQ, le=MAX_SEQ)] | Annotated[str, msgspec.Meta(max_length=MAX_BOOT)]
)


class Sample(msgspec.Struct, gc=False):
    """One sample, as it usually is."""

    at: At
    values: dict[str, float]
    boot: Boot | None = None
    seq: Seq | None = None


class Columns(msgspec.Struct, gc=False):
    """Columns, as they usually are."""

    at: list[At]
    values: dict[str, list[float]]
    boot: Boot | None = None
    seq: Seq | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """A reading whose time and value are good; `index` counts within its message."""

    index: int
    key: str
    at_us: int
    value: float


@dataclass(slots=True)
class Rejection:
    """Readings of one message rejected for one reason; `indices` None: all of the message, counted as one."""

    reason: str
    detail: str
    indices: list[int] | None

    @property
    def readings(self) -> int:
        """How many readings the ledger counts for it."""
        return 1 if self.indices is None else len(self.indices)


@dataclass(slots=True)
class Contents:
    """What was found in a message: `total` readings, of which some may be rejected, and sequence numbers.

    An event, a verification or an image of a sorting unit counts as one reading; `items` has them, each with
    its index within the message.
    """

    readings: list[Reading] = field(default_factory=list)
    items: list[tuple[int, Item]] = field(default_factory=list)
    rejections: dict[str, Rejection] = field(default_factory=dict)
    seqs: list[tuple[str, int]] = field(default_factory=list)
    total: int = 0

    def reject(self, reason: str, detail: str, index: int) -> None:
        """Reject one reading; the first one's detail stands for all of the same reason."""
        self.reject_many(reason, detail, range(index, index + 1))

    def reject_many(self, reason: str, detail: str, indices: range) -> None:
        """Reject some readings for the same reason."""
        found = self.rejections.setdefault(reason, Rejection(reason, detail, []))
        assert found.indices is not None
        found.indices.extend(indices)


def reject_all(reason: str, detail: str) -> Contents:
    """Give the contents of a message that cannot be taken apart: one reading, rejected."""
    return Contents(rejections={reason: Rejection(reason, detail, None)}, total=1)


def walk(message: object, received_us: int) -> Contents:
    """Take a decoded message apart.

    Parameters
    ----------
    message : object
        What `ingest.codecs.decode` made of the payload.
    received_us : int
        When it arrived, µs since 1970.
    """
    samples = message if isinstance(message, list) else [message]
    if not samples:
        return reject_all("bad_shape", "the list of samples is empty")
    if len(samples) == 1 and not isinstance(samples[0], dict):
        return reject_all(
            "bad_shape", f"the message is {show(samples[0])}, not an object or a list of objects"
        )
    contents = Contents()
    for sample in samples:
        _walk_sample(sample, contents, received_us)
    return contents


def _walk_sample(sample: object, contents: Contents, received_us: int) -> None:
    fault = _find_fault(sample)
    if fault is not None:
        contents.reject("bad_shape", fault, contents.total)
        contents.total += 1
        # Its number is taken all the same: the message is kept, and the device need not send it again.
        if isinstance(sample, dict):
            _note_seq(sample, contents)
        return
    assert isinstance(sample, dict)
    columns: dict[object, list[object]] = {
        key: value if isinstance(sample["at"], list) else [value] for key, value in sample["values"].items()
    }
    count = sum(map(len, columns.values()))
    first = contents.total
    contents.total += count
    wrong = _note_seq(sample, contents)
    if wrong is not None:
        contents.reject_many("bad_sequence", wrong, range(first, first + count))
        return
    given = sample["at"] if isinstance(sample["at"], list) else [sample["at"]]
    moments = [read_at(at, received_us) for at in given]
    for key, column in columns.items():
        _walk_column(key, column, moments, contents, first)
        first += len(column)


def _find_fault(sample: object) -> str | None:
    """Say what is wrong with the shape of a sample, or None."""
    if not isinstance(sample, dict):
        return f"a sample is {show(sample)}, not an object"
    values = sample.get("values")
    if "at" not in sample or "values" not in sample:
        return f"{'at' if 'at' not in sample else 'values'} is missing"
    if not isinstance(values, dict):
        return f"values is {show(values)}, not an object"
    if not values:
        return "values is empty"
    if isinstance(sample["at"], list):
        return _find_uneven(values, len(sample["at"]))
    uneven = next((key for key, value in values.items() if isinstance(value, list)), None)
    return None if uneven is None else f"{show(uneven)} is a list, but at is not"


def _find_uneven(values: Mapping[object, object], length: int) -> str | None:
    if length == 0:
        return "at is an empty list"
    for key, value in values.items():
        if not isinstance(value, list):
            return f"at is a list, but {show(key)} is {show(value)}"
        if len(value) != length:
            return f"at has {length} entries, but {show(key)} has {len(value)}"
    return None


def _note_seq(sample: Mapping[str, object], contents: Contents) -> str | None:
    """Keep boot and seq where both are given; say what is wrong with them, or None."""
    boot, seq = sample.get("boot"), sample.get("seq")
    if boot is None or seq is None:
        return None
    name = read_boot(boot)
    if name is None:
        return f"boot is {show(boot)}"
    number = read_seq(seq)
    if number is None:
        return f"seq is {show(seq)}"
    contents.seqs.append((name, number))
    return None


def read_boot(boot: object) -> str | None:
    """Read the name of a boot: text or a whole number; None if it is neither."""
    if isinstance(boot, int) and not isinstance(boot, bool) and abs(boot) <= MAX_SEQ:
        return str(boot)
    if isinstance(boot, str) and len(boot) <= MAX_BOOT and boot.isprintable():
        return boot
    return None


def read_seq(seq: object) -> int | None:
    """Read a sequence number; None if it is not a whole number from 1."""
    if isinstance(seq, bool) or not isinstance(seq, int | float):
        return None
    return int(seq) if 1 <= seq <= MAX_SEQ and seq == int(seq) else None


def _walk_column(
    key: object, column: list[object], moments: list[int | str], contents: Contents, first: int
) -> None:
    if not isinstance(key, str):
        contents.reject_many("unknown_quantity", f"a key is {show(key)}", range(first, first + len(column)))
        return
    for index, (value, at) in enumerate(zip(column, moments, strict=True), start=first):
        number = _read_number(value)
        if isinstance(at, str):
            contents.reject("bad_time", at, index)
        elif number is None:
            contents.reject("not_a_number", f"{clean(key)} is {show(value)}", index)
        elif not math.isfinite(number):
            contents.reject("not_finite", f"{clean(key)} is {show(value)}", index)
        else:
            contents.readings.append(Reading(index, key, at, number))


def _read_number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf
