"""What an installation consists of while it runs: embedded services and Chiiki's own processes."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Protocol

from deploy.embedded import ports
from deploy.embedded.broker import EmbeddedBroker, TlsListener
from deploy.embedded.process import Process
from deploy.errors import ServiceError
from deploy.settings import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from deploy.embedded.places import ServiceUser
    from deploy.embedded.provision import Programs
    from deploy.settings import Settings

GATEWAY_ACCOUNT = "chiiki-gateway"


class Part(Protocol):
    """A process of the installation."""

    @property
    def port(self) -> int:
        """Where it listens; 0: nowhere."""

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""

    @property
    def process(self) -> Process:
        """The process itself."""

    def spawn(self) -> None:
        """Start it, without waiting; called from the main thread."""

    def wait_ready(self) -> None:
        """Wait until it does its work; raises ServiceError."""

    def stop(self, deadline_s: float) -> None:
        """End it, cleanly if it can be within the deadline."""


class PythonPart:
    """One of Chiiki's own processes: ``python -m …`` with a log in the state directory.

    Parameters
    ----------
    port : int
        Where it listens; 0: nowhere, then it is ready once it runs.
    user : ServiceUser | None
        Whom it runs as; None: as the caller.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        state_dir: Path,
        environ: Mapping[str, str],
        host: str = "127.0.0.1",
        port: int = 0,
        user: ServiceUser | None = None,
    ) -> None:
        self.port = port
        self._host = host
        self.process = Process(
            [sys.executable, *arguments],
            log=state_dir / "logs" / f"{name}.log",
            user=user,
            environ={**os.environ, "PYTHONUNBUFFERED": "1", **environ},
            cwd=CHECKOUT,
        )

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self.process.pid

    def spawn(self) -> None:
        """Start it."""
        self.process.log.parent.mkdir(exist_ok=True)
        self.process.spawn()

    def wait_ready(self, deadline_s: float = 60.0) -> None:
        """Wait until it accepts connections, if it listens at all."""
        end_at = time.monotonic() + deadline_s
        while self.port and not ports.is_open(self._host, self.port):
            if self.process.ended() is not None or time.monotonic() > end_at:
                raise ServiceError(f"no answer on port {self.port}: {self.process.last_words()}")
            time.sleep(0.05)

    def stop(self, deadline_s: float = 20.0) -> None:
        """Ask it to end; after the deadline it is killed."""
        self.process.stop(deadline_s)


def make_broker(settings: Settings, programs: Programs) -> EmbeddedBroker:
    """Return the embedded broker as the settings want it."""
    tls = None
    if settings.mqtt_tls_cert is not None and settings.mqtt_tls_key is not None:
        tls = TlsListener(
            port=settings.mqtt_tls_port,
            host=settings.mqtt_tls_host,
            cert_file=settings.mqtt_tls_cert,
            key_file=settings.mqtt_tls_key,
            ca_file=settings.mqtt_tls_ca,
        )
    return EmbeddedBroker(
        settings.state_dir, programs, port=settings.mqtt_port, host=settings.mqtt_host, tls=tls
    )


def child_environ(settings: Settings, database_url: str, mqtt_url: str) -> dict[str, str]:
    """Return what gateway, API and worker need to know beyond the settings that they read themselves."""
    found = {
        "CHIIKI_DATABASE_URL": database_url,
        "CHIIKI_MQTT_URL": mqtt_url,
        "CHIIKI_STATE_DIR": str(settings.state_dir),
    }
    if settings.mqtt_url is None:
        found["CHIIKI_MQTT_USERNAME"] = GATEWAY_ACCOUNT
        found["CHIIKI_MQTT_PASSWORD_FILE"] = str(gateway_password_file(settings.state_dir))
    return found


def gateway_password_file(state_dir: Path) -> Path:
    """Return where the embedded gateway's password is kept."""
    return state_dir / "gateway-password"
