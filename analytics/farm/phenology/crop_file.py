"""Reads a crop's parameter file; see `crops` for what it holds.

::

    name = "oat"
    label_ja = "えん麦"
    label_en = "oats"
    sun_altitude = { value = -4, unit = "deg", source = "…", certainty = "published" }  # photoperiod

    [[phases]]
    model = "thermal_time"                   # one of stage_models.MODELS
    parameters.length = { value = 120, unit = "degC d", source = "…", certainty = "assumed" }
    parameters.base = { … }
    parameters.cap = { … }

    [[phases.stages]]                        # in order; the last is the end of the phase
    name = "emergence"
    bbch = 10
    label_ja = "出芽"
    label_en = "emergence"
    share = { value = 1, unit = "1", … }     # not for the last, whose share is 1

    [[phases.stages.errors]]                 # groups of numbers of one source and certainty
    source = "…"
    certainty = "assumed"
    unit = "d"
    cultivar_sd = 2.0                        # site_sd, year_sd, site_year_sd, noise_sd; of unit "1":
                                             # conformal_scale

    [phases.stages.skill]
    verdict = "unknown"                      # skill | some | none, with n, rmse, naive_rmse (days); unknown
    data = "…"
    source = "…"

    [cultivars.someone]
    label_ja = "…"
    label_en = "…"
    lengths.emergence = { value = 110, unit = "degC d", … }
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, cast, get_args

from analytics.farm.phenology.crop import (
    Certainty,
    Crop,
    Cultivar,
    Parameter,
    Phase,
    SkillStatement,
    Stage,
    StageError,
    Verdict,
)
from analytics.farm.phenology.stage_models import MODELS
from analytics.farm.phenology.tables import Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analytics.farm.phenology.stage_models import StageModel

DAYS = ("cultivar_sd", "site_sd", "year_sd", "site_year_sd", "noise_sd")
FACTORS = ("conformal_scale",)
LAST_BBCH = 99


def read_crop(text: str, name: str) -> Crop:
    """Read and check; see `crops.parse_crop`."""
    table = Table.parse(text, name)
    if (called := table.take("name", str)) != name:
        table.complain("name", f"is {called!r}, but the file is named {name!r}: make them equal")
    labels = {key: table.take(key, str) for key in ("label_ja", "label_en")}
    reader = _Reader()
    phases = tuple(reader.phase(item) for item in table.tables("phases"))
    _check_order(table, reader.stages)
    sun_altitude = _read_sun_altitude(table, phases)
    cultivars = _read_cultivars(table.table("cultivars"), phases)
    table.close()
    return Crop(
        name=name,
        **labels,
        sun_altitude=sun_altitude,
        stages=tuple(reader.stages),
        phases=phases,
        cultivars=cultivars,
        errors=reader.errors,
        skill=reader.skill,
    )


def _read_sun_altitude(table: Table, phases: tuple[Phase, ...]) -> Parameter | None:
    """Read it where a phase has a photoperiod; elsewhere it would mean nothing."""
    if any("daylength_critical" in phase.parameters for phase in phases):
        return read_parameter(table, "sun_altitude", "deg")
    return None


def read_parameter(table: Table, key: str, unit: str) -> Parameter:
    """Read a number with its unit, source and certainty."""
    inner = table.table(key)
    given = inner.take("unit", str)
    if given != unit:
        inner.complain("unit", f"is {given!r}, but must be {unit!r}")
    value, source, certainty = inner.number("value"), inner.take("source", str), _certainty(inner)
    inner.close()
    return Parameter(value=value, unit=unit, source=source, certainty=certainty)


def _certainty(table: Table) -> Certainty:
    return cast("Certainty", table.word("certainty", get_args(Certainty)))


class _Reader:
    """Gathers what the stages of all phases hold."""

    def __init__(self) -> None:
        self.stages: list[Stage] = []
        self.errors: dict[str, StageError] = {}
        self.skill: dict[str, SkillStatement] = {}

    def phase(self, table: Table) -> Phase:
        name = table.word("model", tuple(MODELS))
        parameters = _read_parameters(table.table("parameters"), MODELS[name])
        stages = table.tables("stages")
        shares = [self.stage(item, last=item is stages[-1]) for item in stages]
        table.close()
        names = [stage.name for stage in self.stages[-len(stages) :]]
        if any(one.value >= other.value for one, other in pairwise(shares)) or shares[0].value <= 0:
            table.complain("stages", "the shares must rise from above 0 to 1")
        return Phase(
            end=names[-1], model=name, parameters=parameters, shares=dict(zip(names, shares, strict=True))
        )

    def stage(self, table: Table, *, last: bool) -> Parameter:
        """Read one stage and give its share of the phase."""
        bbch = table.take("bbch", int)
        texts = {key: table.take(key, str) for key in ("name", "label_ja", "label_en")}
        if not 0 <= bbch <= LAST_BBCH:
            table.complain("bbch", f"is {bbch}: from 0 to {LAST_BBCH}")
        if texts["name"] in self.errors:
            table.complain("name", f"{texts['name']!r} is there twice")
        self.stages.append(Stage(bbch=bbch, **texts))
        self.errors[texts["name"]] = _read_errors(table)
        self.skill[texts["name"]] = _read_skill(table.table("skill"))
        share = WHOLE if last else read_parameter(table, "share", "1")
        table.close()
        return share


WHOLE = Parameter(value=1.0, unit="1", source="the end of the phase", certainty="published")


def _read_parameters(table: Table, model: StageModel) -> Mapping[str, Parameter]:
    expected = dict(model.required)
    for group in model.optional:
        if any(key in table for key in group):
            expected |= group
    parameters = {key: read_parameter(table, key, unit) for key, unit in expected.items()}
    table.close()
    for keys in model.rising:
        for low, high in pairwise(key for key in keys if key in parameters):
            if not parameters[low].value < parameters[high].value:
                table.complain(high, f"must be above {low}, which is {parameters[low].value:g}")
    for key in ("length", "vernalisation_half"):
        if key in parameters and parameters[key].value <= 0:
            table.complain(key, "must be above 0")
    return parameters


def _read_errors(table: Table) -> StageError:
    values: dict[str, float] = {}
    certainty: dict[str, Certainty] = {}
    sources: list[str] = []
    for group in table.tables("errors"):
        sources.append(group.take("source", str))
        sure, unit = _certainty(group), group.word("unit", ("d", "1"))
        for key in group.left():
            if key not in (DAYS if unit == "d" else FACTORS):
                group.complain(key, f"is not an error in {unit!r}")
            if key in values:
                group.complain(key, "is there twice")
            values[key], certainty[key] = group.number(key), sure
            if values[key] < 0:
                group.complain(key, "must not be negative")
    for key in (*DAYS, *FACTORS):
        if key not in values:
            table.complain(f"errors.{key}", "is missing")
    return StageError(
        **{f"{key}_d": values[key] for key in DAYS},
        conformal_scale=values["conformal_scale"],
        source="; ".join(dict.fromkeys(sources)),
        certainty=certainty,
    )


def _read_skill(table: Table) -> SkillStatement:
    verdict = cast("Verdict", table.word("verdict", get_args(Verdict)))
    data, source = table.take("data", str), table.take("source", str)
    measured = verdict != "unknown"
    n = table.take("n", int) if measured else 0
    rmse = table.number("rmse") if measured else None
    naive = table.number("naive_rmse") if measured else None
    table.close()
    return SkillStatement(data=data, n=n, rmse_d=rmse, naive_rmse_d=naive, verdict=verdict, source=source)


def _check_order(table: Table, stages: list[Stage]) -> None:
    for one, other in pairwise(stages):
        if not one.bbch < other.bbch:
            table.complain("phases", f"{other.name} has BBCH {other.bbch}, after {one.name} with {one.bbch}")


def _read_cultivars(table: Table, phases: tuple[Phase, ...]) -> dict[str, Cultivar]:
    return {name: _read_cultivar(name, inner, phases) for name, inner in table.each()}


def _read_cultivar(name: str, table: Table, phases: tuple[Phase, ...]) -> Cultivar:
    labels = {key: table.take(key, str) for key in ("label_ja", "label_en")}
    lengths: dict[str, Parameter] = {}
    if "lengths" in table:
        inner = table.table("lengths")
        for phase in phases:
            if phase.end in inner:
                lengths[phase.end] = read_parameter(inner, phase.end, phase.parameters["length"].unit)
                if lengths[phase.end].value <= 0:
                    inner.complain(phase.end, "must be above 0")
        inner.close()
    table.close()
    return Cultivar(name=name, **labels, lengths=lengths)
