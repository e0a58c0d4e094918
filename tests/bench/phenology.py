"""Stage models at full width: CPU and memory of many plantings under many weather members, PCSE's beside.

Every planting has its own sowing day, cultivar (length to heading) and site; members differ in weather. Then
the worst case, in which each planting has weather of its own, and PCSE for single plantings as the reference.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(threads, "1")

import numpy as np  # noqa: E402  after the threads are limited

from analytics.farm.phenology.simulation import Outcome, simulate  # noqa: E402
from analytics.library import crop  # noqa: E402

CHECKOUT = Path(__file__).parents[2]
DAYS = 330
SOWN_UNTIL = 30
LATITUDES = (42.0, 44.5)
OWN_AT_ONCE = 100
REFERENCE_S = 300


def weather(rng: np.random.Generator, rows: int, members: int) -> tuple[np.ndarray, np.ndarray]:
    """Make years from 10 September on, in a climate such as Obihiro's: a wave, and weather that lasts."""
    wave = 6.8 - 14.0 * np.cos(2.0 * np.pi * (np.arange(DAYS) + 253 - 22) / 365.0)
    spells = rng.normal(0.0, 1.5, (rows, members, DAYS))
    spells[..., 1:] += 0.7 * spells[..., :-1]
    mean = spells + wave + rng.normal(0.0, 1.0, (rows, 1, 1))
    return mean - 5.0, mean + 5.0


def daylengths(rows: int, altitude_deg: float) -> np.ndarray:
    """Give rough day lengths; their cost is not measured here."""
    latitude = np.radians(np.linspace(*LATITUDES, rows))[:, None]
    declination = -np.radians(23.45) * np.cos(2.0 * np.pi * (np.arange(DAYS) + 263) / 365.0)
    hour = np.sin(np.radians(altitude_deg)) - np.sin(latitude) * np.sin(declination)
    return 24.0 / np.pi * np.arccos(np.clip(hour / (np.cos(latitude) * np.cos(declination)), -1.0, 1.0))


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def measure_shared(plantings: int, members: int, sites: int, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    wheat = crop("wheat")
    tmin, tmax = weather(rng, sites, members)
    light = daylengths(sites, wheat.sun_altitude_deg or 0.0)
    start = rng.integers(0, SOWN_UNTIL, plantings)
    lengths = {"heading": rng.normal(620.0, 40.0, plantings)}
    site = rng.integers(0, sites, plantings)
    before_mb, cpu = peak_mb(), time.process_time()
    result = simulate(
        wheat,
        start=start,
        tmin=tmin,
        tmax=tmax,
        daylength_h=light,
        cultivar="kitahonami",
        weather_row=site,
        lengths=lengths,
    )
    cpu = time.process_time() - cpu
    return described(result.outcome, plantings * members, cpu) | {
        "sites": sites,
        "peak_mb": round(peak_mb()),
        "peak_mb_before": round(before_mb),
    }


def described(outcome: np.ndarray, seasons: int, cpu_s: float) -> dict[str, Any]:
    return {
        "cpu_s": round(cpu_s, 2),
        "us_per_season": round(cpu_s / seasons * 1e6, 2),
        "heading_reached": round(float((outcome[..., 4] == Outcome.REACHED).mean()), 4),
        "maturity_reached": round(float((outcome[..., -1] == Outcome.REACHED).mean()), 4),
    }


def measure_own(plantings: int, members: int, seed: int) -> dict[str, Any]:
    """Some at a time, since such weather does not fit into memory at once; making it is not timed."""
    rng = np.random.default_rng(seed)
    wheat = crop("wheat")
    cpu, outcomes = 0.0, []
    for first in range(0, plantings, OWN_AT_ONCE):
        count = min(OWN_AT_ONCE, plantings - first)
        tmin, tmax = weather(rng, count, members)
        light = daylengths(count, wheat.sun_altitude_deg or 0.0)
        lengths = {"heading": rng.normal(620.0, 40.0, count)}
        begun = time.process_time()
        result = simulate(
            wheat,
            start=rng.integers(0, SOWN_UNTIL, count),
            tmin=tmin,
            tmax=tmax,
            daylength_h=light,
            cultivar="kitahonami",
            lengths=lengths,
        )
        cpu += time.process_time() - begun
        outcomes.append(result.outcome)
    return described(np.concatenate(outcomes), plantings * members, cpu) | {"peak_mb": round(peak_mb())}


def measure_reference(seasons: int) -> dict[str, Any]:
    """Time PCSE in a process and a home of its own, since it builds a database in the latter."""
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.phenology", "--reference", str(seasons)],
            cwd=CHECKOUT,
            env=os.environ | {"HOME": home},
            capture_output=True,
            text=True,
            timeout=REFERENCE_S,
            check=True,
        )
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def run_reference(seasons: int) -> None:
    from tests.analytics.farm.phenology.pcse_reference import Season, quieten, run_season

    quieten()
    rng = np.random.default_rng(1)
    tmin, tmax = weather(rng, seasons, 1)
    wheat = crop("wheat")
    given = [
        Season(first_day="2001-09-10", latitude=43.0, start=5, tmin=low.tolist(), tmax=high.tolist())
        for low, high in zip(tmin[:, 0], tmax[:, 0], strict=True)
    ]
    run_season(wheat, given[0])
    cpu = time.process_time()
    for season in given:
        run_season(wheat, season)
    print(json.dumps({"seasons": seasons, "ms_per_season": (time.process_time() - cpu) / seasons * 1e3}))


def show(report: dict[str, Any]) -> None:
    for name in ("shared", "own"):
        if part := report.get(name):
            print(
                f"{name} weather: {part['cpu_s']} s of CPU, {part['us_per_season']} µs a season, "
                f"peak {part['peak_mb']} MB, heading reached {part['heading_reached']:.1%}, "
                f"maturity {part['maturity_reached']:.1%}"
            )
    if part := report.get("pcse"):
        print(
            f"PCSE: {part['ms_per_season']:.1f} ms a season, "
            f"{part['times']:,.0f} times ours with shared weather"
        )


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./chiiki bench phenology", description=__doc__)
    parser.add_argument("--plantings", type=int, default=10_000)
    parser.add_argument("--members", type=int, default=100)
    parser.add_argument("--sites", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--own", type=int, help="plantings with weather of their own (as many; 0 leaves it out)"
    )
    parser.add_argument("--pcse", type=int, default=20, help="seasons for PCSE to run (0 leaves it out)")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--reference", type=int, help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    args = parse(argv)
    if args.reference:
        run_reference(args.reference)
        return 0
    report: dict[str, Any] = {"plantings": args.plantings, "members": args.members, "days": DAYS}
    report["shared"] = measure_shared(args.plantings, args.members, args.sites, args.seed)
    own = args.plantings if args.own is None else args.own
    if own:
        report["own"] = {"plantings": own} | measure_own(own, args.members, args.seed)
    if args.pcse:
        pcse = measure_reference(args.pcse)
        report["pcse"] = pcse | {"times": pcse["ms_per_season"] * 1e3 / report["shared"]["us_per_season"]}
    if args.json:
        print(json.dumps(report))
    else:
        show(report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
