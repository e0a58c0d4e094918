"""Finds the services' programs: the system's when they suit, else a private prefix in the shared cache."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.embedded import places, prefix, versions
from deploy.embedded.apt import Apt, Package, require_tools
from deploy.embedded.recipes import ARCHITECTURES, MOSQUITTO, NEEDLESS, POSTGRES, Recipe
from deploy.errors import ProvisionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from deploy.progress import Reporter

SYSTEM = Path("/")
LISTS_SIZE = 120_000_000
"""Bytes of the package lists, as apt unpacks and indexes them."""


@dataclass(frozen=True, slots=True)
class Programs:
    """What runs the embedded services.

    Attributes
    ----------
    postgres : Path
        Folder with ``postgres``, ``initdb``, ``psql`` …
    mosquitto : Path
        The program.
    """

    postgres: Path
    mosquitto: Path


def provide(report: Reporter, *, cache: Path | None = None, system: Path = SYSTEM) -> Programs:
    """Return programs that suit; what the system lacks is fetched once and kept in the cache."""
    folder = cache or places.cache_dir()
    missing = [r for r in (POSTGRES, MOSQUITTO) if not _suits(r, system)]
    if missing:
        _ensure(missing, folder, report)
    found = {r.name: (_home(r, folder) if r in missing else system) for r in (POSTGRES, MOSQUITTO)}
    return Programs(
        postgres=prefix.programs_of(found[POSTGRES.name], POSTGRES),
        mosquitto=prefix.programs_of(found[MOSQUITTO.name], MOSQUITTO),
    )


def _suits(recipe: Recipe, root: Path) -> bool:
    suits = versions.postgres_suits if recipe is POSTGRES else versions.mosquitto_suits
    return suits(prefix.programs_of(root, recipe))


def _home(recipe: Recipe, cache: Path) -> Path:
    return cache / f"{recipe.name}-{recipe.revision}-{os.uname().machine}"


def _ensure(recipes: Sequence[Recipe], cache: Path, report: Reporter) -> None:
    places.require_reachable(cache, places.service_user(), "CHIIKI_CACHE_DIR")
    if not (lacking := _lacking(recipes, cache)):
        return
    with (
        _readable_by_all(),
        _locked(cache, lambda: report.step("waiting for another start that prepares the services")),
    ):
        for recipe in lacking:
            if (wrong := prefix.damage(_home(recipe, cache))) and _home(recipe, cache).exists():
                report.step(f"{recipe.name} in {cache} is damaged ({wrong}): making it anew")
        if lacking := _lacking(recipes, cache):
            _build(lacking, cache, report)


def _lacking(recipes: Sequence[Recipe], cache: Path) -> list[Recipe]:
    return [r for r in recipes if prefix.damage(_home(r, cache)) is not None]


@contextmanager
def _readable_by_all() -> Iterator[None]:
    mask = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(mask)


@contextmanager
def _locked(cache: Path, waiting: Callable[[], None]) -> Iterator[None]:
    try:
        cache.mkdir(parents=True, exist_ok=True)
        lock = (cache / "lock").open("w")
    except OSError as error:
        raise ProvisionError(
            f"cannot write the cache {cache}: {error.strerror}; set CHIIKI_CACHE_DIR to a folder of yours"
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(recipes: Sequence[Recipe], cache: Path, report: Reporter) -> None:
    require_tools("apt-get", "dpkg")
    for leftover in cache.glob("building-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    places.require_space(cache, LISTS_SIZE + sum(r.unpacked for r in recipes))
    try:
        with tempfile.TemporaryDirectory(prefix="building-", dir=cache, ignore_cleanup_errors=True) as work:
            _build_in(Path(work), recipes, cache, report)
    except OSError as error:
        raise ProvisionError(f"cannot prepare the services in {cache}: {error.strerror or error}") from None


def _build_in(work: Path, recipes: Sequence[Recipe], cache: Path, report: Reporter) -> None:
    report.step(f"reading the package lists (once; kept in {cache})")
    apt = Apt(work)
    if (architecture := ARCHITECTURES.get(apt.architecture)) is None:
        raise ProvisionError(
            f"no embedded services for {apt.architecture}, only for {' and '.join(ARCHITECTURES)}: "
            "set CHIIKI_DATABASE_URL and CHIIKI_MQTT_URL"
        )
    apt.update(report.fraction)
    packages = needed(apt.closure([name for r in recipes for name in r.packages]))
    report.step(
        f"downloading {' and '.join(r.name for r in recipes)}: {sum(p.size for p in packages) / 1e6:.0f} MB"
    )
    debs = apt.download(packages, report.fraction)
    report.step("unpacking")
    apt.unpack(debs, work / "unpacked", report.fraction)
    versions_of = {p.name: p.version for p in packages}
    for recipe in recipes:
        target, home = work / recipe.name, _home(recipe, cache)
        prefix.assemble(recipe, work / "unpacked", target, home, architecture)
        prefix.seal(target, {name: versions_of[name] for name in recipe.packages})
        _put_in_place(recipe, target, home)


def needed(packages: Sequence[Package]) -> list[Package]:
    """Return the packages that some kept file comes from."""
    return [p for p in packages if not NEEDLESS.match(p.name)]


def _put_in_place(recipe: Recipe, target: Path, home: Path) -> None:
    target.chmod(0o755)
    if home.exists():
        home.rename(target.with_name(f"{recipe.name}-old"))
    target.rename(home)
    if not _suits(recipe, home):
        shutil.rmtree(home)
        raise ProvisionError(
            f"the downloaded {recipe.name} does not run here or is too old: install PostgreSQL 17 with "
            "TimescaleDB and mosquitto 2.0.21 yourself, or set CHIIKI_DATABASE_URL and CHIIKI_MQTT_URL"
        )
