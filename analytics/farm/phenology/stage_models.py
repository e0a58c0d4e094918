"""The stage models that a crop's parameter file may name, the parameters of each and their units.

Each is a rate of the day, temperature x photoperiod x vernalisation, summed until the phase's ``length``:

============= ============================= ======================= =====================
model         temperature                   photoperiod             vernalisation
============= ============================= ======================= =====================
thermal_time  degree days, base and cap     optional                --
wofost        degree days, base and cap     optional                optional, trapezoid
wang_engel    Wang-Engel's beta, 0 to 1     optional                optional, Streck's
yan_hunt      Yan-Hunt's beta, 0 to 1       optional                --
============= ============================= ======================= =====================

An optional group is given whole or not at all. The length is in degC d for the first two and in days at the
optimum for the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analytics.farm.phenology.responses import streck_factor, yan_hunt
from analytics.farm.phenology.thermal_time import thermal_rate
from analytics.farm.phenology.wofost import photoperiod_factor, vernalisation_factor, vernalisation_rate
from analytics.farm.weather.vernalisation import wang_engel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    from analytics.farm.phenology.crop import Phase

    Values = Mapping[str, float]
    Response = tuple[str, tuple[float, ...]]

LINEAR = {"length": "degC d", "base": "degC", "cap": "degC"}
PHOTOPERIOD = {"daylength_critical": "h", "daylength_optimum": "h"}
TRAPEZOID = {
    "vernalisation_base": "d",
    "vernalisation_saturated": "d",
    "vernalisation_cold_zero": "degC",
    "vernalisation_cold_full": "degC",
    "vernalisation_warm_full": "degC",
    "vernalisation_warm_zero": "degC",
    "vernalisation_until": "1",
}
STRECK = {
    "vernalisation_half": "d",
    "vernalisation_exponent": "1",
    "vernalisation_minimum": "degC",
    "vernalisation_optimum": "degC",
    "vernalisation_maximum": "degC",
    "vernalisation_until": "1",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StageModel:
    """How one phase develops; `rising` names parameters that must rise in that order."""

    required: Mapping[str, str]
    optional: tuple[Mapping[str, str], ...]
    rising: tuple[tuple[str, ...], ...]
    temperature: Callable[[Array, Values], Array]
    cold: Callable[[Array, Values], Array]
    vernalised: Callable[[Array, Values], Array]

    @property
    def shape(self) -> tuple[str, ...]:
        """The parameters of its response to temperature."""
        return tuple(key for key in self.required if key != "length")


def rate(model: StageModel, values: Values, temperature: Array, daylength_h: Array | None) -> Array:
    """Development of each day, without vernalisation.

    Parameters
    ----------
    temperature : float64[..., D], deg C
    daylength_h : float64[..., D], h
        Broadcast against the temperature; read only where the parameters have a photoperiod.

    Returns
    -------
    float64[..., D], in the unit of the phase's length
    """
    daily = model.temperature(temperature, values)
    if "daylength_critical" in values:
        assert daylength_h is not None
        daily *= photoperiod_factor(daylength_h, values["daylength_critical"], values["daylength_optimum"])
    return daily


def response_of(phase: Phase) -> Response:
    """Name a phase's response to temperature and day length: the same for phases whose `rate` is the same."""
    needed = (*MODELS[phase.model].shape, *PHOTOPERIOD)
    values = phase.values()
    return MODELS[phase.model].temperature.__name__, tuple(values[key] for key in needed if key in values)


def is_vernalised(values: Values) -> bool:
    """Tell whether a phase waits for cold."""
    return "vernalisation_until" in values


def _linear(temperature: Array, values: Values) -> Array:
    return thermal_rate(temperature, values["base"], values["cap"])


def _wang_engel(temperature: Array, values: Values) -> Array:
    return wang_engel(temperature, (values["minimum"], values["optimum"], values["maximum"]))


def _yan_hunt(temperature: Array, values: Values) -> Array:
    return yan_hunt(temperature, values["optimum"], values["maximum"])


def _trapezoid_cold(temperature: Array, values: Values) -> Array:
    corners = ("cold_zero", "cold_full", "warm_full", "warm_zero")
    return vernalisation_rate(temperature, *(values[f"vernalisation_{corner}"] for corner in corners))


def _trapezoid_factor(days: Array, values: Values) -> Array:
    return vernalisation_factor(days, values["vernalisation_base"], values["vernalisation_saturated"])


def _streck_cold(temperature: Array, values: Values) -> Array:
    least, best, greatest = (values[f"vernalisation_{name}"] for name in CARDINAL)
    return wang_engel(temperature, (least, best, greatest))


def _streck_factor(days: Array, values: Values) -> Array:
    return streck_factor(days, values["vernalisation_half"], values["vernalisation_exponent"])


def _no_cold(temperature: Array, _: Values) -> Array:
    return np.zeros_like(temperature)


def _no_wait(days: Array, _: Values) -> Array:
    return np.ones_like(days)


BASE_BELOW_CAP = ("base", "cap")
SHORT_BELOW_LONG = ("daylength_critical", "daylength_optimum")
CARDINAL = ("minimum", "optimum", "maximum")

MODELS: dict[str, StageModel] = {
    "thermal_time": StageModel(
        required=LINEAR,
        optional=(PHOTOPERIOD,),
        rising=(BASE_BELOW_CAP, SHORT_BELOW_LONG),
        temperature=_linear,
        cold=_no_cold,
        vernalised=_no_wait,
    ),
    "wofost": StageModel(
        required=LINEAR,
        optional=(PHOTOPERIOD, TRAPEZOID),
        rising=(
            BASE_BELOW_CAP,
            SHORT_BELOW_LONG,
            ("vernalisation_base", "vernalisation_saturated"),
            tuple(key for key, unit in TRAPEZOID.items() if unit == "degC"),
        ),
        temperature=_linear,
        cold=_trapezoid_cold,
        vernalised=_trapezoid_factor,
    ),
    "wang_engel": StageModel(
        required={"length": "d"} | dict.fromkeys(CARDINAL, "degC"),
        optional=(PHOTOPERIOD, STRECK),
        rising=(CARDINAL, SHORT_BELOW_LONG, tuple(f"vernalisation_{name}" for name in CARDINAL)),
        temperature=_wang_engel,
        cold=_streck_cold,
        vernalised=_streck_factor,
    ),
    "yan_hunt": StageModel(
        required={"length": "d", "optimum": "degC", "maximum": "degC"},
        optional=(PHOTOPERIOD,),
        rising=(("optimum", "maximum"), SHORT_BELOW_LONG),
        temperature=_yan_hunt,
        cold=_no_cold,
        vernalised=_no_wait,
    ),
}
