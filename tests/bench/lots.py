"""What is said of lots beside what they hold, on a classifier's real scores.

The file holds `NAME_P` float[n, K] and `NAME_y` int[n] for each NAME. Prevalences are drawn from Dir(1), lots
without replacement, verified fish (at their natural prevalence) beside them. Scenarios:

same_day     verified in the lot's own session
other_days   a fifth verified in each of five past sessions; each session, and the lot's, has its own shift
unannounced  all verified in one other session, but said to be of the lot's own: nobody knows that the unit
             has shifted

each without and with 20 of the lot's fish checked by hand. A session's shift multiplies log-probabilities by
exp(N(0, 0.25²)) and adds N(0, 0.7²) to each class's. A share counts as covered for each class by itself;
±: Monte-Carlo standard error over lots. Unannounced and unchecked, no method can hold: no datum tells of it.
On request (--scenarios):

one_day      as unannounced, but it is known that it was another session
confused     as other_days, but a session swaps two classes' probabilities in a share U(0, 0.15) of each
             class's fish, in a direction of its own: nothing that a temperature and biases could mend
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from analytics.fish.composition import compose
from analytics.fish.counting import Estimate, emq, plain, rogan_gladen
from analytics.fish.errors import ScoresError
from analytics.fish.events import checked, tally
from analytics.fish.history import Session, learn
from analytics.fish.matrix_posterior import matrix_posterior
from analytics.fish.proportions import wilson
from analytics.fish.recalibration import fit_bcts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

SIZES = ((70, 150), (150, 150), (500, 200))
SCENARIOS = ("same_day", "other_days", "unannounced")
MORE_SCENARIOS = ("one_day", "confused")
REMARKS = {
    ("unannounced", "chiiki"): "cannot hold: nothing checked, and the verified fish are not of this session"
}
CHECKS = 20
LOTS = 64
DAYS = 5
TEMPERATURE_SD = 0.25
BIAS_SD = 0.7
CONFUSED = 0.15
# A size runs where so many of the prevalences drawn find enough fish of each class.
DRAWABLE = 0.5
TRIES = 400
COVERAGE_AIM = (0.93, 0.98)


@dataclass(frozen=True)
class Scores:
    """One classifier."""

    name: str
    p: Floats
    y: Ints


@dataclass(frozen=True)
class Setting:
    """One size and scenario."""

    scenario: str
    lot: int
    verified: int
    matrix: bool = False


def main(argv: list[str] | None = None) -> int:
    """Run it; 0 when it ran, whatever came out; 2 where the file cannot be used."""
    arguments = parser().parse_args(argv)
    try:
        classifiers = load(arguments.scores)
    except (OSError, ValueError, KeyError) as error:
        print(f"{arguments.scores}: {error}", file=sys.stderr)
        return 2
    report = measure(classifiers, arguments)
    print(json.dumps(report) if arguments.json else table(report))
    return 0


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="./chiiki bench lots", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--scores", type=Path, required=True, help="an .npz file")
    made.add_argument("--lots", type=int, default=LOTS, help="of each setting")
    made.add_argument("--seed", type=int, default=1)
    made.add_argument("--scenarios", nargs="+", choices=SCENARIOS + MORE_SCENARIOS, default=SCENARIOS)
    made.add_argument("--names", nargs="+", help="only these classifiers")
    made.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    made.add_argument("--matrix", action="store_true", help="the posterior of one confusion matrix too")
    made.add_argument("--json", action="store_true", help="one line of JSON and nothing else")
    return made


def load(file: Path) -> list[Scores]:
    """Read every NAME_P that has its NAME_y."""
    with np.load(file, allow_pickle=False) as held:
        names = sorted(key[:-2] for key in held.files if key.endswith("_P"))
        found = [Scores(n, held[f"{n}_P"].astype(np.float64), held[f"{n}_y"].astype(np.int64)) for n in names]
    if not found:
        raise ValueError("holds no NAME_P")
    for one in found:
        if one.p.ndim != 2 or one.p.shape[1] < 2 or len(one.p) != len(one.y):
            raise ValueError(f"{one.name}: need P[n, K ≥ 2] and y[n], not {one.p.shape} and {one.y.shape}")
        if len(one.y) and (one.y.min() < 0 or one.y.max() >= one.p.shape[1]):
            raise ValueError(f"{one.name}: labels must be 0 … {one.p.shape[1] - 1}")
    return found


def measure(classifiers: list[Scores], arguments: argparse.Namespace) -> dict[str, Any]:
    results, left_out = [], []
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(arguments.processes, mp_context=context) as pool:
        for scores in classifiers:
            if arguments.names and scores.name not in arguments.names:
                continue
            runs, missing = settings(scores, arguments)
            left_out += missing
            for setting in runs:
                seeds = np.random.SeedSequence(arguments.seed).generate_state(arguments.lots)
                rows = list(pool.map(partial(one_lot, scores, setting), seeds.tolist(), chunksize=5))
                results.append(summary(scores, setting, rows))
                print(f"{scores.name} {setting.scenario} lot {setting.lot}", file=sys.stderr)
    return {"lots": arguments.lots, "seed": arguments.seed, "results": results, "not_run": left_out}


def settings(scores: Scores, arguments: argparse.Namespace) -> tuple[list[Setting], list[dict[str, Any]]]:
    """Tell what can be run with so many fish, and what cannot."""
    sizes, missing = [], []
    for lot, verified in SIZES:
        reason = why_not(scores, lot, verified)
        if reason:
            missing.append({"classifier": scores.name, "lot": lot, "verified": verified, "why": reason})
        else:
            sizes.append((lot, verified))
    if not sizes and len(scores.y) >= 40:
        sizes = [size for size in [(len(scores.y) // 8, len(scores.y) // 4)] if not why_not(scores, *size)]
    return [
        Setting(scenario, *size, arguments.matrix) for size in sizes for scenario in arguments.scenarios
    ], missing


def why_not(scores: Scores, lot: int, verified: int) -> str:
    n, classes = scores.p.shape
    if lot + verified > n:
        return f"needs {lot + verified} fish, there are {n}"
    rng = np.random.default_rng(0)
    left = np.bincount(scores.y, minlength=classes) * (1 - verified / n)
    fits = (rng.dirichlet(np.ones(classes), 2000) * lot <= left).all(axis=1).mean()
    return "" if fits >= DRAWABLE else f"only {fits:.0%} of random prevalences find enough fish of each class"


def draw_lot(y: Ints, rest: Ints, size: int, classes: int, rng: np.random.Generator) -> Ints:
    """Draw a lot of random prevalence without replacement."""
    pools = [rest[y[rest] == k] for k in range(classes)]
    for _ in range(TRIES):
        counts = rng.multinomial(size, rng.dirichlet(np.ones(classes)))
        if all(len(pool) >= count for pool, count in zip(pools, counts, strict=True)):
            return np.concatenate(
                [rng.choice(p, c, replace=False) for p, c in zip(pools, counts, strict=True)]
            )
    raise ValueError(f"no lot of {size} could be drawn")


def shifted(p: Floats, y: Ints, kind: str, rng: np.random.Generator) -> Floats:
    """Give a day's fish the scores that this day's unit would have given."""
    logs = np.log(np.clip(p, 1e-9, 1.0))
    classes = p.shape[1]
    if kind == "confused":
        for k in range(classes):
            other = (k + rng.integers(1, classes)) % classes
            rows = np.flatnonzero((y == k) & (rng.random(len(y)) < rng.uniform(0, CONFUSED)))
            pair = np.array([k, other])
            logs[np.ix_(rows, pair)] = logs[np.ix_(rows, pair[::-1])]
    else:
        logs = logs * np.exp(TEMPERATURE_SD * rng.standard_normal()) + BIAS_SD * rng.standard_normal(classes)
    out = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(out / out.sum(axis=1, keepdims=True))


def days(
    scores: Scores, setting: Setting, verified: Ints, rng: np.random.Generator
) -> Iterator[tuple[Floats, Ints]]:
    """Verified fish by day: (probabilities, classes)."""
    parts = np.array_split(verified, DAYS if setting.scenario in {"other_days", "confused"} else 1)
    for part in parts:
        p, y = scores.p[part], scores.y[part]
        yield (p if setting.scenario == "same_day" else shifted(p, y, setting.scenario, rng)), y


def one_lot(scores: Scores, setting: Setting, seed: int) -> dict[str, list[float]]:
    """Estimate one lot by every method: error, covered, width, milliseconds, effective draws."""
    rng = np.random.default_rng(seed)
    classes = scores.p.shape[1]
    order = rng.permutation(len(scores.y))
    lot = draw_lot(scores.y, order[setting.verified :], setting.lot, classes, rng)
    past = list(days(scores, setting, order[: setting.verified], rng))
    p, y = scores.p[lot], scores.y[lot]
    if setting.scenario != "same_day":
        p = shifted(p, y, setting.scenario, rng)
    same = setting.scenario in {"same_day", "unannounced"}
    unit = learn([Session(checks=checked(a, b), same_day=same) for a, b in past], classes)
    hand = rng.choice(len(lot), CHECKS, replace=False)
    told = compared(np.concatenate([a for a, _ in past]), np.concatenate([b for _, b in past]), p)
    if setting.matrix:
        told |= by_matrix(past, p, seed)
    begun = time.process_time()
    ours = compose(tally(p), unit, seed=seed)
    told["chiiki"] = Estimate(share=ours.share, low=ours.low, high=ours.high)
    spent_ms = 1e3 * (time.process_time() - begun)
    rest = np.setdiff1d(np.arange(len(lot)), hand)
    with_checks = compose(tally(p[rest]), unit, checks=checked(p[hand], y[hand]), seed=seed)
    told["chiiki + 20"] = Estimate(share=with_checks.share, low=with_checks.low, high=with_checks.high)
    found = np.bincount(y[hand], minlength=classes)
    low, high = wilson(found / CHECKS, CHECKS)
    told["20 alone"] = Estimate(share=found / CHECKS, low=low, high=high)
    truth = np.bincount(y, minlength=classes) / len(y)
    rows = {name: score(estimate, truth) for name, estimate in told.items()}
    rows["chiiki"] += [spent_ms, ours.ess]
    rows["chiiki + 20"] += [spent_ms, with_checks.ess]
    return rows


def compared(past_p: Floats, past_y: Ints, p: Floats) -> dict[str, Estimate]:
    """Estimate by the methods beside ours, all without hand checks."""
    classes = p.shape[1]
    predicted = np.bincount(p.argmax(axis=1), minlength=classes)
    confusion = np.zeros((classes, classes))
    np.add.at(confusion, (past_y, past_p.argmax(axis=1)), 1.0)
    curve = fit_bcts(past_p, past_y, np.ones(len(past_y)))
    prior = np.bincount(past_y, minlength=classes) + 0.5
    return {
        "plain": plain(predicted),
        "rogan_gladen": rogan_gladen(predicted, confusion),
        "emq_bcts": emq(curve.apply(p), prior / prior.sum()),
    }


def by_matrix(past: list[tuple[Floats, Ints]], p: Floats, seed: int) -> dict[str, Estimate]:
    """Estimate from verdicts alone; where draws are too few, Gibbs sampling takes seconds a lot."""
    classes = p.shape[1]
    confusion = np.zeros((classes, classes))
    for past_p, past_y in past:
        np.add.at(confusion, (past_y, past_p.argmax(axis=1)), 1.0)
    try:
        draws = matrix_posterior(np.bincount(p.argmax(axis=1), minlength=classes), confusion, seed=seed).share
    except ScoresError:
        return {}
    low, high = np.quantile(draws, [0.025, 0.975], axis=0)
    return {"bayes_matrix": Estimate(share=draws.mean(axis=0), low=low, high=high)}


def score(estimate: Estimate, truth: Floats) -> list[float]:
    inside = (truth >= estimate.low - 1e-9) & (truth <= estimate.high + 1e-9)
    error = np.abs(estimate.share - truth)
    return [float(error.mean()), float(inside.mean()), float((estimate.high - estimate.low).mean())]


def summary(scores: Scores, setting: Setting, rows: list[dict[str, list[float]]]) -> dict[str, Any]:
    """Average over lots; ± is the Monte-Carlo standard error."""
    methods: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(key for row in rows for key in row):
        values = np.array([row[name] for row in rows if name in row])
        error = values.std(axis=0) / np.sqrt(len(values))
        methods[name] = {
            "n": len(values),
            "mae_points": round(100 * float(values[:, 0].mean()), 3),
            "mae_error": round(100 * float(error[0]), 3),
            "coverage": round(float(values[:, 1].mean()), 4),
            "coverage_error": round(float(error[1]), 4),
            "width_points": round(100 * float(values[:, 2].mean()), 2),
        }
        if values.shape[1] > 3:
            methods[name] |= {
                "cpu_ms": round(float(values[:, 3].mean()), 1),
                "least_ess": round(float(values[:, 4].min())),
            }
    for name, told in methods.items():
        remark = REMARKS.get((setting.scenario, name))
        if remark:
            told["remark"] = remark
    return {
        "classifier": scores.name,
        "classes": scores.p.shape[1],
        "accuracy": round(float((scores.p.argmax(axis=1) == scores.y).mean()), 4),
        "scenario": setting.scenario,
        "lot": setting.lot,
        "verified": setting.verified,
        "methods": methods,
        "coverage_held": {
            name: bool(COVERAGE_AIM[0] <= told["coverage"] <= COVERAGE_AIM[1])
            for name, told in methods.items()
            if "remark" not in told
        },
    }


def table(report: dict[str, Any]) -> str:
    lines = []
    for one in report["results"]:
        lines.append(
            f"{one['classifier']} (K = {one['classes']}, accuracy {one['accuracy']:.3f}), {one['scenario']}, "
            f"lot {one['lot']}, {one['verified']} verified, {report['lots']} lots"
        )
        lines += [row(name, told) for name, told in one["methods"].items()]
    lines += [f"{one['classifier']}, lot {one['lot']}: not run, {one['why']}" for one in report["not_run"]]
    return "\n".join(lines)


def row(name: str, told: dict[str, Any]) -> str:
    error = f"{told['mae_points']:6.2f} ± {told['mae_error']:.2f}"
    coverage = f"{told['coverage']:.3f} ± {told['coverage_error']:.3f}"
    remark = f"  ({told['remark']})" if "remark" in told else ""
    return f"  {name:14} MAE {error}  coverage {coverage}  width {told['width_points']:5.1f}{remark}"
