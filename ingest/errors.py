"""What can go wrong between the air and the database.

A rejected reading is a value and not an exception: a code of `REASONS` and a sentence with the facts.

::

    IngestError
    ├── ImportRefused     a file cannot be taken in as it is asked for
    └── WriterStopped     a batch was given up: the gateway stops, or failed
"""

from __future__ import annotations

from typing import Final


class IngestError(Exception):
    """Any of the errors of this room."""


class ImportRefused(IngestError):  # noqa: N818  an answer, not a fault of the program
    """A file cannot be taken in as it is asked for; says what to change."""


class WriterStopped(IngestError):  # noqa: N818
    """A batch was given up, and with it those that came after; what was not acknowledged comes again."""


REASONS: Final[dict[str, str]] = {
    "bad_topic": "Publish on chiiki/v1/DEVICE/up/readings (or events, verifications, frames, status).",
    "unknown_device": "Register the sender with `chiiki device add`, or correct its topic; then replay.",
    "device_revoked": "Switch the device off, or restore it with `chiiki device restore`; then replay.",
    "unknown_kind": "Put the file of the device's kind back into the folder of kinds, restart, then replay.",
    "kind_not_supported": "This version does not take in such messages yet: replay after an update.",
    "oversized": "Send fewer samples in one message.",
    "bad_json": "Send valid JSON in UTF-8.",
    "bad_cbor": "Send one complete CBOR item (RFC 8949); JSON must begin with '{' or '['.",
    "bad_shape": 'Send {"at": …, "values": {…}}, a list of those, or columns; of fish, see the guide.',
    "bad_time": "Send `at` as Unix milliseconds or RFC 3339 with an offset, and check the device's clock.",
    "unknown_quantity": "Correct the key in `values`, or add the quantity to the device's kind; then replay.",
    "unknown_position": "Correct the part after '@', or add the position to the device's kind; then replay.",
    "too_many_series": "Send fewer different channels, or raise `max_series` in the kind; then replay.",
    "not_a_number": "Send a number; leave a channel out where there is no value.",
    "not_finite": "Leave a channel out where the sensor has no value: NaN and infinity are not stored.",
    "bad_sequence": "Send `seq` as a whole number from 1, `boot` as at most 64 characters or a whole number.",
    "no_product": "Name what devices of this kind sort as `product` in the kind's file; then replay.",
    "unknown_class": "Send a class of the unit's product, or add it to the product's file; then replay.",
    "bad_probabilities": "Send the full vector: a probability for each class of the product, adding up to 1.",
    "bad_field": "Send the field that is named as the guide for device makers has it.",
    "bad_frame": "Send a CBOR object with a whole PNG, or pixels packed by zlib, and what they are.",
    "product_changed": "Begin a new lot when the classes change: a lot keeps those that it was begun with.",
    "conflicting": "Another value is stored under the same time or number, and stays: find out which is so.",
    "database_refused": "The database refused it; mend what it says, then replay.",
    "internal": "A fault of the gateway, told in its log: report it, then replay after an update.",
}
"""Why a reading or a message is kept in quarantine, and what mends it."""
