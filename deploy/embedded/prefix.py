"""Makes a private prefix out of unpacked Debian packages, and tells whether it is whole.

Only what the recipe names is kept, and the libraries found by following it. Programs are given the prefix's
own loader and libraries, since the suite's glibc may be newer than the machine's.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.embedded.recipes import PG, Architecture, Recipe, is_wanted
from deploy.errors import ProvisionError

if TYPE_CHECKING:
    from collections.abc import Iterable

MANIFEST = "manifest.json"


def assemble(recipe: Recipe, unpacked: Path, target: Path, final: Path, architecture: Architecture) -> None:
    """Copy what the recipe keeps to `target`, patched to run from `final`."""
    libraries = Path("usr/lib") / architecture.triplet
    programs = _copy(recipe.programs, unpacked, target)
    modules = _copy(recipe.modules, unpacked, target)
    _copy(recipe.data, unpacked, target)
    if len(programs) < len(recipe.programs):
        raise ProvisionError(f"the packages of {recipe.name} lack some of {', '.join(recipe.programs)}")
    _follow([*programs, *modules], unpacked / libraries, target / libraries)
    loader = final / libraries / architecture.loader
    for program in programs:
        patchelf("--set-interpreter", str(loader), str(program))
        patchelf("--force-rpath", "--set-rpath", str(final / libraries), str(program))


def _copy(patterns: Iterable[str], source: Path, target: Path) -> list[Path]:
    copied = []
    for pattern in patterns:
        for path in sorted(source.glob(pattern)):
            if path.is_file() and is_wanted(path):
                copy = target / path.relative_to(source)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, copy)
                copied.append(copy)
    return copied


def _follow(objects: list[Path], source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    seen: set[str] = set()
    while objects:
        needed = patchelf("--print-needed", str(objects.pop())).split()
        for name in set(needed) - seen:
            seen.add(name)
            if not (source / name).exists():
                raise ProvisionError(f"the library {name} is in none of the downloaded packages")
            shutil.copy2((source / name).resolve(), target / name)
            objects.append(target / name)


def patchelf(*arguments: str) -> str:
    """Run patchelf, from the environment that runs this."""
    beside = Path(sys.executable).parent / "patchelf"
    program = str(beside) if beside.exists() else shutil.which("patchelf")
    if program is None:
        raise ProvisionError("patchelf is missing: remove the folder .venv and start again")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise ProvisionError(f"patchelf failed: {done.stderr.strip()[:200]}")
    return done.stdout


def seal(prefix: Path, facts: dict[str, str]) -> None:
    """Write the manifest: `facts`, and size and SHA-256 of every file."""
    files = {
        str(path.relative_to(prefix)): [path.stat().st_size, _digest(path)]
        for path in sorted(prefix.rglob("*"))
        if path.is_file()
    }
    (prefix / MANIFEST).write_text(json.dumps({"facts": facts, "files": files}, indent=0))


def damage(prefix: Path, *, thorough: bool = True) -> str | None:
    """Return what is wrong with a prefix in a few words, or None when it is whole."""
    try:
        files = json.loads((prefix / MANIFEST).read_text())["files"]
    except (OSError, ValueError, KeyError):
        return "no manifest"
    for name, (size, digest) in files.items():
        path = prefix / name
        if not path.is_file():
            return f"{name} is missing"
        if path.stat().st_size != size or (thorough and _digest(path) != digest):
            return f"{name} was changed"
    return None


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def programs_of(prefix: Path, recipe: Recipe) -> Path:
    """Return where a recipe's programs lie in a prefix or in ``/``: PostgreSQL's folder, mosquitto's file."""
    return prefix / (f"{PG}/bin" if len(recipe.programs) > 1 else recipe.programs[0])
