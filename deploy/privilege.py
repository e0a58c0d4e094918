"""As whom our own processes run under ``up``: as the services' user, where root calls and that user can."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.embedded.places import service_user
from deploy.embedded.process import run
from deploy.errors import ServiceError
from deploy.settings import CHECKOUT

if TYPE_CHECKING:
    from deploy.embedded.places import ServiceUser
    from deploy.settings import Settings

TRY = """
import os, sys
import deploy.cli.api, deploy.cli.gateway, deploy.cli.worker
for path in sys.argv[1:]:
    if not os.access(path, os.R_OK):
        sys.exit(f"error: cannot read {path}")
"""
"""What gateway, API and worker must be able to do: load the rooms, read the files that the settings name."""


def process_user(settings: Settings) -> tuple[ServiceUser | None, str]:
    """Return whom gateway, API and worker run as (None: as the caller), and why, in words for a person."""
    user = service_user()
    if user is None:
        return None, "the calling user"
    try:
        run(
            [sys.executable, "-P", "-c", TRY, *map(str, _files(settings))],
            user=user,
            what="trying",
            environ={"PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1"},
        )
    except ServiceError as error:
        return None, f"root, since {user.name} cannot run them ({error}): let it read checkout and Python"
    return user, user.name


def _files(settings: Settings) -> list[Path]:
    named = (
        settings.http_tls_cert,
        settings.http_tls_key,
        settings.mqtt_ca_file,
        settings.mqtt_password_file,
    )
    config = Path(os.environ.get("CHIIKI_CONFIG") or CHECKOUT / "chiiki.toml")
    return [path for path in (*named, settings.kinds_dir, config) if path is not None and path.exists()]


def give(path: Path, user: ServiceUser | None) -> None:
    """Let a file that only its owner can read belong to the user; None: leave it."""
    if user is not None:
        os.chown(path, user.uid, user.gid)
