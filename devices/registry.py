"""Rules for the names of devices, sites and channels."""

from __future__ import annotations

import re

from devices.errors import ChannelError, NameRuleError

DEVICE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,62}")
SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
QUANTITY_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
POSITION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,31}")
RESERVED_PREFIX = "chiiki-"
"""Begins the names of the services' own accounts on the broker."""


def check_device_name(name: str) -> None:
    """Check the name of a device, which is its MQTT user name and a level of its topics.

    Raises
    ------
    NameRuleError
        Names the rule that is broken.
    """
    if not DEVICE_NAME.fullmatch(name):
        raise NameRuleError(
            name, "use 2 to 63 lower-case letters, digits and hyphens, beginning with a letter or digit"
        )
    if name.startswith(RESERVED_PREFIX):
        raise NameRuleError(name, f"names that begin with {RESERVED_PREFIX!r} belong to the services")


def check_slug(slug: str) -> None:
    """Check the short name of a lab or a site, as it stands in addresses.

    Raises
    ------
    NameRuleError
        Names the rule that is broken.
    """
    if not SLUG.fullmatch(slug):
        raise NameRuleError(
            slug, "use 1 to 63 lower-case letters, digits and hyphens, beginning with a letter or digit"
        )


def check_position(position: str) -> None:
    """Check the label of a position, such as ``10cm``; the plain one ``""`` is allowed.

    Raises
    ------
    NameRuleError
        Names the rule that is broken.
    """
    if position and not POSITION.fullmatch(position):
        raise NameRuleError(
            position,
            "a position has 1 to 32 letters, digits, '.', '_', '+' or '-', and begins with a letter or digit",
        )


def split_channel(key: str) -> tuple[str, str]:
    """Split a key of ``values`` into quantity and position (``""`` where none is given).

    Says nothing on whether the quantity exists: that is the kind's to know.

    Raises
    ------
    ChannelError
        The key is not ``quantity`` or ``quantity@position``.

    Examples
    --------
    >>> split_channel("soil_temperature@10cm")
    ('soil_temperature', '10cm')
    """
    quantity, at, position = key.partition("@")
    if not QUANTITY_NAME.fullmatch(quantity):
        raise ChannelError(
            key, "a quantity has lower-case letters, digits and '_', such as 'air_temperature'"
        )
    if at and not POSITION.fullmatch(position):
        raise ChannelError(
            key, "after '@' comes a position of 1 to 32 letters, digits, '.', '_', '+' or '-', such as '10cm'"
        )
    return quantity, position
