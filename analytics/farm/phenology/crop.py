"""Crops as their parameter files describe them: stages, phases, cultivars, errors and measured skill.

A file (`crops/*.toml`; a lab may bring its own) holds ``name``, ``label_ja``, ``label_en``, with a
photoperiod ``sun_altitude``, and in the order in which a crop runs through them ``[[phases]]`` with the
``[[phases.stages]]`` that fall into each. Every number has its value, unit, source and certainty; `crop_file`
reads it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from analytics.farm.errors import CropError

if TYPE_CHECKING:
    from collections.abc import Mapping

Certainty = Literal["measured", "published", "secondary", "assumed"]
Verdict = Literal["skill", "some", "none", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A number and how it is known.

    *measured*: fitted here to field data; *published*: read in its source; *secondary*: read elsewhere than
    in its source; *assumed*: a rule of thumb.
    """

    value: float
    unit: str
    source: str
    certainty: Certainty


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stage that people observe."""

    name: str
    bbch: int
    label_ja: str
    label_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StageError:
    """Standard deviations of what the model does not know, in days.

    `conformal_scale` widens intervals so that they hold what they promise; `certainty` tells it number by
    number.
    """

    cultivar_sd_d: float
    site_sd_d: float
    year_sd_d: float
    site_year_sd_d: float
    noise_sd_d: float
    conformal_scale: float
    source: str
    certainty: Mapping[str, Certainty] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillStatement:
    """How good the model has been on field data, against the mean date.

    `has_skill` is None where nobody has measured it; `verdict` says the same in a word.
    """

    data: str
    n: int
    rmse_d: float | None
    naive_rmse_d: float | None
    verdict: Verdict
    source: str

    @property
    def has_skill(self) -> bool | None:
        """True, False, or None for not measured."""
        return None if self.verdict == "unknown" else self.verdict != "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """From the end of the phase before (or sowing) to the stage `end`, by one stage model.

    `shares` gives, for each of its stages, the share of the phase's development at which it is reached; the
    last is 1.
    """

    end: str
    model: str
    parameters: Mapping[str, Parameter]
    shares: Mapping[str, Parameter]

    def values(self) -> dict[str, float]:
        """Give the bare numbers."""
        return {key: parameter.value for key, parameter in self.parameters.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cultivar:
    """A cultivar; `lengths` holds the phases, by their end, whose length differs from the crop's."""

    name: str
    label_ja: str
    label_en: str
    lengths: Mapping[str, Parameter]


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """All that is known of one crop's development."""

    name: str
    label_ja: str
    label_en: str
    sun_altitude: Parameter | None
    stages: tuple[Stage, ...]
    phases: tuple[Phase, ...]
    cultivars: Mapping[str, Cultivar]
    errors: Mapping[str, StageError]
    skill: Mapping[str, SkillStatement]

    @property
    def stage_names(self) -> tuple[str, ...]:
        """Names of the stages, in order."""
        return tuple(stage.name for stage in self.stages)

    @property
    def sun_altitude_deg(self) -> float | None:
        """Height of the sun at which this crop's day begins, degrees; None without a photoperiod."""
        return None if self.sun_altitude is None else self.sun_altitude.value

    def place(self, stage: str) -> int:
        """Give a stage's index.

        Raises
        ------
        CropError
            The crop has no such stage.
        """
        if stage not in self.stage_names:
            raise CropError(self.name, stage, f"no such stage: one of {', '.join(self.stage_names)}")
        return self.stage_names.index(stage)

    def length(self, phase: Phase, cultivar: str | None) -> Parameter:
        """Give the length of a phase for a cultivar; the crop's own for one that the file does not know."""
        known = self.find_cultivar(cultivar)
        own = known.lengths.get(phase.end) if known else None
        return own or phase.parameters["length"]

    def find_cultivar(self, name: str | None) -> Cultivar | None:
        """Find a cultivar by its name or one of its labels, as people write them; None if there is none."""
        wanted = (name or "").strip().casefold()
        for cultivar in self.cultivars.values():
            labels = (cultivar.name, cultivar.label_ja, cultivar.label_en)
            if wanted in {label.casefold() for label in labels}:
                return cultivar
        return None

    def adjust(self, stage: str, source: str, **values: float) -> Crop:
        """Give a copy with other parameters in the phase that ends with a stage, for a calibration.

        Raises
        ------
        CropError
            No phase ends with that stage, or it has no such parameter.
        """
        if stage not in {phase.end for phase in self.phases}:
            raise CropError(self.name, stage, "no phase ends with that stage")
        return replace(
            self,
            phases=tuple(
                _adjusted(self.name, phase, source, values) if phase.end == stage else phase
                for phase in self.phases
            ),
        )


def _adjusted(crop: str, phase: Phase, source: str, values: Mapping[str, float]) -> Phase:
    changed = dict(phase.parameters)
    for key, value in values.items():
        if key not in changed:
            raise CropError(crop, f"{phase.end}.{key}", "the phase has no such parameter")
        changed[key] = replace(changed[key], value=value, source=source, certainty="measured")
    return replace(phase, parameters=changed)


def parse_crop(text: str, name: str) -> Crop:
    """Read and check a parameter file.

    Parameters
    ----------
    text : str
        TOML, as in `analytics/farm/crops`.
    name : str
        What the file is called, without its ending; its ``name`` must be the same.

    Raises
    ------
    CropError
        Names the key and what is wrong with it: unknown or missing keys, numbers that are not numbers,
        units other than the model's, stages or temperatures out of order.
    """
    from analytics.farm.phenology.crop_file import read_crop  # noqa: PLC0415  it builds what is declared above

    return read_crop(text, name)
