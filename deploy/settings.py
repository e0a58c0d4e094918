"""Every setting of an installation: `chiiki.toml`, overridden by ``CHIIKI_*`` in the environment.

A key of the file is the field's name, its variable the same in capitals: ``http_port``, ``CHIIKI_HTTP_PORT``.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import os
import tomllib
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from deploy.embedded.places import blocked_at, service_user
from deploy.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

CHECKOUT = Path(__file__).resolve().parent.parent
ROOT_STATE = Path("/var/lib/chiiki")
PREFIX = "CHIIKI_"
# Read by the launcher, by the provisioning and by tests, before or beside the settings.
ELSEWHERE = ("CHIIKI_CONFIG", "CHIIKI_CACHE_DIR", "CHIIKI_PYTHON")
ELSEWHERE_PREFIXES = ("CHIIKI_TEST_", "CHIIKI_BENCH_")
HIGHEST_PORT = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """An installation's settings. None: the part that it belongs to decides.

    Attributes
    ----------
    state_dir : Path
        Databases, logs and secrets of the embedded services.
    http_host, http_port, http_tls_cert, http_tls_key
        Where the API listens; with both PEM files it speaks HTTPS.
    http_cors_origins : tuple[str, ...]
        Origins whose pages may read the API's answers; comma-separated in the environment.
    mqtt_host, mqtt_port
        The embedded broker's listener.
    mqtt_tls_host, mqtt_tls_port, mqtt_tls_cert, mqtt_tls_key, mqtt_tls_ca
        Its second listener, which exists when certificate and key are given; with `mqtt_tls_ca` devices must
        show a certificate of that authority too.
    postgres_port : int
        The embedded database's port; 0: any free one.
    database_url, mqtt_url : str | None
        Services that run elsewhere; what is given is not embedded.
    mqtt_username, mqtt_password, mqtt_password_file, mqtt_ca_file, mqtt_share
        How the gateway logs in at the broker, by whom the broker's certificate must be signed, and the name
        of the shared subscription when several gateways share the load.
    kinds_dir : Path | None
        A folder with further kinds of device.
    gateway_*
        Tuning; see `ingest.gateway.GatewaySettings`.
    worker_*
        Tuning; see `analytics.jobs.worker.WorkerSettings`.
    """

    state_dir: Path
    http_host: str = "127.0.0.1"
    http_port: int = 8800
    http_tls_cert: Path | None = None
    http_tls_key: Path | None = None
    http_cors_origins: tuple[str, ...] = ()
    mqtt_host: str = "127.0.0.1"
    mqtt_port: int = 18830
    mqtt_tls_host: str = "127.0.0.1"
    mqtt_tls_port: int = 18883
    mqtt_tls_cert: Path | None = None
    mqtt_tls_key: Path | None = None
    mqtt_tls_ca: Path | None = None
    postgres_port: int = 0
    database_url: str | None = None
    mqtt_url: str | None = None
    mqtt_username: str | None = None
    mqtt_password: str | None = None
    mqtt_password_file: Path | None = None
    mqtt_ca_file: Path | None = None
    mqtt_share: str | None = None
    kinds_dir: Path | None = None
    gateway_name: str = "gateway-1"
    gateway_codec: Literal["paho", "mqtt5"] | None = None
    gateway_batch_rows: int | None = None
    gateway_batch_age_s: float | None = None
    gateway_max_payload_bytes: int | None = None
    gateway_shutdown_s: float | None = None
    worker_name: str = "worker-1"
    worker_concurrency: int | None = None
    worker_shutdown_s: float | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def http_url(self) -> str:
        """Where the API is reached from this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.http_host, self.http_host)  # noqa: S104
        return f"{'https' if self.http_tls_cert else 'http'}://{host}:{self.http_port}"


FIELDS = {field.name: field for field in dataclasses.fields(Settings)}


def load(environ: Mapping[str, str] | None = None, config: Path | None = None) -> Settings:
    """Read the settings.

    Parameters
    ----------
    config : Path | None
        The file; else ``CHIIKI_CONFIG``, else `chiiki.toml` in the checkout if it is there.

    Raises
    ------
    SettingsError
        A key is unknown or a value impossible; the message names it.
    """
    env = os.environ if environ is None else environ
    given = {**_from_file(env, config), **_from_environment(env)}
    if "state_dir" not in given:
        given["state_dir"] = default_state_dir()
    settings = Settings(**given)
    _check(settings)
    return settings


def default_state_dir(checkout: Path = CHECKOUT) -> Path:
    """Return ``.chiiki`` in the checkout, or a place in /var/lib when root's services cannot reach that."""
    inside = checkout / ".chiiki"
    if blocked_at(inside, service_user()) is None:
        return inside
    mark = hashlib.sha256(os.fsencode(checkout)).hexdigest()[:8]
    return ROOT_STATE / f"{checkout.name}-{mark}"


def _from_file(env: Mapping[str, str], config: Path | None) -> dict[str, Any]:
    chosen = config or (Path(env["CHIIKI_CONFIG"]) if env.get("CHIIKI_CONFIG") else None)
    path = chosen or CHECKOUT / "chiiki.toml"
    try:
        table = tomllib.loads(path.read_text())
    except FileNotFoundError:
        if chosen is None:
            return {}
        raise SettingsError(f"the settings file {path} does not exist") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"cannot read {path}: {error}") from None
    found = {}
    for key, value in table.items():
        if key not in FIELDS:
            raise SettingsError(f"{path}: unknown setting {key}{_hint(key, list(FIELDS))}")
        text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
        found[key] = _convert(key, text, f"{path}: {key}", path.absolute().parent)
    return found


def _from_environment(env: Mapping[str, str]) -> dict[str, Any]:
    names = {PREFIX + name.upper(): name for name in FIELDS}
    found = {}
    for variable, text in env.items():
        if (
            not variable.startswith(PREFIX)
            or variable in ELSEWHERE
            or variable.startswith(ELSEWHERE_PREFIXES)
        ):
            continue
        if variable not in names:
            raise SettingsError(f"unknown setting {variable}{_hint(variable, list(names))}")
        if text:
            found[names[variable]] = _convert(names[variable], text, variable, Path.cwd())
    return found


def _hint(wrong: str, known: list[str]) -> str:
    close = difflib.get_close_matches(wrong, known, n=1)
    return f": did you mean {close[0]}?" if close else " (deploy/README.md lists them all)"


def _convert(name: str, text: str, where: str, base: Path) -> object:
    kinds = _types_of(name)
    choices = [choice for kind in kinds for choice in typing.get_args(kind) if isinstance(choice, str)]
    if choices:
        if text not in choices:
            raise SettingsError(f"{where} must be one of {', '.join(choices)}, not {text!r}")
        return text
    if Path in kinds:
        return base / Path(text).expanduser()
    if tuple[str, ...] in kinds:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return _number(kinds, text, where) if {int, float} & set(kinds) else text


def _number(kinds: tuple[Any, ...], text: str, where: str) -> int | float:
    try:
        return int(text) if int in kinds else float(text)
    except ValueError:
        wanted = "a whole number" if int in kinds else "a number"
        raise SettingsError(f"{where} must be {wanted}, not {text!r}") from None


def _types_of(name: str) -> tuple[Any, ...]:
    hint = typing.get_type_hints(Settings, {**globals()})[name]
    is_union = not isinstance(hint, type) and type(None) in typing.get_args(hint)
    return typing.get_args(hint) if is_union else (hint,)


def _check(settings: Settings) -> None:
    for name in ("http_port", "mqtt_port", "mqtt_tls_port", "postgres_port"):
        least = 0 if name == "postgres_port" else 1
        if not least <= (port := getattr(settings, name)) <= HIGHEST_PORT:
            told = f"{name} ({PREFIX}{name.upper()})"
            raise SettingsError(f"{told} must be between {least} and {HIGHEST_PORT}, not {port}")
    for name in (
        "gateway_batch_rows",
        "gateway_batch_age_s",
        "gateway_max_payload_bytes",
        "gateway_shutdown_s",
    ):
        value = getattr(settings, name)
        if value is not None and not value > 0:
            raise SettingsError(f"{name} ({PREFIX}{name.upper()}) must be greater than 0, not {value}")
    for name, schemes in (("database_url", ("postgresql", "postgres")), ("mqtt_url", ("mqtt", "mqtts"))):
        url = getattr(settings, name)
        if url is not None and urlsplit(url).scheme not in schemes:
            raise SettingsError(f"{name} must begin with {schemes[0]}://")
    for room in ("http", "mqtt"):
        pair = [getattr(settings, f"{room}_tls_{part}") for part in ("cert", "key")]
        if any(pair) and not all(pair):
            raise SettingsError(f"{room}_tls_cert and {room}_tls_key belong together: give both or none")
    _check_files(settings)


def _check_files(settings: Settings) -> None:
    for name in FIELDS:
        path = getattr(settings, name)
        if not isinstance(path, Path) or name == "state_dir":
            continue
        try:
            found = path.is_dir() if name == "kinds_dir" else path.is_file()
        except OSError:
            found = False
        if not found:
            raise SettingsError(f"{name}: {path} does not exist or cannot be read")
