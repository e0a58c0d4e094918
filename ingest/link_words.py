"""The encrypted connection, and one clear sentence for each way in which a connection is not had."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from ingest.link import BrokerUnreachable

if TYPE_CHECKING:
    from ingest.link import LinkSettings


def tls_context(settings: LinkSettings) -> ssl.SSLContext | None:
    """Return the context for ``mqtts``, else None. Raises `BrokerUnreachable` if the CA file is no good."""
    if not settings.tls:
        return None
    try:
        return ssl.create_default_context(cafile=None if settings.ca_file is None else str(settings.ca_file))
    except OSError as error:
        raise BrokerUnreachable(
            f"CA file {settings.ca_file} cannot be used ({error}): give the PEM of the broker's CA"
        ) from error


def unreachable(error: Exception, settings: LinkSettings) -> BrokerUnreachable:
    """Say why no connection was had and what to look at."""
    if isinstance(error, BrokerUnreachable):
        return error
    if isinstance(error, ssl.SSLCertVerificationError):
        return BrokerUnreachable(
            f"the broker's certificate is not trusted ({error.verify_message}): set its CA file"
        )
    if isinstance(error, ssl.SSLError):
        return BrokerUnreachable(
            f"no TLS on port {settings.port} ({error.reason}): is it the port for mqtts?"
        )
    if isinstance(error, TimeoutError):
        return BrokerUnreachable(f"no answer within {settings.connect_timeout_s:g} s")
    return BrokerUnreachable(f"cannot connect: {error}")


def refusal(settings: LinkSettings, reason: str) -> str:
    """Say that CONNECT was refused and what to check."""
    account = f"account {settings.username!r}" if settings.username else "a connection without account"
    return f"the broker refuses {account} ({reason}): check user name, password and client id"


def no_subscription(topic: str, reason: str) -> str:
    """Say that a subscription was not granted as it must be."""
    return f"the broker does not grant QoS 1 on {topic!r} ({reason}): check its ACL and max_qos"


def taken_over(settings: LinkSettings) -> str:
    """Say that somebody else uses the client id."""
    return f"another client connected as {settings.client_id!r}: give every gateway its own client id"
