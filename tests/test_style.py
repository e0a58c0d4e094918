"""The measures of STYLE: lengths of files and functions, docstrings, words that are not written here."""

from __future__ import annotations

import ast
import io
import re
import statistics
import tokenize
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
ROOMS = ("devices", "store", "analytics", "ingest", "api", "deploy")
CODE = (".py", ".js", ".css", ".html", ".sh")
TEXT = (*CODE, ".sql", ".toml", ".md", ".yaml", ".yml", ".json", ".service")
NOT_OURS = {"vendor", "node_modules", "__pycache__"}

FILE_LINES = 400
FILE_LINES_OF_TABLES = 600
FILE_MEDIAN = 180
FUNCTION_MEDIAN = 10
FUNCTION_P90 = 30

FORBIDDEN_MODULES = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}
# Written in two halves, so that this file does not hold them.
FORBIDDEN_WORDS = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK|NotImplemented" + r"Error)\b")


def ours(*folders: str, suffixes: tuple[str, ...]) -> list[Path]:
    found = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in suffixes]
    return sorted(path for path in found if not NOT_OURS & set(path.relative_to(ROOT).parts))


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def code_lines(source: str) -> set[int]:
    """Number the lines that hold code: neither blank, nor only a comment, nor inside a docstring."""
    silent = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in silent:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            lines.difference_update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return lines


def function_lengths(path: Path) -> list[tuple[int, str]]:
    """Count the lines of code of each function, its own ``def`` included."""
    source = path.read_text(encoding="utf-8")
    code = code_lines(source)
    return [
        (
            len(code & set(range(node.lineno, (node.end_lineno or node.lineno) + 1))),
            f"{shown(path)}:{node.name}",
        )
        for node in functions(ast.parse(source, shown(path)))
    ]


def undocumented(path: Path) -> list[str]:
    """Name the public functions, methods and classes without a docstring."""
    tree = ast.parse(path.read_text(encoding="utf-8"), shown(path))
    return [
        f"{shown(path)}:{name}"
        for name, node in public_things(tree.body, "")
        if ast.get_docstring(node) is None
    ]


def public_things(
    body: list[ast.stmt], prefix: str
) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]]:
    for node in body:
        if not isinstance(
            node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
        ) or node.name.startswith("_"):
            continue
        if not any(
            isinstance(mark, ast.Name) and mark.id in {"overload", "override"} for mark in node.decorator_list
        ):
            yield f"{prefix}{node.name}", node
        if isinstance(node, ast.ClassDef):
            yield from public_things(node.body, f"{node.name}.")


def forbidden_words(text: str) -> list[str]:
    return [
        f"line {text.count(chr(10), 0, m.start()) + 1}: {m.group()}" for m in FORBIDDEN_WORDS.finditer(text)
    ]


def test_no_file_is_too_long() -> None:
    long = {}
    for path in ours(*ROOMS, "tests", suffixes=(*CODE, ".sql")):
        limit = FILE_LINES_OF_TABLES if path.suffix == ".sql" or "tests" in path.parts else FILE_LINES
        length = len(path.read_text(encoding="utf-8").splitlines())
        if length > limit:
            long[shown(path)] = f"{length} lines, at most {limit}"
    assert long == {}


def test_half_of_the_files_are_short() -> None:
    lengths = {
        shown(p): len(p.read_text(encoding="utf-8").splitlines()) for p in ours(*ROOMS, suffixes=(".py",))
    }
    longest = sorted(lengths.items(), key=lambda item: -item[1])[:5]
    assert statistics.median(lengths.values()) <= FILE_MEDIAN, f"the longest: {longest}"


@pytest.mark.parametrize("room", ROOMS)
def test_functions_are_short(room: str) -> None:
    lengths = [entry for path in ours(room, suffixes=(".py",)) for entry in function_lengths(path)]
    if not lengths:
        return
    counts = sorted(length for length, _ in lengths)
    longest = sorted(lengths, reverse=True)[:8]
    assert statistics.median(counts) <= FUNCTION_MEDIAN, f"shorten some of {longest}"
    assert counts[int(0.9 * (len(counts) - 1))] <= FUNCTION_P90, f"shorten some of {longest}"


def test_every_public_thing_says_what_it_does() -> None:
    assert [name for path in ours(*ROOMS, suffixes=(".py",)) for name in undocumented(path)] == []


def test_words_that_are_not_written_here() -> None:
    files = [
        *ours(*ROOMS, "tests", "docs", suffixes=TEXT),
        *ROOT.glob("*.md"),
        *ROOT.glob("*.toml"),
        ROOT / "chiiki",
    ]
    found = {}
    for path in files:
        if path.is_file() and path != Path(__file__):
            words = forbidden_words(path.read_text(encoding="utf-8"))
            if words:
                found[shown(path)] = words
    assert found == {}


def test_a_module_is_a_noun_of_the_domain() -> None:
    assert [shown(path) for path in ours(*ROOMS, suffixes=(".py",)) if path.stem in FORBIDDEN_MODULES] == []


def test_tests_mirror_the_tree_without_packages() -> None:
    assert [shown(path) for path in (ROOT / "tests").rglob("__init__.py")] == []


def test_the_measures_measure(tmp_path: Path) -> None:
    file = tmp_path / "planted.py"
    file.write_text(
        "def bare():\n    # why\n\n    return [\n        1,\n    ]\n\n\n"
        'class Told:\n    """Said."""\n\n'
        '    def silent(self):\n        """Say.\n\n        More.\n        """\n\n'
        "    def _own(self): ...\n\n    def open(self):\n        return 1\n"
    )
    assert [length for length, _ in function_lengths(file)] == [4, 1, 1, 2]
    assert undocumented(file) == ["planted.py:bare", "planted.py:Told.open"]
    unfinished = "TO" + "DO"
    assert forbidden_words(f"a\n# {unfinished} b\nmethods in todo.txt") == [f"line 2: {unfinished}"]
