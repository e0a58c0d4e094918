"""Loopback ports: a free one, and who has a taken one."""

from __future__ import annotations

import errno
import socket
import time
from pathlib import Path

from deploy.errors import PortTaken, ServiceError

LISTEN = "0A"
"""The state of a listening socket in /proc/net/tcp."""


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port that nobody has at this moment."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def is_open(host: str, port: int) -> bool:
    """Tell whether somebody accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def require_free(host: str, port: int, setting: str) -> None:
    """Raise `PortTaken`, naming `setting`, when a service could not listen there."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise ServiceError(f"cannot listen on {host}:{port} ({setting}): {error.strerror}") from None
            raise PortTaken(port, holder(port), setting) from None


def wait_free(host: str, port: int, setting: str, patience_s: float = 10.0) -> None:
    """Wait until a process that is just ending has left the port; raises as `require_free`."""
    end_at = time.monotonic() + patience_s
    while True:
        try:
            return require_free(host, port, setting)
        except PortTaken as error:
            # Only what ends by itself is waited for: a leftover of ours.
            if "python" not in error.holder or time.monotonic() > end_at:
                raise
        time.sleep(0.1)


def holder(port: int) -> str:
    """Say who listens on a port, e.g. ``mosquitto (pid 812)``; empty when it cannot be told."""
    inodes = _listening_inodes(port)
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            links = {str(fd.readlink()) for fd in (folder / "fd").iterdir()}
            if links & inodes:
                return f"{(folder / 'comm').read_text().strip()} (pid {folder.name})"
        except OSError:
            continue
    return ""


def _listening_inodes(port: int) -> set[str]:
    found = set()
    for table in ("tcp", "tcp6"):
        try:
            lines = Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(f"socket:[{fields[9]}]")
    return found
