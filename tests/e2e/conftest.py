from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.system import System

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
