"""What both embedded services have in common: one child process, started, stopped, killed, started again."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, ClassVar

from deploy.errors import ServiceError

if TYPE_CHECKING:
    from deploy.embedded.process import Process


class EmbeddedService(abc.ABC):
    """A server that is a child of whoever started it.

    Attributes
    ----------
    name : str
        What users call it.
    stop_s : float
        How long it may take to end by itself before it is killed.
    """

    name: ClassVar[str]
    stop_s: ClassVar[float]
    _process: Process | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process else None

    @property
    def process(self) -> Process:
        """The child process; raises ServiceError before the first start."""
        if self._process is None:
            raise ServiceError(f"{self.name} was not started")
        return self._process

    @abc.abstractmethod
    def spawn(self) -> None:
        """Start it without waiting; call it from a thread that stays."""

    @abc.abstractmethod
    def wait_ready(self) -> None:
        """Wait until it does its work; raises ServiceError."""

    def start(self) -> None:
        """Start it and wait until it does its work."""
        self.spawn()
        self.wait_ready()

    def stop(self, deadline_s: float | None = None) -> None:
        """Stop it cleanly; it writes what it holds first."""
        if self._process is not None:
            self._process.stop(self.stop_s if deadline_s is None else deadline_s)

    def kill(self) -> None:
        """Kill it as a power cut would."""
        self.process.kill()

    def restart(self) -> None:
        """Stop (if it runs) and start again on the same port."""
        self.stop()
        self.start()
