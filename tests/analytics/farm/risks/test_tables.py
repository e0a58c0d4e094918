"""The shipped tables are whole, and a broken one is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from analytics.farm.errors import RiskTableError
from analytics.farm.risks.model import Level
from analytics.farm.risks.tables import parse_risk_tables
from analytics.library import RISKS, risk_tables

REFERENCES = Path(__file__).parents[4] / "analytics" / "REFERENCES.md"
NAMES = ("wallin", "simcast", "frost", "heat", "reasons")


@pytest.fixture
def texts() -> dict[str, str]:
    return {name: (RISKS / f"{name}.toml").read_text(encoding="utf-8") for name in NAMES}


def test_every_reason_is_told_in_both_languages() -> None:
    reasons = risk_tables().reasons
    graded = ("frost", "heat", "late_blight_wallin", "late_blight_simcast", "late_blight_flabs")
    needed = {f"{risk}.{level.word}" for risk in graded for level in Level if level is not Level.UNKNOWN}
    needed |= {f"late_blight_{name}.reached" for name in ("wallin", "simcast", "hyre", "hutton", "flabs")}
    needed |= {
        f"late_blight_{name}.{level}" for name in ("hyre", "hutton") for level in ("none", "low", "high")
    }
    needed |= {f"fusarium_head_blight.{level}" for level in ("low", "moderate", "high")}
    needed |= {"data_missing", "stage_missing"}
    needed |= {f"late_blight_flabs.{note}" for note in ("table_missing", "reached_early")}
    assert set(reasons) == needed
    assert all(re.search("[ぁ-ん]", reason.ja) and reason.en.endswith(".") for reason in reasons.values())


def test_every_source_is_a_reference(texts: dict[str, str]) -> None:
    known = set(re.findall(r"\*\*\[(\w+)\]\*\*", REFERENCES.read_text(encoding="utf-8")))
    for name in NAMES[:4]:
        for line in texts[name].splitlines():
            if line.startswith("source") and "none found" not in line:
                keys = re.findall(r"\[(\w+)\]", line)
                assert keys, f"{name}.toml: {line}"
                assert set(keys) <= known, f"{name}.toml: {line}"


def test_certainties_are_one_of_three_words() -> None:
    tables = risk_tables()
    limits = [limit for by_crop in (tables.frost, tables.heat) for rows in by_crop.values() for limit in rows]
    assert {limit.certainty for limit in limits} == {"published", "secondary", "assumed"}


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("wallin", "alarm = 18", "", "wallin.toml: alarm is missing"),
        ("wallin", "[16, 19, 22]", "[16, 22, 19]", "wallin.toml: hours must rise"),
        ("wallin", "[1, 2, 3]\n", "[1, 2]\n", "differ in number"),
        ("simcast", "most_c = 12.5", "most_c = 2.5", "simcast.toml: most_c must rise"),
        ("frost", "from_bbch = 39", "from_bbch = 31", "frost.toml: from_bbch must rise"),
        ("heat", "limit_c = 31.0", "limit_f = 31.0", "heat.toml: .*limit_f"),
        ("reasons", "[data_missing]", "[data_missing", "reasons.toml: "),
    ],
)
def test_a_broken_table_is_named(texts: dict[str, str], name: str, old: str, new: str, told: str) -> None:
    assert old in texts[name]
    texts[name] = texts[name].replace(old, new, 1)
    with pytest.raises(RiskTableError, match=told) as error:
        parse_risk_tables(texts)
    assert error.value.table == name


@pytest.mark.parametrize(
    "row",
    ["index = 4\nmean_c = [1, 2]", "index = 1", "index = 1\nwind = [1, 2]", "index = 1\nmean_c = 3"],
)
def test_flabs_rows_are_checked(texts: dict[str, str], row: str) -> None:
    texts["flabs"] = f"[[rows]]\n{row}\n"
    with pytest.raises(RiskTableError, match=r"flabs\.toml"):
        parse_risk_tables(texts)


def test_a_flabs_table_is_read(texts: dict[str, str]) -> None:
    texts["flabs"] = "[[rows]]\nindex = 2\nmean_c = [15, 20]\nrain_5d_mm = [10.0, 99.0]\n"
    rows = parse_risk_tables(texts).flabs
    assert rows is not None
    assert rows[0].ranges == {"mean_c": (15.0, 20.0), "rain_5d_mm": (10.0, 99.0)}
