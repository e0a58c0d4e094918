"""A day of many units: confusion matrices beside scikit-learn's, and all statistics of the lots and units.

Units sort lots of fish of two sexes; some fish of each lot are checked, more where the unit is in doubt.
Timed is CPU time on one core: the confusion matrix of a million events; then for each lot its counts,
composition, sizes and value, and for each unit its quality, calibration scores, charts, throughput and
history.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(threads, "1")

import numpy as np  # noqa: E402  after the threads are limited

from analytics.fish import drift  # noqa: E402
from analytics.fish.composition import compose  # noqa: E402
from analytics.fish.confusion import confusion  # noqa: E402
from analytics.fish.decision import lot_value  # noqa: E402
from analytics.fish.events import checked, tally  # noqa: E402
from analytics.fish.history import Session, learn  # noqa: E402
from analytics.fish.quality import assess  # noqa: E402
from analytics.fish.reliability import brier, calibration_error, log_loss  # noqa: E402
from analytics.fish.sampling import choose  # noqa: E402
from analytics.fish.sizes import sizes  # noqa: E402
from analytics.fish.throughput import throughput  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")
NAMES = ("milt", "roe")
DISTANCE = 1.25
PRICES = (600.0, 200.0)
REPEATS = 7


@dataclass
class Spent:
    """CPU seconds by what they were spent on."""

    seconds: dict[str, float] = field(default_factory=dict)

    def on(self, what: str, run: Callable[[], T]) -> T:
        begun = time.process_time()
        result = run()
        self.seconds[what] = self.seconds.get(what, 0.0) + time.process_time() - begun
        return result


def best_ms(run: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        run()
        times.append(time.perf_counter() - begun)
    return min(times) * 1e3


def measure_confusion(events: int, seed: int) -> dict[str, float]:
    from sklearn.metrics import confusion_matrix

    rng = np.random.default_rng(seed)
    true = rng.integers(0, 3, events)
    called = np.where(rng.random(events) < 0.9, true, rng.integers(0, 3, events))
    assert (confusion(true, called, 3) == confusion_matrix(true, called)).all()
    small = true.astype(np.uint8), called.astype(np.uint8)
    return {
        "ours_int64_ms": round(best_ms(lambda: confusion(true, called, 3)), 2),
        "ours_uint8_ms": round(best_ms(lambda: confusion(*small, 3)), 2),
        "scikit_learn_ms": round(best_ms(lambda: confusion_matrix(true, called)), 1),
    }


def fish(rng: np.random.Generator, n: int, milt: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Make fish: true classes, calibrated probabilities, weights in kg."""
    true = (rng.random(n) >= milt).astype(np.int64)
    score = 2 * DISTANCE * (np.where(true == 1, DISTANCE, -DISTANCE) + rng.standard_normal(n))
    roe = 1 / (1 + np.exp(-score))
    return true, np.stack([1 - roe, roe], axis=1), rng.gamma(20.0, 0.2, n) + 0.5 * true


def lots_of(events: int, lot_fish: int) -> Iterator[slice]:
    for first in range(0, events, lot_fish):
        yield slice(first, min(first + lot_fish, events))


def run_unit(spent: Spent, rng: np.random.Generator, events: int, lot_fish: int, checks: int) -> float:
    """Describe one unit's day; gives the share of its lots whose interval holds the truth."""
    true, p, weight = fish(rng, events, rng.uniform(0.2, 0.8))
    at = np.cumsum(rng.exponential(0.6, events))
    past_true, past, _ = fish(rng, 300, 0.5)
    called, sure = p.argmax(axis=1), p.max(axis=1)
    unit = spent.on("history", lambda: learn([Session(checks=checked(past, past_true), age_d=3)], 2))
    start = spent.on("charts", lambda: drift.baseline(p[:2000], NAMES))
    covered, every, chances = [], [], []
    for lot in lots_of(events, lot_fish):
        chosen = spent.on(
            "sampling", lambda lot=lot: choose(called[lot], sure[lot], checks, classes=2, seed=rng)
        )
        by_hand = np.zeros(lot.stop - lot.start, bool)
        by_hand[chosen.index] = True
        every.append(lot.start + chosen.index)
        chances.append(chosen.chance)
        covered.append(describe_lot(spent, unit, true[lot], p[lot], weight=weight[lot], by_hand=by_hand))
    index, chance = np.concatenate(every), np.concatenate(chances)
    describe_unit(spent, start, true, p, index=index, chance=chance)
    spent.on("throughput", lambda: throughput(at))
    return float(np.mean(covered))


def describe_lot(
    spent: Spent, unit: Any, true: np.ndarray, p: np.ndarray, *, weight: np.ndarray, by_hand: np.ndarray
) -> bool:
    spent.on("counts", lambda: np.bincount(p.argmax(axis=1), minlength=2))
    summed, checks = spent.on("tally", lambda: (tally(p[~by_hand]), checked(p[by_hand], true[by_hand])))
    told = spent.on("composition", lambda: compose(summed, unit, checks=checks))
    sized = spent.on("sizes", lambda: sizes(weight, p))
    spent.on(
        "value",
        lambda: lot_value(told.draws, told.fish, weight_kg=sized.mean, weight_se=sized.se, price=PRICES),
    )
    return bool(told.low[0] <= np.mean(true == 0) <= told.high[0])


def describe_unit(
    spent: Spent,
    start: drift.Baseline,
    true: np.ndarray,
    p: np.ndarray,
    *,
    index: np.ndarray,
    chance: np.ndarray,
) -> None:
    seen, said = true[index], p[index]
    spent.on("quality", lambda: assess(seen, said.argmax(axis=1), NAMES, chance=chance))
    weight = 1 / chance
    spent.on(
        "calibration scores",
        lambda: (
            brier(said, seen, weight=weight),
            log_loss(said, seen, weight=weight),
            calibration_error(said, seen, weight=weight),
        ),
    )
    spent.on("charts", lambda: drift.watch(drift.begin(start), start, p))


def measure_day(units: int, events: int, lot_fish: int, checks: int, seed: int) -> dict[str, Any]:
    rng, spent = np.random.default_rng(seed), Spent()
    covered = [run_unit(spent, rng, events, lot_fish, checks) for _ in range(units)]
    lots = units * -(-events // lot_fish)
    return {
        "units": units,
        "events": units * events,
        "lots": lots,
        "cpu_s": round(sum(spent.seconds.values()), 2),
        "cpu_s_by_part": {what: round(s, 3) for what, s in spent.seconds.items()},
        "composition_ms_per_lot": round(spent.seconds["composition"] / lots * 1e3, 1),
        "coverage": round(float(np.mean(covered)), 3),
    }


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./chiiki bench events", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="of the confusion matrix")
    parser.add_argument("--units", type=int, default=100)
    parser.add_argument("--events-per-unit", type=int, default=12_000)
    parser.add_argument("--fish-per-lot", type=int, default=4000)
    parser.add_argument("--checks-per-lot", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(argv)
    result = {
        "confusion": measure_confusion(args.events, args.seed),
        "day": measure_day(
            args.units, args.events_per_unit, args.fish_per_lot, args.checks_per_lot, args.seed
        ),
    }
    if args.json:
        print(json.dumps(result, indent=2))
        return 0
    for name, part in result.items():
        print(name, *(f"  {what}: {value}" for what, value in part.items()), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
