"""The quick way: messages as they usually are, appended to flat lists without an object per reading.

Per message it does no more than look up the topic, decode into a typed struct, look up the layout of its keys
and append. Whatever is unusual is left to `ingest.examine`, message by message.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ingest.codecs import cbor_item
from ingest.samples import Columns, Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from ingest.registry import Sender

_BRACE: Final = ord("{")
_JSON_STARTS: Final = frozenset(b" \t\r\n{[\xef")
_decode_sample: Final = msgspec.json.Decoder(Sample).decode
_decode_columns: Final = msgspec.json.Decoder(Columns).decode
_decode_list: Final = msgspec.json.Decoder(list[Sample]).decode


@dataclass(slots=True)
class Tape:
    """Messages as flat lists.

    Attributes
    ----------
    layouts, lengths, owners : list
        For each record (a sample, or columns): slots of its keys, number of times, number of its message.
    ats, values : list
        Times in ms and values of all records, one after the other; values key by key.
    seqs : list[tuple[int, int, str, int]]
        Message, device, boot, sequence number.
    messages, devices : list[int]
        Number and device of each message that was taken.
    odd : list[int]
        Messages that were not taken.
    """

    layouts: list[NDArray[np.int32]] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)
    ats: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    seqs: list[tuple[int, int, str, int]] = field(default_factory=list)
    messages: list[int] = field(default_factory=list)
    devices: list[int] = field(default_factory=list)
    odd: list[int] = field(default_factory=list)


def record(
    topics: list[str],
    payloads: list[bytes],
    numbers: range,
    senders: Mapping[str, Sender],
    largest: int,
) -> Tape:
    """Put the usual ones among some messages on a tape.

    Parameters
    ----------
    numbers : range
        Which of the messages.
    senders : Mapping[str, Sender]
        By topic, those from whom readings are welcome.
    largest : int
        Size in bytes of the largest payload taken.
    """
    tape = Tape()
    for number in numbers:
        payload = payloads[number]
        sender = senders.get(topics[number])
        if sender is None or not 0 < len(payload) <= largest:
            tape.odd.append(number)
            continue
        message = _decode(sender, payload)
        if type(message) is Sample:
            taken = _take_sample(tape, number, sender, message)
        elif type(message) is Columns:
            taken = _take_columns(tape, number, sender, message)
        else:
            taken = message is not None and _take_list(tape, number, sender, message)  # type: ignore[arg-type]
        if taken:
            tape.messages.append(number)
            tape.devices.append(sender.id)
        else:
            tape.odd.append(number)
    return tape


def _decode(sender: Sender, payload: bytes) -> Sample | Columns | list[Sample] | None:
    """Decode what is as usual; None for all else."""
    try:
        if payload[0] == _BRACE:
            if sender.columns:
                return _either(sender, _decode_columns, _decode_sample, payload)
            return _either(sender, _decode_sample, _decode_columns, payload)
        if payload[0] in _JSON_STARTS:
            return _decode_list(payload)
        return _decode_cbor(payload)
    except Exception:  # noqa: BLE001  the exact rules find out what is wrong
        return None


def _either(
    sender: Sender,
    usual: Callable[[bytes], Sample | Columns],
    other: Callable[[bytes], Sample | Columns],
    payload: bytes,
) -> Sample | Columns:
    """Try the shape that the sender used last, then the other one."""
    try:
        return usual(payload)
    except msgspec.ValidationError:
        message = other(payload)
        sender.columns = not sender.columns
        return message


def _decode_cbor(payload: bytes) -> Sample | Columns | list[Sample]:
    item: Any = cbor_item.decode(payload)
    if isinstance(item, list):
        return msgspec.convert(item, list[Sample])
    if isinstance(item["at"], list):
        return msgspec.convert(item, Columns)
    return msgspec.convert(item, Sample)


def _take_sample(tape: Tape, number: int, sender: Sender, sample: Sample) -> bool:
    keys = tuple(sample.values)
    layout = sender.layouts.get(keys)
    if layout is None:
        layout = sender.lay_out(keys)
        if layout is None:
            return False
    if sample.seq is not None and sample.boot is not None and not _take_seq(tape, number, sender, sample):
        return False
    tape.layouts.append(layout)
    tape.lengths.append(1)
    tape.owners.append(number)
    tape.ats.append(sample.at)
    tape.values.extend(sample.values.values())
    return True


def _take_columns(tape: Tape, number: int, sender: Sender, columns: Columns) -> bool:
    keys = tuple(columns.values)
    length = len(columns.at)
    layout = sender.layouts.get(keys)
    if layout is None:
        layout = sender.lay_out(keys)
    if layout is None or length == 0:
        return False
    for column in columns.values.values():
        if len(column) != length:
            return False
    if columns.seq is not None and columns.boot is not None and not _take_seq(tape, number, sender, columns):
        return False
    tape.layouts.append(layout)
    tape.lengths.append(length)
    tape.owners.append(number)
    tape.ats.extend(columns.at)
    tape.values.extend(chain.from_iterable(columns.values.values()))
    return True


def _take_list(tape: Tape, number: int, sender: Sender, samples: list[Sample]) -> bool:
    """Take all samples of a list, or none."""
    for sample in samples:
        keys = tuple(sample.values)
        if keys not in sender.layouts and sender.lay_out(keys) is None:
            return False
        if isinstance(sample.boot, str) and not sample.boot.isprintable():
            return False
    for sample in samples:
        _take_sample(tape, number, sender, sample)
    return bool(samples)


def _take_seq(tape: Tape, number: int, sender: Sender, message: Sample | Columns) -> bool:
    boot = message.boot if isinstance(message.boot, str) else str(message.boot)
    if not boot.isprintable():
        return False
    assert message.seq is not None
    tape.seqs.append((number, sender.id, boot, message.seq))
    return True
