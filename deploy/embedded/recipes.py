"""What each embedded service consists of, and what of its packages is kept."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PG = "usr/lib/postgresql/17"
PG_SHARE = "usr/share/postgresql/17"
MIN_TIMESCALEDB = (2, 18, 1)
MIN_MOSQUITTO = (2, 0, 21)


@dataclass(frozen=True, slots=True)
class Architecture:
    """Where a Debian architecture has its libraries, and what its loader is called."""

    triplet: str
    loader: str


ARCHITECTURES = {
    "amd64": Architecture("x86_64-linux-gnu", "ld-linux-x86-64.so.2"),
    "arm64": Architecture("aarch64-linux-gnu", "ld-linux-aarch64.so.1"),
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """One service as a private prefix.

    Attributes
    ----------
    revision : int
        Part of the prefix's name: raise it when the recipe changes.
    packages : tuple[str, ...]
        What is asked of apt; it adds what they depend on.
    programs, modules, data : tuple[str, ...]
        Glob patterns of what is kept: programs (patched), shared objects they load by name, other files.
        The libraries that programs and modules need are found by following them.
    unpacked : int
        Bytes that unpacking takes at its peak, packages and package lists included.
    """

    name: str
    revision: int
    packages: tuple[str, ...]
    programs: tuple[str, ...]
    modules: tuple[str, ...]
    data: tuple[str, ...]
    unpacked: int


POSTGRES = Recipe(
    name="postgresql-17",
    revision=1,
    packages=("postgresql-17-timescaledb",),
    programs=tuple(f"{PG}/bin/{name}" for name in ("postgres", "initdb", "psql", "pg_dump", "pg_restore")),
    modules=tuple(
        f"{PG}/lib/{name}.so"
        for name in (
            "timescaledb",
            "timescaledb-2.*",
            "plpgsql",
            "dict_snowball",
            "libpqwalreceiver",
            "pg_stat_statements",
        )
    ),
    data=(
        f"{PG_SHARE}/*",
        f"{PG_SHARE}/extension/plpgsql*",
        f"{PG_SHARE}/extension/timescaledb*",
        f"{PG_SHARE}/extension/pg_stat_statements*",
        f"{PG_SHARE}/timezonesets/*",
        f"{PG_SHARE}/tsearch_data/*",
    ),
    unpacked=420_000_000,
)

MOSQUITTO = Recipe(
    name="mosquitto",
    revision=1,
    packages=("mosquitto",),
    programs=("usr/sbin/mosquitto",),
    modules=(),
    data=(),
    unpacked=160_000_000,
)

# Packages of the closure that no kept file comes from: not downloaded at all.
NEEDLESS = re.compile(
    r"^(libllvm|libz3|perl|libperl|lib\S+-perl$|locales|libc-l10n|libc-bin|passwd|procps|libproc2|openssl|ssl-cert|adduser"
    r"|debconf|login|base-passwd|ucf|sensible-utils|postgresql-common|postgresql-client-common|netbase|tzdata"
    r"|libdb5|libgdbm|libpam-modules|libsepol|libsemanage|init-system-helpers|sysvinit-utils|readline-common"
    r"|libsasl2-modules|gcc-\d+-base|libdebconfclient)"
)

_UPDATE_SCRIPT = re.compile(r"timescaledb--(\d+)\.(\d+)\.(\d+)\S*--.*\.sql$")


def is_wanted(path: Path) -> bool:
    """Tell whether a data file is kept: scripts that update from versions we never ran are not."""
    found = _UPDATE_SCRIPT.match(path.name)
    return found is None or tuple(map(int, found.groups())) >= MIN_TIMESCALEDB
