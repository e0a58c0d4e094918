"""Documentation is tested: what exists is named, and what is named exists."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import pytest

from deploy.cli.main import COMMANDS, _parser
from deploy.settings import ELSEWHERE, ELSEWHERE_PREFIXES, FIELDS, PREFIX

CHECKOUT = Path(__file__).parents[2]
HIDDEN_OR_MADE = re.compile(r"(^|/)(\.|node_modules/|vendor/)")
PAGES = sorted(
    path for path in CHECKOUT.rglob("*.md") if not HIDDEN_OR_MADE.search(str(path.relative_to(CHECKOUT)))
)
NAMES = [str(path.relative_to(CHECKOUT)) for path in PAGES]
OPERATING = "".join((CHECKOUT / name).read_text() for name in ("README.md", "deploy/README.md"))
SETTINGS = {PREFIX + name.upper() for name in FIELDS}

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
VARIABLE = re.compile(r"\bCHIIKI_[A-Z0-9_]+\b")
FENCED = re.compile(r"```\w*\n.*?```", re.DOTALL)
CALL = re.compile(r"\./chiiki ((?:[^`\n\\]|\\\n)+)")


def calls(page: Path) -> list[list[str]]:
    """Every ``./chiiki …`` of a page as words, without comments."""
    return [found.replace("\\\n", " ").split("#")[0].split() for found in CALL.findall(page.read_text())]


def descend(parser: argparse.ArgumentParser, words: list[str]) -> tuple[argparse.ArgumentParser, list[str]]:
    """Follow command and verb; returns the parser that they lead to and the words that are left."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction) and words:
            chosen = action.choices.get(words[0].strip(",;.…"))
            assert chosen is not None, f"./chiiki has no {' '.join(words)!r}"
            return descend(chosen, words[1:])
    return parser, words


def measurement(name: str) -> str:
    """Source of a measurement, which names its options."""
    return (CHECKOUT / "tests/bench" / f"{name.strip(',;.…')}.py").read_text(encoding="utf-8")


def test_pages_are_found() -> None:
    assert {"README.md", "deploy/README.md", "docs/guides/device-makers.md"} <= set(NAMES)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_named(command: str) -> None:
    assert re.search(rf"chiiki {command}\b|`{command}\b", OPERATING), f"no page tells of ./chiiki {command}"


@pytest.mark.parametrize("setting", sorted(SETTINGS | set(ELSEWHERE)))
def test_every_setting_is_named(setting: str) -> None:
    assert setting in VARIABLE.findall(OPERATING), f"no page tells of {setting}"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_variable_named_exists(page: Path) -> None:
    named = set(VARIABLE.findall(page.read_text())) - SETTINGS - set(ELSEWHERE)
    assert {name for name in named if not name.startswith(ELSEWHERE_PREFIXES)} == set()


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    targets = [link.split("#")[0] for link in LINK.findall(FENCED.sub("", page.read_text()))]
    near = [
        target for target in targets if target and "://" not in target and not target.startswith("mailto:")
    ]
    assert [target for target in near if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_json_block_parses(page: Path) -> None:
    for block in re.findall(r"```json\n(.*?)```", page.read_text(), re.DOTALL):
        json.loads(block)


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_call_of_the_command_line_exists_with_its_options(page: Path) -> None:
    for words in calls(page):
        if words[0].startswith("--") or words[0] == "…":
            continue
        command = words[0].strip(",;.:")
        assert command in COMMANDS, f"./chiiki has no {command!r}"
        parser, left = descend(_parser(command), [command, *words[1:]])
        # What follows a measurement's name is its own module's to read.
        told = measurement(words[1]) if words[0] == "bench" and len(words) > 1 else parser.format_help()
        options = [found for word in left for found in re.findall(r"^\[?(--[a-z-]+)", word)]
        assert [option for option in options if option not in told] == [], f"./chiiki {' '.join(words)}"
