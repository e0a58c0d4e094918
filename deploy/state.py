"""The state directory: who holds it, and what the running installation says of itself."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
from typing import TYPE_CHECKING, Any

from deploy.errors import AlreadyRunning, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STATUS = "status.json"
MADE_HERE = (
    "postgres",
    "broker",
    "logs",
    "gateway-password",
    "operator-token",
    "demo-simulator.json",
    "demo-tokens.json",
)


def prepare(state_dir: Path) -> None:
    """Make the state directory; the services' user must be able to pass through it."""
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        state_dir.chmod(0o711 if os.geteuid() == 0 else 0o700)
    except OSError as error:
        raise SettingsError(
            f"cannot make the state directory {state_dir}: {error.strerror}; set CHIIKI_STATE_DIR"
        ) from None


@contextlib.contextmanager
def hold(state_dir: Path) -> Iterator[None]:
    """Hold the state directory alone; raises `AlreadyRunning`."""
    prepare(state_dir)
    with (state_dir / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            status = read_status(state_dir)
            raise AlreadyRunning(status.get("pid", 0), status.get("url", "")) from None
        (state_dir / STATUS).unlink(missing_ok=True)
        try:
            yield
        finally:
            (state_dir / STATUS).unlink(missing_ok=True)


def is_held(state_dir: Path) -> bool:
    """Tell whether an installation runs in the state directory."""
    try:
        with (state_dir / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def read_status(state_dir: Path) -> dict[str, Any]:
    """Return what the running installation wrote last; empty when there is nothing."""
    try:
        status: dict[str, Any] = json.loads((state_dir / STATUS).read_text())
    except (OSError, ValueError):
        return {}
    return status


def write_status(state_dir: Path, status: dict[str, Any]) -> None:
    """Replace the status atomically."""
    scratch = state_dir / f".{STATUS}"
    scratch.write_text(json.dumps(status, indent=2, ensure_ascii=False) + "\n")
    scratch.replace(state_dir / STATUS)


def write_secret(path: Path, secret: str) -> None:
    """Write a file that only its owner can read, atomically."""
    scratch = path.with_name(f".{path.name}")
    scratch.unlink(missing_ok=True)
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secret + "\n")
    scratch.replace(path)


def kept_secret(path: Path) -> str:
    """Return the secret in a file, made of 192 random bits the first time."""
    with contextlib.suppress(FileNotFoundError):
        if secret := path.read_text().strip():
            return secret
    secret = secrets.token_urlsafe(24)
    write_secret(path, secret)
    return secret


def clear(state_dir: Path) -> None:
    """Remove what earlier runs left, and nothing that somebody else put there."""
    for name in MADE_HERE:
        path = state_dir / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
