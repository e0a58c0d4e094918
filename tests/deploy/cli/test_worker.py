from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from analytics.jobs.worker import WorkerSettings
from deploy.cli.worker import worker_settings
from deploy.errors import SettingsError
from deploy.settings import Settings

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
