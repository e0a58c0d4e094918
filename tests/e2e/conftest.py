from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.e2e.installation import Installation
from tests.e2e.system import KINDS, System

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deploy.embedded.provision import Programs


@pytest.fixture
def system(programs: Programs, state_dir: Path) -> Iterator[System]:
    """A running installation without gateway; nothing of it is left afterwards."""
    system = System(state_dir, programs)
    try:
        system.start()
        yield system
    finally:
        system.stop()


@pytest.fixture(scope="session")
def installation(programs: Programs, services_dir: Path) -> Iterator[Installation]:
    """What ``./chiiki up`` runs, with a folder of kinds that tests may change."""
    folder = services_dir / "installation"
    folder.mkdir(mode=0o755)
    shutil.copytree(KINDS, folder / "kinds")
    installation = Installation("up", folder, CHIIKI_KINDS_DIR=str(folder / "kinds"))
    try:
        installation.start()
        yield installation
    finally:
        installation.stop()
        shutil.rmtree(folder)
