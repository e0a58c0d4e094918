"""One child process: unprivileged, in a session of its own, never outliving whoever started it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.errors import ProvisionError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deploy.embedded.places import ServiceUser

LOG_BYTES = 10_000_000
"""A log larger than this is put aside as ``.1`` at the next start."""


class Process:
    """A child with a log file.

    The kernel sends it `end_signal` when the thread that started it ends (PR_SET_PDEATHSIG, by setpriv), so
    that a killed supervisor leaves nothing behind. Start it from a thread that stays, e.g. the main thread.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        user: ServiceUser | None = None,
        environ: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        end_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.log = log
        self.end_signal = end_signal
        self._command = [*_wrapper(user, end_signal), *command]
        self._environ = environ
        self._cwd = cwd
        self._popen: subprocess.Popen[bytes] | None = None
        self._log_from = 0

    def spawn(self) -> None:
        """Start it; returns at once."""
        rotate(self.log)
        with self.log.open("ab") as log:
            self._log_from = log.tell()
            self._popen = subprocess.Popen(  # noqa: S603
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=self._environ, cwd=self._cwd, start_new_session=True,
            )  # fmt: skip

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._popen.pid if self._popen is not None and self._popen.poll() is None else None

    def ended(self) -> int | None:
        """Return the exit code once it has ended (negative: by that signal), else None."""
        return None if self._popen is None else self._popen.poll()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it still runs."""
        if self._popen is not None:
            with contextlib.suppress(ProcessLookupError):
                self._popen.send_signal(number)

    def stop(self, deadline_s: float = 20.0) -> None:
        """Ask it to end and wait; after the deadline it is killed."""
        self.signal(self.end_signal)
        try:
            self.wait(deadline_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it the hard way (SIGKILL) and wait until it is gone."""
        self.signal(signal.SIGKILL)
        self.wait(10)

    def wait(self, deadline_s: float) -> None:
        """Wait for its end; raises subprocess.TimeoutExpired."""
        if self._popen is not None:
            self._popen.wait(deadline_s)

    def has_said(self, words: str) -> bool:
        """Tell whether the log has `words` since the start."""
        with self.log.open("rb") as log:
            log.seek(self._log_from)
            return words.encode() in log.read()

    def last_words(self, marks: Sequence[str] = ()) -> str:
        """Return the last line of the log that has one of `marks`, or just the last line."""
        try:
            lines = self.log.read_text(errors="replace").strip().splitlines()[-50:]
        except OSError:
            return ""
        marked = [line for line in lines if any(mark in line for mark in marks)]
        return (marked or lines or [""])[-1].strip()


def _wrapper(user: ServiceUser | None, end_signal: signal.Signals) -> list[str]:
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise ProvisionError("setpriv not found: install the package util-linux")
    wrapper = [setpriv, "--pdeathsig", end_signal.name.removeprefix("SIG")]
    if user is not None:
        wrapper += [f"--reuid={user.uid}", f"--regid={user.gid}", "--clear-groups"]
    return [*wrapper, "--"]


def rotate(log: Path) -> None:
    """Put a log aside that has grown large."""
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > LOG_BYTES:
            log.replace(log.with_name(log.name + ".1"))


def run(
    command: Sequence[str],
    *,
    user: ServiceUser | None,
    what: str,
    stdin: str = "",
    environ: Mapping[str, str] | None = None,
    timeout_s: float = 120,
) -> str:
    """Run a program to its end as `user`; return what it printed, raise `ServiceError` when it fails."""
    try:
        done = subprocess.run(  # noqa: S603
            [*_wrapper(user, signal.SIGKILL), *command],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
            cwd="/",
            env={**os.environ, **(environ or {})},
        )
    except subprocess.TimeoutExpired:
        raise ServiceError(f"{what} took more than {timeout_s:.0f} s") from None
    if done.returncode != 0:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines() or [f"exit code {done.returncode}"]
        said = next((line for line in lines if "error:" in line.lower() or "FATAL" in line), lines[-1])
        raise ServiceError(f"{what} failed: {said.strip()}")
    return done.stdout


def at_work_in(folder: Path) -> list[int]:
    """Return the processes whose working directory is `folder`, as far as they may be looked at."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "cwd").readlink() == folder:
                found.append(int(entry.name))
        except OSError:
            continue
    return found
