"""How commands answer: a table for people, JSON for scripts."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

PIPED_WIDTH = 240
"""Characters of a line where standard output is no terminal: nothing is broken for a grep."""


def add_json(parser: argparse.ArgumentParser) -> None:
    """Give a command the option ``--json``."""
    parser.add_argument("--json", action="store_true", help="print JSON for scripts")


def print_json(value: Any) -> None:
    """Print anything that msgspec knows: structs, dataclasses, aware datetimes, bytes as base64."""
    print(msgspec.json.format(msgspec.json.encode(value)).decode())


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print rows under headings; Japanese text takes the room that it needs."""
    table = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*(_write_cell(value) for value in row))
    if not table.row_count:
        print_note("none")
        return
    console().print(table)


def print_facts(facts: Mapping[str, Any]) -> None:
    """Print names and values, one a line; what is empty or not so is left out."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in facts.items():
        if text := _write_cell(value):
            table.add_row(name, text)
    console().print(table)


def print_note(text: str) -> None:
    """Print a sentence as it is: no markup, no line breaks."""
    print(text)


def console() -> Console:
    """Give the console on standard output, without markup in what comes from the database."""
    width = None if sys.stdout.isatty() else PIPED_WIDTH
    return Console(width=width, markup=False, highlight=False, emoji=False)


def _write_cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else ""
    if hasattr(value, "isoformat"):
        return write_time(value)
    return str(value)


def write_time(at: datetime) -> str:
    """Write an instant in the clock of the machine, with its offset."""
    return at.astimezone().isoformat(sep=" ", timespec="seconds")
