"""What the API can be told; `deploy` fills it in."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """Settings of the API.

    Attributes
    ----------
    process : str
        Name of this process in the database's list of connections.
    tls_cert, tls_key : Path | None
        PEM files; with both of them HTTPS is spoken, and nothing else.
    kinds_dir : Path | None
        A folder of further kinds of device.
    cors_origins : tuple[str, ...]
        Origins whose pages may read answers, e.g. ``https://lab.example``; none by default.
    gateway_needed : bool
        Whether `/ready` wants a gateway that reported within `gateway_stale_s`.
    max_body_bytes : int
        Longer request bodies are refused (413).
    connection_wait_s : float
        How long a call waits for a free connection before it is told to come back (503).
    body_s, request_s, write_s : float
        How long a body may take to come in, a call may take, a piece of a stream may take to go out.
    shutdown_s : float
        How long calls under way may take to end once the process is told to stop.
    """

    database_url: str
    host: str = "127.0.0.1"
    port: int = 8800
    process: str = "api"
    pool_size: int = 8
    tls_cert: Path | None = None
    tls_key: Path | None = None
    kinds_dir: Path | None = None
    cors_origins: tuple[str, ...] = ()
    gateway_needed: bool = True
    gateway_stale_s: float = 15.0
    max_body_bytes: int = 1_048_576
    connection_wait_s: float = 5.0
    body_s: float = 20.0
    request_s: float = 30.0
    write_s: float = 60.0
    shutdown_s: float = 10.0
