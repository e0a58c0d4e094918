"""Passwords of devices on the broker, the broker's two files, and tokens of the API.

Passwords are made by the machine and shown once: 192 random bits. Guessing them is hopeless whatever the hash
costs, so that PBKDF2 here only has to be one-way, and mosquitto's own count of 101 rounds is kept. A higher
count would be paid at every connection: mosquitto checks passwords in its only thread, and after a restart of
the broker a thousand devices connect at once: 0.1 s in all with 101 rounds, but almost a minute with 100,000
(measured). Never hash a password that a person chose with these functions.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from typing import TYPE_CHECKING

from devices.errors import CredentialError, NameRuleError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ITERATIONS = 101
"""mosquitto 2.0's own default (PW_DEFAULT_ITERATIONS)."""

KEY_BYTES = 64
SALT_BYTES = 12
PASSWORD_BYTES = 24
TOKEN_BYTES = 32
TOKEN_PREFIX = "ck_"  # noqa: S105 -- a mark to recognise tokens by, not one of them
ACCOUNT_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,62}")

HASH_LINE = re.compile(r"\$7\$([1-9][0-9]{0,9})\$([A-Za-z0-9+/]+=*)\$([A-Za-z0-9+/]+=*)")

ACL_PATTERNS = """\
# A device writes below its own topic and reads what is sent to it; %u is its user name.
pattern write chiiki/v1/%u/up/#
pattern read chiiki/v1/%u/down/#
"""


def new_password() -> str:
    """Make a password of 192 random bits: 32 characters that need no quoting anywhere."""
    return secrets.token_urlsafe(PASSWORD_BYTES)


def hash_password(password: str) -> str:
    """Hash a password as mosquitto writes it: ``$7$<iterations>$<salt>$<key>``, both in base64."""
    salt = secrets.token_bytes(SALT_BYTES)
    return _line(ITERATIONS, salt, _derive(password, salt, ITERATIONS, KEY_BYTES))


def verify_password(password: str, line: str) -> bool:
    """Tell whether the password belongs to the ``$7$`` line.

    Raises
    ------
    CredentialError
        The line is not one that `hash_password` or ``mosquitto_passwd`` makes.
    """
    iterations, salt, key = _parse(line)
    return hmac.compare_digest(_derive(password, salt, iterations, len(key)), key)


def render_password_file(accounts: Mapping[str, str]) -> str:
    """Write mosquitto's ``password_file``: one ``name:hash`` a line, sorted by name.

    Parameters
    ----------
    accounts : Mapping[str, str]
        Hash line by user name.

    Raises
    ------
    NameRuleError, CredentialError
        A name or a hash that would break the file, and with it everybody's access.
    """
    for name, line in accounts.items():
        _check_account_name(name)
        _parse(line)
    return "".join(f"{name}:{accounts[name]}\n" for name in sorted(accounts))


def render_acl_file(gateways: Iterable[str]) -> str:
    """Write mosquitto's ``acl_file``: devices keep to their own topics, gateways read up and write down.

    Raises
    ------
    NameRuleError
        A gateway's name that would break the file.
    """
    return "".join(_acl_of_gateway(name) for name in sorted(set(gateways))) + ACL_PATTERNS


def new_token() -> str:
    """Make a token for the API: ``ck_`` and 256 random bits."""
    return TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)


def token_digest(token: str) -> bytes:
    """SHA-256 of the token, as the database keeps it (256 random bits need no stretching)."""
    return hashlib.sha256(token.encode()).digest()


def _derive(password: str, salt: bytes, iterations: int, length: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha512", password.encode(), salt, iterations, length)


def _line(iterations: int, salt: bytes, key: bytes) -> str:
    return f"$7${iterations}${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}"


def _parse(line: str) -> tuple[int, bytes, bytes]:
    match = HASH_LINE.fullmatch(line)
    if match is None:
        raise CredentialError("a password hash must be a mosquitto line: $7$iterations$salt$key")
    try:
        salt, key = (base64.b64decode(part, validate=True) for part in match.group(2, 3))
    except binascii.Error:
        raise CredentialError("salt and key of a password hash must be base64") from None
    return int(match[1]), salt, key


def _check_account_name(name: str) -> None:
    if not ACCOUNT_NAME.fullmatch(name):
        raise NameRuleError(
            name, "an account on the broker has 2 to 63 lower-case letters, digits and hyphens"
        )


def _acl_of_gateway(name: str) -> str:
    _check_account_name(name)
    return f"user {name}\ntopic read chiiki/v1/+/up/#\ntopic write chiiki/v1/+/down/#\n\n"
