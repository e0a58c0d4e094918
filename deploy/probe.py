"""Asks this machine's own API, by an address that its certificate need not name."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

TIMEOUT_S = 5.0
OK = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a service says that it is ready, and its words."""

    ready: bool
    said: str


def probe(url: str) -> Answer:
    """Ask a readiness address."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S, context=_context()) as response:  # noqa: S310
            return Answer(response.status == OK, response.read(500).decode(errors="replace"))
    except urllib.error.HTTPError as error:
        return Answer(False, error.read(500).decode(errors="replace"))
    except OSError as error:
        return Answer(False, str(error))


def ask(url: str, token: str) -> Any:
    """Return the JSON that an address answers, or None when it does not (yet)."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S, context=_context()) as response:  # noqa: S310
            return json.load(response)
    except (OSError, ValueError):
        return None


def _context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
