"""pip on a machine that has no authorities to trust."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

from deploy.embedded.pip_wheel import CERTIFI, trust_own

if TYPE_CHECKING:
    from pathlib import Path

DEBIAN = "def where():\n    return '/etc/ssl/certs/ca-certificates.crt'\n"


def test_debians_pip_is_made_to_trust_what_it_brings_along(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "debian.whl", "w") as wheel:
        for folder in ("pip", "pip/_vendor", CERTIFI):
            wheel.writestr(f"{folder}/__init__.py", "")
        wheel.writestr(f"{CERTIFI}/core.py", DEBIAN)
        wheel.writestr(f"{CERTIFI}/cacert.pem", "the authorities")
    trust_own(tmp_path / "debian.whl", tmp_path / "own.whl")
    ask = "from pip._vendor.certifi.core import where; print(open(where()).read())"
    said = subprocess.run(
        [sys.executable, "-S", "-E", "-c", f"import sys; sys.path.insert(0, 'own.whl'); {ask}"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stdout == "the authorities\n"
