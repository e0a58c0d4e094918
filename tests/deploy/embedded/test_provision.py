"""The services' programs: found, whole, or made anew."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deploy.embedded import places, prefix, provision, versions
from deploy.embedded.recipes import ARCHITECTURES, MOSQUITTO, NEEDLESS, POSTGRES, is_wanted
from deploy.errors import DiskFull, ProvisionError
from deploy.progress import Reporter

if TYPE_CHECKING:
    from deploy.embedded.provision import Programs

NOWHERE = Path("/nonexistent")


@pytest.fixture
def cache(programs: Programs, state_dir: Path) -> Path:
    """A copy of the shared cache, which may be damaged."""
    folder = state_dir / "cache"
    shutil.copytree(places.cache_dir(), folder, symlinks=True, ignore=shutil.ignore_patterns("building-*"))
    return folder


def home(cache: Path) -> Path:
    return next(cache.glob("mosquitto-*"))


def test_a_whole_prefix_is_found_whole(cache: Path) -> None:
    assert prefix.damage(home(cache)) is None


@pytest.mark.parametrize("name", ["usr/sbin/mosquitto", prefix.MANIFEST])
def test_a_missing_file_is_noticed(cache: Path, name: str) -> None:
    (home(cache) / name).unlink()
    assert prefix.damage(home(cache)) is not None


def test_a_changed_byte_is_noticed(cache: Path) -> None:
    library = next(home(cache).rglob("libssl.so.*"))
    content = bytearray(library.read_bytes())
    content[len(content) // 2] ^= 1
    library.write_bytes(content)
    assert prefix.damage(home(cache)) == f"{library.relative_to(home(cache))} was changed"
    assert prefix.damage(home(cache), thorough=False) is None


def test_what_the_system_has_is_used_if_it_suits(programs: Programs, tmp_path: Path) -> None:
    """A system with both, here the prefixes linked together, needs no cache at all."""
    system = tmp_path / "system"
    for origin in (programs.postgres.parents[4], programs.mosquitto.parents[2]):
        shutil.copytree(origin, system, symlinks=True, dirs_exist_ok=True)
    with Reporter(quiet=True) as report:
        found = provision.provide(report, cache=NOWHERE, system=system)
    assert found.postgres == system / "usr/lib/postgresql/17/bin"
    assert found.mosquitto == system / "usr/sbin/mosquitto"


def test_a_system_with_an_old_mosquitto_does_not_suit(tmp_path: Path) -> None:
    program = tmp_path / "mosquitto"
    program.write_text("#!/bin/sh\necho mosquitto version 2.0.11\n")
    program.chmod(0o755)
    assert versions.mosquitto_version(program) == "2.0.11"
    assert not versions.mosquitto_suits(program)
    assert not versions.postgres_suits(Path("/usr/lib/postgresql/15/bin"))


def test_a_full_disk_is_told_beforehand(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(state_dir)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=100_000_000))
    with Reporter(quiet=True) as report, pytest.raises(DiskFull, match=r"has 100 MB free, \d+ MB are needed"):
        provision.provide(report, cache=state_dir / "cache", system=NOWHERE)


def test_a_cache_that_cannot_be_written_is_told() -> None:
    with Reporter(quiet=True) as report, pytest.raises(ProvisionError, match="CHIIKI_CACHE_DIR"):
        provision.provide(report, cache=Path("/proc/chiiki"), system=NOWHERE)


def test_an_unsupported_architecture_is_told(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provision, "ARCHITECTURES", {"riscv64": ARCHITECTURES["amd64"]})
    with (
        Reporter(quiet=True) as report,
        pytest.raises(ProvisionError, match=r"no embedded services for a\w+64"),
    ):
        provision.provide(report, cache=state_dir / "cache", system=NOWHERE)
    assert list((state_dir / "cache").glob("building-*")) == []


def test_a_home_that_the_services_cannot_enter_is_told(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    user = places.ServiceUser("nobody", 65534, 65534)
    if os.geteuid() == 65534:
        closed.chmod(0)
    with pytest.raises(ProvisionError, match=r"the user nobody.* cannot enter .*: set CHIIKI_CACHE_DIR"):
        places.require_reachable(closed / "inside", user, "CHIIKI_CACHE_DIR")


def test_the_cache_is_where_it_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    assert places.cache_dir({"CHIIKI_CACHE_DIR": "/somewhere"}) == Path("/somewhere")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert places.cache_dir({"HOME": "/home/a"}) == Path("/home/a/.cache/chiiki")
    assert places.cache_dir({"HOME": "/home/a", "XDG_CACHE_HOME": "/x"}) == Path("/x/chiiki")


def test_nothing_needless_is_fetched_or_kept() -> None:
    for name in ("libllvm19", "libz3-4", "perl-base", "locales", "libjson-perl"):
        assert NEEDLESS.match(name)
    for name in ("libc6", "libpq5", "libicu76", "postgresql-17", "mosquitto", "libmosquitto1", "libperfect"):
        assert not NEEDLESS.match(name)
    assert is_wanted(Path("timescaledb--2.18.2--2.19.3.sql"))
    assert is_wanted(Path("timescaledb--2.19.3.sql"))
    assert not is_wanted(Path("timescaledb--2.17.0--2.19.3.sql"))


def provide_twice(cache: str, queue: multiprocessing.Queue[str]) -> None:
    with Reporter(quiet=True) as report:
        queue.put(str(provision.provide(report, cache=Path(cache), system=NOWHERE).mosquitto))


@pytest.mark.slow
def test_two_first_starts_and_a_damaged_prefix(state_dir: Path) -> None:
    """From the mirror: two at once do not collide; a damaged prefix is made anew."""
    empty_cache = state_dir / "cache"
    context = multiprocessing.get_context("spawn")
    queue: multiprocessing.Queue[str] = context.Queue()
    workers = [context.Process(target=provide_twice, args=(str(empty_cache), queue)) for _ in range(2)]
    for worker in workers:
        worker.start()
    programs = {queue.get(timeout=240) for _ in workers}
    for worker in workers:
        worker.join(30)
    assert len(programs) == 1
    assert list(empty_cache.glob("building-*")) == []
    for recipe in (POSTGRES, MOSQUITTO):
        assert prefix.damage(next(empty_cache.glob(f"{recipe.name}-*"))) is None
    mosquitto = Path(programs.pop())
    mosquitto.write_bytes(mosquitto.read_bytes()[:1000])
    with Reporter(quiet=True) as report:
        assert provision.provide(report, cache=empty_cache, system=NOWHERE).mosquitto == mosquitto
    assert prefix.damage(mosquitto.parents[2]) is None
    size = subprocess.run(["du", "-sm", empty_cache], capture_output=True, text=True, check=True).stdout
    assert int(size.split()[0]) < 110
