"""As whom gateway and API run: never as root where another user can."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from deploy.privilege import TRY, process_user
from deploy.settings import CHECKOUT, Settings

if TYPE_CHECKING:
    from pathlib import Path


def attempt(*files: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-c", TRY, *files], env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_who_can_load_the_rooms_and_read_the_files_can_run_them(tmp_path: Path) -> None:
    assert attempt(CHECKOUT / "chiiki").returncode == 0
    unreadable = attempt(tmp_path / "key.pem")
    assert unreadable.returncode == 1
    assert unreadable.stderr == f"error: cannot read {tmp_path}/key.pem\n"


def test_root_gives_way_or_says_why_not(tmp_path: Path, as_root: bool) -> None:
    user, said = process_user(Settings(state_dir=tmp_path))
    if as_root:
        assert said == (user.name if user else said)
        assert user is not None or said.startswith("root, since nobody cannot run them (trying failed: ")
    else:
        assert (user, said) == (None, "the calling user")


def test_a_file_that_only_root_can_read_keeps_them_root(tmp_path: Path, as_root: bool) -> None:
    key = tmp_path / "key.pem"
    key.touch(mode=0o600)
    user, said = process_user(Settings(state_dir=tmp_path, http_tls_cert=key, http_tls_key=key))
    assert user is None
    assert said.startswith("root, since" if as_root else "the calling user")
