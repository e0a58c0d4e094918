"""``gateway``: one gateway, for production."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from deploy.cli.serve import require_url, serve
from deploy.errors import SettingsError
from ingest.gateway import GatewaySettings, run
from ingest.link import LinkSettings

if TYPE_CHECKING:
    import argparse

    from deploy.settings import Settings

# The gateway's own defaults hold for what is not set.
TUNING = {
    "gateway_codec": "codec",
    "gateway_batch_rows": "batch_rows",
    "gateway_batch_age_s": "batch_age_s",
    "gateway_max_payload_bytes": "max_payload_bytes",
    "gateway_shutdown_s": "shutdown_s",
    "kinds_dir": "kinds_dir",
}


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's parser."""
    parser = commands.add_parser(
        "gateway",
        help="run one gateway (production)",
        description="Takes messages from the broker into the database. Needs CHIIKI_DATABASE_URL and "
        "CHIIKI_MQTT_URL, CHIIKI_MQTT_USERNAME and CHIIKI_MQTT_PASSWORD_FILE. Several may run side by side: "
        "give each its CHIIKI_GATEWAY_NAME and all the same CHIIKI_MQTT_SHARE.",
    )
    parser.set_defaults(run=_run)


def _run(_: argparse.Namespace, settings: Settings) -> int:
    gateway = gateway_settings(settings)
    return serve(lambda stop: run(gateway, stop), settings)


def gateway_settings(settings: Settings) -> GatewaySettings:
    """Return the gateway's settings out of the installation's."""
    given: dict[str, Any] = {
        theirs: getattr(settings, ours)
        for ours, theirs in TUNING.items()
        if getattr(settings, ours) is not None
    }
    return GatewaySettings(
        database_url=require_url(settings.database_url, "database_url"),
        link=link_settings(settings),
        process=settings.gateway_name,
        **given,
    )


def link_settings(settings: Settings) -> LinkSettings:
    """Return how the gateway reaches the broker; user name and password may also be part of the address."""
    parts = urlsplit(require_url(settings.mqtt_url, "mqtt_url"))
    host = parts.netloc.rpartition("@")[2]
    return LinkSettings(
        url=f"{parts.scheme}://{host}",
        client_id=f"chiiki-{settings.gateway_name}",
        username=settings.mqtt_username or (unquote(parts.username) if parts.username else None),
        password=_password(settings) or (unquote(parts.password) if parts.password else None),
        ca_file=settings.mqtt_ca_file,
        share=settings.mqtt_share,
    )


def _password(settings: Settings) -> str | None:
    if settings.mqtt_password_file is None:
        return settings.mqtt_password
    try:
        return settings.mqtt_password_file.read_text().strip()
    except OSError as error:
        raise SettingsError(f"mqtt_password_file: {settings.mqtt_password_file}: {error.strerror}") from None
