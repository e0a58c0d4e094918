"""What can go wrong while Chiiki is set up or run; each message says what to do.

::

    DeployError
    ├── SettingsError        a setting is unknown or has an impossible value
    ├── ProvisionError       the embedded services cannot be made ready
    │   ├── Offline          the package mirror does not answer
    │   └── DiskFull         not enough room
    ├── ServiceError         an embedded service does not start or stop
    │   └── PortTaken        somebody else listens on the port
    └── AlreadyRunning       another `up` holds the state directory
"""

from __future__ import annotations


class DeployError(Exception):
    """Anything that the command line reports in one line."""


class SettingsError(DeployError):
    """A setting is unknown or has an impossible value; the message names it."""


class ProvisionError(DeployError):
    """The embedded services cannot be made ready on this machine."""


class Offline(ProvisionError):  # noqa: N818 -- a fact about the machine, said as such
    """The machine's package mirror does not answer."""


class DiskFull(ProvisionError):  # noqa: N818 -- a fact about the machine, said as such
    """Not enough room.

    Attributes
    ----------
    free, needed : int
        Bytes.
    """

    def __init__(self, folder: object, *, free: int, needed: int) -> None:
        self.free = free
        self.needed = needed
        super().__init__(
            f"{folder} has {free // 1_000_000} MB free, {needed // 1_000_000} MB are needed: "
            "free some space or set CHIIKI_CACHE_DIR to another disk"
        )


class ServiceError(DeployError):
    """An embedded service does not start, answer or stop."""


class PortTaken(ServiceError):  # noqa: N818 -- a fact about the machine, said as such
    """Somebody else listens on the port.

    Attributes
    ----------
    port : int
    holder : str
        Who, as far as it can be told; else empty.
    """

    def __init__(self, port: int, holder: str, setting: str) -> None:
        self.port = port
        self.holder = holder
        by = f" by {holder}" if holder else ""
        super().__init__(f"port {port} is taken{by}: stop it or choose another with {setting}")


class AlreadyRunning(DeployError):  # noqa: N818 -- a fact about the machine, said as such
    """Another `up` holds the state directory.

    Attributes
    ----------
    pid : int
    url : str
    """

    def __init__(self, pid: int, url: str) -> None:
        self.pid = pid
        self.url = url
        super().__init__(
            f"already running: pid {pid}, {url or 'still starting'} (stop it with ./chiiki stop)"
        )
