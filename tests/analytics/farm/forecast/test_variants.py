"""Plausible sets of parameters at a lab's stations: a cultivar's dates stay, in the mean, where they were."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from analytics.farm.forecast.assembly import forecast
from analytics.farm.forecast.lessons import ASSUMED_LENGTH_SD_D
from analytics.farm.forecast.outlooks import spread_courses
from analytics.farm.forecast.predict import SOWING, Grown, grow, simulate_stages
from analytics.farm.forecast.records import keep_records
from analytics.farm.forecast.season import Case, Sighting
from analytics.farm.forecast.variants import Variants, lay_variants, name_cultivar
from analytics.library import crop
from tests.analytics.farm.forecast.lab_of_wheat import WHEAT, case, each_with, grown, planting, station

SOWN = date(2024, 9, 20)
TODAY = date(2025, 6, 1)
STEM, HEADING, MATURITY = (WHEAT.place(name) for name in ("stem_elongation", "heading", "maturity"))


def lay(lab: Case) -> tuple[Variants, Grown]:
    records = keep_records(lab)
    variants, field = lay_variants(lab, records), lab.plantings[0]
    weather = spread_courses(lab, records, field).normal
    return variants, grow(lab.crop, field, weather, records["north"].station, variants)


@pytest.fixture(scope="module")
def laid() -> tuple[Variants, Grown]:
    return lay(case(SOWN, [planting(1, 2025, current=True, cultivar="kitahonami")]))


def test_stages_keep_their_mean_days(laid: tuple[Variants, Grown]) -> None:
    variants, each = laid
    (one,) = simulate_stages([WHEAT], [replace(each, lengths={})], [each.weather], SOWING)
    (many,) = simulate_stages(variants.sets, [each], [each.weather], SOWING)
    moved = (many - one).mean(axis=0)
    assert np.abs(moved[[0, HEADING, MATURITY]]).max() < 0.2
    assert np.abs(moved[STEM]) < 0.5
    assert np.abs(many - one)[:, HEADING].max() > 0.3  # single years do differ


def test_a_forecast_from_a_stage_seen_is_not_shifted(laid: tuple[Variants, Grown]) -> None:
    """Seen on its usual day; without moved shares heading comes 1.3 days too early."""
    variants, each = laid
    (unseen,) = simulate_stages([WHEAT], [replace(each, lengths={})], [each.weather], SOWING)
    seen = np.full(len(WHEAT.stages), np.nan)
    seen[STEM] = round(float(unseen[:, STEM].mean()))
    each = replace(each, seen=seen)
    (one,) = simulate_stages([WHEAT], [replace(each, lengths={})], [each.weather], STEM)
    (many,) = simulate_stages(variants.sets, [each], [each.weather], STEM)
    assert abs((many - one)[:, HEADING].mean()) < 0.4


def test_one_set_alone_is_the_crops_own() -> None:
    variants, _ = lay(replace(case(SOWN, [planting(1, 2025, current=True)]), crop=crop("garlic")))
    assert (variants.sets, variants.lengths) == ((crop("garlic"),), {})


@pytest.mark.parametrize(
    ("latitude", "longitude", "entry"),
    [(43.0, 143.0, "hokkaido"), (36.0, 140.0, ""), (46.6, 6.6, ""), (None, None, "")],
)
def test_an_unknown_cultivar_is_taken_for_one_of_hokkaido_only_there(
    latitude: float | None, longitude: float | None, entry: str
) -> None:
    assert name_cultivar(WHEAT, "somebody's own", latitude, longitude) == entry
    assert name_cultivar(WHEAT, "Kitahonami", latitude, longitude) == "kitahonami"
    assert name_cultivar(crop("potato"), "", latitude, longitude) in {"", "hokkaido"}


def test_an_assumed_length_widens_until_the_cultivar_was_seen() -> None:
    """Two seasons of the cultivar take most of the doubt away."""
    now = planting(1, 2025, current=True, cultivar="kitahonami")
    past = [grown(planting(season, season, cultivar="kitahonami"), 0.0) for season in (2022, 2023)]
    (alone,), (taught,) = (forecast(case(TODAY, [*before, now])) for before in ([], past))
    spread = [one.spread_d for told in (alone, taught) for one in told.stages if one.stage == "heading"]
    assert spread[0] > np.hypot(WHEAT.errors["heading"].cultivar_sd_d, ASSUMED_LENGTH_SD_D)
    assert spread[1] < spread[0] - 1.0


def test_what_a_forecast_rests_on() -> None:
    """A stage of the field's own counts once; days that were brought are not called measured."""
    here = station("north", TODAY)
    brought = np.zeros(len(here.tmin), np.bool_)
    brought[-30:] = True
    here = replace(here, brought=brought)
    seen = each_with(planting(1, 2025, current=True), [Sighting(bbch=31, day=date(2025, 5, 14))])
    (told,) = forecast(case(TODAY, [seen], stations={"north": here}))
    assert told.basis.days_filled == {"measured": (TODAY - SOWN).days - 30, "brought": 30}
    assert (told.basis.observations, told.basis.seasons) == (1, (2025,))
    assert (told.basis.parameter_sets, told.model) == (16, "stages wheat, mean of 16 parameter sets")
