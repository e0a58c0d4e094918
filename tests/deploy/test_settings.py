from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deploy.settings import CHECKOUT, FIELDS, default_state_dir, load

if TYPE_CHECKING:
    from collections.abc import Mapping

from deploy.errors import SettingsError


def write(folder: Path, text: str) -> Path:
    path = folder / "chiiki.toml"
    path.write_text(text)
    return path


def test_the_defaults_are_those_of_the_design(tmp_path: Path) -> None:
    settings = load({}, write(tmp_path, ""))
    assert (settings.http_port, settings.mqtt_port) == (8800, 18830)
    assert {settings.http_host, settings.mqtt_host, settings.mqtt_tls_host} == {"127.0.0.1"}
    assert settings.database_url is None
    assert settings.mqtt_url is None


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    config = write(tmp_path, 'http_port = 1\nmqtt_port = 2\nhttp_cors_origins = ["https://a", "https://b"]\n')
    settings = load({"CHIIKI_HTTP_PORT": "3", "CHIIKI_GATEWAY_BATCH_AGE_S": "0.5"}, config)
    assert (settings.http_port, settings.mqtt_port, settings.gateway_batch_age_s) == (3, 2, 0.5)
    assert settings.http_cors_origins == ("https://a", "https://b")


def test_paths_in_the_file_are_relative_to_it(tmp_path: Path) -> None:
    (tmp_path / "kinds").mkdir()
    settings = load({}, write(tmp_path, 'kinds_dir = "kinds"\nstate_dir = "state"\n'))
    assert settings.kinds_dir == tmp_path / "kinds"
    assert settings.state_dir == tmp_path / "state"


def test_an_empty_variable_is_as_none(tmp_path: Path) -> None:
    assert load({"CHIIKI_DATABASE_URL": ""}, write(tmp_path, "")).database_url is None


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"CHIIKI_HTP_PORT": "1"}, "unknown setting CHIIKI_HTP_PORT: did you mean CHIIKI_HTTP_PORT?"),
        ({"CHIIKI_HTTP_PORT": "eighty"}, "CHIIKI_HTTP_PORT must be a whole number, not 'eighty'"),
        (
            {"CHIIKI_HTTP_PORT": "70000"},
            "http_port (CHIIKI_HTTP_PORT) must be between 1 and 65535, not 70000",
        ),
        ({"CHIIKI_GATEWAY_BATCH_AGE_S": "soon"}, "CHIIKI_GATEWAY_BATCH_AGE_S must be a number, not 'soon'"),
        (
            {"CHIIKI_GATEWAY_BATCH_AGE_S": "nan"},
            "gateway_batch_age_s (CHIIKI_GATEWAY_BATCH_AGE_S) must be greater than 0, not nan",
        ),
        (
            {"CHIIKI_GATEWAY_CODEC": "carrier"},
            "CHIIKI_GATEWAY_CODEC must be one of paho, mqtt5, not 'carrier'",
        ),
        ({"CHIIKI_DATABASE_URL": "mysql://x"}, "database_url must begin with postgresql://"),
        ({"CHIIKI_MQTT_URL": "127.0.0.1"}, "mqtt_url must begin with mqtt://"),
        (
            {"CHIIKI_HTTP_TLS_CERT": "/etc/passwd"},
            "http_tls_cert and http_tls_key belong together: give both or none",
        ),
        ({"CHIIKI_KINDS_DIR": "/nowhere"}, "kinds_dir: /nowhere does not exist or cannot be read"),
        ({"CHIIKI_CONFIG": "/nowhere.toml"}, "the settings file /nowhere.toml does not exist"),
    ],
)
def test_what_cannot_be_is_named(environ: Mapping[str, str], said: str, tmp_path: Path) -> None:
    config = None if "CHIIKI_CONFIG" in environ else write(tmp_path, "")
    with pytest.raises(SettingsError) as caught:
        load(environ, config)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    "text", ["htttp_port = 1\n", "http_port = \n", 'http_port = "x"\n', "[http]\nport = 1\n"]
)
def test_what_is_wrong_in_the_file_names_it(text: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=re.escape(str(tmp_path / "chiiki.toml"))):
        load({}, write(tmp_path, text))


def test_the_state_is_where_the_services_can_reach_it(tmp_path: Path, as_root: bool) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    found = default_state_dir(closed)
    if as_root:
        assert found.parent == Path("/var/lib/chiiki")
        assert default_state_dir(tmp_path / "other") != found
    else:
        assert found == closed / ".chiiki"


def test_every_setting_is_in_the_readme() -> None:
    text = (CHECKOUT / "deploy/README.md").read_text()
    missing = [name for name in FIELDS if f"`CHIIKI_{name.upper()}`" not in text]
    assert missing == []
    known = {f"CHIIKI_{name.upper()}" for name in FIELDS} | {
        "CHIIKI_CACHE_DIR",
        "CHIIKI_CONFIG",
        "CHIIKI_PYTHON",
    }
    named = set(re.findall(r"`(CHIIKI_[A-Z0-9_]+)`", text))
    assert named <= known
