"""The launcher: quick when all is there, helpful when something is not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.settings import CHECKOUT

PARTS = (
    "chiiki",
    "requirements.lock",
    "requirements-test.lock",
    "deploy",
    "store",
    "devices",
    "ingest",
    "api",
)


def run(program: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    keep = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CHIIKI_", "PYTHON", "VIRTUAL"))
    }
    return subprocess.run(
        [program, *arguments],
        env={**keep, **environ},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )


def stamp(checkout: Path) -> str:
    """What the launcher writes when an environment is complete."""
    lines = []
    for name in ("requirements.lock", "requirements-test.lock"):
        content = (checkout / name).read_bytes()
        said = subprocess.run(["cksum"], input=content, capture_output=True, check=True).stdout.decode()
        version = ".".join(map(str, sys.version_info[:2]))
        lines.append(f"{name} {said.strip().replace(' ', '-')} {version} {checkout}\n")
    return "".join(lines)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the checkout whose environment is this one."""
    folder = tmp_path / "check out"
    folder.mkdir()
    for name in PARTS:
        (folder / name).symlink_to(CHECKOUT / name) if name not in (
            "chiiki",
            "requirements.lock",
        ) else shutil.copy(CHECKOUT / name, folder / name)
    (folder / ".venv").mkdir()
    for entry in Path(sys.prefix).iterdir():
        if entry.name != "chiiki-stamp":
            (folder / ".venv" / entry.name).symlink_to(entry)
    (folder / ".venv/chiiki-stamp").write_text(stamp(folder))
    return folder


def test_it_works_from_anywhere_and_through_a_link(checkout: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(checkout / "chiiki")
    done = run(link)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: ./chiiki")
    assert done.stderr == ""


def test_a_folder_of_the_user_does_not_shadow_our_rooms(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy/__init__.py").write_text("raise SystemExit('shadowed')")
    done = subprocess.run([checkout / "chiiki"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_it_adds_little(checkout: Path) -> None:
    program = [str(checkout / ".venv/bin/python"), "-P", "-m", "deploy"]

    def least(command: list[str]) -> float:
        taken = []
        for _ in range(3):
            started_at = time.monotonic()
            subprocess.run(
                command, env={**os.environ, "PYTHONPATH": str(CHECKOUT)}, capture_output=True, check=True
            )
            taken.append(time.monotonic() - started_at)
        return min(taken)

    assert least([str(checkout / "chiiki")]) - least(program) < 0.3


def test_without_a_suitable_python_it_is_said(checkout: Path, tmp_path: Path) -> None:
    """A shim that is on the path and fails, as pyenv's may, is no Python."""
    shims = tmp_path / "shims"
    shims.mkdir()
    for name in ("python3", "python3.11", "python3.12", "python3.13"):
        (shims / name).write_text("#!/bin/sh\necho 'pyenv: command not found' >&2\nexit 127\n")
        (shims / name).chmod(0o755)
    for name in ("dirname", "readlink", "cksum", "tr", "grep", "cat"):
        (shims / name).symlink_to(shutil.which(name) or "")
    (checkout / ".venv/chiiki-stamp").unlink()
    script = (checkout / "chiiki").read_text()
    (checkout / "chiiki").write_text(script.replace(" /usr/bin/python3;", ";"))
    done = run(checkout / "chiiki", PATH=str(shims))
    assert done.returncode == 1
    assert done.stderr == "chiiki: Python 3.11 or later is needed: apt install python3 python3-venv\n"


def test_a_changed_lock_and_an_unfinished_installation_are_noticed(checkout: Path) -> None:
    """Where pip finds nothing, the installation is tried, and its failure told in one line."""
    (checkout / ".venv").rename(checkout / "other")
    (checkout / "requirements.lock").write_text("nothing-like-it==1.0 --hash=sha256:" + "0" * 64 + "\n")
    done = run(checkout / "chiiki", PIP_NO_INDEX="1", PIP_FIND_LINKS="")
    assert done.returncode == 1
    assert "preparing the Python environment" in done.stderr
    assert "cannot install the Python packages: ERROR" in done.stderr.splitlines()[-1]
    assert not (checkout / ".venv/chiiki-stamp").exists()


def test_an_incomplete_checkout_is_told(checkout: Path) -> None:
    (checkout / "requirements.lock").unlink()
    done = run(checkout / "chiiki")
    assert (done.returncode, done.stderr.endswith("is missing: the checkout is incomplete\n")) == (1, True)


@pytest.mark.slow
def test_two_first_starts_at_once(tmp_path: Path) -> None:
    for name in PARTS:
        (tmp_path / name).symlink_to(CHECKOUT / name) if name != "chiiki" else shutil.copy(
            CHECKOUT / name, tmp_path
        )
    starts = [
        subprocess.Popen(
            [tmp_path / "chiiki", "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    said = [start.communicate(timeout=240) for start in starts]
    assert [start.returncode for start in starts] == [0, 0], said
    assert all(out.startswith("usage: ./chiiki") for out, _ in said)
    assert sum("preparing" in err for _, err in said) == 1
    assert sum("waiting" in err for _, err in said) == 1
