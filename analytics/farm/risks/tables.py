"""The tables that the risks rest on, read from their files' text."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from analytics.farm.errors import RiskTableError
from analytics.farm.risks.flabs import QUANTITIES, FlabsRow
from analytics.farm.risks.hours import HOURS
from analytics.farm.risks.temperature import Limit
from analytics.farm.risks.wetness import SeverityTable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar

    Table = TypeVar("Table")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """A sentence people can read, in both languages."""

    ja: str
    en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskTables:
    """All tables: `simcast` by resistance, `frost` and `heat` by crop, `reasons` by key, `flabs` if any."""

    wallin: SeverityTable
    simcast: Mapping[str, SeverityTable]
    frost: Mapping[str, tuple[Limit, ...]]
    heat: Mapping[str, tuple[Limit, ...]]
    flabs: tuple[FlabsRow, ...] | None
    reasons: Mapping[str, Reason]


def parse_risk_tables(texts: Mapping[str, str]) -> RiskTables:
    """Read the tables from the texts of their files.

    Parameters
    ----------
    texts : mapping of name to TOML
        ``wallin``, ``simcast``, ``frost``, ``heat``, ``reasons``, and ``flabs`` where there is one.

    Raises
    ------
    RiskTableError
        A table is not readable; it names the file and what is wrong.
    """
    return RiskTables(
        wallin=_read("wallin", texts, _severity)["all"],
        simcast=_read("simcast", texts, _severity),
        frost=_read("frost", texts, _limits),
        heat=_read("heat", texts, _limits),
        flabs=_read("flabs", texts, _flabs) if "flabs" in texts else None,
        reasons=_read("reasons", texts, _reasons),
    )


def _read(name: str, texts: Mapping[str, str], read: Callable[[dict[str, Any]], Table]) -> Table:
    try:
        return read(tomllib.loads(texts[name]))
    except KeyError as error:
        raise RiskTableError(name, f"{error.args[0]} is missing") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise RiskTableError(name, str(error)) from error


def _severity(content: dict[str, Any]) -> dict[str, SeverityTable]:
    return {each["name"]: _severity_table(content["least_c"], each) for each in content["classes"]}


def _severity_table(least_c: float, content: dict[str, Any]) -> SeverityTable:
    most = [float(band["most_c"]) for band in content["bands"]]
    _check_rising("most_c", [least_c, *most])
    return SeverityTable(
        least_c=float(least_c),
        most_c=np.array(most),
        value=np.stack([_by_hour(band["hours"], band["values"]) for band in content["bands"]]),
        alarm=float(content["alarm"]),
    )


def _by_hour(hours: list[int], values: list[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Spread values that hold from some hours on over 0 to 24 hours."""
    _check_rising("hours", [0, *hours, HOURS + 1])
    if len(hours) != len(values):
        raise ValueError(f"hours {hours} and values {values} differ in number")
    return np.array([0.0, *values])[np.searchsorted(hours, np.arange(HOURS + 1), side="right")]


def _check_rising(name: str, numbers: list[float]) -> None:
    if not all(a < b for a, b in pairwise(numbers)):
        raise ValueError(f"{name} must rise: {numbers}")


def _limits(content: dict[str, Any]) -> dict[str, tuple[Limit, ...]]:
    return {crop: _limits_of_crop(rows) for crop, rows in content.items()}


def _limits_of_crop(rows: list[dict[str, Any]]) -> tuple[Limit, ...]:
    _check_rising("from_bbch", [row["from_bbch"] for row in rows])
    return tuple(Limit(**{"hours": 1, **row}) for row in rows)


def _flabs(content: dict[str, Any]) -> tuple[FlabsRow, ...]:
    return tuple(_flabs_row(row) for row in content["rows"])


def _flabs_row(row: dict[str, Any]) -> FlabsRow:
    ranges = {name: (float(pair[0]), float(pair[1])) for name, pair in row.items() if name != "index"}
    if unknown := set(ranges) - set(QUANTITIES):
        raise ValueError(f"{', '.join(sorted(unknown))}: use {', '.join(QUANTITIES)}")
    if not ranges or row["index"] not in range(4):
        raise ValueError(f"a row needs an index of 0 to 3 and at least one range: {row}")
    return FlabsRow(index=row["index"], ranges=ranges)


def _reasons(content: dict[str, Any]) -> dict[str, Reason]:
    flat: dict[str, Reason] = {}
    for key, entry in content.items():
        if "ja" in entry:
            flat[key] = Reason(**entry)
        else:
            flat |= {f"{key}.{inner}": Reason(**each) for inner, each in entry.items()}
    return flat
