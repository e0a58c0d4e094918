"""How good growth forecasts are, on a folder of field trials: ``./chiiki bench growth --data DIR``.

A folder like `wheat_swiss` is judged by heading: obs.csv with site, harvest_year, variety, sowing, heading;
sites.csv with site, lat, lon; weather.csv with site, date, tmin_c, tmax_c. One like `potato_dssat`, with
phenology.csv, growth.csv and weather.csv, is judged by emergence, tuber initiation and tuber mass. Without
``--train-until`` each harvest year is left out in turn; with it the years up to it are learnt from and those
after it forecast.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from analytics import library
from analytics.farm.calibration.backtest import Bench, Ledger, leave_one_out, train_until
from analytics.farm.calibration.scores import judge_skill
from analytics.farm.calibration.stage_methods import MIDWINTER_SOUTH_D, degree_days, mean_date, ours
from analytics.farm.errors import FarmError
from tests.bench._potato_folder import measure_potato
from tests.bench._wheat_folder import FolderError, read_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analytics.farm.calibration.backtest import Split
    from analytics.farm.calibration.stage_forecasts import Method
    from analytics.farm.calibration.trials import Sowings, Trials
    from analytics.farm.phenology.crop import Crop
    from tests.bench._wheat_folder import Folder

COLUMNS = ("rmse_d", "mae_d", "bias_d", "crps_d", "coverage_80", "half_width_d")
LEADS = (60, 30, 14, 0)


def main(argv: list[str]) -> int:
    """Run the measurement."""
    args = parse(argv)
    begun = time.perf_counter()
    try:
        if (args.data / "phenology.csv").is_file():
            found = measure_potato(args.data)
        else:
            found = measure_wheat(args.data, until=args.train_until, least=args.least)
    except (FolderError, FarmError) as error:
        print(f"chiiki bench growth: {error}", file=sys.stderr)
        return 1
    found["seconds"] = round(time.perf_counter() - begun, 1)
    print(json.dumps(found, indent=2, allow_nan=False) if args.json else "\n".join(show(found)))
    return 0


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./chiiki bench growth",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="folder with the trials")
    parser.add_argument("--train-until", type=int, metavar="YEAR", help="last harvest year to learn from")
    parser.add_argument(
        "--least", type=int, default=15, metavar="N", help="score varieties seen at least so often (15)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args(argv)


def measure_wheat(data: Path, *, until: int | None, least: int = 15) -> dict[str, Any]:
    """Judge heading on a folder like `wheat_swiss`."""
    crop = library.crop("wheat")
    folder = read_folder(data, crop.sun_altitude_deg or 0.0)
    trials = folder.trials
    count = np.bincount(trials.cultivar)
    scored = count[trials.cultivar] >= least
    if not scored.any():
        raise FolderError(
            f"no variety has {least} observations of heading (the most is {count.max()}): --least lowers that"
        )
    splits = make_splits(folder, scored, until)
    ledgers = {}
    for method in methods(crop, folder):
        leads = LEADS if method.variants else (0,)
        ledgers[method.name] = run(
            Bench(method=method, trials=trials, ground_of=cache(folder.without), scored=scored, leads=leads),
            splits,
        )
    known = np.isin(trials.cultivar, trials.cultivar[splits[0].training]) if until is not None else None
    return {
        "data": str(data),
        "validation": "leave one harvest year out" if until is None else f"trained until {until}",
        "observations": len(trials),
        "varieties_scored": int((count >= least).sum()),
        "notes": list(folder.notes),
        "methods": {name: summaries(ledger, known) for name, ledger in ledgers.items()},
        "skill": skills(ledgers, trials),
    }


def methods(crop: Crop, folder: Folder) -> list[Method]:
    def january(sowings: Sowings) -> np.ndarray:
        return folder.january(sowings.year)

    def midwinter(sowings: Sowings) -> np.ndarray:
        south = folder.latitude[sowings.site] < 0
        return folder.january(sowings.year) + np.where(south, MIDWINTER_SOUTH_D, 0)

    return [
        mean_date(january, by_site=False),
        mean_date(january, by_site=True),
        degree_days("heading", midwinter),
        ours(crop, "heading"),
    ]


def run(bench: Bench, splits: list[Split]) -> Ledger:
    ledger = Ledger()
    for number, split in enumerate(splits):
        if sys.stderr.isatty():
            print(f"\r  {bench.method.name}: {number + 1} of {len(splits)}  ", end="", file=sys.stderr)
        bench.run(split, ledger)
    if not bench.method.variants:  # a mean date is the same however far ahead
        ledger.parts |= {f"lead_{lead}": ledger.parts["lead_0"] for lead in LEADS}
    return ledger


def summaries(ledger: Ledger, known: np.ndarray | None) -> dict[str, Any]:
    """Score each case; after a training period also for the varieties that were seen in it."""
    found: dict[str, Any] = {}
    for case in ledger.parts:
        result = ledger.get(case)
        found[case] = result.summary()
        if known is not None:
            found[case + "_known_varieties"] = result.take(known[result.place]).summary()
    return found


def skills(ledgers: dict[str, Ledger], trials: Trials) -> dict[str, Any]:
    naive = ledgers["site_mean_date"].get("lead_0")
    found = {}
    for lead in LEADS:
        result = ledgers["ours"].get(f"lead_{lead}")
        whole = np.isfinite(result.error) & np.isfinite(naive.error)
        skill = judge_skill(result.error[whole], naive.error[whole], trials.year[result.place[whole]])
        found[f"lead_{lead}"] = asdict(skill)
    return found


def make_splits(folder: Folder, scored: np.ndarray, until: int | None) -> list[Split]:
    years = np.unique(folder.trials.year)
    if until is None:
        if len(years) < 2:
            raise FolderError(f"only harvest year {years[0]} is there: leaving one out takes two")
        return leave_one_out(folder.trials, folder.weather_years)
    split = train_until(folder.trials, folder.weather_years, until)
    if not split[0].training.any() or not (split[0].tested & scored).any():
        raise FolderError(
            f"--train-until {until}: nothing to learn from or to test in {years[0]} to {years[-1]}"
        )
    return split


def show(found: dict[str, Any]) -> Iterator[str]:
    """Write the findings as a table."""
    yield f"{found['data']}: {found['validation']}"
    yield from found.get("notes", ())
    if "stages" in found:
        yield json.dumps({name: found[name] for name in ("stages", "tuber_mass")}, indent=2)
        return
    yield f"{'':46}{'RMSE':>7}{'MAE':>7}{'bias':>7}{'CRPS':>7}{'cover':>7}{'± d':>7}{'n':>8}"
    for method, cases in found["methods"].items():
        for case, scores in cases.items():
            if scores["n"]:
                figures = "".join(f"{scores[column]:7.2f}" for column in COLUMNS)
                yield f"{method + ' ' + case:46}{figures}{scores['n']:8}"
    for case, skill in found["skill"].items():
        value = (
            ""
            if skill["value"] is None
            else f" {skill['value']:.2f} ({skill['low']:.2f} to {skill['high']:.2f})"
        )
        yield f"{case}: {skill['verdict']}{value}, {skill['clusters']} seasons"
    yield f"{found['seconds']} s"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
