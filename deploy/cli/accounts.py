"""``accounts``: keeps the account files of a mosquitto that runs elsewhere current."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.accounts import keep_accounts
from deploy.cli.serve import require_url, serve
from deploy.errors import SettingsError

if TYPE_CHECKING:
    import argparse

    from deploy.settings import Settings

_log = logging.getLogger(__name__)


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's parser."""
    parser = commands.add_parser(
        "accounts",
        help="keep a broker's account files current (production)",
        description="Renders mosquitto's password_file and acl_file from the database whenever a device is "
        "added, revoked or given a new password, and sends mosquitto SIGHUP. Needs CHIIKI_DATABASE_URL. "
        "With CHIIKI_MQTT_PASSWORD_FILE it also makes the gateways' account, with the password in that file.",
    )
    parser.add_argument("--password-file", type=Path, required=True, help="mosquitto's password_file")
    parser.add_argument("--acl-file", type=Path, required=True, help="mosquitto's acl_file")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--pid-file", type=Path, help="mosquitto's pid_file")
    where.add_argument("--pid", type=int, help="its process id (1 in a container that shares its namespace)")
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace, settings: Settings) -> int:
    database_url = require_url(settings.database_url, "database_url")
    for path in (args.password_file, args.acl_file):
        if not path.parent.is_dir():
            raise SettingsError(f"the folder of {path} does not exist")

    async def work(stop: asyncio.Event) -> None:
        await keep_until(stop, database_url, args, settings)

    return serve(work, settings)


async def keep_until(
    stop: asyncio.Event, database_url: str, args: argparse.Namespace, settings: Settings
) -> None:
    """Keep the files until the event is set; a failure of the keeping ends the process."""
    await make_gateway_account(database_url, settings)
    keeping = asyncio.create_task(
        keep_accounts(database_url, args.password_file, args.acl_file, lambda: reload_broker(args)),
        name="deploy.keep_accounts",
    )
    stopping = asyncio.create_task(stop.wait(), name="deploy.stop")
    await asyncio.wait({keeping, stopping}, return_when=asyncio.FIRST_COMPLETED)
    for task in (keeping, stopping):
        task.cancel()
    await asyncio.gather(stopping, return_exceptions=True)
    try:
        await keeping
    except asyncio.CancelledError:
        return


async def make_gateway_account(database_url: str, settings: Settings) -> None:
    """Put the gateways' account into the database when its password is given as a file."""
    if settings.mqtt_password_file is None:
        return
    from deploy.parts import GATEWAY_ACCOUNT  # noqa: PLC0415
    from devices.credentials import hash_password  # noqa: PLC0415
    from store.devices import put_service_account  # noqa: PLC0415
    from store.pool import open_pool  # noqa: PLC0415

    pool = await open_pool(database_url, process="accounts", max_size=1)
    try:
        async with pool.connection() as connection:
            password = settings.mqtt_password_file.read_text().strip()
            name = settings.mqtt_username or GATEWAY_ACCOUNT
            await put_service_account(connection, name, hash_password(password))
    finally:
        await pool.close()


def reload_broker(args: argparse.Namespace) -> None:
    """Send mosquitto SIGHUP."""
    try:
        pid = args.pid or int(args.pid_file.read_text())
        os.kill(pid, signal.SIGHUP)
    except (OSError, ValueError) as error:
        _log.warning("mosquitto was not told to read its accounts again: %s", error)
