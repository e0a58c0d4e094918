"""Where things lie on this machine, and as whom the embedded services run."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import DiskFull, ProvisionError

ROOT_CACHE = Path("/var/cache/chiiki")
FALLBACK_USER = "nobody"


@dataclass(frozen=True, slots=True)
class ServiceUser:
    """The unprivileged user that the services get when Chiiki itself runs as root."""

    name: str
    uid: int
    gid: int


def service_user() -> ServiceUser | None:
    """Return whom the services run as; None: as the caller, who is not root."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(FALLBACK_USER)
    except KeyError:
        raise ProvisionError(
            f"as root, the services run as the user {FALLBACK_USER}, who does not exist: create it, "
            "or run as a normal user"
        ) from None
    return ServiceUser(FALLBACK_USER, entry.pw_uid, entry.pw_gid)


def cache_dir(environ: dict[str, str] | None = None) -> Path:
    """Return the cache that all checkouts of this user share."""
    env = os.environ if environ is None else environ
    if chosen := env.get("CHIIKI_CACHE_DIR"):
        return Path(chosen).absolute()
    if os.geteuid() == 0:
        return ROOT_CACHE
    base = env.get("XDG_CACHE_HOME") or str(Path(env.get("HOME", "/nonexistent")) / ".cache")
    return Path(base) / "chiiki"


def blocked_at(folder: Path, user: ServiceUser | None) -> Path | None:
    """Return the first parent that `user` cannot pass, or None when the folder can be reached."""
    if user is None:
        return None
    for parent in reversed([folder, *folder.parents]):
        try:
            info = parent.stat()
        except FileNotFoundError:
            return None
        if not _may_enter(info, user):
            return parent
    return None


def _may_enter(info: os.stat_result, user: ServiceUser) -> bool:
    if info.st_uid == user.uid:
        return bool(info.st_mode & stat.S_IXUSR)
    if info.st_gid == user.gid:
        return bool(info.st_mode & stat.S_IXGRP)
    return bool(info.st_mode & stat.S_IXOTH)


def require_reachable(folder: Path, user: ServiceUser | None, setting: str) -> None:
    """Raise when the services' user could not get at `folder`."""
    parent = blocked_at(folder, user)
    if parent is not None and user is not None:
        raise ProvisionError(
            f"the user {user.name}, who runs the services, cannot enter {parent}: "
            f"set {setting} to a folder that it can reach"
        )


def require_space(folder: Path, needed: int) -> None:
    """Raise `DiskFull` when fewer than `needed` bytes are free below `folder`."""
    free = shutil.disk_usage(nearest(folder)).free
    if free < needed:
        raise DiskFull(folder, free=free, needed=needed)


def nearest(folder: Path) -> Path:
    """Return the folder itself or its nearest parent that exists."""
    while not folder.exists():
        folder = folder.parent
    return folder


def make_folder(folder: Path, user: ServiceUser | None, mode: int = 0o700) -> Path:
    """Make a folder that belongs to the services' user."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if user is not None:
            os.chown(folder, user.uid, user.gid)
        folder.chmod(mode)
    except OSError as error:
        raise ProvisionError(f"cannot make the folder {folder}: {error.strerror}") from None
    return folder
