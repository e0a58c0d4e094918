"""A strict reader of Prometheus' text format, and the customs of its names."""

from __future__ import annotations

import re

_LABEL = r'[a-z_]+="(?:[^"\\\n]|\\["\\n])*"'
LINE = re.compile(rf"([a-z_:][a-z0-9_:]*)(?:{{({_LABEL}(?:,{_LABEL})*)}})? (\S+)")
NUMBER = re.compile(r"-?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?)|NaN|[+-]Inf")
NO_BASE_UNIT = re.compile(r"_(s|ms|us|milliseconds|minutes|hours|kb|mb|percent)(_total)?$")


def parse(text: str) -> dict[str, float]:
    """Read it; a family is HELP, TYPE and its samples in one piece, named as is the custom."""
    assert text.endswith("\n")
    assert "\n\n" not in text
    found: dict[str, float] = {}
    families: dict[str, str] = {}
    helped = name = sort = ""
    for line in text.removesuffix("\n").split("\n"):
        if line.startswith("# HELP "):
            helped, explanation = line.removeprefix("# HELP ").split(" ", 1)
            assert explanation.strip().endswith("."), line
        elif line.startswith("# TYPE "):
            name, sort = line.removeprefix("# TYPE ").split(" ")
            assert name == helped, f"{name} is not explained"
            assert name not in families, f"{name} is told twice"
            _check_name(name, sort)
            families[name] = sort
        else:
            match = LINE.fullmatch(line)
            assert match, line
            assert NUMBER.fullmatch(match[3]), line
            stem = re.sub(r"_(bucket|sum|count)$", "", match[1]) if sort == "histogram" else match[1]
            assert stem == name, f"{line} stands among {name}"
            key = line.rsplit(" ", 1)[0]
            assert key not in found, f"{key} twice"
            found[key] = float(match[3])
            assert sort == "gauge" or found[key] >= 0, line
    return found


def _check_name(name: str, sort: str) -> None:
    assert sort in {"counter", "gauge", "histogram"}, name
    assert name.startswith("chiiki_")
    assert name.endswith("_total") is (sort == "counter"), name
    assert not NO_BASE_UNIT.search(name), name
