"""A small crop in a text: what a lab's own file may look like."""

from __future__ import annotations


def number(value: float, unit: str) -> str:
    return f'{{ value = {value}, unit = "{unit}", source = "a test", certainty = "assumed" }}'


STAGE = """
[[phases.stages]]
name = "{name}"
bbch = {bbch}
label_ja = "期"
label_en = "stage"
{share}
[[phases.stages.errors]]
source = "a test"
certainty = "assumed"
unit = "d"
cultivar_sd = 1
site_sd = 1
year_sd = 1
site_year_sd = 1
noise_sd = 1
[[phases.stages.errors]]
source = "a test"
certainty = "assumed"
unit = "1"
conformal_scale = 1
[phases.stages.skill]
verdict = "unknown"
data = "none"
source = "a test"
"""

STRECK = f"""
name = "streck"
label_ja = "小麦"
label_en = "wheat"
sun_altitude = {number(-4, "deg")}
[cultivars]
[[phases]]
model = "thermal_time"
parameters.length = {number(120, "degC d")}
parameters.base = {number(0, "degC")}
parameters.cap = {number(30, "degC")}
{STAGE.format(name="emergence", bbch=10, share="")}
[[phases]]
model = "wang_engel"
parameters.length = {number(25, "d")}
parameters.minimum = {number(0, "degC")}
parameters.optimum = {number(24, "degC")}
parameters.maximum = {number(35, "degC")}
parameters.daylength_critical = {number(8, "h")}
parameters.daylength_optimum = {number(15, "h")}
parameters.vernalisation_half = {number(22.5, "d")}
parameters.vernalisation_exponent = {number(5, "1")}
parameters.vernalisation_minimum = {number(-1.3, "degC")}
parameters.vernalisation_optimum = {number(4.9, "degC")}
parameters.vernalisation_maximum = {number(15.7, "degC")}
parameters.vernalisation_until = {number(1, "1")}
{STAGE.format(name="jointing", bbch=31, share=f"share = {number(0.4, '1')}")}
{STAGE.format(name="heading", bbch=55, share="")}
"""
