"""The embedded mosquitto: its configuration, its two account files, start and stop."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.embedded import places, ports
from deploy.embedded.process import Process, at_work_in
from deploy.embedded.service import EmbeddedService
from deploy.errors import ServiceError

if TYPE_CHECKING:
    from deploy.embedded.provision import Programs

HOST = "127.0.0.1"
READY_S = 30.0
RUNNING = " running\n"
"""The end of what mosquitto logs last of its start: ``mosquitto version 2.0.21 running``."""

COMMON = Path(__file__).parent.parent / "mosquitto.conf"
"""What holds for every mosquitto under Chiiki, embedded or not; the file says why."""

OWN = """
password_file {folder}/passwords
acl_file {folder}/acl
persistence_location {folder}/data/
log_dest stderr

listener {port} {host}
"""

TLS_LISTENER = """
listener {port} {host}
certfile {folder}/tls/cert.pem
keyfile {folder}/tls/key.pem
tls_version tlsv1.2
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsListener:
    """A second listener for devices that come over a network.

    Attributes
    ----------
    cert_file, key_file : Path
        PEM; copied to the state directory at each start, since the service's user may not read the originals.
    ca_file : Path | None
        When given, devices must show a certificate that it signed, besides their password.
    """

    port: int
    host: str
    cert_file: Path
    key_file: Path
    ca_file: Path | None = None


class EmbeddedBroker(EmbeddedService):
    """A mosquitto below ``state_dir/broker``.

    Parameters
    ----------
    port : int
        0: any free port, chosen at the first start and kept.
    setting_name : str
        What the user would set to choose another port; for the message when the port is taken.
    """

    name = "mosquitto"
    stop_s = 20.0

    def __init__(
        self, state_dir: Path, programs: Programs, *, port: int = 0, host: str = HOST,
        tls: TlsListener | None = None, setting_name: str = "CHIIKI_MQTT_PORT",
    ) -> None:  # fmt: skip
        self.folder = state_dir.resolve() / "broker"
        self.host = host
        self.port = port
        self.tls = tls
        self._programs = programs
        self._setting_name = setting_name
        self._user = places.service_user()

    @property
    def url(self) -> str:
        """Address without credentials."""
        reachable = {"0.0.0.0": HOST, "::": "[::1]"}.get(self.host, self.host)  # noqa: S104
        return f"mqtt://{reachable}:{self.port}"

    @property
    def password_file(self) -> Path:
        """Where the accounts are rendered to."""
        return self.folder / "passwords"

    @property
    def acl_file(self) -> Path:
        """Where the rules of who may read and write what are rendered to."""
        return self.folder / "acl"

    def spawn(self) -> None:
        """Start the broker without waiting for it; call it from a thread that stays."""
        self.prepare()
        end_leftover(self.folder)
        if self.port == 0:
            self.port = ports.free_port(self.host)
        ports.require_free(self.host, self.port, self._setting_name)
        text = COMMON.read_text() + OWN.format(folder=self.folder, port=self.port, host=self.host)
        if self.tls is not None:
            ports.require_free(self.tls.host, self.tls.port, "CHIIKI_MQTT_TLS_PORT")
            text += self._tls_text(self.tls)
        (self.folder / "mosquitto.conf").write_text(text)
        command = [str(self._programs.mosquitto), "-c", str(self.folder / "mosquitto.conf")]
        self._process = Process(command, log=self.folder / "log", user=self._user, cwd=self.folder)
        self._process.spawn()

    def prepare(self) -> None:
        """Make the folder, so that the account files can be rendered before the first start."""
        places.make_folder(self.folder, self._user, 0o700)
        places.make_folder(self.folder / "data", self._user, 0o700)
        for path in (self.password_file, self.acl_file):
            if not path.exists():
                self.write(path, "")

    def _tls_text(self, tls: TlsListener) -> str:
        places.make_folder(self.folder / "tls", self._user, 0o700)
        text = TLS_LISTENER.format(folder=self.folder, port=tls.port, host=tls.host)
        self.write(self.folder / "tls/cert.pem", _read(tls.cert_file, "CHIIKI_MQTT_TLS_CERT"))
        self.write(self.folder / "tls/key.pem", _read(tls.key_file, "CHIIKI_MQTT_TLS_KEY"))
        if tls.ca_file is not None:
            self.write(self.folder / "tls/ca.pem", _read(tls.ca_file, "CHIIKI_MQTT_TLS_CA"))
            text += f"cafile {self.folder}/tls/ca.pem\nrequire_certificate true\n"
        return text

    def write(self, path: Path, text: str) -> None:
        """Replace one of the broker's files atomically; only its user can read it."""
        replace_file(path, text)

    def wait_ready(self, deadline_s: float = READY_S) -> None:
        """Wait until the broker runs; a large store is read first.

        That it accepts connections is not enough: it does so before it handles signals, and a SIGHUP would
        end it.
        """
        end_at = time.monotonic() + deadline_s
        while not self.process.has_said(RUNNING):
            if self.process.ended() is not None:
                words = self.process.last_words(("Error",))
                raise ServiceError(f"mosquitto did not start: {words} (log: {self.process.log})")
            if time.monotonic() > end_at:
                raise ServiceError(
                    f"mosquitto did not answer within {deadline_s:.0f} s (log: {self.process.log})"
                )
            time.sleep(0.02)

    def reload(self) -> None:
        """Have the account files read again: new accounts work, removed ones are disconnected."""
        self.process.signal(signal.SIGHUP)

    def forget(self) -> None:
        """Remove what the broker keeps: sessions, queued and retained messages."""
        shutil.rmtree(self.folder / "data", ignore_errors=True)


def end_leftover(folder: Path, patience_s: float = 15.0) -> None:
    """End a broker that outlived a killed supervisor: two must not write one store."""
    end_at = time.monotonic() + patience_s
    while leftover := at_work_in(folder):
        if time.monotonic() > end_at:
            raise ServiceError(
                f"another mosquitto (pid {leftover[0]}) uses {folder}: stop it and start again"
            )
        for pid in leftover:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        time.sleep(0.1)


def replace_file(path: Path, text: str) -> None:
    """Replace a file atomically, readable by its owner only; as root it gets the owner of its folder."""
    scratch = path.with_name(f".{path.name}.new")
    scratch.unlink(missing_ok=True)
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        if os.geteuid() == 0:
            owner = path.parent.stat()
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
        file.write(text)
    scratch.replace(path)


def _read(path: Path, setting: str) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise ServiceError(f"{setting}: cannot read {path}: {error.strerror}") from None
