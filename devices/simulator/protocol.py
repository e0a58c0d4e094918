"""What a device sends, keeps and sends again: decided here, without a socket or a clock.

`Outbox` is for devices with a buffer: it drops a sample only when the gateway has said that it is committed,
whatever the broker acknowledged before it was killed. `SimpleOutbox` is for devices without: it drops a
message at the broker's PUBACK, as an ordinary MQTT client does. Both are driven by the same few calls, so
that `devices.simulator.device` does not know which one it carries.

The rules of `Outbox`, which a maker of devices may copy:

1. Each sample object gets the boot's id and the next number, from 1, whatever its topic; what has both
   already keeps them.
2. It is kept until ``down/committed`` names its number or a higher one of its boot.
3. After a reconnect, or when nothing was committed for a while, ask what is committed, wait a moment for the
answer,
   then send everything that is left again, oldest first. The while doubles each time nothing comes of it.
4. Where the buffer is full the oldest sample goes, and the next question says which number is the oldest one
left.
"""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Protocol

from devices.errors import DeviceError

Body = dict[str, Any]
"""A sample object: ``at`` and ``values``, one sample or columns; or what else is sent, such as an event."""

READINGS = "readings"
FRAMES = "frames"
"""Images, which are too large to go together."""


class BufferFullError(DeviceError):
    """A device without a committed answer has nowhere to put a further sample and may not drop any."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to publish; give `token` back when the broker has acknowledged it."""

    token: int
    topic: str
    payload: Body | list[Body]
    retain: bool = False


class Sender(Protocol):
    """What both kinds of outbox answer to. Instants are seconds of any steady clock."""

    def record(self, body: Body, topic: str = READINGS) -> None:
        """Take a new sample object, or what else is sent."""

    def connected(self, now: float) -> None:
        """Note that a connection stands."""

    def disconnected(self) -> None:
        """Note that the connection is gone, and with it what was not acknowledged."""

    def acknowledged(self, token: int) -> None:
        """Note the broker's PUBACK; unknown tokens belong to an older connection."""

    def committed(self, boot: str, seq: int, now: float) -> None:
        """Note what the gateway says is committed."""

    def outgoing(self, now: float) -> list[Outgoing]:
        """Say what to publish now."""

    @property
    def held(self) -> int:
        """How many sample objects are kept."""


@dataclass(slots=True)
class _Entry:
    boot: str
    seq: int
    topic: str
    body: Body
    sent: bool = False

    @property
    def message(self) -> Body:
        return {"boot": self.boot, "seq": self.seq, **self.body}

    @property
    def is_alone(self) -> bool:
        return self.topic == FRAMES or isinstance(self.body["at"], list)

    def goes_with(self, other: _Entry) -> bool:
        return self.topic == other.topic and not (self.is_alone or other.is_alone)


def _batches(entries: deque[_Entry], most: int, batch: int) -> list[list[_Entry]]:
    """Take entries off the left for at most `most` messages: columns alone, single objects together."""
    batches: list[list[_Entry]] = []
    while entries and len(batches) < most:
        taken = [entries.popleft()]
        while entries and len(taken) < batch and taken[0].goes_with(entries[0]):
            taken.append(entries.popleft())
        batches.append(taken)
    return batches


@dataclass(slots=True)
class Outbox:
    """The buffer of a device that listens to what is committed.

    Parameters
    ----------
    boot : str
        Names this start of the device; never used again.
    capacity : int
        Sample objects kept; beyond it the oldest goes.
    unacknowledged : int
        Messages that may be on their way to the broker.
    batch : int
        Single samples in one message.
    ask_s, resend_s, resend_most_s : float
        How long to wait for an answer, how long without progress before sending again, and the most it grows
        to.
    """

    boot: str
    capacity: int = 50_000
    unacknowledged: int = 20
    batch: int = 60
    ask_s: float = 3.0
    resend_s: float = 20.0
    resend_most_s: float = 600.0
    dropped: int = 0
    _seq: int = 0
    _online: bool = False
    _patience_s: float = 0.0
    _due_at: float | None = None
    _held_until: float | None = None
    _asking: bool = False
    _sent: deque[_Entry] = field(default_factory=deque)
    _waiting: deque[_Entry] = field(default_factory=deque)
    _flying: set[int] = field(default_factory=set)
    _tokens: itertools.count[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self._patience_s = self.resend_s

    @property
    def held(self) -> int:
        """How many sample objects are kept."""
        return len(self._sent) + len(self._waiting)

    @property
    def last_seq(self) -> int:
        """The number last given in this boot."""
        return self._seq

    def restart(self, boot: str) -> None:
        """Begin a new boot; what the buffer kept over the restart still goes out under its old one."""
        self.disconnected()
        self.boot, self._seq = boot, 0

    def record(self, body: Body, topic: str = READINGS) -> None:
        """Take a new sample object, or what else is sent, and number it unless it has boot and number."""
        if self.held >= self.capacity:
            (self._sent or self._waiting).popleft()
            self.dropped += 1
        if "boot" in body:
            self._waiting.append(_Entry(body["boot"], body["seq"], topic, body))
            return
        self._seq += 1
        self._waiting.append(_Entry(self.boot, self._seq, topic, body))

    def connected(self, now: float) -> None:
        """Note that a connection stands: what may be out there is asked for before it is sent again."""
        self.disconnected()
        self._online = True
        self._patience_s = self.resend_s
        self._again(now)

    def disconnected(self) -> None:
        """Note that the connection is gone."""
        self._online = False
        self._flying.clear()

    def acknowledged(self, token: int) -> None:
        """Note the broker's PUBACK: room for another message, and no more than that."""
        self._flying.discard(token)

    def committed(self, boot: str, seq: int, now: float) -> None:
        """Drop what is committed. What was never sent cannot be, whatever the message says."""
        before = self.held
        self._sent, self._waiting = (
            deque(e for e in entries if not (e.sent and e.boot == boot and e.seq <= seq))
            for entries in (self._sent, self._waiting)
        )
        self._held_until = None
        if self.held < before:
            self._patience_s = self.resend_s
            self._due_at = now + self.resend_s if self._sent else None

    def outgoing(self, now: float) -> list[Outgoing]:
        """Say what to publish now: questions first, then samples in their order."""
        if not self._online:
            return []
        if self._sent and self._due_at is not None and now >= self._due_at:
            self._patience_s = min(2 * self._patience_s, self.resend_most_s)
            self._again(now)
        messages = self._questions()
        if self._held_until is not None and now < self._held_until:
            return messages
        return messages + self._samples(now)

    def _again(self, now: float) -> None:
        """Put what was sent back in front of what was not, and ask first."""
        self._waiting.extendleft(reversed(self._sent))
        self._sent.clear()
        self._due_at = None
        self._asking = any(e.sent for e in self._waiting) or self.dropped > 0
        self._held_until = now + self.ask_s if self._asking else None

    def _questions(self) -> list[Outgoing]:
        if not self._asking:
            return []
        self._asking = False
        oldest: dict[str, int] = {}
        for entry in self._waiting:
            oldest.setdefault(entry.boot, entry.seq)
        return [
            self._out("status", {"online": True, "boot": boot, "ask": "committed", "oldest": seq})
            for boot, seq in oldest.items()
        ]

    def _samples(self, now: float) -> list[Outgoing]:
        room = self.unacknowledged - len(self._flying)
        messages = []
        for entries in _batches(self._waiting, room, self.batch):
            for entry in entries:
                entry.sent = True
            self._sent.extend(entries)
            bodies = [entry.message for entry in entries]
            messages.append(self._out(entries[0].topic, bodies[0] if len(bodies) == 1 else bodies))
        if messages and self._due_at is None:
            self._due_at = now + self._patience_s
        return messages

    def _out(self, topic: str, payload: Body | list[Body]) -> Outgoing:
        token = next(self._tokens)
        self._flying.add(token)
        return Outgoing(token, topic, payload)


@dataclass(slots=True)
class SimpleOutbox:
    """The queue of a device without buffer: neither boot nor number, and done at the broker's PUBACK."""

    capacity: int = 50_000
    unacknowledged: int = 20
    _online: bool = False
    _waiting: deque[tuple[str, Body]] = field(default_factory=deque)
    _flying: dict[int, tuple[str, Body]] = field(default_factory=dict)
    _tokens: itertools.count[int] = field(default_factory=itertools.count)

    @property
    def held(self) -> int:
        """How many sample objects the broker has not acknowledged."""
        return len(self._waiting) + len(self._flying)

    def record(self, body: Body, topic: str = READINGS) -> None:
        """Queue a new sample object, or what else is sent.

        Raises
        ------
        BufferFullError
            The broker has acknowledged nothing for so long that the queue is full.
        """
        if self.held >= self.capacity:
            raise BufferFullError(f"{self.capacity} sample objects wait for the broker: is it running?")
        self._waiting.append((topic, body))

    def connected(self, now: float) -> None:  # noqa: ARG002 -- the same call for both kinds
        """Note that a connection stands."""
        self.disconnected()
        self._online = True

    def disconnected(self) -> None:
        """Note that the connection is gone: what was on its way goes again, in its order."""
        self._online = False
        self._waiting.extendleft(reversed(self._flying.values()))
        self._flying.clear()

    def acknowledged(self, token: int) -> None:
        """Note the broker's PUBACK: the message is the broker's now."""
        self._flying.pop(token, None)

    def committed(self, boot: str, seq: int, now: float) -> None:
        """Ignore what is committed: this device does not number its samples."""

    def outgoing(self, now: float) -> list[Outgoing]:  # noqa: ARG002 -- the same call for both kinds
        """Say what to publish now."""
        messages = []
        while self._online and self._waiting and len(self._flying) < self.unacknowledged:
            token = next(self._tokens)
            self._flying[token] = self._waiting.popleft()
            messages.append(Outgoing(token, *self._flying[token]))
        return messages
