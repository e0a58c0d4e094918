from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from analytics.jobs.worker import WorkerSettings
from deploy.cli.worker import worker_settings
from deploy.errors import SettingsError
from deploy.settings import CHECKOUT, Settings

if TYPE_CHECKING:
    from pathlib import Path

URL = "postgresql://chiiki@127.0.0.1/chiiki"


def test_what_is_not_set_is_the_workers_own(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path, database_url=URL)
    assert worker_settings(settings) == WorkerSettings(database_url=URL)


def test_what_is_set_is_handed_on(tmp_path: Path) -> None:
    settings = Settings(
        state_dir=tmp_path,
        database_url=URL,
        worker_name="worker-7",
        worker_concurrency=5,
        worker_shutdown_s=3.0,
    )
    found = worker_settings(settings)
    assert (found.process, found.concurrency, found.shutdown_s) == ("worker-7", 5, 3.0)


def test_without_a_database_it_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="set CHIIKI_DATABASE_URL"):
        worker_settings(Settings(state_dir=tmp_path))


def test_the_command_gives_signs_of_life_and_ends_when_it_is_told_to(
    database_url: str, tmp_path: Path
) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CHIIKI_")}
    environ |= {"CHIIKI_DATABASE_URL": as_address(database_url), "CHIIKI_STATE_DIR": str(tmp_path)}
    environ |= {"CHIIKI_WORKER_NAME": "worker-7", "PYTHONPATH": str(CHECKOUT)}
    command = [sys.executable, "-P", "-m", "deploy", "worker"]
    worker = subprocess.Popen(command, env=environ, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    try:
        until = time.monotonic() + 30
        while not beats(database_url, "worker-7"):
            assert worker.poll() is None, worker.communicate()[1]
            assert time.monotonic() < until
            time.sleep(0.1)
        worker.send_signal(signal.SIGTERM)
        _, said = worker.communicate(timeout=20)
    finally:
        worker.kill()
    assert worker.returncode == 0, said
    assert "Traceback" not in said


def as_address(conninfo: str) -> str:
    parts = conninfo_to_dict(conninfo)
    password = parts.get("password") or ""
    return f"postgresql://{parts['user']}:{password}@{parts['host']}:{parts['port']}/{parts['dbname']}"


def beats(database_url: str, process: str) -> bool:
    with psycopg.connect(database_url) as connection:
        found = connection.execute("SELECT pid FROM heartbeats WHERE process = %s", [process])
        return found.fetchone() is not None
