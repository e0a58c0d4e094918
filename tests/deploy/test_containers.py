"""What cannot be run here is at least consistent: compose file, image, units."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from deploy.cli.main import COMMANDS
from deploy.embedded.recipes import MIN_MOSQUITTO, MIN_TIMESCALEDB
from deploy.embedded.versions import at_least
from deploy.settings import CHECKOUT, load

if TYPE_CHECKING:
    from pathlib import Path

DEPLOY = CHECKOUT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
UNITS = sorted(DEPLOY.glob("*.service"))
OURS = {name: one for name, one in COMPOSE["services"].items() if one["image"] == "chiiki"}


def test_services_depend_on_services_that_exist() -> None:
    services = COMPOSE["services"]
    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)
    for service in services.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in COMPOSE["volumes"] or (DEPLOY / source).is_file(), volume


def test_images_are_new_enough() -> None:
    images = {service["image"] for service in COMPOSE["services"].values()}
    for name, least in (("eclipse-mosquitto", MIN_MOSQUITTO), ("timescale/timescaledb", MIN_TIMESCALEDB)):
        (tag,) = (image.partition(":")[2] for image in images if image.startswith(name))
        assert at_least(tag.partition("-")[0], least), tag


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_services_run_commands_that_exist_with_settings_that_exist(name: str) -> None:
    service = OURS[name]
    assert service["command"][0] in COMMANDS
    environ = {key: str(value) for key, value in service["environment"].items()}
    environ["CHIIKI_MQTT_PASSWORD_FILE"] = __file__
    assert load(environ).database_url is not None


def test_nothing_is_published_beyond_loopback_and_no_password_is_written_down() -> None:
    for service in COMPOSE["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    text = (DEPLOY / "compose.yaml").read_text()
    assert len(re.findall(r"CHIIKI_DB_PASSWORD:\?", text)) == text.count("${CHIIKI_DB_PASSWORD")


def test_the_image_has_every_room() -> None:
    copied = set(re.findall(r"^COPY (\w+) ", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE))
    rooms = {path.parent.name for path in CHECKOUT.glob("*/__init__.py")}
    assert rooms - {"tests"} <= copied
    let_in = set(re.findall(r"^!(\S+)$", (DEPLOY / "Dockerfile.dockerignore").read_text(), re.MULTILINE))
    assert copied | {"requirements.lock"} <= let_in
    assert all((CHECKOUT / name).exists() for name in copied)


def test_compose_itself_accepts_the_file() -> None:
    docker = shutil.which("docker")
    if (
        docker is None
        or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode
    ):
        pytest.skip("no docker compose on this machine: the other tests of this file must do")
    environ = {"CHIIKI_DB_PASSWORD": "x", "PATH": "/usr/bin:/bin"}
    subprocess.run(
        [docker, "compose", "-f", DEPLOY / "compose.yaml", "config", "-q"], env=environ, check=True
    )


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_units(unit: Path, tmp_path: Path) -> None:
    text = unit.read_text()
    command = re.search(r"^ExecStart=/opt/chiiki/chiiki (\w+)", text, re.MULTILINE)
    assert command is not None
    assert unit.stem == f"chiiki-{command[1]}"
    assert command[1] in COMMANDS
    for line in ("NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet="):
        assert f"\n{line}\n" in text
    # A gateway that finds no database ends after 30 s: it is started again, for as long as it takes.
    for line in ("Restart=always", "StartLimitIntervalSec=0"):
        assert f"\n{line}\n" in text
    analyze = shutil.which("systemd-analyze")
    if analyze is not None:
        here = tmp_path / unit.name
        here.write_text(
            text.replace("/opt/chiiki/chiiki", "/bin/true").replace("User=mosquitto", "User=chiiki")
        )
        said = subprocess.run([analyze, "verify", here], capture_output=True, text=True, check=False).stderr
        assert [line for line in said.splitlines() if unit.name in line] == []
