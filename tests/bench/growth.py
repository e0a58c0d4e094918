"""How good growth forecasts are, on a folder of field trials: ``./chiiki bench growth --data DIR``.

A folder like `wheat_swiss` (obs.csv with site, harvest_year, variety, sowing, heading; sites.csv with site, lat, lon;
weather.csv with site, date, tmin_c, tmax_c) is judged by heading; one like `potato_dssat` (phenology.csv, growth.csv,
weather.csv) by emergence, tuber initiation and tuber mass. Without ``--train-until`` each harvest year is
left out in turn; with it the years up to it are learnt from and those after it forecast.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

from analytics import library
from analytics.farm.backtest import Bench, Ledger, leave_one_out, train_until
from analytics.farm.scores import judge_skill
from analytics.farm.stage_methods import MIDWINTER_SOUTH_D, degree_days, mean_date, ours
from tests.bench._wheat_folder import Folder, FolderError, read_folder

LEADS = (60, 30, 14, 0)


def main(argv):
    parser = argparse.ArgumentParser(
        prog="./chiiki bench growth",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="folder with the trials")
    parser.add_argument("--train-until", type=int, metavar="YEAR", help="last harvest year to learn from")
    parser.add_argument(
        "--least",
        type=int,
        default=15,
        metavar="N",
        help="score varieties with at least so many observations (15)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)
    begun = time.perf_counter()
    try:
        found = measure_wheat(args)
    except FolderError as error:
        print(f"chiiki bench growth: {error}", file=sys.stderr)
        return 1
    found["seconds"] = round(time.perf_counter() - begun, 1)
    print(json.dumps(found, indent=2) if args.json else show(found))
    return 0


def measure_wheat(args):
    crop = library.crop("wheat")
    folder = read_folder(args.data, crop.sun_altitude_deg)
    trials = folder.trials
    count = np.bincount(trials.cultivar)
    scored = count[trials.cultivar] >= args.least
    if not scored.any():
        raise FolderError(
            f"no variety has {args.least} observations of heading (the most is {count.max()}): --least lowers that"
        )
    splits = make_splits(args, folder, scored)
    ground = {}

    def ground_of(years):
        if years not in ground:
            ground[years] = folder.without(years)
        return ground[years]

    def january(sowings):
        return folder.january(sowings.year)

    def midwinter(sowings):
        return folder.january(sowings.year) + np.where(
            folder.latitude[sowings.site] < 0, MIDWINTER_SOUTH_D, 0
        )

    methods = {
        "mean_date": mean_date(january, by_site=False),
        "site_mean_date": mean_date(january, by_site=True),
        "degree_days": degree_days("heading", midwinter),
        "ours": ours(crop, "heading"),
    }
    results = {}
    for name, method in methods.items():
        bench = Bench(
            method=method,
            trials=trials,
            ground_of=ground_of,
            scored=scored,
            leads=LEADS if method.variants else (0,),
        )
        ledger = Ledger()
        t = time.perf_counter()
        for split in splits:
            bench.run(split, ledger)
        print(name, round(time.perf_counter() - t, 1), file=sys.stderr)
        results[name] = ledger
    naive = results["site_mean_date"].get("lead_0")
    found = {
        "data": str(args.data),
        "validation": "leave one year out"
        if args.train_until is None
        else f"trained until {args.train_until}",
        "observations": len(trials),
        "varieties_scored": int((count >= args.least).sum()),
        "notes": list(folder.notes),
        "methods": {
            name: {case: ledger.get(case).summary() for case in ledger.parts}
            for name, ledger in results.items()
        },
    }
    skill = {}
    for case in ("lead_60", "lead_30", "lead_14", "lead_0"):
        result = results["ours"].get(case)
        assert (result.place == naive.place).all()
        ok = np.isfinite(result.error) & np.isfinite(naive.error)
        got = judge_skill(result.error[ok], naive.error[ok], trials.year[result.place][ok])
        skill[case] = {
            "verdict": got.verdict.value,
            "value": got.value,
            "low": got.low,
            "high": got.high,
            "seasons": got.clusters,
        }
    found["skill"] = skill
    return found


def make_splits(args, folder, scored):
    years = np.unique(folder.trials.year)
    if args.train_until is None:
        if len(years) < 2:
            raise FolderError(f"only harvest year {years[0]} is there: leaving one out takes two")
        return leave_one_out(folder.trials, folder.weather_years)
    split = train_until(folder.trials, folder.weather_years, args.train_until)
    if not split[0].training.any() or not (split[0].tested & scored).any():
        raise FolderError(
            f"--train-until {args.train_until}: the harvest years are {years[0]} to {years[-1]}; nothing to learn from, or nothing to test"
        )
    return split


def show(found):
    lines = [
        f"{found['data']}: {found['validation']}, {found['observations']} observations, {found['varieties_scored']} varieties scored",
        *found["notes"],
        "",
    ]
    lines.append(f"{'':34}{'RMSE':>7}{'MAE':>7}{'bias':>7}{'CRPS':>7}{'cover':>7}{'half':>7}{'n':>8}")
    for name, cases in found["methods"].items():
        for case, s in cases.items():
            if s["n"]:
                lines.append(
                    f"{name + ' ' + case:34}"
                    + "".join(
                        f"{s[k]:7.2f}"
                        for k in ("rmse_d", "mae_d", "bias_d", "crps_d", "coverage_80", "half_width_d")
                    )
                    + f"{s['n']:8}"
                )
    return "\n".join(
        [
            *lines,
            "",
            *(f"skill {case}: {s['verdict']} {s['value']}" for case, s in found["skill"].items()),
            f"{found['seconds']} s",
        ]
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
