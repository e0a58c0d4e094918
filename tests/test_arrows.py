"""The arrows of the house: which room may import which, checked on the syntax tree of every module."""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
ROOMS = {"devices", "store", "analytics", "ingest", "api", "deploy"}


@dataclass(frozen=True)
class Rule:
    """What modules of a place may import besides the place's own room and the standard library.

    A dot narrows: ``store.pool`` allows that module only.
    """

    rooms: frozenset[str]
    third_party: frozenset[str]


def rule(rooms: str, third_party: str) -> Rule:
    return Rule(frozenset(rooms.split()), frozenset(third_party.split()))


# The first pattern that a path matches is its rule. DESIGN's table, and numpy where batches are columns.
RULES = {
    "devices/simulator/*": rule("", "msgspec numpy cbor2 paho"),
    "devices/*": rule("", "msgspec numpy"),
    "store/*": rule("devices", "psycopg psycopg_pool numpy polars"),
    "analytics/jobs/*": rule("store devices", "procrastinate numpy polars"),
    "analytics/*": rule("devices", "numpy scipy polars"),
    "ingest/link_mqtt5.py": rule("devices store", "mqtt5 msgspec"),
    "ingest/link*.py": rule("devices store", "paho msgspec"),
    "ingest/*": rule("devices store", "msgspec cbor2 numpy polars"),
    "api/*": rule("devices store analytics", "aiohttp msgspec argon2 numpy"),
    "deploy/demo_*": rule("devices store analytics ingest api", "rich msgspec numpy"),
    "deploy/*": rule("devices store analytics ingest api", "rich msgspec"),
}

# Principle 8: the core never sees a socket, a file or a connection. Kinds and products are read from files,
# by a module each.
PURE = ("devices/*", "analytics/series/*", "analytics/farm/*", "analytics/fish/*")
IMPURE = ("devices/simulator/*", "devices/kinds.py", "devices/products.py")
OUTSIDE_WORLD = {
    *("asyncio", "http", "multiprocessing", "os", "selectors", "shutil", "socket", "sqlite3", "ssl"),
    *("subprocess", "tempfile", "threading", "urllib"),
}
FILE_VERBS = {"open", "read_text", "read_bytes", "write_text", "write_bytes"}


def find_violations(root: Path) -> list[str]:
    return [
        f"{module.relative_to(root)}:{line}: {complaint}"
        for room in sorted(ROOMS)
        for module in sorted((root / room).rglob("*.py"))
        for line, complaint in check_module(module, module.relative_to(root).as_posix())
    ]


def check_module(module: Path, path: str) -> Iterator[tuple[int, str]]:
    tree = ast.parse(module.read_text(encoding="utf-8"), path)
    allowed = next(rule for pattern, rule in RULES.items() if fnmatch(path, pattern))
    pure = matches(path, PURE) and not matches(path, IMPURE)
    for node in ast.walk(tree):
        for name in imported_by(node, path):
            if complaint := judge(name, path.partition("/")[0], allowed, pure=pure):
                yield getattr(node, "lineno", 0), complaint
        if pure and isinstance(node, ast.Call) and called_name(node) in FILE_VERBS:
            yield node.lineno, f"{called_name(node)}(): a pure room opens no file"


def imported_by(node: ast.AST, path: str) -> list[str]:
    """Name the modules that a node imports, in full."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = path.split("/")[: -node.level] if node.level else []
        parts = [*base, *(node.module or "").split(".")]
        return [".".join([*parts, alias.name]).replace("..", ".") for alias in node.names]
    if isinstance(node, ast.Call) and called_name(node) in {"import_module", "__import__"}:
        first = node.args[0] if node.args else None
        return [first.value] if isinstance(first, ast.Constant) and isinstance(first.value, str) else []
    return []


def judge(name: str, room: str, allowed: Rule, *, pure: bool) -> str | None:
    top = name.partition(".")[0]
    if top in ROOMS:
        return None if top == room or top in allowed.rooms else f"{room} may not import {top}"
    if top in sys.stdlib_module_names:
        return f"a pure room does not import {top}" if pure and top in OUTSIDE_WORLD else None
    return None if top in allowed.third_party else f"{top} is not for this place"


def called_name(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def matches(path: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(path, pattern) for pattern in patterns)


def test_the_house_keeps_its_arrows() -> None:
    assert find_violations(ROOT) == []


def test_the_house_is_looked_at() -> None:
    for room in ROOMS:
        assert len(list((ROOT / room).rglob("*.py"))) > 5


@pytest.mark.parametrize(
    ("path", "line", "complaint"),
    [
        ("api/x.py", "import ingest.writer", "api may not import ingest"),
        ("ingest/x.py", "from api import app", "ingest may not import api"),
        ("store/x.py", "from deploy.settings import Settings", "store may not import deploy"),
        ("devices/x.py", "from store import pool", "devices may not import store"),
        ("analytics/farm/x.py", "import store", "analytics may not import store"),
        ("ingest/x.py", "import psycopg", "psycopg is not for this place"),
        ("api/routes/x.py", "from psycopg.rows import dict_row", "psycopg is not for this place"),
        ("deploy/x.py", "from psycopg_pool import AsyncConnectionPool", "psycopg_pool is not for this place"),
        ("ingest/writer.py", "import paho.mqtt.client", "paho is not for this place"),
        ("ingest/link_paho.py", "import mqtt5", "mqtt5 is not for this place"),
        ("store/x.py", "import aiohttp", "aiohttp is not for this place"),
        ("devices/x.py", "import paho", "paho is not for this place"),
        ("devices/x.py", "import asyncio", "a pure room does not import asyncio"),
        ("devices/x.py", "def f():\n    import socket", "a pure room does not import socket"),
        ("devices/x.py", "def f(p): return p.read_text()", "read_text(): a pure room opens no file"),
        ("analytics/fish/x.py", "open('x')", "open(): a pure room opens no file"),
        ("api/x.py", "if TYPE_CHECKING:\n    from ingest.link import Link", "api may not import ingest"),
        ("api/x.py", "import importlib\nimportlib.import_module('ingest.link')", "api may not import ingest"),
    ],
)
def test_a_planted_violation_is_found(tmp_path: Path, path: str, line: str, complaint: str) -> None:
    file = tmp_path / path
    file.parent.mkdir(parents=True)
    file.write_text(line)
    (found,) = find_violations(tmp_path)
    assert found.startswith(f"{path}:")
    assert found.endswith(f": {complaint}")


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("ingest/link_paho.py", "import paho.mqtt.client"),
        ("ingest/link_mqtt5.py", "import mqtt5"),
        ("devices/simulator/x.py", "import asyncio, paho"),
        ("devices/kinds.py", "def f(p): return p.read_text()"),
        ("store/x.py", "from devices.model import Device\nfrom . import pool"),
        ("deploy/x.py", "import api, ingest, store, devices, rich, subprocess"),
        ("analytics/jobs/x.py", "import store, procrastinate"),
    ],
)
def test_what_is_allowed_is_not_found(tmp_path: Path, path: str, line: str) -> None:
    file = tmp_path / path
    file.parent.mkdir(parents=True)
    file.write_text(line)
    assert find_violations(tmp_path) == []
